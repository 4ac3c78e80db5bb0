//! What isn't proved isn't searched: it is named, and nothing that is proved is missing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::ops::ControlFlow;
use std::sync::Arc;

use auditseal_doubles::{Fault, MemoryStore};
use auditseal_format::packs::Blob;
use auditseal_predicate::{ObjectFilter, Predicate};
use auditseal_query::{Answered, Archive, Asking, Put, asked as types, strange};
use auditseal_reader::{Error, Window};
use auditseal_store::{Kind, Operation};
use auditseal_trust::TrustFile;
use auditseal_vectors::packs::{TestPack, packs_of};
use auditseal_vectors::{Chain, Lost, TestSigner};
use common::{
    archive, ask, asking, by_key, everything, found, line, lines, real, refused, sealed, store,
    texts,
};

/// Ten batches of ten lines.
fn ten(text: &[u8]) -> Chain {
    sealed("c/n/s", 1, &lines(text)[..100], 10)
}

fn all(chain: &Chain) -> Asking {
    Asking { all_stages: true, ..asking(chain, everything()) }
}

fn verdicts(answer: &Answered) -> Vec<(&'static str, Option<u64>)> {
    let findings = answer.chains.iter().flat_map(|chain| &chain.findings);
    findings.map(|finding| (finding.verdict.name(), finding.seq)).collect()
}

fn flipped(store: &MemoryStore, key: &str, at: usize) {
    let mut bytes = store.objects()[key].to_vec();
    let at = at % bytes.len();
    bytes[at] ^= 1;
    store.insert(key, bytes);
}

#[tokio::test]
async fn what_is_altered_is_named_and_left_out() {
    let text = real();
    let chain = ten(&text);
    for at in [40, 200, usize::MAX / 2] {
        let store = store(&[&chain]);
        flipped(&store, &chain.key(4), at);
        let (hits, answer) = ask(&store, &chain, all(&chain)).await;
        assert_eq!(answer.exit_code(), 1);
        assert!(
            verdicts(&answer).iter().all(|(_, seq)| *seq == Some(4)),
            "{:?}",
            verdicts(&answer)
        );
        assert_eq!(hits.len(), 90, "byte {at}");
        assert!(hits.iter().all(|hit| hit.seq != 4));
    }
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let text = real();
    let chain = ten(&text);
    let store = store(&[&chain]);
    store.remove(&chain.key(4));
    let (hits, answer) = ask(&store, &chain, all(&chain)).await;
    assert_eq!((answer.exit_code(), hits.len()), (1, 90));
    assert_eq!(verdicts(&answer), [("MISSING", Some(4))]);
}

/// A chain that ends before its time leaves open what happened since, to whoever asks for that.
#[tokio::test]
async fn a_chain_that_fell_silent_is_no_answer_for_what_came_later() {
    let text = real();
    let chain = ten(&text);
    let store = store(&[&chain]);
    let (_, answer) = ask(&store, &chain, all(&chain)).await;
    assert_eq!((answer.exit_code(), answer.is_whole()), (0, true));
    let later = chain.now().saturating_add(3600 * 1_000_000);
    let sealed = answer.chains[0].sealed.unwrap();
    for (until, code) in [(None, 1), (Some(later), 1), (Some(sealed.saturating_add(-1)), 0)] {
        let window = Window { since: None, until };
        let (_, answer) = ask(&store, &chain, Asking { now: later, window, ..all(&chain) }).await;
        assert_eq!((answer.exit_code(), answer.is_whole()), (code, code == 0), "{until:?}");
        let told = answer.footer(&Put::default()).join("\n");
        let silent = "silent: what happened since isn't known: SILENT origin=c/n/s seq=10";
        assert_eq!(told.contains(silent), code == 1, "{told}");
    }
}

