//! `query` through the program: what it prints, and what it does where something is wrong.
#![allow(clippy::unwrap_used, reason = "a test")]

mod lab;
mod node;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use auditseal_standin::{Dialect, Effect, Fault, On};
use lab::Lab;
use node::{Done, Node, events, finish, program};
use rustix::process::Signal;

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

fn story() -> Node {
    archived(&fs::read(testdata("story/request.log")).unwrap())
}

fn ask(node: &Node, words: &[&str]) -> Done {
    let trust = ["--origin", ORIGIN, "--vkey", &node.vkey];
    node.read("query", &[words, &trust].concat())
}

/// What people see: `query.txt` is read by who judges it; AUDITSEAL_OVERWRITE=1 writes it anew.
#[test]
fn what_is_asked_and_what_is_told() {
    let node = story();
    let mut shown = String::new();
    let mut add = |words: &[&str]| {
        let done = ask(&node, words);
        let said: Vec<String> =
            words.iter().map(|word| shlex::try_quote(word).unwrap().into_owned()).collect();
        let all = format!("{}{}", done.text(), done.err)
            .replace(&node.vkey, "VKEY")
            .replace(&node.shown(""), "DIR/");
        writeln!(shown, "$ auditseal query {}\n{all}exit {}\n", said.join(" "), done.code).unwrap();
    };
    add(&["netpol", "-n", "payments", "--verb", "delete"]);
    add(&["secrets", "--verb", "get,list", "-o", "count"]);
    add(&["--top", "verb"]);
    add(&["--code", "403", "--top", "user.username", "-o", "json"]);
    add(&["deployments/web", "--filter", "requestObject.spec.replicas > 2"]);
    add(&[
        "ingresses/web",
        "-n",
        "shop",
        "--since",
        "2026-11-30T00:00:00Z",
        "--until",
        "2026-11-30T00:00:01Z",
    ]);
    add(&["netwrokpolicies"]);
    add(&["gizmos.example.com"]);
    add(&["pods//x"]);
    add(&["--filter", "verb == 'get' &&"]);
    add(&["--filter", "user.name == 'x'"]);
    add(&["--code", "6xx"]);
    add(&["--source-ip", "10.0.0"]);
    add(&["--since", "2026-11-30", "--until", "2026-11-29"]);
    add(&["--scan-limit", "1KiB"]);
    add(&["--user", "nobody-at-all", "--fail-if-none"]);
    add(&["--filter", "responseObject.spec.replicas == 77", "--fail-if-none"]);
    add(&["netpol/db,netpol/web"]);
    add(&["--verb", "delete, patch"]);
    add(&["--audit-id", ""]);
    add(&["-n", "shop", "-A"]);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/query.txt");
    if std::env::var_os("AUDITSEAL_OVERWRITE").is_some() {
        fs::write(file, &shown).unwrap();
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    assert_eq!(shown, expected, "AUDITSEAL_OVERWRITE=1 writes it anew");
}

/// The lines come as the apiserver wrote them.
#[test]
fn lines_come_byte_for_byte() {
    let log = fs::read(testdata("story/request.log")).unwrap();
    let node = archived(&log);
    let told = ask(&node, &["-o", "jsonl", "--all-stages"]).ok().out;
    let sorted = |text: &[u8]| {
        let mut lines: Vec<Vec<u8>> =
            text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        lines.sort();
        lines
    };
    assert!(sorted(&told) == sorted(&log));
    let output = ["table", "json", "count"];
    let counts = output.map(|output| ask(&node, &["-o", output, "--verb", "delete"]).ok().text());
    let deletes = counts[2].trim().parse::<usize>().unwrap();
    assert_eq!((counts[0].lines().count(), counts[1].lines().count()), (deletes + 1, deletes));
}

#[test]
fn what_is_altered_is_named_and_left_out() {
    let node = story();
    let mut objects: Vec<PathBuf> = walk(&node.path("store"));
    objects.sort();
    let all = ask(&node, &["-o", "count"]).ok().text().trim().parse::<u64>().unwrap();
    let object = &objects[objects.len() / 2];
    let mut bytes = fs::read(object).unwrap();
    let at = bytes.len() / 3;
    bytes[at] ^= 4;
    fs::remove_file(object).unwrap();
    fs::write(object, bytes).unwrap();
    let done = ask(&node, &["-o", "count"]);
    assert_eq!(done.code, 1, "{}", done.err);
    assert!(
        done.err.contains("wrong, and what isn't proved is left out: TAMPERED"),
        "{}",
        done.err
    );
    let left = done.text().trim().parse::<u64>().unwrap();
    assert!(left < all && left > all / 2, "{left} of {all}");
    fs::remove_file(object).unwrap();
    let done = ask(&node, &["-o", "count"]);
    assert!(done.code == 1 && done.err.contains("MISSING"), "{}", done.err);
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let all = entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] });
    all.filter(|path| path.extension().is_some_and(|end| end == "zst")).collect()
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let node = archived(&events(0, 10));
    let other = Node::new();
    ask(&node, &["--vkey", "nothing"]).refused("read vkey");
    let mut stranger = node.reader("query");
    stranger.args(["--origin", "prod/cp-2/audit", "--vkey", &node.vkey]);
    finish(&mut stranger).refused("the given keys are for prod/cp-1");
    let mut absent = program();
    absent.args(["query", "--store", &other.store(), "--origin", ORIGIN, "--vkey", &node.vkey]);
    finish(&mut absent).refused("the directory doesn't exist");
    fs::create_dir(other.path("store")).unwrap();
    finish(&mut absent).refused("no object of it");
    let mut nobody = node.reader("query");
    nobody.args(["--vkey", &node.vkey]);
    finish(&mut nobody).refused("no --origin was given");
    node.read::<&str>("query", &[]).refused("--vkey");
    let mut wrong = node.reader("query");
    wrong.args(["--origin", ORIGIN, "--vkey", &other.vkey]);
    let done = finish(&mut wrong);
    assert_eq!(done.code, 1, "{}", done.err);
    assert!(
        done.err.contains("wrong, and what isn't proved is left out: FOREIGN_CHAIN"),
        "{}",
        done.err
    );
}

