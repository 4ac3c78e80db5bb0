//! Where credentials come from. A token's file is read again for each new credential, as EKS Pod
//! Identity and the like write it anew every few hours; the machine's metadata service is asked
//! directly, and variables are taken as they are meant.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use node::{Node, Running, events, finish, program, until};

const BUSY: &str = "503 Service Unavailable";
const DENIED: &str = "403 Forbidden";

/// The access keys that signed requests to the store, in order.
type Seen = Arc<Mutex<Vec<String>>>;

/// A store that gives every request this answer, and beside it what gives the token's bearer a credential for one
/// minute: too short to be used twice, since it is renewed five minutes before its end.
fn serve(seen: &Seen, status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::clone(seen);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let seen = Arc::clone(&seen);
            thread::spawn(move || drop(answer(stream.unwrap(), &seen, status)));
        }
    });
    format!("http://{address}")
}

fn answer(stream: TcpStream, seen: &Seen, refusal: &str) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let mut authorization = String::new();
    for line in lines {
        let line = line?;
        match line.split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                authorization = value.to_owned();
            }
            Some(_) => {}
            None => break,
        }
    }
    let (status, body) = if request.contains("/credential ") {
        let soon = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
        let soon = humantime::format_rfc3339_seconds(soon);
        let body = format!(
            "{{\"AccessKeyId\":\"{authorization}\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\
             \"Expiration\":\"{soon}\"}}"
        );
        ("200 OK", body)
    } else {
        let key = authorization.split_once("Credential=").map(|(_, rest)| rest).unwrap_or_default();
        let key = key.split('/').next().unwrap_or_default().to_owned();
        seen.lock().unwrap().push(key);
        (refusal, String::new())
    };
    let length = body.len();
    write!(
        &stream,
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

#[test]
fn a_token_file_is_read_again() {
    let node = Node::with(&events(0, 10));
    let seen = Seen::default();
    let server = serve(&seen, BUSY);
    fs::write(node.path("token"), "KEYONE").unwrap();
    let mut command = node.bare("run");
    command.args(["--source", &format!("audit={}", node.shown("logs/audit.log"))]);
    command.args(["--store", "s3://bucket/k8s", "--endpoint", &server, "--region", "r"]);
    command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{server}/credential"));
    command.env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", node.path("token"));
    let daemon = Running::start(&mut command);
    let last = || seen.lock().unwrap().last().cloned().unwrap_or_default();
    until("the first key signs", || last() == "KEYONE");
    fs::write(node.path("token"), "KEYTWO").unwrap();
    until("the new key signs", || last() == "KEYTWO");
    drop(daemon);
}

/// A proxy that passes nothing on, and keeps the heads of what it was asked.
fn proxy(asked: &Seen) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::clone(asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            asked.lock().unwrap().push(head.join("\n"));
            let answer =
                b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            drop((&stream).write_all(answer));
        }
    });
    format!("http://{address}")
}

#[test]
fn the_metadata_service_is_asked_past_the_proxy() {
    let node = Node::with(&events(0, 10));
    let (seen, asked) = (Seen::default(), Seen::default());
    let (server, proxy) = (serve(&seen, BUSY), proxy(&asked));
    fs::write(node.path("token"), "KEYONE").unwrap();
    let mut command = node.bare("run");
    command.args(["--source", &format!("audit={}", node.shown("logs/audit.log"))]);
    command.args(["--store", "s3://bucket/k8s", "--endpoint", "http://store.invalid"]);
    command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{server}/credential"));
    command.env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", node.path("token"));
    command.env("HTTP_PROXY", &proxy).env("http_proxy", &proxy);
    let daemon = Running::start(&mut command);
    let last = || asked.lock().unwrap().last().cloned().unwrap_or_default();
    until("the store is asked through the proxy, with the machine's key", || {
        last().contains("http://store.invalid/") && last().contains("Credential=KEYONE")
    });
    drop(daemon);
    assert!(!asked.lock().unwrap().iter().any(|head| head.contains("/credential")));
}

/// A command that reads from a store which denies it.
fn reader(node: &Node, server: &str) -> Command {
    let mut command = program();
    command.args(["ls", "--store", "s3://bucket/k8s", "--endpoint", server, "--timeout", "1s"]);
    command.env("AWS_ACCESS_KEY_ID", "KEYONE").env("AWS_SECRET_ACCESS_KEY", "sesame");
    command.env("AWS_REGION", "eu-west-1").current_dir(node.dir.path());
    command
}

#[test]
fn a_line_break_behind_a_variables_value_is_left_out_and_named() {
    let node = Node::new();
    let seen = Seen::default();
    let server = serve(&seen, DENIED);
    let names = [
        ("AWS_ACCESS_KEY_ID", "KEYONE"),
        ("AWS_SECRET_ACCESS_KEY", "sesame"),
        ("AWS_SESSION_TOKEN", "token"),
        ("AWS_REGION", "eu-west-1"),
    ];
    for (name, value) in names {
        let done = finish(reader(&node, &server).env(name, format!("{value}\n")));
        assert_eq!(done.code, 2, "the store denies it: {}", done.err);
        assert!(done.err.contains(&format!("the value of {name} has white space")), "{}", done.err);
        assert!(!done.err.contains("a fault of auditseal"), "{}", done.err);
        assert_eq!(seen.lock().unwrap().pop().as_deref(), Some("KEYONE"), "{name}");
        seen.lock().unwrap().clear();
    }
    for cloud in ["az://container", "gs://bucket"] {
        let mut command = program();
        command.args(["ls", "--store", cloud, "--endpoint", &server, "--timeout", "1s"]);
        command.env("AZURE_STORAGE_ACCOUNT_NAME", "account\n");
        command.env("AZURE_STORAGE_ACCOUNT_KEY", "a2V5\n");
        let done = finish(&mut command);
        assert!(done.code == 2 && !done.err.contains("a fault of auditseal"), "{}", done.err);
    }
}

#[test]
fn a_line_break_amid_a_variables_value_is_refused_by_its_name() {
    let node = Node::new();
    let server = serve(&Seen::default(), DENIED);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"] {
        let done = finish(reader(&node, &server).env(name, "open\nsesame"));
        done.refused(&format!("the value of {name} holds a line break"));
        assert!(!done.err.contains("sesame"), "{}", done.err);
    }
}

#[test]
fn googles_credentials_that_are_not_read_say_what_to_do() {
    let node = Node::new();
    for kind in ["external_account", "impersonated_service_account"] {
        let file = node.path("google.json");
        fs::write(&file, format!("{{\"type\":\"{kind}\",\"audience\":\"a\"}}")).unwrap();
        let mut command = program();
        command.args(["ls", "--store", "gs://bucket/x"]);
        let done = finish(command.env("GOOGLE_APPLICATION_CREDENTIALS", &file));
        done.refused(kind);
        assert!(done.err.contains("GOOGLE_SERVICE_ACCOUNT"), "{}", done.err);
    }
}

/// What an error of a client quotes of a variable is what it was given: without the line break.
#[test]
fn a_secret_with_a_line_break_behind_it_is_not_quoted_either() {
    for value in ["sesame-open", "sesame-open\n"] {
        let mut command = program();
        command.args(["ls", "--store", "gs://bucket/x"]);
        let done = finish(command.env("GOOGLE_SERVICE_ACCOUNT", value));
        assert_eq!(done.code, 2, "{}", done.err);
        assert!(done.err.contains("from ***") && !done.err.contains("sesame"), "{}", done.err);
    }
}
