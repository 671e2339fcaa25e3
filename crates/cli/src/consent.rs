//! Consent, as it is typed.

use std::io::{BufRead, Write};

use crate::error::CliError;
use crate::session;

/// Asks at the terminal. `None`: Ctrl-C, which is an answer too.
pub(crate) fn ask(question: &str) -> Result<Option<String>, CliError> {
    // It is listened for before anything is asked.
    session::interruptible(None, |cancel| async move {
        let _ = anstream::stderr().write_all(question.as_bytes());
        let line = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            let _ = std::io::stdin().lock().read_line(&mut answer);
            answer.trim().to_owned()
        });
        tokio::select! {
            biased;
            () = cancel.cancelled() => None,
            answer = line => answer.ok(),
        }
    })
}
