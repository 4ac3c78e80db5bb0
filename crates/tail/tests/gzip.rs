//! Compressed backups, whole and damaged.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod sim;

use auditseal_tail::{Codec, DamageKind, GapReason, ReadError, Settings};
use sim::Op;
use sim::agent::Agent;
use sim::desk::drain;
use sim::ops::{LINGER, pack, stamped};

#[test]
fn gzip_beside_its_plain_file_is_ignored() {
    let mut agent = Agent::plain();
    agent.file(&stamped(1), b"one\ntwo\n");
    agent.file(&format!("{}.gz", stamped(1)), &pack(b"one\n"));
    agent.settle();
    assert_eq!(agent.texts(), ["one\ntwo\n"]);
}

#[test]
fn a_half_read_file_goes_on_in_its_gzip() {
    let mut agent = Agent::plain();
    agent.put(b"one\ntwo\nthree\n");
    agent.look(5);
    agent.commit();
    assert_eq!(agent.texts(), ["one\n"]);
    agent.ops([Op::Rotate, Op::Gzip]);
    agent.crash();
    agent.settle();
    assert_eq!(agent.texts(), ["one\ntwo\nthree\n"]);
    assert!(agent.archived()[0].final_ && agent.gaps().is_empty());
}

#[test]
fn a_held_descriptor_beats_the_gzip_made_before_a_late_append() {
    let mut agent = Agent::plain();
    agent.put(b"one\ntwo\n");
    agent.look(5);
    agent.commit();
    agent.ops([Op::SecondOpen, Op::Rotate]);
    agent.look(0);
    agent.ops([Op::Gzip, Op::SecondAppend(3)]);
    agent.settle();
    assert!(agent.texts()[0].starts_with("one\ntwo\n{"), "{:?}", agent.texts());
    assert!(agent.gaps().is_empty());
}

#[test]
fn a_gzip_made_before_a_late_append_is_no_different_file() {
    let mut agent = Agent::plain();
    agent.put(b"one\ntwo\n");
    agent.ops([Op::SecondOpen, Op::Rotate]);
    agent.settle();
    assert!(agent.archived()[0].final_);
    agent.ops([Op::Gzip, Op::SecondAppend(3)]);
    agent.settle();
    assert!(agent.texts()[0].starts_with("one\ntwo\n{"), "{:?}", agent.texts());
    agent.wait(LINGER + 1);
    agent.settle();
    agent.crash();
    agent.settle();
    assert_eq!(agent.texts().len(), 1);
    assert!(agent.gaps().is_empty());
}

/// A file that was final, and was written to late, and then is gone.
fn written_to_late() -> Agent {
    let mut agent = Agent::plain();
    agent.put(b"one\ntwo\n");
    agent.ops([Op::SecondOpen, Op::Rotate]);
    agent.settle();
    assert!(agent.archived()[0].final_);
    agent.ops([Op::SecondAppend(90)]);
    for _ in 0..3 {
        agent.settle();
        agent.wait(LINGER + 1);
    }
    agent.ops([Op::DeleteOldest]);
    agent.settle();
    assert_eq!(agent.texts().len(), 1);
    assert!(agent.archived()[0].final_ && agent.texts()[0].len() > 90);
    agent
}

/// Bytes that follow those with which it was final once, and aren't those that follow in it, are nowhere
/// else.
#[test]
fn a_gzip_that_goes_on_otherwise_behind_a_former_end_is_another_file() {
    for restarted in [false, true] {
        let mut agent = written_to_late();
        if restarted {
            agent.crash();
        }
        agent.file(&format!("{}.gz", stamped(9_000)), &pack(b"one\ntwo\nand three\n"));
        for _ in 0..3 {
            agent.settle();
            agent.wait(LINGER + 1);
        }
        let texts = agent.texts();
        let found = texts.iter().any(|text| text.ends_with("and three\n"));
        assert!(found, "restarted: {restarted}: {texts:?}");
    }
}

/// As one that ends where the other did is none, whatever it is called; and one that has its name was
/// made amid what was written late.
#[test]
fn a_gzip_of_what_was_there_before_a_late_append_is_no_other_file() {
    let agent = written_to_late();
    let (text, name) = (agent.texts()[0].clone(), agent.archived()[0].last.clone().unwrap().name);
    let packed = |name: &str| format!("{name}.gz");
    let own = packed(name.to_str().unwrap());
    for (name, length) in [(packed(&stamped(9_000)), 8), (own.clone(), 8), (own, 20)] {
        let mut agent = written_to_late();
        assert_eq!(agent.texts()[0], text);
        agent.file(&name, &pack(&text.as_bytes()[..length]));
        for _ in 0..3 {
            agent.settle();
            agent.wait(LINGER + 1);
        }
        assert_eq!(agent.texts().len(), 1, "{name}, {length}: {:?}", agent.texts());
    }
}

