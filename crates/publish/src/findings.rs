//! Findings in a file, one a line, and where each is to go. A million of them are not in memory.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

use scangap_model::{AccountId, RegionName};
use serde::Deserialize;

/// AWS: findings that one call takes, and the bytes of its body. Some are left for what is around the findings.
const FINDINGS_A_CALL: usize = 100;
const BYTES_A_CALL: usize = 6_000_000 - 100_000;

/// AWS: a finding that is not shown any more, unless it is asked for.
const ARCHIVED: &str = "ARCHIVED";

/// One account in one region: what takes findings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hub {
    pub account: AccountId,
    pub region: RegionName,
}

/// A line of the file.
#[derive(Debug, Clone, Copy)]
struct Line {
    at: u64,
    length: usize,
}

#[derive(Debug)]
pub struct Findings<F> {
    file: Mutex<F>,
    hubs: BTreeMap<Hub, Vec<Line>>,
    /// By the status of the control: `PASSED`, `FAILED`, ...; those that are over apart, as `ARCHIVED`.
    by_status: BTreeMap<String, u64>,
}

/// What a finding says of itself.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Head {
    aws_account_id: String,
    product_arn: String,
    compliance: Compliance,
    record_state: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Compliance {
    status: String,
}

#[derive(Debug)]
pub struct UnreadableFinding(pub io::Error);

impl From<io::Error> for UnreadableFinding {
    fn from(error: io::Error) -> Self {
        Self(error)
    }
}

impl<F: Read + Seek> Findings<F> {
    /// Reads the file through, from its beginning.
    pub fn of(mut file: F) -> Result<Self, UnreadableFinding> {
        let not_a_finding = || UnreadableFinding(io::Error::new(io::ErrorKind::InvalidData, "not a finding"));
        let (mut hubs, mut by_status) = (BTreeMap::<Hub, Vec<Line>>::new(), BTreeMap::<String, u64>::new());
        file.seek(SeekFrom::Start(0))?;
        let mut lines = BufReader::new(&mut file);
        let (mut at, mut text) = (0, Vec::new());
        loop {
            text.clear();
            let length = lines.read_until(b'\n', &mut text)?;
            if length == 0 {
                break;
            }
            let head: Head = serde_json::from_slice(&text).map_err(|_| not_a_finding())?;
            let region = head.product_arn.split(':').nth(3).and_then(|region| region.parse().ok());
            let hub = Hub {
                account: head.aws_account_id.parse().map_err(|_| not_a_finding())?,
                region: region.ok_or_else(not_a_finding)?,
            };
            hubs.entry(hub).or_default().push(Line { at, length });
            let is_over = head.record_state == ARCHIVED;
            *by_status.entry(if is_over { head.record_state } else { head.compliance.status }).or_default() += 1;
            at += u64::try_from(length).unwrap_or(0);
        }
        Ok(Self { file: Mutex::new(file), hubs, by_status })
    }

    /// Only those of some accounts and regions.
    pub fn retain(&mut self, is_wanted: impl Fn(&Hub) -> bool) {
        self.hubs.retain(|hub, _| is_wanted(hub));
    }

    pub fn is_whole(&self) -> bool {
        self.count() == self.by_status.values().sum::<u64>()
    }

    pub fn count(&self) -> u64 {
        self.hubs.values().map(|lines| u64::try_from(lines.len()).unwrap_or(0)).sum()
    }

    pub fn by_status(&self) -> &BTreeMap<String, u64> {
        &self.by_status
    }

    pub fn hubs(&self) -> impl Iterator<Item = &Hub> {
        self.hubs.keys()
    }

    /// The findings of a hub, in parts that a call takes.
    pub(crate) fn parts(&self, hub: &Hub) -> Vec<Part<'_, F>> {
        let lines = self.hubs.get(hub).map(Vec::as_slice).unwrap_or_default();
        let mut parts = Vec::new();
        let (mut from, mut bytes) = (0, 0);
        for (nth, line) in lines.iter().enumerate() {
            if nth - from == FINDINGS_A_CALL || (nth > from && bytes + line.length > BYTES_A_CALL) {
                parts.extend(lines.get(from..nth));
                (from, bytes) = (nth, 0);
            }
            bytes += line.length;
        }
        parts.extend(lines.get(from..).filter(|rest| !rest.is_empty()));
        parts.into_iter().map(|lines| Part { findings: self, lines }).collect()
    }
}

/// Findings that one call takes.
#[derive(Debug)]
pub(crate) struct Part<'f, F> {
    findings: &'f Findings<F>,
    lines: &'f [Line],
}

impl<F: Read + Seek> Part<'_, F> {
    pub(crate) fn len(&self) -> u64 {
        u64::try_from(self.lines.len()).unwrap_or(0)
    }

    /// As they are in the file.
    pub(crate) fn read(&self) -> io::Result<Vec<String>> {
        let mut file = self.findings.file.lock().unwrap_or_else(PoisonError::into_inner);
        let one = |line: &Line| {
            let mut text = vec![0; line.length];
            file.seek(SeekFrom::Start(line.at))?;
            file.read_exact(&mut text)?;
            String::from_utf8(text).map_err(io::Error::other)
        };
        self.lines.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use std::io::Cursor;

    use super::*;

    fn line(account: &str, region: &str, padding: usize) -> String {
        format!(
            r#"{{"AwsAccountId":"{account}","ProductArn":"arn:aws:securityhub:{region}:{account}:product/{account}/default","Compliance":{{"Status":"PASSED"}},"RecordState":"ACTIVE","Padding":"{}"}}"#,
            "x".repeat(padding)
        ) + "\n"
    }

    fn sizes(lines: &[String]) -> Vec<Vec<u64>> {
        let findings = Findings::of(Cursor::new(lines.concat().into_bytes())).unwrap();
        let sizes = |hub| findings.parts(hub).iter().map(Part::len).collect();
        findings.hubs().map(sizes).collect()
    }

    #[test]
    fn a_part_is_what_a_call_takes() {
        let many = |count: usize, padding| vec![line("111111111111", "eu-west-1", padding); count];
        assert_eq!(sizes(&many(1, 0)), [[1]]);
        assert_eq!(sizes(&many(100, 0)), [[100]]);
        assert_eq!(sizes(&many(201, 0)), [[100, 100, 1]]);
        // 240 KB is the most of one finding: 24 of them are in one call.
        assert_eq!(sizes(&many(30, 239_000)), [[24, 6]]);
        assert!(sizes(&[]).is_empty());
    }

    #[test]
    fn each_place_has_its_own_findings_wherever_they_are() {
        let lines = [
            line("222222222222", "eu-west-1", 1),
            line("111111111111", "us-east-1", 2),
            line("222222222222", "us-east-1", 3),
            line("222222222222", "eu-west-1", 4),
        ];
        let findings = Findings::of(Cursor::new(lines.concat().into_bytes())).unwrap();
        let read = |hub| findings.parts(hub).iter().flat_map(|part| part.read().unwrap()).collect::<Vec<_>>();
        let all: Vec<Vec<String>> = findings.hubs().map(read).collect();
        let [first, second, third, fourth] = lines;
        assert_eq!(all, [vec![second], vec![first, fourth], vec![third]]);
        assert_eq!(findings.count(), 4);
        assert!(Findings::of(Cursor::new(b"{}\n".to_vec())).is_err());
    }
}
