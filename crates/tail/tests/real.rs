//! The real disk: directory, descriptors, gzip files and inotify.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use auditseal_tail::fs::{LogPath, OpenFile, SourceDisk};
use auditseal_tail::{
    Disk, DiskFile, Family, FolderId, Follower, Gap, GapReason, History, Mode, Notice, Reports,
    Settings, Take, Wake, Watcher,
};

fn append(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

fn gzip(path: &Path) {
    let mut packed = path.as_os_str().to_owned();
    packed.push(".gz");
    let file = File::create(packed).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    encoder.write_all(&fs::read(path).unwrap()).unwrap();
    encoder.finish().unwrap();
    fs::remove_file(path).unwrap();
}

fn family() -> Family {
    Family::of(OsStr::new("audit.log")).unwrap()
}

fn log(directory: &Path) -> LogPath {
    LogPath::directory(directory, family())
}

fn disk(directory: &Path) -> SourceDisk {
    SourceDisk::new(log(directory))
}

fn follower(directory: &Path, history: History, mode: Mode) -> Follower<SourceDisk> {
    let settings = Settings { mode, ..Settings::default() };
    Follower::new(family(), disk(directory), history, settings)
}

fn read(take: &Take<OpenFile>) -> Vec<u8> {
    let mut bytes = vec![0; (take.end - take.start) as usize];
    let mut filled = 0;
    while filled < bytes.len() {
        let read = take.content.read_at(take.start + filled as u64, &mut bytes[filled..]).unwrap();
        assert!(read > 0, "{take:?}");
        filled += read;
    }
    assert!(take.holds().unwrap());
    bytes
}

fn everything(follower: &mut Follower<SourceDisk>) -> String {
    watched(follower, None)
}

fn watched(follower: &mut Follower<SourceDisk>, reports: Option<&Reports>) -> String {
    let mut bytes = Vec::new();
    loop {
        if let Some(reports) = reports {
            follower.noticed(reports.take());
        }
        let look = follower.look(0, 1 << 20);
        // A live file that is renamed and compressed between being listed and being opened may be
        // taken for lost: an alarm too many.
        let alarms = |gap: &Gap| reports.is_some() && gap.file.is_none() && gap.name == "audit.log";
        assert!(look.gaps.iter().all(alarms) && look.problems.is_empty(), "{look:?}");
        for take in &look.takes {
            bytes.extend(read(take));
            follower.committed(&take.file, take.end);
        }
        if !look.more {
            return String::from_utf8(bytes).unwrap();
        }
    }
}

#[test]
fn a_rotated_and_compressed_log_is_read_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let live = directory.path().join("audit.log");
    let backup = |n: u32| directory.path().join(format!("audit-2026-01-02T15-04-0{n}.000.log"));
    for n in 0..4 {
        append(&live, format!("file {n}, line 1\nfile {n}, line 2\n").as_bytes());
        fs::rename(&live, backup(n)).unwrap();
    }
    gzip(&backup(0));
    gzip(&backup(1));
    append(&live, b"live\n");
    fs::write(directory.path().join("audit-policy.log"), "not ours\n").unwrap();
    fs::create_dir(directory.path().join("audit.log.d")).unwrap();
    let mut follower = follower(directory.path(), History::default(), Mode::Drain);
    let expected: String =
        (0..4).map(|n| format!("file {n}, line 1\nfile {n}, line 2\n")).collect();
    assert_eq!(everything(&mut follower), expected + "live\n");
}

#[test]
fn descriptors_outlive_their_names() {
    let directory = tempfile::tempdir().unwrap();
    let live = directory.path().join("audit.log");
    append(&live, b"one\n");
    let mut follower = follower(directory.path(), History::default(), Mode::Follow);
    follower.look(0, 0);
    append(&live, b"two\n");
    fs::remove_file(&live).unwrap();
    assert_eq!(everything(&mut follower), "one\ntwo\n");
    assert_eq!(follower.backlog().unlinked_bytes, 8);
}

#[test]
fn a_hole_is_read_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let live = directory.path().join("audit.log");
    let mut writer = File::create(&live).unwrap();
    writer.write_all(b"before\n").unwrap();
    let mut follower = follower(directory.path(), History::default(), Mode::Follow);
    assert_eq!(everything(&mut follower), "before\n");
    File::options().write(true).open(&live).unwrap().set_len(0).unwrap();
    writer.write_all(b"after\n").unwrap();
    let looks: Vec<_> = (0..3).map(|_| follower.look(0, 1 << 20)).collect();
    let takes: Vec<_> = looks.iter().flat_map(|look| &look.takes).collect();
    assert_eq!(looks.iter().map(|look| look.gaps.len()).sum::<usize>(), 1);
    let hole = takes.iter().find(|take| take.file.base == 7).unwrap();
    assert_eq!(read(hole), b"\0\0\0\0\0\0\0after\n");
}