#[test]
fn long_lines_in_gzip_files_are_taken_whole() {
    let mut agent = Agent::plain();
    let long = [&[b'y'; 500_000][..], b"\n"].concat();
    agent.file(
        &format!("{}.gz", stamped(1)),
        &pack(&[b"first\n", long.as_slice(), b"last\nrest"].concat()),
    );
    for _ in 0..20 {
        agent.look(1000);
        agent.commit();
    }
    assert_eq!(agent.archived()[0].bytes, [b"first\n", long.as_slice(), b"last\nrest"].concat());
    assert!(agent.archived()[0].final_);
}

/// Renamed and compressed between two looks: of the plain file no listing shows the new name.
#[test]
fn a_compressed_copy_tells_the_name_of_a_file_that_vanished() {
    let mut agent = Agent::plain();
    agent.put(b"one\n");
    agent.settle();
    agent.ops([Op::Rotate, Op::Gzip]);
    agent.put(b"two\n");
    agent.settle();
    assert_eq!(agent.texts(), ["one\n", "two\n"]);
    assert!(agent.archived()[0].final_, "nobody writes to it any more: it was rotated");
    let name = agent.archived()[0].last.as_ref().unwrap().name.clone();
    assert_eq!(name.to_str(), Some(&*format!("{}.gz", stamped(5_010))));
    assert_eq!(agent.gaps(), []);
}

#[test]
fn gzip_members_follow_each_other() {
    let mut agent = Agent::plain();
    let bytes = [pack(b"one\ntw"), pack(b""), pack(b"o\nthree\n")].concat();
    agent.file(&format!("{}.gz", stamped(1)), &bytes);
    agent.settle();
    assert_eq!(agent.texts(), ["one\ntwo\nthree\n"]);
    assert!(agent.gaps().is_empty());
}

#[test]
fn a_gzip_cut_short_gives_what_it_has_and_a_gap() {
    let text: String = (0..5000).map(|n| format!("line {n} {}\n", n * 7919 % 10_007)).collect();
    let packed = pack(text.as_bytes());
    let mut agent = Agent::plain();
    agent.file(&format!("{}.gz", stamped(1)), &packed[..packed.len() / 2]);
    agent.settle();
    let taken = agent.texts()[0].len();
    assert!(taken > 1000 && agent.texts()[0].ends_with('\n') && !agent.archived()[0].final_);
    assert!(agent.gaps().is_empty(), "it may be about to grow");
    agent.wait(LINGER);
    agent.settle();
    assert!(text.starts_with(&agent.texts()[0]) && agent.texts()[0].len() >= taken);
    let end = agent.texts()[0].len() as u64;
    assert_eq!(agent.gaps(), [(Some(end), None, GapReason::GzipDamaged)]);
    assert!(agent.archived()[0].final_);
    // Once is enough.
    agent.crash();
    agent.wait(LINGER);
    agent.settle();
    agent.wait(LINGER);
    agent.settle();
    assert_eq!(agent.gaps().len(), 1);
    assert_eq!(agent.texts().len(), 1);
}

#[test]
fn a_gzip_that_grows_after_all_is_taken_to_its_end() {
    let text: String = (0..5000).map(|n| format!("line {n} {}\n", n * 7919 % 10_007)).collect();
    let packed = pack(text.as_bytes());
    let mut agent = Agent::plain();
    let name = format!("{}.gz", stamped(1));
    agent.file(&name, &packed[..packed.len() / 2]);
    agent.settle();
    agent.wait(LINGER / 2);
    {
        let mut world = agent.disk.world();
        let index = world.dir[&name];
        world.inodes[index].bytes = packed;
    }
    agent.settle();
    assert_eq!(agent.texts(), [text]);
    assert!(agent.gaps().is_empty());
}

#[test]
fn a_gzip_that_is_written_anew_while_it_is_read_is_another_file() {
    let text = |word: &str| -> String {
        let lines = (0..3000).map(|n| format!("{word} {n} {}\n", n * 7919 % 10_007));
        std::iter::once("same\n".to_owned()).chain(lines).collect()
    };
    let (first, second) = (text("first"), text("the second"));
    let mut agent = Agent::plain();
    let name = format!("{}.gz", stamped(1));
    agent.file(&name, &pack(first.as_bytes()));
    agent.look(5_000);
    agent.commit();
    let taken = agent.texts()[0].clone();
    assert!(first.starts_with(&taken) && taken.len() > 4_000 && taken.len() < first.len());
    {
        let mut world = agent.disk.world();
        let index = world.dir[&name];
        world.inodes[index].bytes = pack(second.as_bytes());
    }
    agent.settle();
    agent.wait(LINGER);
    agent.settle();
    assert!(agent.texts() == [taken.clone(), second], "{} files", agent.texts().len());
    assert_eq!(agent.gaps(), [(Some(taken.len() as u64), None, GapReason::Replaced)]);
}