/// A store that refuses is told, and is no answer.
#[test]
fn no_permission_is_no_answer() {
    let lab = Lab::new(Dialect::Aws);
    lab.backfill(&["--batch-size", "1KiB"]).ok();
    let query = |args: &[&str]| {
        let mut command = program();
        command.args(["query", "--origin", ORIGIN, "--vkey", &lab.node.vkey]);
        lab.at(&mut command, args)
    };
    // These lines have no level, so of none it can be told.
    let done = query(&["-o", "count", "--unknown"]).ok();
    assert_eq!(done.text(), "40\n");
    assert!(done.err.contains("cost: ") && done.err.contains(" requests, "), "{}", done.err);
    lab.becomes([Fault::always(On::Versions, Effect::Refuse(403, "AccessDenied"))]);
    query(&[]).refused("AccessDenied");
    lab.becomes([Fault::always(On::Get, Effect::Refuse(403, "AccessDenied"))]);
    let done = query(&["-o", "count"]);
    assert_eq!((done.code, done.text().as_str()), (2, "0\n"), "{}", done.err);
    assert!(done.err.contains("not read: "), "{}", done.err);
}

/// Who stops it is told what was searched until then.
#[test]
fn an_interrupted_search_says_how_far_it_came() {
    let lab = Lab::new(Dialect::Aws);
    lab.backfill(&["--batch-size", "1KiB"]).ok();
    lab.becomes([Fault { spares: 3, ..Fault::always(On::Get, Effect::Hang) }]);
    let mut command = program();
    command.args(["query", "--origin", ORIGIN, "--vkey", &lab.node.vkey, "-o", "count"]);
    let running = node::Running::start(lab.aimed(&mut command));
    node::until("it reads", || lab.server.world().faults[0].spares == 0);
    running.signal(Signal::INT);
    let done = running.end(std::time::Duration::from_secs(20));
    assert_eq!(done.code, 2, "{}", done.err);
    assert!(done.err.starts_with("interrupted; searched until then: 1 chain"), "{}", done.err);
}

