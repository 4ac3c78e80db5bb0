//! The program's stages one by one, on the same bytes; and what each is compared with.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use auditseal_format::seal::{Boot, Range, Uuid};
use auditseal_format::{
    Compression, DecoderPool, FileId, FileName, Kind, ObjectSeal, Origin, Packed, Packer,
    RangeFacts, Seal, SealedBatch, Time, hash,
};
use auditseal_index::Builder;
use auditseal_merkle::{Hasher, RootHasher};
use auditseal_note::{Signer as _, StaticSigner, sha256};
use auditseal_reader::ObjectCheck;
use auditseal_tail::fs::{LogPath, SourceDisk};
use auditseal_tail::{Family, Follower, History, Mode, Settings};

use crate::Events;

/// The stages by name. Those that begin with `ref-` are what others are compared with.
pub const NAMES: [&str; 15] = [
    "root",
    "pack",
    "seal",
    "split",
    "scan",
    "gunzip",
    "verify",
    "verify-stored",
    "finish-empty",
    "open",
    "index",
    "ref-serde-json",
    "ref-blake3",
    "ref-sha256-leaves",
    "ref-blake3-leaves",
];

/// Whoever measures, measures one of these: the bytes, and what was made of them before.
pub struct Bench {
    bytes: Vec<u8>,
    packed: Option<(Packed, RangeFacts)>,
    object: Vec<u8>,
    rotated: Option<tempfile::TempDir>,
    decoders: Arc<DecoderPool>,
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bench").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl Bench {
    /// Whole events, at least so many bytes of them, made ready for `stage`.
    ///
    /// # Errors
    /// Those of the disk.
    ///
    /// # Panics
    /// When what is measured fails: the figure would mean nothing.
    pub fn new(stage: &str, bytes: u64) -> io::Result<Self> {
        let mut all = Vec::new();
        crate::corpus::write(&mut Events::new(7), bytes, &mut all)?;
        let mut bench = Self {
            bytes: all,
            packed: None,
            object: Vec::new(),
            rotated: None,
            decoders: Arc::default(),
        };
        match stage {
            "seal" => bench.packed = Some(bench.pack()),
            "verify" | "verify-stored" | "open" => {
                let (packed, facts) = bench.pack();
                bench.object = bench.seal(packed, facts).bytes;
            }
            "gunzip" => {
                let directory = tempfile::tempdir()?;
                let path = directory.path().join("audit-2026-01-01T00-00-00.000.log.gz");
                let mut out = flate2::write::GzEncoder::new(
                    File::create(path)?,
                    flate2::Compression::default(),
                );
                out.write_all(&bench.bytes)?;
                out.finish()?;
                bench.rotated = Some(directory);
            }
            _ => {}
        }
        Ok(bench)
    }

    /// Raw bytes that a run of a stage goes through.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Runs a stage once; gives something that depends on all of its work.
    ///
    /// # Panics
    /// When it fails, or there is no such stage.
    #[must_use]
    pub fn run(&self, stage: &str) -> u64 {
        let bytes = self.bytes.as_slice();
        match stage {
            "root" => root(bytes),
            "pack" => self.pack().0.payload.blocks_len,
            "seal" => {
                let (packed, facts) = self.packed.clone().expect("made ready for this stage");
                self.seal(packed, facts).bytes.len() as u64
            }
            "split" => memchr::memchr_iter(b'\n', bytes).count() as u64,
            "scan" => {
                lines(bytes).filter(|line| auditseal_audit::scan(line).well_formed()).count() as u64
            }
            "gunzip" => self.gunzip(),
            "verify" => self.verify(Some(&self.decoders)),
            "verify-stored" => self.verify(None),
            "open" => ObjectSeal::open(&self.object).expect("a sound object").seal.payload.bytes,
            "index" => index(bytes).len() as u64,
            "ref-serde-json" => {
                let value = serde_json::from_slice::<serde::de::IgnoredAny>;
                lines(bytes).filter(|line| value(line).is_ok()).count() as u64
            }
            "finish-empty" => {
                Packed::empty(Compression::default(), auditseal_format::TimeField::Audit)
                    .expect("an empty payload")
                    .payload
                    .blocks_len
            }
            "ref-blake3" => first(hash(bytes).as_bytes()),
            "ref-sha256-leaves" => {
                lines(bytes).map(|line| first(&sha256(line))).fold(0, u64::wrapping_add)
            }
            "ref-blake3-leaves" => {
                lines(bytes).map(|line| first(hash(line).as_bytes())).fold(0, u64::wrapping_add)
            }
            other => panic!("there is no stage {other}"),
        }
    }

    fn pack(&self) -> (Packed, RangeFacts) {
        let mut packer = Packer::new(Compression::default(), 256).expect("libzstd's own settings");
        packer.begin_range(0);
        // As the agent reads them.
        self.bytes
            .chunks(256 << 10)
            .for_each(|piece| packer.source(piece).expect("memory to write to"));
        let facts = packer.end_range().expect("memory to write to");
        (packer.finish().expect("a payload that decodes"), facts)
    }

