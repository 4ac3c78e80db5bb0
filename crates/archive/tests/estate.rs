//! An estate against a store that fails, locks, and forgets; what the program's own tests don't reach.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use std::sync::Arc;

use auditseal_archive::{EstateOptions, EstateReport, HeadsFile, verify_estate};
use auditseal_chain::{Extent, Rules, Trust, Verdict};
use auditseal_doubles::{Fault, MemoryStore};
use auditseal_format::{ObjectKey, Origin, Time};
use auditseal_reader::{Depth, How, Listing, PackedLines, Packs, Reading, Source};
use auditseal_store::{Kind, Lock, LockMode, LockedBy, Operation};
use auditseal_trust::TrustFile;
use auditseal_vectors::packs::{TestPack, packs_of};
use auditseal_vectors::{Archive, Chain, Lost, Piece, TestSigner, events, head_text};
use tempfile::TempDir;

const DAY: i64 = 86_400_000_000;

fn chain(node: u8, more: usize) -> Chain {
    let origin = format!("c/n-{node:02}/s");
    let mut chain = Chain::new(&origin, TestSigner::of(&origin, node));
    chain.genesis();
    chain.batch(&[Piece::new("audit.log", events(0..3))]);
    for _ in 0..more {
        chain.heartbeat();
    }
    chain
}

/// A trust file with these lines for each chain, behind its key's.
fn trusting(chains: &[Chain], rest: &str) -> TrustFile {
    let blocks = chains.iter().map(|chain| {
        let (origin, key) = (chain.origin(), chain.current_signer().identity());
        format!("origin {origin} static {key}\n{rest}")
    });
    let text = blocks.fold("auditseal/trust/v1\n".to_owned(), |text, block| text + &block);
    TrustFile::parse(&text).unwrap()
}

fn locked(chains: &[Chain], until: i64) -> MemoryStore {
    let store = MemoryStore::versioned();
    store.set_time(i64::MAX / 2);
    let lock = Lock {
        mode: LockMode::Compliance,
        until: Some(until),
        legal_hold: false,
        by: LockedBy::Version,
    };
    store.set_lock(Some(lock));
    for (key, bytes) in chains.iter().map(Chain::archive).collect::<Vec<Archive>>().iter().flatten()
    {
        store.insert(key, bytes.clone());
    }
    store
}

struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> HeadsFile {
        HeadsFile::new(&self.folder.path().join("heads"))
    }

    async fn verify(&self, store: &MemoryStore, trust: &TrustFile, now: Time) -> EstateReport {
        let options =
            EstateOptions { heads: Some(self.file()), ..EstateOptions::new(trust.clone(), now) };
        verify_estate(Arc::new(store.clone()), &options, |_| {}).await.unwrap()
    }

    fn known(&self, chain: &Chain) -> Option<String> {
        let heads = self.file().read().unwrap().unwrap_or_default();
        heads.get(chain.origin()).map(|head| head.seal.to_string())
    }
}

fn verdicts(report: &EstateReport) -> Vec<(Verdict, Option<u64>)> {
    let found = report.origins.iter().flat_map(|origin| &origin.chain.findings);
    found.map(|finding| (finding.verdict, finding.seq)).collect()
}

const SILENCE: &str = "  silent-after 10m\n";

