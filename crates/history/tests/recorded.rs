//! Requests that hide what they do, recorded on a kube-apiserver 1.36.3 (`recorded/*.jsonl`), as the objects' lives tell
//! them (`recorded/*.txt`). `AUDITSEAL_OVERWRITE=1` writes those anew: read what changes, for each line is a promise.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use auditseal_history::life::ObjectName;
use auditseal_history::{Act, Cite, Life, LifeEntry};
use auditseal_merkle::Hash;

fn written(entry: &LifeEntry) -> String {
    let sub = if entry.subresource.is_empty() { "" } else { "/" };
    let (verb, of, who) = (&entry.verb, &entry.subresource, &entry.user.username);
    let mut text = format!("  {verb}{sub}{of} by {who}: {}\n", entry.deed);
    if let Some(doubt) = &entry.doubt {
        writeln!(text, "    unknown: {doubt}").unwrap();
    }
    for field in &entry.fields {
        writeln!(text, "    {field}").unwrap();
    }
    text
}

/// Each object that has a name in a log, with its life.
fn lives(log: &str) -> String {
    let acts = (1..).zip(log.lines()).map(|(line, text)| {
        let cite = Cite { chain: 0, seq: 0, line, seal: Hash::new([0; 32]) };
        Act::read(text.as_bytes(), cite).unwrap()
    });
    let acts: Vec<Act> = acts.collect();
    let mut lives = BTreeMap::new();
    for act in acts.iter().filter(|act| !act.target.name.is_empty()) {
        let itself = act.target.resource == "namespaces";
        let name = ObjectName {
            group: act.target.api_group.clone(),
            resource: act.target.resource.clone(),
            namespace: if itself { String::new() } else { act.target.namespace.clone() },
            name: act.target.name.clone(),
        };
        lives.entry(name.clone()).or_insert_with(|| Life::new(name));
    }
    let mut text = String::new();
    for (name, mut life) in lives {
        let mut told: Vec<_> = acts.iter().flat_map(|act| life.take(act.clone())).collect();
        told.extend(life.finish());
        let dry = life.counts().dry_runs;
        writeln!(text, "{}/{}, {dry} dry runs", name.resource, name.name).unwrap();
        told.iter().for_each(|entry| text += &written(entry));
    }
    text
}

#[test]
fn what_a_request_hides_is_told() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    let overwrite = std::env::var_os("AUDITSEAL_OVERWRITE").is_some();
    for name in
        ["addresses", "ends", "finalizers", "unseen", "status-of-namespace", "status-of-pod"]
    {
        let told = lives(&fs::read_to_string(folder.join(format!("{name}.jsonl"))).unwrap());
        let path = folder.join(format!("{name}.txt"));
        if overwrite {
            fs::write(&path, &told).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), told, "{name}");
    }
}
