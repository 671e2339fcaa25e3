//! Shares in words, as every report writes them.

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
}
