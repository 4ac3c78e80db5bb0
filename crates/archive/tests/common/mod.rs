//! Stores and sinks for tests.
#![allow(dead_code)] // each test binary uses its own part of this
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use auditseal_archive::{
    CatError, CatOptions, CatPacks, EstateError, EstateOptions, EstateReport, HeadsFile, Options,
    Piped, Report, cat, verify, verify_estate,
};
use auditseal_chain::{Extent, Finding, Verdict};
use auditseal_doubles::MemoryStore;
use auditseal_format::{Hash, ObjectKey, Origin, hash};
use auditseal_store::Store;
use auditseal_trust::TrustFile;
use auditseal_vectors::{Archive, Chain, Piece, TestSigner, Vector, events};

/// A store with these objects, all put long after they were sealed.
pub(crate) fn memory(archive: &Archive) -> MemoryStore {
    MemoryStore::holding(archive.clone())
}

pub(crate) fn store_of(archive: &Archive) -> Arc<dyn Store> {
    Arc::new(memory(archive))
}

/// The chains that an archive has objects of.
pub(crate) fn origins(archive: &Archive) -> BTreeSet<Origin> {
    archive.keys().filter_map(|key| ObjectKey::parse(key)).map(|key| key.origin).collect()
}

/// An output whose bytes can be looked at afterwards.
#[derive(Clone, Default)]
pub(crate) struct Sink {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// Fails as a closed pipe does once it holds so many bytes.
    closes_at: Option<usize>,
}

