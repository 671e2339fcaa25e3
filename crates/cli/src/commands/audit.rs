//! `scangap audit`: what was written on the command line, resolved.

use scangap_collect::CollectOptions;
use scangap_model::{Phase, RegionName, Scope, nearest_region, region_info};

use crate::args::{Audit, Global, ScopeArguments};
use crate::audit;
use crate::environment;
use crate::error::CliError;
use crate::exit::Exit;
use crate::fail_on::FailOn;
use crate::job::Job;
use crate::settings::{collect_options, connect_options};
use crate::store::without_password;
use crate::terminal;

pub(super) fn run(command: &Audit, global: &Global) -> Result<Exit, CliError> {
    let scope = scope(&command.scope);
    let now = environment::now();
    let role_names = command.roles.role_name.clone();
    let endpoint = command
        .aws
        .endpoint_url
        .clone()
        .filter(|url| !url.is_empty())
        .or_else(|| environment::variable("AWS_ENDPOINT_URL").map(|url| url.to_string_lossy().into_owned()));
    let past = ["no_proxy", "NO_PROXY"].into_iter().find_map(environment::variable);
    let past = past.map_or_else(String::new, |hosts| format!(" (but for {})", hosts.to_string_lossy()));
    let proxy = proxy(endpoint.as_deref());
    let proxy = proxy.map_or_else(String::new, |url| format!(" by proxy {}{past}", without_password(&url)));
    let introduction = format!(
        "profile {}, role {}, {}, {}{proxy}",
        command.aws.profile.clone().or_else(profile_variable).unwrap_or_else(|| "default".to_owned()),
        role_names.join(" or "),
        describe(&command.scope),
        endpoint
            .as_ref()
            .map_or_else(|| "endpoint AWS".to_owned(), |url| format!("endpoint {}", without_password(url))),
    );
    audit::run(&Job {
        introduction,
        connect: connect_options(&command.aws),
        collect: CollectOptions {
            scope,
            tags: command.run.tags.clone(),
            keep_images: command.run.images,
            max_in_flight: usize::from(command.run.max_in_flight),
            ..collect_options(&command.roles, Phase::Audit)
        },
        as_of: command.run.as_of.unwrap_or(now),
        fail_on: FailOn::of(&command.run.fail_on),
        out: command.run.out.clone(),
        reports: command.run.form.options(),
        clock: environment::now,
        endpoint_name: None,
        quiet: global.quiet,
        progress: !global.no_progress && global.verbose == 0,
    })
}

/// The proxy that the environment names for where the audit goes.
fn proxy(endpoint: Option<&str>) -> Option<String> {
    let plain = endpoint.is_some_and(|url| url.starts_with("http://"));
    let names = if plain { ["http_proxy", "HTTP_PROXY"] } else { ["https_proxy", "HTTPS_PROXY"] };
    let mut all = names.into_iter().chain(["all_proxy", "ALL_PROXY"]);
    all.find_map(environment::variable).map(|url| url.to_string_lossy().into_owned())
}

fn profile_variable() -> Option<String> {
    environment::variable("AWS_PROFILE").map(|name| name.to_string_lossy().into_owned())
}

fn describe(scope: &ScopeArguments) -> String {
    fn part<T: ToString>(name: &str, values: &[T]) -> Option<String> {
        let values: Vec<String> = values.iter().map(T::to_string).collect();
        (!values.is_empty()).then(|| format!("{name} {}", values.join(" ")))
    }
    let parts = [
        part("accounts", &scope.accounts),
        part("OUs", &scope.ou),
        part("without", &scope.exclude_accounts),
        part("regions", &scope.regions),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "all accounts and regions".to_owned() } else { parts.join(", ") }
}

fn scope(arguments: &ScopeArguments) -> Scope {
    arguments.regions.iter().for_each(warn_of_unknown);
    Scope {
        accounts: arguments.accounts.clone(),
        exclude_accounts: arguments.exclude_accounts.clone(),
        organizational_units: arguments.ou.clone(),
        regions: arguments.regions.clone(),
    }
}

/// A region that is not in the table is asked all the same: it may be new.
fn warn_of_unknown(region: &RegionName) {
    if region_info(region.as_str()).is_none() {
        let nearest = nearest_region(region.as_str(), strsim::jaro_winkler);
        let nearest = nearest.map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"));
        terminal::note(&format!(
            "warning: region `{region}` is not known to this release and is asked all the same{nearest}"
        ));
    }
}
