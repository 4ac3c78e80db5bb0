//! Kills the real program at every named point, some times over, and starts it again: nothing is
//! lost, sealed twice or changed. The points are in the sources, as `failpoint!`.
//!
//! What a power cut may take besides is tested in the spool's `power_cut.rs`.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]
#![allow(clippy::print_stdout, reason = "what --nocapture shows")]

mod victim;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::{fs, thread};

use victim::{Mode, Scene, Victim};

/// Cases run at the same time: most of the time they wait.
const THREADS: usize = 4;

/// The points of each scene, by what their names begin with, and up to which hit.
const MATRIX: [(Scene, &[(&str, u32)]); 7] = [
    (
        Scene::New,
        &[
            ("agent.start", 1),
            ("agent.look", 3),
            ("agent.loop", 5),
            ("agent.pack", 3),
            ("agent.commit", 3),
            ("agent.put", 3),
            ("agent.discard", 3),
            ("spool.", 4),
        ],
    ),
    (
        Scene::Restart,
        &[
            ("agent.start.key", 1),
            ("agent.start.locked", 1),
            ("agent.look", 2),
            ("agent.pack", 2),
            ("agent.commit", 2),
            ("agent.put", 2),
            ("agent.read_back", 2),
            ("agent.discard", 3),
            ("spool.", 2),
        ],
    ),
    (Scene::StateLost, &[("agent.recall", 1), ("agent.commit", 1), ("spool.", 1)]),
    (Scene::FinalsLost, &[("agent.recall", 1), ("agent.commit", 1), ("spool.write", 1)]),
    (
        Scene::Twin,
        &[
            ("agent.adopt", 3),
            ("agent.commit", 2),
            ("agent.read_back", 2),
            ("spool.remove", 3),
            ("spool.rename", 3),
        ],
    ),
    (
        Scene::Parted,
        &[
            ("agent.adopt", 1),
            ("agent.pack", 2),
            ("agent.commit", 2),
            ("agent.put", 3),
            ("spool.exchange", 1),
            ("spool.remove", 4),
            ("spool.rename", 9),
            ("spool.sync_names", 9),
            ("spool.write", 6),
            ("spool.sync.", 6),
        ],
    ),
    (
        Scene::Squatted,
        &[("agent.commit", 2), ("agent.put", 2), ("agent.read_back", 2), ("spool.remove", 1)],
    ),
];

/// All points that the sources name.
fn points() -> BTreeSet<String> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = BTreeSet::new();
    for folder in ["spool/src", "agent/src"] {
        let files = fs::read_dir(crates.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        for file in files.filter(|path| path.is_file()) {
            let text = fs::read_to_string(file).unwrap();
            for call in text.split("failpoint!(").skip(1) {
                let name = call.split(')').next().unwrap().split('"').nth(1);
                found.extend(name.filter(|name| name.contains('.')).map(str::to_owned));
            }
        }
    }
    assert!(found.len() >= 34, "{found:?}");
    found
}

/// What came of one case.
struct Outcome {
    point: String,
    case: String,
    killed: bool,
    failure: Option<String>,
}

