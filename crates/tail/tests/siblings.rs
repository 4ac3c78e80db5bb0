//! Backlogs under all names that rotation gives, in all codecs, on a real disk.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use auditseal_tail::fs::{LogPath, OpenFile, SourceDisk};
use auditseal_tail::{
    Codec, Family, FileId, Follower, GapReason, History, Mode, ReadError, Settings, Take,
};

fn pack(codec: Codec, text: &[u8]) -> Vec<u8> {
    match codec {
        Codec::Gzip => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(text).unwrap();
            out.finish().unwrap()
        }
        Codec::Zstd => {
            let mut out = zstd::Encoder::new(Vec::new(), 1).unwrap();
            out.include_checksum(true).unwrap();
            out.write_all(text).unwrap();
            out.finish().unwrap()
        }
        Codec::Xz => {
            let mut out = liblzma::write::XzEncoder::new(Vec::new(), 0);
            out.write_all(text).unwrap();
            out.finish().unwrap()
        }
        Codec::Bzip2 => {
            let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            out.write_all(text).unwrap();
            out.finish().unwrap()
        }
    }
}

fn lines(name: &str, count: usize) -> Vec<u8> {
    let line = |n| format!("{{\"file\":\"{name}\",\"line\":{n},\"and\":{}}}\n", n * 7919 % 10_007);
    (0..count).flat_map(|n| line(n).into_bytes()).collect()
}

struct Desk {
    directory: tempfile::TempDir,
    follower: Follower<SourceDisk>,
    /// What was taken of each file, in the order in which they were begun.
    files: Vec<(FileId, Vec<u8>)>,
    gaps: Vec<(String, GapReason)>,
    /// Bytes behind compressed files that are no part of them: the stored offset.
    ignored: Vec<(String, u64)>,
}

impl Desk {
    fn new(mode: Mode) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let family = Family::of(OsStr::new("audit.log")).unwrap();
        let disk = SourceDisk::new(LogPath::directory(directory.path(), family.clone()));
        let settings = Settings { mode, ..Settings::default() };
        let follower = Follower::new(family, disk, History::default(), settings);
        let (files, gaps, ignored) = (Vec::new(), Vec::new(), Vec::new());
        Self { directory, follower, files, gaps, ignored }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// Compresses as logrotate does: beside it, then the plain one goes.
    fn pack(&self, name: &str, codec: Codec) {
        let plain = self.path(name);
        self.write(&format!("{name}{}", codec.suffix()), &pack(codec, &fs::read(&plain).unwrap()));
        fs::remove_file(plain).unwrap();
    }

    fn taken(&self) -> Vec<u8> {
        self.files.iter().flat_map(|(_, bytes)| bytes).copied().collect()
    }

    /// Looks, at most `limit` bytes a time, until nothing is left to do.
    fn settle(&mut self, now: u64, limit: u64) {
        loop {
            let look = self.follower.look(now, limit);
            assert!(look.problems.is_empty(), "{:?}", look.problems);
            for take in &look.takes {
                let known = self.files.iter().position(|(file, _)| *file == take.file);
                let place = known.unwrap_or_else(|| {
                    assert_eq!(take.before, None, "begun in their order");
                    self.files.push((take.file, Vec::new()));
                    self.files.len() - 1
                });
                assert_eq!(self.files[place].1.len() as u64, take.start);
                self.files[place].1.extend(read(take));
                self.follower.committed(&take.file, take.end);
            }
            let gaps = look.gaps.iter();
            self.gaps.extend(gaps.map(|gap| (gap.name.display().to_string(), gap.reason)));
            let ignored = look.ignored.iter();
            self.ignored.extend(ignored.map(|(name, at)| (name.display().to_string(), *at)));
            if !look.more {
                return;
            }
        }
    }
}

fn read(take: &Take<OpenFile>) -> Vec<u8> {
    let mut bytes = vec![0; (take.end - take.start) as usize];
    let mut filled = 0;
    while filled < bytes.len() {
        match take.content.read_at(take.start + filled as u64, &mut bytes[filled..]) {
            Ok(read) if read > 0 => filled += read,
            other => panic!("{other:?}"),
        }
    }
    assert!(take.holds().unwrap());
    bytes
}

