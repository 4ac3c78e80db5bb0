//! The bounds of production, each with more than it once: `AUDITSEAL_BOUNDS=production`, as
//! `make soak` has it. Without that, the same with few, so that every test run tries it.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod node;
mod scene;

use auditseal_agent::{ChainEnd, Mode};
use node::lines;
use scene::{Scene, Way};

/// Bytes at which a batch closes, as the command line has it.
const BATCH: u64 = 16 << 20;

/// How many of something: `full` in production's values, else `few`.
fn many(few: usize, full: usize) -> usize {
    let told = std::env::var_os("AUDITSEAL_BOUNDS").is_some_and(|told| told == "production");
    if told { full } else { few }
}

/// More files than descriptors, than finals that are remembered, and than ranges of a note; every
/// seventh compressed; of one line to 2,000.
#[tokio::test]
async fn thousands_of_files_are_archived() {
    for way in [Way::Backfill, Way::Run, Way::Retire] {
        let mut scene = Scene::new();
        scene.node.batch_bytes = BATCH;
        scene.begin(way).await;
        for n in 1..=many(300, 3_000) {
            // Sizes are log-uniform: as many files between 1 and 2 lines as between 1,000 and 2,000.
            let text = lines(5_000 * n, 5_000 * n + (1 << (n * 7 % 12)));
            if n % 7 == 3 {
                scene.gzipped(&text);
            } else {
                scene.backup(&text);
            }
        }
        scene.archive(way).await;
        scene.assert_all(&format!("{way:?}")).await;
        // Nothing is new, and nothing is taken twice.
        scene.archive(Way::Backfill).await;
        scene.assert_all(&format!("{way:?}, and again")).await;
    }
}

/// More objects than ten pages of a listing hold.
#[tokio::test]
async fn ten_thousand_objects_are_archived() {
    let count = many(300, 10_001);
    let mut scene = Scene::new();
    // Each line fills a batch.
    scene.node.batch_bytes = 1;
    scene.backup(&lines(0, count));
    scene.archive(Way::Backfill).await;
    let objects = scene.node.store.objects().len();
    assert!(objects > count / 2, "{objects} objects of {count} lines");
    scene.assert_all("objects").await;
    // And found again without a state.
    std::fs::remove_dir_all(scene.node.dir.path().join("state")).unwrap();
    scene.live(&lines(count, count + 1));
    scene.archive(Way::Backfill).await;
    scene.assert_all("objects, without a state").await;
}

/// More names come between two looks than are remembered, and than reports are kept of.
#[tokio::test]
async fn more_names_than_are_remembered_lose_no_file() {
    let mut scene = Scene::new();
    scene.node.batch_bytes = BATCH;
    scene.backups(2, |n| lines(n, n + 1));
    let (stop, running) = scene.start(Mode::Live);
    scene.until("the first files", |tally| tally.lines >= 4).await;
    let count = many(300, 66_000);
    scene.backups(count, |n| lines(n, n + 1));
    scene.settled().await;
    stop.send_replace(true);
    assert_eq!(running.await.unwrap().unwrap().end, ChainEnd::Done);
    scene.assert_all("while running").await;
    scene.archive(Way::Stop).await;
    scene.assert_all("after a restart").await;
}
