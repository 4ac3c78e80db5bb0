//! Credentials that change while the daemon runs: a token's file is read again for each new
//! credential, as EKS Pod Identity and the like write it anew every few hours.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use node::{Node, Running, events, until};

/// The access keys that signed requests to the store, in order.
type Seen = Arc<Mutex<Vec<String>>>;

/// A store that is always busy, and beside it what gives the token's bearer a credential for one
/// minute: too short to be used twice, since it is renewed five minutes before its end.
fn serve(seen: &Seen) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::clone(seen);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let seen = Arc::clone(&seen);
            thread::spawn(move || drop(answer(stream.unwrap(), &seen)));
        }
    });
    format!("http://{address}")
}

fn answer(stream: TcpStream, seen: &Seen) -> std::io::Result<()> {
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
        ("503 Service Unavailable", String::new())
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
    let server = serve(&seen);
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
