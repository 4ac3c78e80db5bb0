//! Hands pieces of parcels to a sink, once each, and tells what it said.

use std::sync::Arc;

use auditseal_delivery::{
    BulkHeard, Heard, Parcel, ParcelLine, Piece, Shape, SinkKind, SinkUrl, begun_answer, bulk,
    bulk_answer, bulk_of_texts, loki, loki_answer, otlp, otlp_answer, places, places_answer,
    quotes, syslog, template, template_found, template_taken,
};
use auditseal_vault::{Peer, PeerAnswer, PeerOptions, PeerRequest, TlsOptions, TlsPeer, TlsStream};
use bytes::Bytes;
use tokio::sync::Mutex;

use crate::filed::filed;
use crate::frames::{Frames, TIMEOUT};

/// Makes a request of lines, and tells which of them it cuts.
type Encode = fn(&str, &Parcel, &[usize], &Shape) -> (Vec<u8>, Vec<usize>);

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
    Syslog(TlsPeer, Mutex<Frames<Box<TlsStream>>>),
}

impl Sender {
    pub(crate) fn new(sink: SinkUrl) -> Self {
        let to = match sink.kind {
            SinkKind::File => To::File,
            SinkKind::Syslog => {
                let (ca, identity) = (sink.ca.clone(), sink.identity.clone());
                let options = TlsOptions { address: sink.address.clone(), ca, identity };
                To::Syslog(TlsPeer::new(options), Mutex::default())
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

    /// What a dead letter has of a line: the line, or, where something is kept from the sink, what it would have got.
    pub(crate) fn letter_text<'a>(
        &self,
        parcel: &'a Parcel,
        line: &ParcelLine,
    ) -> std::borrow::Cow<'a, [u8]> {
        let whole = Shape { most: None, ..self.sink.shape.clone() };
        filed(parcel, line, &whole).0
    }

    /// Sends a piece of a parcel: what the sink said, and how many of the lines that it has were cut.
    pub(crate) async fn send(&self, parcel: &Arc<Parcel>, piece: &Piece) -> (Heard, u64) {
        if self.is_file() {
            return (Heard::All, 0);
        }
        let (body, mut cut) = self.encoded(parcel, piece).await;
        let said = match &self.to {
            To::File => Ok(Heard::All),
            To::Http(peer, ready) => {
                self.post((peer, ready), (body.into(), &mut cut), (parcel, piece)).await
            }
            To::Syslog(peer, frames) => {
                let connect = async { peer.connect().await.map(Box::new) };
                frames.lock().await.write(&body, connect).await
            }
        };
        let heard = said.unwrap_or_else(|why| Heard::Again(why, None));
        let cut = heard.has(&cut, &piece.lines);
        (heard, cut)
    }

    /// The request, and which lines of it are cut.
    async fn encoded(&self, parcel: &Arc<Parcel>, piece: &Piece) -> (Vec<u8>, Vec<usize>) {
        let encode: Encode = match self.sink.kind {
            SinkKind::OpenSearch => bulk,
            SinkKind::Loki => {
                |_: &str, of: &Parcel, lines: &[usize], shape: &Shape| loki(of, lines, shape)
            }
            SinkKind::Otlp => {
                |_: &str, of: &Parcel, lines: &[usize], shape: &Shape| otlp(of, lines, shape)
            }
            SinkKind::Syslog => {
                |_: &str, of: &Parcel, lines: &[usize], shape: &Shape| syslog(of, lines, shape)
            }
            SinkKind::File => return (Vec::new(), Vec::new()),
        };
        self.encoded_by(encode, (parcel, &piece.lines), piece.most).await
    }

    /// Encodes on a thread of its own: nothing else waits for it.
    async fn encoded_by(
        &self,
        encode: Encode,
        (parcel, lines): (&Arc<Parcel>, &[usize]),
        most: Option<usize>,
    ) -> (Vec<u8>, Vec<usize>) {
        let most = [most, self.sink.shape.most].into_iter().flatten().min();
        let shape = Shape { most, ..self.sink.shape.clone() };
        let (parcel, lines) = (Arc::clone(parcel), lines.to_vec());
        let prefix = self.sink.prefix.clone();
        aside(move || encode(&prefix, &parcel, &lines, &shape)).await
    }

    /// Sends a request of a piece; of lines that go as texts in the end, these are cut or not.
    async fn post(
        &self,
        (peer, ready): (&Peer, &Mutex<bool>),
        (body, cut): (Bytes, &mut Vec<usize>),
        (parcel, piece): (&Arc<Parcel>, &Piece),
    ) -> Result<Heard, String> {
        if let Some(heard) = self.prepare(peer, ready).await? {
            return Ok(heard);
        }
        let lines = &piece.lines;
        let mut said = self.asked(peer, body, (parcel, lines)).await?;
        if !said.unfit.is_empty() {
            let (texts, texts_cut) =
                self.encoded_by(bulk_of_texts, (parcel, &said.unfit), piece.most).await;
            cut.retain(|line| said.unfit.binary_search(line).is_err());
            cut.extend(texts_cut);
            let again = self.asked(peer, texts.into(), (parcel, &said.unfit)).await?;
            said.known.extend(again.known);
            said.mend(lines, again.heard);
        }
        match said.known.is_empty() {
            true => Ok(said.heard),
            false => self.compared(peer, said.heard, &said.known, (parcel, lines)).await,
        }
    }

    /// Posts a request, and reads what is answered.
    async fn asked(
        &self,
        peer: &Peer,
        body: Bytes,
        (parcel, lines): (&Arc<Parcel>, &[usize]),
    ) -> Result<BulkHeard, String> {
        let (path, content) = match self.sink.kind {
            SinkKind::OpenSearch => ("/_bulk", "application/x-ndjson"),
            SinkKind::Loki => ("/loki/api/v1/push", "application/json"),
            _ => ("/v1/logs", "application/x-protobuf"),
        };
        let mut headers = vec![("content-type", content.to_owned())];
        headers.extend(self.sink.tenant.iter().map(|tenant| ("x-scope-orgid", tenant.clone())));
        let asked = PeerRequest { method: "POST", path: path.to_owned(), headers, body };
        let answer = peer.ask(asked).await?;
        let (kind, of, sent) = (self.sink.kind, Arc::clone(parcel), lines.to_vec());
        Ok(aside(move || read(kind, &answer, &of, &sent)).await)
    }

    /// Looks at what stands in the places that were taken. It is what was handed over before, when an answer was lost
    /// or a state; or of an archive that had the same name.
    async fn compared(
        &self,
        peer: &Peer,
        heard: Heard,
        known: &[usize],
        (parcel, lines): (&Arc<Parcel>, &[usize]),
    ) -> Result<Heard, String> {
        let asked = PeerRequest {
            method: "POST",
            path: "/_mget?_source_includes=auditseal.seal".to_owned(),
            headers: vec![("content-type", "application/json".to_owned())],
            body: places(&self.sink.prefix, parcel, known).into(),
        };
        let found = peer.ask(asked).await?;
        let (of, sent, known) = (Arc::clone(parcel), lines.to_vec(), known.to_vec());
        let compare = move || {
            let answer = (found.status, found.wait, &*found.body);
            told(places_answer(heard, (&sent, &known), &of, answer), &found)
        };
        Ok(aside(compare).await)
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
        let prefix = &self.sink.prefix;
        match template_found(prefix, (found.status, found.wait, &found.body)) {
            Ok(true) => {}
            Ok(false) => {
                let headers = vec![("content-type", "application/json".to_owned())];
                let body = Bytes::from(template(prefix).to_string());
                let put = peer.ask(PeerRequest { method: "PUT", path, headers, body }).await?;
                if let Err(heard) = template_taken(prefix, (put.status, put.wait, &put.body)) {
                    return Ok(Some(told(heard, &put)));
                }
            }
            Err(heard) => return Ok(Some(told(heard, &found))),
        }
        *ready = true;
        Ok(None)
    }
}

/// Does what takes time on a thread of its own: nothing else waits for it.
async fn aside<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(act).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// What an answer to these lines means.
fn read(kind: SinkKind, answer: &PeerAnswer, parcel: &Parcel, lines: &[usize]) -> BulkHeard {
    let PeerAnswer { status, wait, content, body, whole, .. } = answer;
    let is_cut = (200..300).contains(status) && !whole;
    let why = format!("answered {status}, and more than is read of an answer");
    let said = match kind {
        SinkKind::OpenSearch if is_cut => BulkHeard::only(begun_answer(*status, body, lines.len())),
        _ if is_cut => BulkHeard::only(Heard::Again(why, None)),
        SinkKind::OpenSearch => bulk_answer((*status, *wait, body), parcel, lines),
        SinkKind::Otlp => BulkHeard::only(otlp_answer(*status, *wait, (content, body))),
        _ => BulkHeard::only(loki_answer(*status, *wait, body)),
    };
    BulkHeard { heard: told(said.heard, answer), ..said }
}

/// What was answered, without its words where these quote who asks.
fn told(heard: Heard, answer: &PeerAnswer) -> Heard {
    let quotes = heard.has_words() && quotes(&answer.body, answer.asked_with.secrets());
    if quotes { heard.untold() } else { heard }
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
