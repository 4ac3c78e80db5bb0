//! What goes into the shipper and what comes out.

use std::fmt;
use std::sync::Arc;

use auditseal_format::seal::{Boot, Counters, Gap, Uuid, Word};
use auditseal_format::{
    Anchor, Date, FileId, FileName, Hash, ObjectKey, Origin, Packed, RangeFacts, Seal, SealedBatch,
    Time, TimeField, VerifierKey,
};

use crate::backoff::Backoff;
use crate::limits::Limits;
use crate::seqs::Seqs;
use crate::spooled::Spooled;

/// The clocks, read once per input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The node's wall clock: for the seals only. It may jump.
    pub wall: Time,
    /// Boot id and boot clock: for everything that waits.
    pub boot: Boot,
}

/// How a chain is kept.
#[derive(Debug, Clone)]
pub struct Config {
    /// The chain.
    pub origin: Origin,
    /// Where its lines say when they happened: what every seal repeats.
    pub times: TimeField,
    /// Daemon or one-shot.
    pub mode: Mode,
    /// A batch closes when it has at least this many source bytes.
    pub batch_bytes: u64,
    /// How often the source is looked at, and how long lines wait at most, nanoseconds.
    pub window: u64,
    /// A seal is made at least this often, nanoseconds.
    pub heartbeat: u64,
    /// Batches packed at the same time.
    pub jobs: usize,
    /// The source isn't read while the spool holds at least this many bytes.
    pub spool_limit: u64,
    /// A one-shot gives up when the store, or the spool's disk, has accepted nothing for so long,
    /// nanoseconds.
    pub give_up: Option<u64>,
    /// Waits between attempts.
    pub backoff: Backoff,
    /// uid of the cluster, if known.
    pub cluster_uid: Option<Uuid>,
    /// Id of the machine, if known.
    pub machine_id: Option<[u8; 16]>,
    /// Keys that began chains of this name, which somebody has looked at: this chain begins beside
    /// theirs.
    pub beside: Vec<VerifierKey>,
    /// Which of the chain's stored objects somebody has found to be lost for good: it goes on where the
    /// store lacks these, and no others.
    pub without: Vec<Seqs>,
    /// An accepted upload is read back before it counts: the store's 200 isn't enough.
    pub read_back: bool,
    /// The store's name in `stored` lines: 1–64 of `a–z 0–9 . _ -`.
    pub store: String,
    /// How much goes into one seal.
    pub limits: Limits,
}

/// Daemon or one-shot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Follows the source until it is stopped.
    Live,
    /// Takes everything there is, seals `final` and ends.
    OneShot,
}

/// The newest seal of the chain, as far as the next one depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// What its note states.
    pub seal: Seal,
    /// Hash of its note.
    pub hash: Hash,
}

/// Where a chain goes on.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// The newest seal on this node, or in the store when the node has none.
    pub head: Option<Head>,
    /// Objects in the spool.
    pub spooled: Spooled,
    /// A `reanchor` must come first, for this reason.
    pub reanchor: Option<&'static str>,
    /// Nothing is sent for so long, nanoseconds: what another process sent for this chain, and was
    /// lost with its state or belongs to a double, has arrived by then, or never will.
    pub hold: u64,
}

impl Start {
    /// The newest event time that the seals at hand tell: what the next gap lies behind.
    pub(crate) fn last_event(&self) -> Option<Time> {
        let head = self.head.as_ref().and_then(|head| head.seal.payload.times);
        head.map(|(_, last)| last).or(self.spooled.last_event)
    }
}

/// Consecutive bytes of a source file, ready to be read. `C` is whatever reads them.
#[derive(Debug, Clone)]
pub struct Take<C> {
    /// The file.
    pub file: FileId,
    /// Its name now.
    pub name: FileName,
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// The last byte is not a `\n`.
    pub mid_line: bool,
    /// The file won't be written to again.
    pub is_final: bool,
    /// Anchor at `end`.
    pub anchor: Anchor,
    /// The file, begun earlier, that this one stands before.
    pub before: Option<FileId>,
    /// Where the bytes come from, in order; the last one's end and anchor are the take's.
    pub parts: Vec<Part<C>>,
}

impl<C> Take<C> {
    /// A take of no bytes, which says that the file ends here.
    pub(crate) fn end_of(file: FileId, end: u64, anchor: Anchor, name: FileName) -> Self {
        let (mid_line, is_final, before, parts) = (false, true, None, Vec::new());
        Self { file, name, start: end, end, mid_line, is_final, anchor, before, parts }
    }
}

/// Where a part of a take's bytes comes from: it begins where the part before ends.
#[derive(Debug, Clone)]
pub struct Part<C> {
    /// One past the part's last byte.
    pub end: u64,
    /// Anchor at `end`.
    pub anchor: Anchor,
    /// What reads the bytes.
    pub content: C,
}

