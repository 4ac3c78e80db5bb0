//! Lives as JSON, an object a line: docs/history.md is the schema.

use auditseal_format::Origin;
use auditseal_history::life::{
    Between, CompareVerdict, Deed, Denial, DeniedBy, FieldChange, InWords, KnownObject, ObjectName,
    ObjectState, Side,
};
use auditseal_history::{Cite, LifeEntry, Person};
use serde_json::{Value, json};

use crate::live::ComparedObject;
use crate::lives::{LifeEnd, ToldEntry};
use crate::marked::marks;
use crate::said::{reason, word};

fn object(of: &ObjectName) -> Value {
    json!({ "group": of.group, "resource": of.resource, "namespace": of.namespace, "name": of.name })
}

fn cited(cite: &Cite, chains: &[Origin]) -> Value {
    let origin = chains.get(cite.chain).map(ToString::to_string);
    json!({ "origin": origin, "seq": cite.seq, "line": cite.line, "seal": cite.seal.to_string() })
}

fn person(of: &Person) -> Value {
    json!({ "username": of.username, "groups": of.groups })
}

fn side(of: &Side) -> Value {
    match of {
        Side::Value(value) => json!({ "value": value }),
        Side::Absent => json!({ "absent": true }),
        Side::Unknown => json!({ "unknown": true }),
    }
}

fn field(of: &FieldChange) -> Value {
    json!({
        "path": of.path.to_string(),
        "before": side(&of.before),
        "after": side(&of.after),
        "order": of.order,
        "mark": word(&of.mark),
        "reason": reason(&of.mark),
    })
}

fn fields(all: &[FieldChange]) -> Vec<Value> {
    all.iter().map(field).collect()
}

fn words(of: &InWords) -> Value {
    let (sentences, unclear) = match &of.sentences {
        Ok(sentences) => (Some(sentences), None),
        Err(unclear) => (None, Some(unclear.to_string())),
    };
    json!({ "sentences": sentences, "unclear": unclear, "mark": word(&of.mark), "reason": reason(&of.mark) })
}

fn between(of: Between) -> Value {
    match of {
        Between::Nothing => json!({ "proof": "nothing" }),
        Between::Unseen(least) => json!({ "proof": "unseen", "least": least }),
        Between::NoEnd => json!({ "proof": "unseen", "least": 1 }),
        Between::Unproved => json!({ "proof": "none" }),
    }
}

/// What a request did, in one word.
pub(crate) fn deed_word(of: &Deed) -> &'static str {
    match of {
        Deed::Created { .. } => "created",
        Deed::Changed => "changed",
        Deed::Quiet => "quiet",
        Deed::Scaled { .. } => "scaled",
        Deed::Nothing { .. } => "nothing",
        Deed::Refused(_) => "refused",
        Deed::Undecided(_) => "undecided",
        Deed::Deleted { .. } => "deleted",
        Deed::DeletionBegun => "deletionBegun",
        Deed::DeletedWithCollection { .. } => "deletedWithCollection",
        Deed::Noticed { .. } => "noticed",
    }
}

fn deed(of: &Deed) -> Value {
    let mut value = json!({ "is": deed_word(of), "text": of.to_string() });
    let more = match of {
        Deed::Created { again } => json!({ "again": again }),
        Deed::Scaled { from, to } => json!({ "from": from, "to": to }),
        Deed::Nothing { certain }
        | Deed::Deleted { certain }
        | Deed::DeletedWithCollection { certain } => json!({ "certain": certain }),
        Deed::Refused(denial) => refused(denial),
        Deed::Undecided(code) => json!({ "code": code }),
        Deed::Noticed { other, failed } => json!({ "other": other, "failed": failed }),
        Deed::Changed | Deed::Quiet | Deed::DeletionBegun => json!({}),
    };
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    value
}

fn refused(denial: &Denial) -> Value {
    let by = match &denial.by {
        DeniedBy::Authentication => "authentication",
        DeniedBy::Authorization => "authorization",
        DeniedBy::Policy { .. } => "policy",
        DeniedBy::Webhook(_) => "webhook",
        DeniedBy::PodSecurity => "podSecurity",
        DeniedBy::Quota => "quota",
        DeniedBy::Other => "admission",
        DeniedBy::Conflict => "conflict",
        DeniedBy::Invalid => "invalid",
        DeniedBy::NotFound => "notFound",
    };
    json!({ "code": denial.code, "by": by, "byText": denial.by.to_string(), "message": denial.message })
}

