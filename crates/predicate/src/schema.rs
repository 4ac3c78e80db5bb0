//! Which fields an event has, and of what type: `k8s.io/apiserver`, `pkg/apis/audit/v1/types.go`; and the names of the
//! derived ones.

use crate::derived::Derived;
use crate::path::{MAX_STEPS, Step};
use crate::question::Field;

/// What a field's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Text,
    Time,
    Number,
    Bool,
    Texts,
    TextMap,
    /// An object with these members.
    Members(&'static [(&'static str, Self)]),
    /// Whatever it is in the line.
    Any,
}

use Type::{Any, Bool, Members, Number, Text, TextMap, Texts, Time};

const USER: &[(&str, Type)] =
    &[("username", Text), ("uid", Text), ("groups", Texts), ("extra", Any)];
const REFERENCE: &[(&str, Type)] = &[
    ("resource", Text),
    ("namespace", Text),
    ("name", Text),
    ("uid", Text),
    ("apiGroup", Text),
    ("apiVersion", Text),
    ("resourceVersion", Text),
    ("subresource", Text),
];
const STATUS: &[(&str, Type)] = &[
    ("metadata", Any),
    ("status", Text),
    ("message", Text),
    ("reason", Text),
    ("details", Any),
    ("code", Number),
];

/// The members of an event.
const EVENT: &[(&str, Type)] = &[
    ("kind", Text),
    ("apiVersion", Text),
    ("level", Text),
    ("auditID", Text),
    ("stage", Text),
    ("requestURI", Text),
    ("verb", Text),
    ("user", Members(USER)),
    ("impersonatedUser", Members(USER)),
    ("authenticationMetadata", Any),
    ("sourceIPs", Texts),
    ("userAgent", Text),
    ("objectRef", Members(REFERENCE)),
    ("responseStatus", Members(STATUS)),
    ("requestObject", Any),
    ("responseObject", Any),
    ("requestReceivedTimestamp", Time),
    ("stageTimestamp", Time),
    ("annotations", TextMap),
];

/// The derived fields without parameters.
const DERIVED: [(&[&str], Type, Derived); 9] = [
    (&["effectiveUser"], Text, Derived::EffectiveUser),
    (&["objectName"], Text, Derived::ObjectName),
    (&["dryRun"], Bool, Derived::DryRun),
    (&["exec", "command"], Texts, Derived::ExecCommand),
    (&["denied", "by"], Text, Derived::DeniedBy),
    (&["denied", "policy"], Text, Derived::DeniedPolicy),
    (&["violated"], Texts, Derived::Violated),
    (&["patchKind"], Text, Derived::PatchKind),
    (&["uri", "path"], Text, Derived::UriPath),
];

/// The field that a name and the steps from it lead to, and its type.
///
/// # Errors
/// Why there is none, for a person.
pub(crate) fn field(name: &str, mut steps: Vec<Step>) -> Result<(Field, Type), String> {
    if steps.len() > MAX_STEPS {
        return Err(format!("a path of more than {MAX_STEPS} steps"));
    }
    if let Some((_, kind)) = EVENT.iter().find(|(known, _)| *known == name) {
        let kind = behind(name, *kind, &steps)?;
        return Ok((Field::Logged { first: name.into(), steps }, kind));
    }
    if name == "event" {
        return match steps.first() {
            Some(Step::Key(first)) => {
                let first = first.clone();
                steps.remove(0);
                Ok((Field::Logged { first, steps }, Any))
            }
            _ => Err("`event` needs the name of a member: event.flow".to_owned()),
        };
    }
    derived(name, &steps)
}

/// What is behind a value of a type.
pub(crate) fn behind(name: &str, mut kind: Type, steps: &[Step]) -> Result<Type, String> {
    for (at, step) in steps.iter().enumerate() {
        kind = match (kind, step) {
            (Any, _) => Any,
            (Texts, Step::Index(_)) => Text,
            (TextMap, Step::Key(_)) => Text,
            (Members(members), Step::Key(key)) => {
                let member = members.iter().find(|(known, _)| **known == **key);
                let names = || members.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
                member.ok_or_else(|| format!("{name} has no `{key}`; it has {}", names()))?.1
            }
            (Text | Time, Step::Key(_)) if at > 0 && name == "annotations" => {
                return Err("a key with dots is written annotations['a.b/c']".to_owned());
            }
            (Texts, Step::Key(key)) => {
                return Err(format!("{name} leads to a list of texts, which has no `{key}`"));
            }
            (_, Step::Key(key)) => {
                return Err(format!("{name} leads to no object that has `{key}`"));
            }
            (_, Step::Index(_)) => return Err(format!("{name} leads to no list")),
        };
    }
    Ok(kind)
}

fn derived(name: &str, steps: &[Step]) -> Result<(Field, Type), String> {
    let keys: Option<Vec<&str>> = steps
        .iter()
        .map(|step| match step {
            Step::Key(key) => Some(&**key),
            Step::Index(_) => None,
        })
        .collect();
    let path: Option<Vec<&str>> = keys.map(|keys| [vec![name], keys].concat());
    if let Some(["uri", "query", parameter]) = path.as_deref() {
        return Ok((Field::Derived(Derived::UriQuery((*parameter).into())), Texts));
    }
    let known = DERIVED.iter().find(|(known, _, _)| path.as_deref() == Some(*known));
    match known {
        Some((_, kind, derived)) => Ok((Field::Derived(derived.clone()), *kind)),
        None => Err(unknown(name)),
    }
}

fn unknown(name: &str) -> String {
    let derived = DERIVED.iter().map(|(path, _, _)| path.join("."));
    let mut all: Vec<String> =
        EVENT.iter().map(|(name, _)| (*name).to_owned()).chain(derived).collect();
    all.push("uri.query.NAME".to_owned());
    let same = |one: &&String| one.split('.').next() == Some(name);
    let begun: Vec<_> = all.iter().filter(same).cloned().collect();
    if !begun.is_empty() {
        return format!(
            "`{name}` alone, or with these steps, is no field: there is {}",
            begun.join(", ")
        );
    }
    let alike = all.iter().find(|known| known.eq_ignore_ascii_case(name));
    match alike {
        Some(known) => format!("no field is called `{name}`: it is `{known}`"),
        None => format!(
            "no field is called `{name}`: there are {}; of a log that isn't an apiserver's, event.{name}",
            all.join(", ")
        ),
    }
}
