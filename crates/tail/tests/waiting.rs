//! What must wait for what: at the worst moment, a crash behind a file that was taken too early
//! leaves nothing that tells of an older one.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod sim;

use auditseal_tail::{GapReason, Left, Limits, Settings};
use sim::SimDisk;
use sim::agent::{Agent, Item};
use sim::desk::{BIG, drain};
use sim::ops::Op::{self, *};
use sim::ops::{LINGER, pack, stamped};
use sim::oracle::{Allowed, check};

/// A node whose first file is archived, and that has no live one.
fn begun() -> Agent {
    let mut agent = Agent::new(SimDisk::new([]), Settings::default());
    agent.ops([Append(1, 0), Rename, Gzip]);
    agent.settle();
    assert_eq!(agent.texts().len(), 1);
    agent
}

/// A look amid which these happen, each after so many calls, and one that hears of it; then all that
/// they took is committed.
fn look_amid(agent: &mut Agent, ops: impl IntoIterator<Item = (u8, Op)>) {
    agent.disk.world().script.extend(ops);
    agent.look(BIG);
    let rest: Vec<_> = agent.disk.world().script.drain(..).collect();
    agent.ops(rest.into_iter().map(|(_, op)| op));
    agent.look(BIG);
    agent.commit();
}

/// Whatever was lost is owned up to in the end.
fn conclude(mut agent: Agent) {
    agent.ops([Create]);
    for _ in 0..3 {
        agent.settle();
        agent.wait(LINGER + 1);
    }
    agent.settle();
    check(&agent, Allowed { disorder: true, ..Allowed::default() });
}

#[test]
fn a_file_that_vanished_before_it_was_opened() {
    for delay in 0..8 {
        let mut agent = begun();
        agent.ops([Create, Append(1, 0), Rotate, Append(1, 0)]);
        look_amid(&mut agent, [(delay, DeleteOldest), (0, DeleteOldest)]);
        agent.crash();
        conclude(agent);
    }
}

#[test]
fn a_compressed_file_that_is_damaged() {
    let mut agent = begun();
    agent.ops([Create, Append(1, 0), Rotate, Append(1, 0), GzipCreate, GzipHalf]);
    agent.unlink("audit-2026-01-02T15-00-05.020.log");
    look_amid(&mut agent, []);
    agent.ops([DeleteOldest, DeleteOldest]);
    agent.crash();
    conclude(agent);
}

#[test]
fn a_compressed_file_that_lacks_what_its_plain_one_had() {
    for delay in 0..8 {
        let mut agent = begun();
        agent.ops([Create, SecondOpen, Append(1, 0), Rotate, Append(1, 0), GzipCreate, GzipFill]);
        agent.ops([SecondAppend(0)]);
        look_amid(&mut agent, [(delay, GzipRemove)]);
        conclude(agent);
    }
}

#[test]
fn a_line_that_is_being_written_when_everything_is_drained() {
    let mut agent = Agent::with(drain());
    agent.put(b"{\"a\":1}\n{\"b\":");
    agent.once();
    assert_eq!(agent.texts(), ["{\"a\":1}\n"], "nobody knows yet how that line ends");
    agent.put(b"2}\n");
    while agent.look(BIG).more {
        agent.commit();
    }
    agent.commit();
    assert_eq!(agent.texts(), ["{\"a\":1}\n{\"b\":2}\n"]);
}

/// Names are believed only among files that got theirs about now: the clock may step back.
#[test]
fn a_file_named_by_a_clock_that_stepped_back_stands_last() {
    let mut agent = Agent::new(SimDisk::new([]), Settings::default());
    agent.ops([Append(1, 0), Rotate, Append(1, 0), Rotate, Append(1, 0), Rotate, Append(1, 0)]);
    for _ in 0..3 {
        agent.look(0);
    }
    agent.ops([ClockBack(2), Rotate, Append(1, 0), Rotate, Append(1, 0)]);
    agent.look(0);
    agent.wait(1000);
    agent.look(BIG);
    agent.settle();
    check(&agent, Allowed::default());
}

/// Who drains would stop, and the files that wait would be archived by nobody.
#[test]
fn something_is_left_while_files_wait_for_descriptors() {
    let limits = Limits { open: 2, ..Limits::default() };
    let mut agent = Agent::with(Settings { limits, ..drain() });
    for n in 0..9 {
        agent.file(&stamped(n + 1), format!("backup {n}\n").as_bytes());
    }
    for look in 0..100 {
        let left = agent.look(BIG).left;
        let waiting = agent.follower.backlog().waiting;
        assert!(left != Left::Nothing || waiting == 0, "{waiting} wait at look {look}");
        if left == Left::Nothing {
            break;
        }
        // Sealing takes some looks.
        if look % 3 == 0 {
            agent.commit();
        }
    }
    agent.commit();
    assert_eq!(agent.texts().len(), 9);
}

#[test]
fn what_waits_and_what_is_open_are_counted_once() {
    let limits = Limits { open: 2, ..Limits::default() };
    let mut agent = Agent::with(Settings { limits, ..Settings::default() });
    for n in 1..6 {
        agent.file(&stamped(n), format!("file {n}\n").as_bytes());
    }
    for look in 0..3 {
        agent.look(0);
        let backlog = agent.follower.backlog();
        let counted = (backlog.bytes, backlog.files, backlog.open, backlog.waiting);
        assert_eq!(counted, (35, 5, 2, 3), "look {look}");
    }
}