#[tokio::test]
async fn what_comes_before_the_beginning_may_go_when_its_time_is_over_and_not_before() {
    let chains = [chain(1, 4)];
    let sealed = chains[0].get(3).seal.sealed.micros();
    let begin = head_text(chains[0].get(3));
    let rest = format!("  begin {begin}\n  retention 30d compliance\n  silent-after 366d\n");
    let trust = trusting(&chains, &rest);
    let store = locked(&chains, sealed + 99 * DAY);
    for seq in [0, 2] {
        store.remove(&chains[0].key(seq));
    }
    let desk = Desk::new();
    let early = desk.verify(&store, &trust, Time::from_micros(sealed + 30 * DAY - 1)).await;
    assert_eq!(verdicts(&early), [(Verdict::Missing, Some(0)), (Verdict::Missing, Some(2))]);
    assert_eq!((early.exit_code(), desk.known(&chains[0])), (1, None));
    let over = desk.verify(&store, &trust, Time::from_micros(sealed + 30 * DAY)).await;
    assert_eq!((over.exit_code(), verdicts(&over)), (0, vec![]), "{over:?}");
    assert_eq!(desk.known(&chains[0]), Some(head_text(chains[0].head())));
    // Nothing before it was fetched.
    assert_eq!(over.summary.seals, 3);
}

