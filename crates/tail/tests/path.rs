//! What a source's path means, on the real disk: links that are pointed elsewhere, directories that
//! are replaced, and what others may put beside a log. Mounts are tried by the scripts of `e2e`.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use auditseal_tail::fs::{Claims, FindError, Limits, LogPath, Owners, SourceDisk};
use auditseal_tail::{
    Disk, DiskFile as _, Family, FamilyError, FolderId, Follower, History, Left, Listing, Notice,
    Refusal, Settings, Watcher,
};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::{TempDir, tempdir};

const BACKUP: &str = "audit-2026-01-02T15-04-05.000.log";

fn family(live: &str) -> Family {
    Family::of(OsStr::new(live)).unwrap()
}

/// A directory with a log that says which one it is.
fn logs(parent: &Path, name: &str) -> std::path::PathBuf {
    let directory = parent.join(name);
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("audit.log"), name).unwrap();
    directory
}

/// Points a link elsewhere as `ln -sfn` does it.
fn point(link: &Path, target: &Path) {
    let new = link.with_extension("new");
    symlink(target, &new).unwrap();
    fs::rename(new, link).unwrap();
}

fn disk(path: &Path) -> SourceDisk {
    SourceDisk::new(LogPath::find(path, Owners::default()).unwrap())
}

/// Number, and whether it is a former one.
fn folders(listing: &Listing) -> Vec<(u32, bool)> {
    listing.folders.iter().map(|folder| (folder.id.0, folder.former)).collect()
}

fn names(listing: &Listing, folder: u32) -> BTreeSet<&str> {
    let there = listing.entries.iter().filter(|entry| entry.folder == FolderId(folder));
    there.map(|entry| entry.name.to_str().unwrap()).collect()
}

fn content(disk: &mut SourceDisk, folder: u32, name: &str) -> String {
    let file = disk.open(FolderId(folder), OsStr::new(name)).unwrap();
    let mut bytes = vec![0; 64];
    let n = file.read_at(0, &mut bytes).unwrap();
    String::from_utf8(bytes[..n].to_vec()).unwrap()
}

fn refusal(listing: &Listing, name: &str) -> Option<Refusal> {
    listing.entries.iter().find(|entry| entry.name == name).unwrap().refusal
}

fn why(disk: &SourceDisk) -> Option<String> {
    disk.state().trouble().map(|trouble| trouble.why)
}

#[test]
fn a_directorys_link_that_is_pointed_elsewhere_is_followed_and_the_old_one_kept() {
    let dir = tempdir().unwrap();
    let link = dir.path().join("logs");
    symlink(logs(dir.path(), "one"), &link).unwrap();
    for path in [link.join("audit.log"), link.clone()] {
        point(&link, &dir.path().join("one"));
        let mut disk = disk(&path);
        assert_eq!(folders(&disk.list().unwrap()), [(0, false)]);
        let two = dir.path().join("two");
        if !two.exists() {
            logs(dir.path(), "two");
        }
        point(&link, &two);
        assert_eq!(folders(&disk.list().unwrap()), [(0, true), (1, false)]);
        assert_eq!(content(&mut disk, 0, "audit.log"), "one");
        assert_eq!(content(&mut disk, 1, "audit.log"), "two");
        // Back again: no third one, and both are what they were.
        point(&link, &dir.path().join("one"));
        assert_eq!(folders(&disk.list().unwrap()), [(0, false), (1, true)]);
        disk.leave(FolderId(0));
        disk.leave(FolderId(1));
        let listing = disk.list().unwrap();
        assert_eq!(folders(&listing), [(0, false)], "only a former one can be left");
        assert!(disk.open(FolderId(1), OsStr::new("audit.log")).is_err());
        assert_eq!(why(&disk), None);
    }
}

