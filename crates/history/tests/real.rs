//! Lives of objects of a real kube-apiserver, held against what etcd had after each request: `testdata/changes`, and any
//! larger set of the same form that `AUDITSEAL_CHANGES` names.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use auditseal_history::life::{CompareVerdict, Deed, FieldChange, Mark, ObjectName, Side, compare};
use auditseal_history::{Act, Cite, Life, LifeEntry, diff};
use auditseal_merkle::Hash;
use serde_json::Value;

#[derive(Default, Debug, Clone, Copy)]
struct Share {
    exact: u64,
    inferred: u64,
    unknown: u64,
    untold: u64,
    right: u64,
}

/// One version of an object in etcd, and the request that wrote it.
#[derive(Debug, Clone)]
struct Version {
    audit_id: Option<String>,
    uid: String,
    number: u64,
    object: Option<Value>,
}

type Key = (String, String, String);

struct Set {
    lines: Vec<Value>,
    versions: BTreeMap<Key, Vec<Version>>,
    how: BTreeMap<String, String>,
}

/// Where a line stands of which only the number counts.
fn cited(line: u64) -> Cite {
    Cite { chain: 0, seq: 0, line, seal: Hash::new([0; 32]) }
}

fn read() -> Set {
    let standing = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/changes");
    let folder = std::env::var_os("AUDITSEAL_CHANGES").map_or(standing, PathBuf::from);
    let lines = |name: &str| -> Vec<Value> {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let mut versions: BTreeMap<Key, Vec<Version>> = BTreeMap::new();
    let mut how = BTreeMap::new();
    for truth in lines("truth.jsonl") {
        let audit_id = truth["auditID"].as_str().map(str::to_owned);
        if let Some(id) = &audit_id {
            how.insert(id.clone(), truth["how"].as_str().unwrap_or_default().to_owned());
        }
        for change in truth["changes"].as_array().unwrap() {
            let text = |name: &str| change[name].as_str().unwrap().to_owned();
            let object = (!change["deleted"].as_bool().unwrap()).then(|| change["object"].clone());
            let number = text("resourceVersion").parse().unwrap();
            let version = Version { audit_id: audit_id.clone(), uid: text("uid"), number, object };
            versions
                .entry((text("resource"), text("namespace"), text("name")))
                .or_default()
                .push(version);
        }
    }
    for all in versions.values_mut() {
        all.sort_by_key(|version| version.number);
    }
    Set { lines: lines("audit.log"), versions, how }
}

/// The event as a policy with this level would have had it written.
fn at_level(line: &Value, level: &str) -> Value {
    let mut line = line.clone();
    line["level"] = level.into();
    let members = line.as_object_mut().unwrap();
    if level != "RequestResponse" {
        members.remove("responseObject");
    }
    if level == "Metadata" {
        members.remove("requestObject");
        if let Some(notes) = members.get_mut("annotations").and_then(Value::as_object_mut) {
            notes.retain(|name, _| !name.starts_with("patch.webhook"));
        }
    }
    line
}

fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"].as_object_mut().unwrap().remove("managedFields");
    object
}

fn is(side: &Side, truth: Option<&Value>) -> bool {
    match side {
        Side::Value(value) => Some(value) == truth,
        Side::Absent => truth.is_none(),
        Side::Unknown => false,
    }
}

fn holds(field: &FieldChange, before: Option<&Value>, after: Option<&Value>) -> bool {
    let at = |object: Option<&Value>| object.and_then(|object| field.path.find(object)).cloned();
    let (old, new) = (at(before), at(after));
    field.order || (is(&field.before, old.as_ref()) && is(&field.after, new.as_ref()) && old != new)
}

