//! Requests to another system's HTTP interface: what is handed over goes there, and its answers come back whole.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use reqwest::header::{AUTHORIZATION, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method};
use zeroize::Zeroizing;

use crate::cause::innermost;
use crate::files::{KnownClient, secret};

/// Bytes of an answer that are read: a bulk request has one for each of its documents.
const LARGEST: usize = 32 << 20;

/// Where the other system is, and who asks. Files are read again for every request.
#[derive(Debug, Clone, Default)]
pub struct PeerOptions {
    /// `http://` or `https://`, a host, and perhaps how its paths begin.
    pub url: String,
    /// File with a bearer token.
    pub token: Option<PathBuf>,
    /// File with `user:password`.
    pub basic: Option<PathBuf>,
    /// PEM file of certificate authorities to trust, instead of the system's.
    pub ca: Option<PathBuf>,
    /// PEM files of a client certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// For a whole exchange.
    pub timeout: Duration,
}

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct PeerRequest {
    /// `GET`, `PUT` or `POST`.
    pub method: &'static str,
    /// The path behind the URL, with its query.
    pub path: String,
    /// Headers, beside those that say who asks.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAnswer {
    /// The status.
    pub status: u16,
    /// How long the other side asks to wait.
    pub wait: Option<Duration>,
    /// The body, or the beginning of a very long one.
    pub body: Bytes,
}

/// Another system. Proxies are those that the environment names (`HTTPS_PROXY` and the like).
#[derive(Debug)]
pub struct Peer {
    options: PeerOptions,
    client: Mutex<KnownClient>,
}

impl Peer {
    /// Prepares; nothing is read or asked yet.
    #[must_use]
    pub fn new(options: PeerOptions) -> Self {
        Self { options, client: Mutex::default() }
    }

    /// Asks once.
    ///
    /// # Errors
    /// Why there is no answer: a file that can't be used, no connection, no answer in time. The text has nothing of
    /// the credentials.
    pub async fn ask(&self, asked: PeerRequest) -> Result<PeerAnswer, String> {
        match tokio::time::timeout(self.options.timeout, self.exchange(asked)).await {
            Ok(answer) => answer,
            Err(_) => {
                Err(format!("no answer, or not all of it, in {} s", self.options.timeout.as_secs()))
            }
        }
    }

    async fn exchange(&self, asked: PeerRequest) -> Result<PeerAnswer, String> {
        let method = Method::from_bytes(asked.method.as_bytes()).unwrap_or(Method::POST);
        let url = format!("{}{}", self.options.url, asked.path);
        let mut request = self.client()?.request(method, url).headers(self.authorization()?);
        for (name, value) in asked.headers {
            request = request.header(name, value);
        }
        if !asked.body.is_empty() {
            request = request.body(asked.body);
        }
        let response = request.send().await.map_err(|error| innermost(&error))?;
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let wait = header(RETRY_AFTER).and_then(|wait| retry_after(wait, header(DATE)));
        let (mut body, mut pieces) = (BytesMut::new(), response.bytes_stream());
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| innermost(&error))?;
            if body.len() + piece.len() > LARGEST {
                return Err(format!("answered {status} with more than {LARGEST} bytes"));
            }
            body.extend_from_slice(&piece);
        }
        Ok(PeerAnswer { status, wait, body: body.freeze() })
    }

    fn authorization(&self) -> Result<HeaderMap, String> {
        let value = match (&self.options.token, &self.options.basic) {
            (Some(path), _) => {
                let token = secret(path, "bearer token")?;
                Zeroizing::new(format!("Bearer {}", *token))
            }
            (None, Some(path)) => {
                let user = secret(path, "user:password")?;
                let user = Zeroizing::new(STANDARD.encode(user.as_bytes()));
                Zeroizing::new(format!("Basic {}", *user))
            }
            (None, None) => return Ok(HeaderMap::new()),
        };
        let value = HeaderValue::from_str(&value);
        let mut value = value.map_err(|_| "the secret can't stand in a header".to_owned())?;
        value.set_sensitive(true);
        Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
    }

    fn client(&self) -> Result<Client, String> {
        let (ca, identity) = (self.options.ca.as_deref(), self.options.identity.as_ref());
        let mut known = self.client.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.of(ca, identity, |client| client)
    }
}

