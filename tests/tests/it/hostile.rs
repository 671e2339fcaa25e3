//! An organization in which every text is malicious: in no format is a text executed, and none is lost.

use std::fmt::Write as _;

use scangap_simorg::Simulator;
use scangap_simorg::scenario::FaultSpec;
use scangap_tests::{Audited, Scangap, browser, organization, python, simulate};

/// Account names: a formula, HTML, a terminal's own words, the order of letters, other scripts, and length.
fn names() -> Vec<String> {
    vec![
        "=cmd|'/c calc'!A1".to_owned(),
        "+1+1".to_owned(),
        "@SUM(1)".to_owned(),
        "-2+3".to_owned(),
        "<script>window.acted=1</script><img src=x onerror=\"window.acted=1\">".to_owned(),
        "\"><svg onload=window.acted=1>".to_owned(),
        "\u{1b}]0;owned\u{7}\u{1b}[2J\u{1b}[31mred".to_owned(),
        "gnp.\u{202e}exe\u{2066}".to_owned(),
        "日本語のアカウント 🔐 émigré".to_owned(),
        "a\tb\r\nc\u{0}d".to_owned(),
        "${jndi:ldap://x} {{7*7}} `id` $(id)".to_owned(),
        "長".repeat(32_768),
        "_x0041_ &amp; &#x41;".to_owned(),
    ]
}

fn audited() -> Audited {
    let mut body = String::from("[[policies]]\nname = \"deny\"\ninspector = \"denied\"\n");
    let sid = serde_json::json!("</pre><script>window.acted=1</script>\u{202e}=1+1日本`|");
    let policy = format!(
        r#"{{"Statement":{{"Sid":{sid},"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{{"NotIpAddress":{{"aws:SourceIp":"203.0.113.10/32"}}}}}}}}"#
    );
    let _ = writeln!(body, "text = {}", serde_json::json!(policy));
    for (at, name) in names().iter().enumerate() {
        // OU paths are made of names too.
        let _ =
            writeln!(body, "[[organizational_units]]\nid = \"ou-test-{at:08}\"\nname = {}", serde_json::json!(name));
    }
    for (at, name) in names().iter().enumerate() {
        // JSON's escapes are TOML's as well, for these.
        let name = serde_json::to_string(name).expect("JSON");
        let _ = writeln!(
            body,
            "[[accounts]]\nid = \"{:012}\"\nname = {name}\nou = \"ou-test-{at:08}\"\ncells = [{{ region = \"eu-west-1\", repositories = [{{ name = \"repository-{at}\", policy = \"deny\", tags = {{ team = {name} }}, coverage = {{ status = \"INACTIVE\", reason = \"ACCESS_DENIED\" }} }}] }}]",
            300_000_000_000_u64 + at as u64
        );
    }
    let mut scenario = organization(&body);
    let mut fault = FaultSpec::of("ecr:GetRepositoryPolicy", "AccessDeniedException", 400);
    fault.resource = Some("repository-3".to_owned());
    fault.message.push_str("=1+1 <script>window.acted=1</script> \u{1b}[31m\u{202e} 日本 🔐");
    scenario.faults.push(fault);
    let simulator = simulate(scenario);
    let key = Simulator::access_key("111111111111");
    Scangap::audit_at(&simulator.url(), &key)
        .args(&["--tags", "team", "--ocsf", "--color", "always"])
        .into_folder()
        .expect_code(3)
}

#[test]
fn nothing_acts_and_nothing_is_lost_in_any_format() {
    let audited = audited();
    let names = names();
    // The terminal: no control character but line ends and our own colours, nothing that turns letters around.
    for text in [&audited.finished.stdout, &audited.finished.stderr] {
        let ours = text.replace("\u{1b}[0m", "").replace('\n', "");
        let ours =
            ours.split('\u{1b}').skip(1).all(|rest| rest.starts_with('[') && rest.chars().take(8).any(|c| c == 'm'));
        assert!(ours && !text.contains('\u{202e}') && !text.contains('\u{7}'), "{text:?}");
        assert!(!text.contains("\u{1b}[2J") && !text.contains("\u{1b}]0"), "{text:?}");
    }
    // CSV: every name is there, defused where a spreadsheet would take it for a formula, and no row is broken.
    let rows = audited.csv("accounts.csv");
    for (at, name) in names.iter().enumerate() {
        let row = rows
            .iter()
            .find(|row| row["account_id"] == format!("{:012}", 300_000_000_000_u64 + at as u64))
            .expect("a row");
        let shown = row["account_name"].strip_prefix('\'').unwrap_or(&row["account_name"]);
        assert_eq!(shown, name, "whole");
        assert_eq!(row["ou_path"].strip_prefix('\'').unwrap_or(&row["ou_path"]), name, "whole");
        assert!(!row["account_name"].starts_with(['=', '+', '-', '@', '\t', '\r']), "{}", row["account_name"]);
    }
    // JSON: raw and whole.
    let audit = audited.json("audit.json");
    let accounts = audit["accounts"].as_array().expect("rows");
    for name in &names {
        assert!(accounts.iter().any(|row| row["account_name"] == *name), "{name:?} is lost");
    }
    assert!(audited.csv("gaps.csv").iter().any(|row| row["resource"] == "repository-3"));
    // The workbook.
    python(WORKBOOK, &[&audited.out.join("audit.xlsx").to_string_lossy()]);
    // The page, in a browser: every row and every panel.
    let page = audited.out.join("report.html");
    browser("hostile", &page, "=cmd|日本語のアカウント 🔐|gnp.\\u{202e}exe|<script>window.acted=1</script>");
    browser("network", &page, "");
    browser("still", &page, "=cmd|日本語のアカウント 🔐|repository-4");
}

