//! What is told of one request.

use std::fmt;

use auditseal_audit::Time;
use serde_json::Value;

use super::denial::Denial;
use super::mark::{Doubt, Mark};
use super::why::Reason;
use crate::act::{Cite, FieldManager, Person};
use crate::patch::{AskedField, PatchKind};
use crate::path::ObjectPath;
use crate::words::Unclear;

/// What a request did to the object.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// It made it.
    Created {
        /// There was one of that name before.
        again: bool,
    },
    /// It changed it.
    Changed,
    /// It wrote it, and changed nothing but noise: its status, versions, who manages which field.
    Quiet,
    /// It changed how many there should be, and nothing else.
    Scaled {
        /// From so many; none: that isn't known.
        from: Option<u64>,
        /// To so many.
        to: u64,
    },
    /// It was taken, and the stored object stayed as it was.
    Nothing {
        /// It is proved; else it may be this one that wrote what the request before it was answered.
        certain: bool,
    },
    /// It was refused.
    Refused(Denial),
    /// It failed, or never ended: whether it was stored isn't known.
    Undecided(Option<u16>),
    /// It took it away.
    Deleted {
        /// Its answer says so; else it is a delete that may have been a rehearsal, or is finished by others.
        certain: bool,
    },
    /// It asked for its end, which finalizers or a grace period put off.
    DeletionBegun,
    /// It deleted a collection that the object was in.
    DeletedWithCollection {
        /// The answer lists it; else it isn't known which objects went.
        certain: bool,
    },
    /// It read it, and found what isn't in the trail.
    Noticed {
        /// Another object of that name; else the same one, changed.
        other: bool,
        /// A request failed or has no answer that may have made it so.
        failed: bool,
    },
}

/// What lies between a change and the object as it was last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// Nothing: the request was taken only because the object was just so, or there was none.
    Nothing,
    /// At least so many writes that the trail doesn't show.
    Unseen(u64),
    /// There was none any more, and how the one before it ended isn't in the trail.
    NoEnd,
    /// Nothing proves that there is none.
    Unproved,
}

/// A field that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    /// Which.
    pub path: ObjectPath,
    /// What it was.
    pub before: Side,
    /// What it is.
    pub after: Side,
    /// How well that is known.
    pub mark: Mark,
    /// The same elements in another order; before and after are their keys.
    pub order: bool,
}

/// A field's value at one time.
#[derive(Debug, Clone, PartialEq)]
pub enum Side {
    /// This.
    Value(Value),
    /// It isn't there.
    Absent,
    /// It isn't known.
    Unknown,
}

impl From<Option<Value>> for Side {
    fn from(value: Option<Value>) -> Self {
        value.map_or(Self::Absent, Self::Value)
    }
}

/// A webhook that changed what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// Its configuration.
    pub configuration: String,
    /// Its name there.
    pub webhook: String,
    /// What it changed, where the level holds that.
    pub paths: Vec<String>,
}

/// What a change means, in words.
#[derive(Debug, Clone, PartialEq)]
pub struct InWords {
    /// The sentences; none: both mean the same.
    pub sentences: Result<Vec<String>, Unclear>,
    /// How well that is known: as well as the worst known of the fields.
    pub mark: Mark,
}

/// One request in the life of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct LifeEntry {
    /// Where the line is sealed.
    pub cite: Cite,
    /// The request's id.
    pub audit_id: String,
    /// When it was done, by the apiserver's clock.
    pub when: Option<Time>,
    /// Who was authenticated.
    pub user: Person,
    /// Who they acted as.
    pub acting_as: Option<Person>,
    /// From where; the last is what the apiserver saw.
    pub sources: Vec<String>,
    /// By which tool, as it calls itself.
    pub agent: String,
    /// In the name of which field manager.
    pub manager: Option<FieldManager>,
    /// The verb.
    pub verb: String,
    /// Which subresource; empty: the object itself.
    pub subresource: String,
    /// Which object of that name; none: that isn't known.
    pub uid: Option<String>,
    /// What it did.
    pub deed: Deed,
    /// Which kinds the patch may have been, the likeliest first.
    pub patch: Vec<PatchKind>,
    /// What lies between it and the object as it was seen before.
    pub between: Between,
    /// The fields that it changed, without noise.
    pub fields: Vec<FieldChange>,
    /// The fields that are noise: versions, status, copies of what was applied.
    pub quiet: Vec<FieldChange>,
    /// How many more there are than are listed.
    pub more: usize,
    /// What it means; none: there are no words for its kind, or the object isn't known before and after.
    pub words: Option<InWords>,
    /// What it asked for, where that is all that is known.
    pub asked: Vec<AskedField>,
    /// Why the fields can't be told, or not all of them.
    pub doubt: Option<Doubt>,
    /// What it says it is for; empty: none given.
    pub why: Vec<Reason>,
    /// Why it isn't known whether more was said of that; none: these are all.
    pub why_doubt: Option<Doubt>,
    /// Webhooks that changed it on its way.
    pub mutations: Vec<Mutation>,
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created { again: false } => "created",
            Self::Created { again: true } => "created again",
            Self::Changed => "changed",
            Self::Quiet => "changed nothing but its status, its version or its fields' managers",
            Self::Scaled { from: Some(from), to } => {
                return write!(f, "scaled from {from} to {to}");
            }
            Self::Scaled { from: None, to } => return write!(f, "scaled to {to}"),
            Self::Nothing { certain: true } => "changed nothing",
            Self::Nothing { certain: false } => {
                "changed nothing, or made what the request before it was answered"
            }
            Self::Refused(denial) => return write!(f, "refused, {}: {}", denial.code, denial.by),
            Self::Undecided(Some(code)) => {
                return write!(f, "failed with {code}: it may have been done all the same");
            }
            Self::Undecided(None) => "has no answer: it may have been done all the same",
            Self::Deleted { certain: true } => "deleted",
            Self::Deleted { certain: false } => "deleted, unless it was a dry run",
            Self::DeletionBegun => "deletion begun",
            Self::DeletedWithCollection { certain: true } => "deleted with a collection",
            Self::DeletedWithCollection { certain: false } => "perhaps deleted with a collection",
            Self::Noticed { other: false, failed: false } => {
                "found changed by what isn't in the trail"
            }
            Self::Noticed { other: false, failed: true } => {
                "found changed by a request that failed, or by what isn't in the trail"
            }
            Self::Noticed { other: true, failed: false } => {
                "found: another object of that name, created by what isn't in the trail"
            }
            Self::Noticed { other: true, failed: true } => {
                "found: another object of that name, created by a request that failed, or by what isn't in the trail"
            }
        })
    }
}

impl fmt::Display for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing lies between"),
            Self::Unseen(1) => f.write_str("at least 1 change unseen"),
            Self::Unseen(least) => write!(f, "at least {least} changes unseen"),
            Self::NoEnd => f.write_str("the end of the one before it isn't in the trail so far"),
            Self::Unproved => f.write_str("that nothing lies between isn't proved"),
        }
    }
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = if self.order { " (order)" } else { "" };
        write!(f, "{}{order}: {} → {} ({})", self.path, self.before, self.after, self.mark)
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(f),
            Self::Absent => f.write_str("nothing"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}
