//! Address ranges, and which of them could hold an address that AWS calls from.

use std::net::IpAddr;

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
        let (bits, width, v6) = match address.trim().parse().ok()? {
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

    pub(crate) fn contains(self, other: Self) -> bool {
        self.v6 == other.v6
            && self.prefix <= other.prefix
            && other.address & mask(self.prefix, self.width()) == self.address
    }

    fn overlaps(self, other: Self) -> bool {
        self.contains(other) || other.contains(self)
    }

    /// Whether no address in it can be one that Inspector calls ECR from.
    ///
    /// Private and documentation ranges cannot; neither can small public ranges outside the blocks that AWS announces.
    /// Errs towards "it could": then the verdict depends, and a person looks.
    pub(crate) fn cannot_be_aws(self) -> bool {
        let listed = |table: &[&str]| table.iter().filter_map(|text| Self::parse(text)).collect::<Vec<_>>();
        if listed(NEVER_PUBLIC).into_iter().any(|range| range.contains(self)) {
            return true;
        }
        let narrow = self.prefix >= if self.v6 { 32 } else { 16 };
        narrow && !listed(AWS_BLOCKS).into_iter().any(|block| block.overlaps(self))
    }
}

fn mask(prefix: u32, width: u32) -> u128 {
    let all = if width == 128 { u128::MAX } else { (1 << width) - 1 };
    if prefix == 0 { 0 } else { all & (all << (width - prefix)) }
}

/// IANA special-purpose registries: private, shared, loopback, link-local, documentation, benchmarking, multicast.
const NEVER_PUBLIC: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/127",
    "fc00::/7",
    "fe80::/10",
    "2001:db8::/32",
    "ff00::/8",
];

/// Coarse blocks that hold the ranges AWS announces (ip-ranges.json), rounded outwards.
const AWS_BLOCKS: &[&str] = &[
    "1.178.0.0/16",
    "3.0.0.0/8",
    "13.32.0.0/11",
    "13.112.0.0/12",
    "13.124.0.0/14",
    "13.192.0.0/10",
    "13.128.0.0/10",
    "15.128.0.0/9",
    "16.0.0.0/8",
    "18.0.0.0/8",
    "23.20.0.0/14",
    "34.192.0.0/10",
    "35.152.0.0/13",
    "35.160.0.0/11",
    "40.176.0.0/12",
    "43.192.0.0/10",
    "44.192.0.0/10",
    "46.51.128.0/17",
    "46.137.0.0/16",
    "47.128.0.0/14",
    "50.16.0.0/14",
    "50.112.0.0/16",
    "51.0.0.0/10",
    "51.92.0.0/14",
    "51.96.0.0/13",
    "51.112.0.0/14",
    "51.118.0.0/15",
    "52.0.0.0/8",
    "54.0.0.0/8",
    "56.0.0.0/12",
    "56.124.0.0/14",
    "56.136.0.0/13",
    "56.155.0.0/16",
    "57.180.0.0/14",
    "63.32.0.0/14",
    "63.176.0.0/12",
    "64.252.0.0/16",
    "65.0.0.0/14",
    "65.8.0.0/15",
    "67.202.0.0/18",
    "68.79.0.0/18",
    "69.107.0.0/16",
    "69.230.192.0/18",
    "69.231.128.0/18",
    "69.234.192.0/18",
    "69.235.128.0/18",
    "70.132.0.0/18",
    "70.232.64.0/18",
    "71.131.192.0/18",
    "71.132.0.0/18",
    "71.136.64.0/18",
    "71.137.0.0/16",
    "71.141.0.0/20",
    "71.152.0.0/17",
    "72.21.192.0/19",
    "72.41.0.0/20",
    "72.44.32.0/19",
    "75.2.0.0/16",
    "75.101.128.0/17",
    "76.223.0.0/16",
    "79.125.0.0/17",
    "87.238.80.0/21",
    "96.0.0.0/14",
    "96.127.0.0/17",
    "98.80.0.0/12",
    "98.130.0.0/15",
    "99.77.0.0/16",
    "99.78.0.0/15",
    "99.80.0.0/13",
    "99.150.0.0/16",
    "99.151.0.0/16",
    "100.20.0.0/14",
    "100.24.0.0/13",
    "100.48.0.0/12",
    "103.4.8.0/21",
    "103.8.172.0/22",
    "103.246.148.0/22",
    "107.20.0.0/14",
    "107.176.0.0/15",
    "108.128.0.0/13",
    "108.136.0.0/14",
    "108.156.0.0/14",
    "108.166.224.0/19",
    "108.175.48.0/20",
    "116.129.224.0/20",
    "120.52.0.0/16",
    "122.248.192.0/18",
    "130.176.0.0/16",
    "136.8.0.0/15",
    "136.18.0.0/16",
    "139.56.0.0/16",
    "140.179.0.0/16",
    "142.4.160.0/20",
    "143.204.0.0/16",
    "144.220.0.0/16",
    "150.222.0.0/16",
    "151.148.0.0/16",
    "155.146.0.0/16",
    "157.152.0.0/15",
    "157.175.0.0/16",
    "157.241.0.0/16",
    "159.248.128.0/17",
    "160.1.0.0/16",
    "161.188.0.0/15",
    "161.193.0.0/16",
    "162.213.232.0/22",
    "162.250.236.0/22",
    "168.185.0.0/16",
    "172.96.97.0/24",
    "174.129.0.0/16",
    "175.41.128.0/17",
    "176.32.64.0/18",
    "176.34.0.0/16",
    "177.71.128.0/17",
    "177.72.240.0/21",
    "178.236.0.0/20",
    "180.163.57.0/24",
    "184.32.0.0/11",
    "184.72.0.0/15",
    "184.169.128.0/17",
    "185.48.120.0/22",
    "185.143.16.0/24",
    "203.83.220.0/22",
    "204.45.0.0/16",
    "204.236.128.0/17",
    "204.246.160.0/19",
    "205.251.192.0/18",
    "207.171.160.0/19",
    "208.86.88.0/22",
    "208.110.48.0/20",
    "209.54.160.0/19",
    "216.39.136.0/21",
    "216.137.32.0/19",
    "216.182.224.0/20",
    "2400:6500::/32",
    "2400:6700::/32",
    "2400:7fc0::/32",
    "2403:b300::/32",
    "2404:c2c0::/32",
    "2406:da00::/24",
    "240f:8000::/24",
    "2600:1f00::/24",
    "2600:9000::/28",
    "2600:f000::/20",
    "2604:e480::/32",
    "2605:9cc0::/32",
    "2606:f40::/32",
    "2606:7b40::/32",
    "2607:fb10::/32",
    "2620:107:3000::/36",
    "2620:108:7000::/36",
    "2800:a400::/28",
    "2804:800::/32",
    "2a01:578::/32",
    "2a05:d000::/25",
    "2c0f:f000::/28",
];

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
        for text in
            ["0.0.0.0/0", "::/0", "80.0.0.0/8", "52.95.0.0/16", "3.5.1.1", "54.0.0.0/7", "2600:1f18::/33", "2000::/3"]
        {
            assert!(!cannot(text), "{text}");
        }
    }

    #[test]
    fn every_row_of_both_tables_is_a_range() {
        for text in NEVER_PUBLIC.iter().chain(AWS_BLOCKS) {
            assert!(Range::parse(text).is_some(), "{text}");
        }
        for wrong in ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0", "::/129", "x"] {
            assert!(Range::parse(wrong).is_none(), "{wrong}");
        }
    }
}
