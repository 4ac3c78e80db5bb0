//! What is said of one entry, as lines and marks: the text and the page are made of the same words.

use auditseal_format::Origin;
use auditseal_history::life::{Between, Deed, FieldChange, InWords, Mark, Reason, Side};
use auditseal_history::words::only_names;
use auditseal_history::{Cite, LifeEntry, Person};

use crate::flows::ToldFlows;
use crate::shown::{side, value};

/// Fields that are listed of an entry where all aren't asked for, and requested ones.
const FEW: usize = 5;
/// Groups, webhooks' paths and other things of a list that are named.
const NAMED: usize = 8;

/// How well something is known, in a word.
#[must_use]
pub(crate) fn word(mark: &Mark) -> &'static str {
    match mark {
        Mark::Exact => "exact",
        Mark::Inferred(_) => "inferred",
        Mark::Unknown(_) => "unknown",
    }
}

/// Why it isn't known better.
pub(crate) fn reason(mark: &Mark) -> Option<String> {
    match mark {
        Mark::Exact => None,
        Mark::Inferred(inference) => Some(inference.to_string()),
        Mark::Unknown(doubt) => Some(doubt.to_string()),
    }
}

/// A line below an entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    /// What kind of line it is.
    pub(crate) kind: SaidKind,
    /// What it says; not yet fit for a terminal.
    pub(crate) text: String,
    /// How well that is known, where it is a claim about the object.
    pub(crate) mark: Option<Mark>,
}

/// Kinds of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SaidKind {
    /// What it means, in words.
    Meaning,
    /// A field that changed.
    Field,
    /// Who, from where, by what.
    Who,
    /// All else.
    Note,
    /// What the network did after it.
    Flow,
    /// Where it is sealed.
    Sealed,
}

/// Who did it, on one line.
pub(crate) fn who(entry: &LifeEntry) -> String {
    let name = |person: &Person| {
        if person.username.is_empty() {
            "nobody who is named".to_owned()
        } else {
            person.username.clone()
        }
    };
    match &entry.acting_as {
        None => name(&entry.user),
        Some(other) => format!("{} acting as {}", name(&entry.user), name(other)),
    }
}

/// What it did, on one line.
pub(crate) fn deed(entry: &LifeEntry) -> String {
    let sub = if entry.subresource.is_empty() {
        String::new()
    } else {
        format!(" ({})", entry.subresource)
    };
    match &entry.deed {
        Deed::Created { .. } => match &entry.uid {
            Some(uid) => format!("{}{sub}, uid {uid}", entry.deed),
            None => format!("{}{sub}", entry.deed),
        },
        deed => format!("{deed}{sub}"),
    }
}

/// Where it is sealed: `ORIGIN SEQ:LINE, seal HASH`.
pub(crate) fn sealed(cite: &Cite, chains: &[Origin]) -> String {
    let origin = chains.get(cite.chain).map(ToString::to_string).unwrap_or_default();
    format!("{origin} {}:{}, seal {}", cite.seq, cite.line, cite.seal)
}

/// All lines below an entry, with what the network did after it; `all`: with each field and each kind of flows.
pub(crate) fn told(
    entry: &LifeEntry,
    flows: Option<&ToldFlows>,
    chains: &[Origin],
    all: bool,
) -> Vec<Said> {
    let mut said = lines(entry, chains, all);
    let line = |text| Said { kind: SaidKind::Flow, text, mark: None };
    // The last line says where it is sealed.
    let at = said.len().saturating_sub(1);
    said.splice(at..at, flows.iter().flat_map(|flows| flows.lines(all)).map(line));
    said
}

/// The lines that are of the request itself.
fn lines(entry: &LifeEntry, chains: &[Origin], all: bool) -> Vec<Said> {
    let mut said = Vec::new();
    meaning(entry, &mut said);
    fields(entry, all, &mut said);
    asked(entry, all, &mut said);
    if let Some(text) = request(entry) {
        said.push(note(text));
    }
    if let Deed::Refused(denial) = &entry.deed
        && !denial.message.is_empty()
    {
        said.push(note(format!("the answer: {}", denial.message)));
    }
    for mutation in &entry.mutations {
        let paths = match mutation.paths.as_slice() {
            [] => String::new(),
            paths => format!(": {}", some(paths)),
        };
        said.push(note(format!(
            "changed on its way by webhook {} of {}{paths}",
            mutation.webhook, mutation.configuration
        )));
    }
    said.extend(why(entry));
    said.extend(from(entry));
    said.push(Said { kind: SaidKind::Sealed, text: sealed(&entry.cite, chains), mark: None });
    said
}

