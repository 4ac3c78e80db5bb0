//! How files and types hang together: no circles among a crate's files, and no two types of one name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::dependencies::LEVELS;
use crate::tree::{root, rust_files, without_tests};

/// Crates with files that need each other. None may be added, and what is mended comes off the list.
const CIRCLES: [&str; 6] = ["cli", "decompress", "spool", "store", "tail", "vault"];

/// Names of several crates' public types, and how many crates have one: each is the plain word for what
/// it is there, and none of them meets another in one signature.
const NAMES: [(&str, usize); 36] = [
    ("Answer", 2),
    ("Chain", 2),
    ("Check", 2),
    ("Cursor", 2),
    ("Entry", 3),
    ("Error", 5),
    ("Event", 2),
    ("Fact", 2),
    ("Fetched", 2),
    ("Gap", 2),
    ("Kind", 2),
    ("Left", 2),
    ("Limits", 3),
    ("Listing", 2),
    ("Look", 3),
    ("Mode", 2),
    ("Notice", 2),
    ("Object", 2),
    ("Options", 2),
    ("Outcome", 3),
    ("Page", 2),
    ("Part", 3),
    ("Policy", 2),
    ("Progress", 2),
    ("Range", 3),
    ("Refused", 2),
    ("Report", 3),
    ("Retention", 2),
    ("Row", 2),
    ("Sample", 2),
    ("Settings", 2),
    ("Source", 2),
    ("Status", 2),
    ("Stored", 2),
    ("Take", 2),
    ("Verdict", 2),
];

/// A module's path in its crate; empty for the crate itself.
type Module = Vec<String>;

/// The files of a crate as modules, without their inline tests and comments.
fn modules(name: &str) -> BTreeMap<Module, String> {
    let src = root().join("crates").join(name).join("src");
    let module = |path: &Path| -> Module {
        let parts = path.strip_prefix(&src).unwrap().with_extension("");
        let mut parts: Vec<_> =
            parts.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        if matches!(parts.last().map(String::as_str), Some("mod" | "lib" | "main")) {
            parts.pop();
        }
        parts
    };
    let files = rust_files(&src).into_iter().filter(|(path, _)| !path.starts_with(src.join("bin")));
    files.map(|(path, text)| (module(&path), code(&text))).collect()
}

fn code(text: &str) -> String {
    let lines = without_tests(text).lines().map(|line| line.split("//").next().unwrap_or(""));
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules that a module's code names, but for its own parents and children: a parent is its
/// children's table of contents.
fn uses(module: &Module, code: &str, all: &BTreeMap<Module, String>) -> BTreeSet<Module> {
    let mut found = BTreeSet::new();
    for (start, base) in [("crate::", Vec::new()), ("super::", parent(module))] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let (mut base, mut rest) = (base.clone(), &code[at + start.len()..]);
            while let Some(behind) = rest.strip_prefix("super::") {
                (base, rest) = (parent(&base), behind);
            }
            let group = rest.strip_prefix('{').and_then(|rest| rest.split('}').next());
            for path in group.map_or(vec![rest], |group| group.split(',').collect()) {
                found.extend(named(&base, path.trim(), all));
            }
        }
    }
    found.retain(|other| !other.starts_with(module) && !module.starts_with(other));
    found
}

fn parent(module: &Module) -> Module {
    module[..module.len().saturating_sub(1)].to_vec()
}

/// The module that a path leads into.
fn named(base: &Module, path: &str, all: &BTreeMap<Module, String>) -> Option<Module> {
    let end = path.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let parts = path[..end.unwrap_or(path.len())].split("::").map(str::to_owned);
    let mut module: Module = base.iter().cloned().chain(parts).collect();
    while !module.is_empty() && !all.contains_key(&module) {
        module.pop();
    }
    (!module.is_empty()).then_some(module)
}

/// Modules from which one comes back to them.
fn in_circles(all: &BTreeMap<Module, String>) -> Vec<String> {
    let edges: BTreeMap<_, _> =
        all.iter().map(|(module, code)| (module, uses(module, code, all))).collect();
    let comes_back = |module: &&Module| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![*module]);
        while let Some(at) = next.pop() {
            next.extend(edges[at].iter().filter(|other| seen.insert(*other)));
        }
        seen.contains(module)
    };
    all.keys().filter(comes_back).map(|module| module.join("::")).collect()
}

#[test]
fn files_need_each_other_one_way() {
    for (name, _) in LEVELS {
        let circle = in_circles(&modules(name));
        let listed = CIRCLES.contains(&name);
        assert!(listed || circle.is_empty(), "{name}: these need each other: {circle:?}");
        assert!(
            !listed || !circle.is_empty(),
            "{name} has no circle any more: take it off the list"
        );
    }
}

#[test]
fn a_type_has_a_name_of_its_own() {
    let mut names: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (name, _) in LEVELS {
        for code in modules(name).into_values() {
            let kinds = ["pub struct ", "pub enum ", "pub trait ", "pub type "];
            let types =
                code.lines().filter_map(|line| kinds.iter().find_map(|k| line.strip_prefix(k)));
            for rest in types {
                let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
                names.entry(rest[..end].to_owned()).or_default().insert(name);
            }
        }
    }
    names.retain(|_, crates| crates.len() > 1);
    for (name, crates) in &names {
        let listed = NAMES.iter().find(|(known, _)| known == name).map(|(_, count)| *count);
        assert_eq!(listed, Some(crates.len()), "{name} is a type of {crates:?}: name what it is");
    }
    for (name, _) in NAMES {
        assert!(names.contains_key(name), "{name} has one owner now: take it off the list");
    }
}

#[test]
fn circles_are_found_however_they_are_spelled() {
    let crate_of = |files: &[(&str, &str)]| -> BTreeMap<Module, String> {
        let module = |path: &str| path.split("::").map(str::to_owned).collect();
        files.iter().map(|(path, code)| (module(path), code.to_string())).collect()
    };
    let circles: [&[(&str, &str)]; 3] = [
        &[("a", "use crate::b::B;"), ("b", "fn f() { crate::a::g() }")],
        &[("a", "use crate::{b::B, c::C};"), ("b", ""), ("c", "use crate::a;")],
        &[("d", "mod e; mod f;"), ("d::e", "use super::f::F;"), ("d::f", "use super::{e, X};")],
    ];
    for circle in circles {
        assert_eq!(in_circles(&crate_of(circle)).len(), 2, "{circle:?}");
    }
    let none =
        [("a", "use crate::b::B;"), ("b", "use crate::c::C;"), ("c", "use super::super::x;")];
    assert!(in_circles(&crate_of(&none)).is_empty());
    let parents = [("d", "use e::E; mod e;"), ("d::e", "use super::D; use crate::d::D;")];
    assert!(in_circles(&crate_of(&parents)).is_empty());
}
