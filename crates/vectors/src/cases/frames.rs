//! Frames in another shape than the one there is, and stored bytes that aren't the signed ones.

use auditseal_format::Compression;

use super::wrappers::indexed;
use super::{LOG, bad_object, signer, small, small_parts, started, with_last};
use crate::text::set;
use crate::{Parts, Piece, Vector, assemble, events, frame_header, raw_block};

pub(super) fn cases() -> Vec<Vector> {
    [headers(), around(), final_blocks(), blocks(), indexes()].concat()
}

/// Where things stand in the object of seq 1 of [`small`].
struct Layout {
    object: Vec<u8>,
    /// First byte of the final block's header.
    last: usize,
}

fn layout() -> Layout {
    let parts = small_parts();
    Layout { object: parts.bytes(), last: 14 + parts.blocks.len() }
}

fn object(name: &str, about: &str, verdict: &str, edit: impl Fn(&mut Vec<u8>)) -> Vector {
    let mut object = layout().object;
    edit(&mut object);
    bad_object(&format!("frame-{name}"), about, verdict, object)
}

fn headers() -> Vec<Vector> {
    let tampered = |name: &str, about: &str, edit: &dyn Fn(&mut Vec<u8>)| {
        object(name, about, "TAMPERED", edit)
    };
    vec![
        tampered("magic", "another magic number", &|o| o[0] ^= 1),
        tampered("checksum-flag", "the checksum flag, and no checksum", &|o| o[4] |= 4),
        tampered("dictionary", "the flag of a dictionary id", &|o| o[4] |= 1),
        tampered("reserved-bit", "the reserved bit", &|o| o[4] |= 8),
        tampered("unused-bit", "the unused bit, which no decoder looks at", &|o| o[4] |= 16),
        tampered("window-larger", "a larger window than signed", &|o| o[5] += 8),
        tampered("window-mantissa", "a window that is no power of two", &|o| o[5] |= 1),
        tampered("size-higher", "a content size one too high", &|o| o[6] += 1),
        tampered("size-lower", "a content size one too low", &|o| o[6] -= 1),
        tampered("size-unknown", "no content size", &|o| {
            o[4] = 0;
            drop(o.drain(6..14));
        }),
        tampered("size-of-four-bytes", "a content size of four bytes", &|o| {
            o[4] = 0x80;
            drop(o.drain(10..14));
        }),
        tampered("single-segment", "a single segment: no window descriptor", &|o| {
            o[4] |= 0x20;
            o.remove(5);
        }),
    ]
}

fn around() -> Vec<Vector> {
    let skippable = b"\x50\x2a\x4d\x18\x04\0\0\0note";
    let case = |name: &str, about: &str, verdict: &str, edit: &dyn Fn(&mut Vec<u8>)| {
        object(name, about, verdict, edit)
    };
    let empty_frame = b"\x28\xb5\x2f\xfd\x20\x00\x01\0\0";
    vec![
        case("skippable-first", "a skippable frame before it", "TAMPERED", &|o| {
            o.splice(0..0, *skippable);
        }),
        case("skippable-last", "a skippable frame after it", "MALFORMED", &|o| o.extend(skippable)),
        case("twice", "the whole object twice", "TAMPERED", &|o| o.extend(o.clone())),
        case("empty-frame-first", "an empty frame before it", "TAMPERED", &|o| {
            o.splice(0..0, *empty_frame);
        }),
        case("empty-frame-last", "an empty frame after it", "MALFORMED", &|o| {
            o.extend(empty_frame)
        }),
        case("checksum", "the checksum flag, and four bytes", "MALFORMED", &|o| {
            o[4] |= 4;
            o.extend(b"\0\0\0\0");
        }),
        case("byte-after", "one more byte", "MALFORMED", &|o| o.push(b'\n')),
        case("byte-inside", "one more byte before the blocks", "TAMPERED", &|o| o.insert(14, 0)),
        case("last-byte-cut", "the last byte is missing", "MALFORMED", &|o| {
            o.truncate(o.len() - 1)
        }),
        case("first-byte-cut", "the first byte is missing", "TAMPERED", &|o| drop(o.drain(..1))),
        case("empty", "an object of no bytes", "UNSEALED", &|o| o.clear()),
        case("no-final-block", "only header and blocks", "UNSEALED", &|o| {
            o.truncate(layout().last)
        }),
        case("header-and-seal-alone", "the blocks are missing", "TAMPERED", &|o| {
            drop(o.drain(14..layout().last));
        }),
        case("seal-alone", "the seal line by itself, no frame", "MALFORMED", &|o| {
            drop(o.drain(..layout().last + 3));
        }),
        case("not-compressed", "the same lines, as text", "MALFORMED", &|o| {
            *o = [events(0..2), small_parts().line()].concat();
        }),
    ]
}

