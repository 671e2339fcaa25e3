//! Settings of the AWS CLI that the SDK here does not read, reads otherwise, or ends the process at. Variables win over the
//! profile, and an empty one is unset.

use std::borrow::Cow;
use std::path::PathBuf;

use aws_config::profile::{Profile, ProfileFileLoadError, ProfileSet};
use aws_config::retry::{RetryConfig, RetryMode};
use aws_types::os_shim_internal::{Env, Fs};

/// Three attempts, the SDK's default, are few for an audit that shares rates with everything else.
const ATTEMPTS: u32 = 5;

/// Keys of a profile that say where its credentials are.
const OWN: &[&str] =
    &["aws_access_key_id", "role_arn", "credential_process", "sso_session", "sso_start_url", "web_identity_token_file"];

/// A setting that says something it must not.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    #[error("{setting} is `{value}`, and not {expected}")]
    Value { setting: String, value: String, expected: &'static str },
    #[error("profile `{name}` is not in the AWS configuration files")]
    UnknownProfile { name: String, known: Vec<String> },
    #[error("the AWS configuration files cannot be read")]
    Files(#[source] ProfileFileLoadError),
    #[error("profile `{name}` asks for a code of an MFA device")]
    Mfa { name: String, selected: String },
}

impl SettingError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Value { .. } => "set it to that, or leave it unset".to_owned(),
            Self::Files(_) => {
                "mend the file, or name others with AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE".to_owned()
            }
            Self::UnknownProfile { name, known } => {
                let score = |known: &&String| strsim::jaro_winkler(known, name);
                let nearest =
                    known.iter().filter(|known| score(known) > 0.8).max_by(|a, b| score(a).total_cmp(&score(b)));
                match nearest {
                    Some(nearest) => format!("did you mean `{nearest}`?"),
                    None if known.is_empty() => {
                        "they hold no profile: make it with `aws configure --profile` and its name, or leave out --profile"
                            .to_owned()
                    }
                    None => format!("they hold {}", known.join(", ")),
                }
            }
            Self::Mfa { selected, .. } => format!(
                "get a session where you can type the code, and run with it and without a profile: eval \"$(aws configure export-credentials --profile {selected} --format env)\""
            ),
        }
    }
}

/// What is decided before the SDK reads anything.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) retries: RetryConfig,
    pub(crate) ca_bundle: Option<PathBuf>,
    /// The profile that the credentials are of whatever the environment holds: one that was named, or one that says
    /// itself that its role is assumed with the environment's.
    pub(crate) credentials_of: Option<String>,
    /// The profile to read in place of the one that the SDK would.
    pub(crate) profile: Option<String>,
    /// Where its role is assumed.
    pub(crate) region: Option<String>,
}

impl Settings {
    /// `named`: the profile of the command line. It wins over the keys in the environment.
    pub(crate) async fn read(env: &Env, fs: &Fs, named: Option<&str>) -> Result<Self, SettingError> {
        let named = named.filter(|name| !name.is_empty());
        // The SDK would look for a profile without a name.
        let unset = env.get("AWS_PROFILE").is_ok_and(|name| name.is_empty());
        let profile = named.or_else(|| unset.then_some("default"));
        let profiles =
            aws_config::profile::load(fs, env, &<_>::default(), profile.map(|name| Cow::Owned(name.to_owned())))
                .await
                .map_err(SettingError::Files)?;
        let selected = profiles.selected_profile().to_owned();
        let profile_override = profile.map(str::to_owned);
        let profile = profiles.get_profile(&selected);
        let was_named = named.is_some() || variable(env, "AWS_PROFILE").is_some();
        if profile.is_none() && was_named {
            let mut known: Vec<String> = profiles.profiles().map(str::to_owned).collect();
            known.sort();
            return Err(SettingError::UnknownProfile { name: selected, known });
        }
        let has = |key: &str| profile.and_then(|profile| profile.get(key)).is_some();
        let by_environment = has("role_arn")
            && profile
                .and_then(|profile| profile.get("credential_source"))
                .is_some_and(|source| source == "Environment");
        // A profile without credentials leaves them to the rest of the chain: an instance's role, a container's.
        let has_own = profile.is_some_and(|_| OWN.iter().any(|key| has(key)));
        let credentials_of = (by_environment || named.is_some() && has_own).then(|| selected.clone());
        let keys = variable(env, "AWS_ACCESS_KEY_ID").is_some();
        if (credentials_of.is_some() || !keys)
            && let Some(name) = asks_for_mfa(&profiles, &selected)
        {
            return Err(SettingError::Mfa { name, selected });
        }
        Ok(Self {
            retries: retries(env, profile)?,
            ca_bundle: setting(env, profile, "AWS_CA_BUNDLE", "ca_bundle").map(|(_, path)| path.into()),
            credentials_of,
            profile: profile_override,
            region: variable(env, "AWS_REGION")
                .or_else(|| setting(env, profile, "AWS_DEFAULT_REGION", "region").map(|(_, region)| region)),
        })
    }
}

