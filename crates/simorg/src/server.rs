//! The HTTP server: who calls, what goes wrong, what is answered, what is logged.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming as HttpBody, SizeHint};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use scangap_model::{AccountId, Arn, RegionName};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::faults::Faults;
use crate::log::{CallRecord, is_mutating};
use crate::scenario::{FaultKind, FaultSpec, LatencySpec, Scenario, ScenarioError};
use crate::services::{Answer, allows, allows_somewhere, answer};
use crate::throttle::Throttle;
use crate::truth::Judge;
use crate::wire::{Incoming, Protocol, WireError, parse, xml_error};
use crate::world::{Caller, Rejected, World};

#[derive(Debug)]
pub struct SimulatorOptions {
    pub scenario: Scenario,
    /// For policy texts that the scenario does not list. Tests give none.
    pub judge: Option<Judge>,
    /// The wall time at the start: sessions expire by it.
    pub now: Timestamp,
    /// 0: any free port.
    pub port: u16,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the scenario cannot be simulated")]
    Scenario(#[from] ScenarioError),
    #[error("failed to listen on 127.0.0.1:{port}")]
    Listen { port: u16, source: std::io::Error },
}

/// A running simulated organization. Dropping it closes the port.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
    runtime: Option<tokio::runtime::Runtime>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    latency: LatencySpec,
}

/// Everything a call may touch, under one lock that is never held across an await.
#[derive(Debug)]
struct State {
    world: World,
    faults: Faults,
    throttle: Throttle,
    log: Vec<CallRecord>,
    jitter: crate::scenario::Random,
    /// An operation, and whether it was called: then the network is cut.
    cut_after: Option<(String, bool)>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Simulator {
    /// Starts on a runtime of its own, so that a simulator can be used from any kind of code.
    pub fn start(options: SimulatorOptions) -> Result<Self, StartError> {
        let scenario = options.scenario;
        let world = World::build(&scenario, options.judge, options.now)?;
        let listen = |source| StartError::Listen { port: options.port, source };
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("simorg")
            .enable_all()
            .build()
            .map_err(listen)?;
        let shared = Arc::new(Shared {
            latency: scenario.latency,
            state: Mutex::new(State {
                world,
                faults: Faults::new(scenario.faults),
                throttle: Throttle::new(scenario.limits),
                log: Vec::new(),
                jitter: crate::scenario::Random(scenario.latency.seed),
                cut_after: None,
            }),
        });
        let stop = CancellationToken::new();
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(listen)?
        };
        drop(runtime.spawn(accept(listener, Arc::clone(&shared), stop.clone())));
        Ok(Self { address, shared, stop, runtime: Some(runtime) })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The key of an administrator in an account; the secret may be anything.
    pub fn access_key(account: &str) -> String {
        format!("{}{account}", crate::world::LONG_LIVED)
    }

    pub fn calls(&self) -> Vec<CallRecord> {
        self.shared.lock().log.clone()
    }

    pub fn mutating_calls(&self) -> Vec<CallRecord> {
        self.shared.lock().log.iter().filter(|call| call.mutating).cloned().collect()
    }

    /// Policy texts that were met and that neither the scenario nor a judge could tell about.
    pub fn unjudged(&self) -> Vec<String> {
        self.shared.lock().world.truth.unjudged.clone()
    }

    /// Findings and images that disables destroyed so far.
    pub fn losses(&self) -> (u64, u64) {
        self.shared
            .lock()
            .world
            .losses
            .iter()
            .fold((0, 0), |(findings, images), loss| (findings + loss.findings, images + loss.images))
    }

    /// Findings and images that each disable destroyed, in order.
    pub fn losses_one_by_one(&self) -> Vec<(u64, u64)> {
        self.shared.lock().world.losses.iter().map(|loss| (loss.findings, loss.images)).collect()
    }

    /// Reports of findings that were asked for: where each was to go, and how many findings it holds.
    pub fn findings_reports(&self) -> Vec<(Value, u64)> {
        let state = self.shared.lock();
        state.world.reports.iter().map(|report| (report.destination.clone(), report.findings)).collect()
    }

    /// Whether any session that was handed out may do this.
    pub fn sessions_may(&self, action: &str) -> bool {
        self.shared.lock().world.sessions.values().any(|session| allows_somewhere(session.allowed.as_ref(), action))
    }

    /// Whether any session that was handed out may do this on this resource.
    pub fn sessions_may_on(&self, action: &str, resource: &str) -> bool {
        let state = self.shared.lock();
        state.world.sessions.values().any(|session| allows(session.allowed.as_ref(), action, resource))
    }

    pub fn add_fault(&self, fault: FaultSpec) {
        self.shared.lock().faults.add(fault);
    }

    /// Ends every fault, and mends a network that was cut.
    pub fn clear_faults(&self) {
        let mut state = self.shared.lock();
        state.faults = Faults::new(Vec::new());
        state.cut_after = None;
    }

    /// After the next call of this operation nothing comes through any more.
    pub fn cut_after(&self, operation: &str) {
        self.shared.lock().cut_after = Some((operation.to_owned(), false));
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = stream else {
            // Out of descriptors, most likely: the ones in use will close.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = service_fn(move |request| respond(Arc::clone(&shared), request));
            // A client that goes away is its own business.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// An error here closes the connection without an answer, which is what a reset is.
#[derive(Debug)]
struct Reset;

impl std::fmt::Display for Reset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("connection reset by the scenario")
    }
}

impl std::error::Error for Reset {}

/// A body that may announce more than it sends.
struct Reply {
    body: Full<Bytes>,
    cut: bool,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Reset;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Reset>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(None) if self.cut => Poll::Ready(Some(Err(Reset))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(frame))),
            Poll::Ready(Some(Err(never))) => match never {},
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.cut && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.cut { SizeHint::default() } else { self.body.size_hint() }
    }
}