/// Source bytes that are lost, as the follower or the packing found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The file, if its identity was known.
    pub file: Option<FileId>,
    /// Its last known name.
    pub name: Option<FileName>,
    /// First byte lost, if known.
    pub start: Option<u64>,
    /// One past the last byte lost, if known.
    pub end: Option<u64>,
    /// Anchor at `end`, if the file is read on from there.
    pub anchor: Option<Anchor>,
    /// Why: a word.
    pub reason: &'static str,
}

impl Loss {
    /// The same in numbers that a note can state; `None` if nothing is lost. What doesn't fit
    /// together is as good as unknown.
    pub(crate) fn sound(self) -> Option<Self> {
        let unidentified = self.start.is_none() && self.file.is_some();
        let file = self.file.filter(|_| !unidentified);
        let end = match (self.start, self.end) {
            (Some(start), Some(end)) if start == end => return None,
            (Some(start), end) => end.filter(|end| *end > start),
            (None, _) => None,
        };
        Some(Self { file, end, ..self })
    }

    /// What a seal says of it: between which sealed events, as far as that is known.
    pub(crate) fn gap(self, after: Option<Time>, before: Option<Time>) -> Gap {
        let word = Word::new(self.reason);
        Gap {
            file: self.file,
            start: self.start,
            end: self.end,
            reason: word.unwrap_or_else(|| Word::new("unknown").expect("a word")),
            after,
            before,
            name: self.name,
        }
    }
}

/// Takes to be packed into one payload.
#[derive(Debug, Clone)]
pub struct Job<C> {
    /// Names the job in [`Input::Packed`].
    pub ticket: u64,
    /// In the payload's order.
    pub takes: Vec<Take<C>>,
    /// Most NUL runs, of all takes together, that may be left out of the payload.
    pub max_holes: usize,
}

/// A job's result.
#[derive(Debug, Clone)]
pub struct PackedJob {
    /// The payload.
    pub packed: Packed,
    /// Facts of each take, in order.
    pub facts: Vec<RangeFacts>,
    /// Takes that turned out shorter: index, the end that was reached, the anchor there, and why.
    /// The rest of such a take is sealed as a gap.
    pub short: Vec<(usize, u64, Anchor, &'static str)>,
}

/// Which version of a key holds our object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// SHA-256 of the whole object.
    pub sha256: [u8; 32],
    /// The store's version id.
    pub version: String,
}

/// What an upload's read-back found at its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadBack {
    /// Our bytes; in which version, where the store has versions.
    Same(Option<Pin>),
    /// The store says that there is nothing.
    Absent,
    /// No answer of the store.
    Unknown(String),
    /// Other bytes: at least the last [`auditseal_format::MAX_SEAL_BLOCK`] of them.
    Other(Vec<u8>),
}

/// What is left of a source after a look: whether, and when, it is looked at again before the next
/// window. A one-shot ends with [`Rest::Nothing`] only, however little a look handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Everything that is known of the source is taken.
    Nothing,
    /// Something is there that can't be taken yet: time must pass, or the disk refuses it. A
    /// one-shot looks again soon, a daemon with its next window. A stop doesn't wait for it: what
    /// is left is there at the next start.
    Later,
    /// What is left waits for descriptors or room, which only sealing what was handed out sets
    /// free: the open batch is closed at once, whatever its size, and the source is looked at again
    /// when an object is committed.
    Sealing,
    /// There is more already: look again as soon as there is room for it.
    More,
}

/// What happened.
#[derive(Debug)]
pub enum Input<C> {
    /// Time passed.
    Wake,
    /// The source's directory changed: look before the window is over.
    Changed,
    /// The source was looked at.
    Looked {
        /// What can be taken, in order.
        takes: Vec<Take<C>>,
        /// What was lost; it stands behind the takes.
        losses: Vec<Loss>,
        /// What is left.
        rest: Rest,
    },
    /// A job is done.
    Packed(u64, Box<PackedJob>),
    /// The object handed out last is durable on the node.
    Committed,
    /// It is not, and why.
    CommitFailed(String),
    /// The store accepted the object; as which version, where it has versions.
    Stored(Option<Pin>),
    /// Anything else came of the upload.
    Doubt(String),
    /// What stands at the key.
    ReadBack(ReadBack),
    /// The newest note of this chain that the store has, and, where that is its first or none, the
    /// genesis of another key's chain of the same name.
    HeadFound(Option<StoreHead>, Option<(ObjectKey, VerifierKey)>),
    /// What the store had last isn't there any more, and the object handed out for an upload wasn't
    /// sent, or doesn't count: what the store has is to be asked anew.
    Gone,
    /// The apiserver's own count, for the seals that follow; `None` when it isn't known any more.
    Counted(Option<Counters>),
    /// The store doesn't tell, and it was asked for as long as a one-shot may wait.
    HeadUnknown(String),
    /// Seal and upload what is there, then end.
    Stop,
}

