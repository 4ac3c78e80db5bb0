//! What an object is after a request that was taken.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::entry::Mutation;
use super::mark::{Doubt, Inference};
use super::place::{names_another, placed};
use super::state::{KnownObject, ObjectState, without_owners};
use crate::act::{Act, Body};
use crate::diff::diff;
use crate::patch::{PatchKind, apply_patch, asked};
use crate::path::{ObjectPath, PathStep};
use crate::value::{at, parse, text};

/// Fields of one state that aren't known; with more, none of its fields is.
pub const MAX_DOUBTFUL: usize = 4096;

/// The object after a request.
pub(crate) enum After {
    /// The answer shows it.
    Shown(Arc<ObjectState>),
    /// It is computed from what was sent.
    Computed(Computed),
    /// It can't be told.
    Unknown(Doubt),
}

/// An object that was computed.
pub(crate) struct Computed {
    pub(crate) object: Value,
    pub(crate) doubtful: Vec<(ObjectPath, Doubt)>,
}

/// Why a body isn't there; none: it is.
pub(crate) fn doubt_of(body: &Body) -> Option<Doubt> {
    Some(match body {
        Body::Held(_) => return None,
        Body::Level => Doubt::Level,
        Body::Truncated => Doubt::Truncated,
        Body::Unreadable(fault) => Doubt::Unreadable(fault.clone()),
        Body::Absent => Doubt::NoBody,
    })
}

/// What a request made of the object.
pub(crate) fn after(act: &Act, base: &KnownObject, kinds: &[PatchKind]) -> After {
    if let Some(object) = act.stored() {
        return After::Shown(Arc::new(ObjectState::shown(object, act)));
    }
    if let Some(doubt) = names_another(act) {
        return After::Unknown(doubt);
    }
    let answer = doubt_of(&act.response).unwrap_or(Doubt::NoBody);
    let Some(body) = act.request.held() else {
        let sent = doubt_of(&act.request).filter(|doubt| *doubt != Doubt::Level);
        return After::Unknown(sent.unwrap_or(answer));
    };
    let computed = match (&*act.verb, base) {
        ("create", _) => Ok(Computed { object: placed(body.clone(), act), doubtful: Vec::new() }),
        ("update", KnownObject::There(state)) if is_like(&state.object, body) => {
            Ok(replaced(state, body, act))
        }
        ("update", KnownObject::There(_)) => Err(answer),
        ("update", _) => Ok(Computed { object: placed(body.clone(), act), doubtful: Vec::new() }),
        ("patch", KnownObject::There(state)) => patched(state, body, act, kinds),
        ("patch", KnownObject::Absent) if kinds == [PatchKind::Apply] => {
            Ok(Computed { object: placed(body.clone(), act), doubtful: Vec::new() })
        }
        (_, KnownObject::Nothing(doubt)) => Err(doubt.clone()),
        _ => Err(Doubt::NeverSeen),
    };
    match computed {
        Ok(mut computed) => {
            (computed.object, _) = without_owners(computed.object);
            webhooks(act, &mut computed);
            computed.doubtful = bounded(computed.doubtful);
            After::Computed(computed)
        }
        Err(doubt) => After::Unknown(doubt),
    }
}

/// A list of doubts that stays short: beyond the bound all is in doubt.
pub(crate) fn bounded(mut doubtful: Vec<(ObjectPath, Doubt)>) -> Vec<(ObjectPath, Doubt)> {
    if doubtful.len() > MAX_DOUBTFUL {
        let (_, doubt) = doubtful.swap_remove(0);
        return vec![(ObjectPath::default(), doubt)];
    }
    doubtful
}

/// Whether two objects are of one kind in one version of the API.
pub(crate) fn is_like(one: &Value, other: &Value) -> bool {
    ["apiVersion", "kind"].iter().all(|name| text(one, &[name]) == text(other, &[name]))
}

