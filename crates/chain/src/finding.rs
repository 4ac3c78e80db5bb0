//! What a verifier has to say: FORMAT.md, "Reading and verifying".

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use auditseal_format::{Fault, Origin};
use serde::Serialize;

use crate::text::escape;

/// The names of what can be wrong with an archive, or be worth knowing about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// Stored bytes aren't the signed ones.
    Tampered,
    /// No object at the key of a seq, or none at all of a chain.
    Missing,
    /// A note belongs at another key, and isn't there.
    Reordered,
    /// A note stands at a second key too, or source bytes were sealed twice.
    Replay,
    /// The object's note is another chain's.
    WrongOrigin,
    /// Two signed histories.
    Fork,
    /// Nothing that is known ties this part of a chain to the rest.
    Unanchored,
    /// The chain ends before the head that is known.
    Truncated,
    /// The next seal is overdue.
    Silent,
    /// The chain goes on behind the place where it is known to have ended.
    Resumed,
    /// Source bytes that nobody sealed.
    SourceGap,
    /// The writer says that it couldn't look at its source.
    Stalled,
    /// The signature doesn't hold.
    BadSignature,
    /// Signed by a key that may not sign there.
    WrongKey,
    /// Another key began a chain of this name.
    ForeignChain,
    /// No seal in the object.
    Unsealed,
    /// Not of the format's shape.
    Malformed,
    /// Lines happened at other times than the note says: a search by time may have passed over them.
    WrongTimes,
    /// An attested index isn't the one that its pack's text gives.
    WrongIndex,
    /// Whoever names no version gets nothing here; the true bytes are there under their version.
    Hidden,
    /// A newer version has other bytes; the true bytes are there under their version.
    Shadowed,
    /// The store doesn't say that it keeps the object as firmly and as long as was demanded.
    WeakWorm,
    /// Sealed later than the store received it.
    TimeInconsistent,
    /// The chain went on after a loss of state.
    Reanchored,
    /// An object that isn't the chain's, and that it can do without.
    UnexpectedObject,
    /// The node's clock was set.
    ClockStep,
}

impl Verdict {
    /// The name that reports print and scripts look for.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tampered => "TAMPERED",
            Self::Missing => "MISSING",
            Self::Reordered => "REORDERED",
            Self::Replay => "REPLAY",
            Self::WrongOrigin => "WRONG_ORIGIN",
            Self::Fork => "FORK",
            Self::Unanchored => "UNANCHORED",
            Self::Truncated => "TRUNCATED",
            Self::Silent => "SILENT",
            Self::Resumed => "RESUMED",
            Self::SourceGap => "SOURCE_GAP",
            Self::Stalled => "STALLED",
            Self::BadSignature => "BAD_SIGNATURE",
            Self::WrongKey => "WRONG_KEY",
            Self::ForeignChain => "FOREIGN_CHAIN",
            Self::Unsealed => "UNSEALED",
            Self::Malformed => "MALFORMED",
            Self::WrongTimes => "WRONG_TIMES",
            Self::WrongIndex => "WRONG_INDEX",
            Self::Hidden => "HIDDEN",
            Self::Shadowed => "SHADOWED",
            Self::WeakWorm => "WEAK_WORM",
            Self::TimeInconsistent => "TIME_INCONSISTENT",
            Self::Reanchored => "REANCHORED",
            Self::UnexpectedObject => "UNEXPECTED_OBJECT",
            Self::ClockStep => "CLOCK_STEP",
        }
    }

    /// Whether each seal of a chain is proved although this was found: what is wrong is what the source
    /// lost, how long nothing came, or where and how firmly the store keeps the bytes.
    #[must_use]
    pub const fn leaves_chain_proved(self) -> bool {
        matches!(
            self,
            Self::SourceGap
                | Self::Stalled
                | Self::Silent
                | Self::Hidden
                | Self::Shadowed
                | Self::WeakWorm
                | Self::WrongIndex
                | Self::TimeInconsistent
        )
    }

    /// What the verdict means where nobody accepted it.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::Reanchored | Self::UnexpectedObject | Self::ClockStep => Severity::Information,
            _ => Severity::Finding,
        }
    }
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 26] = [
        Self::Tampered,
        Self::Missing,
        Self::Reordered,
        Self::Replay,
        Self::WrongOrigin,
        Self::Fork,
        Self::Unanchored,
        Self::Truncated,
        Self::Silent,
        Self::Resumed,
        Self::SourceGap,
        Self::Stalled,
        Self::BadSignature,
        Self::WrongKey,
        Self::ForeignChain,
        Self::Unsealed,
        Self::Malformed,
        Self::WrongTimes,
        Self::WrongIndex,
        Self::Hidden,
        Self::Shadowed,
        Self::WeakWorm,
        Self::TimeInconsistent,
        Self::Reanchored,
        Self::UnexpectedObject,
        Self::ClockStep,
    ];
}

impl FromStr for Verdict {
    type Err = ();

    /// Reads a name as [`Verdict::name`] gives it.
    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name).ok_or(())
    }
}