impl Sink {
    pub(crate) fn closing_at(bytes: usize) -> Self {
        Self { closes_at: Some(bytes), ..Self::default() }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut held = self.bytes.lock().unwrap();
        let room = self.closes_at.map_or(usize::MAX, |most| most.saturating_sub(held.len()));
        if room == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let taken = bytes.len().min(room);
        held.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The file of most chains here.
pub(crate) const LOG: &str = "audit.log";

/// A genesis.
pub(crate) fn started() -> Chain {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    chain
}

/// Six objects: genesis, two batches, a heartbeat, two batches; seq 5 is the newest.
pub(crate) fn six() -> Chain {
    chain("c/n/s", 1)
}

/// The same of another chain, or of another signer.
pub(crate) fn chain(origin: &str, signer: u8) -> Chain {
    let mut chain = Chain::new(origin, TestSigner::of(origin, signer));
    chain.genesis();
    chain.batch(&[Piece::new("audit.log", events(0..3))]);
    chain.batch(&[Piece::new("audit.log", events(3..5))]);
    chain.heartbeat();
    chain.batch(&[Piece::new("audit.log", events(5..9)).last().named("audit-1.log")]);
    chain.batch(&[Piece::new("new", events(9..11)).named("audit.log")]);
    chain
}

/// What a reader of this chain is given: its key, and the time at which it was sealed.
pub(crate) fn options(chain: &Chain) -> Options {
    Options::new(vec![chain.current_signer().identity()], chain.now())
}

/// Verdict and seq of each finding, a range as its first seq.
pub(crate) fn verdicts(findings: &[Finding]) -> Vec<(&'static str, Option<u64>)> {
    findings.iter().map(|finding| (finding.verdict.name(), finding.seq)).collect()
}

pub(crate) async fn findings(archive: &Archive, options: &Options) -> Report {
    verify(store_of(archive), options, |_| {}).await.unwrap()
}

/// A chain's bytes, as `cat` gives them.
pub(crate) async fn restored(archive: &Archive, chain: &Chain) -> Result<Vec<u8>, CatError> {
    let vkeys = vec![chain.current_signer().identity()];
    let options = CatOptions { vkeys: Some(vkeys), ..CatOptions::default() };
    let sink = Sink::default();
    cat(store_of(archive), chain.origin(), &options, Piped::new(sink.clone()), |_| {}).await?;
    Ok(sink.bytes())
}

/// Bytes that don't compress, without newline and NUL.
pub(crate) fn noise(length: usize, mut seed: u64) -> Vec<u8> {
    let next = move |_| {
        // Knuth's MMIX generator: the same bytes on every machine.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let byte = seed.to_be_bytes()[0];
        if matches!(byte, 0 | b'\n') { b'x' } else { byte }
    };
    (0..length).map(next).collect()
}

/// As vectors spell it: a line for each seq.
pub(crate) fn spelled(findings: &[Finding]) -> Vec<String> {
    let mut lines = BTreeSet::new();
    for finding in findings {
        let origin = finding.origin.as_ref().map_or("-".to_owned(), ToString::to_string);
        let verdict = finding.verdict;
        // Vectors hold what FORMAT.md says of an archive alone; clocks are this verifier's extra, and of
        // locks they say nothing.
        if matches!(verdict, Verdict::ClockStep | Verdict::WeakWorm) {
            continue;
        }
        match finding.seq {
            None => drop(lines.insert(format!("{verdict} {origin} -"))),
            // A missing head is one finding, however far it is away.
            Some(seq) if verdict == Verdict::Truncated => {
                lines.insert(format!("{verdict} {origin} {seq}"));
            }
            Some(seq) => {
                let seqs = seq..=finding.through.unwrap_or(seq).min(seq + 999);
                lines.extend(seqs.map(|seq| format!("{verdict} {origin} {seq}")));
            }
        }
    }
    lines.into_iter().collect()
}

/// The hash of what `cat` gives back of a vector's chain, or why it doesn't.
pub(crate) async fn source_of(vector: &Vector) -> Result<Hash, String> {
    let origin = origins(&vector.objects).into_iter().next().unwrap();
    let vkeys = vector.vkeys.iter().map(|key| key.parse().unwrap()).collect();
    let mut options = CatOptions { vkeys: Some(vkeys), ..CatOptions::default() };
    if !vector.trust.is_empty() {
        options.vkeys = None;
        let trust = TrustFile::parse(&file(&vector.trust)).unwrap();
        let auditors = trust.auditors_of(&origin);
        let packs = CatPacks { store: store_of(&vector.packs), auditors, by_date: false };
        options.packs = Some(packs);
        options.trusted = trust.get(&origin).cloned();
    }
    let sink = Sink::default();
    match cat(store_of(&vector.objects), &origin, &options, Piped::new(sink.clone()), |_| {}).await
    {
        Ok(done) => {
            let bytes = sink.bytes();
            assert_eq!(done.bytes, bytes.len() as u64, "{}", vector.name);
            Ok(hash(&bytes))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// A file of these lines, ended.
pub(crate) fn file(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// What is found of a vector with a trust file.
pub(crate) async fn estate(vector: &Vector) -> Option<EstateReport> {
    let folder = tempfile::tempdir().unwrap();
    let heads = HeadsFile::new(&folder.path().join("heads"));
    if !vector.heads.is_empty() {
        std::fs::write(folder.path().join("heads"), file(&vector.heads)).unwrap();
    }
    let trust = TrustFile::parse(&file(&vector.trust)).unwrap();
    let options = EstateOptions {
        heads: Some(heads),
        origins: vector.origins.iter().map(|origin| origin.parse().unwrap()).collect(),
        // Vectors have no dates of a store.
        skew: None,
        packs: Some(store_of(&vector.packs)),
        ..EstateOptions::new(trust, vector.now)
    };
    match verify_estate(store_of(&vector.objects), &options, |_| {}).await {
        // Nothing was found, for nothing could be checked.
        Err(EstateError::Untrusted(_)) if vector.exit == 2 => None,
        done => Some(done.unwrap()),
    }
}

/// Dice that fall alike on every machine.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }

    pub(crate) fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len())]
    }
}

/// What the reader of a vector is told.
pub(crate) fn told(vector: &Vector) -> Options {
    let vkeys = vector.vkeys.iter().map(|key| key.parse().unwrap()).collect();
    let mut options = Options::new(vkeys, vector.now);
    options.origins = vector.origins.iter().map(|origin| origin.parse().unwrap()).collect();
    options.head = vector.head.as_deref().map(|head| head.parse().unwrap());
    let from = vector.from.as_deref().map(|from| from.parse().unwrap());
    options.extent = Some(Extent { from: from.unwrap_or_default(), to: vector.to });
    // Vectors have no dates of a store.
    options.skew = None;
    options
}
