//! What a store says of the bytes that it accepted, held against those that were sent.
//!
//! S3 answers a put with the checksum that the put asked for (`x-amz-checksum-sha256`), Google with
//! `x-goog-hash` (CRC32C and MD5), Azure with `Content-MD5`. An `ETag` is none: with encryption it is
//! something else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use md5::{Digest as _, Md5};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// The header by which S3 was told what is sent before there were others.
pub(crate) fn content_md5(bytes: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let digest = HeaderValue::from_str(&STANDARD.encode(Md5::digest(bytes))).ok()?;
    Some((HeaderName::from_static("content-md5"), digest))
}

/// The checksums of a request's body: S3 takes nothing that concerns locks or tags without one, and
/// some servers know only the oldest.
pub(crate) fn of_request(body: &[u8]) -> Vec<(HeaderName, HeaderValue)> {
    let digest = STANDARD.encode(auditseal_note::sha256(body));
    let name = HeaderName::from_static("x-amz-checksum-sha256");
    let sha256 = HeaderValue::from_str(&digest).ok().map(|value| (name, value));
    sha256.into_iter().chain(content_md5(body)).collect()
}

/// The bytes of a put. It travels with the request in its extensions.
#[derive(Debug, Clone)]
pub(crate) struct Sent(pub(crate) Bytes);

impl Sent {
    /// What the answer says of other bytes, if it does.
    pub(crate) fn contradicted(&self, answer: &HeaderMap) -> Option<String> {
        let said = |name: &str| answer.get_all(name).into_iter().filter_map(|v| v.to_str().ok());
        let md5 = || STANDARD.encode(Md5::digest(&self.0));
        let sha256 = || STANDARD.encode(auditseal_note::sha256(&self.0));
        let google = said("x-goog-hash").flat_map(|values| values.split(','));
        let google = google.filter_map(|value| value.trim().strip_prefix("md5="));
        let differs = |name: &str, theirs: &str, ours: String| {
            (theirs != ours).then(|| format!("{name} {theirs} instead of {ours}"))
        };
        said("x-amz-checksum-sha256")
            .find_map(|theirs| differs("SHA-256", theirs, sha256()))
            .or_else(|| said("content-md5").find_map(|theirs| differs("MD5", theirs, md5())))
            .or_else(|| google.into_iter().find_map(|theirs| differs("MD5", theirs, md5())))
    }
}
