//! An index saves reading and changes no answer: whatever the chain, the keys, the losses, what is known of it and
//! what is asked, packs with indexes, packs without and loose objects say the same, and end with the same exit code.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use auditseal_chain::Verdict;
use auditseal_doubles::MemoryStore;
use auditseal_format::SealId;
use auditseal_format::packs::Blob;
use auditseal_predicate::Predicate;
use auditseal_query::{Answered, Archive, AskedChain, Asking, Hit};
use auditseal_reader::Window;
use auditseal_trust::TrustFile;
use auditseal_vectors::packs::TestPack;
use auditseal_vectors::{Chain, Lost, Piece, TestSigner};
use common::{Dice, archive, asking, auditor, event, found, packed, store};

/// Seals one more thing, each three hours or so, and packs are cut by days.
fn grow(chain: &mut Chain, dice: &mut Dice) {
    chain.wait(3600 * i64::try_from(1 + dice.roll(6)).unwrap());
    let seq = chain.batches().count() as u64;
    if seq > 1 && dice.hits(60) {
        chain.gap(&[Lost::bytes("audit.log", 100)]);
    } else if seq > 1 && dice.hits(60) {
        chain.edit(|seal| seal.reason = auditseal_format::seal::Word::new("stalled"));
        chain.heartbeat();
    } else if seq > 1 && dice.hits(6) {
        chain.heartbeat();
    } else {
        // Users come in runs of days, so that an index leaves packs out.
        let user = ["ann", "bob", "eve"][(seq / 9 % 3) as usize];
        let lines: Vec<String> = (0..1 + dice.roll(4))
            .map(|nth| event(10 * seq + nth, chain.now().saturating_add(-1_000_000), user))
            .collect();
        chain.batch(&[Piece::new("audit.log", lines.concat())]);
    }
}

/// A chain, its packs with their indexes, and what is known of it.
struct Case {
    chain: Chain,
    packs: MemoryStore,
    asked: AskedChain,
    /// The head that is known is of another history.
    forked: bool,
}

fn case(dice: &mut Dice) -> Case {
    // Fresh keys for each seal, of which the trust file names the first, or one for all.
    let signer = if dice.hits(2) { TestSigner::ratchet(1) } else { TestSigner::new(1) };
    let mut chain = Chain::new("c/n/s", signer.clone());
    chain.promise(30 * 86_400).genesis();
    let count = 20 + dice.roll(60);
    let branches = dice.roll(count);
    let mut other = None;
    for seq in 0..count {
        if seq == branches {
            other = Some(chain.clone());
        }
        grow(&mut chain, dice);
    }
    let packs = packed(&chain);
    let seals = chain.batches().count() as u64;
    let id = |of: &Chain, seq: u64| {
        let batch = of.get(usize::try_from(seq).unwrap());
        SealId { seq, hash: batch.hash }
    };
    let begin = if dice.hits(3) { Some(id(&chain, dice.roll(seals))) } else { None };
    let begin_line =
        begin.filter(|begin| begin.seq > 0).map_or("0".to_owned(), |id| id.to_string());
    let trust = format!(
        "auditseal/trust/v1\norigin c/n/s static {}\n  begin {begin_line}\n  silent-after 366d\nauditor c {}\n",
        signer.identity(),
        auditor().identity()
    );
    let trust = TrustFile::parse(&trust).unwrap();
    let mut asked = common::by_key(&chain);
    asked.vkeys.clear();
    asked.trusted = trust.get(chain.origin()).cloned();
    asked.auditors = trust.auditors_of(chain.origin());
    let mut forked = false;
    match dice.roll(4) {
        0 => asked.head = Some(id(&chain, dice.roll(seals))),
        1 => {
            let mut other = other.unwrap();
            (0..1 + dice.roll(10)).for_each(|_| grow(other.wait(7), dice));
            let at = branches + 1 + dice.roll(other.batches().count() as u64 - branches - 1);
            asked.head = Some(id(&other, at));
            forked = at < seals && begin.is_none_or(|begin| begin.seq <= at);
        }
        _ => {}
    }
    Case { chain, packs, asked, forked }
}

