//! From what was seen to checks, each with what to do about it.

use std::collections::{BTreeMap, BTreeSet};

use scangap_model::{
    AccountId, Api, Gap, GapKind, Observed, OrganizationId, RegionName, SESSION_POLICY_MAX_CHARS, count, region_info,
    sanitize, thousands,
};

use crate::survey::{Survey, Tried};

/// How a check ended, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckStatus {
    Ok,
    /// An audit runs, and something will be missing.
    Warn,
    /// No audit, or none of use.
    Fail,
}

impl CheckStatus {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        }
    }
}

/// One line of a doctor's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: &'static str,
    pub status: CheckStatus,
    pub found: String,
    /// What to do, each a line.
    pub fixes: Vec<String>,
}

impl Check {
    pub fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, status: CheckStatus::Ok, found: found.into(), fixes: Vec::new() }
    }

    pub fn warn(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, status: CheckStatus::Warn, found: found.into(), fixes: vec![fix.into()] }
    }

    pub fn fail(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, status: CheckStatus::Fail, found: found.into(), fixes: vec![fix.into()] }
    }
}

/// Accounts that a line names.
const NAMED_MAX: usize = 5;

/// What was seen at AWS, judged.
pub fn checks(survey: &Survey) -> Vec<Check> {
    vec![
        organization(survey),
        accounts(survey),
        administrator(survey),
        roles(survey),
        narrowing(survey),
        reads(survey),
        regions(survey),
    ]
}

fn organization(survey: &Survey) -> Check {
    let name = "organization";
    match &survey.organization {
        Observed::Known(seen) => {
            let is_management = seen.management == survey.caller.to_string();
            let place = if is_management {
                "its management account".to_owned()
            } else {
                format!("managed by {}", sanitize(&seen.management))
            };
            Check::ok(name, format!("{}, {place}", sanitize(&seen.id)))
        }
        Observed::Absent => Check::warn(
            name,
            format!("account {} is in no organization: it is audited alone", survey.caller),
            "call from the management account or a delegated administrator to audit an organization",
        ),
        // An audit ends where the role that is to read the organization cannot be assumed.
        Observed::Unknown(gap) if gap.api == Api::AssumeRole => Check::fail(name, refusal(gap), gap.hint()),
        Observed::Unknown(gap) => Check::warn(name, refusal(gap), gap.hint()),
    }
}

fn accounts(survey: &Survey) -> Check {
    let name = "accounts";
    let closed = match survey.n_closed {
        0 => String::new(),
        number => format!(", {} more that are closed or suspended", thousands(number)),
    };
    if !survey.strangers.is_empty() {
        let ids = survey.strangers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Check::fail(
            name,
            format!("not in the organization: {ids}"),
            "leave them out of --accounts: an audit refuses them",
        );
    }
    match &survey.accounts {
        Observed::Known(all) if survey.accounts_named => {
            Check::ok(name, format!("{} named", count(all.len(), "account")))
        }
        Observed::Known(all) => Check::ok(name, format!("{}{closed}", count(all.len(), "account"))),
        Observed::Absent => Check::ok(name, format!("{} alone", survey.caller)),
        Observed::Unknown(gap) => {
            let fix = if gap.kind == GapKind::AccessDenied && gap.api != Api::AssumeRole {
                "call from the management account or a delegated administrator, name a role there with --organization-role-arn, or the accounts with --accounts".to_owned()
            } else {
                gap.hint()
            };
            Check::fail(name, refusal(gap), fix)
        }
    }
}