fn note(text: String) -> Said {
    Said { kind: SaidKind::Note, text, mark: None }
}

fn some(all: &[String]) -> String {
    let more = all.len().saturating_sub(NAMED);
    let named = all[..all.len() - more].join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

fn meaning(entry: &LifeEntry, said: &mut Vec<Said>) {
    let Some(InWords { sentences, mark }) = &entry.words else { return };
    let line = |text: String, mark: Option<Mark>| Said { kind: SaidKind::Meaning, text, mark };
    match sentences {
        Err(unclear) => said.push(line(unclear.to_string(), None)),
        Ok(sentences) if sentences.is_empty() => {
            // Of what changed nothing but noise that is plain.
            if !entry.fields.is_empty() {
                said.push(line("means the same as before".to_owned(), Some(mark.clone())));
            }
        }
        Ok(sentences) => {
            said.extend(sentences.iter().map(|text| line(text.clone(), Some(mark.clone()))))
        }
    }
}

fn field(change: &FieldChange) -> Said {
    let order = if change.order { " (order)" } else { "" };
    let text = match (&change.before, &change.after) {
        (Side::Absent, after) => format!("{}{order}: set to {}", change.path, side(after)),
        (before, Side::Absent) => format!("{}{order}: removed, was {}", change.path, side(before)),
        (before, after) => format!("{}{order}: {} → {}", change.path, side(before), side(after)),
    };
    Said { kind: SaidKind::Field, text, mark: Some(change.mark.clone()) }
}

fn fields(entry: &LifeEntry, all: bool, said: &mut Vec<Said>) {
    if let Some(doubt) = &entry.doubt {
        let what = if entry.fields.is_empty() { "what it changed" } else { "what else it changed" };
        said.push(Said {
            kind: SaidKind::Field,
            text: what.to_owned(),
            mark: Some(doubt.clone().into()),
        });
    }
    let named = |sentences: &Vec<String>| sentences.iter().any(|said| only_names(said));
    let in_words = entry
        .words
        .as_ref()
        .is_some_and(|words| words.sentences.as_ref().is_ok_and(|said| !named(said)));
    let listed = match (all, in_words) {
        (true, _) => entry.fields.len(),
        (false, true) => 0,
        (false, false) => FEW,
    };
    said.extend(entry.fields.iter().take(listed).map(field));
    let rest = entry.fields.get(listed..).unwrap_or_default();
    if !rest.is_empty() {
        let count = |of: &str| rest.iter().filter(|field| word(&field.mark) == of).count();
        let counts = ["exact", "inferred", "unknown"].map(|of| (count(of), of));
        let counts: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, of)| format!("{count} {of}"))
            .collect();
        let more = if listed == 0 { "fields" } else { "more fields" };
        said.push(note(format!("{more}: {} (--diff lists them)", counts.join(", "))));
    }
    if entry.more > 0 {
        said.push(note(format!("and {} fields more than are listed", entry.more)));
    }
    if all && !entry.quiet.is_empty() {
        let paths: Vec<String> = entry.quiet.iter().map(|field| field.path.to_string()).collect();
        said.push(note(format!("besides: {}", some(&paths))));
    }
}

fn asked(entry: &LifeEntry, all: bool, said: &mut Vec<Said>) {
    let listed = if all { entry.asked.len() } else { FEW };
    for asked in entry.asked.iter().take(listed) {
        let what =
            asked.value.as_ref().map_or_else(|| "its removal, or a change".to_owned(), value);
        said.push(note(format!("asked for {}: {what}", asked.path)));
    }
    let more = entry.asked.len().saturating_sub(listed);
    if more > 0 {
        said.push(note(format!("and for {more} more (--diff lists them)")));
    }
}

/// Its verb, and what lies between it and what was known.
fn request(entry: &LifeEntry) -> Option<String> {
    let kinds: Vec<String> = entry.patch.iter().map(ToString::to_string).collect();
    let verb = match kinds.as_slice() {
        [] => entry.verb.clone(),
        kinds => format!("{}: {}", entry.verb, kinds.join(" or ")),
    };
    let tells = matches!(
        entry.deed,
        Deed::Created { .. }
            | Deed::Changed
            | Deed::Quiet
            | Deed::Scaled { .. }
            | Deed::Nothing { .. }
            | Deed::Noticed { .. }
    );
    let unproved = entry.between == Between::Unproved && entry.doubt.is_some();
    Some(if tells && !unproved { format!("{verb}; {}", entry.between) } else { verb })
}

