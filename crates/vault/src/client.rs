//! The HTTP client under `object_store`: bounds in time and size, and faithful error answers.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use object_store::{ClientConfigKey, ClientOptions};
use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Certificate, ClientBuilder};
use tokio::time::Instant;

use crate::answer::{Answer, Failure, What};
use crate::cause::transport;
use crate::checksum::Sent;
use crate::pace::Pace;
use crate::pages::unescape;
use crate::request::{Extra, Small};
use crate::traffic::Traffic;
use auditseal_store::looks_like_html;

/// What of an error answer is read, bytes.
const ERROR_LIMIT: u64 = 64 * 1024;
/// The largest page of a listing, bytes: Azure's 5,000 entries of the longest keys fit.
const LIST_LIMIT: u64 = 32 * 1024 * 1024;
/// Redirects that are followed for one request.
const HOPS: usize = 4;

/// Makes guarded clients.
#[derive(Debug)]
pub(crate) struct Connector {
    pub(crate) pace: Pace,
    pub(crate) traffic: Traffic,
    /// Whom to trust beside the system's authorities.
    pub(crate) certificates: Vec<Certificate>,
    /// Time to connect, at most [`CONNECT_TIMEOUT`].
    pub(crate) connect: Duration,
    /// How URLs begin at which the machine's credentials are handed out, beside [`METADATA`]'s.
    pub(crate) metadata: Vec<String>,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = self.client(options)?;
        let (pace, metadata) = (self.pace.clone(), self.metadata.clone());
        let traffic = self.traffic.clone();
        Ok(HttpClient::new(Guard { inner, direct: direct()?, metadata, pace, traffic }))
    }
}

impl Connector {
    /// The client of the store itself: `object_store`'s own would follow a redirect to any host, with the
    /// session token and the bytes that are put.
    fn client(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let plain = options.get_config_value(&ClientConfigKey::AllowHttp);
        built(
            reqwest::Client::builder()
                .user_agent(concat!("auditseal/", env!("CARGO_PKG_VERSION")))
                .tls_certs_merge(self.certificates.iter().cloned())
                .https_only(plain.as_deref() != Some("true"))
                .redirect(Policy::custom(stay))
                .connect_timeout(self.connect)
                // What is compressed on the way has another size than the object.
                .no_gzip()
                .no_brotli()
                .no_zstd()
                .no_deflate()
                // Faster for stores, and each request may go another way.
                .http1_only(),
        )
    }
}

