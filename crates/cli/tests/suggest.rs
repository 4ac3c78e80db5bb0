//! `doctor --suggest-policy`: what goes where, and its exit codes.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs;
use std::path::{Path, PathBuf};

use node::{finish, program};
use serde_json::Value;

/// An exit code, standard output and standard error.
struct Said {
    code: i32,
    out: String,
    err: String,
}

fn suggest(args: &[&str]) -> Said {
    let done = finish(program().args(["doctor", "--suggest-policy"]).args(args));
    Said { code: done.code, out: String::from_utf8(done.out).unwrap(), err: done.err }
}

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kube-apiserver-1.36.3")
}

#[test]
fn the_policy_goes_to_standard_output_and_the_rest_to_standard_error() {
    let log = sample();
    let log = log.to_str().unwrap();
    let done = suggest(&["--on", log]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        done.out.starts_with("# Made by")
            && done.out.ends_with("- level: Metadata\n  omitStages: [RequestReceived]\n")
    );
    assert!(!done.out.contains("Bytes a day") && done.err.contains("Bytes a day"), "{}", done.err);
    assert!(done.err.contains("17681 events"), "{}", done.err);
    let again = suggest(&["--on", &format!("{log}/audit.log")]);
    assert_eq!((again.code, again.out), (0, done.out.clone()));
    let json = suggest(&["--source", &format!("audit={log}"), "--format", "json"]);
    assert_eq!((json.code, json.err.as_str()), (0, ""));
    let page: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(page["policy"], done.out);
    assert_eq!((&page["events"], &page["exit"]), (&17_681.into(), &0.into()));
}

#[test]
fn the_exit_code_says_what_is_in_the_log() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("audit.log");
    let on = path.to_str().unwrap();
    let event = |more: &str| {
        format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","stage":"ResponseComplete","verb":"get","objectRef":{{"resource":"secrets","namespace":"prod","name":"db"}}{more},"stageTimestamp":"2026-11-21T08:00:00.000000Z"}}"#
        ) + "\n"
    };
    fs::write(&path, event(r#","responseObject":{"data":{"password":"aHVudGVyMg=="}}"#)).unwrap();
    let done = suggest(&["--on", on]);
    assert_eq!(done.code, 1, "{}", done.err);
    assert!(done.err.contains("values of Secrets: 1 bodies of 1 objects: prod/db"), "{}", done.err);
    assert!(!(done.err + &done.out).contains("aHVudGVyMg"));
    fs::write(&path, event("")).unwrap();
    assert_eq!(suggest(&["--on", on]).code, 0);
    fs::write(&path, "no event\n").unwrap();
    let done = suggest(&["--on", on]);
    assert_eq!((done.code, done.out.as_str()), (2, ""));
    assert!(done.err.contains("there is no audit event in it"), "{}", done.err);
    let done = suggest(&[]);
    assert_eq!(done.code, 2);
    assert!(done.err.contains("none is named") && done.err.contains("--on"), "{}", done.err);
    let done = finish(program().args(["doctor", "--on", on, "--state", on]));
    assert_eq!(done.code, 2);
    assert!(done.err.contains("--suggest-policy"), "{}", done.err);
}

/// A log of so many events, and what is suggested for it.
fn suggested(events: usize, event: impl Fn(usize) -> String) -> (Said, Value) {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("audit.log");
    fs::write(&path, (0..events).map(|n| event(n) + "\n").collect::<String>()).unwrap();
    let on = path.to_str().unwrap();
    let json = suggest(&["--on", on, "--format", "json"]);
    (suggest(&["--on", on]), serde_json::from_str(&json.out).unwrap())
}

/// Beyond 4096 kinds all are still counted and priced, and those beyond aren't told apart.
#[test]
fn any_number_of_kinds_is_priced() {
    for kinds in [4_095, 4_096, 4_097, 40_960] {
        let (done, page) = suggested(kinds, |n| {
            format!(
                r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","stage":"ResponseComplete","verb":"create","user":{{"username":"u"}},"objectRef":{{"resource":"things","apiGroup":"g{n}.example","namespace":"x"}},"responseStatus":{{"code":201}},"stageTimestamp":"2026-11-21T08:00:00.000000Z"}}"#
            )
        });
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(done.err.contains(&format!("{kinds} events")), "{}", done.err);
        let rest = page["rows"].as_array().unwrap().iter().map(|row| row["events"].as_u64());
        assert_eq!(rest.flatten().sum::<u64>(), kinds as u64, "{page}");
        let more = kinds.min(4_096) - 10;
        assert!(done.out.contains(&format!("# and {more} more kinds")), "{kinds}: {}", done.out);
    }
}

/// Beyond 1000 objects all bodies are still counted, and those of objects beyond in one number.
#[test]
fn any_number_of_exposed_objects_is_counted() {
    for objects in [999, 1_000, 1_001, 10_000] {
        let (done, page) = suggested(objects, |n| {
            format!(
                r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","stage":"ResponseComplete","verb":"get","objectRef":{{"resource":"secrets","namespace":"prod","name":"db-{n}"}},"responseObject":{{"data":{{"password":"aHVudGVyMg=="}}}},"stageTimestamp":"2026-11-21T08:00:00.000000Z"}}"#
            )
        });
        assert_eq!(done.code, 1, "{}", done.err);
        let told = objects.min(1_000);
        let words = format!("values of Secrets: {objects} bodies of {told} objects: prod/db-0");
        assert!(done.err.contains(&words), "{}", done.err);
        let others = format!("; {} bodies of others", objects - told);
        assert_eq!(done.err.contains(&others), objects > told, "{}", done.err);
        assert_eq!(page["exposed"][0]["bodies"], objects, "{page}");
    }
}
