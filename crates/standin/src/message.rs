//! What goes over the wire, and how it is written.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// A request as it arrived, whole.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET` and the like.
    pub method: String,
    /// The path, still percent-encoded: a signature covers it so.
    pub path: String,
    /// The query's names and values, decoded.
    pub query: Vec<(String, String)>,
    /// The headers; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Request {
    /// Takes the part of a URL behind the host apart.
    #[must_use]
    pub fn new(
        method: &str,
        target: &str,
        headers: Vec<(String, String)>,
        body: impl Into<Bytes>,
    ) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pair = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(name), decode(value))
        };
        let query = query.split('&').filter(|part| !part.is_empty()).map(pair).collect();
        let (method, path) = (method.to_owned(), path.to_owned());
        Self { method, path, query, headers, body: body.into() }
    }

    /// A header's value; empty for none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// A parameter's value; none when it isn't there.
    #[must_use]
    pub fn asks(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// An answer, whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body; of an answer to `HEAD` what `GET` would have got.
    pub body: Bytes,
}

impl Answer {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn body(mut self, kind: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", kind)
    }

    /// An object's bytes, or these of them.
    pub(crate) fn object(bytes: &Bytes, part: Option<(usize, usize)>) -> Self {
        let kind = "application/zstd";
        match part {
            Some((from, to)) => Self::new(206)
                .header("content-range", format!("bytes {from}-{to}/{}", bytes.len()))
                .body(kind, bytes.slice(from..=to)),
            None => Self::new(200).body(kind, bytes.clone()),
        }
    }

    pub(crate) fn xml(status: u16, inside: &str) -> Self {
        let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{inside}");
        Self::new(status).body("application/xml", text)
    }

    pub(crate) fn json(status: u16, value: &serde_json::Value) -> Self {
        Self::new(status).body("application/json; charset=UTF-8", value.to_string())
    }
}

/// What RFC 3986 leaves as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &PLAIN.remove(b'/');

/// Percent-encodes all but unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// The same, and slashes stay.
pub(crate) fn encode_path(text: &str) -> String {
    utf8_percent_encode(text, PATH).to_string()
}

pub(crate) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

pub(crate) fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

/// The text of the first element of that name; the requests read so are flat.
pub(crate) fn element(body: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inside, _) = rest.split_once(&format!("</{name}>"))?;
    quick_xml::escape::unescape(inside.trim()).ok().map(std::borrow::Cow::into_owned)
}

/// What of an object a `Range` header asks for: first and last byte.
///
/// None where the whole is to be sent; an error where nothing of it can be.
pub(crate) fn range(header: &str, size: usize) -> Result<Option<(usize, usize)>, ()> {
    let Some((from, to)) = header.strip_prefix("bytes=").and_then(|rest| rest.split_once('-'))
    else {
        return Ok(None);
    };
    let (from, to) = match (from.parse::<usize>(), to.parse::<usize>()) {
        (Err(_), Ok(0)) => return Err(()),
        (Err(_), Ok(last)) => (size.saturating_sub(last), size.saturating_sub(1)),
        (Ok(from), Ok(to)) => (from, to.min(size.saturating_sub(1))),
        (Ok(from), Err(_)) => (from, size.saturating_sub(1)),
        _ => return Ok(None),
    };
    if size == 0 || from >= size || from > to { Err(()) } else { Ok(Some((from, to))) }
}