async fn respond(shared: Arc<Shared>, request: Request<HttpBody>) -> Result<Response<Reply>, Reset> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    match parts.uri.path() {
        "/_simorg/calls" => return Ok(plain(200, "application/jsonl", call_log(&shared))),
        "/_simorg/losses" => return Ok(plain(200, "application/jsonl", loss_log(&shared))),
        _ => {}
    }
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let incoming = match parse(parts.uri.path(), header, &body) {
        Ok(incoming) => incoming,
        Err(error) => {
            shared.lock().log_unknown(parts.uri.path(), header("x-amz-target"), &error);
            return Ok(failure(Protocol::RestJson, &error));
        }
    };
    // Who calls is looked up when the request arrives, and not when it is answered.
    let arrived = shared.lock().world.wall_now();
    let pause = shared.pause();
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    let outcome = shared.lock().decide(&incoming, arrived);
    match outcome {
        Outcome::Answer(answer) => Ok(success(&incoming, answer)),
        Outcome::Failure(error) => Ok(failure(incoming.protocol, &error)),
        Outcome::Raw { status, body, content_type } => Ok(plain(status, content_type, body)),
        Outcome::Truncated(answer) => {
            let (mut response, bytes) = encode(&incoming, answer);
            let half = bytes.slice(..bytes.len() / 2);
            let length =
                bytes.len().to_string().parse().unwrap_or_else(|_| hyper::header::HeaderValue::from_static("1000000"));
            response.headers_mut().insert(hyper::header::CONTENT_LENGTH, length);
            Ok(response.map(|()| Reply { body: Full::new(half), cut: true }))
        }
        Outcome::Reset => Err(Reset),
        Outcome::Hang => {
            std::future::pending::<Infallible>().await;
            Err(Reset)
        }
    }
}

impl Shared {
    fn pause(&self) -> Duration {
        let LatencySpec { ms, jitter_ms, .. } = self.latency;
        let jitter = if jitter_ms == 0 { 0 } else { self.lock().jitter.below(jitter_ms + 1) };
        Duration::from_millis(ms + jitter)
    }
}

