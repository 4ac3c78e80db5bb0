//! Chains that are as they should be.

use auditseal_format::seal::{Counters, Stored, Uuid, Word};
use auditseal_format::{Alternate, Compression, Time, hash};

use super::{LOG, ORIGIN, four, neighbour, signer, small, started, stranger};
use crate::text::set;
use crate::{Chain, Piece, TestSigner, Vector, event, events, example};

pub(super) fn cases() -> Vec<Vector> {
    [kinds(), settings(), keys(), squatted(), surroundings()].concat()
}

fn kinds() -> Vec<Vector> {
    let mut ended = small();
    ended.final_();
    let mut resumed = ended.clone();
    resumed.batch(&[Piece::new(LOG, events(2..3))]);
    let mut quiet = started(signer());
    quiet.heartbeat();
    vec![
        Vector::good(
            "worked-example",
            "the chain of FORMAT.md's worked example",
            &example::chain(),
        ),
        Vector::good("genesis-only", "a chain that has just begun", &started(signer())),
        Vector::good("heartbeat", "a heartbeat after the genesis: no lines at all", &quiet),
        Vector::good("four-objects", "genesis, two batches, a heartbeat", &four()),
        Vector::good("final", "the chain has ended and promises nothing: never SILENT", &ended)
            .now(Time::MAX),
        Vector::good("batch-after-final", "a batch follows a final seal", &resumed),
    ]
}

