//! What a node of an earlier release left is gone on with by this one: its key, its state directory, its archive.
//!
//! Each directory in `testdata/state` was made by a release, with its own program (deploy/release/state.sh): an agent that was killed while
//! the store was away, with a sealed batch that isn't stored and lines that nobody has read.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

mod node;

use node::{Done, Running, events, finish, mode, program, until};

const ORIGIN: &str = "state/cp-1/audit";

/// A copy of what one release left: git keeps neither inodes nor modes, nor empty files.
struct Left {
    dir: tempfile::TempDir,
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Files below a folder, by their paths in it.
fn files(below: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![below.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(below).unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

impl Left {
    /// One for each release that there was.
    fn all() -> Vec<(String, PathBuf)> {
        let states = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/state");
        let mut found: Vec<_> = fs::read_dir(states)
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().is_dir())
            .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
            .collect();
        found.sort();
        assert!(!found.is_empty(), "no release has left anything");
        found
    }

    fn by(release: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for part in ["logs", "state", "archive"] {
            copy(&release.join(part), &dir.path().join(part));
        }
        for part in ["key", "vkey"] {
            fs::copy(release.join(part), dir.path().join(part)).unwrap();
        }
        mode(&dir.path().join("key"), 0o600);
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn store(&self) -> String {
        format!("file://{}", self.path("archive").display())
    }

    fn writer(&self, command: &str) -> Command {
        let mut program = program();
        program.args([command, "--cluster", "state", "--node", "cp-1", "--store", &self.store()]);
        program.arg("--source").arg(format!("audit={}", self.path("logs/audit.log").display()));
        program.arg("--key").arg(self.path("key")).arg("--state").arg(self.path("state"));
        program
    }

    fn reader(&self, command: &str, more: &[&str]) -> Done {
        let mut program = program();
        program.args([command, "--store", &self.store(), "--origin", ORIGIN]);
        program.arg("--vkey").arg(self.path("vkey")).args(more);
        finish(&mut program)
    }

    /// All that was ever written to the log, in its order: the live file's name sorts last.
    fn source(&self) -> Vec<u8> {
        files(&self.path("logs")).into_values().flatten().collect()
    }

    /// Numbers of the objects below a folder, without those of `but`.
    fn objects(&self, below: &str) -> Vec<String> {
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        let named: Vec<_> = files(&self.path(below)).keys().map(name).collect();
        let object = |name: &String| Path::new(name).extension().is_some_and(|end| end == "zst");
        let mut numbers: Vec<_> =
            named.into_iter().filter(object).map(|name| name[..12].to_owned()).collect();
        numbers.sort();
        numbers
    }

    /// What it was left with: there is something to go on with, or the test shows nothing.
    fn assert_unfinished(&self) {
        let (stored, kept) = (self.objects("archive"), self.objects("state"));
        let waiting: Vec<_> = kept.iter().filter(|number| !stored.contains(number)).collect();
        assert!(!stored.is_empty() && !waiting.is_empty(), "stored {stored:?}, kept {kept:?}");
        let read = self.reader("cat", &[]).ok().out;
        assert!(read.len() < self.source().len(), "all of the log was stored");
        assert!(self.source().starts_with(&read), "what was stored is the log's begin");
    }

    /// The chain went on: what was stored is as it was, no line is twice, none is lost.
    fn assert_whole(&self, before: &BTreeMap<PathBuf, Vec<u8>>, release: &str) {
        let verdict = self.reader("verify", &[]);
        assert_eq!(verdict.code, 0, "{release}: {}{}", verdict.text(), verdict.err);
        let text = verdict.text();
        assert!(text.lines().any(|line| line.starts_with("COMPLETE ")), "{release}: {text}");
        for word in ["REANCHORED", "SOURCE_GAP", "UNEXPECTED", "FOREIGN"] {
            assert!(!text.contains(word), "{release}: {text}");
        }
        let now = files(&self.path("archive"));
        for (name, bytes) in before {
            assert!(now.get(name) == Some(bytes), "{release}: {} is another", name.display());
        }
        let restored = self.reader("cat", &["--strict"]).ok().out;
        assert!(restored == self.source(), "{release}: another log came back");
    }
}

#[test]
fn a_key_is_the_same_key() {
    for (release, path) in Left::all() {
        let left = Left::by(&path);
        let shown = finish(program().args(["pubkey", "--key"]).arg(left.path("key"))).ok();
        assert_eq!(shown.text(), fs::read_to_string(left.path("vkey")).unwrap(), "{release}");
    }
}

#[test]
fn backfill_goes_on_where_an_earlier_release_was_killed() {
    for (release, path) in Left::all() {
        let left = Left::by(&path);
        left.assert_unfinished();
        let before = files(&left.path("archive"));
        let waiting = files(&left.path("state"));
        finish(&mut left.writer("backfill")).ok();
        left.assert_whole(&before, &release);
        let stored: Vec<_> = files(&left.path("archive")).into_values().collect();
        for (name, bytes) in
            waiting.iter().filter(|(name, _)| name.to_str().unwrap().ends_with(".zst"))
        {
            assert!(stored.contains(bytes), "{release}: {} was sealed anew", name.display());
        }
    }
}

/// The log is rotated meanwhile, as it is on a node that is upgraded.
#[test]
fn a_daemon_goes_on_where_an_earlier_release_was_killed() {
    for (release, path) in Left::all() {
        let left = Left::by(&path);
        let before = files(&left.path("archive"));
        let logs = left.path("logs");
        let rotated = logs.join("audit-2026-11-21T08-05-00.000.log");
        fs::rename(logs.join("audit.log"), rotated).unwrap();
        fs::write(logs.join("audit.log"), events(0, 30)).unwrap();
        let mut daemon = left.writer("run");
        let daemon = Running::start(daemon.args(["--window", "200ms"]));
        let all = left.source();
        until("all of it is archived", || left.reader("cat", &[]).out == all);
        daemon.stop().ok();
        left.assert_whole(&before, &release);
        let again = Running::start(&mut left.writer("run"));
        std::thread::sleep(Duration::from_millis(500));
        again.stop().ok();
        left.assert_whole(&before, &release);
    }
}

/// The other way: without the state, what is in the archive is found again, and nothing is sealed twice.
#[test]
fn an_archive_is_gone_on_with_after_the_loss_of_the_state() {
    for (release, path) in Left::all() {
        let left = Left::by(&path);
        let before = files(&left.path("archive"));
        fs::remove_dir_all(left.path("state")).unwrap();
        finish(left.writer("backfill").args(["--hold", "10ms"])).ok();
        let restored = left.reader("cat", &[]).ok().out;
        assert!(restored == left.source(), "{release}: another log came back");
        let now = files(&left.path("archive"));
        assert!(before.iter().all(|(name, bytes)| now.get(name) == Some(bytes)), "{release}");
    }
}
