//! One page of another server: the apiserver's metrics, or our own.
//!
//! Here, and not where it is wanted, so that one crate knows about HTTP and TLS.

use std::path::PathBuf;
use std::time::Duration;

use futures::StreamExt as _;
use reqwest::{Client, StatusCode};

use crate::apart::{Apart, Names};
use crate::cause::innermost;
use crate::files::{Files, KnownClient, secret};
use auditseal_store::{Error, Kind, Operation};

/// Bytes of a page that are read at most: a large apiserver's metrics have tens of megabytes.
const LARGEST: u64 = 256 << 20;

/// Where a page is, and who asks for it. Files are read again for every request: what is in them is
/// rotated.
#[derive(Debug, Clone, Default)]
pub struct PageOptions {
    /// `http://` or `https://`.
    pub url: String,
    /// File with a bearer token.
    pub token: Option<PathBuf>,
    /// PEM file of certificate authorities to trust, instead of the system's.
    pub ca: Option<PathBuf>,
    /// PEM files of a client certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// For the whole exchange; zero for ten seconds.
    pub timeout: Duration,
}

/// Gets one page again and again.
#[derive(Debug)]
pub struct Page {
    options: PageOptions,
    client: KnownClient,
    files: Apart,
    names: Names,
}

impl Page {
    /// Prepares; nothing is read or asked yet.
    #[must_use]
    pub fn new(options: PageOptions) -> Self {
        let (files, names) = (Apart::files(), Names::default());
        Self { options, client: KnownClient::default(), files, names }
    }

    /// Gets the page and hands it out piece by piece.
    ///
    /// # Errors
    /// A file that can't be used, no answer in time, or another status than 200. The text holds
    /// nothing of the credentials.
    pub async fn get(&mut self, take: impl FnMut(&[u8])) -> Result<(), Error> {
        match self.ask(take).await? {
            200 => Ok(()),
            status => Err(self.refused(status)),
        }
    }

    /// Gets the page, whatever its status, which is returned: handed out is the body of 200 and of
    /// 503, with which a server says why it can't serve.
    ///
    /// # Errors
    /// As [`Page::get`]'s, but for the status.
    pub async fn ask(&mut self, mut take: impl FnMut(&[u8])) -> Result<u16, Error> {
        let timeout = match self.options.timeout {
            Duration::ZERO => Duration::from_secs(10),
            timeout => timeout,
        };
        match tokio::time::timeout(timeout, self.exchange(&mut take)).await {
            Ok(done) => Ok(done?.as_u16()),
            Err(_) => {
                let why = format!("no answer, or not all of it, in {} s", timeout.as_secs());
                Err(self.failed(Kind::Timeout, &why))
            }
        }
    }

    /// The status, and for 200 and 503 the body.
    async fn exchange(&mut self, take: &mut impl FnMut(&[u8])) -> Result<StatusCode, Error> {
        let PageOptions { token, ca, identity, .. } = self.options.clone();
        let read = move || {
            let files = Files::read(ca.as_deref(), identity.as_ref())?;
            let token = token.map(|path| secret(&path, "bearer token")).transpose()?;
            Ok((files, token))
        };
        let read = self.files.ask(read).await;
        let (files, token) = read.map_err(|why| self.invalid(&why))?;
        let mut request = self.client(files)?.get(&self.options.url);
        if let Some(token) = token {
            request = request.bearer_auth(&*token);
        }
        let lost = |error: &reqwest::Error| self.failed(Kind::Unavailable, &innermost(error));
        let response = request.send().await.map_err(|error| lost(&error))?;
        let status = response.status();
        let mut read = 0_u64;
        let mut body = response.bytes_stream();
        while matches!(status, StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE)
            && let Some(piece) = body.next().await
        {
            let piece = piece.map_err(|error| lost(&error))?;
            read += piece.len() as u64;
            if read > LARGEST {
                return Err(self.failed(Kind::TooLarge, "the page has no end"));
            }
            take(&piece);
        }
        Ok(status)
    }

    fn refused(&self, status: u16) -> Error {
        match status {
            401 | 403 => self.failed(Kind::Denied, &format!("answered {status}")).with_hint(
                "the apiserver wants a token or client certificate that may get /metrics \
                 (nonResourceURLs)",
            ),
            _ => self.failed(Kind::Unavailable, &format!("answered {status}")),
        }
    }

    fn client(&mut self, files: Files) -> Result<Client, Error> {
        let client = self.client.of(files, &self.names, |client| {
            // It stands beside us: a proxy that is meant for the store must not see the token.
            // Between two readings a connection would only be held open.
            client.no_proxy().pool_max_idle_per_host(0)
        });
        client.map_err(|why| self.invalid(&why))
    }

    fn invalid(&self, why: &str) -> Error {
        self.failed(Kind::Invalid, why)
    }

    fn failed(&self, kind: Kind, why: &str) -> Error {
        Error::new(Operation::Page, &shown(&self.options.url), kind, why)
    }
}

/// A URL without the name and password that somebody may have put into it.
fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "a URL without scheme".to_owned();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let path = rest[authority.len()..].split(['?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// Answers one request, and gives back what was asked.
    fn once(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/metrics", server.local_addr().unwrap());
        let asked = std::thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(head).unwrap()
        });
        (url, asked)
    }

    async fn get(options: PageOptions) -> Result<String, Error> {
        let mut text = Vec::new();
        Page::new(options).get(|piece| text.extend_from_slice(piece)).await?;
        Ok(String::from_utf8(text).unwrap())
    }

    #[tokio::test]
    async fn a_page_is_got_with_the_token_of_the_moment() {
        let (url, asked) = once("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na 1\n");
        let token = tempfile::NamedTempFile::new().unwrap();
        fs::write(token.path(), "abc.def\n").unwrap();
        let options =
            PageOptions { url, token: Some(token.path().to_owned()), ..PageOptions::default() };
        assert_eq!(get(options).await.unwrap(), "a 1\n");
        assert!(asked.join().unwrap().contains("authorization: Bearer abc.def\r\n"));
    }

    #[tokio::test]
    async fn other_answers_are_errors_without_secrets() {
        let (url, asked) = once("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        let with_password = url.replace("http://", "http://user:hunter2@");
        let error =
            get(PageOptions { url: with_password, ..PageOptions::default() }).await.unwrap_err();
        asked.join().unwrap();
        assert_eq!(error.kind(), Kind::Denied);
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        let (url, asked) =
            once("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n");
        let error = get(PageOptions { url, ..PageOptions::default() }).await.unwrap_err();
        asked.join().unwrap();
        assert!(error.to_string().contains("302"), "{error}");
        let options = PageOptions {
            url: "http://127.0.0.1:9/".to_owned(),
            token: Some("/nowhere/token".into()),
            ..PageOptions::default()
        };
        assert_eq!(get(options).await.unwrap_err().kind(), Kind::Invalid);
    }

    #[tokio::test]
    async fn silence_has_an_end() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", server.local_addr().unwrap());
        let timeout = Duration::from_millis(200);
        let error = get(PageOptions { url, timeout, ..PageOptions::default() }).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Timeout);
    }
}