/// With few descriptors, most of what a directory holds isn't opened yet when the path comes to
/// lead elsewhere.
#[test]
fn a_former_directory_is_read_to_its_end_and_left() {
    let dir = tempdir().unwrap();
    let (link, one) = (dir.path().join("logs"), logs(dir.path(), "one"));
    let two = logs(dir.path(), "two");
    for n in 0..9 {
        let name = format!("audit-2026-01-02T15-04-0{n}.000.log");
        fs::write(one.join(name), format!("backup {n}\n")).unwrap();
    }
    fs::write(one.join("audit.log"), "last\nhalf").unwrap();
    fs::write(two.join("audit.log"), "new\n").unwrap();
    symlink(&one, &link).unwrap();
    let mut settings = Settings::default();
    settings.limits.open = 2;
    let mut follower =
        Follower::new(family("audit.log"), disk(&link), History::default(), settings);
    let (mut taken, mut now) = (BTreeMap::new(), 0);
    let mut settle = |follower: &mut Follower<SourceDisk>, now: u64| {
        for _ in 0..100 {
            let look = follower.look(now, 1 << 20);
            assert!(look.gaps.is_empty() && look.problems.is_empty(), "{look:?}");
            for take in &look.takes {
                let mut bytes = vec![0; (take.end - take.start) as usize];
                assert_eq!(take.content.read_at(take.start, &mut bytes).unwrap(), bytes.len());
                let text: &mut String = taken.entry(take.file).or_default();
                text.push_str(std::str::from_utf8(&bytes).unwrap());
                follower.committed(&take.file, take.end);
            }
            if !look.more && look.left != Left::Sealing {
                return taken.values().cloned().collect::<BTreeSet<_>>();
            }
        }
        panic!("it always wants another look");
    };
    follower.look(now, 0);
    point(&link, &two);
    now += 20_000;
    let mut expected: BTreeSet<_> = (0..9).map(|n| format!("backup {n}\n")).collect();
    expected.extend(["last\n", "new\n"].map(String::from));
    assert_eq!(settle(&mut follower, now), expected);
    // Its live file may be written to, until it has been quiet for as long as any deleted one.
    now += 140_000;
    settle(&mut follower, now);
    now += 140_000;
    expected.remove("last\n");
    expected.insert("last\nhalf".to_owned());
    assert_eq!(settle(&mut follower, now), expected);
    assert_eq!(follower.backlog().open, 1, "the live file's");
    assert_eq!(follower.cursors().len(), 1, "and nothing else is waited for");
}

/// At a start such a directory is refused; what comes later must not be passed over in silence.
#[test]
fn a_second_log_that_comes_into_a_directory_is_told() {
    let dir = tempdir().unwrap();
    let one = logs(dir.path(), "one");
    let (mut whole, mut file) = (disk(&one), disk(&one.join("audit.log")));
    let others = |disk: &mut SourceDisk| {
        disk.list().unwrap();
        disk.state().others().names
    };
    assert!(others(&mut whole).is_empty());
    fs::write(one.join(BACKUP), "backup\n").unwrap();
    fs::write(one.join("audit.log.bak"), "told as related\n").unwrap();
    fs::write(one.join("policy.yaml"), "rules: []\n").unwrap();
    assert!(others(&mut whole).is_empty());
    fs::write(one.join("apiserver-audit-2026-01-02T15-04-05.000.log"), "other\n").unwrap();
    fs::write(one.join("apiserver-audit.log"), "other\n").unwrap();
    assert_eq!(others(&mut whole), ["apiserver-audit.log"]);
    assert_eq!(why(&whole), None, "the one that was meant is read on");
    assert!(others(&mut file).is_empty(), "a file was named: others are none of its business");
    fs::remove_file(one.join("apiserver-audit.log")).unwrap();
    assert_eq!(others(&mut whole), ["apiserver-audit-2026-01-02T15-04-05.000.log"]);
    // Led to another directory, it is that one's.
    fs::rename(&one, dir.path().join("former")).unwrap();
    logs(dir.path(), "one");
    assert!(others(&mut whole).is_empty());
}