fn judge(entry: &LifeEntry, versions: &[Version], share: &mut Share, how: &str) {
    let written = versions.iter().position(|of| of.audit_id.as_deref() == Some(&*entry.audit_id));
    let after = written.and_then(|at| versions[at].object.as_ref().map(bare));
    let before = written.filter(|at| *at > 0).and_then(|at| {
        let last = &versions[at - 1];
        last.object.as_ref().filter(|_| last.uid == versions[at].uid).map(bare)
    });
    let what = || format!("{how}\n{entry:#?}\nbefore {before:?}\nafter {after:?}");
    let all: Vec<&FieldChange> = entry.fields.iter().chain(&entry.quiet).collect();
    for field in &all {
        let right = holds(field, before.as_ref(), after.as_ref());
        match field.mark {
            Mark::Exact => assert!(right, "FALSE EXACT {field:?} {}", what()),
            _ if entry.quiet.contains(field) => continue,
            Mark::Inferred(_) => {
                share.inferred += 1;
                share.right += u64::from(right);
            }
            Mark::Unknown(_) => share.unknown += 1,
        }
        share.exact += u64::from(field.mark == Mark::Exact && entry.fields.contains(field));
    }
    share.untold += u64::from(entry.doubt.is_some());
    let exact = all.iter().filter(|field| field.mark == Mark::Exact).count();
    // Of what takes the last finalizer away that alone is told: nothing of it is stored.
    let ended = matches!(entry.deed, Deed::Deleted { .. });
    if exact > 0 && exact == all.len() && entry.subresource != "scale" && !ended {
        assert_eq!(diff(before.as_ref(), after.as_ref()).fields.len(), exact, "{}", what());
    }
    match &entry.deed {
        Deed::Created { .. } => assert!(before.is_none() && after.is_some(), "{}", what()),
        Deed::Nothing { certain: true } | Deed::Refused(_) => {
            assert!(written.is_none(), "{}", what())
        }
        Deed::Deleted { certain: true } | Deed::DeletedWithCollection { certain: true } => {
            assert!(written.is_some() && after.is_none(), "{}", what());
        }
        _ => {}
    }
}

#[test]
fn what_is_called_exact_is_what_etcd_had() {
    let set = read();
    let mut shares: BTreeMap<String, Share> = BTreeMap::new();
    let mut verdicts: BTreeMap<String, u64> = BTreeMap::new();
    let groups: BTreeMap<&str, &str> = set
        .lines
        .iter()
        .filter_map(|line| {
            let of = &line["objectRef"];
            Some((of["resource"].as_str()?, of["apiGroup"].as_str().unwrap_or_default()))
        })
        .collect();
    for level in ["Metadata", "Request", "RequestResponse"] {
        let texts: Vec<_> =
            set.lines.iter().map(|line| at_level(line, level).to_string()).collect();
        for ((resource, namespace, name), versions) in &set.versions {
            let Some(group) = groups.get(resource.as_str()) else { continue };
            let of = ObjectName {
                group: (*group).to_owned(),
                resource: resource.clone(),
                namespace: namespace.clone(),
                name: name.clone(),
            };
            let mut life = Life::new(of);
            let mut told = Vec::new();
            let lines = (0..).zip(set.lines.iter().zip(&texts));
            for (cite, (_, text)) in
                lines.filter(|(_, (line, _))| line["objectRef"]["resource"] == **resource)
            {
                if let Ok(act) = Act::read(text.as_bytes(), cited(cite)) {
                    told.extend(life.take(act));
                }
            }
            told.extend(life.finish());
            for entry in &told {
                let how = set.how.get(&entry.audit_id).map_or("", String::as_str);
                // Patches by their kinds, the rest by its verb.
                let first = how.split(',').next().unwrap_or_default();
                let first = how.strip_prefix("patch, ").unwrap_or(first);
                let share = shares.entry(format!("{level:<16}{} {first}", entry.verb)).or_default();
                judge(entry, versions, share, how);
            }
            if let Some(object) = &versions.last().unwrap().object {
                let compared = compare(life.known(), object);
                let what = || format!("{level} {resource}/{namespace}/{name}: {compared:#?}");
                assert_ne!(compared.verdict, CompareVerdict::Contradiction, "{}", what());
                let verdict = format!("{:?}", compared.verdict);
                let verdict = verdict.split(['(', ' ']).next().unwrap().to_owned();
                *verdicts.entry(format!("{level} {verdict}")).or_default() += 1;
            }
        }
    }
    println!(
        "{:<44}{:>7}{:>9}{:>7}{:>9}{:>8}",
        "", "exact", "inferred", "right", "unknown", "untold"
    );
    for (name, share) in &shares {
        let Share { exact, inferred, unknown, untold, right } = *share;
        println!("{name:<44}{exact:>7}{inferred:>9}{right:>7}{unknown:>9}{untold:>8}");
    }
    println!("live objects: {verdicts:?}");
    let exact: u64 = shares.values().map(|share| share.exact).sum();
    let inferred: u64 = shares.values().map(|share| share.inferred).sum();
    assert!(exact > 50 && inferred > 50, "{exact} {inferred}");
    // One was written into etcd, or by somebody whom the policy leaves out.
    assert!(verdicts.get("RequestResponse Unseen").is_some_and(|count| *count > 0));
}
