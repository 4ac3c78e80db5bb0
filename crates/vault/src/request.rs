//! Our own requests to a cloud, for what `object_store` doesn't do: listing as it is, versions,
//! locks, and headers that a signature must cover.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use object_store::aws::{AwsAuthorizer, AwsCredentialProvider};
use object_store::azure::{AzureAuthorizer, AzureCredential, AzureCredentialProvider};
use object_store::client::{HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody};
use object_store::gcp::GcpCredentialProvider;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use crate::answer::{Failure, What};
use crate::date;

/// Marks a request as one of ours, whose answer is small whatever it asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Small;

/// SHA-256 of nothing.
const NOTHING: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// Which cloud's dialect a server speaks, and the URLs that requests begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// S3: the bucket.
    S3 { bucket: String },
    /// Google: the bucket by the XML interface, and by the JSON interface.
    Google { bucket: String, json: String },
    /// Azure: the container.
    Azure { container: String },
}

/// How requests are signed.
pub(crate) enum Signer {
    /// Not at all.
    Nobody,
    /// With an AWS signature, version 4.
    Aws { credentials: AwsCredentialProvider, region: String, payload: bool, payer: bool },
    /// With a bearer token.
    Google(GcpCredentialProvider),
    /// With a shared key, a shared access signature or a bearer token.
    Azure { credentials: AzureCredentialProvider, account: String },
}

impl fmt::Debug for Signer {
    /// Nothing of the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// Signs a request that carries no signature yet; `digest` is its body's SHA-256.
    async fn sign(&self, request: &mut HttpRequest, digest: &[u8]) -> object_store::Result<()> {
        match self {
            Self::Nobody => Ok(()),
            Self::Aws { credentials, region, payload, payer } => {
                let credential = credentials.get_credential().await?;
                AwsAuthorizer::new(&credential, "s3", region)
                    .with_sign_payload(*payload)
                    .with_request_payer(*payer)
                    .try_authorize(request, Some(digest))
            }
            Self::Google(credentials) => {
                let credential = credentials.get_credential().await?;
                let token = HeaderValue::from_str(&format!("Bearer {}", credential.bearer));
                if let Ok(mut token) = token {
                    token.set_sensitive(true);
                    request.headers_mut().insert(AUTHORIZATION, token);
                }
                Ok(())
            }
            Self::Azure { credentials, account } => {
                let credential = credentials.get_credential().await?;
                AzureAuthorizer::new(&credential, account).try_authorize(request)
            }
        }
    }
}

/// Headers to add to one of `object_store`'s puts, and how to sign it again. It travels with the
/// request in its extensions, and is carried out next to the wire.
#[derive(Debug, Clone)]
pub(crate) struct Extra {
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) signer: Arc<Signer>,
}

impl Extra {
    /// Adds the headers, and makes the signature cover them.
    pub(crate) async fn apply(&self, request: &mut HttpRequest) -> Result<(), HttpError> {
        for (name, value) in &self.headers {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        match &*self.signer {
            Signer::Nobody | Signer::Google(_) => return Ok(()),
            Signer::Azure { credentials, .. } => {
                let credential = credentials.get_credential().await.map_err(unsigned)?;
                // Only a shared key's signature covers headers.
                if !matches!(*credential, AzureCredential::AccessKey(_)) {
                    return Ok(());
                }
            }
            Signer::Aws { .. } => {}
        }
        let digest = request.headers().get("x-amz-content-sha256").and_then(|hex| {
            let hex = hex.to_str().ok()?;
            (0..32).map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()).collect()
        });
        let digest: Vec<u8> = digest.unwrap_or_default();
        // An earlier signature would be appended to, or signed.
        request.headers_mut().remove(AUTHORIZATION);
        self.signer.sign(request, &digest).await.map_err(unsigned)
    }
}

