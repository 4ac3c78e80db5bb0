//! Finding the head, and walking back from it.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use std::sync::Arc;

use auditseal_chain::Verdict;
use auditseal_doubles::{Fault, MemoryStore};
use auditseal_format::{Alternate, Date, ObjectKey, ObjectSeal};
use auditseal_reader::{Error, HeadFound, Judged, Question, find_head, find_newest, walk_back};
use auditseal_store::{Kind, Operation};
use auditseal_vectors::{Archive, Chain, Piece, TestSigner, events};
use common::{chain, memory, six};
use futures::StreamExt as _;

async fn head_in(store: MemoryStore, chain: &Chain) -> Result<Option<HeadFound>, Error> {
    let vkeys = [chain.current_signer().identity()];
    find_head(Arc::new(store), chain.origin(), &vkeys).await
}

async fn head_of(archive: &Archive, chain: &Chain) -> HeadFound {
    head_in(memory(archive), chain).await.unwrap().unwrap()
}

fn found(error: Error) -> (Verdict, Option<u64>) {
    let Error::Found(finding) = error else { panic!("{error}") };
    (finding.verdict, finding.seq)
}

#[tokio::test]
async fn the_head_is_the_highest_signed_note() {
    let mut chain = six();
    for _ in 0..3 {
        let head = head_of(&chain.archive(), &chain).await;
        assert_eq!(head.object.hash, chain.head().hash);
        assert_eq!(head.key.to_string(), chain.key(chain.head().seal.seq as usize));
        assert_eq!(head.passed, []);
        chain.heartbeat();
    }
    // A hole doesn't matter: what was sealed behind it was sealed.
    let mut archive = chain.archive();
    archive.remove(&chain.key(7)).unwrap();
    assert_eq!(head_of(&archive, &chain).await.object.seal.seq, 8);
}

/// What an agent asks for that lost its state: the work doesn't grow with the archive, but for the
/// listing.
#[tokio::test]
async fn one_head_among_ten_thousand_takes_a_listing_and_ten_requests() {
    let mut chain = six();
    while chain.batches().count() < 10_000 {
        chain.heartbeat();
    }
    let store = memory(&chain.archive());
    let head = head_in(store.clone(), &chain).await.unwrap().unwrap();
    assert_eq!(head.object.seal.seq, 9_999);
    assert_eq!(head.object.hash, chain.head().hash);
    assert_eq!(store.calls(Operation::Versions), 1);
    let others = [Operation::Get, Operation::Tail, Operation::Stream, Operation::List];
    let asked: u64 = others.into_iter().map(|operation| store.calls(operation)).sum();
    assert!(asked <= 10, "{asked} requests");
}

/// What a node asks for that has objects of the chain: at whichever it stopped, it finds what was
/// sealed behind it, and lists some days of them at most.
#[tokio::test]
async fn a_node_that_knows_its_chain_lists_some_days_of_it() {
    let mut chain = six();
    while chain.batches().count() < 2_000 {
        chain.wait(600).heartbeat();
    }
    let vkeys = [chain.current_signer().identity()];
    let (first, last) = (&chain.get(2).seal, &chain.head().seal);
    let days = (last.sealed.micros() - first.sealed.micros()) / 86_400_000_000;
    assert!(days > 8, "the chain is {days} days long");
    for at in [2, 500, 1_200, 1_990, 1_999] {
        let days =
            (ObjectKey::parse(&chain.key(at)).unwrap().date, chain.get(at).seal.sealed.date());
        let store = memory(&chain.archive());
        let found = find_newest(Arc::new(store.clone()), chain.origin(), &vkeys, days);
        let head = found.await.unwrap().head.unwrap();
        assert_eq!(head.object.hash, chain.head().hash, "from {at} on");
        assert!(store.calls(Operation::Versions) <= 18);
        assert!(store.calls(Operation::Tail) + store.calls(Operation::Get) <= 10);
    }
    // Away for longer than days are listed one by one.
    let store = memory(&chain.archive());
    let days = (Date::parse(b"2020-01-01").unwrap(), last.sealed.date());
    let found = find_newest(Arc::new(store.clone()), chain.origin(), &vkeys, days).await;
    assert_eq!(found.unwrap().head.unwrap().object.hash, chain.head().hash);
    assert_eq!(store.calls(Operation::Versions), 1);
    // The node's own newest is gone from the store: what there is must be known in full.
    let mut archive = chain.archive();
    for at in 1_000..2_000 {
        archive.remove(&chain.key(at)).unwrap();
    }
    let days = (ObjectKey::parse(&chain.key(1_999)).unwrap().date, last.sealed.date());
    let found = find_newest(Arc::new(memory(&archive)), chain.origin(), &vkeys, days).await;
    assert_eq!(found.unwrap().head.unwrap().object.seal.seq, 999);
}

