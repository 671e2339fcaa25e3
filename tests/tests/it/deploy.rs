//! What `deploy/` holds is well-formed, and its script does what it says, as far as that can be seen without AWS.

use std::path::{Path, PathBuf};
use std::process::Command;

use scangap_simorg::{Generate, Simulator};
use scangap_tests::{
    Audited, Scangap, Server, Simulated, program, requires_tools, search_path, simulate, venv_program,
};

use crate::resume::same_facts;

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

// Holds: 17 Scheduled: each quarter is stored with its checksums beside those before, compared with them, and posted; a second start does nothing again
#[test]
fn a_scheduled_audit_stores_compares_and_posts() {
    requires_tools();
    let simulator = simulate(Generate { accounts: 6, regions: 2, repositories: 3, seed: 9 }.scenario());
    let aws = Server::start("moto_server", &["-H", "127.0.0.1", "-p", "{port}"], &[]);
    let home = tempfile::tempdir().expect("a folder");
    // The real aws CLI, and moto for S3 and SNS.
    let call = |command: &mut Command| {
        command
            .env("AWS_ENDPOINT_URL", simulator.url())
            .env("AWS_ENDPOINT_URL_S3", aws.url())
            .env("AWS_ENDPOINT_URL_SNS", aws.url());
        let output = command.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}\n{said}");
        said
    };
    let tools = venv_program("aws").parent().expect("its folder").to_owned();
    let cli = |arguments: &[&str]| {
        let mut command = Command::new(venv_program("aws"));
        command.args(arguments).env_clear().env("PATH", search_path(&tools));
        command.env("HOME", home.path()).env("AWS_REGION", "us-east-1").env("AWS_DEFAULT_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        call(&mut command)
    };
    cli(&["s3", "mb", "s3://bucket"]);
    let topic = cli(&["sns", "create-topic", "--name", "audits", "--output", "text"]).trim().to_owned();
    let queue = cli(&["sqs", "--endpoint-url", &aws.url(), "create-queue", "--queue-name", "mail", "--output", "text"])
        .trim()
        .to_owned();
    cli(&[
        "sns",
        "subscribe",
        "--topic-arn",
        &topic,
        "--protocol",
        "sqs",
        "--notification-endpoint",
        "arn:aws:sqs:us-east-1:123456789012:mail",
    ]);
    let quarter = |as_of: &str| {
        let work = tempfile::tempdir_in(home.path()).expect("a folder").keep();
        let own = program().parent().expect("its folder");
        let mut task = Command::new(folder().join("container/run.sh"));
        task.args(["quarter", "-", "--no-progress", "--fail-on", "any"]).env_clear();
        task.env("PATH", format!("{}:{}", own.display(), search_path(&tools)));
        task.env("HOME", home.path())
            .env("WORK", work)
            .env("AS_OF", as_of)
            .env("BUCKET", "bucket")
            .env("TOPIC_ARN", &topic);
        task.env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_DEFAULT_REGION", "us-east-1");
        task.env("AWS_ACCESS_KEY_ID", Simulator::access_key("100000000000")).env("AWS_SECRET_ACCESS_KEY", "simulated");
        call(&mut task)
    };
    let first = quarter("2026-08-05T05:00:00Z");
    assert!(first.contains("audit ended with exit code"), "{first}");
    let second = quarter("2026-11-05T05:00:00Z");
    assert!(second.contains("the quarter: 1 earlier audit"), "{second}");
    let before = simulator.calls().len();
    let again = quarter("2026-11-05T05:00:00Z");
    assert!(again.contains("was done already"), "{again}");
    assert_eq!(simulator.calls().len(), before, "it asks nothing again");
    let listed = cli(&["s3", "ls", "--recursive", "s3://bucket/runs/"]);
    for file in
        ["2026-08-05T05-00-00Z/snapshot.db", "2026-11-05T05-00-00Z/report.html", "2026-11-05T05-00-00Z/manifest.json"]
    {
        assert!(listed.contains(file), "{file}: {listed}");
    }
    let key = "runs/2026-11-05T05-00-00Z/snapshot.db";
    let head = cli(&[
        "s3api",
        "head-object",
        "--bucket",
        "bucket",
        "--key",
        key,
        "--checksum-mode",
        "ENABLED",
        "--output",
        "json",
    ]);
    assert!(head.contains("ChecksumSHA256"), "{head}");
    let posted = cli(&[
        "sqs",
        "--endpoint-url",
        &aws.url(),
        "receive-message",
        "--queue-url",
        &queue,
        "--max-number-of-messages",
        "10",
        "--output",
        "json",
    ]);
    assert!(posted.contains("scangap: ECR and Amazon Inspector, 2026-"), "{posted}");
}
