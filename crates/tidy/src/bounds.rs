//! Bounds never decide what is archived: every number in the source that could bound something is
//! in `bounds.toml`, with the tests that go beyond it, or with the reason why it bounds nothing.
//!
//! A daily log of a year has 366 files, and a bound of 256 once decided how many of them were
//! archived. What is beyond a bound must cost time or be said, and a test must have been there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::dependencies::LEVELS;
use crate::tree::{is_test, root, rust_files, without_tests};

/// The registry, beside this crate's manifest.
const REGISTRY: &str = "crates/tidy/bounds.toml";
/// The table that is made of it.
const PAGE: &str = "docs/limits.md";

/// Kinds of bounds, by what happens beyond them, and how the page says it.
const KINDS: [(&str, &str); 4] = [
    ("waits", "costs time"),
    ("says", "is said: an error, a gap, a finding or an alarm"),
    ("counts", "is counted in full, and shown in part"),
    ("forgets", "is forgotten, and known again where it matters"),
];

/// Types of numbers that could bound something. A `Duration` is a time.
const NUMBERS: [&str; 14] = [
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "usize",
    "i32",
    "i64",
    "i128",
    "isize",
    "f64",
    "NonZeroU32",
    "NonZeroU64",
    "NonZeroUsize",
];

/// Structs of settings have such names; their numeric fields are scanned.
const STRUCTS: [&str; 4] = ["Limits", "Settings", "Config", "Options"];

/// What a source file declares: name (of a field: with its struct's) and value.
type Numbers = BTreeMap<String, String>;

/// An entry of the registry.
#[derive(Debug)]
enum Entry {
    Nothing,
    Bound { kind: String, bounds: String, tests: Vec<String> },
}

fn is_number(kind: &str) -> bool {
    let kind = kind.strip_prefix("Option<").and_then(|kind| kind.strip_suffix('>')).unwrap_or(kind);
    // A list of waits says how often something is tried.
    let list = kind.strip_prefix('[').and_then(|kind| kind.split_once(';'));
    match list {
        Some((of, _)) => of != "u8" && (NUMBERS.contains(&of) || of == "Duration"),
        None => NUMBERS.contains(&kind),
    }
}

/// A line without its visibility.
fn bare(line: &str) -> &str {
    let line = line.trim();
    let Some(rest) = line.strip_prefix("pub") else { return line };
    match rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((_, rest)) => rest.trim_start(),
        None => rest.strip_prefix(' ').unwrap_or(line),
    }
}

/// `const NAME: TYPE = VALUE;` at the beginning of `lines`: name, and value up to its semicolon.
fn constant(lines: &[&str]) -> Option<(String, String)> {
    let (name, rest) = bare(lines[0]).strip_prefix("const ")?.split_once(": ")?;
    let (kind, _) = rest.split_once(" =")?;
    is_number(kind).then_some(())?;
    let text = lines.iter().take(8).map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    let (_, value) = text.split_once(" =")?;
    let value = value.split_once(';').map_or(value, |(value, _)| value);
    // Of a list, its own semicolon ends the value too early; its type says what matters.
    let value = if kind.starts_with('[') { kind } else { value.trim() };
    Some((name.to_owned(), value.to_owned()))
}

/// The struct of settings that a line begins.
fn settings(line: &str) -> Option<&str> {
    let name = bare(line).strip_prefix("struct ")?.strip_suffix(" {")?;
    STRUCTS.iter().any(|end| name.ends_with(end)).then_some(name)
}

/// What `impl Default` gives the field of a struct.
fn default_of(text: &str, name: &str, field: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("impl Default for {name} {{"))?;
    let body = rest.split_once("\n}").map_or(rest, |(body, _)| body);
    let start = format!("{field}: ");
    let value = body.split([',', '{', '\n']).find_map(|part| part.trim().strip_prefix(&start))?;
    Some(value.trim_end_matches([' ', '}']).to_owned())
}

/// All numbers that a file's text declares.
fn numbers(text: &str) -> Numbers {
    let lines: Vec<_> = text.lines().collect();
    let mut found = Numbers::new();
    let mut inside = None;
    for (at, line) in lines.iter().enumerate() {
        found.extend(constant(&lines[at..]));
        inside = settings(line).or(inside.filter(|_| line.trim_end() != "}"));
        let field = bare(line).strip_suffix(',').and_then(|line| line.split_once(": "));
        if let (Some(name), Some((field, kind))) = (inside, field)
            && field.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && is_number(kind)
        {
            let value = default_of(text, name, field).unwrap_or_else(|| "as told".to_owned());
            found.insert(format!("{name}.{field}"), value);
        }
    }
    found
}

