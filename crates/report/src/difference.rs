//! Texts line by line: what goes, what comes, what stays.

use scangap_model::sanitize;
use similar::{ChangeTag, TextDiff};

/// A line of a difference: `+`, `-` or a space, and the text as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub sign: &'static str,
    pub text: String,
}

pub(crate) fn lines(before: &str, after: &str) -> Vec<Line> {
    let difference = TextDiff::from_lines(before, after);
    difference.iter_all_changes().map(|change| line(change.tag(), change.value())).collect()
}

/// Only what changes, with a few lines around it.
pub(crate) fn hunks(before: &str, after: &str) -> Vec<Line> {
    const AROUND: usize = 3;
    let difference = TextDiff::from_lines(before, after);
    let mut lines = Vec::new();
    for group in difference.grouped_ops(AROUND) {
        for change in group.iter().flat_map(|op| difference.iter_changes(op)) {
            lines.push(line(change.tag(), change.value()));
        }
    }
    lines
}

/// One line per value, whatever the author's spaces: a difference in spaces alone is none.
pub(crate) fn printed(text: &str) -> String {
    serde_json::from_str::<serde_json::Value>(text)
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_else(|_| text.to_owned())
        + "\n"
}

fn line(tag: ChangeTag, text: &str) -> Line {
    let sign = match tag {
        ChangeTag::Insert => "+",
        ChangeTag::Delete => "-",
        ChangeTag::Equal => " ",
    };
    Line { sign, text: readable(text.trim_end_matches('\n')) }
}

/// A line of a policy as a page or a terminal may show it.
pub(crate) fn readable(line: &str) -> String {
    sanitize(&line.trim_end_matches('\r').replace('\t', "    "))
}
