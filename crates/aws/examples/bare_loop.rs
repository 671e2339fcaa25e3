//! What the calls of an audit cost in the bare SDK: the same calls, a client for each registry, so many registries at once, nothing kept and
//! nothing decided. The collection bench runs it beside an audit, on the same simulator.
//!
//! `bare_loop URL KEY IN_FLIGHT THREADS CALLS`: of a table of operation, account, region and resource, tabs between. Each thread has a runtime
//! and connections of its own, and a share of the accounts.

#![expect(clippy::print_stdout, reason = "a program for the bench")]

use std::collections::{BTreeMap, HashMap};
use std::error::Error;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_inspector2::types::{CoverageFilterCriteria, CoverageStringComparison, CoverageStringFilter};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use futures::stream::{self, StreamExt};
use scangap_model::APIS;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn Error + Send + Sync>;

/// A call: its operation, and what it asks about.
type Asked = (String, String);

/// Calls by the account and the region that they are made in.
type Registries = BTreeMap<(String, String), Vec<Asked>>;

/// What one thread does.
#[derive(Default)]
struct Share {
    /// Accounts, and the roles that open them.
    roles: Vec<(String, String)>,
    registries: Registries,
}

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [url, key, in_flight, threads, calls] = words.as_slice() else {
        return Err("bare_loop URL KEY IN_FLIGHT THREADS CALLS".into());
    };
    let (in_flight, threads): (usize, usize) = (in_flight.parse()?, threads.parse()?);
    let mut shares: Vec<Share> = std::iter::repeat_with(Share::default).take(threads).collect();
    for line in fs_err::read_to_string(calls)?.lines() {
        let parts: Vec<&str> = line.split('\t').collect();
        let [operation, account, region, resource] = parts.as_slice() else { return Err(line.into()) };
        let place = account.bytes().map(usize::from).sum::<usize>() % threads;
        let share = shares.get_mut(place).ok_or("a share for each account")?;
        if *operation == "sts:AssumeRole" {
            share.roles.push(((*account).to_owned(), (*resource).to_owned()));
        } else {
            let here = share.registries.entry(((*account).to_owned(), (*region).to_owned())).or_default();
            here.push(((*operation).to_owned(), (*resource).to_owned()));
        }
    }
    let asked = std::thread::scope(|scope| {
        let each = |share| scope.spawn(move || run(url, key, (in_flight / threads).max(1), share));
        let running: Vec<_> = shares.into_iter().map(each).collect();
        running.into_iter().try_fold(0, |sum, thread| {
            thread.join().unwrap_or_else(|_| Err("a thread failed".into())).map(|asked| sum + asked)
        })
    })?;
    println!("{asked} calls answered");
    Ok(())
}

/// Makes the calls of one thread; how many.
fn run(url: &str, key: &str, in_flight: usize, Share { roles, registries }: Share) -> Result<usize, Failure> {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(key, "simulated", None, None, "bench")))
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SystemTimeSource::new())
        .identity_cache(aws_config::identity::IdentityCache::no_cache())
        .build();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let sts = aws_sdk_sts::Client::new(&config);
        let assumed = stream::iter(roles).map(|(account, arn)| assume(&sts, account, arn)).buffer_unordered(in_flight);
        let sessions: Vec<Result<(String, Credentials), Failure>> = assumed.collect().await;
        let sessions: HashMap<String, Credentials> = sessions.into_iter().collect::<Result<_, _>>()?;
        let mut asked = sessions.len();
        let mut reading = stream::iter(registries)
            .map(|((account, region), calls)| ask(&config, sessions.get(&account), region, calls))
            .buffer_unordered(in_flight);
        while let Some(count) = reading.next().await {
            asked += count?;
        }
        Ok(asked)
    })
}

async fn assume(sts: &aws_sdk_sts::Client, account: String, arn: String) -> Result<(String, Credentials), Failure> {
    let actions: Vec<&str> = APIS.iter().map(|info| info.permission).collect();
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["{}"],"Resource":"*"}}]}}"#,
        actions.join("\",\"")
    );
    let answer = sts.assume_role().role_arn(arn).role_session_name("bench").policy(policy).send().await?;
    let given = answer.credentials().ok_or("no credentials")?;
    let token = Some(given.session_token().to_owned());
    Ok((account, Credentials::new(given.access_key_id(), given.secret_access_key(), token, None, "bench")))
}

