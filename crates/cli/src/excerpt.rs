//! A statement in the author's own lines, each element underlined with what it made of the request.

use std::fmt::Write;

use scangap_model::Tone;
use scangap_policy::{Element, Truth};
use scangap_report::sanitize;
use unicode_width::UnicodeWidthStr;

use crate::terminal::paint;

/// Longer lines are shown in pieces around the elements.
const WIDEST: usize = 160;

pub(crate) fn write(out: &mut String, text: &str, span: (usize, usize), elements: &[Element]) {
    write_from(out, text, 1, span, elements);
}

/// The same of a part of a file, that begins with the line of this number.
pub(crate) fn write_from(
    out: &mut String,
    text: &str,
    first_line: usize,
    (start, end): (usize, usize),
    elements: &[Element],
) {
    let lines = lines(text, first_line);
    let within = |line: &&Line<'_>| line.start <= end && start <= line.start + line.text.len();
    let shown: Vec<&Line<'_>> = lines.iter().filter(within).collect();
    let margin = shown.last().map_or(1, |line| line.number.to_string().len()).max(4);
    for line in shown {
        let here: Vec<&Element> = elements.iter().filter(|element| line.holds(element.span.0)).collect();
        let whole = readable(line.text);
        if whole.width() <= WIDEST {
            let _ = writeln!(out, " {:>margin$} | {whole}", line.number);
            for element in here {
                let before = readable(line.cut(line.start, element.span.0)).width();
                let marked = readable(line.cut(element.span.0, element.span.1)).width().max(1);
                underline(out, margin, before, marked, element);
            }
        } else if here.is_empty() {
            let piece: String = whole.chars().take(WIDEST / 2).collect();
            let _ = writeln!(out, " {:>margin$} | {piece}…", line.number);
        } else {
            for element in here {
                let span = readable(line.cut(element.span.0, element.span.1));
                let piece: String = span.chars().take(WIDEST / 2).collect();
                let more = if piece.len() < span.len() { "…" } else { "" };
                let _ = writeln!(out, " {:>margin$} | …{piece}{more}", line.number);
                underline(out, margin, 1, piece.width().max(1), element);
            }
        }
    }
}

fn underline(out: &mut String, margin: usize, before: usize, marked: usize, element: &Element) {
    let (mark, said, tone) = match &element.matched {
        Truth::True => ('^', "matches".to_owned(), Tone::Bad),
        Truth::False => ('-', "does not match".to_owned(), Tone::Good),
        Truth::Unknown(keys) => {
            let keys: Vec<String> = keys.iter().map(|key| sanitize(key)).collect();
            ('~', format!("depends on {}", keys.join(", ")), Tone::Question)
        }
    };
    let line = mark.to_string().repeat(marked);
    let request = sanitize(&element.found);
    let _ = writeln!(
        out,
        " {:margin$} | {:before$}{} {}: the request has {request}: {said}",
        "",
        "",
        paint(&line, tone),
        sanitize(&element.name)
    );
}

struct Line<'t> {
    number: usize,
    start: usize,
    text: &'t str,
}

impl<'t> Line<'t> {
    fn holds(&self, offset: usize) -> bool {
        self.start <= offset && offset <= self.start + self.text.len()
    }

    /// A part of the line, by places in the whole text.
    fn cut(&self, from: usize, to: usize) -> &'t str {
        let end = to.saturating_sub(self.start).min(self.text.len());
        self.text.get(from.saturating_sub(self.start)..end).unwrap_or_default()
    }
}

fn lines(text: &str, first: usize) -> Vec<Line<'_>> {
    let mut start = 0;
    let mut lines = Vec::new();
    for (at, line) in text.split('\n').enumerate() {
        lines.push(Line { number: at + first, start, text: line.strip_suffix('\r').unwrap_or(line) });
        start += line.len() + 1;
    }
    lines
}

/// Escapes control characters and expands tabs, so that text and underlines stay aligned.
fn readable(text: &str) -> String {
    sanitize(&text.replace('\t', "    "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(text: &str, part: &str) -> Element {
        let start = text.find(part).expect("the part");
        Element {
            name: "Key".into(),
            span: (start, start + part.len()),
            wanted: Vec::new(),
            found: "x".into(),
            matched: Truth::True,
        }
    }

    fn plain(text: &str, part: &str) -> String {
        let mut out = String::new();
        write(&mut out, text, (0, text.len()), &[element(text, part)]);
        anstream::adapter::strip_str(&out).to_string()
    }

    #[test]
    fn elements_are_underlined_where_they_stand() {
        let shown = plain("{\r\n\t\"日本\": \"é\"}", "\"é\"");
        assert_eq!(
            shown,
            "    1 | {\n    2 |     \"日本\": \"é\"}\n      |             ^^^ Key: the request has x: matches\n"
        );
    }

    #[test]
    fn long_lines_are_shown_in_pieces() {
        let text = format!("{{{}\"needle\"{}", "x".repeat(500), "y".repeat(500));
        let shown = plain(&text, "\"needle\"");
        assert!(shown.starts_with("    1 | …\"needle\"\n      |  ^^^^^^^^ Key"), "{shown}");
    }
}
