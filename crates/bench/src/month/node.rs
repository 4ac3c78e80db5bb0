//! One node that seals a few lines every five seconds, by a clock of its own.

use auditseal_format::seal::{Boot, Cursor, Range, Uuid};
use auditseal_format::{
    Compression, Date, FileId, FileName, Hash, Kind, ObjectKey, Origin, PackError, Packed, Packer,
    PackerTools, Seal, SealedBatch, Time, TimeField, hash,
};
use auditseal_note::{Signer as _, StaticSigner};

use crate::Events;

/// Microseconds between two seals.
pub(super) const WINDOW: i64 = 5_000_000;
/// Within which the next seal is promised: an hour.
const PROMISE: i64 = 3_600_000_000;
/// A log is rotated when it has so many bytes: what `--audit-log-maxsize=100` makes of it.
const ROTATED: u64 = 100 << 20;
/// Bytes that an anchor is of (FORMAT.md, *Source files*).
const ANCHOR: usize = 4096;
/// Nanoseconds since boot when a chain begins.
const UPTIME: u64 = 60_000_000_000;

/// A log that is being written.
#[derive(Debug)]
struct Log {
    id: FileId,
    offset: u64,
    /// Its last bytes.
    tail: Vec<u8>,
}

impl Log {
    fn begun_with(lines: &[u8]) -> Self {
        let first = lines.split(|byte| *byte == b'\n').next().unwrap_or_default();
        Self { id: FileId { hash: hash(first), base: 0, copy: 0 }, offset: 0, tail: Vec::new() }
    }

    fn grow(&mut self, lines: &[u8]) {
        self.offset += lines.len() as u64;
        self.tail.extend_from_slice(lines);
        self.tail.drain(..self.tail.len().saturating_sub(ANCHOR));
    }
}

/// A sealed object.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) bytes: Vec<u8>,
    pub(super) time: Time,
}

/// A node and its chain.
#[derive(Debug)]
pub(super) struct Node {
    origin: Origin,
    signer: StaticSigner,
    events: Events,
    tools: PackerTools,
    log: Option<Log>,
    begun: Time,
    seq: u64,
    prev: Option<Hash>,
}

impl Node {
    pub(super) fn new(origin: Origin, signer: StaticSigner, seed: u64, begun: Time) -> Self {
        let (events, tools) = (Events::new(seed), PackerTools::default());
        Self { origin, signer, events, tools, log: None, begun, seq: 0, prev: None }
    }

    /// When it seals next.
    pub(super) fn now(&self) -> Time {
        self.begun
            .saturating_add(i64::try_from(self.seq).unwrap_or(i64::MAX).saturating_mul(WINDOW))
    }

    /// Seals the genesis.
    pub(super) fn genesis(&mut self) -> Result<Sealed, PackError> {
        let packed = Packed::empty(Compression::default(), TimeField::Audit)?;
        self.seal(Kind::Genesis, packed, vec![])
    }

    /// Seals so many lines of the last window, and this one behind them.
    pub(super) fn batch(&mut self, lines: u64, planted: Option<&str>) -> Result<Sealed, PackError> {
        self.events.advance(self.now().saturating_add(-WINDOW / 2));
        let mut text = Vec::new();
        (0..lines).for_each(|_| text.extend_from_slice(self.events.line()));
        text.extend_from_slice(planted.unwrap_or_default().as_bytes());
        let log = self.log.get_or_insert_with(|| Log::begun_with(&text));
        let tools = std::mem::take(&mut self.tools);
        let mut packer = Packer::reusing(tools, Compression::default(), 0)?;
        let start = log.offset;
        packer.begin_range(start);
        packer.source(&text)?;
        let facts = packer.end_range()?;
        let (packed, tools) = packer.finish_keeping()?;
        self.tools = tools;
        log.grow(&text);
        let is_final = log.offset >= ROTATED;
        let range = Range {
            file: log.id,
            start,
            end: log.offset,
            lines: facts.lines,
            is_final,
            unterminated: facts.unterminated,
            anchor: hash(&log.tail),
            name: name(),
            before: None,
            holes: facts.holes,
        };
        if is_final {
            self.log = None;
        }
        self.seal(Kind::Batch, packed, vec![range])
    }

    fn seal(
        &mut self,
        kind: Kind,
        packed: Packed,
        ranges: Vec<Range>,
    ) -> Result<Sealed, PackError> {
        let time = self.now();
        let cursors = self.log.iter().map(|log| Cursor {
            file: log.id,
            offset: log.offset,
            anchor: hash(&log.tail),
            name: name(),
        });
        let since = u64::try_from(time.micros() - self.begun.micros()).unwrap_or(0);
        let seal = Seal {
            origin: self.origin.clone(),
            seq: self.seq,
            kind,
            prev: self.prev,
            key: self.signer.key().clone(),
            next: self.signer.next().clone(),
            payload: packed.payload,
            index: None,
            sealed: time,
            boot: Boot { id: Uuid([7; 16]), nanos: UPTIME + since * 1000 },
            next_by: Some(time.saturating_add(PROMISE)),
            cluster_uid: None,
            machine_id: None,
            config: None,
            counters: None,
            reason: None,
            ranges,
            gaps: vec![],
            cursors: cursors.collect(),
            stored: vec![],
        };
        let sealed = SealedBatch::seal(seal, packed, None, &mut self.signer)
            .expect("a seal that says what its batch is");
        self.seq += 1;
        self.prev = Some(sealed.hash);
        Ok(Sealed { bytes: sealed.bytes, time })
    }
}

fn name() -> FileName {
    FileName::new(b"audit.log")
}

/// Where the object of a seq stands, by when the one before it was sealed.
pub(super) fn key(origin: &Origin, seq: u64, before: Option<Time>) -> ObjectKey {
    let date = before.map_or(Date::EPOCH, Time::date);
    ObjectKey { origin: origin.clone(), seq, alternate: None, date }
}

/// One request of a person, with its `\n`: nothing else in the log deletes a NetworkPolicy.
pub(super) fn planted(at: Time) -> String {
    let head = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"5eed5eed-0000-4000-8000-000000000001","stage":"ResponseComplete","requestURI":"/apis/networking.k8s.io/v1/namespaces/payments/networkpolicies/web","verb":"delete","user":{"username":"person-17@example.com","groups":["oidc:developers","system:authenticated"]},"sourceIPs":["10.9.8.7"],"userAgent":"kubectl/v1.36.3 (linux/amd64) kubernetes/$Format","objectRef":{"resource":"networkpolicies","namespace":"payments","name":"web","apiGroup":"networking.k8s.io","apiVersion":"v1"},"responseStatus":{"metadata":{},"status":"Success","code":200}"#;
    let rest = r#""annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":""}}"#;
    format!("{head},\"requestReceivedTimestamp\":\"{at}\",\"stageTimestamp\":\"{at}\",{rest}\n")
}
