//! The `scale` subresource: another object that stands for one number of this one.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Life;
use super::entry::{Between, Deed, FieldChange, LifeEntry, Side};
use super::mark::{Doubt, Inference, Mark};
use super::state::{KnownObject, Shown};
use crate::act::Act;
use crate::path::ObjectPath;
use crate::value::{at, text};

impl Life {
    pub(super) fn scale(&mut self, act: &Act) -> LifeEntry {
        let answered = act.response.held().filter(|body| text(body, &["kind"]) == Some("Scale"));
        let replicas =
            |body: &Value| at(body, &["spec", "replicas"]).map(|n| n.as_u64().unwrap_or(0));
        // A Scale without the number means none.
        let shown = answered.map(|scale| replicas(scale).unwrap_or(0));
        let asked = act.request.held().and_then(replicas);
        let Some(to) = shown.or(asked) else {
            let mut entry = self.entry(act, Deed::Changed);
            let doubt = Doubt::Subresource("scale".to_owned());
            entry.doubt = Some(doubt.clone());
            if let KnownObject::There(state) = &self.known {
                let path = ObjectPath::of(&["spec"]);
                self.known = KnownObject::There(Arc::new(state.blinded(path, doubt, act)));
            }
            return entry;
        };
        let now = answered.and_then(Shown::of);
        let state = self.known.state();
        let then = state.filter(|state| state.is_shown()).and_then(|state| state.shown.as_ref());
        if let (Some(now), Some(then)) = (&now, then)
            && (&now.uid, &now.version) == (&then.uid, &then.version)
        {
            let certain = act.submitted_version().as_ref() == Some(&now.version);
            let mut entry = self.entry(act, Deed::Nothing { certain });
            entry.between = Between::Nothing;
            return entry;
        }
        // Of a custom resource, its definition says which field it is.
        let own = ["apps", ""].contains(&self.name.group.as_str());
        let between = self.between(act);
        let proved = own
            && between == Between::Nothing
            && state.is_some_and(super::ObjectState::is_shown)
            && now.as_ref().zip(then).is_some_and(|(now, then)| now.uid == then.uid);
        let path = ObjectPath::of(&["spec", "replicas"]);
        let doubt = match state.map(|state| state.mark(&path)) {
            None => Some(Doubt::NeverSeen),
            Some(Mark::Unknown(doubt)) => Some(doubt),
            Some(Mark::Exact | Mark::Inferred(_)) => None,
        };
        let sure = state.filter(|_| own && doubt.is_none());
        let from = sure.and_then(|state| replicas(&state.object));
        let mark = match (proved, doubt, &now) {
            (true, ..) => Mark::Exact,
            (_, Some(doubt), _) => doubt.into(),
            (_, None, Some(_)) => Inference::BaseUnproved.into(),
            (_, None, None) => Inference::FromRequest.into(),
        };
        let mut entry = self.entry(act, Deed::Scaled { from, to });
        entry.between = between;
        if own {
            let before = from.map_or(Side::Unknown, |from| Side::Value(json!(from)));
            let after = Side::Value(json!(to));
            entry.fields.push(FieldChange { path, before, after, mark, order: false });
        } else {
            entry.doubt = Some(Doubt::Subresource("scale".to_owned()));
        }
        self.scaled_state(act, now, to, proved);
        entry
    }

    fn scaled_state(&mut self, act: &Act, now: Option<Shown>, to: u64, proved: bool) {
        let own = ["apps", ""].contains(&self.name.group.as_str());
        let KnownObject::There(state) = &mut self.known else { return };
        let doubt = Doubt::Subresource("scale".to_owned());
        if !own {
            self.known =
                KnownObject::There(Arc::new(state.blinded(ObjectPath::default(), doubt, act)));
            return;
        }
        let state = Arc::make_mut(state);
        let object = Arc::make_mut(&mut state.object);
        if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
            spec.insert("replicas".to_owned(), json!(to));
        }
        let generation = ObjectPath::of(&["metadata", "generation"]);
        state.doubtful.retain(|(path, _)| *path != generation);
        state.doubtful.push((generation, doubt));
        (state.since, state.cite) = (act.done, act.cite);
        state.by = Some((act.audit_id.clone(), act.done));
        match now.filter(|_| proved) {
            Some(now) => {
                if let Some(version) = object.pointer_mut("/metadata/resourceVersion") {
                    *version = now.version.as_str().into();
                }
                // How many generations it made isn't in the answer.
                state.shown = Some(Shown { generation: None, ..now });
                state.written = true;
            }
            None => {
                state.inferred = Some(Inference::FromRequest);
                state.blind += 1;
                state.written = false;
            }
        }
    }
}
