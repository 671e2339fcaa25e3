//! What is not planned, and why, in a sentence that a person understands.

use jiff::Timestamp;
use scangap_assess::RegistryLosses;
use scangap_model::{AccountId, Diagnosis, RegionName, Verdict};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    Blocklisted,
    /// The exemption cannot be written, in the repairer's words.
    NoExemption(String),
    /// The repaired policy would still not let Inspector in: another one denies too.
    StillDenied,
    /// Only the registry's policy is in the way.
    RegistryPolicyDenies,
    /// The same, and whether it is hangs on context keys.
    RegistryPolicyDepends,
    /// With the repaired text it is still not certain that Inspector gets in.
    NotProven(Verdict),
    /// The policy could not be read, so nothing can be said of its repair.
    PolicyUnread,
    /// A re-sync destroys history, and how much was not counted.
    LossesNotCounted,
    /// The status may refresh by itself.
    TooYoung {
        stale_since: Timestamp,
        min_age: String,
    },
    /// AWS: the delegated administrator cannot disable itself while it has members.
    DelegatedAdministrator,
    /// Inspector could not put the scanning configuration back.
    RegistryPolicyForbids(Vec<String>),
    /// Whether it could is not known.
    RegistryPolicyUnknown,
    /// What must be put back afterwards is not known.
    ScanningConfigurationUnknown,
    /// A fact that the losses or the undo depend on could not be read.
    LossesUnread {
        api: String,
        code: String,
    },
    /// AWS: an Inspector policy of the organization decides what is on.
    OrganizationPolicy,
    /// Inspector itself does not let the account toggle scanning.
    NotPermitted {
        account: AccountId,
        missing: Vec<String>,
    },
    ChangeUnderWay(String),
    NotEnabled(String),
    /// No image of the stale repositories is young enough to be scanned by an activation.
    NothingEligible,
    /// Repositories are scanned today that would not be scanned again: their policy denies Inspector.
    WouldBlock(Vec<String>),
    /// AWS: disabling the last scan type deactivates Inspector, and deletes everything of it.
    OnlyScanType,
}

impl Refusal {
    /// A word for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Blocklisted => "blocklisted",
            Self::NoExemption(_) => "no_exemption",
            Self::StillDenied => "still_denied",
            Self::RegistryPolicyDenies => "registry_policy_denies",
            Self::RegistryPolicyDepends => "registry_policy_depends",
            Self::NotProven(_) => "not_proven",
            Self::PolicyUnread => "policy_unread",
            Self::LossesNotCounted => "losses_not_counted",
            Self::TooYoung { .. } => "too_young",
            Self::DelegatedAdministrator => "delegated_administrator",
            Self::RegistryPolicyForbids(_) => "registry_policy_forbids",
            Self::RegistryPolicyUnknown => "registry_policy_unknown",
            Self::ScanningConfigurationUnknown => "scanning_configuration_unknown",
            Self::LossesUnread { .. } => "losses_unread",
            Self::OrganizationPolicy => "organization_policy",
            Self::NotPermitted { .. } => "not_permitted",
            Self::ChangeUnderWay(_) => "change_under_way",
            Self::NotEnabled(_) => "not_enabled",
            Self::NothingEligible => "nothing_eligible",
            Self::WouldBlock(_) => "would_block",
            Self::OnlyScanType => "only_scan_type",
        }
    }

    pub fn sentence(&self) -> String {
        match self {
            Self::Blocklisted => "the account is on the blocklist, which always wins".to_owned(),
            Self::NoExemption(why) => format!("no exemption repairs the policy: {why}"),
            Self::StillDenied => {
                "the repaired policy would not be enough: the registry's policy denies Inspector too: repair that one as well (scangap explain --kind registry --fix), and audit again".to_owned()
            }
            Self::RegistryPolicyDenies => {
                "the repository's own policy lets Inspector in, the registry's policy does not: repair that one (scangap explain --kind registry --fix)".to_owned()
            }
            Self::RegistryPolicyDepends => {
                "the repository's own policy is not in the way; what the registry's policy decides hangs on context keys, for a person to settle".to_owned()
            }
            Self::NotProven(verdict) => format!(
                "the repair is not proven to help: with it the policies together still say `{}`, because of the registry's policy",
                verdict.word()
            ),
            Self::PolicyUnread => {
                "the policy could not be read: let the auditor in first, and audit again".to_owned()
            }
            Self::LossesNotCounted => {
                "a re-sync deletes every ECR finding of the account in the region, and how many there are was not counted (plan --collect)".to_owned()
            }
            Self::TooYoung { stale_since, min_age } => format!(
                "the policy is known to let Inspector in since {stale_since:.0}, and the status may refresh by itself for {min_age}: audit again then, and name the earliest snapshot that shows it with --previous"
            ),
            Self::DelegatedAdministrator => {
                "it is Inspector's delegated administrator, which AWS does not let disable itself while it has members: push a new digest instead".to_owned()
            }
            Self::RegistryPolicyForbids(actions) => format!(
                "the registry's policy denies Inspector {}: after a disable it could not put the scanning configuration back; repair it first (scangap explain --kind registry --fix), and audit again",
                actions.join(", ")
            ),
            Self::ScanningConfigurationUnknown => {
                "the registry's scanning configuration could not be read, and would have to be put back: let the audit role call ecr:GetRegistryScanningConfiguration, and audit again".to_owned()
            }
            Self::LossesUnread { api, code } => format!(
                "what a re-sync would delete, or what it depends on, could not be read: {api} answered {code}; let the audit role call it, and plan with --collect again"
            ),
            Self::OrganizationPolicy => {
                "an Inspector policy of the organization governs the account: scanning is turned off and on there (organizations:UpdatePolicy), not by hand".to_owned()
            }
            Self::NotPermitted { account, missing } => {
                format!("Inspector does not let account {account} do this: ListAccountPermissions lacks {}; its delegated administrator may", missing.join(" and "))
            }
            Self::ChangeUnderWay(what) => format!("another change is under way: {what}; plan with --collect again when it is over"),
            Self::NotEnabled(status) => format!("ECR scanning is not on any more: its status was {status} when losses were counted; audit again"),
            Self::NothingEligible => {
                "no image of these repositories was pushed within Inspector's window, so a re-sync would not scan any of them: push a new digest instead".to_owned()
            }
            Self::WouldBlock(names) => format!(
                "repositories are scanned today although their policy denies Inspector, and would not be scanned again: repair them first ({})",
                names.join(", ")
            ),
            Self::OnlyScanType => {
                "ECR is the only scan type that is on: disabling it deactivates Inspector there, and deletes its settings, suppression rules and findings; name the registry with --only-scan-type if that is meant".to_owned()
            }
            Self::RegistryPolicyUnknown => {
                "whether the registry's policy lets Inspector put the scanning configuration back is not known: let the audit role call ecr:GetRegistryPolicy, or have a person decide it, and audit again".to_owned()
            }
        }
    }
}

/// One thing that is not planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// `repair` or `resync`.
    pub what: &'static str,
    pub account: AccountId,
    pub account_name: Option<String>,
    pub region: RegionName,
    /// The repositories it is about.
    pub repositories: Vec<String>,
    pub diagnosis: Diagnosis,
    pub refusal: Refusal,
    /// What it would have destroyed, where that was counted.
    pub losses: Option<RegistryLosses>,
}
