//! Packs that stand by other auditors' words: each is held against its seals and against what stands beside it, and
//! attested by this one too.

use std::sync::Arc;

use auditseal_chain::{Begin, Extent, Finding, Rules, Verdict};
use auditseal_format::packs::{Attestation, Attested, MAX_FINDINGS};
use auditseal_format::{ObjectSeal, VerifierKey};
use auditseal_reader::{Entry, Pack, Packs, listed_between};
use bytes::Bytes;

use crate::chain::Work;
use crate::check::{Shown, attest_findings, read_back};
use crate::make::{Run, told_of};
use crate::put::Shelf;
use crate::report::PackedChain;

impl Run<'_> {
    /// Attests each pack that others alone attest, where all of it holds. What was found beside it is told in the report
    /// and in the attestation, with what the others found: whoever reads the newest attestation reads no other.
    pub(crate) async fn second(
        &mut self,
        work: &Work<'_>,
        report: &mut PackedChain,
    ) -> Result<(), String> {
        let Work { trusted, packs, .. } = *work;
        let own = self.signer.key().clone();
        let begin = trusted.begin.map_or(Begin::Genesis, Begin::Known);
        for pack in packs.taken().iter().filter(|pack| pack.is_listed()) {
            let attestation = &pack.attestation;
            if attestation.last < begin.seq() || is_own(packs, attestation, &own) {
                continue;
            }
            let attestation = packs.sizes(pack).await.map_err(told_of)?;
            if self.attest_too(work, pack, &attestation, report).await? {
                report.seconded += 1;
            }
        }
        Ok(())
    }

    /// Whether everything holds, and the pack is attested now.
    async fn attest_too(
        &mut self,
        work: &Work<'_>,
        pack: &Pack,
        attested: &Arc<Attestation>,
        report: &mut PackedChain,
    ) -> Result<bool, String> {
        let from = if attested.first == 1 { Begin::Genesis } else { pack.before() };
        let extent = Extent { from, to: Some(attested.last) };
        let rules = self.rules(work.trusted, extent, work.packs);
        let since = Some(attested.date).filter(|_| from != Begin::Genesis);
        let listed = listed_between(&self.archive, work.origin, since, Some(attested.date));
        let mut entries: Vec<Entry> = listed.await.map_err(told_of)?;
        entries.retain(|entry| extent.has(entry.place.seq));
        // All that stands beside it is looked at, and what another found isn't found by this one.
        let beside = work.packs.only(pack.clone().without_findings()).undated();
        let listed = (&entries[..], &beside);
        let mut before = None;
        let judged = self.judge(work, listed, &rules, (None, None), &mut before, |_| {});
        let slice = judged.await?;
        if let Some(error) = slice.error {
            return Err(told_of(error));
        }
        let key = attested.pack_key();
        let refused = slice.fork.is_some() || slice.findings.iter().any(|one| refuses(one, &key));
        // What another's index left out is no fault of the objects.
        let of_them = |one: &&Finding| one.verdict != Verdict::WrongIndex;
        let found: Vec<Finding> = slice.findings.iter().filter(of_them).cloned().collect();
        report.fork = report.fork.or(slice.fork);
        report.take(slice.findings, slice.findings_total, |_| true);
        if refused {
            return Ok(false);
        }
        let shown = self.shown(work.packs, pack, attested, (rules, before)).await?;
        if shown.findings.iter().any(|one| isnt_the_chains(one.verdict)) {
            return Ok(false);
        }
        if self.options.dry_run {
            return Ok(true);
        }
        let mut attestation = (**attested).clone();
        add_findings(&mut attestation, &found, &shown);
        let beside = entries.iter().filter(|entry| attestation.first <= entry.place.seq);
        let latest = beside.map(|entry| entry.modified).max().unwrap_or(0);
        attestation.judged = auditseal_format::Time::from_micros(latest);
        let shelf = Shelf { store: &self.store, source: &self.packs };
        attestation.lock = self.protected(&shelf, &attestation).await?;
        attestation.index = match shown.index.map(Bytes::from) {
            Some(index) => self.put_index(&attestation, index).await?,
            None => None,
        };
        attestation.attested = (self.clock)();
        self.attest(attestation).await?;
        Ok(true)
    }

    /// What a pack shows by itself, read from its start to its end.
    async fn shown(
        &self,
        packs: &Packs,
        pack: &Pack,
        attested: &Arc<Attestation>,
        (rules, before): (Rules, Option<Box<ObjectSeal>>),
    ) -> Result<Shown, String> {
        let name = attested.pack_key();
        let bytes = packs.whole(pack).await.map_err(told_of)?;
        let bytes = bytes.ok_or_else(|| format!("pack {name}: its attested bytes aren't there"))?;
        let attested = Arc::clone(attested);
        let read = move || read_back(&bytes[..], &attested, (rules, before.as_deref()));
        let shown = self.maker.run(read).await;
        shown.map_err(|why| format!("pack {name}: {why}"))
    }
}

/// Whether this key attests the same, whoever attested it last.
fn is_own(packs: &Packs, attested: &Attestation, own: &VerifierKey) -> bool {
    let what = |of: &Attestation| (of.first, of.last, of.head, of.generation, of.pack, of.index);
    packs.counting().iter().any(|other| other.key == *own && what(other) == what(attested))
}

/// Findings about a pack itself or its lines, with which nobody can attest what another did.
fn refuses(finding: &Finding, key: &str) -> bool {
    let itself = finding.key.as_ref().is_some_and(|of| of == key);
    match finding.verdict {
        // The index of its text is made again.
        Verdict::WrongIndex => false,
        Verdict::WrongTimes | Verdict::Missing => itself,
        verdict => verdict == Verdict::Tampered,
    }
}

/// Findings with which an object isn't one that would be packed.
fn isnt_the_chains(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::WrongKey | Verdict::Fork | Verdict::Replay | Verdict::Reordered)
}

/// Adds what was found now to what others found.
fn add_findings(attestation: &mut Attestation, found: &[Finding], shown: &Shown) {
    let (before, told) = (attestation.findings, std::mem::take(&mut attestation.found));
    attest_findings(attestation, found, shown);
    let about = |one: &Attested| (one.verdict.as_str().to_owned(), one.seq, one.through);
    let known: Vec<_> = told.iter().map(about).collect();
    let now = std::mem::replace(&mut attestation.found, told);
    let told_now = now.len() as u64;
    let fresh: Vec<Attested> = now.into_iter().filter(|one| !known.contains(&about(one))).collect();
    // Of what isn't told one by one nobody knows whether another found it too.
    attestation.findings = before + attestation.findings - told_now + fresh.len() as u64;
    attestation.found.extend(fresh);
    attestation.found.truncate(MAX_FINDINGS);
}
