//! The diagnosis: a total function over five layers, from the outside in. The first layer that fails names it.

use scangap_model::{Asked, Diagnosis, Observed, ScanRule, Verdict};

use crate::coverage::{ACCESS_DENIED, ACTIVE, Coverage, ImageCoverage, PENDING_INITIAL_SCAN};

/// Whether a scan rule selects the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    Selected,
    NotSelected,
    /// Neither the service's answer nor the registry's rules are known.
    Unknown,
}

/// Everything a diagnosis is made of.
#[derive(Debug, Clone)]
pub struct Layers<'a> {
    pub ecr_status: &'a Asked<String>,
    pub scan_type: &'a Asked<String>,
    pub selection: Selection,
    pub verdict: Verdict,
    pub coverage: &'a Coverage,
    pub images: &'a ImageCoverage,
    pub has_active_image: &'a Asked<bool>,
}

/// Whether some answer to what could not be learnt would make it `covered`: no layer that is known rules it out. A word
/// that is not known here may stand for anything.
pub(crate) fn may_be_covered(layers: &Layers<'_>) -> bool {
    let outer = |layer| !matches!(layer, Layer::Ends(diagnosis) if diagnosis != Diagnosis::Unreadable);
    let by_images = match layers.images {
        ImageCoverage::Gap(_) | ImageCoverage::NotAsked => true,
        ImageCoverage::Counted(images) => images.scanned > 0,
    };
    let by_coverage = match layers.coverage {
        Coverage::Gap(_) | Coverage::NotAsked => true,
        Coverage::Row { status, reason, .. } => row(status, reason).is_none(),
        Coverage::NoRow => false,
    };
    outer(account_status(layers.ecr_status))
        && outer(scan_type(layers.scan_type))
        && layers.selection != Selection::NotSelected
        && matches!(layers.verdict, Verdict::Allowed | Verdict::Unknown)
        && by_coverage
        && by_images
}

/// Whether some answer to what could not be learnt would make it none that is to be scanned: `inspector_off`, `basic_scanning`,
/// `not_selected` or `empty`.
pub(crate) fn may_be_none_to_scan(layers: &Layers<'_>) -> bool {
    for outer in [account_status(layers.ecr_status), scan_type(layers.scan_type)] {
        match outer {
            Layer::Passed => {}
            Layer::Ends(Diagnosis::Unreadable | Diagnosis::InspectorOff | Diagnosis::BasicScanning) => return true,
            Layer::Ends(_) => return false,
        }
    }
    if layers.selection != Selection::Selected {
        return true;
    }
    let names_no_image = match layers.coverage {
        Coverage::Gap(_) | Coverage::NotAsked | Coverage::NoRow => true,
        Coverage::Row { status, reason, .. } => {
            row(status, reason).is_none()
                && match layers.images {
                    ImageCoverage::Gap(_) | ImageCoverage::NotAsked => true,
                    ImageCoverage::Counted(images) => images.scanned == 0 && images.not_scanned == 0,
                }
        }
    };
    matches!(layers.verdict, Verdict::Allowed | Verdict::Unknown)
        && names_no_image
        && !matches!(layers.has_active_image, Asked::Answered(Observed::Known(true)))
}

/// The outer two layers: an answer, or an end.
enum Layer {
    Passed,
    Ends(Diagnosis),
}

pub fn diagnose(layers: &Layers<'_>) -> Diagnosis {
    if let Layer::Ends(diagnosis) = account_status(layers.ecr_status) {
        return diagnosis;
    }
    if let Layer::Ends(diagnosis) = scan_type(layers.scan_type) {
        return diagnosis;
    }
    match layers.selection {
        Selection::Unknown => return Diagnosis::Unreadable,
        Selection::NotSelected => return Diagnosis::NotSelected,
        Selection::Selected => {}
    }
    match layers.verdict {
        Verdict::Unknown => Diagnosis::Unreadable,
        Verdict::Denied => match layers.coverage {
            Coverage::Row { status, .. } if status == ACTIVE => Diagnosis::AtRisk,
            Coverage::Row { .. } | Coverage::NoRow | Coverage::Gap(_) | Coverage::NotAsked => Diagnosis::Blocked,
        },
        Verdict::Depends => Diagnosis::Undecided,
        Verdict::Allowed => covered(layers),
    }
}

