//! How far an account was read, as its registries tell.

use scangap_model::{AccountFacts, AccountOutcome, RegionName, RegistryFacts, RegistryOutcome};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reading<'a> {
    Read,
    /// It opened, and some of its regions were not read, or their repositories not listed to the end.
    Partly {
        read: usize,
        not_read: Vec<&'a RegionName>,
    },
    Skipped,
    Unreadable,
    NotReached,
}

impl<'a> Reading<'a> {
    pub(crate) fn of(account: &AccountFacts, registries: impl Iterator<Item = &'a RegistryFacts>) -> Self {
        match account.outcome {
            AccountOutcome::Skipped { .. } => return Self::Skipped,
            AccountOutcome::Unreadable(_) => return Self::Unreadable,
            AccountOutcome::NotReached => return Self::NotReached,
            AccountOutcome::Read { .. } => {}
        }
        let asked: Vec<&RegistryFacts> = registries
            .filter(|registry| {
                !matches!(registry.outcome, RegistryOutcome::NotEnabled | RegistryOutcome::Skipped { .. })
            })
            .collect();
        let not_read: Vec<&RegistryFacts> = asked.iter().copied().filter(|registry| !registry.is_listed()).collect();
        if not_read.is_empty() {
            Self::Read
        } else if not_read.len() == asked.len()
            && asked.iter().all(|registry| registry.outcome == RegistryOutcome::NotReached)
        {
            Self::NotReached
        } else {
            Self::Partly {
                read: asked.len() - not_read.len(),
                not_read: not_read.into_iter().map(|registry| &registry.region).collect(),
            }
        }
    }

    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Partly { .. } => "partly",
            Self::Skipped => "skipped",
            Self::Unreadable => "unreadable",
            Self::NotReached => "not_reached",
        }
    }

    /// `16 of 17 regions; not sa-east-1`.
    pub(crate) fn in_words(&self) -> Option<String> {
        let Self::Partly { read, not_read } = self else { return None };
        let names: Vec<&str> = not_read.iter().map(|region| region.as_str()).collect();
        Some(format!("{read} of {} regions; not {}", read + not_read.len(), names.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use scangap_model::{Asked, Observed};

    use super::*;

    // Holds: 3 What was not read: an account of which a region is missing is read partly, and says which
    #[test]
    fn an_account_is_read_partly_where_a_region_is_missing() {
        let account = AccountFacts {
            id: "111111111111".parse().unwrap(),
            name: Observed::Absent,
            state: Observed::Absent,
            ou_path: Observed::Absent,
            organization_path: Observed::Absent,
            outcome: AccountOutcome::Read { role_name: None },
            regions_source: Asked::NotNeeded,
            inspector_role: Asked::NotNeeded,
        };
        let registry = |region: &str, outcome: RegistryOutcome| {
            let mut registry = RegistryFacts::unasked(account.id, region.parse().unwrap(), outcome);
            if registry.outcome == RegistryOutcome::Read {
                registry.repositories = Observed::Known(0).into();
            }
            registry
        };
        let read = registry("eu-west-1", RegistryOutcome::Read);
        let closed = registry("ap-east-1", RegistryOutcome::NotEnabled);
        let ahead = registry("us-east-1", RegistryOutcome::NotReached);
        let mut broken = registry("sa-east-1", RegistryOutcome::Read);
        broken.repositories = Asked::NotNeeded;
        let of = |registries: &[&RegistryFacts]| {
            let reading = Reading::of(&account, registries.iter().copied());
            (reading.word(), reading.in_words())
        };
        assert_eq!(of(&[&read, &closed]), ("read", None));
        assert_eq!(of(&[]), ("read", None));
        assert_eq!(of(&[&read, &ahead, &closed]), ("partly", Some("1 of 2 regions; not us-east-1".to_owned())));
        assert_eq!(of(&[&read, &broken]), ("partly", Some("1 of 2 regions; not sa-east-1".to_owned())));
        assert_eq!(of(&[&ahead, &closed]), ("not_reached", None));
    }
}
