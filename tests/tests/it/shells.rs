//! What shells and `man` get: scripts, words to complete, pages.

use scangap_tests::{Scangap, organization, simulate};

const SHELLS: [&str; 4] = ["bash", "zsh", "fish", "powershell"];

/// The words that a shell is offered, by a folder with an audit in it.
fn offered(folder: &std::path::Path, line: &[&str]) -> Vec<String> {
    offered_by("bash", folder, line)
}

/// The same, asked as the script of each shell asks: what stands behind a word is its description.
fn offered_by(shell: &str, folder: &std::path::Path, line: &[&str]) -> Vec<String> {
    let words = [&["--", "scangap"], line].concat();
    let at = (line.len()).to_string();
    let call = Scangap::new(&words)
        .in_folder(folder)
        .env("SCANGAP_COMPLETE", shell)
        .env("_CLAP_COMPLETE_INDEX", &at)
        .env("_CLAP_IFS", "\n")
        .run();
    assert_eq!(call.code, 0, "{}", call.stderr);
    let word = |line: &str| line.split(['\t', ':']).next().unwrap_or_default().to_owned();
    call.stdout.lines().map(word).collect()
}

// Holds: 17 Help: shells complete commands, flags, regions, and the accounts and OUs of the last audit; no name acts on the command line
#[test]
fn shells_complete_what_the_last_audit_found() {
    let units = "[[organizational_units]]\nid = \"ou-exam-workload\"\nname = \"Workloads\"\n[[organizational_units]]\nid = \"ou-exam-hostile1\"\nname = \"$(touch owned)\"\n";
    let accounts = "[[accounts]]\nid = \"333333333333\"\nname = \"$(touch owned)\"\nou = \"ou-exam-workload\"\n[[accounts]]\nid = \"344444444444\"\nname = \"b\"\nou = \"ou-exam-hostile1\"\n";
    let simulator = simulate(organization(&format!("{units}{accounts}")));
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("runs/today");
    let audited = crate::resync::at(&simulator, &["audit", "--out", &out.to_string_lossy()]).run();
    assert_eq!(audited.code, 0, "{}", audited.stderr);
    let folder = folder.path();
    assert_eq!(offered(folder, &["aud"]), ["audit"]);
    assert_eq!(offered(folder, &["audit", "--role-n"]), ["--role-name"]);
    assert_eq!(offered(folder, &["audit", "--accounts", "33"]), ["333333333333"]);
    assert_eq!(offered(folder, &["audit", "--accounts", "333333333333,34"]), ["333333333333,344444444444"]);
    assert_eq!(offered(folder, &["plan", "--ou", ""]), ["Workloads"], "a name that a shell would run is not offered");
    assert_eq!(offered(folder, &["audit", "--regions", "eu-so"]), ["eu-south-1", "eu-south-2"]);
    for shell in SHELLS {
        let of = |line: &[&str]| offered_by(shell, folder, line);
        assert_eq!(of(&["audit", "--accounts", "33"]), ["333333333333"], "{shell}");
        assert_eq!(of(&["plan", "--ou", "W"]), ["Workloads"], "{shell}");
        assert!(of(&["aud"]).contains(&"audit".to_owned()), "{shell}");
    }
    let elsewhere = tempfile::tempdir().expect("a folder");
    assert!(offered(elsewhere.path(), &["audit", "--accounts", ""]).is_empty(), "there is no audit");
}

// Holds: 17 Help: each shell has its script, and each command its page
#[test]
fn each_shell_has_its_script_and_each_command_its_page() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let call = Scangap::new(&["completions", shell]).run();
        assert!(call.code == 0 && call.stdout.contains("SCANGAP_COMPLETE"), "{shell}: {}{}", call.stdout, call.stderr);
    }
    let bash = Scangap::new(&["completions", "bash"]).run().stdout;
    let mut check = std::process::Command::new("bash");
    let checked = check.args(["-n", "-c", &bash]).status().expect("bash runs");
    assert!(checked.success(), "{bash}");
    let unknown = Scangap::new(&["completions", "tcsh"]).run();
    assert_eq!(unknown.code, 64, "{}", unknown.stderr);
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().to_string_lossy().into_owned();
    assert_eq!(Scangap::new(&["man", "--out", &out]).run().code, 0);
    for command in crate::screens::commands() {
        let page = fs_err::read_to_string(folder.path().join(format!("scangap-{command}.1"))).expect("its page");
        assert_eq!(page, Scangap::new(&["man", &command]).run().stdout, "{command}");
        let help = Scangap::new(&[&command, "--help"]).run().stdout;
        for flag in help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 4) {
            let flag = flag.trim_end_matches(|c: char| !c.is_ascii_lowercase()).trim_start_matches("--");
            let escaped = flag.split(['=', '.', ',']).next().unwrap_or_default().replace('-', "\\-");
            assert!(page.contains(&escaped), "{command}: {flag}");
        }
        assert!(page.contains("Examples:"), "{command}");
    }
    let nested = fs_err::read_to_string(folder.path().join("scangap-config-show.1")).expect("its page");
    assert!(nested.contains("\\-\\-origin"), "{nested}");
    let root = fs_err::read_to_string(folder.path().join("scangap.1")).expect("the page");
    assert!(root.contains("scangap\\-audit(1)") && root.contains("Exit codes"), "{root}");
}
