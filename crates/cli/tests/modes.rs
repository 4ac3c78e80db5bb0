//! What is written holds secrets: it is its owner's alone, whatever the umask says, and what others
//! may open is named.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use node::{Node, events, finish, mode};

/// The command, started by somebody with this umask.
fn under(umask: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("umask {umask}; exec \"$0\" \"$@\""));
    shell.arg(command.get_program()).args(command.get_args());
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell
}

/// Everything below a directory, itself among it, with its mode.
fn all(path: &Path) -> Vec<(PathBuf, u32)> {
    let found = fs::symlink_metadata(path).unwrap();
    let mut below = vec![(path.to_owned(), found.permissions().mode() & 0o7777)];
    if found.is_dir() {
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        below.extend(entries.flat_map(|entry| all(&entry)));
    }
    below
}

#[test]
fn everything_is_its_owners_alone_whatever_the_umask() {
    for umask in ["000", "022", "0777"] {
        let node = Node::with(&events(0, 20));
        finish(&mut under(umask, &node.writer("backfill"))).ok();
        let mut keygen = node::program();
        keygen.args(["keygen", "--name", "prod/cp-1", "--out", &node.shown("another")]);
        finish(&mut under(umask, &keygen)).ok();
        for (path, mode) in ["state", "store", "another"].iter().flat_map(|of| all(&node.path(of)))
        {
            let own = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(
                format!("{mode:o}"),
                format!("{own:o}"),
                "umask {umask}: {}",
                path.display()
            );
        }
        node.assert_same();
    }
}

#[test]
fn what_others_may_open_is_named_at_the_start() {
    let node = Node::with(&events(0, 20));
    let quiet = finish(&mut node.writer("backfill")).ok();
    assert!(!quiet.err.contains("others may open"), "{}", quiet.err);
    for (name, open) in [("store", 0o755), ("state", 0o750), ("state/lock", 0o644)] {
        mode(&node.path(name), open);
    }
    let said = finish(&mut node.writer("backfill")).ok();
    for (name, open) in [("store", "0755"), ("state", "0750"), ("state/lock", "0644")] {
        let warning = format!("others may open {} (mode {open})", node.shown(name));
        assert_eq!(said.err.matches(&warning).count(), 1, "{warning}: {}", said.err);
    }
}

#[test]
fn the_longest_origin_there_may_be_is_archived() {
    let node = Node::with(&events(0, 20));
    let part = |letter: &str| letter.repeat(245);
    let origin = format!("{}/{}/{}", part("c"), part("n"), part("s"));
    // Named by all of it: the longest name of a key that there may be.
    let vkey = node.keygen_for(&origin, "longest");
    let mut command = node::program();
    command.args(["backfill", "--cluster", &part("c"), "--node", &part("n")]);
    command.arg("--key").arg(node.path("longest")).arg("--state").arg(node.path("state"));
    command.arg("--source").arg(format!("{}={}", part("s"), node.shown("logs/audit.log")));
    command.args(["--store", &node.store()]);
    finish(&mut command).ok();
    let restored = node.read("cat", &["--origin", &origin, "--vkey", &vkey]).ok();
    assert_eq!(restored.out, events(0, 20));
}