/// No credentials: the failed exchange with whoever hands them out is inside, if there was one.
fn unsigned(error: object_store::Error) -> HttpError {
    match crate::translate::failure(&error) {
        Some(failure) => HttpError::new(HttpErrorKind::Unknown, failure),
        None => {
            let what = What::Transport(crate::cause::innermost(&error));
            HttpError::new(HttpErrorKind::Unknown, Failure { what, for_credentials: true })
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// When it was asked for and when it was there, by this machine's clock: microseconds since the
    /// Unix epoch.
    pub(crate) asked: i64,
    pub(crate) answered: i64,
}

impl Reply {
    /// A header's text; empty for none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

/// Whether a server lists versions, as far as it has shown.
#[derive(Debug, Default)]
pub(crate) struct VersionLists(AtomicU8);

impl VersionLists {
    const SHOWN: u8 = 1;
    const NONE: u8 = 2;

    /// It gave one.
    pub(crate) fn shown(&self) {
        self.0.store(Self::SHOWN, Ordering::Relaxed);
    }

    /// It says that it has none to give. Who gave one before isn't believed: what is hidden there
    /// would be taken for absent.
    pub(crate) fn refused(&self) {
        self.0.compare_exchange(0, Self::NONE, Ordering::Relaxed, Ordering::Relaxed).ok();
    }

    /// Whether there are none.
    pub(crate) fn are_none(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Self::NONE
    }
}

/// A cloud's bucket as our own requests reach it.
#[derive(Debug)]
pub(crate) struct Cloud {
    pub(crate) dialect: Dialect,
    pub(crate) client: HttpClient,
    pub(crate) signer: Arc<Signer>,
    /// The server instead of the cloud's own, without credentials.
    pub(crate) endpoint: Option<String>,
    pub(crate) clock: fn() -> SystemTime,
    pub(crate) version_lists: VersionLists,
    /// It takes no put without `Content-MD5`.
    pub(crate) wants_md5: AtomicBool,
}

impl Cloud {
    /// Whether a put failed for want of `Content-MD5`: from now on each has it.
    pub(crate) fn learns_md5(&self, failure: &Failure) -> bool {
        let wanted = failure.wants_md5() && matches!(self.dialect, Dialect::S3 { .. });
        if wanted {
            self.wants_md5.store(true, Ordering::Relaxed);
        }
        wanted
    }

    /// Sends a request without a body to `base`, below which `path` lies unless it is empty.
    pub(crate) async fn send(
        &self,
        method: Method,
        base: &str,
        path: &str,
        query: &[(&str, &str)],
        headers: &[(&'static str, &'static str)],
    ) -> Result<Reply, HttpError> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let url = address(base, path, query);
        self.exchange(method, &url, headers, Bytes::new()).await
    }

    /// As [`Cloud::send`], with a body.
    pub(crate) async fn send_body(
        &self,
        method: Method,
        base: &str,
        path: &str,
        query: &[(&str, &str)],
        mut headers: Vec<(HeaderName, HeaderValue)>,
        body: Bytes,
    ) -> Result<Reply, HttpError> {
        // Azure signs it, so it must be there before the client would add it.
        headers.push((CONTENT_LENGTH, HeaderValue::from(body.len())));
        self.exchange(method, &address(base, path, query), headers, body).await
    }

    async fn exchange(
        &self,
        method: Method,
        url: &str,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: Bytes,
    ) -> Result<Reply, HttpError> {
        let broken = |why: &str| {
            let what = What::Transport(why.to_owned());
            HttpError::new(HttpErrorKind::Request, Failure { what, for_credentials: false })
        };
        let url = Url::parse(url).map_err(|_| broken("the request has no valid URL"))?;
        let digest = if body.is_empty() { NOTHING } else { auditseal_note::sha256(&body) };
        let mut request = HttpRequest::new(HttpRequestBody::from(body));
        *request.method_mut() = method;
        *request.uri_mut() =
            url.as_str().parse().map_err(|_| broken("the request has no valid URL"))?;
        request.headers_mut().extend(headers);
        request.extensions_mut().insert(Small);
        self.signer.sign(&mut request, &digest).await.map_err(unsigned)?;
        let now = || date::micros((self.clock)());
        // Not earlier: getting credentials takes its time.
        let asked = now();
        let (parts, body) = self.client.execute(request).await?.into_parts();
        let answered = now();
        let body = body.bytes().await?;
        let status = parts.status.as_u16();
        Ok(Reply { status, headers: parts.headers, body, asked, answered })
    }
}

fn address(base: &str, path: &str, query: &[(&str, &str)]) -> String {
    let mut url = base.to_owned();
    if !path.is_empty() {
        url = format!("{url}/{path}");
    }
    for (at, (name, value)) in query.iter().enumerate() {
        url.push(if at == 0 { '?' } else { '&' });
        url.push_str(name);
        if !value.is_empty() {
            url.push('=');
            url.push_str(&encode(value, ""));
        }
    }
    url
}

/// Percent-encodes all but unreserved characters and those in `keep`: the strictest form, in which
/// every server's idea of what is signed agrees.
pub(crate) fn encode(text: &str, keep: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain = char::from(byte);
        if byte.is_ascii_alphanumeric() || "-._~".contains(plain) || keep.contains(plain) {
            encoded.push(plain);
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(encode("a/b=c d+ö~", "/"), "a/b%3Dc%20d%2B%C3%B6~");
        assert_eq!(
            address("http://h/b", &encode("x/y", ""), &[("versions", ""), ("prefix", "a/")]),
            "http://h/b/x%2Fy?versions&prefix=a%2F"
        );
    }
}
