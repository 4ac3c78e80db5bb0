//! What an answer rests on: what was searched, what wasn't, and what isn't known.

use std::collections::BTreeSet;

use auditseal_chain::{Finding, Verdict};
use auditseal_format::{Origin, Time};

use crate::hit::Unknowns;
use crate::unreadable::Unreadables;

/// Things of a chain that are named, of each kind.
const NAMED: usize = 1000;

/// What was searched of one chain.
#[derive(Debug, Clone)]
pub struct ChainSearched {
    /// The chain.
    pub origin: Origin,
    /// The first and the last seq whose lines were searched, or known to lie outside of the time asked for.
    pub seqs: Option<(u64, u64)>,
    /// The least and the greatest time of lines in the batches that were searched, by their notes.
    pub times: Option<(Time, Time)>,
    /// The least time of lines in the packs of the part that was asked for, by their attestations; also of those that an
    /// index passes over.
    pub packed_from: Option<Time>,
    /// Batches whose lines were searched.
    pub batches: u64,
    /// Batches that weren't read: their notes say that their lines lie outside of the time asked for.
    pub outside: u64,
    /// Batches that weren't read: an attested index says that they hold no such line.
    pub by_index: u64,
    /// Batches that weren't read: they are of a log of another kind, flows where events are asked for, or the reverse.
    pub others: u64,
    /// Of the batches that were searched for events, those whose lines aren't dated as audit events are.
    pub strange: u64,
    /// Packs of the part that was asked for.
    pub packs: u64,
    /// Of these, packs that weren't read: an attested index says that they hold no such line.
    pub packs_by_index: u64,
    /// Whose word was taken for that.
    pub auditors: Vec<String>,
    /// Bytes of indexes that were read.
    pub index_bytes: u64,
    /// Lines that were searched, and of these those that were read as events.
    pub lines: u64,
    /// Of these, lines that were read as events: they have the bytes that are asked for.
    pub read: u64,
    /// Bytes of lines that were searched.
    pub bytes: u64,
    /// Lines that can't be read as events though they have the bytes that are asked for.
    pub unreadable: Unreadables,
    /// Types that its events are of, `deployments.apps`, where one is asked for that isn't built in: the first thousand, and
    /// those that are asked for.
    pub types: BTreeSet<String>,
    /// What is wrong, the first of it. What a source lost is among [`Self::gaps`].
    pub findings: Vec<Finding>,
    /// How much is wrong.
    pub findings_total: u64,
    /// Lines that the source lost, or a writer that fell silent: what happened then isn't known.
    pub gaps: Vec<Finding>,
    /// How many of these there are.
    pub gaps_total: u64,
    /// What is to be known, and stands in nobody's way.
    pub notes: Vec<String>,
    /// How much of that there is.
    pub notes_total: u64,
    /// What the store gave no answer for: the first of it, and how much.
    pub unread: Vec<String>,
    /// How much of it there is.
    pub unread_total: u64,
    /// The newest time at which a seal says that it was made.
    pub sealed: Option<Time>,
    /// That the chain has come to an end before its time, and the time that is asked for goes on behind it: what
    /// happened then isn't known.
    pub silent: Option<Finding>,
    /// Packs that nobody trusted attests, and that weren't read.
    pub uncounted: Option<String>,
    /// What may hold lines of the time that is asked for and wasn't searched, for nobody looked when its lines happened.
    pub unseen: Option<String>,
    /// That nothing which is known ties these seals to the chain, and this wasn't allowed.
    pub unanchored: Option<Finding>,
    /// The last seal that was gone through, where its writer says with it that nothing is to follow.
    pub closed: Option<u64>,
    /// Two histories of it are known.
    pub forked: bool,
    /// All of the part that was asked for was gone through.
    pub ended: bool,
}

impl ChainSearched {
    pub(crate) fn new(origin: Origin) -> Self {
        Self {
            origin,
            seqs: None,
            times: None,
            packed_from: None,
            batches: 0,
            outside: 0,
            by_index: 0,
            others: 0,
            strange: 0,
            packs: 0,
            packs_by_index: 0,
            auditors: Vec::new(),
            index_bytes: 0,
            lines: 0,
            read: 0,
            bytes: 0,
            unreadable: Unreadables::default(),
            types: BTreeSet::new(),
            findings: Vec::new(),
            findings_total: 0,
            gaps: Vec::new(),
            gaps_total: 0,
            notes: Vec::new(),
            notes_total: 0,
            unread: Vec::new(),
            unread_total: 0,
            sealed: None,
            silent: None,
            uncounted: None,
            unseen: None,
            unanchored: None,
            closed: None,
            forked: false,
            ended: false,
        }
    }

    /// When the first line happened that was searched, or that an index was asked of.
    #[must_use]
    pub fn begin(&self) -> Option<Time> {
        [self.times.map(|(first, _)| first), self.packed_from].into_iter().flatten().min()
    }

    /// A seal was gone through.
    pub(crate) fn passed(&mut self, seq: u64) {
        self.passed_all((seq, seq));
    }