/// Every kind of name, oldest first, and how its file is compressed.
const BACKLOG: [(&str, Option<Codec>); 28] = [
    ("audit.log.123456", None),
    ("audit.log.2026.gz", Some(Codec::Gzip)),
    ("audit.log.1001.xz", Some(Codec::Xz)),
    ("audit.log.1000.zst", Some(Codec::Zstd)),
    ("audit.log.999.bz2", Some(Codec::Bzip2)),
    ("audit.log.12.gz", Some(Codec::Gzip)),
    ("audit.9.log.xz", Some(Codec::Xz)),
    ("audit.log.1", None),
    ("audit.log-20260101", None),
    ("audit.log-2026010113.gz", Some(Codec::Gzip)),
    ("audit.log-20260101-134501.zst", Some(Codec::Zstd)),
    ("audit-20260102.log.xz", Some(Codec::Xz)),
    ("audit-20260102-134501.log.bz2", Some(Codec::Bzip2)),
    ("audit.log-20260103.2.gz", Some(Codec::Gzip)),
    ("audit.log-20260103.1.zst", Some(Codec::Zstd)),
    ("audit.log-20260103", None),
    ("audit.log-2026-01-04.zst", Some(Codec::Zstd)),
    ("audit.log.20260105.gz", Some(Codec::Gzip)),
    ("audit-2026-01-06T15-04-05.000.log.2.xz", Some(Codec::Xz)),
    ("audit-2026-01-06T15-04-05.001.log.1.gz", Some(Codec::Gzip)),
    ("audit-2026-01-06T15-04-05.002.log.gz.1", Some(Codec::Gzip)),
    ("audit-2026-01-06T15-04-05.003.log-20260107.zst", Some(Codec::Zstd)),
    ("audit-2026-01-06T15-04-05.004.log.1", None),
    ("audit-2026-01-06T15-04-05.005.log.bz2", Some(Codec::Bzip2)),
    ("audit-2026-01-06T15-04-05.006.log.gz", Some(Codec::Gzip)),
    ("audit-2026-01-06T15-04-05.007.log", None),
    ("audit.log-1767800000.xz", Some(Codec::Xz)),
    ("audit.log", None),
];

#[test]
fn a_backlog_of_all_names_and_codecs_comes_out_in_order() {
    for (limit, count) in [(1 << 20, 40), (1 << 20, 2000), (3000, 100)] {
        let mut desk = Desk::new(Mode::Drain);
        let mut expected = Vec::new();
        // Not in the order of their ages.
        for (at, (name, codec)) in BACKLOG.iter().enumerate().rev() {
            // Some are longer than what is taken at once.
            let text = lines(name, if at % 6 == 3 { 10 * count } else { count });
            // Cut in two members anywhere, also in a line.
            let (first, second) = text.split_at(text.len() * 2 / 3);
            let stored = codec.map(|codec| [pack(codec, first), pack(codec, second)].concat());
            desk.write(name, stored.as_deref().unwrap_or(&text));
            expected.splice(0..0, text);
        }
        desk.settle(0, limit);
        assert_eq!(desk.gaps, []);
        assert!(desk.taken() == expected, "{} of {} bytes", desk.taken().len(), expected.len());
    }
}

#[test]
fn a_line_longer_than_what_is_taken_at_once_is_taken_whole() {
    for codec in Codec::ALL {
        let mut desk = Desk::new(Mode::Drain);
        let long = [b"first\n".as_slice(), &vec![b'x'; 3 << 20], b"\nlast\n"].concat();
        desk.write(&format!("audit.log.1{}", codec.suffix()), &pack(codec, &long));
        desk.settle(0, 1 << 20);
        assert!(desk.taken() == long && desk.gaps.is_empty(), "{codec:?}");
    }
}

/// Somebody's logrotate rotates and compresses what lumberjack rotated, while it is followed.
#[test]
fn backups_that_are_rotated_again_are_taken_once() {
    for codec in Codec::ALL {
        let mut desk = Desk::new(Mode::Follow);
        let stamped = "audit-2026-01-02T15-04-05.000.log";
        let (one, two) = (lines("one", 50), lines("two", 50));
        desk.write("audit.log", &one);
        desk.settle(0, 1000);
        desk.rename("audit.log", stamped);
        desk.write("audit.log", &two);
        desk.settle(1000, 1 << 20);
        let mut now = 1000;
        let mut pause = |desk: &mut Desk| {
            now += 200_000;
            desk.settle(now, 1 << 20);
        };
        pause(&mut desk);
        desk.rename(stamped, &format!("{stamped}.1"));
        pause(&mut desk);
        desk.pack(&format!("{stamped}.1"), codec);
        pause(&mut desk);
        let end = codec.suffix();
        desk.rename(&format!("{stamped}.1{end}"), &format!("{stamped}.2{end}"));
        pause(&mut desk);
        desk.rename("audit.log", "audit.log-20260103");
        desk.write("audit.log", b"three\n");
        pause(&mut desk);
        desk.pack("audit.log-20260103", codec);
        pause(&mut desk);
        assert_eq!(desk.gaps, [], "{codec:?}");
        let expected = [one.as_slice(), &two, b"three\n"].concat();
        assert!(desk.taken() == expected, "{codec:?}: {}", String::from_utf8_lossy(&desk.taken()));
    }
}

