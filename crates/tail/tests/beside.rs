//! Files that lie beside a log and begin as it does: copies that somebody made of it, logrotate's
//! `copy`, text logs whose files share a header. What is written to is read at once, and nothing twice.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod sim;

use auditseal_tail::{Left, Limits, Settings};
use sim::Op;
use sim::agent::Agent;
use sim::desk::{BIG, drain};
use sim::ops::{LINGER, pack, stamped};

/// Looks and commits, as an agent does within a window; no time passes.
fn window(agent: &mut Agent) {
    for _ in 0..8 {
        agent.once();
    }
}

/// Nothing is left that could be taken or that anybody waits for.
fn at_rest(agent: &mut Agent) {
    assert_eq!(agent.once().left, Left::Nothing);
    let backlog = agent.follower.backlog();
    assert_eq!((backlog.bytes, backlog.gzip_bytes), (0, 0));
}

/// What becomes of all this in the long run.
fn quiet(agent: &mut Agent) {
    for _ in 0..3 {
        agent.wait(LINGER + 1);
        agent.settle();
    }
}

#[test]
fn a_live_file_is_read_though_a_copy_of_its_beginning_lies_beside_it() {
    let mut agent = Agent::plain();
    agent.put(b"one\ntwo\n");
    agent.file("audit.log.1", b"one\ntwo\n");
    window(&mut agent);
    for n in 0..3 {
        agent.put(format!("more {n}\n").as_bytes());
        window(&mut agent);
        let whole: String = (0..=n).map(|n| format!("more {n}\n")).collect();
        assert_eq!(agent.texts(), [format!("one\ntwo\n{whole}")]);
        at_rest(&mut agent);
        if n == 1 {
            agent.crash();
        }
    }
    agent.ops([Op::Rotate]);
    quiet(&mut agent);
    agent.put(b"next\n");
    agent.settle();
    assert_eq!(agent.texts(), ["one\ntwo\nmore 0\nmore 1\nmore 2\n", "next\n"]);
    assert_eq!(agent.gaps(), []);
}

/// More copies than there are descriptors: those of which all is sealed are let go of, and known again.
#[test]
fn copies_hold_no_descriptors_that_others_need() {
    let limits = Limits { open: 4, ..Limits::default() };
    let mut agent = Agent::with(Settings { limits, ..Settings::default() });
    let log: String = (0..64).map(|n| format!("line {n}\n")).collect();
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    for n in 1..20 {
        agent.file(&format!("audit.log.{n}"), lines[..64 - 2 * n].concat().as_bytes());
    }
    agent.file("audit.log.20", b"another\n");
    agent.put(log.as_bytes());
    for crash in [false, true] {
        if crash {
            agent.crash();
        }
        agent.settle();
        quiet(&mut agent);
        let mut texts = agent.texts();
        texts.sort_unstable();
        assert_eq!((texts, agent.gaps()), (vec!["another\n".to_owned(), log.clone()], vec![]));
        assert_eq!(agent.follower.backlog().waiting, 0);
    }
}

/// logrotate's `copy`, thirty times.
#[test]
fn copies_of_many_ages_do_not_add_up() {
    for packed in [false, true] {
        let mut agent = Agent::plain();
        let log: String = (0..64).map(|n| format!("line {n}\n")).collect();
        let lines: Vec<&str> = log.split_inclusive('\n').collect();
        for n in (1..31).rev() {
            let copy = lines[..64 - 2 * n].concat();
            if packed {
                agent.file(&format!("audit.log.{n}.gz"), &pack(copy.as_bytes()));
            } else {
                agent.file(&format!("audit.log.{n}"), copy.as_bytes());
            }
        }
        agent.put(log.as_bytes());
        window(&mut agent);
        assert_eq!((agent.texts(), agent.gaps()), (vec![log.clone()], vec![]), "packed: {packed}");
        at_rest(&mut agent);
        // Sealed further than the copies go, it is still known for the same.
        agent.put(b"and more\n");
        agent.crash();
        window(&mut agent);
        quiet(&mut agent);
        assert_eq!((agent.texts(), agent.gaps()), (vec![log + "and more\n"], vec![]), "{packed}");
    }
}

#[test]
fn a_copy_that_is_made_after_its_file_was_read_further_is_none_of_its_own() {
    let mut agent = Agent::plain();
    agent.put(b"one\ntwo\nthree\n");
    agent.settle();
    agent.file("audit.log.1", b"one\ntwo\n");
    agent.crash();
    agent.put(b"four\n");
    window(&mut agent);
    quiet(&mut agent);
    assert_eq!(agent.texts(), ["one\ntwo\nthree\nfour\n"]);
    assert_eq!(agent.gaps(), []);
}

