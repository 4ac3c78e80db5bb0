//! Bytes that others put at a chain's keys cost a chain nothing but time: what is sealed stays sealed,
//! once, whatever stands there and whatever a store shows of it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use auditseal_format::ObjectSeal;
use auditseal_vectors::text::{restate, set, substitute, value};
use auditseal_vectors::{Parts, TestSigner, rle_block};
use node::{Node, Running, events, finish, page, until};
use rustix::process::Signal;

const JUNK: &[u8] = b"junk";

fn logged(node: &Node, command: &mut Command) -> Running {
    Running::start(command.stderr(File::create(node.path("stderr")).unwrap()))
}

/// The objects below a directory, oldest first.
fn objects(dir: PathBuf) -> Vec<PathBuf> {
    let (mut found, mut dirs) = (Vec::new(), vec![dir]);
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => dirs.push(path),
                false if path.to_str().unwrap().ends_with(".jsonl.zst") => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    found
}

fn spooled(node: &Node) -> Vec<PathBuf> {
    objects(node.path("state/prod,cp-1,audit"))
}

fn has(all: &[u8], some: &[u8]) -> bool {
    all.windows(some.len()).any(|window| window == some)
}

/// Something of the log is written, and comes to the archive.
#[track_caller]
fn goes_on(node: &Node, from: usize) {
    let lines = events(from, from + 10);
    node.write("audit.log", &lines);
    until("it goes on", || has(&node.cat().out, &lines));
}

/// The log's file is gone, with all that was read of it.
fn forget_log(node: &Node) {
    fs::remove_file(node.path("logs/audit.log")).unwrap();
    node.write("audit.log", b"");
}

/// The archive has these events, each once. That the log's file vanished is a gap behind them: it may
/// have held more.
#[track_caller]
fn assert_whole(node: &Node, count: usize) {
    let (found, report) = (node.cat().out, node.verify().text());
    let lines = found.iter().filter(|byte| **byte == b'\n').count();
    assert!(found == events(0, count), "{lines} lines of {count}; verify says {report}");
    let other =
        |line: &&str| !["SOURCE_GAP", "info:", "note:", "NOT "].iter().any(|w| line.starts_with(w));
    assert_eq!(report.lines().find(other), None, "{report}");
}

/// Events 0 to 10 are stored; 10 to 30 are sealed, and in no file but the spool's. At the next key of the
/// chain there is something else by then.
fn squatted() -> Node {
    squatted_by(|next| fs::write(next, JUNK).unwrap())
}

/// The same, by whatever is made there.
fn squatted_by(make: impl Fn(&Path)) -> Node {
    let node = Node::with(&events(0, 10));
    let daemon = logged(&node, &mut node.daemon());
    until("the archive holds the log", || node.cat().out == node.source());
    let stored = objects(node.path("store"));
    fs::rename(node.path("store"), node.path("away")).unwrap();
    fs::write(node.path("store"), "").unwrap();
    let before = spooled(&node).len();
    for n in 1..3 {
        node.write("audit.log", &events(10 * n, 10 * n + 10));
        until("it is sealed", || spooled(&node).len() == before + n);
    }
    daemon.stop().ok();
    fs::remove_file(node.path("store")).unwrap();
    fs::rename(node.path("away"), node.path("store")).unwrap();
    forget_log(&node);
    let newest = stored.last().unwrap();
    let seq: u64 = newest.file_name().unwrap().to_str().unwrap()[..12].parse().unwrap();
    // A day's directory is that of the seal before, which was made today.
    let next = newest.with_file_name(format!("{:012}.jsonl.zst", seq + 1));
    make(&next);
    node
}

/// What makes something at a path.
type Make = fn(&Path);

/// What is no file can't be put over either, and gives no bytes to judge.
#[test]
fn what_is_no_file_is_passed_named_once_and_by_verify() {
    let pipe: Make = |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    let kinds: [(&str, Make); 5] = [
        ("(a folder)", |path| fs::create_dir(path).unwrap()),
        ("(a pipe)", pipe),
        ("(a socket)", |path| drop(UnixListener::bind(path).unwrap())),
        ("(a link that leads nowhere)", |path| symlink("nowhere", path).unwrap()),
        ("(a link that leads round in circles)", |path| {
            symlink(path.file_name().unwrap(), path).unwrap();
        }),
    ];
    for (what, make) in kinds {
        let node = squatted_by(make);
        let daemon = logged(&node, &mut node.daemon());
        goes_on(&node, 30);
        daemon.stop().ok();
        let said = fs::read_to_string(node.path("stderr")).unwrap();
        assert_eq!(said.matches("bytes that are no seal of this chain").count(), 1, "{said}");
        let verify = node.verify();
        let named = format!("{}{}", verify.text(), verify.err);
        assert!(named.contains(what), "{what}: {named}");
        assert_whole(&node, 40);
    }
}

/// A4: it may be all that there is of its lines.
#[test]
fn what_is_sealed_is_kept_though_its_key_is_taken() {
    let node = squatted();
    let daemon = logged(&node, &mut node.daemon());
    goes_on(&node, 30);
    daemon.stop().ok();
    assert_whole(&node, 40);
}

