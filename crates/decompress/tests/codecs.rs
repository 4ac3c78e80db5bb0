//! Whole files, damaged ones, and files with something behind them.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod help;

use std::io::{self, Read, Write};
use std::process::{Command, Stdio};

use auditseal_decompress::{Codec, DamageKind, Decoder, Error};
use help::{lines, pack, read};
use proptest::prelude::*;

/// Gives at most so many bytes at a time, and is interrupted or fails before each.
struct Halting<'a> {
    bytes: &'a [u8],
    step: usize,
    turn: usize,
}

impl Read for Halting<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        match self.turn % 3 {
            0 => Err(io::ErrorKind::Interrupted.into()),
            1 => Err(io::Error::other("the disk is away")),
            _ => {
                let length = self.step.min(buf.len()).min(self.bytes.len());
                buf[..length].copy_from_slice(&self.bytes[..length]);
                self.bytes = &self.bytes[length..];
                Ok(length)
            }
        }
    }
}

fn members(codec: Codec, parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| pack(codec, part)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_members_give_back_the_text(
        count in 0_usize..3000,
        cuts in prop::collection::vec(0_usize..60_000, 0..6),
        piece in 1_usize..9000,
    ) {
        let text = lines(count);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        for codec in Codec::ALL {
            let parts: Vec<&[u8]> = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect();
            let stored = members(codec, &parts);
            let found = read(codec, stored.as_slice(), piece);
            prop_assert!(found.text == text && found.damage.is_none() && found.ignored.is_none());
        }
    }

    #[test]
    fn whatever_stands_in_the_file_nothing_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        keep in 0_usize..12,
    ) {
        for codec in Codec::ALL {
            let front = &pack(codec, b"line\n");
            let stored = [&front[..keep.min(front.len())], &bytes].concat();
            read(codec, stored.as_slice(), 100);
        }
    }
}

#[test]
fn a_file_cut_at_any_byte_gives_what_was_there_and_says_so() {
    let (one, two) = (lines(40), lines(300));
    let text = [one.as_slice(), &two].concat();
    for codec in Codec::ALL {
        let stored = members(codec, &[&one, &two]);
        let boundary = pack(codec, &one).len();
        for length in 0..stored.len() {
            let found = read(codec, &stored[..length], 777);
            if length == boundary {
                assert_eq!((found.text, found.damage), (one.clone(), None));
                continue;
            }
            let damage = found.damage.unwrap_or_else(|| panic!("{codec:?} cut at {length}"));
            assert_eq!(damage.kind, DamageKind::Truncated, "{codec:?} cut at {length}");
            assert!(text.starts_with(&found.text), "{codec:?} cut at {length}");
            let verified = if length > boundary { one.len() } else { 0 };
            assert_eq!(damage.verified, verified as u64, "{codec:?} cut at {length}");
        }
    }
}

#[test]
fn a_flipped_bit_is_harmless_or_told() {
    let (one, two) = (lines(30), lines(20));
    let text = [one.as_slice(), &two].concat();
    for codec in Codec::ALL {
        let stored = members(codec, &[&one, &two]);
        for bit in 0..stored.len() * 8 {
            let mut stored = stored.clone();
            stored[bit / 8] ^= 1 << (bit % 8);
            let found = read(codec, stored.as_slice(), 100_000);
            let harmless = found.text == text && found.ignored.is_none();
            assert!(found.damage.is_some() || harmless, "{codec:?} bit {bit}: {found:?}");
        }
    }
}

#[test]
fn the_disks_own_errors_lose_nothing() {
    let text = lines(500);
    for codec in Codec::ALL {
        let stored = members(codec, &[&text, &text]);
        let mut decoder = Decoder::new(codec, Halting { bytes: &stored, step: 7, turn: 0 });
        let (mut found, mut errors) = (Vec::new(), 0);
        let mut buf = [0; 100];
        loop {
            match decoder.read(&mut buf) {
                Ok(0) => break,
                Ok(read) => found.extend_from_slice(&buf[..read]),
                Err(Error::Io(_)) => errors += 1,
                Err(other) => panic!("{other}"),
            }
        }
        assert!(errors > 10 && found == [text.as_slice(), &text].concat(), "{codec:?}");
    }
}

