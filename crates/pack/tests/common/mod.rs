//! An archive, its packs, and those who read and write them.
#![allow(dead_code)] // each test binary uses its own part of this
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use auditseal_archive::{
    CatOptions, CatPacks, EstateOptions, EstateReport, Piped, Restored, cat, verify_estate,
};
use auditseal_doubles::MemoryStore;
use auditseal_format::packs::{PackKey, SignedAttestation};
use auditseal_format::{Time, VerifierKey};
use auditseal_note::{Signer as _, StaticSigner};
use auditseal_pack::{PackOptions, PackProgress, PackReport, pack};
use auditseal_trust::TrustFile;
use auditseal_vectors::{Chain, Piece, TestSigner, events};

pub(crate) const DAY: i64 = 86_400;

pub(crate) fn auditor() -> StaticSigner {
    StaticSigner::from_seed("auditor.example", &[9; 32]).unwrap()
}

/// A chain of so many days, with so many batches a day, and heartbeats between them.
pub(crate) fn chain(days: u64, batches: u64) -> Chain {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    let mut next = 0;
    for _ in 0..days {
        for _ in 0..batches {
            chain.wait(5);
            chain.batch(&[Piece::new("audit.log", events(next..next + 3))]);
            next += 3;
        }
        chain.wait(60);
        chain.heartbeat();
        chain.wait(DAY - 60 - 5 * batches as i64);
    }
    chain
}

/// Where everything stands.
pub(crate) struct Desk {
    pub(crate) archive: MemoryStore,
    pub(crate) packs: MemoryStore,
    pub(crate) state: tempfile::TempDir,
    pub(crate) trust: TrustFile,
    pub(crate) now: Time,
    pub(crate) chain: Chain,
    /// Each is a second later than the one before.
    pub(crate) runs: AtomicI64,
}

pub(crate) fn trusting(chain: &Chain, rest: &str, auditors: &[VerifierKey]) -> TrustFile {
    let (origin, key) = (chain.origin(), chain.current_signer().identity());
    let mut text = format!("auditseal/trust/v1\norigin {origin} static {key}\n{rest}");
    for auditor in auditors {
        text.push_str(&format!("auditor {} {auditor}\n", origin.cluster()));
    }
    TrustFile::parse(&text).unwrap()
}

impl Desk {
    pub(crate) fn of(chain: Chain) -> Self {
        let archive = MemoryStore::versioned();
        for ((key, bytes), at) in chain.archive().into_iter().zip(0..) {
            archive.set_time(chain.now().micros() + at);
            archive.insert(&key, bytes);
        }
        archive.set_time(chain.now().micros() + 1_000_000);
        let packs = MemoryStore::versioned();
        packs.set_time(chain.now().micros() + 1_000_000);
        let trust =
            trusting(&chain, "  begin 0\n  silent-after 366d\n", &[auditor().key().clone()]);
        let now = chain.now().saturating_add(10_000_000);
        Self {
            archive,
            packs,
            state: tempfile::tempdir().unwrap(),
            trust,
            now,
            chain,
            runs: AtomicI64::new(0),
        }
    }

    pub(crate) fn options(&self) -> PackOptions {
        let origins = vec![self.chain.origin().clone()];
        let fresh = PackOptions::new(self.trust.clone(), origins, self.state.path().to_owned());
        PackOptions { skew: Some(i64::MAX / 4), ..fresh }
    }

    pub(crate) async fn pack(&self) -> PackReport {
        self.pack_with(&self.options()).await
    }

    pub(crate) async fn pack_with(&self, options: &PackOptions) -> PackReport {
        self.pack_told(options, |_| {}).await
    }

    pub(crate) async fn pack_told(
        &self,
        options: &PackOptions,
        told: impl FnMut(PackProgress<'_>),
    ) -> PackReport {
        self.pack_by(&mut auditor(), options, told).await
    }

    pub(crate) async fn pack_by(
        &self,
        signer: &mut StaticSigner,
        options: &PackOptions,
        told: impl FnMut(PackProgress<'_>),
    ) -> PackReport {
        let (archive, packs) = (Arc::new(self.archive.clone()), Arc::new(self.packs.clone()));
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let now = self.now.saturating_add(run * 1_000_000);
        pack(archive, packs, signer, options, || now, told).await.unwrap()
    }

    pub(crate) async fn verify(&self) -> EstateReport {
        let options = EstateOptions {
            packs: Some(Arc::new(self.packs.clone())),
            skew: Some(i64::MAX / 4),
            ..EstateOptions::new(self.trust.clone(), self.now)
        };
        verify_estate(Arc::new(self.archive.clone()), &options, |_| {}).await.unwrap()
    }

    /// What the source had, from archive and packs; or why not.
    pub(crate) async fn cat(&self) -> Result<Vec<u8>, String> {
        self.cat_with(CatOptions::default()).await
    }

    pub(crate) async fn cat_with(&self, options: CatOptions) -> Result<Vec<u8>, String> {
        let (given, done) = self.given(options).await;
        done.map(|()| given)
    }

    /// What was given out, and how that ended.
    pub(crate) async fn given(&self, options: CatOptions) -> (Vec<u8>, Result<(), String>) {
        let (given, done) = self.restored(options).await;
        (given, done.map(drop))
    }

    /// The same with what is said of it.
    pub(crate) async fn restored(
        &self,
        options: CatOptions,
    ) -> (Vec<u8>, Result<Restored, String>) {
        let sink = Sink::default();
        let packs = CatPacks {
            store: Arc::new(self.packs.clone()),
            auditors: self.trust.auditors_of(self.chain.origin()),
            by_date: true,
        };
        let trusted = self.trust.get(self.chain.origin()).cloned();
        let options = CatOptions { packs: Some(packs), trusted, ..options };
        let archive = Arc::new(self.archive.clone());
        let out = Piped::new(sink.clone());
        let done = cat(archive, self.chain.origin(), &options, out, |_| {}).await;
        let given = sink.0.lock().unwrap().clone();
        (given, done.map_err(|error| error.to_string()))
    }

    /// The verdicts of a verification, and until when it is complete.
    pub(crate) async fn verdicts(&self) -> (Vec<String>, bool) {
        let report = self.verify().await;
        let chain = &report.origins[0].chain;
        assert_eq!(chain.errors, Vec::<String>::new());
        let findings = chain.findings.iter().map(|finding| finding.to_string()).collect();
        (findings, chain.complete_until.is_some())
    }

    /// The loose objects that packs hold go, the first and the last excepted.
    pub(crate) fn expire(&self) -> usize {
        let mut gone = 0;
        for key in self.packs.objects().keys() {
            let Some((name, _)) = PackKey::of_pack(key) else { continue };
            for seq in name.first..=name.last {
                gone += usize::from(self.archive.remove(&self.chain.key(seq as usize)).is_some());
            }
        }
        gone
    }

    pub(crate) fn keys(&self, ending: &str) -> Vec<String> {
        self.packs.objects().into_keys().filter(|key| key.ends_with(ending)).collect()
    }

    pub(crate) fn attestations(&self) -> Vec<SignedAttestation> {
        let notes =
            self.packs.objects().into_iter().filter(|(key, _)| key.starts_with("_attestations/"));
        notes.map(|(_, note)| SignedAttestation::read(&note).unwrap()).collect()
    }
}

#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().all(|entry| entry.unwrap().file_name() == "lock")
}