impl From<&Fault> for Verdict {
    fn from(fault: &Fault) -> Self {
        match fault {
            Fault::Unsealed => Self::Unsealed,
            Fault::Malformed(_) | Fault::Earlier(_) => Self::Malformed,
            Fault::BadSignature(_) => Self::BadSignature,
            Fault::Tampered(_) => Self::Tampered,
            Fault::WrongTimes(_) => Self::WrongTimes,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Whether an archive with this in it can be complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It can't: exit 1.
    Finding,
    /// It can; somebody should know.
    Information,
}

/// One thing found. Its texts are fit for a terminal: they were escaped when it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub verdict: Verdict,
    /// Whether it stands in the way of a complete archive.
    pub severity: Severity,
    /// The chain; `None` for an object that belongs to none.
    #[serde(serialize_with = "crate::text::displayed")]
    pub origin: Option<Origin>,
    /// The place in the chain, that of the key where an object is at fault.
    pub seq: Option<u64>,
    /// The last place, where the finding is about several in a row.
    pub through: Option<u64>,
    /// The object's key.
    pub key: Option<String>,
    /// The version of it that has the true bytes, where the store has versions.
    pub version: Option<String>,
    /// What was found, for a person.
    pub detail: String,
}

impl Finding {
    /// A finding about an origin, or about the store as a whole.
    #[must_use]
    pub fn new(verdict: Verdict, origin: Option<Origin>, detail: &str) -> Self {
        Self {
            verdict,
            severity: verdict.severity(),
            origin,
            seq: None,
            through: None,
            key: None,
            version: None,
            detail: escape(detail),
        }
    }

    /// Names the place in the chain.
    #[must_use]
    pub fn at(mut self, seq: u64) -> Self {
        self.seq = Some(seq);
        self
    }

    /// Names the last of several places in a row; one place alone needs no range.
    #[must_use]
    pub fn through(mut self, last: u64) -> Self {
        self.through = self.seq.filter(|first| *first < last).map(|_| last);
        self
    }

    /// Names the object.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(escape(key));
        self
    }

    /// Names the true version, if it has an id.
    #[must_use]
    pub fn version(mut self, id: Option<&str>) -> Self {
        self.version = id.map(escape);
        self
    }

    /// Makes it information: somebody looked at it and accepted it.
    #[must_use]
    pub fn accepted(mut self) -> Self {
        self.detail.push_str(" (accepted)");
        self.as_information()
    }

    /// The same, and says why it was accepted.
    #[must_use]
    pub fn accepted_for(mut self, reason: &str) -> Self {
        self.detail.push_str(&format!(" (accepted: {})", escape(reason)));
        self.as_information()
    }

    /// Makes it a finding, whatever its verdict means elsewhere: somebody else found it to be one.
    #[must_use]
    pub fn as_finding(mut self) -> Self {
        self.severity = Severity::Finding;
        self
    }

    /// Makes it information: the chain can do without what is at fault.
    #[must_use]
    pub fn as_information(mut self) -> Self {
        self.severity = Severity::Information;
        self
    }
}

impl fmt::Display for Finding {
    /// `VERDICT origin=… seq=… key=… version=…: detail`; absent parts are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verdict.name())?;
        if let Some(origin) = &self.origin {
            write!(f, " origin={origin}")?;
        }
        match (self.seq, self.through) {
            (Some(seq), Some(last)) => write!(f, " seq={seq}-{last}")?,
            (Some(seq), None) => write!(f, " seq={seq}")?,
            (None, _) => {}
        }
        if let Some(key) = &self.key {
            write!(f, " key={key}")?;
        }
        if let Some(version) = &self.version {
            write!(f, " version={version}")?;
        }
        write!(f, ": {}", self.detail)
    }
}

/// Findings of one chain, bounded: whoever fills a bucket with garbage must not fill the memory
/// of whoever verifies it.
#[derive(Debug, Clone)]
pub struct Findings {
    origin: Origin,
    /// The first of each severity, and the first of each verdict wherever it comes: whoever decides by
    /// verdict misses none.
    pub findings: Vec<Finding>,
    /// The same of what is worth knowing and not wrong.
    pub information: Vec<Finding>,
    /// How many there are, kept or not.
    pub findings_total: u64,
    /// How many of these.
    pub information_total: u64,
    told: BTreeSet<(Severity, Verdict)>,
}

/// Findings kept per chain and severity; one of each further verdict comes on top.
pub const KEPT: usize = 10_000;

impl Findings {
    /// None yet, of this chain.
    #[must_use]
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            findings: Vec::new(),
            information: Vec::new(),
            findings_total: 0,
            information_total: 0,
            told: BTreeSet::new(),
        }
    }

    /// A finding about this chain, not yet added.
    pub fn of(&self, verdict: Verdict, detail: &str) -> Finding {
        Finding::new(verdict, Some(self.origin.clone()), detail)
    }

    /// Adds one: kept if there is room, or if it is the first of its verdict; counted always.
    pub fn push(&mut self, finding: Finding) {
        let first = self.told.insert((finding.severity, finding.verdict));
        let (list, total) = self.of_severity(finding.severity);
        *total += 1;
        if list.len() < KEPT || first {
            list.push(finding);
        }
    }

    /// The same, and keeps it whatever else there is.
    pub fn push_first(&mut self, finding: Finding) {
        let (list, total) = self.of_severity(finding.severity);
        *total += 1;
        list.insert(0, finding);
    }

    fn of_severity(&mut self, severity: Severity) -> (&mut Vec<Finding>, &mut u64) {
        match severity {
            Severity::Finding => (&mut self.findings, &mut self.findings_total),
            Severity::Information => (&mut self.information, &mut self.information_total),
        }
    }

    /// Puts what was found late where it belongs.
    pub fn sort(&mut self) {
        self.findings.sort_by_key(|finding| finding.seq);
        self.information.sort_by_key(|finding| finding.seq);
    }
}