    /// So were all of these.
    pub(crate) fn passed_all(&mut self, seqs: (u64, u64)) {
        self.seqs =
            Some(self.seqs.map_or(seqs, |(first, last)| (first.min(seqs.0), last.max(seqs.1))));
    }

    /// When a seal says that it was made.
    pub(crate) fn sealed_at(&mut self, time: Time) {
        self.sealed = self.sealed.max(Some(time));
    }

    /// All was gone through. Behind a seal with which a writer closes its chain no other is due: that some were taken away
    /// from there isn't noticed, and `verify` says the same of it.
    pub(crate) fn end(&mut self, until: Option<Time>) {
        self.ended = true;
        let goes_on = until.is_none_or(|until| self.sealed.is_none_or(|sealed| sealed <= until));
        if let Some(seq) =
            self.closed.filter(|seq| goes_on && self.seqs.is_some_and(|(_, last)| last == *seq))
        {
            self.note(format!(
                "no head was given: seals missing after seq {seq}, a final, aren't noticed"
            ));
        }
    }

    /// What was found of the end of a chain that was asked up to this time: where more should have followed
    /// behind that, it was asked for.
    pub(crate) fn found_up_to(&mut self, finding: Finding, until: Option<Time>) {
        let goes_on = until.is_none_or(|until| self.sealed.is_none_or(|sealed| sealed <= until));
        if finding.verdict == Verdict::Silent && goes_on {
            self.silent = Some(finding);
        } else {
            self.found(finding);
        }
    }

    pub(crate) fn spans(&mut self, times: Option<(Time, Time)>) {
        self.times = match (self.times, times) {
            (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
            (one, other) => one.or(other),
        };
    }

    /// Something is wrong, or worth knowing.
    pub(crate) fn found(&mut self, finding: Finding) {
        match finding.verdict {
            // What was hidden has been found, and was searched; what is silent behind the time that is asked for says
            // nothing of it.
            Verdict::Hidden | Verdict::Shadowed | Verdict::Silent | Verdict::WeakWorm => {
                self.note(finding.to_string());
            }
            Verdict::SourceGap | Verdict::Stalled => {
                self.gaps_total += 1;
                if self.gaps.len() < NAMED {
                    self.gaps.push(finding);
                }
            }
            Verdict::Unanchored => self.unanchored = Some(finding),
            _ => {
                self.findings_total += 1;
                if self.findings.len() < NAMED {
                    self.findings.push(finding);
                }
            }
        }
    }

    pub(crate) fn note(&mut self, note: String) {
        self.notes_total += 1;
        if self.notes.len() < NAMED {
            self.notes.push(note);
        }
    }

    pub(crate) fn unread(&mut self, error: &auditseal_store::Error) {
        self.unread_total += 1;
        if self.unread.len() < NAMED {
            self.unread.push(error.to_string());
        }
    }
}

/// An answer, but for its hits.
#[derive(Debug, Clone)]
pub struct Answered {
    /// What was searched, in the order of the chains that were asked.
    pub chains: Vec<ChainSearched>,
    /// Events that were given out: those that are meant, or with `unknown` those of which it can't be told.
    pub given: u64,
    /// Events that are meant.
    pub meant: u64,
    /// Events of which it can't be told whether they are meant.
    pub unknown: Unknowns,
    /// Of those that are meant, events whose bodies the apiserver cut.
    pub truncated: u64,
    /// Of those that are meant, events without a certain time: they are in every window.
    pub undated: u64,
    /// Events that came out after a later one.
    pub late: u64,
    /// Events that may have been given out twice, for more requests were under way than are held.
    pub early: u64,
    /// Somebody stopped it before its end.
    pub interrupted: bool,
    /// Whoever reads the hits wants no more.
    pub closed: bool,
    /// Flows were asked for, and not events.
    pub flows: bool,
}

impl Answered {
    /// Whether all that happened in what was searched is known: of each event it could be told whether it is
    /// meant, no gap is, no chain has fallen silent, and no packs or seals were left out.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let whole = |chain: &ChainSearched| {
            chain.gaps_total == 0
                && chain.silent.is_none()
                && chain.uncounted.is_none()
                && chain.unseen.is_none()
        };
        self.unknown.total() == 0 && self.chains.iter().all(whole)
    }

    /// What it is worth, as `verify` says it of the same part: 0 answered and verified; 1 something is wrong, or a
    /// chain has fallen silent before the time that is asked for was over; 2 something couldn't be searched; 3 two
    /// histories of a chain are known.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let any = |holds: fn(&ChainSearched) -> bool| self.chains.iter().any(holds);
        if any(|chain| chain.forked) {
            3
        } else if any(|chain| {
            chain.findings_total > 0 || chain.unanchored.is_some() || chain.silent.is_some()
        }) {
            1
        } else {
            let unread = any(|chain| chain.unread_total > 0);
            2 * u8::from(unread || self.interrupted)
        }
    }
}

#[cfg(test)]
mod tests {
    use auditseal_store::{Error, Kind, Operation};

    use super::*;

    fn searched() -> ChainSearched {
        ChainSearched::new("c/n/s".parse().unwrap())
    }

