//! Log sinks, as far as what is handed over to them can tell: OpenSearch's bulk requests, Loki's pushes, OTLP's logs. They answer
//! as real ones were measured to, and what they have can be looked at.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::loopback::Loopback;
use crate::sink_hours::hours;

/// How a sink takes what it gets.
#[derive(Debug, Clone, Default)]
pub struct SinkManners {
    /// Every so many requests it says 429, and stores nothing; 0: never.
    pub busy: u64,
    /// Every so many requests it stores, and ends the connection without an answer.
    pub mute: u64,
    /// Every so many documents of a bulk request it says 429 for that one.
    pub item_busy: u64,
    /// A larger request is refused with 413; 0: none is.
    pub request: usize,
    /// Of a bulk request with a longer document all before it is stored, and the request refused with 400, as VictoriaLogs does;
    /// a longer line of a push is dropped, and the push answered as taken.
    pub line: usize,
    /// A document, or a line, with this in it is refused for itself.
    pub refuses: Option<&'static str>,
    /// A document that is an object with a member of this name is refused for itself; as a text it isn't.
    pub strict: Option<&'static str>,
    /// Everything is refused, with 400.
    pub refuses_all: bool,
    /// Every event is refused with 413.
    pub too_large_all: bool,
    /// The items of a bulk request are answered in the other order.
    pub reversed: bool,
    /// What it refuses it quotes, beside the request's `authorization`.
    pub quotes: bool,
    /// It quotes as Gson and PHP do, which escape more than JSON asks for.
    pub escapes: bool,
    /// A pipeline drops a document with this in it: it is answered as no operation.
    pub drops: Option<&'static str>,
    /// It isn't there: a proxy before it answers everything with a page that wants a password, and 200.
    pub login: bool,
    /// That page has so many bytes more.
    pub page: usize,
    /// Of each document it says that one is there, and stores none.
    pub knows_all: bool,
    /// What it answers to who asks what is there.
    pub shows: Option<(u16, &'static str)>,
    /// It takes so long to answer, milliseconds.
    pub slow: u64,
    /// So many shards give no answer to a search.
    pub shards_failed: u64,
    /// Who asks may write and read, and not refresh.
    pub no_refresh: bool,
}

/// What a sink has.
#[derive(Debug, Default)]
pub struct SinkHoldings {
    /// How it takes what it gets.
    pub manners: SinkManners,
    /// Documents, by index and id.
    pub documents: BTreeMap<(String, String), Value>,
    /// Lines, with their times in nanoseconds, in the order in which they came.
    pub lines: Vec<(u64, String)>,
    /// Lines that were dropped, and called taken.
    pub dropped: u64,
    /// Requests.
    pub requests: u64,
    /// Index templates, by name.
    pub templates: BTreeMap<String, Value>,
    items: u64,
}

/// What goes back.
enum Said {
    Answer(u16, Value),
    /// The connection is ended.
    Nothing,
}

impl SinkHoldings {
    fn take(&mut self, method: &str, path: &str, body: &[u8]) -> Said {
        if self.manners.login {
            let more = " ".repeat(self.manners.page);
            return Said::Answer(200, json!(format!("<html>please log in{more}</html>")));
        }
        if let Some(name) = path.strip_prefix("/_index_template/") {
            return self.template(method, name, body);
        }
        self.requests += 1;
        let every = |nth: u64| nth > 0 && self.requests.is_multiple_of(nth);
        let (busy, mute) = (every(self.manners.busy), every(self.manners.mute));
        if busy {
            return Said::Answer(429, json!({ "error": "busy" }));
        }
        if self.manners.request > 0 && body.len() > self.manners.request {
            return Said::Answer(413, json!({ "error": "request too large" }));
        }
        if self.manners.refuses_all {
            return Said::Answer(400, json!({ "error": "what is this?" }));
        }
        if self.manners.too_large_all {
            return Said::Answer(413, json!({ "error": "too large" }));
        }
        let answer = match path {
            "/_bulk" => self.bulk(body),
            "/_mget" => self.found(body),
            "/loki/api/v1/push" => self.push(body),
            "/v1/logs" => self.logs(body),
            _ if path.ends_with("/_refresh") && self.manners.no_refresh => {
                Said::Answer(403, json!({ "error": "no permissions for [indices:admin/refresh]" }))
            }
            _ if path.ends_with("/_refresh") => Said::Answer(200, json!({})),
            _ if path.ends_with("/_search") => self.search(path, body),
            _ => Said::Answer(404, json!({ "error": "nothing is here" })),
        };
        if mute { Said::Nothing } else { answer }
    }

