//! The query protocol with XML answers, for STS and IAM.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::error::WireError;

pub(crate) fn parse_form(body: &str) -> BTreeMap<String, String> {
    body.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (decode(key), decode(value))).collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let pair = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                let hex = std::str::from_utf8(&pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
                bytes.push(hex.unwrap_or(b'?'));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// `fields` are paths such as `Credentials/AccessKeyId`, in order; siblings under one parent must follow each other.
pub(crate) fn xml_result(operation: &str, fields: &[(&str, String)]) -> String {
    let mut body = String::new();
    let mut open: Option<&str> = None;
    for (path, value) in fields {
        let (parent, name) = path.rsplit_once('/').map_or((None, *path), |(parent, name)| (Some(parent), name));
        if open != parent {
            if let Some(closing) = open {
                let _ = write!(body, "</{closing}>");
            }
            if let Some(opening) = parent {
                let _ = write!(body, "<{opening}>");
            }
            open = parent;
        }
        let _ = write!(body, "<{name}>{}</{name}>", escape(value));
    }
    if let Some(closing) = open {
        let _ = write!(body, "</{closing}>");
    }
    xml_answer("https://sts.amazonaws.com/doc/2011-06-15/", operation, &body)
}

/// An answer whose content is written already.
pub(crate) fn xml_answer(namespace: &str, operation: &str, body: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"{namespace}\"><{operation}Result>{body}</{operation}Result>\
         <ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ResponseMetadata></{operation}Response>"
    )
}

pub(crate) fn xml_error(error: &WireError) -> String {
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{}</Code>\
         <Message>{}</Message></Error><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>",
        escape(&error.code),
        escape(&error.message)
    )
}
