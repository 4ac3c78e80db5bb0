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

/// A file under test: the agent, its inode, its standing.
struct Walk {
    agent: Agent,
    index: usize,
    standing: Standing,
}

impl Walk {
    fn row(&mut self, event: &str) {
        match event {
            "it grows" => self.grows(),
            "nothing happens for 135 s" => self.rests(),
            "it gets a backup's name" => self.is_rotated(),
            "its name is deleted" => self.is_deleted(),
            "it is cut or written anew in place" => self.is_cut(),
            "a longer copy of it is renamed over it" => {
                self.is_replaced_by_a_copy(b"first\nsecond\nthird\n", "first\nsecond\nthird\n")
            }
            "a longer file that begins with all of it lies beside it" => self.lies_beside(),
            "a shorter copy of it is renamed over it, or laid beside it" => {
                self.agent.file("audit.log.9", b"first\n");
                self.is_replaced_by_a_copy(b"first\nsec", "first\nsecond\n")
            }
            "a file that begins alike and differs is renamed over it" => {
                self.is_replaced_by_another()
            }
            "a compressed copy of it appears" => self.is_compressed(),
            "no descriptor is free" => self.waits_for_a_descriptor(),
            // On a real disk: tests/path.rs and crates/e2e/path.sh.
            "the path leads elsewhere" => {}
            other => panic!("nobody walks the row «{other}»"),
        }
    }

    fn grows(&mut self) {
        self.agent.disk.world().put(self.index, b"third\nhal");
        self.agent.settle();
        assert_eq!(self.agent.texts()[0], "first\nsecond\nthird\n");
    }

    fn rests(&mut self) {
        self.agent.disk.world().put(self.index, b"hal");
        quiet(&mut self.agent);
        let live = self.standing == Standing::Live;
        let text = if live { "first\nsecond\n" } else { "first\nsecond\nhal" };
        assert_eq!((self.agent.texts()[0].as_str(), is_final(&self.agent)), (text, !live));
    }

    fn is_rotated(&mut self) {
        match self.standing {
            Standing::Live => self.agent.ops([Op::Rotate]),
            Standing::Rotated => {
                let old = name(&self.agent, self.index).unwrap();
                let mut world = self.agent.disk.world();
                world.dir.remove(&old);
                world.inodes[self.index].links -= 1;
                world.link(&stamped(9_000), self.index);
            }
            Standing::Deleted => self.agent.disk.world().link(&stamped(9_000), self.index),
        }
        self.agent.settle();
        assert!(is_final(&self.agent), "it ends with a newline, and its writer has closed it");
        assert_eq!(self.agent.texts().len(), 1);
    }

    fn is_deleted(&mut self) {
        if let Some(name) = name(&self.agent, self.index) {
            self.agent.unlink(&name);
        }
        self.agent.disk.world().put(self.index, b"third\n");
        self.agent.settle();
        assert_eq!(self.agent.texts()[0], "first\nsecond\nthird\n");
    }

    fn is_cut(&mut self) {
        self.agent.disk.world().inodes[self.index].bytes = b"other\n".to_vec();
        self.agent.settle();
        quiet(&mut self.agent);
        assert!(self.agent.texts()[0].starts_with("first\nsecond\n"));
        assert!(
            self.agent.gaps().iter().any(|gap| gap.2 == GapReason::Truncated),
            "{:?}",
            self.standing
        );
    }

    fn is_replaced_by_a_copy(&mut self, copy: &[u8], text: &str) {
        let over = name(&self.agent, self.index).unwrap_or_else(|| "audit.log".to_owned());
        self.agent.file(&over, copy);
        self.agent.settle();
        quiet(&mut self.agent);
        assert_eq!(self.agent.texts(), [text], "{:?}", self.standing);
        assert_eq!(self.agent.gaps(), []);
    }

    fn lies_beside(&mut self) {
        let live = self.standing == Standing::Live;
        let other = if live { stamped(9_000) } else { "audit.log".to_owned() };
        self.agent.file(&other, b"first\nsecond\nthird\n");
        self.agent.settle();
        assert_eq!(self.agent.texts(), ["first\nsecond\nthird\n"], "{:?}", self.standing);
        if live {
            self.agent.disk.world().put(self.index, b"third\nfourth\n");
            self.agent.settle();
            assert_eq!(self.agent.texts(), ["first\nsecond\nthird\nfourth\n"]);
        }
        quiet(&mut self.agent);
        assert_eq!((self.agent.texts().len(), self.agent.gaps()), (1, vec![]));
    }

    fn is_replaced_by_another(&mut self) {
        let over = name(&self.agent, self.index).unwrap_or_else(|| "audit.log".to_owned());
        self.agent.file(&over, b"first\nSECOND\nthird\n");
        self.agent.settle();
        assert_eq!(self.agent.texts(), ["first\nsecond\n", "first\nSECOND\nthird\n"]);
        let replaced = self.agent.gaps().iter().any(|gap| gap.2 == GapReason::Replaced);
        assert_eq!(replaced, self.standing != Standing::Rotated, "{:?}", self.standing);
    }

    /// Only what is rotated gets compressed: the other two standings have nothing to show.
    fn is_compressed(&mut self) {
        if self.standing == Standing::Rotated {
            self.agent.ops([Op::Gzip]);
            quiet(&mut self.agent);
            assert_eq!(
                (self.agent.texts(), self.agent.gaps()),
                (vec!["first\nsecond\n".into()], vec![])
            );
        }
    }

    fn waits_for_a_descriptor(&mut self) {
        self.agent.settings.limits.open = 2;
        for n in 0..9 {
            self.agent.file(&stamped(9_000 + n), format!("backup {n}\n").as_bytes());
        }
        self.agent.crash();
        self.agent.settle();
        quiet(&mut self.agent);
        assert_eq!(self.agent.texts().len(), 10, "{:?}", self.standing);
    }
}

#[test]
fn every_row_of_the_table_is_what_happens() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (_, rest) = page.split_once("| event |").unwrap();
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
    let events: Vec<&str> = rows.map(|row| row.split('|').nth(1).unwrap().trim()).collect();
    assert_eq!(events.len(), 12);
    for event in events {
        for standing in [Standing::Live, Standing::Rotated, Standing::Deleted] {
            let (agent, index) = scene(standing);
            Walk { agent, index, standing }.row(event);
        }
    }
}