#[test]
fn only_regular_files_are_opened() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("audit.log")).unwrap();
    let mut disk = disk(directory.path());
    assert!(disk.open(FolderId(0), OsStr::new("audit.log")).is_err());
    assert!(disk.list().unwrap().entries.iter().all(|entry| entry.refusal.is_some()));
    let mut follower = follower(directory.path(), History::default(), Mode::Follow);
    let look = follower.look(0, 1);
    let refusals: Vec<_> = look.refusals.iter().map(|(name, _)| name.to_str()).collect();
    assert_eq!(refusals, [Some("audit.log")]);
    assert!(follower.look(1, 1).refusals.is_empty(), "it is named once");
}

#[test]
fn a_link_to_itself_is_one_problem_and_hides_nothing() {
    let directory = tempfile::tempdir().unwrap();
    append(&directory.path().join("audit.log"), b"one\n");
    for name in ["stranger", "audit-2026-01-02T15-04-05.000.log"] {
        std::os::unix::fs::symlink(name, directory.path().join(name)).unwrap();
    }
    let mut follower = follower(directory.path(), History::default(), Mode::Follow);
    let look = follower.look(0, 1 << 20);
    let names: Vec<_> = look.refusals.iter().map(|(name, _)| name.to_str()).collect();
    assert_eq!(names, [Some("audit-2026-01-02T15-04-05.000.log")]);
    assert_eq!(look.takes.iter().map(read).collect::<Vec<_>>(), [b"one\n"]);
    let gaps: Vec<_> = look.gaps.iter().map(|gap| (gap.name.to_str(), gap.reason)).collect();
    assert_eq!(gaps, [(names[0], GapReason::Refused)], "what is behind it, nobody knows");
    assert!(follower.look(20_000, 1 << 20).gaps.is_empty(), "once");
}

#[test]
fn stat_tells_size_and_links() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.log");
    append(&path, b"12345");
    let mut disk = disk(directory.path());
    let entry = disk.list().unwrap().entries.remove(0);
    let file = disk.open(FolderId(0), OsStr::new("audit.log")).unwrap();
    let stat = file.stat().unwrap();
    assert_eq!((stat.size, stat.links, stat.key), (5, 1, entry.key));
    fs::remove_file(&path).unwrap();
    assert_eq!(file.stat().unwrap().links, 0);
    let mut bytes = [0; 8];
    assert_eq!(file.read_at(3, &mut bytes).unwrap(), 2);
}

/// Waits until something other than a timeout comes.
fn wake(watcher: &mut Watcher) -> (Wake, Duration) {
    let begin = Instant::now();
    loop {
        let wake = watcher.wait(Duration::from_secs(1));
        if wake != Wake::Timeout || begin.elapsed() > Duration::from_secs(20) {
            return (wake, begin.elapsed());
        }
    }
}

#[test]
fn an_append_wakes_and_our_own_reading_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.log");
    append(&path, b"one\n");
    let mut watcher = Watcher::new(log(directory.path()));
    append(&path, b"two\n");
    assert_eq!(wake(&mut watcher).0, Wake::Changed);
    let mut follower = follower(directory.path(), History::default(), Mode::Follow);
    assert_eq!(everything(&mut follower), "one\ntwo\n");
    drop(follower);
    // What was written is told once more at the end of the rest that followed.
    while watcher.wait(Duration::from_millis(500)) == Wake::Changed {}
    let mut again = self::follower(directory.path(), History::default(), Mode::Follow);
    again.look(0, 1 << 20);
    drop(again);
    if watcher.armed() {
        assert_eq!(watcher.wait(Duration::from_millis(300)), Wake::Timeout);
    }
    fs::rename(&path, directory.path().join("audit-2026-01-02T15-04-05.000.log")).unwrap();
    assert_eq!(wake(&mut watcher).0, Wake::Changed);
}

#[test]
fn a_log_that_is_written_all_the_time_wakes_now_and_then_and_a_rename_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.log");
    append(&path, b"one\n");
    let mut watcher = Watcher::new(log(directory.path()));
    if !watcher.armed() {
        return; // there are no reports to count
    }
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (mut wakes, mut lines, mut renamed) = (0, 0, Duration::ZERO);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut out = OpenOptions::new().append(true).open(&path).unwrap();
            let mut lines = 0_u32;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                out.write_all(b"line\n").unwrap();
                lines += 1;
                thread::sleep(Duration::from_micros(500));
            }
            lines
        });
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(2) {
            wakes += u32::from(watcher.wait(Duration::from_secs(1)) == Wake::Changed);
        }
        let begin = Instant::now();
        fs::rename(&path, directory.path().join("audit-2026-01-02T15-04-05.000.log")).unwrap();
        while watcher.reports().take().events.is_empty() && begin.elapsed().as_secs() < 20 {
            watcher.wait(Duration::from_secs(1));
        }
        renamed = begin.elapsed();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        lines = writer.join().unwrap();
    });
    assert!(lines > 3 * wakes, "{wakes} wakes for {lines} lines");
    assert!((1..=16).contains(&wakes), "{wakes} in about two seconds");
    assert!(renamed < Duration::from_secs(20), "{renamed:?}");
    // The last line is never waited for longer than that.
    append(&directory.path().join("audit-2026-01-02T15-04-05.000.log"), b"late\n");
    assert_eq!(wake(&mut watcher).0, Wake::Changed);
}

