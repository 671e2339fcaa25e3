//! What a call comes to, before it is written to the wire.

use crate::wire::{Answer, WireError};

/// What a call comes to.
pub(crate) enum Outcome {
    Answer(Answer),
    Failure(WireError),
    Raw { status: u16, body: String, content_type: &'static str },
    Truncated(Answer),
    Reset,
    Hang,
}
