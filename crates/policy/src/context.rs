//! A request, prepared: what is known of every condition key, found without allocating.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use scangap_model::{INSPECTOR_ROLE_NAME, inspector_role_arn, repository_arn};

use crate::action::Class;
use crate::key::{Key, Kind};
use crate::outcome::Cases;
use crate::request::{Caller, Organization, Request, Stated, Tags};

/// AWS: the longest that a role's session lasts.
const LONGEST_SESSION: SignedDuration = SignedDuration::from_hours(12);

/// What is known of one value that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Time(Timestamp),
    /// Some time from one to the other.
    Between(Timestamp, Timestamp),
    /// `AROA…:<session>`.
    RoleId,
    /// The same with the id known: `AROAEXAMPLE:`, and a session's name.
    SessionOf(&'a str),
    /// A text that begins so and goes on.
    Begins(&'a str),
    /// An endpoint, network or account that does not belong to the customer.
    Foreign,
    /// A public address of AWS.
    AwsAddress(Family),
    Anything,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

/// What is known of a condition key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State<'a> {
    One(Value<'a>),
    Many(&'a [String]),
    Absent,
    /// There or not, with whatever value.
    Open,
    /// There in some cases, absent in the rest.
    In(Cases, Value<'a>),
    /// There or not in some cases, absent in the rest.
    MaybeIn(Cases, Value<'a>),
    /// A public address of AWS of either family in some cases, absent in the rest.
    AddressIn(Cases),
}

/// A request with everything that conditions ask for, ready to be looked at many times.
#[derive(Debug, Clone)]
pub struct Context<'r> {
    pub(crate) request: &'r Request,
    pub(crate) principal: Principal,
    account: String,
    /// Whether the caller is in the registry's account.
    own_account: bool,
    /// The resource of a repository action, where the repository is known.
    pub(crate) repository_arn: Option<String>,
    /// What the ARN of every repository of the registry begins with.
    pub(crate) repository_arn_start: String,
    /// What the organization's paths begin with.
    organization_start: String,
    /// What aws:userid begins with, where the id of Inspector's role is known.
    role_session_start: Option<String>,
    /// The cases that what was stated leaves.
    pub(crate) cases: Cases,
}

/// The caller as principal elements and keys see it.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    /// None for a service.
    pub(crate) arn: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) root_arn: Option<String>,
    /// What the ARNs of a role's sessions begin with.
    pub(crate) session_prefix: Option<String>,
    /// What the ARN begins with, where the name of the role is not known.
    pub(crate) roles_prefix: Option<String>,
    user_name: Option<String>,
    pub(crate) service: Option<String>,
    kind: Option<&'static str>,
}

impl Principal {
    fn of(request: &Request) -> Self {
        let partition = request.partition;
        let named = |account: String, arn: &str, kind| Self {
            arn: Some(arn.to_owned()),
            root_arn: Some(format!("arn:{partition}:iam::{account}:root")),
            account: Some(account),
            session_prefix: None,
            roles_prefix: None,
            user_name: None,
            service: None,
            kind: Some(kind),
        };
        let last = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
        match &request.principal {
            Caller::Inspector => {
                let account = request.account.to_string();
                let session = format!("arn:{partition}:sts::{account}:assumed-role/{INSPECTOR_ROLE_NAME}/");
                Self {
                    session_prefix: Some(session),
                    ..named(account, &inspector_role_arn(partition, request.account), "AssumedRole")
                }
            }
            Caller::Role { account, arn } => Self {
                session_prefix: Some(format!("arn:{partition}:sts::{account}:assumed-role/{}/", last(arn))),
                ..named(account.to_string(), arn, "AssumedRole")
            },
            Caller::SomeRole { account } => Self {
                arn: None,
                roles_prefix: Some(format!("arn:{partition}:iam::{account}:role/")),
                session_prefix: Some(format!("arn:{partition}:sts::{account}:assumed-role/")),
                ..named(account.to_string(), "", "AssumedRole")
            },
            Caller::User { account, arn } => {
                Self { user_name: Some(last(arn)), ..named(account.to_string(), arn, "User") }
            }
            Caller::Root { account, arn } => named(account.to_string(), arn, "Account"),
            Caller::Service(name) => Self {
                arn: None,
                account: None,
                root_arn: None,
                session_prefix: None,
                roles_prefix: None,
                user_name: None,
                service: Some(name.clone()),
                kind: None,
            },
        }
    }
}

impl<'r> Context<'r> {
    pub fn new(request: &'r Request) -> Self {
        let principal = Principal::of(request);
        let account = request.account.to_string();
        Self {
            own_account: principal.account.as_ref() == Some(&account),
            repository_arn: request
                .repository
                .as_ref()
                .map(|name| repository_arn(request.partition, &request.region, request.account, name)),
            repository_arn_start: format!("arn:{}:ecr:{}:{account}:repository/", request.partition, request.region),
            organization_start: match &request.organization {
                Organization::Member { id, .. } => format!("{id}/"),
                Organization::None | Organization::Unknown => String::new(),
            },
            role_session_start: inspector_id(request).map(|id| format!("{id}:")),
            principal,
            account,
            cases: cases_left(&request.stated),
            request,
        }
    }

    /// AWS: within one account an Allow of the identity's own suffices; everyone else needs one here as well.
    pub(crate) fn needs_an_allow(&self) -> bool {
        !self.own_account
    }

    fn is_inspector(&self) -> bool {
        self.request.principal == Caller::Inspector
    }

    pub(crate) fn state(&self, key: &Key, class: Class) -> State<'_> {
        if !self.request.stated.is_empty()
            && let Some(stated) = self.request.stated.get(&*key.lower)
        {
            return match stated {
                Stated::Values(values) => match values.as_slice() {
                    [value] => State::One(Value::Text(value)),
                    values => State::Many(values),
                },
                Stated::Absent => State::Absent,
                Stated::Unknown => State::Open,
            };
        }
        if self.is_inspector() { self.of_inspector(key, class) } else { self.of_another(key, class) }
    }

    /// Whether the key's value, or its absence, is known.
    pub(crate) fn is_settled(&self, key: &Key, class: Class) -> bool {
        match self.state(key, class) {
            State::One(Value::Text(_) | Value::Time(_)) | State::Many(_) | State::Absent => true,
            State::One(_) | State::Open | State::In(..) | State::MaybeIn(..) | State::AddressIn(_) => false,
        }
    }

    /// Whether this is the unique id of the one who calls: of Inspector's role, or stated as aws:userid.
    pub(crate) fn has_unique_id(&self, id: &str) -> bool {
        if inspector_id(self.request) == Some(id) {
            return true;
        }
        let stated = self.request.stated.get("aws:userid");
        matches!(stated, Some(Stated::Values(values)) if values.iter().any(|value| value.split(':').next() == Some(id)))
    }

    pub(crate) fn knows_role_tags(&self) -> bool {
        self.is_inspector() && matches!(self.request.inspector_role.tags, Tags::Known(_))
    }

    fn of_inspector(&self, key: &Key, class: Class) -> State<'_> {
        match key.kind {
            Kind::PrincipalArn | Kind::PrincipalAccount | Kind::PrincipalType => self.of_principal(key.kind),
            Kind::PrincipalIsAwsService | Kind::ViaAwsService => State::One(Value::Text("false")),
            Kind::PrincipalOrgId => self.organization_id(),
            Kind::PrincipalOrgPaths => self.organization_path(),
            // AWS documents no tags of Inspector's sessions: those of its role are all there are. The decision says so.
            Kind::PrincipalTag => tag(&self.request.inspector_role.tags, key.tag()),
            Kind::Unlisted => State::Open,
            // AWS: `<the role's id>:<the session's name>`.
            Kind::UserId => State::One(self.role_session_start.as_deref().map_or(Value::RoleId, Value::SessionOf)),
            Kind::TokenIssueTime => State::One(Value::Between(
                self.request.as_of.checked_sub(LONGEST_SESSION).unwrap_or(Timestamp::MIN),
                self.request.as_of,
            )),
            Kind::MultiFactorAuthPresent => State::In(Cases::MFA_FALSE, Value::Text("false")),
            Kind::SourceIp => State::AddressIn(Cases::PUBLIC),
            Kind::Endpoint => State::In(Cases::ENDPOINT, Value::Foreign),
            // AWS's own networks use private addresses too, so any address is possible.
            Kind::VpcSourceIp => State::In(Cases::ENDPOINT, Value::Anything),
            Kind::EndpointOwner => State::MaybeIn(Cases::ENDPOINT, Value::Foreign),
            Kind::OtherActions if class.carries_more => State::Open,
            Kind::UserName
            | Kind::PrincipalServiceName
            | Kind::PrincipalServiceNames
            | Kind::Session
            | Kind::Source
            | Kind::OtherActions => State::Absent,
            Kind::SecureTransport
            | Kind::UserAgent
            | Kind::CurrentTime
            | Kind::EpochTime
            | Kind::RequestedRegion
            | Kind::ResourceAccount
            | Kind::ResourceOrgId
            | Kind::ResourceOrgPaths
            | Kind::ResourceTag => self.of_request(key, class),
        }
    }

    fn of_another(&self, key: &Key, class: Class) -> State<'_> {
        let service = self.principal.service.as_deref();
        match key.kind {
            Kind::PrincipalArn | Kind::PrincipalAccount | Kind::PrincipalType => self.of_principal(key.kind),
            Kind::PrincipalIsAwsService => State::One(Value::Text(if service.is_some() { "true" } else { "false" })),
            Kind::PrincipalServiceName => text_or_absent(service),
            Kind::PrincipalServiceNames => service.map_or(State::Absent, |_| State::One(Value::Anything)),
            Kind::PrincipalOrgId | Kind::PrincipalOrgPaths | Kind::PrincipalTag if service.is_some() => State::Absent,
            Kind::PrincipalOrgId if self.own_account => self.organization_id(),
            Kind::PrincipalOrgPaths if self.own_account => self.organization_path(),
            Kind::UserName => text_or_absent(self.principal.user_name.as_deref()),
            Kind::UserId if matches!(self.request.principal, Caller::Role { .. } | Caller::SomeRole { .. }) => {
                State::One(Value::RoleId)
            }
            Kind::UserId => State::One(Value::Anything),
            // AWS: source keys are for services that call by themselves.
            Kind::Source if service.is_none() => State::Absent,
            Kind::PrincipalOrgId
            | Kind::PrincipalOrgPaths
            | Kind::PrincipalTag
            | Kind::Session
            | Kind::Source
            | Kind::ViaAwsService
            | Kind::TokenIssueTime
            | Kind::MultiFactorAuthPresent
            | Kind::SourceIp
            | Kind::VpcSourceIp
            | Kind::Endpoint
            | Kind::EndpointOwner
            | Kind::Unlisted => State::Open,
            Kind::OtherActions if class.carries_more => State::Open,
            Kind::OtherActions => State::Absent,
            Kind::SecureTransport
            | Kind::UserAgent
            | Kind::CurrentTime
            | Kind::EpochTime
            | Kind::RequestedRegion
            | Kind::ResourceAccount
            | Kind::ResourceOrgId
            | Kind::ResourceOrgPaths
            | Kind::ResourceTag => self.of_request(key, class),
        }
    }

    fn of_principal(&self, kind: Kind) -> State<'_> {
        let principal = &self.principal;
        if let (Kind::PrincipalArn, Some(start)) = (kind, &principal.roles_prefix) {
            return State::One(Value::Begins(start));
        }
        text_or_absent(match kind {
            Kind::PrincipalArn => principal.arn.as_deref(),
            Kind::PrincipalAccount => principal.account.as_deref(),
            _ => principal.kind,
        })
    }

    /// Returns the state of a key that does not depend on the caller.
    fn of_request(&self, key: &Key, class: Class) -> State<'_> {
        match key.kind {
            Kind::SecureTransport => State::One(Value::Text("true")),
            Kind::CurrentTime | Kind::EpochTime => State::One(Value::Time(self.request.as_of)),
            Kind::RequestedRegion => State::One(Value::Text(self.request.region.as_str())),
            Kind::ResourceAccount => State::One(Value::Text(&self.account)),
            Kind::ResourceOrgId => self.organization_id(),
            Kind::ResourceOrgPaths => self.organization_path(),
            Kind::ResourceTag if class.on_repository => tag(&self.request.tags, key.tag()),
            Kind::ResourceTag => State::Absent,
            Kind::UserAgent => State::One(Value::Anything),
            // Every other key is open: no key counts as settled because a rule for it is missing.
            _ => State::Open,
        }
    }

    fn organization_id(&self) -> State<'_> {
        match &self.request.organization {
            Organization::Member { id, .. } => State::One(Value::Text(id)),
            Organization::None => State::Absent,
            Organization::Unknown => State::Open,
        }
    }

    fn organization_path(&self) -> State<'_> {
        match &self.request.organization {
            Organization::Member { path: Some(path), .. } => State::One(Value::Text(path)),
            Organization::Member { path: None, .. } => State::One(Value::Begins(&self.organization_start)),
            Organization::None => State::Absent,
            Organization::Unknown => State::Open,
        }
    }
}

