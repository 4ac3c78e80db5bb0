//! Lives of random objects, told from what a model apiserver logged, held against what it knows: what is called exact must
//! be true, always.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "model/server.rs"]
mod server;

use std::collections::BTreeMap;

use auditseal_audit::Time;
use auditseal_history::life::{
    Between, CompareVerdict, Deed, FieldChange, KnownObject, Mark, ObjectName, Side, compare,
};
use auditseal_history::{Act, Cite, Life, LifeEntry, diff};
use auditseal_merkle::Hash;
use serde_json::Value;
use server::{Server, Truth, converted};

const LIVES: u64 = 300;
const STEPS: u64 = 60;

#[derive(Default, Debug, Clone, Copy)]
struct Share {
    exact: u64,
    inferred: u64,
    unknown: u64,
    untold: u64,
    right: u64,
}

/// Where a line stands of which only the number counts.
fn cited(line: u64) -> Cite {
    Cite { chain: 0, seq: 0, line, seal: Hash::new([0; 32]) }
}

fn bare(object: Option<&Value>, api: &str) -> Option<Value> {
    let mut object = converted(object?, api);
    object["metadata"].as_object_mut().unwrap().remove("managedFields");
    Some(object)
}

fn is(side: &Side, truth: Option<&Value>) -> bool {
    match side {
        Side::Value(value) => Some(value) == truth,
        Side::Absent => truth.is_none(),
        Side::Unknown => false,
    }
}

/// The keys of a list, as a change of order tells them.
fn keys(list: Option<&Value>, of: &Side) -> Option<Value> {
    let Side::Value(Value::Array(told)) = of else { return None };
    let name = |item: &Value| item["name"].clone();
    let all = list?.as_array()?.iter().map(name).filter(|name| told.contains(name));
    Some(Value::Array(all.collect()))
}

fn holds(field: &FieldChange, before: Option<&Value>, after: Option<&Value>) -> bool {
    let at = |object: Option<&Value>| object.and_then(|object| field.path.find(object)).cloned();
    let (mut old, mut new) = (at(before), at(after));
    if field.order {
        old = keys(old.as_ref(), &field.before);
        new = keys(new.as_ref(), &field.after);
    }
    is(&field.before, old.as_ref()) && is(&field.after, new.as_ref()) && old != new
}

/// Nothing of an entry is told twice, once better known than the other time.
fn agrees_with_itself(entry: &LifeEntry) -> Result<(), String> {
    let all: Vec<&FieldChange> = entry.fields.iter().chain(&entry.quiet).collect();
    let exact = |mark: &Mark| *mark == Mark::Exact;
    if entry.doubt.is_some() && all.iter().any(|field| exact(&field.mark)) {
        return Err("what it changed isn't known, and a field is exact".to_owned());
    }
    if let Some(words) = entry.words.as_ref().filter(|words| exact(&words.mark))
        && (entry.doubt.is_some() || entry.fields.iter().any(|field| !exact(&field.mark)))
    {
        return Err(format!("{words:?} are exact, and not all fields are"));
    }
    let twice = |(at, one): (usize, &&FieldChange)| {
        all[at + 1..].iter().any(|other| one.order == other.order && one.path.meets(&other.path))
    };
    match all.iter().enumerate().find(|pair| twice(*pair)) {
        Some((_, one)) => Err(format!("{} is told twice", one.path)),
        None => Ok(()),
    }
}

fn judge(entry: &LifeEntry, truth: &Truth, shares: &mut BTreeMap<String, Share>) {
    assert_eq!(agrees_with_itself(entry), Ok(()), "{entry:#?}");
    let before = bare(truth.before.as_ref(), &truth.api);
    let after = bare(truth.after.as_ref(), &truth.api);
    let patch = match &entry.patch[..] {
        [] => entry.verb.clone(),
        [kind] => kind.to_string(),
        _ => "patch of two kinds".to_owned(),
    };
    let what = || format!("{}\n{entry:#?}\nbefore {before:?}\nafter {after:?}", truth.what);
    let all: Vec<&FieldChange> = entry.fields.iter().chain(&entry.quiet).collect();
    let share = shares.entry(format!("{:<16}{patch}", truth.level)).or_default();
    for field in &all {
        match field.mark {
            Mark::Exact => {
                assert!(
                    holds(field, before.as_ref(), after.as_ref()),
                    "FALSE EXACT {field:?} {}",
                    what()
                );
            }
            _ if entry.quiet.contains(field) => continue,
            Mark::Inferred(_) => {
                share.inferred += 1;
                share.right += u64::from(holds(field, before.as_ref(), after.as_ref()));
            }
            Mark::Unknown(_) => share.unknown += 1,
        }
        share.exact += u64::from(field.mark == Mark::Exact && entry.fields.contains(field));
    }
    share.untold += u64::from(entry.doubt.is_some());
    let exact = all.iter().filter(|field| field.mark == Mark::Exact).count();
    if exact > 0 && exact == all.len() && entry.subresource != "scale" {
        let real = diff(before.as_ref(), after.as_ref());
        assert_eq!(real.fields.len(), exact, "something is left out: {}", what());
    }
    let wrote = truth.before != truth.after;
    match &entry.deed {
        Deed::Created { .. } => assert!(before.is_none() && after.is_some(), "{}", what()),
        Deed::Nothing { certain: true } | Deed::Refused(_) => assert!(!wrote, "{}", what()),
        Deed::Deleted { certain: true } | Deed::DeletedWithCollection { certain: true } => {
            assert!(after.is_none() && wrote, "{}", what());
        }
        _ => {}
    }
    if entry.between == Between::Nothing && exact > 0 {
        assert!(wrote, "{}", what());
    }
}

