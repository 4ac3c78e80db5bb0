//! A live object, held against what the trail knows of it.

use serde_json::Value;

use super::effect::is_like;
use super::entry::{FieldChange, Side};
use super::mark::{Doubt, Mark};
use super::state::{KnownObject, ObjectState, Shown, is_before, without_owners};
use crate::diff::{diff, noise};
use crate::value::text;

/// What a comparison says in one word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompareVerdict {
    /// The trail's last answer has just its version.
    Same,
    /// It was written since, and the trail holds no such request.
    Unseen {
        /// At least so many changes of its spec; 0: that isn't known.
        least: u64,
    },
    /// The trail is ahead: the object was read before the last request.
    Older,
    /// Requests that the trail holds, whose answers it doesn't, may be all that lies between.
    Unproved,
    /// It is another object of that name.
    OtherObject,
    /// The trail knows of none, and why.
    Unknown(Doubt),
    /// The trail says that it was deleted.
    Deleted,
    /// It has the version that the trail knows, and differs: what wrote it didn't go through the apiserver, or one of
    /// both isn't what it says.
    Contradiction,
}

/// What differs between the trail and a live object.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// In one word.
    pub verdict: CompareVerdict,
    /// Field by field, from what the trail knows to what is live; without noise.
    pub fields: Vec<FieldChange>,
    /// How many more.
    pub more: usize,
}

/// Compares what is known at the end of a life with an object as it is now.
#[must_use]
pub fn compare(known: &KnownObject, live: &Value) -> Comparison {
    let (live, _) = without_owners(live.clone());
    let state = match known {
        KnownObject::There(state) => state,
        KnownObject::Absent => return bare(CompareVerdict::Deleted),
        KnownObject::Nothing(doubt) => return bare(CompareVerdict::Unknown(doubt.clone())),
    };
    if !is_like(&state.object, &live) {
        let version = |object| text(object, &["apiVersion"]).unwrap_or_default().to_owned();
        let doubt = Doubt::OtherVersion(version(&state.object), version(&live));
        return bare(CompareVerdict::Unknown(doubt));
    }
    let found = diff(Some(&state.object), Some(&live));
    let mut more = found.more;
    let mut fields = Vec::new();
    for field in found.fields {
        if noise(&field.path).is_some() {
            continue;
        }
        let mark = match state.mark(&field.path) {
            Mark::Exact => Mark::Unknown(Doubt::Unseen),
            mark => mark,
        };
        let before = match &mark {
            Mark::Unknown(doubt) if *doubt != Doubt::Unseen => Side::Unknown,
            _ => field.before.into(),
        };
        let after = field.after.into();
        fields.push(FieldChange { path: field.path, before, after, mark, order: field.order });
    }
    let verdict = verdict(state, &live, fields.is_empty() && more == 0);
    if verdict == CompareVerdict::Same {
        (fields, more) = (Vec::new(), 0);
    }
    Comparison { verdict, fields, more }
}

fn bare(verdict: CompareVerdict) -> Comparison {
    Comparison { verdict, fields: Vec::new(), more: 0 }
}

fn verdict(state: &ObjectState, live: &Value, same: bool) -> CompareVerdict {
    let (Some(shown), Some(now)) = (&state.shown, Shown::of(live)) else {
        return CompareVerdict::Unproved;
    };
    if shown.uid != now.uid {
        return CompareVerdict::OtherObject;
    }
    if shown.version == now.version {
        return match (state.inferred, same) {
            (None, true) => CompareVerdict::Same,
            (None, false) => CompareVerdict::Contradiction,
            // Requests were taken since, and changed nothing.
            (Some(_), _) => CompareVerdict::Unproved,
        };
    }
    if is_before(&now.version, &shown.version) == Some(true) {
        return CompareVerdict::Older;
    }
    let generations = now
        .generation
        .zip(shown.generation)
        .map_or(0, |(now, then)| now.saturating_sub(then).saturating_sub(state.blind));
    if state.blind > 0 && generations == 0 {
        return CompareVerdict::Unproved;
    }
    CompareVerdict::Unseen { least: generations }
}
