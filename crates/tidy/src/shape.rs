//! How files and types hang together: no circles among a crate's files, and no two types of one name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::dependencies::LEVELS;
use crate::tree::{root, rust_files, without_tests};

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
/// children's table of contents. What another file only hands on counts for the file that has it.
fn uses(module: &Module, code: &str, all: &BTreeMap<Module, String>) -> BTreeSet<Module> {
    let mut found: BTreeSet<Module> =
        paths(code).iter().map(|path| named(module, path, all, HANDED_ON)).collect();
    found.retain(|other| !other.starts_with(module) && !module.starts_with(other));
    found
}

/// Files that may hand one name on to each other before it is found.
const HANDED_ON: usize = 4;

/// The paths into its own crate that a module's code names, in `use` lines and elsewhere.
fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                found.extend(branches(&code[at..]));
            }
        }
    }
    found
}

/// The paths of a tree that may end in braces: `a::{b, c::{d, e}}`.
fn branches(tree: &str) -> Vec<String> {
    let end = tree.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let (path, rest) = tree.split_at(end.unwrap_or(tree.len()));
    if !(path.ends_with("::") && rest.starts_with('{')) {
        return vec![path.to_owned()];
    }
    let (mut depth, mut from, mut found) = (0, 1, Vec::new());
    for (at, c) in rest.char_indices() {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        if (c == ',' && depth == 1) || depth == 0 {
            let inner = branches(rest[from..at].trim_start());
            found.extend(inner.into_iter().map(|inner| format!("{path}{inner}")));
            from = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    found
}

/// The module that has what a path of a module names.
fn named(from: &Module, path: &str, all: &BTreeMap<Module, String>, hops: usize) -> Module {
    let mut parts = path.split("::").peekable();
    let mut at = from.clone();
    while let Some(word) = parts.next_if(|word| ["crate", "self", "super"].contains(word)) {
        match word {
            "crate" => at.clear(),
            "super" => drop(at.pop()),
            _ => {}
        }
    }
    while let Some(&part) = parts.peek() {
        at.push(part.to_owned());
        if !all.contains_key(&at) {
            at.pop();
            break;
        }
        parts.next();
    }
    let Some(name) = parts.next().filter(|_| hops > 0) else { return at };
    let handed = all.get(&at).map(|code| handed_on(code)).unwrap_or_default();
    let of = handed.iter().find(|path| path.rsplit("::").next() == Some(name));
    // A path without a start is one of a child module, or of another crate, which leads nowhere here.
    of.map_or_else(|| at.clone(), |path| named(&at, path, all, hops - 1))
}

/// The paths of the names that a module's code hands on.
fn handed_on(code: &str) -> Vec<String> {
    let lines = ["pub use ", "pub(crate) use ", "pub(super) use "];
    let trees = lines.iter().flat_map(|line| {
        code.match_indices(line).map(|(at, _)| &code[at + line.len()..]).collect::<Vec<_>>()
    });
    trees.flat_map(branches).collect()
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
        assert!(circle.is_empty(), "{name}: these need each other: {circle:?}");
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
        let words = |path: &str| path.split("::").map(str::to_owned).collect();
        let module = |path: &str| if path.is_empty() { Module::new() } else { words(path) };
        files.iter().map(|(path, code)| (module(path), code.to_string())).collect()
    };
    let circles: [&[(&str, &str)]; 5] = [
        &[("a", "use crate::b::B;"), ("b", "fn f() { crate::a::g() }")],
        &[("a", "use crate::{b::B, c::C};"), ("b", ""), ("c", "use crate::a;")],
        &[("d", "mod e; mod f;"), ("d::e", "use super::f::F;"), ("d::f", "use super::{e, X};")],
        &[
            ("a", "use crate::{x::X,\n    b::{c::C, d::{B, E}}};"),
            ("b::d", "use crate::a::A;"),
            ("b", ""),
        ],
        &[
            ("", "pub use a::{A, Z}; pub use b::B;"),
            ("a", "use crate::B;"),
            ("b", "fn f(a: crate::A) {}"),
        ],
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
