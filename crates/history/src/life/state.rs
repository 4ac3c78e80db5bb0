//! What is known of an object at one place of its life.

use std::sync::Arc;

use auditseal_audit::Time;
use serde_json::Value;

use super::mark::{Doubt, Inference, Mark};
use crate::act::{Act, Cite};
use crate::path::ObjectPath;
use crate::value::text;

/// The object, as far as the trail has told it.
#[derive(Debug, Clone, PartialEq)]
pub enum KnownObject {
    /// Nothing that could be compared with.
    Nothing(Doubt),
    /// It isn't there.
    Absent,
    /// It is there.
    There(Arc<ObjectState>),
}

/// An object, and how it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectState {
    /// Without `managedFields`, which policies leave out of some events. Large, and shared by all states that have it.
    pub object: Arc<Value>,
    /// Its `managedFields`, of the last answer that had them.
    pub(crate) owners: Option<Value>,
    /// None: it is what an answer showed.
    pub inferred: Option<Inference>,
    /// Fields that aren't known so, each with the reason.
    pub doubtful: Vec<(ObjectPath, Doubt)>,
    /// When the request was done that showed it, or that it is inferred of, by the apiserver's clock.
    pub since: Option<Time>,
    /// Where the line of that request is sealed.
    pub cite: Cite,
    /// The request that showed it: its id, and when it was done.
    pub(crate) by: Option<(String, Option<Time>)>,
    /// The request that showed it is proved to have written it; else it may have changed nothing.
    pub(crate) written: bool,
    /// Writes since it was shown whose answers aren't in the trail.
    pub(crate) blind: u64,
    /// Those of them that failed or have no answer: they may have written nothing.
    pub(crate) unsure: u64,
    /// The version that the last answer showed, kept when the content is inferred since.
    pub(crate) shown: Option<Shown>,
}

/// What an answer showed of the object's versions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    pub(crate) uid: String,
    pub(crate) version: String,
    pub(crate) generation: Option<u64>,
}

impl Shown {
    pub(crate) fn of(object: &Value) -> Option<Self> {
        let of = |name| text(object, &["metadata", name]).filter(|text| !text.is_empty());
        let generation = object.pointer("/metadata/generation").and_then(Value::as_u64);
        Some(Self {
            uid: of("uid")?.to_owned(),
            version: of("resourceVersion")?.to_owned(),
            generation,
        })
    }
}

/// Takes the owners out of an object.
pub(crate) fn without_owners(mut object: Value) -> (Value, Option<Value>) {
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
    let owners = metadata.and_then(|metadata| metadata.remove("managedFields"));
    (object, owners)
}

impl ObjectState {
    /// As an answer showed it.
    pub(crate) fn shown(object: &Value, act: &Act) -> Self {
        let (object, owners) = without_owners(object.clone());
        let shown = Shown::of(&object);
        Self {
            object: Arc::new(object),
            owners,
            inferred: None,
            doubtful: Vec::new(),
            since: act.done,
            cite: act.cite,
            by: None,
            written: false,
            blind: 0,
            unsure: 0,
            shown,
        }
    }

    /// Whether a line tells again of the request that showed it.
    pub(crate) fn is_by(&self, audit_id: &str, done: Option<Time>) -> bool {
        self.by.as_ref().is_some_and(|(id, at)| id == audit_id && *at == done && done.is_some())
    }

    /// Whether it is what an answer showed.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.inferred.is_none()
    }

    /// After a write that failed, or has no answer.
    pub(crate) fn fail(&mut self) {
        self.blind += 1;
        self.unsure += 1;
    }

    /// As it is after a write of which the trail doesn't hold what it did to this field.
    pub(crate) fn blinded(&self, path: ObjectPath, doubt: Doubt, act: &Act) -> Self {
        let mut state = self.clone();
        state.inferred = state.inferred.or(Some(Inference::BaseUnproved));
        state.doubtful.retain(|(of, _)| !path.covers(of));
        state.doubtful.push((path, doubt));
        (state.since, state.cite) = (act.done, act.cite);
        state.blind += 1;
        state
    }

    /// The resourceVersion that an answer showed with it; none: it is inferred.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.shown.as_ref().filter(|_| self.is_shown()).map(|shown| shown.version.as_str())
    }

    /// How well a field is known.
    #[must_use]
    pub fn mark(&self, path: &ObjectPath) -> Mark {
        let doubt =
            self.doubtful.iter().find(|(of, _)| of.meets(path) || of.meets_in(&self.object, path));
        match (doubt, self.inferred) {
            (Some((_, doubt)), _) => doubt.clone().into(),
            (None, Some(inference)) => inference.into(),
            (None, None) => Mark::Exact,
        }
    }
}

impl KnownObject {
    /// The state, if it is what an answer showed.
    pub(crate) fn shown(&self) -> Option<Arc<ObjectState>> {
        match self {
            Self::There(state) => Some(Arc::clone(state)).filter(|state| state.is_shown()),
            Self::Nothing(_) | Self::Absent => None,
        }
    }

    /// The state, if there is one.
    #[must_use]
    pub fn state(&self) -> Option<&ObjectState> {
        match self {
            Self::There(state) => Some(state),
            Self::Nothing(_) | Self::Absent => None,
        }
    }
}

/// Whether one version is before another; none: they can't be compared.
pub(crate) fn is_before(one: &str, other: &str) -> Option<bool> {
    Some(one.parse::<u64>().ok()? < other.parse::<u64>().ok()?)
}
