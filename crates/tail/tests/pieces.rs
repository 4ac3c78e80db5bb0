//! Copies of parts of a log beside it, rotations, and restarts: whatever comes first, each line is
//! archived once; and what is no copy is archived, too.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod sim;

use auditseal_tail::{GapReason, Left, Limits, Settings};
use sim::Op;
use sim::agent::Agent;
use sim::desk::{BIG, drain};
use sim::history::{Turn, run};
use sim::ops::{LINGER, pack, stamped};
use sim::oracle::{Allowed, check};

fn log(lines: usize) -> String {
    (0..lines).map(|n| format!("line {n} of the log\n")).collect()
}

/// All that there is to do, and that a while brings.
fn rest(agent: &mut Agent) {
    agent.settle();
    for _ in 0..3 {
        agent.wait(LINGER + 1);
        agent.settle();
    }
}

fn put(agent: &Agent, name: &str, text: &str, packed: bool) {
    if packed {
        agent.file(&format!("{name}.gz"), &pack(text.as_bytes()));
    } else {
        agent.file(name, text.as_bytes());
    }
}

fn modes() -> [Settings; 2] {
    [Settings::default(), drain()]
}

/// The log is sealed and then rotated while pieces of it lie beside it under these names, older and newer
/// than the one it gets, and then the agent starts again, three times.
fn restart(settings: &Settings, pieces: &[(&str, usize, bool)], whole: (&str, bool)) {
    let mut agent = Agent::with(settings.clone());
    agent.put(log(50).as_bytes());
    rest(&mut agent);
    agent.unlink("audit.log");
    agent.ops([Op::Create]);
    agent.put(b"next\n");
    put(&agent, whole.0, &log(50), whole.1);
    for (name, lines, packed) in pieces {
        put(&agent, name, &log(*lines), *packed);
    }
    for start in 0..3 {
        agent.crash();
        rest(&mut agent);
        let mut texts = agent.texts();
        texts.sort_unstable();
        let why = format!("{:?}: start {start}, {pieces:?}, {whole:?}", settings.mode);
        assert_eq!(texts, [log(50), "next\n".to_owned()], "{why}");
        assert_eq!(agent.gaps(), [], "{why}");
        assert_eq!(agent.follower.backlog().files, 0, "{why}");
    }
}

#[test]
fn pieces_of_a_rotated_log_are_known_after_each_restart() {
    for settings in modes() {
        for whole in [("audit.log.4", false), ("audit.log.4", true)] {
            for packed in [false, true] {
                for name in ["audit.log.1", "audit.log.9"] {
                    restart(&settings, &[(name, 20, packed)], whole);
                }
                let many = [
                    ("audit.log.1", 3, packed),
                    ("audit.log.2", 49, false),
                    ("audit.log.3", 20, packed),
                    ("audit.log.5", 10, true),
                    ("audit.log.6", 30, packed),
                ];
                restart(&settings, &many, whole);
                let stamp = stamped(7);
                restart(&settings, &many, (&stamp, whole.1));
                restart(&settings, &[(&stamped(9), 20, packed)], (&stamp, whole.1));
            }
        }
    }
}

/// More of them than there are descriptors, before and behind the log.
#[test]
fn pieces_hold_no_descriptors_that_the_whole_one_needs() {
    for mode in modes() {
        for packed in [false, true] {
            for at in [1, 11, 21] {
                let limits = Limits { open: 4, ..Limits::default() };
                let settings = Settings { limits, ..mode.clone() };
                let names: Vec<String> = (1..=21).map(|n| format!("audit.log.{n}")).collect();
                let pieces = names.iter().enumerate().filter(|(n, _)| n + 1 != at);
                let pieces: Vec<_> =
                    pieces.map(|(n, name)| (name.as_str(), 2 + (n * 7) % 40, n % 3 == 0)).collect();
                restart(&settings, &pieces, (&names[at - 1], packed));
            }
        }
    }
}

/// The log's file was let go of when a piece of it is laid beside it.
#[test]
fn pieces_that_come_late_are_known() {
    for settings in modes() {
        for (whole, packed) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut agent = Agent::with(settings.clone());
            put(&agent, "audit.log.3", &log(50), whole);
            agent.put(b"next\n");
            rest(&mut agent);
            for name in ["audit.log.1", "audit.log.5"] {
                put(&agent, name, &log(20), packed);
                rest(&mut agent);
                assert_eq!((agent.texts().len(), agent.gaps()), (2, vec![]), "{whole} {packed}");
            }
        }
    }
}

