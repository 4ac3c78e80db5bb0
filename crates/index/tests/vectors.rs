//! testdata/index: texts of packs, and the indexes that are made of them. Run with `AUDITSEAL_OVERWRITE=1` to make the
//! files again; crates/index/index.py, which was written from FORMAT.md alone, is held against them too.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use auditseal_index::{Builder, Index, PackId, RollupBuilder};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/index")
}

struct Case {
    name: &'static str,
    about: &'static str,
    first: u64,
    batches: Vec<Vec<Vec<u8>>>,
}

fn case(name: &'static str, about: &'static str, first: u64, batches: Vec<Vec<String>>) -> Case {
    let bytes = |batch: Vec<String>| batch.into_iter().map(String::into_bytes).collect();
    Case { name, about, first, batches: batches.into_iter().map(bytes).collect() }
}

/// Each line a batch of its own, behind one that can be read.
fn alone(name: &'static str, about: &'static str, lines: &[String]) -> Case {
    let mut batches = vec![vec![r#"{"verb":"get"}"#.to_owned()]];
    batches.extend(lines.iter().map(|line| vec![line.clone()]));
    case(name, about, 100, batches)
}

fn event(id: u32, verb: &str, name: &str, from: &str) -> String {
    format!(
        r#"{{"kind":"Event","auditID":"{id}","verb":"{verb}","user":{{"username":"u"}},"sourceIPs":["{from}"],"objectRef":{{"resource":"pods","namespace":"n","name":"{name}"}}}}"#
    )
}

/// An event with all that is read.
const WHOLE: &str = r#"{"kind":"Event","auditID":"a-1","verb":"create","user":{"username":"eve","groups":["g"]},"impersonatedUser":{"username":"bob"},"sourceIPs":["10.0.0.9","::1"],"objectRef":{"resource":"pods","namespace":"prod","name":"web","subresource":"exec","apiGroup":"g"},"responseStatus":{"code":403}}"#;
/// Lines that open their batch.
const UNREAD: [&str; 33] = [
    "",
    "x",
    "[]",
    r#"{"verb":"get""#,
    r#"{"verb":"get"}}"#,
    r#"{"verb":"get","verb":"get"}"#,
    r#"{"v\u0065rb":"get"}"#,
    r#"{"verb":1}"#,
    r#"{"user":"eve"}"#,
    r#"{"user":{"username":1}}"#,
    r#"{"user":{"username":"a","username":null}}"#,
    r#"{"objectRef":{"n\u0061me":"x"}}"#,
    r#"{"sourceIPs":"10.0.0.9"}"#,
    r#"{"sourceIPs":[null]}"#,
    r#"{"responseStatus":{"code":"403"}}"#,
    r#"{"responseStatus":{"code":4e2}}"#,
    r#"{"responseStatus":{"code":-403}}"#,
    r#"{"verb":"\ud800"}"#,
    r#"{"verb":"\x"}"#,
    "{\"a\":\"\t\"}",
    r#"{"a":01}"#,
    r#"{"a":1.}"#,
    r#"{"a":tru}"#,
    r#"{"a":[1,]}"#,
    r#"{"a":1,}"#,
    r#"{"a" 1}"#,
    r#"{"a":NaN}"#,
    r#"{"a":1}{}"#,
    r#"{"a":1}]"#,
    r#"{"a":1},{}"#,
    r#"{"a":1]"#,
    "{\"a\":1}\x0b",
    r#"{"responseStatus":{"code":4030000000}}"#,
];
/// Lines that are odd, and read.
const READ: [&str; 11] = [
    " {\t\"verb\" : \"get\" } \r",
    r#"{"verb":null,"user":null,"sourceIPs":[],"objectRef":{"name":null}}"#,
    r#"{"a":{"verb":1,"\u0076erb":2,"user":3},"b":1,"b":2}"#,
    r#"{"a":"\ud800","b":-0.5E+999,"c":[{},[]]}"#,
    r#"{"verb":"CORP\\eve\/\"\u00e9\ud83d\ude00\n"}"#,
    r#"{"user":{},"impersonatedUser":{}}"#,
    r#"{"sourceIPs":["a","b"],"x":["c",1,null]}"#,
    r#"{"responseStatus":{"code":399}}"#,
    r#"{"responseStatus":{"code":400}}"#,
    r#"{"responseStatus":{"code":null},"auditID":""}"#,
    r#"{"user":{"extra":{"username":["no"]}},"annotations":{"verb":"no"}}"#,
];

fn long(length: usize) -> String {
    format!(r#"{{"verb":"{}"}}"#, "x".repeat(length))
}

fn nested(depth: usize) -> String {
    format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1))
}

fn addresses(count: usize) -> String {
    format!(r#"{{"sourceIPs":[{}]}}"#, vec![r#""a""#; count].join(","))
}

/// The lines of a batch by whose number each is there or not: now and then, in runs, in half of all, in it alone.
fn patterned(n: u32) -> Vec<String> {
    let verb = |name: String| event(n, &name, "", "10.0.0.9");
    let every = |k: u32| n.is_multiple_of(k).then(|| verb(format!("every-{k}")));
    let run = (n / 20 % 2 == 1).then(|| verb("runs".to_owned()));
    let some = (n.wrapping_mul(0x9e37_79b9) >> 16) & 1 == 0;
    let half = some.then(|| verb("half".to_owned()));
    let one = (n % 37 == 5).then(|| verb(format!("one-{n}")));
    [2, 3, 64, 100].into_iter().filter_map(every).chain(run).chain(half).chain(one).collect()
}

/// Lines about many objects.
fn many(n: u32) -> Vec<String> {
    let name = |n: u32| format!("web-{}", n * 7919 % 1009);
    (n * 20..n * 20 + 20).map(|n| event(n, "get", &name(n), "::1")).collect()
}

fn text_cases() -> Vec<Case> {
    let with = |lines: &[&str], more: &[String]| -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).chain(more.iter().cloned()).collect()
    };
    let unread = with(&UNREAD, &[long(4097), nested(16_385), addresses(17)]);
    let read = with(&READ, &[long(128), long(129), long(4096), nested(16_384), addresses(16)]);
    let mut bytes =
        alone("bytes", "bytes that aren't UTF-8, where they are read and where not", &[]);
    bytes.batches.push(vec![b"{\"a\":\"\xff\",\"verb\":\"get\"}".to_vec()]);
    bytes.batches.push(vec![b"{\"verb\":\"\xff\"}".to_vec()]);
    let empty = vec![vec![], vec![]];
    vec![
        case("one-event", "all terms of a line", 0, vec![vec![WHOLE.to_owned()]]),
        case("no-lines", "batches without lines, as heartbeats are", 999_999_999_998, empty),
        alone("lines-not-read", "each line opens its batch", &unread),
        alone("lines-read", "lines that are odd, and read", &read),
        bytes,
        case("sets", "one number, runs, bitmaps", 7, (0..300).map(patterned).collect()),
        case("blocks", "several blocks, a filter of hundreds", 307, (0..20).map(many).collect()),
    ]
}

