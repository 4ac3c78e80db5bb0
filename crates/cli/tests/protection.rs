//! Flags that protect what is stored: what is refused, and what never shows.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use node::{Done, Node, Running, events, finish, until};

const S3: &str = "s3://bucket/prefix";

fn backfill(node: &Node, store: &str, args: &[&str]) -> Done {
    let mut command = node.bare("backfill");
    command.arg("--source").arg(format!("audit={}", node.shown("logs/audit.log")));
    finish(command.args(["--store", store]).args(args))
}

#[test]
fn what_no_store_can_do_is_refused_before_anything_begins() {
    let node = Node::with(&events(0, 3));
    let directory = format!("file://{}", node.shown("new-archive"));
    for (store, args, why) in [
        (directory.as_str(), &["--retention", "400d"][..], "a directory has no retention"),
        (&directory, &["--legal-hold"], "a directory has no"),
        (&directory, &["--sse", "s3"], "a directory has no"),
        (&directory, &["--require-retention", "365d"], "a directory has no locks"),
        ("gs://bucket", &["--legal-hold"], "no legal hold with a put"),
        ("gs://bucket", &["--sse", "s3"], "isn't the store's"),
        ("az://bucket", &["--gcs-kms-key", "k"], "isn't the store's"),
        (S3, &["--azure-encryption-scope", "k"], "isn't the store's"),
        (S3, &["--sse", "kms"], "--sse kms names no key"),
        (S3, &["--sse", "s3", "--sse-kms-key-id", "k"], "--sse s3 takes no --sse-kms-key-id"),
        (S3, &["--sse-kms-key-id", "k"], "--sse <s3|kms>"),
        (S3, &["--sse", "s3", "--gcs-kms-key", "k"], "cannot be used with"),
        (S3, &["--gcs-kms-key", "k", "--azure-encryption-scope", "s"], "cannot be used with"),
        (S3, &["--retention-mode", "governance"], "--retention <DAYS>"),
        (S3, &["--require-retention-mode", "governance"], "--require-retention <DAYS>"),
        (S3, &["--retention", "400d", "--retention-mode", "strict"], "'strict'"),
        (S3, &["--retention", "400"], "expected a time in days, like 400d"),
        (S3, &["--retention", "12h"], "shorter than a day"),
        (S3, &["--require-retention", "101years"], "longer than 36500 days"),
    ] {
        backfill(&node, store, args).refused(why);
    }
    assert!(!node.path("state").exists() && !node.path("new-archive").exists());
}

/// A directory is made for a store only when the sources and the key are in order.
#[test]
fn a_store_is_not_made_for_a_source_or_a_key_that_is_none() {
    let node = Node::new();
    let directory = format!("file://{}", node.shown("new-archive"));
    backfill(&node, &directory, &[]).refused("no such file");
    node.write("audit.log", &events(0, 3));
    fs::remove_file(node.path("key")).unwrap();
    backfill(&node, &directory, &[]).refused("No such file");
    assert!(!node.path("state").exists() && !node.path("new-archive").exists());
}

#[test]
fn the_environment_says_the_same() {
    let node = Node::with(&events(0, 3));
    for (name, value, why) in [
        ("AUDITSEAL_RETENTION", "400d", "a directory has no retention"),
        ("AUDITSEAL_LEGAL_HOLD", "true", "a directory has no"),
        ("AUDITSEAL_SSE", "s3", "a directory has no"),
        ("AUDITSEAL_GCS_KMS_KEY", "k", "a directory has no"),
        ("AUDITSEAL_AZURE_ENCRYPTION_SCOPE", "s", "a directory has no"),
        ("AUDITSEAL_REQUIRE_RETENTION", "365d", "a directory has no locks"),
    ] {
        finish(node.writer("backfill").env(name, value)).refused(why);
    }
    let mut nothing = node.writer("backfill");
    for name in ["RETENTION", "RETENTION_MODE", "SSE", "REQUIRE_RETENTION", "LEGAL_HOLD"] {
        nothing.env(format!("AUDITSEAL_{name}"), "");
    }
    nothing.env("AUDITSEAL_ALLOW_OVERWRITE_STORE", "false");
    finish(&mut nothing).ok();
}