fn variable(env: &Env, name: &str) -> Option<String> {
    env.get(name).ok().filter(|value| !value.is_empty())
}

/// Where it was set, and what it says.
fn setting(env: &Env, profile: Option<&Profile>, name: &str, key: &str) -> Option<(String, String)> {
    let of_profile = || {
        let value = profile?.get(key).filter(|value| !value.is_empty())?;
        Some((format!("{key} of profile `{}`", profile?.name()), value.to_owned()))
    };
    variable(env, name).map(|value| (name.to_owned(), value)).or_else(of_profile)
}

/// AWS CLI: `legacy`, its own old way, is taken for `standard`.
fn retries(env: &Env, profile: Option<&Profile>) -> Result<RetryConfig, SettingError> {
    let mode = match setting(env, profile, "AWS_RETRY_MODE", "retry_mode") {
        None => RetryMode::Standard,
        Some((setting, value)) => match value.to_ascii_lowercase().as_str() {
            "standard" | "legacy" => RetryMode::Standard,
            "adaptive" => RetryMode::Adaptive,
            _ => {
                return Err(SettingError::Value {
                    setting,
                    value,
                    expected: "a retry mode: standard, adaptive or legacy",
                });
            }
        },
    };
    let attempts = match setting(env, profile, "AWS_MAX_ATTEMPTS", "max_attempts") {
        None => ATTEMPTS,
        Some((setting, value)) => match value.trim().parse() {
            Ok(number @ 1..) => number,
            _ => return Err(SettingError::Value { setting, value, expected: "a number of attempts from 1" }),
        },
    };
    Ok(RetryConfig::standard().with_retry_mode(mode).with_max_attempts(attempts))
}

