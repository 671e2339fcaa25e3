//! Pages of AWS's sizes, with tokens that say where the next one starts.

use crate::wire::WireError;

#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

/// One page. With `empty_first`, the first page is empty and has a token, as AWS sometimes answers.
pub(crate) fn page<T>(
    all: impl IntoIterator<Item = T>,
    token: Option<&str>,
    size: usize,
    empty_first: bool,
    invalid: &str,
) -> Result<Page<T>, WireError> {
    let mut all = all.into_iter().peekable();
    let start = match token {
        None if empty_first && all.peek().is_some() => {
            return Ok(Page { items: Vec::new(), next: Some("page-0".to_owned()) });
        }
        None => 0,
        Some(token) => token
            .strip_prefix("page-")
            .and_then(|at| at.parse::<usize>().ok())
            .ok_or_else(|| WireError::new(400, invalid, "The page token is not valid"))?,
    };
    let mut rest = all.skip(start);
    let items: Vec<T> = rest.by_ref().take(size).collect();
    let end = start + items.len();
    Ok(Page { items, next: rest.next().map(|_| format!("page-{end}")) })
}

/// The asked-for page size. AWS refuses one beyond the operation's bounds.
pub(crate) fn size(asked: Option<u64>, default: usize, max: usize, invalid: &str) -> Result<usize, WireError> {
    let size = asked.map_or(Some(default), |n| usize::try_from(n).ok()).filter(|size| (1..=max).contains(size));
    size.ok_or_else(|| WireError::new(400, invalid, format!("The page size must be from 1 to {max}")))
}
