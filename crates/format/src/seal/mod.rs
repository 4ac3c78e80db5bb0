//! The text of a note: FORMAT.md, "Note".

mod parse;
mod text;
mod validate;

use std::fmt;

use auditseal_audit::{Time, TimeField};
use auditseal_merkle::{Hash, Root};
use auditseal_note::VerifierKey;

use crate::{Alternate, Anchor, FileId, FileName, Origin};

/// First line of every note.
pub const VERSION: &str = "auditseal/seal/v1";
/// Highest seq.
pub const MAX_SEQ: u64 = 999_999_999_999;
/// Most `range` lines in a note.
pub const MAX_RANGES: usize = 256;
/// Most `hole` lines in a note.
pub const MAX_HOLES: usize = 1024;
/// Most `gap` lines in a note.
pub const MAX_GAPS: usize = 64;
/// Most `cursor` lines in a note.
pub const MAX_CURSORS: usize = 128;
/// Most `stored` lines in a note.
pub const MAX_STORED: usize = 64;

/// What a note states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// The chain.
    pub origin: Origin,
    /// Place in the chain.
    pub seq: u64,
    /// What the seal is for.
    pub kind: Kind,
    /// Hash of the note before; `None` in the genesis.
    pub prev: Option<Hash>,
    /// The key that signs this note.
    pub key: VerifierKey,
    /// The key that alone may sign the next one.
    pub next: VerifierKey,
    /// What the payload is.
    pub payload: Payload,
    /// Hash of the index, if there is one.
    pub index: Option<Hash>,
    /// When the note was made, by the node's clock.
    pub sealed: Time,
    /// The node's boot, and how long ago it was.
    pub boot: Boot,
    /// By when the next seal is promised; `None` in a `final`, and only there.
    pub next_by: Option<Time>,
    /// uid of the cluster's `kube-system` namespace.
    pub cluster_uid: Option<Uuid>,
    /// The machine's id, 16 bytes.
    pub machine_id: Option<[u8; 16]>,
    /// Digest of the audit policy and flags.
    pub config: Option<Hash>,
    /// The apiserver's own counts.
    pub counters: Option<Counters>,
    /// Why this seal was made.
    pub reason: Option<Word>,
    /// What was taken from which file, in the payload's order.
    pub ranges: Vec<Range>,
    /// What was lost.
    pub gaps: Vec<Gap>,
    /// How far each begun, not yet final file has been taken.
    pub cursors: Vec<Cursor>,
    /// Earlier objects known to be in a store.
    pub stored: Vec<Stored>,
}

/// What a seal is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The first of a chain; empty.
    Genesis,
    /// Lines.
    Batch,
    /// Nothing happened, and somebody was there to say so.
    Heartbeat,
    /// Source bytes were lost.
    Gap,
    /// The chain goes on after a loss of state.
    Reanchor,
    /// Nothing more is promised.
    Final,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Genesis, Self::Batch, Self::Heartbeat, Self::Gap, Self::Reanchor, Self::Final];

    /// The kind's word in a note.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Genesis => "genesis",
            Self::Batch => "batch",
            Self::Heartbeat => "heartbeat",
            Self::Gap => "gap",
            Self::Reanchor => "reanchor",
            Self::Final => "final",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a payload is: everything that its bytes decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload {
    /// Root hash, chunks and lines.
    pub root: Root,
    /// Bytes, uncompressed.
    pub bytes: u64,
    /// Hash of the compressed blocks.
    pub blocks: Hash,
    /// Bytes of the compressed blocks.
    pub blocks_len: u64,
    /// Base-2 logarithm of the compressor's window.
    pub window: u8,
    /// Lines that aren't audit events.
    pub malformed: u64,
    /// Where each line's time is looked for.
    pub field: TimeField,
    /// Lines without a certain time.
    pub untimed: u64,
    /// Least and greatest certain time of the lines.
    pub times: Option<(Time, Time)>,
}

impl Payload {
    /// An empty payload whose hashes are still to be set: [`crate::SealedBatch::seal`] does.
    #[must_use]
    pub fn placeholder(nothing: Hash) -> Self {
        Self {
            root: Root { hash: nothing, chunks: 0, lines: 0 },
            bytes: 0,
            blocks: nothing,
            blocks_len: 0,
            window: crate::MIN_WINDOW_LOG,
            malformed: 0,
            field: TimeField::Audit,
            untimed: 0,
            times: None,
        }
    }
}

