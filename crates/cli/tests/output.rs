//! What goes to standard output and standard error, who may stop reading it, and what never
//! appears there.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use node::{Done, Node, Running, events, finish, program};
use serde_json::Value;

/// A server that answers every request with this status and body, on a port of its own.
fn server(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut line = String::new();
            let mut length = 0;
            while stream.read_line(&mut line).is_ok_and(|n| n > 2) {
                let lower = line.to_ascii_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            drop(stream.read_exact(&mut vec![0; length]));
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/xml\r\nconnection: close\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            );
            drop(stream.get_mut().write_all(answer.as_bytes()));
        }
    });
    url
}

const NO_BUCKET: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>NoSuchBucket</Code>\
                         <Message>The specified bucket does not exist</Message></Error>";

/// A backfill into a bucket behind this endpoint.
fn into_bucket(node: &Node, endpoint: &str) -> Command {
    let mut command = node.bare("backfill");
    command.args(["--source", &format!("audit={}", node.shown("logs/audit.log"))]);
    command.args(["--store", "s3://bucket/prefix", "--endpoint", endpoint, "--give-up", "1s"]);
    command.env("AWS_ACCESS_KEY_ID", "id").env("AWS_SECRET_ACCESS_KEY", "generated");
    command
}

/// Refused, some time later, with the last lines for people.
#[track_caller]
fn gives_up(command: &mut Command, why: &str) {
    let done = finish(command);
    assert_eq!(done.code, 2, "{}", done.err);
    let last = done.err.lines().find(|line| line.starts_with("auditseal: failed to ")).unwrap();
    assert!(last.contains(why), "{}", done.err);
    assert!(done.err.lines().last().unwrap().starts_with("hint: "), "{}", done.err);
}

#[test]
fn a_server_that_is_not_there() {
    let node = Node::with(&events(0, 3));
    gives_up(&mut into_bucket(&node, "http://127.0.0.1:1"), "find the chain's head");
}

#[test]
fn a_bucket_that_is_not_there() {
    let node = Node::with(&events(0, 3));
    gives_up(&mut into_bucket(&node, &server("404 Not Found", NO_BUCKET)), "bucket");
    gives_up(&mut into_bucket(&node, &server("403 Forbidden", "")), "find the chain's head");
}

#[test]
fn a_store_that_goes_away_after_the_first_run() {
    let node = Node::with(&events(0, 3));
    node.backfill().ok();
    node.write("audit.log", &events(3, 6));
    let mut command = into_bucket(&node, "http://127.0.0.1:1");
    gives_up(&mut command, "upload prod/cp-1/audit: gave up: ");
    // What was sealed meanwhile is uploaded by the next run.
    node.backfill().ok();
    node.assert_same();
}

#[test]
fn who_reads_may_stop_reading() {
    let node = Node::with(&events(0, 20_000));
    node.backfill().ok();
    let origin = ["--origin", "prod/cp-1/audit"];
    for (command, args) in [
        ("cat", vec!["--vkey", &node.vkey]),
        ("verify", vec!["--vkey", &node.vkey]),
        ("ls", vec![]),
        ("ls", vec!["--format", "json"]),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut command = node.reader(command);
        command.args(origin).args(args).stdout(writer);
        let running = Running::start(&mut command);
        drop(command);
        drop(reader);
        let done = running.end(Duration::from_secs(30)).ok();
        assert!(done.err.is_empty(), "{}", done.err);
    }
    let mut cat = node.reader("cat").args(origin).args(["--vkey", &node.vkey]).spawn().unwrap();
    let mut head = [0; 100];
    cat.stdout.take().unwrap().read_exact(&mut head).unwrap();
    assert_eq!(cat.wait().unwrap().code(), Some(0));
    assert_eq!(head, events(0, 1)[..100]);
}

#[test]
fn nobody_need_read_the_log_lines() {
    let node = Node::with(&events(0, 100));
    let unread = |command: &mut Command| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        finish(command.stderr(writer))
    };
    unread(&mut node.writer("backfill")).ok();
    node.assert_same();
    let failed = unread(program().args(["ls", "--store", "nothing"]));
    assert_eq!(failed.code, 2);
    assert_eq!(unread(program().arg("nonsense")).code, 2);
}

