//! The live file is renamed over by another one: by a copy of itself, as mirrors do, or by one that
//! only begins alike.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod sim;

use auditseal_tail::GapReason;
use sim::agent::Agent;
use sim::desk::drain;
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