/// What the follower relies on: whoever asks knows of all that happened before.
#[test]
fn reports_are_complete_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let watcher = Watcher::new(log(directory.path()));
    let reports = watcher.reports();
    if !watcher.armed() {
        return;
    }
    assert!(reports.take().lost, "what was before, nobody reported");
    for round in 0..500 {
        let name = format!("audit-2026-01-02T15-04-05.{round:03}.log");
        append(&directory.path().join(&name), b"line\n");
        fs::remove_file(directory.path().join(&name)).unwrap();
        let notices = reports.take();
        assert!(!notices.lost);
        let name = std::ffi::OsString::from(name);
        let told = [Notice::Appeared(name.clone()), Notice::Removed(name)];
        assert_eq!(notices.events, told, "round {round}");
    }
    drop(watcher);
    assert!(reports.take().lost, "nobody watches any more");
}

/// Which name a file had before decides whether the live one was rotated, or a stranger's came.
#[test]
fn what_a_file_was_renamed_from_is_told() {
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| directory.path().join(name);
    fs::write(path("audit.log"), "first\n").unwrap();
    let watcher = Watcher::new(log(directory.path()));
    let reports = watcher.reports();
    if !watcher.armed() {
        return;
    }
    assert!(reports.take().lost, "what was before, nobody reported");
    let backup = "audit-2026-01-02T15-04-05.000.log";
    fs::rename(path("audit.log"), path(backup)).unwrap();
    fs::write(path("audit.log.tmp"), "second\n").unwrap();
    fs::rename(path("audit.log.tmp"), path("audit.log")).unwrap();
    fs::write(elsewhere.path().join("other"), "third\n").unwrap();
    let here = fs::rename(elsewhere.path().join("other"), path("audit.log.1"));
    here.and_then(|()| fs::rename(path(backup), elsewhere.path().join("away"))).unwrap();
    let renamed = |from: &str, to: &str| Notice::Renamed { from: from.into(), to: to.into() };
    let told = [
        renamed("audit.log", backup),
        Notice::Appeared("audit.log.tmp".into()),
        renamed("audit.log.tmp", "audit.log"),
        Notice::Appeared("audit.log.1".into()),
        Notice::Removed(backup.into()),
    ];
    assert_eq!(reports.take().events, told);
    assert_eq!(reports.take().events, []);
}

#[test]
fn a_wait_ends_when_it_should() {
    let directory = tempfile::tempdir().unwrap();
    let mut watcher = Watcher::new(log(directory.path()));
    let begin = Instant::now();
    assert_eq!(watcher.wait(Duration::from_millis(50)), Wake::Timeout);
    assert!(begin.elapsed() >= Duration::from_millis(50));
    let begin = Instant::now();
    assert_eq!(watcher.wait(Duration::from_secs(3600)), Wake::Timeout);
    assert!(begin.elapsed() < Duration::from_secs(30), "polls now and then in any case");
}

#[test]
fn a_directory_that_comes_back_is_watched_again() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("logs");
    let mut watcher = Watcher::new(log(&path));
    assert!(!watcher.armed());
    assert_eq!(watcher.wait(Duration::from_millis(10)), Wake::Lost, "polls while it waits");
    for round in 0..3 {
        fs::create_dir(&path).unwrap();
        let begin = Instant::now();
        while !watcher.armed() && begin.elapsed() < Duration::from_secs(20) {
            watcher.wait(Duration::from_millis(100));
        }
        assert!(watcher.armed(), "round {round}");
        while watcher.wait(Duration::from_millis(100)) != Wake::Timeout {}
        append(&path.join("audit.log"), b"line\n");
        assert_eq!(wake(&mut watcher).0, Wake::Changed, "round {round}");
        fs::remove_dir_all(&path).unwrap();
        let begin = Instant::now();
        while watcher.armed() && begin.elapsed() < Duration::from_secs(20) {
            watcher.wait(Duration::from_millis(100));
        }
        assert!(!watcher.armed(), "round {round}: the watch is gone with its directory");
    }
}

