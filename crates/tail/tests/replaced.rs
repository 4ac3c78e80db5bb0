//! The live file is renamed over by another one: by a copy of itself, as mirrors do, or by one that
//! only begins alike.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod sim;

use auditseal_tail::GapReason;
use sim::Op;
use sim::agent::Agent;
use sim::desk::{BIG, drain};
use sim::ops::LINGER;

/// Renames a new file with these bytes over the live one.
fn mirror(agent: &Agent, bytes: &[u8]) {
    agent.file("audit.log", bytes);
}

#[test]
fn a_longer_copy_goes_on_where_the_file_ended() {
    let mut agent = Agent::plain();
    let mut log = b"first\n".to_vec();
    agent.put(&log);
    agent.settle();
    // Each of them adds a line; some come faster than anybody looks.
    for n in 0..400 {
        log.extend(format!("line {n}\n").bytes());
        mirror(&agent, &log);
        if n % 3 > 0 {
            agent.wait(10_000);
            agent.settle();
            assert_eq!(agent.texts(), [String::from_utf8(log.clone()).unwrap()], "at once");
        }
    }
    agent.settle();
    assert_eq!(agent.texts(), [String::from_utf8(log).unwrap()]);
    assert_eq!(agent.gaps(), []);
    assert!(agent.follower.backlog().open < 20, "{:?}", agent.follower.backlog());
}

#[test]
fn what_the_old_file_had_last_is_taken_from_its_copy() {
    let mut agent = Agent::plain();
    agent.put(b"first\nsecond\n");
    agent.settle();
    agent.put(b"third\nfou");
    mirror(&agent, b"first\nsecond\nthird\nfourth\n");
    agent.settle();
    assert_eq!(agent.texts(), ["first\nsecond\nthird\nfourth\n"]);
    assert_eq!(agent.gaps(), []);
}

#[test]
fn a_shorter_copy_waits_until_it_is_whole() {
    let mut agent = Agent::plain();
    agent.put(b"first\nsecond\nthird\n");
    agent.settle();
    mirror(&agent, b"first\nsec");
    for _ in 0..10 {
        agent.wait(LINGER / 3);
        agent.settle();
        // It grows, and is shorter still.
        let index = agent.disk.world().dir["audit.log"];
        let bytes = agent.disk.world().inodes[index].bytes.clone();
        let next = b"first\nsecond\nthird\n"[bytes.len()];
        agent.disk.world().put(index, &[next]);
    }
    assert_eq!(agent.texts(), ["first\nsecond\nthird\n"]);
    let index = agent.disk.world().dir["audit.log"];
    let rest = b"first\nsecond\nthird\nfourth\n"[19..].to_vec();
    agent.disk.world().put(index, &rest);
    agent.settle();
    assert_eq!(agent.texts(), ["first\nsecond\nthird\nfourth\n"]);
    assert_eq!(agent.gaps(), []);
}

#[test]
fn a_file_that_differs_is_another_one_and_a_gap_says_so() {
    for (log, differs) in [
        // Before what was sealed last, and behind it.
        (&b"first\nsecond\nthird\n"[..], &b"first\nSECOND\nthird\nfourth\n"[..]),
        (b"first\nsecond\nthird\n", b"first\nsecond\nTHIRD\nfourth\n"),
    ] {
        let mut agent = Agent::plain();
        for line in log.split_inclusive(|byte| *byte == b'\n') {
            // A seal for each line.
            agent.put(line);
            agent.settle();
        }
        mirror(&agent, differs);
        agent.settle();
        assert_eq!(agent.gaps().len(), 1, "at once: a stop comes before anybody stops waiting");
        for _ in 0..3 {
            agent.wait(LINGER + 1);
            agent.settle();
        }
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(agent.texts(), [text(log), text(differs)]);
        assert_eq!(agent.gaps(), [(None, None, GapReason::Replaced)]);
    }
}

/// An anchor covers what stands closely before it, so each place where something was taken is
/// asked: asked at its end alone, a copy altered long before that would pass for the file.
#[test]
fn a_copy_that_was_altered_long_before_its_end_is_another_file() {
    let mut agent = Agent::plain();
    let mut log = b"first\n".to_vec();
    agent.put(&log);
    agent.settle();
    for n in 0..10 {
        let line = format!("{n} {}\n", "x".repeat(2_000));
        agent.put(line.as_bytes());
        agent.settle();
        log.extend(line.bytes());
    }
    let mut altered = log.clone();
    altered[3_000] = b'y';
    altered.extend(b"more\n");
    mirror(&agent, &altered);
    agent.settle();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    assert_eq!(agent.texts(), [text(&log), text(&altered)]);
    assert_eq!(agent.gaps(), [(None, None, GapReason::Replaced)]);
}

