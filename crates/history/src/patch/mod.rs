//! What a patch makes of an object.
//!
//! The audit log holds a patch's body and not its media type, so the kind is inferred, and where two kinds would differ,
//! that is said. The apiserver decodes what comes of it into its own types, sets defaults and asks webhooks: what is
//! computed here is *inferred* at most.

mod apply;
mod asked;
mod fault;
mod json;
mod kind;
mod merge;
mod strategic;

use std::fmt;

use serde_json::Value;

pub(crate) use asked::may_be;
pub use asked::{AskedField, MAX_ASKED, asked};
pub use fault::{MAX_WORK, PatchFault};
pub use json::MAX_OPERATIONS;
pub use kind::{PatchKind, infer, submitted_version};

use crate::diff::diff;
use crate::path::ObjectPath;
use crate::schema::Schema;
use crate::value::MAX_VALUES;

use fault::Work;

/// What a patch came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Patched {
    /// The object, before defaults and webhooks.
    pub object: Value,
    /// Fields that differ by what kind the patch was; they are as the first kind has it.
    pub ambiguous: Vec<ObjectPath>,
    /// Fields that the manager applied before may be gone: nothing says which those were.
    pub owners_unknown: bool,
}

impl fmt::Display for PatchKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "JSON patch",
            Self::Merge => "merge patch",
            Self::Strategic => "strategic merge patch",
            Self::Apply => "server-side apply",
        })
    }
}

/// Applies a patch that may be of these kinds, the likeliest first, to a known object.
///
/// # Errors
/// [`PatchFault`] where none of the kinds gives an object.
pub fn apply_patch(
    base: &Value,
    patch: &Value,
    kinds: &[PatchKind],
    manager: Option<&str>,
) -> Result<Patched, PatchFault> {
    let schema = Schema::of(base);
    let mut work = Work::new();
    let mut found: Option<Patched> = None;
    let mut fault = PatchFault::Form("it is of no known kind");
    for kind in kinds {
        let made = match kind {
            PatchKind::Json => json::apply(base, patch, &mut work).map(|object| (object, false)),
            PatchKind::Merge => merge::apply(base, patch, &mut work).map(|object| (object, false)),
            PatchKind::Strategic => {
                strategic::apply(base, patch, schema, &mut work).map(|object| (object, false))
            }
            PatchKind::Apply => apply::apply(base, patch, manager, schema, &mut work)
                .map(|applied| (applied.object, applied.owners_unknown)),
        };
        let made = made.and_then(|(object, owners)| bounded(object).map(|object| (object, owners)));
        match (made, &mut found) {
            (Ok((object, owners_unknown)), None) => {
                found = Some(Patched { object, ambiguous: Vec::new(), owners_unknown });
            }
            (Ok((object, owners)), Some(first)) => {
                let differs = diff(Some(&first.object), Some(&object));
                first.ambiguous.extend(differs.fields.into_iter().map(|field| field.path));
                if differs.more > 0 {
                    first.ambiguous.push(ObjectPath::default());
                }
                first.owners_unknown |= owners;
            }
            (Err(PatchFault::Bound), _) => return Err(PatchFault::Bound),
            (Err(of), None) => fault = of,
            // The apiserver did take it, so it was of a kind that it fits.
            (Err(_), Some(_)) => {}
        }
    }
    found.ok_or(fault)
}

/// An object that many patches made must stay one that could be read.
fn bounded(object: Value) -> Result<Value, PatchFault> {
    let (mut count, mut next) = (0, vec![&object]);
    while let Some(value) = next.pop() {
        count += 1;
        match value {
            Value::Array(values) => next.extend(values),
            Value::Object(members) => next.extend(members.values()),
            _ => {}
        }
    }
    if count > MAX_VALUES {
        return Err(PatchFault::Bound);
    }
    if object.is_object() {
        Ok(object)
    } else {
        Err(PatchFault::Misfit("it comes to no object".to_owned()))
    }
}

#[cfg(test)]
mod tests;
