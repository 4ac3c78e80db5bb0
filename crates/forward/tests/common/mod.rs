//! Chains of lines, and where they are handed over.
#![allow(dead_code)] // each test binary uses its own part of this
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use auditseal_delivery::SinkUrl;
use auditseal_doubles::MemoryStore;
use auditseal_format::SealId;
use auditseal_forward::{
    AcceptedChains, Archived, Followed, ForwardOptions, ForwardTally, Handed, NotForwarded, forward,
};
use auditseal_trust::{Silence, TrustFile};
use auditseal_vectors::{Chain, Piece, TestSigner};
use tokio::sync::watch;

/// A file that a real kube-apiserver wrote.
pub(crate) fn real() -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/kube-apiserver-1.36.3");
    std::fs::read(format!("{folder}/audit-2026-11-21T08-04-19.851.log")).unwrap()
}

pub(crate) fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// A chain that holds these lines, so many of them in each batch.
pub(crate) fn sealed(origin: &str, lines: &[&[u8]], each: usize) -> Chain {
    let mut chain = Chain::new(origin, TestSigner::of(origin, 1));
    chain.genesis();
    for (batch, at) in lines.chunks(each).zip(0..) {
        if at % 5 == 3 {
            chain.heartbeat();
        }
        chain.batch(&[Piece::new("audit.log", batch.concat())]);
    }
    chain
}

/// A store with the objects of chains.
pub(crate) fn store(chains: &[&Chain]) -> MemoryStore {
    MemoryStore::holding(chains.iter().flat_map(|chain| chain.archive()))
}

pub(crate) fn place(store: &MemoryStore) -> Archived {
    Archived { store: Arc::new(store.clone()), packs: None, dated: true }
}

/// A chain, trusted by its first key.
pub(crate) fn followed(chain: &Chain) -> Followed {
    let origin = chain.origin().clone();
    let vkey = TestSigner::of(origin.as_str(), 1).identity();
    let text = format!(
        "auditseal/trust/v1\norigin {origin} static {vkey}\n  begin 0\n  silent-after 10m\n"
    );
    let file = TrustFile::parse(&text).unwrap();
    let trusted = file.get(&origin).unwrap().clone();
    assert!(matches!(trusted.silence, Silence::After(_)));
    Followed { origin, trusted, auditors: Vec::new() }
}

pub(crate) fn options(chains: &[&Chain], sinks: &[String], state: &Path) -> ForwardOptions {
    ForwardOptions {
        chains: watch::channel(Arc::new(accepted(chains))).1,
        sinks: sinks.iter().map(|sink| sink.parse::<SinkUrl>().unwrap()).collect(),
        state: state.to_owned(),
        predicate: None,
        since: None,
        once: true,
    }
}

pub(crate) fn accepted(chains: &[&Chain]) -> AcceptedChains {
    AcceptedChains::new(chains.iter().map(|chain| followed(chain)), None)
}

/// Only this chain.
pub(crate) fn only(chain: Followed) -> watch::Receiver<Arc<AcceptedChains>> {
    watch::channel(Arc::new(AcceptedChains::new([chain], None))).1
}

/// Hands over what there is.
pub(crate) async fn once(store: &MemoryStore, options: ForwardOptions) -> Vec<Handed> {
    let (_go, stop) = watch::channel(false);
    let tally = ForwardTally::default();
    let place = place(store);
    let done = forward(&place, options, &tally, stop);
    tokio::time::timeout(Duration::from_secs(60), done).await.expect("it ends").unwrap()
}

pub(crate) async fn refused(store: &MemoryStore, options: ForwardOptions) -> NotForwarded {
    let (_go, stop) = watch::channel(false);
    forward(&place(store), options, &ForwardTally::default(), stop).await.unwrap_err()
}

/// Hands over until it is stopped after a time.
pub(crate) async fn stopped_after(
    store: &MemoryStore,
    options: ForwardOptions,
    time: Duration,
) -> Vec<Handed> {
    let (go, stop) = watch::channel(false);
    let tally = ForwardTally::default();
    let place = place(store);
    let done = forward(&place, options, &tally, stop);
    let stopping = async {
        tokio::time::sleep(time).await;
        go.send(true).unwrap();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        done = done => done.unwrap(),
        () = stopping => unreachable!(),
    }
}

/// The seal of a batch.
pub(crate) fn id(chain: &Chain, seq: usize) -> SealId {
    let seal = auditseal_format::ObjectSeal::read(&chain.get(seq).bytes).unwrap();
    seal.id()
}

pub(crate) fn sorted(text: &[u8]) -> Vec<String> {
    let mut lines: Vec<String> = String::from_utf8_lossy(text).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}
