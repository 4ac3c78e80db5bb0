//! Lines of every sort, as they stood in the source.

use super::{LOG, signer, started, with_lines};
use crate::{Piece, Vector, events};

pub(super) fn cases() -> Vec<Vector> {
    let mut cases = vec![
        good("line-one-chunk", "one short line: the root is one chunk's", b"{}\n"),
        good("line-not-utf8", "bytes that aren't UTF-8", b"\xff\xfe\x80\n{\"a\":\"\xc3\"}\n"),
        good("line-crlf", "a CR before the newline belongs to the line", b"one\r\ntwo\r\n\r\n"),
        good("line-empty", "empty lines", b"\n\n{}\n\n"),
        good(
            "line-not-an-event",
            "lines that the writer counts as malformed",
            b"klog: panic\n{}\n",
        ),
        good("line-like-a-seal", "a line that looks like a seal", &seal_like()),
        good("line-like-a-frame", "a line that looks like another line's chunk", &frame_like()),
    ];
    for length in [1007, 1008, 1009, 2016, 2017] {
        let source = [&vec![b'x'; length][..], b"\ny\n"].concat();
        let about = format!("a line of {length} bytes, then a short one");
        cases.push(good(&format!("line-of-{length}"), &about, &source));
    }
    let mut long = vec![b'x'; 70_000];
    long.push(b'\n');
    cases.push(good("line-over-64k", "a line longer than what a reader fetches first", &long));
    cases.extend(unterminated());
    cases.extend(holes());
    cases
}

fn good(name: &str, about: &str, source: &[u8]) -> Vector {
    Vector::good(name, about, &with_lines(source))
}

fn seal_like() -> Vec<u8> {
    let seal = crate::seal_line("auditseal/seal/v1\n\n— x y\n", None);
    [&events(0..1)[..], &seal].concat()
}

/// What the first frame of line 1 would be, at the place in line 0 where its second frame begins.
fn frame_like() -> Vec<u8> {
    let mut line = vec![b'x'; 1008];
    line.extend([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0]);
    line.extend(b"evil\nreal\n");
    line
}

fn unterminated() -> Vec<Vector> {
    let mut ended = started(signer());
    ended.batch(&[Piece::new(LOG, "one\ntwo").last()]);
    let mut torn = started(signer());
    torn.batch(&[Piece::new(LOG, "one\ntw")]);
    torn.batch(&[Piece::new(LOG, "o\nthree\n")]);
    let mut grown = started(signer());
    grown.batch(&[Piece::new(LOG, "one\ntwo").last()]);
    grown.batch(&[Piece::new(LOG, " and more\n").last()]);
    let mut tail = started(signer());
    tail.batch(&[Piece::new(LOG, "one\ntwo\0\0").last(), Piece::new("b", "x\0\0y\0").last()]);
    vec![
        Vector::good("unterminated", "the file ends without a newline", &ended),
        Vector::good("unterminated-then-continued", "a range ends in mid-line", &torn),
        Vector::good("unterminated-then-grown", "a final file without newline grows", &grown),
        Vector::good("unterminated-before-nuls", "NULs follow the unterminated line", &tail),
    ]
}

fn holes() -> Vec<Vector> {
    let mut split = started(signer());
    split.batch(&[Piece::new(LOG, "one\n\0\0")]);
    split.batch(&[Piece::new(LOG, "\0\0\0two\n")]);
    let mut crowded = started(signer());
    crowded.max_holes(1);
    crowded.batch(&[Piece::new(LOG, "\0one\0two\n\0\0three\n")]);
    let mut empty = started(signer());
    empty.batch(&[Piece::new(LOG, vec![0; 5000]).last()]);
    let after = b"one\n\0\0\0\0\ntwo\n";
    vec![
        good("hole-leading", "NULs before the first line: the file's base", b"\0\0\0one\ntwo\n"),
        good("hole-inner", "NULs inside and between lines", b"one\n\0\0two\0\0\0two\n\0three\n"),
        good("hole-trailing", "NULs at the end", b"one\ntwo\n\0\0\0\0"),
        good("hole-is-a-line", "a line of nothing but NULs", after),
        Vector::good("hole-in-two-ranges", "one NUL run across two batches", &split),
        Vector::good("hole-too-many", "NUL runs for which the note had no room", &crowded),
        Vector::good("hole-only", "a final file of nothing but NULs", &empty),
    ]
}
