//! Lines in files: each once, in order, whatever happens in between, and none that isn't proved.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::time::Duration;

use auditseal_doubles::Fault;
use auditseal_predicate::Predicate;
use auditseal_store::{Kind, Operation};
use auditseal_vectors::Piece;
use common::{lines, once, options, real, refused, sealed, sorted, stopped_after, store};

fn sink(folder: &tempfile::TempDir, name: &str) -> (String, std::path::PathBuf) {
    let path = folder.path().join(name);
    (format!("file://{}", path.display()), path)
}

#[tokio::test]
async fn a_file_has_the_lines_as_they_were_written() {
    let (text, folder) = (real(), tempfile::tempdir().unwrap());
    let raw = lines(&text);
    let chain = sealed("c/n/s", &raw, 150);
    let (url, path) = sink(&folder, "out");
    let state = folder.path().join("state");
    let handed =
        once(&store(&[&chain]), options(&[&chain], std::slice::from_ref(&url), &state)).await;
    assert_eq!(
        (handed[0].lines, handed[0].refused, handed[0].blocked.len()),
        (raw.len() as u64, 0, 0)
    );
    assert!(fs::read(&path).unwrap() == text, "byte for byte");
    // Again: nothing is new.
    let handed = once(&store(&[&chain]), options(&[&chain], &[url], &state)).await;
    assert_eq!((handed[0].lines, handed[0].findings), (0, 0));
    assert!(fs::read(&path).unwrap() == text);
}

/// It is stopped again and again, the store fails now and then, and seals come meanwhile.
#[tokio::test]
async fn wherever_it_is_stopped_it_goes_on() {
    let (text, folder) = (real(), tempfile::tempdir().unwrap());
    let raw = lines(&text);
    let chains = [
        sealed("c/n/a", &raw, 40),
        sealed("c/n/b", &raw[..500], 1),
        sealed("c/m/a", &raw[7..], 900),
    ];
    let chains: Vec<_> = chains.iter().collect();
    let all = store(&chains);
    all.fail_when(|operation, _, nth| {
        let fails = matches!(operation, Operation::Get | Operation::Tail) && nth % 41 == 0;
        fails.then_some(Fault::Refuse(Kind::Unavailable))
    });
    let (url, path) = sink(&folder, "out");
    let state = folder.path().join("state");
    for round in 0..12 {
        let time = Duration::from_millis(20 + 35 * round);
        stopped_after(&all, options(&chains, std::slice::from_ref(&url), &state), time).await;
    }
    all.heal();
    once(&all, options(&chains, &[url], &state)).await;
    let mut expected = sorted(&text);
    expected.extend(sorted(&raw[..500].concat()));
    expected.extend(sorted(&raw[7..].concat()));
    expected.sort();
    assert!(sorted(&fs::read(path).unwrap()) == expected);
}

/// More days than are listed at a time, and some without a seal.
#[tokio::test]
async fn seals_of_many_days_follow() {
    let (text, folder) = (real(), tempfile::tempdir().unwrap());
    let raw = lines(&text);
    let mut chain = sealed("c/n/s", &raw[..20], 20);
    for lines in raw[20..400].chunks(20) {
        chain.wait(5 * 86_400 / 2);
        chain.batch(&[Piece::new("audit.log", lines.concat())]);
    }
    let (url, path) = sink(&folder, "out");
    let state = folder.path().join("state");
    let handed = once(&store(&[&chain]), options(&[&chain], &[url], &state)).await;
    assert_eq!((handed[0].lines, handed[0].blocked.len()), (400, 0), "{handed:?}");
    assert!(fs::read(path).unwrap() == raw[..400].concat());
}

#[tokio::test]
async fn what_is_sealed_meanwhile_follows() {
    let (text, folder) = (real(), tempfile::tempdir().unwrap());
    let raw = lines(&text);
    let mut chain = sealed("c/n/s", &raw[..300], 100);
    let all = store(&[&chain]);
    let (url, path) = sink(&folder, "out");
    let mut options = options(&[&chain], &[url], &folder.path().join("state"));
    options.once = false;
    let later = all.clone();
    let writing = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        // One at an alternate of its key, which only a listing tells.
        chain.squat(b"garbage");
        chain.batch(&[Piece::new("audit.log", raw[300..350].concat())]);
        chain.batch(&[Piece::new("audit.log", raw[350..400].concat())]);
        for (key, bytes) in chain.archive() {
            later.insert(&key, bytes);
        }
    };
    let (handed, ()) = tokio::join!(stopped_after(&all, options, Duration::from_secs(4)), writing);
    assert_eq!(handed[0].lines, 400, "{handed:?}");
    assert!(fs::read(path).unwrap() == raw[..400].concat());
}

