//! What a change means, with how well that is known.

use serde_json::Value;

use super::effect::{After, is_like};
use super::entry::{FieldChange, InWords};
use super::mark::{Doubt, Inference, Mark};
use super::noted::{dressed, noted};
use super::state::KnownObject;
use super::weigh::Case;
use crate::act::Act;
use crate::words::words;

/// In words, what a request changed.
pub(crate) fn change(
    case: &Case<'_>,
    fields: &[FieldChange],
    doubt: Option<&Doubt>,
) -> Option<InWords> {
    let after = match case.after {
        After::Shown(state) => Some(&*state.object),
        After::Computed(computed) => Some(&computed.object),
        After::Unknown(_) => None,
    };
    let before = match case.base {
        _ if case.created => Some(None),
        KnownObject::There(state) if after.is_some_and(|after| is_like(&state.object, after)) => {
            Some(Some(&*state.object))
        }
        _ => None,
    };
    match (before, after, case.noted) {
        (Some(before), Some(after), _) => {
            let sentences = words(before, Some(after))?;
            Some(InWords { sentences, mark: worst(fields, doubt) })
        }
        (_, _, Ok(noted)) => {
            let dress = |part: &Option<Value>| part.as_ref().map(|part| dressed(part, case.act));
            let (before, after) = (dress(&noted.before), dress(&noted.after));
            let sentences = words(before.as_ref(), after.as_ref())?;
            Some(InWords { sentences, mark: Inference::Admitted.into() })
        }
        _ => None,
    }
}

/// In words, what went with an object.
pub(crate) fn end(act: &Act, known: &KnownObject) -> Option<InWords> {
    if let Some(state) = known.state() {
        let sentences = words(Some(&state.object), None)?;
        // What it was at its end is what it was when it was last seen, as far as is proved.
        let mark = match state.doubtful.first() {
            Some((_, doubt)) => doubt.clone().into(),
            None => Inference::BaseUnproved.into(),
        };
        return Some(InWords { sentences, mark });
    }
    noted_end(act)
}

/// The same, as an admission policy noted it.
pub(crate) fn noted_end(act: &Act) -> Option<InWords> {
    let before = noted(act).ok()?.before?;
    let sentences = words(Some(&dressed(&before, act)), None)?;
    Some(InWords { sentences, mark: Inference::Admitted.into() })
}

fn worst(fields: &[FieldChange], doubt: Option<&Doubt>) -> Mark {
    let unknown = fields.iter().find(|field| matches!(field.mark, Mark::Unknown(_)));
    let inferred = fields.iter().find(|field| matches!(field.mark, Mark::Inferred(_)));
    match (doubt, unknown.or(inferred)) {
        (Some(doubt), _) => doubt.clone().into(),
        (None, Some(field)) => field.mark.clone(),
        (None, None) => Mark::Exact,
    }
}
