//! What others put beside a chain costs its readers time in proportion to its bytes, and nothing
//! else: the whole program, over archives that are full of it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs;
use std::path::Path;
use std::time::Duration;

use auditseal_vectors::text::{restate, substitute};
use auditseal_vectors::{
    Archive, Chain, Parts, Piece, TestSigner, events as lines, raw_block, rle_block,
};
use node::{Done, Running, program};
use serde_json::Value;

const ORIGIN: &str = "c/n/s";
const LOG: &str = "audit.log";

/// An archive in a directory, and the chain of it that its reader trusts.
struct Lab {
    dir: tempfile::TempDir,
    chain: Chain,
}

impl Lab {
    fn new(chain: &Chain, objects: &Archive) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (key, object) in objects {
            let path = dir.path().join(key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, object).unwrap();
        }
        Self { dir, chain: chain.clone() }
    }

    fn ask(&self, command: &str, args: &[&str]) -> Done {
        let mut program = program();
        program.args([command, "--store", &format!("file://{}", path(self.dir.path()))]);
        // Ten thousand objects, on a machine that has other work.
        Running::start(program.args(args)).end(Duration::from_secs(900))
    }

    /// With the trusted key, when the chain was sealed.
    fn trusting(&self, command: &str, args: &[&str]) -> Done {
        let vkey = self.chain.current_signer().identity().to_string();
        self.ask(command, &[&["--vkey", &vkey, "--origin", ORIGIN], args].concat())
    }

    fn verify(&self) -> Value {
        let now = self.chain.now().to_string();
        let done = self.trusting("verify", &["--at", &now, "--format", "json"]);
        let report: Value = serde_json::from_slice(&done.out).unwrap();
        assert_eq!(report["exit"], done.code, "{report}");
        report["origins"][0].clone()
    }

    /// The chain is complete, its lines are given back, and nobody else's payloads were decompressed.
    #[track_caller]
    fn assert_unharmed(&self) -> Unharmed {
        let alone = Self::new(&self.chain, &ours(&self.chain));
        let (report, without) = (self.verify(), alone.verify());
        assert_eq!(report["findings"], Value::Array(vec![]), "{report}");
        for same in ["complete_until", "head", "seals", "lines", "bytes", "decompressed"] {
            assert_eq!(report[same], without[same], "{same}");
        }
        let given = self.trusting("cat", &["--strict"]).ok();
        assert!(given.out == self.chain.restored(), "{}", given.err);
        let listed = self.ask("ls", &[]).ok();
        Unharmed { report, given, listed }
    }
}

