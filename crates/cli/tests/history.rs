//! `history` through the program: the story of a real cluster as people read it, what is called exact held against etcd, and
//! what hostile clients, altered archives and live objects make of it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use auditseal_history::diff;
use node::{Done, Node, finish, without_hashes};
use serde_json::{Value, json};

const ORIGIN: &str = "prod/cp-1/audit";

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)
}

/// A node that has archived this log, in several batches.
fn archived(log: &[u8]) -> Node {
    let node = Node::with(log);
    finish(node.writer("backfill").args(["--batch-size", "64KiB"])).ok();
    node
}

fn story(level: &str) -> Node {
    archived(&fs::read(testdata("story").join(format!("{level}.log"))).unwrap())
}

fn ask(node: &Node, words: &[&str]) -> Done {
    let trust = ["--origin", ORIGIN, "--vkey", &node.vkey];
    node.read("history", &[words, &trust].concat())
}

/// The lines of `-o json` of one type.
fn lines(text: &str, of: &str) -> Vec<Value> {
    let all = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|value| value["type"] == of).collect()
}

/// What people see: `history.txt` is read by who judges it; AUDITSEAL_OVERWRITE=1 writes it anew.
#[test]
fn the_story_is_told() {
    let mut shown = String::new();
    for level in ["requestresponse", "request", "metadata"] {
        let node = story(level);
        let mut add = |words: &[&str]| {
            let done = ask(&node, words);
            let all = without_hashes(&format!("{}{}", done.text(), done.err));
            let all = all.replace(&node.vkey, "VKEY").replace(&node.shown(""), "DIR/");
            let code = done.code;
            writeln!(
                shown,
                "$ auditseal history {} # {level}\n{all}exit {code}\n",
                words.join(" ")
            )
            .unwrap();
        };
        add(&["netpol/web", "-n", "shop"]);
        add(&["netpol/db", "-n", "payments", "--diff"]);
        add(&["ingress/web", "-n", "shop"]);
        add(&["role/dev-tools", "-n", "shop"]);
        if level == "requestresponse" {
            add(&["deploy/web", "-n", "shop", "--diff"]);
            add(&["netpol/web", "-n", "shop", "--at", "2026-11-30T06:38:19.4Z"]);
            add(&["netpol/web", "-n", "shop", "--at", "2026-11-29T00:00:00Z"]);
            add(&["netpol/web", "-n", "shop", "--since", "2026-11-30T06:38:20.1Z"]);
            add(&[
                "netpol/db",
                "-n",
                "payments",
                "--reasons",
                "example.com/ticket",
                "--uid",
                "16be6347-f16b-440f-94e6-d7850f4a6d70",
            ]);
            add(&["netpol/nobody", "-n", "shop", "--at", "2026-11-30T06:38:19.4Z"]);
            add(&["gizmos.example.com/x"]);
            add(&["netpol"]);
            add(&["netpol,ingress/web"]);
            add(&["pods/web/exec"]);
            add(&["netpol/web", "--since", "2026-11-30", "--until", "2026-11-29"]);
            add(&["netpol/web", "--compare", "/nowhere"]);
        }
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/history.txt");
    if std::env::var_os("AUDITSEAL_OVERWRITE").is_some() {
        fs::write(file, &shown).unwrap();
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    assert!(
        shown == expected,
        "AUDITSEAL_OVERWRITE=1 writes it anew, and git diff shows what differs"
    );
}

/// One version of an object in etcd.
struct Version {
    audit_id: Value,
    uid: String,
    number: u64,
    object: Option<Value>,
}

type Objects = BTreeMap<(String, String, String), Vec<Version>>;

/// The recorded changes, or a larger set of the same form.
fn changes(name: &str) -> String {
    let folder =
        std::env::var_os("AUDITSEAL_CHANGES").map_or_else(|| testdata("changes"), PathBuf::from);
    fs::read_to_string(folder.join(name)).unwrap()
}

/// What etcd had, in its order; without `managedFields`, as the truth is.
fn truth() -> Objects {
    let mut objects = Objects::new();
    for line in changes("truth.jsonl").lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        for change in line["changes"].as_array().unwrap() {
            let text = |name: &str| change[name].as_str().unwrap().to_owned();
            let version = Version {
                audit_id: line["auditID"].clone(),
                uid: text("uid"),
                number: text("resourceVersion").parse().unwrap(),
                object: (change["deleted"] == false).then(|| change["object"].clone()),
            };
            objects
                .entry((text("resource"), text("namespace"), text("name")))
                .or_default()
                .push(version);
        }
    }
    objects.values_mut().for_each(|all| all.sort_by_key(|version| version.number));
    objects
}

/// The log as a policy of this level would have had it written.
fn changes_at(level: &str) -> Vec<u8> {
    let text = changes("audit.log");
    let lines = text.lines().map(|line| {
        let mut event: Value = serde_json::from_str(line).unwrap();
        event["level"] = level.into();
        let members = event.as_object_mut().unwrap();
        if level != "RequestResponse" {
            members.remove("responseObject");
        }
        if level == "Metadata" {
            members.remove("requestObject");
        }
        format!("{event}\n")
    });
    lines.collect::<String>().into_bytes()
}

/// A side of a change as JSON has it.
fn side(value: Option<Value>) -> Value {
    value.map_or_else(|| json!({ "absent": true }), |value| json!({ "value": value }))
}

/// Each field that is called exact is one in which etcd's versions before and after the request differ, from and to just these
/// values. Returns how many of each there are: exact, inferred, unknown.
fn judged(entry: &Value, versions: &[Version]) -> [u64; 3] {
    let at = versions.iter().position(|version| version.audit_id == entry["auditID"]);
    let after = at.and_then(|at| versions[at].object.as_ref());
    let before = at.filter(|at| *at > 0).and_then(|at| {
        let last = &versions[at - 1];
        last.object.as_ref().filter(|_| last.uid == versions[at].uid)
    });
    let differ: BTreeMap<String, (Value, Value)> = diff(before, after)
        .fields
        .into_iter()
        .map(|field| (field.path.to_string(), (side(field.before), side(field.after))))
        .collect();
    let mut counts = [0; 3];
    for field in
        entry["fields"].as_array().unwrap().iter().chain(entry["quiet"].as_array().unwrap())
    {
        let mark = field["mark"].as_str().unwrap();
        counts[["exact", "inferred", "unknown"].iter().position(|one| *one == mark).unwrap()] += 1;
        if mark == "exact" {
            let real = differ.get(field["path"].as_str().unwrap());
            let told = (field["before"].clone(), field["after"].clone());
            assert_eq!(real, Some(&told), "FALSE EXACT {field} in {entry}");
        } else {
            assert!(field["reason"].as_str().is_some_and(|why| !why.is_empty()), "{field}");
        }
    }
    counts
}

#[test]
fn what_is_called_exact_is_what_etcd_had() {
    let truth = truth();
    // Without the answer nothing is exact, and with it a creation and what submits a version is.
    for (level, exact_is, inferred_is) in
        [("Metadata", 0..=0, 0), ("Request", 0..=0, 100), ("RequestResponse", 100..=u64::MAX, 40)]
    {
        let node = archived(&changes_at(level));
        let (mut sums, mut entries) = ([0; 3], 0);
        for ((resource, namespace, name), versions) in &truth {
            let group = if resource == "widgets" { ".changes.example.com" } else { "" };
            let object = format!("{resource}{group}/{name}");
            let told = ask(&node, &[&object, "-n", namespace, "-o", "json"]).ok().text();
            let told = lines(&told, "entry");
            entries += told.len();
            for entry in &told {
                judged(entry, versions)
                    .into_iter()
                    .zip(&mut sums)
                    .for_each(|(one, sum)| *sum += one);
            }
        }
        let [exact, inferred, unknown] = sums;
        println!(
            "{level}: {entries} entries; {exact} exact, {inferred} inferred, {unknown} unknown; false exact 0"
        );
        assert!(entries > 50 && exact_is.contains(&exact) && inferred >= inferred_is, "{level}");
    }
}

/// What an object was at a time: where it is called exact it is the version of etcd that no request replaced before that time.
#[test]
fn what_an_object_was_is_what_etcd_had() {
    let (truth, node) = (truth(), archived(&changes_at("RequestResponse")));
    let log = changes("audit.log");
    let events = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let done: BTreeMap<String, String> = events
        .map(|event| {
            (event["auditID"].to_string(), event["stageTimestamp"].as_str().unwrap().to_owned())
        })
        .collect();
    let times: Vec<&String> = done.values().collect();
    let (mut exact, mut there) = (0, 0);
    for ((resource, namespace, name), versions) in &truth {
        let group = if resource == "widgets" { ".changes.example.com" } else { "" };
        for time in times.iter().step_by(times.len() / 9) {
            let object = format!("{resource}{group}/{name}");
            let told = ask(&node, &[&object, "-n", namespace, "--at", time, "-o", "json"]);
            let Some(end) = lines(&told.text(), "object").pop() else { continue };
            let at = &end["at"];
            assert_eq!(told.code, if at["is"] == "unknown" { 2 } else { 0 }, "{object} at {time}");
            assert_eq!(at["time"].as_str(), Some(time.as_str()));
            there += u64::from(at["is"] == "there");
            let marks = at["state"]["marks"].as_array().cloned().unwrap_or_default();
            if marks.is_empty() || marks.iter().any(|mark| mark["mark"] != "exact") {
                continue;
            }
            exact += 1;
            let object = &at["state"]["object"];
            let number =
                object["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap();
            let is = versions.iter().position(|version| version.number == number).unwrap();
            assert_eq!(versions[is].object.as_ref(), Some(object));
            let next = versions.get(is + 1).and_then(|next| done.get(&next.audit_id.to_string()));
            assert!(next.is_none_or(|next| next > time), "{object} at {time}");
        }
    }
    println!("{there} states at a time, {exact} of them exact");
    assert!(there > 20 && exact > 5, "{there} {exact}");
}

/// A list of live objects of a type, as `kubectl get -o yaml` prints them.
fn live(truth: &Objects, resource: &str) -> Value {
    let of = truth.iter().filter(|((of, ..), _)| of == resource);
    let items: Vec<Value> =
        of.filter_map(|(_, versions)| versions.last().unwrap().object.clone()).collect();
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

#[test]
fn what_was_written_past_the_apiserver_is_found() {
    let (truth, node) = (truth(), archived(&changes_at("RequestResponse")));
    let compare = |of: &str, live: &Value| {
        let file = node.path("live.json");
        fs::write(&file, live.to_string()).unwrap();
        let done = ask(&node, &[of, "--compare", file.to_str().unwrap(), "-o", "json"]);
        let found = lines(&done.text(), "comparison");
        let verdict = |one: &Value| {
            (
                one["object"]["name"].as_str().unwrap().to_owned(),
                one["verdict"].as_str().unwrap().to_owned(),
            )
        };
        (done.code, found.iter().map(verdict).collect::<BTreeMap<_, _>>(), found)
    };
    let owned = |all: &[(&str, &str)]| {
        all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<BTreeMap<_, _>>()
    };
    // testdata/changes: its last version was written into etcd.
    let policies = live(&truth, "networkpolicies");
    let (code, verdicts, found) = compare("netpol", &policies);
    assert_eq!((code, verdicts), (4, owned(&[("a", "unseen"), ("b", "same")])));
    assert!(!found[0]["fields"].as_array().unwrap().is_empty(), "{found:?}");
    assert_eq!(compare("netpol/b", &policies).1, owned(&[("b", "same")]));
    // Of ConfigMaps nothing was: and here come one of its version with other content, and one that nobody made.
    let mut maps = live(&truth, "configmaps");
    let (code, verdicts, _) = compare("configmaps", &maps);
    assert_eq!((code, verdicts), (0, owned(&[("a", "same"), ("b", "same")])));
    maps["items"][0]["data"]["forged"] = "yes".into();
    let mut other = maps["items"][1].clone();
    other["metadata"]["name"] = "made".into();
    other["metadata"]["uid"] = "another".into();
    maps["items"][1] = other;
    let (code, verdicts, _) = compare("cm", &maps);
    let expected = owned(&[("a", "contradiction"), ("b", "notListed"), ("made", "unknown")]);
    assert_eq!((code, verdicts), (4, expected));
    // What isn't of the type isn't compared.
    let file = node.path("live.json");
    let done = ask(&node, &["netpol", "--compare", file.to_str().unwrap()]);
    done.refused("its objects are ConfigMap, and no netpol");
}

/// What was changed before the archive begins: the file says more than the trail, and is no finding where it is older.
#[test]
fn what_is_from_before_the_archive_is_told_so() {
    let log = changes_at("RequestResponse");
    let lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
    let node = archived(&lines[lines.len() * 9 / 10..].concat());
    let file = node.path("live.yaml");
    let mut seen = (0, 0);
    for kind in ["ingresses", "configmaps", "deployments"] {
        fs::write(&file, live(&truth(), kind).to_string()).unwrap();
        let done = ask(&node, &[kind, "--compare", file.to_str().unwrap()]);
        let text = done.text();
        seen.0 += text.matches("it is older than what was searched").count();
        seen.1 += text.matches("how it came isn't known").count();
    }
    assert!(seen.0 > 0 && seen.1 == 0, "{seen:?}");
}

/// An event of a client that may write what it likes.
fn hostile(at: usize, verb: &str, request: &str, response: &str) -> String {
    let bad = "\\u001b[2J\\u202e<script>alert(1)</script>&quot;\\\"'";
    let code = if verb == "create" { 201 } else { 200 };
    format!(
        "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"RequestResponse\",\"auditID\":\"{bad}{at}\",\
         \"stage\":\"ResponseComplete\",\"requestURI\":\"/api/v1/namespaces/n/configmaps/c?fieldManager={bad}\",\"verb\":\"{verb}\",\
         \"user\":{{\"username\":\"{bad}\",\"groups\":[\"{bad}\"]}},\"sourceIPs\":[\"{bad}\",\"10.0.0.1\"],\"userAgent\":\"{bad}\",\
         \"objectRef\":{{\"resource\":\"configmaps\",\"namespace\":\"n\",\"name\":\"c\",\"apiVersion\":\"v1\"}},\
         \"responseStatus\":{{\"metadata\":{{}},\"code\":{code},\"message\":\"{bad}\"}},\"requestObject\":{request},\
         \"responseObject\":{response},\"requestReceivedTimestamp\":\"2026-11-30T06:00:{at:02}.000000Z\",\
         \"stageTimestamp\":\"2026-11-30T06:00:{at:02}.500000Z\",\
         \"annotations\":{{\"auditseal-history/ticket\":\"{bad}\"}}}}\n"
    )
}

fn map(version: u64) -> String {
    let bad = "\\u001b]0;x\\u0007\\u202e<img src=x onerror=alert(1)>";
    format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{{\"name\":\"c\",\"namespace\":\"n\",\"uid\":\"u\",\
         \"resourceVersion\":\"{version}\",\"annotations\":{{\"kubernetes.io/change-cause\":\"{bad}\"}}}},\"data\":{{\"{bad}\":\"{bad}\"}}}}"
    )
}

fn wide(count: usize, each: &str) -> String {
    format!("[{}]", vec![each; count].join(","))
}

/// Objects and patches that are deep, huge, contradict themselves or don't apply: unknown with a reason, never a guess; and
/// nothing that a client wrote acts on a terminal or in a page.
#[test]
fn hostile_clients_change_nothing_of_how_it_is_told() {
    let deep = format!("{}1{}", "{\"a\":".repeat(500), "}".repeat(500));
    let patches = [
        deep,
        "{\"data\":{\"a\":1,\"a\":2}}".to_owned(),
        format!("{{\"data\":{}}}", wide(300_000, "0")),
        wide(20_000, "{\"op\":\"test\",\"path\":\"/data\",\"value\":1}"),
        "[{\"op\":\"remove\",\"path\":\"/data/nothing\"}]".to_owned(),
        "[{\"op\":\"copy\",\"from\":\"/data\",\"path\":\"/data/x\"}]".to_owned(),
        "{\"$patch\":\"replace\",\"data\":{\"$patch\":\"delete\"},\"$retainKeys\":[1]}".to_owned(),
    ];
    let mut log = hostile(0, "create", &map(4), &map(5));
    let status = "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Success\"}";
    for (at, patch) in patches.iter().enumerate() {
        log += &hostile(at + 1, "patch", patch, status);
    }
    log += &hostile(50, "update", &map(5), &map(9));
    let node = archived(log.as_bytes());
    let told = ask(&node, &["cm/c", "-n", "n", "-o", "json"]).ok().text();
    let entries = lines(&told, "entry");
    assert_eq!(entries.len(), patches.len() + 2);
    for (entry, patch) in entries[1..].iter().zip(&patches) {
        let marks = entry["fields"].as_array().unwrap().iter().map(|field| &field["mark"]);
        let reason = entry["doubt"].as_str().map(str::len);
        assert!(marks.clone().all(|mark| mark != "exact"), "{}", &patch[..patch.len().min(80)]);
        assert!(reason.is_some_and(|len| len > 0) || marks.count() > 0, "{entry}");
    }
    let acts = |text: &str| text.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}');
    for words in [&["--diff"][..], &["--at", "2026-11-30T06:00:59Z"], &["--diff", "-o", "html"]] {
        let done = ask(&node, &[&["cm/c", "-n", "n"], words].concat()).ok();
        assert!(!acts(&done.text()) && !acts(&done.err), "{words:?}: {}", done.text());
        if words.contains(&"html") {
            let page = done.text();
            assert!(!page.contains("<script>alert") && !page.contains("<img"), "{page}");
            assert_eq!(
                (page.matches("<script>").count(), page.matches("default-src 'none'").count()),
                (1, 1)
            );
        }
    }
}

/// A deletion of a collection, dry runs, and a creation whose name the apiserver made.
#[test]
fn what_names_no_object_belongs_to_its_life_too() {
    let object = |version: u64| {
        map(version).replace("\\u001b]0;x\\u0007\\u202e<img src=x onerror=alert(1)>", "x")
    };
    let mut made = hostile(0, "create", "{\"metadata\":{\"generateName\":\"c\"}}", &object(5))
        .replace(",\"name\":\"c\",\"apiVersion\"", ",\"apiVersion\"");
    made = made.replace("/configmaps/c?", "/configmaps?");
    let list = format!(
        "{{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",\"metadata\":{{}},\"items\":[{}]}}",
        object(6)
    );
    let dry = hostile(1, "update", &object(5), &object(6))
        .replace("?fieldManager", "?dryRun=All&fieldManager");
    let gone = hostile(
        2,
        "deletecollection",
        "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"propagationPolicy\":\"Background\"}",
        &list,
    )
    .replace(",\"name\":\"c\",\"apiVersion\"", ",\"apiVersion\"");
    let node = archived(format!("{made}{dry}{gone}").as_bytes());
    let told = ask(&node, &["cm/c", "-o", "json"]).ok().text();
    let deeds: Vec<Value> =
        lines(&told, "entry").iter().map(|entry| entry["deed"]["is"].clone()).collect();
    assert_eq!(deeds, ["created", "deletedWithCollection"]);
    let end = &lines(&told, "object")[0];
    assert_eq!((&end["leftOut"]["dryRuns"], &end["atTheEnd"]["is"]), (&json!(1), &json!("absent")));
    let answer = &lines(&told, "answer")[0];
    assert_eq!((&answer["exitCode"], &answer["whole"]), (&json!(0), &json!(true)));
}

/// A cluster of several apiservers has several logs, and one object's requests stand in any of them: its life is the same.
#[test]
fn a_life_is_told_over_all_chains() {
    let log = changes_at("RequestResponse");
    let one = archived(&log);
    let several = Node::new();
    for (at, line) in log.split_inclusive(|byte| *byte == b'\n').enumerate() {
        several.write(&format!("{}.log", ["a", "b", "c"][at % 3]), line);
    }
    let mut writer = several.bare("backfill");
    writer.args(["--store", &several.store()]);
    for name in ["a", "b", "c"] {
        writer
            .args(["--source", &format!("{name}={}", several.shown(&format!("logs/{name}.log")))]);
    }
    finish(&mut writer).ok();
    let bare = |text: &str| {
        let mut entries = lines(text, "entry");
        let chain = |entry: &mut Value| {
            entry.as_object_mut().unwrap().remove("sealed").unwrap()["origin"].to_string()
        };
        let chains: BTreeSet<String> = entries.iter_mut().map(chain).collect();
        (entries, chains.len())
    };
    for object in ["netpol/a", "ing/b", "deploy/a", "cm/b", "widgets.changes.example.com/a"] {
        let words = ["-n", "red", "-o", "json"];
        let (told, _) = bare(&ask(&one, &[&[object], &words[..]].concat()).ok().text());
        let mut reader = several.reader("history");
        reader.args([object, "--vkey", &several.vkey]).args(words);
        for name in ["a", "b", "c"] {
            reader.args(["--origin", &format!("prod/cp-1/{name}")]);
        }
        let (again, chains) = bare(&finish(&mut reader).ok().text());
        assert_eq!(told, again, "{object}");
        assert!(chains > 1 && told.len() > 2, "{object}: {chains} chains, {} entries", told.len());
    }
}

/// What is altered is named, and left out, and what it may have held isn't guessed.
#[test]
fn what_is_altered_is_named_and_left_out() {
    let node = story("requestresponse");
    let whole =
        lines(&ask(&node, &["netpol/web", "-n", "shop", "-o", "json"]).ok().text(), "entry").len();
    let mut objects = walk(&node.path("store"));
    objects.sort();
    let object = &objects[4];
    let mut bytes = fs::read(object).unwrap();
    let at = bytes.len() / 3;
    bytes[at] ^= 4;
    fs::remove_file(object).unwrap();
    fs::write(object, bytes).unwrap();
    let done = ask(&node, &["netpol/web", "-n", "shop", "-o", "json"]);
    assert_eq!(done.code, 1);
    assert!(done.err.contains("wrong, and what isn't proved is left out: "), "{}", done.err);
    let left = lines(&done.text(), "entry");
    assert!(left.len() < whole && !left.is_empty());
    assert_eq!(lines(&done.text(), "answer")[0]["exitCode"], 1);
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}