#[test]
fn a_directory_that_is_renamed_and_made_anew_is_another_one() {
    let dir = tempdir().unwrap();
    let path = logs(dir.path(), "logs");
    let mut disk = disk(&path.join("audit.log"));
    disk.list().unwrap();
    fs::rename(&path, dir.path().join("old")).unwrap();
    let listing = disk.list().unwrap();
    assert_eq!(folders(&listing), [(0, true)], "what it led to is still there");
    assert!(why(&disk).unwrap().starts_with("No such file"), "{:?}", why(&disk));
    let since = disk.state().trouble().unwrap().since;
    disk.list().unwrap();
    assert_eq!(disk.state().trouble().unwrap().since, since, "as of the first time");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("audit.log"), "new").unwrap();
    fs::write(dir.path().join("old").join(BACKUP), "late").unwrap();
    let listing = disk.list().unwrap();
    assert_eq!((folders(&listing), why(&disk)), (vec![(0, true), (1, false)], None));
    assert_eq!(names(&listing, 0), BTreeSet::from(["audit.log", BACKUP]));
    assert_eq!(content(&mut disk, 0, BACKUP), "late");
    assert_eq!(content(&mut disk, 1, "audit.log"), "new");
    // Deleted, it holds nothing, and prevents nothing.
    fs::remove_dir_all(dir.path().join("old")).unwrap();
    let listing = disk.list().unwrap();
    assert_eq!((names(&listing, 0).len(), names(&listing, 1).len()), (0, 1));
}

#[test]
fn a_path_that_means_nothing_comes_back() {
    let dir = tempdir().unwrap();
    let path = logs(dir.path(), "logs");
    let mut disk = disk(&path.join("audit.log"));
    disk.list().unwrap();
    let away = dir.path().join("away");
    let nowhere: [(&str, &dyn Fn()); 4] = [
        ("a plain file", &|| fs::write(&path, "x").unwrap()),
        ("dangling", &|| symlink("not/there", &path).unwrap()),
        ("a loop", &|| symlink(&path, &path).unwrap()),
        ("nothing", &|| {}),
    ];
    for (what, make) in nowhere {
        fs::rename(&path, &away).unwrap();
        make();
        assert_eq!(folders(&disk.list().unwrap()), [(0, true)], "{what}");
        assert!(why(&disk).is_some(), "{what}");
        assert_eq!(content(&mut disk, 0, "audit.log"), "logs", "{what}");
        fs::remove_file(&path).ok();
        fs::rename(&away, &path).unwrap();
        assert_eq!(folders(&disk.list().unwrap()), [(0, false)], "{what}");
        assert_eq!(why(&disk), None, "{what}");
    }
}

#[test]
fn a_live_file_that_is_a_link_has_two_directories() {
    let dir = tempdir().unwrap();
    let (here, there) = (dir.path().join("here"), dir.path().join("there"));
    fs::create_dir(&here).unwrap();
    fs::create_dir(&there).unwrap();
    fs::write(here.join(BACKUP), "old").unwrap();
    let path = here.join("audit.log");
    symlink("../there/kube.log", &path).unwrap();
    // The directory is there and the file isn't yet: as without a link, it is waited for.
    let mut disk = disk(&path);
    assert_eq!(folders(&disk.list().unwrap()), [(0, false), (1, false)]);
    assert_eq!(why(&disk), None);
    fs::write(there.join("kube.log"), "live").unwrap();
    fs::write(there.join("kube-2026-01-02T15-04-05.000.log"), "rotated").unwrap();
    let listing = disk.list().unwrap();
    assert_eq!(names(&listing, 0), BTreeSet::from([BACKUP]), "the link itself is no file of ours");
    assert_eq!(
        listing.folders.iter().map(|folder| folder.family.live()).collect::<Vec<_>>(),
        ["audit.log", "kube.log"]
    );
    assert_eq!(content(&mut disk, 0, BACKUP), "old");
    assert_eq!(content(&mut disk, 1, "kube.log"), "live");
    // Somewhere else, nowhere, and no link any more.
    let other = logs(dir.path(), "other");
    point(&path, &other.join("audit.log"));
    assert_eq!(folders(&disk.list().unwrap()), [(0, false), (1, true), (2, false)]);
    point(&path, Path::new("/not/there/audit.log"));
    assert_eq!(folders(&disk.list().unwrap()), [(0, false), (1, true), (2, true)]);
    assert!(why(&disk).unwrap().starts_with("audit.log leads to /not/there/audit.log: No such"));
    fs::remove_file(&path).unwrap();
    fs::write(&path, "plain").unwrap();
    let listing = disk.list().unwrap();
    assert_eq!((folders(&listing), why(&disk)), (vec![(0, false), (1, true), (2, true)], None));
    assert_eq!(content(&mut disk, 0, "audit.log"), "plain");
    // A link to the file of the day, in the same directory: one directory, one family.
    fs::remove_file(&path).unwrap();
    symlink(BACKUP, &path).unwrap();
    let listing = disk.list().unwrap();
    assert_eq!(folders(&listing)[0], (0, false));
    assert_eq!(names(&listing, 0), BTreeSet::from([BACKUP]));
}