#[test]
fn corrupt_gzip_is_a_gap_behind_what_could_be_read() {
    let text: String = (0..5000).map(|n| format!("line {n} {}\n", n * 7919 % 10_007)).collect();
    let mut packed = pack(text.as_bytes());
    let at = packed.len() - 6;
    packed[at] ^= 1;
    let mut agent = Agent::with(drain());
    agent.file(&format!("{}.gz", stamped(1)), &packed);
    agent.settle();
    assert_eq!(agent.texts(), std::slice::from_ref(&text), "only the checksum is wrong");
    assert_eq!(agent.gaps(), [(Some(text.len() as u64), None, GapReason::GzipDamaged)]);
}

#[test]
fn an_empty_gzip_is_a_gap_when_it_stays_empty() {
    let mut agent = Agent::plain();
    agent.file(&format!("{}.gz", stamped(1)), b"");
    agent.settle();
    assert!(agent.gaps().is_empty());
    agent.wait(LINGER);
    agent.settle();
    assert_eq!(agent.gaps(), [(Some(0), None, GapReason::GzipDamaged)]);
    agent.wait(LINGER);
    agent.settle();
    assert_eq!(agent.gaps().len(), 1, "once");

    let mut agent = Agent::with(drain());
    agent.file(&format!("{}.gz", stamped(1)), b"");
    agent.settle();
    assert_eq!(agent.gaps().len(), 1, "at once when drained");
}

#[test]
fn a_compressed_file_without_its_end_is_told_of_for_as_long_as_it_waits() {
    let whole = pack(b"one\ntwo\n");
    for (begun, over) in [(&b""[..], 0), (&whole[..whole.len() - 6], LINGER)] {
        let mut agent = Agent::plain();
        let name = format!("{}.gz", stamped(1));
        agent.file(&name, begun);
        agent.settle();
        agent.wait(LINGER / 2);
        agent.look(0);
        let waits = agent.follower.backlog().unfinished;
        assert!(
            waits.as_ref().is_some_and(|(of, ms)| *of == *name && *ms >= LINGER / 2),
            "{waits:?}"
        );
        // The whole one is renamed over it. What could be read of the first is waited for.
        agent.file(&name, &whole);
        agent.settle();
        agent.wait(over);
        agent.settle();
        assert_eq!(agent.texts(), ["one\ntwo\n"]);
        assert_eq!(agent.follower.backlog().unfinished, None);
        assert_eq!(agent.gaps().is_empty(), begun.is_empty(), "nothing was behind no bytes");
    }
}

#[test]
fn a_compressed_file_that_was_given_up_is_told_of_no_more() {
    let mut agent = Agent::plain();
    agent.file(&format!("{}.gz", stamped(1)), b"");
    agent.settle();
    agent.wait(LINGER);
    agent.settle();
    assert_eq!(agent.gaps().len(), 1);
    assert_eq!(agent.follower.backlog().unfinished, None);
}

#[test]
fn an_empty_gzip_of_a_file_that_was_taken_is_no_gap() {
    let mut agent = Agent::plain();
    agent.put(b"one\n");
    agent.ops([Op::Rotate]);
    agent.settle();
    agent.unlink(&stamped(5_010));
    agent.file(&format!("{}.gz", stamped(5_010)), b"");
    agent.crash();
    agent.wait(LINGER);
    agent.settle();
    agent.wait(LINGER);
    agent.settle();
    assert_eq!(agent.gaps(), []);
}

#[test]
fn what_is_given_up_goes_on_in_its_gzip_without_a_gap() {
    let mut agent = Agent::with(Settings { max_unlinked_bytes: 0, ..Settings::default() });
    agent.put(b"one\ntwo\n");
    agent.look(5);
    agent.ops([Op::Rotate]);
    agent.look(0);
    agent.ops([Op::Gzip]);
    agent.settle();
    assert_eq!(agent.texts(), ["one\ntwo\n"]);
    assert!(agent.gaps().is_empty());
}

#[test]
fn damage_tells_how_far_the_file_was_good() {
    let text = [b'q'; 200_000];
    let packed = pack(&text);
    let mut agent = Agent::with(drain());
    agent.file(&format!("{}.gz", stamped(1)), &packed[..packed.len() - 4]);
    let look = agent.follower.look(0, 10);
    let content = &look.takes[0].content;
    let mut buf = vec![0; 400_000];
    let mut at = 0;
    let damage = loop {
        match content.read_at(at, &mut buf) {
            Ok(0) => panic!("no damage"),
            Ok(read) => at += read as u64,
            Err(ReadError::Damaged(damage)) => break damage,
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!((damage.good, damage.verified), (200_000, 0));
    assert_eq!((damage.codec, damage.kind), (Codec::Gzip, DamageKind::Truncated));
}
