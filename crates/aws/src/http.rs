//! The one HTTP client: a pool and a trust store for every AWS client, and where its requests may go.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::error::ConnectError;

/// Which way requests take.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// To where they say, past every proxy: the simulation in this process.
    Straight,
    /// Through the proxies of the environment, as the AWS CLI goes.
    Proxied,
    /// The same, and nothing to AWS: what would go there goes to this URL, a profile's own AssumeRole too.
    Confined(String),
}

/// Idle connections are dropped before AWS drops them.
const IDLE: Duration = Duration::from_secs(20);

/// Idle connections to one host, for each runtime. A request that finds none idle opens one, and then takes what is free first: without a
/// bound three times as many stay open as are used, each with 35 KB.
const IDLE_PER_HOST: usize = 256;

/// What HTTP clients are made of. A client's connections belong to the runtime that opened them, so each runtime has its own.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    context: Option<TlsContext>,
    way: Way,
}

impl Http {
    pub(crate) fn new(ca_bundle: Option<&PathBuf>, way: Way) -> Result<Self, ConnectError> {
        let context = ca_bundle.map(|path| trust(path, read(path)?)).transpose()?;
        Ok(Self { context, way })
    }

    pub(crate) fn client(&self) -> SharedHttpClient {
        client(self.context.clone(), &self.way)
    }
}

/// The wrapper keeps `Client::new` from building a TLS connector only to validate the configuration, once per client.
fn client(context: Option<TlsContext>, way: &Way) -> SharedHttpClient {
    let proxies = match way {
        Way::Straight => ProxyConfig::disabled(),
        Way::Proxied | Way::Confined(_) => ProxyConfig::from_env(),
    };
    let inner = Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder()
            .proxy_config(proxies.clone())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST);
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        let connector = connector.tls_provider(Provider::Rustls(CryptoMode::Ring));
        match &context {
            Some(context) => connector.tls_context(context.clone()).build(),
            None => connector.build(),
        }
    });
    let confined_to = match way {
        Way::Confined(url) => Some(url.trim_end_matches('/').to_owned()),
        Way::Straight | Way::Proxied => None,
    };
    http_client_fn(move |settings, components| {
        let connector = inner.http_connector(settings, components);
        match &confined_to {
            Some(url) => SharedHttpConnector::new(Confined { inner: connector, url: url.clone() }),
            None => connector,
        }
    })
}

#[expect(clippy::disallowed_methods, reason = "the error names the path itself")]
fn read(path: &Path) -> Result<Vec<u8>, ConnectError> {
    std::fs::read(path).map_err(|source| ConnectError::CaBundle { path: path.to_owned(), source })
}

/// Like the AWS CLI: the bundle replaces the system's roots. One that cannot be read whole is refused here, where its
/// error has a name.
fn trust(path: &Path, pem: Vec<u8>) -> Result<TlsContext, ConnectError> {
    let mut roots = RootCertStore::empty();
    for (certificate, number) in CertificateDer::pem_slice_iter(&pem).zip(1..) {
        let broken = || ConnectError::CaBundleBroken { path: path.to_owned(), number };
        roots.add(certificate.map_err(|_| broken())?).map_err(|_| broken())?;
    }
    if roots.is_empty() {
        return Err(ConnectError::CaBundleEmpty { path: path.to_owned() });
    }
    let store = TrustStore::empty().with_pem_certificate(pem);
    let built = TlsContext::builder().with_trust_store(store).build();
    built.map_err(|_| ConnectError::CaBundleEmpty { path: path.to_owned() })
}

#[derive(Debug)]
struct Confined {
    inner: SharedHttpConnector,
    url: String,
}

impl HttpConnector for Confined {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        if let Some(path) = path_at_aws(request.uri()) {
            let url = format!("{}{path}", self.url);
            if let Err(error) = request.set_uri(url) {
                return HttpConnectorFuture::ready(Err(aws_smithy_runtime_api::client::result::ConnectorError::user(
                    error.into(),
                )));
            }
        }
        self.inner.call(request)
    }
}

/// The path and query of a request that goes to AWS; `None` of one that does not.
fn path_at_aws(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.split(':').next().unwrap_or(authority);
    let suffixes = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".amazonwebservices.com.cn"];
    suffixes.iter().any(|suffix| host.ends_with(suffix)).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: 6 Operating it: nothing reaches AWS where an endpoint is given
    #[test]
    fn what_would_go_to_aws_is_known_by_its_host() {
        assert_eq!(path_at_aws("https://sts.us-east-1.amazonaws.com/?a=b"), Some("/?a=b"));
        assert_eq!(path_at_aws("https://sts.cn-north-1.amazonaws.com.cn"), Some(""));
        assert_eq!(path_at_aws("https://inspector2.eu-west-1.api.aws/coverage/list"), Some("/coverage/list"));
        assert_eq!(path_at_aws("http://127.0.0.1:4566/coverage/list"), None);
        assert_eq!(path_at_aws("http://169.254.169.254/latest"), None, "the instance's own metadata");
        assert_eq!(path_at_aws("http://amazonaws.com.example.org/"), None);
    }

    // Holds: 7 The wire: a CA bundle that cannot be read whole is one clear error
    #[test]
    fn a_ca_bundle_is_read_whole_or_refused() {
        let said = |pem: &str| {
            let trusted = trust(Path::new("ca.pem"), pem.as_bytes().to_vec());
            trusted.map_or_else(|error| error.to_string(), |_| String::new())
        };
        assert!(said("").contains("holds no PEM certificate"));
        assert!(said("not a bundle").contains("holds no PEM certificate"));
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(said(broken).ends_with("number 1"));
        assert!(said("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n").ends_with("number 1"));
    }
}
