//! How a diagnosis looks on the page, and whether somebody has to act on it.

use scangap_model::{Diagnosis, Tone};

pub(super) fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Bad => "bad",
        Tone::Warning => "warning",
        Tone::Question => "question",
        Tone::Neutral => "neutral",
        Tone::Good => "good",
    }
}

/// Whether somebody has to look at it.
pub(super) fn needs_action(diagnosis: Diagnosis) -> bool {
    diagnosis.info().fails_any || diagnosis == Diagnosis::Unreadable
}
