//! One line of the trust file: what it says, and its one spelling.

use std::fmt;
use std::str::FromStr as _;

use auditseal_format::{Origin, SealId, VerifierKey};

/// A key that may sign a chain, and from where to where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    /// The key.
    pub vkey: VerifierKey,
    /// The first seq that it may sign.
    pub from: u64,
    /// The last seal that it may have signed; `None` for all to come.
    pub until: Option<SealId>,
}

impl TrustedKey {
    /// Whether it may sign the seal of this seq.
    #[must_use]
    pub fn covers(&self, seq: u64) -> bool {
        self.from <= seq && self.until.is_none_or(|until| seq <= until.seq)
    }
}

/// How long, and how firmly, a store must keep each object of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionRule {
    /// Days from the seal on.
    pub days: u32,
    /// Whether nobody at all may shorten it.
    pub compliance: bool,
}

impl RetentionRule {
    /// Most days, a hundred years.
    pub const MOST_DAYS: u32 = 36_500;
}

/// What a reader makes of it when a chain says nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// It is a finding after so many seconds.
    After(u32),
    /// It is as it should be: this was the chain's last seal.
    Ended(SealId),
}

impl Silence {
    /// Longest silence that is no finding, seconds: a year.
    pub const MOST_SECONDS: u32 = 366 * 86_400;
}

/// A verdict that somebody looked at, and accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// The seal that it is about.
    pub seal: SealId,
    /// The verdict.
    pub verdict: Acceptable,
    /// Why, for a person: 1–200 of printable ASCII without `"` and `\`.
    pub reason: String,
}

impl Acceptance {
    /// Longest reason, characters.
    pub const MOST_REASON: usize = 200;
}

/// The verdicts that can be accepted: those that leave the seal itself proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Acceptable {
    /// Two rightly signed seals: the one that is named is the chain's.
    Fork,
    /// Its object was under a delete marker.
    Hidden,
    /// Its object was in the shadow of a newer version.
    Shadowed,
    /// Source bytes are lost.
    SourceGap,
    /// The writer couldn't look at its source.
    Stalled,
    /// It says that it was made later than the store says.
    TimeInconsistent,
    /// Its object isn't locked as demanded.
    WeakWorm,
    /// Its lines happened outside the times that it says, or more of them have none.
    WrongTimes,
}

impl Acceptable {
    /// All of them, in the order of their words.
    pub const ALL: [Self; 8] = [
        Self::Fork,
        Self::Hidden,
        Self::Shadowed,
        Self::SourceGap,
        Self::Stalled,
        Self::TimeInconsistent,
        Self::WeakWorm,
        Self::WrongTimes,
    ];

    /// The verdict's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fork => "FORK",
            Self::Hidden => "HIDDEN",
            Self::Shadowed => "SHADOWED",
            Self::SourceGap => "SOURCE_GAP",
            Self::Stalled => "STALLED",
            Self::TimeInconsistent => "TIME_INCONSISTENT",
            Self::WeakWorm => "WEAK_WORM",
            Self::WrongTimes => "WRONG_TIMES",
        }
    }
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Key(Origin, TrustedKey),
    Begin(Option<SealId>),
    Retention(RetentionRule),
    Silence(Silence),
    Accept(Acceptance),
    Auditor(Auditor),
}

/// A key whose attestations count for the chains of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auditor {
    /// The cluster.
    pub cluster: String,
    /// The key.
    pub vkey: VerifierKey,
}

impl Auditor {
    /// By this the lines of auditors are in order, each once.
    pub(crate) fn order(&self) -> (String, String) {
        (self.cluster.clone(), self.vkey.to_string())
    }

    fn parse(cluster: &str, vkey: &str) -> Result<Self, String> {
        // What may be a cluster's name may begin an origin's.
        if Origin::new(cluster, "n", "s").is_err() {
            return Err("the cluster is none".to_owned());
        }
        let vkey = vkey.parse().map_err(|why| format!("vkey: {why}"))?;
        Ok(Self { cluster: cluster.to_owned(), vkey })
    }
}

/// Words that later versions give a meaning to. Read over, they would promise what nothing holds.
const LATER: [&str; 3] = ["witness", "group", "quorum"];