/// How long `Retry-After` asks to wait: seconds, or a date, taken against the answer's own where it has one.
fn retry_after(wait: &str, now: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = wait.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(wait.trim()).ok()?;
    let now = now.and_then(|now| httpdate::parse_http_date(now).ok());
    until.duration_since(now.unwrap_or_else(SystemTime::now)).ok()
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// Answers one request, and gives back what was asked.
    fn once(answer: Vec<u8>) -> (String, std::thread::JoinHandle<String>) {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", server.local_addr().unwrap());
        let asked = std::thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            // Whoever asked may have gone.
            drop(stream.write_all(&answer));
            String::from_utf8(head).unwrap()
        });
        (url, asked)
    }

    fn asked() -> PeerRequest {
        PeerRequest {
            method: "POST",
            path: "/a?b=c".to_owned(),
            headers: vec![("x-d", "e".to_owned())],
            body: Bytes::new(),
        }
    }

    #[tokio::test]
    async fn who_asks_is_read_at_each_request() {
        let secret = tempfile::NamedTempFile::new().unwrap();
        for (word, header) in
            [("ann:secret", "Basic YW5uOnNlY3JldA=="), ("ann:other", "Basic YW5uOm90aGVy")]
        {
            let (url, request) =
                once(b"HTTP/1.1 429 No\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno".to_vec());
            std::fs::write(secret.path(), word).unwrap();
            let basic = Some(secret.path().to_owned());
            let peer = Peer::new(PeerOptions {
                url,
                basic,
                timeout: Duration::from_secs(5),
                ..PeerOptions::default()
            });
            let answer = peer.ask(asked()).await.unwrap();
            assert_eq!(
                (answer.status, answer.wait, &answer.body[..]),
                (429, Some(Duration::from_secs(7)), &b"no"[..])
            );
            let request = request.join().unwrap();
            assert!(
                request.starts_with("POST /a?b=c HTTP/1.1\r\n") && request.contains("x-d: e"),
                "{request}"
            );
            assert!(request.contains(&format!("authorization: {header}")), "{request}");
        }
    }

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        let now = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        for (text, seconds) in [
            ("0", Some(0)),
            (" 7", Some(7)),
            ("Sun, 06 Nov 1994 08:51:37 GMT", Some(120)),
            ("Sun, 06 Nov 1994 08:40:37 GMT", None),
            ("soon", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(retry_after(text, now), seconds.map(Duration::from_secs), "{text}");
        }
        assert!(retry_after("Fri, 31 Dec 9999 23:59:59 GMT", None).is_some());
    }

    #[tokio::test]
    async fn an_answer_has_an_end() {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 10 * LARGEST);
        let mut answer = head.into_bytes();
        answer.resize(answer.len() + LARGEST + (1 << 20), b'x');
        let (url, request) = once(answer);
        let timeout = Duration::from_secs(60);
        let error = Peer::new(PeerOptions { url, timeout, ..PeerOptions::default() })
            .ask(asked())
            .await
            .unwrap_err();
        assert!(error.contains("answered 200 with more than"), "{error}");
        drop(request);
        let peer = |options: PeerOptions| {
            Peer::new(PeerOptions { url: "http://127.0.0.1:9".to_owned(), timeout, ..options })
        };
        let token = Some("/nowhere/token".into());
        let error =
            peer(PeerOptions { token, ..PeerOptions::default() }).ask(asked()).await.unwrap_err();
        assert!(error.starts_with("read /nowhere/token: "), "{error}");
        let error = peer(PeerOptions::default()).ask(asked()).await.unwrap_err();
        assert!(error.contains("refused"), "{error}");
    }
}