/// A directory on a file system refuses to put over an object: the canary says nothing of it.
#[test]
fn a_directory_passes_the_canary() {
    let node = Node::with(&events(0, 3));
    let done = finish(node.writer("backfill").args(["--log-level", "debug"])).ok();
    assert!(done.err.contains("the store refuses to put over an object"), "{}", done.err);
    assert!(!done.err.contains("WARN"), "{}", done.err);
}

/// A server that answers every request with what it was sent, as a debugging proxy does.
fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = |mut stream: TcpStream| {
        let mut asked = vec![0; 16 << 10];
        let n = stream.read(&mut asked).unwrap_or(0);
        let body = format!("you sent {}", String::from_utf8_lossy(&asked[..n]));
        let head = format!("HTTP/1.1 403 Echo\r\nContent-Length: {}\r\n", body.len());
        drop(stream.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes()));
    };
    thread::spawn(move || listener.incoming().flatten().for_each(answer));
    format!("http://{address}")
}

/// Credentials come from the environment alone, and stay there.
#[test]
fn no_credential_shows_in_logs_errors_or_arguments() {
    let node = Node::with(&events(0, 3));
    let secrets = [("AWS_SECRET_ACCESS_KEY", "s3cr3t+of/nobody"), ("AWS_SESSION_TOKEN", "t0ken")]
        .map(|(name, part)| (name, format!("{part}{}", "q7".repeat(20))));
    let hidden = |place: &str, shown: &str| {
        for (name, secret) in &secrets {
            assert!(!shown.contains(secret.as_str()), "{place}: {name} shows in {shown}");
            assert!(!shown.contains(&secret[secret.len() / 2..]), "{place}: part of {name}");
        }
    };
    let endpoint = echo();
    let with = |command: &mut Command| {
        command.args(["--store", S3, "--endpoint", &endpoint, "--log-level", "debug"]);
        command.args(["--source", &format!("audit={}", node.shown("logs/audit.log"))]);
        command.args(["--retention", "400d", "--retention-mode", "compliance", "--legal-hold"]);
        command.args(["--require-retention", "365d", "--require-retention-mode", "governance"]);
        command.args(["--sse", "kms", "--sse-kms-key-id", "arn:aws:kms:key/1"]);
        command.env("AWS_ACCESS_KEY_ID", "id-of-nobody");
        command.envs(secrets.iter().map(|(name, secret)| (*name, secret)));
    };
    for format in ["text", "json"] {
        let mut command = node.bare("backfill");
        with(&mut command);
        let done = finish(command.args(["--give-up", "1s", "--log-format", format]));
        assert_eq!(done.code, 2, "{}", done.err);
        assert!(done.err.contains("you sent"), "it was asked: {}", done.err);
        hidden(format, &done.err);
        hidden(format, &done.text());
    }
    let mut command = node.bare("run");
    with(&mut command);
    let log = fs::File::create(node.path("log")).unwrap();
    let mut daemon = Running::start(command.stderr(log));
    until("a first answer", || fs::read_to_string(node.path("log")).unwrap().contains("you sent"));
    let arguments = fs::read(format!("/proc/{}/cmdline", daemon.id())).unwrap();
    assert!(!daemon.ended() && arguments.len() > 100);
    hidden("arguments", &String::from_utf8(arguments).unwrap());
    daemon.stop();
    hidden("log", &fs::read_to_string(node.path("log")).unwrap());
    // A secret that stands where another value belongs isn't repeated by the help either.
    let mut help = node::program();
    help.args(["run", "--help"]).env("AUDITSEAL_SSE_KMS_KEY_ID", &secrets[0].1);
    hidden("help", &finish(&mut help).text());
}
