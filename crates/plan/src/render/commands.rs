//! What `apply` does to a registry, as aws CLI commands for a person: to be read, and to be pasted as they are. Each looks first
//! whose credentials it has: a scanning configuration put with those of another account would be that account's.

use scangap_model::{AccountId, RegionName, ScanRule};
use serde_json::{Value, json};

/// A registry, and how it scans.
pub(crate) struct RegistryCommands<'a> {
    pub(crate) account: AccountId,
    pub(crate) region: &'a RegionName,
    /// Who disables and enables.
    pub(crate) toggled_from: AccountId,
    pub(crate) scan_type: &'a str,
    pub(crate) rules: &'a [ScanRule],
}

impl RegistryCommands<'_> {
    /// Once: the CLI would ask again where an answer is lost, and the refusal of a second call says nothing of the first.
    pub(crate) fn disable(&self) -> String {
        format!("{} && AWS_MAX_ATTEMPTS=1 {}", self.as_who_toggles(), self.toggle("disable"))
    }

    pub(crate) fn enable(&self) -> String {
        format!("{} && {}", self.as_who_toggles(), self.toggle("enable"))
    }

    /// Asks first, then looks: an ENABLED may be what was before, and an enable that comes while the registry is still being turned
    /// off is refused.
    pub(crate) fn enable_until_it_is_on(&self) -> String {
        format!(
            "{} && until {}; sleep 5; {}; do :; done && echo 'ECR scanning of account {} in {} is ENABLED'",
            self.as_who_toggles(),
            self.toggle("enable"),
            self.is("ENABLED"),
            self.account,
            self.region
        )
    }

    /// Comes back when the status is reached, and not before.
    pub(crate) fn wait_for(&self, status: &str) -> String {
        format!("until {}; do sleep 5; done && echo 'It is {status}'", self.is(status))
    }

    /// Puts the scanning configuration back, as the plan saw it.
    pub(crate) fn put_back(&self) -> String {
        format!(
            "{} && aws ecr put-registry-scanning-configuration --region {} --scan-type {} --rules {}",
            as_account(self.account, self.region),
            self.region,
            quoted(self.scan_type),
            quoted(&scan_rules(self.rules).to_string())
        )
    }

    /// From without scanning to as it was: what is pasted as the account that toggles, then as the account itself.
    pub(crate) fn reenable_commands(&self) -> String {
        format!(
            "# as account {}; after a disable that had no answer, a quarter of an hour later once more\n{IS_ACCOUNT}\n{}\n# as account {}\n{IS_ACCOUNT}\n{}",
            self.toggled_from,
            self.enable_until_it_is_on(),
            self.account,
            self.put_back()
        )
    }

    fn as_who_toggles(&self) -> String {
        as_account(self.toggled_from, self.region)
    }

    fn toggle(&self, verb: &str) -> String {
        format!("aws inspector2 {verb} --region {} --account-ids {} --resource-types ECR", self.region, self.account)
    }

    fn is(&self, status: &str) -> String {
        format!(
            "[ \"$(aws inspector2 batch-get-account-status --region {} --account-ids {} --query 'accounts[0].resourceState.ecr.status' --output text)\" = {status} ]",
            self.region, self.account
        )
    }
}

/// What each shell is told first: a function that goes on only with the credentials of an account, and says so where it does
/// not. Where nobody told it, nothing is done either.
pub(crate) const IS_ACCOUNT: &str = r#"is_account() { [ "$(aws sts get-caller-identity --region "$2" --query Account --output text)" = "$1" ] || { echo "NOT DONE: these are not the credentials of account $1" >&2; false; }; }"#;

pub(crate) fn as_account(account: AccountId, region: &RegionName) -> String {
    format!("is_account {account} {region}")
}

/// Rules as AWS's API has them.
pub(crate) fn scan_rules(rules: &[ScanRule]) -> Value {
    let rule = |rule: &ScanRule| {
        let filters = rule.filters.iter().map(|filter| json!({"filter": filter, "filterType": "WILDCARD"}));
        json!({"scanFrequency": rule.frequency, "repositoryFilters": filters.collect::<Vec<_>>()})
    };
    rules.iter().map(rule).collect()
}

/// A word of the shell in which nothing acts.
pub fn quoted(text: &str) -> String {
    // INVARIANT: with NUL allowed, every text has a quoted form.
    shlex::Quoter::new().allow_nul(true).quote(text).unwrap_or_default().into_owned()
}
