//! Requests to another system's HTTP interface: what is handed over goes there, and its answers come back whole.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use crate::apart::{Apart, Names};
use crate::cause::innermost;
use crate::files::{Files, KnownClient, secret};

/// Bytes of an answer that are read: a bulk request has one for each of its documents. They are also all that answers
/// of one other system take at a time, but for the beginning of each.
const LARGEST: usize = 8 << 20;
/// Bytes that are read of an answer whatever else is read: of one that says no, this is enough.
const BEGIN: usize = 64 << 10;
/// The longest wait that the other side may ask for: whoever says a day has made a mistake.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

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
#[derive(Debug)]
pub struct PeerAnswer {
    /// The status.
    pub status: u16,
    /// How long the other side asks to wait, five minutes at most.
    pub wait: Option<Duration>,
    /// Of which type the body is said to be, without parameters, in small letters; empty where nothing is said.
    pub content: String,
    /// The body, or the beginning of a very long one.
    pub body: Bytes,
    /// Whether the body is all of it.
    pub whole: bool,
    /// What must not be written down, if the answer quotes it.
    pub asked_with: AskedWith,
    /// Room that a large body takes until this is dropped.
    _room: Option<OwnedSemaphorePermit>,
}

/// Of who asked: what nobody else may read, in each spelling that was sent.
#[derive(Clone, Default)]
pub struct AskedWith(Vec<Zeroizing<String>>);

impl std::fmt::Debug for AskedWith {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AskedWith")
    }
}

impl AskedWith {
    /// The secrets, from the one that was sent to those that it is made of.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|secret| &***secret)
    }

    /// What a header says, and what must not be quoted of it.
    fn read(token: Option<&Path>, basic: Option<&Path>) -> Result<(HeaderMap, Self), String> {
        let (scheme, secrets) = match (token, basic) {
            (Some(path), _) => ("Bearer", vec![secret(path, "bearer token")?]),
            (None, Some(path)) => {
                let user = secret(path, "user:password")?;
                let password = user.split_once(':').map_or("", |(_, password)| password);
                let password = Zeroizing::new(password.to_owned());
                let sent = Zeroizing::new(STANDARD.encode(user.as_bytes()));
                ("Basic", vec![sent, user, password])
            }
            (None, None) => return Ok((HeaderMap::new(), Self::default())),
        };
        let value = secrets.first().map_or("", |sent| sent);
        let value = Zeroizing::new(format!("{scheme} {value}"));
        let value = HeaderValue::from_str(&value);
        let mut value = value.map_err(|_| "the secret can't stand in a header".to_owned())?;
        value.set_sensitive(true);
        Ok((HeaderMap::from_iter([(AUTHORIZATION, value)]), Self(secrets)))
    }
}

/// Another system. Proxies are those that the environment names (`HTTPS_PROXY` and the like).
#[derive(Debug)]
pub struct Peer {
    options: PeerOptions,
    client: Mutex<KnownClient>,
    files: Apart,
    names: Names,
    /// [`LARGEST`], in pieces of [`BEGIN`].
    room: Arc<Semaphore>,
}

impl Peer {
    /// Prepares; nothing is read or asked yet.
    #[must_use]
    pub fn new(options: PeerOptions) -> Self {
        let (files, names) = (Apart::files(), Names::default());
        let room = Arc::new(Semaphore::new(LARGEST / BEGIN));
        Self { options, client: Mutex::default(), files, names, room }
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
        let (client, (headers, asked_with)) = self.prepared().await?;
        let mut request = client.request(method, url).headers(headers);
        for (name, value) in asked.headers {
            request = request.header(name, value);
        }
        if !asked.body.is_empty() {
            request = request.body(asked.body);
        }
        let response = request.send().await.map_err(|error| innermost(&error))?;
        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let wait = header(RETRY_AFTER).and_then(|wait| retry_after(wait, header(DATE)));
        let content = header(CONTENT_TYPE).and_then(|content| content.split(';').next());
        let content = content.unwrap_or_default().trim().to_ascii_lowercase();
        let most = if status.is_success() { LARGEST } else { BEGIN };
        let (body, whole, room) = self.body(response, most).await?;
        let status = status.as_u16();
        Ok(PeerAnswer { status, wait, content, body, whole, asked_with, _room: room })
    }

