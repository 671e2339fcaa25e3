//! Arbitrary bytes as a file that deploys policies, in each of its languages: read or refused, never a panic and never a hang.

#![no_main]

#[path = "../../crates/iac/tests/common/mod.rs"]
mod survive;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        survive::survives(text);
    }
});
