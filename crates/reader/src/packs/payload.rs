//! The payloads of a pack's objects, for whoever writes them out.

use std::sync::Arc;

use auditseal_chain::{Place, Verdict};
use auditseal_format::packs::{Attestation, PackDecoder, PackSink};
use auditseal_format::{Fault, ObjectSeal};
use auditseal_store::Error as StoreError;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::bytes::{NoPack, PackBytes};
use super::listing::{Pack, Packs};
use super::unpack::on_a_thread;
use crate::error::Error;

/// Pieces of payload that are decoded ahead of whoever takes them.
const AHEAD: usize = 16;
/// Pieces of a pack that wait to be decoded.
const PIECES: usize = 2;

/// Bytes of an object's payload that are held until its seal comes; a larger one is decoded twice.
const HELD: usize = 16 << 20;

/// A place in a pack that is read from its start to its end. Whoever asks for objects in the order of
/// the chain has each pack decoded once.
#[derive(Debug, Default)]
pub struct PackCursor {
    open: Option<Open>,
    at: Option<At>,
}

#[derive(Debug)]
struct Open {
    /// The pack's first seq.
    first: u64,
    /// The object whose payload comes next.
    next: u64,
    pieces: mpsc::Receiver<Piece>,
}

/// The object that was asked for last.
#[derive(Debug)]
struct At {
    seq: u64,
    seal: Arc<ObjectSeal>,
    /// `None` where it is too large to be held.
    payload: Option<Vec<Bytes>>,
}

#[derive(Debug)]
enum Piece {
    Payload(Bytes),
    /// Its end, and what is wrong with it.
    Object(Box<ObjectSeal>, Option<String>),
    Broken(String),
    Unreadable(StoreError),
}

impl PackCursor {
    /// The seal of the object at `seq`, which a pack holds. Each was held against its payload when the
    /// chain was read, and the pack's bytes are the same.
    ///
    /// # Errors
    /// [`Error::Found`] if the pack isn't the attested one any more; [`Error::Store`].
    pub async fn seal(&mut self, packs: &Packs, seq: u64) -> Result<Arc<ObjectSeal>, Error> {
        if let Some(at) = self.at.as_ref().filter(|at| at.seq == seq) {
            return Ok(Arc::clone(&at.seal));
        }
        let (mut pieces, mut held) = (Some(Vec::new()), 0);
        let seal = self
            .go(packs, seq, async |piece| {
                held += piece.len();
                if held > HELD {
                    pieces = None;
                }
                if let Some(pieces) = &mut pieces {
                    pieces.push(piece);
                }
                true
            })
            .await?;
        let seal = seal.map(Arc::from).ok_or_else(|| no_pack(packs, seq))?;
        self.at = Some(At { seq, seal: Arc::clone(&seal), payload: pieces });
        Ok(seal)
    }

