//! The session of an assumed role: until when it is good, and whether the service says that it is over.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use jiff::Timestamp;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

/// Renewed when less than this is left, so that no request starts with credentials about to expire.
const RENEW_BEFORE: Duration = Duration::from_mins(5);

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) credentials: Credentials,
    pub(crate) issued: Timestamp,
    /// The same moment on a clock that nothing sets.
    pub(crate) issued_at: Instant,
    pub(crate) expires: Timestamp,
    /// Whether the service reported the session as expired, whatever its expiration is.
    pub(crate) ran_out: bool,
}

impl Session {
    /// A tenth of the session's life, at most five minutes: a short session is renewed in time too.
    pub(crate) fn renew_before(&self) -> Duration {
        let life = Duration::try_from(self.expires.duration_since(self.issued)).unwrap_or_default();
        RENEW_BEFORE.min(life / 10)
    }
}

/// Held across a renewal, so that one expiry makes one STS call however many requests wait for it.
#[derive(Debug, Clone)]
pub(crate) struct HeldSession(Arc<Mutex<Session>>);

impl HeldSession {
    pub(crate) fn of(session: Session) -> Self {
        Self(Arc::new(Mutex::new(session)))
    }

    pub(crate) async fn lock(&self) -> MutexGuard<'_, Session> {
        self.0.lock().await
    }

    /// Marks the session as expired after AWS refused a call, unless the session was renewed since the call started.
    pub(crate) async fn ran_out(&self, started: Instant) {
        let mut current = self.lock().await;
        if current.issued_at <= started {
            current.ran_out = true;
        }
    }
}
