//! What `deploy/` holds is well-formed, and its script does what it says, as far as that can be seen without AWS.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use scangap_model::{APIS, Phase};
use scangap_simorg::{Generate, Simulator};
use scangap_tests::{
    Audited, Scangap, Server, Simulated, program, requires_tools, search_path, simulate, venv_program,
};

use tempfile::TempDir;

use crate::resume::same_facts;

/// A key of age's own documentation.
pub(crate) const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("deploy")
}

fn succeeds(command: &mut Command) {
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{said}");
}

// Holds: 14 Deployment: the templates for AWS Batch and AWS Step Functions pass cfn-lint
// Holds: 17 Scheduled: so does the one for a schedule
#[test]
fn the_templates_pass_cfn_lint() {
    requires_tools();
    let templates = ["batch/template.yaml", "schedule/template.yaml", "stepfunctions/template.yaml"]
        .map(|name| folder().join(name));
    succeeds(Command::new(venv_program("cfn-lint")).args(templates));
}

// Holds: 14 Deployment: the containers' script stores an interrupted shard, resumes it, and merges what is there
#[test]
fn the_script_of_the_containers_passes_its_own_test() {
    requires_tools();
    let scripts = ["run.sh", "run.test.sh", "testing/aws"].map(|name| folder().join("container").join(name));
    succeeds(Command::new(venv_program("shellcheck")).args(&scripts));
    succeeds(&mut Command::new(&scripts[1]));
}

/// The items of the list `Action` in a statement of a template.
fn actions(template: &str, sid: &str) -> BTreeSet<String> {
    let (_, statement) = template.split_once(&format!("- Sid: {sid}\n")).expect("the statement");
    let (_, list) = statement.split_once("Action:\n").expect("its actions");
    list.lines().map_while(|line| line.trim_start().strip_prefix("- ")).map(str::to_owned).collect()
}

// Holds: 14 Deployment: the roles of the templates may do what the API table says that an audit does, and nothing else
#[test]
fn the_templates_roles_have_the_actions_of_the_api_table() {
    for name in ["batch", "schedule", "stepfunctions"] {
        let template = fs_err::read_to_string(folder().join(name).join("template.yaml")).expect("the template");
        let of_table = |is_wanted: fn(&str) -> bool| -> BTreeSet<String> {
            let audit = APIS.iter().filter(|info| info.phase == Phase::Audit && is_wanted(info.service));
            audit.map(|info| info.permission.to_owned()).collect()
        };
        let own = of_table(|service| !["sts", "organizations"].contains(&service));
        assert_eq!(actions(&template, "OwnAccount"), own, "{name}");
        assert_eq!(actions(&template, "Organization"), of_table(|service| service == "organizations"), "{name}");
    }
}

// Holds: 17 Scheduled: the alarms look for the line that the script ends with, each for the exit codes that it is about
#[test]
fn the_alarms_look_for_what_the_script_says() {
    let read = |name: &str| fs_err::read_to_string(folder().join(name)).expect("the file");
    let (template, script) = (read("schedule/template.yaml"), read("container/run.sh"));
    let said = "audit ended with exit code";
    assert!(script.contains(&format!("say \"{said} $code\"")));
    let patterns: Vec<Vec<&str>> = template
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("FilterPattern: "))
        .map(|pattern| pattern.split('"').skip(1).step_by(2).collect())
        .collect();
    let matched = |code: u8| -> Vec<usize> {
        let line = format!("run.sh: {said} {code}");
        (0..patterns.len()).filter(|at| patterns[*at].iter().any(|term| line.contains(term))).collect()
    };
    // Found and incomplete; every other code but 0 fails the task.
    assert_eq!([0, 2, 3, 4, 64, 77, 130].map(matched), [vec![], vec![0], vec![1], vec![0], vec![], vec![], vec![]]);
}

// Holds: 17 Distribution: the image holds the program as a release does
#[test]
fn the_image_is_built_as_a_release_is() {
    let dockerfile = fs_err::read_to_string(folder().join("container/Dockerfile")).expect("the file");
    assert!(dockerfile.contains("cargo build --locked --profile dist -p scangap"));
}

