//! Each thing that can happen, between each two calls of the follower's.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod sim;

use auditseal_tail::{Mode, Settings};
use sim::agent::Agent;
use sim::ops::LINGER;
use sim::oracle::{Allowed, check};
use sim::{Op, SimDisk};

/// More calls than most of these looks make.
const CALLS: u8 = 64;

/// What the disk and the follower went through before.
type Before = fn(&mut Agent);

fn befores() -> Vec<(&'static str, Before)> {
    vec![
        ("nothing", |_| {}),
        ("a live file, unread", |agent| {
            agent.ops([Op::Append(3, 20), Op::SecondOpen]);
        }),
        ("a live file, read, and more in it", |agent| {
            agent.ops([Op::Append(3, 20), Op::SecondOpen]);
            agent.settle();
            agent.ops([Op::Append(2, 20)]);
        }),
        ("a live file half read, then a crash", |agent| {
            agent.ops([Op::Append(3, 5000), Op::SecondOpen]);
            agent.look(5_030);
            agent.commit();
            agent.crash();
        }),
        ("backups and a partial line, unread", |agent| {
            agent.ops([Op::Append(2, 20), Op::Rotate, Op::Append(1, 20), Op::SecondOpen]);
            agent.ops([Op::Partial(10), Op::Rotate, Op::Append(1, 20)]);
        }),
        ("backups, finished, then a crash", |agent| {
            agent.ops([Op::Append(2, 20), Op::SecondOpen, Op::Rotate, Op::Append(2, 20)]);
            agent.settle();
            agent.crash();
        }),
        ("a gzip file half read", |agent| {
            agent.ops([Op::Append(3, 300), Op::SecondOpen, Op::Rotate, Op::Gzip]);
            agent.ops([Op::Append(2, 20)]);
            agent.look(330);
            agent.commit();
        }),
        ("a gzip file half written", |agent| {
            agent.ops([Op::Append(3, 300), Op::SecondOpen, Op::Rotate, Op::Append(2, 20)]);
            agent.ops([Op::GzipCreate, Op::GzipHalf]);
            agent.look(330);
        }),
    ]
}

fn events() -> Vec<Vec<Op>> {
    let long = Op::Append(3, 6000);
    vec![
        vec![long.clone()],
        vec![Op::Rotate],
        vec![Op::Rename],
        vec![Op::Rotate, Op::Append(1, 9)],
        vec![Op::Rotate, Op::Append(1, 9), Op::Rotate, Op::Append(1, 9)],
        vec![Op::Rotate, Op::Gzip, Op::Append(1, 9)],
        vec![Op::Gzip],
        vec![Op::GzipFill, Op::GzipRemove],
        vec![Op::GzipFill, Op::SecondAppend(9), Op::GzipRemove],
        vec![Op::SecondAppend(9)],
        vec![Op::Rotate, Op::SecondAppend(9), Op::Append(1, 9)],
        vec![Op::Truncate],
        vec![Op::Truncate, Op::Append(1, 9)],
        vec![Op::Truncate, Op::Restart, long.clone(), long.clone()],
        vec![Op::Copy, Op::Append(1, 9)],
        vec![Op::Copy, Op::Restart, long.clone(), long],
        vec![Op::DeleteOldest],
        vec![Op::Rotate, Op::DeleteOldest, Op::DeleteOldest, Op::Append(1, 9)],
        vec![Op::UnlinkLive, Op::Append(1, 9)],
        vec![Op::UnlinkLive, Op::Create, Op::Append(1, 9)],
        vec![Op::SameStamp, Op::Append(1, 9)],
        vec![Op::ClockBack(3), Op::Rotate, Op::Append(1, 9)],
    ]
}

/// Nothing of this destroys bytes that nobody holds, or puts files out of order.
fn gentle(event: &[Op]) -> bool {
    event.iter().all(|op| {
        !matches!(
            op,
            Op::Truncate
                | Op::Copy
                | Op::DeleteOldest
                | Op::UnlinkLive
                | Op::SameStamp
                | Op::ClockBack(_)
                | Op::SecondAppend(_)
        )
    })
}

fn run(before: Before, event: &[Op], delay: u8, limit: u64, mode: Mode) -> Agent {
    let disk = SimDisk::new([]);
    let mut agent = Agent::new(disk.clone(), Settings { mode, ..Settings::default() });
    before(&mut agent);
    {
        let mut world = disk.world();
        for (nth, op) in event.iter().enumerate() {
            world.script.push_back((if nth == 0 { delay } else { 0 }, op.clone()));
        }
    }
    for turn in 0..20 {
        agent.look(limit);
        if turn % 2 == 1 {
            agent.commit();
        }
    }
    let left: Vec<(u8, Op)> = disk.world().script.drain(..).collect();
    left.into_iter().for_each(|(_, op)| disk.world().apply(op));
    disk.world().apply(Op::Create);
    agent.settle();
    for _ in 0..3 {
        disk.world().clock += LINGER + 1;
        agent.settle();
    }
    agent
}

fn each(mode: Mode, limit: u64, step: usize) {
    for (name, before) in befores() {
        for event in events() {
            for delay in (0..CALLS).step_by(step) {
                let what = format!("{name}; {event:?} at call {delay}, limit {limit}");
                let done = std::panic::catch_unwind(|| {
                    let agent = run(before, &event, delay, limit, mode);
                    let disorder = !gentle(&event);
                    check(&agent, Allowed { disorder, unruly: true, ..Allowed::default() });
                });
                assert!(done.is_ok(), "{what}");
            }
        }
    }
}

#[test]
fn whenever_it_happens_nothing_is_lost() {
    each(Mode::Follow, 1 << 20, 1);
}

#[test]
fn whenever_it_happens_nothing_is_lost_in_small_bites() {
    each(Mode::Follow, 30, 3);
}

#[test]
fn whenever_it_happens_nothing_is_lost_when_drained() {
    each(Mode::Drain, 1 << 20, 2);
}
