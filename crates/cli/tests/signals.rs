//! Signals that a postrotate script or an operator sends: what is read again, and what stays.
#![allow(clippy::unwrap_used, reason = "a test")]

mod lab;
mod node;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;
use std::time::Duration;

use auditseal_standin::{Dialect, Keys};
use lab::Lab;
use node::{Node, Running, events, finish, page, program, until};
use rustix::process::Signal;

/// A daemon whose log lines go to a file, where a test may read them meanwhile.
fn logging_to(node: &Node, command: &mut Command) -> Running {
    let log = fs::File::create(node.path("stderr")).unwrap();
    Running::start(command.stderr(log))
}

fn said(node: &Node) -> String {
    fs::read_to_string(node.path("stderr")).unwrap()
}

fn hears(node: &Node, what: &str) {
    until(what, || said(node).contains(what));
}

/// A port that was free a moment ago.
fn port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn no_signal_of_a_postrotate_script_ends_the_daemon() {
    let node = Node::with(&events(0, 20));
    let daemon = logging_to(&node, &mut node.daemon());
    until("it is archived", || node.cat().out == node.source());
    for _ in 0..2 {
        for signal in [Signal::USR1, Signal::USR2, Signal::HUP] {
            daemon.signal(signal);
        }
    }
    hears(&node, "SIGUSR2 means nothing here");
    hears(&node, "SIGHUP: read again, nothing has changed");
    // As logrotate does it: rename, and then the signal.
    fs::rename(node.path("logs/audit.log"), node.path("logs/audit.log.1")).unwrap();
    daemon.signal(Signal::HUP);
    node.write("audit.log", &events(20, 40));
    until("it follows", || node.cat().ok().out.len() > 20 * 60 && all_archived(&node));
    daemon.stop().ok();
    let text = said(&node);
    assert_eq!(text.matches("SIGUSR1 means nothing here").count(), 1, "said once: {text}");
    let report = node.verify().ok().text();
    assert!(report.contains("COMPLETE until="), "{report}");
}

fn all_archived(node: &Node) -> bool {
    let old = fs::read(node.path("logs/audit.log.1")).unwrap();
    node.cat().out == [old, fs::read(node.path("logs/audit.log")).unwrap()].concat()
}

#[test]
fn a_backfill_is_not_ended_by_sigusr1() {
    let node = Node::with(&events(0, 2000));
    let mut command = node.writer("backfill");
    let slow = Running::start(command.args(["--rate-limit", "200KiB", "--batch-size", "64KiB"]));
    until("it has begun", || node.path("state").exists() && node.path("store").exists());
    std::thread::sleep(Duration::from_millis(300));
    slow.signal(Signal::USR1);
    slow.end(Duration::from_secs(50)).ok();
    node.assert_same();
}

/// A backup with a second name, in a directory that everybody may write to, is read once its owner is
/// accepted, and that needs no restart.
#[test]
fn sighup_takes_over_whose_files_are_read() {
    let node = Node::with(&events(20, 40));
    let (logs, file) = (node.path("logs"), node.path("environment"));
    let backup = logs.join("audit-2026-01-02T03-04-05.678.log");
    fs::write(&backup, events(0, 20)).unwrap();
    fs::hard_link(&backup, node.path("a second name")).unwrap();
    fs::set_permissions(&logs, fs::Permissions::from_mode(0o777)).unwrap();
    let owner = fs::metadata(&backup).unwrap().uid();
    let mut command = node.daemon();
    let daemon = logging_to(&node, command.arg("--environment").arg(&file));
    hears(&node, "has 2 names");
    until("the rest is archived", || node.cat().out == events(20, 40));
    fs::write(&file, "AUDITSEAL_ACCEPT_OWNER=me\n").unwrap();
    daemon.signal(Signal::HUP);
    hears(
        &node,
        "is a list of user ids, as 1001,1002: not \"me\"; what was in use before stays in use",
    );
    assert_eq!(node.cat().out, events(20, 40));
    fs::write(&file, format!("AUDITSEAL_ACCEPT_OWNER={owner}\n")).unwrap();
    daemon.signal(Signal::HUP);
    hears(&node, "in use from now on: AUDITSEAL_ACCEPT_OWNER");
    until("the backup is archived", || node.cat().out.len() == events(0, 40).len());
    // Nobody is accepted any more.
    fs::write(&file, "").unwrap();
    daemon.signal(Signal::HUP);
    until("it is taken back", || said(&node).matches("in use from now on").count() == 2);
    let another = logs.join("audit-2026-01-02T04-04-05.678.log");
    fs::write(&another, events(40, 50)).unwrap();
    fs::hard_link(&another, node.path("a third name")).unwrap();
    hears(&node, "name=\"audit-2026-01-02T04-04-05.678.log\" start=0 reason=\"refused\"");
    daemon.stop().ok();
    let mut sealed: Vec<_> =
        node.cat().out.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    sealed.sort();
    let mut lines: Vec<_> =
        events(0, 40).split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    lines.sort();
    assert!(sealed == lines, "each line once, and none of the refused file");
}

