//! Sends a client's calls: each in its turn, again while AWS throttles it, and once more with a new session if its own expired.

use std::sync::Arc;

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority};
use scangap_model::{Api, Cause, GapKind};
use tokio::time::Instant;

use crate::classify::{CallError, kind_of_response};
use crate::limits::{Buckets, UnderWay, millis};
use crate::meter::Call;
use crate::session::HeldSession;

/// The buckets that a client's calls are taken from, and the session that signs them.
#[derive(Debug, Clone)]
pub(crate) struct Port {
    buckets: Arc<Buckets>,
    /// `None`: the caller's own credentials, which the SDK renews.
    session: Option<HeldSession>,
}

impl Port {
    pub(crate) fn new(buckets: Arc<Buckets>, session: Option<HeldSession>) -> Self {
        Self { buckets, session }
    }

    /// Asks until there is an answer that is none of the bucket's.
    pub(crate) async fn ask<T, F, R>(&self, call: &Arc<Call>, mut attempt: F) -> Result<T, CallError>
    where
        F: FnMut() -> R,
        R: Future<Output = Result<T, CallError>>,
    {
        let mut renewed = false;
        loop {
            let (answer, under_way) = self.turn(call, &mut attempt).await?;
            self.log(call, &answer, under_way.started());
            match answer {
                Err(error) if error.kind == GapKind::Throttled => {
                    if let Some(given_up) = under_way.throttled() {
                        return Err(given_up.after(error.attempts));
                    }
                }
                Err(error) if error.is_expired_session() && !renewed && self.session.is_some() => {
                    // The service decides whether the session expired, whatever the clock of this machine shows.
                    renewed = true;
                    let started = under_way.started();
                    under_way.let_through();
                    if let Some(session) = &self.session {
                        session.ran_out(started).await;
                    }
                }
                answer => {
                    debug_assert!(answer.is_err() || call.was_seen(), "a client has no watch: {}", call.api());
                    under_way.settle(&answer);
                    return answer;
                }
            }
        }
    }

    /// Sends a mutating call in its turn, and once.
    pub(crate) async fn ask_once<T, F, R>(&self, call: &Arc<Call>, mut attempt: F) -> Result<T, CallError>
    where
        F: FnMut() -> R,
        R: Future<Output = Result<T, CallError>>,
    {
        let mut under_way = self.buckets.turn_at_any_rate(call.api()).await;
        under_way.starts(Instant::now());
        let answer = call.watched(attempt()).await;
        self.log(call, &answer, under_way.started());
        if matches!(&answer, Err(error) if error.kind == GapKind::Throttled) {
            let _ = under_way.throttled();
        } else {
            under_way.settle(&answer);
        }
        answer
    }

    /// The outcome of an attempt, without what was sent or answered.
    fn log<T>(&self, call: &Call, answer: &Result<T, CallError>, started: Instant) {
        let (place, ms) = (&**self.buckets.place(), millis(started));
        call.meter().answered(call.api(), started.elapsed());
        match answer {
            Ok(_) => tracing::debug!(target: "scangap::call", place, api = %call.api(), ms, "answered"),
            Err(error) => {
                let (kind, code) = (error.kind.word(), error.code.as_str());
                tracing::debug!(target: "scangap::call", place, api = %call.api(), ms, kind, code, "failed");
            }
        }
    }

    async fn turn<T, F, R>(
        &self,
        call: &Arc<Call>,
        attempt: &mut F,
    ) -> Result<(Result<T, CallError>, UnderWay), CallError>
    where
        F: FnMut() -> R,
        R: Future<Output = Result<T, CallError>>,
    {
        let Some((gate, rank)) = call.gate() else {
            let mut under_way = self.buckets.turn(call.api()).await?;
            under_way.starts(Instant::now());
            return Ok((call.watched(attempt()).await, under_way));
        };
        let interrupted = || not_reached(call.api());
        let asked = Instant::now();
        let mut under_way = tokio::select! {
            biased;
            () = gate.cancelled() => return Err(interrupted()),
            turn = self.buckets.turn(call.api()) => turn?,
        };
        let waited = asked.elapsed();
        call.meter().waited(call.api(), self.buckets.place(), waited);
        let _place = gate.admit(rank.after(waited)).await.ok_or_else(interrupted)?;
        under_way.starts(Instant::now());
        tokio::select! {
            biased;
            answer = call.watched(attempt()) => Ok((answer, under_way)),
            () = gate.out_of_grace() => Err(interrupted()),
        }
    }
}

fn not_reached(api: Api) -> CallError {
    CallError {
        api,
        kind: GapKind::NotReached,
        code: "Interrupted".to_owned(),
        cause: Cause::NotStated,
        message: "the audit was interrupted".to_owned(),
        attempts: 0,
    }
}

/// Which attempts the SDK makes again. Not those that were throttled: they wait for their turn. But those whose answer could
/// not be read, which the SDK would take for an answer.
#[derive(Debug)]
pub(crate) struct Retries;

impl ClassifyRetry for Retries {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let (Some(Err(_)), Some(response)) = (context.output_or_error(), context.response()) else {
            return RetryAction::NoActionIndicated;
        };
        match kind_of_response(response) {
            Some(GapKind::Throttled) => RetryAction::RetryForbidden,
            None if response.status().is_success() => RetryAction::transient_error(),
            Some(_) | None => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "scangap::Retries"
    }

    fn priority(&self) -> RetryClassifierPriority {
        // After all of the SDK's own: the last word.
        RetryClassifierPriority::run_after(RetryClassifierPriority::modeled_as_retryable_classifier())
    }
}
