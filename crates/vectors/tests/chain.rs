//! The builder: what it seals is what it was given.

use auditseal_format::{Date, Kind, ObjectKey, ObjectSeal, Time, hash};
use auditseal_vectors::{Chain, Lost, Parts, Piece, TestSigner, assemble, event, events, text};

fn chain() -> Chain {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    chain.batch(&[Piece::new("a", events(0..2))]);
    chain
}

#[test]
fn the_same_calls_give_the_same_bytes() {
    assert_eq!(chain().archive(), chain().archive());
    let mut other = Chain::new("c/n/s", TestSigner::new(2));
    other.genesis();
    assert_ne!(other.head().bytes, chain().get(0).bytes);
}

#[test]
fn seals_are_linked_and_stand_at_their_keys() {
    let mut chain = chain();
    chain.heartbeat();
    chain.gap(&[Lost::bytes("a", 10)]);
    chain.reanchor("state-lost");
    chain.final_();
    let mut prev = None;
    for (seq, batch) in chain.batches().enumerate() {
        let object = &chain.archive()[&chain.key(seq)];
        let read = ObjectSeal::open(object).unwrap();
        assert_eq!((read.seal.seq, read.seal.prev), (seq as u64, prev));
        assert_eq!(read.hash, batch.hash);
        let key = ObjectKey::parse(&chain.key(seq)).unwrap();
        let date = if seq == 0 { Date::EPOCH } else { chain.get(seq - 1).seal.sealed.date() };
        assert_eq!(key.date, date);
        prev = Some(batch.hash);
    }
    assert_eq!(chain.head().seal.kind, Kind::Final);
}

#[test]
fn anchors_cover_what_could_be_read() {
    let mut chain = chain();
    let first = events(0..2);
    assert_eq!(chain.head().seal.cursors[0].anchor, hash(&first));
    chain.gap(&[Lost::bytes("a", 10)]);
    let cursor = &chain.head().seal.cursors[0];
    assert_eq!((cursor.offset, cursor.anchor), (first.len() as u64 + 10, hash(b"")));
    chain.batch(&[Piece::new("a", vec![b'x'; 5000])]);
    assert_eq!(chain.head().seal.cursors[0].anchor, hash(&[b'x'; 4096]));
}

#[test]
fn files_stand_in_order_and_only_open_ones_have_cursors() {
    let mut chain = chain();
    chain.batch(&[
        Piece::new("older", "old\n").last().before("a"),
        Piece::new("b", "\0new\n").named("a"),
    ]);
    let seal = &chain.head().seal;
    assert_eq!(seal.ranges[0].before, Some(seal.cursors[0].file));
    assert_eq!((seal.cursors.len(), seal.ranges[1].file.base), (2, 1));
    assert_eq!(chain.restored(), [&b"old\n"[..], &events(0..2), b"\0new\n"].concat());
}

#[test]
fn lies_are_signed_and_gone_on_from() {
    let mut chain = chain();
    let signer = TestSigner::new(1).identity();
    chain.rewrite(|text| text::set(text, "malformed", "1"));
    assert_eq!(chain.head().seal.payload.malformed, 1);
    chain.heartbeat();
    assert_eq!(chain.head().seal.prev, Some(chain.get(1).hash));
    assert_eq!(ObjectSeal::open(&chain.get(1).bytes).unwrap().seal.key, signer);
}

#[test]
fn the_clock_goes_on_and_is_set() {
    let mut chain = chain();
    let before = chain.now();
    chain.step_clock(-3600).heartbeat();
    let (two, one) = (chain.get(2).seal.clone(), chain.get(1).seal.clone());
    assert_eq!(two.sealed, before.saturating_add(-3_600_000_000));
    assert_eq!(two.boot.nanos - one.boot.nanos, 5_000_000_000);
    chain.at("2026-12-01T00:00:00.000000Z".parse::<Time>().unwrap()).heartbeat();
    assert!(chain.key(3).contains("date=2026-11-21"));
}

#[test]
fn a_ratchet_hands_over_with_each_note() {
    let mut chain = Chain::new("c/n/s", TestSigner::ratchet(1));
    chain.genesis();
    chain.heartbeat();
    chain.reanchor("state-lost");
    chain.heartbeat();
    let seals: Vec<_> = chain.batches().map(|batch| &batch.seal).collect();
    assert_eq!(seals[1].key, seals[0].next);
    assert_ne!(seals[1].next, seals[1].key);
    assert_eq!(seals[2].key, seals[0].key, "the identity key");
    assert_eq!(seals[3].key, seals[2].next);
}

#[test]
fn parts_are_the_object() {
    let chain = chain();
    let object = &chain.head().bytes;
    let parts = Parts::of(object);
    assert_eq!(&parts.bytes(), object);
    let header = auditseal_vectors::frame_header(
        parts.window,
        chain.head().seal.payload.bytes + parts.line().len() as u64,
    );
    assert_eq!(&assemble(&header, &parts.blocks, &parts.line()), object);
    assert!(event(7).contains("00000007"));
}

#[test]
#[should_panic(expected = "nothing to edit")]
fn an_edit_that_does_nothing_is_a_mistake() {
    let parts = Parts::of(&chain().head().bytes);
    let same = text::value(parts.text(), "seq");
    drop(text::set(parts.text(), "seq", &same));
}