/// W6: wherever it is killed on its way past the taken key.
#[test]
fn a_kill_while_a_taken_key_is_passed_loses_nothing() {
    for millis in [1, 50, 150, 400, 800, 1500] {
        let node = squatted();
        let waiting = spooled(&node).len();
        let mut daemon = logged(&node, &mut node.daemon());
        // It has begun to pass, or is about to.
        let said = || fs::read_to_string(node.path("stderr")).unwrap().contains("stand");
        until("it met what stands there", || {
            said() || spooled(&node).len() != waiting || daemon.ended()
        });
        std::thread::sleep(Duration::from_millis(millis));
        daemon.signal(Signal::KILL);
        drop(daemon.end(Duration::from_secs(10)));
        let daemon = logged(&node, &mut node.daemon());
        goes_on(&node, 30);
        daemon.stop().ok();
        assert_whole(&node, 40);
    }
}

/// A2: 161 KB that decompress to five gigabytes of lines, signed by a stranger as the chain's next seal: nobody
/// asks what is in them, and nothing waits.
#[test]
fn a_bomb_at_the_next_key_holds_nobody_up() {
    let node = squatted_by(|next| {
        let newest = objects(next.parent().unwrap().to_owned()).pop().unwrap();
        fs::write(next, bomb(&fs::read(newest).unwrap())).unwrap();
    });
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let daemon = logged(&node, node.daemon().args(["--listen", &address]));
    until("it listens", || page(&address, "/healthz").ends_with("alive\n"));
    let (lines, mut slowest) = (events(30, 40), Duration::ZERO);
    node.write("audit.log", &lines);
    until("it goes on", || {
        let begun = Instant::now();
        assert!(page(&address, "/healthz").ends_with("alive\n"));
        slowest = slowest.max(begun.elapsed());
        has(&node.cat().out, &lines)
    });
    assert!(slowest < Duration::from_secs(2), "health took {slowest:?}");
    daemon.stop().ok();
    assert_whole(&node, 40);
}

/// What an object would cost whose note is a stranger's: the seal behind `newest`.
fn bomb(newest: &[u8]) -> Vec<u8> {
    let (mut stranger, parts) = (TestSigner::of("prod/cp-1/audit", 66), Parts::of(newest));
    let blocks = rle_block(b'\n', 128 << 10).repeat(40_000);
    let seq: u64 = value(parts.text(), "seq").parse().unwrap();
    let (note, key) = (ObjectSeal::read(newest).unwrap(), stranger.identity().to_string());
    let range = note.seal.ranges.first().unwrap();
    let was = format!(" {} {} {} - ", range.start, range.end, range.lines);
    let edit = |text: &str| {
        let text = restate(text, b"one line\n", &blocks);
        let text = substitute(&text, &was, " 0 9 1 - ");
        let text = set(&text, "seq", &(seq + 1).to_string());
        let text = set(&text, "prev", &note.hash.to_string());
        set(&text, "key", &key)
    };
    let bytes = Parts { blocks: blocks.clone(), ..parts }.edit(&mut stranger, edit).bytes();
    assert_eq!(ObjectSeal::read(&bytes).unwrap().seal.seq, seq + 1);
    assert!((160_000..170_000).contains(&bytes.len()), "{}", bytes.len());
    bytes
}

/// W20: of what the newest object sealed nothing is claimed to be lost, though its file is gone.
#[test]
fn junk_over_the_newest_object_makes_nothing_lost() {
    let node = Node::with(&events(0, 10));
    let daemon = logged(&node, &mut node.daemon());
    until("the archive holds the log", || node.cat().out == node.source());
    daemon.stop().ok();
    fs::rename(node.path("logs/audit.log"), node.path("logs/audit-2026-11-21T08-04-19.851.log"))
        .unwrap();
    node.write("audit.log", b"");
    let daemon = logged(&node, &mut node.daemon());
    goes_on(&node, 10);
    daemon.stop().ok();
    fs::remove_file(node.path("logs/audit-2026-11-21T08-04-19.851.log")).unwrap();
    forget_log(&node);
    fs::write(objects(node.path("store")).last().unwrap(), JUNK).unwrap();
    let daemon = logged(&node, &mut node.daemon());
    goes_on(&node, 20);
    daemon.stop().ok();
    assert_whole(&node, 30);
}

/// A11: names that can be told beforehand hold nobody up, however many are taken.
#[test]
fn any_number_of_taken_names_costs_one_attempt() {
    let node = Node::with(&events(0, 10));
    let genesis = node.path("store/cluster=prod/node=cp-1/source=audit/date=1970-01-01");
    fs::create_dir_all(&genesis).unwrap();
    fs::write(genesis.join("000000000000.jsonl.zst"), JUNK).unwrap();
    for epoch in 1..=60 {
        fs::write(genesis.join(format!("000000000000.e{epoch}.jsonl.zst")), JUNK).unwrap();
        fs::write(genesis.join(format!("000000000000.{epoch:016x}.jsonl.zst")), JUNK).unwrap();
    }
    let done = finish(node.writer("backfill").args(["--give-up", "20s"]));
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(node.cat().out == events(0, 10));
}
