//! What of a chain's report the heads file may take for proved.

use std::collections::VecDeque;

use auditseal_chain::{
    ChainReport, Finding, Findings, ForkPair, NamedKeys, Rules, Totals, Verdict,
};
use auditseal_format::{Origin, SealId, Time};
use auditseal_trust::{KnownHead, Proof};

/// What a chain comes to that couldn't be read at all.
pub(super) fn unread(origin: &Origin) -> ChainReport {
    ChainReport {
        findings: Findings::new(origin.clone()),
        totals: Totals::default(),
        newest: None,
        oldest: None,
        next_by: None,
        branch: None,
        forked: false,
        forks: Vec::new(),
        trail: VecDeque::new(),
        named: NamedKeys::default(),
    }
}

/// What a run proved: `looked_at` if the store gave an answer for each object, and its payload was
/// looked at.
pub(super) fn of(
    origin: &Origin,
    chain: &ChainReport,
    rules: &Rules,
    begin: Option<SealId>,
    known: Option<KnownHead>,
    looked_at: bool,
    at: Time,
) -> Proof {
    // The first of each verdict is kept, however many there are.
    let harmless = |finding: &Finding| finding.verdict.leaves_chain_proved();
    // Whoever allows a part that nothing ties to its chain hasn't proved that it is of that chain.
    let loose = |finding: &Finding| finding.verdict == Verdict::Unanchored;
    let Findings { findings, information, .. } = &chain.findings;
    let whole = looked_at && findings.iter().all(harmless) && !information.iter().any(loose);
    let newest = chain.newest.map(|(newest, _)| newest);
    let inside = |seq: u64| rules.extent.has(seq) && newest.is_some_and(|newest| seq <= newest.seq);
    // Another seal there would have been a fork, but where somebody settled that.
    let compared = |known: &KnownHead| rules.head == Some(known.seal) && inside(known.seal.seq);
    let held = known.filter(|known| whole && compared(known)).map(|known| {
        let settled = rules.policy.settles(known.seal.seq).and(rules.policy.at(known.seal.seq));
        SealId { seq: known.seal.seq, hash: settled.unwrap_or(known.seal.hash) }
    });
    // A head that was typed in is no seal that was read.
    let typed = rules.head.filter(|head| known.is_none_or(|known| known.seal != *head));
    let read = |fork: &&ForkPair| {
        typed.is_none_or(|head| head.seq != fork.seq || !fork.hashes.contains(&head.hash))
    };
    let seqs = chain.trail.iter().map(|seal| seal.seq).chain(held.map(|held| held.seq));
    Proof {
        origin: origin.clone(),
        at,
        newest,
        whole,
        held,
        trail: chain.trail.iter().copied().collect(),
        begin: begin.map_or(0, |begin| begin.seq),
        forks: chain.forks.iter().filter(read).map(|fork| (fork.seq, fork.hashes)).collect(),
        settled: seqs.filter(|seq| rules.policy.settles(*seq).is_some()).collect(),
    }
}