#[tokio::test]
async fn what_is_not_proved_is_not_handed_over() {
    let (text, folder) = (real(), tempfile::tempdir().unwrap());
    let raw = lines(&text);
    let chain = sealed("c/n/s", &raw[..500], 100);
    let other = sealed("c/m/s", &raw[..100], 100);
    let key = chain.key(4);
    type Change = fn(&auditseal_doubles::MemoryStore, &str);
    let changes: [(&str, Change); 2] = [
        ("gone", |store, key| drop(store.remove(key))),
        ("changed", |store, key| {
            let mut bytes = store.remove(key).unwrap().to_vec();
            bytes[60] ^= 1;
            store.insert(key, bytes);
        }),
    ];
    for (name, change) in changes {
        let all = store(&[&chain, &other]);
        change(&all, &key);
        let (url, path) = sink(&folder, name);
        let state = folder.path().join(format!("state-{name}"));
        let handed =
            once(&all, options(&[&chain, &other], std::slice::from_ref(&url), &state)).await;
        let [(origin, why, true)] = &handed[0].blocked[..] else { panic!("{name}: {handed:?}") };
        assert_eq!(origin, chain.origin(), "{why}");
        let written = fs::read(&path).unwrap();
        assert!(written.len() < text.len());
        for line in lines(&written) {
            assert!(raw[..300].contains(&line), "{name}: behind it nothing is handed over");
        }
        // It is put back: then it goes on, and nothing is there twice.
        all.remove(&key);
        for (key, bytes) in chain.archive() {
            all.insert(&key, bytes);
        }
        let handed = once(&all, options(&[&chain, &other], &[url], &state)).await;
        assert!(handed[0].blocked.is_empty(), "{handed:?}");
        let mut expected = sorted(&raw[..500].concat());
        expected.extend(sorted(&raw[..100].concat()));
        expected.sort();
        assert!(sorted(&fs::read(path).unwrap()) == expected, "{name}");
    }
}

#[tokio::test]
async fn only_what_is_asked_for_is_handed_over() {
    let (text, folder) = (real(), tempfile::tempdir().unwrap());
    let raw = lines(&text);
    let chain = sealed("c/n/s", &raw, 100);
    let has = |word: &'static str| {
        raw.iter().filter(move |line| String::from_utf8_lossy(line).contains(word))
    };
    let (url, path) = sink(&folder, "out");
    let mut asked = options(
        &[&chain],
        &[format!("{url}?redact=user.extra,requestObject")],
        &folder.path().join("state"),
    );
    asked.predicate = Some(Predicate::verbs(["delete"]));
    let handed = once(&store(&[&chain]), asked).await;
    assert_eq!(handed[0].lines, has("\"verb\":\"delete\"").count() as u64);
    assert!(handed[0].lines > 0);
    let written = String::from_utf8(fs::read(path).unwrap()).unwrap();
    assert!(!written.contains("\"requestObject\":") && written.contains("\"auditseal\":{\"key\":"));
    let (url, path) = sink(&folder, "since");
    let mut asked = options(&[&chain], &[url], &folder.path().join("state-since"));
    // Lines are in the order of their times, but for some.
    let middle = raw[raw.len() / 2];
    let at = memchr_time(middle);
    asked.since = auditseal_format::Time::parse(at.as_bytes());
    let handed = once(&store(&[&chain]), asked).await;
    let expected = raw.iter().filter(|line| memchr_time(line) >= at).count() as u64;
    assert_eq!(
        (handed[0].lines, lines(&fs::read(path).unwrap()).len() as u64),
        (expected, expected)
    );
}

