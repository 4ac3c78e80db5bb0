//! What moves a head, what the heads file may be, and what is told of it and of keys that have ended.
#![allow(clippy::unwrap_used, reason = "a test")]

mod desk;
mod node;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use auditseal_vectors::{TestSigner, head_text};
use desk::{Desk, ORIGIN, begun, grown, ours, said};
use node::{finish, program};

/// A head vouches for lines too: who didn't look at them moves none.
#[test]
fn stored_bytes_alone_move_no_head() {
    let desk = Desk::new();
    let chain = ours();
    desk.trusts(&[&chain]);
    desk.holds(&[chain.archive()]);
    let stored = |code| said(&mut desk.verifying(&chain, "heads", &["--stored-only"]), code);
    let text = stored(0);
    assert!(text.contains(" heads=blocked\n") && text.contains("keeps its heads"), "{text}");
    assert!(!desk.heads().contains("head "), "{}", desk.heads());
    desk.verify(&chain, 0);
    let known = desk.heads();
    // What it held against the head that is known counts all the same.
    let long = grown(ours(), 2);
    desk.holds(&[long.archive()]);
    assert!(stored(0).contains(" known=1 "), "the head is known");
    assert_eq!(desk.heads(), known);
    let mut other = begun(ORIGIN, TestSigner::of(ORIGIN, 1));
    other.rewrite(|note| note.replace("malformed 0", "malformed 1"));
    desk.holds(&[other.archive()]);
    let text = stored(3);
    assert!(text.contains("FORK") && text.contains(" heads=forked\n"), "{text}");
}

/// An answer is held against the heads that are known, as `verify` holds the chain; none of them is moved.
#[test]
fn a_question_is_held_against_what_is_known() {
    let desk = Desk::new();
    let (short, long) = (ours(), grown(ours(), 2));
    desk.trusts(&[&short]);
    desk.holds(&[long.archive()]);
    desk.verify(&long, 0);
    let ask = |more: &[&str]| {
        let mut command = desk.command(&["query", "-o", "count"]);
        command.arg("--trust").arg(desk.path("trust"));
        for word in more {
            if *word == "--heads" {
                command.arg(word).arg(desk.path("heads"))
            } else {
                command.arg(word)
            };
        }
        finish(&mut command)
    };
    let known = desk.heads();
    assert!(!ask(&["--heads"]).err.contains("TRUNCATED"));
    desk.holds(&[short.archive()]);
    assert!(!ask(&[]).err.contains("TRUNCATED"), "nobody knows it");
    for more in [&["--heads"][..], &["--heads", "--since", "2026-11-01"]] {
        let done = ask(more);
        assert!(done.code == 1 && done.err.contains("TRUNCATED"), "{}", done.err);
    }
    assert_eq!(desk.heads(), known);
    // A fork that was seen once stays one.
    let mut other = begun(ORIGIN, TestSigner::of(ORIGIN, 1));
    other.rewrite(|note| note.replace("malformed 0", "malformed 1"));
    desk.holds(&[grown(other, 2).archive()]);
    said(&mut desk.verifying(&long, "heads", &[]), 3);
    desk.holds(&[long.archive()]);
    let done = ask(&["--heads"]);
    assert!(done.code == 3 && done.err.contains("FORK"), "{}", done.err);
    fs::remove_file(desk.path("heads")).unwrap();
    ask(&["--heads"]).refused("it isn't there");
}

#[test]
fn a_heads_file_keeps_its_mode_and_nothing_else_takes_its_place() {
    let desk = Desk::new();
    let chain = ours();
    desk.trusts(&[&chain]);
    desk.holds(&[chain.archive()]);
    desk.verify(&chain, 0);
    let mode = || fs::metadata(desk.path("heads")).unwrap().permissions().mode() & 0o777;
    for kept in [0o600, 0o664, 0o444] {
        fs::write(desk.path("empty"), "auditseal/heads/v1\n").unwrap();
        fs::rename(desk.path("empty"), desk.path("heads")).unwrap();
        fs::set_permissions(desk.path("heads"), fs::Permissions::from_mode(kept)).unwrap();
        // What a crash left, with another mode.
        fs::write(desk.path("heads.new"), "half").unwrap();
        assert!(desk.verify(&chain, 0).contains(" heads=first\n"));
        assert_eq!(mode(), kept);
        assert!(!desk.path("heads.new").exists());
    }
    // Nobody writes into a pipe, and nobody may wait for one.
    for name in ["pipe", "beside.lock"] {
        mkfifo(&desk.path(name));
        let heads = name.trim_end_matches(".lock");
        let done = finish(&mut desk.verifying(&chain, heads, &[]));
        let told = format!("{}{}", done.text(), done.err);
        assert!(done.code == 2 && told.contains("is no regular file"), "{told}");
    }
    let done = finish(&mut desk.verifying(&chain, ".", &[]));
    assert!(done.code == 2 && done.err.contains("is no regular file"), "{}", done.err);
}

fn mkfifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

#[test]
fn a_head_that_was_verified_in_the_future_is_told() {
    let desk = Desk::new();
    let chain = ours();
    desk.trusts(&[&chain]);
    desk.holds(&[chain.archive()]);
    desk.verify(&chain, 0);
    let text = desk.heads();
    let (before, time) = text.trim_end().rsplit_once(' ').unwrap();
    fs::write(desk.path("heads"), format!("{before} 2036{}\n", &time[4..])).unwrap();
    let text = desk.verify(&chain, 0);
    let told = "note: the heads file says that seq 1 was verified at 2036-";
    assert!(text.contains(told) && text.contains(" age=-"), "{text}");
    let shown = said(
        program()
            .args(["trust", "show", "--at", &chain.now().to_string(), "--heads"])
            .arg(desk.path("heads")),
        0,
    );
    assert!(shown.contains(", a time that is still to come"), "{shown}");
}

/// Whoever says where a key ended wants its later use told, and doesn't let it stop the chain.
#[test]
fn a_key_that_is_used_past_its_end_is_named() {
    let desk = Desk::new();
    let chain = grown(ours(), 2);
    let key = chain.current_signer().identity();
    let trust = |until: &str| {
        let end = head_text(chain.get(1));
        let until = until.replace("END", &end);
        format!(
            "auditseal/trust/v1\norigin {ORIGIN} static {key}{until}\n  begin 0\n  ended {end}\n"
        )
    };
    desk.holds(&[chain.archive()]);
    // It has ended, and nobody said that its key may not sign on.
    fs::write(desk.path("trust"), trust("")).unwrap();
    let text = desk.verify(&chain, 1);
    assert!(text.contains("RESUMED origin=prod/cp-1/audit seq=2-3"), "{text}");
    // Somebody looked into it.
    fs::write(desk.path("trust"), trust(" until=END")).unwrap();
    let text = desk.verify(&chain, 0);
    assert!(!text.contains("RESUMED"), "{text}");
    let told = format!("info: UNEXPECTED_OBJECT origin={ORIGIN} seq=2 ");
    let line =
        text.lines().find(|line| line.starts_with(&told)).unwrap_or_else(|| panic!("{text}"));
    let used = format!(
        "by itself WRONG_KEY: signed by {key}, which is trusted up to seq 1: the key was used after that"
    );
    assert!(line.ends_with(&used), "{line}");
}
