//! prove: which line, out of what, by how much reading, and what stands in its way.

#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use std::sync::Arc;

use auditseal_archive::{
    CatPacks, MadeProof, ProveError, ProveOptions, RequestStage, prove_line, prove_request,
};
use auditseal_doubles::{Fault, MemoryStore};
use auditseal_format::{EventProof, Origin};
use auditseal_reader::{Error, Window};
use auditseal_store::{Kind, Operation};
use auditseal_vectors::packs::{TestPack, packs_of};
use auditseal_vectors::{Archive, Chain, Piece, TestSigner, events};
use common::{LOG, memory, started};

const DAY: i64 = 86_400;

fn origin() -> Origin {
    "c/n/s".parse().unwrap()
}

fn options() -> ProveOptions {
    ProveOptions {
        vkeys: vec![TestSigner::new(1).identity()],
        trusted: None,
        packs: None,
        extent: None,
        window: Window::default(),
    }
}

fn auditor() -> TestSigner {
    TestSigner::named("auditor.example", 200)
}

/// Forty days with two batches each, of three lines; and what `line` of seal `seq` is.
fn long() -> Chain {
    let mut chain = started();
    chain.promise(10 * DAY);
    for at in 0..80 {
        if at % 2 == 0 {
            chain.wait(DAY);
        }
        chain.batch(&[Piece::new(LOG, events(3 * at..3 * at + 3))]);
    }
    chain
}

fn line_of(seq: u64, line: u64) -> Vec<u8> {
    let at = 3 * (seq - 1) + line - 1;
    events(at..at + 1).strip_suffix(b"\n").unwrap().to_vec()
}

async fn by_line(
    store: &Arc<MemoryStore>,
    options: &ProveOptions,
    seq: u64,
    line: u64,
) -> Result<MadeProof, ProveError> {
    prove_line(Arc::clone(store) as _, &origin(), options, seq, line).await
}

async fn by_id(store: &Arc<MemoryStore>, id: &str) -> Result<MadeProof, ProveError> {
    prove_request(Arc::clone(store) as _, &origin(), &options(), id).await
}

fn proves(made: &MadeProof, seq: u64, line: u64, bytes: &[u8]) {
    let proof = &made.proof;
    assert_eq!((proof.id().seq, proof.line(), proof.event()), (seq, line, bytes));
    assert_eq!(EventProof::read(&proof.bytes()).as_ref(), Ok(proof));
}

#[tokio::test]
async fn a_line_is_found_by_its_number_and_little_else_is_read() {
    let chain = long();
    for seq in [1, 2, 40, 41, 79, 80] {
        let store = Arc::new(memory(&chain.archive()));
        let made = by_line(&store, &options(), seq, 2).await.unwrap();
        proves(&made, seq, 2, &line_of(seq, 2));
        assert!(made.findings.is_empty(), "{:?}", made.findings);
        let (lists, gets) = (store.calls(Operation::Versions), store.calls(Operation::Get));
        assert!(lists <= 7, "{lists} of 41 days were listed for seal {seq}");
        assert!(gets + store.calls(Operation::Tail) <= 4, "seal {seq}");
    }
}

#[tokio::test]
async fn names_that_mislead_cost_time_and_no_line() {
    let chain = long();
    let store = Arc::new(memory(&chain.archive()));
    // Under each day more names of seqs of far away than of its own, and one of the seq that is wanted.
    for key in chain.archive().keys() {
        let (folder, _) = key.rsplit_once('/').unwrap();
        for seq in (900..905).chain([7]) {
            store.insert(&format!("{folder}/{seq:012}.0123456789abcdef.jsonl.zst"), "garbage");
        }
    }
    let made = by_line(&store, &options(), 7, 3).await.unwrap();
    proves(&made, 7, 3, &line_of(7, 3));
}

#[tokio::test]
async fn what_is_hidden_or_shadowed_is_proved() {
    let chain = long();
    let versions = MemoryStore::versioned();
    versions.set_time(i64::MAX / 2);
    for (key, bytes) in chain.archive() {
        versions.insert(&key, bytes);
    }
    versions.hide(&chain.key(5));
    versions.shadow(&chain.key(6), "garbage");
    let store = Arc::new(versions);
    for seq in [5, 6] {
        let made = by_line(&store, &options(), seq, 1).await.unwrap();
        proves(&made, seq, 1, &line_of(seq, 1));
    }
}

