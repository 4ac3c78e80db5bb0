//! Chains of real lines, and questions to them.
#![allow(dead_code)] // each test binary uses its own part of this
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::ops::ControlFlow;
use std::sync::Arc;

use auditseal_doubles::MemoryStore;
use auditseal_format::Time;
use auditseal_format::packs::Blob;
use auditseal_predicate::Predicate;
use auditseal_query::{Answered, Archive, AskedChain, Asking, FoundParts, Hit, Show};
use auditseal_reader::{Error, Window};
use auditseal_vectors::packs::TestPack;
use auditseal_vectors::{Chain, Piece, TestSigner};

/// A file that a real kube-apiserver wrote.
pub(crate) fn log(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/kube-apiserver-1.36.3");
    std::fs::read(format!("{folder}/{name}")).unwrap()
}

/// About two thousand lines of one.
pub(crate) fn real() -> Vec<u8> {
    log("audit-2026-11-21T08-04-19.851.log")
}

pub(crate) fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// A chain that holds these lines, so many of them in each batch.
pub(crate) fn sealed(origin: &str, signer: u8, lines: &[&[u8]], each: usize) -> Chain {
    let mut chain = Chain::new(origin, TestSigner::of(origin, signer));
    chain.genesis();
    for batch in lines.chunks(each) {
        chain.batch(&[Piece::new("audit.log", batch.concat())]);
    }
    chain
}

/// A store with the objects of chains.
pub(crate) fn store(chains: &[&Chain]) -> MemoryStore {
    MemoryStore::holding(chains.iter().flat_map(|chain| chain.archive()))
}

pub(crate) fn archive(store: &MemoryStore) -> Archive {
    Archive { store: Arc::new(store.clone()), packs: None, dated: false }
}

/// A chain, trusted by its key alone.
pub(crate) fn by_key(chain: &Chain) -> AskedChain {
    AskedChain {
        origin: chain.origin().clone(),
        trusted: None,
        vkeys: vec![chain.current_signer().identity()],
        auditors: Vec::new(),
        head: None,
        forks: Vec::new(),
    }
}

/// Everything, as lines.
pub(crate) fn asking(chain: &Chain, predicate: Predicate) -> Asking {
    Asking {
        predicate,
        window: Window::default(),
        all_stages: false,
        unknown: false,
        sought: Vec::new(),
        no_index: false,
        show: Show::Lines,
        audit_logs: false,
        every_seal: false,
        allow_unanchored: false,
        now: chain.now(),
        cores: 2,
    }
}

/// What each event of a chain is.
pub(crate) fn everything() -> Predicate {
    Predicate::all(Vec::new())
}

pub(crate) async fn found(search: FoundParts) -> (Vec<Hit>, Answered) {
    let mut hits = Vec::new();
    let each = |hit| {
        hits.push(hit);
        ControlFlow::Continue(())
    };
    let answer = search.run(each, std::future::pending()).await;
    (hits, answer)
}

/// Hits and answer of one chain.
pub(crate) async fn ask(
    store: &MemoryStore,
    chain: &Chain,
    asking: Asking,
) -> (Vec<Hit>, Answered) {
    let search = asking.find(&archive(store), vec![by_key(chain)]).await.unwrap();
    found(search).await
}

pub(crate) async fn refused(store: &MemoryStore, chain: &Chain, asking: Asking) -> Error {
    asking.find(&archive(store), vec![by_key(chain)]).await.unwrap_err()
}

/// The lines of hits.
pub(crate) fn texts(hits: &[Hit]) -> Vec<&str> {
    hits.iter().map(|hit| std::str::from_utf8(&hit.shown).unwrap()).collect()
}

/// A line as kube-apiserver writes it, of a request that it received at `received`.
pub(crate) fn line(id: &str, stage: &str, verb: &str, received: &str, at: &str) -> String {
    let status = match stage {
        "RequestReceived" => "",
        _ => ",\"responseStatus\":{\"metadata\":{},\"code\":200}",
    };
    format!(
        "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\",\"auditID\":\"{id}\",\
         \"stage\":\"{stage}\",\"requestURI\":\"/api/v1/pods\",\"verb\":\"{verb}\",\"user\":{{\"username\":\"ann\"}},\
         \"sourceIPs\":[\"10.0.0.1\"],\"objectRef\":{{\"resource\":\"pods\",\"namespace\":\"prod\",\"name\":\"p\",\
         \"apiVersion\":\"v1\"}}{status},\"requestReceivedTimestamp\":\"2026-11-21T08:{received}.000000Z\",\
         \"stageTimestamp\":\"2026-11-21T08:{at}.000000Z\"}}\n"
    )
}

pub(crate) fn time(text: &str) -> Time {
    Time::parse(text.as_bytes()).unwrap()
}

/// Numbers that follow from a seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    pub(crate) fn hits(&mut self, of: u64) -> bool {
        self.roll(of) == 0
    }
}

/// An event of a user.
pub(crate) fn event(id: u64, at: Time, user: &str) -> String {
    format!(
        "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\",\"auditID\":\"{id}\",\
         \"stage\":\"ResponseComplete\",\"requestURI\":\"/api/v1/pods\",\"verb\":\"delete\",\
         \"user\":{{\"username\":\"{user}\"}},\"sourceIPs\":[\"10.0.0.1\"],\"objectRef\":{{\"resource\":\"pods\",\
         \"namespace\":\"prod\",\"name\":\"p\",\"apiVersion\":\"v1\"}},\"responseStatus\":{{\"metadata\":{{}},\
         \"code\":200}},\"requestReceivedTimestamp\":\"{at}\",\"stageTimestamp\":\"{at}\"}}\n"
    )
}

/// Who attests packs.
pub(crate) fn auditor() -> TestSigner {
    TestSigner::named("c/auditor", 200)
}

/// A chain's packs, each with its index.
pub(crate) fn indexed(chain: &Chain) -> Vec<(TestPack, Vec<u8>)> {
    let packs = TestPack::all(chain).into_iter().map(|mut pack| {
        let index = pack.index();
        pack.attestation.index = Some(Blob::of(&index));
        (pack, index)
    });
    packs.collect()
}

/// A store with these.
pub(crate) fn packed(chain: &Chain) -> MemoryStore {
    let packs = MemoryStore::new();
    for (pack, index) in indexed(chain) {
        packs.insert(&pack.name().index(&Blob::of(&index).hash), index);
        packs.insert(&pack.key(), pack.bytes.clone());
        let signed = pack.signed(&auditor());
        packs.insert(&signed.key(), signed.note.into_bytes());
    }
    packs
}
