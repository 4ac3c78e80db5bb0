//! What people and scripts get to read: reports, `ls` and `inspect`.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use std::cell::RefCell;
use std::io;
use std::sync::Arc;

use auditseal_archive::{Inspection, Judgement as _, Row, inspect, ls, verify};
use auditseal_doubles::{Fault, MemoryStore};
use auditseal_reader::Error;
use auditseal_store::{Kind, Operation};
use auditseal_vectors::{Chain, Lost, Parts, Piece, events};
use common::{chain, memory, options, six};
use serde_json::Value;

fn text_of(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_complete_archive_in_text_and_json() {
    let chain = six();
    let seen = RefCell::new(Vec::new());
    let store = Arc::new(memory(&chain.archive()));
    let report =
        verify(store, &options(&chain), |progress| seen.borrow_mut().push(progress)).await.unwrap();
    let head = chain.head();
    let size: usize = chain.batches().map(|batch| batch.bytes.len()).sum();
    let seen = seen.into_inner();
    assert_eq!(seen.len(), 6);
    assert_eq!((seen[5].objects, seen[5].total, seen[5].bytes), (6, 6, size as u64));

    let bytes = chain.restored().len();
    let expected = format!(
        "note: no head was given: seals missing after seq 5 are noticed only after next-by=2026-11-21T09:00:25.000000Z\n\
         COMPLETE until=2026-11-21T08:00:25.000000Z origin=c/n/s seals=6 lines=11 bytes={bytes} head=5:{}\n\
         note: no origin was given: a chain that is absent as a whole isn't noticed\n",
        head.hash
    );
    assert_eq!(text_of(|out| report.text(out)), expected);

    let json: Value = serde_json::from_str(&text_of(|out| report.json(out))).unwrap();
    let origin = &json["origins"][0];
    assert_eq!(json["exit"], 0);
    assert_eq!(origin["origin"], "c/n/s");
    assert_eq!(origin["complete_until"], "2026-11-21T08:00:25.000000Z");
    assert_eq!(origin["head"], format!("5:{}", head.hash));
    assert_eq!((&origin["seals"], &origin["lines"]), (&6.into(), &11.into()));
    assert_eq!(origin["stored_bytes"], size);
    assert_eq!(origin["first"], "2026-11-21T07:59:00.000000Z");
    assert_eq!(origin["last"], "2026-11-21T07:59:00.010000Z");
    assert_eq!((&origin["malformed"], &origin["findings"]), (&0.into(), &Value::Array(vec![])));
}

#[tokio::test]
async fn an_archive_with_findings_in_text_and_json() {
    let mut chain = six();
    chain.reanchor("state-lost");
    let mut archive = chain.archive();
    archive.remove(&chain.key(1)).unwrap();
    archive.remove(&chain.key(2)).unwrap();
    archive.insert(chain.key(4), b"x".to_vec());
    archive.insert("notes.txt".to_owned(), vec![]);
    let mut options = options(&chain);
    options.origins = vec![chain.origin().clone()];
    options.head = Some(auditseal_format::SealId { seq: 9, hash: chain.head().hash });
    let store = Arc::new(memory(&archive));
    let report = verify(store, &options, |_| {}).await.unwrap();
    let expected = format!(
        "MISSING origin=c/n/s seq=1-2: no objects of the chain at the keys of these 2 seqs\n\
         UNSEALED origin=c/n/s seq=4 key={}: no seal in the object's last 64 KiB\n\
         TRUNCATED origin=c/n/s seq=7-9: the chain is known to reach seq 9\n\
         info: REANCHORED origin=c/n/s seq=6 key={}: reason state-lost\n\
         NOT COMPLETE origin=c/n/s seals=4 lines=2 bytes={} findings=3 head=6:{}\n",
        chain.key(4),
        chain.key(6),
        events(9..11).len(),
        chain.head().hash,
    );
    assert_eq!(text_of(|out| report.text(out)), expected);
    let json: Value = serde_json::from_str(&text_of(|out| report.json(out))).unwrap();
    assert_eq!(json["exit"], 1);
    assert_eq!(json["origins"][0]["complete_until"], Value::Null);
    let finding = &json["origins"][0]["findings"][0];
    assert_eq!(finding["verdict"], "MISSING");
    assert_eq!(finding["severity"], "finding");
    assert_eq!((&finding["seq"], &finding["through"]), (&1.into(), &2.into()));
    assert_eq!((&finding["key"], &finding["origin"]), (&Value::Null, &"c/n/s".into()));
    assert_eq!(json["origins"][0]["information"][0]["severity"], "information");

    let nothing = verify(Arc::new(MemoryStore::new()), &common::options(&chain), |_| {}).await;
    let text = text_of(|out| nothing.unwrap().text(out));
    assert!(text.starts_with("NOTHING TO VERIFY: "), "{text}");
}

async fn rows(store: MemoryStore) -> Vec<Row> {
    let mut rows = Vec::new();
    let each = |row: &Row| {
        rows.push(row.clone());
        Ok(())
    };
    ls(Arc::new(store), &[], |_| None, each).await.unwrap();
    rows
}

#[tokio::test]
async fn ls_has_a_row_for_each_object_whatever_it_is() {
    let mut one = six();
    one.squat(b"garbage").heartbeat();
    let other = chain("c/m/s", 1);
    let store = memory(&one.archive());
    other.archive().into_iter().for_each(|(key, object)| store.insert(&key, object));
    store.insert(&one.key(2), one.get(1).bytes.clone());
    store.insert(&other.key(3), one.get(3).bytes.clone());
    let refused = other.key(4);
    store.fail_when(move |operation, key, _| {
        (operation == Operation::Tail && key == refused).then_some(Fault::Refuse(Kind::Denied))
    });
    let rows = rows(store.clone()).await;
    assert_eq!(store.calls(Operation::Get) + store.calls(Operation::Stream), 0, "tails only");
    let places: Vec<_> =
        rows.iter().map(|row| (row.origin.to_string(), row.seq, row.alternate)).collect();
    let mut sorted = places.clone();
    sorted.sort();
    assert_eq!(places, sorted);
    assert_eq!(rows.len(), 14);
    let faults: Vec<_> = rows
        .iter()
        .filter_map(|row| row.fault.as_ref().map(|fault| (row.seq, fault.as_str())))
        .collect();
    assert_eq!(
        faults,
        [
            (3, "WRONG_ORIGIN: this is an object of c/n/s"),
            (4, &*format!("read the end of memory://{}: refused", other.key(4))),
            (2, "REORDERED: this is seq 1"),
            (6, "UNSEALED: no seal in the object's last 64 KiB"),
        ]
    );
    let mut table = text_of(Row::text_head);
    rows.iter().for_each(|row| table.push_str(&text_of(|out| row.text(out))));
    for (line, row) in table.lines().skip(1).zip(&rows) {
        assert!(row.fault.is_some() || line.chars().count() <= 116, "{line}");
    }
    let head = "      SEQ KIND      SEALED (UTC)        FIRST               LAST                  LINES  BYTES STORED ROOT";
    assert_eq!(table.lines().next(), Some(head));
    let batch = table.lines().find(|line| line.contains(" batch ")).unwrap();
    let size = text_of(|out| write_size(out, &rows[1]));
    assert_eq!(
        batch,
        format!(
            "        1 batch     2026-11-21T08:00:05 2026-11-21T07:59:00 2026-11-21T07:59:00       3    {} {size} {}",
            events(0..3).len(),
            rows[1].root.unwrap().to_string().get(..12).unwrap(),
        )
    );
    for row in &rows {
        let line = text_of(|out| row.json(out));
        let json: Value = serde_json::from_str(line.strip_suffix('\n').unwrap()).unwrap();
        assert_eq!(json["key"], row.key);
        assert_eq!(json["stored_bytes"], row.stored_bytes);
        assert_eq!(json["kind"].is_null(), row.kind.is_none());
    }
}

fn write_size(out: &mut Vec<u8>, row: &Row) -> io::Result<()> {
    let kib = row.stored_bytes as f64 / 1024.0;
    io::Write::write_fmt(out, format_args!("{:>6}", format!("{kib:.1}Ki")))
}

#[tokio::test]
async fn ls_ends_when_its_reader_does() {
    let each = |_: &Row| Err(io::ErrorKind::BrokenPipe.into());
    let error = ls(Arc::new(memory(&six().archive())), &[], |_| None, each).await.unwrap_err();
    assert!(matches!(&error, Error::Write(why) if why.kind() == io::ErrorKind::BrokenPipe));
}

async fn inspected(store: MemoryStore, key: &str) -> Inspection {
    inspect(Arc::new(store), key).await.unwrap()
}

fn fact<'a>(inspection: &'a Inspection, name: &str) -> Vec<&'a str> {
    let facts = inspection.facts.iter().filter(|fact| fact.name == name);
    facts.map(|fact| fact.value.as_str()).collect()
}

