//! The protocol against a model of Inspector and ECR, in memory: every answer that may come, in every order, up to a number of
//! things that go wrong; the process is stopped after any action, what was not journaled is forgotten, and a resume begins.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use super::resync::{Purpose, Resync};
use super::{Action, Answer, Because, Configuration, End, Line, Moment, Seen, Status, Timeouts};
use crate::progress::Progress;

const TIMEOUTS: Timeouts = Timeouts {
    status: Duration::from_millis(700),
    coverage: Duration::from_millis(300),
    settle: Duration::from_millis(100),
};

/// What there is at AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Registry {
    on: bool,
    /// A Disable that was accepted, and takes effect after so many more actions.
    under_way: Option<u8>,
    /// Whether a change that is under way shows in the status.
    shows: bool,
    configured: bool,
    /// What a Disable deletes.
    findings: bool,
    denied: bool,
    /// Disables that took effect.
    disabled: u8,
}

/// What is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Disk {
    progress: Progress,
    called_at: Option<Timestamp>,
    backup: bool,
    /// Whether it says that nobody knows whether a Disable was done.
    unanswered: bool,
}

/// Whether a line says that nobody knows whether a Disable was done.
fn says_unanswered(action: Action) -> bool {
    matches!(action, Action::Journal(Line::Reached { because: Some(Because::NobodyKnows), .. }))
}

/// One process on its way through an apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct World {
    registry: Registry,
    disk: Disk,
    protocol: Resync,
    purpose: Purpose,
    elapsed: Duration,
    wall: Timestamp,
    /// Answers that may still go wrong.
    troubles: u8,
    /// How often the process may still end.
    crashes: u8,
    interrupted: bool,
    /// Whether this process saw scanning off.
    seen_off: bool,
    /// Actions of this process.
    actions: u16,
}

/// More actions than any run takes: a longer one waits without an end.
const MAX_ACTIONS: u16 = 400;

impl World {
    fn start(shows: bool, troubles: u8, crashes: u8) -> Self {
        let registry =
            Registry { on: true, under_way: None, shows, configured: true, findings: true, denied: true, disabled: 0 };
        let disk = Disk { progress: Progress::Untouched, called_at: None, backup: false, unanswered: false };
        Self::process(registry, disk, Timestamp::UNIX_EPOCH, troubles, crashes)
    }

    /// A new process: what is open is re-enabled first.
    fn process(registry: Registry, disk: Disk, wall: Timestamp, troubles: u8, crashes: u8) -> Self {
        let purpose = if disk.progress.is_open() { Purpose::Undo } else { after_undo(disk.progress) };
        Self { registry, disk, wall, troubles, crashes, ..Self::stage(registry, disk, purpose, Duration::ZERO, wall) }
    }

    fn stage(registry: Registry, disk: Disk, purpose: Purpose, elapsed: Duration, wall: Timestamp) -> Self {
        let now = Moment { elapsed, wall, interrupted: false };
        let protocol = Resync::new(purpose, disk.progress, disk.called_at, TIMEOUTS, now);
        Self {
            registry,
            disk,
            protocol,
            purpose,
            elapsed,
            wall,
            troubles: 0,
            crashes: 0,
            interrupted: false,
            seen_off: false,
            actions: 0,
        }
    }

    fn now(&self) -> Moment {
        Moment { elapsed: self.elapsed, wall: self.wall, interrupted: self.interrupted }
    }

