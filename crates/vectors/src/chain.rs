//! A chain of sealed batches, made step by step from a clock that the test sets.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use auditseal_format::seal::{Boot, Gap, Range, Uuid, Word};
use auditseal_format::{
    Alternate, Compression, Date, Hash, Kind, ObjectKey, Origin, Packed, Packer, Seal, SealedBatch,
    Time, TimeField, hash,
};
use auditseal_note::Signer;

use crate::source::Files;
use crate::{Lost, Parts, Piece, TestSigner};

/// What a bucket holds: key text (below the store's prefix) → object.
pub type Archive = BTreeMap<String, Vec<u8>>;

/// When the first seal of a test chain is made: 2026-11-21T08:00:00Z.
const START: i64 = 1_795_248_000_000_000;
const SECOND: i64 = 1_000_000;

type Edit = Arc<dyn Fn(&mut Seal) + Send + Sync>;

/// Builds one chain. The same calls always give the same bytes.
///
/// Each call that seals gives the new object and moves the clock on by five seconds; the next seal
/// is promised within an hour. Cloning a chain is how a test makes two histories of it.
///
/// ```
/// use auditseal_vectors::{Chain, Piece, TestSigner, events};
///
/// let mut chain = Chain::new("c/n/audit", TestSigner::new(1));
/// chain.genesis();
/// chain.batch(&[Piece::new("audit.log", events(0..3))]);
/// chain.batch(&[Piece::new("audit.log", events(3..5)).last().named("audit-1.log")]);
/// chain.heartbeat();
/// assert_eq!(chain.archive().len(), 4);
/// assert_eq!(chain.restored(), events(0..5));
/// ```
#[derive(Clone)]
pub struct Chain {
    origin: Origin,
    signer: TestSigner,
    files: Files,
    links: Vec<Link>,
    squatters: Archive,
    now: Time,
    /// Nanoseconds since boot.
    uptime: u64,
    promise: i64,
    /// How many of the next seal's keys are taken.
    taken: u32,
    compression: Compression,
    max_holes: usize,
    times: TimeField,
    index: Option<Vec<u8>>,
    edit: Option<Edit>,
}

#[derive(Clone)]
struct Link {
    key: ObjectKey,
    batch: SealedBatch,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let batches: Vec<_> = self.links.iter().map(|link| &link.batch).collect();
        f.debug_struct("Chain")
            .field("origin", &self.origin)
            .field("batches", &batches)
            .finish_non_exhaustive()
    }
}

impl Chain {
    /// A chain without a seal.
    ///
    /// # Panics
    /// When `origin` isn't one.
    #[must_use]
    pub fn new(origin: &str, signer: TestSigner) -> Self {
        Self {
            origin: origin.parse().expect("CLUSTER/NODE/SOURCE"),
            signer,
            files: Files::default(),
            links: Vec::new(),
            squatters: Archive::new(),
            now: Time::from_micros(START),
            uptime: 60_000_000_000,
            promise: 3600,
            taken: 0,
            compression: Compression::default(),
            max_holes: auditseal_format::seal::MAX_HOLES,
            times: TimeField::Audit,
            index: None,
            edit: None,
        }
    }

    // ---- settings of what is sealed next ----

    /// Lets time pass until then.
    ///
    /// # Panics
    /// When that was earlier: see [`Chain::step_clock`].
    pub fn at(&mut self, time: Time) -> &mut Self {
        let micros = u64::try_from(time.micros() - self.now.micros()).expect("time goes on");
        self.uptime += micros * 1000;
        self.now = time;
        self
    }

    /// Lets time pass.
    pub fn wait(&mut self, seconds: i64) -> &mut Self {
        self.at(self.now.saturating_add(seconds * SECOND))
    }

    /// Somebody sets the node's clock: no time passes since its boot.
    pub fn step_clock(&mut self, seconds: i64) -> &mut Self {
        self.now = self.now.saturating_add(seconds * SECOND);
        self
    }

    /// Where the lines of what follows say when they happened.
    pub fn times(&mut self, field: TimeField) -> &mut Self {
        self.times = field;
        self
    }

    /// Seconds within which each seal promises the next one.
    pub fn promise(&mut self, seconds: i64) -> &mut Self {
        self.promise = seconds;
        self
    }

    /// How payloads are compressed.
    pub fn compression(&mut self, compression: Compression) -> &mut Self {
        self.compression = compression;
        self
    }

    /// Most holes in a batch; later NUL runs stay in the payload.
    pub fn max_holes(&mut self, holes: usize) -> &mut Self {
        self.max_holes = holes;
        self
    }