fn why(entry: &LifeEntry) -> Vec<Said> {
    if matches!(entry.deed, Deed::Noticed { .. }) {
        // Who reads changes nothing.
        return Vec::new();
    }
    if entry.why.is_empty() {
        return match &entry.why_doubt {
            None => vec![note("why: none given".to_owned())],
            Some(doubt) => {
                vec![Said { mark: Some(doubt.clone().into()), ..note("why".to_owned()) }]
            }
        };
    }
    let line = |reason: &Reason| {
        let new = match reason.new {
            Some(true) => "",
            Some(false) => ", which was there before",
            None => ", which may have been there before",
        };
        note(format!("why: {} = {}{new}", reason.name, reason.value))
    };
    entry.why.iter().map(line).collect()
}

fn from(entry: &LifeEntry) -> Vec<Said> {
    let address = match entry.sources.as_slice() {
        [] => "an address that isn't logged".to_owned(),
        [one] => one.clone(),
        [claimed @ .., seen] => format!("{seen}, which says it is for {}", some(claimed)),
    };
    let agent =
        if entry.agent.is_empty() { "a tool that doesn't name itself" } else { &entry.agent };
    let manager = match &entry.manager {
        Some(manager) if manager.given => format!(", field manager {}", manager.name),
        _ => String::new(),
    };
    let mut lines = vec![format!("from {address} with {agent}{manager}")];
    let groups = |of: &str, person: &Person| {
        (!person.groups.is_empty()).then(|| format!("groups of {of}: {}", some(&person.groups)))
    };
    lines.extend(groups(&entry.user.username, &entry.user));
    lines.extend(entry.acting_as.as_ref().and_then(|other| groups(&other.username, other)));
    let line = |text| Said { kind: SaidKind::Who, text, mark: None };
    lines.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use auditseal_format::hash;
    use auditseal_history::life::ObjectName;
    use auditseal_history::{Act, Life};
    use serde_json::json;

    use super::*;

    fn texts(said: &[Said]) -> Vec<&str> {
        said.iter().map(|said| said.text.as_str()).collect()
    }

    /// Ten times as many fields, groups and addresses as are listed.
    #[test]
    fn of_more_than_is_listed_the_rest_is_counted() {
        let many = |what: &str, count: usize| {
            (0..count).map(|at| format!("{what}-{at}")).collect::<Vec<_>>()
        };
        let data: serde_json::Map<_, _> =
            many("key", 10 * FEW).into_iter().map(|key| (key, json!("x"))).collect();
        let object = |version: &str, data: &serde_json::Map<_, _>| {
            json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "c", "namespace": "n", "uid": "u", "resourceVersion": version}, "data": data})
        };
        let event = |verb: &str, version: &str, data| {
            json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse",
            "stage": "ResponseComplete", "auditID": version, "verb": verb, "user": {"username": "u", "groups": many("group", 10 * NAMED)},
            "sourceIPs": many("address", 10 * NAMED), "objectRef": {"resource": "configmaps", "namespace": "n", "name": "c"},
            "responseStatus": {"code": if verb == "create" { 201 } else { 200 }}, "requestObject": object("1", data), "responseObject": object(version, data)})
        };
        let none = [("z".to_owned(), json!("x"))].into_iter().collect();
        let name = ObjectName {
            group: String::new(),
            resource: "configmaps".into(),
            namespace: "n".into(),
            name: "c".into(),
        };
        let mut life = Life::new(name);
        for event in [event("create", "1", &none), event("update", "2", &data)] {
            let cite = Cite { chain: 0, seq: 3, line: 4, seal: hash(b"") };
            life.take(Act::read(event.to_string().as_bytes(), cite).unwrap());
        }
        let entries = life.finish();
        let chains = ["c/n/s".parse().unwrap()];
        let few = lines(&entries[1], &chains, false);
        let texts_of = texts(&few);
        assert_eq!(few.iter().filter(|said| said.kind == SaidKind::Field).count(), FEW);
        assert!(texts_of.contains(&"more fields: 46 exact (--diff lists them)"), "{texts_of:?}");
        assert!(texts_of.iter().any(|text| text.ends_with("group-7 and 72 more")), "{texts_of:?}");
        assert!(
            texts_of.iter().any(|text| text.contains("address-7 and 71 more with a tool")),
            "{texts_of:?}"
        );
        assert!(texts_of.last().unwrap().starts_with("c/n/s 3:4, seal "), "{texts_of:?}");
        let all = lines(&entries[1], &chains, true);
        assert_eq!(all.iter().filter(|said| said.kind == SaidKind::Field).count(), 10 * FEW + 1);
    }
}