fn inspector_id(request: &Request) -> Option<&str> {
    request.inspector_role.id.as_deref().filter(|_| request.principal == Caller::Inspector)
}

fn tag<'t>(tags: &'t Tags, key: &str) -> State<'t> {
    let Tags::Known(tags) = tags else { return State::Open };
    // AWS: tag keys compare case-insensitively in conditions, values do not.
    let mut found = tags.iter().filter(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value);
    match (found.next(), found.next()) {
        (None, _) => State::Absent,
        (Some(value), None) => State::One(Value::Text(value)),
        // Two tags of one name but for case: which of them counts is not documented.
        (Some(_), Some(_)) => State::One(Value::Anything),
    }
}

fn text_or_absent(text: Option<&str>) -> State<'_> {
    text.map_or(State::Absent, |text| State::One(Value::Text(text)))
}

/// Narrows the cases by the stated network keys: a public address and a VPC endpoint exclude each other.
fn cases_left(stated: &BTreeMap<String, Stated>) -> Cases {
    let mut left = Cases::ALL;
    for (name, stated) in stated {
        let where_it_is = match Key::new(name).kind {
            Kind::SourceIp => Cases::PUBLIC,
            Kind::VpcSourceIp | Kind::Endpoint | Kind::EndpointOwner => Cases::ENDPOINT,
            _ => continue,
        };
        let narrowed = match stated {
            Stated::Values(_) => left.and(where_it_is),
            Stated::Absent => left.without(where_it_is),
            Stated::Unknown => left,
        };
        // Stated keys that contradict each other do not narrow the cases; each key is compared on its own.
        left = if narrowed.is_empty() { left } else { narrowed };
    }
    left
}
