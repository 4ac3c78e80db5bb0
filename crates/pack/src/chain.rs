//! One chain: what isn't packed of it is judged slice by slice, and each pack that can be made is.

use std::collections::BTreeSet;
use std::sync::Arc;

use auditseal_chain::{Begin, Extent, Finding, KEPT, Retention, Rules};
use auditseal_format::packs::{Attestation, Blob, Month, SignedAttestation};
use auditseal_format::{Origin, SealId, Time};
use auditseal_note::Signer;
use auditseal_reader::{Entry, PackRoot, Packs, Source, listed_since};
use auditseal_store::{Error, Kind, Store};
use auditseal_trust::TrustedOrigin;
use bytes::Bytes;

use crate::build::build;
use crate::check::{attest_findings, read_file};
use crate::mark::{Loose, Marked, lacks_mark, mark};
use crate::put::{Shelf, of_told, told};
use crate::reindex::reindexed;
use crate::report::{MadePack, PackedChain};
use crate::rollup::{MAX_ROLLED_UP, roll_up};
use crate::slice::{self, Slice, Uncut};
use crate::spool::Spool;
use crate::{PackOptions, PackProgress};

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
    pub(crate) clock: &'a dyn Fn() -> Time,
    /// Objects that were listed, of all chains so far.
    pub(crate) listed: u64,
    /// Months of the chain that is packed whose roll-ups are made again.
    pub(crate) anew: BTreeSet<Month>,
}

/// Where packing goes on.
struct Start {
    from: Begin,
    /// What is listed from the day of the last pack on.
    entries: Vec<Entry>,
}

