//! What is committed is what the generator makes, and the map of the vectors is complete.

#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::collections::BTreeMap;
use std::fs;
use std::sync::LazyLock;

use auditseal_vectors::{ProofVector, RollupVector, Vector, cases, committed_dir, example};

const AGAIN: &str = "run `make vectors`, and look at what changed";

static MADE: LazyLock<BTreeMap<String, Vector>> = LazyLock::new(|| {
    cases::all().into_iter().map(|vector| (vector.name.clone(), vector)).collect()
});

fn readme() -> String {
    fs::read_to_string(committed_dir().join("README.md")).unwrap()
}

#[test]
fn vectors_are_what_is_made() {
    let (made, committed) = (&*MADE, Vector::committed().unwrap());
    let names = |vectors: &BTreeMap<String, Vector>| vectors.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&committed), names(made), "{AGAIN}");
    for (name, vector) in made {
        let path = committed_dir().join(format!("{name}.txt"));
        let text = fs::read_to_string(path).unwrap();
        assert!(text == vector.to_string(), "{name}: {AGAIN}");
    }
}

#[test]
fn the_worked_example_is_what_is_made() {
    let page = fs::read_to_string(example::page()).unwrap();
    assert!(example::with_example(&page).unwrap() == page, "FORMAT.md: {AGAIN}");
    let vector = &MADE["worked-example"];
    let key = vector.objects.keys().next_back().unwrap();
    assert!(page.contains(key), "the example is the vector's second object");
}

#[test]
fn vectors_are_small_and_make_sense() {
    for (name, vector) in &*MADE {
        let text = vector.to_string();
        assert!(text.len() < 30_000, "{name} takes {} bytes", text.len());
        assert_eq!(text.parse().as_ref(), Ok(vector), "{name}");
        assert!(!vector.about.is_empty(), "{name}");
        assert!(vector.vkeys.is_empty() != vector.trust.is_empty(), "{name}");
        match vector.exit {
            0 => assert!(vector.findings.is_empty() && !vector.until.is_empty(), "{name}"),
            1 | 3 => assert!(!vector.findings.is_empty() && vector.until.is_empty(), "{name}"),
            other => assert!(other == 2 && vector.findings.is_empty(), "{name}"),
        }
    }
}

/// Whether a name is one of a pattern's, in which `*` stands for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name
            .strip_prefix(start)
            .is_some_and(|name| (0..=name.len()).any(|at| matches(rest, &name[at..]))),
    }
}

/// The patterns of the README's tables of rules.
fn patterns() -> Vec<String> {
    let readme = readme();
    let (_, rules) = readme.split_once("## Rules and their vectors").unwrap();
    patterns_of(rules)
}

fn patterns_of(rules: &str) -> Vec<String> {
    let cells = rules.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").nth(1));
    let in_code =
        |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let all = cells.flat_map(in_code);
    // Verdicts stand there too.
    all.filter(|text| !text.chars().any(|c| c.is_ascii_uppercase())).collect()
}

#[test]
fn the_readme_maps_every_vector() {
    let (made, patterns) = (&*MADE, patterns());
    for name in made.keys() {
        assert!(patterns.iter().any(|pattern| matches(pattern, name)), "{name} is not mapped");
    }
    for pattern in &patterns {
        assert!(made.keys().any(|name| matches(pattern, name)), "no vector is {pattern}");
    }
}