    /// Signs with another signer from here on.
    pub fn signer(&mut self, signer: TestSigner) -> &mut Self {
        self.signer = signer;
        self
    }

    /// Gives the next object an index.
    pub fn index(&mut self, index: &[u8]) -> &mut Self {
        self.index = Some(index.to_vec());
        self
    }

    /// Changes the next seal before it is signed: its optional fields, or within the rules of a
    /// single note a lie about the chain. Key, next key and payload are set afterwards.
    pub fn edit(&mut self, edit: impl Fn(&mut Seal) + Send + Sync + 'static) -> &mut Self {
        self.edit = Some(Arc::new(edit));
        self
    }

    // ---- sealing ----

    /// Seals the genesis.
    pub fn genesis(&mut self) -> &SealedBatch {
        self.seal_empty(Kind::Genesis, None, vec![])
    }

    /// Seals lines.
    ///
    /// # Panics
    /// As [`Piece::new`] says.
    pub fn batch(&mut self, pieces: &[Piece]) -> &SealedBatch {
        let mut packer = Packer::new(self.compression, self.max_holes)
            .expect("zstd settings")
            .timed_by(self.times);
        let ranges = pieces.iter().map(|piece| self.range(piece, &mut packer)).collect();
        let packed = packer.finish().expect("what is packed unpacks");
        let mut seal = self.draft(Kind::Batch, &packed);
        seal.ranges = ranges;
        self.seal(seal, packed)
    }

    /// Seals that nothing happened.
    pub fn heartbeat(&mut self) -> &SealedBatch {
        self.seal_empty(Kind::Heartbeat, None, vec![])
    }

    /// Seals that source bytes were lost.
    pub fn gap(&mut self, lost: &[Lost]) -> &SealedBatch {
        let gaps = lost.iter().map(|lost| self.files.lose(lost)).collect();
        self.seal_empty(Kind::Gap, None, gaps)
    }

    /// Seals a reanchor, with the identity key.
    pub fn reanchor(&mut self, reason: &str) -> &SealedBatch {
        self.signer.return_to_identity();
        self.seal_empty(Kind::Reanchor, Some(reason), vec![])
    }

    /// Somebody has put `squatter` at the next key: whatever is sealed next goes to the alternate
    /// after it. [`Chain::archive`] holds both objects.
    pub fn squat(&mut self, squatter: &[u8]) -> &mut Self {
        self.squatters.insert(self.next_key().to_string(), squatter.to_vec());
        self.taken += 1;
        self
    }

    /// Seals that nothing more is promised.
    pub fn final_(&mut self) -> &SealedBatch {
        self.seal_empty(Kind::Final, None, vec![])
    }

    /// Has the newest note signed once more with another text, true or not, and goes on from it.
    /// The object is stored where its note says, if it can be read, else where it was.
    ///
    /// # Panics
    /// Without a note.
    pub fn rewrite(&mut self, edit: impl FnOnce(&str) -> String) -> &SealedBatch {
        let mut link = self.links.pop().expect("a chain with a note");
        let mut signer = self.signer.clone();
        let parts = Parts::of(&link.batch.bytes).edit(&mut signer, edit);
        link.batch.hash = hash(parts.text().as_bytes());
        if let Ok(seal) = Seal::parse(parts.text()) {
            link.key = self.key_of(seal.seq);
            link.batch.seal = seal;
        }
        link.batch.bytes = parts.bytes();
        self.push(link)
    }

    // ---- what was sealed ----

    /// All objects in order.
    pub fn batches(&self) -> impl Iterator<Item = &SealedBatch> {
        self.links.iter().map(|link| &link.batch)
    }

    /// The object of this seq.
    ///
    /// # Panics
    /// When it isn't sealed yet.
    #[must_use]
    pub fn get(&self, seq: usize) -> &SealedBatch {
        &self.links[seq].batch
    }

    /// The key text of the object of this seq.
    ///
    /// # Panics
    /// When it isn't sealed yet.
    #[must_use]
    pub fn key(&self, seq: usize) -> String {
        self.links[seq].key.to_string()
    }

    /// The newest object.
    ///
    /// # Panics
    /// Without a genesis.
    #[must_use]
    pub fn head(&self) -> &SealedBatch {
        &self.links.last().expect("a chain with a genesis").batch
    }

    /// Where the next object belongs.
    #[must_use]
    pub fn next_key(&self) -> ObjectKey {
        self.key_of(self.links.len() as u64)
    }