    /// What may be seen of an action, each with the world afterwards.
    fn outcomes(self, action: Action) -> Vec<(Self, Seen)> {
        let mut world = self;
        world.actions += 1;
        world.registry.pass();
        let seen = |world: Self, seen| (world, seen);
        let trouble = |world: Self, what: Seen| {
            (world.troubles > 0).then(|| (Self { troubles: world.troubles - 1, ..world }, what))
        };
        let failing = |world: Self| {
            [Seen::Failed { passing: true }, Seen::Failed { passing: false }].map(|what| trouble(world, what))
        };
        let mut all: Vec<(Self, Seen)> = Vec::new();
        match action {
            Action::Wait(pause) => {
                world.elapsed += pause;
                all.push(seen(world, Seen::Waited));
            }
            Action::Journal(line) => {
                all.extend(trouble(world, Seen::Journaled(false)));
                all.push(seen(world.journaled(line), Seen::Journaled(true)));
            }
            Action::BackUp => {
                all.extend(failing(world).into_iter().flatten());
                all.push(seen(world, Seen::BackupSaved));
                if world.disk.backup {
                    all.push(seen(world, Seen::BackupYoung));
                }
            }
            Action::WriteReport => all.push(seen(world, Seen::Reported)),
            Action::CheckPreconditions => {
                all.extend(failing(world).into_iter().flatten());
                let ready = world.registry.on && world.registry.configured && world.registry.denied;
                all.push(seen(world, if ready { Seen::Ready } else { Seen::Stale }));
            }
            Action::ReadStatus => {
                all.extend(failing(world).into_iter().flatten());
                all.push(seen(world, Seen::Status(world.registry.status())));
            }
            Action::ReadConfiguration => {
                all.extend(failing(world).into_iter().flatten());
                let is = if world.registry.configured { Configuration::AsSaved } else { Configuration::Other };
                all.push(seen(world, Seen::Configuration(is)));
            }
            Action::ReadCoverage => {
                all.extend(failing(world).into_iter().flatten());
                let denied = world.registry.denied;
                all.push(seen(world, Seen::Coverage { refreshed: !denied, denied }));
            }
            Action::CompareBackup => {
                all.extend(failing(world).into_iter().flatten());
                let here = world.registry.findings;
                all.push(seen(world, Seen::Compared { gone: !here, kept: here }));
            }
            Action::CallDisable => {
                assert_eq!(world.disk.progress, Progress::Disabling, "it is journaled first");
                all.extend(trouble(world, Seen::Answered(Answer::NotDone { passing: true })));
                all.extend(trouble(world, Seen::Answered(Answer::NotDone { passing: false })));
                all.extend(trouble(world, Seen::Answered(Answer::Refused)));
                all.extend(trouble(world, Seen::Answered(Answer::NotKnown)));
                if world.registry.under_way.is_some() {
                    all.push(seen(world, Seen::Answered(Answer::AlreadyDisabling)));
                } else {
                    for delay in [0, 3] {
                        let mut done = world;
                        done.registry.accept_disable(delay);
                        all.extend(trouble(done, Seen::Answered(Answer::NotKnown)));
                        all.push(seen(done, Seen::Answered(Answer::Accepted)));
                    }
                }
            }
            Action::CallEnable => {
                all.extend(trouble(world, Seen::Answered(Answer::NotDone { passing: true })));
                all.extend(trouble(world, Seen::Answered(Answer::Refused)));
                all.extend(trouble(world, Seen::Answered(Answer::NotKnown)));
                if world.registry.under_way.is_some() {
                    all.push(seen(world, Seen::Answered(Answer::AlreadyDisabling)));
                } else if world.registry.on {
                    // AWS does not say what an Enable writes where scanning is on.
                    let mut other = world;
                    other.registry.configured = false;
                    all.extend(trouble(other, Seen::Answered(Answer::AlreadyOn)));
                    all.push(seen(world, Seen::Answered(Answer::AlreadyOn)));
                } else {
                    let mut done = world;
                    (done.registry.on, done.registry.denied, done.registry.configured) = (true, false, false);
                    all.extend(trouble(done, Seen::Answered(Answer::NotKnown)));
                    all.push(seen(done, Seen::Answered(Answer::Accepted)));
                }
            }
            Action::PutConfiguration => {
                all.extend(failing(world).into_iter().flatten());
                let mut done = world;
                done.registry.configured = true;
                all.push(seen(done, Seen::ConfigurationPut));
            }
            Action::Finish(_) => {}
        }
        all
    }

