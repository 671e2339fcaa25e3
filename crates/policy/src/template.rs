//! A value of a policy: text with wildcards where its operator has them, and policy variables where the version does.

use crate::key::Key;

/// A run of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(Box<str>),
    /// `?`: exactly one character.
    One,
    /// `*`: any run, also none.
    Any,
    Variable(Variable),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) key: Key,
    pub(crate) default: Option<Box<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
    /// No shorter text matches; variables count nothing.
    shortest: usize,
}

/// A piece with its variable replaced.
enum Wanted<'v> {
    Text(&'v str),
    One,
    Any,
}

/// Which colons a wildcard may stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colons {
    All,
    /// None up to this place.
    After(usize),
    /// Only a `*` that ends its segment.
    BySegment,
}

/// A `*` that can match more: what comes after it, and the text that it leaves.
type Retry = Option<(usize, usize)>;

impl Template {
    pub(crate) fn new(text: &str, wildcards: bool, variables: bool) -> Self {
        let mut reader = Reader { pieces: Vec::new(), text: String::new(), wildcards };
        let mut rest = text;
        while let Some((before, variable, after)) = variables.then(|| split_variable(rest)).flatten() {
            reader.plain(before);
            match variable {
                // AWS: `${*}`, `${?}` and `${$}` stand for the characters themselves.
                "*" | "?" | "$" => reader.text.push_str(variable),
                _ => {
                    let (key, default) = match variable.split_once(',') {
                        Some((key, default)) => (key.trim(), Some(default.trim().trim_matches('\'').into())),
                        None => (variable.trim(), None),
                    };
                    reader.push(Piece::Variable(Variable { key: Key::new(key), default }));
                }
            }
            rest = after;
        }
        reader.plain(rest);
        reader.flush();
        let shortest = reader.pieces.iter().map(Piece::shortest).sum();
        Self { pieces: reader.pieces, shortest }
    }

    pub(crate) fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Variable(variable) => Some(variable),
            Piece::Text(_) | Piece::One | Piece::Any => None,
        })
    }

    /// Whether it matches every text.
    pub(crate) fn is_everything(&self) -> bool {
        !self.pieces.is_empty() && self.pieces.iter().all(|piece| *piece == Piece::Any)
    }

    /// Its text, where it is nothing but text.
    pub(crate) fn literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text that every match begins with.
    pub(crate) fn prefix(&self) -> &str {
        match self.pieces.first() {
            Some(Piece::Text(text)) => text,
            _ => "",
        }
    }

    /// Whether the whole text matches, with the variables' values given. Only the last `*` is ever retried: never worse
    /// than pattern times text.
    pub(crate) fn matches<'v>(&'v self, text: &str, value: impl Fn(&'v Variable) -> &'v str) -> bool {
        self.could_match(text, |variable| Some(value(variable)))
    }

    /// Whether it matches with some values of the variables that have none yet.
    pub(crate) fn could_match<'v>(&'v self, text: &str, value: impl Fn(&'v Variable) -> Option<&'v str>) -> bool {
        text.len() >= self.shortest && self.glob(text, Colons::All, value)
    }

    /// AWS: `ArnEquals` and `ArnLike` compare the six parts between colons separately; the sixth may hold colons. So each
    /// of the first five colons must be met by a colon of the template's own.
    pub(crate) fn matches_arn<'v>(&'v self, text: &str, value: impl Fn(&'v Variable) -> &'v str) -> bool {
        let fifth = text.match_indices(':').nth(4);
        fifth.is_some_and(|(at, _)| {
            text.len() >= self.shortest && self.glob(text, Colons::After(at), |variable| Some(value(variable)))
        })
    }

    /// AWS: in a `Resource`, a `*` goes beyond its segment only where it is the segment's last character.
    pub(crate) fn matches_resource<'v>(&'v self, text: &str, value: impl Fn(&'v Variable) -> Option<&'v str>) -> bool {
        text.len() >= self.shortest && self.glob(text, Colons::BySegment, value)
    }

    /// Whether it matches every text that begins so.
    pub(crate) fn matches_all_that_begin<'v>(&'v self, start: &str, value: impl Fn(&'v Variable) -> &'v str) -> bool {
        self.pieces.last() == Some(&Piece::Any) && self.matches_resource(start, |variable| Some(value(variable)))
    }

    /// Whether it could match a text that begins so and goes on.
    pub(crate) fn could_begin<'v>(&'v self, start: &str, value: impl Fn(&'v Variable) -> Option<&'v str>) -> bool {
        let (mut rest, mut beyond) = (start, false);
        for piece in &self.pieces {
            let wanted = match piece {
                Piece::Text(wanted) => wanted,
                Piece::Any => return true,
                Piece::One => {
                    let mut chars = rest.chars();
                    beyond |= chars.next().is_none();
                    rest = chars.as_str();
                    continue;
                }
                Piece::Variable(variable) => match value(variable) {
                    Some(value) => value,
                    None => return true,
                },
            };
            match rest.strip_prefix(wanted) {
                Some(others) => rest = others,
                None => return wanted.starts_with(rest),
            }
        }
        beyond
    }

    /// A variable without a value matches any run of characters.
    fn glob<'v>(&'v self, text: &str, colons: Colons, value: impl Fn(&'v Variable) -> Option<&'v str>) -> bool {
        let char_at = |at: usize| text.get(at..).and_then(|rest| rest.chars().next());
        let wanted_at = |piece: usize| {
            self.pieces.get(piece).map(|piece| match piece {
                Piece::Text(wanted) => Wanted::Text(wanted),
                Piece::One => Wanted::One,
                Piece::Any => Wanted::Any,
                Piece::Variable(variable) => value(variable).map_or(Wanted::Any, Wanted::Text),
            })
        };
        let one_may_be = |at: usize, c: char| match colons {
            Colons::All => true,
            Colons::After(fifth) => c != ':' || at > fifth,
            Colons::BySegment => c != ':',
        };
        // The last `*` that any colon can go into, and the last one after it that none can.
        let (mut far, mut near): (Retry, Retry) = (None, None);
        let (mut piece, mut at) = (0, 0);
        loop {
            let step = match wanted_at(piece) {
                None if at == text.len() => return true,
                None => None,
                Some(Wanted::Any) => {
                    let ends_segment = match wanted_at(piece + 1) {
                        None => true,
                        Some(Wanted::Text(next)) => next.starts_with(':'),
                        Some(Wanted::One | Wanted::Any) => false,
                    };
                    if colons == Colons::All || (colons == Colons::BySegment && ends_segment) {
                        (far, near) = (Some((piece + 1, at)), None);
                    } else {
                        near = Some((piece + 1, at));
                    }
                    Some(0)
                }
                Some(Wanted::One) => char_at(at).filter(|&c| one_may_be(at, c)).map(char::len_utf8),
                Some(Wanted::Text(wanted)) => {
                    text.get(at..).is_some_and(|rest| rest.starts_with(wanted)).then_some(wanted.len())
                }
            };
            if let Some(length) = step {
                piece += 1;
                at += length;
                continue;
            }
            let more_near = near.and_then(|(after, from)| {
                char_at(from).filter(|&c| one_may_be(from, c)).map(|c| (after, from + c.len_utf8()))
            });
            let more_far = || far.and_then(|(after, from)| char_at(from).map(|c| (after, from + c.len_utf8())));
            if more_near.is_some() {
                near = more_near;
            } else {
                (far, near) = (more_far(), None);
            }
            match near.or(far) {
                Some((after, from)) => (piece, at) = (after, from),
                None => return false,
            }
        }
    }

    /// Whether text and template are equal but for case.
    pub(crate) fn equals_ignoring_case<'v>(&'v self, text: &str, value: impl Fn(&'v Variable) -> &'v str) -> bool {
        let wanted = self.pieces.iter().flat_map(|piece| match piece {
            Piece::Text(text) => text.chars(),
            Piece::Variable(variable) => value(variable).chars(),
            Piece::One => "?".chars(),
            Piece::Any => "*".chars(),
        });
        wanted.flat_map(char::to_lowercase).eq(text.chars().flat_map(char::to_lowercase))
    }
}