impl Item {
    /// Reads one line, in its one spelling.
    ///
    /// # Errors
    /// Says what is wrong. Of the line itself nothing is repeated that isn't known to be harmless.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let item = match line.strip_prefix("  ") {
            None => Self::outer(line)?,
            Some(inner) => Self::inner(inner)?,
        };
        let spelled = item.to_string();
        if spelled == line { Ok(item) } else { Err(format!("write it so: {spelled}")) }
    }

    fn outer(line: &str) -> Result<Self, String> {
        let fields: Vec<&str> = line.split(' ').collect();
        let (origin, kind, vkey, rest) = match fields.as_slice() {
            ["origin", origin, kind, vkey, rest @ ..] => (*origin, *kind, *vkey, rest),
            ["auditor", cluster, vkey] => return Auditor::parse(cluster, vkey).map(Self::Auditor),
            [word, ..] if LATER.contains(word) => {
                return Err(format!(
                    "'{word}' is of a later version: nothing would hold to it here"
                ));
            }
            ["auditor", ..] => return Err("expected: auditor CLUSTER VKEY".to_owned()),
            _ => {
                let what =
                    "expected: origin CLUSTER/NODE/NAME static VKEY, or auditor CLUSTER VKEY";
                return Err(what.to_owned());
            }
        };
        let origin: Origin = origin.parse().map_err(|_| "the origin is none".to_owned())?;
        match kind {
            "static" => {}
            "identity" => {
                let what = "'identity' is of a later version: a key that signs no more than genesis \
                            and reanchors would be trusted for every seal here";
                return Err(what.to_owned());
            }
            _ => return Err("expected 'static' behind the origin".to_owned()),
        }
        let vkey: VerifierKey = vkey.parse().map_err(|why| format!("vkey: {why}"))?;
        if !origin.admits(&vkey) {
            return Err(format!("it is a key for {}, and the origin is {origin}", vkey.name()));
        }
        let mut key = TrustedKey { vkey, from: 0, until: None };
        for field in rest {
            match field.split_once('=') {
                Some(("from", seq)) => {
                    let seq = SealId::seq(seq).filter(|seq| *seq > 0);
                    key.from = seq.ok_or("from=SEQ wants a number above 0")?;
                }
                Some(("until", id)) => {
                    key.until = Some(id.parse().map_err(|()| "until=SEQ:HASH is none")?);
                }
                _ => return Err("expected from=SEQ or until=SEQ:HASH behind the vkey".to_owned()),
            }
        }
        Ok(Self::Key(origin, key))
    }

    fn inner(line: &str) -> Result<Self, String> {
        let fields: Vec<&str> = line.splitn(4, ' ').collect();
        let id = |text: &str| SealId::from_str(text).map_err(|()| "SEQ:HASH is none".to_owned());
        match fields.as_slice() {
            ["begin", "0"] => Ok(Self::Begin(None)),
            ["begin", seal] => match id(seal)? {
                SealId { seq: 0, .. } => Err("write it so:   begin 0".to_owned()),
                seal => Ok(Self::Begin(Some(seal))),
            },
            ["retention", days, mode] => retention(days, mode).map(Self::Retention),
            ["silent-after", time] => Ok(Self::Silence(Silence::After(seconds(time)?))),
            ["ended", seal] => Ok(Self::Silence(Silence::Ended(id(seal)?))),
            ["accept", verdict, seal, reason] => {
                let known = Acceptable::ALL.into_iter().find(|known| known.as_str() == *verdict);
                let words = Acceptable::ALL.map(Acceptable::as_str).join(", ");
                let verdict = known.ok_or(format!("can be accepted: {words}"))?;
                Ok(Self::Accept(Acceptance { verdict, seal: id(seal)?, reason: said(reason)? }))
            }
            _ => Err("expected begin, retention, silent-after, ended or accept, and what belongs \
                      behind it"
                .to_owned()),
        }
    }
}

fn retention(days: &str, mode: &str) -> Result<RetentionRule, String> {
    let most = RetentionRule::MOST_DAYS;
    let days = days.strip_suffix('d').and_then(|days| days.parse().ok());
    let days = days.filter(|days| (1..=most).contains(days));
    let days = days.ok_or(format!("retention wants 1d to {most}d"))?;
    match mode {
        "compliance" => Ok(RetentionRule { days, compliance: true }),
        "governance" => Ok(RetentionRule { days, compliance: false }),
        _ => Err("retention wants 'compliance' or 'governance' behind it".to_owned()),
    }
}

/// Units of time, the largest first: a time is written in the largest that gives a whole number.
const UNITS: [(char, u32); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

fn seconds(text: &str) -> Result<u32, String> {
    let read = || {
        let (_, factor) = UNITS.into_iter().find(|(unit, _)| text.ends_with(*unit))?;
        let count: u32 = text[..text.len() - 1].parse().ok()?;
        count.checked_mul(factor).filter(|all| (1..=Silence::MOST_SECONDS).contains(all))
    };
    read().ok_or("silent-after wants a time up to 366d, as 90s, 10m, 6h or 2d".to_owned())
}

fn said(reason: &str) -> Result<String, String> {
    let inner = reason.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let plain = |b: u8| (b' '..=b'~').contains(&b) && b != b'"' && b != b'\\';
    let fits = |text: &&str| {
        (1..=Acceptance::MOST_REASON).contains(&text.len()) && text.bytes().all(plain)
    };
    inner.filter(fits).map(str::to_owned).ok_or_else(|| {
        let most = Acceptance::MOST_REASON;
        format!(
            "why it is accepted stands in \"…\": 1 to {most} ASCII characters without \" and \\"
        )
    })
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(origin, key) => {
                write!(f, "origin {origin} static {}", key.vkey)?;
                if key.from > 0 {
                    write!(f, " from={}", key.from)?;
                }
                key.until.map_or(Ok(()), |until| write!(f, " until={until}"))
            }
            Self::Begin(None) => f.write_str("  begin 0"),
            Self::Begin(Some(seal)) => write!(f, "  begin {seal}"),
            Self::Retention(rule) => {
                let mode = if rule.compliance { "compliance" } else { "governance" };
                write!(f, "  retention {}d {mode}", rule.days)
            }
            Self::Silence(Silence::Ended(seal)) => write!(f, "  ended {seal}"),
            Self::Silence(Silence::After(seconds)) => {
                let whole = UNITS.into_iter().find(|(_, factor)| seconds % factor == 0);
                let (unit, factor) = whole.unwrap_or(('s', 1));
                write!(f, "  silent-after {}{unit}", seconds / factor)
            }
            Self::Auditor(Auditor { cluster, vkey }) => write!(f, "auditor {cluster} {vkey}"),
            Self::Accept(Acceptance { verdict, seal, reason }) => {
                write!(f, "  accept {} {seal} \"{reason}\"", verdict.as_str())
            }
        }
    }
}