fn account_status(status: &Asked<String>) -> Layer {
    match status {
        Asked::NotNeeded | Asked::Answered(Observed::Unknown(_)) => Layer::Ends(Diagnosis::Unreadable),
        // Inspector does not exist in the region: off, as a fact.
        Asked::Answered(Observed::Absent) => Layer::Ends(Diagnosis::InspectorOff),
        Asked::Answered(Observed::Known(word)) => match word.as_str() {
            "ENABLED" => Layer::Passed,
            "DISABLED" | "SUSPENDED" => Layer::Ends(Diagnosis::InspectorOff),
            "ENABLING" | "DISABLING" | "SUSPENDING" => Layer::Ends(Diagnosis::Changing),
            _ => Layer::Ends(Diagnosis::Unreadable),
        },
    }
}

fn scan_type(scan_type: &Asked<String>) -> Layer {
    match scan_type.known().map(String::as_str) {
        Some("ENHANCED") => Layer::Passed,
        Some("BASIC") => Layer::Ends(Diagnosis::BasicScanning),
        Some(_) | None => Layer::Ends(Diagnosis::Unreadable),
    }
}

fn covered(layers: &Layers<'_>) -> Diagnosis {
    match layers.coverage {
        Coverage::Gap(_) | Coverage::NotAsked => Diagnosis::Unreadable,
        Coverage::Row { status, reason, .. } => row(status, reason).unwrap_or_else(|| active(layers)),
        Coverage::NoRow => without_image_row(layers, Diagnosis::Unseen),
    }
}

/// What a repository's row says by itself. `None`: ACTIVE, so its images decide.
fn row(status: &str, reason: &str) -> Option<Diagnosis> {
    match (status, reason) {
        (_, ACCESS_DENIED) => Some(Diagnosis::Stale),
        (_, "ACCESS_DENIED_TO_ENCRYPTION_KEY") => Some(Diagnosis::KeyDenied),
        (_, "PENDING_DISABLE" | "RESOURCE_TERMINATED") => Some(Diagnosis::Changing),
        (ACTIVE, _) => None,
        _ => Some(Diagnosis::Limited),
    }
}

/// An ACTIVE repository row shows that Inspector monitors the repository, not that it scans any image.
fn active(layers: &Layers<'_>) -> Diagnosis {
    match layers.images {
        ImageCoverage::Gap(_) | ImageCoverage::NotAsked => Diagnosis::Unreadable,
        ImageCoverage::Counted(images) if images.scanned > 0 => Diagnosis::Covered,
        ImageCoverage::Counted(images) if images.not_scanned == 0 => without_image_row(layers, Diagnosis::Limited),
        ImageCoverage::Counted(images) if images.reasons.contains_key(PENDING_INITIAL_SCAN) => Diagnosis::Changing,
        ImageCoverage::Counted(_) => Diagnosis::Limited,
    }
}

/// Coverage names no image: is there one?
fn without_image_row(layers: &Layers<'_>, where_there_is_one: Diagnosis) -> Diagnosis {
    match layers.has_active_image {
        Asked::Answered(Observed::Known(true)) => where_there_is_one,
        Asked::Answered(Observed::Known(false) | Observed::Absent) => Diagnosis::Empty,
        Asked::Answered(Observed::Unknown(_)) | Asked::NotNeeded => Diagnosis::Unreadable,
    }
}

/// The service's own answer; where that is a gap, derived from the registry's rules.
pub(crate) fn selection(frequency: &Observed<String>, rules: &Asked<Vec<ScanRule>>, name: &str) -> Selection {
    match frequency {
        Observed::Known(word) if word == "MANUAL" => Selection::NotSelected,
        // A word not known here is still a frequency.
        Observed::Known(_) => Selection::Selected,
        Observed::Absent => Selection::NotSelected,
        Observed::Unknown(_) => match rules.known() {
            Some(rules) if rules.iter().flat_map(|rule| &rule.filters).any(|filter| selects(filter, name)) => {
                Selection::Selected
            }
            Some(_) => Selection::NotSelected,
            None => Selection::Unknown,
        },
    }
}