/// What an answer says, but for how much was read for it.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    exit: u8,
    whole: bool,
    hits: Vec<(u64, u64)>,
    findings: BTreeSet<(Verdict, Option<u64>)>,
    gaps: BTreeSet<String>,
}

fn told((hits, answer): &(Vec<Hit>, Answered)) -> Told {
    let chain = &answer.chains[0];
    Told {
        exit: answer.exit_code(),
        whole: answer.is_whole(),
        hits: hits.iter().map(|hit| (hit.seq, hit.line)).collect(),
        findings: chain.findings.iter().map(|finding| (finding.verdict, finding.seq)).collect(),
        gaps: chain.gaps.iter().map(ToString::to_string).collect(),
    }
}

async fn ask(case: &Case, asking: Asking, packed: bool, gone: bool) -> (Vec<Hit>, Answered) {
    let objects = store(&[&case.chain]);
    if gone {
        // What is packed has gone.
        let packed = TestPack::all(&case.chain).into_iter().map(|pack| pack.attestation.last).max();
        (1..=packed.unwrap_or(0))
            .for_each(|seq| drop(objects.remove(&case.chain.key(usize::try_from(seq).unwrap()))));
    }
    let packs = packed.then(|| Arc::new(case.packs.clone()) as Arc<dyn auditseal_store::Store>);
    let from = Archive { packs, ..archive(&objects) };
    found(asking.find(&from, vec![case.asked.clone()]).await.unwrap()).await
}

#[tokio::test]
async fn an_index_changes_no_answer() {
    let (mut left_out, mut forks, mut lost, mut late) = (0, 0, 0, 0);
    for seed in 0..120 {
        let mut dice = Dice(seed);
        let case = case(&mut dice);
        let users = ["ann", "bob", "eve", "nobody"];
        let predicate = Predicate::user(users[dice.roll(4) as usize]).unwrap();
        let plain = Asking { all_stages: true, ..asking(&case.chain, predicate) };
        let windowed = dice.hits(3);
        let window = if windowed {
            let all = case.chain.batches().count() as u64;
            let from = dice.roll(all);
            let to = from + dice.roll(all - from);
            let sealed = |seq: u64| case.chain.get(usize::try_from(seq).unwrap()).seal.sealed;
            Window { since: Some(sealed(from)), until: dice.hits(2).then(|| sealed(to)) }
        } else {
            Window::default()
        };
        let asking = Asking { window, ..plain };
        let gone = dice.hits(2);
        let with = ask(&case, asking.clone(), true, gone).await;
        let without = Asking { no_index: true, ..asking.clone() };
        let (indexed, unindexed) = (told(&with), told(&ask(&case, without, true, gone).await));
        assert_eq!(indexed, unindexed, "seed {seed}: with an index, and without");
        if !case.forked && !indexed.findings.iter().all(|(of, _)| *of == Verdict::Truncated) {
            panic!("seed {seed}: nothing is wrong, and {indexed:?}");
        }
        if !windowed {
            let loose = ask(&case, asking, false, false).await;
            assert_eq!(indexed, told(&loose), "seed {seed}: packed, and loose");
            assert_eq!(indexed.exit == 3, case.forked, "seed {seed}");
        }
        left_out += with.1.chains[0].packs_by_index;
        forks += u64::from(indexed.exit == 3);
        lost += u64::from(!indexed.gaps.is_empty());
        late += u64::from(case.asked.trusted.as_ref().unwrap().begin.is_some());
    }
    // The test is of something.
    assert!(
        left_out > 50 && forks > 10 && lost > 30 && late > 20,
        "{left_out} {forks} {lost} {late}"
    );
}