/// What a call comes to.
enum Outcome {
    Answer(Answer),
    Failure(WireError),
    Raw { status: u16, body: String, content_type: &'static str },
    Truncated(Answer),
    Reset,
    Hang,
}

impl State {
    /// Logs a request that is not a simulated operation. It counts as mutating, because its effect is unknown.
    fn log_unknown(&mut self, path: &str, target: Option<String>, error: &WireError) {
        self.log.push(CallRecord {
            operation: target.unwrap_or_else(|| path.to_owned()),
            account: None,
            region: String::new(),
            principal: String::new(),
            resource: String::new(),
            token: String::new(),
            mutating: true,
            status: error.status,
            error: error.code.clone(),
        });
    }

    fn decide(&mut self, incoming: &Incoming, arrived: Timestamp) -> Outcome {
        self.world.catch_up();
        let permission = incoming.permission();
        match &mut self.cut_after {
            Some((_, true)) => return Outcome::Reset,
            Some((operation, called)) if *operation == permission => *called = true,
            Some(_) | None => {}
        }
        let caller = match self.world.caller(&incoming.access_key, incoming.token.as_deref(), arrived) {
            Ok(caller) => caller,
            Err(rejected) => {
                let error = rejection(incoming, rejected);
                self.log.push(CallRecord {
                    mutating: is_mutating(&permission),
                    operation: permission,
                    account: None,
                    region: incoming.region.clone(),
                    principal: String::new(),
                    resource: incoming.resource(),
                    token: String::new(),
                    status: error.status,
                    error: error.code.clone(),
                });
                return Outcome::Failure(error);
            }
        };
        // The account whose answer this is: for AssumeRole the role's, elsewhere the caller's.
        let account = incoming
            .text("RoleArn")
            .and_then(|arn| arn.parse::<Arn>().ok()?.account.parse().ok())
            .unwrap_or(caller.account);
        let outcome = self.outcome(incoming, &permission, &caller, account);
        let (status, error) = match &outcome {
            Outcome::Answer(answer) | Outcome::Truncated(answer) => (200, refused_account(&permission, answer)),
            Outcome::Failure(error) => (error.status, error.code.clone()),
            Outcome::Raw { status, .. } => (*status, String::new()),
            Outcome::Reset | Outcome::Hang => (0, String::new()),
        };
        self.log.push(CallRecord {
            mutating: is_mutating(&permission),
            operation: permission,
            account: Some(account),
            region: incoming.region.clone(),
            principal: caller.arn,
            resource: incoming.resource(),
            token: incoming.page_token().unwrap_or_default().to_owned(),
            status,
            error,
        });
        outcome
    }

    fn outcome(&mut self, incoming: &Incoming, permission: &str, caller: &Caller, account: AccountId) -> Outcome {
        if self.world.organization.not_implemented.iter().any(|operation| operation == permission) {
            let body = "<!doctype html><html><title>404 Not Found</title><h1>Not Found</h1></html>".to_owned();
            return Outcome::Raw { status: 404, body, content_type: "text/html; charset=utf-8" };
        }
        // AWS: the calling account pays, for AssumeRole too.
        if !self.throttle.admits(permission, Some(caller.account), &incoming.region) {
            return Outcome::Failure(throttled(incoming.service));
        }
        let fault = self.faults.hit(permission, Some(account), &incoming.region, &incoming.resource());
        match fault {
            None => self.serve(incoming, permission, caller),
            Some(fault) => self.faulty(&fault, incoming, permission, caller),
        }
    }

