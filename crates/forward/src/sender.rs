//! Hands pieces of parcels to a sink, once each, and tells what it said.

use std::sync::Arc;

use auditseal_delivery::{
    BulkHeard, Heard, Parcel, Piece, Shape, SinkKind, SinkUrl, bulk, bulk_answer, loki, of_status,
    otlp, otlp_answer, place_taken, places, syslog, template,
};
use auditseal_vault::{Peer, PeerAnswer, PeerOptions, PeerRequest, TlsOptions, TlsStream, connect};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use tokio::sync::Mutex;

use crate::filed::filed;
use crate::frames::{Frames, TIMEOUT};

/// Speaks to a sink.
#[derive(Debug)]
pub(crate) struct Sender {
    sink: SinkUrl,
    to: To,
}

#[derive(Debug)]
enum To {
    /// The ledger writes it.
    File,
    Http(Peer, Mutex<bool>),
    Syslog(TlsOptions, Mutex<Frames<Box<TlsStream>>>),
}

impl Sender {
    pub(crate) fn new(sink: SinkUrl) -> Self {
        let to = match sink.kind {
            SinkKind::File => To::File,
            SinkKind::Syslog => {
                let (ca, identity) = (sink.ca.clone(), sink.identity.clone());
                let options = TlsOptions { address: sink.address.clone(), ca, identity };
                To::Syslog(options, Mutex::default())
            }
            SinkKind::OpenSearch | SinkKind::Loki | SinkKind::Otlp => {
                To::Http(peer(&sink), Mutex::new(sink.kind != SinkKind::OpenSearch))
            }
        };
        Self { sink, to }
    }

    /// What it speaks to.
    pub(crate) fn kind(&self) -> SinkKind {
        self.sink.kind
    }

