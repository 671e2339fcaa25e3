//! Why there is no connection, and what to do about it.

use std::path::PathBuf;

use aws_credential_types::provider::error::CredentialsError;
use jiff::Timestamp;
use scangap_model::GapKind;

use crate::classify::CallError;
use crate::settings::SettingError;

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("no AWS credentials were found")]
    NoCredentials(#[source] CredentialsError),
    #[error("the AWS credentials could not be loaded")]
    CredentialsFailed(#[source] CredentialsError),
    #[error("no AWS credentials were found")]
    NoCredentialChain,
    #[error("failed to read the CA bundle `{path}`")]
    CaBundle { path: PathBuf, source: std::io::Error },
    #[error("the CA bundle `{path}` holds no PEM certificate")]
    CaBundleEmpty { path: PathBuf },
    #[error("the CA bundle `{path}` holds a certificate that cannot be read: number {number}")]
    CaBundleBroken { path: PathBuf, number: usize },
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error("{0} has no Amazon Inspector")]
    Partition(String),
    #[error("AWS did not say who the caller is")]
    Identity(#[source] CallError),
    #[error("AWS gave an identity that is not an ARN in an account: `{0}`")]
    BadIdentity(String),
}

impl ConnectError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::CredentialsFailed(_) => {
                "the last cause says what failed; renew what the credentials are made from, or name another --profile"
                    .to_owned()
            }
            Self::NoCredentials(_) | Self::NoCredentialChain => {
                "run `aws sso login`, set AWS_PROFILE, or name a profile with --profile".to_owned()
            }
            Self::Identity(error) => match error.kind {
                GapKind::RegionDisabled | GapKind::AccessDenied => {
                    "the access key is not known to AWS: check the profile or the AWS_* variables".to_owned()
                }
                GapKind::ClockSkew => match off_clock(&error.message) {
                    Some(off) => format!("set this machine's clock: {off}"),
                    None => error.clone().at(None, None, "").hint(),
                },
                _ => error.clone().at(None, None, "").hint(),
            },
            Self::Setting(setting) => setting.hint(),
            Self::CaBundle { .. } | Self::CaBundleEmpty { .. } | Self::CaBundleBroken { .. } => {
                "name a PEM file with --ca-bundle or AWS_CA_BUNDLE".to_owned()
            }
            Self::Partition(_) | Self::BadIdentity(_) => "check --endpoint-url and --region".to_owned(),
        }
    }
}

/// How far this machine's clock is from AWS's, from AWS's message about a signature: it holds the time of signing first, and the service's
/// in brackets.
fn off_clock(message: &str) -> Option<String> {
    let (_, times) =
        message.split_once("Signature expired: ").or_else(|| message.split_once("Signature not yet current: "))?;
    let signed: Timestamp = times.split(' ').next()?.parse().ok()?;
    let (_, bracket) = times.split_once('(')?;
    let theirs: Timestamp = bracket.split(' ').next()?.parse().ok()?;
    let off = signed.duration_since(theirs);
    let minutes = (off.abs().as_secs() + 30) / 60;
    let (said, side) =
        (if minutes == 1 { "minute" } else { "minutes" }, if off.is_negative() { "behind" } else { "ahead of" });
    Some(format!("it is {minutes} {said} {side} AWS's ({theirs} there)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_says_how_far_the_clock_is_off() {
        let behind =
            "Signature expired: 20261130T013425Z is now earlier than 20261130T013925Z (20261130T014425Z - 5 min.)";
        assert_eq!(off_clock(behind).as_deref(), Some("it is 10 minutes behind AWS's (2026-11-30T01:44:25Z there)"));
        let ahead = "Signature not yet current: 20261201T013425Z is still later than 20261130T013925Z (20261130T013425Z + 5 min.)";
        assert_eq!(off_clock(ahead).as_deref(), Some("it is 1440 minutes ahead of AWS's (2026-11-30T01:34:25Z there)"));
        let secret = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key (a - b)";
        for other in [secret, "Signature expired: soon", "Signature expired: 20261130T013425Z (", ""] {
            assert_eq!(off_clock(other), None, "{other}");
        }
    }
}
