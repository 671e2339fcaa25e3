//! What `apply` does to a cell, as aws CLI commands for a person: to be read, and to be pasted as they are.

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
        self.toggle("disable")
    }

    pub(crate) fn enable(&self) -> String {
        self.toggle("enable")
    }

    fn toggle(&self, verb: &str) -> String {
        format!("aws inspector2 {verb} --region {} --account-ids {} --resource-types ECR", self.region, self.account)
    }

    /// Comes back when the status is reached, and not before.
    pub(crate) fn wait_for(&self, status: &str) -> String {
        format!(
            "until [ \"$(aws inspector2 batch-get-account-status --region {} --account-ids {} --query 'accounts[0].resourceState.ecr.status' --output text)\" = {status} ]; do sleep 5; done",
            self.region, self.account
        )
    }

    /// Puts the scanning configuration back, as the plan saw it.
    pub(crate) fn put_back(&self) -> String {
        format!(
            "aws ecr put-registry-scanning-configuration --region {} --scan-type {} --rules {}",
            self.region,
            quoted(self.scan_type),
            quoted(&scan_rules(self.rules).to_string())
        )
    }

    /// From without scanning to as it was: what is pasted as the account that toggles, then as the account itself.
    pub(crate) fn way_back(&self) -> String {
        format!(
            "# as account {}\n{}\n{}\n# as account {}\n{}",
            self.toggled_from,
            self.enable(),
            self.wait_for("ENABLED"),
            self.account,
            self.put_back()
        )
    }
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