#[test]
fn links_are_followed_up_to_a_limit() {
    let limits = Limits { links: 3, ..Limits::default() };
    for (links, found) in [(2, true), (3, true), (4, false), (30, false)] {
        let dir = tempdir().unwrap();
        fs::write(dir.path().join("0.log"), "x").unwrap();
        for n in 0..links {
            symlink(format!("{n}.log"), dir.path().join(format!("{}.log", n + 1))).unwrap();
        }
        let mut disk = disk(&dir.path().join(format!("{links}.log"))).with_limits(limits);
        let listing = disk.list().unwrap();
        assert_eq!(why(&disk).is_none(), found, "{links}");
        assert_eq!(listing.folders.last().unwrap().family == family("0.log"), found, "{links}");
    }
    let dir = tempdir().unwrap();
    symlink("audit.log", dir.path().join("audit.log")).unwrap();
    fs::write(dir.path().join(BACKUP), "x").unwrap();
    let mut disk = disk(&dir.path().join("audit.log"));
    assert_eq!(names(&disk.list().unwrap(), 0), BTreeSet::from([BACKUP]));
    assert!(why(&disk).unwrap().contains("Too many levels"), "{:?}", why(&disk));
}

#[test]
fn eighty_directories_in_a_row_are_all_read() {
    let dir = tempdir().unwrap();
    let link = dir.path().join("logs");
    for limit in [1, 8] {
        for (turns, fits) in [(limit - 1, true), (limit, true), (limit + 1, false), (80, false)] {
            let targets: Vec<TempDir> = (0..=turns).map(|_| tempdir().unwrap()).collect();
            let write = |n: usize| fs::write(targets[n].path().join("audit.log"), n.to_string());
            (0..=turns).for_each(|n| write(n).unwrap());
            point(&link, targets[0].path());
            let limits = Limits { former_folders: limit, ..Limits::default() };
            let mut disk = disk(&link).with_limits(limits);
            for target in &targets {
                point(&link, target.path());
                let listing = disk.list().unwrap();
                let former = listing.folders.iter().filter(|folder| folder.former).count();
                assert!(former <= limit && listing.folders.len() - former == 1);
            }
            assert_eq!(why(&disk).is_none(), fits, "{turns} of {limit}: {:?}", why(&disk));
            assert_eq!(disk.leads_beyond(), !fits);
            // The first ones were kept, not given up for the last; as they are read, it is followed.
            let mut read = BTreeSet::new();
            for _ in 0..=turns {
                for folder in disk.list().unwrap().folders {
                    read.insert(content(&mut disk, folder.id.0, "audit.log"));
                    disk.leave(folder.id);
                }
            }
            assert_eq!((disk.list().unwrap().folders.len(), why(&disk)), (1, None));
            assert!(!disk.leads_beyond());
            assert_eq!(read.len(), turns.min(limit) + 1 + usize::from(!fits));
            assert!(read.contains(&turns.to_string()), "the newest is reached: {read:?}");
        }
    }
}