/// A pack that has gone with its objects is told with its own seqs, whatever stands behind it.
#[tokio::test]
async fn a_part_that_is_missing_ends_where_it_ends() {
    let text = real();
    let chain = ten(&text);
    let auditor = TestSigner::named("c/auditor", 200);
    let (objects, packs) = (store(&[&chain]), MemoryStore::new());
    let made = [TestPack::of(&chain, 1..=4), TestPack::of(&chain, 5..=7)];
    for (key, bytes) in packs_of(&made, &auditor) {
        if !key.contains("000000000001-000000000004") || key.ends_with(".note") {
            packs.insert(&key, bytes);
        }
    }
    (1..8).for_each(|seq| drop(objects.remove(&chain.key(seq))));
    let mut asked = by_key(&chain);
    asked.auditors = vec![auditor.identity()];
    let from = Archive { packs: Some(Arc::new(packs)), ..archive(&objects) };
    let (hits, answer) = found(all(&chain).find(&from, vec![asked]).await.unwrap()).await;
    assert_eq!((answer.exit_code(), hits.len()), (1, 60));
    let told = answer.footer(&Put::default()).join("\n");
    assert!(told.contains("no object of this chain from seq 1 to seq 4\n"), "{told}");
}

/// A seal by another key gives no hits, however well it is made.
#[tokio::test]
async fn what_another_key_signed_is_not_searched() {
    let text = real();
    let chain = ten(&text);
    let store = store(&[&chain]);
    let other = sealed("c/n/s", 2, &lines(&text)[..100], 10);
    let (hits, answer) = ask(&store, &other, all(&other)).await;
    assert_eq!((answer.exit_code(), hits.len()), (1, 0), "{:?}", answer.chains);
}

#[tokio::test]
async fn what_the_store_does_not_give_is_counted() {
    let text = real();
    let chain = ten(&text);
    let store = store(&[&chain]);
    let key = chain.key(4);
    store.fail_when(move |_, of, _| (of == key).then_some(Fault::Refuse(Kind::Denied)));
    let (hits, answer) = ask(&store, &chain, all(&chain)).await;
    assert_eq!(answer.exit_code(), 2, "{:?}", answer.chains);
    assert!(answer.chains[0].unread_total > 0);
    assert!(hits.len() >= 40 && hits.iter().all(|hit| hit.seq != 4), "{}", hits.len());
}

#[tokio::test]
async fn no_chain_and_no_key_for_one_are_errors() {
    let text = real();
    let chain = ten(&text);
    let empty = MemoryStore::new();
    assert!(matches!(refused(&empty, &chain, all(&chain)).await, Error::NoChain(_)));
    let elsewhere = sealed("c/m/s", 1, &lines(&text)[..10], 10);
    let mut asked = by_key(&chain);
    asked.vkeys = by_key(&elsewhere).vkeys;
    let store = store(&[&chain]);
    let refused = all(&chain).find(&archive(&store), vec![asked]).await.unwrap_err();
    assert!(matches!(refused, Error::NoKeyFor(..)), "{refused}");
    store.fail_when(|operation, _, _| {
        (operation == Operation::Versions).then_some(Fault::Refuse(Kind::Denied))
    });
    assert!(matches!(common::refused(&store, &chain, all(&chain)).await, Error::Store(_)));
}

#[tokio::test]
async fn a_gap_is_told_and_is_no_fault() {
    let text = real();
    let mut chain = ten(&text);
    chain.gap(&[Lost::bytes("audit.log", 1000)]);
    let store = store(&[&chain]);
    let (hits, answer) = ask(&store, &chain, all(&chain)).await;
    assert_eq!((answer.exit_code(), hits.len()), (0, 100));
    assert_eq!(answer.chains[0].gaps.len(), 1);
    let footer = answer.footer(&Put::default()).join("\n");
    assert!(footer.contains("gap: what happened then isn't known: SOURCE_GAP"), "{footer}");
}