/// It begins as the log does, is shorter, and differs in what stands behind, wherever that is.
#[test]
fn what_is_no_piece_is_archived() {
    for settings in modes() {
        for (whole, packed) in [(false, false), (false, true), (true, false), (true, true)] {
            for at in [1, 30, 59] {
                for name in ["audit.log.1", "audit.log.9"] {
                    let mut agent = Agent::with(settings.clone());
                    put(&agent, "audit.log.4", &log(300), whole);
                    agent.put(b"next\n");
                    rest(&mut agent);
                    let other = log(60).replace(&format!("line {at} "), &format!("LINE {at} "));
                    put(&agent, name, &other, packed);
                    for _ in 0..2 {
                        agent.crash();
                        rest(&mut agent);
                        let mut texts = agent.texts();
                        texts.sort_unstable();
                        let mut expected = [log(300), other.clone(), "next\n".to_owned()];
                        expected.sort_unstable();
                        assert_eq!(texts, expected, "{whole} {packed} {at} {name}");
                    }
                }
            }
        }
    }
}

/// The longer file has another name by now, and some listings leave it out, as they may where it is
/// renamed amid them: a piece waits for those that follow, and longer where names don't rest.
#[test]
fn a_piece_waits_for_the_longer_file_that_a_listing_leaves_out() {
    for (whole, packed) in [(false, false), (false, true), (true, false), (true, true)] {
        for crash in [true, false] {
            for (left_out, restless) in [(1, false), (2, false), (6, true)] {
                for settings in modes() {
                    left_out_of_listings(&settings, (whole, packed), crash, (left_out, restless));
                }
            }
        }
    }
}

fn left_out_of_listings(
    settings: &Settings,
    (whole, packed): (bool, bool),
    crash: bool,
    (left_out, restless): (u64, bool),
) {
    let mut agent = Agent::with(settings.clone());
    put(&agent, "audit.log.2", &log(50), whole);
    agent.put(b"next\n");
    rest(&mut agent);
    let named = |number| format!("audit.log.{number}{}", if whole { ".gz" } else { "" });
    let longer = agent.disk.world().dir.remove(&named(2)).unwrap();
    put(&agent, "audit.log.1", &log(20), packed);
    if crash {
        agent.crash();
    }
    for n in 0..left_out {
        if restless {
            agent.file(&stamped(n), format!("another {n}\n").as_bytes());
        }
        agent.wait(10_000);
        assert_ne!(agent.once().left, Left::Nothing);
    }
    agent.disk.world().dir.insert(named(3), longer);
    rest(&mut agent);
    let others = if restless { left_out as usize } else { 0 };
    let why = format!("{:?} {crash} {whole} {packed} {left_out}", settings.mode);
    assert_eq!((agent.texts().len(), agent.gaps()), (2 + others, vec![]), "{why}");
    assert_eq!(agent.follower.backlog().files, 0, "{why}");
}

/// Nothing is reported of the directory meanwhile, and no time passes.
#[test]
fn a_piece_of_which_nothing_tells_waits_for_a_few_looks() {
    for settings in modes() {
        for packed in [false, true] {
            let mut agent = Agent::with(settings.clone());
            agent.watched = true;
            agent.put(log(50).as_bytes());
            rest(&mut agent);
            agent.unlink("audit.log");
            agent.ops([Op::Create]);
            agent.put(b"next\n");
            rest(&mut agent);
            put(&agent, "audit.log.1", &log(20), packed);
            for _ in 0..8 {
                agent.once();
            }
            let texts = agent.texts();
            assert!(texts.contains(&log(20)), "{:?} {packed}: {texts:?}", settings.mode);
        }
    }
}

