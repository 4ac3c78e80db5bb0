//! Compressing, and decompressing to the end.

use std::io::{Read, Write};

use auditseal_decompress::{Codec, Damage, Decoder, Error};

/// One member, with a checksum.
pub(crate) fn pack(codec: Codec, text: &[u8]) -> Vec<u8> {
    match codec {
        Codec::Gzip => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(text).unwrap();
            out.finish().unwrap()
        }
        Codec::Zstd => {
            let mut out = zstd::Encoder::new(Vec::new(), 3).unwrap();
            out.include_checksum(true).unwrap();
            out.write_all(text).unwrap();
            out.finish().unwrap()
        }
        Codec::Xz => {
            let mut out = liblzma::write::XzEncoder::new(Vec::new(), 1);
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

/// Lines that a compressor can do something with.
pub(crate) fn lines(count: usize) -> Vec<u8> {
    (0..count).flat_map(|n| format!("line {n} {}\n", n * 7919 % 10_007).into_bytes()).collect()
}

/// What a decoder makes of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) text: Vec<u8>,
    pub(crate) damage: Option<Damage>,
    pub(crate) ignored: Option<u64>,
}

/// Reads to the end, `piece` bytes at a time.
pub(crate) fn read(codec: Codec, stored: impl Read, piece: usize) -> Found {
    let mut decoder = Decoder::new(codec, stored);
    let (mut text, mut buf) = (Vec::new(), vec![0; piece]);
    let damage = loop {
        match decoder.read(&mut buf) {
            Ok(0) => break None,
            Ok(read) => text.extend_from_slice(&buf[..read]),
            Err(Error::Damaged(damage)) => {
                assert!(
                    matches!(decoder.read(&mut buf), Err(Error::Damaged(again)) if again == damage)
                );
                break Some(damage);
            }
            Err(Error::Io(error)) => panic!("{error}"),
        }
    };
    assert_eq!(decoder.position(), text.len() as u64);
    if let Some(damage) = &damage {
        assert_eq!((damage.codec, damage.good), (codec, text.len() as u64));
        assert!(damage.verified <= damage.good);
    }
    Found { text, damage, ignored: decoder.ignored() }
}
