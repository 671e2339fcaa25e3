//! Numbers in words, as every report writes them.

/// `1,234`.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 account`, `2 accounts`, `3 repositories`.
pub fn count(number: usize, noun: &str) -> String {
    match (number, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{} {stem}ies", thousands(number)),
        _ => format!("{} {noun}s", thousands(number)),
    }
}

/// `42.8 %`, never rounded up: only all is a hundred. Empty: of nothing there is no share.
pub(crate) fn percent(part: usize, whole: usize) -> String {
    if whole == 0 {
        return String::new();
    }
    let tenths = part * 1000 / whole;
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: 15 First screen: a percentage is never rounded up, so that only all is a hundred
    #[test]
    fn only_all_is_a_hundred_per_cent() {
        assert_eq!(percent(1999, 2000), "99.9 %");
        assert_eq!(percent(2000, 2000), "100.0 %");
        assert_eq!(percent(0, 0), "");
        assert_eq!(percent(1, 3), "33.3 %");
    }

    #[test]
    fn numbers_and_plurals() {
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(999), "999");
        assert_eq!(count(1, "repository"), "1 repository");
        assert_eq!(count(1_204, "repository"), "1,204 repositories");
        assert_eq!(count(0, "gap"), "0 gaps");
        assert_eq!(count(91, "day"), "91 days");
    }
}
