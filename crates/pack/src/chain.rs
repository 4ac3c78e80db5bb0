//! One chain: what isn't packed of it is judged slice by slice, and each pack that can be made is.

use auditseal_chain::{Begin, Extent, Finding, KEPT, Rules, Verdict};
use auditseal_format::packs::{Attestation, Month};
use auditseal_format::{ObjectSeal, Origin, SealId, Time};
use auditseal_reader::{Entry, Packs, led_to, listed_between};
use auditseal_trust::TrustedOrigin;

use crate::PackProgress;
use crate::make::{Run, told_of};
use crate::mark::{Loose, lacks_mark};
use crate::parts::{Part, parts};
use crate::put::{Shelf, of_told};
use crate::reindex::reindexed;
use crate::report::PackedChain;
use crate::rollup::{MAX_ROLLED_UP, roll_up};
use crate::slice::{self, Slice, Uncut};

/// A chain that is packed.
pub(crate) struct Work<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) trusted: &'a TrustedOrigin,
    /// What is packed of it.
    pub(crate) packs: &'a Packs,
}

impl Work<'_> {
    /// Whether it is the newest seal of a chain that has ended, which stays where it is.
    fn stays(&self, seq: u64) -> bool {
        self.trusted.ended().is_some_and(|ended| ended.seq == seq)
    }
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
                let work = Work { origin, trusted, packs: &packs };
                let packed = self.parts(&work, &mut report, progress).await;
                // What was attested before something failed is rolled up all the same.
                packed.and(self.roll_up(origin, packs, &mut report).await)
            }
            Err(error) => Err(error),
        };
        report.error = packed.err().map(|error| auditseal_chain::escape(&error));
        self.spool.clear();
        report
    }

    /// Packs all parts of a chain that can be.
    async fn parts(
        &mut self,
        work: &Work<'_>,
        report: &mut PackedChain,
        progress: &mut impl FnMut(PackProgress<'_>),
    ) -> Result<(), String> {
        let Work { origin, trusted, packs } = *work;
        let (unusable, _) = packs.unusable();
        report.unusable =
            unusable.iter().map(|other| format!("{}: {}", other.key, other.why)).collect();
        if self.options.reindex && !self.options.dry_run {
            report.reindexed = self.reindex(trusted, packs).await?;
        }
        self.second(work, report).await?;
        let newest = packs.taken().iter().rev().find(|pack| pack.is_listed());
        let attested = newest.map(|pack| &*pack.attestation);
        report.before = attested.map(|pack| SealId { seq: pack.last, hash: pack.head });
        report.packed_until = attested.map(|pack| pack.sealed.1);
        let begin = trusted.begin.map_or(Begin::Genesis, Begin::Known);
        for part in parts(packs, begin, trusted.ended()) {
            let (from, to) = part.days;
            let listed = listed_between(&self.archive, origin, from, to).await.map_err(told_of)?;
            if let (None, Some(pack)) = (part.to, attested) {
                self.mark_the_rest(work, pack, &listed, report).await?;
            }
            let mut entries = listed;
            entries.retain(|entry| part.has(entry.place.seq));
            // Packed to its end, nothing is missing behind it.
            let over = report.before.is_some() && report.before == trusted.ended();
            match newest.filter(|_| part.to.is_none() && entries.is_empty()) {
                Some(_) if over => {}
                // Whether the chain should have gone on is asked of its last seal.
                Some(pack) => {
                    let part = Part { from: pack.before(), ..part };
                    let beside = packs.only(pack.clone());
                    self.slices(work, &part, (&[], &beside), report, progress).await?;
                }
                None if part.is_left(&entries) => {}
                None => {
                    let beside = Packs::none();
                    self.slices(work, &part, (&entries, &beside), report, progress).await?;
                }
            }
        }
        Ok(())
    }

    /// Judges what is listed of a part, and what packs hold of it, slice by slice, and makes each pack that can be.
    async fn slices(
        &mut self,
        work: &Work<'_>,
        part: &Part,
        (entries, beside): (&[Entry], &Packs),
        report: &mut PackedChain,
        progress: &mut impl FnMut(PackProgress<'_>),
    ) -> Result<(), String> {
        let (mut from, mut most, mut note) = (part.from, self.options.slice, None);
        let before = self.listed;
        self.listed += entries.len() as u64;
        let total = self.listed;
        loop {
            let (start, extent) = slice::next(entries, from, part.to, most);
            let rules = self.rules(work.trusted, extent, work.packs);
            let last = extent.to == part.to;
            // Whether the chain's end is overdue is asked where its end is.
            let now = extent.to.is_none().then(|| (self.clock)());
            let begun = before + start as u64;
            let looked = |objects: u64| {
                let objects = begun.saturating_add(objects).min(total);
                progress(PackProgress::Judged { objects, total });
            };
            let listed = (&entries[start..], beside);
            let bounds = (part.ended, now);
            let judged = self.judge(work, listed, &rules, bounds, &mut note, looked);
            let Slice { packs, mut findings, findings_total, error, fork, left, oldest } =
                judged.await?;
            part.name_holes(&mut findings);
            let mut until = None;
            for mut pack in packs {
                (until, note) = (Some(pack.head), pack.note.take());
                self.pack(work, pack, (&findings, &rules), report, progress).await?;
            }
            if part.to.is_none() {
                report.until = until.or(report.until);
                report.packed_until = report.packed_until.or(oldest);
            }
            // What lies behind the last pack is judged once more by the next slice.
            let over = last || error.is_some() || fork.is_some();
            let inside = |finding: &Finding| {
                over || finding.seq.is_some_and(|seq| until.is_some_and(|until| seq <= until.seq))
            };
            report.take(findings, findings_total, inside);
            if over {
                report.left += left;
                report.fork = report.fork.or(fork);
                return error.map_or(Ok(()), |error| Err(told_of(error)));
            }
            match until {
                Some(seal) => (from, most) = (Begin::After(seal), self.options.slice),
                // No pack ends so early: more is looked at together.
                None => most = most.saturating_mul(2),
            }
        }
    }

    /// Judges a part of a chain, or what is packed of it. Where keys sign there that aren't trusted by themselves, they may
    /// have been named before: what leads to the note behind which it begins is read then, once, and it is judged again
    /// behind that one, which `before` is from then on.
    pub(crate) async fn judge(
        &self,
        work: &Work<'_>,
        listed: (&[Entry], &Packs),
        rules: &Rules,
        bounds: (Option<SealId>, Option<Time>),
        before: &mut Option<Box<ObjectSeal>>,
        mut looked: impl FnMut(u64),
    ) -> Result<Slice, String> {
        let (archive, origin) = (&self.archive, work.origin);
        let known = (rules.clone(), before.as_deref());
        let slice = slice::judge(archive, origin, listed, known, bounds, &mut looked).await;
        let strange = slice.findings.iter().any(|one| one.verdict == Verdict::WrongKey);
        let (Begin::After(seal), true, None) = (rules.extent.from, strange, &before) else {
            return Ok(slice);
        };
        let (root, of_all) = (self.root(origin), Extent::default());
        let of_all = self.rules(work.trusted, of_all, work.packs);
        let led = led_to((archive, Some(&root)), origin, of_all, seal).await.map_err(told_of)?;
        if led.is_none() {
            return Ok(slice);
        }
        *before = led;
        let known = (rules.clone(), before.as_deref());
        Ok(slice::judge(archive, origin, listed, known, bounds, looked).await)
    }

    /// Makes a pack, and marks what it holds.
    async fn pack(
        &mut self,
        work: &Work<'_>,
        pack: Uncut,
        (findings, rules): (&[Finding], &Rules),
        report: &mut PackedChain,
        progress: &mut impl FnMut(PackProgress<'_>),
    ) -> Result<(), String> {
        let loose = pack.objects.iter().filter(|batch| !work.stays(batch.place.seq));
        let loose: Vec<Loose> = loose
            .map(|batch| Loose { place: batch.place, version: batch.version.clone() })
            .collect();
        let made = self.make(work.origin, pack, findings, rules).await?;
        self.mark(work.origin, &loose, report).await?;
        progress(PackProgress::Made(work.origin, &made));
        // A pack that had gone says nothing of how far packing is.
        report.packed_until = report.packed_until.max(Some(made.sealed));
        report.packs.push(made);
        Ok(())
    }

    /// A run that was killed may have attested a pack, and not marked all that it holds. Of the newest one
    /// the last object is marked last: while that has none, all are marked once more.
    async fn mark_the_rest(
        &mut self,
        work: &Work<'_>,
        pack: &Attestation,
        entries: &[Entry],
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
                && !work.stays(entry.place.seq)
        });
        let loose: Vec<Loose> = plain
            .map(|entry| Loose { place: entry.place, version: entry.version.clone() })
            .collect();
        let Some(last) = loose.last() else { return Ok(()) };
        match lacks_mark(&self.marks, work.origin, last).await.map_err(told_of)? {
            Some(true) => self.mark(work.origin, &loose, report).await,
            Some(false) | None => Ok(()),
        }
    }

    /// Makes the indexes of packs that stand again; gives how many of them have another one now.
    async fn reindex(&mut self, trusted: &TrustedOrigin, packs: &Packs) -> Result<u64, String> {
        let mut done = 0;
        for pack in packs.taken() {
            let rules = self.rules(trusted, Extent::default(), packs);
            let again = reindexed(&self.maker, packs, pack, self.signer.key(), rules).await?;
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
        let changed = !report.packs.is_empty() || report.reindexed > 0 || report.seconded > 0;
        let packs = if changed { self.packs_of(origin).await? } else { packs };
        let shelf = Shelf { store: &self.store, source: &self.packs };
        let bounds = ((self.clock)(), MAX_ROLLED_UP);
        let mut anew = std::mem::take(&mut self.anew);
        if self.options.reindex {
            anew.extend(packs.taken().iter().map(|pack| Month::of(pack.attestation.date)));
        }
        let rolled = roll_up(&shelf, &packs, self.signer, &anew, bounds).await.map_err(told_of)?;
        report.rolled = rolled.made;
        report.unrolled = rolled.failed.map(|why| auditseal_chain::escape(&why));
        Ok(())
    }
}

impl PackedChain {
    /// Takes the findings that the next slice won't find again.
    pub(crate) fn take(
        &mut self,
        findings: Vec<Finding>,
        total: u64,
        inside: impl Fn(&Finding) -> bool,
    ) {
        let untold = total - findings.len() as u64;
        let (of_this, _): (Vec<_>, Vec<_>) = findings.into_iter().partition(inside);
        self.findings_total += of_this.len() as u64 + untold;
        let room = KEPT.saturating_sub(self.findings.len());
        self.findings.extend(of_this.into_iter().take(room));
    }
}
