//! A start without a state, in a store that has a chain of a year: requests are counted, and memory.
//! `AUDITSEAL_BOUNDS=production`, as `make soak` has it, means a million keys.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod node;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Instant;

use auditseal_agent::{ChainEnd, Mode, Progress, run};
use auditseal_doubles::Crowd;
use auditseal_format::{Kind, ObjectKey, Seal, Time, hash};
use auditseal_note::StaticSigner;
use auditseal_shipper::Now;
use auditseal_store::Operation;
use auditseal_vectors::{Chain, Piece, TestSigner};
use node::Node;
use tokio::sync::watch;

/// Objects of a day, at one each five seconds.
const A_DAY: u64 = 17_280;
const DAY: i64 = 86_400_000_000;
/// Backups that are on the disk, as `--audit-log-maxbackup` has it.
const BACKUPS: u64 = 10;

/// How many of something: `full` at the size that is promised, else `few`.
fn many(few: u64, full: u64) -> u64 {
    let told = std::env::var_os("AUDITSEAL_BOUNDS").is_some_and(|told| told == "production");
    if told { full } else { few }
}

/// Moves a chain's seals to higher seqs.
fn raise(seal: &mut Seal, by: u64) {
    if seal.kind == Kind::Genesis {
        (seal.kind, seal.prev) = (Kind::Heartbeat, Some(hash(b"the one before")));
    }
    seal.seq += by;
}

/// Two events that were written then.
fn events(n: u64, time: Time) -> Vec<u8> {
    let event = |of: &str| {
        format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"{n}-{of}","stage":"ResponseComplete","stageTimestamp":"{time}"}}"#
        ) + "\n"
    };
    (event("a") + &event("b")).into_bytes()
}

/// How backups are named.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Names {
    Stamped,
    Numbered,
}

/// A node without a state, beside a chain of so many keys, of whose objects the newest are there:
/// those account for the backups on its disk.
struct Long {
    node: Node,
    crowd: Crowd,
    now: Time,
}

fn long(names: Names, keys: u64, real: u64) -> Long {
    let mut node = Node::new();
    let key = node.dir.path().join("key");
    fs::write(&key, &*StaticSigner::private_text("c/n", &[1; 32]).unwrap()).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    node.vkey = chain.current_signer().identity();
    let (date, origin) = (chain.now().date(), chain.origin().clone());
    let mut key = ObjectKey { origin: origin.clone(), seq: keys, alternate: None, date };
    let begun = chain.now();
    for n in 0..real {
        let now = chain.now();
        chain.edit(move |seal| raise(seal, keys));
        let file = (n % (real / BACKUPS) == 20).then(|| n / (real / BACKUPS));
        let sealed = match file {
            None if n == 0 => chain.genesis(),
            None => chain.heartbeat(),
            Some(file) => {
                let (bytes, age) = (events(n, now), BACKUPS - file);
                let packed = names == Names::Numbered && age > 1;
                let name = match names {
                    Names::Stamped => {
                        format!("audit-{}.000.log", now.to_string()[..19].replace(':', "-"))
                    }
                    Names::Numbered => format!("audit.log.{age}"),
                };
                if packed {
                    let fast = flate2::Compression::fast();
                    let mut gzip = flate2::write::GzEncoder::new(vec![], fast);
                    gzip.write_all(&bytes).unwrap();
                    fs::write(node.log(&format!("{name}.gz")), gzip.finish().unwrap()).unwrap();
                } else {
                    fs::write(node.log(&name), &bytes).unwrap();
                }
                // Its name when it was sealed; a number is another one by now.
                let name = if names == Names::Stamped { &name } else { "audit.log.1" };
                chain.batch(&[Piece::new(&format!("file {file}"), bytes).last().named(name)])
            }
        };
        node.store.set_time(sealed.seal.sealed.micros());
        node.store.insert(&key.to_string(), sealed.bytes.clone());
        key = ObjectKey::after(&sealed.seal);
    }
    let first = begun.saturating_add(-DAY * (1 + (keys / A_DAY) as i64));
    let crowd = Crowd::new(node.store.clone(), keys, move |n| {
        let date = first.saturating_add(DAY * (n / A_DAY) as i64).date();
        ObjectKey { origin: origin.clone(), seq: n, alternate: None, date }.to_string()
    });
    Long { node, crowd, now: chain.now() }
}

/// Peak of the memory since the last call, KiB; none where the system doesn't tell.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let peak = line.split_whitespace().nth(1)?.parse().ok();
    fs::write("/proc/self/clear_refs", "5").ok()?;
    peak
}

/// However its backups are named, it lists the chain once, keeps the top, and goes back to the note
/// that accounts for the oldest backup, and no further.
#[tokio::test]
async fn a_start_without_a_state_costs_a_listing_and_the_way_back_to_the_oldest_backup() {
    let (keys, real) = (many(40_000, 1_000_000), many(400, 20_000));
    for names in [Names::Stamped, Names::Numbered] {
        let Long { node, crowd, now } = long(names, keys, real);
        let clock = Arc::new(move || Now { wall: now, ..node::frozen() });
        let (_stop, stopped) = watch::channel(false);
        let before = peak();
        let begun = Instant::now();
        let settings = node.settings(Mode::OneShot);
        let outcomes =
            run(settings, Arc::new(crowd), clock, Arc::new(Progress::default()), stopped);
        let outcome = outcomes.await.unwrap().into_iter().next().unwrap();
        let (seconds, after) = (begun.elapsed().as_secs_f64(), peak());
        let (pages, tails) =
            (node.store.calls(Operation::Versions), node.store.calls(Operation::Tail));
        println!(
            "{names:?}, {keys} keys and {real} objects: {pages} pages, {tails} tails, {seconds:.1} s, peak before {before:?} KiB, then {after:?} KiB"
        );
        assert_eq!((outcome.end, outcome.tally.lines), (ChainEnd::Done, 0), "{names:?}");
        // To the oldest backup's note, and what is read ahead.
        assert!((real - 40..real + 40).contains(&tails), "{names:?}: {tails} tails");
        // A listing to find the head; the days that hold what the way back asks for; and the days
        // around the head, before anything is sent. A second listing of all would be beyond.
        let most = (keys + real) / 1_000 + 1 + 2 * ((real + A_DAY) / 1_000 + 2);
        assert!(pages <= most, "{names:?}: {pages} pages of {most}");
        let grown = after.zip(before).map_or(0, |(after, before)| after.saturating_sub(before));
        assert!(grown < 48 << 10, "{names:?}: {grown} KiB");
    }
}