/// Modules that a file compiles for tests alone.
fn for_tests(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().zip(text.lines().skip(1));
    lines.filter(|(before, _)| before.trim() == "#[cfg(test)]").filter_map(|(_, line)| {
        bare(line).strip_prefix("mod ").and_then(|line| line.strip_suffix(';'))
    })
}

/// The numbers of all sources that ship, by the files' paths below `crates/`.
fn declared() -> BTreeMap<String, Numbers> {
    let mut all = BTreeMap::new();
    for (name, _) in LEVELS {
        let src = root().join("crates").join(name).join("src");
        let files = rust_files(&src);
        let tests: BTreeSet<String> =
            files.iter().flat_map(|(_, text)| for_tests(text)).map(str::to_owned).collect();
        let ships = |path: &Path| {
            let mut parts = path.strip_prefix(&src).unwrap().components();
            let test = |part: &str| tests.contains(part.strip_suffix(".rs").unwrap_or(part));
            !is_test(path) && !parts.any(|part| test(&part.as_os_str().to_string_lossy()))
        };
        for (path, text) in files.iter().filter(|(path, _)| ships(path)) {
            let path = path.strip_prefix(root().join("crates")).unwrap();
            let found = numbers(without_tests(text));
            if !found.is_empty() {
                all.insert(path.to_string_lossy().into_owned(), found);
            }
        }
    }
    all
}

fn words(entry: &toml::Value, key: &str) -> Vec<String> {
    let texts = |value: &toml::Value| match value {
        toml::Value::Array(values) => {
            values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
        }
        other => other.as_str().map(str::to_owned).into_iter().collect(),
    };
    entry.get(key).map(texts).unwrap_or_default()
}

/// The registry, by file and name.
fn registry() -> BTreeMap<String, BTreeMap<String, Entry>> {
    let text = fs::read_to_string(root().join(REGISTRY)).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let entry = |(name, value): (&String, &toml::Value)| {
        let entry = if value.is_str() {
            Entry::Nothing
        } else {
            let text = |key| words(value, key).concat();
            Entry::Bound {
                kind: text("kind"),
                bounds: text("bounds"),
                tests: words(value, "tests"),
            }
        };
        (name.clone(), entry)
    };
    let file = |(path, names): (String, toml::Value)| {
        (path, names.as_table().unwrap().iter().map(entry).collect())
    };
    table.into_iter().map(file).collect()
}

/// Names of all test functions in the workspace.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, text) in rust_files(&root().join("crates")) {
        let mut attributes = String::new();
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[") {
                attributes += line;
                continue;
            }
            let function = line.trim_start_matches("async ").strip_prefix("fn ");
            if let Some(name) = function.and_then(|rest| rest.split(['(', '<']).next())
                && ["#[test]", "::test]", "::test("].iter().any(|mark| attributes.contains(mark))
            {
                names.insert(name.to_owned());
            }
            attributes.clear();
        }
    }
    names
}

/// What the registry and the source say differently, one line each.
fn faults(
    declared: &BTreeMap<String, Numbers>,
    registry: &BTreeMap<String, BTreeMap<String, Entry>>,
    tests: &BTreeSet<String>,
) -> Vec<String> {
    let mut faults = Vec::new();
    for (path, numbers) in declared {
        let known = registry.get(path);
        for name in numbers.keys().filter(|name| known.is_none_or(|k| !k.contains_key(*name))) {
            faults.push(format!("{path}: {name} isn't in {REGISTRY}: does it bound anything?"));
        }
    }
    for (path, entries) in registry {
        for (name, entry) in entries {
            if !declared.get(path).is_some_and(|numbers| numbers.contains_key(name)) {
                faults.push(format!("{path}: {name} is gone: take it out of {REGISTRY}"));
            }
            let Entry::Bound { kind, bounds, tests: named } = entry else { continue };
            if !KINDS.iter().any(|(known, _)| known == kind) || bounds.is_empty() {
                faults.push(format!("{path}: {name} has no known kind, or bounds nothing"));
            }
            if named.is_empty() {
                faults.push(format!("{path}: {name} bounds {bounds}, and no test goes beyond it"));
            }
            for test in named.iter().filter(|test| !tests.contains(*test)) {
                faults.push(format!("{path}: {name}: there is no test {test}"));
            }
        }
    }
    faults
}

