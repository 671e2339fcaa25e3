//! The small parts of a policy document.

/// AWS: variables are replaced only in documents of version 2012-10-17; absent means 2008-10-17.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V2008,
    V2012,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Allow,
    Deny,
}

/// A list that a statement names either positively or by exclusion.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Selection<T> {
    pub(crate) items: Vec<T>,
    /// `NotAction`, `NotPrincipal`, `NotResource`.
    pub(crate) negated: bool,
    /// From the element's name to the end of its value, in the text.
    pub(crate) span: (usize, usize),
}
