//! How an object ends.

use std::sync::Arc;

use serde_json::Value;

use super::Life;
use super::effect::After;
use super::entry::{Deed, LifeEntry};
use super::mark::Doubt;
use super::state::{KnownObject, ObjectState};
use super::told;
use crate::act::{Act, Body, DryRun};
use crate::value::{at, text};

/// Whether an object that is being deleted is gone once it is stored so: nothing puts it off any more.
pub(crate) fn is_over(act: &Act, object: &Value) -> bool {
    act.verb != "create" && is_ending(object) && !is_put_off(object)
}

/// Whether a write that isn't answered may have taken away what put the end of an object off.
pub(crate) fn may_be_over(act: &Act, base: &KnownObject, after: &After) -> bool {
    let ending = match (base, after) {
        (_, After::Shown(_)) => false,
        (KnownObject::Nothing(Doubt::Deleting), _) => true,
        (KnownObject::There(state), After::Computed(computed)) => {
            is_ending(&state.object) && !is_put_off(&computed.object)
        }
        (KnownObject::There(state), After::Unknown(_)) => is_ending(&state.object),
        _ => false,
    };
    ending && act.verb != "create"
}

fn is_ending(object: &Value) -> bool {
    text(object, &["metadata", "deletionTimestamp"]).is_some()
}

fn is_put_off(object: &Value) -> bool {
    let any = |path: &[&str]| {
        at(object, path).and_then(Value::as_array).is_some_and(|list| !list.is_empty())
    };
    let grace = at(object, &["metadata", "deletionGracePeriodSeconds"]).and_then(Value::as_u64);
    let namespace = text(object, &["kind"]) == Some("Namespace");
    any(&["metadata", "finalizers"])
        || grace.is_some_and(|seconds| seconds > 0)
        || (namespace && any(&["spec", "finalizers"]))
}

impl Life {
    pub(super) fn delete(&mut self, act: &Act) -> LifeEntry {
        // A rehearsal that can't be told from a delete is told as one that may have been.
        let meant = act.dry_run() == DryRun::No;
        let (deed, known) = match act.stored() {
            Some(object) if is_ending(object) && is_put_off(object) && meant => {
                let state = ObjectState::shown(object, act);
                (Deed::DeletionBegun, KnownObject::There(Arc::new(state)))
            }
            Some(object) if !is_ending(object) && !meant => {
                (Deed::Deleted { certain: false }, KnownObject::Nothing(Doubt::Deleting))
            }
            Some(_) => (Deed::Deleted { certain: meant }, gone(meant)),
            None if act.success => (Deed::Deleted { certain: meant }, gone(meant)),
            None if !meant => {
                (Deed::Deleted { certain: false }, KnownObject::Nothing(Doubt::Deleting))
            }
            // Without an answer that says more, it may be gone or only on its way.
            None => (Deed::DeletionBegun, KnownObject::Nothing(Doubt::Deleting)),
        };
        let mut entry = self.entry(act, deed);
        entry.words = match (&known, &entry.deed) {
            (KnownObject::Absent, _) => told::end(act, &self.known),
            // What it took, if it wasn't a dry run.
            (_, Deed::Deleted { .. }) => told::noted_end(act),
            _ => None,
        };
        if matches!(self.known, KnownObject::Absent | KnownObject::Nothing(Doubt::OtherObject)) {
            entry.doubt = Some(Doubt::OtherObject);
        }
        if known == KnownObject::Absent
            && let Some(uid) = &entry.uid
        {
            self.uids.end(uid);
        }
        self.known = known;
        self.lived = true;
        entry
    }

    /// An eviction deletes a pod, with its grace period.
    pub(super) fn evict(&mut self, act: &Act) -> LifeEntry {
        let deed = match act.dry_run() {
            DryRun::No => Deed::DeletionBegun,
            DryRun::Yes | DryRun::Unknown => Deed::Deleted { certain: false },
        };
        let mut entry = self.entry(act, deed);
        entry.doubt = Some(Doubt::Subresource("eviction".to_owned()));
        self.known = KnownObject::Nothing(Doubt::Deleting);
        entry
    }

    /// Whether a collection hasn't the object in it, whatever became of the request.
    pub(super) fn is_beside(&self, act: &Act) -> bool {
        match listed(act, &self.name.name) {
            Listed::No => true,
            Listed::Unknown => self.known == KnownObject::Absent,
            Listed::Yes(_) => false,
        }
    }