fn packed(chain: &Chain, edit: impl FnOnce(&mut Archive)) -> ProveOptions {
    let mut root = packs_of(&TestPack::all(chain), &auditor());
    edit(&mut root);
    let packs = CatPacks {
        store: Arc::new(memory(&root)),
        auditors: vec![auditor().identity()],
        by_date: false,
    };
    ProveOptions { packs: Some(packs), ..options() }
}

/// Each seal is by a fresh key that only the one before names: what leads there from the first is read, from objects
/// as from packs.
#[tokio::test]
async fn a_key_that_an_earlier_seal_names_is_no_strangers() {
    let mut chain = Chain::new("c/n/s", TestSigner::ratchet(1));
    chain.promise(10 * DAY).genesis();
    for at in 0..20 {
        chain.wait(DAY / 2).batch(&[Piece::new(LOG, events(3 * at..3 * at + 3))]);
    }
    let loose = Arc::new(memory(&chain.archive()));
    let in_packs = packed(&chain, |_| {});
    let gone = Arc::new(memory(&chain.archive()));
    (1..15).for_each(|seq| drop(gone.remove(&chain.key(seq))));
    for (store, options) in [(&loose, &options()), (&loose, &in_packs), (&gone, &in_packs)] {
        for seq in [2, 9, 14, 19] {
            proves(&by_line(store, options, seq, 2).await.unwrap(), seq, 2, &line_of(seq, 2));
        }
    }
    // Where the way there is broken, nobody knows whose key it is.
    drop(loose.remove(&chain.key(8)));
    let refused = by_line(&loose, &options(), 9, 1).await.unwrap_err();
    assert!(refused.is_finding() && refused.to_string().contains("WRONG_KEY"), "{refused}");
}

#[tokio::test]
async fn what_is_packed_is_proved_without_its_objects() {
    let chain = long();
    let options = packed(&chain, |_| {});
    let mut loose = chain.archive();
    loose.retain(|key, _| *key == chain.key(0) || *key == chain.key(80));
    let store = Arc::new(memory(&loose));
    for seq in [1, 2, 39, 78] {
        let made = by_line(&store, &options, seq, 2).await.unwrap();
        proves(&made, seq, 2, &line_of(seq, 2));
    }
    assert_eq!(store.calls(Operation::Get) + store.calls(Operation::Tail), 0);
    proves(&by_line(&store, &options, 80, 1).await.unwrap(), 80, 1, &line_of(80, 1));
}

#[tokio::test]
async fn a_request_is_found_in_packs() {
    let mut chain = started();
    for id in ["a", "b", "a", "c"] {
        chain.batch(&[Piece::new(LOG, stage(id, "ResponseComplete", "").repeat(2))]);
    }
    chain.wait(DAY).heartbeat();
    chain.wait(DAY).heartbeat();
    let options = packed(&chain, |_| {});
    let mut loose = chain.archive();
    loose.retain(|key, _| [0, 6].iter().any(|seq| *key == chain.key(*seq)));
    let store = Arc::new(memory(&loose));
    let made = prove_request(store, &origin(), &options, "a").await.unwrap();
    proves(&made, 3, 2, stage("a", "ResponseComplete", "").trim_end().as_bytes());
    assert_eq!(made.stages_total, 4);
}

#[tokio::test]
async fn behind_a_pack_that_is_not_as_attested_the_objects_are_there() {
    let chain = long();
    let options = packed(&chain, |root| {
        for bytes in
            root.iter_mut().filter(|(key, _)| key.ends_with(".zst")).map(|(_, bytes)| bytes)
        {
            bytes[20] ^= 1;
        }
    });
    let store = Arc::new(memory(&chain.archive()));
    proves(&by_line(&store, &options, 9, 2).await.unwrap(), 9, 2, &line_of(9, 2));
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let chain = long();
    let store = Arc::new(memory(&chain.archive()));
    for line in [4, u64::MAX] {
        let error = by_line(&store, &options(), 3, line).await.unwrap_err();
        assert_eq!(error.to_string(), format!("prove line {line} of seal 3: there are 3 lines"));
        assert!(!error.is_finding());
    }
    for seq in [81, 999_999_999_999] {
        let error = by_line(&store, &options(), seq, 1).await.unwrap_err();
        assert!(matches!(&error, ProveError::NoSeal(..)) && !error.is_finding(), "{error}");
    }
    let error = by_line(&store, &options(), 0, 1).await.unwrap_err();
    assert!(matches!(&error, ProveError::Line(0, 1, _)), "a genesis has no lines: {error}");
    let none = Arc::new(MemoryStore::new());
    let error = by_id(&none, "x").await.unwrap_err();
    assert!(matches!(&error, ProveError::Archive(Error::NoChain(_))), "{error}");
    let error = by_id(&store, "no such id").await.unwrap_err();
    assert!(matches!(&error, ProveError::NoRequest(..)) && !error.is_finding(), "{error}");
}