#[test]
fn a_piece_does_not_wait_for_a_listing_that_cannot_be_made() {
    for settings in modes() {
        let mut agent = Agent::with(settings.clone());
        agent.put(log(50).as_bytes());
        rest(&mut agent);
        agent.unlink("audit.log");
        agent.put(b"next\n");
        rest(&mut agent);
        put(&agent, "audit.log.1", &log(20), false);
        agent.wait(10_000);
        agent.once();
        assert_eq!(agent.texts().len(), 2);
        agent.disk.world().unlistable = true;
        for _ in 0..4 {
            agent.wait(10_000);
            agent.once();
        }
        assert!(agent.texts().contains(&log(20)), "{:?}: {:?}", settings.mode, agent.texts());
    }
}

/// Archived as it was, it is compressed while it is held, and both are let go of.
#[test]
fn a_log_that_was_compressed_since_tells_of_its_pieces() {
    for settings in modes() {
        for packed in [false, true] {
            let mut agent = Agent::with(settings.clone());
            put(&agent, &stamped(7), &log(50), false);
            agent.put(b"next\n");
            agent.settle();
            put(&agent, &stamped(7), &log(50), true);
            agent.unlink(&stamped(7));
            rest(&mut agent);
            for name in ["audit.log.1", "audit.log.5"] {
                put(&agent, name, &log(20), packed);
                rest(&mut agent);
                let why = format!("{:?} {packed} {name}", settings.mode);
                assert_eq!((agent.texts().len(), agent.gaps()), (2, vec![]), "{why}");
            }
        }
    }
}

/// Another file comes and another name is given before each look: what nothing tells of is archived all
/// the same, and so is what is written meanwhile.
#[test]
fn a_piece_does_not_wait_for_names_that_never_rest() {
    for settings in modes() {
        for packed in [false, true] {
            let mut agent = Agent::with(settings.clone());
            agent.put(log(50).as_bytes());
            rest(&mut agent);
            agent.ops([Op::Rotate]);
            agent.put(b"next\n");
            rest(&mut agent);
            agent.ops([Op::DeleteOldest]);
            agent.crash();
            put(&agent, "audit.log.1", &log(20), packed);
            for n in 0..16 {
                agent.ops([Op::Append(1, 0), Op::Rotate]);
                agent.wait(10_000);
                agent.once();
                let done = agent.texts().contains(&log(20));
                assert!(done || n < 15, "{:?} {packed}: {:?}", settings.mode, agent.texts());
            }
            rest(&mut agent);
            let lines = agent.texts().concat();
            let lines: Vec<&str> = lines.lines().collect();
            assert_eq!(lines.len(), 50 + 1 + 16 + 20, "{:?} {packed}", settings.mode);
            assert_eq!(agent.gaps(), []);
        }
    }
}

/// Nothing tells that these are pieces: they are archived again, once in all.
#[test]
fn pieces_whose_log_is_gone_are_archived_once_more() {
    for settings in modes() {
        for packed in [false, true] {
            let mut agent = Agent::with(settings.clone());
            agent.put(log(50).as_bytes());
            rest(&mut agent);
            agent.ops([Op::Rotate]);
            agent.put(b"next\n");
            rest(&mut agent);
            agent.ops([Op::DeleteOldest]);
            for n in 1..6 {
                put(&agent, &format!("audit.log.{n}"), &log(8 * n), packed && n % 2 == 0);
            }
            for _ in 0..3 {
                agent.crash();
                rest(&mut agent);
                let mut texts = agent.texts();
                texts.sort_unstable();
                assert_eq!(texts, [log(40), log(50), "next\n".to_owned()], "{packed}");
            }
        }
    }
}

/// A live file of which the first line alone is known is written to.
#[test]
fn a_header_that_a_longer_file_shares_does_not_hold_the_live_file_up() {
    for crash in [false, true] {
        let mut agent = Agent::plain();
        agent.put(b"# header\n");
        agent.file("audit.log.1", b"# header\nold\nolder\noldest\n");
        rest(&mut agent);
        if crash {
            agent.crash();
        }
        agent.put(b"new\n");
        for _ in 0..4 {
            agent.once();
        }
        assert!(
            agent.texts().contains(&"# header\nnew\n".to_owned()),
            "{crash} {:?}",
            agent.texts()
        );
    }
}

