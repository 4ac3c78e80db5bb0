//! What reading costs as an archive grows: by days, and by batches in a day.
//!
//! The store is a double that counts requests, a listing's pages of 1,000 keys each, and bytes. Objects, seals and packs
//! are real.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test
#![allow(clippy::print_stdout)] // its numbers are for whoever runs it

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use auditseal_archive::{EstateOptions, verify_estate};
use auditseal_chain::{Begin, Extent};
use auditseal_doubles::MemoryStore;
use auditseal_format::{ObjectKey, SealId};
use auditseal_index::{Lookup, Pattern, TermField, TermKind};
use auditseal_reader::{PackRoot, Packs, Source, Window, find_newest};
use auditseal_store::{Error, Fetched, Lock, ObjectInfo, Pieces, Store, Stored, Version};
use auditseal_vectors::{Chain, Piece, TestSigner};
use bytes::Bytes;
use common::{DAY, Desk};
use futures::StreamExt as _;
use futures::stream::BoxStream;

/// Keys of a page of a listing.
const PAGE: u64 = 1000;

#[derive(Debug, Clone)]
struct Metered {
    inside: MemoryStore,
    /// Requests and bytes.
    bill: Arc<(AtomicU64, AtomicU64)>,
}

impl Metered {
    fn of(inside: &MemoryStore, bill: &Arc<(AtomicU64, AtomicU64)>) -> Arc<dyn Store> {
        Arc::new(Self { inside: inside.clone(), bill: Arc::clone(bill) })
    }

    fn count(&self, requests: u64, bytes: u64) {
        self.bill.0.fetch_add(requests, Ordering::Relaxed);
        self.bill.1.fetch_add(bytes, Ordering::Relaxed);
    }

    fn fetched(&self, fetched: Result<Fetched, Error>) -> Result<Fetched, Error> {
        self.count(1, fetched.as_ref().map_or(0, |fetched| fetched.bytes.len() as u64));
        fetched
    }
}

#[async_trait]
impl Store for Metered {
    async fn put_new(&self, key: &str, bytes: Bytes) -> Result<Stored, Error> {
        self.inside.put_new(key, bytes).await
    }

    async fn get(&self, key: &str, version: Option<&str>, limit: u64) -> Result<Fetched, Error> {
        self.fetched(self.inside.get(key, version, limit).await)
    }

    async fn tail(&self, key: &str, version: Option<&str>, length: u64) -> Result<Fetched, Error> {
        self.fetched(self.inside.tail(key, version, length).await)
    }

    async fn range(
        &self,
        key: &str,
        version: Option<&str>,
        range: std::ops::Range<u64>,
    ) -> Result<Fetched, Error> {
        self.fetched(self.inside.range(key, version, range).await)
    }

    async fn stream(
        &self,
        key: &str,
        version: Option<&str>,
    ) -> Result<(ObjectInfo, Pieces), Error> {
        let (info, pieces) = self.inside.stream(key, version).await?;
        self.count(1, info.size);
        Ok((info, pieces))
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo, Error>> {
        self.inside.list(prefix)
    }

    fn folders(&self, start: &str) -> BoxStream<'static, Result<String, Error>> {
        let (meter, folders) = (self.clone(), self.inside.folders(start));
        // A store that knows folders lists a page of them.
        let mut count = 0;
        let counted = folders.map(move |folder| {
            meter.count(u64::from(count % PAGE == 0), 0);
            count += 1;
            folder
        });
        counted.boxed()
    }

    fn versions(&self, prefix: &str) -> BoxStream<'static, Result<Version, Error>> {
        self.count(1, 0);
        let (meter, mut count) = (self.clone(), 0);
        let counted = self.inside.versions(prefix).map(move |version| {
            count += 1;
            meter.count(u64::from(count > 1 && count % PAGE == 1), 0);
            version
        });
        counted.boxed()
    }

    async fn lock(&self, key: &str, version: Option<&str>) -> Result<Lock, Error> {
        self.count(1, 0);
        self.inside.lock(key, version).await
    }
}

/// A chain of so many days with so many batches each; one line of the middle day is of a rare kind.
fn chain(days: u64, batches: u64) -> Chain {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    let start = chain.now().micros();
    for day in 0..days {
        for batch in 0..batches {
            let nth = day * batches + batch;
            let time = chain.now();
            let verb = if (day, batch) == (days / 2, batches / 2) { "delete" } else { "get" };
            let lines: Vec<u8> = (0..8)
                .flat_map(|line| {
                    format!(
                        "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\",\"auditID\":\
                         \"{nth:08x}-{line}\",\"stage\":\"ResponseComplete\",\"verb\":\"{verb}\",\"objectRef\":\
                         {{\"resource\":\"pods\",\"namespace\":\"ns-{}\",\"name\":\"pod-{nth}-{line}\"}},\
                         \"stageTimestamp\":\"{time}\"}}\n",
                        nth % 40,
                    )
                    .into_bytes()
                })
                .collect();
            chain.batch(&[Piece::new("audit.log", lines)]);
            // Sealing takes seconds too: a day has room for 600 of them.
            chain.wait((DAY - 10 * batches as i64) / (batches as i64 + 1));
        }
        let elapsed = (chain.now().micros() - start) / 1_000_000;
        chain.wait((day as i64 + 1) * DAY - elapsed);
    }
    chain.heartbeat();
    chain
}

/// Requests, bytes and milliseconds.
type Bill = (u64, u64, u128);