/// A number that is missing in the midst of a chain is the archive's fault; one behind its end is none.
#[tokio::test]
async fn a_hole_is_a_finding() {
    let chain = long();
    let missing = "MISSING origin=c/n/s seq=7: the chain goes on with seq 8, and nothing is here";
    let hole = |packs: Option<CatPacks>, from: usize, to: usize| {
        let mut loose = chain.archive();
        (from..=to).for_each(|seq| drop(loose.remove(&chain.key(seq))));
        let options = ProveOptions { packs, ..options() };
        async move {
            let error = by_line(&Arc::new(memory(&loose)), &options, 7, 1).await.unwrap_err();
            (error.is_finding(), error.to_string())
        }
    };
    let (finding, said) = hole(None, 7, 7).await;
    assert!(finding && said.contains(missing), "{said}");
    // Behind it are packs alone.
    let packs = packs_of(&[TestPack::of(&chain, 8..=9)], &auditor());
    let packs = CatPacks {
        store: Arc::new(memory(&packs)),
        auditors: vec![auditor().identity()],
        by_date: false,
    };
    let (finding, said) = hole(Some(packs), 7, 80).await;
    assert!(finding && said.contains(missing), "{said}");
    let (finding, said) = hole(None, 7, 80).await;
    assert!(!finding, "{said}");
}

/// Ten times what is looked at of garbage behind it: nobody knows that the chain goes on.
#[tokio::test]
async fn garbage_behind_a_number_is_no_chain_that_goes_on() {
    let chain = long();
    let store = Arc::new(memory(&chain.archive()));
    let (folder, _) =
        chain.key(80).rsplit_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    for seq in 82..82 + 160 {
        store.insert(&format!("{folder}/{seq:012}.jsonl.zst"), "garbage");
    }
    let error = by_line(&store, &options(), 81, 1).await.unwrap_err();
    assert!(!error.is_finding(), "{error}");
    assert!(store.calls(Operation::Get) + store.calls(Operation::Tail) < 60);
}

/// A broken copy beside the one that is proved is told.
#[tokio::test]
async fn what_is_broken_beside_it_is_said() {
    let chain = long();
    let options = packed(&chain, |root| {
        for (_, bytes) in root.iter_mut().filter(|(key, _)| key.ends_with(".zst")) {
            bytes[20] ^= 1;
        }
    });
    let store = Arc::new(memory(&chain.archive()));
    let made = by_line(&store, &options, 9, 2).await.unwrap();
    proves(&made, 9, 2, &line_of(9, 2));
    assert!(
        made.findings.iter().any(|finding| finding.contains("TAMPERED")),
        "{:?}",
        made.findings
    );
    // At a key of its own, beside the plain one.
    let (folder, _) =
        chain.key(9).rsplit_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    store.insert(&format!("{folder}/000000000009.0123456789abcdef.jsonl.zst"), "garbage");
    let made = by_line(&store, &self::options(), 9, 2).await.unwrap();
    assert!(
        made.findings.iter().any(|one| one.contains("0123456789abcdef")),
        "{:?}",
        made.findings
    );
}

#[tokio::test]
async fn what_nobody_trusted_signed_is_not_proved() {
    let chain = long();
    let store = Arc::new(memory(&chain.archive()));
    let other = |signer: TestSigner| ProveOptions { vkeys: vec![signer.identity()], ..options() };
    let error = by_line(&store, &other(TestSigner::new(2)), 3, 1).await.unwrap_err();
    assert!(matches!(&error, ProveError::NoSeal(..)) && error.is_finding(), "{error}");
    assert!(error.to_string().contains("WRONG_KEY"), "{error}");
    let error = by_line(&store, &other(TestSigner::named("c/m", 1)), 3, 1).await.unwrap_err();
    assert!(matches!(&error, ProveError::Archive(Error::NoKeyFor(..))), "{error}");
}

