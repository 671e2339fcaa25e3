//! Read ports: what an audit may ask. One method per operation and page; paging, limits and gaps are the collector's.

mod account;
mod ecr;
mod history;
mod inspector;
mod organization;

pub use crate::page::Page;
pub use account::{AccountReader, OptStatus, RegionReader};
pub use ecr::{ImageSummary, PolicyAnswer, RepositoryAnswer, ScanFrequencies, ScanningConfiguration, TemplateSummary};
pub(crate) use history::findings_criteria;
pub use history::{Finding, SuppressionRule};
pub use inspector::{AccountStatus, AccountStatuses, CoverageFilter, CoveredResource};
pub use organization::{AccountSummary, OrganizationReader, OrganizationSummary, OuSummary};