    fn faulty(&mut self, fault: &FaultSpec, incoming: &Incoming, permission: &str, caller: &Caller) -> Outcome {
        match fault.kind {
            FaultKind::Error => {
                let message = if fault.message.is_empty() { "a fault of the scenario" } else { &fault.message };
                Outcome::Failure(WireError::new(fault.http_status, &fault.code, message))
            }
            FaultKind::Reset => Outcome::Reset,
            FaultKind::Hang => Outcome::Hang,
            FaultKind::FailedAccount => {
                let ids = incoming.input.get("accountIds").and_then(Value::as_array).cloned().unwrap_or_default();
                let failed: Vec<Value> = ids
                    .iter()
                    .map(|id| json!({"accountId": id, "errorCode": fault.code, "errorMessage": fault.message}))
                    .collect();
                Outcome::Answer(Answer::Json(json!({"accounts": [], "failedAccounts": failed})))
            }
            FaultKind::ResetAfter => {
                self.serve(incoming, permission, caller);
                Outcome::Reset
            }
            FaultKind::HangAfter => {
                self.serve(incoming, permission, caller);
                Outcome::Hang
            }
            FaultKind::Html => Outcome::Raw {
                status: fault.http_status,
                body: "<!doctype html><html><title>error</title></html>".to_owned(),
                content_type: "text/html; charset=utf-8",
            },
            FaultKind::Malformed => Outcome::Raw {
                status: 200,
                body: "{\"repositories\": [{\"oops\": ".to_owned(),
                content_type: "application/x-amz-json-1.1",
            },
            FaultKind::Empty => Outcome::Answer(Answer::Json(json!({}))),
            FaultKind::Truncate => match self.serve(incoming, permission, caller) {
                Outcome::Answer(answer) => Outcome::Truncated(answer),
                other => other,
            },
            FaultKind::Doubled => match self.serve(incoming, permission, caller) {
                Outcome::Answer(Answer::Json(mut value)) => {
                    for list in value.as_object_mut().into_iter().flat_map(|members| members.values_mut()) {
                        if let Some(rows) = list.as_array_mut() {
                            *rows = rows.iter().flat_map(|row| [row.clone(), row.clone()]).collect();
                        }
                    }
                    Outcome::Answer(Answer::Json(value))
                }
                other => other,
            },
            FaultKind::Endless => {
                let given = incoming.page_token().and_then(|token| token.strip_prefix("endless-")?.parse::<u64>().ok());
                let next = json!(format!("endless-{}", given.map_or(0_u64, |number| number + 1)));
                // The service does not know a token that it did not give.
                let mut first = incoming.clone();
                if let Some(members) = first.input.as_object_mut() {
                    members.retain(|name, _| !name.eq_ignore_ascii_case("nextToken"));
                }
                match self.serve(&first, permission, caller) {
                    Outcome::Answer(Answer::Json(mut value)) => {
                        if let Some(members) = value.as_object_mut() {
                            members.values_mut().filter_map(Value::as_array_mut).for_each(Vec::clear);
                            members.insert(next_token(incoming.service).to_owned(), next);
                        }
                        Outcome::Answer(Answer::Json(value))
                    }
                    other => other,
                }
            }
            FaultKind::RepeatToken => match self.serve(incoming, permission, caller) {
                Outcome::Answer(Answer::Json(mut value)) => {
                    if let Some(members) = value.as_object_mut() {
                        members.insert(
                            next_token(incoming.service).to_owned(),
                            json!(incoming.page_token().unwrap_or("page-0")),
                        );
                    }
                    Outcome::Answer(Answer::Json(value))
                }
                other => other,
            },
            FaultKind::Vanish => {
                if let Ok(region) = incoming.region.parse::<RegionName>()
                    && let Some(registry) = self.world.registry(caller.account, &region)
                {
                    for name in incoming.resource().split(',') {
                        registry.repositories.remove(name);
                    }
                }
                self.serve(incoming, permission, caller)
            }
        }
    }

