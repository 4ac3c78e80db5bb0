//! A pack → its objects one by one, decoded on a thread of its own; on two, where its lines are given out.

use std::collections::VecDeque;
use std::sync::Arc;

use auditseal_chain::{Outcome, Place, Sighting, Verdict};
use auditseal_format::packs::{
    Attestation, Blob, PackDecoder, PackFault, PackObjects, PackProof, PackSink,
};
use auditseal_format::seal::Payload;
use auditseal_format::{Fault, ObjectSeal, Seal, Time, joined_times};
use auditseal_index::Builder;
use auditseal_store::{Error, Kind, Lock, Operation};
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::bytes::PackBytes;
use super::listing::Pack;
use super::outlet::Outlet;
use super::text::{TextSink, take_apart};

/// Messages that are handed over together.
const MANY: usize = 64;
/// So many times that is decoded ahead of whoever takes it: objects about as many as a pack has, so that another core
/// decodes the next one meanwhile. Each is a few kilobytes.
const AHEAD: usize = 2048 / MANY;
/// The same where payloads are given out too.
const LINES_AHEAD: usize = 8;
/// Pieces of a pack that wait to be decoded.
const PIECES: usize = 2;
/// Bytes of payload, and objects, that wait for the signature which vouches for them.
const UNPROVED: usize = 1 << 20;
const UNPROVED_OBJECTS: u64 = 256;
/// Bytes of one payload that are given out with its object; of a larger one none are.
const HELD: usize = 16 << 20;

/// What comes out of a pack.
#[derive(Debug)]
pub(crate) enum Unpacked {
    /// The next bytes of the payload of the object that comes next.
    Payload(Bytes),
    /// An object, held against its own seal; with its payload, if that was asked for and isn't too large.
    Object(Sighting, Option<Vec<Bytes>>),
    /// The objects up to this seq are vouched for, where they don't come so.
    Proved(u64),
    /// The attested index isn't the one that the pack's text gives, or what is attested of its lines'
    /// times or of gaps isn't what its notes say.
    Wrong(Verdict, String),
    /// Nothing more comes: the pack isn't what was attested.
    Broken(String),
    /// Nothing more comes: the store gave no answer, or another one than before.
    Unreadable(Error),
}

/// A pack that is being decoded.
#[derive(Debug)]
pub(crate) struct Unpacking {
    messages: mpsc::Receiver<Vec<Unpacked>>,
    /// Those that came.
    here: VecDeque<Unpacked>,
    /// What came of the payload of the next object, and how much of it; nothing, if it is too large.
    payload: Vec<Bytes>,
    length: usize,
    /// Objects of which it isn't known yet that they are their key's.
    unproved: VecDeque<(Sighting, Option<Vec<Bytes>>)>,
    /// How many of these it is known of by now.
    proved: usize,
    /// Objects come before it is known.
    grouped: bool,
}

/// What of a pack is wanted beside its objects.
pub(crate) struct Demand {
    /// Its index is made again and compared with the attested one.
    pub(crate) index: bool,
    /// The seqs whose payloads are given out; `None`: none are.
    pub(crate) lines: Option<Box<dyn Fn(u64) -> bool + Send>>,
    /// Nothing behind the last object that is wanted is decoded.
    pub(crate) cut: bool,
    /// What of it is held against its seals.
    pub(crate) proof: PackProof,
}

impl Unpacking {
    /// Begins. `permit` is given back when the pack is decoded.
    pub(crate) fn begin<P: Send + 'static>(
        pack: PackBytes,
        lock: Option<Lock>,
        of: &Pack,
        demand: Demand,
        permit: P,
    ) -> Self {
        let Demand { index, lines, cut, proof } = demand;
        let ahead = if lines.is_some() { LINES_AHEAD } else { AHEAD };
        let grouped = matches!(proof, PackProof::Lines { .. });
        let (to, messages) = mpsc::channel(ahead);
        let (feed, pieces) = mpsc::channel(PIECES);
        let sink = Sink {
            attestation: Arc::clone(&pack.attestation),
            key: Arc::from(pack.attestation.pack_key()),
            version: pack.version.clone(),
            lock,
            modified: of.modified,
            first: of.first,
            last: of.last,
            lines,
            cut,
            text: Bytes::new(),
            out: Outlet::new(to.clone(), MANY),
            unproved: (0, 0),
            index: index.then(|| Builder::new(pack.attestation.first)),
            times: Times::default(),
            broken: None,
            done: false,
        };
        let (done, ended) = oneshot::channel::<()>();
        let key = pack.attestation.pack_key();
        let thread = on_a_thread(&key, move || {
            decode(sink, proof, pieces);
            drop(done);
        });
        tokio::spawn(async move {
            let fed = match thread {
                Ok(()) => pack.feed(feed).await,
                Err(error) => Err(error),
            };
            // The thread has dropped its end.
            drop(ended.await);
            // Whoever takes the objects may have gone: then nobody wants to know.
            if let Err(error) = fed {
                drop(to.send(vec![Unpacked::Unreadable(error)]).await);
            }
            drop(permit);
        });
        Self {
            messages,
            here: VecDeque::new(),
            payload: Vec::new(),
            length: 0,
            unproved: VecDeque::new(),
            proved: 0,
            grouped,
        }
    }

    /// The next object; `None` when all came. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Option<Unpacked> {
        loop {
            if self.proved > 0
                && let Some((sighting, lines)) = self.unproved.pop_front()
            {
                self.proved -= 1;
                return Some(Unpacked::Object(sighting, lines));
            }
            if self.here.is_empty() {
                self.here = self.messages.recv().await?.into();
            }
            match self.here.pop_front() {
                None => {}
                Some(Unpacked::Payload(piece)) => {
                    self.length += piece.len();
                    if self.length > HELD {
                        self.payload = Vec::new();
                    } else {
                        self.payload.push(piece);
                    }
                }
                Some(Unpacked::Object(sighting, lines)) => {
                    let payload = std::mem::take(&mut self.payload);
                    let length = std::mem::take(&mut self.length);
                    let lines = lines.map(|_| payload).filter(|_| length <= HELD);
                    self.unproved.push_back((sighting, lines));
                    self.proved += usize::from(!self.grouped);
                }
                Some(Unpacked::Proved(seq)) => {
                    let known = |(of, _): &(Sighting, _)| of.place.seq <= seq;
                    self.proved = self.proved.max(self.unproved.partition_point(known));
                }
                other => return other,
            }
        }
    }
}

