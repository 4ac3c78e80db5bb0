//! What can't be read any more, or not yet, and how that is owned up to.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod sim;

use std::ffi::OsStr;

use auditseal_tail::{
    Follower, GapReason, History, Limits, Notice, Notices, ReadError, Room, Settings, Take,
};
use sim::agent::{Agent, family};
use sim::desk::{BIG, drain};
use sim::history::{Turn, run};
use sim::ops::{LINGER, pack, stamped};
use sim::oracle::{Allowed, check};
use sim::owners::Which;
use sim::swaps::Copy;
use sim::{Op, SimDisk, SimFile};

#[test]
fn whole_lines_only_are_taken_of_the_live_file() {
    let mut agent = Agent::plain();
    agent.put(b"one\ntwo\nthr");
    agent.settle();
    assert_eq!(agent.texts(), ["one\ntwo\n"]);
    agent.wait(10 * LINGER);
    agent.settle();
    assert_eq!(agent.texts(), ["one\ntwo\n"], "the live file's last line is waited for");
    agent.put(b"ee\n");
    agent.settle();
    assert_eq!(agent.texts(), ["one\ntwo\nthree\n"]);
    assert!(!agent.archived()[0].final_);
}

#[test]
fn a_file_without_a_whole_first_line_is_left_pending() {
    let mut agent = Agent::plain();
    agent.put(b"half");
    agent.settle();
    agent.wait(10 * LINGER);
    agent.settle();
    assert!(agent.texts().is_empty() && agent.follower.cursors().is_empty());
    assert_eq!(agent.follower.backlog().bytes, 4);
}

#[test]
fn a_line_longer_than_the_limit_is_taken_whole_and_alone() {
    let mut agent = Agent::plain();
    agent.put(b"short\n");
    agent.put(&[&[b'x'; 300_000][..], b"\nafter\n"].concat());
    let sizes = |agent: &mut Agent| {
        let look = agent.look(1000);
        agent.commit();
        look.more
    };
    assert!(sizes(&mut agent));
    assert_eq!(agent.archived()[0].bytes.len(), 6);
    assert!(sizes(&mut agent));
    assert_eq!(agent.archived()[0].bytes.len(), 300_007);
    sizes(&mut agent);
    assert_eq!(agent.archived()[0].bytes.len(), 300_013);
}

