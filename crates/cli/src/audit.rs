//! One audit, at AWS or in a simulated organization: connect, collect into a snapshot, assess, report.

use std::sync::Arc;
use std::time::Duration;

use scangap_collect::{Board, Collected, Event, collect};
use scangap_report::sanitize;
use scangap_snapshot::Recipients;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::closing::{self, Phases};
use crate::earlier::Earlier;
use crate::error::CliError;
use crate::exit::Exit;
use crate::folder::Folder;
use crate::job::Job;
use crate::progress::Progress;
use crate::session::{self, Session};
use crate::store::{self, HandOver, Store};
use crate::{environment, open_files, terminal};

/// How often the screen says how far it is.
const SHOWN_EVERY: Duration = Duration::from_millis(200);

/// Facts that wait to be stored, and once more as many that are being stored together.
const EVENTS_WAITING: usize = 256;

/// What comes meanwhile is stored together: each transaction writes pages of its own.
const STORED_EVERY: Duration = Duration::from_millis(20);

pub(crate) fn run(job: &Job) -> Result<Exit, CliError> {
    if job.quiet == 0 {
        terminal::note(&sanitize(&format!("scangap {}: {}", environment::VERSION, job.introduction)));
        open_files::warn(job.collect.max_in_flight);
    }
    let mut phases = Phases::begin();
    let folder = match &job.resume {
        Some(_) => None,
        None => Some(Folder::prepare(job.out.clone())?),
    };
    let session = Session::open(&job.connect)?;
    if job.quiet == 0 {
        let Session { connection, identity } = &session;
        let from = connection.credentials_from();
        terminal::note(&sanitize(&format!("as {} in account {}, by {from}", identity.arn, identity.account)));
    }
    let begun = match &job.resume {
        Some(resume) => {
            resume.check(&session, &job.collect)?;
            if job.quiet == 0 {
                terminal::note(&sanitize(&resume.introduction()));
            }
            Some(Store::resume(resume, job, &session.identity.arn)?)
        }
        None => None,
    };
    phases.ended("connecting");
    let meter = Arc::clone(session.connection.meter());
    let words = "interrupted: closing the snapshot; press Ctrl-C again to stop at once";
    let (store, outcome) =
        session::interruptible(Some(words), |cancel| gather(job, session, folder, begun, &mut phases, cancel))??;
    let folder = store.folder().to_owned();
    let judged = store.close(&mut phases)?;
    let interrupted = outcome == Collected::Interrupted;
    // A run that was interrupted is gone on with: it is encrypted when it is finished.
    let nobody = Recipients::default();
    let recipients = if interrupted { &nobody } else { &job.recipients };
    let to = HandOver { directory: &folder, options: &job.reports, quiet: job.quiet, interrupted, recipients };
    let exit = Earlier::read(&judged, &job.past, job.decisions.clone())
        .and_then(|earlier| store::hand_over(&judged, &earlier, &job.fail_on, &to));
    store::warn_if_plain(&judged.path, &job.recipients, interrupted);
    let exit = exit?;
    phases.ended("writing reports");
    if job.table {
        closing::print(&meter, &phases);
    }
    Ok(exit)
}

/// Runs the collection and receives its events. Only this function writes to the store and the screen.
async fn gather(
    job: &Job,
    session: Session,
    mut folder: Option<Folder>,
    mut store: Option<Store>,
    phases: &mut Phases,
    cancel: CancellationToken,
) -> Result<(Store, Collected), CliError> {
    let Session { connection, identity } = session;
    let stop = cancel.clone();
    let prior = job.resume.as_ref().map(|resume| resume.prior.clone()).unwrap_or_default();
    let meter = Arc::clone(connection.meter());
    let board = Board::default();
    let (sender, mut events) = mpsc::channel(EVENTS_WAITING);
    let mut collection = tokio::task::JoinSet::new();
    collection.spawn(collect(connection, identity, job.collect.clone(), prior, board.clone(), sender, cancel));

    let mut progress = Progress::new(job.quiet, job.progress, board);
    let mut ticks = tokio::time::interval(SHOWN_EVERY);
    if let Some(resume) = &job.resume {
        let listed = resume.prior.organization.as_ref().map(|organization| organization.accounts.len());
        progress.of_resumed(listed, resume.settled());
    }
    let mut failure: Option<CliError> = None;
    let mut arrived = Vec::with_capacity(EVENTS_WAITING);
    let mut stored = tokio::time::Instant::now() - STORED_EVERY;
    loop {
        let more = tokio::select! {
            () = tokio::time::sleep_until(stored + STORED_EVERY), if stored.elapsed() < STORED_EVERY => continue,
            more = events.recv_many(&mut arrived, EVENTS_WAITING), if stored.elapsed() >= STORED_EVERY => more,
            _ = ticks.tick() => {
                progress.show(&meter);
                continue;
            }
        };
        if more == 0 {
            break;
        }
        for event in &arrived {
            progress.on(event);
            let Event::Organization { facts, accounts, listed, .. } = event else { continue };
            if job.quiet == 0 && *listed {
                store::introduce(facts, accounts.len(), job.collect.shard);
            }
            if let Some(folder) = folder.take() {
                match Store::create(folder, facts, event, job, &meter) {
                    Ok(created) => store = Some(created),
                    Err(error) => failure = Some(error),
                }
            }
        }
        if failure.is_none()
            && let Some(store) = &mut store
            && let Err(error) = store.on(&arrived, &meter)
        {
            failure = Some(error);
        }
        if arrived.len() < EVENTS_WAITING {
            stored = tokio::time::Instant::now();
        }
        arrived.clear();
        if failure.is_some() {
            // Further facts could not be stored: stop the collection.
            stop.cancel();
            events.close();
        }
    }
    progress.finish();
    let collected = match collection.join_next().await {
        Some(Ok(collected)) => collected,
        Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
        None => Err(scangap_collect::CollectError::ListenerGone),
    };
    phases.ended("reading AWS");
    match (failure, collected, store) {
        (None, Ok(collected), Some(mut store)) => {
            store.finish(&meter, collected == Collected::Interrupted, job)?;
            Ok((store, collected))
        }
        (Some(failure), _, store) => {
            // What was stored before stays, closed as interrupted if that can still be written.
            if let Some(mut store) = store {
                let _ = store.finish(&meter, true, job);
                store.keep();
            }
            Err(failure)
        }
        (None, Err(error), store) => {
            // A run without facts worth keeping leaves nothing behind, and one that was resumed what it found.
            store.map(|store| store.give_up(&meter, job)).transpose()?;
            drop(folder);
            Err(CliError::Collect(error))
        }
        (None, Ok(_), None) => Err(CliError::Collect(scangap_collect::CollectError::ListenerGone)),
    }
}