fn administrator(survey: &Survey) -> Check {
    let name = "Inspector's administrator";
    match &survey.administrator {
        Observed::Known(admin) => {
            let opened = survey.tried.iter().find(|tried| tried.account == *admin).map(|tried| &tried.role);
            match opened {
                Some(Observed::Unknown(gap)) => Check::warn(
                    name,
                    format!(
                        "{admin} does not open: coverage is asked in each account, which takes longer ({})",
                        refusal(gap)
                    ),
                    format!("{}, or name its own role with --inspector-admin-role-name", gap.hint()),
                ),
                Some(_) => Check::ok(name, format!("{admin} opens")),
                None => Check::warn(name, format!("{admin} was not tried"), "try it with --all"),
            }
        }
        Observed::Absent => Check::warn(
            name,
            "the organization has none: coverage is asked in each account, which takes longer",
            "aws inspector2 enable-delegated-admin-account --delegated-admin-account-id ID, in the management account",
        ),
        Observed::Unknown(gap) => Check::warn(name, refusal(gap), gap.hint()),
    }
}

fn roles(survey: &Survey) -> Check {
    let name = "roles";
    if survey.tried.is_empty() {
        return Check::fail(name, "no account was tried", "see the checks above");
    }
    let refused: Vec<(&Tried, &Gap)> =
        survey.tried.iter().filter_map(|tried| Some((tried, tried.role.gap()?))).collect();
    let opened = survey.tried.len() - refused.len();
    let by_role = survey.tried.iter().filter(|tried| tried.role.known().is_some()).count();
    let not_tried = match untried(survey) {
        0 => String::new(),
        number => format!("; {} not tried, --all tries every one", count(number, "other account")),
    };
    let names: BTreeSet<&str> =
        survey.tried.iter().filter_map(|tried| tried.role.known()).map(String::as_str).collect();
    let by = if names.is_empty() {
        String::new()
    } else {
        format!(" by {}", names.into_iter().collect::<Vec<_>>().join(", "))
    };
    if refused.is_empty() {
        return Check::ok(name, format!("{} opened{by}{not_tried}", count(opened, "account")));
    }
    let mut fixes = by_reason(refused.iter().map(|(tried, gap)| (tried.account, *gap)));
    if let Some((_, gap)) = refused.iter().find(|(_, gap)| gap.kind == GapKind::AccessDenied) {
        fixes.push(template_command(survey, &gap.resource));
    }
    let found = format!("{} of {} opened{by}{not_tried}", thousands(opened), count(survey.tried.len(), "account"));
    // The caller's own account needs no role: alone it is no audit of an organization.
    let status = if by_role == 0 { CheckStatus::Fail } else { CheckStatus::Warn };
    Check { name, status, found, fixes }
}

/// Accounts that an audit opens and this sample did not.
fn untried(survey: &Survey) -> usize {
    let all = survey.accounts.known().map_or(&[][..], Vec::as_slice);
    all.iter().filter(|account| survey.tried.iter().all(|tried| tried.account != **account)).count()
}

/// The role that organizations make in every account for their administrators: nothing else is put under its name.
const ADMINISTRATORS_ROLE: &str = "OrganizationAccountAccessRole";

/// A template with the role, for those who may assume it here.
fn template_command(survey: &Survey, role: &str) -> String {
    let id = survey.organization.known().map(|seen| seen.id.as_str());
    let id = id.filter(|id| id.parse::<OrganizationId>().is_ok());
    let organization = id.map_or_else(String::new, |id| format!(" --org {id}"));
    let (role, then) = if role == ADMINISTRATORS_ROLE {
        ("scangap-audit", " and name it: --role-name scangap-audit,OrganizationAccountAccessRole")
    } else {
        (role, "")
    };
    let external = if survey.has_external_id { " --external-id ID" } else { "" };
    format!(
        "scangap permissions --format cloudformation --role-name {} --principal {}{organization}{external} > scangap.yaml; deploy it there{then}",
        sanitize(role),
        survey.caller
    )
}

/// Whether AWS takes the policy that narrows a session to the reads of an audit.
fn narrowing(survey: &Survey) -> Check {
    let name = "narrowing";
    let size =
        format!("{} of {} characters", thousands(survey.session_policy_chars), thousands(SESSION_POLICY_MAX_CHARS));
    let is_about_policy = |gap: &&Gap| matches!(gap.code.as_str(), "PackedPolicyTooLarge" | "MalformedPolicyDocument");
    if let Some(gap) = survey.tried.iter().filter_map(|tried| tried.role.gap()).find(is_about_policy) {
        return Check::fail(
            name,
            refusal(gap),
            "assume the role without tags of the session: they count for the same size",
        );
    }
    if survey.tried.iter().any(|tried| tried.role.known().is_some()) {
        Check::ok(name, format!("each session may only read: a policy of {size}"))
    } else {
        Check::warn(name, format!("not tried, no role opened: a policy of {size}"), "see the checks above")
    }
}

