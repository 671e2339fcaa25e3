//! How large a generated organization is, and the numbers that what is in it hangs on.

/// What to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generate {
    pub accounts: u32,
    /// How many of the enabled regions hold repositories, in each account.
    pub regions: u32,
    /// Repositories in each used registry.
    pub repositories: u32,
    pub seed: u64,
}

/// `SplitMix64`: small, good enough to scatter a scenario, and the same everywhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Random(pub(crate) u64);

/// From one state to the next.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl Random {
    /// As it is after so many numbers.
    const fn after(self, numbers: u64) -> Self {
        Self(self.0.wrapping_add(STEP.wrapping_mul(numbers)))
    }

    pub(crate) fn next(&mut self) -> u64 {
        *self = self.after(1);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

const REGIONS: &[&str] = &[
    "us-east-1",
    "eu-west-1",
    "eu-central-1",
    "ap-northeast-1",
    "us-west-2",
    "us-east-2",
    "eu-north-1",
    "ap-south-1",
    "ca-central-1",
    "sa-east-1",
    "eu-west-2",
    "eu-west-3",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-2",
    "ap-northeast-3",
    "us-west-1",
];

/// The registries of a generated account, each made on its own: what it holds hangs on the numbers that come before it, and how many
/// those are is known.
#[derive(Debug, Clone, Copy)]
pub struct GeneratedRegistries {
    pub(super) generate: Generate,
    /// As it is before the first of them.
    pub(super) random: Random,
}

impl GeneratedRegistries {
    pub(crate) fn regions(&self) -> impl Iterator<Item = &'static str> {
        REGIONS.iter().copied().take(usize::try_from(self.generate.regions).unwrap_or(usize::MAX))
    }

    /// Before the registry of a place in the list of regions: three numbers for a repository, and one for the registry.
    pub(super) fn random_at(&self, at: usize) -> Random {
        let of_a_registry = 3 * u64::from(self.generate.repositories) + 1;
        self.random.after(of_a_registry * u64::try_from(at).unwrap_or(0))
    }
}
