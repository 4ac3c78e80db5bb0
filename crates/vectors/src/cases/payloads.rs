//! Blocks that are the signed ones and not what the note says: MALFORMED, the signer made them so.

use super::{LOG, signer, small, started, with_last, with_last_needed};
use crate::text::{restate, set, substitute, value};
use crate::{Chain, Parts, Piece, Vector, events, raw_block, rle_block};

pub(super) fn cases() -> Vec<Vector> {
    [stated(), blocks(), bounds(), ranges()].concat()
}

/// Has the newest note of `chain` say something else of its payload.
fn lie(chain: &Chain, name: &str, about: &str, edit: impl Fn(&str) -> String) -> Vector {
    let parts = Parts::of(&chain.head().bytes).edit(&mut signer(), edit);
    finish(chain, name, about, &parts)
}

fn finish(chain: &Chain, name: &str, about: &str, parts: &Parts) -> Vector {
    Vector::new(&format!("payload-{name}"), about, chain)
        .objects(with_last(chain, parts.bytes()))
        .finding("MALFORMED c/n/s 1")
}

/// The number after a keyword, moved.
fn moved(text: &str, keyword: &str, by: i64) -> String {
    let now: i64 = value(text, keyword).parse().expect("a number");
    set(text, keyword, &(now + by).to_string())
}

fn stated() -> Vec<Vector> {
    let chain = small();
    let size = events(0..2).len();
    let range = |text: &str, by: i64| {
        let end = i64::try_from(size).expect("small") + by;
        substitute(text, &format!(" 0 {size} "), &format!(" 0 {end} "))
    };
    vec![
        lie(&chain, "other-root", "another root", |text| set(text, "root", &value(text, "prev"))),
        lie(&chain, "more-chunks", "a chunk too many", |text| moved(text, "chunks", 1)),
        lie(&chain, "more-lines", "a line too many", |text| {
            let text = moved(&moved(text, "lines", 1), "chunks", 1);
            substitute(&text, &format!(" {size} 2 - "), &format!(" {size} 3 - "))
        }),
        lie(&chain, "more-bytes", "a byte too many", |text| range(&moved(text, "bytes", 1), 1)),
        lie(&chain, "fewer-bytes", "a byte too few", |text| range(&moved(text, "bytes", -1), -1)),
    ]
}

/// Blocks of the signer's own making; the note states `payload` and their true hash.
fn made(name: &str, about: &str, payload: &[u8], blocks: &[u8]) -> Vector {
    finish(&small(), name, about, &parts_of(payload, blocks))
}

/// The same, and nothing is wrong with it.
fn sound(name: &str, about: &str, payload: &[u8], blocks: &[u8]) -> Vector {
    let chain = small();
    Vector::new(&format!("payload-{name}"), about, &chain)
        .objects(with_last(&chain, parts_of(payload, blocks).bytes()))
        .complete(chain.head().seal.sealed)
        .restores(payload)
}

fn parts_of(payload: &[u8], blocks: &[u8]) -> Parts {
    let mut parts = Parts::of(&small().head().bytes);
    parts.blocks = blocks.to_vec();
    let size = events(0..2).len();
    let lines = payload.iter().filter(|byte| **byte == b'\n').count();
    parts.edit(&mut signer(), |text| {
        let text = restate(text, payload, blocks);
        let now = format!(" 0 {} {lines} - ", payload.len());
        let was = format!(" 0 {size} 2 - ");
        if was == now { text } else { substitute(&text, &was, &now) }
    })
}

/// An object whose note breaks a rule, and which the chain needs.
fn refused(name: &str, about: &str, parts: &Parts) -> Vector {
    let chain = small();
    Vector::new(&format!("payload-{name}"), about, &chain)
        .objects(with_last_needed(&chain, parts.bytes()))
        .finding("MALFORMED c/n/s 1")
}