fn rich() -> Chain {
    let mut chain = six();
    chain.index(b"{\"x\":1}");
    chain.batch(&[
        Piece::new("new", b"one\n\0\0two".to_vec()).last().named("a b"),
        Piece::new("older", events(3..4)).before("new"),
    ]);
    chain
}

#[tokio::test]
async fn inspect_shows_what_a_seal_says_and_what_holds() {
    let chain = rich();
    let shown = inspected(memory(&chain.archive()), &chain.key(6)).await;
    assert!(shown.holds());
    assert_eq!(fact(&shown, "kind"), ["batch"]);
    assert_eq!(fact(&shown, "lines"), ["3"]);
    let range = fact(&shown, "range");
    assert!(range[0].starts_with("a%20b bytes 350 to 359, 2 lines, final, unterminated, file "));
    assert_eq!(fact(&shown, "hole"), ["2 NUL bytes at 354"]);
    assert_eq!(fact(&shown, "before").len(), 1);
    assert_eq!(shown.hash, Some(chain.get(6).hash.to_string()));
    let text = text_of(|out| shown.text(out));
    assert!(text.contains("\nsealed       2026-11-21T08:00:30.000000Z\n"), "{text}");
    assert!(text.contains("\nok   bytes: frame, blocks, lines and root are the signed ones\n"));
    assert!(text.contains("\nok   times: the lines' times are within what the note says\n"));
    let json: Value = serde_json::from_str(&text_of(|out| shown.json(out))).unwrap();
    assert_eq!(json["checks"].as_array().unwrap().len(), 5);
    assert!(json["note"].as_str().unwrap().starts_with("auditseal/seal/v1\norigin c/n/s\n"));
}