fn memchr_time(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let (_, rest) = text.split_once("\"stageTimestamp\":\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn states_are_not_mixed_up() {
    let (text, folder) = (real(), tempfile::tempdir().unwrap());
    let raw = lines(&text);
    let chain = sealed("c/n/s", &raw[..10], 10);
    let all = store(&[&chain]);
    let (url, path) = sink(&folder, "out");
    let state = folder.path().join("state");
    fs::write(&path, "somebody's\n").unwrap();
    let error = refused(&all, options(&[&chain], std::slice::from_ref(&url), &state)).await;
    assert!(error.to_string().contains("not handed over by us"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"somebody's\n");
    let twice = options(&[&chain], &[url.clone(), url], &state);
    assert!(refused(&all, twice).await.to_string().contains("called"));
}

/// Whoever wants it once is told, in time, that the store doesn't answer.
#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_given_up_on() {
    let (text, folder) = (real(), tempfile::tempdir().unwrap());
    let raw = lines(&text);
    let chain = sealed("c/n/s", &raw[..10], 10);
    let all = store(&[&chain]);
    all.fail_when(|_, _, _| Some(Fault::Refuse(Kind::Unavailable)));
    let (url, _) = sink(&folder, "out");
    let options = options(&[&chain], &[url], &folder.path().join("state"));
    let place = common::place(&all);
    let (_go, stop) = tokio::sync::watch::channel(false);
    let tally = auditseal_forward::ForwardTally::default();
    let handed = auditseal_forward::forward(&place, options, &tally, stop).await.unwrap();
    assert!(matches!(&handed[0].blocked[..], [(_, _, false)]), "{handed:?}");
}

/// The sink was away for longer than `--since` reaches back: it gets what it lacks, from where it was.
#[tokio::test]
async fn since_is_for_chains_of_which_a_sink_has_nothing() {
    let (text, folder) = (real(), tempfile::tempdir().unwrap());
    let raw = lines(&text);
    let (begun, whole) = (sealed("c/n/s", &raw[..200], 100), sealed("c/n/s", &raw[..800], 100));
    let (url, path) = sink(&folder, "out");
    let state = folder.path().join("state");
    once(&store(&[&begun]), options(&[&begun], std::slice::from_ref(&url), &state)).await;
    let mut later = options(&[&whole], &[url], &state);
    later.since = auditseal_format::Time::parse(memchr_time(raw[750]).as_bytes());
    assert!(later.since.is_some());
    let handed = once(&store(&[&whole]), later).await;
    assert_eq!((handed[0].lines, handed[0].blocked.len()), (600, 0), "{handed:?}");
    assert!(fs::read(path).unwrap() == raw[..800].concat());
}

/// Whoever asked for all of it is told what is left.
#[tokio::test]
async fn what_is_left_by_a_stop_is_told() {
    let (text, folder) = (real(), tempfile::tempdir().unwrap());
    let raw = lines(&text);
    let chain = sealed("c/n/s", &raw, 50);
    let (url, _) = sink(&folder, "out");
    let asked = || options(&[&chain], std::slice::from_ref(&url), &folder.path().join("state"));
    let handed = stopped_after(&store(&[&chain]), asked(), Duration::ZERO).await;
    assert_eq!(handed[0].left, [chain.origin().clone()], "{handed:?}");
    let mut following = asked();
    following.once = false;
    let handed = stopped_after(&store(&[&chain]), following, Duration::ZERO).await;
    assert!(handed[0].left.is_empty(), "{handed:?}");
    let handed = once(&store(&[&chain]), asked()).await;
    assert!(handed[0].left.is_empty(), "{handed:?}");
}

/// Two spellings of one file, a file that another process writes, and one that can't be.
#[tokio::test]
async fn a_file_is_one_sinks_alone() {
    let (text, folder) = (real(), tempfile::tempdir().unwrap());
    let raw = lines(&text);
    let chain = sealed("c/n/s", &raw[..10], 10);
    let all = store(&[&chain]);
    let (url, path) = sink(&folder, "out");
    let (again, _) = sink(&folder, "./out");
    let state = folder.path().join("state");
    let twice = options(&[&chain], &[url.clone(), format!("{again}?name=b")], &state);
    let error = refused(&all, twice).await;
    assert!(error.to_string().contains("two of them are the file"), "{error}");
    let held = fs::File::open(&path).unwrap();
    held.lock().unwrap();
    let error = refused(&all, options(&[&chain], std::slice::from_ref(&url), &state)).await;
    assert!(error.to_string().contains("another process writes it"), "{error}");
    drop(held);
    once(&all, options(&[&chain], &[url], &state)).await;
    assert!(fs::read(&path).unwrap() == raw[..10].concat());
    let (url, _) = sink(&folder, "no/such/out");
    let error = refused(&all, options(&[&chain], &[url], &state)).await;
    assert!(error.hint().unwrap().contains("folder"), "{error}");
}

/// What somebody else wrote behind our lines is kept; an empty file in the place of one that was rotated away is begun.
#[tokio::test]
async fn what_stands_behind_our_lines_is_set_aside() {
    let (text, folder) = (real(), tempfile::tempdir().unwrap());
    let raw = lines(&text);
    let chain = sealed("c/n/s", &raw[..200], 100);
    let whole = sealed("c/n/s", &raw[..400], 100);
    let (url, path) = sink(&folder, "out");
    let state = folder.path().join("state");
    once(&store(&[&chain]), options(&[&chain], std::slice::from_ref(&url), &state)).await;
    let ours = raw[..200].concat();
    fs::write(&path, [&ours[..], b"somebody's\n"].concat()).unwrap();
    let again = || options(&[&whole], std::slice::from_ref(&url), &state);
    once(&store(&[&whole]), again()).await;
    assert!(fs::read(&path).unwrap() == raw[..400].concat());
    let aside = folder.path().join(format!("out.behind-{}", ours.len()));
    assert_eq!(fs::read(aside).unwrap(), b"somebody's\n");
    fs::rename(&path, folder.path().join("out.1")).unwrap();
    fs::write(&path, b"").unwrap();
    let longer = sealed("c/n/s", &raw[..500], 100);
    once(&store(&[&longer]), options(&[&longer], &[url], &state)).await;
    assert!(fs::read(&path).unwrap() == raw[400..500].concat());
}