/// What an object may cost its reader for each byte of it that is stored.
fn bounds() -> Vec<Vector> {
    let newlines = |count: usize, empty: usize| {
        let blocks = [rle_block(b'\n', count), raw_block(b"").repeat(empty)].concat();
        (vec![b'\n'; count], blocks)
    };
    let line = |length: usize| [vec![b'x'; length], vec![b'\n']].concat();
    let (payload, blocks) = newlines(97, 31);
    let at = sound("chunks-at-bound", "as many chunks as bytes of blocks", &payload, &blocks);
    let (payload, blocks) = newlines(97, 32);
    let below = sound("chunks-below-bound", "more bytes of blocks", &payload, &blocks);
    let (payload, blocks) = newlines(98, 31);
    let above = parts_of(&payload, &blocks);
    let above = refused("chunks-above-bound", "a chunk more than bytes of blocks", &above);
    let (payload, blocks) = newlines(130_000, 0);
    let far = parts_of(&payload, &blocks);
    let far = refused("chunks-far-above-bound", "four bytes for 130,000 lines", &far);
    let full = sound("bytes-at-bound", "a full chunk", &line(1008), &raw_block(&line(1008)));
    // Two chunks in truth, and one by the note.
    let over = parts_of(&line(1009), &raw_block(&line(1009)));
    let over = over.edit(&mut signer(), |text| set(text, "chunks", "1"));
    let over = refused("bytes-above-bound", "a byte more than the chunks hold", &over);
    // As many bytes as signed; to hash them would cost a thousand times as much.
    let blocks = [rle_block(b'\n', 100_000), raw_block(b"").repeat(40)].concat();
    let few = parts_of(&line(99_999), &blocks);
    let few = finish(&small(), "more-newlines", "one line signed, newlines stored", &few);
    vec![at, below, above, far, full, over, few]
}

fn blocks() -> Vec<Vector> {
    let (line, rest) = (&b"one line\n"[..], &b"and more\n"[..]);
    let both = [line, rest].concat();
    let last = |block: Vec<u8>| {
        let mut block = block;
        block[0] |= 1;
        block
    };
    let bomb = rle_block(b'x', 128 << 10).repeat(1000);
    // Long lines, and enough of blocks for their chunks.
    let long = rle_block(b'x', (128 << 10) + 1);
    let long_block = [long, raw_block(b"\n"), raw_block(b"").repeat(44)].concat();
    let long_payload = [vec![b'x'; (128 << 10) + 1], vec![b'\n']].concat();
    vec![
        made(
            "last-bit-early",
            "a block inside is the last one",
            &both,
            &[last(raw_block(line)), raw_block(rest)].concat(),
        ),
        made(
            "last-bit-at-the-end",
            "the last of the blocks is the last one",
            line,
            &last(raw_block(line)),
        ),
        made("bomb", "blocks that decode to 128,000 KiB", line, &bomb),
        made("longer", "blocks that decode to more", line, &raw_block(&both)),
        made("shorter", "blocks that decode to less", &both, &raw_block(line)),
        made("other-bytes", "blocks that decode to other lines", line, &raw_block(b"one LINE\n")),
        made("unended", "blocks that don't end with a newline", line, &raw_block(b"one line!")),
        made("cut-block", "the blocks end inside a block", line, &raw_block(line)[..9]),
        made(
            "cut-block-header",
            "the blocks end inside a block header",
            line,
            &[raw_block(line), vec![0]].concat(),
        ),
        made("reserved-block", "a block of the reserved type", line, &[6, 0, 0]),
        made("not-zstd", "blocks that aren't zstd's", line, b"one line\n"),
        made(
            "block-too-long",
            "a block that decodes to more than 128 KiB",
            &long_payload,
            &long_block,
        ),
        made(
            "whole-frame",
            "a whole frame as blocks",
            line,
            &[&crate::frame_header(21, 9)[..], &last(raw_block(line))].concat(),
        ),
    ]
}

/// The payload is as stated; what each range has of it isn't.
fn ranges() -> Vec<Vector> {
    let mut chain = started(signer());
    chain.batch(&[Piece::new(LOG, "one\n").last(), Piece::new("b", "two\nthree\n")]);
    vec![
        lie(&chain, "range-lines", "a line of the second range in the first one's count", |text| {
            substitute(&substitute(text, " 0 4 1 ", " 0 4 2 "), " 0 10 2 ", " 0 10 1 ")
        }),
        lie(&chain, "range-border", "the border between two ranges inside a line", |text| {
            substitute(&substitute(text, " 0 4 1 ", " 0 6 1 "), " 0 10 2 ", " 0 8 2 ")
        }),
        lie(&chain, "range-unterminated-border", "the same, by a flag and a hole", |text| {
            let text = substitute(text, " 0 4 1 final ", " 0 4 1 final,unterminated ");
            substitute(&text, " 0 10 2 ", " 1 10 2 ")
        })
        // The note is true all the same, and says that the file's first byte was not taken.
        .finding("SOURCE_GAP c/n/s 1"),
    ]
}
