use std::os::unix::fs::PermissionsExt as _;

use auditseal_format::{Date, FileId, FileName, ObjectKey, Origin, hash};

use crate::spool::Kept;
use crate::*;

fn origin() -> Origin {
    Origin::new("c", "n", "s").unwrap()
}

fn key(seq: u64) -> ObjectKey {
    let date = Date::parse(b"2026-11-21").unwrap();
    ObjectKey { origin: origin(), seq, alternate: None, date }
}

/// A spool of before the first release is told what to do, and stays as it is.
#[test]
fn a_spool_of_before_the_first_release_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path()).unwrap();
    drop(state.spool(&origin()).unwrap());
    let old = dir.path().join("c,n,s/000000000017_2026-11-21_e0.jsonl.zst");
    std::fs::write(&old, "sealed").unwrap();
    let error = state.spool(&origin()).unwrap_err();
    assert!(matches!(error, Error::Earlier { .. }), "{error}");
    assert!(error.to_string().contains("begin a new chain with an empty --state"), "{error}");
    assert!(old.exists());
    // Whatever else lies there isn't ours.
    std::fs::rename(&old, dir.path().join("c,n,s/17_2026-11-21_e0.jsonl.zst")).unwrap();
    assert_eq!(state.spool(&origin()).unwrap().entries().count(), 0);
}

pub(crate) fn a_final(name: &str) -> Final {
    let file = FileId { hash: hash(name.as_bytes()), base: 3, copy: 1 };
    Final { file, end: 7, anchor: hash(b"anchor"), name: FileName::new(name.as_bytes()) }
}

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path()).unwrap();
    let mut spool = state.spool(&origin()).unwrap();
    for seq in [4, 5, 6] {
        spool.commit(&key(seq), format!("object {seq}").as_bytes()).unwrap();
    }
    spool.discard(&key(4)).unwrap();

    let spool = state.spool(&origin()).unwrap();
    let entries: Vec<_> = spool.entries().collect();
    assert_eq!(entries, [Entry { key: key(5), size: 8 }, Entry { key: key(6), size: 8 }]);
    assert_eq!(spool.read(&key(6)).unwrap(), b"object 6");
    assert_eq!(spool.read_tail(&key(6), 3).unwrap(), b"t 6");
    assert_eq!(spool.read_tail(&key(6), 300).unwrap(), b"object 6");
    let other = Origin::new("c", "n", "t").unwrap();
    assert_eq!(state.spool(&other).unwrap().entries().count(), 0);
}

#[test]
fn unfinished_and_foreign_files_are_no_objects() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path()).unwrap();
    state.spool(&origin()).unwrap();
    let chain = dir.path().join("c,n,s");
    let names = ["000000000001_2026-11-21.jsonl.zst.tmp", "1_2026-11-21.jsonl.zst", "README"];
    for name in names {
        std::fs::write(chain.join(name), "x").unwrap();
    }
    let spool = state.spool(&origin()).unwrap();
    assert_eq!(spool.entries().count(), 0);
    assert!(!chain.join(names[0]).exists(), "an unfinished object is removed");
    assert!(chain.join(names[2]).exists(), "other people's files are left alone");
}

#[test]
fn two_objects_with_one_seq_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path()).unwrap();
    let mut spool = state.spool(&origin()).unwrap();
    spool.commit(&key(1), b"x").unwrap();
    let twin = dir.path().join("c,n,s/000000000001_2026-11-22.jsonl.zst");
    std::fs::write(twin, "y").unwrap();
    assert!(matches!(state.spool(&origin()), Err(Error::Corrupt { .. })));
}

#[test]
fn the_lock_is_exclusive_and_goes_with_its_owner() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path()).unwrap();
    let error = StateDir::open(dir.path()).unwrap_err();
    assert!(matches!(error, Error::Locked(_)) && error.hint().is_some(), "{error}");
    drop(state);
    StateDir::open(dir.path()).unwrap();
}

#[test]
fn what_others_may_open_is_named() {
    let mode = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let state = StateDir::open(&path).unwrap();
    assert_eq!(state.open_to_others(), []);
    mode(&path, 0o755);
    mode(&path.join("lock"), 0o640);
    assert_eq!(state.open_to_others(), [(path.clone(), 0o755), (path.join("lock"), 0o640)]);
}