fn settings() -> Vec<Vector> {
    let mut cases = vec![];
    for window in [17, 23] {
        let mut chain = started(signer());
        chain.compression(Compression { level: 1, window });
        chain.batch(&[Piece::new(LOG, events(0..20))]);
        let about = format!("compressed with a window of 2^{window} bytes");
        cases.push(Vector::good(&format!("window-{window}"), &about, &chain));
    }
    let mut indexed = started(signer());
    indexed.index(br#"{"v": 0, "verbs": ["get"]}"#);
    indexed.batch(&[Piece::new(LOG, events(0..2))]);
    cases.push(Vector::good("index", "an index with content that no reader knows", &indexed));
    indexed.index(b"{}");
    indexed.heartbeat();
    cases.push(Vector::good("index-empty", "an empty index in a seal without lines", &indexed));
    let mut deep = started(signer());
    deep.index(&super::wrappers::nested(127));
    deep.batch(&[Piece::new(LOG, events(0..2))]);
    cases.push(Vector::good("index-nested-127", "an index as deep as it may be", &deep));
    cases.push(Vector::good("optional-fields", "every optional line is there", &optional_fields()));

    let (cluster, node) = ("C".repeat(245), "0".repeat(245));
    let origin = format!("{cluster}/{node}/a.b_c-D");
    let mut long = Chain::new(&origin, TestSigner::of(&origin, 1));
    long.genesis();
    cases.push(Vector::good("longest-origin", "parts of 245 characters", &long));
    let mut midnight = started(signer());
    midnight.at("2026-11-21T23:59:59.999999Z".parse().expect("a time"));
    midnight.heartbeat();
    midnight.heartbeat();
    midnight.step_clock(-86_400);
    midnight.heartbeat();
    midnight.heartbeat();
    let about =
        "the day changes, then the clock is set back: each key has the date of the seal before";
    cases.push(Vector::good("dates", about, &midnight));
    cases
}

/// Also the base of the cases that spoil one of these lines.
pub(super) fn optional_fields() -> Chain {
    let mut chain = started(signer());
    let first = chain.head().clone();
    chain.edit(move |seal| {
        seal.cluster_uid = Some(Uuid([0xc1; 16]));
        seal.machine_id = Some([0xab; 16]);
        seal.config = Some(hash(b"policy"));
        seal.counters = Some(Counters { since: first.seal.sealed, events: 7, errors: 1 });
        seal.reason = Word::new("flush");
        let stored = |store: &str, alternate: Option<&str>, version: Option<&[u8]>| Stored {
            store: store.to_owned(),
            seq: 0,
            alternate: alternate.and_then(Alternate::parse),
            sha256: auditseal_format::sha256(&first.bytes),
            version: version.map(<[u8]>::to_vec),
        };
        seal.stored = vec![
            stored("primary", None, Some(b"3/L4kqtJlcpXro")),
            stored("b-2_x.y", Some("00c0ffee00c0ffee"), None),
        ];
    });
    chain.batch(&[
        Piece::new(LOG, events(1..3)),
        Piece::new("audit-old.log", format!("\0\0{}\n\0\0", event(0))).last().before(LOG),
    ]);
    chain
}

fn keys() -> Vec<Vector> {
    let two = small();
    let mut handed = started(signer());
    let next = auditseal_format::Signer::key(&stranger()).to_string();
    handed.rewrite(|text| set(text, "next", &next));
    handed.signer(stranger()).heartbeat();
    let mut ratchet = started(TestSigner::ratchet(3));
    ratchet.heartbeat();
    ratchet.heartbeat();
    let mut reanchored = ratchet.clone();
    reanchored.reanchor("state-lost");
    reanchored.heartbeat();
    let trusted = |chain: &Chain, name, about| {
        // The chain's signer is the stranger by now: what is trusted is the first one.
        let mut vector = Vector::good(name, about, chain);
        vector.vkeys = vec![signer().identity().to_string()];
        vector
    };
    vec![
        Vector::good("second-key-trusted", "two keys are trusted, one is used", &two)
            .trust(TestSigner::new(9).identity()),
        trusted(&handed, "key-handed-over", "the genesis names another key as the next"),
        Vector::good("ratchet", "a fresh key for each note; the first one is trusted", &ratchet),
        Vector::good("ratchet-reanchored", "a reanchor with the identity key", &reanchored)
            .info("REANCHORED c/n/s 3"),
    ]
}

fn squatted() -> Vec<Vector> {
    let mut lost = small();
    lost.reanchor("state-lost");
    lost.batch(&[Piece::new(LOG, events(2..3))]);
    let pass = |squatter: &[u8]| {
        let mut chain = small();
        chain.squat(squatter);
        chain.batch(&[Piece::new(LOG, events(2..3))]);
        chain
    };
    let garbage = pass(b"garbage");
    let mut later = garbage.clone();
    later.squat(b"more garbage").squat(b"and more").heartbeat();
    let mut theirs = small();
    theirs.signer(stranger()).heartbeat();
    let foreign = pass(&theirs.head().bytes);
    let mut other = Chain::new("c/m/s", neighbour());
    other.genesis();
    let elsewhere = pass(&other.head().bytes);
    let replayed = pass(&small().head().bytes);
    let mut genesis = Chain::new(ORIGIN, signer());
    genesis.squat(b"garbage").genesis();
    genesis.heartbeat();
    let squatted = |name, about, chain: &Chain| {
        Vector::good(name, about, chain).info("UNEXPECTED_OBJECT c/n/s 2")
    };
    vec![
        Vector::good("reanchor", "a writer that lost its state goes on", &lost)
            .info("REANCHORED c/n/s 2"),
        squatted("squatted-garbage", "garbage at a key: its object is at the next one", &garbage),
        squatted("squatted-twice", "garbage at two keys of another seq too", &later)
            .info("UNEXPECTED_OBJECT c/n/s 3"),
        squatted("squatted-foreign-key", "a seal of somebody else's key stands at a key", &foreign),
        // A squatter who can read the bucket too: it must not be able to stop the chain either.
        squatted("squatted-replay", "a copy of an own object stands at a key", &replayed),
        squatted("squatted-other-origin", "another chain's object stands at a key", &elsewhere),
        Vector::good("squatted-at-genesis", "garbage at the genesis's plain key", &genesis)
            .info("UNEXPECTED_OBJECT c/n/s 0"),
    ]
}

fn surroundings() -> Vec<Vector> {
    let chain = four();
    let mut other = Chain::new("c/m/s", neighbour());
    other.wait(60).genesis();
    let mut both = chain.archive();
    both.extend(other.archive());
    let mut untidy = chain.archive();
    untidy.insert("README.md".to_owned(), b"hello".to_vec());
    let twelve = chain.key(1);
    untidy.insert(twelve.replace("/000000000001.", "/00000000001."), b"eleven digits".to_vec());
    let older = crate::head_text(chain.get(1));
    let mut middle = Vector::good("head-in-the-middle", "a head older than the newest", &chain);
    middle.head = Some(older);
    vec![
        Vector::new("two-origins", "two chains in one archive", &other)
            .objects(both)
            .origin(ORIGIN)
            .origin("c/m/s")
            .trust(signer().identity())
            .complete(chain.head().seal.sealed)
            .complete(other.head().seal.sealed),
        Vector::good("other-names", "names that no object of ours has", &chain)
            .objects(untidy)
            .info("UNEXPECTED_OBJECT - -"),
        Vector::good("origin-asked", "the origin that is asked for is there", &chain)
            .origin(ORIGIN),
        Vector::good("head-known", "the newest note is the known head", &chain).head_of(&chain),
        middle,
        Vector::good("promise-just-kept", "the reader looks at the very time of next-by", &chain)
            .now(chain.head().seal.next_by.expect("a heartbeat promises")),
    ]
}