/// Without any copy: each file of the log begins with the same line.
#[test]
fn a_header_that_all_files_share_keeps_none_of_them_waiting() {
    let mut agent = Agent::plain();
    agent.put(b"# header\n");
    window(&mut agent);
    for n in 1..5 {
        agent.put(format!("line {n}\n").as_bytes());
        window(&mut agent);
        assert_eq!(agent.texts()[n - 1], format!("# header\nline {n}\n"));
        agent.ops([Op::Rotate]);
        agent.put(b"# header\n");
        window(&mut agent);
        if n == 2 {
            agent.crash();
        }
    }
    agent.put(b"line 5\n");
    quiet(&mut agent);
    assert_eq!((agent.texts().len(), agent.gaps()), (5, vec![]));
}

/// A backup is put back while the live file has no more than its first line.
#[test]
fn a_longer_file_does_not_wait_for_the_live_one() {
    let mut agent = Agent::plain();
    agent.put(b"# header\n");
    window(&mut agent);
    agent.file(&stamped(1), b"# header\nold\n");
    window(&mut agent);
    assert_eq!(agent.texts(), ["# header\nold\n"]);
    at_rest(&mut agent);
    agent.put(b"new\n");
    window(&mut agent);
    assert_eq!(agent.texts(), ["# header\nold\n", "# header\nnew\n"]);
    quiet(&mut agent);
    assert_eq!((agent.texts().len(), agent.gaps()), (2, vec![]));
}

/// The log's directory is copied, the path is led to the copy, and the writer goes on there; or the
/// writer of a backup isn't done.
#[test]
fn where_both_are_written_to_each_line_is_taken() {
    let mut agent = Agent::plain();
    agent.put(b"one\ntwo\n");
    agent.file(&stamped(1), b"one\n");
    window(&mut agent);
    {
        let mut world = agent.disk.world();
        let late = world.dir[&stamped(1)];
        world.put(late, b"late\n");
    }
    window(&mut agent);
    agent.put(b"three\n");
    quiet(&mut agent);
    assert_eq!(agent.texts(), ["one\nlate\n", "one\ntwo\nthree\n"]);
    assert_eq!(agent.gaps(), []);
}

#[test]
fn who_drains_does_not_wait_for_copies() {
    for packed in [false, true] {
        for live in [true, false] {
            let mut agent = Agent::with(drain());
            agent.file("audit.log.3", b"one\n");
            agent.file("audit.log.2", b"one\ntwo\n");
            if packed {
                agent.file("audit.log.1.gz", &pack(b"one\ntwo\nthree\n"));
            } else {
                agent.file("audit.log.1", b"one\ntwo\nthree\n");
            }
            let mut whole = "one\ntwo\nthree\n".to_owned();
            if live {
                agent.put(b"one\ntwo\nthree\nfour\n");
                whole += "four\n";
            }
            let mut looks = 0;
            while agent.look(BIG).left != Left::Nothing {
                agent.commit();
                looks += 1;
                assert!(looks < 20, "it waits: packed {packed}, live {live}, {:?}", agent.texts());
            }
            agent.commit();
            assert_eq!((agent.texts(), agent.gaps()), (vec![whole], vec![]), "{packed} {live}");
        }
    }
}

/// What waits for another file to be sealed isn't archived yet, and is counted.
#[test]
fn what_waits_for_another_file_is_behind() {
    let mut agent = Agent::plain();
    agent.file("audit.log.2.gz", &pack(b"one\n"));
    agent.file("audit.log.1.gz", &pack(b"one\ntwo\n"));
    let stored = agent.disk.world().inodes[1].bytes.len() as u64;
    agent.look(BIG);
    let look = agent.look(BIG);
    let backlog = agent.follower.backlog();
    assert_eq!((look.left, backlog.gzip_bytes, backlog.files), (Left::Sealing, stored, 1));
    assert_eq!(backlog.oldest.unwrap(), "audit.log.1.gz");
    agent.commit();
    window(&mut agent);
    assert_eq!(agent.texts(), ["one\ntwo\n"]);
    at_rest(&mut agent);
}

/// Before anything is archived, what the first listing showed is what was there before.
#[test]
fn a_backup_that_is_deleted_after_the_first_listing_of_all_hides_nothing() {
    let mut agent = Agent::new(sim::SimDisk::new([]), drain());
    for n in 1..4 {
        agent.file(&stamped(n), format!("file {n}\n").as_bytes());
    }
    agent.put(b"live\n");
    agent.look_after(true, 0);
    // Its descriptor is held: nothing is lost.
    agent.unlink(&stamped(1));
    for _ in 0..6 {
        agent.wait(3_000);
        agent.look_after(true, BIG);
        agent.commit();
    }
    assert_eq!((agent.texts().len(), agent.gaps()), (4, vec![]));
}