/// One task: the script with the real binary, and a folder for a bucket.
fn task(simulator: &Simulated, home: &Path, arguments: &[&str]) -> Command {
    let work = tempfile::tempdir_in(home).expect("a folder").keep();
    let stand_in = folder().join("container/testing");
    let own = program().parent().expect("its folder");
    let mut task = Command::new(folder().join("container/run.sh"));
    task.args(arguments)
        .env_clear()
        .env("PATH", search_path(&stand_in).replacen(':', &format!(":{}:", own.display()), 1))
        .env("HOME", home)
        .env("WORK", work)
        .env("BUCKET", "bucket")
        .env("FAKE_BUCKET", home.join("bucket"))
        .env("AWS_ENDPOINT_URL", simulator.url())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ACCESS_KEY_ID", Simulator::access_key("100000000000"))
        .env("AWS_SECRET_ACCESS_KEY", "simulated")
        .env("AWS_REGION", "us-east-1");
    task
}

// Holds: 14 Deployment: tasks with the variables of AWS Batch, stored and merged by the containers' script, give the facts of one process
#[test]
fn tasks_of_an_array_job_store_their_shards_and_the_merge_joins_them() {
    let simulator = simulate(Generate { accounts: 12, regions: 2, repositories: 3, seed: 9 }.scenario());
    let as_of = "2026-11-23T09:00:00Z";
    let whole = Scangap::audit_as_of(as_of, &simulator.url(), &Simulator::access_key("100000000000")).into_folder();
    let home = tempfile::tempdir().expect("a folder");
    let shard = |index: usize| {
        let mut task = task(&simulator, home.path(), &["shard", as_of, "--no-progress"]);
        task.env("AWS_BATCH_JOB_ARRAY_INDEX", index.to_string()).env("AWS_BATCH_JOB_ARRAY_SIZE", "3");
        task
    };
    for index in 0..3 {
        succeeds(&mut shard(index));
    }
    let before = simulator.calls().len();
    succeeds(&mut shard(1));
    assert_eq!(simulator.calls().len(), before, "a shard that is stored is not read again");
    succeeds(&mut task(&simulator, home.path(), &["merge", as_of]));
    let out = home.path().join("bucket/reports/2026-11-23T09-00-00Z");
    let merged = Audited { finished: Scangap::new(&["--version"]).run(), out };
    same_facts(&merged, &whole, "between an array job and one process");
}

/// The real aws CLI and the container's script, with the simulated organization, and moto for S3, SNS and SQS.
struct Cloud {
    simulator: Simulated,
    moto: Server,
    home: TempDir,
}

impl Cloud {
    fn start() -> Self {
        let simulator = simulate(Generate { accounts: 6, regions: 2, repositories: 3, seed: 9 }.scenario());
        let moto = Server::start("moto_server", &["-H", "127.0.0.1", "-p", "{port}"], &[]);
        Self { simulator, moto, home: tempfile::tempdir().expect("a folder") }
    }

    fn run(&self, command: &mut Command, programs: &[&Path], [key, secret]: [&str; 2]) -> (Option<i32>, String) {
        let tools = venv_program("aws").parent().expect("its folder").to_owned();
        let own: String = programs.iter().map(|folder| format!("{}:", folder.display())).collect();
        command
            .env("PATH", own + &search_path(&tools))
            .env("HOME", self.home.path())
            .env("AWS_ENDPOINT_URL", self.simulator.url())
            .env("AWS_ENDPOINT_URL_S3", self.moto.url())
            .env("AWS_ENDPOINT_URL_SNS", self.moto.url())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", key)
            .env("AWS_SECRET_ACCESS_KEY", secret);
        let output = command.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), said)
    }

    fn aws(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(venv_program("aws"));
        command.args(arguments).env_clear();
        let (code, said) = self.run(&mut command, &[], ["test", "test"]);
        assert_eq!(code, Some(0), "{arguments:?}\n{said}");
        said
    }

    /// An attempt of a task, in a folder that is new as that of a container is.
    fn attempt(&self, as_of: &str, topic: &str, more: &[&str]) -> (Option<i32>, String) {
        let work = tempfile::tempdir_in(self.home.path()).expect("a folder").keep();
        let mut task = Command::new(folder().join("container/run.sh"));
        task.args(["quarter", "-", "--no-progress", "--fail-on", "any"]).args(more).env_clear();
        task.env("WORK", work).env("AS_OF", as_of).env("BUCKET", "bucket").env("TOPIC_ARN", topic);
        let own = program().parent().expect("its folder");
        self.run(&mut task, &[own], [&Simulator::access_key("100000000000"), "simulated"])
    }

    fn quarter(&self, as_of: &str, topic: &str) -> String {
        let (code, said) = self.attempt(as_of, topic, &[]);
        assert_eq!(code, Some(0), "{said}");
        said
    }

    /// A queue that gets what the topic is sent.
    fn queue(&self, topic: &str) -> String {
        let create = ["sqs", "--endpoint-url", &self.moto.url(), "create-queue", "--queue-name", "mail"];
        let queue = self.aws(&[&create[..], &["--output", "text"]].concat()).trim().to_owned();
        let at = ["--protocol", "sqs", "--notification-endpoint", "arn:aws:sqs:us-east-1:123456789012:mail"];
        self.aws(&[&["sns", "subscribe", "--topic-arn", topic][..], &at].concat());
        queue
    }

    fn received(&self, queue: &str) -> String {
        let receive = ["sqs", "--endpoint-url", &self.moto.url(), "receive-message", "--queue-url", queue];
        self.aws(&[&receive[..], &["--max-number-of-messages", "10", "--output", "json"]].concat())
    }

    fn stored(&self) -> String {
        self.aws(&["s3", "ls", "--recursive", "s3://bucket/runs/"])
    }
}