/// The clock was set back by a year while the node made its newest objects: what was sealed behind
/// them has keys of days before theirs.
#[tokio::test]
async fn a_clock_that_was_set_back_hides_nothing() {
    for back in [30, 399, 3_000] {
        let mut chain = six();
        chain.wait(back * 86_400).heartbeat();
        chain.step_clock(-back * 86_400).heartbeat();
        let newest = chain.head().seal.seq as usize;
        chain.wait(600).heartbeat();
        chain.wait(600).heartbeat();
        let vkeys = [chain.current_signer().identity()];
        let first = ObjectKey::parse(&chain.key(newest)).unwrap().date;
        let days = (first, chain.get(newest).seal.sealed.date());
        assert!(days.0 > days.1, "it went back: {days:?}");
        let store = Arc::new(memory(&chain.archive()));
        let head = find_newest(store, chain.origin(), &vkeys, days).await.unwrap().head.unwrap();
        assert_eq!(head.object.hash, chain.head().hash, "{back} days");
    }
}

#[tokio::test]
async fn what_is_not_the_chains_is_passed() {
    let chain = six();
    let mut archive = chain.archive();
    let next = chain.next_key();
    let mut stranger = common::chain("c/n/s", 9);
    stranger.heartbeat();
    let keys = [
        next.to_string(),
        next.with(Alternate::parse("00000000000000ff")).to_string(),
        ObjectKey { seq: 7, ..next.clone() }.to_string(),
        ObjectKey { seq: 999_999_999_999, ..next }.to_string(),
    ];
    archive.insert(keys[0].clone(), stranger.head().bytes.clone());
    archive.insert(keys[1].clone(), b"garbage".to_vec());
    archive.insert(keys[2].clone(), common::chain("c/m/s", 1).get(5).bytes.clone());
    archive.insert(keys[3].clone(), chain.get(2).bytes.clone());
    let head = head_of(&archive, &chain).await;
    assert_eq!(head.object.hash, chain.head().hash);
    let mut passed: Vec<_> = head.passed.iter().map(ToString::to_string).collect();
    passed.sort();
    let mut expected = keys.to_vec();
    expected.sort();
    assert_eq!(passed, expected);
}

#[tokio::test]
async fn a_head_at_two_dates_stands_where_the_note_before_says() {
    let mut chain = six();
    chain.wait(86_400).heartbeat();
    for other in ["2026-11-20", "2099-01-01"] {
        let mut archive = chain.archive();
        let copy = chain.key(6).replace("date=2026-11-21", &format!("date={other}"));
        archive.insert(copy.clone(), chain.head().bytes.clone());
        let head = head_of(&archive, &chain).await;
        assert_eq!(head.key.to_string(), chain.key(6), "{other}");
        assert_eq!(head.passed.iter().map(ToString::to_string).collect::<Vec<_>>(), [copy]);
    }
}

#[tokio::test]
async fn nothing_is_none_and_no_answer_is_an_error() {
    let chain = six();
    assert_eq!(head_in(MemoryStore::new(), &chain).await.unwrap(), None);
    let mut garbage = Archive::new();
    garbage.insert(chain.key(0), b"x".to_vec());
    garbage.insert("other".to_owned(), b"x".to_vec());
    assert_eq!(head_in(memory(&garbage), &chain).await.unwrap(), None);
    for operation in [Operation::Versions, Operation::Tail] {
        for fault in [Fault::Refuse(Kind::Denied), Fault::Refuse(Kind::NoBucket)] {
            let store = memory(&chain.archive());
            store.fail_when(move |asked, _, _| (asked == operation).then_some(fault));
            let error = head_in(store, &chain).await.unwrap_err();
            assert!(matches!(error, Error::Store(_)), "{error}");
        }
    }
}

#[tokio::test]
async fn going_on_from_a_doubtful_head_is_refused() {
    let mut one = six();
    let mut other = one.clone();
    one.heartbeat();
    other.squat(b"what the store said").reanchor("state-lost");
    let mut archive = other.archive();
    archive.extend(one.archive());
    let error = head_in(memory(&archive), &one).await.unwrap_err();
    assert_eq!(found(error), (Verdict::Fork, Some(6)));
    // The newest object stands at another key: whoever continued below it would fork the chain.
    let mut archive = one.archive();
    let moved = archive.remove(&one.key(6)).unwrap();
    let key = ObjectKey { seq: 9, ..ObjectKey::after(&one.get(5).seal) };
    archive.insert(key.to_string(), moved);
    let error = head_in(memory(&archive), &one).await.unwrap_err();
    assert_eq!(found(error), (Verdict::Reordered, Some(9)));
    // Who has it itself isn't stopped: whoever may hide an object, and put one, could stop it for good.
    for (known, refused) in [(None, true), (Some(5), true), (Some(6), false)] {
        let store = Arc::new(memory(&archive));
        let (vkeys, judged) = ([one.current_signer().identity()], Judged::default());
        let question = Question::new(store, one.origin(), &vkeys, &judged);
        match question.knowing(known).answer().await {
            Err(error) if refused => assert_eq!(found(error), (Verdict::Reordered, Some(9))),
            answer => {
                let head = answer.unwrap().head.unwrap();
                assert_eq!((head.object.seal.seq, refused), (5, false), "{known:?}");
            }
        }
    }
}

