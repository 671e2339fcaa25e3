//! Why there is no connection, and what to do about it.

use std::path::PathBuf;

use aws_credential_types::provider::error::CredentialsError;
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
                GapKind::ClockSkew => "check the secret access key, and this machine's clock".to_owned(),
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