/// What stands behind a whole member, and what becomes of it: `true`: nothing is lost.
fn behind(codec: Codec) -> Vec<(&'static str, Vec<u8>, bool)> {
    let magic = &pack(codec, b"x")[..2];
    let (lenient, xz) = (matches!(codec, Codec::Gzip | Codec::Bzip2), codec == Codec::Xz);
    vec![
        ("4,096 NUL bytes", vec![0; 4096], lenient || xz),
        ("3 NUL bytes", vec![0; 3], lenient),
        ("text", b"hello garbage\n".to_vec(), lenient),
        ("a member's first byte", magic[..1].to_vec(), false),
        ("a member's first two bytes", magic.to_vec(), false),
        ("100 bytes of 0xff", vec![0xff; 100], lenient),
    ]
}

#[test]
fn what_stands_behind_the_last_member_is_ignored_where_the_tool_ignores_it() {
    let text = lines(400);
    for codec in Codec::ALL {
        let whole = pack(codec, &text);
        for (what, bytes, fine) in behind(codec) {
            let stored = [whole.as_slice(), &bytes].concat();
            let found = read(codec, stored.as_slice(), 4000);
            assert!(found.text == text, "{codec:?} {what}: all of it is given in any case");
            assert_eq!(found.damage.is_none(), fine, "{codec:?} {what}: {:?}", found.damage);
            let padded = codec == Codec::Xz;
            let named = (fine && !padded).then_some(whole.len() as u64);
            assert_eq!(found.ignored, named, "{codec:?} {what}");
            if let Some(tool) = tool(codec, &stored) {
                assert_eq!(tool, (fine, text.clone()), "{} and {what}", codec.name());
            }
        }
    }
}

/// The tools stop at the first byte that is no member, and gzip calls what follows garbage. If it
/// is a member, lines are missing, and that is damage: only xz reads on.
#[test]
fn a_member_behind_what_is_ignored_is_not_lost_unsaid() {
    let text = lines(400);
    for codec in Codec::ALL {
        let whole = pack(codec, &text);
        for between in [vec![0; 4], vec![0; 4096], b"hello garbage\n".to_vec(), vec![0; 70_000]] {
            let twice = [whole.as_slice(), &between, &whole].concat();
            let found = read(codec, twice.as_slice(), 4000);
            if codec == Codec::Xz && between.iter().all(|byte| *byte == 0) {
                assert!(found.damage.is_none() && found.text.len() == 2 * text.len());
                continue;
            }
            assert_eq!(found.text.len(), text.len(), "{codec:?}");
            let kind = found.damage.map(|damage| damage.kind);
            assert_eq!(kind, Some(DamageKind::Corrupt), "{codec:?}, {} between", between.len());
            assert_eq!(found.ignored, None, "{codec:?}");
        }
    }
}

/// What is behind a member is searched only so far; what wasn't searched isn't called padding.
#[test]
fn more_behind_the_last_member_than_is_searched_is_damage() {
    let text = lines(10);
    for codec in [Codec::Gzip, Codec::Bzip2] {
        let whole = pack(codec, &text);
        for (padding, fine) in [(1 << 20, true), (10 << 20, false)] {
            let stored = [whole.as_slice(), &vec![0; padding]].concat();
            let found = read(codec, stored.as_slice(), 4000);
            assert_eq!(found.text, text, "{codec:?}");
            assert_eq!(found.damage.is_none(), fine, "{codec:?} and {padding} bytes");
            assert_eq!(found.ignored, fine.then_some(whole.len() as u64), "{codec:?}");
        }
    }
}

/// What the codec's own tool says and gives; gzip's warnings aren't errors. `None`: it isn't here.
fn tool(codec: Codec, stored: &[u8]) -> Option<(bool, Vec<u8>)> {
    let mut child = Command::new(codec.name())
        .arg("-dc")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let (mut stdin, stored) = (child.stdin.take()?, stored.to_vec());
    let writer = std::thread::spawn(move || stdin.write_all(&stored).is_ok());
    let output = child.wait_with_output().ok()?;
    writer.join().unwrap();
    let warned = codec == Codec::Gzip && output.status.code() == Some(2);
    Some((output.status.success() || warned, output.stdout))
}