#[derive(Debug)]
struct Bills {
    newest_day: Bill,
    whole: Bill,
    head: Bill,
    pack_again: Bill,
    search: Bill,
}

async fn listed(desk: &Desk, packs: &Arc<dyn Store>) -> Packs {
    let root = PackRoot {
        source: Source::new(Arc::clone(packs)),
        auditors: desk.trust.auditors_of(desk.chain.origin()),
        by_date: true,
    };
    Packs::read(&root, desk.chain.origin(), Extent::default()).await.unwrap()
}

/// Looks for the rare line.
async fn search(packs: &Packs) {
    let rare = Pattern::new(TermKind::Action)
        .with(TermField::Resource, "pods")
        .with(TermField::Group, "")
        .with(TermField::Subresource, "")
        .with(TermField::Verb, "delete");
    let searched = packs.search(&Lookup::Term(rare), Window::default()).await;
    assert_eq!(searched.found.len(), 1);
    assert_eq!(searched.found[0].batches.len(), 1);
}

async fn bills(days: u64, batches: u64) -> Bills {
    let desk = Desk::of(chain(days, batches));
    let report = desk.pack().await;
    assert_eq!((report.exit_code(), report.chains[0].error.as_deref()), (0, None));
    desk.expire();
    let meter = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let (archive, packs) = (Metered::of(&desk.archive, &meter), Metered::of(&desk.packs, &meter));
    let take = |begun: Instant| {
        let took = begun.elapsed().as_millis();
        (meter.0.swap(0, Ordering::Relaxed), meter.1.swap(0, Ordering::Relaxed), took)
    };
    let verified = async |from: Begin| {
        let options = EstateOptions {
            packs: Some(Arc::clone(&packs)),
            skew: Some(i64::MAX / 4),
            extent: Extent { from, to: None },
            ..EstateOptions::new(desk.trust.clone(), desk.now)
        };
        let report = verify_estate(Arc::clone(&archive), &options, |_| {}).await.unwrap();
        let chain = &report.origins[0].chain;
        assert_eq!((chain.findings_total, chain.complete_until.is_some()), (0, true), "{chain:?}");
    };
    let newest = desk.attestations().into_iter().map(|signed| signed.attestation);
    let newest = newest.max_by_key(|attestation| attestation.last).unwrap();
    let seal = SealId { seq: newest.last, hash: newest.head };
    let begun = Instant::now();
    verified(Begin::Known(seal)).await;
    let newest_day = take(begun);
    let begun = Instant::now();
    verified(Begin::Genesis).await;
    let whole = take(begun);
    let begun = Instant::now();
    let vkeys = [desk.chain.current_signer().identity()];
    let date = ObjectKey::parse(&desk.chain.key(seal.seq as usize + 1)).unwrap().date;
    let today = desk.chain.now().date();
    let head = find_newest(Arc::clone(&archive), desk.chain.origin(), &vkeys, (date, today)).await;
    assert_eq!(head.unwrap().head.unwrap().object.hash, desk.chain.head().hash);
    let head = take(begun);
    let (options, mut signer) = (desk.options(), common::auditor());
    let begun = Instant::now();
    let again = auditseal_pack::pack(
        Arc::clone(&archive),
        Arc::clone(&packs),
        &mut signer,
        &options,
        || desk.now,
        |_| {},
    );
    assert_eq!(again.await.unwrap().exit_code(), 0);
    let pack_again = take(begun);
    let begun = Instant::now();
    let packed = listed(&desk, &packs).await;
    let listed = take(begun);
    let begun = Instant::now();
    search(&packed).await;
    let search = take(begun);
    println!("{days} days of {batches}: packs listed and attestations read {listed:?}");
    Bills { newest_day, whole, head, pack_again, search }
}

/// Ten times the batches in a day are packs of ten times the bytes, and not one request more; but for the newest day,
/// which is in no pack yet.
#[tokio::test]
async fn requests_grow_with_days_and_not_with_batches() {
    let (one, ten) = (bills(8, 4).await, bills(8, 40).await);
    println!("{one:?}\n{ten:?}");
    assert!(ten.newest_day.0 <= one.newest_day.0 + 40, "{ten:?}");
    assert!(ten.whole.0 <= one.whole.0 + 40, "{} {}", one.whole.0, ten.whole.0);
    assert!(ten.search.0 <= one.search.0 + 8, "{} {}", one.search.0, ten.search.0);
    assert!(ten.head.0 <= one.head.0 + 2, "{} {}", one.head.0, ten.head.0);
    let longer = bills(80, 4).await;
    println!("{longer:?}");
    assert!(longer.whole.0 <= 12 * one.whole.0, "{} {}", one.whole.0, longer.whole.0);
    assert!(longer.head.0 <= one.head.0 + 2, "{} {}", one.head.0, longer.head.0);
    // A search asks a few roll-ups of each month, and lists nothing else.
    assert!(longer.search.0 < 40, "{}", longer.search.0);
    // What is packed isn't read again by who packs.
    assert!(longer.pack_again.0 <= 80 + 20, "{}", longer.pack_again.0);
}

/// For benches/RESULTS.md: 30 days, with batches of a day × 1, × 10, × 100, and days × 10.
#[tokio::test]
#[ignore = "minutes; its numbers are for benches/RESULTS.md"]
async fn measured() {
    for (days, batches) in [(30, 6), (30, 60), (30, 600), (300, 6)] {
        println!("{days} days of {batches} batches: {:?}", bills(days, batches).await);
    }
}