/// A large file that is known is decoded up to where it was taken, over several looks: others are
/// not to wait for it.
#[test]
fn finding_out_what_a_large_file_is_takes_several_looks() {
    let text: String = (0..60_000).map(|n| format!("line {n} of many\n")).collect();
    let mut agent = Agent::plain();
    agent.file(&format!("{}.gz", stamped(1)), &pack(text.as_bytes()));
    agent.settle();
    assert_eq!(agent.texts(), [text.as_str()]);
    agent.settings.limits.work = 64 << 10;
    agent.crash();
    let mut looks = 1;
    while agent.look(BIG).more {
        agent.commit();
        looks += 1;
    }
    let least = text.len() / (64 << 10);
    assert!(looks >= least && looks < 3 * least, "{looks} looks, {least} at least");
    agent.settle();
    assert_eq!((agent.texts(), agent.gaps()), (vec![text], vec![]));
}

/// Takes of a look are sealed before its gaps: after a crash between the two, the new file would be
/// what two views have in common.
#[test]
fn nothing_new_is_handed_out_together_with_the_gap_before_it() {
    let mut agent = Agent::plain();
    agent.put(b"one\n");
    agent.settle();
    agent.ops([Rotate, DeleteOldest]);
    agent.put(b"two\n");
    agent.crash();
    let unseen = |item: &Item| matches!(item, Item::Gap(gap) if gap.reason == GapReason::Unseen);
    for _ in 0..10 {
        agent.look(BIG);
        if agent.queue.iter().any(unseen) {
            break;
        }
        agent.commit();
    }
    assert!(agent.queue.iter().any(unseen));
    assert_eq!(agent.texts().len(), 1);
    let new = |item: &Item| matches!(item, Item::Take(take) if take.bytes == b"two\n");
    assert!(!agent.queue.iter().any(new), "{:?}", agent.queue);
    agent.settle();
    assert_eq!(agent.texts(), ["one\n", "two\n"]);
}

/// Older backups than can be opened come before a file that was begun, and the process ends: what
/// was there before is looked for first, or nothing would tell that nothing is missing.
#[test]
fn a_begun_file_is_found_among_any_number_of_older_ones() {
    for (rotated, many) in [(true, 3), (true, 40), (false, 40)] {
        let settings =
            Settings { limits: Limits { open: 4, ..Limits::default() }, ..Settings::default() };
        let mut agent = Agent::with(settings);
        agent.put(b"one\n");
        if rotated {
            agent.ops([Rotate]);
        }
        agent.settle();
        agent.ops(if rotated { vec![] } else { vec![Rotate] });
        for n in 0..many {
            agent.file(&stamped(n), format!("older {n}\n").as_bytes());
        }
        agent.crash();
        agent.settle();
        assert_eq!(agent.gaps(), [], "{many}");
        assert_eq!(agent.texts().len(), 1 + many as usize, "all are read at once: {many}");
    }
}

/// More than a look's work is needed to prove that a compressed file is the one that was read before a
/// crash. However long that takes, nothing is missing.
#[test]
fn what_takes_many_looks_to_be_known_is_not_lost_meanwhile() {
    let limits = Limits { work: 1 << 16, ..Limits::default() };
    let settings = Settings { limits, ..Settings::default() };
    let mut agent = Agent::new(SimDisk::new([]), settings);
    agent.ops([Append(16, 65_500)]);
    for _ in 0..12 {
        agent.look(1);
    }
    agent.commit();
    let taken = agent.texts()[0].len();
    assert!((600_000..900_000).contains(&taken), "{taken}");
    agent.ops([Rotate, Gzip, Append(1, 0)]);
    agent.crash();
    for _ in 0..16 {
        agent.look(0);
        agent.wait(LINGER + 1);
    }
    agent.settle();
    assert_eq!(agent.gaps(), []);
    conclude(agent);
}

/// A listing costs as much as the directory is large, and on a busy machine as much longer as that is
/// busy. Else each look would make one, and 100,000 files be listed once for each 256 of them.
#[test]
fn a_slow_machine_lists_no_more_often_than_it_can() {
    const FILES: usize = 1_500;
    const LOOK: u64 = 150;
    let limits = Limits { open: 8, ..Limits::default() };
    let mut agent = Agent { watched: true, ..Agent::with(Settings { limits, ..drain() }) };
    for n in 0..FILES {
        agent.file(&stamped(n as u64 + 1), format!("backup {n}\n").as_bytes());
    }
    let mut looks = 0;
    loop {
        let left = agent.look_after(true, BIG).left;
        agent.commit();
        agent.wait(LOOK);
        looks += 1;
        if left == Left::Nothing {
            break;
        }
        assert!(looks < 3 * FILES, "it never ends");
    }
    assert_eq!(agent.archive.files.len(), FILES);
    let listings = agent.disk.world().listings;
    assert!(
        looks as u64 >= FILES as u64 / 8 && listings * 3 < looks as u64,
        "{listings} of {looks}"
    );
}