/// The page: one table per crate.
fn page() -> String {
    let (declared, registry) = (declared(), registry());
    let mut page = String::from(concat!(
        "# Limits\n\n",
        "Every number in the source that bounds how many of something there may be, what happens ",
        "beyond it, and the tests that go there. **No bound decides what is archived**: what is ",
        "beyond one costs time, or is said.\n\n",
        "Made from the source and `crates/tidy/bounds.toml` by `make limits`; a test holds it ",
        "against them. Numbers that bound nothing (units, sizes of buffers, times, what a ",
        "protocol says) are in the registry with the reason.\n",
    ));
    let mut section = "";
    for (path, entries) in &registry {
        for (name, entry) in entries {
            let Entry::Bound { kind, bounds, tests } = entry else { continue };
            let (owner, file) = path.split_once("/src/").unwrap();
            if owner != section {
                section = owner;
                let head =
                    "| bound | value | what it bounds | beyond it | tests |\n|---|---|---|---|---|";
                writeln!(page, "\n## {owner}\n\n{head}").unwrap();
            }
            let value = declared.get(path).and_then(|numbers| numbers.get(name));
            let value = value.map_or("", String::as_str).replace('|', "\\|");
            let beyond = KINDS.iter().find(|(known, _)| known == kind).map_or("", |(_, say)| say);
            let tests: Vec<_> = tests.iter().map(|test| format!("`{test}`")).collect();
            let tests = tests.join(", ");
            writeln!(page, "| `{name}` ({file}) | `{value}` | {bounds} | {beyond} | {tests} |")
                .unwrap();
        }
    }
    page
}

#[test]
fn every_bound_has_a_test_beyond_it() {
    let faults = faults(&declared(), &registry(), &tests());
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn the_page_of_limits_is_made_from_the_code() {
    let (path, page) = (root().join(PAGE), page());
    if std::env::var_os("AUDITSEAL_PAGE").is_some_and(|told| told == "write") {
        fs::write(&path, &page).unwrap();
    }
    let stale = format!("{PAGE} isn't what the source says: make it again with make limits");
    assert!(fs::read_to_string(&path).unwrap_or_default() == page, "{stale}");
}

#[test]
fn numbers_are_found_however_they_are_declared() {
    let text = "const A: usize = 1 << 20;\n    pub(crate) const B: u64 =\n        3;\n\
                pub const C: [Duration; 2] = [X, Y];\nconst D: Duration = Z;\nconst E: [u8; 4] = [0; 4];\n\
                const F: &str = \"x\";\nconst fn g() {}\n\
                pub struct MyLimits {\n    /// Text: u64,\n    pub a: usize,\n    pub(crate) b: Option<u64>,\n    c: Duration,\n}\n\
                struct Other {\n    d: usize,\n}\n\
                impl Default for MyLimits {\n    fn default() -> Self {\n        Self { a: 7, b: None }\n    }\n}\n";
    let found: Vec<_> = numbers(text).into_iter().collect();
    let wanted = [
        ("A", "1 << 20"),
        ("B", "3"),
        ("C", "[Duration; 2]"),
        ("MyLimits.a", "7"),
        ("MyLimits.b", "None"),
    ];
    assert_eq!(found, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn each_fault_of_the_registry_is_found() {
    let declared = BTreeMap::from([(
        "a.rs".to_owned(),
        ["NEW", "TIME", "FINE", "LOST", "BARE"].map(|n| (n.to_owned(), "1".to_owned())).into(),
    )]);
    let bound = |tests: &[&str]| Entry::Bound {
        kind: "waits".to_owned(),
        bounds: "files".to_owned(),
        tests: tests.iter().map(|test| (*test).to_owned()).collect(),
    };
    let entries = [
        ("TIME", Entry::Nothing),
        ("FINE", bound(&["beyond"])),
        ("LOST", bound(&["nowhere"])),
        ("BARE", bound(&[])),
        ("GONE", bound(&["beyond"])),
    ];
    let entries = entries.map(|(name, entry)| (name.to_owned(), entry)).into();
    let registry = BTreeMap::from([("a.rs".to_owned(), entries)]);
    let found = faults(&declared, &registry, &BTreeSet::from(["beyond".to_owned()])).join("\n");
    for (name, why) in [
        ("NEW", "isn't in"),
        ("LOST", "no test nowhere"),
        ("BARE", "no test goes"),
        ("GONE", "is gone"),
    ] {
        let fits = |line: &str| line.contains(name) && line.contains(why);
        assert!(found.lines().any(fits), "{name}: {found}");
    }
    assert_eq!(found.lines().count(), 4, "{found}");
}