#[test]
fn what_the_real_tools_make_is_read() {
    let text = lines(100_000);
    let made: [(Codec, &[&str]); 10] = [
        (Codec::Gzip, &["-1"]),
        (Codec::Gzip, &["-9"]),
        (Codec::Zstd, &["-3"]),
        (Codec::Zstd, &["-19"]),
        (Codec::Zstd, &["--long=27", "--no-check"]),
        (Codec::Xz, &["-6"]),
        (Codec::Xz, &["-9", "--check=sha256", "--block-size=100000"]),
        (Codec::Xz, &["-0", "-T2"]),
        (Codec::Bzip2, &["-1"]),
        (Codec::Bzip2, &["-9"]),
    ];
    for (codec, options) in made {
        let child = Command::new(codec.name())
            .args(options)
            .arg("-c")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            println!("{} isn't installed", codec.name());
            continue;
        };
        let (mut stdin, bytes) = (child.stdin.take().unwrap(), text.clone());
        let writer = std::thread::spawn(move || stdin.write_all(&bytes));
        let stored = child.wait_with_output().unwrap().stdout;
        writer.join().unwrap().unwrap();
        let found = read(codec, stored.as_slice(), 65_536);
        assert!(found.text == text && found.damage.is_none(), "{codec:?} {options:?}");
    }
}

#[test]
fn the_first_bytes_count_not_the_name() {
    let text = [b"{\"kind\":\"Event\"}\n".as_slice(), &lines(100)].concat();
    for named in Codec::ALL {
        for codec in Codec::ALL {
            let found = read(named, pack(codec, &text).as_slice(), 500);
            assert!(found.text == text && found.damage.is_none(), "{codec:?} named {named:?}");
        }
        let found = read(named, text.as_slice(), 500);
        assert!(found.text == text && found.damage.is_none(), "lines named {named:?}");
        for (bytes, kind) in [
            (&b""[..], DamageKind::Truncated),
            (b"line 1\nline 2\n", DamageKind::Corrupt),
            (&[0; 5000], DamageKind::Corrupt),
        ] {
            let found = read(named, bytes, 500);
            assert_eq!((found.text.len(), found.damage.unwrap().kind), (0, kind), "{named:?}");
        }
    }
}

#[test]
fn skippable_frames_are_skipped() {
    let text = lines(100);
    let skip = [&[0x5a, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"\0skip"].concat();
    let stored =
        [skip.as_slice(), &pack(Codec::Zstd, &text), &skip, &pack(Codec::Zstd, &text), &skip];
    let found = read(Codec::Zstd, stored.concat().as_slice(), 100);
    assert!(found.damage.is_none() && found.text == [text.as_slice(), &text].concat());
}

#[test]
fn a_file_that_needs_too_much_memory_says_so() {
    let zstd = |log: u8| [0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3, 1, 0, 0];
    // The byte of the dictionary's size in the first block's header, and that header's checksum.
    let xz = |size: u8| {
        let mut stored = pack(Codec::Xz, b"line\n");
        stored[16] = size;
        let mut sum = flate2::Crc::new();
        sum.update(&stored[12..20]);
        stored[20..24].copy_from_slice(&sum.sum().to_le_bytes());
        stored
    };
    let kind = |codec, stored: &[u8]| read(codec, stored, 100).damage.map(|damage| damage.kind);
    assert_eq!(kind(Codec::Zstd, &zstd(27)), None, "zstd --long");
    assert_eq!(kind(Codec::Zstd, &zstd(28)), Some(DamageKind::TooLarge));
    assert_eq!(kind(Codec::Xz, &xz(28)), None, "64 MiB: xz -9");
    assert_eq!(kind(Codec::Xz, &xz(30)), None, "128 MiB");
    assert_eq!(kind(Codec::Xz, &xz(31)), Some(DamageKind::TooLarge), "192 MiB");
    let damage = read(Codec::Zstd, &zstd(28)[..], 100).damage.unwrap();
    assert_eq!(
        damage.to_string(),
        "zstd file needs more than 128 MiB of memory after 0 uncompressed bytes"
    );
}