#[test]
fn a_named_directory_may_come_to_hold_another_log() {
    let dir = tempdir().unwrap();
    let path = logs(dir.path(), "logs");
    let mut disk = disk(&path);
    disk.list().unwrap();
    let live = |disk: &mut SourceDisk| {
        let listing = disk.list().unwrap();
        listing.folders.last().unwrap().family.live().into_string().unwrap()
    };
    let replace = |names: &[&str]| {
        let away = tempfile::Builder::new().tempdir_in(dir.path()).unwrap().keep();
        fs::rename(&path, away.join("logs")).unwrap();
        fs::create_dir(&path).unwrap();
        names.iter().for_each(|name| fs::write(path.join(name), "x").unwrap());
    };
    replace(&[BACKUP, "kube.log"]);
    assert_eq!(live(&mut disk), "audit.log", "a backup of the first log is there");
    replace(&["kube.log"]);
    assert_eq!(live(&mut disk), "kube.log");
    replace(&["a.log", "b.log"]);
    assert_eq!(live(&mut disk), "audit.log");
    assert_eq!(why(&disk).unwrap(), "directory holds several logs: a.log b.log");
    replace(&[]);
    assert_eq!((live(&mut disk).as_str(), why(&disk)), ("audit.log", None));
    let before = disk.list().unwrap().folders.last().unwrap().id;
    // Made anew while it is empty: the number stands for a family once it was told.
    fs::write(path.join("kube.log"), "x").unwrap();
    assert_eq!(live(&mut disk), "kube.log");
    let listing = disk.list().unwrap();
    assert!(listing.folders.iter().any(|folder| folder.id == before && folder.former));
    assert!(listing.folders.last().unwrap().id > before);
    let entry = listing.entries.iter().rfind(|entry| entry.name == "kube.log").unwrap();
    assert_eq!(entry.folder, listing.folders.last().unwrap().id);
}

#[test]
fn odd_entries_are_refused_one_by_one_and_end_nothing() {
    let dir = tempdir().unwrap();
    let secret = dir.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    let path = logs(dir.path(), "logs");
    let backup = |n: u32| format!("audit-2026-01-02T15-04-0{n}.000.log");
    let at = |n: u32| path.join(backup(n));
    fs::write(at(0), "fine").unwrap();
    mknodat(CWD, at(1), FileType::Fifo, Mode::from(0o600), 0).unwrap();
    let _socket = UnixListener::bind(at(2)).unwrap();
    fs::create_dir(at(3)).unwrap();
    symlink(&secret, at(4)).unwrap();
    symlink(at(5), at(5)).unwrap();
    symlink("/proc/self/mem", at(6)).unwrap();
    symlink("audit.log", at(7)).unwrap();
    let mut expected = vec![
        (0, None),
        (1, Some(Refusal::Special("FIFO"))),
        (2, Some(Refusal::Special("socket"))),
        (3, Some(Refusal::Directory)),
        (4, Some(Refusal::Link)),
        (5, Some(Refusal::Link)),
        (6, Some(Refusal::Link)),
        (7, Some(Refusal::Link)),
    ];
    match mknodat(CWD, at(8), FileType::CharacterDevice, Mode::from(0o600), (1 << 8) | 5) {
        Ok(()) => expected.push((8, Some(Refusal::Special("device")))),
        Err(error) => println!("no device was tried: {error}"),
    }
    let odd = OsString::from("\u{1b}[2J\n\u{202e}");
    fs::write(path.join(&odd), "x").unwrap();
    let begin = Instant::now();
    let mut disk = disk(&path.join("audit.log"));
    let listing = disk.list().unwrap();
    for (n, refused) in expected {
        assert_eq!(refusal(&listing, &backup(n)), refused, "{n}");
        let opened = disk.open(FolderId(0), OsStr::new(&backup(n)));
        assert_eq!(opened.is_ok(), refused.is_none(), "{n}");
    }
    assert_eq!(listing.entries.iter().find(|entry| entry.name == odd).unwrap().refusal, None);
    for name in ["..", ".", "", "../secret", "/etc/passwd", "x/../audit.log"] {
        assert!(disk.open(FolderId(0), OsStr::new(name)).is_err(), "{name}");
    }
    assert!(begin.elapsed() < Duration::from_secs(20), "nothing is waited for");
    // The same in the live file's own place.
    fs::remove_file(path.join("audit.log")).unwrap();
    for n in [1, 2, 3] {
        fs::rename(at(n), path.join("audit.log")).unwrap();
        assert!(refusal(&disk.list().unwrap(), "audit.log").is_some());
        assert!(disk.open(FolderId(0), OsStr::new("audit.log")).is_err());
        fs::rename(path.join("audit.log"), at(n)).unwrap();
    }
}

