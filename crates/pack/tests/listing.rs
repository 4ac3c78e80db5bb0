//! What `ls` and `ls -o paths` say of packs.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use std::sync::Arc;

use auditseal_archive::{CatPacks, Options, Row, TruePath, ls, paths};
use auditseal_format::Origin;
use common::{Desk, chain};

fn packs(desk: &Desk) -> impl Fn(&Origin) -> Option<CatPacks> + use<> {
    let (store, trust) = (Arc::new(desk.packs.clone()), desk.trust.clone());
    move |origin| {
        let auditors = trust.auditors_of(origin);
        Some(CatPacks { store: store.clone(), auditors, by_date: true })
    }
}

/// What is listed, packs in brackets, and the verdicts of what is wrong.
async fn listed(desk: &Desk) -> (Vec<String>, Vec<String>) {
    let origin = desk.chain.origin().clone();
    let trusted = desk.trust.get(&origin).unwrap().clone();
    let options = Options {
        trusted: [(origin.clone(), trusted)].into(),
        origins: vec![origin],
        ..Options::new(Vec::new(), desk.now)
    };
    let mut keys = Vec::new();
    let found = paths(Arc::new(desk.archive.clone()), &options, packs(desk), |path| {
        keys.push(match path {
            TruePath::Object(key) => key.to_owned(),
            TruePath::Pack(key) => format!("[{key}]"),
        });
        Ok(())
    });
    let (found, left_out) = found.await.unwrap();
    assert_eq!(left_out, Vec::<String>::new());
    (keys, found.iter().map(|finding| finding.verdict.name().to_owned()).collect())
}

async fn rows(desk: &Desk) -> Vec<Row> {
    let mut rows = Vec::new();
    let each = |row: &Row| {
        rows.push(row.clone());
        Ok(())
    };
    ls(Arc::new(desk.archive.clone()), &[], packs(desk), each).await.unwrap();
    rows
}

#[tokio::test]
async fn each_seq_is_listed_once_whether_its_object_is_there_or_not() {
    let desk = Desk::of(chain(3, 4));
    desk.pack().await;
    let made = desk.keys(".jsonl.zst");
    let mut expected = vec![desk.chain.key(0)];
    expected.extend(made.iter().map(|key| format!("[{key}]")));
    expected.extend((12..16).map(|seq| desk.chain.key(seq)));
    for _ in 0..2 {
        assert_eq!(listed(&desk).await, (expected.clone(), vec![]));
        desk.expire();
    }
    let rows = rows(&desk).await;
    let spans: Vec<_> = rows.iter().map(|row| (row.seq, row.through)).collect();
    let loose = (12..16).map(|seq| (seq, None));
    let all: Vec<_> = [(0, None), (1, Some(6)), (7, Some(11))].into_iter().chain(loose).collect();
    assert_eq!(spans, all);
    assert_eq!((rows[1].lines, rows[1].fault.clone()), (Some(15), None));
    let mut text = Vec::new();
    rows[1].text(&mut text).unwrap();
    assert!(String::from_utf8(text).unwrap().trim_start().starts_with("1-6 pack "));
}

#[tokio::test]
async fn what_isnt_proved_of_a_pack_isnt_listed() {
    let desk = Desk::of(chain(3, 4));
    desk.pack().await;
    let key = desk.keys(".jsonl.zst").remove(0);
    let mut bytes = desk.packs.remove(&key).unwrap().to_vec();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    desk.packs.insert(&key, bytes);
    let (keys, found) = listed(&desk).await;
    // Its objects are there, and listed in its place.
    let loose: Vec<_> = (0..7).map(|seq| desk.chain.key(seq)).collect();
    assert_eq!((&keys[..7], found), (&loose[..], vec!["TAMPERED".to_owned()]));
    desk.expire();
    let (keys, found) = listed(&desk).await;
    assert_eq!(keys.iter().filter(|key| key.contains(&*desk.chain.key(1))).count(), 0);
    assert!(found.contains(&"TAMPERED".to_owned()), "{found:?}");
    // One that is gone says so in the table.
    desk.packs.remove(&key);
    let rows = rows(&desk).await;
    assert!(rows[1].fault.as_deref().is_some_and(|fault| fault.starts_with("MISSING")), "{rows:?}");
}
