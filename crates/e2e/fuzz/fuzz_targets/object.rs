//! Whole objects: frames, the seal's block, blocks that don't decode, sizes that lie.
#![no_main]

use auditseal_format::{ObjectSeal, PayloadDecoder};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|object: &[u8]| {
    let Ok(seal) = ObjectSeal::read(object) else { return };
    // Refusing is fine; panicking is not.
    let _ = ObjectSeal::open(object);
    let _ = seal.check_frame(object, object.len() as u64);
    let blocks = seal.blocks();
    let range = usize::try_from(blocks.start).ok().zip(usize::try_from(blocks.end).ok());
    let Some(blocks) = range.and_then(|(start, end)| object.get(start..end)) else { return };
    let Ok(mut decoder) = PayloadDecoder::new(&seal.seal.payload) else { return };
    let mut produced = 0_u64;
    let done = decoder.blocks(blocks, &mut |piece: &[u8]| produced += piece.len() as u64);
    assert!(produced <= seal.seal.payload.bytes, "more comes out than the seal allows");
    if done.is_ok() && decoder.finish().is_ok() {
        assert_eq!(produced, seal.seal.payload.bytes);
    }
});
