//! What isn't proved blocks its chain, and says so, whether it is followed or looked at once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use auditseal_doubles::MemoryStore;
use auditseal_format::Origin;
use auditseal_forward::{Followed, ForwardOptions, ForwardTally, forward};
use auditseal_trust::TrustFile;
use auditseal_vectors::{Chain, TestSigner};
use common::{id, lines, once, only, options, place, real, sealed, store};
use tokio::sync::watch;

fn trusting(origin: &Origin, key: &str, rest: &str) -> Followed {
    let text = format!("auditseal/trust/v1\norigin {origin} static {key}\n  begin 0\n  {rest}\n");
    let file = TrustFile::parse(&text).unwrap();
    let trusted = file.get(origin).unwrap().clone();
    Followed { origin: origin.clone(), trusted, auditors: Vec::new() }
}

/// A state folder of its own for each look.
fn asked(chain: &Chain, folder: &tempfile::TempDir, name: &str) -> ForwardOptions {
    let url = format!("file://{}", folder.path().join(format!("{name}.out")).display());
    options(&[chain], &[url], &folder.path().join(name))
}

/// Once, and followed for a moment: both say why.
async fn blocked(store: &MemoryStore, make: impl Fn(&str) -> ForwardOptions, name: &str) -> String {
    let handed = once(store, make("once")).await;
    let [(_, why, true)] = &handed[0].blocked[..] else { panic!("{name}: {handed:?}") };
    let mut following = make("follow");
    following.once = false;
    let (go, stop) = watch::channel(false);
    let (tally, place) = (ForwardTally::default(), place(store));
    let looking =
        async {
            for _ in 0..100 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                if tally.metrics().lines().any(|line| {
                    line.starts_with("auditseal_forward_blocked{") && line.ends_with(" 1")
                }) {
                    break;
                }
            }
            go.send(true).unwrap();
        };
    let (handed, ()) = tokio::join!(forward(&place, following, &tally, stop), looking);
    let handed = handed.unwrap();
    assert!(matches!(&handed[0].blocked[..], [(_, _, true)]), "{name}: {handed:?}");
    why.clone()
}

#[tokio::test]
async fn what_comes_last_and_is_not_proved_blocks() {
    let (text, folder) = (real(), tempfile::tempdir().unwrap());
    let raw = lines(&text);
    let chain = sealed("c/n/s", &raw[..300], 100);
    let last = chain.key(3);
    type Change = fn(&[u8]) -> Vec<u8>;
    let changes: [(&str, Change); 4] = [
        ("changed", |bytes| {
            let mut bytes = bytes.to_vec();
            bytes[60] ^= 1;
            bytes
        }),
        ("seal-changed", |bytes| {
            let mut bytes = bytes.to_vec();
            let at = bytes.len() - 100;
            bytes[at] ^= 1;
            bytes
        }),
        ("emptied", |_| Vec::new()),
        ("cut", |bytes| bytes[..bytes.len() - 10].to_vec()),
    ];
    for (name, change) in changes {
        let all = store(&[&chain]);
        let bytes = all.remove(&last).unwrap();
        all.insert(&last, change(&bytes));
        let why =
            blocked(&all, |mode| asked(&chain, &folder, &format!("{name}-{mode}")), name).await;
        assert!(why.contains("seq=3") || why.contains("seq 3"), "{name}: {why}");
    }
}

#[tokio::test]
async fn a_chain_of_which_nothing_is_proved_blocks() {
    let (text, folder) = (real(), tempfile::tempdir().unwrap());
    let raw = lines(&text);
    let chain = sealed("c/n/s", &raw[..300], 100);
    let other = TestSigner::of("c/n/s", 2).identity();
    let mine = TestSigner::of("c/n/s", 1).identity();
    // Its end is known, and gone.
    let cut = store(&[&chain]);
    cut.remove(&chain.key(3)).unwrap();
    let ended = format!("ended {}", id(&chain, 3));
    let silent = "silent-after 10m".to_owned();
    let looks = [
        ("wrong-key", store(&[&chain]), format!("{other}"), &silent, "_KEY"),
        ("never-was", store(&[]), format!("{mine}"), &silent, "c/n/s"),
        ("truncated", cut, format!("{mine}"), &ended, "3:"),
    ];
    for (name, all, key, rest, says) in looks {
        for since in [None, Some(auditseal_format::Time::EPOCH)] {
            let make = |mode: &str| {
                let mut asked =
                    asked(&chain, &folder, &format!("{name}-{mode}-{}", since.is_some()));
                asked.chains = only(trusting(chain.origin(), &key, rest));
                asked.since = since;
                asked
            };
            let why = blocked(&all, make, name).await;
            assert!(why.contains(says) || why.contains("FOREIGN"), "{name}: {why}");
        }
    }
}

