//! What the commands that make calls share: the one runtime, the connection with its identity, and work that a signal cancels.

use std::future::Future;
use std::sync::OnceLock;

use scangap_aws::{AssumeOptions, Call, ConnectOptions, Connection, Identity};
use scangap_model::{Api, OrganizationId};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::error::CliError;
use crate::signals;

/// Never dropped: a thread that still reads standard input must not keep the process from ending.
static RUNTIME: OnceLock<Runtime> = OnceLock::new();

fn runtime() -> Result<&'static Runtime, CliError> {
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let built = Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    Ok(RUNTIME.get_or_init(|| built))
}

/// Runs work to its end. A signal meanwhile ends the process.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, CliError> {
    Ok(runtime()?.block_on(work))
}

/// Runs work to its end. The first signal meanwhile cancels the token and prints `words`, if there are any; the next one ends
/// the process.
pub(crate) fn interruptible<T, W>(
    words: Option<&'static str>,
    work: impl FnOnce(CancellationToken) -> W,
) -> Result<T, CliError>
where
    W: Future<Output = T>,
{
    let runtime = runtime()?;
    let cancel = CancellationToken::new();
    // Signals are listened for before the work begins.
    let listening = signals::listen(cancel.clone(), words);
    let ended = runtime.block_on(async { work(cancel).await });
    drop(listening);
    Ok(ended)
}

/// Credentials, and whose they are. All calls of a command go through one connection, so that they share its limits.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) connection: Connection,
    pub(crate) identity: Identity,
}

impl Session {
    /// Connects, and asks AWS whose the credentials are. A signal meanwhile ends the process: behind the credentials may be a
    /// program that hangs.
    pub(crate) fn open(options: &ConnectOptions) -> Result<Self, CliError> {
        block_on(async {
            let connection = Connection::open(options).await.map_err(CliError::Connect)?;
            let call = Call::new(Api::GetCallerIdentity, connection.meter());
            let identity = connection.identity(&call).await.map_err(CliError::Connect)?;
            Ok(Self { connection: connection.on_time((options.clock)()), identity })
        })?
    }

    /// Checks that the session is of this organization. From a tooling account it is read through a role, as in an audit.
    pub(crate) fn require_organization(
        &self,
        expected: &OrganizationId,
        role_arn: Option<&str>,
        assume: &AssumeOptions,
    ) -> Result<(), CliError> {
        let Self { connection, .. } = self;
        let found = block_on(async {
            let role = match role_arn {
                Some(arn) => {
                    let call = Call::new(Api::AssumeRole, connection.meter());
                    Some(connection.assume(arn, assume, &call).await?)
                }
                None => None,
            };
            let call = Call::new(Api::DescribeOrganization, connection.meter());
            connection.organization(role.as_ref()).describe(&call).await
        })?;
        let found = found.map_err(CliError::Organization)?;
        let found = found.map_or_else(|| "none".to_owned(), |organization| organization.id);
        if found == expected.as_str() {
            Ok(())
        } else {
            Err(CliError::OtherOrganization { expected: expected.to_string(), found })
        }
    }
}
