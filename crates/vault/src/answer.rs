//! What came back instead of success: an error answer, or none.

use std::fmt;
use std::time::Duration;

use auditseal_store::{Kind, Operation};
use auditseal_store::{between, looks_like_html};

/// A failed HTTP exchange. It travels inside `object_store`'s errors and is found there again, so
/// that the verdict rests on what the server said and not on how a library phrases it.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) what: What,
    /// The exchange was with a cloud's metadata service, which hands out credentials: the request
    /// for the object never left.
    pub(crate) for_credentials: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    /// The server answered with an error.
    Answer(Answer),
    /// No answer, or not all of it, in time.
    Silence(Duration),
    /// The connection wasn't made, or died, by running out of time.
    NoConnection,
    /// The answer was larger than any such answer may be.
    Flood(u64),
    /// The connection failed, in the words of the HTTP client.
    Transport(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Answer(answer) => answer.fmt(f),
            What::Silence(after) => {
                write!(f, "no complete answer within {:.1} s", after.as_secs_f64())
            }
            What::NoConnection => f.write_str("the connection timed out"),
            What::Flood(limit) => write!(f, "the answer exceeds {limit} bytes"),
            What::Transport(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Failure {}

impl Failure {
    pub(crate) fn status(&self) -> Option<u16> {
        match &self.what {
            What::Answer(answer) => Some(answer.status),
            _ => None,
        }
    }

    /// The store's own error code; empty for none.
    pub(crate) fn code(&self) -> &str {
        match &self.what {
            What::Answer(answer) => &answer.code,
            _ => "",
        }
    }

    /// Whether the server refused a put for want of `Content-MD5`.
    pub(crate) fn wants_md5(&self) -> bool {
        match &self.what {
            What::Answer(Answer { status: 400, code, message, .. }) => {
                let said = format!("{code} {message}").to_ascii_lowercase();
                said.contains("content-md5") || said.contains("contentmd5")
            }
            _ => false,
        }
    }

    pub(crate) fn kind(&self, operation: Operation) -> Kind {
        match &self.what {
            _ if self.for_credentials => Kind::Denied,
            What::Answer(answer) => answer.kind(operation),
            What::Silence(_) | What::NoConnection => Kind::Timeout,
            What::Flood(_) | What::Transport(_) => Kind::Unavailable,
        }
    }

    pub(crate) fn hint(&self) -> Option<String> {
        if self.for_credentials {
            return Some("no credentials were found in the environment, and this machine's metadata service gave none".to_owned());
        }
        match &self.what {
            What::Answer(answer) => answer.hint(),
            What::Transport(text) => transport_hint(text).map(str::to_owned),
            What::Silence(_) | What::NoConnection | What::Flood(_) => None,
        }
    }
}

fn transport_hint(text: &str) -> Option<&'static str> {
    let text = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["an html page where"]) {
        Some(
            "a portal or a proxy answers in the store's place: ask the endpoint with curl, to see whose page it is",
        )
    } else if has(&["proxy", "tunnel"]) {
        Some("the proxy in HTTPS_PROXY or HTTP_PROXY refused; NO_PROXY excludes hosts from it")
    } else if has(&["certificate", "unknownissuer", "unknown issuer"]) {
        Some("the server's certificate isn't trusted: give the CA that signed it as a PEM file")
    } else if has(&["invalidcontenttype", "corrupt message", "handshake", "tls", "ssl"]) {
        Some(
            "TLS failed: does the server speak HTTPS on this port? A plain one needs an http:// endpoint",
        )
    } else if has(&["url scheme is not allowed", "https_only"]) {
        Some("plain HTTP is only used for an endpoint that was given as http://")
    } else if has(&["dns error", "failed to lookup", "name or service"]) {
        Some("the host name doesn't resolve: check the endpoint, the region or the account")
    } else {
        None
    }
}