    fn answer(chain: ChainSearched) -> Answered {
        Answered {
            chains: vec![chain],
            given: 0,
            meant: 0,
            unknown: Unknowns::default(),
            truncated: 0,
            undated: 0,
            late: 0,
            early: 0,
            interrupted: false,
            closed: false,
            flows: false,
        }
    }

    #[test]
    fn what_may_be_missing_behind_a_final_is_noted() {
        let time = |text: &str| Some(text.parse::<Time>().unwrap());
        let ended = |last: u64, until: Option<Time>| {
            let mut chain = searched();
            chain.passed_all((1, last));
            chain.sealed = time("2026-01-01T12:00:00.000000Z");
            chain.closed = Some(7);
            chain.end(until);
            chain.notes
        };
        let note = "no head was given: seals missing after seq 7, a final, aren't noticed";
        assert_eq!(ended(7, None), [note]);
        assert_eq!(ended(7, time("2026-01-02T00:00:00.000000Z")), [note]);
        assert!(ended(7, time("2026-01-01T00:00:00.000000Z")).is_empty(), "more wasn't asked for");
        assert!(ended(8, None).is_empty(), "more is there");
    }

    #[test]
    fn a_chain_begins_where_its_packs_do() {
        let [early, late] = [1, 2].map(Time::from_micros);
        let mut chain = searched();
        assert_eq!(chain.begin(), None);
        chain.packed_from = Some(early);
        assert_eq!(chain.begin(), Some(early));
        chain.spans(Some((late, late)));
        assert_eq!(chain.begin(), Some(early));
        chain.packed_from = None;
        assert_eq!(chain.begin(), Some(late));
    }

    #[test]
    fn an_answer_with_unknowns_or_gaps_is_not_whole() {
        assert!(answer(searched()).is_whole());
        let unknown = Unknowns { metadata: 1, ..Unknowns::default() };
        assert!(!Answered { unknown, ..answer(searched()) }.is_whole());
        let mut gap = searched();
        gap.found(finding(Verdict::SourceGap, 1));
        assert!(!answer(gap).is_whole());
    }

    fn finding(verdict: Verdict, seq: u64) -> Finding {
        Finding::new(verdict, None, "as it is").at(seq)
    }

    /// Ten times what is kept: all are counted, and decide the exit code.
    #[test]
    fn all_that_is_wrong_is_counted() {
        let many = 10 * NAMED as u64;
        let mut chain = searched();
        let error = Error::new(Operation::Get, "key", Kind::Denied, "no");
        for seq in 0..many {
            chain.found(finding(Verdict::Tampered, seq));
            chain.found(finding(Verdict::SourceGap, seq));
            chain.found(finding(Verdict::Hidden, seq));
            chain.unread(&error);
        }
        assert_eq!(
            (chain.findings_total, chain.unread_total, chain.gaps_total),
            (many, many, many)
        );
        assert_eq!(
            (chain.findings.len(), chain.gaps.len(), chain.notes.len()),
            (NAMED, NAMED, NAMED)
        );
        assert_eq!((chain.unread.len(), chain.notes_total), (NAMED, many));
        assert_eq!(answer(chain).exit_code(), 1);
    }

    #[test]
    fn the_exit_code_is_of_the_worst() {
        assert_eq!(answer(searched()).exit_code(), 0);
        for (verdict, code) in [
            (Verdict::SourceGap, 0),
            (Verdict::Hidden, 0),
            (Verdict::Silent, 0),
            (Verdict::Missing, 1),
            (Verdict::Unanchored, 1),
            (Verdict::Fork, 1),
        ] {
            let mut chain = searched();
            chain.unread(&Error::new(Operation::Get, "key", Kind::Denied, "no"));
            assert_eq!(answer(chain.clone()).exit_code(), 2);
            chain.unread_total = 0;
            chain.found(finding(verdict, 1));
            assert_eq!(answer(chain).exit_code(), code, "{verdict:?}");
        }
        let mut forked = searched();
        forked.found(finding(Verdict::Missing, 1));
        forked.forked = true;
        assert_eq!(answer(forked).exit_code(), 3);
        let mut unseen = searched();
        unseen.unseen = Some("9 seals weren't looked at".to_owned());
        assert_eq!((answer(unseen.clone()).exit_code(), answer(unseen).is_whole()), (0, false));
        let silent = |until: Option<&str>| {
            let mut chain = searched();
            chain.sealed_at("2026-11-30T06:00:00.000000Z".parse().unwrap());
            let until = until.map(|until| until.parse().unwrap());
            chain.found_up_to(finding(Verdict::Silent, 1), until);
            answer(chain)
        };
        for (until, code) in [
            (None, 1),
            (Some("2026-11-30T06:00:00.000000Z"), 1),
            (Some("2026-11-30T05:59:59.999999Z"), 0),
        ] {
            assert_eq!(silent(until).exit_code(), code, "{until:?}");
            assert_eq!(silent(until).is_whole(), code == 0, "{until:?}");
        }
        let stopped = Answered { interrupted: true, ..answer(searched()) };
        assert_eq!(stopped.exit_code(), 2);
    }
}
