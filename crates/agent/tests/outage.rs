//! A store that was away for weeks: what waits in the spool, at a start, in memory.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod node;

use std::fs;
use std::time::{Duration, Instant};

use auditseal_agent::{ChainEnd, Mode, read_signer};
use auditseal_doubles::Fault;
use auditseal_format::{Compression, Kind, ObjectKey, ObjectSeal, Packed, Seal, SealedBatch};
use auditseal_store::Kind as Refusal;
use node::{Node, lines};
use tokio::sync::watch;

/// Most bytes of memory for each object, beside what the agent takes anyway.
const EACH: usize = 200;
const ANYWAY: usize = 24 << 20;

/// Bytes that this process holds in memory. Of the whole process: this file has one test.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Heartbeats as an agent seals them while nothing happens and nothing can be stored.
fn fill_spool(node: &Node, count: usize) {
    let spool = node.dir.path().join("state/c,n,s");
    let mut signer = read_signer(&node.dir.path().join("key")).unwrap();
    let newest = node.store.objects().into_values().map(|o| ObjectSeal::read(&o).unwrap());
    let mut head =
        newest.max_by_key(|note| note.seal.seq).map(|note| (note.seal, note.hash)).unwrap();
    let empty = Packed::empty(Compression::default(), auditseal_format::TimeField::Audit).unwrap();
    for _ in 0..count {
        let (seal, hash) = head;
        let key = ObjectKey::after(&seal);
        let seal = Seal {
            seq: key.seq,
            prev: Some(hash),
            kind: Kind::Heartbeat,
            sealed: seal.sealed.saturating_add(5_000_000),
            ranges: vec![],
            stored: vec![],
            ..seal
        };
        let sealed = SealedBatch::seal(seal, empty.clone(), None, &mut signer).unwrap();
        fs::write(spool.join(format!("{:012}_{}.jsonl.zst", key.seq, key.date)), &sealed.bytes)
            .unwrap();
        head = (sealed.seal, sealed.hash);
    }
}

#[tokio::test]
async fn weeks_of_heartbeats_wait_in_the_spool() {
    let production = std::env::var_os("AUDITSEAL_BOUNDS").is_some_and(|told| told == "production");
    let count = if production { 400_000 } else { 2_000 };
    let node = Node::new();
    node.write(&lines(0, 10));
    let (stop, stopped) = watch::channel(true);
    node.run(node.settings(Mode::Live), node.clock(), stopped).await.unwrap();
    drop(stop);
    fill_spool(&node, count);
    node.store.fail_when(|_, _, _| Some(Fault::Refuse(Refusal::Unavailable)));
    node.write(&lines(10, 12));
    let (before, begun) = (resident(), Instant::now());
    let (stop, stopped) = watch::channel(false);
    let running = node.run(node.settings(Mode::Live), node.clock(), stopped);
    // Beside them are files of other kinds.
    let objects = || {
        let names = fs::read_dir(node.dir.path().join("state/c,n,s")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".jsonl.zst")).count()
    };
    let waiting = objects();
    assert!(waiting >= count, "{waiting} wait");
    let sealed = || objects() > waiting;
    let watching = async {
        while !sealed() {
            assert!(begun.elapsed() < Duration::from_secs(600), "nothing is sealed");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let grown = resident().saturating_sub(before);
        println!(
            "{count} objects: {} ms to the first new one, {grown} bytes",
            begun.elapsed().as_millis()
        );
        assert!(grown < count * EACH + ANYWAY, "{grown} bytes for {count}");
        if production {
            return stop.send_replace(true);
        }
        node.store.heal();
        while node.store.objects().len() <= count + 2 {
            assert!(begun.elapsed() < Duration::from_secs(600), "not all is stored");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        stop.send_replace(true)
    };
    let (outcome, _) = tokio::join!(running, watching);
    let end = outcome.unwrap().end;
    if production {
        return assert_eq!(end, ChainEnd::Stopped);
    }
    assert_eq!(end, ChainEnd::Done);
    assert!(node.restored().await == node.source());
    assert_eq!(node.verify().await.exit_code(), 0);
}
