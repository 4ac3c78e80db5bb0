//! What `cat` gives out of packs, one after the other, while the next is fetched.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use auditseal_archive::CatOptions;
use auditseal_doubles::Fault;
use auditseal_format::packs::PackKey;
use auditseal_store::{Kind, Operation};
use auditseal_vectors::{Chain, Piece, TestSigner, events};
use common::{DAY, Desk};

/// A chain whose objects are in packs alone, but for what stands at its ends; a pack a day. `files` says of each day which
/// files its batches are of.
async fn packed(files: &[&[&str]]) -> Desk {
    let desk = beside(files).await;
    assert!(desk.expire() > 0);
    desk
}

/// The same with all objects still there.
async fn beside(files: &[&[&str]]) -> Desk {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    let mut next = 0;
    for day in files {
        for file in *day {
            chain.wait(5);
            chain.batch(&[Piece::new(file, events(next..next + 2))]);
            next += 2;
        }
        // A key has the date of the seal before.
        chain.wait(DAY - 5 * day.len() as i64).heartbeat();
    }
    chain.wait(5).heartbeat();
    let desk = Desk::of(chain);
    assert_eq!(desk.pack().await.exit_code(), 0);
    desk
}

/// How often each pack is got.
fn counted(desk: &Desk) -> Arc<Mutex<BTreeMap<u64, u64>>> {
    let counts = Arc::<Mutex<BTreeMap<u64, u64>>>::default();
    let told = Arc::clone(&counts);
    desk.packs.fail_when(move |operation, key, _| {
        let pack = PackKey::of_pack(key).filter(|_| operation == Operation::Get);
        pack.into_iter()
            .for_each(|(name, _)| *told.lock().unwrap().entry(name.first).or_default() += 1);
        None
    });
    counts
}

/// Whichever way the source's bytes lie in the packs, each pack is got once for its seals and once for its lines wherever
/// these go on in it: what is fetched ahead is what comes next.
#[tokio::test]
async fn what_is_fetched_ahead_is_what_comes_next() {
    for (files, gets) in [
        (&[&["a", "a"][..], &["a", "a"], &["a"]][..], [2, 2, 2]),
        (&[&["a"], &["b"], &["a"]], [2, 2, 2]),
        (&[&["a", "b"], &["a"], &["b"]], [3, 2, 2]),
        (&[&["a", "b"], &["b"], &["a"]], [3, 2, 2]),
    ] {
        let desk = packed(files).await;
        let counts = counted(&desk);
        let given = desk.cat().await.unwrap();
        let lines = given.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(lines, 2 * files.iter().map(|day| day.len()).sum::<usize>());
        let gets_of = counts.lock().unwrap().values().copied().collect::<Vec<_>>();
        assert_eq!(gets_of[..], gets, "{files:?}");
    }
}

/// The fault of a pack is told in its turn, behind all lines before it, whenever it was fetched; and whatever the store gives
/// in a pack's place, nothing else goes out.
#[tokio::test]
async fn a_fault_is_told_in_its_turn() {
    let desk = packed(&[&["a", "a"], &["a"], &["a"], &["a"]]).await;
    let whole = desk.cat().await.unwrap();
    let keys = desk.keys(".jsonl.zst");
    for (nth, key) in keys.iter().enumerate() {
        for fault in [Fault::Refuse(Kind::Denied), Fault::Refuse(Kind::NotFound), Fault::WrongBytes]
        {
            for get in [1, 2] {
                let (of, seen) = (key.clone(), Mutex::new(0));
                desk.packs.fail_when(move |operation, key, _| {
                    let mut seen = seen.lock().unwrap();
                    *seen += u32::from(operation == Operation::Get && key == of);
                    (*seen == get && operation == Operation::Get && key == of).then_some(fault)
                });
                let (given, done) = desk.given(CatOptions::default()).await;
                let lines = given.iter().filter(|byte| **byte == b'\n').count();
                let expected = match (get, fault) {
                    // All is read again where something of a pack isn't so.
                    (1, Fault::WrongBytes) => (10, false),
                    (1, _) => (0, true),
                    // Days of 4, 2, 2 and 2 lines.
                    _ => ([0, 4, 6, 8][nth], true),
                };
                let what = format!("pack {nth}, {fault:?}, get {get}: {done:?}");
                assert!(whole.starts_with(&given), "{what}");
                assert_eq!((lines, done.is_err()), expected, "{what}");
            }
        }
    }
}

/// Where a pack breaks behind the first look at it, objects of their own give its lines, and the pack's fault is told with
/// the last of them.
#[tokio::test]
async fn a_fault_in_whose_place_others_stand_is_told() {
    let desk = beside(&[&["a", "a"], &["a"], &["a"], &["a"]]).await;
    let whole = desk.cat().await.unwrap();
    for key in desk.keys(".jsonl.zst") {
        for fault in [Fault::Refuse(Kind::NotFound), Fault::WrongBytes] {
            let break_it = || {
                let (of, seen) = (key.clone(), Mutex::new(0));
                desk.packs.fail_when(move |operation, key, _| {
                    let mut seen = seen.lock().unwrap();
                    *seen += u32::from(operation == Operation::Get && key == of);
                    (*seen > 1 && operation == Operation::Get && key == of).then_some(fault)
                });
            };
            break_it();
            let (given, done) = desk.given(CatOptions::default()).await;
            let told = done.unwrap_err();
            assert!(given == whole && told.contains(&key), "{key} {fault:?}: {told}");
            assert!(told.contains("given from objects of their own"), "{told}");
            break_it();
            let salvage = CatOptions { salvage: true, ..CatOptions::default() };
            let (given, restored) = desk.restored(salvage).await;
            let restored = restored.unwrap();
            assert!(given == whole, "{key} {fault:?}");
            assert_eq!(restored.unproved_total, 1, "{key} {fault:?}: {:?}", restored.unproved);
        }
    }
}
