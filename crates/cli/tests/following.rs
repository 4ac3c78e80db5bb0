//! `forward`, whose trust file is another one while it runs, and `forward check` of several sinks.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs::{self, File};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use node::{Done, Node, Running, events, finish, page, program, until};
use rustix::process::Signal;

/// Two chains of ten lines in one store.
fn two_chains() -> Node {
    let node = Node::with(&events(0, 10));
    fs::create_dir(node.path("more")).unwrap();
    fs::write(node.path("more/audit.log"), events(10, 20)).unwrap();
    let more = format!("more={}", node.shown("more/audit.log"));
    finish(node.writer("backfill").args(["--source", &more])).ok();
    node
}

/// A trust file of these chains.
fn trust(node: &Node, sources: &[&str]) -> String {
    let chain = |source: &&str| {
        format!("origin prod/cp-1/{source} static {}\n  begin 0\n  silent-after 366d\n", node.vkey)
    };
    format!("auditseal/trust/v1\n{}", sources.iter().map(chain).collect::<String>())
}

fn replace(node: &Node, text: &str) {
    fs::write(node.path("trust.next"), text).unwrap();
    fs::rename(node.path("trust.next"), node.path("trust")).unwrap();
}

/// It is read again at SIGHUP, and every half minute.
#[test]
fn what_trust_says_is_followed_while_forward_runs() {
    let node = two_chains();
    replace(&node, &trust(&node, &["audit"]));
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut forward = program();
    forward.args(["forward", "--store", &node.store(), "--trust", &node.shown("trust")]);
    forward.args(["--sink", &format!("file://{}", node.shown("out")), "--listen", &address]);
    forward.args(["--forward-state", &node.shown("handed"), "--log-level", "info"]);
    let forward = Running::start(forward.stderr(File::create(node.path("stderr")).unwrap()));
    let said = |what: &str| fs::read_to_string(node.path("stderr")).unwrap().contains(what);
    let count = || {
        fs::read(node.path("out")).map_or(0, |text| text.split_inclusive(|b| *b == b'\n').count())
    };
    until("one chain is followed", || count() == 10);
    // What can't be used changes nothing, and is said wherever somebody looks.
    replace(&node, "auditseal/trust/v1\norigin what");
    forward.signal(Signal::HUP);
    until("it is said", || said("read trust file ") && said("what it said before is followed"));
    assert!(page(&address, "/readyz").contains("what was trusted before still is"));
    assert!(page(&address, "/metrics").contains("\nauditseal_forward_trust_stale 1\n"));
    // This one isn't told of: it is found by itself.
    replace(&node, &trust(&node, &["audit", "more"]));
    let begun = Instant::now();
    while count() < 20 {
        assert!(begun.elapsed() < Duration::from_secs(50), "the other chain isn't followed");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(said("it is followed from now on") && said("the trust file can be used again"));
    assert!(page(&address, "/readyz").ends_with("ready\n"), "{}", page(&address, "/readyz"));
    replace(&node, &trust(&node, &["more"]));
    forward.signal(Signal::HUP);
    until("it is let go", || said("it isn't followed from now on"));
    until("nothing is said of it", || !page(&address, "/metrics").contains("prod/cp-1/audit"));
    let done = forward.stop();
    assert_eq!((done.code, count()), (0, 20), "{}", done.text());
}

fn check(node: &Node, args: &[&str]) -> Done {
    let mut check = program();
    check.args(["forward", "check", "--store", &node.store(), "--trust", &node.shown("trust")]);
    finish(check.args(args))
}

/// One that can't be asked, or isn't there, hides nothing of the others.
#[test]
fn each_sink_is_counted() {
    let node = two_chains();
    replace(&node, &trust(&node, &["audit", "more"]));
    let out = format!("file://{}?name=out", node.shown("out"));
    let mut forward = program();
    forward.args(["forward", "--store", &node.store(), "--trust", &node.shown("trust"), "--once"]);
    finish(forward.args(["--sink", &out, "--forward-state", &node.shown("handed")])).ok();
    let gone = format!("file://{}?name=gone", node.shown("gone"));
    let sinks = ["--sink", "syslog+tls://h:1?name=sl", "--sink", &gone, "--sink", &out];
    let one_hour = "out: 20 events in 1 hours of chains, 0 of which differ\n";
    let done = check(&node, &["--sink", &out]).ok();
    assert_eq!(done.text(), one_hour);
    let done = check(&node, &sinks);
    assert_eq!(done.code, 2);
    let text = done.text();
    let begins = "sl: not counted: it can't be asked for what it has: ";
    assert!(text.starts_with(begins) && text.contains("\ngone: not counted: read "), "{text}");
    assert!(text.ends_with(one_hour), "{text}");
    assert!(
        done.err.starts_with("auditseal: failed to count what is at sl, gone\n"),
        "{}",
        done.err
    );
    // A time that is none is no count.
    for range in [
        ["--since", "2026-11-25T00:00:00Z", "--until", "2026-11-21T00:00:00Z"],
        ["--since", "2026-11-21T00:00:00Z", "--until", "2026-11-21T00:00:00Z"],
        ["--since", "1m", "--filter", "true"],
    ] {
        let mut args = vec!["--sink", &out];
        args.extend(range);
        check(&node, &args).refused(": nothing is between");
    }
}
