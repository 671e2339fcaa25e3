//! Termination signals: one listener, from the first command that needs it to the end of the process. Before that, the
//! default signal handling applies. The first signal cancels the running operation; a second signal, or one without a
//! running operation, ends the process.

use std::sync::{Mutex, MutexGuard, Once, PoisonError, mpsc};

use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::terminal;

/// The token of the running operation, and the message that is printed when a signal cancels it.
static IN_HAND: Mutex<Option<(CancellationToken, Option<&'static str>)>> = Mutex::new(None);

static STARTED: Once = Once::new();

fn in_hand() -> MutexGuard<'static, Option<(CancellationToken, Option<&'static str>)>> {
    IN_HAND.lock().unwrap_or_else(PoisonError::into_inner)
}

/// While this guard exists, the first signal cancels the operation instead of ending the process.
#[must_use]
pub(crate) struct Listening(());

impl Drop for Listening {
    fn drop(&mut self) {
        *in_hand() = None;
    }
}

/// The first Ctrl-C, SIGTERM (from schedulers) or SIGHUP (terminal closed) cancels and prints this message; the next one
/// ends the process.
pub(crate) fn listen(cancel: CancellationToken, words: Option<&'static str>) -> Listening {
    *in_hand() = Some((cancel, words));
    STARTED.call_once(|| {
        let (ready, waiting) = mpsc::channel();
        let listening = std::thread::Builder::new().name("signals".to_owned()).spawn(move || serve(&ready));
        if listening.is_ok() {
            // A signal that comes from here on is heard.
            let _ = waiting.recv();
        }
    });
    Listening(())
}

fn serve(ready: &mpsc::Sender<()>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let Some(mut signals) = Signals::install() else { return };
        let _ = ready.send(());
        loop {
            signals.next().await;
            answer();
        }
    });
}

fn answer() {
    let asked = in_hand().clone();
    match asked {
        Some((cancel, words)) if !cancel.is_cancelled() => {
            if let Some(words) = words {
                terminal::note(words);
            }
            cancel.cancel();
        }
        _ => {
            #[expect(clippy::exit, reason = "the user asked twice, or nothing is in hand: what is on disk is whole")]
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupted: tokio::signal::unix::Signal,
    terminated: tokio::signal::unix::Signal,
    /// `None`: it is ignored, as `nohup` asks for, and stays so.
    hung_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn install() -> Option<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let hung_up = if is_hangup_ignored() { None } else { signal(SignalKind::hangup()).ok() };
        Some(Self {
            interrupted: signal(SignalKind::interrupt()).ok()?,
            terminated: signal(SignalKind::terminate()).ok()?,
            hung_up,
        })
    }

    async fn next(&mut self) {
        let hung_up = async {
            match &mut self.hung_up {
                // SIGHUP cancels too: a lost connection must not leave a registry in the middle of a re-sync.
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
            _ = hung_up => {}
        }
    }
}

/// Linux lists the ignored signals of a process as a bit mask: SIGHUP, number 1, is the lowest bit. Other systems do not.
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn install() -> Option<Self> {
        Some(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
