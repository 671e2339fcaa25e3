//! What waits for its turn, the largest first: what takes longest must not begin last.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Ordered by size, and among equals by when they came.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    by_size: BTreeMap<(Reverse<u64>, u64), T>,
    came: u64,
}

impl<T> Waiting<T> {
    pub(crate) fn new() -> Self {
        Self { by_size: BTreeMap::new(), came: 0 }
    }

    pub(crate) fn push(&mut self, size: u64, item: T) {
        self.came += 1;
        self.by_size.insert((Reverse(size), self.came), item);
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        self.by_size.pop_first().map(|(_, item)| item)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_size.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_size.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.by_size.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_comes_first_and_equals_in_their_order() {
        let mut waiting = Waiting::new();
        for (size, name) in [(0, "a"), (5, "b"), (0, "c"), (9, "d"), (5, "e")] {
            waiting.push(size, name);
        }
        let order: Vec<&str> = std::iter::from_fn(|| waiting.pop()).collect();
        assert_eq!(order, ["d", "b", "e", "a", "c"]);
    }
}
