//! Security Hub takes findings. One call, sent by the SDK's own runtime: the crate of that service has two thousand shapes of resources
//! for it, and the findings come as the JSON that it takes.

use std::sync::Arc;

use aws_config::BehaviorVersion;
use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::RetryPartition;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::metadata::ErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use aws_types::service_config::ServiceConfigKey;
use scangap_model::{AccountId, Partition, RegionName};
use serde::Deserialize;

use crate::answer::send;
use crate::classify::wire_code;
use crate::connect::Connection;
use crate::credentials::{AssumedRole, port};
use crate::meter::{Call, Watch, is_aws};
use crate::port::{Port, Retries};

/// What signs and names the service at AWS.
const SERVICE: &str = "securityhub";

/// One region of one account, through its role for this.
#[derive(Debug, Clone)]
pub struct FindingsImporter {
    operation: Operation<String, Imported, ErrorMetadata>,
    port: Port,
}

/// AWS: findings are taken and refused one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    pub imported: u64,
    pub refused: Vec<RefusedFinding>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RefusedFinding {
    #[serde(rename = "ErrorCode", default)]
    pub code: String,
    #[serde(rename = "ErrorMessage", default)]
    pub message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    success_count: u64,
    #[serde(default)]
    failed_findings: Vec<RefusedFinding>,
}

impl FindingsImporter {
    pub fn new(connection: &Connection, account: AccountId, role: &AssumedRole, region: &RegionName) -> Self {
        let config = connection.base().credentialed(Some(role));
        Self {
            operation: operation(&config, account, region),
            port: port(connection.base().limits.of(account, Some(region)), Some(role)),
        }
    }

    /// Whether findings about a region would go to AWS, and not to what stands in for it.
    pub fn goes_to_aws(connection: &Connection, region: &RegionName) -> bool {
        is_aws(&endpoint(&connection.base().config, region))
    }

    /// Sends findings, each the text of a JSON object. The same finding sent twice is one finding: the call is repeated where it broke.
    pub async fn import(&self, call: &Arc<Call>, findings: &[String]) -> Result<Imported, crate::CallError> {
        let body = format!("{{\"Findings\":[{}]}}", findings.join(","));
        let answer = send!(self.port, call, Sending { operation: &self.operation, body: body.clone() })?;
        let told = answer.imported + u64::try_from(answer.refused.len()).unwrap_or(0);
        if told == u64::try_from(findings.len()).unwrap_or(0) {
            return Ok(answer);
        }
        let words = format!("the answer tells of {told} findings, and {} were sent", findings.len());
        Err(call.malformed("OtherCount", &words))
    }
}

/// A request, as those of the SDK's clients are sent.
struct Sending<'o> {
    operation: &'o Operation<String, Imported, ErrorMetadata>,
    body: String,
}

impl Sending<'_> {
    async fn send(
        self,
    ) -> Result<Imported, aws_smithy_runtime_api::client::result::SdkError<ErrorMetadata, HttpResponse>> {
        self.operation.invoke(self.body).await
    }
}

fn operation(
    config: &SdkConfig,
    account: AccountId,
    region: &RegionName,
) -> Operation<String, Imported, ErrorMetadata> {
    let mut components = RuntimeComponentsBuilder::new("sigv4");
    components.set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(
        StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]),
    )));
    components.push_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()));
    components.set_identity_cache(Some(aws_config::identity::IdentityCache::no_cache()));
    if let Some(credentials) = config.credentials_provider() {
        components.set_identity_resolver(SCHEME_ID, SharedCredentialsProvider::new(credentials));
    }
    let mut layer = Layer::new("signing");
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SigningName::from_static(SERVICE));
    layer.store_put(SigningRegion::from(Region::new(region.as_str().to_owned())));
    layer.store_put(SigV4OperationSigningConfig { signing_options: SigningOptions::default(), ..Default::default() });
    layer.store_put(RetryPartition::custom(format!("{SERVICE}/{account}/{region}")).build());
    let retries = config.retry_config().cloned().unwrap_or_else(RetryConfig::standard);
    let mut builder = Operation::builder()
        .service_name("SecurityHub")
        .operation_name("BatchImportFindings")
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(&endpoint(config, region))
        .standard_retry(&retries)
        .retry_classifier(TransientErrorClassifier::<ErrorMetadata>::new())
        .retry_classifier(HttpStatusCodeClassifier::default())
        .retry_classifier(Retries)
        .interceptor(Watch)
        .runtime_plugin(StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components));
    if let Some(client) = config.http_client() {
        builder = builder.http_client(client);
    }
    if let Some(sleep) = config.sleep_impl() {
        builder = builder.sleep_impl(sleep);
    }
    if let Some(time) = config.time_source() {
        builder = builder.time_source(time);
    }
    if let Some(timeouts) = config.timeout_config() {
        builder = builder.timeout_config(timeouts.clone());
    }
    builder.serializer(request).deserializer(answer).build()
}

/// Where the user said, or AWS's host for the region. What the command line says comes before what a variable or a profile says of one
/// service, as in the SDK.
fn endpoint(config: &SdkConfig, region: &RegionName) -> String {
    if let Some(url) = config.endpoint_url().filter(|_| config.get_origin("endpoint_url").is_client_config()) {
        return url.to_owned();
    }
    let key = ServiceConfigKey::builder().service_id("SecurityHub").env("AWS_ENDPOINT_URL").profile("endpoint_url");
    let of_service =
        key.build().ok().and_then(|key| config.service_config()?.load_config(key)).filter(|url| !url.is_empty());
    if let Some(url) = of_service.or_else(|| config.endpoint_url().map(str::to_owned)) {
        return url;
    }
    let fips = if config.use_fips() == Some(true) { "-fips" } else { "" };
    let domain = match (Partition::of_region(region.as_str()), config.use_dual_stack() == Some(true)) {
        (Partition::AwsCn, true) => "api.amazonwebservices.com.cn",
        (Partition::AwsCn, false) => "amazonaws.com.cn",
        (_, true) => "api.aws",
        (_, false) => "amazonaws.com",
    };
    format!("https://{SERVICE}{fips}.{region}.{domain}")
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn request(body: String) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST")?;
    request.set_uri("/findings/import")?;
    request.headers_mut().insert("content-type", "application/json");
    Ok(request)
}

fn answer(response: &HttpResponse) -> Result<Imported, OrchestratorError<ErrorMetadata>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        let answer: Answer = serde_json::from_slice(body).map_err(|error| OrchestratorError::response(error.into()))?;
        return Ok(Imported { imported: answer.success_count, refused: answer.failed_findings });
    }
    let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let message = ["message", "Message"].iter().find_map(|member| json.get(member)?.as_str());
    let mut error = ErrorMetadata::builder().message(message.unwrap_or_default());
    if let Some(code) = wire_code(response) {
        error = error.code(code);
    }
    Err(OrchestratorError::operation(error.build()))
}
