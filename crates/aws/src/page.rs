//! One page of a list, as a read port hands it over.

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Rows that lack what names them, or in which it does not parse: a list that has any was not read in full.
    pub unread: usize,
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// `None` is a row that could not be read. AWS: no token, or an empty one, ends a list.
    pub(crate) fn of(rows: impl Iterator<Item = Option<T>>, next: Option<&str>) -> Self {
        let mut page = Self { items: Vec::new(), unread: 0, next: None };
        for row in rows {
            match row {
                Some(item) => page.items.push(item),
                None => page.unread += 1,
            }
        }
        page.next = next.filter(|token| !token.is_empty()).map(str::to_owned);
        page
    }

    /// A page without rows, and the last.
    pub fn empty() -> Self {
        Self { items: Vec::new(), unread: 0, next: None }
    }
}
