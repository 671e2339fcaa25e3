//! How a diagnosis looks on the page.

use scangap_model::Tone;

pub(crate) fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Bad => "bad",
        Tone::Warning => "warning",
        Tone::Question => "question",
        Tone::Neutral => "neutral",
        Tone::Good => "good",
    }
}
