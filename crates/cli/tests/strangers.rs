//! An archive in a directory of somebody's: what lies beside it, and file systems that can't do all.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{chown, lchown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use node::{Done, Node, Running, events, finish, is_root, mode, program, until};
use rustix::io::Errno;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule, apply_filter};

/// A user who owns nothing.
const NOBODY: u32 = 65_534;

/// The program run by a user to whom permissions mean something.
fn as_nobody(command: &mut Command) -> Done {
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    finish(command)
}

fn give(path: &Path) {
    if is_root() {
        lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path());
        }
    }
}

#[test]
fn strangers_beside_an_archive_stop_nothing() {
    let node = Node::with(&events(0, 40));
    let store = node.path("store");
    fs::create_dir(&store).unwrap();
    mode(&store, 0o755);
    let make = |path: &str| fs::create_dir_all(store.join(path)).unwrap();
    make(".snapshot/hourly.0");
    make("@eaDir");
    fs::write(store.join(".DS_Store"), "x").unwrap();
    fs::write(store.join("notes\n.txt"), "x").unwrap();
    symlink("ring", store.join("ring")).unwrap();
    symlink(&store, store.join(".snapshot/hourly.0/back")).unwrap();
    give(node.dir.path());
    // As mkfs leaves it: root's, and nobody else's.
    make("lost+found");
    mode(&store.join("lost+found"), 0);
    as_nobody(&mut node.writer("backfill")).ok();
    node.write("audit.log", &events(40, 60));
    as_nobody(&mut node.writer("backfill")).ok();
    let mut daemon = node.daemon();
    if is_root() {
        daemon.uid(NOBODY).gid(NOBODY);
    }
    node.write("audit.log", &events(60, 80));
    let daemon = Running::start(&mut daemon);
    until("it is archived", || node.cat().out == node.source());
    daemon.stop().ok();
    let read = |args: &[&str]| as_nobody(node.reader(args[0]).args(&args[1..]));
    let trusted = ["--vkey", node.vkey.as_str()];
    let found = read(&[&["verify"][..], &trusted].concat()).ok().text();
    assert!(found.contains("COMPLETE until="), "{found}");
    let named = "info: UNEXPECTED_OBJECT key=lost+found/: ";
    assert!(found.contains(named), "{found}");
    let cat = ["cat", "--origin", "prod/cp-1/audit"];
    assert!(read(&[&cat[..], &trusted].concat()).ok().out == node.source());
    assert!(read(&["ls"]).ok().text().contains("prod/cp-1/audit"));
    let doctor = read(&["doctor"]);
    assert!(doctor.text().contains("pass  reach"), "{}{}", doctor.text(), doctor.err);
    mode(&store.join("lost+found"), 0o700);
}

/// Of an archive's own folders none may be passed over: what is in it isn't known.
#[test]
fn a_folder_of_the_archive_that_cannot_be_read_is_no_stranger() {
    let node = Node::with(&events(0, 40));
    mode(node.dir.path(), 0o755);
    node.backfill().ok();
    give(node.dir.path());
    let chain = node.path("store/cluster=prod/node=cp-1/source=audit");
    if is_root() {
        chown(&chain, Some(0), Some(0)).unwrap();
    }
    mode(&chain, 0o700);
    if !is_root() {
        mode(&chain, 0);
    }
    let mut verify = node.reader("verify");
    let done = as_nobody(verify.args(["--vkey", &node.vkey]));
    assert_eq!(done.code, 2, "{}{}", done.text(), done.err);
    assert!(done.err.contains("Permission denied"), "{}", done.err);
    mode(&chain, 0o700);
}

/// Runs a command in whose eyes the file system answers these calls so: the kernel's own filter
/// stands in for FAT, FUSE and SMB.
fn refusing(calls: &[(i64, Errno)], command: &mut Command) -> Done {
    let mut command = std::mem::replace(command, program());
    let calls = calls.to_vec();
    let run = move || {
        for (call, errno) in calls {
            let rules: BTreeMap<i64, Vec<SeccompRule>> = [(call, vec![])].into();
            let errno = u32::try_from(errno.raw_os_error()).unwrap();
            let arch = std::env::consts::ARCH.try_into().unwrap();
            let (no, yes) = (SeccompAction::Errno(errno), SeccompAction::Allow);
            let filter = SeccompFilter::new(rules, yes, no, arch).unwrap();
            let program: BpfProgram = filter.try_into().unwrap();
            apply_filter(&program).unwrap();
        }
        finish(&mut command)
    };
    // A thread can't take off its filter, and children inherit it.
    std::thread::spawn(run).join().unwrap()
}

/// System calls by number: link and linkat, renameat2.
#[cfg(target_arch = "x86_64")]
const CALLS: (&[i64], i64) = (&[86, 265], 316);
#[cfg(not(target_arch = "x86_64"))]
const CALLS: (&[i64], i64) = (&[37], 276);

fn no_links(errno: Errno) -> Vec<(i64, Errno)> {
    CALLS.0.iter().map(|call| (*call, errno)).collect()
}

#[test]
fn an_archive_where_files_cannot_be_linked_is_made_all_the_same() {
    for errno in [Errno::PERM, Errno::OPNOTSUPP] {
        let node = Node::with(&events(0, 40));
        refusing(&no_links(errno), node.writer("backfill").args(["--batch-size", "1KiB"])).ok();
        node.assert_same();
        // The head is found again, and nothing is put twice.
        node.write("audit.log", &events(40, 60));
        refusing(&no_links(errno), &mut node.writer("backfill")).ok();
        node.assert_same();
        let doctor = refusing(&no_links(errno), &mut node.reader("doctor"));
        assert!(doctor.text().contains("pass  create-only"), "{}", doctor.text());
        let staged = walk(&node.path("store")).into_iter().filter(|name| name.contains('#'));
        assert_eq!(staged.count(), 0, "nothing is left lying around");
    }
}

/// Nothing keeps a second writer away there, so nothing is put; and it says so, at once.
#[test]
fn where_nothing_keeps_a_second_writer_away_nothing_is_put() {
    let mut refused = no_links(Errno::PERM);
    refused.push((CALLS.1, Errno::INVAL));
    let node = Node::with(&events(0, 40));
    let done = refusing(&refused, node.writer("backfill").args(["--give-up", "1s"]));
    assert_eq!(done.code, 2, "{}", done.err);
    assert!(done.err.contains("neither hard links nor a rename"), "{}", done.err);
    assert!(done.err.contains("hint: keep the archive on ext4"), "{}", done.err);
    assert!(walk(&node.path("store")).is_empty(), "{:?}", walk(&node.path("store")));
    // Where there is an archive already, doctor tries its own question there.
    node.backfill().ok();
    let test = node.path("trial");
    fs::create_dir(&test).unwrap();
    let mut worm = program();
    worm.args(["worm-test", "--store", &format!("file://{}", test.display())]);
    let worm = refusing(&refused, &mut worm);
    assert_eq!(worm.code, 2, "{}{}", worm.text(), worm.err);
    assert!(worm.err.contains("neither hard links nor a rename"), "{}", worm.err);
}

/// All files below a directory.
fn walk(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(walk(&path)),
            false => found.push(path.display().to_string()),
        }
    }
    found
}
