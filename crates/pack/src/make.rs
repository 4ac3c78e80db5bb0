//! One pack: made, read back, put, attested, and what it holds marked.

use std::collections::BTreeSet;
use std::sync::Arc;

use auditseal_chain::{Extent, Finding, Retention, Rules};
use auditseal_format::packs::{Attestation, Blob, Month, SignedAttestation};
use auditseal_format::{Origin, Time};
use auditseal_note::Signer;
use auditseal_reader::{PackRoot, Packs, Source};
use auditseal_store::{Error, Kind, Store};
use auditseal_trust::TrustedOrigin;
use bytes::Bytes;

use crate::PackOptions;
use crate::build::build;
use crate::check::{attest_findings, read_file};
use crate::maker::Maker;
use crate::mark::{Loose, Marked, mark};
use crate::put::{Shelf, read, told};
use crate::report::{MadePack, PackedChain};
use crate::slice::Uncut;
use crate::spool::Spool;

/// What all chains have in common.
pub(crate) struct Run<'a> {
    pub(crate) archive: Source,
    /// The archive's store, where objects are marked.
    pub(crate) marks: Arc<dyn Store>,
    pub(crate) packs: Source,
    /// The store that packs are put into.
    pub(crate) store: Arc<dyn Store>,
    pub(crate) signer: &'a mut dyn Signer,
    pub(crate) options: &'a PackOptions,
    pub(crate) spool: Spool,
    pub(crate) maker: Maker,
    pub(crate) clock: &'a dyn Fn() -> Time,
    /// Objects that were listed, of all chains so far.
    pub(crate) listed: u64,
    /// Months of the chain that is packed whose roll-ups are made again.
    pub(crate) anew: BTreeSet<Month>,
}

