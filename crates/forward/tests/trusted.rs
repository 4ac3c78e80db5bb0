//! What trust says changes while events are handed over: from then on it is followed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use auditseal_forward::{AcceptedChains, ForwardTally, forward};
use auditseal_vectors::{Chain, Piece};
use common::{accepted, followed, lines, options, place, real, sealed, store};
use tokio::sync::watch;

/// Waits until something is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_chain_is_followed_from_when_it_is_trusted_until_it_is_not() {
    let (folder, text) = (tempfile::tempdir().unwrap(), real());
    let raw = lines(&text);
    let mut a = sealed("c/n/a", &raw[..100], 20);
    let b = sealed("c/m/b", &raw[100..300], 20);
    let (all, file) = (store(&[&a, &b]), folder.path().join("out"));
    let url = format!("file://{}?name=out", file.display());
    let (trust, chains) = watch::channel(Arc::new(accepted(&[&a])));
    let mut asked = options(&[], &[url], &folder.path().join("state"));
    (asked.once, asked.chains) = (false, chains);
    let (tally, (go, stop), here) = (ForwardTally::default(), watch::channel(false), place(&all));
    let count = || fs::read(&file).map_or(0, |text| lines(&text).len());
    let changing = async {
        until("a is followed", || count() == 100).await;
        assert!(!tally.metrics().contains("c/m/b"));
        trust.send_replace(Arc::new(accepted(&[&a, &b])));
        until("b is followed", || count() == 300).await;
        // Of a chain that isn't trusted any more nothing is said, and nothing is handed over.
        trust.send_replace(Arc::new(accepted(&[&b])));
        until("a is forgotten", || !tally.metrics().contains("c/n/a")).await;
        let more = |chain: &mut Chain, text: &str| {
            chain.batch(&[Piece::new("audit.log", text.as_bytes().to_vec())]);
            let (key, bytes) = chain.archive().into_iter().next_back().unwrap();
            all.insert(&key, bytes);
        };
        more(&mut a, "{\"late\":1}\n");
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(count(), 300);
        assert!(tally.against().is_empty());
        // It goes on from where it was.
        trust.send_replace(Arc::new(accepted(&[&a, &b])));
        until("a is followed again", || count() == 301).await;
        // A key that isn't accepted any more: what it signed isn't proved.
        let mut other = [followed(&a), followed(&b)];
        other[0].trusted = other[1].trusted.clone();
        trust.send_replace(Arc::new(AcceptedChains::new(other, None)));
        more(&mut a, "{\"late\":2}\n");
        until("a is held against its new trust", || {
            tally.metrics().contains("blocked{sink=\"out\",origin=\"c/n/a\"} 1")
        })
        .await;
        go.send(true).unwrap();
        std::future::pending::<()>().await;
    };
    let handed = tokio::select! {
        handed = forward(&here, asked, &tally, stop) => handed.unwrap(),
        () = changing => unreachable!(),
    };
    assert_eq!((handed[0].lines, count()), (301, 301));
}

/// Whoever could say what changes may be gone.
#[tokio::test]
async fn nothing_changes_where_nobody_changes_it() {
    let (folder, text) = (tempfile::tempdir().unwrap(), real());
    let chain = sealed("c/n/a", &lines(&text)[..100], 20);
    let url = format!("file://{}", folder.path().join("out").display());
    let mut asked = options(&[&chain], &[url], &folder.path().join("state"));
    asked.once = false;
    let time = Duration::from_secs(1);
    let handed = common::stopped_after(&store(&[&chain]), asked, time).await;
    assert_eq!(handed[0].lines, 100);
}
