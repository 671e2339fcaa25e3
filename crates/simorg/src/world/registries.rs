//! The registries of an account. Each is made when it is first asked about: an organization of ten thousand accounts is there at once, and
//! what nobody asks about takes no memory.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use scangap_model::{AccountId, RegionName};

use super::maker::Maker;
use super::state::RegistryState;
use crate::scenario::{GeneratedRegistries, RegistrySpec, ScenarioError};

#[derive(Debug)]
pub(crate) struct Registries {
    by_region: BTreeMap<RegionName, Registry>,
    generated: Option<GeneratedRegistries>,
}

#[derive(Debug, Default)]
struct Registry {
    /// `None`: generated.
    stated: Option<Box<RegistrySpec>>,
    made: OnceCell<Box<RegistryState>>,
}

impl Registries {
    pub(super) fn of(stated: Vec<RegistrySpec>, generated: Option<GeneratedRegistries>) -> Result<Self, ScenarioError> {
        let named = |region: &str| region.parse::<RegionName>().map_err(|_| ScenarioError::Region(region.to_owned()));
        let mut by_region = BTreeMap::new();
        for region in generated.iter().flat_map(GeneratedRegistries::regions) {
            by_region.insert(named(region)?, Registry::default());
        }
        for spec in stated {
            by_region.insert(named(&spec.region)?, Registry { stated: Some(Box::new(spec)), made: OnceCell::new() });
        }
        Ok(Self { by_region, generated })
    }

    pub(super) fn get(&self, account: AccountId, region: &RegionName, maker: &Maker) -> Option<&RegistryState> {
        let registry = self.by_region.get(region)?;
        Some(registry.made.get_or_init(|| {
            let generated = || self.generated?.registry(region.as_str());
            let made = match &registry.stated {
                Some(spec) => maker.registry(account, region, spec),
                None => generated().map(|spec| maker.registry(account, region, &spec)).unwrap_or_default(),
            };
            Box::new(made)
        }))
    }

    /// To be changed: a region that holds nothing yet is one that nobody has touched.
    pub(super) fn get_mut(
        &mut self,
        account: AccountId,
        region: &RegionName,
        maker: &Maker,
    ) -> Option<&mut RegistryState> {
        if self.get(account, region, maker).is_none() {
            let untouched = Registry { stated: None, made: OnceCell::from(Box::default()) };
            self.by_region.insert(region.clone(), untouched);
        }
        self.by_region.get_mut(region)?.made.get_mut().map(Box::as_mut)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use crate::scenario::Generate;
    use crate::world::World;

    /// Every registry of a world, as text.
    fn registries(world: &World) -> Vec<String> {
        let places = world.accounts.iter().flat_map(|(id, account)| account.regions.iter().map(|region| (*id, region)));
        places.map(|(id, region)| format!("{id} {region} {:?}", world.registry_ref(id, region))).collect()
    }

    fn made(world: &World) -> usize {
        let registries = world.accounts.values().flat_map(|account| account.registries.by_region.values());
        registries.filter(|registry| registry.made.get().is_some()).count()
    }

    #[test]
    fn an_outline_is_the_organization_that_is_stated_and_makes_only_what_is_asked_about() {
        for (regions, repositories, seed) in [(0, 3, 1), (2, 0, 2), (3, 5, 3), (17, 1, 4)] {
            let generate = Generate { accounts: 7, regions, repositories, seed };
            let wall = "2026-11-23T09:00:00Z".parse().unwrap();
            let stated = World::build(generate.scenario(), None, wall).unwrap();
            let mut outline = World::build(generate.outline(), None, wall).unwrap();
            assert_eq!(made(&outline), 0);
            let (last, region) = (*outline.accounts.keys().last().unwrap(), "us-east-1".parse().unwrap());
            let before = format!("{:?}", stated.registry_ref(last, &region));
            assert_eq!(format!("{:?}", outline.registry_ref(last, &region)), before);
            assert_eq!(made(&outline), usize::from(regions > 0));
            let names: Vec<&String> = outline.accounts.values().map(|account| &account.name).collect();
            assert_eq!(names, stated.accounts.values().map(|account| &account.name).collect::<Vec<_>>());
            assert_eq!(registries(&outline), registries(&stated));
            assert_eq!(made(&outline), 6 * usize::try_from(regions).unwrap());
            // Changing one that is not there makes it.
            let management = outline.management;
            assert!(outline.registry(management, &region).is_some_and(|registry| registry.repositories.is_empty()));
            assert!(outline.registry_ref(management, &region).is_some());
        }
    }
}