/// It was handed over, and then the archive was set back, lost it, or has another history.
#[tokio::test]
async fn an_archive_that_lost_what_was_handed_over_blocks() {
    let (text, folder) = (real(), tempfile::tempdir().unwrap());
    let raw = lines(&text);
    let chain = sealed("c/n/s", &raw[..300], 100);
    let mut short = sealed("c/n/s", &raw[..200], 100);
    let set_back = store(&[&short]);
    short.heartbeat();
    let reset = sealed("c/n/s", &raw[7..700], 100);
    let looks = [
        ("set-back", set_back, vec![id(&chain, 3).to_string()]),
        ("gone", store(&[]), vec![id(&chain, 3).to_string()]),
        ("forked", store(&[&short]), vec![id(&chain, 3).to_string(), id(&short, 3).to_string()]),
        ("reset", store(&[&reset]), vec![id(&chain, 3).to_string(), id(&reset, 3).to_string()]),
    ];
    for (name, all, says) in looks {
        let make = |mode: &str| asked(&chain, &folder, &format!("{name}-{mode}"));
        for mode in ["once", "follow"] {
            let handed = once(&store(&[&chain]), make(mode)).await;
            assert_eq!((handed[0].lines, handed[0].blocked.len()), (300, 0), "{handed:?}");
        }
        let why = blocked(&all, make, name).await;
        for id in says {
            assert!(why.contains(&id), "{name}: {why}");
        }
    }
}

/// What expired is no fault while what follows is tied to it.
#[tokio::test]
async fn what_was_handed_over_may_expire() {
    let (text, folder) = (real(), tempfile::tempdir().unwrap());
    let raw = lines(&text);
    let chain = sealed("c/n/s", &raw[..300], 100);
    let whole = sealed("c/n/s", &raw[..600], 100);
    let handed = once(&store(&[&chain]), asked(&chain, &folder, "x")).await;
    assert_eq!(handed[0].lines, 300);
    let later = store(&[&whole]);
    (0..=3).for_each(|seq| drop(later.remove(&whole.key(seq)).unwrap()));
    let handed = once(&later, asked(&whole, &folder, "x")).await;
    assert_eq!((handed[0].lines, handed[0].blocked.len()), (300, 0), "{handed:?}");
    // The chain ended there, as somebody knows: then nothing need be left of it.
    let mut ended = asked(&whole, &folder, "x");
    let key = TestSigner::of("c/n/s", 1).identity();
    let last = id(&whole, whole.archive().len() - 1);
    ended.chains = only(trusting(whole.origin(), &key.to_string(), &format!("ended {last}")));
    let handed = once(&store(&[]), ended).await;
    assert!(handed[0].blocked.is_empty(), "{handed:?}");
}

/// All of it was sealed before the time that is asked for: nothing is handed over, and nothing is wrong.
#[tokio::test]
async fn a_chain_that_is_all_older_than_asked_is_no_fault() {
    let (text, folder) = (real(), tempfile::tempdir().unwrap());
    let raw = lines(&text);
    let chain = sealed("c/n/s", &raw[..300], 100);
    let mut later = asked(&chain, &folder, "x");
    later.since = auditseal_format::Time::parse(b"2090-01-01T00:00:00.000000Z");
    let handed = once(&store(&[&chain]), later).await;
    assert_eq!((handed[0].lines, handed[0].blocked.len()), (0, 0), "{handed:?}");
}
