//! Lists that an apply needs whole: half of one is an error.

use std::future::Future;
use std::ops::ControlFlow;

use scangap_aws::CallError;
use scangap_aws::pages::{Ended, pages};
use scangap_aws::read::Page;
use scangap_model::Api;

/// Hands over every page of a list, and fails if the list could not be read to its end.
pub(crate) async fn whole<T, R>(
    api: Api,
    page: impl FnMut(Option<String>) -> R,
    mut take: impl FnMut(Vec<T>) -> Result<(), String>,
) -> Result<(), String>
where
    R: Future<Output = Result<Page<T>, CallError>>,
{
    let take = |items| match take(items) {
        Ok(()) => ControlFlow::Continue(()),
        Err(why) => ControlFlow::Break(why),
    };
    match pages(api, page, take).await {
        Ended::Whole => Ok(()),
        Ended::Stopped(why) => Err(why),
        Ended::Broken(error) => Err(error.to_string()),
    }
}
