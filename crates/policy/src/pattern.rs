//! Text patterns with `*` and `?`, and ARN patterns compared part by part.

/// One element of a compiled pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    Char(char),
    /// `?`: exactly one character.
    One,
    /// `*`: any run, also none.
    Any,
}

pub(crate) fn wildcard(text: &str) -> Vec<Token> {
    text.chars()
        .map(|c| match c {
            '*' => Token::Any,
            '?' => Token::One,
            other => Token::Char(other),
        })
        .collect()
}

/// Whether the whole text matches. Linear in practice and never worse than pattern times text: only the last `*` is
/// ever retried.
pub(crate) fn matches(pattern: &[Token], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match (pattern.get(p), text.get(t)) {
            (Some(Token::Any), _) => {
                retry = Some((p, t));
                p += 1;
            }
            (Some(Token::One), Some(_)) => {
                p += 1;
                t += 1;
            }
            (Some(Token::Char(wanted)), Some(found)) if wanted == found => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    p = star + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|token| *token == Token::Any)
}

pub(crate) fn text_matches(pattern: &[Token], text: &str) -> bool {
    matches(pattern, &text.chars().collect::<Vec<_>>())
}

/// Whether the pattern matches every text.
pub(crate) fn matches_everything(pattern: &[Token]) -> bool {
    !pattern.is_empty() && pattern.iter().all(|token| *token == Token::Any)
}

pub(crate) fn is_literal(pattern: &[Token]) -> bool {
    pattern.iter().all(|token| matches!(token, Token::Char(_)))
}

/// AWS: `ArnEquals` and `ArnLike` compare the six colon-separated parts separately; the sixth may hold colons. A wildcard
/// does not cross a colon of the first five.
pub(crate) fn arn_matches(pattern: &[Token], text: &str) -> bool {
    let wanted: Vec<&[Token]> = pattern.splitn(6, |token| *token == Token::Char(':')).collect();
    let found: Vec<&str> = text.splitn(6, ':').collect();
    wanted.len() == 6 && found.len() == 6 && wanted.iter().zip(found).all(|(part, value)| text_matches(part, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        let check = |pattern: &str, text: &str| text_matches(&wildcard(pattern), text);
        assert!(check("a*c?e*", "abbcdefg"));
        assert!(check("*", "") && check("", "") && check("**", "x"));
        assert!(!check("?", "") && !check("a", "ab") && !check("a*b", "ac"));
        assert!(check("*ab*ab*", "xxabyyabzz"));
    }

    #[test]
    fn a_wildcard_does_not_cross_the_colons_of_an_arn() {
        let role = "arn:aws:iam::111122223333:role/aws-service-role/x";
        assert!(arn_matches(&wildcard("arn:*:iam::111122223333:role/*"), role));
        assert!(arn_matches(&wildcard("arn:aws:iam:*:*:*"), role));
        assert!(!arn_matches(&wildcard("arn:aws:iam*:role/*"), role));
        assert!(!arn_matches(&wildcard("*"), role));
    }

    #[test]
    fn pathological_patterns_end_quickly() {
        let pattern = wildcard(&("a*".repeat(5_000) + "c"));
        assert!(!text_matches(&pattern, &"a".repeat(10_000)));
    }
}