/// A type that isn't built in is told from a slip in the same way by an index as by reading.
#[tokio::test]
async fn a_type_is_known_by_an_index_as_by_its_lines() {
    let widget = line("w", "ResponseComplete", "create", "05:00", "05:01")
        .replace("\"resource\":\"pods\"", "\"resource\":\"widgets\"")
        .replace("\"apiVersion\":\"v1\"}", "\"apiGroup\":\"example.com\",\"apiVersion\":\"v1\"}");
    let pod = line("p", "ResponseComplete", "delete", "06:00", "06:01");
    let all: Vec<&[u8]> = vec![widget.as_bytes(), pod.as_bytes()];
    let chain = sealed("c/n/s", 1, &all, 1);
    let auditor = TestSigner::named("c/auditor", 200);
    let (objects, packs) = (store(&[&chain]), MemoryStore::new());
    let mut pack = TestPack::of(&chain, 1..=2);
    let index = pack.index();
    let bound = Blob::of(&index);
    pack.attestation.index = Some(bound);
    packs.insert(&pack.name().index(&bound.hash), index);
    for (key, bytes) in packs_of(&[pack], &auditor) {
        packs.insert(&key, bytes);
    }
    let from = Archive { packs: Some(Arc::new(packs)), ..archive(&objects) };
    for (word, unseen) in [
        ("widgets.example.com", false),
        ("widgets", false),
        ("widgets.other.com", true),
        ("pods.example.com", true),
        ("gizmos", true),
    ] {
        let sought = types(&[word.to_owned()]).unwrap();
        let (resource, group) = (Some(sought[0].resource.as_str()), sought[0].group.as_deref());
        let object = Predicate::object(ObjectFilter { resource, group, ..ObjectFilter::default() });
        // The widget wasn't patched: its batch isn't read for this.
        let predicate = Predicate::all(vec![object, Predicate::verbs(["patch"])]);
        for no_index in [false, true] {
            let mut asked = by_key(&chain);
            asked.auditors = vec![auditor.identity()];
            let asking =
                Asking { sought: sought.clone(), no_index, ..asking(&chain, predicate.clone()) };
            let (hits, answer) = found(asking.find(&from, vec![asked]).await.unwrap()).await;
            assert_eq!((hits.len(), answer.exit_code()), (0, 0), "{:?}", answer.chains);
            assert_eq!(answer.chains[0].batches == 0, !no_index, "{word}");
            let refused = strange(&sought, &answer.chains[0].types);
            assert_eq!(refused.is_some(), unseen, "{word}, no index: {no_index}");
        }
    }
}

/// From packs comes what comes from objects.
#[tokio::test]
async fn packs_give_the_same_answers() {
    let text = real();
    let chain = ten(&text);
    let auditor = TestSigner::named("c/auditor", 200);
    let objects = store(&[&chain]);
    let (loose, _) = ask(&objects, &chain, all(&chain)).await;
    let trust = format!(
        "auditseal/trust/v1\norigin c/n/s static {}\n  begin 0\n  silent-after 366d\nauditor c {}\n",
        chain.current_signer().identity(),
        auditor.identity()
    );
    let trust = TrustFile::parse(&trust).unwrap();
    let packs = MemoryStore::new();
    for (key, bytes) in
        packs_of(&[TestPack::of(&chain, 1..=4), TestPack::of(&chain, 5..=7)], &auditor)
    {
        packs.insert(&key, bytes);
    }
    for seq in 2..7 {
        objects.remove(&chain.key(seq));
    }
    let mut asked = by_key(&chain);
    asked.trusted = trust.get(chain.origin()).cloned();
    asked.auditors = trust.auditors_of(chain.origin());
    let from = Archive { packs: Some(Arc::new(packs.clone())), ..archive(&objects) };
    let search = all(&chain).find(&from, vec![asked.clone()]).await.unwrap();
    assert!(search.cost().objects < 10, "{:?}", search.cost());
    let (packed, answer) = found(search).await;
    assert_eq!(answer.exit_code(), 0, "{:?}", answer.chains);
    let key = |hit: &auditseal_query::Hit| (hit.seq, hit.line, hit.shown.clone());
    assert!(packed.iter().map(key).eq(loose.iter().map(key)));

    // A pack that is altered is left out, and what it held is missing.
    let pack = TestPack::of(&chain, 1..=4).key();
    flipped(&packs, &pack, 300);
    let (rest, answer) = found(all(&chain).find(&from, vec![asked]).await.unwrap()).await;
    assert_eq!(answer.exit_code(), 1);
    assert!(rest.len() < 100 && !rest.is_empty(), "{}", rest.len());
}