/// Keys that were rotated, in the file that the unit reads, too.
#[test]
fn sighup_takes_over_credentials_and_the_log_level_of_a_file() {
    let lab = Lab::new(Dialect::Aws);
    let file = lab.node.path("environment");
    let write = |keys: &Keys, more: &str| {
        let (id, secret) = (&keys.id, &keys.secret);
        let text = format!("AWS_ACCESS_KEY_ID={id}\nAWS_SECRET_ACCESS_KEY=\"{secret}\"\n{more}\n");
        fs::write(&file, text).unwrap();
    };
    let old = lab.server.world().keys().clone();
    write(&old, "AUDITSEAL_LOG_LEVEL=info\nAWS_SKIP_SIGNATURE=false");
    let mut command = lab.node.bare("run");
    command.args(["--source", &format!("audit={}", lab.node.shown("logs/audit.log"))]);
    command.args(["--window", "200ms", "--heartbeat", "30s", "--environment"]).arg(&file);
    let address = port();
    command.args(["--listen", &address]);
    lab.aimed(&mut command);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    // What is taken out of the file doesn't come back from where the process has it.
    command.env("AWS_SKIP_SIGNATURE", "true");
    let daemon = logging_to(&lab.node, &mut command);
    let held = || lab.read("cat", &[]).out == lab.node.source();
    until("it is archived with what the file says", held);

    // Somebody mistypes: what was in use stays, and is told so.
    let failures = || {
        let status = finish(program().args(["status", "--listen", &address, "--once"]));
        let page = page(&address, "/metrics");
        assert!(status.code == 0 || status.code == 1, "{}", status.err);
        page
    };
    write(&Keys { secret: "wrong".to_owned(), ..old.clone() }, "AUDITSEAL_LOG_LEVEL=debug");
    daemon.signal(Signal::HUP);
    hears(&lab.node, "what was in use before stays in use");
    write(&old, "AUDITSEAL_LOG_LEVEL=loud");
    daemon.signal(Signal::HUP);
    hears(&lab.node, "\"loud\" is no level");
    fs::write(&file, "no variable").unwrap();
    daemon.signal(Signal::HUP);
    hears(&lab.node, "line 1 isn't NAME=VALUE");
    until("three failures are counted", || {
        failures().contains("auditseal_reload_failures_total 3")
    });
    lab.node.write("audit.log", &events(40, 60));
    until("it goes on", held);
    assert!(!said(&lab.node).contains("wrong\""), "no value is shown");

    // The key is another one, and the file says so.
    let new = Keys::fresh().unwrap();
    lab.server.world().set_keys(new.clone());
    lab.node.write("audit.log", &events(60, 80));
    hears(&lab.node, "upload: ");
    write(&new, "AUDITSEAL_LOG_LEVEL=debug\nAUDITSEAL_WINDOW=9s");
    daemon.signal(Signal::HUP);
    let used = "in use from now on: AUDITSEAL_LOG_LEVEL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, \
                AWS_SKIP_SIGNATURE";
    hears(&lab.node, used);
    hears(&lab.node, "in use only after a restart: AUDITSEAL_WINDOW");
    until("it is archived with the new key", held);
    hears(&lab.node, "DEBUG");
    daemon.stop().ok();
    assert!(!said(&lab.node).contains(&new.secret));
}