    fn journaled(mut self, line: Line) -> Self {
        match line {
            Line::Reached { progress, because, .. } => {
                self.disk.unanswered |= because == Some(Because::NobodyKnows);
                self.disk.progress = progress;
                self.disk.backup |= progress == Progress::BackedUp;
                if progress == Progress::Disabling {
                    self.disk.called_at = Some(self.wall);
                }
            }
            Line::Asking | Line::Restoring | Line::SavedAgain | Line::Reenabled => {}
        }
        self
    }
}

impl Registry {
    /// Time goes on at AWS.
    fn pass(&mut self) {
        match self.under_way {
            Some(0) => self.take_effect(),
            Some(more) => self.under_way = Some(more - 1),
            None => {}
        }
    }

    fn accept_disable(&mut self, delay: u8) {
        if !self.on {
            return;
        }
        if delay == 0 { self.take_effect() } else { self.under_way = Some(delay) }
    }

    fn take_effect(&mut self) {
        (self.under_way, self.on, self.configured, self.findings, self.denied) = (None, false, false, false, false);
        self.disabled += 1;
    }

    fn status(self) -> Status {
        match (self.on, self.under_way) {
            (true, Some(_)) if self.shows => Status::Other,
            (true, _) => Status::Enabled,
            (false, _) => Status::Disabled,
        }
    }
}

/// What an apply does next with a step that is not open.
fn after_undo(progress: Progress) -> Purpose {
    if progress < Progress::Disabling { Purpose::BackUp } else { Purpose::Forward }
}

/// Everything that may follow, and what was reached.
#[derive(Default)]
struct Walk {
    seen: HashSet<(World, Seen)>,
    /// How each place was come to: from which, and with what.
    trail: Vec<(usize, String)>,
    /// Ends with the step done.
    done: usize,
    /// Ends with something that failed.
    failed: usize,
    open_at_the_end: usize,
    /// Whether nothing may fail.
    must_end: bool,
}

/// A world, what is seen in it, and how it was come to.
type Place = (World, Seen, usize);

impl Walk {
    fn from(start: &World) -> Self {
        let mut walk = Self { must_end: start.troubles == 0, ..Self::default() };
        let mut next = vec![(*start, Seen::Began, 0)];
        while let Some((world, seen, from)) = next.pop() {
            // The same from here on, however many actions it took.
            if walk.seen.insert((World { actions: 0, ..world }, seen)) {
                walk.step(&(world, seen, from), &mut next);
            }
        }
        walk
    }

    /// Fails with the way to the place that does not hold.
    fn holds(&self, is_so: bool, what: &str, place: &Place) {
        if is_so {
            return;
        }
        let (world, seen, mut at) = *place;
        let mut way = vec![format!("{seen:?}")];
        while at > 0 {
            let (from, how) = &self.trail[at - 1];
            way.push(how.clone());
            at = *from;
        }
        way.reverse();
        panic!("{what}: {:?}\n{:?}\n{}", world.registry, world.disk, way.join("\n"));
    }