/// What is to be done.
#[derive(Debug)]
pub enum Action<C> {
    /// Look at the source, for about this many bytes.
    Look(u64),
    /// Pack a job.
    Pack(Job<C>),
    /// Make the object durable on the node. **The point of no return.**
    Commit(ObjectKey, Arc<SealedBatch>),
    /// Upload a committed object, create-only.
    Put(ObjectKey),
    /// Read an object's key and compare with the committed bytes.
    ReadBack(ObjectKey),
    /// Take an object, and what its note says is final, out of the spool.
    Discard(ObjectKey),
    /// For logs and metrics.
    Report(Report),
    /// Find the newest note of this chain in the store, for a node that knows so much of it.
    FindHead(KnownChain),
    /// Start again: the store holds notes of this chain where ours should stand, and nothing of ours
    /// was sent since the start. See [`crate::course`].
    Restart,
    /// Nothing more is to be done.
    End(End),
}

/// What a node knows of its chain that asks for its head.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KnownChain {
    /// Where objects of it are here: the oldest one's key names the first day, and the key of the one
    /// to come the second. None at a chain's beginning, where another key's chain may stand beside it.
    pub days: Option<(Date, Date)>,
    /// The newest seq that was known at the start, or is stored by now: notes up to there are no news,
    /// wherever somebody puts them.
    pub newest: Option<u64>,
}

/// How a chain ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Everything is sealed and stored.
    Done,
    /// Stopped before everything was stored, or, a one-shot, before all of the source was sealed; what
    /// is sealed is in the spool.
    Stopped,
    /// The store accepted nothing for too long; what is sealed is in the spool.
    GaveUp(String),
    /// The store lacks these, which it had of this chain: a one-shot sends nothing to it. What is sealed
    /// is in the spool.
    Lacking(Seqs),
    /// Another writer has this chain: which object stands where ours should, and why that can't be
    /// gone on from. Nothing more may be signed.
    Forked(ObjectKey, Fork),
    /// Somebody with this other key has begun a chain of our name.
    Foreign(ObjectKey, VerifierKey),
}

/// Why what stands where ours should can't be gone on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fork {
    /// The chain was begun twice with our key: the other beginning, sealed then, came to the store
    /// first, and nothing of ours is in it. Either the node lost its state while its first upload of
    /// all was under way, which nobody waits for, or a second agent began beside it.
    BegunTwice(Time),
    /// Anything else, in words.
    Other(String),
}

impl Fork {
    /// What an operator can do, in words that follow "hint:".
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::BegunTwice(_) => {
                "if no second agent has this key, start auditseal again: it goes on behind the other \
                 beginning, first with what it has sealed itself. With the chain's state directory \
                 moved away it goes on there too, with what the log still has"
            }
            Self::Other(_) => {
                "find the other writer: a restored snapshot, a second agent, a stolen key; or this \
                 node itself, begun anew when its state was lost while --store was another one or its \
                 disk not mounted. Restarting can't help: docs/operate.md, AuditsealForked, says what \
                 does"
            }
        }
    }
}

impl fmt::Display for Fork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BegunTwice(sealed) => write!(
                f,
                "the chain was begun twice: its first upload was still under way when this node's \
                 state was lost, in its first minutes, or a second agent has its key. The other \
                 beginning, sealed {sealed}, is stored, and nothing of this one"
            ),
            Self::Other(why) => f.write_str(why),
        }
    }
}

/// The newest note of a chain that a store has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreHead {
    /// Where its object stands.
    pub key: ObjectKey,
    /// Hash of the note.
    pub hash: Hash,
}

/// What people want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// A batch was sealed and is durable on the node.
    Sealed {
        /// The seal.
        seal: Box<Seal>,
        /// Hash of its note.
        hash: Hash,
        /// Size of the object, bytes.
        size: u64,
    },
    /// The store has an object of ours now.
    Stored(ObjectKey),
    /// The store has had an object of ours since before this start.
    FoundStored(ObjectKey),
    /// An upload failed and will be tried again.
    Retry(ObjectKey, Pause),
    /// The spool couldn't be written and will be tried again.
    SpoolRetry(Pause),
    /// The spool is full: the source isn't read until uploads make room.
    SpoolFull(u64),
    /// Source bytes were lost; a gap seal says so.
    Lost(Loss),
    /// These objects were sealed, and are neither on the node nor in the store: somebody deleted them.
    Missing(Seqs),
    /// These objects were stored, and aren't in the store: nothing is sent to it while that is so.
    Lacking(Seqs),
    /// The store has them, or what it lacks is gone on without.
    Regained,
    /// The store lacks these, and as told the chain goes on without them.
    Without(Seqs),
    /// Bytes that are no seal of this chain stand at a key of its next object, which goes to an
    /// alternate; why they are none.
    Squatter(ObjectKey, String),
}

/// Why and for how long something waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Nanoseconds.
    pub nanos: u64,
    /// Attempts so far.
    pub attempts: u32,
    /// What went wrong.
    pub why: String,
}