    fn serve(&mut self, incoming: &Incoming, permission: &str, caller: &Caller) -> Outcome {
        let regional = matches!(incoming.service, "ecr" | "inspector2");
        let enabled = self
            .world
            .accounts
            .get(&caller.account)
            .is_some_and(|account| account.regions.iter().any(|region| region.as_str() == incoming.region));
        // The host name does not exist: there is no service that could return an error.
        if incoming.service == "inspector2" && !self.world.inspects(&incoming.region) {
            return Outcome::Reset;
        }
        if regional && !enabled {
            return Outcome::Failure(WireError::new(
                400,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ));
        }
        if permission != "sts:GetCallerIdentity"
            && !allows(caller.allowed.as_ref(), permission, &incoming.target(caller.account))
        {
            let tail = format!("because no session policy allows the {permission} action");
            return Outcome::Failure(WireError::access_denied("AccessDeniedException", &caller.arn, permission, &tail));
        }
        let served = match answer(&mut self.world, caller, incoming) {
            Ok(answer) => Outcome::Answer(answer),
            Err(error) => Outcome::Failure(error),
        };
        self.world.catch_up();
        served
    }
}

fn rejection(incoming: &Incoming, rejected: Rejected) -> WireError {
    let query = incoming.protocol == Protocol::Query;
    match rejected {
        Rejected::Unknown => WireError::new(
            if query { 403 } else { 400 },
            if query { "InvalidClientTokenId" } else { "UnrecognizedClientException" },
            "The security token included in the request is invalid.",
        ),
        Rejected::Expired => WireError::new(
            if query { 403 } else { 400 },
            if query { "ExpiredToken" } else { "ExpiredTokenException" },
            "The security token included in the request is expired",
        ),
    }
}

/// How a service spells the token of the next page.
fn next_token(service: &str) -> &'static str {
    if matches!(service, "organizations" | "account") { "NextToken" } else { "nextToken" }
}

/// AWS's own code for "too many requests", by service.
fn throttled(service: &str) -> WireError {
    match service {
        "sts" | "iam" => WireError::new(400, "Throttling", "Rate exceeded"),
        "organizations" => WireError::new(400, "TooManyRequestsException", "You have exceeded the rate limit."),
        "account" => WireError::new(429, "TooManyRequestsException", "Rate exceeded"),
        "inspector2" => WireError::new(429, "ThrottlingException", "Rate exceeded"),
        _ => WireError::new(400, "ThrottlingException", "Rate exceeded"),
    }
}

fn call_log(shared: &Shared) -> String {
    let state = shared.lock();
    state.log.iter().filter_map(|call| serde_json::to_string(call).ok()).fold(String::new(), |mut text, line| {
        text.push_str(&line);
        text.push('\n');
        text
    })
}

/// What each disable destroyed, in order.
fn loss_log(shared: &Shared) -> String {
    let state = shared.lock();
    state.world.losses.iter().fold(String::new(), |mut text, loss| {
        let line = json!({
            "account": loss.account.to_string(), "region": loss.region.to_string(),
            "findings": loss.findings, "images": loss.images,
        });
        text.push_str(&line.to_string());
        text.push('\n');
        text
    })
}

fn encode(incoming: &Incoming, answer: Answer) -> (Response<()>, Bytes) {
    let (content_type, body) = match answer {
        Answer::Xml(text) => ("text/xml", text),
        Answer::Json(mut value) => {
            strip_nulls(&mut value);
            let kind =
                if incoming.protocol == Protocol::Json { "application/x-amz-json-1.1" } else { "application/json" };
            (kind, value.to_string())
        }
    };
    let mut response = Response::new(());
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static(content_type));
    (response, Bytes::from(body))
}

/// AWS leaves absent members out.
fn strip_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(strip_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn success(incoming: &Incoming, answer: Answer) -> Response<Reply> {
    let (response, bytes) = encode(incoming, answer);
    response.map(|()| Reply { body: Full::new(bytes), cut: false })
}

/// The code by which a change was refused for the account that it was asked for, inside an HTTP 200.
fn refused_account(permission: &str, answer: &Answer) -> String {
    let code = match answer {
        Answer::Json(value) if is_mutating(permission) => value.pointer("/failedAccounts/0/errorCode"),
        _ => None,
    };
    code.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn failure(protocol: Protocol, error: &WireError) -> Response<Reply> {
    let (content_type, body) = match protocol {
        Protocol::Query => ("text/xml", xml_error(error)),
        Protocol::Json => {
            ("application/x-amz-json-1.1", json!({"__type": error.code, "message": error.message}).to_string())
        }
        Protocol::RestJson => ("application/json", json!({"message": error.message}).to_string()),
    };
    let mut response = plain(error.status, content_type, body);
    if let Ok(code) = error.code.parse() {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

fn plain(status: u16, content_type: &'static str, body: String) -> Response<Reply> {
    let mut response = Response::new(Reply { body: Full::new(Bytes::from(body)), cut: false });
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static(content_type));
    response
}