#[test]
fn origins_longer_than_a_name_may_be_have_directories_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path()).unwrap();
    // Below a name's longest, at it, beyond it, and the longest there are.
    for length in [84, 85, 86, 245] {
        for last in ["a", "b"] {
            let part = "p".repeat(length - 1);
            let origin = Origin::new(&format!("{part}{last}"), &part, &part).unwrap();
            let mut spool = state.spool(&origin).unwrap();
            spool.commit(&ObjectKey::genesis(origin.clone()), last.as_bytes()).unwrap();
            drop(spool);
            let spool = state.spool(&origin).unwrap();
            let key = ObjectKey::genesis(origin.clone());
            assert_eq!(spool.read_tail(&key, 9).unwrap(), last.as_bytes());
        }
    }
}

#[test]
fn finals_survive_a_torn_line_and_their_absence_shows() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path()).unwrap();
    let mut spool = state.spool(&origin()).unwrap();
    assert_eq!(spool.finals().unwrap(), None);
    spool.replace_finals(&[]).unwrap();
    assert_eq!(spool.finals().unwrap(), Some(vec![]));
    spool.remember(&[a_final("a"), a_final("b c\n")]).unwrap();

    let path = dir.path().join("c,n,s/finals");
    let mut text = std::fs::read(&path).unwrap();
    text.extend(b"torn in the mid");
    std::fs::write(&path, text).unwrap();
    spool.remember(&[a_final("d")]).unwrap();
    let expected = vec![a_final("a"), a_final("b c\n"), a_final("d")];
    assert_eq!(spool.finals().unwrap(), Some(expected.clone()));
    spool.replace_finals(&expected[1..]).unwrap();
    assert_eq!(spool.finals().unwrap().unwrap(), expected[1..]);

    std::fs::write(&path, "").unwrap();
    assert_eq!(spool.finals().unwrap(), None, "without its header it is as good as lost");
}

/// What isn't known of a file that is final would be sealed again: a list that lost its end doesn't
/// pass for a shorter one.
#[test]
fn finals_that_were_cut_are_as_good_as_lost() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path()).unwrap();
    let mut spool = state.spool(&origin()).unwrap();
    spool.replace_finals(&[a_final("a")]).unwrap();
    spool.remember(&[a_final("b")]).unwrap();
    let all = vec![a_final("a"), a_final("b")];
    let path = |name: &str| dir.path().join("c,n,s").join(name);
    let whole = std::fs::read(path("finals")).unwrap();
    let header = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for length in [0, header, header + 1, whole.len() - 1] {
        std::fs::write(path("finals"), &whole[..length]).unwrap();
        drop(spool);
        spool = state.spool(&origin()).unwrap();
        assert_eq!(spool.finals().unwrap(), None, "cut to {length} bytes");
    }
    std::fs::remove_file(path("finals")).unwrap();
    assert_eq!(spool.finals().unwrap(), None);
    std::fs::write(path("finals"), &whole).unwrap();
    assert_eq!(spool.finals().unwrap(), Some(all.clone()));
    std::fs::write(path("finals.length"), "").unwrap();
    assert_eq!(spool.finals().unwrap(), None, "somebody was here");
    // It is whole again when it was written anew, and shorter when it is to be.
    spool.replace_finals(&all).unwrap();
    assert_eq!(spool.finals().unwrap(), Some(all.clone()));
    spool.forget_finals(1, |_| false, |behind, _| behind.all == 0).unwrap();
    assert_eq!(spool.finals().unwrap(), Some(all[1..].to_vec()));
    // One that was never measured counts as it is.
    std::fs::remove_file(path("finals.length")).unwrap();
    assert_eq!(spool.finals().unwrap(), Some(all[1..].to_vec()));
}

/// An exchange that nobody decided leaves the spool as it was, also where the next one begins.
#[test]
fn an_exchange_that_is_dropped_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path()).unwrap();
    let mut spool = state.spool(&origin()).unwrap();
    spool.commit(&key(1), b"x").unwrap();
    let mut exchange = spool.exchange().unwrap();
    exchange.add(&key(1), b"y").unwrap();
    exchange.add(&key(2), b"y").unwrap();
    assert_eq!(exchange.spool().read(&key(1)).unwrap(), b"x");
    drop(exchange);
    let left = std::fs::read_dir(dir.path().join("c,n,s")).unwrap().count();
    assert_eq!(left, 1, "its room is free again");
    let mut exchange = spool.exchange().unwrap();
    exchange.add(&key(3), b"z").unwrap();
    exchange.decide(&[]).unwrap();
    assert_eq!(spool.entries().map(|entry| entry.key.seq).collect::<Vec<_>>(), [3]);
    let spool = state.spool(&origin()).unwrap();
    assert_eq!(spool.entries().map(|entry| entry.key.seq).collect::<Vec<_>>(), [3]);
    assert_eq!(spool.read(&key(3)).unwrap(), b"z");
}