#[test]
fn a_file_that_takes_a_name_between_listing_and_opening_is_judged_again() {
    let dir = tempdir().unwrap();
    let path = logs(dir.path(), "logs");
    let mut disk = disk(&path.join("audit.log"));
    assert_eq!(refusal(&disk.list().unwrap(), "audit.log"), None);
    fs::write(dir.path().join("secret"), "x").unwrap();
    fs::remove_file(path.join("audit.log")).unwrap();
    symlink("../secret", path.join("audit.log")).unwrap();
    assert!(disk.open(FolderId(0), OsStr::new("audit.log")).is_err());
}

/// Changing owners takes root.
#[allow(clippy::print_stdout, reason = "what isn't tried is said")]
fn root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("not root: nothing of owners was tried");
    }
    root
}

#[test]
fn who_may_not_read_a_file_gets_it_archived_by_no_link() {
    if !root() {
        return;
    }
    const KUBE: u32 = 1001;
    const STRANGER: u32 = 1002;
    let backup = |n: u32| format!("audit-2026-01-02T15-04-0{n}.000.log");
    // Owner and rights of the directory; then of which owner's files a second name is accepted.
    for (owner, mode, accepted) in [
        (0, 0o755, vec![0, KUBE]),
        (KUBE, 0o750, vec![KUBE]),
        // Others may put names here, and of files that they may not read.
        (0, 0o1777, vec![]),
        (0, 0o775, vec![]),
        (KUBE, 0o770, vec![]),
    ] {
        let dir = tempdir().unwrap();
        let path = logs(dir.path(), "logs");
        chown(path.join("audit.log"), Some(KUBE), None).unwrap();
        for (n, uid) in [0, KUBE, STRANGER].into_iter().enumerate() {
            let n = 2 * n as u32;
            for n in [n, n + 1] {
                fs::write(path.join(backup(n)), "x").unwrap();
                chown(path.join(backup(n)), Some(uid), None).unwrap();
            }
            fs::hard_link(path.join(backup(n + 1)), dir.path().join(n.to_string())).unwrap();
        }
        chown(&path, Some(owner), None).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let live = path.join("audit.log");
        for accept in [None, Some(STRANGER)] {
            let owners = accept.map_or_else(Owners::default, |uid| Owners::from([uid]));
            let mut disk = SourceDisk::new(LogPath::find(&live, owners).unwrap());
            let listing = disk.list().unwrap();
            for (n, uid) in [0, KUBE, STRANGER].into_iter().enumerate() {
                let (one, two) = (backup(2 * n as u32), backup(2 * n as u32 + 1));
                let what = format!("file of {uid} in a directory of {owner}, {mode:o}");
                assert_eq!(refusal(&listing, &one), None, "{what}");
                let fine = accepted.contains(&uid) || accept == Some(uid);
                let refused = (!fine).then_some(Refusal::Names { count: 2, owner: uid });
                assert_eq!(refusal(&listing, &two), refused, "{what}");
                let opened = disk.open(FolderId(0), OsStr::new(&two));
                assert_eq!(opened.is_ok(), fine, "{what}");
            }
        }
    }
}

#[test]
fn only_who_has_a_say_in_the_path_may_put_a_link_in_the_live_files_place() {
    if !root() {
        return;
    }
    let dir = tempdir().unwrap();
    let path = dir.path().join("audit.log");
    let target = logs(dir.path(), "secret");
    symlink(target.join("audit.log"), &path).unwrap();
    fs::write(dir.path().join(BACKUP), "x").unwrap();
    lchown(&path, Some(1002), None).unwrap();
    let mut disk = disk(&path);
    let listing = disk.list().unwrap();
    assert_eq!(folders(&listing), [(0, false)]);
    assert_eq!(refusal(&listing, BACKUP), None);
    assert_eq!(refusal(&listing, "audit.log"), Some(Refusal::Owner(1002)));
    assert!(disk.open(FolderId(0), OsStr::new("audit.log")).is_err());
    let accepting = LogPath::find(&path, Owners::from([1002])).unwrap();
    assert_eq!(SourceDisk::new(accepting).list().unwrap().folders.len(), 2);
    // A second name for a link of root's, where others may give names.
    lchown(&path, Some(0), None).unwrap();
    assert_eq!(disk.list().unwrap().folders.len(), 2);
    fs::hard_link(&path, dir.path().join("second")).unwrap();
    assert_eq!(folders(&disk.list().unwrap()), [(0, false), (1, false)]);
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    let listing = disk.list().unwrap();
    assert_eq!(folders(&listing), [(0, false), (1, true)]);
    let live = listing.entries.iter().find(|e| e.name == "audit.log" && e.folder.0 == 0).unwrap();
    assert_eq!(live.refusal, Some(Refusal::Names { count: 2, owner: 0 }));
}