#[tokio::test]
async fn an_object_that_is_altered_is_a_finding() {
    let chain = long();
    let store = Arc::new(memory(&chain.archive()));
    let key = chain.key(3);
    let mut bytes = store.objects()[&key].to_vec();
    bytes[20] ^= 1;
    store.insert(&key, bytes);
    let error = by_line(&store, &options(), 3, 1).await.unwrap_err();
    assert!(error.is_finding() && error.to_string().contains("TAMPERED"), "{error}");
    // By a request the rest is looked through all the same, and what is wrong is told.
    let error = by_id(&store, "nobody's").await.unwrap_err();
    assert!(error.is_finding() && error.to_string().contains("TAMPERED"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_no_finding() {
    let chain = long();
    let store = Arc::new(memory(&chain.archive()));
    store.fail_when(|operation, _, _| {
        matches!(operation, Operation::Get | Operation::Tail).then_some(Fault::Refuse(Kind::Denied))
    });
    let error = by_line(&store, &options(), 3, 1).await.unwrap_err();
    assert!(matches!(&error, ProveError::Archive(Error::Store(_))), "{error}");
    assert!(!error.is_finding());
}

fn stage(id: &str, stage: &str, more: &str) -> String {
    format!("{{\"kind\":\"Event\",\"auditID\":\"{id}\",\"stage\":\"{stage}\"{more}}}\n")
}

#[tokio::test]
async fn of_a_request_the_last_stage_is_proved_and_all_are_named() {
    let mut chain = started();
    let first = [stage("a", "RequestReceived", ""), stage("b", "ResponseComplete", "")].concat();
    let body = ",\"requestObject\":{\"auditID\":\"a\"}";
    let second = [stage("a", "ResponseComplete", ""), stage("c", "Panic", body)].concat();
    chain.batch(&[Piece::new(LOG, first)]);
    chain.batch(&[Piece::new(LOG, second)]);
    chain.batch(&[Piece::new(LOG, stage("a", "ResponseStarted", "") + "{\"auditID\":\"a\"\n")]);
    let store = Arc::new(memory(&chain.archive()));
    let made = by_id(&store, "a").await.unwrap();
    proves(&made, 2, 1, stage("a", "ResponseComplete", "").trim_end().as_bytes());
    let stages: Vec<_> =
        made.stages.iter().map(|found| (found.seq, found.line, found.stage)).collect();
    let wanted = [
        (1, 1, RequestStage::RequestReceived),
        (2, 1, RequestStage::ResponseComplete),
        (3, 1, RequestStage::ResponseStarted),
    ];
    assert_eq!(stages, wanted);
    assert_eq!((made.stages_total, made.unreadable), (3, 1));
}

#[tokio::test]
async fn of_many_lines_of_one_request_the_last_is_proved_and_all_are_counted() {
    let mut chain = started();
    for _ in 0..3 {
        chain.batch(&[Piece::new(LOG, stage("a", "ResponseComplete", "").repeat(100))]);
    }
    let store = Arc::new(memory(&chain.archive()));
    let made = by_id(&store, "a").await.unwrap();
    assert_eq!((made.proof.id().seq, made.proof.line()), (3, 100));
    assert_eq!((made.stages.len(), made.stages_total), (100, 300));
}

#[tokio::test]
async fn a_batch_that_is_too_large_to_be_held_is_proved() {
    let (mut source, mut state) = (Vec::new(), 7_u64);
    while source.len() < 34 << 20 {
        for _ in 0..1000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let bytes = state.to_le_bytes();
            source.extend(
                bytes[2..].iter().map(|byte| if matches!(byte, 0 | b'\n') { 1 } else { *byte }),
            );
        }
        source.push(b'\n');
    }
    source.extend(stage("a", "Panic", "").as_bytes());
    let lines = source.iter().filter(|byte| **byte == b'\n').count() as u64;
    let mut chain = started();
    chain.batch(&[Piece::new(LOG, source.clone())]);
    assert!(chain.head().bytes.len() > 32 << 20);
    let store = Arc::new(memory(&chain.archive()));
    let first = source.split(|byte| *byte == b'\n').next().unwrap();
    proves(&by_line(&store, &options(), 1, 1).await.unwrap(), 1, 1, first);
    let last = stage("a", "Panic", "");
    proves(&by_id(&store, "a").await.unwrap(), 1, lines, last.trim_end().as_bytes());
}