/// Boot id and time since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boot {
    /// The kernel's boot id.
    pub id: Uuid,
    /// `CLOCK_BOOTTIME`, nanoseconds.
    pub nanos: u64,
}

/// A UUID, any version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uuid(pub [u8; 16]);

/// A word: 1–64 of `a–z 0–9 -`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word(String);

impl Word {
    /// Checks a word; `None` if it isn't one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=64).contains(&text.len());
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (fits && text.bytes().all(plain)).then(|| Self(text.to_owned()))
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The apiserver's own count of events and errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Start of the apiserver process.
    pub since: Time,
    /// `apiserver_audit_event_total`.
    pub events: u64,
    /// `apiserver_audit_error_total`.
    pub errors: u64,
}

/// Consecutive bytes of one source file that are in the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The file.
    pub file: FileId,
    /// First byte, an uncompressed offset in the file.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// Lines of the payload.
    pub lines: u64,
    /// The file was rotated away or is gone, and read to its end.
    pub is_final: bool,
    /// The payload's last `\n` isn't in the source.
    pub unterminated: bool,
    /// Anchor at `end`.
    pub anchor: Anchor,
    /// The file's name at the time.
    pub name: FileName,
    /// The file, begun earlier in the chain, that this one stands before.
    pub before: Option<FileId>,
    /// NUL runs that aren't in the payload.
    pub holes: Vec<Hole>,
}

impl Range {
    /// Bytes of the payload that are this range's. `None` if its numbers don't fit together.
    #[must_use]
    pub fn payload_bytes(&self) -> Option<u64> {
        let source = self.end.checked_sub(self.start)?;
        let holes = self.holes.iter().try_fold(0_u64, |sum, hole| sum.checked_add(hole.length))?;
        source.checked_sub(holes)?.checked_add(u64::from(self.unterminated))
    }
}

/// A run of NUL bytes that stand in the source and not in the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// Offset in the file.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

/// Source bytes that were lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The file, if its identity was known.
    pub file: Option<FileId>,
    /// First byte lost.
    pub start: Option<u64>,
    /// One past the last byte lost, if known.
    pub end: Option<u64>,
    /// Why.
    pub reason: Word,
    /// Time of the nearest sealed event before.
    pub after: Option<Time>,
    /// Time of the nearest sealed event behind.
    pub before: Option<Time>,
    /// The file's last known name.
    pub name: Option<FileName>,
}

/// How far a file has been taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The file.
    pub file: FileId,
    /// The next byte to take.
    pub offset: u64,
    /// Anchor at `offset`.
    pub anchor: Anchor,
    /// The file's name at the time.
    pub name: FileName,
}

/// An earlier object of the chain, pinned in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The store's name: 1–64 of `a–z 0–9 . _ -`.
    pub store: String,
    /// The object's seq.
    pub seq: u64,
    /// Which of the seq's keys it is stored at; `None` for the plain one.
    pub alternate: Option<Alternate>,
    /// SHA-256 of the whole object.
    pub sha256: [u8; 32],
    /// The store's version id.
    pub version: Option<Vec<u8>>,
}

/// Why a text isn't a note of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MalformedNote {
    /// What is wrong, for a person.
    pub what: String,
}

impl fmt::Display for MalformedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for MalformedNote {}

impl Seal {
    /// Whether it says that lines may be lost: it has a `gap`, or is the heartbeat of a writer that couldn't look at its
    /// source ([`Seal::is_stalled`]).
    #[must_use]
    pub fn tells_of_loss(&self) -> bool {
        !self.gaps.is_empty() || self.is_stalled()
    }

    /// Whether it is a heartbeat that vouches for nothing: its writer couldn't look at its source.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        let reason = self.reason.as_ref().map(Word::as_str);
        self.kind == Kind::Heartbeat && reason == Some("stalled")
    }

    /// Hash of the note: of its text, without the signature.
    #[must_use]
    pub fn hash(&self) -> Hash {
        auditseal_merkle::hash(self.text().as_bytes())
    }
}
