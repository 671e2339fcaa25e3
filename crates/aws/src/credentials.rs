//! Credentials of an assumed role, narrowed by the session policy and renewed before they expire.
//!
//! The SDK's identity cache holds 64 identities and would call STS again for every other account of a larger
//! organization; so each account's session keeps its own, and the service clients are built without a cache.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use jiff::{SignedDuration, Timestamp};
use scangap_model::Api;
use tokio::sync::Mutex;

use crate::classify::CallError;
use crate::connect::Clock;
use crate::meter::{Call, Meter};

/// Renewed when less than this is left, so that no request starts with credentials about to expire.
const RENEW_BEFORE: Duration = Duration::from_mins(5);

/// How roles are assumed, the same for every account.
#[derive(Debug, Clone)]
pub struct AssumeOptions {
    pub session_name: String,
    /// What the session may do at most.
    pub session_policy: String,
    /// Kept out of `Debug` output of anything that is printed: it never leaves this crate.
    pub external_id: Option<String>,
}

/// A role that has been assumed.
#[derive(Debug, Clone)]
pub struct AssumedRole {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    sts: aws_sdk_sts::Client,
    role_arn: String,
    options: AssumeOptions,
    meter: Arc<Meter>,
    clock: Clock,
    /// Held across the renewal, so that one expiry makes one STS call however many requests wait for it.
    current: Mutex<Session>,
}

#[derive(Debug)]
struct Session {
    credentials: Credentials,
    issued: Timestamp,
    expires: Timestamp,
}

impl Session {
    /// A tenth of the session's life, at most five minutes: a short session is renewed in time too.
    fn renew_before(&self) -> Duration {
        let life = Duration::try_from(self.expires.duration_since(self.issued)).unwrap_or_default();
        RENEW_BEFORE.min(life / 10)
    }
}

impl AssumedRole {
    pub(crate) async fn assume(
        sts: aws_sdk_sts::Client,
        role_arn: String,
        options: AssumeOptions,
        meter: Arc<Meter>,
        clock: Clock,
        call: &Arc<Call>,
    ) -> Result<Self, CallError> {
        let current = request(&sts, &role_arn, &options, &clock, call).await?;
        Ok(Self { inner: Arc::new(Inner { sts, role_arn, options, meter, clock, current: Mutex::new(current) }) })
    }

    async fn credentials(&self) -> Result<Credentials, CallError> {
        let inner = &self.inner;
        let mut current = inner.current.lock().await;
        let left = current.expires.duration_since(inner.clock.now());
        if left < SignedDuration::try_from(current.renew_before()).unwrap_or_default() {
            let call = Call::new(Api::AssumeRole, &inner.meter);
            let renewed = request(&inner.sts, &inner.role_arn, &inner.options, &inner.clock, &call).await;
            match renewed {
                Ok(session) => *current = session,
                // The old credentials still work: the next request tries again.
                Err(_) if left > SignedDuration::ZERO => {}
                Err(error) => return Err(error),
            }
        }
        Ok(current.credentials.clone())
    }
}

async fn request(
    sts: &aws_sdk_sts::Client,
    role_arn: &str,
    options: &AssumeOptions,
    clock: &Clock,
    call: &Arc<Call>,
) -> Result<Session, CallError> {
    let output = sts
        .assume_role()
        .role_arn(role_arn)
        .role_session_name(&options.session_name)
        .set_external_id(options.external_id.clone())
        .policy(&options.session_policy)
        .customize()
        .interceptor(call.watch())
        .send()
        .await
        .map_err(|error| call.error(&error))?;
    let issued = output
        .credentials()
        .ok_or_else(|| call.malformed("NoCredentials", "AssumeRole answered without credentials"))?;
    let expires = Timestamp::from_second(issued.expiration().secs())
        .map_err(|_| call.malformed("BadExpiration", "AssumeRole answered with an expiration that is no time"))?;
    let credentials = Credentials::new(
        issued.access_key_id(),
        issued.secret_access_key(),
        Some(issued.session_token().to_owned()),
        None, // no expiry for the SDK: renewal is ours
        "scangap assumed role",
    );
    Ok(Session { credentials, issued: clock.now(), expires })
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
