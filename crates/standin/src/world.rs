//! The server as a state machine: a request and a time in, an answer out.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use crate::bucket::{Bucket, Entry, Retention};
use crate::fault::{Effect, Fault, On};
use crate::message::{Answer, Request, decode};
use crate::sign::Keys;
use crate::time::DAY;

/// Whose manners the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// S3 as AWS speaks it.
    Aws,
    /// S3 as MinIO speaks it.
    Minio,
    /// Google Cloud Storage: the XML interface, and the JSON interface where it's needed.
    Google,
    /// Azure Blob Storage, with the account in the path.
    Azure,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Aws, Self::Minio, Self::Google, Self::Azure];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Minio => "minio",
            Self::Google => "google",
            Self::Azure => "azure",
        }
    }
}

/// How an answer gets to whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// As it should.
    Whole,
    /// So much later.
    After(Duration),
    /// Half of it, and then the connection breaks.
    Half,
    /// Not at all.
    Never,
    /// Not at all, and the connection breaks.
    Broken,
}

/// A server's whole state.
#[derive(Debug)]
pub struct World {
    pub(crate) dialect: Dialect,
    pub(crate) keys: Keys,
    /// Google: whether a token is demanded. The client sends none over plain HTTP.
    pub(crate) token: bool,
    /// The buckets by name.
    pub buckets: BTreeMap<String, Bucket>,
    /// What goes wrong. Of those that hit a request, the first counts.
    pub faults: Vec<Fault>,
    /// The most entries that a page of a listing has.
    pub page: usize,
    /// Requests that were answered.
    pub answered: u64,
    /// Bytes of the answers' bodies.
    pub sent: u64,
    /// What is wrong with the request being answered.
    pub(crate) effect: Option<Effect>,
    serial: i64,
    /// What a bucket is that isn't there.
    pub(crate) nothing: Bucket,
}

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) bucket: String,
    /// The object; empty for the bucket itself.
    pub(crate) key: String,
    /// Google's JSON interface, and which of its collections.
    pub(crate) json: Option<String>,
}

impl World {
    /// A server without buckets.
    #[must_use]
    pub fn new(dialect: Dialect, keys: Keys) -> Self {
        let (buckets, faults) = (BTreeMap::new(), Vec::new());
        Self {
            dialect,
            keys,
            token: false,
            buckets,
            faults,
            page: 1000,
            answered: 0,
            sent: 0,
            effect: None,
            serial: 0,
            nothing: Bucket::default(),
        }
    }

    /// Demands a bearer token, which the client sends over TLS only.
    #[must_use]
    pub fn with_token(mut self) -> Self {
        self.token = true;
        self
    }

    /// Makes a bucket.
    #[must_use]
    pub fn with(mut self, name: &str, bucket: Bucket) -> Self {
        self.buckets.insert(name.to_owned(), bucket);
        self
    }

    /// Whom it lets in.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Lets in whoever has these, and nobody else any more.
    pub fn set_keys(&mut self, keys: Keys) {
        self.keys = keys;
    }

    /// Whose manners it has.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Answers a request that arrived at `now`, microseconds since the Unix epoch.
    pub fn answer(&mut self, request: &Request, now: i64) -> (Answer, Delivery) {
        let (answer, delivery) = self.respond(request, now);
        self.answered += 1;
        self.sent += if request.method == "HEAD" { 0 } else { answer.body.len() as u64 };
        (answer, delivery)
    }