/// Far from the genesis, each seal by a fresh key of which no trust file knows: a window is read all the same.
#[tokio::test]
async fn a_window_is_read_whatever_keys_came_before() {
    let signer = TestSigner::ratchet(1);
    let mut chain = Chain::new("c/n/s", signer.clone());
    chain.promise(30 * 86_400).genesis();
    for seq in 0..400 {
        chain.wait(3600);
        let line = event(seq, chain.now().saturating_add(-1_000_000), "ann");
        chain.batch(&[Piece::new("audit.log", line.into_bytes())]);
    }
    let sealed = |seq: usize| chain.get(seq).seal.sealed;
    let window = Window { since: Some(sealed(300)), until: Some(sealed(310)) };
    let late = Window { since: Some(sealed(395)), until: None };
    let all = Predicate::user("ann").unwrap();
    let mut dice = Dice(1);
    let Case { asked: known, .. } = case(&mut dice);
    let trust = format!(
        "auditseal/trust/v1\norigin c/n/s static {}\n  begin 0\n  silent-after 366d\nauditor c {}\n",
        signer.identity(),
        known.auditors[0]
    );
    let trust = TrustFile::parse(&trust).unwrap();
    let asked = AskedChain {
        trusted: trust.get(chain.origin()).cloned(),
        auditors: trust.auditors_of(chain.origin()),
        head: None,
        ..known
    };
    let packs = packed(&chain);
    let case = Case { chain, packs, asked, forked: false };
    for (window, lines) in [(window, 10), (late, 5)] {
        for (packed, gone, no_index) in
            [(false, false, true), (true, false, false), (true, true, false), (true, true, true)]
        {
            let plain = asking(&case.chain, all.clone());
            let asking = Asking { window, no_index, allow_unanchored: true, ..plain };
            let (hits, answer) = ask(&case, asking, packed, gone).await;
            let told = (hits.len(), answer.exit_code());
            assert_eq!(told, (lines, 0), "{packed} {no_index} {:?}", answer.chains[0].findings);
        }
    }
}

/// Behind a chain's last pack anybody may put an object: by that nothing is wrong, and whether the chain has fallen
/// silent is asked as before.
#[tokio::test]
async fn a_strangers_object_behind_the_last_pack_is_no_finding() {
    let mut dice = Dice(1);
    let Case { asked, .. } = case(&mut dice);
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.promise(3_600).genesis();
    for id in 0..20 {
        let line = event(id, chain.wait(60).now(), "ann");
        chain.batch(&[Piece::new("audit.log", line.into_bytes())]);
    }
    let mut other = chain.clone();
    other.signer(TestSigner::named("c/n", 9)).wait(60);
    other.heartbeat();
    let last = chain.batches().count() - 1;
    let packs = MemoryStore::new();
    let mut pack = TestPack::of(&chain, 1..=last);
    let index = pack.index();
    let bound = Blob::of(&index);
    pack.attestation.index = Some(bound);
    packs.insert(&pack.name().index(&bound.hash), index);
    packs.insert(&pack.key(), pack.bytes.clone());
    let signed = pack.signed(&auditor());
    packs.insert(&signed.key(), signed.note.into_bytes());
    let trust = format!(
        "auditseal/trust/v1\norigin c/n/s static {}\n  begin 0\n  silent-after 10d\nauditor c {}\n",
        TestSigner::new(1).identity(),
        auditor().identity()
    );
    let trust = TrustFile::parse(&trust).unwrap();
    let trusted = trust.get(chain.origin()).cloned();
    let asked = AskedChain { trusted, head: None, forks: Vec::new(), ..asked };
    let objects = store(&[&chain]);
    let stranger = other.get(last + 1);
    objects.insert(&other.key(last + 1), stranger.bytes.clone());
    let from = Archive { packs: Some(Arc::new(packs)), ..archive(&objects) };
    for (user, days, code) in [("nobody", 1, 0), ("ann", 1, 0), ("nobody", 11, 1), ("ann", 11, 1)] {
        for no_index in [false, true] {
            let plain = asking(&chain, Predicate::user(user).unwrap());
            let now = chain.now().saturating_add(days * 86_400_000_000);
            let asking = Asking { no_index, now, ..plain };
            let (_, answer) = found(asking.find(&from, vec![asked.clone()]).await.unwrap()).await;
            let chain = &answer.chains[0];
            let of = format!("{user} {days} {no_index}");
            assert_eq!(answer.exit_code(), code, "{of}: {:?} {:?}", chain.findings, chain.silent);
            assert_eq!(chain.silent.is_some(), code == 1, "{of}");
        }
    }
}
