//! An object as it was, as YAML with how well each value is known behind it.

use auditseal_audit::Time;
use auditseal_chain::{escape, hides};
use auditseal_format::Origin;
use auditseal_history::life::{Inference, KnownObject, Mark, Moment, ObjectName, ObjectState};
use auditseal_history::{ObjectPath, PathStep};
use auditseal_yaml::{YamlStep, write};
use serde_json::Value;

use crate::said::{reason, sealed, word};
use crate::shown::object_name;

/// How well each scalar, empty list and empty object of a state is known; `proved`: a later request proves that it was
/// still just so.
#[must_use]
pub fn marks(state: &ObjectState, proved: bool) -> Vec<(ObjectPath, Mark)> {
    let mut all = Vec::new();
    leaves(&state.object, &mut ObjectPath::default(), &mut |path| {
        all.push((path.clone(), mark(state, proved, path)));
    });
    all
}

fn leaves(value: &Value, path: &mut ObjectPath, each: &mut impl FnMut(&ObjectPath)) {
    let inner: Vec<(PathStep, &Value)> = match value {
        Value::Object(members) => {
            members.iter().map(|(key, value)| (PathStep::Key(key.clone()), value)).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().map(|(at, value)| (PathStep::Index(at), value)).collect()
        }
        _ => Vec::new(),
    };
    if inner.is_empty() {
        each(path);
    }
    for (step, value) in inner {
        path.0.push(step);
        leaves(value, path, each);
        path.0.pop();
    }
}

fn mark(state: &ObjectState, proved: bool, path: &ObjectPath) -> Mark {
    match state.mark(path) {
        Mark::Exact if !proved => Inference::BaseUnproved.into(),
        mark => mark,
    }
}

/// A state as YAML.
fn yaml(state: &ObjectState, proved: bool) -> String {
    let step = |step: &YamlStep<'_>| match step {
        YamlStep::Key(key) => PathStep::Key((*key).to_owned()),
        YamlStep::Index(at) => PathStep::Index(*at),
    };
    write(&state.object, &hides, &mut |path| {
        let path = ObjectPath(path.iter().map(step).collect());
        let mark = mark(state, proved, &path);
        Some(match mark {
            // The head says what is missing.
            Mark::Inferred(Inference::BaseUnproved) if !proved => word(&mark).to_owned(),
            mark => noted(&mark),
        })
    })
}

/// A mark as a comment, which ends with its line.
fn noted(mark: &Mark) -> String {
    match reason(mark) {
        None => word(mark).to_owned(),
        Some(why) => escape(&format!("{}: {why}", word(mark))),
    }
}

/// What an object was at a time, as YAML; where it isn't there or isn't known, as comments alone.
#[must_use]
pub fn moment_yaml(object: &ObjectName, moment: &Moment, chains: &[Origin]) -> String {
    let head =
        |what: &str| format!("# {} at {}: {}\n", object_name(object), moment.time, escape(what));
    let mut text = match &moment.known {
        KnownObject::Absent => head("it wasn't there"),
        KnownObject::Nothing(doubt) => return head(&format!("what it was isn't known: {doubt}")),
        KnownObject::There(state) => {
            head(&since(state.since)) + &format!("# {}\n", sealed(&state.cite, chains))
        }
    };
    text += match (moment.under_way, moment.proved) {
        (true, _) => {
            "# A write was under way at that time: it may have been so, or what came of that.\n"
        }
        (false, true) => "# A later request proves that it was still just so.\n",
        (false, false) => {
            "# inferred: nothing proves that no write came between that isn't in the trail.\n"
        }
    };
    if let KnownObject::There(state) = &moment.known {
        text += &yaml(state, moment.proved && !moment.under_way);
    }
    text
}

fn since(time: Option<Time>) -> String {
    time.map_or_else(
        || "as the trail tells it".to_owned(),
        |time| format!("as the request of {time} left it"),
    )
}
