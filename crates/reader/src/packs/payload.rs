//! The payloads of a pack's objects, for whoever writes them out.

use std::collections::VecDeque;
use std::sync::Arc;

use auditseal_chain::{Place, Verdict};
use auditseal_format::packs::{Attestation, PackObjects, PackProof, PackSink};
use auditseal_format::{Fault, ObjectSeal, WrongTimes};
use auditseal_store::Error as StoreError;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::bytes::{NoPack, PackBytes};
use super::listing::{Pack, Packs};
use super::outlet::Outlet;
use super::text::{TextSink, take_apart};
use super::unpack::{no_thread, on_a_thread};
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
    /// Seqs that will be asked for, each the first of some that another pack holds than those before.
    turns: VecDeque<u64>,
    open: Option<Open>,
    /// The pack whose turn is next.
    coming: Option<Coming>,
    at: Option<At>,
    /// Of what was asked for last a pack isn't as attested.
    broke: bool,
}

/// A pack that is being fetched while another one is read. That ends with whoever waits for it.
#[derive(Debug)]
struct Coming {
    /// The key of its attestation.
    attested_at: String,
    task: JoinHandle<Result<PackBytes, Error>>,
}

impl Coming {
    fn begin(packs: &Packs, pack: &Pack) -> Self {
        let (packs, pack) = (packs.only(pack.clone()), pack.clone());
        let attested_at = pack.attested_at.clone();
        let task = tokio::spawn(async move { fetched(&packs, &pack).await });
        Self { attested_at, task }
    }

    async fn result(mut self) -> Result<PackBytes, Error> {
        match (&mut self.task).await {
            Ok(result) => result,
            // Nobody else can cancel it.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.task.abort();
    }
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

    /// The same, along these seqs: of all that will be asked for, in that order, each the first that another pack holds
    /// than those before. While one pack is read the next is fetched.
    #[must_use]
    pub fn along(self, turns: impl IntoIterator<Item = u64>) -> Self {
        Self { turns: turns.into_iter().collect(), ..self }
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
        self.broke = false;
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
        let (seal, times) = read.ok_or_else(|| self.breaks(pack, "it ended before its end"))?;
        Ok(At { seq, pack: pack.clone(), seal: Arc::from(seal), times, payload: pieces })
    }

    /// Whether a pack wasn't as attested when [`PackCursor::seal`] found no signed payload. Else all of them were, and what
    /// one holds in the batch's place isn't the signed one: that it hadn't, where another object has it.
    #[must_use]
    pub fn broke(&self) -> bool {
        self.broke
    }

    fn breaks(&mut self, pack: &Pack, why: &str) -> Error {
        self.broke = true;
        at_fault(pack, Verdict::Tampered, why)
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

    /// Goes to the start of a pack, and has the next one fetched.
    async fn turn_to(&mut self, packs: &Packs, pack: &Pack) -> Result<(), Error> {
        // What it holds isn't needed any more.
        self.open = None;
        let coming = self.coming.take().filter(|coming| coming.attested_at == pack.attested_at);
        let bytes = match coming {
            Some(coming) => coming.result().await,
            None => fetched(packs, pack).await,
        };
        self.broke |= matches!(bytes, Err(Error::Found(_)));
        self.open = Some(open(bytes?, pack, self.times)?);
        let here = pack.attestation.first..=pack.attestation.last;
        while self.turns.front().is_some_and(|seq| here.contains(seq)) {
            self.turns.pop_front();
        }
        let next = self.turns.front().and_then(|seq| packs.with(*seq));
        self.coming = next.map(|next| Coming::begin(packs, next));
        Ok(())
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
            self.turn_to(packs, pack).await?;
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
                Some(Piece::Broken(why)) => return Err(self.breaks(pack, &why)),
                None => return Err(self.breaks(pack, "it ended before its end")),
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

/// The bytes of a pack, which are the attested ones.
async fn fetched(packs: &Packs, pack: &Pack) -> Result<PackBytes, Error> {
    PackBytes::fetch(packs, pack).await.map_err(|error| match error {
        NoPack::Store(error) => Error::Store(error),
        NoPack::Found(verdict, detail) => at_fault(pack, verdict, &detail),
    })
}

/// Begins to decode a pack.
fn open(bytes: PackBytes, pack: &Pack, times: bool) -> Result<Open, Error> {
    let attestation = Arc::clone(&bytes.attestation);
    let (to, pieces) = mpsc::channel(AHEAD);
    let (feed, fed) = mpsc::channel::<Option<Bytes>>(PIECES);
    let told = to.clone();
    tokio::spawn(async move {
        if let Err(error) = bytes.feed(feed).await {
            drop(told.send(vec![Piece::Unreadable(error)]).await);
        }
    });
    let key = pack.attestation.pack_key();
    let thread = on_a_thread(&key.clone(), move || {
        let mut sink = Sink { out: Outlet::new(to, MANY), text: Bytes::new() };
        // Whoever asks has read the chain, and with it this pack's seals: its bytes are the same.
        let objects = PackObjects::of(&attestation).proving(PackProof::Payloads { times });
        match take_apart((&attestation, objects), fed, &mut sink) {
            Ok(Ok(_)) => {}
            Ok(Err(fault)) => sink.out.push(Piece::Broken(fault.to_string()), 0),
            Err(error) => sink.out.push(Piece::Unreadable(no_thread(&key, &error)), 0),
        }
        sink.out.send();
    });
    thread.map_err(Error::Store)?;
    let (attested_at, next) = (pack.attested_at.clone(), pack.attestation.first);
    Ok(Open { attested_at, next, pieces, here: VecDeque::new() })
}

/// What is found goes there as it is.
struct Sink {
    out: Outlet<Piece>,
    /// The text in which the payloads lie that come next.
    text: Bytes,
}

impl TextSink for Sink {
    fn lies_in(&mut self, text: &Bytes) {
        self.text.clone_from(text);
    }
}

impl PackSink for Sink {
    fn payload(&mut self, _: usize, bytes: &[u8]) {
        self.out.push(Piece::Payload(self.text.slice_ref(bytes)), bytes.len());
    }

    fn object(&mut self, _: usize, seal: ObjectSeal, payload: Result<(), Fault>) {
        self.out.push(Piece::Object(Box::new(seal), payload), 0);
    }

    fn is_done(&self) -> bool {
        self.out.is_gone()
    }
}
