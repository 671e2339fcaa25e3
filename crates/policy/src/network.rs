//! Address ranges, and which of them could hold an address that AWS calls from.

mod blocks;

use std::net::IpAddr;
use std::sync::LazyLock;

use blocks::{AWS_BLOCKS, MAPPED, NEVER_PUBLIC, PRIVATE_USE};

/// A CIDR range; a bare address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    /// IPv4 addresses stand in the low 32 bits.
    address: u128,
    prefix: u32,
    v6: bool,
}

impl Range {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let (bits, width, v6) = match address.parse().ok()? {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32, false),
            IpAddr::V6(v6) => (v6.to_bits(), 128, true),
        };
        let prefix = match prefix {
            Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
            None => width,
        };
        (prefix <= width).then(|| Self { address: bits & mask(prefix, width), prefix, v6 })
    }

    fn width(self) -> u32 {
        if self.v6 { 128 } else { 32 }
    }

    pub(crate) fn is_v6(self) -> bool {
        self.v6
    }

    /// Every address of its family.
    pub(crate) fn is_everything(self) -> bool {
        self.prefix == 0
    }

    pub(crate) fn contains(self, other: Self) -> bool {
        self.v6 == other.v6
            && self.prefix <= other.prefix
            && other.address & mask(self.prefix, self.width()) == self.address
    }

    fn overlaps(self, other: Self) -> bool {
        self.contains(other) || other.contains(self)
    }

    /// Whether none of its addresses is public.
    pub(crate) fn is_private(self) -> bool {
        static PRIVATE: LazyLock<Vec<Range>> = LazyLock::new(|| ranges(&[PRIVATE_USE]));
        PRIVATE.iter().any(|range| range.contains(self))
    }

    /// Whether no address in it can be one that Inspector calls ECR from.
    ///
    /// Private and documentation ranges cannot; neither can small public ranges outside the blocks that AWS announces.
    /// In doubt the answer is no: the verdict is then `depends`, and a person must check it.
    pub(crate) fn cannot_be_aws(self) -> bool {
        static NEVER: LazyLock<Vec<Range>> = LazyLock::new(|| ranges(&[NEVER_PUBLIC]));
        static MAY_BE: LazyLock<Vec<Range>> = LazyLock::new(|| ranges(&[AWS_BLOCKS, MAPPED]));
        let narrow = self.prefix >= if self.v6 { 32 } else { 16 };
        NEVER.iter().any(|range| range.contains(self)) || (narrow && !MAY_BE.iter().any(|block| block.overlaps(self)))
    }
}

fn ranges(tables: &[&[&str]]) -> Vec<Range> {
    tables.iter().copied().flatten().filter_map(|text| Range::parse(text)).collect()
}

fn mask(prefix: u32, width: u32) -> u128 {
    let all = if width == 128 { u128::MAX } else { (1 << width) - 1 };
    if prefix == 0 { 0 } else { all & (all << (width - prefix)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cannot(text: &str) -> bool {
        Range::parse(text).unwrap().cannot_be_aws()
    }

    #[test]
    fn customers_private_and_small_public_ranges_cannot_be_aws() {
        for text in
            ["203.0.113.10/32", "10.0.0.0/8", "10.1.2.3", "192.168.0.0/16", "81.2.69.0/24", "2001:db8::/32", "fd00::/8"]
        {
            assert!(cannot(text), "{text}");
        }
    }

    #[test]
    fn everything_broad_ranges_and_aws_blocks_could_be() {
        for text in [
            "0.0.0.0/0",
            "::/0",
            "80.0.0.0/8",
            "52.95.0.0/16",
            "3.5.1.1",
            "54.0.0.0/7",
            "2600:1f18::/33",
            "2000::/3",
            // Announced by AWS, from all over the list.
            "35.80.0.0/16",
            "35.72.0.0/16",
            "184.192.0.0/16",
            "184.208.0.0/16",
            "32.184.0.0/16",
            "99.200.0.0/16",
            "77.112.0.0/16",
            "182.24.0.0/16",
            "15.230.39.0/24",
            "43.224.79.154",
            "2606:8140::/40",
            "2001:3fc0::/32",
            "2a05:d018::/36",
            // IPv4 as IPv6.
            "::ffff:0:0/96",
            "::ffff:35.80.0.0/112",
            "64:ff9b::3500:0/112",
            "2002:3450::/32",
        ] {
            assert!(!cannot(text), "{text}");
        }
    }

    #[test]
    fn a_range_is_its_network_whatever_host_it_was_written_with() {
        assert_eq!(Range::parse("10.1.2.3/8"), Range::parse("10.0.0.0/8"));
        assert_eq!(Range::parse("2001:db8::1/32"), Range::parse("2001:db8::/32"));
        assert_ne!(Range::parse("10.1.2.3"), Range::parse("10.1.2.2"));
        let contains = |range: &str, other: &str| Range::parse(range).unwrap().contains(Range::parse(other).unwrap());
        assert!(contains("10.0.0.0/8", "10.255.0.0/16") && !contains("10.255.0.0/16", "10.0.0.0/8"));
        assert!(contains("0.0.0.0/0", "255.255.255.255") && !contains("::/0", "0.0.0.0"));
    }

    #[test]
    fn every_row_of_every_table_is_a_range() {
        for text in NEVER_PUBLIC.iter().chain(AWS_BLOCKS).chain(MAPPED) {
            assert!(Range::parse(text).is_some(), "{text}");
        }
        for wrong in ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0", "::/129", "x"] {
            assert!(Range::parse(wrong).is_none(), "{wrong}");
        }
    }
}
