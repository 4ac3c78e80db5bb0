//! The payloads of a pack's objects, for whoever writes them out.

use std::collections::VecDeque;
use std::sync::Arc;

use auditseal_chain::{Place, Verdict};
use auditseal_format::packs::{Attestation, PackDecoder, PackProof, PackSink};
use auditseal_format::{Fault, ObjectSeal, WrongTimes};
use auditseal_store::Error as StoreError;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::bytes::{NoPack, PackBytes};
use super::listing::{Pack, Packs};
use super::outlet::Outlet;
use super::unpack::on_a_thread;
use crate::batch::Batch;
use crate::error::Error;

/// Pieces that are handed over together.
const MANY: usize = 256;
/// So many times that is decoded ahead of whoever takes it.
const AHEAD: usize = 4;
/// Pieces of a pack that wait to be decoded.
const PIECES: usize = 2;

/// Bytes of an object's payload that are held until its seal comes; a larger one is decoded twice.
const HELD: usize = 16 << 20;

/// A place in a pack that is read from its start to its end. Whoever asks for objects in the order of
/// the chain has each pack decoded once. Each payload is held against its seal before it is given out.
#[derive(Debug, Default)]
pub struct PackCursor {
    /// The times of lines are held against the seals as well.
    times: bool,
    open: Option<Open>,
    at: Option<At>,
}

#[derive(Debug)]
struct Open {
    /// The key of the pack's attestation.
    attested_at: String,
    /// The object whose payload comes next.
    next: u64,
    pieces: mpsc::Receiver<Vec<Piece>>,
    /// Those that came.
    here: VecDeque<Piece>,
}

/// The object that was asked for last.
#[derive(Debug)]
struct At {
    seq: u64,
    /// What holds it.
    pack: Pack,
    seal: Arc<ObjectSeal>,
    times: Result<(), WrongTimes>,
    /// `None` where it is too large to be held.
    payload: Option<Vec<Bytes>>,
}

#[derive(Debug)]
enum Piece {
    Payload(Bytes),
    /// Its end, and what is wrong with it.
    Object(Box<ObjectSeal>, Result<(), Fault>),
    Broken(String),
    Unreadable(StoreError),
}

impl Open {
    async fn next(&mut self) -> Option<Piece> {
        if self.here.is_empty() {
            self.here = self.pieces.recv().await?.into();
        }
        self.here.pop_front()
    }
}

impl PackCursor {
    /// One that holds the times of lines against the seals too: [`PackCursor::times`].
    #[must_use]
    pub fn with_times() -> Self {
        Self { times: true, ..Self::default() }
    }