/// Runs the jobs side by side, prints what came of each point, and fails if any case failed.
fn judge<J: Send>(jobs: VecDeque<J>, run: impl Fn(J) -> Vec<Outcome> + Sync) -> BTreeSet<String> {
    let (jobs, outcomes) = (Mutex::new(jobs), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let Some(job) = jobs.lock().unwrap().pop_front() else { break };
                    let done = run(job);
                    outcomes.lock().unwrap().extend(done);
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap();
    let mut table: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
    for outcome in &outcomes {
        table.entry(&outcome.point).or_default().push(outcome);
    }
    for (point, outcomes) in &mut table {
        outcomes.sort_by(|a, b| a.case.cmp(&b.case));
        let killed: Vec<_> =
            outcomes.iter().filter(|o| o.killed).map(|o| o.case.as_str()).collect();
        let failed = outcomes.iter().filter(|outcome| outcome.failure.is_some()).count();
        let result = if failed == 0 { "held".to_owned() } else { format!("{failed} FAILED") };
        println!("{point:26} {result:9} hit {:3}: {}", killed.len(), killed.join(" "));
    }
    let failures = outcomes.iter().filter_map(|outcome| {
        outcome.failure.as_ref().map(|why| format!("{} {}: {why}", outcome.point, outcome.case))
    });
    let failures: Vec<_> = failures.collect();
    println!("{} cases, {} failed", outcomes.len(), failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    outcomes.into_iter().filter(|outcome| outcome.killed).map(|outcome| outcome.point).collect()
}

/// Runs one case, and takes a panic for its failure.
fn outcome(point: &str, case: String, run: impl FnOnce() -> bool) -> Outcome {
    let done = catch_unwind(AssertUnwindSafe(run));
    let text = |panic: Box<dyn std::any::Any + Send>| match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().unwrap_or(&"panicked").to_string(),
    };
    let (killed, failure) = match done {
        Ok(killed) => (killed, None),
        Err(panic) => (true, Some(text(panic))),
    };
    Outcome { point: point.to_owned(), case, killed, failure }
}

fn templates() -> BTreeMap<Scene, Victim> {
    MATRIX.iter().map(|(scene, _)| (*scene, Victim::make(*scene))).collect()
}

#[test]
fn killed_anywhere_it_goes_on_and_loses_and_repeats_nothing() {
    let (points, templates) = (points(), templates());
    let mut jobs = VecDeque::new();
    for (scene, wanted) in MATRIX {
        for point in &points {
            let hits = wanted.iter().find(|(prefix, _)| point.starts_with(prefix));
            let Some((_, hits)) = hits else { continue };
            jobs.extend([Mode::Run, Mode::Backfill].map(|mode| (scene, mode, point, *hits)));
        }
    }
    let reached = judge(jobs, |(scene, mode, point, hits)| {
        let mut outcomes = Vec::new();
        for nth in 1..=hits {
            let done = outcome(point, format!("{scene:?}/{mode:?}/{nth}"), || {
                let mut victim = templates[&scene].copy();
                let killed = victim.disturb(mode, &format!("{point}={nth}"));
                victim.complete_and_check(mode);
                killed
            });
            let killed = done.killed;
            outcomes.push(done);
            // A point that isn't reached so often isn't reached more often either.
            if !killed {
                break;
            }
        }
        outcomes
    });
    // A fork is no end to go on from: see below.
    let wanted = points.iter().filter(|point| !point.starts_with("agent.fork"));
    let missed: Vec<_> = wanted.filter(|point| !reached.contains(*point)).collect();
    assert!(missed.is_empty(), "never reached: {missed:?}");
}

#[test]
fn killed_again_while_it_recovers_it_goes_on_all_the_same() {
    let templates = templates();
    let first = [
        "spool.write.half=3",
        "spool.rename.after=3",
        "agent.put.after=3",
        "agent.discard.remembered=1",
    ];
    let second = [
        "spool.sync_names.before=1",
        "agent.read_back.before=1",
        "agent.look.after=1",
        "spool.rename.before=1",
        "spool.rename.after=1",
        "agent.put.before=1",
        "agent.put.after=1",
        "agent.discard.before=1",
        "agent.discard.remembered=1",
        "spool.append.half=1",
    ];
    let jobs = first.iter().flat_map(|first| second.iter().map(move |second| (*first, *second)));
    let reached = judge(jobs.collect(), |(first, second)| {
        let modes = if second.starts_with("agent.put") {
            &[Mode::Run, Mode::Backfill][..]
        } else {
            &[Mode::Backfill]
        };
        let case = |mode: &Mode| {
            outcome(second, format!("{mode:?}/after:{first}"), || {
                let mut victim = templates[&Scene::New].copy();
                assert!(victim.disturb(*mode, first), "{first} wasn't reached");
                let killed = victim.disturb(*mode, second);
                victim.complete_and_check(*mode);
                killed
            })
        };
        modes.iter().map(case).collect()
    });
    assert_eq!(reached.len(), second.len(), "{reached:?}");
}

/// A disk that is full for a moment, while the chain goes on: said, and tried again. Also where what
/// it says has failed is done.
#[test]
fn a_full_disk_is_reported_and_waited_for() {
    let templates = templates();
    let operations = [
        "spool.write.before",
        "spool.write.half",
        "spool.write.after",
        "spool.sync.before",
        "spool.sync.after",
        "spool.rename.before",
        "spool.rename.after",
        "spool.sync_names.before",
        "spool.sync_names.after",
        "spool.append.before",
        "spool.append.half",
        "spool.append.after",
        "spool.remove.before",
        "spool.remove.after",
    ];
    let mut jobs = VecDeque::new();
    for point in operations {
        // The first of all is the start's own, see below.
        for nth in 1 + u32::from(point.starts_with("spool.sync_names."))..=6 {
            jobs.extend([Mode::Run, Mode::Backfill].map(|mode| (point, nth, mode)));
        }
    }
    let reached = judge(jobs, |(point, nth, mode)| {
        let case = outcome(point, format!("{mode:?}/{nth}"), || {
            let mut victim = templates[&Scene::Restart].copy();
            let reported = victim.fill_disk(mode, &format!("{point}={nth}:error"));
            victim.check();
            reported
        });
        vec![case]
    });
    assert_eq!(reached.len(), operations.len(), "{reached:?}");
}

/// A disk that is full at the start: a one-shot begins nothing, and the next start goes on; the
/// daemon waits for room.
#[test]
fn a_full_disk_at_the_start_is_reported_and_leaves_nothing_half_done() {
    let templates = templates();
    let points = [
        "spool.sync_names.before=1",
        "spool.write.before=1",
        "spool.write.half=1",
        "spool.write.after=1",
        "spool.sync.before=1",
        "spool.sync.after=1",
        "spool.rename.before=1",
        "spool.rename.after=1",
        "spool.sync_names.before=2",
        "spool.sync_names.after=2",
    ];
    for scene in [Scene::New, Scene::StateLost] {
        for plan in points {
            let mut victim = templates[&scene].copy();
            victim.refuse_to_start(&format!("{plan}:error"));
            victim.complete_and_check(Mode::Backfill);
            let mut victim = templates[&scene].copy();
            assert!(victim.fill_disk(Mode::Run, &format!("{plan}:error")), "{scene:?}: {plan}");
            victim.check();
        }
    }
}

/// What this node sealed can't be one history with what the store has: it says so, at each start and
/// wherever it is killed, and keeps what it has, until somebody looked and moved the state away.
#[test]
fn a_fork_stays_one_until_somebody_looked() {
    let template = Victim::make(Scene::Split);
    for plan in [None, Some("agent.fork.before=1"), Some("agent.fork.after=1")] {
        let mut victim = template.copy();
        assert_eq!(victim.fork(plan), plan.is_some());
        assert!(!victim.fork(None));
        // The store may show what it likes by now.
        assert!(!victim.fork(None));
    }
}

/// A commit whose last fsync failed leaves a whole object in the spool. If the chain goes on from
/// another object just then, it must not be found there after a crash.
#[test]
fn an_object_that_was_never_committed_is_not_taken_up_again() {
    let template = Victim::make(Scene::Twin);
    let points = ["agent.adopt.packed", "agent.adopt.after"];
    // How much is committed when the store's answer comes, is chance: where the error strikes
    // after that, it isn't a commit's, and the run ends with it.
    let killed = points.iter().cycle().take(40).any(|point| {
        let mut victim = template.copy();
        let plan = format!("spool.sync_names.before=3:error,{point}=1");
        let killed = victim.disturb_by_full_disk(&plan);
        victim.complete_and_check(Mode::Backfill);
        killed
    });
    assert!(killed, "the error was never a commit's");
}
