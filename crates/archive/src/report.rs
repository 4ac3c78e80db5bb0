//! What a verification came to.

use auditseal_format::{Origin, SealId, Time};
use serde::Serialize;

use auditseal_chain::{Begin, ChainReport, Finding, Findings, Verdict, displayed, shown};

/// Errors of the store kept per chain.
const ERRORS_KEPT: usize = 20;

/// One chain's part of a report. The names of its fields are those of the JSON document.
#[derive(Debug, Clone, Serialize)]
pub struct OriginReport {
    /// The chain.
    #[serde(serialize_with = "shown")]
    pub origin: Origin,
    /// Where reading began, as `SEQ:HASH`, or `SEQ` where nothing is known of the seal there; if not at
    /// the genesis.
    #[serde(serialize_with = "displayed")]
    pub from: Option<Begin>,
    /// When the note there was made; only if nothing is wrong from there on.
    #[serde(serialize_with = "displayed")]
    pub complete_from: Option<Time>,
    /// When the newest note was made; only if nothing is wrong up to it.
    #[serde(serialize_with = "displayed")]
    pub complete_until: Option<Time>,
    /// The newest note that is the chain's, as `SEQ:HASH`; what to give as head next time.
    #[serde(serialize_with = "displayed")]
    pub head: Option<SealId>,
    /// Notes that are the chain's.
    pub seals: u64,
    /// Lines in them.
    pub lines: u64,
    /// Bytes of these lines.
    pub bytes: u64,
    /// Bytes of the objects.
    pub stored_bytes: u64,
    /// The lowest `stageTimestamp` that the notes state.
    #[serde(serialize_with = "displayed")]
    pub first: Option<Time>,
    /// The highest.
    #[serde(serialize_with = "displayed")]
    pub last: Option<Time>,
    /// Lines that the writer didn't recognise as audit events.
    pub malformed: u64,
    /// Objects whose payloads were decompressed. No other's are than those of known keys.
    pub decompressed: u64,
    /// How many findings there are; `findings` holds the first 10,000.
    pub findings_total: u64,
    /// What is wrong, in order of seq.
    pub findings: Vec<Finding>,
    /// How many informations there are; `information` holds the first 10,000.
    pub information_total: u64,
    /// What is worth knowing and not wrong.
    pub information: Vec<Finding>,
    /// Objects that couldn't be checked because the store gave no answer, and seals of which a gap was
    /// accepted and which aren't there.
    pub unchecked: u64,
    /// The first such errors.
    pub errors: Vec<String>,
    /// What this run couldn't have noticed.
    pub limits: Vec<String>,
}

impl OriginReport {
    pub(crate) fn new(
        origin: Origin,
        chain: ChainReport,
        errors: Errors,
        limits: Vec<String>,
        from: Begin,
    ) -> Self {
        let ChainReport { findings, totals, newest, oldest, .. } = chain;
        let Findings { findings, information, findings_total, information_total, .. } = findings;
        let complete = findings_total == 0 && errors.count == 0;
        Self {
            origin,
            from: Some(from).filter(|from| from.is_late()),
            complete_from: oldest.filter(|_| complete && from.is_late()).map(|(_, sealed)| sealed),
            complete_until: newest.filter(|_| complete).map(|(_, sealed)| sealed),
            head: newest.map(|(head, _)| head),
            seals: totals.seals,
            lines: totals.lines,
            bytes: totals.bytes,
            stored_bytes: totals.stored_bytes,
            first: totals.times.map(|times| times.0),
            last: totals.times.map(|times| times.1),
            malformed: totals.malformed,
            decompressed: totals.decompressed,
            findings_total,
            findings,
            information_total,
            information,
            unchecked: errors.count,
            errors: errors.first,
            limits,
        }
    }
}

impl OriginReport {
    /// Takes note that another process has verified another seal than this run at one seq.
    pub(crate) fn contradict(&mut self) {
        let detail =
            "another process verified another seal of one seq meanwhile: the heads file has both";
        let finding = Finding::new(Verdict::Fork, Some(self.origin.clone()), detail);
        self.findings_total += 1;
        self.findings.insert(0, finding);
        (self.complete_from, self.complete_until) = (None, None);
    }
}

/// Errors of the store, counted and the first of them kept.
#[derive(Debug, Default)]
pub(crate) struct Errors {
    pub(crate) count: u64,
    first: Vec<String>,
}

impl Errors {
    pub(crate) fn push(&mut self, error: &auditseal_store::Error) {
        let hint = error.hint().map_or_else(String::new, |hint| format!(" (hint: {hint})"));
        self.say(format!("{error}{hint}"));
    }

    pub(crate) fn say(&mut self, what: String) {
        self.count += 1;
        if self.first.len() < ERRORS_KEPT {
            self.first.push(auditseal_chain::escape(&what));
        }
    }
}

/// What a verification came to.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The chains, in order of their names.
    pub origins: Vec<OriginReport>,
    /// How many objects there are that no chain has; `unexpected` holds the first 100.
    pub unexpected_total: u64,
    /// Objects that no chain has.
    pub unexpected: Vec<Finding>,
    /// Whether the store listed all versions of each object; else only the latest were seen.
    pub versions_listed: bool,
    /// What this run couldn't have noticed in the store as a whole.
    pub limits: Vec<String>,
}

impl Report {
    /// 0 if all chains are complete, 1 if anything is wrong, 2 if that couldn't be found out.
    ///
    /// What is certainly wrong wins: 1 also if, beside it, something couldn't be checked.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if self.origins.iter().any(|origin| origin.findings_total > 0) {
            1
        } else if self.origins.is_empty()
            || self.origins.iter().any(|origin| origin.complete_until.is_none())
        {
            2
        } else {
            0
        }
    }
}