    /// The seal of a batch that a pack holds, and whose payload is the signed one. Its signature isn't checked once
    /// more: it is the seal that was proved when the chain was read.
    ///
    /// # Errors
    /// [`Error::Found`] if the pack isn't the attested one any more; [`Error::Store`].
    pub async fn seal(&mut self, packs: &Packs, batch: &Batch) -> Result<Arc<ObjectSeal>, Error> {
        let seq = batch.place.seq;
        if let Some(at) = self.at.as_ref().filter(|at| at.seq == seq) {
            return Ok(Arc::clone(&at.seal));
        }
        // Where one isn't as attested, the chain was read from another.
        let mut wrong = None;
        for pack in packs.holding(seq) {
            match self.read(packs, pack, batch).await {
                Ok(at) => return Ok(Arc::clone(&self.at.insert(at).seal)),
                Err(error @ Error::Found(_)) => wrong = wrong.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        Err(wrong.unwrap_or_else(|| Error::NoObject(format!("of seq {seq}, in no pack"))))
    }

    /// Reads an object of a pack, and keeps its payload if that isn't too large.
    async fn read(&mut self, packs: &Packs, pack: &Pack, batch: &Batch) -> Result<At, Error> {
        let seq = batch.place.seq;
        let (mut pieces, mut held) = (Some(Vec::new()), 0);
        let read = self
            .go(packs, pack, batch, async |piece| {
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
        // All of it was taken.
        let (seal, times) =
            read.ok_or_else(|| at_fault(pack, Verdict::Tampered, "it ended before its end"))?;
        Ok(At { seq, pack: pack.clone(), seal: Arc::from(seal), times, payload: pieces })
    }

    /// What is wrong with the times of the lines of the object that was asked for last, as far as they were held against
    /// its seal.
    ///
    /// # Errors
    /// [`WrongTimes`].
    pub fn times(&self) -> Result<(), WrongTimes> {
        self.at.as_ref().map_or(Ok(()), |at| at.times)
    }

    /// Hands over that batch's payload, until `take` says `false`: whether it took it all. May be called
    /// again.
    ///
    /// # Errors
    /// As [`PackCursor::seal`].
    pub async fn payload(
        &mut self,
        packs: &Packs,
        batch: &Batch,
        mut take: impl AsyncFnMut(Bytes) -> bool,
    ) -> Result<bool, Error> {
        self.seal(packs, batch).await?;
        if let Some(pieces) = self.at.as_ref().and_then(|at| at.payload.as_ref()) {
            for piece in pieces {
                if !take(piece.clone()).await {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        let Some(pack) = self.at.as_ref().map(|at| at.pack.clone()) else { return Ok(false) };
        Ok(self.go(packs, &pack, batch, take).await?.is_some())
    }

    /// Reads a pack up to the end of a batch, and hands over its payload. `None` if that wasn't all
    /// taken.
    async fn go(
        &mut self,
        packs: &Packs,
        pack: &Pack,
        batch: &Batch,
        mut take: impl AsyncFnMut(Bytes) -> bool,
    ) -> Result<Option<(Box<ObjectSeal>, Result<(), WrongTimes>)>, Error> {
        let seq = batch.place.seq;
        let other = |open: &Open| open.attested_at != pack.attested_at || seq < open.next;
        if self.open.as_ref().is_none_or(other) {
            self.open = Some(open(packs, pack, self.times).await?);
        }
        let Some(open) = &mut self.open else { return Ok(None) };
        loop {
            match open.next().await {
                Some(Piece::Payload(bytes)) if open.next == seq => {
                    if !take(bytes).await {
                        self.open = None;
                        return Ok(None);
                    }
                }
                Some(Piece::Payload(_)) => {}
                Some(Piece::Object(seal, verdict)) => {
                    open.next += 1;
                    match verdict {
                        _ if open.next <= seq => {}
                        _ if !batch.is_of(&seal) => {
                            let why = Fault::Tampered("another note stands there".to_owned());
                            return Err(object_at_fault(pack, seq, &why));
                        }
                        Ok(()) => return Ok(Some((seal, Ok(())))),
                        Err(Fault::WrongTimes(wrong)) => return Ok(Some((seal, Err(wrong)))),
                        Err(why) => return Err(object_at_fault(pack, seq, &why)),
                    }
                }
                Some(Piece::Unreadable(error)) => return Err(Error::Store(error)),
                Some(Piece::Broken(why)) => return Err(at_fault(pack, Verdict::Tampered, &why)),
                None => return Err(at_fault(pack, Verdict::Tampered, "it ended before its end")),
            }
        }
    }
}

fn at_fault(pack: &Pack, verdict: Verdict, detail: &str) -> Error {
    let Attestation { origin, first, date, .. } = &*pack.attestation;
    let place = Place { seq: *first, alternate: None, date: *date };
    let key = pack.attestation.pack_key();
    Error::found(origin, place, verdict, &format!("{detail}: pack {key}"))
}

/// An object in a pack isn't the signed one.
fn object_at_fault(pack: &Pack, seq: u64, why: &Fault) -> Error {
    let Attestation { origin, date, .. } = &*pack.attestation;
    let place = Place { seq, alternate: None, date: *date };
    let key = pack.attestation.pack_key();
    Error::found(origin, place, Verdict::Tampered, &format!("{why}: pack {key}"))
}

async fn open(packs: &Packs, pack: &Pack, times: bool) -> Result<Open, Error> {
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
            drop(told.send(vec![Piece::Unreadable(error)]).await);
        }
    });
    let thread = on_a_thread(&pack.attestation.pack_key(), move || {
        let mut sink = Sink(Outlet::new(to, MANY));
        let Ok(decoder) = PackDecoder::new(&attestation) else { return };
        // Whoever asks has read the chain, and with it this pack's seals: its bytes are the same.
        let mut decoder = decoder.proving(PackProof::Payloads { times });
        while let Some(Some(piece)) = fed.blocking_recv() {
            if let Err(fault) = decoder.take(&piece, &mut sink) {
                sink.0.push(Piece::Broken(fault.to_string()), 0);
                break;
            }
            if sink.0.is_gone() {
                return;
            }
        }
        sink.0.send();
    });
    thread.map_err(Error::Store)?;
    let (attested_at, next) = (pack.attested_at.clone(), pack.attestation.first);
    Ok(Open { attested_at, next, pieces, here: VecDeque::new() })
}

/// What is found goes there as it is.
struct Sink(Outlet<Piece>);

impl PackSink for Sink {
    fn payload(&mut self, _: usize, bytes: &[u8]) {
        let piece = self.0.copied(bytes);
        self.0.push(Piece::Payload(piece), bytes.len());
    }

    fn object(&mut self, _: usize, seal: ObjectSeal, payload: Result<(), Fault>) {
        self.0.push(Piece::Object(Box::new(seal), payload), 0);
    }

    fn is_done(&self) -> bool {
        self.0.is_gone()
    }
}