    /// A body up to so many bytes, and whether that is all of it. What is larger is dropped, but for its beginning.
    async fn body(
        &self,
        response: Response,
        most: usize,
    ) -> Result<(Bytes, bool, Option<OwnedSemaphorePermit>), String> {
        // Who doesn't say how much it is may say anything.
        let told = response.content_length().and_then(|length| usize::try_from(length).ok());
        let limit = if told.is_some_and(|told| told > most) { BEGIN } else { most };
        let (mut body, mut pieces) = (BytesMut::new(), response.bytes_stream());
        let mut room = None;
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| innermost(&error))?;
            if body.len() + piece.len() > limit {
                let left = BEGIN.saturating_sub(body.len()).min(piece.len());
                body.extend_from_slice(&piece[..left]);
                return Ok((Bytes::copy_from_slice(&body[..BEGIN]), false, None));
            }
            if room.is_none() && body.len() + piece.len() > BEGIN {
                let wanted = told.unwrap_or(LARGEST).clamp(BEGIN, LARGEST).div_ceil(BEGIN);
                let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
                // Nobody closes it.
                room = Arc::clone(&self.room).acquire_many_owned(wanted).await.ok();
            }
            body.extend_from_slice(&piece);
        }
        Ok((body.freeze(), true, room))
    }

    /// Reads the files: what is asked with, and who asks.
    async fn prepared(&self) -> Result<(Client, (HeaderMap, AskedWith)), String> {
        let PeerOptions { token, basic, ca, identity, .. } = self.options.clone();
        let none = token.is_none() && basic.is_none() && ca.is_none() && identity.is_none();
        let read = move || {
            let files = Files::read(ca.as_deref(), identity.as_ref())?;
            Ok((files, AskedWith::read(token.as_deref(), basic.as_deref())?))
        };
        let (files, who) = if none { read()? } else { self.files.ask(read).await? };
        let mut known = self.client.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok((known.of(files, &self.names, |client| client)?, who))
    }
}

/// How long `Retry-After` asks to wait: seconds, or a date, taken against the answer's own where it has one.
fn retry_after(wait: &str, now: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = wait.trim().parse() {
        return Some(Duration::from_secs(seconds).min(LONGEST_WAIT));
    }
    let until = httpdate::parse_http_date(wait.trim()).ok()?;
    let now = now.and_then(|now| httpdate::parse_http_date(now).ok());
    let wait = until.duration_since(now.unwrap_or_else(SystemTime::now)).ok()?;
    Some(wait.min(LONGEST_WAIT))
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
            // Ten times as long as is waited, and longer.
            ("3000", Some(300)),
            ("99999999999", Some(300)),
            ("Sat, 06 Nov 2094 08:51:37 GMT", Some(300)),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(retry_after(text, now), seconds.map(Duration::from_secs), "{text}");
        }
        let longest = retry_after("Fri, 31 Dec 9999 23:59:59 GMT", None);
        assert_eq!(longest, Some(LONGEST_WAIT));
    }

    /// Ten times as much as is read, of an answer that says how long it is and of one that doesn't.
    #[tokio::test]
    async fn an_answer_has_an_end() {
        let timeout = Duration::from_secs(60);
        for (status, length, read) in [
            ("200", Some(10 * LARGEST), BEGIN),
            ("200", None, BEGIN),
            ("200", Some(LARGEST), LARGEST),
            ("503", Some(10 * BEGIN), BEGIN),
            ("503", Some(BEGIN), BEGIN),
            ("503", None, BEGIN),
        ] {
            let told = length.map_or("Connection: close".to_owned(), |length| {
                format!("Content-Length: {length}")
            });
            let head =
                format!("HTTP/1.1 {status} X\r\nContent-Type: Text/HTML; a=b\r\n{told}\r\n\r\n");
            let mut answer = head.into_bytes();
            answer.resize(
                answer.len() + length.unwrap_or(LARGEST + (1 << 20)).min(LARGEST + (1 << 20)),
                b'x',
            );
            let (url, request) = once(answer);
            let peer = Peer::new(PeerOptions { url, timeout, ..PeerOptions::default() });
            let answer = peer.ask(asked()).await.unwrap();
            assert_eq!(answer.body.len(), read, "{status} {length:?}");
            assert_eq!(answer.whole, length == Some(read), "{status} {length:?}");
            assert_eq!(answer.content, "text/html");
            let taken = if answer.body.len() > BEGIN { LARGEST / BEGIN } else { 0 };
            assert_eq!(peer.room.available_permits(), LARGEST / BEGIN - taken);
            drop(answer);
            assert_eq!(peer.room.available_permits(), LARGEST / BEGIN);
            drop(request);
        }
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

    /// Whoever opens a named pipe waits for its writer, and reads until that one is gone.
    #[tokio::test]
    async fn a_pipe_in_place_of_a_file_holds_nothing_up() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let url = "http://127.0.0.1:9".to_owned();
        let plain = PeerOptions { url, timeout: Duration::from_secs(60), ..PeerOptions::default() };
        for options in [
            PeerOptions { token: Some(pipe.clone()), ..plain.clone() },
            PeerOptions { basic: Some(pipe.clone()), ..plain.clone() },
            PeerOptions { ca: Some(pipe.clone()), ..plain.clone() },
            PeerOptions { identity: Some((pipe.clone(), pipe.clone())), ..plain.clone() },
        ] {
            let error = Peer::new(options).ask(asked()).await.unwrap_err();
            assert_eq!(error, format!("read {}: it isn't a regular file", pipe.display()));
        }
    }
}
