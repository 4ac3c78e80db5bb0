//! What a key's name lets it sign: its own node's chains, and no other's, whoever trusts it.

use auditseal_format::Signer as _;

use super::{LOG, ORIGIN, four, neighbour, signer, small, started, with_last_needed};
use crate::text::set;
use crate::{Chain, Parts, Piece, TestSigner, Vector, events};

pub(super) fn cases() -> Vec<Vector> {
    [fitting(), others(), intruders_behind(), intruders(), given()].concat()
}

/// A key of the chain `c/n/s` alone.
fn narrow() -> TestSigner {
    TestSigner::named(ORIGIN, 4)
}

fn fitting() -> Vec<Vector> {
    let mut handed = started(signer());
    handed.rewrite(|text| set(text, "next", &narrow().key().to_string()));
    handed.signer(narrow()).heartbeat();
    handed.rewrite(|text| set(text, "next", &signer().key().to_string()));
    handed.signer(signer()).heartbeat();
    let origin = ["C".repeat(245), "0".repeat(245), "s".repeat(245)].join("/");
    let mut longest = Chain::new(&origin, TestSigner::named(&origin, 1));
    longest.genesis();
    longest.batch(&[Piece::new(LOG, events(0..2))]);
    vec![
        Vector::good("key-of-the-origin", "a key named by the whole origin", &started(narrow())),
        Vector::good("key-of-node-and-origin", "the node's key, the origin's, and back", &handed),
        Vector::good("key-of-the-longest-origin", "a key's name of 737 characters", &longest),
    ]
}

/// A note that is as it should be, but for the name of a key.
fn others() -> Vec<Vector> {
    let names = [
        ("other-node", "c/m", "another node's key"),
        ("longer-node", "c/n0", "a node whose name begins like this one's"),
        ("shorter-node", "c/", "half a node's name"),
        ("cluster", "c", "a cluster's key"),
        ("other-source", "c/n/t", "another source's key"),
        ("longer-source", "c/n/s0", "a source whose name begins like this one's"),
        ("trailing-slash", "c/n/", "a slash behind the node"),
        ("below", "c/n/s/x", "a fourth part"),
        ("other-case", "C/n", "the node in upper case"),
    ];
    let mut cases = vec![];
    for (name, key, about) in names {
        let other = TestSigner::named(key, 5);
        for keyword in ["key", "next"] {
            let mut by = if keyword == "key" { other.clone() } else { signer() };
            let object = Parts::of(&small().head().bytes)
                .edit(&mut by, |text| set(text, keyword, &other.key().to_string()))
                .bytes();
            let vector = Vector::new(&format!("name-{keyword}-{name}"), about, &small())
                .objects(with_last_needed(&small(), object))
                .finding("MALFORMED c/n/s 1");
            cases.push(vector.trust(other.identity()));
        }
    }
    cases.push(longer_origin());
    cases
}

/// The other way round: the node's name goes on where the key's ends.
fn longer_origin() -> Vector {
    let mut longer = Chain::new("c/n0/s", TestSigner::named("c/n0", 5));
    longer.genesis();
    signed_by(&mut longer, signer());
    Vector::new("name-key-of-a-shorter-node", "a key of c/n begins c/n0/s", &longer)
        .finding("MALFORMED c/n0/s 0")
}

/// Has another key sign the newest note, which names it.
fn signed_by(chain: &mut Chain, other: TestSigner) {
    let key = other.key().to_string();
    chain.signer(other).rewrite(|text| set(&set(text, "key", &key), "next", &key));
}

/// Seals one more note, as whoever has the neighbour's key would.
fn intrude(chain: &mut Chain, seal: fn(&mut Chain)) {
    let own = chain.current_signer().clone();
    seal(chain);
    signed_by(chain, neighbour());
    chain.signer(own);
}

fn reanchors(chain: &mut Chain) {
    chain.reanchor("state-lost");
}

fn goes_on(chain: &mut Chain) {
    chain.batch(&[Piece::new(LOG, events(7..9))]);
}