/// One entry, as a line.
#[must_use]
pub fn entry_json(told: &ToldEntry, chains: &[Origin]) -> String {
    // Its uid is null where it isn't known.
    let ToldEntry { object: of, entry, flows, of_unknown_uid: _ } = told;
    let LifeEntry {
        when, user, acting_as, sources, agent, manager, verb, subresource, uid, ..
    } = entry;
    let kinds: Vec<String> = entry.patch.iter().map(ToString::to_string).collect();
    let asked: Vec<Value> = entry
        .asked
        .iter()
        .map(|one| json!({ "path": one.path.to_string(), "value": one.value }))
        .collect();
    let why: Vec<Value> = entry
        .why
        .iter()
        .map(|one| json!({ "name": one.name, "value": one.value, "new": one.new }))
        .collect();
    let mutations: Vec<Value> = entry
        .mutations
        .iter()
        .map(|one| json!({ "configuration": one.configuration, "webhook": one.webhook, "paths": one.paths }))
        .collect();
    let mut value = json!({
        "type": "entry",
        "object": object(of),
        "uid": uid,
        "when": when.map(|when| when.to_string()),
        "deed": deed(&entry.deed),
        "user": person(user),
        "actingAs": acting_as.as_ref().map(person),
        "sourceIPs": sources,
        "userAgent": agent,
        "fieldManager": manager.as_ref().map(|manager| json!({ "name": manager.name, "given": manager.given })),
        "verb": verb,
        "subresource": subresource,
        "patchKinds": kinds,
        "between": between(entry.between),
        "words": entry.words.as_ref().map(words),
        "fields": fields(&entry.fields),
        "quiet": fields(&entry.quiet),
        "moreFields": entry.more,
        "doubt": entry.doubt.as_ref().map(ToString::to_string),
        "asked": asked,
        "why": why,
        "whyDoubt": entry.why_doubt.as_ref().map(ToString::to_string),
        "mutations": mutations,
        "auditID": entry.audit_id,
        "sealed": cited(&entry.cite, chains),
    });
    if let Some(flows) = flows {
        value["flows"] = flows.json();
    }
    format!("{value}\n")
}

fn known(of: &KnownObject) -> (&'static str, Option<String>) {
    match of {
        KnownObject::There(_) => ("there", None),
        KnownObject::Absent => ("absent", None),
        KnownObject::Nothing(doubt) => ("unknown", Some(doubt.to_string())),
    }
}

fn state(of: &ObjectState, proved: bool, chains: &[Origin]) -> Value {
    let marks: Vec<Value> = marks(of, proved)
        .into_iter()
        .map(|(path, mark)| json!({ "path": path.to_string(), "mark": word(&mark), "reason": reason(&mark) }))
        .collect();
    json!({ "object": *of.object, "marks": marks, "sealed": cited(&of.cite, chains) })
}

/// What a life came to, as a line; with what the object was at the time that was asked for.
#[must_use]
pub fn end_json(end: &LifeEnd<'_>, chains: &[Origin]) -> String {
    let (is, why) = known(end.known);
    let at = end.moment.as_ref().map(|moment| {
        let (is, why) = known(&moment.known);
        json!({
            "time": moment.time.to_string(),
            "is": is,
            "reason": why,
            "proved": moment.proved,
            "underWay": moment.under_way,
            "state": moment.known.state().map(|of| state(of, moment.proved && !moment.under_way, chains)),
        })
    });
    let tally = end.tally;
    let value = json!({
        "type": "object",
        "object": object(end.object),
        "atTheEnd": { "is": is, "reason": why },
        "at": at,
        "entries": tally.entries,
        "fields": { "exact": tally.exact, "inferred": tally.inferred, "unknown": tally.unknown },
        "entriesWithoutContent": tally.level,
        "leftOut": { "entries": tally.passed, "dryRuns": end.counts.dry_runs, "reads": end.counts.reads,
            "beside": end.counts.beside, "repeated": end.counts.repeated },
    });
    format!("{value}\n")
}

/// What a comparison came to, as a line.
#[must_use]
pub fn compared_json(of: &ComparedObject) -> String {
    let (verdict, least) = match &of.verdict {
        CompareVerdict::Same => ("same", None),
        CompareVerdict::Unseen { least } => ("unseen", Some(*least)),
        CompareVerdict::Older => ("older", None),
        CompareVerdict::Unproved => ("unproved", None),
        CompareVerdict::OtherObject => ("otherObject", None),
        CompareVerdict::Unknown(_) => ("unknown", None),
        CompareVerdict::Deleted => ("deleted", None),
        CompareVerdict::Contradiction => ("contradiction", None),
    };
    let value = json!({
        "type": "comparison",
        "object": object(&of.object),
        "verdict": if of.listed { verdict } else { "notListed" },
        "text": of.text(),
        "isFinding": of.is_finding(),
        "leastUnseen": least,
        "fields": fields(&of.fields),
        "moreFields": of.more,
    });
    format!("{value}\n")
}

/// What the answer rests on, as the last line.
#[must_use]
pub fn answer_json(footer: &[String], is_whole: bool, code: u8) -> String {
    let lines: Vec<&str> = footer.iter().map(|line| line.trim_start()).collect();
    format!(
        "{}\n",
        json!({ "type": "answer", "whole": is_whole, "exitCode": code, "restsOn": lines })
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use auditseal_history::life::{Inference, Mark};

    #[test]
    fn a_mark_says_why_it_is_no_better() {
        let mark = Mark::from(Inference::BaseUnproved);
        assert_eq!((word(&mark), reason(&mark).is_some()), ("inferred", true));
        assert_eq!((word(&Mark::Exact), reason(&Mark::Exact)), ("exact", None));
    }
}
