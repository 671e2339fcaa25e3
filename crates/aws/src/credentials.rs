//! Credentials of an assumed role, narrowed by the session policy and renewed before they expire.
//!
//! The SDK's identity cache holds 64 identities and would call STS again for every other account of a larger
//! organization; so each account's session keeps its own, and the service clients are built without a cache.

use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use jiff::{SignedDuration, Timestamp};
use scangap_model::{Api, Arn, ExternalId};
use tokio::time::Instant;

use crate::answer::send;
use crate::classify::CallError;
use crate::clock::Clock;
use crate::limits::Buckets;
use crate::meter::{Call, Meter};
use crate::port::Port;
use crate::session::{HeldSession, Session};

/// AWS: no session of AssumeRole is shorter.
const SHORTEST: SignedDuration = SignedDuration::from_mins(15);

/// How roles are assumed, the same for every account.
#[derive(Debug, Clone)]
pub struct AssumeOptions {
    pub session_name: String,
    /// What the session may do at most. Shared: each account's session keeps it, to be renewed.
    pub session_policy: Arc<str>,
    pub external_id: Option<ExternalId>,
}

impl AssumeOptions {
    /// Eight digits of a hash: enough to see that another external id was given, too few to find it.
    pub fn trace_of_external_id(&self) -> Option<String> {
        use sha2::{Digest, Sha256};
        let id = self.external_id.as_ref()?;
        let hash = Sha256::digest(format!("scangap external id {}", id.reveal()));
        let number = hash.iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        Some(format!("{number:08x}"))
    }
}

/// A role that has been assumed.
#[derive(Debug, Clone)]
pub struct AssumedRole {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    sts: Sts,
    role_arn: String,
    options: AssumeOptions,
    clock: Clock,
    current: HeldSession,
}

/// The STS client that assumes roles; all of its calls count against the caller's account.
#[derive(Debug, Clone)]
pub(crate) struct Sts {
    pub(crate) client: aws_sdk_sts::Client,
    pub(crate) port: Port,
    pub(crate) meter: Arc<Meter>,
}

impl AssumedRole {
    pub(crate) async fn assume(
        sts: Sts,
        role_arn: String,
        options: AssumeOptions,
        clock: Clock,
        call: &Arc<Call>,
    ) -> Result<Self, CallError> {
        let current = request(&sts, &role_arn, &options, &clock, call).await?;
        Ok(Self { inner: Arc::new(Inner { sts, role_arn, options, clock, current: HeldSession::of(current) }) })
    }

    async fn credentials(&self) -> Result<Credentials, CallError> {
        let inner = &self.inner;
        let mut current = inner.current.lock().await;
        let left = current.expires.duration_since(inner.clock.now());
        if current.ran_out || left < SignedDuration::try_from(current.renew_before()).unwrap_or_default() {
            let call = Call::new(Api::AssumeRole, &inner.sts.meter);
            let renewed = request(&inner.sts, &inner.role_arn, &inner.options, &inner.clock, &call).await;
            match renewed {
                Ok(session) => *current = session,
                // The old credentials still work: the next request tries again.
                Err(_) if left > SignedDuration::ZERO && !current.ran_out => {}
                Err(error) => return Err(error),
            }
        }
        Ok(current.credentials.clone())
    }
}

/// Sends calls as the caller, or through a role: then again with a new session if its own ran out.
pub(crate) fn port(buckets: Arc<Buckets>, role: Option<&AssumedRole>) -> Port {
    Port::new(buckets, role.map(|role| role.inner.current.clone()))
}

async fn request(
    sts: &Sts,
    role_arn: &str,
    options: &AssumeOptions,
    clock: &Clock,
    call: &Arc<Call>,
) -> Result<Session, CallError> {
    let request = || {
        sts.client
            .assume_role()
            .role_arn(role_arn)
            .role_session_name(&options.session_name)
            .set_external_id(options.external_id.as_ref().map(|id| id.reveal().to_owned()))
            .policy(&*options.session_policy)
    };
    let output = send!(sts.port, call, request()).map_err(|error| options.without_secrets(error))?;
    let answer = output
        .credentials()
        .ok_or_else(|| call.malformed("NoCredentials", "AssumeRole answered without credentials"))?;
    let parts = [answer.access_key_id(), answer.secret_access_key(), answer.session_token()];
    if parts.iter().any(|part| part.trim().is_empty()) {
        return Err(call.malformed("NoCredentials", "AssumeRole answered with credentials that lack a part"));
    }
    // A session of another account would put its facts where they do not belong.
    let account = |arn: &str| arn.parse::<Arn>().ok().map(|arn| arn.account);
    let given = output.assumed_role_user().map(|user| account(user.arn()));
    if given.is_some_and(|given| given != account(role_arn)) {
        return Err(call.malformed("OtherAccount", "AssumeRole answered with a session of another account"));
    }
    let issued = clock.now();
    let expires = Timestamp::from_second(answer.expiration().secs())
        .map_err(|_| call.malformed("BadExpiration", "AssumeRole answered with an expiration that is no time"))?;
    // No expiration, or one that is over already: this clock or that answer is wrong. The session is good until the
    // service says otherwise.
    let expires = if expires > issued { expires } else { issued.saturating_add(SHORTEST).unwrap_or(issued) };
    let credentials = Credentials::new(
        answer.access_key_id(),
        answer.secret_access_key(),
        Some(answer.session_token().to_owned()),
        None, // no expiry for the SDK: renewal is ours
        "scangap assumed role",
    );
    Ok(Session { credentials, issued, issued_at: Instant::now(), expires, ran_out: false })
}

impl AssumeOptions {
    /// AWS's messages may quote what was sent.
    fn without_secrets(&self, mut error: CallError) -> CallError {
        if let Some(secret) = &self.external_id {
            error.message = error.message.replace(secret.reveal(), "***");
        }
        error
    }
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(
            async move { self.credentials().await.map_err(CredentialsError::provider_error) },
        )
    }
}
