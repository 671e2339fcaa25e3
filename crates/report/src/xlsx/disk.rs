//! A full disk while a workbook is made. Rows wait in temporary files, and the library that writes them panics where one
//! cannot be written; here that becomes the error that it is.

use std::any::Any;
use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Once;

/// How the library's panics about files begin.
const ABOUT_FILES: &str = "Couldn't write to xml file";

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`. A panic about a file is an error, told once by whoever gets it; any other goes on as it was.
pub(super) fn guarded<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let about_files = text(info.payload()).is_some_and(|text| text.starts_with(ABOUT_FILES));
            if !(about_files && GUARDED.get()) {
                usual(info);
            }
        }));
    });
    GUARDED.set(true);
    // What was half made is dropped by whoever called: nothing of it is looked at again.
    let done = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(false);
    done.unwrap_or_else(|panic| match text(panic.as_ref()) {
        Some(text) if text.starts_with(ABOUT_FILES) => Err(io::Error::other(text.to_owned())),
        _ => resume_unwind(panic),
    })
}

fn text(payload: &(dyn Any + Send)) -> Option<&str> {
    payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_about_a_file_is_an_error_and_no_other_is() {
        let full = guarded::<()>(|| panic!("{ABOUT_FILES}: No space left on device"));
        assert!(full.unwrap_err().to_string().ends_with("No space left on device"));
        assert_eq!(guarded(|| Ok(1)).unwrap(), 1);
        let other = catch_unwind(|| guarded::<()>(|| panic!("a mistake")));
        assert_eq!(text(other.unwrap_err().as_ref()), Some("a mistake"));
    }
}