#[test]
fn cat_without_a_key_warns_and_works() {
    let node = Node::with(&events(0, 100));
    node.backfill().ok();
    let done = node.read("cat", &["--origin", "prod/cp-1/audit"]).ok();
    assert!(done.out == node.source());
    assert!(done.err.contains("signatures aren't tied to a trusted key"), "{}", done.err);
    assert!(node.cat().ok().err.is_empty());
}

#[test]
fn no_progress_bar_without_a_terminal() {
    let node = Node::with(&events(0, 100));
    let done = finish(node.writer("backfill").args(["--log-level", "warn"])).ok();
    assert!(done.err.is_empty(), "{}", done.err);
    let report = finish(node.reader("verify").args(["--vkey", &node.vkey])).ok();
    assert!(report.err.is_empty(), "{}", report.err);
    let lines = node.backfill().ok().err;
    assert!(lines.lines().all(|line| line.contains(" INFO ")) && !lines.contains('\u{1b}'));
}

#[test]
fn a_log_level_that_is_none_is_named_and_ignored() {
    for level in ["nonsense", "info,=", "auditseal_agent=loud", "wran"] {
        let node = Node::with(&events(0, 3));
        let done = finish(node.writer("backfill").args(["--log-level", level])).ok();
        assert!(done.err.contains("can't be read: using the default"), "{level}: {}", done.err);
        assert!(done.err.contains("sealed"), "{level}: {}", done.err);
    }
    for level in ["", "off", "error", "INFO", "debug", "auditseal_agent", "hyper=trace,warn"] {
        let node = Node::with(&events(0, 3));
        let done = finish(node.writer("backfill").args(["--log-level", level])).ok();
        assert!(!done.err.contains("can't be read"), "{level}: {}", done.err);
    }
}

