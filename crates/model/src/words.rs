//! Numbers and names in words, as every report and screen writes them.

use crate::ids::AccountId;
use crate::text::sanitize;

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

/// `111111111111 (payments)`: an account's id, and its name where that is known.
pub fn account_label(id: AccountId, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("{id} ({})", sanitize(name)),
        None => id.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_plurals() {
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(999), "999");
        assert_eq!(count(1, "repository"), "1 repository");
        assert_eq!(count(1_204, "repository"), "1,204 repositories");
        assert_eq!(count(0, "gap"), "0 gaps");
        assert_eq!(count(91, "day"), "91 days");
    }

    #[test]
    fn an_account_has_its_name_beside_its_id() {
        let id = "111111111111".parse().unwrap();
        assert_eq!(
            account_label(id, Some("pay\u{1b}[2Jments")),
            format!("111111111111 ({})", sanitize("pay\u{1b}[2Jments"))
        );
        assert_eq!(account_label(id, None), "111111111111");
    }
}
