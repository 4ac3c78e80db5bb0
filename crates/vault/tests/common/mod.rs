//! A scripted HTTP server on the loopback interface, and tests in a process of their own.
#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod tls;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use auditseal_store::{Error, ObjectInfo, Store};
use auditseal_vault::Options;
use futures::StreamExt;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// A server that answers each connection's one request with whatever the test writes.
pub(crate) struct Server {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) fn new(answer: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let Some(request) = receive(&stream) else { return };
                    log.lock().unwrap().push(request.clone());
                    answer(&request, &mut stream);
                });
            }
        });
        Self { address, requests }
    }

    /// A server that gives every request the same answer.
    pub(crate) fn fixed(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::new(move |_, stream| {
            stream.write_all(&answer).ok();
        })
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            endpoint: Some(self.endpoint()),
            timeout: Duration::from_millis(600),
            ..Options::default()
        }
    }

    pub(crate) fn open(&self, url: &str) -> Arc<dyn Store> {
        auditseal_vault::open(url, &self.options()).unwrap()
    }
}

fn receive(stream: impl Read) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&length| length > 0)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        let value = value.trim();
        let first = headers.entry(name.to_ascii_lowercase());
        first
            .and_modify(|all: &mut String| *all += &format!(", {value}"))
            .or_insert(value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, target, headers, body })
}

/// A complete answer.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
}

/// The headers that every store sends with an object.
pub(crate) const OBJECT: &str = "ETag: \"e\"\r\nLast-Modified: Wed, 21 Oct 2026 07:28:00 GMT\r\n";

pub(crate) fn xml_error(status: &str, code: &str) -> String {
    answer(
        status,
        "",
        &format!(
            "<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>Why.</Message></Error>"
        ),
    )
}

/// A fresh value that looks like a key.
pub(crate) fn secret() -> String {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).unwrap();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs the test `name` again in a process of its own with exactly the variables `env`, and `body`
/// there: the process's environment can't be changed safely beside other tests.
pub(crate) fn in_child(name: &str, env: &[(&str, &str)], body: impl Future<Output = ()>) {
    const MARK: &str = "AUDITSEAL_VAULT_TEST_CHILD";
    if std::env::var_os(MARK).is_some() {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(body);
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env_clear()
        .env(MARK, "1")
        .envs(env.iter().copied())
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && stdout.contains("1 passed"),
        "{stdout}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// As [`in_child`], with S3 credentials made up for this run.
pub(crate) fn with_s3_keys(name: &str, body: impl Future<Output = ()>) {
    let (id, key) = (secret(), secret());
    in_child(name, &[("AWS_ACCESS_KEY_ID", &id), ("AWS_SECRET_ACCESS_KEY", &key)], body);
}

/// Everything that a listing yields.
pub(crate) async fn listed(store: &dyn Store, prefix: &str) -> Vec<Result<ObjectInfo, Error>> {
    store.list(prefix).collect().await
}
