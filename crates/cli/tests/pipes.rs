//! Where a file belongs and a named pipe stands: whoever opens one waits for somebody who never comes.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use node::{Node, Running, events, finish, program, until};

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn said(command: &mut Command) -> (i32, String) {
    let done = finish(command);
    (done.code, done.err)
}

#[test]
fn no_file_that_is_named_is_waited_for() {
    let node = Node::with(&events(0, 3));
    let odd = node.path("odd");
    pipe(&odd);
    symlink("odd", node.path("link")).unwrap();
    for name in ["odd", "link"] {
        let path = node.shown(name);
        let named = |command: &[&str]| {
            let mut program = program();
            program.args(command).arg(&path);
            said(&mut program)
        };
        for command in [
            &["pubkey", "--key"][..],
            &["keygen", "--name", "c/n", "--keep", "--out"],
            &["trust", "show", "--trust"],
            &["check", "--origin", "prod/cp-1/audit", "--vkey", &node.vkey],
        ] {
            let (code, err) = named(command);
            assert_eq!(code, 2, "{command:?}: {err}");
            assert!(err.contains("it is a named pipe, and no file"), "{command:?}: {err}");
        }
        let read = |mut command: Command, flag: &str| said(command.arg(flag).arg(&path));
        for (command, flag) in [
            (node.reader("verify"), "--trust"),
            (node.reader("verify"), "--vkey"),
            (node.daemon(), "--environment"),
        ] {
            let (code, err) = read(command, flag);
            assert_eq!(code, 2, "{flag}: {err}");
            assert!(err.contains("it is a named pipe, and no file"), "{flag}: {err}");
        }
    }
}

#[test]
fn doctor_waits_for_none_either() {
    let node = Node::with(&events(0, 3));
    pipe(&node.path("logs/audit.log.1"));
    pipe(&node.path("logs/audit.log.2.gz"));
    pipe(&node.path("odd"));
    let odd = node.shown("odd");
    let mut doctor = program();
    doctor.args(["doctor", "--source", &format!("audit={}", node.shown("logs/audit.log"))]);
    doctor.args(["--manifest", &odd, "--policy", &odd, "--key", &odd]);
    let done = finish(&mut doctor);
    let text = done.text();
    assert!(
        text.contains("some are no files: audit.log.") && text.contains("it is a FIFO"),
        "{text}"
    );
    assert_eq!(text.matches("it is a named pipe, and no file").count(), 3, "{text}");
}

#[test]
fn a_key_behind_a_link_that_leads_nowhere_is_not_made_anew() {
    let node = Node::new();
    let link = node.path("later");
    symlink("unmounted/key", &link).unwrap();
    let mut keygen = program();
    keygen.args(["keygen", "--keep", "--name", "c/n", "--out"]).arg(&link);
    finish(&mut keygen).refused("it is a link to what isn't there");
    assert!(link.is_symlink());
}

#[test]
fn few_open_files_are_told_before_they_run_out() {
    let node = Node::with(&events(0, 3));
    let backfill = node.writer("backfill");
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 64; exec \"$0\" \"$@\""]).arg(backfill.get_program());
    limited.args(backfill.get_args());
    for (name, value) in backfill.get_envs() {
        value.map(|value| limited.env(name, value));
    }
    limited.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let done = finish(&mut limited).ok();
    assert!(done.err.contains("only 64 files can be open at a time"), "{}", done.err);
}

/// A directory is one log's. Another one that comes is archived by nobody, so it is named.
#[test]
fn a_second_log_in_a_sources_directory_is_named_once() {
    let node = Node::with(&events(0, 3));
    let mut run = node.bare("run");
    run.args(["--window", "200ms", "--source", &format!("audit={}", node.shown("logs"))]);
    run.args(["--store", &node.store()]);
    let daemon = Running::start(&mut run);
    until("the first is archived", || node.cat().out == node.source());
    fs::write(node.path("logs/apiserver-audit.log"), "other\n").unwrap();
    std::thread::sleep(std::time::Duration::from_secs(12));
    let done = daemon.stop().ok();
    let named = "apiserver-audit.log (another log: it needs a --source of its own)";
    assert_eq!(done.err.matches(named).count(), 1, "{}", done.err);
}