    fn template(&mut self, method: &str, name: &str, body: &[u8]) -> Said {
        match (method, self.templates.get(name)) {
            ("GET", None) => Said::Answer(404, json!({ "status": 404 })),
            ("GET", Some(template)) => {
                let found = json!({ "name": name, "index_template": template });
                Said::Answer(200, json!({ "index_templates": [found] }))
            }
            _ => {
                let template = serde_json::from_slice(body).unwrap_or_default();
                self.templates.insert(name.to_owned(), template);
                Said::Answer(200, json!({ "acknowledged": true }))
            }
        }
    }

    /// The documents that are asked for.
    fn found(&self, body: &[u8]) -> Said {
        if let Some((status, text)) = self.manners.shows {
            return Said::Answer(status, serde_json::from_str(text).unwrap_or_default());
        }
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        let each = asked["docs"].as_array().into_iter().flatten().map(|at| {
            let name = |field: &str| at[field].as_str().unwrap_or_default().to_owned();
            let found = self.documents.get(&(name("_index"), name("_id")));
            json!({ "_id": name("_id"), "found": found.is_some(), "_source": found })
        });
        Said::Answer(200, json!({ "docs": each.collect::<Vec<_>>() }))
    }

    fn search(&self, path: &str, body: &[u8]) -> Said {
        let pattern = path.trim_start_matches('/').trim_end_matches("/_search");
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        let mut answer = hours(&self.documents, pattern, &asked);
        answer["_shards"] = json!({ "failed": self.manners.shards_failed });
        Said::Answer(200, answer)
    }

    fn bulk(&mut self, body: &[u8]) -> Said {
        if !body.ends_with(b"\n") {
            return Said::Answer(
                400,
                json!({ "error": "The bulk request must be terminated by a newline [\\n]" }),
            );
        }
        let (mut lines, mut items) = (body.split(|byte| *byte == b'\n'), Vec::new());
        while let (Some(action), Some(text)) = (lines.next(), lines.next()) {
            let action: Value = serde_json::from_slice(action).unwrap_or_default();
            let name =
                |field: &str| action["create"][field].as_str().unwrap_or_default().to_owned();
            let (index, id) = (name("_index"), name("_id"));
            if index.is_empty() || id.len() > 512 {
                return Said::Answer(
                    400,
                    json!({ "error": "id is too long, must be no longer than 512 bytes" }),
                );
            }
            if self.manners.line > 0 && text.len() > self.manners.line {
                return Said::Answer(400, json!({ "error": "too long line" }));
            }
            self.items += 1;
            let busy =
                self.manners.item_busy > 0 && self.items.is_multiple_of(self.manners.item_busy);
            let status = match serde_json::from_slice::<Value>(text) {
                _ if busy => 429,
                _ if self.manners.knows_all => 409,
                Ok(_) if has(text, self.manners.drops) => 200,
                Ok(document)
                    if self.manners.strict.is_some_and(|name| !document[name].is_null()) =>
                {
                    400
                }
                Ok(document) if document.is_object() && !self.has_refused(text) => {
                    match self.documents.entry((index, id.clone())) {
                        Entry::Occupied(_) => 409,
                        Entry::Vacant(free) => {
                            free.insert(document);
                            201
                        }
                    }
                }
                _ => 400,
            };
            let kind = if status == 400 { "mapper_parsing_exception" } else { "some_exception" };
            let error =
                (status >= 400).then(|| json!({ "type": kind, "reason": status.to_string() }));
            let result = (status < 400).then_some(if status == 201 { "created" } else { "noop" });
            items.push(json!({
                "create": { "_id": id, "status": status, "result": result, "error": error }
            }));
        }
        if self.manners.reversed {
            items.reverse();
        }
        Said::Answer(200, json!({ "took": 1, "errors": true, "items": items }))
    }

    fn has_refused(&self, text: &[u8]) -> bool {
        has(text, self.manners.refuses)
    }

    fn line(&mut self, time: u64, line: String) {
        if self.manners.line > 0 && line.len() > self.manners.line {
            self.dropped += 1;
        } else {
            self.lines.push((time, line));
        }
    }

