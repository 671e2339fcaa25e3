//! One request: who calls, what goes wrong, what is answered, what is logged.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming as HttpBody;
use hyper::header::{DATE, HeaderValue};
use hyper::{Request, Response};
use jiff::Timestamp;
use scangap_model::{AccountId, Arn, RegionName};
use serde_json::{Value, json};

use crate::faults::{self, Faults};
use crate::log::{CallLog, CallRecord, is_mutating};
use crate::outcome::Outcome;
use crate::scenario::{FaultKind, LatencySpec, Random};
use crate::services::answer;
use crate::throttle::Throttle;
use crate::wire::{
    Answer, Incoming, Protocol, Reply, Reset, WireError, cut_short, failure, parse, plain, success, throttled,
};
use crate::world::{CLOCK_TOLERANCE, Caller, Rejected, World};

/// Everything a call may touch, under one lock that is never held across an await.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) faults: Faults,
    throttle: Throttle,
    pub(crate) log: CallLog,
    jitter: Random,
    /// An operation, and whether it was called: then the network is cut.
    pub(crate) cut_after: Option<(String, bool)>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    pub(crate) latency: LatencySpec,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pause(&self) -> Duration {
        let LatencySpec { ms, jitter_ms, .. } = self.latency;
        let jitter = if jitter_ms == 0 { 0 } else { self.lock().jitter.below(jitter_ms + 1) };
        Duration::from_millis(ms + jitter)
    }
}

pub(crate) async fn respond(shared: Arc<Shared>, request: Request<HttpBody>) -> Result<Response<Reply>, Reset> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    match parts.uri.path() {
        "/_simorg/calls" => return Ok(plain(200, "application/jsonl", shared.lock().log.lines())),
        "/_simorg/losses" => return Ok(plain(200, "application/jsonl", losses(&shared.lock().world))),
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
    let mut response = match outcome {
        Outcome::Answer(answer) => success(&incoming, answer),
        Outcome::Failure(error) => failure(incoming.protocol, &error),
        Outcome::Raw { status, body, content_type } => plain(status, content_type, body),
        Outcome::Truncated(answer) => cut_short(&incoming, answer),
        Outcome::Reset => return Err(Reset),
        Outcome::Hang => {
            std::future::pending::<Infallible>().await;
            return Err(Reset);
        }
    };
    // The service's time, which need not be this machine's.
    let date = shared.lock().world.date();
    if let Some(date) = date.and_then(|date| HeaderValue::from_str(&date).ok()) {
        response.headers_mut().insert(DATE, date);
    }
    Ok(response)
}

impl State {
    pub(crate) fn new(world: World, faults: Faults, throttle: Throttle, log: CallLog, jitter: Random) -> Self {
        Self { world, faults, throttle, log, jitter, cut_after: None }
    }

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
        let caller =
            match self.world.caller(&incoming.access_key, incoming.token.as_deref(), incoming.signed_at, arrived) {
                Ok(caller) => caller,
                Err(rejected) => {
                    let error = rejection(incoming, rejected, arrived);
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
            Some(fault) => {
                if fault.kind == FaultKind::Vanish {
                    self.vanish(incoming, caller);
                }
                faults::outcome(&fault, incoming, |incoming| self.serve(incoming, permission, caller))
            }
        }
    }

    fn vanish(&mut self, incoming: &Incoming, caller: &Caller) {
        if let Ok(region) = incoming.region.parse::<RegionName>()
            && let Some(registry) = self.world.registry(caller.account, &region)
        {
            for name in incoming.resource().split(',') {
                registry.repositories.remove(name);
            }
        }
    }

    fn serve(&mut self, incoming: &Incoming, permission: &str, caller: &Caller) -> Outcome {
        let regional = matches!(incoming.service, "ecr" | "inspector2" | "securityhub");
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
            && let Some(tail) = caller.permitted.refusal(permission, &incoming.target(caller.account))
        {
            // AWS: the services of the older protocol have a shorter word.
            let code = if incoming.protocol == Protocol::Query { "AccessDenied" } else { "AccessDeniedException" };
            return Outcome::Failure(WireError::access_denied(code, &caller.arn, permission, &tail));
        }
        let served = match answer(&mut self.world, caller, incoming) {
            Ok(answer) => Outcome::Answer(answer),
            Err(error) => Outcome::Failure(error),
        };
        self.world.catch_up();
        served
    }
}

fn rejection(incoming: &Incoming, rejected: Rejected, arrived: Timestamp) -> WireError {
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
        Rejected::OffClock { signed } => WireError::new(
            if query { 403 } else { 400 },
            if query { "SignatureDoesNotMatch" } else { "InvalidSignatureException" },
            off_clock(signed, arrived),
        ),
    }
}

/// AWS's own words. The bound is the service's time and what it tolerates.
fn off_clock(signed: Timestamp, arrived: Timestamp) -> String {
    let text = |at: Timestamp| at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let minutes = CLOCK_TOLERANCE.as_mins();
    let bound = |tolerance| text(arrived.saturating_add(tolerance).unwrap_or(arrived));
    if signed < arrived {
        let earliest = bound(-CLOCK_TOLERANCE);
        format!(
            "Signature expired: {} is now earlier than {earliest} ({} - {minutes} min.)",
            text(signed),
            text(arrived)
        )
    } else {
        let latest = bound(CLOCK_TOLERANCE);
        format!(
            "Signature not yet current: {} is still later than {latest} ({} + {minutes} min.)",
            text(signed),
            text(arrived)
        )
    }
}

/// The code by which a change was refused for the account that it was asked for, inside an HTTP 200.
fn refused_account(permission: &str, answer: &Answer) -> String {
    let code = match answer {
        Answer::Json(value) if is_mutating(permission) => value.pointer("/failedAccounts/0/errorCode"),
        _ => None,
    };
    code.and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What each disable destroyed, in order.
fn losses(world: &World) -> String {
    world.losses.iter().fold(String::new(), |mut text, loss| {
        let line = json!({
            "account": loss.account.to_string(), "region": loss.region.to_string(),
            "findings": loss.findings, "images": loss.images,
        });
        text.push_str(&line.to_string());
        text.push('\n');
        text
    })
}