fn build(case: &Case) -> Vec<u8> {
    let mut builder = Builder::new(case.first);
    for batch in &case.batches {
        for line in batch {
            builder.text(line);
            builder.text(b"\n");
        }
        builder.end_batch();
    }
    builder.finish().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .chunks(32)
        .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n")
        .collect()
}

/// All bytes but printable ones of ASCII, and `%`, as `%` and two digits.
fn escaped(line: &[u8]) -> String {
    let plain = |byte: u8| (b' '..0x7f).contains(&byte) && byte != b'%';
    line.iter()
        .map(
            |byte| {
                if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02x}") }
            },
        )
        .collect()
}

fn made() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut rollup = RollupBuilder::new();
    let mut text =
        "name: roll-up\nabout: of the indexes that are named, in this order\n\n".to_owned();
    for case in text_cases() {
        let mut file =
            format!("name: {}\nabout: {}\nfirst: {}\n\n", case.name, case.about, case.first);
        for batch in &case.batches {
            file.push_str("batch:\n");
            batch.iter().for_each(|line| writeln!(file, "{}", escaped(line)).unwrap());
        }
        let index = build(&case);
        write!(file, "index:\n{}", hex(&index)).unwrap();
        files.insert(format!("{}.txt", case.name), file);
        if ["one-event", "sets", "blocks"].contains(&case.name) {
            let index = Index::open(index).unwrap();
            let last = case.first + u64::from(index.batches()) - 1;
            rollup
                .push(PackId { first: case.first, last, note: [case.first as u8; 8] }, &index)
                .unwrap();
            writeln!(text, "pack: {} {last} {}", case.name, hex(&[case.first as u8; 8]).trim())
                .unwrap();
        }
    }
    write!(text, "rollup:\n{}", hex(&rollup.finish().unwrap())).unwrap();
    files.insert("roll-up.txt".to_owned(), text);
    files
}

#[test]
fn the_vectors_are_what_is_made_of_them() {
    let made = made();
    if std::env::var_os("AUDITSEAL_OVERWRITE").is_some_and(|told| told == "1") {
        made.iter().for_each(|(name, text)| fs::write(folder().join(name), text).unwrap());
    }
    let mut there: Vec<_> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    there.retain(|name| name != "README.md");
    assert_eq!(there.len(), made.len(), "a vector that nothing makes");
    for (name, text) in made {
        assert!(fs::read_to_string(folder().join(&name)).unwrap_or_default() == text, "{name}");
    }
}

#[test]
fn the_lines_of_the_vectors_are_read_or_not() {
    for case in text_cases() {
        let index = Index::open(build(&case)).unwrap();
        let expected = match case.name {
            "lines-not-read" => (1..case.batches.len() as u32).collect(),
            "bytes" => vec![2],
            _ => vec![],
        };
        assert_eq!(index.open_batches().iter().collect::<Vec<_>>(), expected, "{}", case.name);
    }
}

#[test]
fn the_readme_names_each_vector() {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let made = made();
    for name in made.keys() {
        let name = name.trim_end_matches(".txt");
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
    let rules = readme.lines().filter(|line| line.starts_with("| `") || line.contains(" | `"));
    for name in rules.flat_map(|line| line.split('`').skip(1).step_by(2)) {
        assert!(made.contains_key(&format!("{name}.txt")), "there is no vector {name}");
    }
}
