//! Makes untrusted text safe in file names, terminals, Markdown and HCL.

use std::fmt::Write;

/// Characters that are kept of a text.
const LONGEST: usize = 60;

/// Returns the part of a text that is safe in any file name: lower-case letters, digits, `_`, `.` and single `-`, neither
/// hidden nor an option. Different texts may give the same name, and some give an empty one; the caller must keep them apart.
pub fn plain_name(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars().take(LONGEST) {
        match c {
            'a'..='z' | '0'..='9' | '_' | '.' => plain.push(c),
            'A'..='Z' => plain.push(c.to_ascii_lowercase()),
            _ if plain.ends_with('-') => {}
            _ => plain.push('-'),
        }
    }
    plain.trim_matches(['-', '.']).to_owned()
}

/// Whether a character does something to a terminal, or to the order and the sight of others.
pub fn is_control_like(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Replaces characters that control a terminal or the order of text by their code points, so that they have no effect.
pub fn sanitize(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_control_like(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// A text in Markdown: in a code span, where nothing acts, fenced by more backticks than it holds.
pub fn code_span(text: &str) -> String {
    let text = sanitize(text);
    let fence = "`".repeat(longest_run(&text) + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// The same in a cell of a table, where a bar would end the cell.
pub fn code_cell(text: &str) -> String {
    code_span(text).replace('|', "\\|")
}

/// JSON in which what would act on a terminal or on the order of text is written as an escape, which reads as the same character.
pub fn escape_control_characters(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_control_like(c) {
            let mut units = [0; 2];
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

/// A string of HCL, in which nothing is a template, and nothing acts on the order of text.
pub fn hcl_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if is_control_like(c) => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    // Before a brace alone, `$` and `%` begin a template.
    out.replace("${", "$${").replace("%{", "%%{") + "\""
}

/// Lines in Markdown, fenced by more backticks than they hold.
pub fn code_block(language: &str, lines: &str) -> String {
    let fence = "`".repeat(longest_run(lines).max(2) + 1);
    let lines: Vec<String> = lines.lines().map(|line| sanitize(&line.replace('\t', "    "))).collect();
    format!("{fence}{language}\n{}\n{fence}\n", lines.join("\n"))
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_string_of_hcl_is_a_template() {
        assert_eq!(hcl_string("team/app"), "\"team/app\"");
        assert_eq!(hcl_string("a\"b\\${x}%{y}$5 100%"), "\"a\\\"b\\\\$${x}%%{y}$5 100%\"");
        assert_eq!(hcl_string("a\u{202e}b"), "\"a\\U0000202eb\"");
        assert_eq!(hcl_string("&{aws:username}"), "\"&{aws:username}\"");
    }

    #[test]
    fn no_text_leads_out_of_its_folder() {
        for (text, name) in [
            ("team/app_1.x", "team-app_1.x"),
            ("../../etc", "etc"),
            ("-rf", "rf"),
            ("日本", ""),
            ("A  B", "a-b"),
            (".", ""),
        ] {
            assert_eq!(plain_name(text), name);
        }
    }

    #[test]
    fn foreign_text_cannot_move_the_cursor() {
        assert_eq!(sanitize("a\u{1b}[31mb\u{202e}c日本"), "a\\u{1b}[31mb\\u{202e}c日本");
    }

    #[test]
    fn nothing_leaves_its_code() {
        assert_eq!(code_span("plain"), "`plain`");
        assert_eq!(code_span("a`b``c"), "```a`b``c```");
        assert_eq!(code_span("`x`"), "`` `x` ``");
        assert_eq!(code_span("a|b\u{1b}[1m\n"), "`a|b\\u{1b}[1m\\u{a}`");
        assert_eq!(code_block("diff", "a\n```\n<script>"), "````diff\na\n```\n<script>\n````\n");
    }
}