/// What is printed as JSON may be looked at, too.
#[test]
fn json_on_a_terminal_acts_on_nothing_and_reads_the_same() {
    let new = audited();
    let empty = simulate(organization(""));
    let key = Simulator::access_key("111111111111");
    let old = Scangap::audit_as_of("2026-11-22T09:00:00Z", &empty.url(), &key).into_folder().expect_code(0);
    let path = |audited: &Audited| audited.out.join("snapshot.db").to_string_lossy().into_owned();
    let (old, new) = (path(&old), path(&new));
    for arguments in [vec!["diff", &old, &new, "--output", "json"], vec!["plan", &new, "--output", "json"]] {
        let call = Scangap::new(&arguments).run();
        let acts = |c: &char| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c);
        assert_eq!(call.stdout.chars().find(acts), None, "{arguments:?}");
        let value: serde_json::Value = serde_json::from_str(&call.stdout).expect("JSON");
        let text = value.to_string();
        assert!(text.contains("gnp.\u{202e}exe") || text.contains("\u{202e}=1+1"), "{arguments:?}: nothing is lost");
    }
}

const WORKBOOK: &str = r#"
import re, sys, openpyxl
# Excel's own escape of what looks like an escape: openpyxl leaves it to its caller.
from openpyxl.utils.escape import unescape
book = openpyxl.load_workbook(sys.argv[1])
for sheet in book:
    for row in sheet.iter_rows():
        for registry in row:
            # Links between sheets are formulas of scangap's own, of nothing but ids and hashes.
            link = re.fullmatch(r"=HYPERLINK\(.#'[A-Z][a-z]+'!A.&MATCH\(.[0-9A-Za-z-]+.,'[A-Z][a-z]+'!\$A:\$A,0\),.[0-9A-Za-z-]+.\)", str(registry.value))
            assert registry.data_type != "f" or link and sheet.title == "Repositories", (sheet.title, registry.coordinate)
            if isinstance(registry.value, str):
                length = len(unescape(registry.value).encode("utf-16-le")) // 2
                assert length <= 32767, (sheet.title, registry.coordinate, length)
                assert not any(c in registry.value for c in "\u202e\u2066\x1b\x07\x00"), (sheet.title, registry.coordinate)
            if registry.hyperlink: assert registry.hyperlink.target is None, registry.hyperlink.target
names = [unescape(row[1].value) for row in book["Accounts"].iter_rows(min_row=2)]
for name in ["=cmd|'/c calc'!A1", "日本語のアカウント 🔐 émigré", "gnp.\\u{202e}exe\\u{2066}", "_x0041_ &amp; &#x41;"]:
    assert name in names, (name, names)
long = [name for name in names if name.startswith("長長")][0]
assert long.endswith("[cut: 32768 characters; whole in the CSV and the snapshot]"), long[-60:]
messages = [row[6].value for row in book["Evidence"].iter_rows(min_row=2) if row[6].value]
assert any("日本" in message for message in messages), messages
"#;

#[test]
fn packs_of_hostile_owners_stay_in_their_folder() {
    let audited = audited();
    let snapshot = audited.out.join("snapshot.db").to_string_lossy().into_owned();
    let call = Scangap::new(&["report", &snapshot, "--out", "packs", "--split-by", "tag:team"]).run();
    assert_eq!(call.code, 3, "{}", call.stderr);
    let folder = call.home.path().join("packs").join("owners");
    let mut n_files = 0;
    let mut folders = vec![folder.clone()];
    while let Some(one) = folders.pop() {
        for entry in fs_err::read_dir(&one).expect("a folder") {
            let entry = entry.expect("a file");
            let name = entry.file_name().into_string().expect("plain");
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{name}");
            let kind = entry.file_type().expect("a type");
            assert!(kind.is_file() || kind.is_dir());
            if kind.is_dir() {
                folders.push(entry.path());
            } else {
                n_files += 1;
            }
        }
    }
    assert!(n_files >= 3 * names().len() + 2, "a page, a workbook and a mail each, and the index: {n_files}");
    // An independent reader finds no element of theirs.
    python(PAGES, &[&folder.to_string_lossy(), &names().len().to_string()]);
}

const PAGES: &str = r#"
import pathlib, sys
from html.parser import HTMLParser
known = set("html head meta title style body a aside header p h1 h2 h3 h4 time nav ul li main section b span small article pre ins del details summary div table caption thead tbody tr th td footer code".split())
class Page(HTMLParser):
    def handle_starttag(self, tag, attributes):
        assert tag in known, tag
        for name, value in attributes:
            assert not name.startswith("on") and name not in ("src", "style"), (tag, name)
            if name == "href":
                assert value.startswith("https://") and tag == "a" or ":" not in value, value
root = pathlib.Path(sys.argv[1])
pages = [page for page in root.glob("*.html") if page.name != "index.html"]
for page in pages + [root / "index.html"]:
    text = page.read_text(encoding="utf-8")
    assert not any(c in text for c in "\u202e\x1b\x07"), page
    Page().feed(text)
for mail in root.glob("*.mail.txt"):
    assert not any(c in mail.read_text(encoding="utf-8") for c in "\u202e\x1b\x07"), mail
    assert len([line for line in mail.read_text(encoding="utf-8").splitlines() if line.startswith("Subject:")]) == 1, mail
assert len(pages) == int(sys.argv[2]), len(pages)
"#;
