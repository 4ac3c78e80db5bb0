//! The story that was played on a real kube-apiserver (`testdata/story`), as its objects' lives tell it, at each level:
//! `story/*.txt`. `AUDITSEAL_OVERWRITE=1` writes them anew.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use auditseal_history::life::{Between, Mark, ObjectName};
use auditseal_history::{Act, Cite, Life, LifeEntry};
use auditseal_merkle::Hash;
use serde_json::Value;

/// Where a line stands of which only the number counts.
fn cited(line: u64) -> Cite {
    Cite { chain: 0, seq: 0, line, seal: Hash::new([0; 32]) }
}

fn here(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The lines of each request's last stage.
fn last_stages(text: &str) -> Vec<&str> {
    let id = |line: &str| -> Value {
        let event: Value = serde_json::from_str(line).unwrap();
        event["auditID"].clone()
    };
    let last: HashMap<Value, usize> =
        (0..).zip(text.lines()).map(|(at, line)| (id(line), at)).collect();
    (0..)
        .zip(text.lines())
        .filter(|(at, line)| last[&id(line)] == *at)
        .map(|(_, line)| line)
        .collect()
}

fn written(entry: &LifeEntry) -> String {
    let who = match &entry.acting_as {
        Some(other) => format!("{} as {}", entry.user.username, other.username),
        None => entry.user.username.clone(),
    };
    let agent = entry.agent.split(['/', ' ']).next().unwrap_or_default();
    let sub = if entry.subresource.is_empty() { "" } else { "/" };
    let mut text =
        format!("{}{sub}{} by {who} with {agent}: {}\n", entry.verb, entry.subresource, entry.deed);
    let kinds: Vec<_> = entry.patch.iter().map(ToString::to_string).collect();
    if !kinds.is_empty() {
        writeln!(text, "    {}", kinds.join(" or ")).unwrap();
    }
    if entry.between != Between::Unproved {
        writeln!(text, "    {}", entry.between).unwrap();
    }
    if let Some(doubt) = &entry.doubt {
        writeln!(text, "    unknown: {doubt}").unwrap();
    }
    for field in &entry.fields {
        writeln!(text, "    {field}").unwrap();
    }
    for asked in entry.asked.iter().take(8) {
        let value = asked.value.as_ref().map_or("…".to_owned(), Value::to_string);
        writeln!(text, "    asked for {}: {value}", asked.path).unwrap();
    }
    if let Some(words) = &entry.words {
        let mark = match words.mark {
            Mark::Exact => String::new(),
            ref mark => format!(" ({mark})"),
        };
        match &words.sentences {
            Ok(said) if said.is_empty() => {
                writeln!(text, "  = the same in other words{mark}").unwrap()
            }
            Ok(said) => said.iter().for_each(|said| writeln!(text, "  = {said}{mark}").unwrap()),
            Err(unclear) => writeln!(text, "  = {unclear}").unwrap(),
        }
    }
    for reason in &entry.why {
        let new = if reason.new == Some(false) { " (not new)" } else { "" };
        writeln!(text, "    why: {} {}{new}", reason.name, reason.value).unwrap();
    }
    for mutation in &entry.mutations {
        writeln!(
            text,
            "    changed by webhook {}: {}",
            mutation.webhook,
            mutation.paths.join(", ")
        )
        .unwrap();
    }
    text
}

#[test]
fn the_story_is_told() {
    for (group, resource, namespace, name) in [
        ("networking.k8s.io", "networkpolicies", "shop", "web"),
        ("networking.k8s.io", "networkpolicies", "payments", "db"),
        ("networking.k8s.io", "ingresses", "shop", "web"),
        ("rbac.authorization.k8s.io", "roles", "shop", "dev-tools"),
        ("apps", "deployments", "shop", "web"),
    ] {
        let mut told = String::new();
        for level in ["requestresponse", "request", "metadata"] {
            let text =
                fs::read_to_string(here(&format!("../../testdata/story/{level}.log"))).unwrap();
            let of = ObjectName {
                group: group.into(),
                resource: resource.into(),
                namespace: namespace.into(),
                name: name.into(),
            };
            let mut life = Life::new(of);
            let mut entries = Vec::new();
            for (cite, line) in (0..).zip(last_stages(&text)) {
                entries.extend(
                    Act::read(line.as_bytes(), cited(cite))
                        .ok()
                        .and_then(|act| life.take(act).pop()),
                );
            }
            entries.extend(life.finish());
            writeln!(told, "# {level}: {} dry runs", life.counts().dry_runs).unwrap();
            entries.iter().for_each(|entry| told += &written(entry));
        }
        let golden = here(&format!("tests/story/{resource}-{namespace}-{name}.txt"));
        if std::env::var_os("AUDITSEAL_OVERWRITE").is_some() {
            fs::write(&golden, &told).unwrap();
        }
        assert_eq!(fs::read_to_string(&golden).unwrap_or_default(), told, "{}", golden.display());
    }
}