/// AWS: "Filters for image scanning": without `*` a filter matches any name that contains it; with `*`, which matches
/// any run, it is anchored at both ends.
pub fn selects(filter: &str, name: &str) -> bool {
    if !filter.contains('*') {
        return name.contains(filter);
    }
    let mut pieces = filter.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match rest.split_once(piece) {
            _ if piece.is_empty() => {}
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use scangap_model::{Api, Cause, CoverageSource, Gap, GapKind, ImageCount, ImageCounts};

    use super::*;
    use crate::coverage::images_of;

    fn gap() -> Gap {
        Gap {
            api: Api::ListCoverage,
            account: None,
            region: None,
            resource: String::new(),
            kind: GapKind::AccessDenied,
            code: String::new(),
            cause: Cause::NotStated,
            policy_arn: String::new(),
            message: String::new(),
            attempts: 1,
        }
    }

    fn word(text: &str) -> Asked<String> {
        match text {
            "gap" => Asked::Answered(Observed::unknown(gap())),
            "absent" => Asked::Answered(Observed::Absent),
            "not needed" => Asked::NotNeeded,
            text => Asked::Answered(Observed::Known(text.to_owned())),
        }
    }

    /// `status, scan type, selection, verdict, coverage, images`. Coverage is the repository's row, and behind a `+` the
    /// images' rows as `STATUS REASON NUMBER`.
    fn check(layers: &str, expected: Diagnosis) {
        let parts: Vec<&str> = layers.split(", ").collect();
        let (own, rows) = parts[4].split_once(" + ").unwrap_or((parts[4], ""));
        let mut counts = ImageCounts::default();
        for row in rows.split(" + ").filter(|row| !row.is_empty() && *row != "image gap") {
            let words: Vec<&str> = row.split(' ').collect();
            let images = words[2].parse().unwrap();
            counts.add(words[0], words[1], &ImageCount { images, ..ImageCount::default() });
        }
        let images = if rows == "image gap" {
            ImageCoverage::Gap(gap().into())
        } else {
            images_of(&counts, &Asked::Answered(Observed::Known(CoverageSource::Account)))
        };
        let coverage = match own.split_once(' ') {
            Some((status, reason)) => {
                Coverage::Row { status: status.into(), reason: reason.into(), last_scanned_at: None }
            }
            None if own == "gap" => Coverage::Gap(gap().into()),
            None if own == "none" => Coverage::NoRow,
            None => Coverage::NotAsked,
        };
        let has_active_image = match parts[5] {
            "yes" => Asked::Answered(Observed::Known(true)),
            "no" => Asked::Answered(Observed::Known(false)),
            "gap" => Asked::Answered(Observed::unknown(gap())),
            _ => Asked::NotNeeded,
        };
        let found = diagnose(&Layers {
            ecr_status: &word(parts[0]),
            scan_type: &word(parts[1]),
            selection: match parts[2] {
                "selected" => Selection::Selected,
                "no" => Selection::NotSelected,
                _ => Selection::Unknown,
            },
            verdict: match parts[3] {
                "allowed" => Verdict::Allowed,
                "denied" => Verdict::Denied,
                "depends" => Verdict::Depends,
                _ => Verdict::Unknown,
            },
            coverage: &coverage,
            images: &images,
            has_active_image: &has_active_image,
        });
        assert_eq!(found, expected, "{layers}");
    }

    #[test]
    fn every_row_of_the_table_of_diagnoses() {
        use Diagnosis::*;
        for (layers, expected) in [
            ("gap, ENHANCED, selected, allowed, ACTIVE SUCCESSFUL, -", Unreadable),
            ("NEW_WORD, ENHANCED, selected, allowed, ACTIVE SUCCESSFUL, -", Unreadable),
            ("not needed, ENHANCED, selected, denied, none, -", Unreadable),
            ("absent, ENHANCED, selected, allowed, none, -", InspectorOff),
            ("DISABLED, gap, gap, denied, gap, -", InspectorOff),
            ("SUSPENDED, ENHANCED, selected, allowed, none, -", InspectorOff),
            ("ENABLING, ENHANCED, selected, allowed, none, -", Changing),
            ("DISABLING, ENHANCED, selected, allowed, none, -", Changing),
            ("SUSPENDING, ENHANCED, selected, allowed, none, -", Changing),
            ("ENABLED, gap, selected, allowed, none, -", Unreadable),
            ("ENABLED, NEW_TYPE, selected, allowed, none, -", Unreadable),
            ("ENABLED, BASIC, gap, unknown, gap, -", BasicScanning),
            ("ENABLED, ENHANCED, gap, denied, none, -", Unreadable),
            ("ENABLED, ENHANCED, no, denied, none, -", NotSelected),
            ("ENABLED, ENHANCED, selected, unknown, none, -", Unreadable),
            ("ENABLED, ENHANCED, selected, denied, ACTIVE SUCCESSFUL, -", AtRisk),
            ("ENABLED, ENHANCED, selected, denied, INACTIVE ACCESS_DENIED, -", Blocked),
            ("ENABLED, ENHANCED, selected, denied, none, yes", Blocked),
            ("ENABLED, ENHANCED, selected, denied, gap, -", Blocked),
            ("ENABLED, ENHANCED, selected, depends, ACTIVE SUCCESSFUL, -", Undecided),
            ("ENABLED, ENHANCED, selected, allowed, gap, -", Unreadable),
            ("ENABLED, ENHANCED, selected, allowed, INACTIVE ACCESS_DENIED, -", Stale),
            ("ENABLED, ENHANCED, selected, allowed, INACTIVE ACCESS_DENIED_TO_ENCRYPTION_KEY, -", KeyDenied),
            ("ENABLED, ENHANCED, selected, allowed, INACTIVE PENDING_DISABLE, -", Changing),
            ("ENABLED, ENHANCED, selected, allowed, INACTIVE RESOURCE_TERMINATED, -", Changing),
            ("ENABLED, ENHANCED, selected, allowed, ACTIVE SUCCESSFUL + ACTIVE SUCCESSFUL 1, -", Covered),
            (
                "ENABLED, ENHANCED, selected, allowed, ACTIVE SUCCESSFUL + ACTIVE SUCCESSFUL 37 + INACTIVE UNSUPPORTED_OS 3, -",
                Covered,
            ),
            (
                "ENABLED, ENHANCED, selected, allowed, ACTIVE SUCCESSFUL + INACTIVE SCAN_ELIGIBILITY_EXPIRED 3, -",
                Limited,
            ),
            ("ENABLED, ENHANCED, selected, allowed, ACTIVE SUCCESSFUL + INACTIVE A_REASON_OF_TOMORROW 1, -", Limited),
            (
                "ENABLED, ENHANCED, selected, allowed, ACTIVE SUCCESSFUL + INACTIVE UNSUPPORTED_OS 1 + INACTIVE PENDING_INITIAL_SCAN 1, -",
                Changing,
            ),
            ("ENABLED, ENHANCED, selected, allowed, ACTIVE SUCCESSFUL + ACTIVE PENDING_INITIAL_SCAN 1, -", Changing),
            ("ENABLED, ENHANCED, selected, allowed, ACTIVE SUCCESSFUL, yes", Limited),
            ("ENABLED, ENHANCED, selected, allowed, ACTIVE SUCCESSFUL, no", Empty),
            ("ENABLED, ENHANCED, selected, allowed, ACTIVE SUCCESSFUL, gap", Unreadable),
            ("ENABLED, ENHANCED, selected, allowed, ACTIVE SUCCESSFUL, -", Unreadable),
            ("ENABLED, ENHANCED, selected, allowed, ACTIVE SUCCESSFUL + image gap, yes", Unreadable),
            ("ENABLED, ENHANCED, selected, allowed, INACTIVE SCAN_ELIGIBILITY_EXPIRED, -", Limited),
            ("ENABLED, ENHANCED, selected, allowed, INACTIVE A_REASON_OF_TOMORROW, -", Limited),
            ("ENABLED, ENHANCED, selected, allowed, none, no", Empty),
            ("ENABLED, ENHANCED, selected, allowed, none, yes", Unseen),
            ("ENABLED, ENHANCED, selected, allowed, none, gap", Unreadable),
            ("ENABLED, ENHANCED, selected, allowed, none, -", Unreadable),
        ] {
            check(layers, expected);
        }
    }

    fn images(rows: &[(&str, &str)]) -> ImageCoverage {
        let mut counts = ImageCounts::default();
        for (status, reason) in rows {
            counts.add(status, reason, &ImageCount { images: 1, ..ImageCount::default() });
        }
        images_of(&counts, &Asked::Answered(Observed::Known(CoverageSource::Account)))
    }

    /// Every answer that AWS could give to each layer; those that are known come first, the last is the gap.
    #[test]
    fn what_it_may_be_is_what_an_answer_to_what_is_unknown_makes_it() {
        let row = |status: &str, reason: &str| Coverage::Row {
            status: status.into(),
            reason: reason.into(),
            last_scanned_at: None,
        };
        let statuses = ["ENABLED", "DISABLED", "ENABLING", "absent", "gap"].map(word);
        let scan_types = ["ENHANCED", "BASIC", "gap"].map(word);
        let selections = [Selection::Selected, Selection::NotSelected, Selection::Unknown];
        let verdicts = [Verdict::Allowed, Verdict::Denied, Verdict::Depends, Verdict::Unknown];
        let coverages = [
            row("ACTIVE", "SUCCESSFUL"),
            row("INACTIVE", "ACCESS_DENIED"),
            row("INACTIVE", "ACCESS_DENIED_TO_ENCRYPTION_KEY"),
            row("INACTIVE", "PENDING_DISABLE"),
            row("INACTIVE", "A_REASON_OF_TOMORROW"),
            Coverage::NoRow,
            Coverage::Gap(gap().into()),
        ];
        let of_images = [
            images(&[("ACTIVE", "SUCCESSFUL")]),
            images(&[("INACTIVE", "UNSUPPORTED_OS")]),
            images(&[]),
            ImageCoverage::Gap(gap().into()),
        ];
        let held = ["yes", "no", "gap"].map(|answer| match answer {
            "gap" => Asked::Answered(Observed::unknown(gap())),
            answer => Asked::Answered(Observed::Known(answer == "yes")),
        });
        let sizes = [5, 3, 3, 4, 7, 4, 3];
        let layers = |at: [usize; 7]| Layers {
            ecr_status: &statuses[at[0]],
            scan_type: &scan_types[at[1]],
            selection: selections[at[2]],
            verdict: verdicts[at[3]],
            coverage: &coverages[at[4]],
            images: &of_images[at[5]],
            has_active_image: &held[at[6]],
        };
        let every = |ranges: [std::ops::Range<usize>; 7]| {
            ranges.into_iter().fold(vec![Vec::new()], |all: Vec<Vec<usize>>, range| {
                all.iter().flat_map(|at| range.clone().map(|next| [at.as_slice(), &[next]].concat())).collect()
            })
        };
        let array = |at: Vec<usize>| <[usize; 7]>::try_from(at).unwrap();
        let mut may_be = 0;
        for at in every(sizes.map(|size| 0..size)).into_iter().map(array) {
            let answers: [_; 7] = std::array::from_fn(|layer| {
                if at[layer] + 1 == sizes[layer] { 0..sizes[layer] - 1 } else { at[layer]..at[layer] + 1 }
            });
            let all: Vec<Diagnosis> = every(answers).into_iter().map(|at| diagnose(&layers(array(at)))).collect();
            let covers = all.contains(&Diagnosis::Covered);
            assert_eq!(may_be_covered(&layers(at)), covers, "{:?}", layers(at));
            let none = [Diagnosis::InspectorOff, Diagnosis::BasicScanning, Diagnosis::NotSelected, Diagnosis::Empty];
            let is_none = all.iter().any(|diagnosis| none.contains(diagnosis));
            assert_eq!(may_be_none_to_scan(&layers(at)), is_none, "{:?}", layers(at));
            may_be += usize::from(covers);
        }
        // Each layer is the one answer that covers or the gap; whether there is an image does not matter.
        assert_eq!(may_be, 2_usize.pow(6) * 3);
    }

    #[test]
    fn selection_is_the_services_answer_or_derived_from_the_rules() {
        let rules = |filters: &[&str]| {
            Asked::Answered(Observed::Known(vec![ScanRule {
                frequency: "SCAN_ON_PUSH".into(),
                filters: filters.iter().map(ToString::to_string).collect(),
            }]))
        };
        let unknown = Observed::unknown(gap());
        assert_eq!(selection(&Observed::Known("MANUAL".into()), &rules(&["*"]), "app"), Selection::NotSelected);
        for (filter, name, selected) in [
            ("*", "app", true),
            ("prod", "my-prod-app", true),
            ("prod*", "my-prod-app", false),
            ("*prod*app", "my-prod-app", true),
            ("my-*-app", "my-app", false),
            ("my*my", "my", false),
        ] {
            let expected = if selected { Selection::Selected } else { Selection::NotSelected };
            assert_eq!(selection(&unknown, &rules(&[filter]), name), expected, "{filter} {name}");
        }
        assert_eq!(selection(&unknown, &Asked::Answered(Observed::unknown(gap())), "app"), Selection::Unknown);
    }
}