/// A reader who trusts both nodes' keys, each of which has a chain somewhere.
fn reader(name: &str, about: &str, chain: &Chain) -> Vector {
    Vector::new(&format!("intruder-{name}"), about, chain).trust(neighbour().identity())
}

/// Whoever has the one node's key goes on behind the other's chain, which has ended.
fn intruders_behind() -> Vec<Vector> {
    let mut ended = small();
    ended.final_();
    let mut named = ended.clone();
    intrude(&mut named, reanchors);
    intrude(&mut named, goes_on);
    // The neighbour's own key under this node's name is another vkey, which nobody was given.
    let mut renamed = ended.clone();
    renamed.signer(TestSigner::named("c/n", 2));
    reanchors(&mut renamed);
    goes_on(&mut renamed);
    let behind = |name, about, chain: &Chain| {
        reader(name, about, &ended)
            .objects(chain.archive())
            .restores(&ended.restored())
            .complete(ended.head().seal.sealed)
            .info("UNEXPECTED_OBJECT c/n/s 3")
            .info("UNEXPECTED_OBJECT c/n/s 4")
    };
    vec![
        behind("appends", "another node's key goes on behind a final", &named),
        behind("renames-its-key", "the same key under this node's name", &renamed),
    ]
}

/// … or cuts it, replaces it, or was there first.
fn intruders() -> Vec<Vector> {
    let mut cut = small();
    intrude(&mut cut, reanchors);
    intrude(&mut cut, |chain| drop(chain.final_().clone()));
    let promised = small().head().seal.next_by.expect("a batch promises");
    let mut replaced = Chain::new(ORIGIN, signer());
    intrude(&mut replaced, |chain| drop(chain.genesis().clone()));
    intrude(&mut replaced, goes_on);
    let mut other = small();
    intrude(&mut other, reanchors);
    let mut passed = small();
    passed.squat(&other.head().bytes);
    passed.batch(&[Piece::new(LOG, events(2..3))]);
    let mut beside = Chain::new(ORIGIN, signer());
    beside.squat(&replaced.get(0).bytes).genesis();
    vec![
        reader("cuts", "another node's key ends the chain earlier", &cut)
            .now(promised.saturating_add(1))
            .finding("SILENT c/n/s 1")
            .info("UNEXPECTED_OBJECT c/n/s 2")
            .info("UNEXPECTED_OBJECT c/n/s 3"),
        reader("cuts-head-known", "… and how far the chain went is known", &cut)
            .head_of(&four())
            .finding("MALFORMED c/n/s 2")
            .finding("MALFORMED c/n/s 3")
            .finding("TRUNCATED c/n/s 2"),
        reader("replaces", "the whole chain, under another node's key", &replaced)
            .finding("MALFORMED c/n/s 0")
            .finding("MALFORMED c/n/s 1"),
        reader("takes-a-key", "another node's note stood at a key before", &passed)
            .complete(passed.head().seal.sealed)
            .restores(&passed.restored())
            .info("UNEXPECTED_OBJECT c/n/s 2"),
        reader("begins-first", "another node's genesis stood there before", &beside)
            .complete(beside.head().seal.sealed)
            .restores(&[])
            .info("UNEXPECTED_OBJECT c/n/s 0"),
    ]
}

/// Which keys a reader was given.
fn given() -> Vec<Vector> {
    let mut other = Chain::new("c/m/s", neighbour());
    other.genesis();
    let mut both = small().archive();
    both.extend(other.archive());
    let mut none = Vector::new("given-no-key-for-an-origin", "it can't be checked", &other)
        .objects(both.clone())
        .origin("c/m/s")
        .origin(ORIGIN);
    none.exit = 2;
    vec![
        none,
        Vector::new("given-a-key-for-each-origin", "two nodes, two keys", &small())
            .objects(both.clone())
            .trust(neighbour().identity())
            .complete(small().head().seal.sealed)
            .complete(other.head().seal.sealed),
        Vector::new("given-no-key-for-a-chain", "a chain that wasn't asked for", &small())
            .objects(both)
            .finding("FOREIGN_CHAIN c/m/s 0")
            .finding("MISSING c/m/s 0"),
    ]
}