// Holds: 17 Scheduled: each quarter is stored with its checksums beside those before, compared with them, and posted; a second start does nothing again
#[test]
fn a_scheduled_audit_stores_compares_and_posts() {
    requires_tools();
    let cloud = Cloud::start();
    cloud.aws(&["s3", "mb", "s3://bucket"]);
    let topic = cloud.aws(&["sns", "create-topic", "--name", "audits", "--output", "text"]).trim().to_owned();
    let queue = cloud.queue(&topic);
    let first = cloud.quarter("2026-08-05T05:00:00Z", &topic);
    // The last line is what the alarms look for.
    assert_eq!(first.lines().last(), Some("run.sh: audit ended with exit code 0"), "{first}");
    let second = cloud.quarter("2026-11-05T05:00:00Z", &topic);
    assert!(second.contains("the quarter: 1 earlier audit"), "{second}");
    let before = cloud.simulator.calls().len();
    let again = cloud.quarter("2026-11-05T05:00:00Z", &topic);
    assert!(again.contains("was done already"), "{again}");
    assert_eq!(cloud.simulator.calls().len(), before, "it asks nothing again");
    let stored = cloud.stored();
    for file in
        ["2026-08-05T05-00-00Z/snapshot.db", "2026-11-05T05-00-00Z/report.html", "2026-11-05T05-00-00Z/manifest.json"]
    {
        assert!(stored.contains(file), "{file}: {stored}");
    }
    let of = ["--bucket", "bucket", "--key", "runs/2026-11-05T05-00-00Z/snapshot.db"];
    let head = [&["s3api", "head-object"][..], &of, &["--checksum-mode", "ENABLED", "--output", "json"]].concat();
    let head = cloud.aws(&head);
    assert!(head.contains("ChecksumSHA256"), "{head}");
    let posted = cloud.received(&queue);
    let posts = posted.matches("scangap: ECR and Amazon Inspector, 2026-").count();
    assert_eq!(posts, 2, "one for each quarter, and none for the second start: {posted}");
}

// Holds: 17 Scheduled: what cannot be posted is posted by the next attempt, without another audit; an encrypted snapshot is stored as well
#[test]
fn what_goes_wrong_after_the_audit_costs_nothing_that_it_wrote() {
    requires_tools();
    let cloud = Cloud::start();
    cloud.aws(&["s3", "mb", "s3://bucket"]);
    let topic = cloud.aws(&["sns", "create-topic", "--name", "audits", "--output", "text"]).trim().to_owned();
    let nowhere = "arn:aws:sns:us-east-1:123456789012:nowhere";
    let (code, said) = cloud.attempt("2026-11-06T05:00:00Z", nowhere, &[]);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(said.lines().last(), Some("run.sh: audit ended with exit code 0"), "{said}");
    assert!(!cloud.stored().contains("/posted"));
    let before = cloud.simulator.calls().len();
    let again = cloud.quarter("2026-11-06T05:00:00Z", &topic);
    assert!(again.contains("was done already"), "{again}");
    assert_eq!(cloud.simulator.calls().len(), before);
    assert!(cloud.stored().contains("2026-11-06T05-00-00Z/posted"), "{}", cloud.stored());

    let (code, said) = cloud.attempt("2026-11-07T05:00:00Z", &topic, &["--age-recipient", RECIPIENT]);
    assert_eq!(code, Some(0), "{said}");
    let stored = cloud.stored();
    for file in ["snapshot.db.age", "exit-code", "report.html"] {
        assert!(stored.contains(&format!("2026-11-07T05-00-00Z/{file}")), "{file}: {stored}");
    }
    assert!(!stored.contains("2026-11-07T05-00-00Z/snapshot.db\n"), "{stored}");
}