    fn push(&mut self, body: &[u8]) -> Said {
        if self.has_refused(body) {
            return Said::Answer(400, json!("entry refused"));
        }
        let Ok(push) = serde_json::from_slice::<Value>(body) else {
            return Said::Answer(400, json!("no push"));
        };
        for stream in push["streams"].as_array().into_iter().flatten() {
            for value in stream["values"].as_array().into_iter().flatten() {
                let time = value[0].as_str().and_then(|time| time.parse().ok()).unwrap_or(0);
                self.line(time, value[1].as_str().unwrap_or_default().to_owned());
            }
        }
        Said::Answer(204, Value::Null)
    }

    fn logs(&mut self, body: &[u8]) -> Said {
        if self.has_refused(body) {
            return Said::Answer(400, json!("no request"));
        }
        for resource in inside(body, 1) {
            for scope in inside(resource, 2) {
                for record in inside(scope, 2) {
                    for text in inside(record, 5).into_iter().flat_map(|any| inside(any, 1)) {
                        self.line(0, String::from_utf8_lossy(text).into_owned());
                    }
                }
            }
        }
        Said::Answer(200, Value::Null)
    }
}

/// Whether a text has this in it, if anything is asked for.
fn has(text: &[u8], asked: Option<&'static str>) -> bool {
    let asked = asked.map(str::as_bytes);
    asked.is_some_and(|asked| text.windows(asked.len()).any(|part| part == asked))
}

/// The values of a field that is bytes, a string or a message of Protocol Buffers.
fn inside(mut message: &[u8], field: u64) -> Vec<&[u8]> {
    fn number(message: &mut &[u8]) -> Option<u64> {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let (byte, rest) = message.split_first()?;
            *message = rest;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
    }
    let mut found = Vec::new();
    while let Some(tag) = number(&mut message) {
        let length = match tag & 7 {
            0 => {
                number(&mut message);
                0
            }
            1 => 8,
            5 => 4,
            _ => number(&mut message).and_then(|length| usize::try_from(length).ok()).unwrap_or(0),
        };
        let (value, rest) = message.split_at(length.min(message.len()));
        message = rest;
        if tag == field << 3 | 2 {
            found.push(value);
        }
    }
    found
}

/// A running sink; it stops when this is dropped.
#[derive(Debug)]
pub struct SinkServer {
    loopback: Loopback,
    holdings: Arc<Mutex<SinkHoldings>>,
}

impl SinkServer {
    /// Starts one on a free port of the loopback interface.
    ///
    /// # Errors
    /// When the port or the thread isn't to be had.
    pub fn start(manners: SinkManners) -> io::Result<Self> {
        let holdings = Arc::new(Mutex::new(SinkHoldings { manners, ..SinkHoldings::default() }));
        let shared = Arc::clone(&holdings);
        let loopback =
            Loopback::start("sink", move |request| answer(request, Arc::clone(&shared)))?;
        Ok(Self { loopback, holdings })
    }

    /// `http://` and where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.loopback.address())
    }

    /// What it has, to look at and to change; no request is answered meanwhile.
    pub fn holdings(&self) -> MutexGuard<'_, SinkHoldings> {
        self.holdings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(
    request: Request<Incoming>,
    holdings: Arc<Mutex<SinkHoldings>>,
) -> io::Result<Response<Full<Bytes>>> {
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let asked_by = request.headers().get("authorization");
    let asked_by = asked_by.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let asked_by = asked_by.unwrap_or_default();
    let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let (said, slow, quotes, escapes) = {
        let mut holdings = holdings.lock().unwrap_or_else(PoisonError::into_inner);
        let said = holdings.take(&method, &path, &body);
        let SinkManners { slow, quotes, escapes, .. } = holdings.manners;
        (said, slow, quotes, escapes)
    };
    tokio::time::sleep(std::time::Duration::from_millis(slow)).await;
    let Said::Answer(status, body) = said else {
        return Err(io::Error::other("no answer"));
    };
    let mut body = if body.is_null() { String::new() } else { body.to_string() };
    if status >= 400 && escapes {
        let asked_by = asked_by.replace('/', "\\/").replace('=', "\\u003d");
        body = format!("{{\"error\":\"asked with {}\"}}", asked_by.replace('&', "\\u0026"));
    } else if status >= 400 && quotes {
        body = format!("{body}: asked with {asked_by}");
    }
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = StatusCode::from_u16(status).map_err(io::Error::other)?;
    Ok(response)
}