/// The calls of one registry, one after the other.
async fn ask(
    config: &SdkConfig,
    session: Option<&Credentials>,
    region: String,
    calls: Vec<Asked>,
) -> Result<usize, Failure> {
    let mut config = config.to_builder().region(Region::new(region));
    if let Some(session) = session {
        config = config.credentials_provider(SharedCredentialsProvider::new(session.clone()));
    }
    let clients = Clients(config.build());
    let (ecr, inspector) = (aws_sdk_ecr::Client::new(&clients.0), std::sync::LazyLock::new(|| clients.inspector()));
    let n_calls = calls.len();
    let mut tokens: HashMap<Asked, Option<String>> = HashMap::new();
    for (operation, resource) in calls {
        let token = tokens.remove(&(operation.clone(), resource.clone())).flatten();
        let next = match operation.as_str() {
            "sts:GetCallerIdentity" => {
                aws_sdk_sts::Client::new(&clients.0).get_caller_identity().send().await?;
                None
            }
            "organizations:DescribeOrganization" => {
                clients.organizations().describe_organization().send().await?;
                None
            }
            "organizations:ListAccounts" => {
                clients.organizations().list_accounts().set_next_token(token).send().await?.next_token
            }
            "organizations:ListDelegatedAdministrators" => {
                let listing = clients.organizations().list_delegated_administrators().set_next_token(token);
                listing.service_principal("inspector2.amazonaws.com").send().await?.next_token
            }
            // Which parent is not in the table: any costs the same.
            "organizations:ListOrganizationalUnitsForParent" => {
                let listing = clients.organizations().list_organizational_units_for_parent().parent_id("r-root");
                drop(listing.set_next_token(token).send().await);
                None
            }
            "account:ListRegions" => {
                aws_sdk_account::Client::new(&clients.0).list_regions().max_results(50).send().await?;
                None
            }
            "ecr:DescribeRepositories" => {
                ecr.describe_repositories().max_results(1000).set_next_token(token).send().await?.next_token
            }
            "ecr:GetRepositoryPolicy" => {
                // Most of them have one; where there is none, that is the answer.
                drop(ecr.get_repository_policy().repository_name(resource.clone()).send().await);
                None
            }
            "ecr:BatchGetRepositoryScanningConfiguration" => {
                let names = resource.split(',').map(str::to_owned).collect();
                ecr.batch_get_repository_scanning_configuration().set_repository_names(Some(names)).send().await?;
                None
            }
            "ecr:GetRegistryPolicy" => {
                drop(ecr.get_registry_policy().send().await);
                None
            }
            "ecr:GetRegistryScanningConfiguration" => {
                ecr.get_registry_scanning_configuration().send().await?;
                None
            }
            "ecr:GetAccountSetting" => {
                ecr.get_account_setting().name("REGISTRY_POLICY_SCOPE").send().await?;
                None
            }
            "ecr:DescribeRepositoryCreationTemplates" => {
                ecr.describe_repository_creation_templates().set_next_token(token).send().await?.next_token
            }
            "ecr:DescribeImages" => {
                let listing = ecr.describe_images().repository_name(resource.clone()).max_results(1000);
                listing.set_next_token(token).send().await?.next_token
            }
            "inspector2:BatchGetAccountStatus" => {
                let accounts = resource.split(',').map(str::to_owned).collect();
                inspector.batch_get_account_status().set_account_ids(Some(accounts)).send().await?;
                None
            }
            "inspector2:ListCoverage" => coverage(&inspector, &resource, token).await?,
            "inspector2:GetConfiguration" => {
                inspector.get_configuration().send().await?;
                None
            }
            "inspector2:DescribeOrganizationConfiguration" => {
                inspector.describe_organization_configuration().send().await?;
                None
            }
            other => return Err(format!("the loop does not know {other}").into()),
        };
        tokens.insert((operation, resource), next);
    }
    Ok(n_calls)
}

async fn coverage(
    inspector: &aws_sdk_inspector2::Client,
    resource_type: &str,
    token: Option<String>,
) -> Result<Option<String>, Failure> {
    let of_type = CoverageStringFilter::builder().comparison(CoverageStringComparison::Equals).value(resource_type);
    let filter = CoverageFilterCriteria::builder().resource_type(of_type.build()?).build();
    let listing = inspector.list_coverage().max_results(200).filter_criteria(filter).set_next_token(token);
    Ok(listing.send().await?.next_token)
}

struct Clients(SdkConfig);

impl Clients {
    fn organizations(&self) -> aws_sdk_organizations::Client {
        aws_sdk_organizations::Client::new(&self.0)
    }

    fn inspector(&self) -> aws_sdk_inspector2::Client {
        aws_sdk_inspector2::Client::new(&self.0)
    }
}