fn live(seed: u64, shares: &mut BTreeMap<String, Share>) -> (u64, u64) {
    let mut server = Server::new(seed);
    for _ in 0..STEPS {
        server.step();
    }
    server.log.sort_by_key(|(done, ..)| *done);
    let middle = server.log[server.log.len() / 2].0 + 300_000;
    let time = Time::from_micros(i64::try_from(middle).unwrap());
    let (group, resource) = (server.group().to_owned(), server.resource().to_owned());
    let name = ObjectName { group, resource, namespace: "n".into(), name: "p".into() };
    let mut life = Life::new(name).with_moment(time);
    let mut told = Vec::new();
    for (_, line, cite) in &server.log {
        told.extend(life.take(Act::read(line.as_bytes(), cited(*cite as u64)).unwrap()));
    }
    told.extend(life.finish());
    for entry in &told {
        judge(entry, &server.truths[usize::try_from(entry.cite.line).unwrap()], shares);
    }
    let moment = life.moment().unwrap();
    assert!(!(moment.proved && moment.under_way), "seed {seed}: {moment:?}");
    if moment.proved {
        let mut real =
            server.times.iter().rev().find(|(at, _)| *at <= middle).unwrap().1.clone().unwrap();
        let mut known = Value::clone(&moment.known.state().unwrap().object);
        real = bare(Some(&real), known["apiVersion"].as_str().unwrap()).unwrap();
        for object in [&mut real, &mut known] {
            object["metadata"].as_object_mut().unwrap().remove("generation");
        }
        assert_eq!(known, real, "seed {seed}: at {time}");
    }
    let mut same = 0;
    if let (Some(object), KnownObject::There(state)) = (&server.object, life.known()) {
        let api = state.object["apiVersion"].as_str().unwrap();
        let object = bare(Some(object), api).unwrap();
        let compared = compare(life.known(), &object);
        assert_ne!(compared.verdict, CompareVerdict::Contradiction, "seed {seed}");
        if compared.verdict == CompareVerdict::Same {
            same = 1;
        }
    }
    (u64::from(moment.proved), same)
}

#[test]
fn what_is_called_exact_is_always_true() {
    let mut shares = BTreeMap::new();
    let (mut proved, mut same) = (0, 0);
    let lives = std::env::var("AUDITSEAL_LIVES").ok().and_then(|n| n.parse().ok()).unwrap_or(LIVES);
    for seed in 0..lives {
        let (moment, verdict) = live(seed, &mut shares);
        proved += moment;
        same += verdict;
    }
    println!(
        "{:<40}{:>8}{:>9}{:>7}{:>9}{:>8}",
        "", "exact", "inferred", "right", "unknown", "untold"
    );
    let mut all = Share::default();
    for (name, share) in &shares {
        let Share { exact, inferred, unknown, untold, right } = *share;
        println!("{name:<40}{exact:>8}{inferred:>9}{right:>7}{unknown:>9}{untold:>8}");
        all.exact += exact;
        all.inferred += inferred;
        all.right += right;
        all.unknown += unknown;
    }
    println!(
        "{all:?}; moments proved: {proved}, live objects that are as known: {same} of {lives}"
    );
    assert!(all.exact > lives * 8 && all.inferred > lives * 10, "{all:?}");
    assert!(proved * 10 > lives && same * 4 > lives, "{proved} {same}");
    assert!(all.right * 10 > all.inferred * 8, "what is inferred is mostly right");
}