/// Runs what waits for others on a thread of its own: on one of the runtime's it would keep those from
/// running for which it waits.
pub(super) fn on_a_thread(key: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let thread = std::thread::Builder::new().name("unpack".to_owned()).spawn(work);
    thread.map(drop).map_err(|error| no_thread(key, &error))
}

/// That no thread is to be had for a pack.
pub(super) fn no_thread(key: &str, error: &std::io::Error) -> Error {
    let what = format!("start a thread to decompress it: {error}");
    Error::new(Operation::Get, key, Kind::Other, &what)
}

/// Decodes the pieces of a pack; `None` is its end.
fn decode(mut sink: Sink, proof: PackProof, pieces: mpsc::Receiver<Option<Bytes>>) {
    let attestation = Arc::clone(&sink.attestation);
    let decoded = if sink.lines.is_some() {
        let objects = PackObjects::of(&attestation).proving(proof);
        take_apart((&attestation, objects), pieces, &mut sink)
    } else {
        Ok(PackDecoder::new(&attestation)
            .and_then(|decoder| decode_all(decoder.proving(proof), &mut sink, pieces)))
    };
    match decoded {
        Ok(Ok(true)) => {
            sink.compare_times();
            sink.compare_index();
        }
        // The store stopped half-way, and whoever feeds says so; or an object isn't the one that should be there.
        Ok(Ok(false)) => {
            if let Some(why) = sink.broken.take() {
                sink.out.push(Unpacked::Broken(why), 0);
            }
        }
        Ok(Err(fault)) => sink.out.push(Unpacked::Broken(fault.to_string()), 0),
        Err(error) => {
            let error = no_thread(&sink.key, &error);
            sink.out.push(Unpacked::Unreadable(error), 0);
        }
    }
    sink.out.send();
}

/// Whether the pack came to its end.
fn decode_all(
    mut decoder: PackDecoder<'_>,
    sink: &mut Sink,
    mut pieces: mpsc::Receiver<Option<Bytes>>,
) -> Result<bool, PackFault> {
    while let Some(piece) = pieces.blocking_recv() {
        let Some(piece) = piece else { return decoder.finish(sink).map(|()| true) };
        decoder.take(&piece, sink)?;
        if sink.is_done() {
            break;
        }
    }
    Ok(false)
}

struct Sink {
    attestation: Arc<Attestation>,
    key: Arc<str>,
    version: Option<Arc<str>>,
    lock: Option<Lock>,
    modified: i64,
    /// The seqs whose objects are wanted.
    first: u64,
    last: u64,
    /// The seqs whose payloads are given out, if any.
    lines: Option<Box<dyn Fn(u64) -> bool + Send>>,
    /// Nothing behind the last seq is decoded.
    cut: bool,
    /// The text in which the payloads lie that come next, where they are given out.
    text: Bytes,
    out: Outlet<Unpacked>,
    /// Bytes of payload that were given out since the objects before were vouched for, and objects.
    unproved: (usize, u64),
    /// Made of the text, where it is compared.
    index: Option<Builder>,
    times: Times,
    /// Why an object in it isn't the one that should be there.
    broken: Option<String>,
    /// Nothing more is wanted.
    done: bool,
}

impl Sink {
    /// Whether the payload of an object is given out.
    fn gives(&self, seq: u64) -> bool {
        let wanted = self.lines.as_ref().is_some_and(|lines| lines(seq));
        wanted && (self.first..=self.last).contains(&seq)
    }

