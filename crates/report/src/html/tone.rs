//! How a diagnosis looks on the page, and whether it asks for action.

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

/// Whether it asks for action.
pub(super) fn needs_action(diagnosis: Diagnosis) -> bool {
    diagnosis.info().fails_any || diagnosis == Diagnosis::Unreadable
}