/// The profile of the chain that names an MFA device for its role. Nobody can be asked for a code in the middle of an
/// audit, and the SDK would leave it out of the request.
fn asks_for_mfa(profiles: &ProfileSet, selected: &str) -> Option<String> {
    let mut seen = Vec::new();
    let mut name = selected.to_owned();
    while !seen.contains(&name) {
        let profile = profiles.get_profile(&name)?;
        if profile.get("role_arn").is_some() && profile.get("mfa_serial").is_some() {
            return Some(name);
        }
        let source = profile.get("source_profile")?.to_owned();
        seen.push(std::mem::replace(&mut name, source));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[default]\nregion = eu-west-1\n[profile ops]\nrole_arn = arn:aws:iam::111111111111:role/r\nsource_profile = default\nmfa_serial = arn:aws:iam::111111111111:mfa/me\n[profile over]\nrole_arn = arn:aws:iam::111111111111:role/r\nsource_profile = ops\n[profile env]\nrole_arn = arn:aws:iam::111111111111:role/r\ncredential_source = Environment\nca_bundle = /tls/ca.pem\nmax_attempts = 3\nretry_mode = adaptive\n[profile odd]\nmax_attempts = none\n[profile bare]\nregion = eu-west-1\n";

    async fn read(variables: &[(&str, &str)], named: Option<&str>) -> Result<Settings, SettingError> {
        let mut all =
            vec![("AWS_CONFIG_FILE", "/config"), ("AWS_SHARED_CREDENTIALS_FILE", "/credentials"), ("HOME", "/")];
        all.extend(variables);
        Settings::read(&Env::from_slice(&all), &Fs::from_slice(&[("/config", FILE), ("/credentials", "")]), named).await
    }

    // Holds: 7 The wire: settings with good, empty and bad values are obeyed, unset or refused, and none ends the process
    #[tokio::test]
    async fn retry_settings_are_obeyed_and_bad_ones_are_named() {
        let of = |settings: &Settings| (settings.retries.mode(), settings.retries.max_attempts());
        let (standard, adaptive) = (RetryMode::Standard, RetryMode::Adaptive);
        for (variables, named, expected) in [
            (vec![], None, (standard, 5)),
            (vec![("AWS_MAX_ATTEMPTS", "3")], None, (standard, 3)),
            (vec![("AWS_MAX_ATTEMPTS", "1"), ("AWS_RETRY_MODE", "adaptive")], None, (adaptive, 1)),
            (vec![("AWS_RETRY_MODE", "legacy")], None, (standard, 5)),
            (vec![("AWS_RETRY_MODE", ""), ("AWS_MAX_ATTEMPTS", "")], None, (standard, 5)),
            (vec![], Some("env"), (adaptive, 3)),
            (vec![("AWS_MAX_ATTEMPTS", "9")], Some("env"), (adaptive, 9)),
        ] {
            assert_eq!(of(&read(&variables, named).await.unwrap()), expected, "{variables:?} {named:?}");
        }
        for (variables, named, words) in [
            (vec![("AWS_MAX_ATTEMPTS", "0")], None, "AWS_MAX_ATTEMPTS is `0`, and not a number of attempts from 1"),
            (vec![("AWS_MAX_ATTEMPTS", "-1")], None, "AWS_MAX_ATTEMPTS is `-1`"),
            (vec![("AWS_RETRY_MODE", "fast")], None, "AWS_RETRY_MODE is `fast`, and not a retry mode"),
            (vec![], Some("odd"), "max_attempts of profile `odd` is `none`"),
            (vec![], Some("opps"), "profile `opps` is not in the AWS configuration files"),
            (vec![("AWS_PROFILE", "opps")], None, "profile `opps` is not in the AWS configuration files"),
        ] {
            let error = read(&variables, named).await.unwrap_err().to_string();
            assert!(error.starts_with(words), "{variables:?} {named:?}: {error}");
        }
    }

    // Holds: 6 Operating it: a profile that is named wins over keys in the environment, and MFA is one clear error
    #[tokio::test]
    async fn a_named_profile_wins_and_one_that_asks_for_mfa_is_refused() {
        let key = ("AWS_ACCESS_KEY_ID", "AKIA");
        assert_eq!(read(&[key], None).await.unwrap().credentials_of, None);
        assert_eq!(read(&[key], Some("env")).await.unwrap().credentials_of.as_deref(), Some("env"));
        let bare = read(&[], Some("bare")).await.unwrap();
        assert_eq!(bare.credentials_of, None, "it leaves them to the instance");
        let empty = read(&[("AWS_PROFILE", "")], None).await.unwrap();
        assert_eq!((empty.profile.as_deref(), empty.region.as_deref()), (Some("default"), Some("eu-west-1")));
        let by_variable = read(&[key, ("AWS_PROFILE", "env")], None).await.unwrap();
        assert_eq!(
            by_variable.credentials_of.as_deref(),
            Some("env"),
            "its role is assumed with the environment's keys"
        );
        assert_eq!(by_variable.ca_bundle, Some("/tls/ca.pem".into()));
        let own = read(&[("AWS_PROFILE", "env"), ("AWS_CA_BUNDLE", "/own.pem")], None).await.unwrap();
        assert_eq!(own.ca_bundle, Some("/own.pem".into()));
        for named in ["ops", "over"] {
            let error = read(&[], Some(named)).await.unwrap_err();
            assert_eq!(error.to_string(), "profile `ops` asks for a code of an MFA device");
        }
        assert!(read(&[key, ("AWS_PROFILE", "ops")], None).await.is_ok(), "the keys are used, and not the role");
    }
}
