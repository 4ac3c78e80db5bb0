//! Two files that begin alike, and a copy of one of them: what has more in common with one that is
//! being read than was ever taken of the other is a copy of that.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod sim;

use auditseal_tail::{Limits, Settings};
use sim::Op;
use sim::agent::Agent;
use sim::desk::BIG;
use sim::ops::{LINGER, pack, stamped};

/// The first line of two files is sealed, of each as its own; then the agent starts again, and only
/// the first of them is there.
fn half_read_twins() -> Agent {
    let mut agent = Agent::plain();
    agent.put(b"one\ntw");
    agent.settle();
    agent.file("audit.log", b"one\nthree\n");
    agent.look(4);
    agent.commit();
    assert_eq!(agent.texts(), ["one\n", "one\n"]);
    agent.archive.nameless.clear();
    agent.unlink("audit.log");
    agent.file(&stamped(1), b"one\ntwo\n");
    agent.crash();
    // Its descriptor is held, and nothing more of it is taken yet.
    agent.look(0);
    agent
}

fn times(agent: &Agent, line: &str) -> usize {
    agent.texts().iter().map(|text| text.matches(line).count()).sum()
}

#[test]
fn a_gzip_is_of_the_file_that_is_being_read() {
    let mut agent = half_read_twins();
    agent.ops([Op::Gzip]);
    agent.settle();
    agent.wait(LINGER + 1);
    agent.settle();
    assert_eq!(times(&agent, "two\n"), 1, "{:?}", agent.texts());
    assert_eq!(agent.gaps().len(), 1, "the other one's rest is gone: {:?}", agent.gaps());
}

#[test]
fn a_plain_copy_is_of_the_file_that_is_being_read() {
    let mut agent = half_read_twins();
    agent.file(&stamped(1), b"one\ntwo\nfour\n");
    agent.settle();
    agent.wait(LINGER + 1);
    agent.settle();
    assert_eq!((times(&agent, "two\n"), times(&agent, "four\n")), (1, 1), "{:?}", agent.texts());
}

/// What is shown to differ goes on as the other one: nothing of it is read twice, nothing left out.
#[test]
fn a_gzip_that_differs_from_the_file_that_is_being_read_is_of_the_other_one() {
    let mut agent = half_read_twins();
    agent.file(&format!("{}.gz", stamped(2)), &pack(b"one\nthree\n"));
    agent.settle();
    agent.wait(LINGER + 1);
    agent.settle();
    assert_eq!(agent.texts(), ["one\ntwo\n", "one\nthree\n"]);
    assert_eq!(agent.gaps(), []);
}

/// Of as many bytes as were taken of the one, the other that is being read has no more: what goes on
/// from there is taken at once for the one, and doesn't wait for the other to be over.
#[test]
fn what_goes_on_where_both_end_is_of_the_one_that_nothing_reads() {
    for packed in [false, true] {
        let mut agent = half_read_twins();
        let index = agent.disk.world().dir[&stamped(1)];
        agent.disk.world().inodes[index].bytes.truncate(4);
        agent.look(0);
        let (name, bytes) = (stamped(2), b"one\nthree\n");
        if packed {
            agent.file(&format!("{name}.gz"), &pack(bytes));
        } else {
            agent.file(&name, bytes);
        }
        agent.settle();
        assert_eq!(agent.texts(), ["one\n", "one\nthree\n"], "compressed: {packed}");
    }
}

/// A longer copy took the second one's place, and was compressed before anybody saw it. Its decoder is
/// at its end when it turns out not to be the first one's.
#[test]
fn a_longer_gzip_is_of_the_second_file_that_is_asked() {
    let mut agent = Agent::plain();
    agent.file(&stamped(1), b"one\ntwo\n");
    agent.settle();
    agent.file(&stamped(2), b"one\nthree\n");
    agent.settle();
    agent.unlink(&stamped(2));
    agent.file(&format!("{}.gz", stamped(2)), &pack(b"one\nthree\nfour\n"));
    agent.settle();
    assert_eq!(agent.texts(), ["one\ntwo\n", "one\nthree\nfour\n"]);
}

/// A decoder goes one way. Comparing with one file and proving another in turn, it would begin anew
/// with each look, and never come to the end of a file that is longer than a look's work.
#[test]
fn comparisons_of_a_long_gzip_with_several_files_come_to_an_end() {
    let limits = Limits { work: 1 << 16, ..Limits::default() };
    let mut agent = Agent::with(Settings { limits, ..Settings::default() });
    let log = |other: &str| {
        let lines = (0..200_000).map(|n| format!("{n:06} of {other}\n"));
        ["one\n".to_owned()].into_iter().chain(lines).collect::<String>()
    };
    // One that is over and let go of, and three that are held: of the last one there is a compressed
    // copy.
    let mut texts = vec![log("the first")[..50_000].to_owned()];
    agent.file(&stamped(1), texts[0].as_bytes());
    for _ in 0..3 {
        agent.settle();
        agent.wait(LINGER + 1);
    }
    agent.settle();
    agent.unlink(&stamped(1));
    agent.settle();
    assert_eq!(agent.follower.backlog().open, 0);
    for n in 2..5 {
        texts.push(log(&format!("number {n}")));
        agent.file(&stamped(n), texts.last().unwrap().as_bytes());
        agent.settle();
    }
    agent.file(&format!("{}.gz", stamped(4)), &pack(texts.last().unwrap().as_bytes()));
    agent.unlink(&stamped(4));
    let mut looks = 0;
    while agent.look(BIG).more {
        agent.commit();
        looks += 1;
        assert!(looks < 300, "it compares for ever");
    }
    agent.wait(LINGER + 1);
    agent.settle();
    let lengths: Vec<usize> = agent.texts().iter().map(String::len).collect();
    assert!(agent.texts() == texts, "{lengths:?}");
    assert_eq!(agent.gaps(), []);
}
