//! Blocks that are the signed ones and not what the note says: MALFORMED, the signer made them so.

use super::{LOG, signer, small, started, with_last};
use crate::text::{restate, set, substitute, value};
use crate::{Chain, Parts, Piece, Vector, events, raw_block, rle_block};

pub(super) fn cases() -> Vec<Vector> {
    [stated(), blocks(), ranges()].concat()
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
    let chain = small();
    let mut parts = Parts::of(&chain.head().bytes);
    parts.blocks = blocks.to_vec();
    let size = events(0..2).len();
    let lines = payload.iter().filter(|byte| **byte == b'\n').count();
    let parts = parts.edit(&mut signer(), |text| {
        let text = restate(text, payload, blocks);
        let now = format!(" 0 {} {lines} - ", payload.len());
        let was = format!(" 0 {size} 2 - ");
        if was == now { text } else { substitute(&text, &was, &now) }
    });
    finish(&chain, name, about, &parts)
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
    let long_block = rle_block(b'\n', (128 << 10) + 1);
    let long_payload = vec![b'\n'; (128 << 10) + 1];
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