/// Follows a redirect on the host that was asked. Elsewhere nobody is meant to get the credentials, or what is
/// sealed: the answer is an error. So is a 303, by which a put would become a get, whose success would pass for its own.
fn stay(attempt: Attempt<'_>) -> Action {
    let same =
        attempt.previous().last().is_some_and(|last| last.origin() == attempt.url().origin());
    if same && attempt.status() != 303 && attempt.previous().len() <= HOPS {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

/// A client that goes through no proxy: whatever stands in between might hand out the credentials of
/// its own machine, and these would be taken for ours.
fn direct() -> object_store::Result<HttpClient> {
    let client = reqwest::Client::builder().no_proxy().redirect(Policy::none());
    built(client.connect_timeout(METADATA_TIMEOUT))
}

fn built(client: ClientBuilder) -> object_store::Result<HttpClient> {
    let client = client.build().map_err(|source| object_store::Error::Generic {
        store: "HTTP client",
        source: Box::new(source),
    })?;
    Ok(HttpClient::new(client))
}

/// Bounds every exchange, and turns every answer but success into a [`Failure`].
///
/// Without it an error answer of any size is buffered whole, one that isn't UTF-8 loses its status,
/// and the time limit is the same for one byte and for a gigabyte.
#[derive(Debug)]
struct Guard {
    inner: HttpClient,
    /// For the machine's metadata service.
    direct: HttpClient,
    metadata: Vec<String>,
    pace: Pace,
    traffic: Traffic,
}

#[async_trait]
impl HttpService for Guard {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if let Some(extra) = request.extensions_mut().remove::<Extra>() {
            extra.apply(&mut request).await?;
        }
        let purpose = Purpose::of(&request, &self.metadata);
        let client = if purpose == Purpose::Credentials { &self.direct } else { &self.inner };
        let confidential = Confidential::of(&request);
        let ranged = request.headers().contains_key("range");
        let sent = request.extensions_mut().remove::<Sent>();
        let failed = |what: What| {
            let kind = match what {
                What::Silence(_) | What::NoConnection => HttpErrorKind::Timeout,
                _ => HttpErrorKind::Unknown,
            };
            let for_credentials = purpose == Purpose::Credentials;
            HttpError::new(kind, Failure { what, for_credentials })
        };
        let (sender, size) = (self.pace.sender(), request.body().content_length() as u64);
        let (allowed, begun) = (sender.allows(size), Instant::now());
        self.traffic.sent();
        let response = match tokio::time::timeout(allowed, client.execute(request)).await {
            Err(_) => {
                if size > 0 {
                    sender.too_slow();
                }
                return Err(failed(What::Silence(allowed)));
            }
            Ok(Err(error)) => return Err(failed(transport(&error))),
            Ok(Ok(response)) => response,
        };
        self.traffic.answered(response.headers());
        // A refusal may come before the body has gone out.
        if response.status().is_success() {
            sender.done(size, begun.elapsed());
        }
        let other = sent.filter(|_| response.status().is_success());
        if let Some(other) = other.and_then(|sent| sent.contradicted(response.headers())) {
            let what = format!("the store says that it stored other bytes than were sent: {other}");
            return Err(failed(What::Transport(what)));
        }
        if response.status() == 206 && !ranged {
            // A part would pass for the whole object, and the whole for damaged.
            let what = "the server answered with a part where the whole was asked for".to_owned();
            return Err(failed(What::Transport(what)));
        }
        if response.status().is_success() && purpose == Purpose::Object {
            // The body is the caller's to bound: only it knows how much it wants.
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        if parts.status.is_success() {
            let (bytes, cut) = self.read(body, LIST_LIMIT).await.map_err(failed)?;
            if cut {
                return Err(failed(What::Flood(LIST_LIMIT)));
            }
            let start = String::from_utf8_lossy(&bytes[..bytes.len().min(2048)]);
            if purpose != Purpose::Credentials && looks_like_html(&start) {
                // Read as a listing it would be an empty one: "there is no chain yet".
                let what = "the answer is an HTML page where a listing was asked for".to_owned();
                return Err(failed(What::Transport(what)));
            }
            return Ok(HttpResponse::from_parts(parts, bytes.into()));
        }
        let (bytes, _) = self.read(body, ERROR_LIMIT).await.map_err(failed)?;
        let header = |name: &str| Some(parts.headers.get(name)?.to_str().ok()?.to_owned());
        let answer = Answer::read(
            parts.status.as_u16(),
            header("x-ms-error-code"),
            header("x-amz-bucket-region"),
            &confidential.hide(&String::from_utf8_lossy(&bytes)),
        );
        Err(failed(What::Answer(answer)))
    }
}

impl Guard {
    /// Reads a body up to `limit` bytes; the flag says that there was more.
    async fn read(&self, body: HttpResponseBody, limit: u64) -> Result<(Bytes, bool), What> {
        let mut body = body.bytes_stream();
        let mut patience = self.pace.reader();
        let mut bytes = BytesMut::new();
        loop {
            match patience.next(&mut body).await {
                Err(slow) => return Err(What::Silence(slow.waited)),
                Ok(None) => return Ok((bytes.freeze(), false)),
                Ok(Some(Err(error))) => return Err(transport(&error)),
                Ok(Some(Ok(piece))) => bytes.extend_from_slice(&piece),
            }
            if patience.received() > limit {
                bytes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
                return Ok((bytes.freeze(), true));
            }
        }
    }
}

/// Time to connect, including name resolution and TLS.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The same to the metadata service, which is on the machine or not at all.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

/// What of a request must not be quoted by its answer's error: debugging proxies and token
/// endpoints repeat what they were sent.
struct Confidential(Vec<String>);

impl Confidential {
    fn of(request: &HttpRequest) -> Self {
        let header = |name: &str| request.headers().get(name)?.to_str().ok();
        let mut found: Vec<_> = ["authorization", "x-amz-security-token"]
            .iter()
            .filter_map(|name| header(name))
            .collect();
        let form = header("content-type").is_some_and(|kind| kind.ends_with("form-urlencoded"));
        let body = request.body().as_bytes().filter(|_| form);
        let body = body.and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
        let secret = |name: &str| {
            ["secret", "token", "assertion", "password"].iter().any(|word| name.contains(word))
        };
        let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
        found.extend(pairs.filter(|(name, _)| secret(name)).map(|(_, value)| value));
        // The scheme before a token is none of it. What is short isn't secret, and would be found
        // in harmless words.
        let found = found.into_iter().filter_map(|text| text.split(' ').next_back());
        let decoded = |text: &str| unescape(text, true);
        let found = found.flat_map(|text| [text.to_owned(), decoded(text)]);
        Self(found.filter(|text| text.len() >= 8).collect())
    }

    fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To read an object: the answer may be of any size.
    Object,
    /// Everything else that a store does: the answer is small.
    Control,
    /// To get credentials from the machine's metadata service.
    Credentials,
}

/// The addresses of the clouds' metadata services.
const METADATA: [&str; 6] = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "[fd00:ec2::254]",
    "metadata.google.internal",
    "metadata",
];

impl Purpose {
    fn of(request: &HttpRequest, metadata: &[String]) -> Self {
        let uri = request.uri();
        let told = metadata.iter().any(|begin| uri.to_string().starts_with(begin));
        if told || uri.host().is_some_and(|host| METADATA.contains(&host)) {
            return Self::Credentials;
        }
        let small = request.extensions().get::<Small>().is_some();
        if request.method() == "GET" && !small { Self::Object } else { Self::Control }
    }
}