    /// Hands over that object's payload, until `take` says `false`: whether it took it all. May be called
    /// again.
    ///
    /// # Errors
    /// As [`PackCursor::seal`].
    pub async fn payload(
        &mut self,
        packs: &Packs,
        seq: u64,
        mut take: impl AsyncFnMut(Bytes) -> bool,
    ) -> Result<bool, Error> {
        self.seal(packs, seq).await?;
        if let Some(pieces) = self.at.as_ref().and_then(|at| at.payload.as_ref()) {
            for piece in pieces {
                if !take(piece.clone()).await {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        Ok(self.go(packs, seq, take).await?.is_some())
    }

    /// Reads up to the end of the object at `seq`, and hands over its payload. `None` if that wasn't all
    /// taken, or no pack has it.
    async fn go(
        &mut self,
        packs: &Packs,
        seq: u64,
        mut take: impl AsyncFnMut(Bytes) -> bool,
    ) -> Result<Option<Box<ObjectSeal>>, Error> {
        let Some(pack) = packs.with(seq) else { return Ok(None) };
        let first = pack.attestation.first;
        if self.open.as_ref().is_none_or(|open| open.first != first || seq < open.next) {
            self.open = Some(open(packs, pack).await?);
        }
        let Some(open) = &mut self.open else { return Ok(None) };
        loop {
            match open.pieces.recv().await {
                Some(Piece::Payload(bytes)) if open.next == seq => {
                    if !take(bytes).await {
                        self.open = None;
                        return Ok(None);
                    }
                }
                Some(Piece::Payload(_)) => {}
                Some(Piece::Object(seal, wrong)) => {
                    open.next += 1;
                    match wrong {
                        _ if open.next <= seq => {}
                        None => return Ok(Some(seal)),
                        Some(why) => return Err(at_fault(pack, Verdict::Tampered, &why)),
                    }
                }
                Some(Piece::Unreadable(error)) => return Err(Error::Store(error)),
                Some(Piece::Broken(why)) => return Err(at_fault(pack, Verdict::Tampered, &why)),
                None => return Err(at_fault(pack, Verdict::Tampered, "it ended before its end")),
            }
        }
    }
}

/// Whoever asks has been told that a pack has it.
fn no_pack(packs: &Packs, seq: u64) -> Error {
    let key = packs.with(seq).map(|pack| pack.attestation.pack_key());
    Error::NoObject(key.unwrap_or_else(|| format!("of seq {seq}, in no pack")))
}

fn at_fault(pack: &Pack, verdict: Verdict, detail: &str) -> Error {
    let Attestation { origin, first, date, .. } = &*pack.attestation;
    let place = Place { seq: *first, alternate: None, date: *date };
    let key = pack.attestation.pack_key();
    Error::found(origin, place, verdict, &format!("{detail}: pack {key}"))
}

async fn open(packs: &Packs, pack: &Pack) -> Result<Open, Error> {
    let bytes = PackBytes::fetch(packs, pack).await.map_err(|error| match error {
        NoPack::Store(error) => Error::Store(error),
        NoPack::Found(verdict, detail) => at_fault(pack, verdict, &detail),
    })?;
    let attestation = Arc::clone(&bytes.attestation);
    let (to, pieces) = mpsc::channel(AHEAD);
    let (feed, mut fed) = mpsc::channel::<Option<Bytes>>(PIECES);
    let told = to.clone();
    tokio::spawn(async move {
        if let Err(error) = bytes.feed(feed).await {
            drop(told.send(Piece::Unreadable(error)).await);
        }
    });
    let thread = on_a_thread(&pack.attestation.pack_key(), move || {
        let mut sink = Sink { to, gone: false };
        let Ok(decoder) = PackDecoder::new(&attestation) else { return };
        // Whoever asks has read the chain, and with it this pack to its end: its bytes are the same.
        let mut decoder = decoder.once_more();
        while let Some(Some(piece)) = fed.blocking_recv() {
            if let Err(fault) = decoder.take(&piece, &mut sink) {
                drop(sink.to.blocking_send(Piece::Broken(fault.to_string())));
                return;
            }
            if sink.gone {
                return;
            }
        }
    });
    thread.map_err(Error::Store)?;
    let first = pack.attestation.first;
    Ok(Open { first, next: first, pieces })
}

struct Sink {
    to: mpsc::Sender<Piece>,
    gone: bool,
}

impl Sink {
    fn send(&mut self, piece: Piece) {
        self.gone |= self.to.blocking_send(piece).is_err();
    }
}

impl PackSink for Sink {
    fn payload(&mut self, _: usize, bytes: &[u8]) {
        if !self.gone {
            self.send(Piece::Payload(Bytes::copy_from_slice(bytes)));
        }
    }

    fn object(&mut self, _: usize, seal: ObjectSeal, payload: Result<(), Fault>) {
        let wrong = payload.err().filter(|fault| !fault.leaves_lines_true());
        if !self.gone {
            let wrong = wrong.map(|fault| fault.to_string());
            self.send(Piece::Object(Box::new(seal), wrong));
        }
    }

    fn is_done(&self) -> bool {
        self.gone
    }
}