/// A rotation that the listing passes by under both names: two files that begin alike, and the
/// first is renamed, not replaced.
#[test]
fn a_file_that_is_renamed_amid_a_listing_is_not_replaced() {
    for delay in 0..8 {
        let mut agent = Agent::plain();
        let append = |length| Op::Append(1, length);
        agent.ops([append(0), append(1)]);
        agent.settle();
        {
            let mut world = agent.disk.world();
            // The next line is the first one again.
            world.lines = 0;
            let ops = [Op::Rename, Op::Create, append(0), append(2)];
            let script = ops.into_iter().enumerate();
            world.script.extend(script.map(|(at, op)| (if at == 0 { delay } else { 0 }, op)));
        }
        agent.look(BIG);
        agent.look(BIG);
        agent.commit();
        agent.settle();
        assert_eq!(agent.gaps(), [], "at call {delay}");
        let texts = agent.texts();
        assert_eq!(texts.len(), 2);
        assert!(texts[0].lines().next() == texts[1].lines().next() && texts[0] != texts[1]);
    }
}

#[test]
fn a_restart_between_two_copies_loses_and_repeats_nothing() {
    let mut agent = Agent::plain();
    agent.put(b"first\nsecond\n");
    agent.settle();
    mirror(&agent, b"first\nsecond\nthird\n");
    agent.crash();
    agent.settle();
    mirror(&agent, b"first\nsecond\nthird\nfourth\n");
    agent.crash();
    agent.settle();
    agent.settings = drain();
    mirror(&agent, b"first\nsecond\nthird\nfourth\nfifth\n");
    agent.crash();
    agent.settle();
    assert_eq!(agent.texts(), ["first\nsecond\nthird\nfourth\nfifth\n"]);
    assert_eq!(agent.gaps(), []);
}

/// Reports count the files that had the name: of three, the listings showed two.
#[test]
fn a_file_that_came_and_went_between_two_others_is_a_gap() {
    let mut agent = Agent::plain();
    agent.watched = true;
    agent.put(b"first\n");
    agent.settle();
    mirror(&agent, b"second\n");
    mirror(&agent, b"third\n");
    agent.settle();
    agent.wait(LINGER + 1);
    agent.settle();
    assert_eq!(agent.texts(), ["first\n", "third\n"]);
    assert_eq!(agent.gaps(), [(Some(0), None, GapReason::Replaced)]);
}

#[test]
fn copies_that_nobody_saw_are_no_gap_where_a_longer_one_came() {
    let mut agent = Agent::plain();
    agent.watched = true;
    agent.put(b"first\n");
    agent.settle();
    for _ in 0..3 {
        mirror(&agent, b"first\nsecond\n");
        mirror(&agent, b"first\nsecond\nthird\n");
        mirror(&agent, b"first\nsecond\nthird\nfourth\n");
        agent.settle();
    }
    // One that was seen, before the reports of it came, and another that takes its place.
    mirror(&agent, b"other\n");
    agent.settle();
    mirror(&agent, b"another\n");
    agent.settle();
    assert_eq!(agent.gaps(), []);
}

/// One renamed over the live file is rotated and deleted before anybody looks: the name that it got
/// was never that of the one before it, which was read.
#[test]
fn a_file_that_was_renamed_over_another_one_is_a_gap_of_the_name_it_got() {
    let mut agent = Agent::plain();
    agent.watched = true;
    agent.put(b"first\n");
    agent.settle();
    agent.settle();
    mirror(&agent, b"second\n");
    agent.ops([Op::Rotate, Op::DeleteOldest]);
    agent.put(b"third\n");
    agent.settle();
    agent.wait(LINGER + 1);
    agent.settle();
    assert_eq!(agent.texts(), ["first\n", "third\n"]);
    let gap = &agent.archive.nameless[0];
    assert_eq!(gap.name.to_str(), Some("audit-2026-01-02T15-00-05.010.log"));
    assert_eq!(gap.reason, GapReason::DeletedBeforeRead);
}