/// A chain of before the first release is neither gone on from nor begun anew beside it; but anybody
/// may put a note that looks like one.
#[tokio::test]
async fn a_chain_of_before_the_first_release_is_refused() {
    let chain = six();
    for (signer, refused) in [(1, true), (9, false)] {
        let mut signer = TestSigner::new(signer);
        let old = |object: &[u8], signer: &mut TestSigner| {
            let parts = auditseal_vectors::Parts::of(object);
            let key = auditseal_format::Signer::key(signer).to_string();
            let own = auditseal_vectors::text::value(parts.text(), "key");
            let text = parts.text().replacen(&format!("\nkey {own}"), &format!("\nkey {key}"), 1);
            let text = text.replacen("\nseq ", "\nepoch 0\nseq ", 1);
            parts.with_text(&text, signer).bytes()
        };
        let mut archive = Archive::new();
        for seq in 0..3 {
            archive.insert(chain.key(seq), old(&chain.get(seq).bytes, &mut signer));
        }
        let head = head_in(memory(&archive), &chain).await;
        if refused {
            let error = head.unwrap_err();
            assert!(error.to_string().contains("from before the first release"), "{error}");
            assert_eq!(found(error), (Verdict::Malformed, Some(2)));
        } else {
            assert_eq!(head.unwrap(), None);
        }
    }
}

async fn walked(store: MemoryStore, head: &ObjectSeal) -> Vec<Result<u64, Error>> {
    let mut walk = std::pin::pin!(walk_back(Arc::new(store), head, None));
    let mut items = Vec::new();
    // After an error of the store it could be asked again.
    while !items.last().is_some_and(Result::is_err)
        && let Some(item) = walk.next().await
    {
        items.push(item.map(|before| before.object.seal.seq));
    }
    items
}

#[tokio::test]
async fn walking_back_follows_the_hashes() {
    let mut chain = six();
    chain.squat(b"garbage").heartbeat();
    chain.batch(&[Piece::new("new", events(11..12))]);
    let mut archive = chain.archive();
    // Objects that aren't the notes that the hashes name.
    let stray = ObjectKey::after(&chain.get(2).seal).with(Alternate::parse("00000000000000ff"));
    archive.insert(stray.to_string(), chain.get(1).bytes.clone());
    let head = head_of(&archive, &chain).await;
    let seqs: Vec<_> = walked(memory(&archive), &head.object).await.into_iter().flatten().collect();
    assert_eq!(seqs, [6, 5, 4, 3, 2, 1, 0]);
    let genesis = ObjectSeal::read(&chain.get(0).bytes).unwrap();
    assert!(walked(memory(&archive), &genesis).await.is_empty());
}

#[tokio::test]
async fn walking_back_ends_where_a_note_is_not_the_one_named() {
    let chain = six();
    let head = ObjectSeal::read(&chain.head().bytes).unwrap();
    let forged = common::chain("c/n/s", 9).get(2).bytes.clone();
    for object in [None, Some(b"x".to_vec()), Some(forged)] {
        let store = memory(&chain.archive());
        store.remove(&chain.key(2)).unwrap();
        if let Some(object) = object {
            store.insert(&chain.key(2), object);
        }
        let mut items = walked(store, &head).await;
        let error = items.pop().unwrap().unwrap_err();
        assert_eq!(found(error), (Verdict::Missing, Some(2)));
        assert_eq!(items.into_iter().flatten().collect::<Vec<_>>(), [4, 3]);
    }
    let store = memory(&chain.archive());
    let key = chain.key(2);
    store.fail_when(move |operation, asked, _| {
        (operation == Operation::Tail && asked == key).then_some(Fault::Refuse(Kind::Denied))
    });
    let items = walked(store, &head).await;
    assert!(matches!(items.last(), Some(Err(Error::Store(_)))));
    assert_eq!(items.len(), 3);
}

#[tokio::test]
async fn another_key_has_no_head_here() {
    let chain = chain("c/n/s", 1);
    let vkeys = [TestSigner::new(9).identity()];
    let head = find_head(Arc::new(memory(&chain.archive())), chain.origin(), &vkeys).await;
    assert_eq!(head.unwrap(), None);
}