/// With little work at a time, long comparisons take several looks, and nothing overtakes them.
#[test]
fn a_long_comparison_takes_several_looks() {
    let limits = Limits { work: 70_000, ..Limits::default() };
    for mode in modes() {
        let mut agent = Agent::with(Settings { limits: limits.clone(), ..mode });
        put(&agent, "audit.log.4", &log(40_000), true);
        agent.put(b"next\n");
        rest(&mut agent);
        agent.crash();
        put(&agent, "audit.log.1", &log(30_000), false);
        put(&agent, "audit.log.2", &log(35_000), true);
        rest(&mut agent);
        assert_eq!((agent.texts().len(), agent.gaps()), (2, vec![]));
    }
}

/// A file that begins like a compressed one is written to while the two are compared, whichever look that
/// is: its own lines are archived.
#[test]
fn what_grows_while_it_is_compared_is_read() {
    let limits = Limits { work: 70_000, ..Limits::default() };
    for (mode, late, live) in modes().into_iter().flat_map(|mode| {
        (1..6).flat_map(move |late| [true, false].map(|live| (mode.clone(), late, live)))
    }) {
        let mut agent = Agent::with(Settings { limits: limits.clone(), ..mode });
        put(&agent, "audit.log.4", &log(40_000), true);
        rest(&mut agent);
        let own = log(2) + "its own line\n";
        if live {
            agent.put(log(2).as_bytes());
        } else {
            put(&agent, "audit.log.1", &log(2), false);
        }
        for _ in 0..late {
            agent.look(BIG);
        }
        if live {
            agent.put(b"its own line\n");
        } else {
            put(&agent, "audit.log.1", &own, false);
        }
        rest(&mut agent);
        let texts = agent.texts().concat();
        assert!(texts.contains("its own line\n"), "live: {live}, after {late} looks");
        assert_eq!(agent.gaps(), []);
    }
}

/// Half a copy of it is there, and is archived; of the rest it is said that it is gone, and in which file.
/// How much that is, the size of a compressed one doesn't tell.
#[test]
fn a_compressed_log_gone_before_it_is_opened_is_owned_up_to_beside_a_piece_of_it() {
    let before = [Op::Append(2, 0), Op::Beside(50), Op::Rotate, Op::Gzip].map(|op| (0, op));
    // It is listed.
    let script: Vec<_> = before.into_iter().chain([(4, Op::DeleteOldest)]).collect();
    for settings in modes() {
        let agent = run(script.clone(), &[Turn::Sleep(4), Turn::Look(BIG)], settings);
        assert_eq!(agent.texts(), ["{\"auditID\":\"000001\",}\n"]);
        let [gap] = agent.archive.nameless.as_slice() else {
            panic!("{:?}", agent.archive.nameless)
        };
        let name = format!("{}.gz", stamped(5_010));
        assert_eq!((gap.name.to_str(), gap.end), (Some(name.as_str()), None));
        assert_eq!(gap.reason, GapReason::DeletedBeforeRead);
        check(&agent, Allowed { disorder: true, unruly: true, once: true });
    }
}

#[test]
fn who_drains_comes_to_an_end() {
    let mut agent = Agent::with(drain());
    agent.put(log(50).as_bytes());
    rest(&mut agent);
    agent.unlink("audit.log");
    agent.crash();
    for n in 1..9 {
        put(&agent, &format!("audit.log.{n}"), &log(5 * n), n % 2 == 0);
    }
    put(&agent, &stamped(3), &log(50), true);
    for looks in 0.. {
        if agent.look(BIG).left == Left::Nothing {
            break;
        }
        agent.commit();
        assert!(looks < 20, "it waits: {:?}", agent.texts());
    }
    assert_eq!((agent.texts(), agent.gaps()), (vec![log(50)], vec![]));
}

/// The live file begins as a compressed one does, was no more than a piece of it, and goes on otherwise.
#[test]
fn a_live_file_that_parts_from_a_compressed_one_is_archived_at_once() {
    for settings in modes() {
        let mut agent = Agent::with(settings);
        put(&agent, "audit.log.4", &log(50), true);
        rest(&mut agent);
        agent.crash();
        agent.put(log(10).as_bytes());
        rest(&mut agent);
        agent.put(b"otherwise\n");
        for _ in 0..6 {
            agent.once();
        }
        let other = format!("{}otherwise\n", log(10));
        assert!(agent.texts().contains(&other), "{:?}", agent.texts().len());
    }
}
