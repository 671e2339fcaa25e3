//! A request is sent, and its answer taken for what it holds: for every read port.

use aws_smithy_types::DateTime;
use jiff::Timestamp;

use crate::classify::CallError;
use crate::meter::Call;

/// What the SDK fills in for a required member that the answer leaves out.
pub(crate) const NO_VALUE: &str = "no value was set";

/// Sends a request in its turn under a call's watch, and classifies what does not come back. The request is made anew for
/// each time that it is sent.
macro_rules! send {
    ($port:expr, $call:expr, $request:expr) => {
        $port.ask($call, || async { $request.send().await.map_err(|error| $call.error(&error)) }).await
    };
}
pub(crate) use send;

/// An answer without its content is none: an empty list is written as one, and a body of nothing parses as `{}`.
pub(crate) fn answered(call: &Call, has_it: bool) -> Result<(), CallError> {
    if has_it { Ok(()) } else { Err(call.malformed("EmptyAnswer", "the answer does not hold what was asked for")) }
}

/// AWS's times. One that is out of range is no time.
pub(crate) fn timestamp(time: &DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}