/// Rotations faster than one look per file: writer and follower race on a real disk.
#[test]
fn nothing_is_lost_while_a_writer_rotates() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let writer = thread::spawn(move || {
        let live = path.join("audit.log");
        for file in 0..60_u32 {
            let mut out = OpenOptions::new().append(true).create(true).open(&live).unwrap();
            for line in 0..200 {
                writeln!(out, "{file:03} {line:03} {}", "x".repeat(line)).unwrap();
            }
            drop(out);
            let backup = path.join(format!("audit-2026-01-02T15-04-{file:02}.000.log"));
            fs::rename(&live, &backup).unwrap();
            if file % 3 == 0 {
                gzip(&backup);
            }
            thread::sleep(Duration::from_millis(5));
        }
        append(&live, b"end\n");
    });
    let mut watcher = Watcher::new(log(directory.path()));
    let reports = watcher.reports();
    let mut follower = follower(directory.path(), History::default(), Mode::Follow);
    let mut text = String::new();
    let begin = Instant::now();
    while !text.ends_with("end\n") && begin.elapsed() < Duration::from_secs(60) {
        watcher.wait(Duration::from_millis(200));
        text += &watched(&mut follower, Some(&reports));
    }
    writer.join().unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 60 * 200 + 1);
    assert_eq!(lines.pop(), Some("end"));
    // Files overtake one another when two are renamed within one listing.
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 60 * 200, "once each");
}

#[test]
fn files_that_come_and_go_while_nobody_looks_are_reported() {
    let dir = tempfile::tempdir().unwrap();
    let live = dir.path().join("audit.log");
    append(&live, b"one\n");
    let mut watcher = Watcher::new(log(dir.path()));
    let reports = watcher.reports();
    let mut follower = follower(dir.path(), History::default(), Mode::Follow);
    let look = |follower: &mut Follower<SourceDisk>| {
        follower.noticed(reports.take());
        follower.look(0, 1 << 20)
    };
    while look(&mut follower).more {}
    // Three rotations at once, and none of the backups is kept.
    let backup = |n: usize| dir.path().join(format!("audit-2026-01-02T15-04-0{n}.000.log"));
    for n in 1..=3 {
        fs::rename(&live, backup(n)).unwrap();
        append(&live, format!("{n}\n").as_bytes());
    }
    (1..=3).for_each(|n| fs::remove_file(backup(n)).unwrap());
    let (mut gaps, mut texts) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        watcher.wait(Duration::from_millis(20));
        let found = look(&mut follower);
        texts.extend(found.takes.iter().map(|take| String::from_utf8(read(take)).unwrap()));
        gaps.extend(found.gaps);
        if gaps.len() >= 2 && texts.contains(&"3\n".to_owned()) {
            break;
        }
    }
    let lost: Vec<_> = gaps.iter().map(|gap| (dir.path().join(&gap.name), gap.reason)).collect();
    let unread = |n| (backup(n), GapReason::DeletedBeforeRead);
    assert_eq!(lost, [unread(2), unread(3)], "the first was held");
}

/// A link is led to the file of the next day as `ln -s` and `mv -T` do it: the link brings no file.
#[test]
fn a_link_that_is_renamed_over_the_live_name_replaces_nothing() {
    for made_before in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let of = |day: usize| dir.path().join(format!("audit-2026112{day}.log"));
        let link = dir.path().join("audit.log");
        let point = |day: usize| {
            let new = dir.path().join("t");
            std::os::unix::fs::symlink(of(day).file_name().unwrap(), &new).unwrap();
            fs::rename(new, &link).unwrap();
        };
        append(&of(0), b"0\n");
        point(0);
        let path = LogPath::find(&link, Default::default()).unwrap();
        let mut watcher = Watcher::new(path.clone());
        let reports = watcher.reports();
        let mut follower =
            Follower::new(family(), SourceDisk::new(path), History::default(), Settings::default());
        let (mut gaps, mut texts) = (Vec::new(), Vec::new());
        let mut look = |watcher: &mut Watcher| {
            for _ in 0..8 {
                watcher.wait(Duration::from_millis(5));
                follower.noticed(reports.take());
                let found = follower.look(0, 1 << 20);
                texts.extend(found.takes.iter().map(|t| String::from_utf8(read(t)).unwrap()));
                gaps.extend(found.gaps);
                found.takes.iter().for_each(|take| follower.committed(&take.file, take.end));
            }
            (texts.concat(), gaps.iter().map(|gap| gap.reason).collect::<Vec<_>>())
        };
        look(&mut watcher);
        for day in 1..3 {
            if made_before {
                append(&of(day), format!("{day}\n").as_bytes());
            }
            point(day);
            if !made_before {
                append(&of(day), format!("{day}\n").as_bytes());
            }
            look(&mut watcher);
        }
        let (text, reasons) = look(&mut watcher);
        assert_eq!(text, "0\n1\n2\n");
        assert_eq!(reasons, [], "made before: {made_before}");
    }
}
