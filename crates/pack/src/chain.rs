//! One chain: what isn't packed of it is judged slice by slice, and each pack that can be made is.

use std::sync::Arc;

use auditseal_chain::{Begin, Extent, Finding, KEPT, Retention, Rules};
use auditseal_format::packs::{Attestation, SignedAttestation};
use auditseal_format::{Origin, SealId, Time};
use auditseal_note::Signer;
use auditseal_reader::{Entry, PackRoot, Packs, Source, listed_since};
use auditseal_store::{Error, Store};
use auditseal_trust::TrustedOrigin;

use crate::build::build;
use crate::check::{attest_findings, read_file};
use crate::put::{Shelf, told};
use crate::report::{MadePack, PackedChain};
use crate::slice::{self, Slice, Uncut};
use crate::spool::Spool;
use crate::{PackOptions, PackProgress};

/// What all chains have in common.
pub(crate) struct Run<'a> {
    pub(crate) archive: Source,
    pub(crate) packs: Source,
    /// The store that packs are put into.
    pub(crate) store: Arc<dyn Store>,
    pub(crate) signer: &'a mut dyn Signer,
    pub(crate) options: &'a PackOptions,
    pub(crate) spool: Spool,
    pub(crate) clock: &'a dyn Fn() -> Time,
    /// Objects that were listed, of all chains so far.
    pub(crate) listed: u64,
}

/// Where packing goes on.
struct Start {
    packs: Packs,
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
        if let Err(error) = self.slices(origin, trusted, &mut report, progress).await {
            report.error = Some(auditseal_chain::escape(&error));
        }
        self.spool.clear();
        report
    }

    /// Reads what is packed of a chain, and lists what isn't; `None` of one that is packed to its end.
    async fn start(
        &mut self,
        origin: &Origin,
        trusted: &TrustedOrigin,
        report: &mut PackedChain,
    ) -> Result<Option<Start>, String> {
        let root = PackRoot {
            source: self.packs.clone(),
            auditors: self.options.trust.auditors_of(origin),
            by_date: self.options.skew.is_some(),
        };
        let packs = Packs::read(&root, origin, Extent::default()).await.map_err(told_of)?;
        let (unusable, _) = packs.unusable();
        report.unusable =
            unusable.iter().map(|other| format!("{}: {}", other.key, other.why)).collect();
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
        let behind = entries.iter().any(|entry| from.seq() <= entry.place.seq);
        // Packed to its end, nothing is missing behind it.
        let over = !behind && report.before.is_some() && report.before == trusted.ended();
        Ok((!over).then_some(Start { packs, from, entries }))
    }

    async fn slices(
        &mut self,
        origin: &Origin,
        trusted: &TrustedOrigin,
        report: &mut PackedChain,
        progress: &mut impl FnMut(PackProgress<'_>),
    ) -> Result<(), String> {
        let Some(start) = self.start(origin, trusted, report).await? else { return Ok(()) };
        let Start { packs, mut from, entries } = start;
        let before = self.listed;
        self.listed += entries.len() as u64;
        let total = self.listed;
        let mut most = self.options.slice;
        loop {
            let (start, extent) = slice::next(&entries, from, most);
            let rules = self.rules(trusted, extent, &packs);
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
                let made = self.make(origin, pack, &findings, &rules).await?;
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
        let signed = SignedAttestation::sign(attestation, self.signer);
        let signed = signed.map_err(|error| format!("attest pack: {}", error.what))?;
        let key = signed.key();
        shelf.put_attestation(&key, &signed.note).await.map_err(told_of)?;
        made.key = signed.attestation.pack_key();
        made.stored_bytes = signed.attestation.pack.size;
        made.attestation = Some(key);
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
