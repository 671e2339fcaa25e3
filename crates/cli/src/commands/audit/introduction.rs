//! The first line of an audit: with whose credentials, as which role, of what, and where it asks.

use scangap_model::Scope;

use crate::args::{Audit, Aws};
use crate::environment;
use crate::store::without_password;

pub(super) fn of(command: &Audit, scope: &Scope) -> String {
    let endpoint = endpoint(&command.aws);
    format!(
        "profile {}, role {}, {}, {}{}",
        command.aws.profile.clone().or_else(profile_variable).unwrap_or_else(|| "default".to_owned()),
        command.roles.role_name.join(" or "),
        describe(scope),
        endpoint
            .as_ref()
            .map_or_else(|| "endpoint AWS".to_owned(), |url| format!("endpoint {}", without_password(url))),
        proxy_in_words(&command.aws),
    )
}

/// The endpoint that is named for all calls.
pub(in crate::commands) fn endpoint(aws: &Aws) -> Option<String> {
    let of_variable = || environment::variable("AWS_ENDPOINT_URL").map(|url| url.to_string_lossy().into_owned());
    aws.endpoint_url.clone().filter(|url| !url.is_empty()).or_else(of_variable)
}

/// ` by proxy http://proxy:3128 (but for localhost)`; empty without one.
pub(in crate::commands) fn proxy_in_words(aws: &Aws) -> String {
    let past = ["no_proxy", "NO_PROXY"].into_iter().find_map(environment::variable);
    let past = past.map_or_else(String::new, |hosts| format!(" (but for {})", hosts.to_string_lossy()));
    let proxy = proxy(endpoint(aws).as_deref());
    proxy.map_or_else(String::new, |url| format!(" by proxy {}{past}", without_password(&url)))
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

fn describe(scope: &Scope) -> String {
    fn part<T: ToString>(name: &str, values: &[T]) -> Option<String> {
        let values: Vec<String> = values.iter().map(T::to_string).collect();
        (!values.is_empty()).then(|| format!("{name} {}", values.join(" ")))
    }
    let parts = [
        part("accounts", &scope.accounts),
        part("OUs", &scope.organizational_units),
        part("without", &scope.exclude_accounts),
        part("regions", &scope.regions),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "all accounts and regions".to_owned() } else { parts.join(", ") }
}
