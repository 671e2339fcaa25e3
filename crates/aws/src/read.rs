//! Read ports: what an audit may ask. One method per operation and page; paging, limits and gaps are the collector's.

mod account;
mod ecr;
mod history;
mod inspector;
mod organization;

pub use account::{AccountReader, OptStatus, RegionReader};
pub use ecr::{ImageSummary, PolicyAnswer, RepositoryAnswer, ScanFrequencies, ScanningConfiguration, TemplateSummary};
pub(crate) use history::findings_criteria;
pub use history::{Finding, SuppressionRule};
pub use inspector::{AccountStatus, AccountStatuses, CoverageFilter, CoveredResource};
pub use organization::{AccountSummary, OrganizationReader, OrganizationSummary, OuSummary};

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

/// What the SDK fills in for a required member that the answer leaves out.
pub(crate) const NO_VALUE: &str = "no value was set";

/// Sends a request in its turn under a call's watch, and classifies what does not come back. The request is made anew for
/// each time that it is sent.
macro_rules! send {
    ($port:expr, $call:expr, $request:expr) => {
        $port
            .ask($call, || async {
                $request.customize().interceptor($call.watch()).send().await.map_err(|error| $call.error(&error))
            })
            .await
    };
}
pub(crate) use send;

/// An answer without its content is none: an empty list is written as one, and a body of nothing parses as `{}`.
pub(crate) fn answered(call: &crate::meter::Call, has_it: bool) -> Result<(), crate::classify::CallError> {
    if has_it { Ok(()) } else { Err(call.malformed("EmptyAnswer", "the answer does not hold what was asked for")) }
}

/// AWS's times. One that is out of range is no time.
pub(crate) fn timestamp(time: &aws_smithy_types::DateTime) -> Option<jiff::Timestamp> {
    jiff::Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}
