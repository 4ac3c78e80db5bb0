//! How well something is known, and why not better.

use std::fmt;

use crate::patch::{PatchFault, PatchKind};
use crate::value::BadBody;

/// How well a change of a field is known.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// The log holds the object before and after, and proves that this request made the one of the other.
    Exact,
    /// It follows from what the log holds, and this is missing for a proof.
    Inferred(Inference),
    /// It can't be told.
    Unknown(Doubt),
}

/// What is missing for a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Inference {
    /// The request names the field, and it differs from when the object was last seen; whether another change lies
    /// between isn't proved.
    BaseUnproved,
    /// What was sent, put on the object as it was last known: the answer isn't in the log.
    FromRequest,
    /// An admission policy noted it when it let the request pass.
    Admitted,
    /// A delete that begins changes these by itself.
    Deleting,
}

/// Why something can't be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// No earlier state of the object is in the trail.
    NeverSeen,
    /// The audit policy's level leaves bodies out.
    Level,
    /// The apiserver cut the event.
    Truncated,
    /// The level has room for a body, and the event has none, or one that is no object of this kind.
    NoBody,
    /// A body says nothing.
    Unreadable(BadBody),
    /// The patch can't be applied to what is known.
    Patch(PatchFault),
    /// It differs from when the object was last seen, and this request doesn't name it: another change, or admission.
    NotNamed,
    /// Another change lies between, and this may be its work.
    Between,
    /// Kinds of patches would differ here.
    Ambiguous(Vec<PatchKind>),
    /// It wasn't sent: it is gone, or was set again by a default.
    Defaulted,
    /// The manager applied it before, perhaps, and then it is gone.
    Owners,
    /// Both objects are there in different versions of the API.
    OtherVersion(String, String),
    /// The line came after one that tells of a later state.
    Late,
    /// The store's versions went backwards: it was restored.
    Rewound,
    /// Another object has had the name since; when it came isn't in the trail.
    OtherObject,
    /// The request's address names one object, and a body of it another.
    OtherPlace {
        /// By the address.
        address: String,
        /// By the body.
        body: String,
    },
    /// A subresource was written that changes the object in a way that isn't logged.
    Subresource(String),
    /// It is being deleted, or gone.
    Deleting,
    /// The object was written, and nothing in the trail says by whom.
    Unseen,
    /// An annotation was cut by its policy or by the apiserver.
    Cut,
}

impl From<Inference> for Mark {
    fn from(inference: Inference) -> Self {
        Self::Inferred(inference)
    }
}

impl From<Doubt> for Mark {
    fn from(doubt: Doubt) -> Self {
        Self::Unknown(doubt)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => f.write_str("exact"),
            Self::Inferred(inference) => write!(f, "inferred: {inference}"),
            Self::Unknown(doubt) => write!(f, "unknown: {doubt}"),
        }
    }
}

impl fmt::Display for Inference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BaseUnproved => "nothing proves that no other change lies between",
            Self::FromRequest => "computed from what was sent; the answer isn't logged",
            Self::Admitted => "as an admission policy noted it",
            Self::Deleting => "a delete that begins sets it",
        })
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::NeverSeen => "no earlier state of the object is in the trail",
            Self::Level => "the audit policy's level leaves the content out",
            Self::Truncated => "the apiserver cut the event's bodies",
            Self::NoBody => "the event holds no body that is the object",
            Self::Unreadable(fault) => return fault.fmt(f),
            Self::Patch(fault) => return fault.fmt(f),
            Self::NotNamed => {
                "it differs from when it was last seen, and this request doesn't name it"
            }
            Self::Between => "another change lies between, and this may be its work",
            Self::Ambiguous(kinds) => {
                let kinds: Vec<_> = kinds.iter().map(PatchKind::to_string).collect();
                return write!(f, "it depends on whether it was a {}", kinds.join(" or a "));
            }
            Self::Defaulted => "it wasn't sent: gone, or set again by a default",
            Self::Owners => "gone, if this manager had applied it before",
            Self::OtherVersion(before, after) => {
                return write!(f, "it was logged as {before} before, and now as {after}");
            }
            Self::Late => "the line came after one that tells of a later state",
            Self::Rewound => "the store's versions went backwards: it was restored",
            Self::OtherObject => {
                "another object has the name since, and how that came isn't in the trail"
            }
            Self::OtherPlace { address, body } => {
                return write!(
                    f,
                    "the request's address names {address}, and its body {body}: which of them it was isn't known"
                );
            }
            Self::Subresource(name) => {
                return write!(f, "{name} was written, which isn't logged in full");
            }
            Self::Deleting => "it is being deleted, or gone",
            Self::Unseen => "nothing in the trail says who wrote it",
            Self::Cut => "the annotation that holds it was cut",
        };
        f.write_str(text)
    }
}
