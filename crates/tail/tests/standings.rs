//! The table in ARCHITECTURE.md: what happens to a file of each standing. Each row is walked.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod sim;

use auditseal_tail::GapReason;
use sim::Op;
use sim::agent::Agent;
use sim::ops::{LINGER, stamped};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ARCHITECTURE.md");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Live,
    Rotated,
    Deleted,
}

/// A file of this standing with two sealed lines, and a new live file beside it unless it is that.
fn scene(standing: Standing) -> (Agent, usize) {
    let mut agent = Agent::plain();
    agent.put(b"first\nsecond\n");
    agent.settle();
    let index = agent.disk.world().dir["audit.log"];
    match standing {
        Standing::Live => {}
        Standing::Rotated => agent.ops([Op::Rotate]),
        Standing::Deleted => agent.ops([Op::UnlinkLive, Op::Create]),
    }
    agent.settle();
    (agent, index)
}

fn name(agent: &Agent, index: usize) -> Option<String> {
    let world = agent.disk.world();
    world.dir.iter().find(|(_, at)| **at == index).map(|(name, _)| name.clone())
}

/// Time in which nothing happens, several times over.
fn quiet(agent: &mut Agent) {
    for _ in 0..3 {
        agent.wait(LINGER + 1);
        agent.settle();
    }
}

/// Whether the first archived file is final.
fn is_final(agent: &Agent) -> bool {
    agent.archived()[0].final_
}

fn walk(event: &str, standing: Standing) {
    let (mut agent, index) = scene(standing);
    let live = standing == Standing::Live;
    match event {
        "it grows" => {
            agent.disk.world().put(index, b"third\nhal");
            agent.settle();
            assert_eq!(agent.texts()[0], "first\nsecond\nthird\n");
        }
        "nothing happens for 135 s" => {
            agent.disk.world().put(index, b"hal");
            quiet(&mut agent);
            let text = if live { "first\nsecond\n" } else { "first\nsecond\nhal" };
            assert_eq!((agent.texts()[0].as_str(), is_final(&agent)), (text, !live));
        }
        "it gets a backup's name" => {
            if standing == Standing::Rotated {
                let old = name(&agent, index).unwrap();
                let mut world = agent.disk.world();
                world.dir.remove(&old);
                world.inodes[index].links -= 1;
                world.link(&stamped(9_000), index);
            } else if live {
                agent.ops([Op::Rotate]);
            } else {
                agent.disk.world().link(&stamped(9_000), index);
            }
            agent.settle();
            assert!(is_final(&agent), "it ends with a newline, and its writer has closed it");
            assert_eq!(agent.texts().len(), 1);
        }
        "its name is deleted" => {
            if let Some(name) = name(&agent, index) {
                agent.unlink(&name);
            }
            agent.disk.world().put(index, b"third\n");
            agent.settle();
            assert_eq!(agent.texts()[0], "first\nsecond\nthird\n");
        }
        "it is cut or written anew in place" => {
            {
                let mut world = agent.disk.world();
                world.inodes[index].bytes = b"other\n".to_vec();
            }
            agent.settle();
            quiet(&mut agent);
            assert!(agent.texts()[0].starts_with("first\nsecond\n"));
            assert!(agent.gaps().iter().any(|gap| gap.2 == GapReason::Truncated), "{standing:?}");
        }
        "a longer copy of it is renamed over it" | "a shorter copy of it is renamed over it" => {
            let longer = event.starts_with("a longer");
            let copy = if longer { &b"first\nsecond\nthird\n"[..] } else { b"first\nsec" };
            let over = name(&agent, index).unwrap_or_else(|| "audit.log".to_owned());
            agent.file(&over, copy);
            agent.settle();
            quiet(&mut agent);
            let text = if longer { "first\nsecond\nthird\n" } else { "first\nsecond\n" };
            assert_eq!(agent.texts(), [text], "{event}, {standing:?}");
            assert_eq!(agent.gaps(), []);
        }
        "a file that begins alike and differs is renamed over it" => {
            let over = name(&agent, index).unwrap_or_else(|| "audit.log".to_owned());
            agent.file(&over, b"first\nSECOND\nthird\n");
            agent.settle();
            assert_eq!(agent.texts(), ["first\nsecond\n", "first\nSECOND\nthird\n"]);
            let replaced = agent.gaps().iter().any(|gap| gap.2 == GapReason::Replaced);
            assert_eq!(replaced, standing != Standing::Rotated, "{standing:?}");
        }
        "a compressed copy of it appears" => {
            if standing == Standing::Rotated {
                agent.ops([Op::Gzip]);
                quiet(&mut agent);
                assert_eq!((agent.texts(), agent.gaps()), (vec!["first\nsecond\n".into()], vec![]));
            }
        }
        "no descriptor is free" => {
            agent.settings.limits.open = 2;
            for n in 0..9 {
                agent.file(&stamped(9_000 + n), format!("backup {n}\n").as_bytes());
            }
            agent.crash();
            agent.settle();
            quiet(&mut agent);
            assert_eq!(agent.texts().len(), 10, "{standing:?}");
        }
        "the path leads elsewhere" => {
            // On a real disk: tests/path.rs and crates/e2e/path.sh.
        }
        other => panic!("nobody walks the row «{other}»"),
    }
}

#[test]
fn every_row_of_the_table_is_what_happens() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (_, rest) = page.split_once("| event |").unwrap();
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
    let events: Vec<&str> = rows.map(|row| row.split('|').nth(1).unwrap().trim()).collect();
    assert_eq!(events.len(), 11);
    for event in events {
        for standing in [Standing::Live, Standing::Rotated, Standing::Deleted] {
            walk(event, standing);
        }
    }
}