    /// Whether the ledger writes what is handed over.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.to, To::File)
    }

    /// What a file gets of a parcel: the lines as they are, or, where something is left out, their copies; and how
    /// many of them were cut.
    pub(crate) fn file_text(&self, parcel: &Arc<Parcel>) -> (Arc<Parcel>, u64) {
        let shape = &self.sink.shape;
        if parcel.lines.iter().all(|line| shape.leaves(line.at.len())) {
            return (Arc::clone(parcel), 0);
        }
        let mut cut = 0;
        let mut text = Vec::with_capacity(parcel.text.len());
        for line in &parcel.lines {
            let (copy, was_cut) = filed(parcel, line, shape);
            text.extend_from_slice(&copy);
            cut += u64::from(was_cut);
            text.push(b'\n');
        }
        (Arc::new(Parcel { text, lines: Vec::new(), ..(**parcel).clone() }), cut)
    }

    /// Sends a piece of a parcel: what the sink said, and how many of the lines that it has were cut.
    pub(crate) async fn send(&self, parcel: &Arc<Parcel>, piece: &Piece) -> (Heard, u64) {
        if self.is_file() {
            return (Heard::All, 0);
        }
        let (body, cut) = self.encoded(parcel, piece).await;
        let said = match &self.to {
            To::File => Ok(Heard::All),
            To::Http(peer, ready) => {
                self.post(peer, ready, body.into(), (parcel, &piece.lines)).await
            }
            To::Syslog(options, frames) => {
                let connect = async { connect(options).await.map(Box::new) };
                frames.lock().await.write(&body, connect).await
            }
        };
        let heard = said.unwrap_or_else(|why| Heard::Again(why, None));
        let cut = heard.has(&cut, &piece.lines);
        (heard, cut)
    }

    /// Encodes on a thread of its own: nothing else waits for it. The request, and which lines of it are cut.
    async fn encoded(&self, parcel: &Arc<Parcel>, piece: &Piece) -> (Vec<u8>, Vec<usize>) {
        let most = [piece.most, self.sink.shape.most].into_iter().flatten().min();
        let shape = Shape { most, ..self.sink.shape.clone() };
        let (parcel, lines) = (Arc::clone(parcel), piece.lines.clone());
        let (kind, prefix) = (self.sink.kind, self.sink.prefix.clone());
        let encode = move || match kind {
            SinkKind::OpenSearch => bulk(&prefix, &parcel, &lines, &shape),
            SinkKind::Loki => loki(&parcel, &lines, &shape),
            SinkKind::Otlp => otlp(&parcel, &lines, &shape),
            SinkKind::Syslog => syslog(&parcel, &lines, &shape),
            SinkKind::File => (Vec::new(), Vec::new()),
        };
        match tokio::task::spawn_blocking(encode).await {
            Ok(encoded) => encoded,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    async fn post(
        &self,
        peer: &Peer,
        ready: &Mutex<bool>,
        body: Bytes,
        (parcel, lines): (&Parcel, &[usize]),
    ) -> Result<Heard, String> {
        if let Some(heard) = self.prepare(peer, ready).await? {
            return Ok(heard);
        }
        let (path, content) = match self.sink.kind {
            SinkKind::OpenSearch => ("/_bulk", "application/x-ndjson"),
            SinkKind::Loki => ("/loki/api/v1/push", "application/json"),
            _ => ("/v1/logs", "application/x-protobuf"),
        };
        let mut headers = vec![("content-type", content.to_owned())];
        headers.extend(self.sink.tenant.iter().map(|tenant| ("x-scope-orgid", tenant.clone())));
        let asked = PeerRequest { method: "POST", path: path.to_owned(), headers, body };
        let PeerAnswer { status, wait, body } = peer.ask(asked).await?;
        let heard = match self.sink.kind {
            SinkKind::OpenSearch => {
                let BulkHeard { heard, known } = bulk_answer((status, wait, &body), parcel, lines);
                match known.is_empty() {
                    true => heard,
                    false => self.compared(peer, heard, &known, (parcel, lines)).await?,
                }
            }
            SinkKind::Otlp => otlp_answer(status, wait, &body),
            _ => of_status(status, wait, &body).unwrap_or(Heard::All),
        };
        Ok(self.told(heard, &body))
    }

    /// What was answered, without its words where these quote who asks.
    fn told(&self, heard: Heard, body: &[u8]) -> Heard {
        if !heard.has_words() {
            return heard;
        }
        let secrets = credentials(&self.sink);
        let quotes = secrets.iter().any(|secret| memchr::memmem::find(body, secret).is_some());
        if quotes { heard.untold() } else { heard }
    }

    /// Looks at what stands in the places that were taken. It is what was handed over before, when an answer was lost
    /// or a state; or of an archive that had the same name.
    async fn compared(
        &self,
        peer: &Peer,
        mut heard: Heard,
        known: &[usize],
        (parcel, lines): (&Parcel, &[usize]),
    ) -> Result<Heard, String> {
        let asked = PeerRequest {
            method: "POST",
            path: "/_mget?_source_includes=auditseal.seal".to_owned(),
            headers: vec![("content-type", "application/json".to_owned())],
            body: places(&self.sink.prefix, parcel, known).into(),
        };
        let found = peer.ask(asked).await?;
        Ok(match found.status {
            200..=299 => {
                if place_taken(&mut heard, lines, parcel, &found.body) {
                    heard
                } else {
                    Heard::Again("says nothing of what stands there already".to_owned(), None)
                }
            }
            429 | 500.. => of_status(found.status, found.wait, &found.body)
                .map_or(heard, |heard| self.told(heard, &found.body)),
            // Who may only write can't look, and is believed.
            _ => heard,
        })
    }

    /// Puts the index template, unless one of that name is there: whoever changed it wants it so.
    async fn prepare(&self, peer: &Peer, ready: &Mutex<bool>) -> Result<Option<Heard>, String> {
        let mut ready = ready.lock().await;
        if *ready {
            return Ok(None);
        }
        let path = format!("/_index_template/{}", self.sink.prefix);
        let asked = PeerRequest { method: "GET", path: path.clone(), ..PeerRequest::default() };
        let found = peer.ask(asked).await?;
        if found.status == 404 {
            let headers = vec![("content-type", "application/json".to_owned())];
            let body = Bytes::from(template(&self.sink.prefix).to_string());
            let put = peer.ask(PeerRequest { method: "PUT", path, headers, body }).await?;
            if put.status >= 300 {
                let said = of_status(put.status, put.wait, &put.body);
                let why = match said.map(|heard| self.told(heard, &put.body)) {
                    Some(Heard::Refused(why) | Heard::TooLarge(why) | Heard::Again(why, _)) => why,
                    _ => format!("answered {}", put.status),
                };
                let why = format!("the index template {} isn't taken: {why}", self.sink.prefix);
                return Ok(Some(Heard::Again(why, put.wait)));
            }
        } else if let Some(heard) = of_status(found.status, found.wait, &found.body) {
            return Ok(Some(match self.told(heard, &found.body) {
                Heard::Refused(why) | Heard::TooLarge(why) => Heard::Again(why, None),
                other => other,
            }));
        }
        *ready = true;
        Ok(None)
    }
}

/// Bytes of the shortest password that is looked for in answers by itself: a shorter one is in every second word.
const LEAST_PASSWORD: usize = 4;

/// What of who asks must not be written down, however an answer spells it.
fn credentials(sink: &SinkUrl) -> Vec<Vec<u8>> {
    let read = |path: &Option<std::path::PathBuf>| {
        let text = std::fs::read_to_string(path.as_ref()?).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    let mut secrets: Vec<String> = read(&sink.token_file).into_iter().collect();
    if let Some(basic) = read(&sink.basic_file) {
        let password = basic.split_once(':').map(|(_, password)| password.to_owned());
        secrets.extend(password.filter(|password| password.len() >= LEAST_PASSWORD));
        secrets.push(STANDARD.encode(&basic));
        secrets.push(basic);
    }
    let quoted = secrets.iter().map(|secret| serde_json::json!(secret).to_string());
    let quoted: Vec<String> = quoted.map(|quoted| quoted.trim_matches('"').to_owned()).collect();
    secrets.into_iter().chain(quoted).map(String::into_bytes).collect()
}

/// How a sink is asked.
pub(crate) fn peer(sink: &SinkUrl) -> Peer {
    Peer::new(PeerOptions {
        url: sink.address.clone(),
        token: sink.token_file.clone(),
        basic: sink.basic_file.clone(),
        ca: sink.ca.clone(),
        identity: sink.identity.clone(),
        timeout: TIMEOUT,
    })
}
