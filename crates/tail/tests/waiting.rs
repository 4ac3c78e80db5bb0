//! What must wait for what: at the worst moment, a crash behind a file that was taken too early
//! leaves nothing that tells of an older one.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod sim;

use auditseal_tail::Settings;
use sim::SimDisk;
use sim::agent::Agent;
use sim::desk::{BIG, drain};
use sim::ops::LINGER;
use sim::ops::Op::{self, *};
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
    check(&agent, Allowed { disorder: true, unruly: false });
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
    check(&agent, Allowed { disorder: false, unruly: false });
}
