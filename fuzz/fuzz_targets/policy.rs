//! Arbitrary bytes as a policy: an answer or an error with a place, never a panic and never a hang.

#![no_main]

#[path = "../../crates/policy/tests/common/survive.rs"]
mod survive;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        survive::survives(text);
    }
});
