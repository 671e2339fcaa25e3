//! The one class a repository falls in, and what each class means.

/// In the order of the report: what needs action first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Diagnosis {
    Blocked,
    AtRisk,
    Stale,
    KeyDenied,
    Unseen,
    Undecided,
    Unreadable,
    Limited,
    NotSelected,
    BasicScanning,
    InspectorOff,
    Changing,
    Empty,
    Covered,
}

/// The severity of a diagnosis; it decides the color. Output never shows the color without the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Bad,
    Warning,
    Question,
    Neutral,
    Good,
}

#[derive(Debug, Clone, Copy)]
pub struct DiagnosisInfo {
    pub diagnosis: Diagnosis,
    /// The word in every file.
    pub word: &'static str,
    /// The word on screen and in headings.
    pub title: &'static str,
    pub meaning: &'static str,
    pub next_step: &'static str,
    pub tone: Tone,
    /// Whether `--fail-on any` counts it.
    pub fails_any: bool,
}

const fn row(
    diagnosis: Diagnosis,
    word: &'static str,
    title: &'static str,
    meaning: &'static str,
    next_step: &'static str,
    tone: Tone,
    fails_any: bool,
) -> DiagnosisInfo {
    DiagnosisInfo { diagnosis, word, title, meaning, next_step, tone, fails_any }
}

/// One row per diagnosis, in the order of `Diagnosis`.
#[rustfmt::skip]
pub const DIAGNOSES: &[DiagnosisInfo] = &[
    row(Diagnosis::Blocked, "blocked", "blocked",
        "the policy denies Inspector, and the repository is not being scanned",
        "repair the policy: exempt Inspector's role from the denying statement", Tone::Bad, true),
    row(Diagnosis::AtRisk, "at_risk", "at risk",
        "the policy denies Inspector, coverage is still ACTIVE",
        "repair the policy before the next push or re-scan", Tone::Bad, true),
    row(Diagnosis::Stale, "stale", "stale",
        "the policy allows Inspector, coverage still says ACCESS_DENIED",
        "wait, push a new digest, try a gentler refresh, or re-sync", Tone::Bad, true),
    row(Diagnosis::KeyDenied, "key_denied", "key denied",
        "coverage says ACCESS_DENIED_TO_ENCRYPTION_KEY",
        "look at the KMS key: it may be disabled, its policy may refuse, or the grant to the repository may be gone", Tone::Bad, true),
    row(Diagnosis::Unseen, "unseen", "unseen",
        "allowed and selected, has images, yet Inspector has no coverage row",
        "investigate; push a new digest: one that Inspector has seen does nothing", Tone::Warning, true),
    row(Diagnosis::Undecided, "undecided", "undecided",
        "the verdict hangs on the context keys listed",
        "a person decides: see depends_on", Tone::Question, true),
    row(Diagnosis::Unreadable, "unreadable", "unreadable",
        "a fact that decides could not be read",
        "grant the permission named in gaps.csv, and audit again", Tone::Question, false),
    row(Diagnosis::Limited, "limited", "limited",
        "coverage is inactive for another reason, or none of its images is scanned",
        "as the reason says", Tone::Warning, true),
    row(Diagnosis::NotSelected, "not_selected", "not selected",
        "ENHANCED scanning, and no scan rule selects the repository",
        "add a scan filter, or accept", Tone::Neutral, false),
    row(Diagnosis::BasicScanning, "basic_scanning", "basic scanning",
        "the registry scans with BASIC scanning, which does not use Inspector",
        "switch the registry to ENHANCED, or accept", Tone::Neutral, false),
    row(Diagnosis::InspectorOff, "inspector_off", "Inspector off",
        "ECR scanning is not enabled for the account in this region",
        "enable ECR scanning in Inspector, or accept", Tone::Neutral, false),
    row(Diagnosis::Changing, "changing", "changing",
        "a change is under way",
        "look again later", Tone::Neutral, false),
    row(Diagnosis::Empty, "empty", "empty",
        "there is no active image to scan",
        "none", Tone::Neutral, false),
    row(Diagnosis::Covered, "covered", "covered",
        "Inspector scans it: coverage is ACTIVE, of at least one image",
        "none", Tone::Good, false),
];

impl Diagnosis {
    pub fn info(self) -> &'static DiagnosisInfo {
        #[expect(clippy::indexing_slicing, reason = "the table has one row per variant, in order; a test holds it so")]
        &DIAGNOSES[self as usize]
    }

    pub fn word(self) -> &'static str {
        self.info().word
    }

    pub fn from_word(word: &str) -> Option<Self> {
        DIAGNOSES.iter().find(|info| info.word == word).map(|info| info.diagnosis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: 5 Advice that harms: "push a new digest", not "push an image"; a key may be disabled, or its grant gone
    #[test]
    fn no_step_asks_for_what_does_nothing() {
        for info in DIAGNOSES {
            assert!(
                !info.next_step.contains("push an image") && !info.next_step.contains("push again"),
                "{}",
                info.word
            );
        }
        let key = Diagnosis::KeyDenied.info().next_step;
        assert!(key.contains("disabled") && key.contains("grant"), "{key}");
    }

    #[test]
    fn the_table_is_in_the_order_of_the_enum_and_complete() {
        for (index, info) in DIAGNOSES.iter().enumerate() {
            assert_eq!(info.diagnosis as usize, index, "{}", info.word);
            assert_eq!(Diagnosis::from_word(info.word), Some(info.diagnosis));
            assert!(!info.meaning.is_empty() && !info.next_step.is_empty());
        }
        assert_eq!(DIAGNOSES.len(), Diagnosis::Covered as usize + 1);
    }
}
