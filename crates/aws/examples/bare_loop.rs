//! What a call costs in the bare SDK: one client, one operation, so many calls in flight, nothing kept. The collection bench
//! runs it beside an audit, on the same simulator.
//!
//! `bare_loop URL CALLS IN_FLIGHT REGISTRY_REPOSITORY`

#![expect(clippy::print_stdout, reason = "a program for the bench")]

use std::error::Error;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use futures::stream::{self, StreamExt};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [url, key, calls, in_flight, repository] = words.as_slice() else {
        return Err("bare_loop URL KEY CALLS IN_FLIGHT REPOSITORY".into());
    };
    let (calls, in_flight): (u64, usize) = (calls.parse()?, in_flight.parse()?);
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(key, "simulated", None, None, "bench")))
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SystemTimeSource::new())
        .build();
    let client = aws_sdk_ecr::Client::new(&config);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answered = runtime.block_on(async {
        stream::iter(0..calls)
            .map(|_| async { client.get_repository_policy().repository_name(repository).send().await.is_ok() })
            .buffer_unordered(in_flight)
            .fold(0_u64, |sum, answered| async move { sum + u64::from(answered) })
            .await
    });
    println!("{answered} of {calls} calls answered");
    Ok(())
}
