//! Which finished files are remembered, and for how long.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod sim;

use auditseal_tail::{Anchor, FileId, Follower, History, Known, Limits, Settings};
use sim::agent::{Agent, family};
use sim::desk::BIG;
use sim::ops::stamped;
use sim::{Op, SimDisk};

/// Files that were finished long ago, and are not there.
fn past(files: u32) -> impl Iterator<Item = Known> {
    (0..files).map(|n| {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&n.to_be_bytes());
        let file = FileId { hash: Anchor::new(hash), base: 0, copy: 0 };
        let anchor: Anchor = file.hash;
        Known {
            file,
            offset: 7,
            anchor,
            name: format!("audit-2001-01-01T00-00-00.{n:03}.log").into(),
        }
    })
}

/// How many files it remembers.
fn remembered(follower: &Follower<SimDisk>) -> usize {
    let shown = format!("{follower:?}");
    let (_, rest) = shown.split_once("accounts: ").unwrap();
    rest.split_once(',').unwrap().0.parse().unwrap()
}

/// Five files, archived to their ends; what the notes say of them.
fn archived(agent: &mut Agent) -> History {
    for n in 0..5 {
        agent.put(format!("file {n}\n").as_bytes());
        agent.ops([Op::Rotate]);
    }
    agent.settle();
    assert_eq!(agent.texts().len(), 5);
    agent.archive.history()
}

#[test]
fn a_file_that_is_there_is_not_forgotten_before_it_was_looked_into() {
    let mut agent = Agent::plain();
    let mut history = archived(&mut agent);
    agent.ops((0..5).map(|_| Op::Gzip));
    let names: Vec<String> = agent.disk.world().dir.keys().cloned().collect();
    // Behind a long history, and out of reach at first: a large one takes several looks.
    history.finals = past(100).chain(history.finals).collect();
    agent.disk.world().denied.extend(names);
    let settings =
        Settings { limits: Limits { finals: 2, ..Limits::default() }, ..Settings::default() };
    let mut follower = Follower::new(family(), agent.disk.clone(), history, settings);
    for now in 0..20 {
        if now == 10 {
            agent.disk.world().denied.clear();
        }
        let look = follower.look(now * 1000, BIG);
        let takes: Vec<_> =
            look.takes.iter().map(|take| (&take.name, take.start, take.end)).collect();
        assert!(takes.is_empty() && look.gaps.is_empty(), "look {now}: {takes:?} {:?}", look.gaps);
    }
    assert_eq!(remembered(&follower), 5 + 2);
}

#[test]
fn what_is_put_back_is_known_while_it_is_among_the_newest() {
    for (newer, again) in [(7, 0), (8, 1)] {
        let mut agent = Agent::plain();
        agent.put(b"only\n");
        agent.ops([Op::Rotate]);
        agent.settle();
        let mut history = agent.archive.history();
        let last = history.finals.pop().unwrap();
        history.finals.extend(past(100));
        history.finals.push(last);
        history.finals.extend(past(100 + newer).skip(100));
        agent.ops([Op::DeleteOldest]);
        let settings =
            Settings { limits: Limits { finals: 8, ..Limits::default() }, ..Settings::default() };
        let mut follower = Follower::new(family(), agent.disk.clone(), history, settings);
        follower.look(1000, BIG);
        agent.file(&stamped(9), b"only\n");
        let takes: usize = (2..6).map(|now| follower.look(now * 1000, BIG).takes.len()).sum();
        assert_eq!(takes, again, "{newer} are newer");
    }
}