/// What the commands said.
struct Unharmed {
    report: Value,
    given: Done,
    listed: Done,
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The objects of a chain without those that were at its keys before.
fn ours(chain: &Chain) -> Archive {
    let object = |seq: usize| (chain.key(seq), chain.get(seq).bytes.clone());
    (0..chain.batches().count()).map(object).collect()
}

fn told(report: &Value) -> Vec<&str> {
    let all = report["information"].as_array().unwrap();
    all.iter().map(|finding| finding["verdict"].as_str().unwrap()).collect()
}

/// Genesis and two batches, each of which found its key taken if there was somebody before.
fn chain(before: &[Vec<u8>]) -> Chain {
    let mut chain = Chain::new(ORIGIN, TestSigner::new(1));
    let squat = |chain: &mut Chain, seq: usize| {
        if let Some(object) = before.get(seq) {
            chain.squat(object);
        }
    };
    squat(&mut chain, 0);
    chain.genesis();
    squat(&mut chain, 1);
    chain.batch(&[Piece::new(LOG, lines(0..20))]);
    squat(&mut chain, 2);
    chain.batch(&[Piece::new(LOG, lines(20..50))]);
    chain
}

/// The newest object of a chain with other blocks, which the note is made to fit.
fn with_blocks(chain: &Chain, lines: u64, payload: &[u8], blocks: &[u8]) -> Vec<u8> {
    let mut signer = chain.current_signer().clone();
    let parts = Parts { blocks: blocks.to_vec(), ..Parts::of(&chain.head().bytes) };
    let range = &chain.head().seal.ranges[0];
    let was = format!(" {} {} {} - ", range.start, range.end, range.lines);
    let now = format!(" 0 {} {lines} - ", payload.len());
    let edit = |text: &str| substitute(&restate(text, payload, blocks), &was, &now);
    parts.edit(&mut signer, edit).bytes()
}

/// As much work as bytes may make: a chunk for each.
fn dear() -> (Vec<u8>, Vec<u8>) {
    let blocks = [rle_block(b'\n', 40_000), raw_block(b"").repeat(13_332)].concat();
    (vec![b'\n'; 40_000], blocks)
}

#[test]
fn ten_thousand_objects_of_another_key_are_one_line() {
    const MANY: usize = 10_000;
    let mut other = Chain::new(ORIGIN, TestSigner::new(66));
    other.genesis();
    other.batch(&[Piece::new(LOG, lines(0..5))]);
    while other.batches().count() < MANY {
        other.heartbeat();
    }
    let first: Vec<_> = other.batches().take(3).map(|batch| batch.bytes.clone()).collect();
    let chain = chain(&first);
    let mut objects = other.archive();
    objects.extend(chain.archive());
    let lab = Lab::new(&chain, &objects);
    let Unharmed { report, given, listed } = lab.assert_unharmed();
    assert_eq!(told(&report), ["FOREIGN_CHAIN"]);
    let finding = &report["information"][0];
    assert_eq!(finding["key"], other.key(0));
    let detail = finding["detail"].as_str().unwrap();
    assert!(detail.contains(&other.current_signer().identity().to_string()), "{detail}");
    assert!(detail.contains("10000 objects up to seq 9999"), "{detail}");
    assert_eq!(given.err.matches("FOREIGN_CHAIN").count(), 1, "{}", given.err);
    assert!(
        listed.err.contains("c/n/s: several keys began a chain of this name"),
        "{}",
        listed.err
    );
    assert!(listed.text().lines().count() > MANY, "each has its row");
}

/// Each alone, under a key of its own.
#[test]
fn any_number_of_chains_by_other_keys_is_counted() {
    let chain = chain(&[]);
    let mut objects = chain.archive();
    for number in 2..=150 {
        let mut other = Chain::new(ORIGIN, TestSigner::new(number));
        let object = other.genesis().bytes.clone();
        let key = chain.key(0).replace(".jsonl", &format!(".{number:016x}.jsonl"));
        objects.insert(key, object);
    }
    let lab = Lab::new(&chain, &objects);
    let report = lab.assert_unharmed().report;
    let text = lab.trusting("verify", &["--at", &chain.now().to_string()]).ok().text();
    assert!(text.starts_with("info: FOREIGN_CHAIN origin=c/n/s seq=0 key=cluster=c/"), "{text}");
    assert_eq!(text.matches("info: FOREIGN_CHAIN").count(), 101);
    assert_eq!(told(&report), ["FOREIGN_CHAIN"; 101]);
    let last = report["information"].as_array().unwrap().last().unwrap();
    let detail = last["detail"].as_str().unwrap();
    assert!(detail.starts_with("49 objects of chains of this name that 49 more keys"), "{detail}");
}

#[test]
fn another_keys_chain_is_never_taken_for_the_one_that_is_asked_for() {
    let mut other = Chain::new(ORIGIN, TestSigner::new(66));
    other.genesis();
    other.batch(&[Piece::new(LOG, lines(0..5))]);
    let lab = Lab::new(&chain(&[]), &other.archive());
    let report = lab.verify();
    assert_eq!(report["complete_until"], Value::Null);
    let found: Vec<_> = report["findings"].as_array().unwrap().iter().collect();
    let verdicts: Vec<_> = found.iter().map(|finding| finding["verdict"].as_str()).collect();
    assert_eq!(verdicts, [Some("FOREIGN_CHAIN"), Some("MISSING")]);
    let given = lab.trusting("cat", &[]);
    assert_eq!((given.code, given.out.len()), (1, 0), "{}", given.err);
    assert!(given.err.contains("FOREIGN_CHAIN"), "{}", given.err);
}

#[test]
fn a_bomb_at_the_next_key_is_not_decompressed() {
    let chain = chain(&[]);
    let mut next = chain.clone();
    next.signer(TestSigner::new(66)).batch(&[Piece::new("b", lines(0..2))]);
    let (payload, blocks) = dear();
    let beyond = rle_block(b'\n', 128 << 10).repeat(1000);
    for bomb in [
        // Signed as what it is; as nine bytes; and nothing that zstd knows.
        with_blocks(&next, 40_000, &payload, &blocks),
        with_blocks(&next, 1, b"one line\n", &beyond),
        with_blocks(&next, 1, b"one line\n", b"not zstd"),
    ] {
        let mut objects = chain.archive();
        objects.insert(next.key(3), bomb);
        let lab = Lab::new(&chain, &objects);
        assert_eq!(told(&lab.assert_unharmed().report), ["UNEXPECTED_OBJECT"]);
        // It trusts nobody: what the bytes are worth is all it does.
        let shown = lab.ask("inspect", &[&next.key(3)]);
        assert!([0, 1].contains(&shown.code), "{}", shown.err);
    }
}

/// A genesis has no payload, so a bomb there is misplaced, or no note at all. The chain's own objects
/// there, any number of times, are not decompressed either.
#[test]
fn a_bomb_at_the_first_key_is_not_decompressed() {
    let alone = chain(&[]);
    let (payload, blocks) = dear();
    let mut other = Chain::new(ORIGIN, TestSigner::new(66));
    other.genesis();
    other.batch(&[Piece::new("b", lines(0..2))]);
    let strangers = with_blocks(&other, 40_000, &payload, &blocks);
    let unbounded = rle_block(b'\n', 40_000);
    let cheap = with_blocks(&other, 40_000, &payload, &unbounded);
    for bomb in [strangers, cheap, alone.get(2).bytes.clone()] {
        let chain = chain(std::slice::from_ref(&bomb));
        let mut objects = chain.archive();
        for n in 0..20 {
            let key = alone.key(0).replace(".jsonl", &format!(".{n:016x}.jsonl"));
            objects.insert(key, bomb.clone());
        }
        let lab = Lab::new(&chain, &objects);
        assert_eq!(told(&lab.assert_unharmed().report), ["UNEXPECTED_OBJECT"; 21]);
        let shown = lab.ask("inspect", &[&alone.key(0)]);
        assert_eq!(shown.code, 1, "it isn't this key's: {}", shown.err);
    }
}

/// What costs more than its bytes may is refused by what its note says, and nobody asks its blocks.
#[test]
fn an_object_that_costs_more_than_its_bytes_is_no_object() {
    let mut chain = chain(&[]);
    let blocks = rle_block(b'\n', 128 << 10);
    chain.batch(&[Piece::new("b", lines(0..2))]);
    let object = with_blocks(&chain, 128 << 10, &vec![b'\n'; 128 << 10], &blocks);
    let mut objects = chain.archive();
    objects.insert(chain.key(3), object);
    let lab = Lab::new(&chain, &objects);
    let shown = lab.ask("inspect", &[&chain.key(3)]);
    assert_eq!(shown.code, 1);
    assert!(shown.text().contains("more chunks than bytes of blocks"), "{}", shown.text());
}
