//! One large registry under AWS-like limits: how close to the bucket's own time an audit comes, and how much is throttled.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Result, ensure};
use scangap_simorg::scenario::LimitSpec;
use scangap_simorg::{Scenario, Simulator, SimulatorOptions};

use crate::shell::{cargo, run as run_command, target};

#[derive(Debug, clap::Args)]
pub(crate) struct Registry {
    #[arg(long, default_value_t = 1_200)]
    repositories: u32,
    /// Calls a second of the API that reads policies
    #[arg(long, default_value_t = 20.0)]
    rate: f64,
    #[arg(long, default_value_t = 50.0)]
    burst: f64,
}

pub(crate) fn run(registry: &Registry) -> Result<()> {
    run_command(cargo().args(["build", "--release", "--package", "scangap"]))?;
    let one = |i| format!("[[accounts.registries.repositories]]\nname = \"r{i}\"\n");
    let repositories = (0..registry.repositories).map(one).collect::<Vec<_>>().concat();
    let mut scenario = Scenario::parse(&format!(
        "schema = 1\n[organization]\nid = \"o-throttled\"\nmanagement_account = \"111111111111\"\n\
         inspector_administrator = \"111111111111\"\nregions = [\"eu-west-1\"]\n\
         [[accounts]]\nid = \"111111111111\"\nname = \"management\"\n\
         [[accounts.registries]]\nregion = \"eu-west-1\"\n{repositories}"
    ))?;
    let operation = "ecr:GetRepositoryPolicy";
    scenario.limits =
        vec![LimitSpec { operation: operation.to_owned(), per_second: registry.rate, burst: registry.burst }];
    let simulator = Simulator::start(SimulatorOptions {
        scenario,
        judge: None,
        now: jiff::Timestamp::now(),
        port: 0,
        calls_kept: usize::MAX,
    })?;
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(target().join("release").join("scangap"));
    command
        .args(["audit", "--quiet", "--quiet", "--endpoint-url", &simulator.url(), "--out"])
        .arg(folder.path().join("out"))
        .env("AWS_ACCESS_KEY_ID", Simulator::access_key("111111111111"))
        .env("AWS_SECRET_ACCESS_KEY", "simulated")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdout(Stdio::null());
    let started = Instant::now();
    let status = command.status()?;
    let seconds = started.elapsed().as_secs_f64();
    ensure!(status.success(), "the audit ended with {status}: something was not learnt");
    let calls: Vec<_> = simulator.calls().into_iter().filter(|call| call.operation == operation).collect();
    let throttled = calls.iter().filter(|call| call.error.contains("Throttling")).count();
    let floor = (f64::from(registry.repositories) - registry.burst).max(0.0) / registry.rate;
    println!("{} repositories, {} calls a second, burst {}", registry.repositories, registry.rate, registry.burst);
    println!("attempts {}, throttled {throttled}: {:.1} %", calls.len(), 100.0 * throttled as f64 / calls.len() as f64);
    ensure!(throttled * 100 <= calls.len() * 3, "more than three calls in a hundred were throttled");
    println!("floor {floor:.1} s, audit {seconds:.1} s: {:.2} x", seconds / floor);
    Ok(())
}