#[test]
fn truncation_ends_one_file_with_a_gap_and_begins_another() {
    let mut agent = Agent::plain();
    agent.put(b"one\ntwo\n");
    agent.settle();
    agent.ops([Op::Truncate]);
    agent.put(b"three\n");
    agent.settle();
    assert_eq!(agent.texts(), ["one\ntwo\n", "three\n"]);
    assert_eq!(agent.gaps(), [(Some(8), None, GapReason::Truncated)]);
    assert_eq!(agent.archived().iter().map(|a| a.final_).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn truncation_and_growth_beyond_the_cursor_is_noticed() {
    let mut agent = Agent::plain();
    agent.put(b"one\ntwo\n");
    agent.settle();
    agent.ops([Op::Truncate]);
    agent.put(b"something longer than before\nand more\n");
    agent.settle();
    assert_eq!(agent.texts(), ["one\ntwo\n", "something longer than before\nand more\n"]);
    assert_eq!(agent.gaps(), [(Some(8), None, GapReason::Truncated)]);
}

#[test]
fn truncation_while_nobody_ran_is_noticed() {
    let mut agent = Agent::plain();
    agent.put(b"one\ntwo\n");
    agent.settle();
    agent.ops([Op::Truncate]);
    agent.put(b"something longer than before\nand more\n");
    agent.crash();
    agent.settle();
    assert_eq!(agent.texts(), ["one\ntwo\n", "something longer than before\nand more\n"]);
    let gaps = [(Some(8), None, GapReason::DeletedBeforeRead), (None, None, GapReason::Unseen)];
    assert_eq!(agent.gaps(), gaps, "nor can anybody tell how often it was cut");
}

#[test]
fn a_hole_after_truncation_belongs_to_the_new_identity() {
    let mut agent = Agent::plain();
    agent.ops([Op::Create]);
    agent.ops([Op::Append(3, 10)]);
    agent.settle();
    let length = agent.archived()[0].bytes.len();
    // No O_APPEND: it writes on where it stood.
    agent.ops([Op::Truncate, Op::Append(1, 10)]);
    agent.settle();
    let second = agent.archived()[1];
    assert!(second.bytes[..length].iter().all(|byte| *byte == 0));
    assert_eq!(second.bytes[length], b'{');
    assert_eq!(agent.archive.order[1].base, length as u64);
    assert_eq!(agent.archive.order[1].copy, 0);
}

#[test]
fn a_file_cut_above_the_cursor_gives_what_is_left_then_a_gap() {
    let mut agent = Agent::plain();
    agent.cut_above_the_cursor();
    assert_eq!(agent.texts(), ["one\ntwo\nth"]);
    assert_eq!(agent.gaps(), [(Some(10), None, GapReason::Truncated)]);
    agent.put(b"\nfour\n");
    agent.settle();
    assert_eq!(agent.texts(), ["one\ntwo\nth\nfour\n"], "what is written there now follows");
}

#[test]
fn bytes_lost_before_their_file_had_an_identity_are_a_gap() {
    let mut agent = Agent::plain();
    agent.put(b"half a line");
    agent.settle();
    agent.ops([Op::Truncate]);
    agent.settle();
    assert_eq!(agent.gaps(), [(Some(0), None, GapReason::Truncated)]);
    agent.put(b"whole\n");
    agent.settle();
    assert_eq!(agent.texts(), ["whole\n"]);
}

#[test]
fn logrotates_copy_is_not_taken_again_and_saves_what_it_has() {
    let mut agent = Agent::plain();
    agent.put(b"one\ntwo\nthree\n");
    agent.look(5);
    agent.commit();
    agent.ops([Op::Copy]);
    agent.put(b"four\n");
    agent.settle();
    assert_eq!(agent.texts(), ["one\ntwo\nthree\n", "four\n"]);
    // What came between copying and truncating, nobody knows.
    assert_eq!(agent.gaps(), [(Some(14), None, GapReason::Truncated)]);
    assert!(agent.archive.order.iter().all(|file| file.copy == 0));
}

#[test]
fn files_deleted_before_they_were_read_are_drained_from_their_descriptors() {
    let mut agent = Agent::plain();
    for n in 0..5 {
        agent.put(format!("file {n}\n").as_bytes());
        agent.ops([Op::Rotate]);
    }
    agent.look(0);
    agent.ops((0..5).map(|_| Op::DeleteOldest));
    agent.settle();
    assert_eq!(agent.texts(), ["file 0\n", "file 1\n", "file 2\n", "file 3\n", "file 4\n"]);
    assert!(agent.gaps().is_empty());
    assert!(agent.follower.backlog().unlinked_bytes > 0, "they linger");
    agent.wait(LINGER + 1);
    agent.settle();
    assert_eq!(agent.follower.backlog().unlinked_bytes, 0);
}

#[test]
fn a_cursors_file_that_is_gone_is_a_gap() {
    let mut agent = Agent::plain();
    agent.put(b"one\ntwo\n");
    agent.look(5);
    agent.commit();
    agent.ops([Op::Rotate, Op::DeleteOldest]);
    agent.crash();
    let look = agent.look(BIG);
    assert!(look.gaps.is_empty() && look.more, "one listing may be wrong");
    agent.settle();
    assert_eq!(agent.gaps(), [(Some(4), None, GapReason::DeletedBeforeRead)]);
    assert!(agent.archived()[0].final_ && agent.follower.cursors().is_empty());
    agent.crash();
    agent.settle();
    assert_eq!(agent.gaps().len(), 1, "once");
}

#[test]
fn unlinked_bytes_have_a_budget() {
    let mut agent = Agent::with(Settings { max_unlinked_bytes: 25, ..Settings::default() });
    for n in 0..4 {
        agent.put(format!("file {n} has 20 bytes\n").as_bytes());
        agent.ops([Op::Rotate]);
    }
    agent.look(0);
    agent.ops((0..4).map(|_| Op::DeleteOldest));
    agent.look(0);
    assert_eq!(agent.follower.backlog().unlinked_bytes, 20, "the newest is kept");
    agent.settle();
    assert_eq!(agent.texts().last().map(String::as_str), Some("file 3 has 20 bytes\n"));
    let gaps = agent.gaps();
    assert_eq!(gaps.len(), 3, "{gaps:?}");
    assert!(gaps.iter().all(|gap| *gap == (Some(0), Some(20), GapReason::Budget)), "{gaps:?}");
}

#[test]
fn a_disk_that_is_nearly_full_gets_back_what_deleted_files_hold() {
    for (free, all, kept) in [
        (50, 10_000, 80),
        (49, 10_000, 60),
        (10, 10_000, 40),
        (0, 10_000, 20),
        // A twentieth of a small disk.
        (5, 100, 80),
        (4, 100, 60),
    ] {
        let mut agent = Agent::with(Settings { min_free_bytes: 50, ..Settings::default() });
        for n in 0..4 {
            agent.put(format!("file {n} has 20 bytes\n").as_bytes());
            agent.ops([Op::Rotate]);
        }
        agent.look(0);
        agent.disk.world().room = Some(Room { free: 0, all });
        agent.look(0);
        assert!(agent.gaps().is_empty(), "they aren't deleted yet");
        agent.ops((0..4).map(|_| Op::DeleteOldest));
        agent.disk.world().room = Some(Room { free, all });
        agent.look(0);
        assert_eq!(agent.follower.backlog().unlinked_bytes, kept, "{free} of {all}");
        agent.disk.world().room = None;
        agent.settle();
        let gaps = agent.gaps();
        assert_eq!(gaps.len() as u64, (80 - kept) / 20, "{gaps:?}");
        assert!(gaps.iter().all(|gap| *gap == (Some(0), Some(20), GapReason::Budget)), "{gaps:?}");
        let texts = agent.texts().concat();
        let newest: Vec<_> =
            (4 - kept / 20..4).map(|n| format!("file {n} has 20 bytes\n")).collect();
        assert_eq!(texts, newest.concat());
    }
}

#[test]
fn lingering_files_are_let_go_before_unread_ones_are_given_up() {
    let mut agent = Agent::with(Settings { max_unlinked_bytes: 25, ..Settings::default() });
    agent.put(b"file 0 has 20 bytes\n");
    agent.ops([Op::Rotate]);
    agent.settle();
    agent.put(b"file 1 has 20 bytes\n");
    agent.ops([Op::Rotate]);
    agent.look(0);
    agent.ops([Op::DeleteOldest, Op::DeleteOldest]);
    agent.look(0);
    agent.settle();
    assert_eq!(agent.texts(), ["file 0 has 20 bytes\n", "file 1 has 20 bytes\n"]);
    assert!(agent.gaps().is_empty());
}

#[test]
fn a_lingering_file_is_let_go_before_an_older_unread_one() {
    let mut agent = Agent::with(Settings { max_unlinked_bytes: 25, ..Settings::default() });
    agent.file(&stamped(1), b"file 1 has 20 bytes\n");
    agent.file(&stamped(2), b"file 2 has 20 bytes\n");
    agent.disk.world().denied.insert(stamped(1));
    agent.settle();
    assert_eq!(agent.texts(), ["file 2 has 20 bytes\n"]);
    agent.disk.world().denied.clear();
    agent.look(0);
    agent.ops([Op::DeleteOldest, Op::DeleteOldest]);
    agent.look(0);
    assert_eq!(agent.follower.backlog().unlinked_bytes, 20);
    agent.settle();
    assert_eq!(agent.texts(), ["file 1 has 20 bytes\n", "file 2 has 20 bytes\n"]);
    assert_eq!(agent.gaps(), []);
}

#[test]
fn a_begun_file_that_waits_for_a_descriptor_is_not_lost() {
    let mut agent = Agent::plain();
    // What was there before, and tells that nothing is missing.
    agent.file(&stamped(1), b"archived\n");
    agent.settle();
    agent.put(b"one\ntwo\n");
    agent.look(5);
    agent.commit();
    assert_eq!(agent.texts(), ["archived\n", "one\n"]);
    agent.ops([Op::Rotate]);
    for n in 2..7 {
        agent.file(&stamped(n), format!("older {n}\n").as_bytes());
    }
    agent.settings.limits.open = 2;
    agent.crash();
    // Nothing is sealed, so no descriptor gets free.
    for _ in 0..10 {
        agent.look(0);
        agent.wait(1_000);
    }
    assert!(agent.follower.backlog().waiting > 0);
    agent.settle();
    assert!(agent.texts().contains(&"one\ntwo\n".to_owned()), "{:?}", agent.texts());
    assert_eq!((agent.texts().len(), agent.gaps()), (7, vec![]));
}

#[test]
fn descriptors_have_a_limit_and_the_live_file_is_exempt() {
    let mut agent = Agent::with(Settings {
        limits: Limits { open: 2, ..Limits::default() },
        ..Settings::default()
    });
    for n in 0..6 {
        agent.put(format!("file {n}\n").as_bytes());
        agent.ops([Op::Rotate]);
    }
    agent.put(b"live\n");
    agent.look(0);
    assert!(agent.follower.backlog().open <= 3);
    for _ in 0..10 {
        agent.once();
        assert!(agent.follower.backlog().open <= 3);
    }
    let mut texts = agent.texts();
    assert_eq!(texts.len(), 7);
    assert_eq!(texts.pop().as_deref(), Some("live\n"), "in order, though begun first");
    assert_eq!(texts[0], "file 0\n");
}

/// Whatever waits, and however little is sealed: deleted right after a look, it isn't lost.
#[test]
fn a_new_live_file_is_held_though_backups_wait_for_descriptors() {
    let limits = Limits { open: 2, ..Limits::default() };
    let mut agent = Agent::with(Settings { limits, ..Settings::default() });
    for n in 1..6 {
        agent.file(&stamped(n), format!("file {n}\n").as_bytes());
    }
    agent.put(b"live\n");
    agent.look(0);
    agent.ops([Op::Rotate]);
    agent.put(b"next\n");
    agent.look(0);
    let backlog = agent.follower.backlog();
    assert_eq!((backlog.open, backlog.waiting), (3, 4));
    agent.ops([Op::UnlinkLive]);
    agent.settle();
    assert_eq!(agent.texts().last().map(String::as_str), Some("next\n"));
    assert_eq!(agent.gaps(), []);
}

#[test]
fn a_file_that_vanishes_unopened_is_a_gap_without_identity() {
    let mut agent = Agent::plain();
    agent.file(&stamped(1), b"never seen\n");
    agent.disk.world().denied.insert(stamped(1));
    let look = agent.look(BIG);
    assert_eq!(look.problems.len(), 1);
    assert_eq!(look.problems[0].name, OsStr::new(&stamped(1)));
    agent.unlink(&stamped(1));
    agent.settle();
    assert_eq!(agent.gaps(), [(Some(0), Some(11), GapReason::DeletedBeforeRead)]);
}

#[test]
fn a_file_that_got_a_lost_ones_inode_is_another() {
    for after in [&b"another\n"[..], b"another, and longer\n"] {
        let mut agent = Agent::plain();
        agent.file(&stamped(1), b"never seen\n");
        agent.disk.world().denied.insert(stamped(1));
        agent.look(BIG);
        agent.unlink(&stamped(1));
        agent.file(&stamped(2), after);
        let numbers: Vec<u64> = agent.disk.world().inodes.iter().map(|i| i.number).collect();
        assert_eq!(numbers, [1, 1], "the disk gives the number again");
        agent.settle();
        assert_eq!(agent.texts().concat().as_bytes(), after);
        assert_eq!(agent.gaps(), [(Some(0), Some(11), GapReason::DeletedBeforeRead)]);
    }
}

#[test]
fn a_file_that_becomes_readable_stands_where_it_belongs() {
    let mut agent = Agent::plain();
    agent.file(&stamped(1), b"first\n");
    agent.put(b"live\n");
    agent.disk.world().denied.insert(stamped(1));
    agent.settle();
    assert_eq!(agent.texts(), ["live\n"]);
    agent.disk.world().denied.clear();
    agent.settle();
    assert_eq!(agent.texts(), ["first\n", "live\n"]);
    assert!(agent.gaps().is_empty());
}

#[test]
fn an_unlistable_directory_is_a_problem_and_held_files_are_read_on() {
    let mut agent = Agent::plain();
    agent.put(b"one\n");
    agent.settle();
    agent.disk.world().unlistable = true;
    agent.put(b"two\n");
    let look = agent.once();
    assert_eq!(look.problems.len(), 1);
    assert_eq!(agent.texts(), ["one\ntwo\n"]);
    assert!(!agent.archived()[0].final_, "it isn't taken for deleted");
}

#[test]
fn draining_fails_on_what_cannot_be_read() {
    let mut agent = Agent::with(drain());
    agent.file(&stamped(1), b"secret\n");
    agent.put(b"live\n");
    agent.disk.world().denied.insert(stamped(1));
    for _ in 0..5 {
        assert_eq!(agent.once().problems.len(), 1, "in each look");
    }
}

#[test]
fn unreadable_bytes_become_a_gap_and_the_rest_is_taken() {
    let agent = Agent::plain();
    let line = [&[b'z'; 999][..], b"\n"].concat();
    agent.file(&stamped(1), &line.repeat(100));
    let index = agent.disk.world().dir[&stamped(1)];
    agent.disk.world().bad.insert(index, (20_480, 24_576));
    let mut gaps = Vec::new();
    let mut taken = Vec::new();
    let mut follower: Follower<SimDisk> =
        Follower::new(family(), agent.disk.clone(), History::default(), Settings::default());
    for turn in 0..40 {
        let look = follower.look(turn * 10_000, 50_000);
        gaps.extend(look.gaps);
        for take in look.takes {
            read(&take).unwrap();
            follower.committed(&take.file, take.end);
            taken.push((take.start, take.end));
        }
    }
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!((gaps[0].start, gaps[0].end), (Some(20_480), Some(28_672)));
    assert_eq!(gaps[0].reason, GapReason::Unreadable);
    assert_eq!((taken[0].0, taken[0].1), (0, 20_480));
    assert_eq!(taken[1].0, 28_672);
    assert_eq!(taken.last().map(|take| take.1), Some(100_000));
}

fn read(take: &Take<SimFile>) -> Result<(), ReadError> {
    let mut at = take.start;
    let mut piece = [0; 4096];
    while at < take.end {
        let length = piece.len().min((take.end - at) as usize);
        match take.content.read_at(at, &mut piece[..length])? {
            0 => panic!("{take:?} is cut"),
            read => at += read as u64,
        }
    }
    Ok(())
}

/// Each of these names appears, plain backups by being what the live file is renamed to.
fn appeared(names: &[&str]) -> Notices {
    let notice = |name: &&str| match *name {
        "audit.log" => Notice::Appeared(name.into()),
        name if name.ends_with(".gz") => Notice::Appeared(name.into()),
        name => Notice::Renamed { from: "audit.log".into(), to: name.into() },
    };
    Notices { events: names.iter().map(notice).collect(), changed: true, lost: false }
}

fn lost() -> Notices {
    Notices { events: Vec::new(), changed: true, lost: true }
}

#[test]
fn a_file_that_came_and_went_between_two_looks_is_a_gap_of_its_name() {
    let mut agent = Agent::plain();
    agent.put(b"one\n");
    agent.settle();
    agent.ops([Op::Rotate]);
    agent.put(b"never seen\n");
    agent.ops([Op::Rotate, Op::DeleteOldest, Op::DeleteOldest]);
    agent.put(b"three\n");
    let (first, second) = (stamped(5_010), stamped(5_020));
    agent.follower.noticed(appeared(&[&first, "audit.log", &second, "audit.log"]));
    agent.look(BIG);
    agent.commit();
    assert_eq!(agent.texts(), ["one\n"], "nothing new is taken before the gap is");
    agent.follower.noticed(appeared(&[]));
    agent.settle();
    assert_eq!(agent.texts(), ["one\n", "three\n"]);
    let gap = &agent.archive.nameless[0];
    assert_eq!((gap.name.to_str(), gap.start, gap.end), (Some(&*second), Some(0), None));
    assert_eq!(agent.archive.nameless.len(), 1, "the first is the one that was held");
    assert_eq!(agent.archived()[0].last.as_ref().unwrap().name, *first);
}

#[test]
fn reports_of_what_a_listing_shows_are_no_news() {
    let mut agent = Agent::plain();
    agent.put(b"one\n");
    agent.ops([Op::Rotate, Op::Gzip]);
    agent.put(b"two\n");
    let name = stamped(5_010);
    let gzip = format!("{name}.gz");
    agent.follower.noticed(appeared(&["audit.log"]));
    agent.once();
    // A report may come after the listing that shows what it tells of.
    agent.follower.noticed(appeared(&[&name, "audit.log", &gzip]));
    agent.settle();
    assert_eq!(agent.texts(), ["one\n", "two\n"]);
    assert!(agent.gaps().is_empty());
}

#[test]
fn a_name_reported_twice_is_a_file_overwritten() {
    let mut agent = Agent::plain();
    agent.put(b"one\n");
    agent.settle();
    agent.ops([Op::Rotate]);
    agent.put(b"never seen\n");
    agent.ops([Op::SameStamp]);
    let (first, second) = (stamped(5_010), stamped(5_020));
    let both = [&*first, "audit.log", &second, "audit.log", &second, "audit.log"];
    agent.follower.noticed(appeared(&both));
    agent.once();
    agent.follower.noticed(appeared(&[]));
    agent.settle();
    assert_eq!(agent.texts().len(), 2, "the one that overwrote it is there");
    assert_eq!(agent.gaps(), [(Some(0), None, GapReason::Replaced)]);
    assert_eq!(agent.archive.nameless[0].name, *second);
}

#[test]
fn a_deleted_name_that_comes_again_is_no_loss() {
    let mut agent = Agent::plain();
    agent.put(b"one\n");
    agent.ops([Op::Rotate]);
    let name = stamped(5_010);
    agent.follower.noticed(appeared(&["audit.log", &name, "audit.log"]));
    agent.once();
    // Compressed, and unpacked again by hand.
    let events = vec![Notice::Removed(name.clone().into()), Notice::Appeared(name.into())];
    agent.follower.noticed(Notices { events, changed: true, lost: false });
    agent.once();
    agent.follower.noticed(appeared(&[]));
    agent.settle();
    assert!(agent.gaps().is_empty());
}

#[test]
fn views_with_nothing_in_common_leave_a_gap_between_them() {
    for crash in [false, true] {
        let mut agent = Agent::plain();
        agent.follower.noticed(appeared(&[]));
        agent.put(b"one\n");
        agent.once();
        agent.follower.noticed(appeared(&[]));
        agent.settle();
        agent.ops([Op::Rotate, Op::DeleteOldest]);
        agent.put(b"two\n");
        if crash {
            agent.crash();
        } else {
            agent.follower.noticed(lost());
            agent.once();
            agent.follower.noticed(appeared(&[]));
        }
        agent.settle();
        assert_eq!(agent.texts(), ["one\n", "two\n"]);
        let unseen = (None, None, GapReason::Unseen);
        assert_eq!(agent.gaps().last(), Some(&unseen), "crash: {crash}");
    }
}

#[test]
fn views_with_a_file_in_common_leave_no_gap() {
    for crash in [false, true] {
        let mut agent = Agent::plain();
        agent.put(b"one\n");
        agent.settle();
        agent.ops([Op::Rotate]);
        agent.put(b"two\n");
        agent.ops([Op::Rotate]);
        agent.put(b"three\n");
        if crash {
            agent.crash();
        } else {
            agent.follower.noticed(lost());
        }
        agent.once();
        agent.follower.noticed(lost());
        agent.settle();
        assert_eq!(agent.texts(), ["one\n", "two\n", "three\n"]);
        assert!(agent.gaps().is_empty(), "crash: {crash}, {:?}", agent.gaps());
    }
}

/// Nothing is archived yet, and of what was there only a compressed copy is left.
#[test]
fn a_compressed_copy_of_what_was_there_is_in_common() {
    let mut agent = Agent::plain();
    agent.follower.noticed(appeared(&[]));
    agent.put(b"one\n");
    agent.look(0);
    agent.ops([Op::Rotate, Op::Gzip]);
    agent.put(b"two\n");
    agent.follower.noticed(lost());
    agent.once();
    agent.follower.noticed(appeared(&[]));
    agent.settle();
    assert_eq!(agent.texts(), ["one\n", "two\n"]);
    assert_eq!(agent.gaps(), []);
}

#[test]
fn the_first_run_of_all_knows_of_nothing_missing() {
    let mut agent = Agent::plain();
    agent.put(b"one\n");
    agent.follower.noticed(lost());
    agent.once();
    agent.follower.noticed(lost());
    agent.settle();
    assert_eq!(agent.texts(), ["one\n"]);
    assert!(agent.gaps().is_empty());
}

#[test]
fn files_begun_at_a_time_are_bounded() {
    let mut agent = Agent::plain();
    for n in 0..300 {
        agent.put(format!("whole {n}\nhalf").as_bytes());
        agent.ops([Op::Rotate]);
        agent.once();
        assert!(agent.follower.cursors().len() <= 112);
    }
    agent.settle();
    let torn = agent.archived().iter().filter(|file| file.bytes.ends_with(b"half")).count();
    assert!(torn >= 300 - 96 && agent.gaps().is_empty(), "{torn}");
    // A late end of such a line is taken where it stands.
    agent.wait(LINGER);
    agent.settle();
    assert!(agent.follower.cursors().is_empty());
    assert_eq!(agent.texts().iter().filter(|text| text.ends_with("half")).count(), 300);
}

/// Deleted live files are written to until there is a new one, and quiet: they are waited for however
/// many there are, so further ones aren't begun.
#[test]
fn new_files_wait_until_some_of_those_begun_are_final() {
    let mut agent = Agent::plain();
    for n in 0..150 {
        agent.ops([Op::UnlinkLive]);
        agent.put(format!("whole {n}\nhalf").as_bytes());
        agent.once();
        assert!(agent.follower.cursors().len() <= 112, "{}", agent.follower.cursors().len());
    }
    assert_eq!(agent.follower.cursors().len(), 112);
    for _ in 0..3 {
        agent.wait(LINGER + 1);
        agent.settle();
    }
    assert_eq!(agent.texts().len(), 150);
    assert_eq!(agent.texts().iter().filter(|text| text.ends_with("half")).count(), 149);
    assert_eq!(agent.gaps(), []);
}

#[test]
fn many_damaged_copies_are_not_waited_for_together() {
    let mut agent = Agent::plain();
    let cut = |n: u32| {
        // Many lines that compress badly, so that some of them come out of the half.
        let text: String = (0..400).map(|k| format!("{:x}\n", hash(n * 1000 + k))).collect();
        let packed = pack(text.as_bytes());
        packed[..packed.len() / 2].to_vec()
    };
    for n in 0..150 {
        agent.file(&format!("{}.gz", stamped(u64::from(n) + 1)), &cut(n));
    }
    for _ in 0..20 {
        agent.once();
        assert!(agent.follower.cursors().len() <= 112, "{}", agent.follower.cursors().len());
    }
    agent.wait(LINGER);
    agent.settle();
    assert!(agent.follower.cursors().is_empty());
    assert_eq!(agent.gaps().len(), 150);
}

fn hash(n: u32) -> u64 {
    u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(n).pow(3)
}

/// Gives a file another name, which nobody reports.
fn rename(agent: &Agent, from: &str, to: &str) {
    let mut world = agent.disk.world();
    let index = world.dir.remove(from).unwrap();
    world.dir.insert(to.to_owned(), index);
}

#[test]
fn what_may_lie_under_a_strange_name_is_unrecognised() {
    // Begun, and renamed while nobody ran; and never opened.
    let mut begun = Agent::plain();
    begun.put(b"one\ntwo\n");
    begun.look(5);
    begun.commit();
    rename(&begun, "audit.log", "audit.log.old");
    begun.crash();
    let mut unread = Agent::plain();
    unread.file(&stamped(1), b"never seen\n");
    unread.disk.world().denied.insert(stamped(1));
    unread.look(BIG);
    rename(&unread, &stamped(1), &format!("{}.bak", stamped(1)));
    for (agent, start, end, name) in [
        (&mut begun, 4, None, "audit.log.old".to_owned()),
        (&mut unread, 0, Some(11), format!("{}.bak", stamped(1))),
    ] {
        agent.put(b"live\n");
        let mut strangers = Vec::new();
        for _ in 0..10 {
            strangers.extend(agent.look(BIG).strangers);
            agent.commit();
            agent.wait(20_000);
        }
        agent.settle();
        let gap = (Some(start), end, GapReason::Unrecognised);
        assert!(agent.gaps().contains(&gap), "{name}: {:?}", agent.gaps());
        assert_eq!(strangers, [OsStr::new(&name)], "it is named once");
        let reason = GapReason::DeletedBeforeRead;
        assert!(agent.gaps().iter().all(|gap| gap.2 != reason), "{:?}", agent.gaps());
    }
}

#[test]
fn bytes_that_can_be_read_again_in_time_are_no_gap() {
    let mut agent = Agent::plain();
    let line = [&[b'z'; 999][..], b"\n"].concat();
    agent.file(&stamped(1), &line.repeat(20));
    let index = agent.disk.world().dir[&stamped(1)];
    agent.disk.world().bad.insert(index, (8_192, 20_000));
    agent.wait(10_000);
    for _ in 0..6 {
        agent.once();
        agent.wait(LINGER / 10);
    }
    assert!(agent.texts().concat().len() <= 8_192);
    agent.disk.world().bad.clear();
    agent.settle();
    agent.wait(LINGER / 10);
    agent.settle();
    assert_eq!(agent.texts().concat().len(), 20_000);
    assert_eq!(agent.gaps(), []);
}

/// What happens before the first look, and what between its listing of two files and the first that it opens.
fn amid_a_look(before: &[Op], amid: &[Op], settings: Settings) -> Agent {
    let turns = [Turn::Sleep(before.len()), Turn::Look(BIG)];
    let mut amid = amid.iter().cloned();
    // The first look comes next, then the listing and each of its files.
    let first = amid.next().map(|op| (4, op));
    let before = before.iter().cloned().map(|op| (0, op));
    let script: Vec<_> = before.chain(first).chain(amid.map(|op| (0, op))).collect();
    let agent = run(script, &turns, settings);
    check(&agent, Allowed { disorder: true, unruly: true, once: true });
    agent
}

#[test]
fn a_backup_that_is_shifted_twice_before_it_is_opened_is_found() {
    for settings in [Settings::default(), drain()] {
        let shift = [Op::RotateNumbers, Op::Append(1, 0), Op::RotateNumbers, Op::Append(1, 0)];
        let before = [Op::Append(1, 0), Op::RotateNumbers, Op::Append(1, 0)];
        let mut agent = amid_a_look(&before, &shift, settings);
        agent.settle();
        assert_eq!((agent.texts().len(), agent.gaps()), (4, vec![]));
    }
}

/// Another file was renamed over a backup that nobody had read, and was compressed at once. Its inode is
/// the one that the listing showed: while a file is compressed, it keeps that.
#[test]
fn what_is_compressed_into_the_inode_of_a_backup_was_not_made_of_it() {
    for settings in [Settings::default(), drain()] {
        let before = [Op::Append(1, 0), Op::Rotate, Op::Append(1, 0)];
        let amid = [Op::Replace(Which::Oldest, Copy::Other(0)), Op::Gzip];
        let agent = amid_a_look(&before, &amid, settings);
        let gap = (Some(0), Some(22), GapReason::DeletedBeforeRead);
        assert!(agent.gaps().contains(&gap), "{:?}", agent.gaps());
    }
}

/// A numbered backup that can't be opened, and is then left out by listings that show other names each
/// time.
fn unseen_while_names_change(settings: Settings, looks: u64) -> (Agent, usize) {
    let mut agent = Agent::with(settings);
    agent.put(b"live\n");
    agent.file("audit.log.3", b"old\n");
    agent.disk.world().denied.insert("audit.log.3".to_owned());
    agent.settle();
    let index = agent.disk.world().dir.remove("audit.log.3").unwrap();
    agent.disk.world().denied.clear();
    for n in 0..looks {
        agent.file(&stamped(n), format!("another {n}\n").as_bytes());
        agent.wait(10_000);
        agent.once();
    }
    (agent, index)
}

#[test]
fn a_numbered_backup_may_be_left_out_while_names_change() {
    for settings in [Settings::default(), drain()] {
        let (mut agent, index) = unseen_while_names_change(settings, 5);
        assert_eq!(agent.gaps(), []);
        agent.disk.world().dir.insert("audit.log.5".to_owned(), index);
        agent.settle();
        assert_eq!((agent.texts().len(), agent.gaps()), (7, vec![]));
    }
}

#[test]
fn a_numbered_backup_is_lost_though_names_never_rest() {
    for settings in [Settings::default(), drain()] {
        let (mut agent, _) = unseen_while_names_change(settings, 12);
        assert_eq!(agent.gaps(), [(Some(0), Some(4), GapReason::DeletedBeforeRead)]);
        agent.settle();
        assert_eq!((agent.texts().len(), agent.gaps().len()), (13, 1));
    }
}
