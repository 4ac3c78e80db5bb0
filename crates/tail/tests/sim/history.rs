//! One history: what happens to the disk, and what the agent does meanwhile.

use auditseal_tail::Settings;

use super::agent::Agent;
use super::ops::LINGER;
use super::oracle::{Allowed, check};
use super::{Op, SimDisk};

/// What the agent does in one turn.
#[derive(Debug, Clone, Copy)]
pub enum Turn {
    Look(u64),
    /// A look, and the watch has lost what happened before.
    Deaf(u64),
    /// So many things happen, and nobody looks.
    Sleep(usize),
    Commit,
    Crash,
}

pub fn run(script: Vec<(u8, Op)>, turns: &[Turn], settings: Settings) -> Agent {
    let disk = SimDisk::new(script);
    let mut agent = Agent::new(disk.clone(), settings);
    let mut turns = turns.iter().copied().cycle();
    while !disk.world().script.is_empty() {
        match turns.next().unwrap_or(Turn::Commit) {
            Turn::Look(limit) => {
                agent.look(limit);
            }
            Turn::Deaf(limit) => {
                agent.look_after(true, limit);
            }
            Turn::Sleep(count) => {
                let mut world = disk.world();
                for _ in 0..count {
                    let Some((_, op)) = world.script.pop_front() else { break };
                    world.apply(op);
                }
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
    // In the end there is an apiserver, with a log, and copies are whole.
    disk.world().conclude();
    agent.settle();
    let mut rounds = 0;
    for _ in 0..40 {
        // Who holds few files at a time comes to the last of them later.
        if rounds >= 3 && agent.follower.backlog().files == 0 {
            break;
        }
        disk.world().clock += LINGER + 1;
        agent.settle();
        // And who reads few directories, to where the path leads.
        rounds = if disk.world().places.beyond { 0 } else { rounds + 1 };
    }
    agent
}

/// Runs a history that went wrong once, and checks it.
pub fn replay(script: &[(u8, Op)], turns: &[Turn], unruly: bool) {
    let agent = run(script.to_vec(), turns, Settings::default());
    check(&agent, Allowed { disorder: true, unruly, ..Allowed::default() });
}
