//! `scangap demo`: a simulated organization on loopback, audited end to end through the same code as AWS.

use scangap_collect::CollectOptions;
use scangap_report::Decisions;
use scangap_simorg::Simulator;

use super::simulate;
use crate::args::{Demo, Global, Past};
use crate::audit;
use crate::environment;
use crate::error::CliError;
use crate::exit::Exit;
use crate::fail_on::FailOn;
use crate::job::Job;
use crate::settings::{collect_simulated, connect_simulated};
use crate::values;

pub(super) fn run(command: &Demo, global: &Global) -> Result<Exit, CliError> {
    let scenario = simulate::scenario(&command.organization)?;
    // Facts are judged at the simulated time, so that the same organization gives the same reports on every day.
    let clock = scenario.clock.as_ref().and_then(|clock| clock.parse().ok()).unwrap_or_else(environment::now);
    let management = scenario.organization.management_account.clone();
    let role = scenario.organization.audit_role.clone();
    let now = environment::now();
    let simulator = simulate::start(scenario, 0, now)?;
    audit::run(&Job {
        introduction: format!(
            "simulated organization at {}, role {role}, no AWS account, no network; policies that its scenario does not list are judged by scangap itself",
            simulator.url()
        ),
        connect: connect_simulated(simulator.url(), Simulator::access_key(&management)),
        collect: CollectOptions {
            tags: command.run.tags.clone(),
            keep_images: command.run.images,
            max_in_flight: usize::from(command.run.max_in_flight),
            ..collect_simulated(role)
        },
        as_of: command.run.as_of.unwrap_or(clock),
        fail_on: FailOn::of(&command.run.fail_on),
        out: command.run.out.clone(),
        resume: None,
        reports: command.run.form.options(),
        recipients: values::recipients(&command.run.age_recipient)?,
        past: Past::default(),
        decisions: Decisions::default(),
        clock: environment::sample_time,
        // Its port is another every time.
        endpoint_name: Some("simulated organization on loopback"),
        quiet: global.quiet,
        progress: !global.no_progress && global.verbose == 0,
        table: global.verbose > 0 && global.quiet == 0,
    })
}