fn final_blocks() -> Vec<Vector> {
    let malformed = |name: &str, about: &str, edit: &dyn Fn(&mut Vec<u8>, usize)| {
        object(name, about, "MALFORMED", |o| edit(o, layout().last))
    };
    let parts = small_parts();
    let line = parts.line();
    let header = frame_header(parts.window, parts.payload + line.len() as u64);
    let (one, two) = line.split_at(600);
    let halves = assemble(&header, &[&parts.blocks[..], &raw_block(one)].concat(), two);
    let mut empty_last = [&header[..], &parts.blocks, &raw_block(&line)].concat();
    empty_last.extend([1, 0, 0]);
    vec![
        malformed("last-bit-cleared", "the final block isn't the last", &|o, at| o[at] ^= 1),
        malformed("last-block-rle", "the final block's type is RLE", &|o, at| o[at] |= 2),
        malformed("last-block-compressed", "its type is compressed", &|o, at| o[at] |= 4),
        malformed("last-block-longer", "its length is one too high", &|o, at| o[at] += 8),
        malformed("last-block-shorter", "its length is one too low", &|o, at| o[at] -= 8),
        bad_object("frame-seal-in-two-blocks", "the seal in two raw blocks", "MALFORMED", halves),
        bad_object(
            "frame-empty-last-block",
            "an empty block after the seal's",
            "MALFORMED",
            empty_last,
        ),
        bad_object(
            "frame-seal-compressed",
            "the seal in a compressed block",
            "UNSEALED",
            seal_compressed(),
        ),
    ]
}

/// Payload and seal line compressed together, as any zstd tool would do it.
fn seal_compressed() -> Vec<u8> {
    let mut chain = started(signer());
    let line = small_parts().line();
    chain.batch(&[Piece::new(LOG, [events(0..2), line].concat())]);
    let parts = Parts::of(&chain.head().bytes);
    let mut blocks = parts.blocks;
    // The one block there is becomes the last one.
    blocks[0] |= 1;
    [&frame_header(parts.window, parts.payload)[..], &blocks].concat()
}

fn blocks() -> Vec<Vector> {
    let tampered = |name: &str, about: &str, edit: &dyn Fn(&mut Vec<u8>)| {
        object(name, about, "TAMPERED", edit)
    };
    // The same lines from another compressor: whoever decodes them sees no difference.
    let mut again = started(signer());
    again.compression(Compression { level: 1, window: 21 });
    again.batch(&[Piece::new(LOG, events(0..2))]);
    let mut parts = small_parts();
    parts.blocks = raw_block(&events(0..2));
    let raw = parts.bytes();
    vec![
        tampered("block-first-byte", "a bit of the first block header", &|o| o[14] ^= 8),
        tampered("block-last-byte", "a bit of the blocks' last byte", &|o| {
            let last = layout().last;
            o[last - 1] ^= 0x10;
        }),
        tampered("block-middle", "a bit in the middle of the blocks", &|o| o[60] ^= 1),
        tampered("block-added", "an empty block, which decodes to nothing", &|o| {
            o.splice(14..14, [0, 0, 0]);
        }),
        bad_object("frame-recompressed", "the same lines in raw blocks", "TAMPERED", raw),
        lines_of_another(),
    ]
}

/// The blocks of another batch under this batch's seal.
fn lines_of_another() -> Vector {
    let mut other = started(signer());
    other.batch(&[Piece::new(LOG, events(2..4))]);
    let mut parts = small_parts();
    parts.blocks = Parts::of(&other.head().bytes).blocks;
    bad_object("frame-other-blocks", "another batch's blocks", "TAMPERED", parts.bytes())
}

/// The index isn't the one whose hash is signed.
fn indexes() -> Vec<Vector> {
    let chain = indexed();
    let parts = Parts::of(&chain.head().bytes);
    let case = |name: &str, about: &str, object: Vec<u8>| {
        Vector::new(&format!("frame-index-{name}"), about, &chain)
            .objects(with_last(&chain, object))
            .finding("TAMPERED c/n/s 1")
    };
    let with = |index: Option<&[u8]>| Parts { index: index.map(<[u8]>::to_vec), ..parts.clone() };
    let unsigned = parts.clone().edit(&mut signer(), |text| set(text, "index", "-"));
    let mut added = small_parts();
    added.index = Some(b"{}".to_vec());
    vec![
        case("changed", "another index", with(Some(br#"{"v":0,"verbs":["get","LIST"]}"#)).bytes()),
        case("removed", "the index is missing", with(None).bytes()),
        case("unsigned", "signed: there is none", unsigned.bytes()),
        Vector::new("frame-index-added", "an index that nobody signed", &small())
            .objects(with_last(&small(), added.bytes()))
            .finding("TAMPERED c/n/s 1"),
    ]
}