/// The reader of the output may go: that is a clean end.
#[test]
fn a_reader_that_goes_ends_it() {
    let node = archived(&events(0, 50_000));
    let mut command = node.reader("query");
    command.args(["--origin", ORIGIN, "--vkey", &node.vkey, "-o", "jsonl", "--unknown"]);
    let mut child = command.spawn().unwrap();
    let mut first = [0; 10];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();
    let err = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(0), "{err}");
    assert!(err.contains("until nobody read on"), "{err}");
}

/// A trust file names the chains, and packs are read where it names an auditor.
#[test]
fn packs_and_objects_give_the_same_answers() {
    let node = story();
    let mut keygen = program();
    keygen.args(["keygen", "--name", "prod/auditor", "--out"]).arg(node.path("auditor.key"));
    let auditor = finish(&mut keygen).ok().text();
    let trust = format!(
        "auditseal/trust/v1\norigin {ORIGIN} static {}\n  begin 0\n  ended {}\nauditor prod {auditor}",
        node.vkey,
        head(&node)
    );
    fs::write(node.path("trust"), trust).unwrap();
    let trusting = |args: &[&str]| {
        let mut command = node.reader("query");
        command.arg("--trust").arg(node.path("trust")).args(args);
        finish(&mut command)
    };
    let questions: [&[&str]; 4] =
        [&["--verb", "delete"], &["secrets"], &["--code", "403"], &["--user", "mallory"]];
    let loose = questions.map(|question| trusting(question).ok().text());
    let mut pack = node.reader("pack");
    pack.arg("--trust").arg(node.path("trust")).arg("--auditor-key").arg(node.path("auditor.key"));
    pack.arg("--pack-state").arg(node.path("packing"));
    finish(&mut pack).ok();
    for (question, loose) in questions.iter().zip(&loose) {
        for more in [&[][..], &["--no-index"]] {
            let packed = trusting(&[question, more].concat()).ok();
            assert_eq!(packed.text(), *loose, "{question:?}");
            let left_out =
                packed.err.contains("by the word of prod/auditor; --no-index searches them");
            assert!(more.is_empty() || !left_out, "{}", packed.err);
        }
    }
    let rare = trusting(&["--user", "nobody-at-all"]).ok();
    assert!(
        rare.err.contains("index: of 1 packs 1,") && rare.err.contains("read: 0 batches"),
        "{}",
        rare.err
    );
}

/// A proof of each event, which `check` reads without the archive.
#[test]
fn each_event_can_be_proved() {
    let node = story();
    let folder = node.shown("proofs");
    let question =
        ["netpol", "-n", "payments", "--verb", "delete", "-o", "count", "--proof", &folder];
    // Again: those that are there stay.
    for _ in 0..2 {
        let done = ask(&node, &question).ok();
        let mut files: Vec<PathBuf> =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert_eq!(files.len().to_string(), done.text().trim());
        assert!(done.err.contains(&format!("proofs: {} in {folder}", files.len())), "{}", done.err);
        for file in files {
            let mut check = program();
            check.arg("check").arg(&file).args(["--origin", ORIGIN, "--vkey", &node.vkey]);
            finish(&mut check).ok();
        }
    }
    let some = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    fs::write(&some, "something else").unwrap();
    let done = ask(&node, &question);
    assert_eq!(done.code, 2, "{}", done.err);
    assert!(done.err.contains("another file of this name is there already"), "{}", done.err);
}

/// The last seal of a chain that has ended, as `backfill` leaves it, by `verify`.
fn head(node: &Node) -> String {
    let report = node.verify().ok().text();
    let head = report.split_whitespace().find_map(|word| word.strip_prefix("head="));
    head.unwrap().to_owned()
}