#[tokio::test]
async fn whoever_stops_it_is_told_what_was_searched() {
    let text = real();
    let chain = ten(&text);
    let store = store(&[&chain]);
    let search = all(&chain).find(&archive(&store), vec![by_key(&chain)]).await.unwrap();
    let answer = search.run(|_| ControlFlow::Continue(()), std::future::ready(())).await;
    assert!(answer.interrupted && answer.exit_code() == 2 && !answer.chains[0].ended, "{answer:?}");
    let footer = answer.footer(&Put::default());
    assert!(footer[0].starts_with("interrupted; searched until then: 1 chain"), "{footer:?}");
    let search = all(&chain).find(&archive(&store), vec![by_key(&chain)]).await.unwrap();
    let answer = search.run(|_| ControlFlow::Break(()), std::future::pending()).await;
    assert!(answer.closed && answer.given == 1 && answer.exit_code() == 0, "{answer:?}");
}

/// Of a listing's lines nothing is taken for a hit that isn't one: text that looks like a seal is text.
#[tokio::test]
async fn lines_that_are_no_events_are_counted() {
    let chain = sealed("c/n/s", 1, &[b"no event\n", b"{}\n", b"\xff\xfe\n"], 3);
    let store = store(&[&chain]);
    let (hits, answer) = ask(&store, &chain, all(&chain)).await;
    assert_eq!(answer.unknown.total() + hits.len() as u64, 3, "{:?}", answer.unknown);
    let (hits, _) = ask(&store, &chain, Asking { unknown: true, ..all(&chain) }).await;
    assert!(hits.iter().all(|hit| hit.time.is_none()), "{:?}", texts(&hits[..1]));
}

/// A line that contradicts itself is named, with what is wrong with it; of more than a few the number.
#[tokio::test]
async fn lines_that_cannot_be_read_are_named() {
    let plain = line("a", "ResponseComplete", "get", "04:00", "04:01");
    let twice = plain.replace("\"verb\":", "\"verb\":\"delete\",\"verb\":");
    let torn = plain[..plain.len() / 2].to_owned() + "\n";
    let mut all = vec![plain.as_bytes(), twice.as_bytes(), plain.as_bytes(), torn.as_bytes()];
    let chain = sealed("c/n/s", 1, &all, 3);
    let store_of = |chain: &Chain| store(&[chain]);
    let asked = |chain: &Chain| Asking { all_stages: true, ..asking(chain, everything()) };
    let (hits, answer) = ask(&store_of(&chain), &chain, asked(&chain)).await;
    assert_eq!((hits.len(), answer.unknown.unreadable), (2, 2));
    let footer = answer.footer(&Put::default());
    let named = |line: &&String| line.starts_with("can't be read: ");
    let told: Vec<&String> = footer.iter().filter(named).collect();
    let twice_said = "can't be read: c/n/s 1:2: a member of the event stands twice, and nobody knows which one counts";
    assert!(told.len() == 2 && told[0] == twice_said, "{footer:?}");
    assert!(
        told[1].starts_with("can't be read: c/n/s 2:1: the line isn't a JSON object"),
        "{told:?}"
    );
    // Who has them listed needs no second list.
    let listed = Asking { unknown: true, ..asked(&chain) };
    let (hits, answer) = ask(&store_of(&chain), &chain, listed).await;
    assert_eq!((hits.len(), answer.footer(&Put::default()).iter().filter(named).count()), (2, 0));
    all = vec![twice.as_bytes(); 50];
    let chain = sealed("c/n/s", 1, &all, 20);
    let (_, answer) = ask(&store_of(&chain), &chain, asked(&chain)).await;
    let footer = answer.footer(&Put::default());
    let told: Vec<&String> = footer.iter().filter(named).collect();
    assert_eq!((told.len(), told[5].as_str()), (6, "can't be read: c/n/s: and 45 lines more"));
}