/// Until something is sent, nothing may be sent at once, however often the process ends.
#[test]
fn what_is_held_stays_held_until_something_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path()).unwrap();
    let mut spool = state.spool(&origin()).unwrap();
    assert!(!spool.is_held());
    spool.hold().unwrap();
    spool.commit(&key(1), b"x").unwrap();
    assert_eq!(spool.read(&key(1)).unwrap(), b"x");
    let mut spool = state.spool(&origin()).unwrap();
    assert!(spool.is_held());
    assert_eq!(spool.read_to_send(&key(1)).unwrap(), b"x");
    assert!(!spool.is_held());
    assert!(!state.spool(&origin()).unwrap().is_held());
}

/// Of an exchange that names what isn't there, nothing is done: the spool would be empty.
#[test]
fn an_exchange_without_its_files_is_refused() {
    for text in ["", "The objects here give way to these, at the next start at the latest:\n7_x\n"]
    {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(dir.path()).unwrap();
        let mut spool = state.spool(&origin()).unwrap();
        spool.commit(&key(1), b"x").unwrap();
        std::fs::write(dir.path().join("c,n,s/exchange"), text).unwrap();
        let error = state.spool(&origin()).unwrap_err().to_string();
        assert!(error.contains("what it names isn't all here"), "{error}");
        assert_eq!(spool.read(&key(1)).unwrap(), b"x");
    }
}

#[test]
fn why_nothing_more_may_be_sealed_is_written_down() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path()).unwrap();
    let mut spool = state.spool(&origin()).unwrap();
    assert_eq!(spool.fork().unwrap(), None);
    let path = spool.forked("two histories\n").unwrap();
    assert_eq!(std::fs::read_to_string(path).unwrap(), "two histories\n");
    let spool = state.spool(&origin()).unwrap();
    assert_eq!(spool.fork().unwrap().as_deref(), Some("two histories\n"));
}

#[test]
fn errors_say_what_failed_and_where() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = StateDir::open(&file.join("state")).unwrap_err().to_string();
    assert!(error.starts_with("create directory ") && error.contains("/file/state: "), "{error}");
}

/// An outage leaves tens of thousands of objects, and a year as many finished files.
#[test]
fn what_is_kept_of_each_is_small() {
    // A map's leaf has room for 11, and is at least 5/11 full.
    let entry = size_of::<u64>() + size_of::<Kept>();
    assert!(entry * 11 / 5 <= 80, "{entry} bytes");
    let known = size_of::<Final>();
    assert!(known <= 112, "{known} bytes beside the name");
    // The list of them has no room to spare.
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(&dir.path().join("state")).unwrap();
    let mut spool = state.spool(&origin()).unwrap();
    let hash = hash(b"");
    let name = FileName::new(b"audit-2026-11-21T08-04-19.851.log");
    let file = |base| FileId { hash, base, copy: 0 };
    let finals: Vec<_> = (0..1000)
        .map(|n| Final { file: file(n), end: n, anchor: hash, name: name.clone() })
        .collect();
    spool.replace_finals(&finals).unwrap();
    let read = spool.finals().unwrap().unwrap();
    assert_eq!(read, finals);
    assert!(read.capacity() <= 1001, "room for {}", read.capacity());
}

#[test]
fn finals_are_forgotten_when_that_is_worth_it() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path()).unwrap();
    let mut spool = state.spool(&origin()).unwrap();
    // More than is written at a time.
    let all: Vec<_> = (0..2000).map(|n| a_final(&format!("{n}"))).collect();
    spool.forget_finals(0, |_| false, |_, _| false).unwrap();
    assert_eq!(spool.finals().unwrap(), None, "there is nothing yet");
    spool.replace_finals(&all).unwrap();
    let keep = |newer: Behind, known: &Final| newer.all < 900 || *known == all[7];
    spool.forget_finals(1100, |_| false, keep).unwrap();
    assert_eq!((spool.remembered(), spool.finals().unwrap()), (2000, Some(all.clone())));
    spool.forget_finals(1099, |_| false, keep).unwrap();
    let kept: Vec<_> = [&all[7..8], &all[1100..]].concat();
    assert_eq!((spool.remembered(), spool.finals().unwrap()), (901, Some(kept.clone())));
    // Of one kind the newest alone.
    let alike = |known: &Final| kept[..10].contains(known);
    spool.forget_finals(1, alike, |behind, known| !alike(known) || behind.alike < 3).unwrap();
    assert_eq!(spool.finals().unwrap(), Some(kept[7..].to_vec()));
}
