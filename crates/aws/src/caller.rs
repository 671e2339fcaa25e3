//! The caller's own credentials: held for all that ask, and where they come from.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::clock::Clock;

/// Fetched once for all that ask at the same time: behind them may be a process, or a person.
#[derive(Debug)]
pub(crate) struct HeldCredentials {
    credentials: Mutex<(Credentials, Timestamp)>,
    source: SharedCredentialsProvider,
    clock: Clock,
}

/// Credentials that do not say when they expire are fetched again after so long: keys are rotated.
const HELD: Duration = Duration::from_mins(15);
/// So long before they expire credentials are fetched again.
const EARLY: Duration = Duration::from_mins(2);

impl HeldCredentials {
    pub(crate) fn new(first: Credentials, source: SharedCredentialsProvider, clock: Clock) -> Self {
        Self { credentials: Mutex::new((first, clock.now())), source, clock }
    }

    async fn current(&self) -> Result<Credentials, CredentialsError> {
        let mut held = self.credentials.lock().await;
        let now = self.clock.now();
        let until = match held.0.expiry().map(Timestamp::try_from) {
            Some(Ok(expiry)) => expiry.saturating_sub(EARLY).unwrap_or(expiry),
            Some(Err(_)) | None => held.1.saturating_add(HELD).unwrap_or(held.1),
        };
        if now >= until {
            let expired = matches!(held.0.expiry().map(Timestamp::try_from), Some(Ok(expiry)) if now >= expiry);
            *held = match self.source.provide_credentials().await {
                Ok(credentials) => (credentials, now),
                Err(error) if expired => return Err(error),
                // What is held is good still, and is tried for again later.
                Err(_) => (held.0.clone(), now),
            };
        }
        Ok(held.0.clone())
    }
}

impl ProvideCredentials for HeldCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.current())
    }
}

/// The SDK has no words for it but the name that each provider signs its credentials with, in `Debug`.
pub(crate) fn source_of(credentials: &Credentials) -> String {
    let text = format!("{credentials:?}");
    let name =
        text.split_once("provider_name: \"").and_then(|(_, rest)| rest.split_once('"')).map_or("", |(name, _)| name);
    match name {
        "EnvironmentVariable" => "the environment".to_owned(),
        "ProfileFile" => "the profile's keys".to_owned(),
        "AssumeRoleProvider" => "the profile's role".to_owned(),
        "CredentialProcess" => "the profile's credential_process".to_owned(),
        "SSO" => "IAM Identity Center".to_owned(),
        "WebIdentityToken" => "a web identity token".to_owned(),
        "EcsContainer" => "the container".to_owned(),
        "Imds" | "Ec2InstanceMetadata" => "the instance's role".to_owned(),
        "" => "a provider without a name".to_owned(),
        other => other.to_owned(),
    }
}