impl Run<'_> {
    /// Packs what isn't packed of a chain.
    pub(crate) async fn chain(
        &mut self,
        origin: &Origin,
        trusted: &TrustedOrigin,
        progress: &mut impl FnMut(PackProgress<'_>),
    ) -> PackedChain {
        let mut report = PackedChain::new(origin.clone());
        let packed = match self.packs_of(origin).await {
            Ok(packs) => {
                let packed = self.slices(origin, trusted, &packs, &mut report, progress).await;
                // What was attested before something failed is rolled up all the same.
                packed.and(self.roll_up(origin, packs, &mut report).await)
            }
            Err(error) => Err(error),
        };
        report.error = packed.err().map(|error| auditseal_chain::escape(&error));
        self.spool.clear();
        report
    }

    /// Finds out where packing goes on, and lists what isn't packed; `None` of one that is packed to its end.
    async fn start(
        &mut self,
        origin: &Origin,
        trusted: &TrustedOrigin,
        packs: &Packs,
        report: &mut PackedChain,
    ) -> Result<Option<Start>, String> {
        let (unusable, _) = packs.unusable();
        report.unusable =
            unusable.iter().map(|other| format!("{}: {}", other.key, other.why)).collect();
        if self.options.reindex && !self.options.dry_run {
            report.reindexed = self.reindex(trusted, packs).await?;
        }
        let newest = packs.counting().iter().max_by_key(|pack| pack.last);
        report.before = newest.map(|pack| SealId { seq: pack.last, hash: pack.head });
        report.packed_until = newest.map(|pack| pack.sealed.1);
        let begin = trusted.begin.map_or(Begin::Genesis, Begin::Known);
        let from = match report.before {
            Some(seal) if begin.seq() <= seal.seq => Begin::After(seal),
            _ => begin,
        };
        let day = newest.filter(|_| matches!(from, Begin::After(_))).map(|pack| pack.date);
        let entries = listed_since(&self.archive, origin, day).await.map_err(told_of)?;
        if let Some(pack) = newest {
            let stays = trusted.ended().map(|ended| ended.seq);
            self.mark_the_rest(origin, pack, (&entries, stays), report).await?;
        }
        let behind = entries.iter().any(|entry| from.seq() <= entry.place.seq);
        // Packed to its end, nothing is missing behind it.
        let over = !behind && report.before.is_some() && report.before == trusted.ended();
        Ok((!over).then_some(Start { from, entries }))
    }

    async fn slices(
        &mut self,
        origin: &Origin,
        trusted: &TrustedOrigin,
        packs: &Packs,
        report: &mut PackedChain,
        progress: &mut impl FnMut(PackProgress<'_>),
    ) -> Result<(), String> {
        let Some(start) = self.start(origin, trusted, packs, report).await? else { return Ok(()) };
        let Start { mut from, entries } = start;
        let before = self.listed;
        self.listed += entries.len() as u64;
        let total = self.listed;
        let mut most = self.options.slice;
        loop {
            let (start, extent) = slice::next(&entries, from, most);
            let rules = self.rules(trusted, extent, packs);
            // Whether the chain's end is overdue is asked where its end is.
            let now = extent.to.is_none().then(|| (self.clock)());
            let begun = before + start as u64;
            let looked = |objects: u64| {
                let objects = begun.saturating_add(objects).min(total);
                progress(PackProgress::Judged { objects, total });
            };
            let judged = slice::judge(
                &self.archive,
                origin,
                &entries[start..],
                rules.clone(),
                trusted.ended(),
                now,
                looked,
            )
            .await;
            let cuts = judged.packs.len();
            let Slice { packs: uncut, findings, findings_total, error, fork, left, oldest } =
                judged;
            let mut until = None;
            for pack in uncut {
                let head = pack.head;
                let loose = pack
                    .objects
                    .iter()
                    .map(|batch| Loose { place: batch.place, version: batch.version.clone() });
                // The newest seal of a chain stays where it is.
                let stays = trusted.ended().map(|ended| ended.seq);
                let loose: Vec<Loose> =
                    loose.filter(|loose| Some(loose.place.seq) != stays).collect();
                let made = self.make(origin, pack, &findings, &rules).await?;
                self.mark(origin, &loose, report).await?;
                progress(PackProgress::Made(origin, &made));
                report.packed_until = Some(made.sealed);
                report.packs.push(made);
                (report.until, until) = (Some(head), Some(head));
            }
            report.packed_until = report.packed_until.or(oldest);
            // What lies behind the last pack is judged once more by the next slice.
            let over = extent.to.is_none() || error.is_some() || fork.is_some();
            let inside = |finding: &Finding| {
                over || finding.seq.is_some_and(|seq| until.is_some_and(|until| seq <= until.seq))
            };
            report.take(findings, findings_total, inside);
            if over {
                (report.left, report.fork) = (left, fork);
                return error.map_or(Ok(()), |error| Err(told_of(error)));
            }
            match until {
                Some(seal) => (from, most) = (Begin::After(seal), self.options.slice),
                // No pack ends so early: more is looked at together.
                None => most = most.saturating_mul(2),
            }
            debug_assert!(cuts > 0 || most > self.options.slice, "each turn goes on");
        }
    }

    /// Marks what a pack holds that is locked as demanded, and attested.
    async fn mark(
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

    /// A run that was killed may have attested a pack, and not marked all that it holds. Of the newest one
    /// the last object is marked last: while that has none, all are marked once more.
    async fn mark_the_rest(
        &mut self,
        origin: &Origin,
        pack: &Attestation,
        (entries, stays): (&[Entry], Option<u64>),
        report: &mut PackedChain,
    ) -> Result<(), String> {
        let lock = &pack.lock;
        let held = self.options.retention.is_some_and(|demanded| {
            let lock = of_told(lock);
            demanded.unknown(&lock).is_none()
                && demanded.lacks(&lock, pack.sealed.1, self.options.skew.unwrap_or(0)).is_none()
        });
        if !held || self.options.dry_run {
            return Ok(());
        }
        let from = entries.partition_point(|entry| entry.place.seq < pack.first);
        let to = entries.partition_point(|entry| entry.place.seq <= pack.last);
        // Of several versions, and at other keys than the plain one, which is the chain's was known then:
        // those stay.
        let plain = entries[from..to].iter().filter(|entry| {
            !entry.several
                && entry.place.alternate.is_none()
                && entry.place.date == pack.date
                && Some(entry.place.seq) != stays
        });
        let loose: Vec<Loose> = plain
            .map(|entry| Loose { place: entry.place, version: entry.version.clone() })
            .collect();
        let Some(last) = loose.last() else { return Ok(()) };
        match lacks_mark(&self.marks, origin, last).await.map_err(told_of)? {
            Some(true) => self.mark(origin, &loose, report).await,
            Some(false) | None => Ok(()),
        }
    }

    /// Makes the indexes of packs that stand again; gives how many of them have another one now.
    async fn reindex(&mut self, trusted: &TrustedOrigin, packs: &Packs) -> Result<u64, String> {
        let mut done = 0;
        for pack in packs.taken() {
            let rules = self.rules(trusted, Extent::default(), packs);
            let again = reindexed(packs, pack, self.signer.key(), rules).await?;
            let Some((attestation, index)) = again else { continue };
            let before = pack.attestation.index;
            if self.attest_index(attestation, index, before).await? {
                self.anew.insert(Month::of(pack.attestation.date));
                done += 1;
            }
        }
        Ok(done)
    }

    /// Rolls up the indexes of what is attested now.
    async fn roll_up(
        &mut self,
        origin: &Origin,
        packs: Packs,
        report: &mut PackedChain,
    ) -> Result<(), String> {
        if self.options.dry_run {
            return Ok(());
        }
        let changed = !report.packs.is_empty() || report.reindexed > 0;
        let packs = if changed { self.packs_of(origin).await? } else { packs };
        let shelf = Shelf { store: &self.store, source: &self.packs };
        let bounds = ((self.clock)(), MAX_ROLLED_UP);
        let anew = std::mem::take(&mut self.anew);
        let rolled = roll_up(&shelf, &packs, self.signer, &anew, bounds).await.map_err(told_of)?;
        report.rolled = rolled.made;
        report.unrolled = rolled.failed.map(|why| auditseal_chain::escape(&why));
        Ok(())
    }

    /// The packs of a chain that are attested.
    async fn packs_of(&self, origin: &Origin) -> Result<Packs, String> {
        let root = PackRoot {
            source: self.packs.clone(),
            auditors: self.options.trust.auditors_of(origin),
            by_date: self.options.skew.is_some(),
        };
        Packs::read(&root, origin, Extent::default()).await.map_err(told_of)
    }

    /// Whether the index could be put, and is attested now.
    async fn attest_index(
        &mut self,
        mut attestation: Attestation,
        index: Bytes,
        before: Option<Blob>,
    ) -> Result<bool, String> {
        let shelf = Shelf { store: &self.store, source: &self.packs };
        let key = attestation.name().index(&Blob::of(&index).hash);
        match shelf.put_named(&key, index).await {
            Ok(()) => {}
            Err(error) if error.kind() == Kind::AlreadyExists => return Ok(false),
            Err(error) => return Err(told_of(error)),
        }
        // One that is attested already was put again if it had gone.
        if attestation.index == before {
            return Ok(false);
        }
        attestation.attested = (self.clock)();
        self.attest(attestation).await.map(|_| true)
    }

    /// Signs and puts an attestation.
    async fn attest(&mut self, attestation: Attestation) -> Result<SignedAttestation, String> {
        let signed = SignedAttestation::sign(attestation, self.signer);
        let signed = signed.map_err(|error| format!("attest pack: {}", error.what))?;
        let note = Bytes::copy_from_slice(signed.note.as_bytes());
        let shelf = Shelf { store: &self.store, source: &self.packs };
        shelf.put_named(&signed.key(), note).await.map_err(told_of)?;
        Ok(signed)
    }

    fn rules(&self, trusted: &TrustedOrigin, extent: Extent, packs: &Packs) -> Rules {
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
    async fn make(
        &mut self,
        origin: &Origin,
        pack: Uncut,
        findings: &[Finding],
        rules: &Rules,
    ) -> Result<MadePack, String> {
        let Uncut { cut, objects, judged, .. } = pack;
        let (path, compression) = (self.spool.path(), self.options.compression);
        let built = build(&self.archive, origin, (cut, objects), compression, &path).await;
        let mut attestation = built.map_err(|error| error.to_string())?;
        let shown = {
            let (path, attestation, rules) = (path.clone(), attestation.clone(), rules.clone());
            let read = tokio::task::spawn_blocking(move || read_file(&path, &attestation, rules));
            read.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
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
        shelf.put(&path, &mut attestation, &shown.notes, rules).await.map_err(told_of)?;
        self.spool.clear();
        attestation.lock = self.protected(&shelf, &attestation).await?;
        if let Some(index) = shown.index.map(Bytes::from) {
            let blob = Blob::of(&index);
            let key = attestation.name().index(&blob.hash);
            match shelf.put_named(&key, index).await {
                Ok(()) => attestation.index = Some(blob),
                // Whoever takes an index's key takes the index: the pack is read in its place.
                Err(error) if error.kind() == Kind::AlreadyExists => {}
                Err(error) => return Err(told_of(error)),
            }
        }
        let signed = self.attest(attestation).await?;
        made.key = signed.attestation.pack_key();
        made.stored_bytes = signed.attestation.pack.size;
        made.attestation = Some(signed.key());
        Ok(made)
    }

    /// What protects a pack; not enough of it is a reason to stop, for what is attested without may go.
    async fn protected(
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
}

fn told_of(error: Error) -> String {
    let hint = error.hint().map_or_else(String::new, |hint| format!(" (hint: {hint})"));
    format!("{error}{hint}")
}

impl PackedChain {
    /// Takes the findings that the next slice won't find again.
    fn take(&mut self, findings: Vec<Finding>, total: u64, inside: impl Fn(&Finding) -> bool) {
        let untold = total - findings.len() as u64;
        let (of_this, _): (Vec<_>, Vec<_>) = findings.into_iter().partition(inside);
        self.findings_total += of_this.len() as u64 + untold;
        let room = KEPT.saturating_sub(self.findings.len());
        self.findings.extend(of_this.into_iter().take(room));
    }
}