#[test]
fn what_a_damaged_file_still_gives_is_taken_and_the_rest_is_a_gap() {
    for codec in Codec::ALL {
        let name = format!("audit.log.1{}", codec.suffix());
        let text = lines("damaged", 30_000);
        let whole = pack(codec, &text);
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 0x10;
        for stored in [&whole[..whole.len() / 2], &flipped, &[], &[0; 5000]] {
            let mut desk = Desk::new(Mode::Drain);
            desk.write(&name, stored);
            desk.write("audit.log", b"live\n");
            desk.settle(0, 1 << 20);
            let taken = desk.taken();
            let taken = taken.strip_suffix(b"live\n").unwrap();
            // What stands before the first wrong checksum may be wrong itself: it is in the gap's file.
            assert!(stored == flipped || text.starts_with(taken), "{codec:?}");
            assert_eq!(desk.gaps, [(name.clone(), GapReason::of_damaged(codec))], "{codec:?}");
        }
    }
}

#[test]
fn padding_behind_a_whole_file_is_no_loss() {
    for (codec, behind, told) in [
        (Codec::Gzip, vec![0; 512], true),
        (Codec::Gzip, b"anything".to_vec(), true),
        (Codec::Bzip2, vec![0; 512], true),
        (Codec::Bzip2, b"anything".to_vec(), true),
        (Codec::Xz, vec![0; 512], false),
    ] {
        let mut desk = Desk::new(Mode::Drain);
        let text = lines("padded", 3000);
        let whole = pack(codec, &text);
        let name = format!("audit.log.1{}", codec.suffix());
        desk.write(&name, &[whole.as_slice(), &behind].concat());
        desk.settle(0, 1 << 20);
        let ignored = told.then_some((name, whole.len() as u64));
        assert_eq!(desk.ignored, Vec::from_iter(ignored), "{codec:?}");
        assert!(desk.taken() == text && desk.gaps.is_empty(), "{codec:?} {:?}", desk.gaps);
    }
}

/// No tool gives the lines behind the padding: the archive doesn't hold them, and says so.
#[test]
fn a_member_behind_padding_is_a_gap() {
    for codec in [Codec::Gzip, Codec::Bzip2] {
        for between in [vec![0; 512], b"anything".to_vec()] {
            let mut desk = Desk::new(Mode::Drain);
            let (first, second) = (lines("first", 3000), lines("second", 3000));
            let name = format!("audit.log.1{}", codec.suffix());
            desk.write(&name, &[pack(codec, &first), between, pack(codec, &second)].concat());
            desk.settle(0, 1 << 20);
            assert!(desk.taken() == first, "{codec:?}");
            assert_eq!(desk.gaps, [(name, GapReason::of_damaged(codec))], "{codec:?}");
        }
    }
}

#[test]
fn a_file_that_is_not_what_its_name_says_is_read_as_what_it_is() {
    let text = lines("mistaken", 3000);
    for stored in [pack(Codec::Zstd, &text), pack(Codec::Xz, &text), text.clone()] {
        let mut desk = Desk::new(Mode::Drain);
        desk.write("audit.log.1.gz", &stored);
        desk.settle(0, 1 << 20);
        assert!(desk.taken() == text && desk.gaps.is_empty(), "{:?}", desk.gaps);
    }
}

#[test]
fn a_file_that_needs_too_much_memory_is_a_gap_of_its_name() {
    let mut desk = Desk::new(Mode::Drain);
    // A frame with a window of 256 MiB.
    desk.write("audit.log.1.zst", &[0x28, 0xb5, 0x2f, 0xfd, 0, (28 - 10) << 3, 1, 0, 0]);
    desk.write("audit.log", b"live\n");
    desk.settle(0, 1 << 20);
    assert_eq!(desk.gaps, [("audit.log.1.zst".to_owned(), GapReason::Undecodable)]);
    assert_eq!(desk.taken(), b"live\n");
}

/// What real tools make of one file, where they are installed.
#[test]
fn what_the_real_tools_make_comes_out() {
    for codec in Codec::ALL {
        let mut desk = Desk::new(Mode::Drain);
        let text = lines("real", 50_000);
        desk.write("audit.log.1", &text);
        if !run(codec.name(), &desk.path("audit.log.1")) {
            println!("{} isn't installed", codec.name());
            continue;
        }
        drop(fs::remove_file(desk.path("audit.log.1")));
        desk.settle(0, 1 << 20);
        assert!(desk.taken() == text && desk.gaps.is_empty(), "{codec:?}");
    }
}

fn run(tool: &str, file: &Path) -> bool {
    let done = std::process::Command::new(tool).arg("-q").arg(file).status();
    done.is_ok_and(|status| status.success())
}

#[test]
fn damage_tells_its_codec_to_whoever_packs() {
    let mut desk = Desk::new(Mode::Drain);
    let long = vec![b'x'; 3 << 20];
    let stored = pack(Codec::Bzip2, &long);
    desk.write("audit.log.1.bz2", &stored[..stored.len() - 9]);
    let look = desk.follower.look(0, 1 << 20);
    let content = &look.takes[0].content;
    let (mut at, mut buf) = (0, vec![0; 1 << 20]);
    let damage = loop {
        match content.read_at(at, &mut buf) {
            Ok(0) => panic!("no damage"),
            Ok(read) => at += read as u64,
            Err(ReadError::Damaged(damage)) => break damage,
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!((damage.codec, damage.verified), (Codec::Bzip2, 0));
}
