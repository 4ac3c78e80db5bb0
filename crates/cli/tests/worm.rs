//! doctor and worm-test, as far as they go without a server: a directory, and a node's files.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs;

use node::{Done, Node, events, finish, program};
use serde_json::Value;

fn run(args: &[&str]) -> Done {
    finish(program().args(args))
}

fn archive() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().display());
    (folder, url)
}

#[test]
fn a_directory_keeps_nothing() {
    let (folder, url) = archive();
    let done = run(&["worm-test", "--store", &url]);
    assert_eq!(done.code, 1, "{}", done.err);
    let text = done.text();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("canary  auditseal-worm-test/"), "{text}");
    assert_eq!(
        lines[1..],
        [
            "lock    no retention",
            "ATTEMPT              ANSWER                                   VERDICT",
            "create again         the name is taken                        refused",
            "overwrite            done                                     BYTES LOST",
            "rename               the canary is gone                       not tried",
            "delete               the canary is gone                       not tried",
            "canary  removed, with all that the attempts put there",
            "NOT SAFE",
        ]
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "it leaves nothing behind");
    let kept = run(&["worm-test", "--store", &url, "--keep", "--format", "json"]);
    let json: Value = serde_json::from_str(&kept.text()).unwrap();
    assert_eq!((kept.code, &json["exit"], &json["left"]), (1, &1.into(), &"kept as it is".into()));
    assert_eq!(json["attempts"][1]["verdict"], "bytes-lost");
    let short = run(&["worm-test", "--store", &url, "--require-retention", "1d"]);
    assert!(short.text().contains("less than demanded: it isn't locked"), "{}", short.text());
}

#[test]
fn no_canary_beside_an_archive_unless_told() {
    let node = Node::with(&events(0, 3));
    finish(&mut node.writer("backfill")).ok();
    let store = node.store();
    let before = node.cat().out;
    run(&["worm-test", "--store", &store]).refused("the prefix holds an archive");
    assert_eq!(run(&["worm-test", "--store", &store, "--yes"]).code, 1);
    assert_eq!(node.cat().out, before);
}

#[test]
fn what_cannot_be_reached_is_not_judged() {
    let done = run(&["doctor", "--store", "file:///nowhere"]);
    assert_eq!(done.code, 2, "{}", done.err);
    assert!(done.text().contains("????  reach"), "{}", done.text());
    run(&["worm-test", "--store", "file:///nowhere"]).refused("the directory doesn't exist");
    run(&["doctor"]).refused("--store");
}

#[test]
fn doctor_of_a_directory() {
    let (_folder, url) = archive();
    let done = run(&["doctor", "--store", &url]);
    let expected = format!(
        "{url}
  pass  reach        0 versions of objects
  warn  worm         a directory isn't WORM: whoever owns the files can change and delete them
        why: verify notices that, but what is gone is gone
        fix: keep the archive in a locked bucket, or copy this directory there; on its own disk, owned by another user, at least the node's attacker can't reach it
  ????  create-only  there is no chain to try it on, and doctor puts nothing
        run: auditseal worm-test --store {url}
1 pass, 1 warn, 0 fail, 1 couldn't be checked
"
    );
    assert_eq!((done.code, done.text()), (0, expected));
}

#[test]
fn doctor_of_a_state_directory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let done = run(&["doctor", "--state", path.to_str().unwrap()]);
    assert!(done.text().contains("free where the state is"), "{}", done.text());
    assert!(!path.exists(), "doctor makes nothing");
    fs::write(&path, "").unwrap();
    let done = run(&["doctor", "--state", path.to_str().unwrap()]);
    assert_eq!(done.code, 1, "{}", done.text());
    assert!(done.text().contains("fail  state"), "{}", done.text());
}

#[test]
fn doctor_of_a_source() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let event = "{\"kind\":\"Event\",\"verb\":\"get\",\"objectRef\":{\"resource\":\"secrets\"},\"responseObject\":{}}\n";
    fs::write(path("audit.log"), event).unwrap();
    let flags = "--audit-log-path=/l --audit-policy-file=/p --audit-log-mode=batch\n";
    fs::write(path("flags"), flags).unwrap();
    fs::write(path("policy"), "kind: Policy\nrules:\n- level: RequestResponse\n").unwrap();
    let source = format!("audit={}", path("audit.log"));
    let (flags, policy) = (path("flags"), path("policy"));
    let args = ["doctor", "--source", &source, "--apiserver-flags", &flags, "--policy", &policy];
    let done = run(&[&args[..], &["--format", "json"]].concat());
    assert_eq!(done.code, 1, "{}", done.err);
    let json: Value = serde_json::from_str(&done.text()).unwrap();
    let status = |name: &str| {
        let checks = json["checks"].as_array().unwrap().iter();
        let mut found = checks.filter(|check| check["check"] == name);
        let check = found.next().unwrap();
        assert_eq!(check["subject"], "source audit");
        check["status"].as_str().unwrap().to_owned()
    };
    for (name, expected) in [
        ("live", "pass"),
        ("content", "fail"),
        ("flag-mode", "warn"),
        ("policy-bodies", "fail"),
        ("policy-secrets", "pass"),
        ("rotation", "unknown"),
    ] {
        assert_eq!(status(name), expected, "{name}");
    }
    let manifest = run(&["doctor", "--source", &source, "--manifest", "/nowhere"]);
    assert!(manifest.text().contains("????  flags"), "{}", manifest.text());
}