    pub(super) fn delete_with_collection(&mut self, act: &Act) -> LifeEntry {
        let meant = act.dry_run() == DryRun::No;
        let listed = listed(act, &self.name.name);
        let uid = match listed {
            Listed::Yes(item) => text(item, &["metadata", "uid"]),
            Listed::No | Listed::Unknown => None,
        };
        let absent = self.known == KnownObject::Absent;
        let (deed, known) = match listed {
            Listed::Yes(item) if meant && (is_put_off(item) || may_linger(act)) => {
                (Deed::DeletionBegun, KnownObject::Nothing(Doubt::Deleting))
            }
            Listed::Yes(_) => (Deed::DeletedWithCollection { certain: meant }, gone(meant)),
            Listed::No | Listed::Unknown => (
                Deed::DeletedWithCollection { certain: false },
                KnownObject::Nothing(Doubt::Deleting),
            ),
        };
        let mut entry = self.entry(act, deed);
        if let Some(uid) = uid {
            entry.uid = Some(uid.to_owned());
            if self.uids.is_past(uid) {
                entry.doubt = Some(Doubt::Late);
                return entry;
            }
            let same = self.uids.last() == Some(uid);
            let shown = self.known.state().is_some_and(|state| state.shown.is_some());
            if !same && (absent || shown) {
                entry.doubt = Some(Doubt::OtherObject);
                self.uids.end_last();
                self.known = KnownObject::Nothing(Doubt::OtherObject);
            }
        }
        if matches!(known, KnownObject::Absent) {
            entry.words = told::end(act, &self.known);
            uid.iter().for_each(|uid| self.uids.end(uid));
        }
        self.known = known;
        entry
    }

    /// A binding sets the pod's node, and answers with a status.
    pub(super) fn bind(&mut self, act: &Act) -> LifeEntry {
        let mut entry = self.entry(act, Deed::Changed);
        let doubt = Doubt::Subresource("binding".to_owned());
        entry.doubt = Some(doubt.clone());
        self.known = KnownObject::Nothing(doubt);
        entry
    }
}

/// Whether objects of a collection may outlive their deletion though they had no finalizer: the list shows them as they were
/// before it. Pods have a grace period, and who deletes dependents first, or leaves them, sets a finalizer.
fn may_linger(act: &Act) -> bool {
    let slow = ["pods", "namespaces"].contains(&&*act.target.resource);
    // These leave their dependents where nothing else is asked for.
    let keeps = ["jobs", "replicationcontrollers"].contains(&&*act.target.resource);
    let option = |name| act.deletion_option(name);
    slow || match (option("propagationPolicy"), option("orphanDependents")) {
        (Ok(Some(policy)), _) => policy != "Background",
        (Ok(None), Ok(orphan)) => keeps || orphan.is_some(),
        (Err(()), _) | (_, Err(())) => true,
    }
}

fn gone(meant: bool) -> KnownObject {
    if meant { KnownObject::Absent } else { KnownObject::Nothing(Doubt::Deleting) }
}

/// Whether a collection that was deleted had the object in it.
enum Listed<'a> {
    Yes(&'a Value),
    No,
    Unknown,
}

fn listed<'a>(act: &'a Act, name: &str) -> Listed<'a> {
    let items = match &act.response {
        Body::Held(list) => at(list, &["items"]).and_then(Value::as_array),
        _ => None,
    };
    let Some(items) = items else {
        return if act.asked("fieldSelector").is_some_and(|selector| selects_other(selector, name)) {
            Listed::No
        } else {
            Listed::Unknown
        };
    };
    match items.iter().find(|item| text(item, &["metadata", "name"]) == Some(name)) {
        Some(item) => Listed::Yes(item),
        None => Listed::No,
    }
}

/// The object of this name that a collection's deletion lists.
pub(crate) fn taken<'a>(act: &'a Act, name: &str) -> Option<&'a Value> {
    match listed(act, name) {
        Listed::Yes(item) if act.verb == "deletecollection" => Some(item),
        _ => None,
    }
}

/// Whether a selector asks for an object of another name. Backslashes escape what separates its parts.
fn selects_other(selector: &str, name: &str) -> bool {
    let other = |part: &str| {
        let wanted = part.strip_prefix("metadata.name==").or(part.strip_prefix("metadata.name="));
        wanted.is_some_and(|wanted| wanted != name)
    };
    !selector.contains('\\') && selector.split(',').any(other)
}
