//! A slice of an organization's accounts, for audits that are split over processes.

use std::fmt;
use std::str::FromStr;

use crate::AccountId;

/// One of so many slices. Which slice an account is in hangs on its id alone: an account that joins moves no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard {
    of: u32,
    /// From 1.
    index: u32,
}

/// AWS: an array job of Batch has 10,000 children at most.
const SHARDS_MAX: u32 = 10_000;

impl Shard {
    /// `None`: there is no such slice.
    pub fn new(index: u32, of: u32) -> Option<Self> {
        ((1..=of).contains(&index) && of <= SHARDS_MAX).then_some(Self { of, index })
    }

    pub fn of(self) -> u32 {
        self.of
    }

    pub fn index(self) -> u32 {
        self.index
    }

    pub fn holds(self, account: AccountId) -> bool {
        // Ids are given out with patterns of their own: SplitMix64's finish scatters them, the same in every release.
        let number: u64 = account.as_str().bytes().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
        let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        mixed % u64::from(self.of) == u64::from(self.index - 1)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// No shard: what was written is not `K/N`, or K is not one of N.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoShard;

impl FromStr for Shard {
    type Err = NoShard;

    fn from_str(text: &str) -> Result<Self, NoShard> {
        let (index, of) = text.split_once('/').ok_or(NoShard)?;
        let number = |text: &str| text.trim().parse().map_err(|_| NoShard);
        Self::new(number(index)?, number(of)?).ok_or(NoShard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: 14 Shards: a slice hangs on the account's id alone, and is the same in every release
    #[test]
    fn every_account_is_in_one_shard_and_stays_there() {
        let ids = (0..2_000_u64).map(|n| format!("{:012}", 100_000_000_000 + n * 7).parse::<AccountId>().unwrap());
        let mut sizes = [0_u32; 4];
        for id in ids {
            let of: Vec<u32> = (1..=4).filter(|index| Shard::new(*index, 4).unwrap().holds(id)).collect();
            assert_eq!(of.len(), 1, "{id}");
            sizes[usize::try_from(of[0] - 1).unwrap()] += 1;
        }
        assert!(sizes.iter().all(|size| (400..600).contains(size)), "{sizes:?}");
        // These are stored nowhere, so that no release may move them.
        let of_eight = |id: &str| (1..=8).find(|k| Shard::new(*k, 8).unwrap().holds(id.parse().unwrap())).unwrap();
        assert_eq!(["111111111111", "222222222222", "000000000001"].map(of_eight), [1, 4, 2]);
    }

    #[test]
    fn shards_are_written_as_k_of_n() {
        assert_eq!("3/8".parse::<Shard>().unwrap().to_string(), "3/8");
        for wrong in ["", "3", "0/8", "9/8", "1/0", "1/10001", "-1/8", "a/b", "1/2/3"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
