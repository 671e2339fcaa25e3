//! What `apply` does to a cell, as aws CLI commands for a person: to be read, and to be pasted as they are. Each looks first
//! whose credentials it has: a scanning configuration put with those of another account would be that account's.

use scangap_model::{AccountId, RegionName, ScanRule};
use serde_json::{Value, json};

/// A cell, and how its registry scans.
pub(crate) struct CellCommands<'a> {
    pub(crate) account: AccountId,
    pub(crate) region: &'a RegionName,
    /// Who disables and enables.
    pub(crate) toggled_from: AccountId,
    pub(crate) scan_type: &'a str,
    pub(crate) rules: &'a [ScanRule],
}

impl CellCommands<'_> {
    pub(crate) fn disable(&self) -> String {
        format!("{} && {}", as_account(self.toggled_from), self.toggle("disable"))
    }

    pub(crate) fn enable(&self) -> String {
        format!("{} && {}", as_account(self.toggled_from), self.toggle("enable"))
    }

    /// Asks until it is on: an enable that comes while the cell is still being turned off is refused, and would be forgotten.
    pub(crate) fn enable_until_it_is_on(&self) -> String {
        let looks = self.looks_until("ENABLED");
        format!("{} && {looks}; do {}; sleep 10; done", as_account(self.toggled_from), self.toggle("enable"))
    }

    /// Comes back when the status is reached, and not before.
    pub(crate) fn wait_for(&self, status: &str) -> String {
        format!("{}; do sleep 5; done", self.looks_until(status))
    }

    /// Puts the scanning configuration back, as the plan saw it.
    pub(crate) fn put_back(&self) -> String {
        format!(
            "{} && aws ecr put-registry-scanning-configuration --region {} --scan-type {} --rules {}",
            as_account(self.account),
            self.region,
            quoted(self.scan_type),
            quoted(&scan_rules(self.rules).to_string())
        )
    }

    /// From without scanning to as it was: what is pasted as the account that toggles, then as the account itself.
    pub(crate) fn way_back(&self) -> String {
        format!(
            "# as account {}\n{}\n# as account {}\n{}",
            self.toggled_from,
            self.enable_until_it_is_on(),
            self.account,
            self.put_back()
        )
    }

    fn toggle(&self, verb: &str) -> String {
        format!("aws inspector2 {verb} --region {} --account-ids {} --resource-types ECR", self.region, self.account)
    }

    fn looks_until(&self, status: &str) -> String {
        format!(
            "until [ \"$(aws inspector2 batch-get-account-status --region {} --account-ids {} --query 'accounts[0].resourceState.ecr.status' --output text)\" = {status} ]",
            self.region, self.account
        )
    }
}

/// Goes on only with the credentials of an account.
pub(crate) fn as_account(account: AccountId) -> String {
    format!("[ \"$(aws sts get-caller-identity --query Account --output text)\" = {account} ]")
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
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