#[test]
fn one_source_does_not_come_to_read_anothers_files() {
    let dir = tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| logs(dir.path(), name));
    let [a, b] = ["a", "b"].map(|name| dir.path().join(name));
    point(&a, &one);
    point(&b, &two);
    let claims = Claims::default();
    let mut first = disk(&a).with_claims(claims.clone(), "first");
    let mut second = disk(&b.join("audit.log")).with_claims(claims.clone(), "second");
    first.list().unwrap();
    second.list().unwrap();
    point(&b, &one);
    assert_eq!(folders(&second.list().unwrap()), [(0, true)]);
    let trouble = second.state().trouble().unwrap();
    assert_eq!(trouble.taken.as_deref(), Some("first"));
    assert_eq!(trouble.why, "it leads to the files of source first");
    // The two change places: each gets the other's.
    point(&a, &two);
    assert_eq!(folders(&first.list().unwrap()), [(0, true), (1, false)]);
    assert_eq!(folders(&second.list().unwrap()), [(0, true), (1, false)]);
    assert_eq!((why(&first), why(&second)), (None, None));
    // A source that begins again doesn't stand in its own way, nor does one that ended.
    let mut again = disk(&a).with_claims(claims.clone(), "first");
    assert_eq!(folders(&again.list().unwrap()), [(0, false)]);
    drop((first, again));
    let mut third = disk(&a).with_claims(claims, "third");
    assert_eq!(folders(&third.list().unwrap()), [(0, false)]);
}

#[test]
fn a_path_is_found_or_it_is_said_why_not() {
    let find = |path: &Path| LogPath::find(path, Owners::default());
    let dir = tempdir().unwrap();
    assert!(matches!(find(dir.path()), Err(FindError::Empty)));
    fs::write(dir.path().join(BACKUP), "x").unwrap();
    assert_eq!(find(dir.path()).unwrap().family().live(), "audit.log");
    let rotated = find(&dir.path().join(BACKUP)).unwrap_err();
    assert!(matches!(rotated, FindError::Family(FamilyError::Rotated { .. })));
    fs::write(dir.path().join("b\u{1b}[2J\n\u{202e}.log"), "x").unwrap();
    let several = find(dir.path()).unwrap_err().to_string();
    let shown = r"directory holds several logs: audit.log b\u{1b}[2J\n\u{202e}.log";
    assert_eq!(several, shown, "a name is never printed as it is");
    let gone = disk(&dir.path().join("not/there.log")).list().unwrap();
    assert!(gone.folders.is_empty());
}

