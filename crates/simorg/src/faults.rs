//! The fault list: what goes wrong, for which calls, how often, and what such a call comes to.

use scangap_model::AccountId;
use serde_json::{Value, json};

use crate::outcome::Outcome;
use crate::scenario::Random;
use crate::scenario::{FaultKind, FaultSpec};
use crate::throttle::covers;
use crate::wire::{Answer, Incoming, WireError};

#[derive(Debug)]
pub(crate) struct Faults(Vec<(FaultSpec, u64)>);

impl Faults {
    pub(crate) fn new(specs: Vec<FaultSpec>) -> Self {
        Self(specs.into_iter().map(|spec| (spec, 0)).collect())
    }

    pub(crate) fn add(&mut self, spec: FaultSpec) {
        self.0.push((spec, 0));
    }

    /// The fault that hits this call, if any. Every matching fault counts the call.
    pub(crate) fn hit(
        &mut self,
        operation: &str,
        account: Option<AccountId>,
        region: &str,
        resource: &str,
    ) -> Option<FaultSpec> {
        let account = account.map(|id| id.to_string()).unwrap_or_default();
        let mut hit = None;
        for (spec, seen) in &mut self.0 {
            let wanted = |want: &Option<String>, have: &str| want.as_ref().is_none_or(|want| want == have);
            let matching = spec.operation.as_ref().is_none_or(|pattern| covers(pattern, operation))
                && wanted(&spec.account, &account)
                && wanted(&spec.region, region)
                && wanted(&spec.resource, resource);
            if !matching {
                continue;
            }
            let ordinal = *seen;
            *seen += 1;
            let scattered = || spec.one_in.is_none_or(|n| Random(ordinal).below(n) == 0);
            let counted = ordinal >= spec.skip && spec.count.is_none_or(|count| ordinal < spec.skip + count);
            if hit.is_none() && counted && scattered() {
                hit = Some(spec.clone());
            }
        }
        hit
    }
}

/// What a call comes to that a fault hits. `serve` answers a call as if there were none; what a fault takes out of the world is
/// gone before that (`FaultKind::Vanish`).
pub(crate) fn outcome(fault: &FaultSpec, incoming: &Incoming, mut serve: impl FnMut(&Incoming) -> Outcome) -> Outcome {
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
            serve(incoming);
            Outcome::Reset
        }
        FaultKind::HangAfter => {
            serve(incoming);
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
        FaultKind::Truncate => match serve(incoming) {
            Outcome::Answer(answer) => Outcome::Truncated(answer),
            other => other,
        },
        FaultKind::Doubled => match serve(incoming) {
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
            match serve(&with_token(incoming, "")) {
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
        FaultKind::EmptyPages => empty_pages(incoming, serve),
        FaultKind::ShortPages => short_pages(incoming, serve),
        FaultKind::RepeatToken => match serve(incoming) {
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
        // What vanishes was taken away before.
        FaultKind::Vanish => serve(incoming),
    }
}

/// How a service spells the token of the next page.
fn next_token(service: &str) -> &'static str {
    if matches!(service, "organizations" | "account") { "NextToken" } else { "nextToken" }
}

/// Before each page an empty one.
fn empty_pages(incoming: &Incoming, mut serve: impl FnMut(&Incoming) -> Outcome) -> Outcome {
    // `at-N`: the page itself, whose token is N.
    let (token, is_empty) = match incoming.page_token() {
        Some(token) => token.strip_prefix("at-").map_or((token, true), |token| (token, false)),
        None => ("", true),
    };
    repaged(serve(&with_token(incoming, token)), incoming.service, |lists, next| {
        if is_empty {
            lists.into_iter().for_each(Vec::clear);
            return Some(format!("at-{token}"));
        }
        next
    })
}

/// One row a page.
fn short_pages(incoming: &Incoming, mut serve: impl FnMut(&Incoming) -> Outcome) -> Outcome {
    let given = incoming.page_token().unwrap_or_default();
    // `row-K-N`: the row K of the page whose token is N.
    let part = given.strip_prefix("row-").and_then(|rest| rest.split_once('-'));
    let (row, token) = part.and_then(|(row, token)| Some((row.parse().ok()?, token))).unwrap_or((0_usize, given));
    repaged(serve(&with_token(incoming, token)), incoming.service, |lists, next| {
        let mut rows = 0;
        for list in lists {
            rows = rows.max(list.len());
            *list = list.get(row).cloned().into_iter().collect();
        }
        if row + 1 < rows { Some(format!("row-{}-{token}", row + 1)) } else { next }
    })
}

/// The same call for another page; an empty token is that of the first.
fn with_token(incoming: &Incoming, token: &str) -> Incoming {
    let mut other = incoming.clone();
    if let Some(members) = other.input.as_object_mut() {
        members.retain(|name, _| !name.eq_ignore_ascii_case("nextToken"));
        if !token.is_empty() {
            members.insert(next_token(incoming.service).to_owned(), json!(token));
        }
    }
    other
}

/// An answer with other rows, and another token of the next page.
fn repaged(
    outcome: Outcome,
    service: &str,
    change: impl FnOnce(Vec<&mut Vec<Value>>, Option<String>) -> Option<String>,
) -> Outcome {
    let Outcome::Answer(Answer::Json(mut value)) = outcome else { return outcome };
    if let Some(members) = value.as_object_mut() {
        let next = members.remove(next_token(service)).and_then(|token| Some(token.as_str()?.to_owned()));
        let lists = members.values_mut().filter_map(Value::as_array_mut).collect();
        if let Some(next) = change(lists, next) {
            members.insert(next_token(service).to_owned(), json!(next));
        }
    }
    Outcome::Answer(Answer::Json(value))
}