/// An error answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The store's own error code; empty when the answer isn't a store's.
    pub(crate) code: String,
    /// The server's explanation.
    pub(crate) message: String,
    /// The region that the bucket is in, where S3 tells.
    pub(crate) region: Option<String>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if !self.code.is_empty() {
            write!(f, " {}", self.code)?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

impl Answer {
    /// Reads an answer's body; `code` is the one from Azure's header, where there is one.
    pub(crate) fn read(
        status: u16,
        code: Option<String>,
        region: Option<String>,
        body: &str,
    ) -> Self {
        let xml = |tag: &str| {
            let inner = between(body, &format!("<{tag}>"), &format!("</{tag}>"))?;
            Some(unescape(inner.trim()))
        };
        let region = region.filter(|name| is_region(name));
        if looks_like_html(body) {
            let message = auditseal_store::clean(body, 120);
            return Self { status, code: code.unwrap_or_default(), message, region };
        }
        let code = code.or_else(|| xml("Code")).or_else(|| google_code(status, body));
        let code = code.unwrap_or_default();
        // A HEAD's answer has the header alone, others may have only the body.
        let region = region.or_else(|| match code.as_str() {
            "AuthorizationHeaderMalformed" | "PermanentRedirect" => {
                xml("Region").filter(|name| is_region(name))
            }
            _ => None,
        });
        let message = xml("Message")
            .or_else(|| json_string(body, "error_description"))
            .or_else(|| json_string(body, "message"))
            .or_else(|| json_string(body, "error"))
            .unwrap_or_else(|| {
                if body.trim_start().starts_with('<') {
                    String::new()
                } else {
                    body.trim().to_owned()
                }
            });
        // Azure repeats request ids and times on further lines, and quotes the string to sign.
        let message = message.lines().next().unwrap_or("").to_owned();
        Self { status, code, message, region }
    }

    fn kind(&self, operation: Operation) -> Kind {
        match self.code.as_str() {
            "NoSuchKey" | "BlobNotFound" | "NoSuchVersion" if self.status == 404 => {
                return Kind::NotFound;
            }
            // What is asked for by its id is a delete marker: it has no bytes.
            "MethodNotAllowed" if self.status == 405 => return Kind::NotFound,
            "InvalidObjectState" | "BlobArchived" | "BlobBeingRehydrated" => return Kind::Archived,
            "NoSuchBucket"
            | "ContainerNotFound"
            | "ContainerBeingDeleted"
            | "FilesystemNotFound" => return Kind::NoBucket,
            "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" | "InvalidAccessKeyId" => {
                return Kind::Denied;
            }
            "BlobAlreadyExists" | "BlobImmutableDueToPolicy" => return Kind::AlreadyExists,
            "RequestTimeout" => return Kind::Timeout,
            "EntityTooLarge" | "RequestBodyTooLarge" => return Kind::TooLarge,
            // A gateway's 501 has no code of a store's.
            "NotImplemented" if self.status == 501 => return Kind::Unsupported,
            "PermanentRedirect" => return Kind::Elsewhere,
            _ => {}
        }
        if self.is_elsewhere() {
            return Kind::Elsewhere;
        }
        match self.status {
            401 | 403 | 407 => Kind::Denied,
            412 if operation == Operation::Put => Kind::AlreadyExists,
            // Somebody changed it meanwhile: asked again, it says how it is now.
            412 if operation == Operation::Mark => Kind::Unavailable,
            408 | 504 => Kind::Timeout,
            413 => Kind::TooLarge,
            // A 404 without the store's code may be a proxy's or a wrong endpoint's: taking it for
            // an absent object would let the archive's end be misjudged. A 409 is a conflict
            // between requests unless its code, above, says that the object exists.
            404 | 409 | 429 | 500..=599 => Kind::Unavailable,
            _ => Kind::Other,
        }
    }

    /// Whether the store says that another region has the bucket. S3 names the region beside other
    /// errors as well. While a new bucket's name spreads, a 307 leads to where it is: that passes.
    fn is_elsewhere(&self) -> bool {
        let told = self.region.is_some();
        told && (self.status == 301 || self.code == "AuthorizationHeaderMalformed")
    }

    fn hint(&self) -> Option<String> {
        // Without a code it is the answer to a HEAD, which has no words.
        let maybe = self.status == 307 || self.status == 400 && self.code.is_empty();
        if let Some(region) = self.region.as_ref().filter(|_| self.is_elsewhere() || maybe) {
            return Some(format!(
                "the bucket is in the region {region}: give --region {region}, or set AWS_REGION; \
                 an --endpoint of AWS's must name the same"
            ));
        }
        let hint = match (self.code.as_str(), self.status) {
            ("NoSuchBucket" | "ContainerNotFound" | "FilesystemNotFound", _) => {
                "the store knows no such bucket: is its name right, are --endpoint and the account? \
                 auditseal never makes one; a new one needs its retention before anything is put"
            }
            ("InvalidObjectState" | "BlobArchived" | "BlobBeingRehydrated", _) => {
                "the object lies in an archive tier: restore it there first, which takes hours"
            }
            ("RequestTimeTooSkewed", _) => {
                "this machine's clock is wrong by more than the store accepts: set it (`timedatectl` \
                 shows it); what is sealed meanwhile bears its times"
            }
            ("SignatureDoesNotMatch" | "AuthenticationFailed" | "InvalidAccessKeyId", _) => {
                "the store doesn't accept the credentials: check the key and the secret"
            }
            ("ExpiredToken" | "InvalidToken" | "TokenRefreshRequired", _) => {
                "the session's token has expired: renew it"
            }
            ("AuthorizationHeaderMalformed" | "PermanentRedirect", _) | (_, 301 | 307) => {
                "the bucket isn't where it was looked for: its region is given by --region or \
                 AWS_REGION, a server of your own by --endpoint"
            }
            (_, 302 | 303 | 308) => {
                "the server sends its clients to another host, and credentials aren't taken there: \
                 name the host that answers itself by --endpoint"
            }
            ("NotImplemented", 501) => {
                "the server speaks only a part of S3, and this isn't in it: `auditseal doctor` says \
                 what an archive there lacks"
            }
            (_, 401) => "the store doesn't accept the credentials, or got none",
            (_, 403) => {
                "the credentials don't allow this: the writer needs to put, get and list; without list, S3 hides whether an object exists"
            }
            (_, 404) => "the answer isn't a store's: check the endpoint and what stands before it",
            (_, 500 | 502..=504) => {
                "the store, or what stands before it, is busy or out of order: try again later, and \
                 look to it if that lasts"
            }
            (_, 407) => "the proxy wants credentials: put them into HTTPS_PROXY",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// Whether a name may be a region's: it becomes part of a command that somebody copies.
fn is_region(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=40).contains(&name.len()) && name.chars().all(fits)
}

/// The XML interface's code for what Google's JSON interface says in words only.
fn google_code(status: u16, body: &str) -> Option<String> {
    if status != 404 || json_string(body, "reason")? != "notFound" {
        return None;
    }
    let message = json_string(body, "message")?.to_ascii_lowercase();
    let code = if message.starts_with("no such object") {
        "NoSuchKey"
    } else if message.contains("bucket does not exist") {
        "NoSuchBucket"
    } else {
        return None;
    };
    Some(code.to_owned())
}

/// The value of the first `"name": "…"` in a JSON text: enough for an error message.
fn json_string(body: &str, name: &str) -> Option<String> {
    if !body.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let (_, rest) = body.split_once(&format!("\"{name}\""))?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let mut value = String::new();
    let mut chars = rest.chars();
    loop {
        match chars.next()? {
            '"' => return Some(value),
            '\\' => value.push(match chars.next()? {
                'n' | 'r' | 't' | 'u' => ' ',
                other => other,
            }),
            other => value.push(other),
        }
    }
}

fn unescape(text: &str) -> String {
    let mut text = text.to_owned();
    for (entity, plain) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, plain);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const XML: &str = "<?xml version=\"1.0\"?>\n<Error><Code>CODE</Code><Message>It &lt;is&gt; so.\nRequestId:1</Message><AWSAccessKeyId>AKIA</AWSAccessKeyId><StringToSign>x</StringToSign></Error>";

    fn kind(status: u16, code: &str, operation: Operation) -> Kind {
        Answer::read(status, None, None, &XML.replace("CODE", code)).kind(operation)
    }

    #[test]
    fn only_the_store_says_not_found() {
        assert_eq!(kind(404, "NoSuchKey", Operation::Get), Kind::NotFound);
        assert_eq!(kind(404, "BlobNotFound", Operation::Get), Kind::NotFound);
        assert_eq!(kind(404, "NoSuchBucket", Operation::Get), Kind::NoBucket);
        assert_eq!(kind(404, "ContainerNotFound", Operation::Get), Kind::NoBucket);
        for page in [
            "",
            "Not Found",
            "<html><body>404 NoSuchKey</body></html>",
            "{\"message\":\"NoSuchKey\"}",
        ] {
            let answer = Answer::read(404, None, None, page);
            assert_eq!(answer.kind(Operation::Get), Kind::Unavailable, "{page}");
            assert!(answer.hint().is_some());
        }
        let head = Answer::read(404, Some("BlobNotFound".into()), None, "");
        assert_eq!(head.kind(Operation::Tail), Kind::NotFound);
        assert_eq!(kind(200, "NoSuchKey", Operation::Get), Kind::Other);
    }

    #[test]
    fn conflicts_and_preconditions() {
        assert_eq!(kind(412, "PreconditionFailed", Operation::Put), Kind::AlreadyExists);
        assert_eq!(kind(412, "PreconditionFailed", Operation::Get), Kind::Other);
        assert_eq!(kind(409, "ConditionalRequestConflict", Operation::Put), Kind::Unavailable);
        assert_eq!(kind(409, "BlobAlreadyExists", Operation::Put), Kind::AlreadyExists);
        assert_eq!(kind(409, "BlobImmutableDueToPolicy", Operation::Put), Kind::AlreadyExists);
        assert_eq!(kind(400, "RequestTimeout", Operation::Put), Kind::Timeout);
        assert_eq!(kind(400, "ExpiredToken", Operation::Put), Kind::Denied);
        assert_eq!(kind(501, "NotImplemented", Operation::Versions), Kind::Unsupported);
        assert_eq!(kind(501, "", Operation::Versions), Kind::Unavailable, "a gateway's");
        assert_eq!(kind(301, "PermanentRedirect", Operation::List), Kind::Elsewhere);
        for (status, expected) in [
            (401, Kind::Denied),
            (403, Kind::Denied),
            (413, Kind::TooLarge),
            (429, Kind::Unavailable),
            (500, Kind::Unavailable),
            (503, Kind::Unavailable),
            (504, Kind::Timeout),
            (301, Kind::Other),
            (416, Kind::Other),
        ] {
            assert_eq!(kind(status, "Whatever", Operation::Put), expected, "{status}");
        }
    }

    #[test]
    fn only_code_and_message_are_quoted() {
        let answer = Answer::read(403, None, None, &XML.replace("CODE", "SignatureDoesNotMatch"));
        assert_eq!(answer.to_string(), "403 SignatureDoesNotMatch: It <is> so.");
        let answer = Answer::read(
            400,
            None,
            None,
            "{\"error\":\"invalid_grant\",\"error_description\":\"Bad \\\"x\\\" a\"}",
        );
        assert_eq!(answer.to_string(), "400: Bad \"x\" a");
        let answer =
            Answer::read(502, None, None, "<html><title>Bad Gateway</title><p>nginx</html>");
        assert_eq!(answer.to_string(), "502: an HTML page, \"Bad Gateway\"");
    }

    #[test]
    fn hints() {
        let moved = Answer::read(301, None, Some("eu-north-1".into()), "");
        assert_eq!(
            moved.hint().unwrap(),
            "the bucket is in the region eu-north-1: give --region eu-north-1, or set AWS_REGION; \
             an --endpoint of AWS's must name the same"
        );
        assert_eq!(moved.kind(Operation::Put), Kind::Elsewhere);
        let body = XML.replace("CODE", "AuthorizationHeaderMalformed");
        let told = body.replace("</Code>", "</Code><Region>cn-north-1</Region>");
        let told = Answer::read(400, None, None, &told);
        assert!(told.hint().unwrap().contains("--region cn-north-1"));
        assert_eq!(told.kind(Operation::List), Kind::Elsewhere);
        let odd = Answer::read(301, None, Some("x; rm -rf /".into()), "");
        assert_eq!((odd.region.as_ref(), odd.kind(Operation::List)), (None, Kind::Other));
        let hint = |text: &str| transport_hint(text).unwrap_or("");
        assert!(hint("invalid peer certificate: UnknownIssuer").contains("PEM"));
        assert!(hint("received corrupt message of type InvalidContentType").contains("HTTPS"));
        assert!(hint("proxy authentication required").contains("NO_PROXY"));
        assert!(hint("dns error: failed to lookup address").contains("resolve"));
        assert_eq!(hint("connection refused"), "");
        let failure = Failure { what: What::Transport("connect".into()), for_credentials: true };
        assert_eq!(failure.kind(Operation::Put), Kind::Denied);
        assert!(failure.hint().unwrap().contains("no credentials"));
    }
}