    /// Whether an object is the one that is attested at its place.
    fn fits(&self, nth: usize, seal: &ObjectSeal) -> Result<(), String> {
        let Attestation { origin, first, last, prev, head, .. } = &*self.attestation;
        let seq = first + nth as u64;
        let stated = &seal.seal;
        if (&stated.origin, stated.seq) != (origin, seq) {
            return Err(format!(
                "where seq {seq} should be stands seq {} of {}",
                stated.seq, stated.origin
            ));
        }
        if seq == *first && stated.prev != Some(*prev) {
            return Err("its first object doesn't follow the attested one".to_owned());
        }
        if seq == *last && seal.hash != *head {
            return Err("its last object isn't the attested one".to_owned());
        }
        Ok(())
    }
}

/// What the notes of a pack say together of when, and of losses.
#[derive(Default)]
struct Times {
    untimed: u64,
    gaps: u64,
    span: Option<(Time, Time)>,
    sealed: Option<(Time, Time)>,
}

impl Times {
    fn take(&mut self, seal: &Seal) {
        let Payload { untimed, times, .. } = seal.payload;
        self.untimed = self.untimed.saturating_add(untimed);
        self.gaps += u64::from(seal.tells_of_loss());
        self.span = joined_times(self.span, times);
        let first = self.sealed.map_or(seal.sealed, |(first, _)| first);
        self.sealed = Some((first, seal.sealed));
    }
}

impl Sink {
    /// Holds what is attested of times and gaps against the notes: a search passes packs over by it.
    fn compare_times(&mut self) {
        let Attestation { untimed, gaps, times, sealed, .. } = *self.attestation;
        let found = &self.times;
        if (found.untimed, found.gaps, found.span, found.sealed)
            != (untimed, gaps, times, Some(sealed))
        {
            let why = "what its attestation says of times and gaps isn't what the notes in it say: a search may \
                       have passed it over";
            self.out.push(Unpacked::Wrong(Verdict::WrongTimes, why.to_owned()), 0);
        }
    }

    /// Holds the attested index against the one that the text gives.
    fn compare_index(&mut self) {
        let (Some(builder), Some(attested)) = (self.index.take(), self.attestation.index) else {
            return;
        };
        let made = builder.finish().ok().map(|bytes| Blob::of(&bytes));
        if made != Some(attested) {
            let key = self.attestation.name().index(&attested.hash);
            let why = format!(
                "the index {key} isn't the one that the pack's text gives: what was found \
                               by it may not be all there is"
            );
            self.out.push(Unpacked::Wrong(Verdict::WrongIndex, why), 0);
        }
    }
}

impl TextSink for Sink {
    fn lies_in(&mut self, text: &Bytes) {
        self.text.clone_from(text);
    }
}

impl PackSink for Sink {
    fn payload(&mut self, nth: usize, bytes: &[u8]) {
        if let Some(index) = &mut self.index {
            index.text(bytes);
        }
        if self.gives(self.attestation.first + nth as u64) && !self.is_done() {
            // Of a few objects here and there all the text would be kept in which they lie.
            let piece = if self.cut { self.out.copied(bytes) } else { self.text.slice_ref(bytes) };
            self.unproved.0 += bytes.len();
            self.out.push(Unpacked::Payload(piece), bytes.len());
        }
    }

    fn object(&mut self, nth: usize, seal: ObjectSeal, payload: Result<(), Fault>) {
        if let Some(index) = &mut self.index {
            index.end_batch();
        }
        self.times.take(&seal.seal);
        if self.broken.is_some() || self.done || self.out.is_gone() {
            return;
        }
        if let Err(why) = self.fits(nth, &seal) {
            self.broken = Some(why);
            return;
        }
        if !(self.first..=self.last).contains(&seal.seal.seq) {
            return;
        }
        let place = Place { seq: seal.seal.seq, alternate: None, date: self.attestation.date };
        // The bytes of a pack are counted once.
        let size = if seal.seal.seq == self.first { self.attestation.pack.size } else { 0 };
        let sighting = Sighting {
            place,
            pack: Some(Arc::clone(&self.key)),
            version: self.version.clone(),
            hidden: false,
            size,
            modified: self.modified,
            lock: self.lock.clone(),
            outcome: Outcome::Note(Box::new(seal), payload),
        };
        let lines = self.gives(place.seq).then(Vec::new);
        self.unproved.1 += 1;
        self.out.push(Unpacked::Object(sighting, lines), 0);
        self.done |= self.cut && place.seq == self.last;
    }

    fn wants_proof(&self) -> bool {
        let (bytes, objects) = self.unproved;
        bytes >= UNPROVED || objects >= UNPROVED_OBJECTS || self.is_done()
    }

    fn proved(&mut self, nth: usize) {
        self.unproved = (0, 0);
        self.out.push(Unpacked::Proved(self.attestation.first + nth as u64), 0);
    }

    fn is_done(&self) -> bool {
        self.broken.is_some() || self.done || self.out.is_gone()
    }
}
