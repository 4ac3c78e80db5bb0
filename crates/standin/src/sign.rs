//! Who signed a request: the checks that the clouds make, from their published descriptions and
//! independent of the client's code.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};

use crate::message::{Request, decode, encode, encode_path};
use crate::time;

/// What the server accepts as proof of who asks.
#[derive(Clone, Default)]
pub struct Keys {
    /// The access key id, or the account.
    pub id: String,
    /// The secret: of S3 as it is, of Azure in base64, of Google a token.
    pub secret: String,
}

impl std::fmt::Debug for Keys {
    /// Nothing of the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Keys {
    /// A fresh pair, with a secret in base64 so that it suits every cloud.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn fresh() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 42];
        getrandom::fill(&mut bytes)?;
        let (id, secret) = bytes.split_at(10);
        let id = id.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { id, secret: STANDARD.encode(secret) })
    }
}

/// Why a request isn't accepted: status, code, what is said.
pub(crate) type Refusal = (u16, &'static str, &'static str);

/// How far a client's clock may be off, microseconds.
const SKEW: u64 = 15 * 60 * 1_000_000;

pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// AWS's signature, version 4, in the header.
pub(crate) fn aws(request: &Request, keys: &Keys, now: i64) -> Result<(), Refusal> {
    const ABSENT: Refusal = (403, "AccessDenied", "Access Denied");
    const WRONG: Refusal = (
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided.",
    );
    let header = request.header("authorization");
    let fields = header.strip_prefix("AWS4-HMAC-SHA256").ok_or(ABSENT)?;
    let field = |name: &str| {
        let mut all = fields.split(',').filter_map(|field| field.trim().split_once('='));
        all.find(|(known, _)| *known == name).map(|(_, value)| value).ok_or(ABSENT)
    };
    let (scope, signed, given) =
        (field("Credential")?, field("SignedHeaders")?, field("Signature")?);
    let (id, scope) = scope.split_once('/').ok_or(ABSENT)?;
    if id != keys.id {
        return Err((
            403,
            "InvalidAccessKeyId",
            "The AWS access key Id you provided does not exist in our records.",
        ));
    }
    let date = request.header("x-amz-date");
    let at = time::of_amz(date).ok_or(ABSENT)?;
    if at.abs_diff(now) > SKEW {
        return Err((
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        ));
    }
    let payload = request.header("x-amz-content-sha256");
    if payload.len() == 64 && payload != hex(&sha256(&request.body)) {
        return Err((
            400,
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        ));
    }
    let signed_names: Vec<&str> = signed.split(';').collect();
    // What isn't covered could have been put there on the way.
    let loose = |name: &str| name.starts_with("x-amz-") && !signed_names.contains(&name);
    if request.headers.iter().any(|(name, _)| loose(name)) || !signed_names.contains(&"host") {
        return Err((
            403,
            "AccessDenied",
            "There were headers present in the request which were not signed",
        ));
    }
    let canonical = canonical(request, &signed_names, signed, payload);
    let mut parts = scope.split('/');
    let (day, region, service) = (parts.next(), parts.next(), parts.next());
    let (Some(day), Some(region), Some("s3")) = (day, region, service) else { return Err(WRONG) };
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&sha256(canonical.as_bytes())));
    let key = mac(format!("AWS4{}", keys.secret).as_bytes(), day);
    let key = mac(&mac(&mac(&key, region), "s3"), "aws4_request");
    if hex(&mac(&key, &text)) == given { Ok(()) } else { Err(WRONG) }
}

fn canonical(request: &Request, names: &[&str], signed: &str, payload: &str) -> String {
    let mut query: Vec<String> = request
        .query
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    query.sort();
    let headers: String = names
        .iter()
        .map(|name| {
            let values: Vec<&str> = request
                .headers
                .iter()
                .filter(|(known, _)| known == name)
                .map(|(_, value)| value.trim())
                .collect();
            let value = values.join(",").split_whitespace().collect::<Vec<_>>().join(" ");
            format!("{name}:{value}\n")
        })
        .collect();
    let (method, path) = (&request.method, encode_path(&decode(&request.path)));
    format!("{method}\n{path}\n{}\n{headers}\n{signed}\n{payload}", query.join("&"))
}

/// Azure's shared key.
pub(crate) fn azure(request: &Request, keys: &Keys, now: i64) -> Result<(), Refusal> {
    const WRONG: Refusal =
        (403, "AuthenticationFailed", "Server failed to authenticate the request.");
    let header = request.header("authorization").strip_prefix("SharedKey ").ok_or((
        401,
        "NoAuthenticationInformation",
        "Server failed to authenticate the request.",
    ))?;
    let (account, given) = header.split_once(':').ok_or(WRONG)?;
    // Where both are there, only the cloud's own date counts.
    let own = request.header("x-ms-date");
    let date = if own.is_empty() { request.header("date") } else { own };
    let at = time::of_http(date).ok_or(WRONG)?;
    if account != keys.id || at.abs_diff(now) > SKEW {
        return Err(WRONG);
    }
    let plain = |name: &str| match (name, request.header(name)) {
        ("content-length", "0") => "",
        ("date", _) if !own.is_empty() => "",
        (_, value) => value,
    };
    let mut text = format!("{}\n", request.method);
    for name in [
        "content-encoding",
        "content-language",
        "content-length",
        "content-md5",
        "content-type",
        "date",
        "if-modified-since",
        "if-match",
        "if-none-match",
        "if-unmodified-since",
        "range",
    ] {
        text += &format!("{}\n", plain(name));
    }
    let mut ours: Vec<_> =
        request.headers.iter().filter(|(name, _)| name.starts_with("x-ms-")).collect();
    ours.sort();
    text.extend(ours.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())));
    text += &format!("/{account}{}", request.path);
    let mut query: Vec<_> =
        request.query.iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
    query.sort();
    text.extend(query.iter().map(|(name, value)| format!("\n{name}:{value}")));
    let key = STANDARD.decode(&keys.secret).map_err(|_| WRONG)?;
    if STANDARD.encode(mac(&key, &text)) == given { Ok(()) } else { Err(WRONG) }
}

/// A bearer token, where the server was given one.
pub(crate) fn google(request: &Request, token: Option<&str>) -> Result<(), Refusal> {
    let Some(token) = token else { return Ok(()) };
    match request.header("authorization").strip_prefix("Bearer ") {
        Some(given) if given == token => Ok(()),
        _ => Err((401, "AuthenticationRequired", "Authentication required.")),
    }
}
