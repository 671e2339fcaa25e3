//! Who calls: long-lived keys that name their account, and sessions handed out by AssumeRole.

use jiff::{SignedDuration, Timestamp};
use scangap_model::AccountId;

use super::organization::World;
use super::state::Session;
use crate::services::Permitted;

/// `AKIASIMU` and the account id: an administrator's key, for every account of the scenario.
pub(crate) const LONG_LIVED: &str = "AKIASIMU";
const TEMPORARY: &str = "ASIASIMU";

#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) account: AccountId,
    pub(crate) arn: String,
    pub(crate) permitted: Permitted,
}

/// Why a credential is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejected {
    Unknown,
    Expired,
    /// Signed too long before or after the service's time.
    OffClock {
        signed: Timestamp,
    },
}

/// AWS: how far a signature's time may be from the service's.
pub(crate) const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

impl World {
    pub(crate) fn caller(
        &self,
        access_key: &str,
        token: Option<&str>,
        signed: Option<Timestamp>,
        arrived: Timestamp,
    ) -> Result<Caller, Rejected> {
        if let Some(signed) = signed.filter(|signed| arrived.duration_since(*signed).abs() > CLOCK_TOLERANCE) {
            return Err(Rejected::OffClock { signed });
        }
        if let Some(account) = access_key.strip_prefix(LONG_LIVED) {
            let account: AccountId = account.parse().map_err(|_| Rejected::Unknown)?;
            if !self.accounts.contains_key(&account) {
                return Err(Rejected::Unknown);
            }
            let permitted = Permitted { by_identity: self.caller_policy.clone(), by_session: None };
            return Ok(Caller { account, arn: format!("arn:aws:iam::{account}:user/auditor"), permitted });
        }
        let session = self.sessions.get(access_key).ok_or(Rejected::Unknown)?;
        if token != Some(session.token.as_str()) {
            return Err(Rejected::Unknown);
        }
        if arrived >= session.expires {
            return Err(Rejected::Expired);
        }
        Ok(Caller {
            account: session.account,
            arn: format!("arn:aws:sts::{}:assumed-role/{}/{}", session.account, session.role, session.name),
            permitted: session.permitted.clone(),
        })
    }

    /// Hands out a session. Keys are numbered: the same calls in the same order get the same keys.
    pub(crate) fn open_session(&mut self, session: Session) -> String {
        let key = format!("{TEMPORARY}{:012}", self.sessions.len() + 1);
        self.sessions.insert(key.clone(), session);
        key
    }
}