    fn respond(&mut self, request: &Request, now: i64) -> (Answer, Delivery) {
        let route = self.route(request);
        let on = on(request, &route);
        let struck = self.faults.iter_mut().map(|fault| (fault.strikes(on), &fault.effect));
        self.effect = struck.filter(|(hit, _)| *hit).map(|(_, effect)| effect.clone()).next();
        match &self.effect {
            Some(Effect::Refuse(status, code)) => {
                return (self.error(*status, code, "injected"), Delivery::Whole);
            }
            Some(Effect::Elsewhere(region)) => {
                let why = "The bucket you are attempting to access must be addressed using the specified endpoint.";
                let answer = self.error(301, "PermanentRedirect", why);
                return (answer.header("x-amz-bucket-region", *region), Delivery::Whole);
            }
            Some(Effect::Hang) => return (Answer::new(500), Delivery::Never),
            Some(Effect::Reset) => return (Answer::new(500), Delivery::Broken),
            Some(Effect::HtmlPage) => {
                let page = "<!DOCTYPE html><html><head><title>Log in</title></head></html>";
                return (Answer::new(200).body("text/html", page), Delivery::Whole);
            }
            _ => {}
        }
        let mut answer = match self.dialect {
            Dialect::Aws | Dialect::Minio => self.s3(&route, request, now),
            Dialect::Google => self.google(&route, request, now),
            Dialect::Azure => self.azure(&route, request, now),
        };
        answer.headers.push(("date".to_owned(), crate::time::http(now)));
        match self.effect.take() {
            Some(Effect::StoreThenFail(status, code)) => {
                (self.error(status, code, "injected"), Delivery::Whole)
            }
            Some(Effect::StoreThenHang) => (answer, Delivery::Never),
            Some(Effect::Slow(time)) => (answer, Delivery::After(time)),
            Some(Effect::Cut) => (answer, Delivery::Half),
            Some(Effect::WrongBytes) => {
                answer.body = spoil(&answer.body);
                (answer, Delivery::Whole)
            }
            _ => (answer, Delivery::Whole),
        }
    }

    /// Does what somebody does who deletes an object by its key, and may.
    pub fn hide(&mut self, bucket: &str, key: &str, now: i64) {
        let route = Route { bucket: bucket.to_owned(), key: key.to_owned(), json: None };
        if matches!(self.dialect, Dialect::Aws | Dialect::Minio) {
            drop(self.s3_delete(&route, key, None, false, now));
        } else if let Some(bucket) = self.buckets.get_mut(bucket)
            && let Some(entry) = bucket.find_mut(key, None)
        {
            entry.live = false;
        }
    }

    /// Does what somebody does who puts other bytes over an object, and may; whether the store
    /// takes such a key.
    pub fn shadow(&mut self, bucket: &str, key: &str, bytes: &'static [u8], now: i64) -> bool {
        if !self.takes(key) {
            return false;
        }
        let entry = self.entry(bucket, Bytes::from_static(bytes), None, false, now);
        if let Some(bucket) = self.buckets.get_mut(bucket) {
            bucket.push(key, entry);
        }
        true
    }

    /// MinIO keeps objects in directories, and takes no key that couldn't be a path.
    pub(crate) fn takes(&self, key: &str) -> bool {
        self.dialect != Dialect::Minio || !key.contains("//")
    }

    /// Moves an object to a tier from which it must be restored.
    pub fn archive(&mut self, bucket: &str, key: &str) {
        let bucket = self.buckets.get_mut(bucket);
        if let Some(entry) = bucket.and_then(|bucket| bucket.find_mut(key, None)) {
            entry.archived = true;
        }
    }

    fn route(&self, request: &Request) -> Route {
        let mut path = request.path.trim_start_matches('/');
        let mut json = None;
        match self.dialect {
            Dialect::Azure => path = path.split_once('/').map_or("", |(_account, rest)| rest),
            Dialect::Google => {
                if let Some(rest) = path.strip_prefix("storage/v1/b/") {
                    let (bucket, rest) = rest.split_once('/').unwrap_or((rest, ""));
                    let (collection, key) = rest.split_once('/').unwrap_or((rest, ""));
                    json = Some(collection.to_owned());
                    return Route { bucket: decode(bucket), key: decode(key), json };
                }
            }
            _ => {}
        }
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        Route { bucket: decode(bucket), key: decode(key), json }
    }

    /// An error in the words of the dialect.
    pub(crate) fn error(&self, status: u16, code: &str, message: &str) -> Answer {
        let xml = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        let answer = Answer::xml(status, &xml);
        match self.dialect {
            Dialect::Azure => answer.header("x-ms-error-code", code),
            _ => answer,
        }
    }

    pub(crate) fn is(&self, effect: &Effect) -> bool {
        self.effect.as_ref() == Some(effect)
    }