impl Run<'_> {
    /// The packs of a chain that are attested.
    pub(crate) async fn packs_of(&self, origin: &Origin) -> Result<Packs, String> {
        Packs::read(&self.root(origin), origin, Extent::default()).await.map_err(told_of)
    }

    /// Where they stand, and whose attestations of them count.
    pub(crate) fn root(&self, origin: &Origin) -> PackRoot {
        PackRoot {
            source: self.packs.clone(),
            auditors: self.options.trust.auditors_of(origin),
            by_date: self.options.skew.is_some(),
        }
    }

    pub(crate) fn rules(&self, trusted: &TrustedOrigin, extent: Extent, packs: &Packs) -> Rules {
        let mut rules = Rules {
            skew: self.options.skew,
            store: self.options.store.clone(),
            ..Rules::trusting(trusted, None).asked(extent)
        };
        for attestation in packs.counting() {
            // Two that name different seals are told by whoever reads both.
            rules.attest(attestation);
        }
        rules
    }

    /// Makes a pack, reads it back, puts it, reads its lock, and attests it.
    pub(crate) async fn make(
        &mut self,
        origin: &Origin,
        pack: Uncut,
        findings: &[Finding],
        rules: &Rules,
    ) -> Result<MadePack, String> {
        let Uncut { cut, objects, judged, .. } = pack;
        let (path, compression) = (self.spool.path(), self.options.compression);
        let built =
            build(&self.maker, &self.archive, origin, (cut, objects), compression, &path).await;
        let mut attestation = built.map_err(|error| error.to_string())?;
        let shown = {
            let (path, attestation, rules) = (path.clone(), attestation.clone(), rules.clone());
            self.maker.run(move || read_file(&path, &attestation, rules)).await
        };
        let shown = shown.map_err(|why| format!("read the pack back that was just made: {why}"))?;
        attest_findings(&mut attestation, findings, &shown);
        (attestation.judged, attestation.attested) = (judged, (self.clock)());
        let mut made = MadePack {
            key: attestation.pack_key(),
            first: cut.first,
            last: cut.last,
            objects: attestation.objects(),
            sealed: attestation.sealed.1,
            text_bytes: cut.text,
            stored_bytes: attestation.pack.size,
            findings: attestation.findings,
            attestation: None,
        };
        if self.options.dry_run {
            return Ok(made);
        }
        let shelf = Shelf { store: &self.store, source: &self.packs };
        let bytes = {
            let attestation = attestation.clone();
            self.maker.run(move || read(&path, &attestation)).await.map_err(told_of)?
        };
        shelf.put(&bytes, &mut attestation, &shown.notes, rules).await.map_err(told_of)?;
        drop(bytes);
        self.spool.clear();
        attestation.lock = self.protected(&shelf, &attestation).await?;
        if let Some(index) = shown.index.map(Bytes::from) {
            attestation.index = self.put_index(&attestation, index).await?;
        }
        let signed = self.attest(attestation).await?;
        made.key = signed.attestation.pack_key();
        made.stored_bytes = signed.attestation.pack.size;
        made.attestation = Some(signed.key());
        Ok(made)
    }

    /// What protects a pack; not enough of it is a reason to stop, for what is attested without may go.
    pub(crate) async fn protected(
        &self,
        shelf: &Shelf<'_>,
        attestation: &Attestation,
    ) -> Result<auditseal_format::packs::PackLock, String> {
        let Some(demanded) = self.options.retention else {
            // Nobody asked, and a store without locks has none to tell of.
            let lock = shelf.lock(attestation).await.map(|lock| told(&lock));
            return Ok(lock.unwrap_or(auditseal_format::packs::PackLock::Undisclosed));
        };
        let lock = shelf.lock(attestation).await.map_err(told_of)?;
        if let Some(why) = demanded.unknown(&lock) {
            return Err(format!("pack {}: {why}", attestation.pack_key()));
        }
        match Retention::lacks(
            demanded,
            &lock,
            attestation.sealed.1,
            self.options.skew.unwrap_or(0),
        ) {
            Some(why) => Err(format!("pack {}: {why}; it isn't attested", attestation.pack_key())),
            None => Ok(told(&lock)),
        }
    }

    /// Whether the index could be put, and is attested now.
    pub(crate) async fn attest_index(
        &mut self,
        mut attestation: Attestation,
        index: Bytes,
        before: Option<Blob>,
    ) -> Result<bool, String> {
        let put = self.put_index(&attestation, index).await?;
        // One that is attested already was put again if it had gone.
        if put.is_none() || attestation.index == before {
            return Ok(false);
        }
        attestation.attested = (self.clock)();
        self.attest(attestation).await.map(|_| true)
    }

    /// Puts an index; `None` if something else has taken its key: whoever takes that takes the index, and the pack is
    /// read in its place.
    pub(crate) async fn put_index(
        &self,
        attestation: &Attestation,
        index: Bytes,
    ) -> Result<Option<Blob>, String> {
        let shelf = Shelf { store: &self.store, source: &self.packs };
        let blob = Blob::of(&index);
        match shelf.put_named(&attestation.name().index(&blob.hash), index).await {
            Ok(()) => Ok(Some(blob)),
            Err(error) if error.kind() == Kind::AlreadyExists => Ok(None),
            Err(error) => Err(told_of(error)),
        }
    }

    /// Signs and puts an attestation.
    pub(crate) async fn attest(
        &mut self,
        attestation: Attestation,
    ) -> Result<SignedAttestation, String> {
        let signed = SignedAttestation::sign(attestation, self.signer);
        let signed = signed.map_err(|error| format!("attest pack: {}", error.what))?;
        let note = Bytes::copy_from_slice(signed.note.as_bytes());
        let shelf = Shelf { store: &self.store, source: &self.packs };
        shelf.put_named(&signed.key(), note).await.map_err(told_of)?;
        Ok(signed)
    }

    /// Marks what a pack holds that is locked as demanded, and attested.
    pub(crate) async fn mark(
        &mut self,
        origin: &Origin,
        loose: &[Loose],
        report: &mut PackedChain,
    ) -> Result<(), String> {
        if self.options.retention.is_none() || self.options.dry_run || report.unmarked.is_some() {
            return Ok(());
        }
        match mark(&self.marks, origin, loose).await.map_err(told_of)? {
            Marked::All(count) => report.marked += count,
            Marked::Unsupported => {
                report.unmarked = Some("the archive's store keeps no marks".to_owned());
            }
        }
        Ok(())
    }
}

/// An error of the store, with what to do about it.
pub(crate) fn told_of(error: Error) -> String {
    let hint = error.hint().map_or_else(String::new, |hint| format!(" (hint: {hint})"));
    format!("{error}{hint}")
}