#[tokio::test]
async fn inspect_says_what_does_not_hold() {
    let chain = rich();
    let store = memory(&chain.archive());
    let mut object = chain.get(6).bytes.clone();
    object[20] ^= 1;
    store.insert(&chain.key(6), object);
    store.insert(&chain.key(5), chain.get(4).bytes.clone());
    store.insert(&chain.key(4), b"x".to_vec());
    store.insert("some/where", chain.get(3).bytes.clone());
    let mut parts = Parts::of(&chain.get(2).bytes);
    parts.note = parts.note.replace("malformed 0", "malformed 1");
    store.insert(&chain.key(2), parts.bytes());
    for (key, expected) in [
        (chain.key(6), "BAD  bytes: TAMPERED: the blocks' hash isn't the signed one\n"),
        (chain.key(5), "BAD  place: this is the object of seq 4\n"),
        (chain.key(4), "BAD  seal: UNSEALED: no seal in the object's last 64 KiB\n"),
        (chain.key(2), "BAD  seal: BAD_SIGNATURE: the note's signature doesn't verify\n"),
        ("some/where".to_owned(), "BAD  place: the key isn't one of ours\n"),
    ] {
        let shown = inspected(store.clone(), &key).await;
        assert!(!shown.holds());
        let text = text_of(|out| shown.text(out));
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test]
async fn inspect_shows_gaps_and_cursors() {
    let mut chain = six();
    chain.gap(&[Lost::bytes("new", 7)]);
    let shown = inspected(memory(&chain.archive()), &chain.key(6)).await;
    let gap = fact(&shown, "gap");
    assert!(
        gap[0].starts_with("bytes 350 to 357 of file ")
            && gap[0].ends_with("(audit.log) were lost: deleted"),
        "{gap:?}"
    );
    assert!(fact(&shown, "cursor")[0].starts_with("audit.log at byte 357, file "));
}

#[tokio::test]
async fn inspect_tells_a_prefix_from_an_unknown_key() {
    let chain = six();
    let store = Arc::new(memory(&chain.archive()));
    for (key, hint) in [
        ("cluster=c/node=n/source=s", true),
        ("cluster=c/node=n/", true),
        (&chain.next_key().to_string(), false),
    ] {
        let error = inspect(store.clone(), key).await.unwrap_err();
        assert!(matches!(error, Error::NoObject(_)), "{error}");
        assert_eq!(error.to_string(), format!("read object {key}: there is none"));
        assert_eq!(error.hint().is_some_and(|hint| hint.contains("prefix")), hint);
    }
    let refusing = memory(&chain.archive());
    refusing.fail_when(|_, _, _| Some(Fault::Refuse(Kind::Denied)));
    let error = inspect(Arc::new(refusing), &chain.key(0)).await.unwrap_err();
    assert!(matches!(error, Error::Store(_)));
}