    /// A new version's id, as the cloud makes them; later ones sort after earlier ones.
    pub(crate) fn id(&mut self, now: i64, versioned: bool) -> String {
        // Two puts in the same microsecond are two versions.
        self.serial = now.max(self.serial + 1);
        let serial = self.serial;
        match self.dialect {
            Dialect::Google => serial.to_string(),
            _ if !versioned => "null".to_owned(),
            Dialect::Aws => {
                crate::sign::hex(&crate::sign::sha256(&serial.to_le_bytes())).split_off(32)
            }
            Dialect::Minio => {
                let hex = crate::sign::hex(&crate::sign::sha256(&serial.to_le_bytes()));
                let part = |from, to| hex.get(from..to).unwrap_or_default();
                let (a, b, c) = (part(0, 8), part(8, 12), part(13, 16));
                format!("{a}-{b}-4{c}-8{}-{}", part(17, 20), part(20, 32))
            }
            Dialect::Azure => {
                let seconds = crate::time::iso(serial);
                let whole = seconds.split_once('.').map_or("", |(whole, _)| whole);
                format!("{whole}.{:06}0Z", serial % 1_000_000)
            }
        }
    }

    /// What is put, with the lock that it gets.
    pub(crate) fn entry(
        &mut self,
        bucket: &str,
        bytes: Bytes,
        asked: Option<Retention>,
        hold: bool,
        now: i64,
    ) -> Entry {
        let found = self.buckets.get(bucket);
        let versioned = found.is_some_and(|bucket| bucket.versioned);
        let default = found.and_then(|bucket| bucket.default);
        let default = default.map(|rule| Retention { until: now + rule.until, ..rule });
        let mut retention = asked.or(default);
        match &self.effect {
            Some(Effect::ShortLock) => {
                retention = retention.map(|lock| Retention { until: lock.until - DAY, ..lock });
            }
            Some(Effect::ClaimLock) => retention = None,
            _ => {}
        }
        let id = self.id(now, versioned);
        Entry { id, bytes, time: now, live: true, retention, hold, ..Entry::default() }
    }

    /// The retention that is told of a version, and whether it is under a legal hold.
    pub(crate) fn told(&self, entry: &Entry) -> (Option<Retention>, bool) {
        match &self.effect {
            Some(Effect::ClaimLock) => {
                (Some(Retention { firm: true, until: entry.time + 36_500 * DAY }), entry.hold)
            }
            Some(Effect::HideLock) => (None, false),
            _ => (entry.retention, entry.hold),
        }
    }

    /// The version that a read means.
    pub(crate) fn meant<'a>(&self, bucket: &'a Bucket, key: &str, id: Option<&str>) -> Found<'a> {
        let id = id.filter(|_| !self.is(&Effect::OtherVersion));
        let found = match id {
            Some(id) => bucket.find(key, id),
            None => bucket.current(key),
        };
        match found {
            Some(entry) if entry.marker => Found::Marker,
            Some(entry) => Found::Entry(entry),
            None if id.is_some() => Found::NoVersion,
            None => Found::NoKey,
        }
    }
}

/// What a read came upon.
pub(crate) enum Found<'a> {
    Entry(&'a Entry),
    Marker,
    NoVersion,
    NoKey,
}

/// What kind of request it is, for faults.
fn on(request: &Request, route: &Route) -> On {
    let question = ["retention", "legal-hold", "tagging", "alt"]
        .iter()
        .any(|word| request.asks(word).is_some());
    let listing = |collection: &str| collection == "o" && route.key.is_empty();
    match request.method.as_str() {
        "DELETE" => On::Delete,
        "POST" => On::Delete,
        "GET" if route.json.as_deref().is_some_and(listing) => On::List,
        "GET" if route.json.is_some() => On::Look,
        "HEAD" => On::Look,
        "GET" if route.key.is_empty() => {
            match ["list-type", "comp"].iter().any(|word| request.asks(word).is_some()) {
                _ if request.asks("versions").is_some() => On::Versions,
                true => On::List,
                false => On::Look,
            }
        }
        "GET" if question || request.asks("comp") == Some("tags") => On::Look,
        "GET" => On::Get,
        "PUT" if request.query.is_empty() && !route.key.is_empty() => On::Put,
        "PUT" if request.asks("tagging").is_some() || request.asks("comp") == Some("tags") => {
            On::Mark
        }
        "PATCH" => On::Mark,
        _ => On::All,
    }
}

/// The bytes with their last bit flipped.
fn spoil(bytes: &Bytes) -> Bytes {
    let mut bytes = bytes.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    bytes.into()
}