/// A PUT of the whole object, before defaults.
fn replaced(state: &ObjectState, body: &Value, act: &Act) -> Computed {
    let (mut object, _) = without_owners(body.clone());
    let beside = beside(&object, state, act);
    keep(&mut object, &state.object, act);
    // What was sent is in doubt no more.
    let mut doubtful = state.doubtful.clone();
    doubtful.retain(|(path, _)| path.find(&object).is_none() || !act.target.subresource.is_empty());
    doubtful.extend(beside);
    // What wasn't sent is gone, or a default sets it again; but of a list that was sent, defaults add no elements.
    let unsent = diff(Some(&state.object), Some(&object));
    let gone = unsent.fields.into_iter().filter(|field| {
        field.after.is_none() && matches!(field.path.0.last(), Some(PathStep::Key(_)))
    });
    doubtful.extend(gone.map(|field| (field.path, Doubt::Defaulted)));
    if unsent.more > 0 {
        doubtful.push((ObjectPath::default(), Doubt::Defaulted));
    }
    Computed { object, doubtful }
}

fn patched(
    state: &ObjectState,
    body: &Value,
    act: &Act,
    kinds: &[PatchKind],
) -> Result<Computed, Doubt> {
    let mut base = Value::clone(&state.object);
    let fresh = state.owners.as_ref().filter(|_| state.is_shown());
    if let (Some(owners), Some(metadata)) = (fresh, metadata(&mut base)) {
        metadata.insert("managedFields".to_owned(), owners.clone());
    }
    let manager = act.manager.as_ref().map(|manager| manager.name.as_str());
    let made = apply_patch(&base, body, kinds, manager).map_err(Doubt::Patch)?;
    let (mut object, _) = without_owners(made.object);
    let beside = beside(&object, state, act);
    keep(&mut object, &state.object, act);
    // What the patch sets is in doubt no more.
    let kind = text(&object, &["kind"]).unwrap_or_default();
    let named = kinds.first().map(|first| asked(body, *first, (&act.target.api_group, kind)).0);
    let sets = |path: &ObjectPath| {
        named.iter().flatten().any(|asked| asked.value.is_some() && asked.path.covers(path))
    };
    let mut doubtful = state.doubtful.clone();
    doubtful.retain(|(path, _)| !sets(path));
    doubtful.extend(beside);
    let ambiguous = made.ambiguous.into_iter();
    doubtful.extend(ambiguous.map(|path| (path, Doubt::Ambiguous(kinds.to_vec()))));
    if made.owners_unknown && kinds.contains(&PatchKind::Apply) {
        doubtful.push((ObjectPath::of(&["metadata", "labels"]), Doubt::Owners));
        doubtful.push((ObjectPath::of(&["metadata", "annotations"]), Doubt::Owners));
        doubtful.push((ObjectPath::of(&["spec"]), Doubt::Owners));
    }
    Ok(Computed { object, doubtful })
}

/// What people write into an object's metadata. Whether a subresource stores it too, its kind decides: the status of pods
/// and namespaces does.
const METADATA: [&str; 4] = ["labels", "annotations", "finalizers", "ownerReferences"];

/// What a write of a subresource would change of the metadata, if it may.
fn beside(object: &Value, state: &ObjectState, act: &Act) -> Vec<(ObjectPath, Doubt)> {
    let of = |object: &Value, name: &str| at(object, &["metadata", name]).cloned();
    let differs = |name: &&&str| of(object, name) != of(&state.object, name);
    let sub = act.target.subresource.as_str();
    let doubt =
        |name: &&str| (ObjectPath::of(&["metadata", name]), Doubt::Subresource(sub.to_owned()));
    METADATA.iter().filter(|_| !sub.is_empty()).filter(differs).map(doubt).collect()
}

fn metadata(object: &mut Value) -> Option<&mut Map<String, Value>> {
    object.get_mut("metadata")?.as_object_mut()
}

/// Puts back what a request can't change: what the apiserver sets, and the half of the object that is for the other
/// address.
fn keep(object: &mut Value, old: &Value, act: &Act) {
    let restore = |object: &mut Map<String, Value>, old: &Value, name: &str| match old.get(name) {
        Some(value) => drop(object.insert(name.to_owned(), value.clone())),
        None => drop(object.remove(name)),
    };
    match &*act.target.subresource {
        "status" => {
            let status = object.get("status").cloned();
            *object = old.clone();
            if let (Some(object), Some(status)) = (object.as_object_mut(), status) {
                object.insert("status".to_owned(), status);
            }
        }
        _ => {
            if let Some(object) = object.as_object_mut() {
                restore(object, old, "status");
            }
        }
    }
    let old = old.get("metadata").unwrap_or(&Value::Null);
    if let Some(metadata) = metadata(object) {
        for name in
            ["uid", "name", "namespace", "creationTimestamp", "resourceVersion", "generation"]
        {
            restore(metadata, old, name);
        }
    }
}