fn json_lines(done: &Done) -> Vec<Value> {
    done.err
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

#[test]
fn log_lines_as_json() {
    let node = Node::with(&events(0, 100));
    let json = |command: &mut Command| finish(command.args(["--log-format", "json"]));
    let lines = json_lines(&json(&mut node.writer("backfill")).ok());
    let sealed = lines.iter().find(|line| line["message"] == "sealed").unwrap();
    assert_eq!((&sealed["level"], &sealed["origin"]), (&"INFO".into(), &"prod/cp-1/audit".into()));
    assert!(lines.iter().all(|line| line["timestamp"].is_string()));
    let warned = json_lines(&json(node.reader("cat").args(["--origin", "prod/cp-1/audit"])).ok());
    assert_eq!(warned[0]["level"], "WARN");
    let failed = json(program().args(["ls", "--store", "nothing"]));
    assert_eq!(failed.code, 2);
    let last = json_lines(&failed).pop().unwrap();
    assert_eq!(last["level"], "ERROR");
    assert!(last["message"].as_str().unwrap().starts_with("failed to open the store: "), "{last}");
    assert!(last["hint"].is_string() && last["timestamp"].is_string());
}

/// Runs with everything logged; nothing that is secret may be in it.
#[track_caller]
fn tells_no(secrets: &[&str], command: &mut Command) -> Done {
    let done = finish(command.args(["--log-level", "trace", "--log-format", "json"]));
    let out = String::from_utf8_lossy(&done.out);
    for secret in secrets {
        assert!(!done.err.contains(secret), "{}", done.err.replace(secret, "<THE SECRET>"));
        assert!(!out.contains(secret), "{}", out.replace(secret, "<THE SECRET>"));
    }
    done
}

#[test]
fn no_secret_is_told() {
    let node = Node::with(&events(0, 100));
    // Random and in base64: as good as the clouds' own.
    node.keygen("word");
    let (seed, word) = (node.seed("key"), node.seed("word"));
    let secrets = [seed.as_str(), word.as_str()];
    tells_no(&secrets, &mut node.writer("backfill")).ok();
    tells_no(&secrets, program().arg("pubkey").arg("--key").arg(node.path("key"))).ok();
    tells_no(&secrets, node.reader("verify").args(["--vkey", &node.vkey])).ok();
    tells_no(&secrets, &mut node.reader("ls")).ok();
    node.write("audit.log", &events(100, 110));
    let missing = server("404 Not Found", NO_BUCKET);
    let stores = [
        ("s3://bucket", "http://127.0.0.1:1"),
        ("s3://bucket", &missing),
        ("az://container", "http://127.0.0.1:1/account"),
        ("gs://bucket", "http://127.0.0.1:1"),
        ("gs://bucket", &missing),
    ];
    thread::scope(|scope| {
        for (store, endpoint) in stores {
            for command in ["backfill", "verify"] {
                let mut line = asks(&node, command, store, endpoint);
                line.env("AWS_ACCESS_KEY_ID", "id").env("AWS_SECRET_ACCESS_KEY", &word);
                line.env("AWS_SESSION_TOKEN", &word).env("AZURE_STORAGE_ACCOUNT_NAME", "account");
                line.env("AZURE_STORAGE_ACCOUNT_KEY", &word)
                    .env("GOOGLE_SERVICE_ACCOUNT_KEY", &word);
                scope.spawn(move || {
                    let done = tells_no(&secrets, &mut line);
                    assert_eq!(done.code, 2, "{}", done.err);
                    assert!(json_lines(&done).len() > 1, "{}", done.err);
                });
            }
        }
    });
}

/// A command that talks to this store, with a state directory of its own.
fn asks(node: &Node, command: &str, store: &str, endpoint: &str) -> Command {
    let mut line = program();
    line.args([command, "--store", store, "--endpoint", endpoint]);
    if command == "verify" {
        line.args(["--vkey", &node.vkey]);
        return line;
    }
    let name = format!("state-{store}-{endpoint}").replace(['/', ':'], "");
    line.args(["--cluster", "prod", "--node", "cp-1", "--give-up", "100ms"]);
    line.args(["--source", &format!("audit={}", node.shown("logs/audit.log"))]);
    line.arg("--key").arg(node.path("key")).arg("--state").arg(node.path(&name));
    line
}

#[test]
fn a_key_in_the_wrong_place_is_not_repeated() {
    let node = Node::with(&events(0, 3));
    let private = fs::read_to_string(node.path("key")).unwrap().trim_end().to_owned();
    let (seed, key) = (node.seed("key"), private.as_str());
    let secrets = [seed.as_str()];
    let store = node.store();
    let lines: [&[&str]; 11] = [
        &["pubkey", "--key", key],
        &["pubkey", key],
        &[key],
        &["verify", "--store", &store, "--vkey", key],
        &["verify", "--store", key, "--vkey", &node.vkey],
        &["verify", "--store", &store, "--vkey", &node.vkey, "--origin", key],
        &["verify", "--store", &store, "--vkey", &node.vkey, "--head", key],
        &["keygen", "--out", "/nowhere/key", "--name", key],
        &["inspect", "--store", &store, key],
        &["backfill", "--source", key],
        &["keygen", "--name=prod/cp-1", &format!("--out=/nowhere/{key}")],
    ];
    for line in lines {
        assert_eq!(tells_no(&secrets, program().args(line)).code, 2, "{:?}", &line[..1]);
        let plain = finish(program().args(line));
        assert!(!plain.err.contains(&seed), "{:?}", &line[..1]);
    }
    let help = finish(program().args(["run", "--help"]).env("AUDITSEAL_KEY", key)).ok();
    assert!(!help.text().contains(&seed), "--help shows no values of the environment");
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let node = Node::with(&events(0, 100));
    node.backfill().ok();
    let full = || Stdio::from(fs::File::options().write(true).open("/dev/full").unwrap());
    for (command, args) in [
        ("cat", vec!["--origin", "prod/cp-1/audit", "--vkey", &node.vkey]),
        ("verify", vec!["--vkey", &node.vkey]),
        ("ls", vec![]),
    ] {
        let done = finish(node.reader(command).args(args).stdout(full()));
        assert_eq!(done.code, 2, "{command}: {}", done.err);
        assert!(done.err.contains("No space left on device"), "{command}: {}", done.err);
    }
    let pubkey = finish(program().arg("pubkey").arg("--key").arg(node.path("key")).stdout(full()));
    assert_eq!(pubkey.code, 2, "{}", pubkey.err);
}
