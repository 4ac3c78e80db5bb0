//! Hands pieces of parcels to a sink, once each, and tells what it said.

use std::sync::Arc;
use std::time::Duration;

use auditseal_delivery::{
    Heard, Parcel, Piece, Shape, SinkKind, SinkUrl, bulk, bulk_answer, document, loki, of_status,
    otlp, otlp_answer, syslog, template,
};
use auditseal_vault::{Peer, PeerAnswer, PeerOptions, PeerRequest, TlsOptions, TlsStream, connect};
use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Mutex;

/// For a whole exchange.
const TIMEOUT: Duration = Duration::from_secs(60);
/// A receiver of syslog that won't have a frame ends the connection: it is waited so long for that.
const SECOND_THOUGHTS: Duration = Duration::from_millis(20);

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
    Syslog(TlsOptions, Mutex<Option<Box<TlsStream>>>),
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

    /// Whether the ledger writes what is handed over.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.to, To::File)
    }

    /// What a file gets of a parcel: the lines as they are, or, where something is left out, their copies.
    pub(crate) fn file_text(&self, parcel: &Arc<Parcel>) -> Arc<Parcel> {
        let shape = &self.sink.shape;
        if parcel.lines.iter().all(|line| shape.leaves(line.at.len())) {
            return Arc::clone(parcel);
        }
        let mut text = Vec::with_capacity(parcel.text.len());
        for line in &parcel.lines {
            let plain = parcel.bytes(line);
            match shape.leaves(plain.len()) {
                true => text.extend_from_slice(plain),
                false => text.extend(document(line, plain, shape).text),
            }
            text.push(b'\n');
        }
        Arc::new(Parcel { text, lines: Vec::new(), ..(**parcel).clone() })
    }

    /// Sends a piece of a parcel: what the sink said, and how many of its lines were cut.
    pub(crate) async fn send(&self, parcel: &Arc<Parcel>, piece: &Piece) -> (Heard, u64) {
        if self.is_file() {
            return (Heard::All, 0);
        }
        let (body, cut) = self.encoded(parcel, piece).await;
        let said = match &self.to {
            To::File => Ok(Heard::All),
            To::Http(peer, ready) => self.post(peer, ready, body.into()).await,
            To::Syslog(options, stream) => write(options, stream, &body).await,
        };
        (said.unwrap_or_else(|why| Heard::Again(why, None)), cut)
    }

    /// Encodes on a thread of its own: nothing else waits for it.
    async fn encoded(&self, parcel: &Arc<Parcel>, piece: &Piece) -> (Vec<u8>, u64) {
        let most = [piece.most, self.sink.shape.most].into_iter().flatten().min();
        let shape = Shape { most, ..self.sink.shape.clone() };
        let (parcel, lines) = (Arc::clone(parcel), piece.lines.clone());
        let (kind, prefix) = (self.sink.kind, self.sink.prefix.clone());
        let encode = move || match kind {
            SinkKind::OpenSearch => bulk(&prefix, &parcel, &lines, &shape),
            SinkKind::Loki => loki(&parcel, &lines, &shape),
            SinkKind::Otlp => otlp(&parcel, &lines, &shape),
            SinkKind::Syslog => syslog(&parcel, &lines, &shape),
            SinkKind::File => (Vec::new(), 0),
        };
        match tokio::task::spawn_blocking(encode).await {
            Ok(encoded) => encoded,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    async fn post(&self, peer: &Peer, ready: &Mutex<bool>, body: Bytes) -> Result<Heard, String> {
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
        Ok(match self.sink.kind {
            SinkKind::OpenSearch => bulk_answer(status, wait, &body),
            SinkKind::Otlp => otlp_answer(status, wait, &body),
            _ => of_status(status, wait, &body).unwrap_or(Heard::All),
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
                let why = format!("the index template isn't taken: {}", put.status);
                return Ok(Some(Heard::Again(why, put.wait)));
            }
        } else if let Some(heard) = of_status(found.status, found.wait, &found.body) {
            return Ok(Some(match heard {
                Heard::Refused(why) | Heard::TooLarge(why) => Heard::Again(why, None),
                other => other,
            }));
        }
        *ready = true;
        Ok(None)
    }
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

/// Writes frames. Syslog has no answer: what the other side's connection took counts as had.
async fn write(
    options: &TlsOptions,
    stream: &Mutex<Option<Box<TlsStream>>>,
    frames: &[u8],
) -> Result<Heard, String> {
    let mut stream = stream.lock().await;
    // Taken out: after an error, or when nobody waits for it any more, it is connected anew.
    let mut open = match stream.take() {
        Some(open) => open,
        None => Box::new(connect(options).await?),
    };
    let write = async {
        open.write_all(frames).await?;
        open.flush().await
    };
    match tokio::time::timeout(TIMEOUT, write).await {
        Err(_) => return Err(format!("takes nothing for {} s", TIMEOUT.as_secs())),
        Ok(written) => written.map_err(|error| error.to_string())?,
    }
    let mut byte = [0];
    match tokio::time::timeout(SECOND_THOUGHTS, open.read(&mut byte)).await {
        Ok(Ok(0)) => return Err("it ended the connection".to_owned()),
        Ok(Err(error)) => return Err(format!("it ended the connection: {error}")),
        // It has nothing to say, or something that nobody understands.
        Ok(Ok(_)) | Err(_) => {}
    }
    *stream = Some(open);
    Ok(Heard::All)
}