    /// The chain's name.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The signer, as it will sign the next note.
    #[must_use]
    pub fn current_signer(&self) -> &TestSigner {
        &self.signer
    }

    /// The time of the next seal.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// All objects, those of squatters too, at their keys.
    #[must_use]
    pub fn archive(&self) -> Archive {
        let own = self.links.iter().map(|link| (link.key.to_string(), link.batch.bytes.clone()));
        own.chain(self.squatters.clone()).collect()
    }

    /// The source as it was: all files in order. Where bytes were lost it has zeros.
    #[must_use]
    pub fn restored(&self) -> Vec<u8> {
        self.files.restored()
    }

    // ---- how ----

    fn range(&mut self, piece: &Piece, packer: &mut Packer) -> Range {
        let taken = self.files.take(piece);
        packer.begin_range(taken.start);
        packer.source(&piece.bytes).expect("zstd compresses");
        let facts = packer.end_range().expect("zstd compresses");
        Range {
            file: taken.file,
            start: taken.start,
            end: taken.end,
            lines: facts.lines,
            is_final: piece.is_final,
            unterminated: facts.unterminated,
            anchor: taken.anchor,
            name: taken.name,
            before: taken.before,
            holes: facts.holes,
        }
    }

    fn seal_empty(&mut self, kind: Kind, reason: Option<&str>, gaps: Vec<Gap>) -> &SealedBatch {
        let packed = Packed::empty(self.compression, self.times).expect("zstd settings");
        let mut seal = self.draft(kind, &packed);
        seal.reason = reason.map(|reason| Word::new(reason).expect("a reason is a word"));
        seal.gaps = gaps;
        self.seal(seal, packed)
    }

    fn draft(&self, kind: Kind, packed: &Packed) -> Seal {
        Seal {
            origin: self.origin.clone(),
            seq: self.links.len() as u64,
            kind,
            prev: self.links.last().map(|link| link.batch.hash),
            key: self.signer.key().clone(),
            next: self.signer.next().clone(),
            payload: packed.payload,
            index: None,
            sealed: self.now,
            boot: Boot { id: Uuid([0xb0; 16]), nanos: self.uptime },
            next_by: (kind != Kind::Final).then(|| self.now.saturating_add(self.promise * SECOND)),
            cluster_uid: None,
            machine_id: None,
            config: None,
            counters: None,
            reason: None,
            ranges: vec![],
            gaps: vec![],
            cursors: self.files.cursors(),
            stored: vec![],
        }
    }

    fn seal(&mut self, mut seal: Seal, packed: Packed) -> &SealedBatch {
        if let Some(edit) = self.edit.take() {
            edit(&mut seal);
        }
        let key = self.key_of(seal.seq);
        self.taken = 0;
        let index = self.index.take();
        let batch = SealedBatch::seal(seal, packed, index.as_deref(), &mut self.signer)
            .expect("a note that holds by itself; use Chain::rewrite or Parts for others");
        self.wait(5);
        self.push(Link { key, batch })
    }

    fn push(&mut self, link: Link) -> &SealedBatch {
        self.links.push(link);
        self.head()
    }

    fn key_of(&self, seq: u64) -> ObjectKey {
        let prev = self.links.last().map(|link| link.batch.hash);
        let name = |k| Alternate::new(&self.signer, &self.origin, seq, prev, k);
        let alternate = (self.taken > 0).then(|| name(self.taken));
        let date = self.links.last().map_or(Date::EPOCH, |link| link.batch.seal.sealed.date());
        ObjectKey { origin: self.origin.clone(), seq, alternate, date }
    }
}

/// The text of a head as a reader is given it: `SEQ:HASH`.
#[must_use]
pub fn head_text(batch: &SealedBatch) -> String {
    let hash: Hash = batch.hash;
    format!("{}:{hash}", batch.seal.seq)
}

/// One audit event as kube-apiserver writes it, without a newline; `n` makes it different.
#[must_use]
pub fn event(n: u64) -> String {
    let time = Time::from_micros(START - 60 * SECOND)
        .saturating_add(i64::try_from(n).unwrap_or(i64::MAX).saturating_mul(1000));
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"{n:08x}","stage":"ResponseComplete","verb":"get","stageTimestamp":"{time}"}}"#
    )
}

/// These events, each ended by `\n`.
#[must_use]
pub fn events(range: std::ops::Range<u64>) -> Vec<u8> {
    range.flat_map(|n| (event(n) + "\n").into_bytes()).collect()
}