fn reads(survey: &Survey) -> Check {
    let name = "reads";
    let opened = survey.tried.iter().filter(|tried| tried.role.gap().is_none());
    let n_reads: usize = opened.clone().map(|tried| tried.n_reads).sum();
    let refused: Vec<(AccountId, &Gap)> =
        opened.clone().flat_map(|tried| tried.refused.iter().map(move |gap| (tried.account, gap))).collect();
    if n_reads == 0 {
        return Check::warn(name, "nothing could be read", "see the checks above");
    }
    if refused.is_empty() {
        return Check::ok(name, format!("{} of ECR, Inspector and regions answered", count(n_reads, "read")));
    }
    let mut fixes = by_reason(refused.iter().map(|(account, gap)| (*account, *gap)));
    fixes.push("`scangap permissions` prints what the role needs".to_owned());
    let found = format!("{} of {} refused", thousands(refused.len()), count(n_reads, "read"));
    Check { name, status: CheckStatus::Warn, found, fixes }
}

/// A line for each reason, with the accounts that it is met in.
fn by_reason<'g>(gaps: impl Iterator<Item = (AccountId, &'g Gap)>) -> Vec<String> {
    let mut reasons: BTreeMap<(Api, GapKind, String, String), BTreeSet<AccountId>> = BTreeMap::new();
    for (account, gap) in gaps {
        reasons.entry((gap.api, gap.kind, gap.code.clone(), gap.hint())).or_default().insert(account);
    }
    let line = |((api, _, code, hint), accounts): ((Api, GapKind, String, String), BTreeSet<AccountId>)| {
        format!("{api} {}, {}: {hint}", sanitize(&code), named(&accounts))
    };
    reasons.into_iter().map(line).collect()
}

fn named(accounts: &BTreeSet<AccountId>) -> String {
    let shown: Vec<String> = accounts.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    match accounts.len().saturating_sub(NAMED_MAX) {
        0 => format!("in {}", shown.join(", ")),
        more => format!("in {} and {} more", shown.join(", "), thousands(more)),
    }
}

fn regions(survey: &Survey) -> Check {
    let name = "regions";
    let enabled: BTreeSet<&RegionName> =
        survey.tried.iter().filter_map(|tried| tried.regions.known()).flatten().collect();
    if enabled.is_empty() {
        return Check::warn(name, "no account said which regions it has enabled", "name them with --regions");
    }
    let without: Vec<&str> = survey
        .regions
        .iter()
        .map(RegionName::as_str)
        .filter(|region| region_info(region).is_some_and(|info| !info.inspector))
        .collect();
    let off: Vec<&str> =
        survey.regions.iter().filter(|region| !enabled.contains(region)).map(RegionName::as_str).collect();
    if !off.is_empty() {
        return Check::warn(
            name,
            format!("{} enabled in no account that was tried", off.join(", ")),
            "correct --regions, or enable them: what is not enabled holds nothing",
        );
    }
    if !without.is_empty() {
        return Check::warn(
            name,
            format!("Amazon Inspector is not in {}", without.join(", ")),
            "leave them out of --regions",
        );
    }
    let asked = match survey.regions.len() {
        0 => String::new(),
        number => format!(", {} asked for", thousands(number)),
    };
    Check::ok(name, format!("{} enabled{asked}", thousands(enabled.len())))
}

fn refusal(gap: &Gap) -> String {
    let code = if gap.code.is_empty() { gap.kind.word() } else { &gap.code };
    format!("{}: {}", gap.api, sanitize(code))
}