    fn step(&mut self, place: &Place, next: &mut Vec<Place>) {
        let (mut world, seen, _) = *place;
        let Registry { on, under_way, configured, disabled, .. } = world.registry;
        let scanned = on && under_way.is_none() && configured;
        self.holds(scanned || world.disk.progress.is_open(), "not scanned, and the journal does not say so", place);
        self.holds(disabled <= 1, "disabled twice", place);
        self.holds(world.actions < MAX_ACTIONS, "it waits without an end", place);
        if world.crashes > 0 {
            // The process ends here; it is resumed at once, or long after.
            for later in [0, 3600] {
                let wall = world.wall + jiff::SignedDuration::from_secs(later);
                let mut registry = world.registry;
                if later > 0 && registry.under_way.is_some() {
                    registry.take_effect();
                }
                let at = self.come(place, format!("crash, resumed {later} s later"));
                next.push((
                    World::process(registry, world.disk, wall, world.troubles, world.crashes - 1),
                    Seen::Began,
                    at,
                ));
            }
        }
        if world.troubles > 0 && !world.interrupted {
            let at = self.come(place, "interrupted".to_owned());
            next.push((World { interrupted: true, troubles: world.troubles - 1, ..world }, seen, at));
        }
        world.seen_off |= seen == Seen::Status(Status::Disabled);
        let action = world.protocol.next(seen, world.now());
        self.holds(!(world.seen_off && says_unanswered(action)), "what was seen off is said not to be known", place);
        let (thought, written) = (world.protocol.progress(), world.disk.progress);
        self.holds(written <= thought || thought == Progress::BackedUp, "more is written than is thought", place);
        self.holds(action != Action::Wait(Duration::ZERO), "it waits for nothing", place);
        let Action::Finish(end) = action else {
            let at = self.come(place, format!("{seen:?} -> {action:?}"));
            if action == Action::CallDisable || action == Action::CallEnable {
                self.holds(world.disk.backup, "nothing is written before a backup", place);
            }
            next.extend(world.outcomes(action).into_iter().map(|(world, seen)| (world, seen, at)));
            return;
        };
        let at = self.come(place, format!("{seen:?} -> {:?} ends: {end:?}", world.purpose));
        match (end, world.purpose) {
            (End::Done, Purpose::Forward) => {
                self.holds(on && configured && written == Progress::Done, "done, and not scanned", place);
                let told = disabled == 1 || world.disk.unanswered;
                self.holds(told, "done without a re-sync, and the journal does not say so", place);
                self.done += 1;
            }
            (End::Done, purpose) => {
                let purpose = match purpose {
                    Purpose::BackUp => Purpose::Trial,
                    Purpose::Trial => Purpose::Forward,
                    // One whose Disable had no answer, and that nothing happened to, is gone on with.
                    _ if written.is_open() => Purpose::Forward,
                    _ => after_undo(written),
                };
                let stage = World::stage(world.registry, world.disk, purpose, world.elapsed, world.wall);
                let World { troubles, crashes, interrupted, seen_off, .. } = world;
                let stage = World { troubles, crashes, interrupted, seen_off, ..stage };
                next.push((stage, Seen::Began, at));
            }
            (End::Noticed | End::Failed(_), _) => {
                self.holds(!self.must_end, "it fails without trouble", place);
                self.failed += 1;
                self.open_at_the_end += usize::from(written.is_open());
            }
        }
    }

    fn come(&mut self, (_, _, from): &Place, how: String) -> usize {
        self.trail.push((*from, how));
        self.trail.len()
    }
}

// Holds: 13 The protocol: every interleaving of answers, troubles and crashes leaves scanning on, or a journal that says otherwise
#[test]
fn whatever_goes_wrong_and_wherever_it_stops_nothing_is_left_off_unsaid() {
    for shows in [true, false] {
        for (troubles, crashes) in [(2, 2), (3, 0)] {
            let walk = Walk::from(&World::start(shows, troubles, crashes));
            assert!(walk.done > 0 && walk.failed > 0 && walk.open_at_the_end > 0, "all kinds of ends are reached");
            assert!(walk.seen.len() > 10_000, "{} worlds", walk.seen.len());
        }
    }
}

#[test]
fn with_crashes_alone_it_always_comes_to_its_end() {
    for shows in [true, false] {
        let walk = Walk::from(&World::start(shows, 0, 3));
        assert!(walk.done > 0);
    }
}

// Holds: 13 The protocol: long runs with many troubles hold the same, drawn at random
#[test]
fn long_runs_with_many_troubles_hold_the_same() {
    use proptest::prelude::*;
    let choices = proptest::collection::vec((any::<u16>(), 0_u8..40), 50..600);
    proptest!(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() }, |(choices in choices, shows in any::<bool>())| {
        let (mut world, mut seen, mut at) = (World::start(shows, u8::MAX, 0), Seen::Began, 0);
        let mut walk = Walk::default();
        for (choice, crash) in choices {
            world.troubles = u8::MAX;
            world.crashes = u8::from(crash == 0);
            let mut next = Vec::new();
            walk.step(&(world, seen, at), &mut next);
            let chosen: Vec<_> = next.into_iter().filter(|(next, ..)| !next.interrupted || choice % 64 == 0).collect();
            if chosen.is_empty() {
                break;
            }
            (world, seen, at) = chosen[usize::from(choice) % chosen.len()];
        }
    });
}