    fn seal(&self, packed: Packed, facts: RangeFacts) -> SealedBatch {
        // Signs nothing that anybody trusts.
        let mut signer =
            StaticSigner::from_seed("bench/node", &[1; 32]).expect("a name for a note");
        let range = Range {
            file: FileId { hash: hash(b"first line"), base: 0, copy: 0 },
            start: 0,
            end: self.bytes(),
            lines: facts.lines,
            is_final: false,
            unterminated: facts.unterminated,
            anchor: hash(b"anchor"),
            name: FileName::new(b"audit.log"),
            before: None,
            holes: facts.holes,
        };
        let seal = Seal {
            origin: Origin::new("bench", "node", "audit").expect("an origin"),
            seq: 1,
            kind: Kind::Batch,
            prev: Some(hash(b"previous")),
            key: signer.key().clone(),
            next: signer.next().clone(),
            payload: packed.payload,
            index: None,
            sealed: Time::from_micros(1_795_248_336_377_966),
            boot: Boot { id: Uuid([7; 16]), nanos: 1 },
            next_by: Some(Time::MAX),
            cluster_uid: None,
            machine_id: None,
            config: None,
            counters: None,
            reason: None,
            ranges: vec![range],
            gaps: vec![],
            cursors: vec![],
            stored: vec![],
        };
        SealedBatch::seal(seal, packed, None, &mut signer).expect("a seal that holds")
    }

    fn verify(&self, decoders: Option<&Arc<DecoderPool>>) -> u64 {
        let seal = Arc::new(ObjectSeal::read(&self.object).expect("a sound object"));
        let mut check = ObjectCheck::new(Arc::clone(&seal), decoders);
        check.take(&self.object);
        check.finish(&self.object).expect("a sound object");
        seal.seal.payload.bytes
    }

    fn gunzip(&self) -> u64 {
        let directory = self.rotated.as_ref().expect("made ready for this stage");
        drain(directory.path())
    }
}

/// Reads all that a directory's log holds through the follower, as `backfill` does.
fn drain(directory: &Path) -> u64 {
    let family = Family::of(OsStr::new("audit.log")).expect("the usual name");
    let settings = Settings { mode: Mode::Drain, ..Settings::default() };
    let mut follower = Follower::new(
        family.clone(),
        SourceDisk::new(LogPath::directory(directory, family)),
        History::default(),
        settings,
    );
    let (mut total, mut buffer, mut now) = (0, vec![0; 256 << 10], 0);
    loop {
        now += 60_000;
        let look = follower.look(now, 16 << 20);
        for take in &look.takes {
            let mut at = take.start;
            while at < take.end {
                let wanted = usize::try_from(take.end - at).unwrap_or(usize::MAX).min(buffer.len());
                let read = take.content.read_at(at, &mut buffer[..wanted]).expect("a whole file");
                assert!(read > 0, "the file holds what was found in it");
                at += read as u64;
            }
            follower.committed(&take.file, take.end);
            total += take.end - take.start;
        }
        if !look.more && look.takes.is_empty() {
            return total;
        }
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut from = 0;
    memchr::memchr_iter(b'\n', bytes).map(move |at| {
        let line = &bytes[from..at];
        from = at + 1;
        line
    })
}

/// The index of a pack of these lines, in batches of as many bytes as a window of five seconds has where seven events a
/// second are logged.
///
/// # Panics
/// Without a line.
#[must_use]
pub fn index(bytes: &[u8]) -> Vec<u8> {
    const WINDOW: usize = 62_000;
    let (mut builder, mut from) = (Builder::new(0), 0);
    while from < bytes.len() {
        let least = bytes.len().min(from + WINDOW);
        let end = memchr::memchr(b'\n', &bytes[least..]).map_or(bytes.len(), |at| least + at + 1);
        // As a decoder hands them out.
        bytes[from..end].chunks(128 << 10).for_each(|piece| builder.text(piece));
        builder.end_batch();
        from = end;
    }
    builder.finish().expect("a pack that isn't too large")
}

fn root(bytes: &[u8]) -> u64 {
    let mut hasher = RootHasher::new();
    bytes.chunks(256 << 10).for_each(|piece| hasher.update(piece));
    first(hasher.finish().hash.as_bytes())
}

fn first(hash: &[u8; 32]) -> u64 {
    hash[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Reads a file through plain BLAKE3, whole: what `b3sum` on one thread does.
///
/// # Errors
/// Those of the disk.
pub fn hash_file(path: &Path) -> io::Result<String> {
    let (mut file, mut hasher) = (File::open(path)?, Hasher::new());
    let mut buffer = vec![0; 1 << 20];
    loop {
        match io::Read::read(&mut file, &mut buffer)? {
            0 => return Ok(hasher.finish().to_string()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_goes_through_all_bytes() {
        for stage in NAMES {
            let bench = Bench::new(stage, 300_000).unwrap();
            let done = bench.run(stage);
            assert_eq!(done, bench.run(stage), "{stage}");
            if ["gunzip", "verify", "verify-stored", "open"].contains(&stage) {
                assert_eq!(done, bench.bytes(), "{stage}");
            } else if ["split", "scan", "ref-serde-json"].contains(&stage) {
                assert_eq!(done, lines(&bench.bytes).count() as u64, "{stage}");
            } else if stage != "finish-empty" {
                assert!(done > 0, "{stage}");
            }
        }
    }

    /// How much an index adds: of a larger cluster's log, in which whoever does something to whatever anywhere is drawn
    /// by lot, which no cluster does.
    #[test]
    fn an_index_is_a_small_part_of_its_text() {
        let bench = Bench::new("index", 8 << 20).unwrap();
        let index = auditseal_index::Index::open(index(&bench.bytes)).unwrap();
        assert!(index.batches() > 100 && index.open_batches().is_empty());
        let part = bench.run("index") as f64 / bench.bytes() as f64;
        assert!((0.001..0.02).contains(&part), "{part}");
    }

    #[test]
    fn a_file_hashes_as_its_bytes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"some bytes").unwrap();
        assert_eq!(hash_file(file.path()).unwrap(), hash(b"some bytes").to_string());
    }
}