#[tokio::test]
async fn gaps_silence_and_weak_locks_move_a_head_and_faults_of_the_chain_do_not() {
    let mut gap = chain(1, 0);
    gap.gap(&[Lost::bytes("audit.log", 10)]);
    let chains = [gap, chain(2, 3)];
    let trust = trusting(&chains, &format!("  begin 0\n  retention 30d compliance\n{SILENCE}"));
    let sealed = chains[0].head().seal.sealed.micros();
    // All locks are a day too short, nothing came for a day, and lines are lost.
    let store = locked(&chains, sealed + 29 * DAY);
    let desk = Desk::new();
    let report = desk.verify(&store, &trust, Time::from_micros(sealed + DAY)).await;
    assert_eq!(report.exit_code(), 1);
    for wanted in [Verdict::WeakWorm, Verdict::Silent, Verdict::SourceGap] {
        assert!(verdicts(&report).iter().any(|(verdict, _)| *verdict == wanted), "{wanted}");
    }
    for chain in &chains {
        assert_eq!(desk.known(chain), Some(head_text(chain.head())));
    }
    // One object is gone: the chain is longer by then, and its head stays where it was.
    let longer = [chains[0].clone(), chain(2, 9)];
    let store = locked(&longer, sealed + 99 * DAY);
    store.remove(&longer[1].key(2));
    let report = desk.verify(&store, &trust, longer[1].now()).await;
    assert!(verdicts(&report).contains(&(Verdict::Missing, Some(2))));
    assert_eq!(desk.known(&chains[1]), Some(head_text(chains[1].head())));
    assert_eq!(report.origins[1].heads.map(|kept| kept.as_str()), Some("blocked"));
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_cant_be_listed_or_read_holds_up_no_other_and_is_no_finding() {
    let chains: Vec<Chain> = (1..100).map(|node| chain(node, 2)).collect();
    let trust = trusting(&chains, &format!("  begin 0\n{SILENCE}"));
    let now = chains[0].now();
    let (unlisted, unread) = (chains[3].origin().clone(), chains[7].key(1));
    let prefix = ObjectKey::prefix(&unlisted);
    let store = common::memory(&chains.iter().flat_map(Chain::archive).collect());
    store.fail_when(move |operation, key, _| {
        let listing = matches!(operation, Operation::List | Operation::Versions);
        let fails = (listing && key.starts_with(&prefix)) || (!listing && key == unread);
        fails.then_some(Fault::Refuse(Kind::Unavailable))
    });
    let desk = Desk::new();
    let report = desk.verify(&store, &trust, now).await;
    let complete: Vec<&Origin> = report
        .origins
        .iter()
        .filter(|origin| origin.chain.complete_until.is_some())
        .map(|origin| &origin.chain.origin)
        .collect();
    assert_eq!((complete.len(), report.exit_code()), (97, 2));
    assert!(!complete.contains(&&unlisted) && verdicts(&report).is_empty());
    assert_eq!(report.summary.unchecked, 2);
    assert_eq!((desk.known(&chains[3]), desk.known(&chains[7])), (None, None));
    assert_eq!(desk.known(&chains[8]), Some(head_text(chains[8].head())));
    let names: Vec<&Origin> = report.origins.iter().map(|origin| &origin.chain.origin).collect();
    assert!(names.is_sorted(), "in the order of their names, whichever ended first");
}

#[tokio::test]
async fn more_findings_than_are_kept_of_each_chain_are_counted() {
    let chains = [chain(1, 300), chain(2, 300)];
    let trust = trusting(&chains, &format!("  begin 0\n{SILENCE}"));
    let store = common::memory(&chains.iter().flat_map(Chain::archive).collect());
    for chain in &chains {
        (2..302).step_by(2).for_each(|seq| drop(store.remove(&chain.key(seq))));
    }
    let report = Desk::new().verify(&store, &trust, chains[0].now()).await;
    for origin in &report.origins {
        assert_eq!((origin.chain.findings.len(), origin.chain.findings_total), (100, 150));
    }
    let mut text = Vec::new();
    report.text(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.matches("… and 50 more of these").count(), 2, "{text}");
    // Of one chain alone they are all there.
    let one = trusting(&chains[..1], &format!("  begin 0\n{SILENCE}"));
    let report = Desk::new().verify(&store, &one, chains[0].now()).await;
    assert_eq!(report.origins[0].chain.findings.len(), 150);
}

#[tokio::test]
async fn more_chains_than_are_named_are_counted() {
    let chains: Vec<Chain> = (1..2).map(|node| chain(node, 0)).collect();
    let trust = trusting(&chains, &format!("  begin 0\n{SILENCE}"));
    let store = common::memory(&chains[0].archive());
    let key = |name: String| {
        format!("cluster=d/node=n/source={name}/date=1970-01-01/000000000000.jsonl.zst")
    };
    (0..130).for_each(|at| store.insert(&key(format!("s{at:03}")), Vec::new()));
    let folder = ObjectKey::prefix(chains[0].origin());
    (0..130).for_each(|at| store.insert(&format!("{folder}/stranger-{at}"), Vec::new()));
    let report = Desk::new().verify(&store, &trust, chains[0].now()).await;
    assert_eq!((report.unknown.len(), report.unknown_total), (100, 130));
    assert_eq!((report.unexpected.len(), report.unexpected_total), (100, 130));
    assert_eq!(report.exit_code(), 0, "anybody may put them there");
    let mut text = Vec::new();
    report.text(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains("… and 30 more chains") && text.contains("… and 30 more of these"),
        "{text}"
    );
}

#[tokio::test]
async fn more_chains_than_are_looked_for_are_said_to_be_there() {
    let chains = [chain(1, 0)];
    let trust = trusting(&chains, &format!("  begin 0\n{SILENCE}"));
    let store = common::memory(&chains[0].archive());
    for at in 0..100_001 {
        let name = format!("cluster=d/node=n/source=s{at}/date=1970-01-01/000000000000.jsonl.zst");
        store.insert(&name, Vec::new());
    }
    let report = Desk::new().verify(&store, &trust, chains[0].now()).await;
    assert!(
        report.limits.iter().any(|limit| limit.contains("too many chains")),
        "{:?}",
        report.limits
    );
    assert!(report.unknown_total >= 99_999, "{}", report.unknown_total);
}

#[tokio::test]
async fn of_more_forks_than_are_kept_each_is_a_finding() {
    let mut one = chain(1, 0);
    let mut two = one.clone();
    two.wait(1);
    for _ in 0..120 {
        one.heartbeat();
        two.squat(b"what the store said of it").heartbeat();
    }
    let chains = [one];
    let trust = trusting(&chains, &format!("  begin 0\n{SILENCE}"));
    let both: Archive = two.archive().into_iter().chain(chains[0].archive()).collect();
    let desk = Desk::new();
    let head = head_text(chains[0].head());
    let line = format!("head {} {head} 2026-11-21T08:00:00.000000Z\n", chains[0].origin());
    std::fs::write(desk.folder.path().join("heads"), format!("auditseal/heads/v1\n{line}"))
        .unwrap();
    let report = desk.verify(&common::memory(&both), &trust, chains[0].now()).await;
    let forks = verdicts(&report).iter().filter(|(verdict, _)| *verdict == Verdict::Fork).count();
    assert_eq!((forks, report.exit_code()), (120, 3));
    let heads = desk.file().read().unwrap().unwrap();
    assert_eq!(heads.forks().count(), 100);
    assert_eq!(desk.known(&chains[0]), Some(head));
}

#[tokio::test]
async fn of_a_long_chain_the_latest_hashes_are_kept() {
    let chain = chain(1, 4_200);
    let store = common::store_of(&chain.archive());
    let source = Source::new(store);
    let listing = Listing::read(&source, &[chain.origin().clone()]).await.unwrap();
    let trust = Trust::in_keys_for(chain.origin(), &[chain.current_signer().identity()]);
    let rules = Rules::of(trust, Extent::default(), None);
    let none = Packs::none();
    let how = How {
        depth: Depth::Seal,
        retention: None,
        concurrency: 8,
        keep: 0,
        packed: PackedLines::None,
    };
    let (entries, rules) = (&listing.chains[chain.origin()], (rules, None));
    let mut reading = Reading::new(&source, chain.origin(), entries, &none, rules, how);
    while reading.next().await.is_some() {}
    let report = reading.finish(None).1;
    let ends = [report.trail.front(), report.trail.back()].map(|seal| seal.unwrap().to_string());
    assert_eq!(report.trail.len(), 4_096);
    assert_eq!(ends, [head_text(chain.get(4_202 - 4_096)), head_text(chain.head())]);
}

/// The disk with the heads isn't mounted: who began anew there would forget a missing tail.
#[tokio::test]
async fn heads_behind_a_link_that_leads_nowhere_are_not_begun_anew() {
    let desk = Desk::new();
    let volume = desk.folder.path().join("volume");
    std::fs::create_dir(&volume).unwrap();
    std::os::unix::fs::symlink(volume.join("heads"), desk.folder.path().join("heads")).unwrap();
    let refused = desk.file().read().unwrap_err();
    assert!(
        refused.to_string().ends_with("it is a link, and what it leads to isn't there"),
        "{refused}"
    );
    assert!(refused.hint().starts_with("is the file system that it lies on mounted?"));
    desk.file().update(|_| ()).unwrap_err();
    std::fs::write(volume.join("heads"), auditseal_trust::Heads::default().to_string()).unwrap();
    assert_eq!(desk.file().read().unwrap(), Some(auditseal_trust::Heads::default()));
}

/// Reading begins with a seal that a pack holds, and what lies before it must still be kept, and is.
#[tokio::test]
async fn what_must_be_kept_before_a_beginning_in_a_pack_is_looked_for_on_all_days() {
    let chains = [chain(1, 6)];
    let begin = head_text(chains[0].get(5));
    let auditor = TestSigner::named("auditor.example", 200);
    let rest = format!("  begin {begin}\n  retention 30d compliance\n  silent-after 366d\n");
    let text = format!("{}auditor c {}\n", trusting(&chains, &rest), auditor.identity());
    let sealed = chains[0].get(5).seal.sealed.micros();
    let store = locked(&chains, sealed + 99 * DAY);
    let packs = packs_of(&TestPack::all(&chains[0]), &auditor);
    let options = EstateOptions {
        packs: Some(Arc::new(common::memory(&packs))),
        ..EstateOptions::new(TrustFile::parse(&text).unwrap(), Time::from_micros(sealed + DAY))
    };
    let verify = async || {
        let report = verify_estate(Arc::new(store.clone()), &options, |_| {}).await.unwrap();
        verdicts(&report)
    };
    assert_eq!(verify().await, []);
    store.remove(&chains[0].key(0));
    assert_eq!(verify().await, [(Verdict::Missing, Some(0))]);
}
