//! Answers as bytes: in the protocol of the request, whole, cut short or not at all.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};

use super::error::WireError;
use super::query::xml_error;
use super::request::{Incoming, Protocol};

/// A JSON answer, or the finished XML of STS and IAM.
#[derive(Debug)]
pub(crate) enum Answer {
    Json(Value),
    Xml(String),
}

/// An error here closes the connection without an answer, which is what a reset is.
#[derive(Debug)]
pub(crate) struct Reset;

impl std::fmt::Display for Reset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("connection reset by the scenario")
    }
}

impl std::error::Error for Reset {}

/// A body that may announce more than it sends.
pub(crate) struct Reply {
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
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
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

pub(crate) fn success(incoming: &Incoming, answer: Answer) -> Response<Reply> {
    let (response, bytes) = encode(incoming, answer);
    response.map(|()| Reply { body: Full::new(bytes), cut: false })
}

/// Announces the whole answer, and sends half of it.
pub(crate) fn cut_short(incoming: &Incoming, answer: Answer) -> Response<Reply> {
    let (mut response, bytes) = encode(incoming, answer);
    let half = bytes.slice(..bytes.len() / 2);
    let length = bytes.len().to_string().parse().unwrap_or_else(|_| HeaderValue::from_static("1000000"));
    response.headers_mut().insert(CONTENT_LENGTH, length);
    response.map(|()| Reply { body: Full::new(half), cut: true })
}

pub(crate) fn failure(protocol: Protocol, error: &WireError) -> Response<Reply> {
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

pub(crate) fn plain(status: u16, content_type: &'static str, body: String) -> Response<Reply> {
    let mut response = Response::new(Reply { body: Full::new(Bytes::from(body)), cut: false });
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
