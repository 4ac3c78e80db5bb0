//! Random histories: whatever happens to the files, and between whichever two calls, every byte
//! that could be read is taken exactly once, or its loss is owned up to.
//!
//! `AUDITSEAL_HISTORIES=100000` runs more of them, `AUDITSEAL_SEED=7` others.

mod sim;

use auditseal_tail::Settings;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sim::agent::Agent;
use sim::ops::LINGER;
use sim::oracle::{Allowed, check};
use sim::{Op, SimDisk};

/// What the agent does in one turn.
#[derive(Debug, Clone, Copy)]
enum Turn {
    Look(u64),
    Commit,
    Crash,
}

fn op() -> impl Strategy<Value = Op> {
    let length =
        prop_oneof![12 => 0u16..60, 2 => 60u16..3000, 1 => 4000u16..9000, 1 => Just(65_500)];
    let short = 0u16..60;
    prop_oneof![
        24 => (1u8..5, length.clone()).prop_map(|(count, length)| Op::Append(count, length)),
        4 => length.clone().prop_map(Op::Partial),
        4 => Just(Op::Finish),
        4 => Just(Op::Rename),
        4 => Just(Op::Create),
        8 => Just(Op::Rotate),
        1 => Just(Op::Restart),
        2 => Just(Op::SecondOpen),
        5 => short.clone().prop_map(Op::SecondAppend),
        1 => short.prop_map(Op::SecondPartial),
        3 => Just(Op::GzipCreate),
        3 => Just(Op::GzipHalf),
        3 => Just(Op::GzipFill),
        3 => Just(Op::GzipRemove),
        3 => Just(Op::Gzip),
        3 => Just(Op::DeleteOldest),
        2 => Just(Op::Truncate),
        1 => Just(Op::Copy),
        1 => Just(Op::UnlinkLive),
        1 => (1u16..4).prop_map(Op::ClockBack),
        1 => Just(Op::SameStamp),
        1 => Just(Op::Strangers),
        2 => prop_oneof![Just(10u32), Just(20_000), Just(70_000), Just(140_000)].prop_map(Op::Wait),
    ]
}

fn gentle() -> impl Strategy<Value = Op> {
    op().prop_map(|op| match op {
        Op::DeleteOldest
        | Op::Truncate
        | Op::Copy
        | Op::UnlinkLive
        | Op::ClockBack(_)
        | Op::SameStamp => Op::Rotate,
        other => other,
    })
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        12 => prop_oneof![Just(0u64), Just(1), 20u64..400, Just(5_000), Just(1 << 20)]
            .prop_map(Turn::Look),
        6 => Just(Turn::Commit),
        1 => Just(Turn::Crash),
    ]
}

/// Delays in calls of the follower's: mostly short, so that things happen amid a look.
fn script(op: impl Strategy<Value = Op>) -> impl Strategy<Value = Vec<(u8, Op)>> {
    let delay = prop_oneof![4 => 0u8..4, 3 => 4u8..20, 1 => 20u8..90];
    prop::collection::vec((delay, op), 1..90)
}

fn run(script: Vec<(u8, Op)>, turns: &[Turn], settings: Settings) -> Agent {
    let disk = SimDisk::new(script);
    let mut agent = Agent::new(disk.clone(), settings);
    let mut turns = turns.iter().copied().cycle();
    while !disk.world().script.is_empty() {
        match turns.next().unwrap_or(Turn::Commit) {
            Turn::Look(limit) => {
                agent.look(limit);
            }
            Turn::Commit => agent.commit(),
            Turn::Crash => agent.crash(),
        }
        // Let time and the script go on even when nobody looks.
        let mut world = disk.world();
        world.clock += 40;
        match world.script.pop_front() {
            Some((0, op)) => world.apply(op),
            Some((delay, op)) => world.script.push_front((delay - 1, op)),
            None => {}
        }
    }
    // In the end there is an apiserver, with a log.
    disk.world().apply(Op::Create);
    agent.settle();
    for _ in 0..3 {
        disk.world().clock += LINGER + 1;
        agent.settle();
    }
    agent
}

fn runner(salt: u8) -> TestRunner {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let cases = number("AUDITSEAL_HISTORIES").unwrap_or(300) as u32;
    let mut seed = [salt; 32];
    seed[..8].copy_from_slice(&number("AUDITSEAL_SEED").unwrap_or(1).to_le_bytes());
    let config =
        Config { cases, failure_persistence: None, max_shrink_iters: 4_000, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

#[test]
fn every_byte_is_taken_once_or_owned_up_to() {
    let histories = (script(op()), prop::collection::vec(turn(), 1..40));
    runner(1)
        .run(&histories, |(script, turns)| {
            let agent = run(script, &turns, Settings::default());
            check(&agent, Allowed { disorder: true });
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

/// Where nothing is destroyed, nothing may be lost: no gap at all.
///
/// The order isn't asked for: three renames within one listing can hide what came first. The
/// interleavings test asks for it.
#[test]
fn without_destruction_there_is_no_gap() {
    let histories = (script(gentle()), prop::collection::vec(turn(), 1..40));
    runner(2)
        .run(&histories, |(script, turns)| {
            let agent = run(script, &turns, Settings::default());
            check(&agent, Allowed { disorder: true });
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}