#[test]
fn proofs_are_what_is_made_and_all_are_mapped() {
    let committed = ProofVector::committed().unwrap();
    let made: BTreeMap<_, _> =
        cases::proofs().into_iter().map(|vector| (vector.name.clone(), vector)).collect();
    assert_eq!(committed.keys().collect::<Vec<_>>(), made.keys().collect::<Vec<_>>(), "{AGAIN}");
    for (name, vector) in &made {
        let path = ProofVector::committed_dir().join(format!("{name}.txt"));
        let text = fs::read_to_string(path).unwrap();
        assert!(text == vector.to_string(), "{name}: {AGAIN}");
        let (verdict, event) = (vector.verdict.is_some(), vector.event.is_some());
        assert_eq!((verdict, event), (vector.exit == 1, vector.exit == 0), "{name}");
    }
    let readme = fs::read_to_string(ProofVector::committed_dir().join("README.md")).unwrap();
    let (_, rules) = readme.split_once("### Event proofs").unwrap();
    let patterns = patterns_of(rules);
    for name in made.keys() {
        assert!(patterns.iter().any(|pattern| matches(pattern, name)), "{name} is not mapped");
    }
    for pattern in patterns {
        assert!(made.keys().any(|name| matches(&pattern, name)), "no vector is {pattern}");
    }
}

#[test]
fn roll_ups_are_what_is_made_and_all_are_mapped() {
    let folder = RollupVector::committed_dir();
    let made: BTreeMap<_, _> =
        cases::rollups().into_iter().map(|vector| (vector.name.clone(), vector)).collect();
    let mut there: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".txt")?.into()))
        .collect();
    there.sort();
    assert_eq!(there, made.keys().cloned().collect::<Vec<_>>(), "{AGAIN}");
    for (name, vector) in &made {
        let text = fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
        assert!(text == vector.to_string(), "{name}: {AGAIN}");
    }
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let (_, rules) = readme.split_once("### Roll-ups in a store").unwrap();
    let patterns = patterns_of(rules);
    for name in made.keys() {
        assert!(patterns.iter().any(|pattern| matches(pattern, name)), "{name} is not mapped");
    }
    for pattern in patterns {
        assert!(made.keys().any(|name| matches(&pattern, name)), "no vector is {pattern}");
    }
}

#[test]
fn every_section_that_states_rules_has_vectors() {
    let page = fs::read_to_string(example::page()).unwrap();
    let rules = readme();
    let headings = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("##"));
        lines.map(|line| line.trim_start_matches('#').trim().to_owned()).collect()
    };
    // Those of the index, of proofs and of roll-ups have shapes of their own.
    let others = ["../index/README.md", "../proofs/README.md", "../rollups/README.md"]
        .map(|page| headings(&fs::read_to_string(committed_dir().join(page)).unwrap()));
    let mapped = [headings(&rules), others.concat()].concat();
    for section in headings(&page) {
        let stateless = ["Terminology", "Threat model", "Changes"].contains(&section.as_str());
        assert!(stateless || mapped.contains(&section), "section {section} has no vectors");
    }
}

const NEED_A_STORE: [&str; 5] =
    ["COMPLETE", "TIME_INCONSISTENT", "HIDDEN", "SHADOWED", "WEAK_WORM"];

#[test]
fn every_verdict_has_a_vector() {
    let page = fs::read_to_string(example::page()).unwrap();
    let (_, rules) = page.split_once("## Reading and verifying").unwrap();
    let (rules, _) = rules.split_once("## Threat model").unwrap();
    let names = rules
        .split('`')
        .skip(1)
        .step_by(2)
        .map(|code| code.split(' ').next().unwrap_or_default().trim());
    let verdicts: Vec<&str> = names
        .filter(|name| {
            let letters = name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
            letters && name.bytes().any(|b| b != b'_')
        })
        // No verdict, one that needs a store's dates, and those that need its versions and locks,
        // which a vector hasn't: see archive's tests. What an index must be is in testdata/index, and that
        // a wrong one is named in pack's tests.
        .filter(|name| !NEED_A_STORE.contains(name) && *name != "WRONG_INDEX")
        .collect();
    assert!(verdicts.len() > 12, "{verdicts:?}");
    for verdict in verdicts {
        let has = |vector: &Vector| {
            let mut all = vector.findings.iter().chain(&vector.infos);
            all.any(|finding| finding.starts_with(&format!("{verdict} ")))
        };
        assert!(MADE.values().any(has), "no vector has {verdict}");
    }
}
