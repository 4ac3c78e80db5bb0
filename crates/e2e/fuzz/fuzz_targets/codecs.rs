//! Compressed backups of each codec: whatever they hold, nothing panics, what comes out doesn't
//! depend on how it is asked for, and where something is lost, that is said. The first byte tells
//! the codec that the name promises.
#![no_main]

mod disk;

use auditseal_decompress::{Codec, Damage, Decoder, Error};
use libfuzzer_sys::fuzz_target;

/// Decoded bytes that are compared: a few stored ones may be megabytes.
const MOST: usize = 1 << 20;

fn decode(codec: Codec, stored: &[u8], piece: usize) -> (Vec<u8>, Option<Damage>) {
    let mut decoder = Decoder::new(codec, stored);
    let (mut text, mut buf) = (Vec::new(), vec![0; piece]);
    while text.len() < MOST {
        match decoder.read(&mut buf) {
            Ok(0) => return (text, None),
            Ok(read) => text.extend_from_slice(&buf[..read]),
            Err(Error::Damaged(damage)) => {
                assert!(damage.good == text.len() as u64 && damage.verified <= damage.good);
                return (text, Some(damage));
            }
            Err(Error::Io(error)) => panic!("memory never fails: {error}"),
        }
    }
    text.truncate(MOST);
    (text, None)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, stored)) = bytes.split_first() else { return };
    let at = usize::from(*first) % Codec::ALL.len();
    let codec = Codec::ALL[at];
    let whole = decode(codec, stored, 65_536);
    // How much a decoder still gives of damaged bytes may depend on how it is asked.
    if whole.1.is_none() {
        assert!(decode(codec, stored, 997) == whole);
    }
    let names = ["audit.log.1.gz", "audit.log.1.zst", "audit.log.1.xz", "audit.log.1.bz2"];
    let (taken, gaps) = disk::drain(names[at], stored);
    if whole.0.len() < MOST / 2 {
        let both = taken.len().min(whole.0.len());
        assert!(taken[..both] == whole.0[..both], "bytes that aren't there");
        assert!(gaps > 0 || whole.1.is_none(), "damage, and nothing says so");
        assert!(gaps > 0 || taken == whole.0, "{} of {} bytes", taken.len(), whole.0.len());
    }
});