#[test]
fn the_watch_goes_where_the_path_leads() {
    let dir = tempdir().unwrap();
    let link = dir.path().join("logs");
    point(&link, &logs(dir.path(), "one"));
    let two = logs(dir.path(), "two");
    let mut watcher =
        Watcher::new(LogPath::find(&link.join("audit.log"), Owners::default()).unwrap());
    let reports = watcher.reports();
    if !watcher.armed() {
        println!("nothing is reported here: {:?}", watcher.blind());
        return;
    }
    assert!(reports.take().lost);
    fs::File::options().append(true).open(two.join("audit.log")).unwrap().write_all(b"x").unwrap();
    let calm = reports.take();
    assert!(!calm.lost && !calm.changed, "elsewhere: {calm:?}");
    // Whoever asks learns at once; who waits, within a second.
    let mut follow = || {
        let begin = Instant::now();
        while watcher.wait(Duration::from_secs(10)) != auditseal_tail::Wake::Lost {
            assert!(begin.elapsed() < Duration::from_secs(20), "never noticed");
        }
    };
    point(&link, &two);
    follow();
    // There and back before anybody asks: what happened meanwhile isn't known.
    point(&link, &dir.path().join("one"));
    follow();
    point(&link, &two);
    follow();
    assert!(reports.take().lost);
    fs::write(two.join(BACKUP), "x").unwrap();
    let told = reports.take();
    assert_eq!(
        (told.events.as_slice(), told.lost),
        (&[Notice::Appeared(BACKUP.into())][..], false)
    );
    point(&link, &dir.path().join("one"));
    let told = reports.take();
    assert!(told.lost && told.changed, "{told:?}");
    // Taken elsewhere and brought back; a write is told by nothing.
    fs::rename(dir.path().join("one/audit.log"), dir.path().join("away.log")).unwrap();
    let told = reports.take();
    assert!(told.changed && !told.lost, "{told:?}");
    assert_eq!(told.events, [Notice::Removed("audit.log".into())]);
    fs::rename(dir.path().join("away.log"), dir.path().join("one/audit.log")).unwrap();
    let told = reports.take();
    assert!(told.changed && !told.lost, "{told:?}");
    assert_eq!(told.events, [Notice::Appeared("audit.log".into())]);
    fs::File::options()
        .append(true)
        .open(dir.path().join("one/audit.log"))
        .unwrap()
        .write_all(b"x")
        .unwrap();
    assert!(!reports.take().changed);
    let mut text = String::new();
    fs::File::open(link.join("audit.log")).unwrap().read_to_string(&mut text).unwrap();
    assert!(text.ends_with('x') && !reports.take().changed, "nor by reading");
}

#[test]
fn reports_beyond_the_limit_are_told_to_be_missing() {
    const LIMIT: usize = 10;
    for files in [LIMIT - 1, LIMIT, LIMIT + 1, 10 * LIMIT] {
        let dir = tempdir().unwrap();
        let limits = Limits { notices: LIMIT, ..Limits::default() };
        let path = LogPath::directory(dir.path(), family("audit.log"));
        let watcher = Watcher::with_limits(path, limits);
        if !watcher.armed() {
            println!("nothing is reported here: {:?}", watcher.blind());
            return;
        }
        assert!(watcher.reports().take().lost);
        for n in 0..files {
            fs::create_dir(dir.path().join(n.to_string())).unwrap();
        }
        let told = watcher.reports().take();
        assert_eq!((told.events.len(), told.lost), (files.min(LIMIT), files > LIMIT), "{files}");
        assert!(!watcher.reports().take().lost, "that was all");
    }
}

#[test]
fn the_end_of_a_hole_is_found_at_once() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("audit.log");
    let file = fs::File::create(&path).unwrap();
    // ext4 has room for files of 16 TiB, tmpfs for more.
    const SIZE: u64 = 4 << 40;
    file.set_len(SIZE).unwrap();
    let mut disk = disk(&path);
    let begin = Instant::now();
    let hole = disk.open(FolderId(0), OsStr::new("audit.log"));
    assert!(hole.is_err(), "nothing was listed yet");
    disk.list().unwrap();
    let hole = disk.open(FolderId(0), OsStr::new("audit.log")).unwrap();
    assert_eq!(hole.data_after(0).unwrap(), SIZE);
    assert_eq!(hole.data_after(SIZE).unwrap(), SIZE);
    let at = SIZE / 2 + 4096;
    std::os::unix::fs::FileExt::write_all_at(&file, b"line\n", at).unwrap();
    let data = hole.data_after(5).unwrap();
    assert!(data <= at && at - data < 1 << 20, "{data}");
    assert_eq!(hole.data_after(at + 1).unwrap(), at + 1);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

/// Somebody who may write beside the log makes a directory of its name and puts a log into it: that
/// isn't what the operator means.
#[test]
fn a_directory_in_the_live_files_place_is_none() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("audit.log");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("x.log"), "x\n").unwrap();
    assert!(LogPath::find(&path, Owners::default()).is_ok(), "nothing says what it was before");
    fs::write(dir.path().join("audit.log.1"), "one\n").unwrap();
    let error = LogPath::find(&path, Owners::default()).unwrap_err();
    assert!(matches!(error, FindError::InTheWay), "{error}");
}