/// Patches of webhooks that the event holds, put on what was computed. One that doesn't fit leaves its fields in doubt.
fn webhooks(act: &Act, computed: &mut Computed) {
    for (_, text) in act.noted(PATCH) {
        let Ok(note) = parse(text) else { continue };
        let Some(patch) = note.get("patch") else { continue };
        match apply_patch(&computed.object, patch, &[PatchKind::Json], None) {
            Ok(made) => computed.object = made.object,
            Err(fault) => {
                computed.doubtful.push((ObjectPath::default(), Doubt::Patch(fault)));
            }
        }
    }
}

/// Level Request and above.
const PATCH: &str = "patch.webhook.admission.k8s.io/";
/// Level Metadata and above.
const MUTATION: &str = "mutation.webhook.admission.k8s.io/";

/// Webhooks that changed a request.
pub(crate) fn mutations(act: &Act) -> Vec<Mutation> {
    let read = |(round, note): (&str, &str)| {
        let note = parse(note).ok()?;
        note.get("mutated")?.as_bool().filter(|mutated| *mutated)?;
        let name = |of| text(&note, &[of]).unwrap_or_default().to_owned();
        let patch =
            act.annotations.get(&format!("{PATCH}{round}")).and_then(|text| parse(text).ok());
        let operations = patch.as_ref().and_then(|note| note.get("patch")?.as_array());
        let path = |operation: &Value| text(operation, &["path"]).map(str::to_owned);
        let paths = operations.into_iter().flatten().filter_map(path).collect();
        Some(Mutation { configuration: name("configuration"), webhook: name("webhook"), paths })
    };
    act.noted(MUTATION).filter_map(read).collect()
}

/// Whether webhooks leave it certain that the submitted version was the stored one's: one could have taken it out.
pub(crate) fn keeps_version(act: &Act) -> bool {
    act.noted(MUTATION).all(|(round, note)| {
        let mutated = parse(note).ok().and_then(|note| note.get("mutated")?.as_bool());
        if mutated == Some(false) {
            return true;
        }
        let patch =
            act.annotations.get(&format!("{PATCH}{round}")).and_then(|text| parse(text).ok());
        let Some(Value::Array(operations)) = patch.as_ref().and_then(|note| note.get("patch"))
        else {
            return false;
        };
        let touches = |path: &str| {
            ["", "/metadata"].contains(&path) || path.starts_with("/metadata/resourceVersion")
        };
        operations.iter().all(|operation| {
            ["path", "from"].iter().all(|name| text(operation, &[name]).is_none_or(|p| !touches(p)))
        })
    })
}

/// The state that a request leaves behind.
pub(crate) fn next(act: &Act, base: &KnownObject, after: &After) -> KnownObject {
    match after {
        After::Shown(state) => KnownObject::There(Arc::clone(state)),
        After::Computed(computed) => {
            let state = base.state();
            KnownObject::There(Arc::new(ObjectState {
                object: Arc::new(computed.object.clone()),
                owners: None,
                inferred: Some(Inference::FromRequest),
                doubtful: computed.doubtful.clone(),
                since: act.done,
                cite: act.cite,
                by: None,
                written: false,
                blind: state.map_or(0, |state| state.blind) + 1,
                unsure: state.map_or(0, |state| state.unsure),
                shown: state.and_then(|state| state.shown.clone()),
            }))
        }
        After::Unknown(doubt) => match base {
            KnownObject::There(state) => {
                // What writes the status may write of the rest nothing but metadata.
                if act.target.subresource != "status" {
                    let path = ObjectPath::default();
                    return KnownObject::There(Arc::new(state.blinded(path, doubt.clone(), act)));
                }
                let mut state = state.blinded(ObjectPath::of(&["status"]), doubt.clone(), act);
                let metadata = METADATA.iter().map(|name| ObjectPath::of(&["metadata", name]));
                state.doubtful.extend(metadata.map(|path| (path, doubt.clone())));
                state.doubtful = bounded(state.doubtful);
                KnownObject::There(Arc::new(state))
            }
            _ => KnownObject::Nothing(doubt.clone()),
        },
    }
}
