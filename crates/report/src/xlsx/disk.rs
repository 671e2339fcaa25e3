//! A full disk while a workbook is made. Rows wait in temporary files, and the library that writes them panics where one
//! cannot be written; here that becomes the error that it is.

use std::any::Any;
use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Once;

/// The library whose panics are errors.
const LIBRARY: &str = "rust_xlsxwriter";

thread_local! {
    /// Whether a workbook is made on this thread.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    /// Whether the library panicked while it was.
    static IN_LIBRARY: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`. A panic inside the library becomes an error and is not printed; any other panic continues.
pub(super) fn guarded<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let in_library = GUARDED.get() && info.location().is_some_and(|place| place.file().contains(LIBRARY));
            IN_LIBRARY.set(in_library);
            if !in_library {
                usual(info);
            }
        }));
    });
    GUARDED.set(true);
    IN_LIBRARY.set(false);
    // The caller drops the incomplete workbook and never reads it again.
    let done = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(false);
    done.unwrap_or_else(|panic| {
        if IN_LIBRARY.get() {
            return Err(io::Error::other(text(panic.as_ref()).unwrap_or("the workbook cannot be made").to_owned()));
        }
        resume_unwind(panic)
    })
}

fn text(payload: &(dyn Any + Send)) -> Option<&str> {
    payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_ours_is_not_made_an_error() {
        assert_eq!(guarded(|| Ok(1)).unwrap(), 1);
        let other = catch_unwind(|| guarded::<()>(|| panic!("a mistake")));
        assert_eq!(text(other.unwrap_err().as_ref()), Some("a mistake"));
    }
}
