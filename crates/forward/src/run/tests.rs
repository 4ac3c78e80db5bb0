//! Disks that hang, are full, or get lines that somebody else writes: one sink is held up, and says so.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex};
use std::time::Instant as Clock;

use auditseal_doubles::MemoryStore;
use auditseal_trust::TrustFile;
use auditseal_vectors::{Chain, Piece, TestSigner};

use super::*;
use crate::followed::{AcceptedChains, Followed};

/// What befalls writes to paths that hold this word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Well,
    Hangs,
    Full,
    /// One sync fails, and what was written last is gone.
    Forgets,
}

#[derive(Debug, Default)]
struct Fates(Mutex<Option<(&'static str, Fate, u32)>>, Condvar);

impl Fates {
    /// After so many that go well.
    fn set(&self, word: &'static str, fate: Fate, well: u32) {
        *self.0.lock().unwrap() = Some((word, fate, well));
        self.1.notify_all();
    }

    /// Waits for as long as it hangs.
    fn befall(&self, path: &Path) -> io::Result<()> {
        let mut fates = self.0.lock().unwrap();
        loop {
            let hit = fates.as_mut().filter(|(word, ..)| path.to_string_lossy().contains(*word));
            match hit {
                Some((_, Fate::Forgets, _)) => return Ok(()),
                Some((.., well)) if *well > 0 => {
                    *well -= 1;
                    return Ok(());
                }
                Some((_, Fate::Full, _)) => return Err(io::ErrorKind::StorageFull.into()),
                Some((_, Fate::Hangs, _)) => fates = self.1.wait(fates).unwrap(),
                Some((_, Fate::Well, _)) | None => return Ok(()),
            }
        }
    }

    /// What the system says is durable when it is asked again isn't there.
    fn forget(&self, path: &Path) -> io::Result<()> {
        let mut fates = self.0.lock().unwrap();
        match fates.as_mut().filter(|(word, ..)| path.to_string_lossy().contains(*word)) {
            Some((_, fate @ Fate::Forgets, 0)) => *fate = Fate::Well,
            Some((_, Fate::Forgets, well)) => {
                *well -= 1;
                return Ok(());
            }
            _ => return Ok(()),
        }
        let mut bytes = fs::read(path)?;
        let gone = bytes.len() - 10;
        bytes[gone..].fill(0);
        fs::write(path, bytes)?;
        Err(io::ErrorKind::StorageFull.into())
    }
}

#[derive(Debug)]
struct Fated(Arc<Fates>);

impl Disk for Fated {
    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        RealDisk.size(path)
    }
    fn read(&self, path: &Path, from: u64, to: u64) -> io::Result<Vec<u8>> {
        RealDisk.read(path, from, to)
    }
    fn write_at(&mut self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.befall(path)?;
        RealDisk.write_at(path, at, bytes)
    }
    fn cut(&mut self, path: &Path, size: u64) -> io::Result<()> {
        RealDisk.cut(path, size)
    }
    fn sync(&mut self, path: &Path) -> io::Result<()> {
        self.0.forget(path)?;
        RealDisk.sync(path)
    }
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn sync_names(&mut self, folder: &Path) -> io::Result<()> {
        RealDisk.sync_names(folder)
    }
    fn inode(&self, path: &Path) -> io::Result<Option<u64>> {
        RealDisk.inode(path)
    }
    fn beside(&self, path: &Path, inode: u64) -> io::Result<Option<PathBuf>> {
        RealDisk.beside(path, inode)
    }
    fn alike(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        RealDisk.alike(path)
    }
}

/// Two chains, and files that they go to.
struct Scene {
    folder: tempfile::TempDir,
    chains: Vec<Chain>,
    place: Archived,
    fates: Arc<Fates>,
    tally: ForwardTally,
}

const LINES_EACH: u64 = 400;

impl Scene {
    fn new() -> Self {
        let chains: Vec<Chain> = ["c/n/a", "c/n/b"]
            .iter()
            .map(|name| {
                let mut chain = Chain::new(name, TestSigner::of(name, 1));
                chain.genesis();
                for batch in 0..20 {
                    let lines = (0..20).map(|line| {
                        format!("{{\"verb\":\"get\",\"n\":\"{name} {batch} {line}\"}}\n")
                    });
                    chain.batch(&[Piece::new("audit.log", lines.collect::<String>().into_bytes())]);
                }
                chain
            })
            .collect();
        let store = MemoryStore::holding(chains.iter().flat_map(|chain| chain.archive()));
        let place = Archived { store: Arc::new(store), packs: None, dated: true };
        let folder = tempfile::tempdir().unwrap();
        Self { folder, chains, place, fates: Arc::default(), tally: ForwardTally::default() }
    }

    fn options(&self, files: &[&str], once: bool) -> ForwardOptions {
        let chains = self.chains.iter().map(|chain| {
            let (origin, key) =
                (chain.origin().clone(), TestSigner::of(chain.origin().as_str(), 1).identity());
            let text = format!(
                "auditseal/trust/v1\norigin {origin} static {key}\n  begin 0\n  silent-after 10m\n"
            );
            let trusted = TrustFile::parse(&text).unwrap().get(&origin).unwrap().clone();
            Followed { origin, trusted, auditors: Vec::new() }
        });
        let sink = |name: &&str| {
            format!("file://{}?name={name}", self.file(name).display()).parse().unwrap()
        };
        ForwardOptions {
            chains: watch::channel(Arc::new(AcceptedChains::new(chains, None))).1,
            sinks: files.iter().map(sink).collect(),
            state: self.folder.path().join("state"),
            predicate: None,
            since: None,
            once,
        }
    }

    async fn run(&self, options: ForwardOptions, stop: watch::Receiver<bool>) -> Vec<Handed> {
        let fates = Arc::clone(&self.fates);
        let disk = move |_: &SinkUrl| -> Box<dyn Disk> { Box::new(Fated(Arc::clone(&fates))) };
        forward_on(&disk, &self.place, options, (&self.tally, stop)).await.unwrap()
    }

    async fn once(&self, files: &[&str]) -> Vec<Handed> {
        let (_go, stop) = watch::channel(false);
        self.run(self.options(files, true), stop).await
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.jsonl"))
    }

    fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.file(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until what stands against it says so, or doesn't any more.
    async fn until(&self, says: &str, wanted: bool) {
        for _ in 0..600 {
            if self.tally.against().iter().any(|why| why.contains(says)) == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{says} {wanted}: {:?}", self.tally.against());
    }
}

/// A disk that takes no write and gives no answer: the other sink has everything, the silence is said, and the end
/// comes in time.
async fn hung(word: &'static str) {
    let scene = Scene::new();
    scene.fates.set(word, Fate::Hangs, 0);
    let (go, stop) = watch::channel(false);
    let working = scene.run(scene.options(&["slow", "quick"], false), stop);
    let stopping = async {
        scene.until("slow: write", true).await;
        let said = scene.tally.against().join("\n");
        assert!(said.contains("its disk has given no answer for"), "{said}");
        assert!(!said.contains("quick"), "{said}");
        assert_eq!(scene.lines("quick").len() as u64, 2 * LINES_EACH);
        let metrics = scene.tally.metrics();
        assert!(metrics.contains("auditseal_forward_sink_waits{sink=\"slow\"} 1"), "{metrics}");
        go.send(true).unwrap();
        Clock::now()
    };
    let (handed, stopped) = tokio::join!(working, stopping);
    assert!(stopped.elapsed() < LAST + Duration::from_secs(5), "{:?}", stopped.elapsed());
    let why = handed[0].stopped.clone().unwrap();
    assert!(why.contains(word) && why.contains("its disk has given no answer for"), "{why}");
    assert_eq!((handed[1].lines, &handed[1].stopped), (2 * LINES_EACH, &None));
    scene.fates.set(word, Fate::Well, 0);
}

/// In the midst, and while it is opened.
#[tokio::test]
async fn a_disk_that_hangs_holds_up_its_sink_alone() {
    tokio::join!(hung("slow.jsonl"), hung("slow.next"));
}

/// Whoever waits for the end of a sink whose disk answers again gets all of it.
#[tokio::test]
async fn a_disk_that_answers_again_goes_on() {
    let scene = Scene::new();
    scene.fates.set("slow.jsonl", Fate::Hangs, 0);
    let (_go, stop) = watch::channel(false);
    let working = scene.run(scene.options(&["slow"], true), stop);
    let mending = async {
        scene.until("its disk has given no answer", true).await;
        scene.fates.set("slow.jsonl", Fate::Well, 0);
    };
    let (handed, ()) = tokio::join!(working, mending);
    assert_eq!((handed[0].lines, &handed[0].stopped), (2 * LINES_EACH, &None));
    assert!(scene.tally.against().is_empty(), "{:?}", scene.tally.against());
    assert_eq!(scene.lines("slow").len() as u64, 2 * LINES_EACH);
}

/// Full is the file's disk, or the state's: it is said and counted, and nothing is lost, nor there twice.
#[tokio::test]
async fn a_full_disk_is_waited_for() {
    for (word, well) in [("out.jsonl", 0), ("out.jsonl", 1), ("out.next", 1)] {
        let scene = Scene::new();
        scene.fates.set(word, Fate::Full, well);
        let (go, stop) = watch::channel(false);
        let working = scene.run(scene.options(&["out"], false), stop);
        let mending = async {
            scene.until("its disk is full", true).await;
            let metrics = scene.tally.metrics();
            assert!(!metrics.contains("auditseal_forward_state_failures_total{sink=\"out\"} 0"));
            scene.fates.set(word, Fate::Well, 0);
            scene.until("its disk is full", false).await;
            let all = async {
                while (scene.lines("out").len() as u64) < 2 * LINES_EACH {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(30), all).await.unwrap();
            go.send(true).unwrap();
        };
        let (handed, ()) = tokio::join!(working, mending);
        assert_eq!((handed[0].lines, &handed[0].uncommitted), (2 * LINES_EACH, &None), "{word}");
        let mut lines = scene.lines("out");
        lines.sort();
        lines.dedup();
        assert_eq!(lines.len() as u64, 2 * LINES_EACH, "{word}");
        let scene = Scene { tally: ForwardTally::default(), ..scene };
        let again = scene.once(&["out"]).await;
        assert_eq!(
            (again[0].lines, scene.lines("out").len() as u64),
            (0, 2 * LINES_EACH),
            "{word}"
        );
    }
}

/// A sync fails once and succeeds when it is tried again, though what it was for is gone: it is written once more.
#[tokio::test]
async fn what_a_disk_loses_is_written_again() {
    for well in [0, 1] {
        let scene = Scene::new();
        scene.fates.set("out.jsonl", Fate::Forgets, well);
        let handed = scene.once(&["out"]).await;
        assert_eq!((&handed[0].stopped, &handed[0].left), (&None, &Vec::new()));
        let mut lines = scene.lines("out");
        assert_eq!(lines.len() as u64, 2 * LINES_EACH, "{well}");
        lines.sort();
        lines.dedup();
        assert!(
            lines.len() as u64 == 2 * LINES_EACH && lines.iter().all(|line| line.ends_with('}'))
        );
        assert_eq!(scene.fates.0.lock().unwrap().unwrap().1, Fate::Well, "a sync failed");
    }
}

/// It is started again while the state's disk is full: nothing is written before the book can be.
#[tokio::test]
async fn a_full_disk_at_the_start_is_waited_for() {
    let scene = Scene::new();
    let mut first = scene.options(&["out"], true);
    let chains = first.chains.borrow().chains().next().cloned();
    first.chains = watch::channel(Arc::new(AcceptedChains::new(chains, None))).1;
    let (_go, stop) = watch::channel(false);
    scene.run(first, stop).await;
    let before = scene.lines("out").len() as u64;
    scene.fates.set("out.next", Fate::Full, 0);
    let (go, stop) = watch::channel(false);
    let working = scene.run(scene.options(&["out"], false), stop);
    let mending = async {
        scene.until("out.next: its disk is full", true).await;
        assert_eq!(scene.lines("out").len() as u64, before);
        scene.fates.set("out.next", Fate::Well, 0);
        while (scene.lines("out").len() as u64) < 2 * LINES_EACH {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        scene.until("its disk is full", false).await;
        go.send(true).unwrap();
    };
    let (handed, ()) = tokio::join!(working, mending);
    assert_eq!((&handed[0].uncommitted, &handed[0].stopped), (&None, &None));
    let mut lines = scene.lines("out");
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len() as u64, 2 * LINES_EACH);
}

/// What waiting doesn't mend ends `--once`, with its reason; without it the sink stands and says so.
#[tokio::test]
async fn a_file_that_somebody_writes_to_ends_once() {
    let scene = Scene::new();
    scene.fates.set("out.jsonl", Fate::Full, 0);
    let (_go, stop) = watch::channel(false);
    let working = scene.run(scene.options(&["out", "other"], true), stop);
    let writing = async {
        scene.until("its disk is full", true).await;
        fs::write(scene.file("out"), "somebody's\n").unwrap();
        scene.fates.set("out.jsonl", Fate::Well, 0);
    };
    let (handed, ()) = tokio::join!(working, writing);
    let why = handed[0].stopped.clone().unwrap();
    assert!(why.contains("somebody else has written to it"), "{why}");
    assert_eq!((handed[1].lines, &handed[1].stopped), (2 * LINES_EACH, &None));
    assert_eq!(scene.lines("out"), ["somebody's"]);
}

#[tokio::test]
async fn a_file_that_somebody_writes_to_is_waited_for_without_once() {
    let scene = Scene::new();
    scene.fates.set("out.jsonl", Fate::Full, 0);
    let (go, stop) = watch::channel(false);
    let working = scene.run(scene.options(&["out"], false), stop);
    let writing = async {
        scene.until("its disk is full", true).await;
        fs::write(scene.file("out"), "somebody's\n").unwrap();
        scene.fates.set("out.jsonl", Fate::Well, 0);
        scene.until("somebody else has written to it", true).await;
        // Somebody mends it.
        fs::rename(scene.file("out"), scene.file("theirs")).unwrap();
        scene.until("somebody else has written to it", false).await;
        while (scene.lines("out").len() as u64) < 2 * LINES_EACH {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        go.send(true).unwrap();
    };
    let (handed, ()) = tokio::join!(working, writing);
    assert_eq!((handed[0].lines, &handed[0].stopped), (2 * LINES_EACH, &None));
    assert_eq!(scene.lines("theirs"), ["somebody's"]);
}

/// The next process says until when it has events before any come.
#[tokio::test]
async fn until_when_a_sink_has_events_holds_over_a_restart() {
    let scene = Scene::new();
    let until = |tally: &ForwardTally| {
        let lines = tally.metrics();
        let of = |line: &&str| line.starts_with("auditseal_forward_until_seconds{");
        let values =
            lines.lines().filter(of).map(|line| line.rsplit(' ').next().unwrap().to_owned());
        values.collect::<Vec<_>>()
    };
    scene.once(&["out"]).await;
    let first = until(&scene.tally);
    let again = Scene { tally: ForwardTally::default(), ..scene };
    again.once(&["out"]).await;
    assert!(first.len() == 2 && !first.contains(&"0".to_owned()), "{first:?}");
    assert_eq!(until(&again.tally), first);
}

/// The folder of the state is on a disk that hangs: nothing is begun, and a stop is answered.
#[tokio::test]
async fn a_state_directory_that_gives_no_answer_is_given_up_on() {
    let never = || std::future::pending::<()>();
    let folder = tempfile::tempdir().unwrap();
    assert!(state(&folder.path().join("well"), never()).await.is_ok());
    let lock = folder.path().join("lock");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &lock,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let refused =
        state(folder.path(), tokio::time::sleep(Duration::from_millis(300))).await.unwrap_err();
    assert!(refused.to_string().contains("its disk has given no answer"), "{refused}");
}