impl Piece {
    fn shortest(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::One => 1,
            Self::Any | Self::Variable(_) => 0,
        }
    }
}

struct Reader {
    pieces: Vec<Piece>,
    /// The run that is being read.
    text: String,
    wildcards: bool,
}

impl Reader {
    fn plain(&mut self, text: &str) {
        if !self.wildcards {
            self.text.push_str(text);
            return;
        }
        let mut rest = text;
        while let Some(at) = rest.find(['*', '?']) {
            let (before, wild) = rest.split_at(at);
            self.text.push_str(before);
            let mut chars = wild.chars();
            self.push(if chars.next() == Some('*') { Piece::Any } else { Piece::One });
            rest = chars.as_str();
        }
        self.text.push_str(rest);
    }

    fn push(&mut self, piece: Piece) {
        self.flush();
        // A second `*` in a row adds nothing.
        if piece != Piece::Any || self.pieces.last() != Some(&Piece::Any) {
            self.pieces.push(piece);
        }
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.pieces.push(Piece::Text(std::mem::take(&mut self.text).into_boxed_str()));
        }
    }
}

fn split_variable(text: &str) -> Option<(&str, &str, &str)> {
    let (before, opened) = text.split_once("${")?;
    let (variable, after) = opened.split_once('}')?;
    Some((before, variable, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(pattern: &str, text: &str) -> bool {
        Template::new(pattern, true, false).matches(text, |_| "")
    }

    fn arn(pattern: &str, text: &str) -> bool {
        Template::new(pattern, true, false).matches_arn(text, |_| "")
    }

    #[test]
    fn wildcards() {
        assert!(like("a*c?e*", "abbcdefg"));
        assert!(like("*", "") && like("", "") && like("**", "x"));
        assert!(!like("?", "") && !like("a", "ab") && !like("a*b", "ac"));
        assert!(like("*ab*ab*", "xxabyyabzz") && like("?", "é") && !like("??", "é"));
        assert!(!Template::new("a*", false, false).matches("ab", |_| ""));
    }

    #[test]
    fn a_wildcard_does_not_cross_the_colons_of_an_arn() {
        let role = "arn:aws:iam::111122223333:role/aws-service-role/x";
        assert!(arn("arn:*:iam::111122223333:role/*", role));
        assert!(arn("arn:aws:iam:*:*:*", role) && arn("*:*:*:*:*:*", role));
        assert!(!arn("arn:aws:iam*:role/*", role) && !arn("arn:aws:iam::*", role));
        assert!(!arn("*", role) && !arn("*", "no colons"));
        assert!(arn("a:b:c:d:e:*", "a:b:c:d:e:f:g") && arn("a:b:c:d:e:?", "a:b:c:d:e::"));
        assert!(!arn("a:b:c:d:?e:f", "a:b:c:d::e:f"));
    }

    #[test]
    fn variables_and_their_defaults() {
        let template = Template::new("x-${aws:PrincipalTag/team, 'none'}-${*}${?}${$}*", true, true);
        let defaults: Vec<_> = template.variables().map(|variable| variable.default.as_deref()).collect();
        assert_eq!(defaults, [Some("none")]);
        assert!(template.matches("x-a*b-*?$rest", |_| "a*b"));
        assert!(!template.matches("x-aab-*?$rest", |_| "a*b"), "a value's own stars are text");
        assert!(Template::new("${aws:x", false, true).literal() == Some("${aws:x"));
        assert!(Template::new("${aws:x}", false, false).literal() == Some("${aws:x}"));
    }

    #[test]
    fn case_is_ignored_by_whole_alphabets() {
        let template = Template::new("STRASSE-Été*", false, false);
        assert!(template.equals_ignoring_case("strasse-éTÉ*", |_| ""));
        assert!(!template.equals_ignoring_case("strasse-éTÉ", |_| ""));
    }

    /// The definition, word for word.
    fn by_recursion(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], rest) => rest.is_empty(),
            (['*', rest @ ..], _) => (0..=text.len()).any(|at| by_recursion(rest, &text[at..])),
            (['?', rest @ ..], [_, others @ ..]) => by_recursion(rest, others),
            ([wanted, rest @ ..], [found, others @ ..]) => wanted == found && by_recursion(rest, others),
            (_, []) => false,
        }
    }

    /// The same, where `?` is no colon, and `*` takes in colons only at the end of its segment.
    fn by_segment(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], rest) => rest.is_empty(),
            (['*', '*', ..], _) => by_segment(&pattern[1..], text),
            (['*', rest @ ..], _) => {
                let far = rest.is_empty() || rest[0] == ':';
                let reach = if far { None } else { text.iter().position(|&c| c == ':') };
                (0..=reach.unwrap_or(text.len())).any(|at| by_segment(rest, &text[at..]))
            }
            (['?', rest @ ..], [found, others @ ..]) => *found != ':' && by_segment(rest, others),
            ([wanted, rest @ ..], [found, others @ ..]) => wanted == found && by_segment(rest, others),
            (_, []) => false,
        }
    }

    proptest::proptest! {
        #[test]
        fn patterns_of_resources_match_by_their_definition(pattern in "[ab*?:]{0,9}", text in "[ab:]{0,9}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let matches = Template::new(&pattern, true, false).matches_resource(&text, |_| None);
            proptest::prop_assert_eq!(matches, by_segment(&chars(&pattern), &chars(&text)));
        }

        #[test]
        fn beginnings_are_those_of_texts_that_match(pattern in "[ab*?]{0,6}", start in "[ab]{0,4}", more in "[ab]{1,4}") {
            let template = Template::new(&pattern, true, false);
            let whole = format!("{start}{more}");
            let matches = template.matches_resource(&whole, |_| None);
            proptest::prop_assert!(!matches || template.could_begin(&start, |_| None));
            proptest::prop_assert!(matches || !template.matches_all_that_begin(&start, |_| ""));
        }

        #[test]
        fn patterns_match_by_their_definition(pattern in "[ab*?:é]{0,9}", text in "[ab:é]{0,9}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            proptest::prop_assert_eq!(like(&pattern, &text), by_recursion(&chars(&pattern), &chars(&text)));
        }

        #[test]
        fn patterns_of_arns_match_part_by_part(pattern in "[ab*?]{0,2}(:[ab*?]{0,2}){3,7}", text in "[ab]{0,2}(:[ab]{0,2}){3,7}") {
            let parts = |text: &str| text.splitn(6, ':').map(|part| part.chars().collect::<Vec<_>>()).collect::<Vec<_>>();
            let (wanted, found) = (parts(&pattern), parts(&text));
            let expected = wanted.len() == 6 && found.len() == 6 && wanted.iter().zip(&found).all(|(w, f)| by_recursion(w, f));
            proptest::prop_assert_eq!(arn(&pattern, &text), expected);
        }
    }

    #[test]
    fn pathological_patterns_end_quickly() {
        let pattern = "a*".repeat(5_000) + "c";
        assert!(!like(&pattern, &"a".repeat(10_000)));
        assert!(!like(&("*".to_owned() + &"a".repeat(5_000) + "b"), &"a".repeat(10_000)));
    }
}
