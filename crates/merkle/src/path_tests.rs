//! Lines, their paths, and what isn't one.

use proptest::prelude::*;

use crate::path::{chunks_of, siblings};
use crate::tree::Span;
use crate::{
    FRAME_SIZE, Frame, Hash, LineError, LineFinder, LinePath, MOST_SIBLINGS, PathError,
    ROOT_CONTEXT, Root, RootHasher,
};

fn payload(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect()
}

fn root(payload: &[u8]) -> Root {
    let mut hasher = RootHasher::new();
    hasher.update(payload);
    hasher.finish()
}

/// Finds and proves a line of a payload that comes in pieces of so many bytes.
fn prove(payload: &[u8], chunks: u64, line: u64, cut: usize) -> (Vec<u8>, LinePath) {
    let mut finder = LineFinder::new(line, usize::MAX);
    payload.chunks(cut).for_each(|piece| finder.take(piece));
    let found = finder.finish().expect("the line is there");
    let mut prover = found.prover(chunks);
    payload.chunks(cut).for_each(|piece| prover.take(piece));
    (found.bytes, prover.finish().expect("the payload is the batch's"))
}

/// BLAKE3's definition, word for word: the chaining value of a node by recursion down to its chunks.
fn specified(frames: &[u8], span: Span) -> Hash {
    let tree = crate::tree::Tree::new();
    if span.chunks == 1 {
        let at = span.start as usize * FRAME_SIZE;
        let mut node = tree.node(span);
        node.take(&frames[at..at + FRAME_SIZE]);
        return node.finish();
    }
    let (left, right) = span.children();
    tree.parent(&specified(frames, left), &specified(frames, right))
}

fn frames(lines: &[Vec<u8>]) -> Vec<u8> {
    let mut all = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let pieces = chunks_of(line.len()) as usize;
        for piece in 0..pieces {
            let part = &line[piece * 1008..line.len().min((piece + 1) * 1008)];
            let header = Frame {
                line: index as u64,
                piece: piece as u32,
                used: part.len() as u16,
                last: piece + 1 == pieces,
            };
            all.extend(header.header());
            all.extend(part);
            all.resize(all.len().next_multiple_of(FRAME_SIZE), 0);
        }
    }
    all
}

/// All that may be altered is refused.
fn nothing_else_passes(path: &LinePath, line: &[u8], root: &Root) {
    let mut others = vec![(LinePath { line: path.line + 1, ..path.clone() }, line.to_vec())];
    others.push((LinePath { chunk: path.chunk + 1, ..path.clone() }, line.to_vec()));
    if let Some(before) = path.chunk.checked_sub(1) {
        others.push((LinePath { chunk: before, ..path.clone() }, line.to_vec()));
    }
    let mut more = path.clone();
    more.siblings.push(Hash::new([0; 32]));
    others.push((more, line.to_vec()));
    for at in 0..path.siblings.len() {
        let mut fewer = path.clone();
        fewer.siblings.remove(at);
        others.push((fewer, line.to_vec()));
        let mut other = path.clone();
        let mut bytes = *other.siblings[at].as_bytes();
        bytes[at % 32] ^= 1;
        other.siblings[at] = Hash::new(bytes);
        others.push((other, line.to_vec()));
    }
    for at in [0, line.len() / 2, line.len().saturating_sub(1)] {
        let mut altered = line.to_vec();
        match altered.get_mut(at) {
            Some(byte) => *byte ^= 0x40,
            None => altered.push(b'x'),
        }
        others.push((path.clone(), altered));
    }
    others.push((path.clone(), [line, b"\0"].concat()));
    others.push((path.clone(), line.split_last().map_or(vec![0], |(_, rest)| rest.to_vec())));
    for (path, line) in others {
        assert!(path.check(&line, root).is_err(), "{path:?}");
    }
}

#[test]
fn every_line_of_every_small_batch_is_proved_and_nothing_else() {
    for count in 1..70_usize {
        let lines: Vec<_> =
            (0..count).map(|at| vec![b'a'; [10, 1008, 1500, 0, 2016][at % 5]]).collect();
        let (payload, frames) = (payload(&lines), frames(&lines));
        let root = root(&payload);
        assert_eq!(root.hash, Hash::new(blake3::derive_key(ROOT_CONTEXT, &frames)));
        for at in 0..count {
            let (bytes, path) = prove(&payload, root.chunks, at as u64, 4096);
            assert_eq!(bytes, lines[at]);
            assert_eq!(path.check(&bytes, &root), Ok(()), "line {at} of {count}");
            let own = Span { start: path.chunk, chunks: chunks_of(bytes.len()) };
            let wanted = siblings(own, root.chunks);
            let wanted: Vec<_> = wanted.iter().map(|span| specified(&frames, *span)).collect();
            assert_eq!(path.siblings, wanted, "line {at} of {count}");
            nothing_else_passes(&path, &bytes, &root);
        }
    }
}

#[test]
fn a_line_that_is_all_of_its_batch_has_no_siblings() {
    for length in [0, 1, 1008, 1009, 5000, 100_000, 300_000] {
        let payload = payload(&[vec![b'x'; length]]);
        let root = root(&payload);
        let (bytes, path) = prove(&payload, root.chunks, 0, 9999);
        assert!(path.siblings.is_empty());
        assert_eq!(path.check(&bytes, &root), Ok(()), "{length}");
        nothing_else_passes(&path, &bytes, &root);
    }
}

#[test]
fn a_line_across_the_middle_has_siblings_on_both_sides() {
    let mut lines = vec![vec![b'x'; 500]; 11_000];
    lines[8191] = vec![b'y'; 1500];
    let payload = payload(&lines);
    let root = root(&payload);
    let (bytes, path) = prove(&payload, root.chunks, 8191, 1 << 20);
    assert_eq!(
        path.chunk, 8191,
        "it has the last chunk of the left half and the first of the right"
    );
    assert!(path.siblings.len() > 20, "{}", path.siblings.len());
    assert_eq!(path.check(&bytes, &root), Ok(()));
}

/// What a reader of a proof may be told: batches of any size, places of any.
#[test]
fn places_that_cannot_be_are_refused_before_any_work() {
    let root = |chunks, lines| Root { hash: Hash::new([0; 32]), chunks, lines };
    let path = |line, chunk, siblings| LinePath {
        line,
        chunk,
        siblings: vec![Hash::new([1; 32]); siblings],
    };
    let check = |path: LinePath, root| path.check(b"x", &root);
    for (line, chunk, chunks, lines) in [
        (0, 1, 1, 1),
        (0, u64::MAX, 9, 9),
        (3, 2, 9, 9),
        (3, 7, 9, 6),
        (0, 0, u64::MAX, u64::MAX),
        (0, 0, (1 << 54) + 1, 1),
        (0, 0, 0, 1),
    ] {
        let refused = check(path(line, chunk, 1), root(chunks, lines));
        assert_eq!(refused, Err(PathError::Chunk { chunk, chunks }), "{line} {chunk}");
    }
    for (line, lines) in [(0, 0), (9, 9), (u64::MAX, 9)] {
        let refused = check(path(line, 0, 1), root(9, lines));
        assert_eq!(refused, Err(PathError::Line { line, lines }));
    }
    for given in [0, 53, 55, 108, 100_000] {
        let refused = check(path(7, 7, given), root(1 << 54, 8));
        assert_eq!(refused, Err(PathError::Siblings { wanted: 54, given }));
    }
    assert_eq!(check(path(7, 7, 54), root(1 << 54, 8)), Err(PathError::Root));
}

#[test]
fn no_line_has_more_siblings_than_the_bound() {
    let highest = 1_u64 << 54;
    let across = siblings(Span { start: highest / 2 - 1, chunks: 2 }, highest);
    assert_eq!(across.len(), MOST_SIBLINGS - 2, "none beside the two halves themselves");
    let ragged = siblings(Span { start: highest / 2 - 1, chunks: 2 }, highest - 1);
    assert!(ragged.len() <= MOST_SIBLINGS);
}

#[test]
fn a_line_is_found_or_said_why_not() {
    let payload = b"one\n\nthree\nopen";
    let find = |line, most| {
        let mut finder = LineFinder::new(line, most);
        payload.chunks(2).for_each(|piece| finder.take(piece));
        finder.finish()
    };
    assert_eq!(find(2, 5).map(|found| (found.chunk, found.bytes)), Ok((2, b"three".to_vec())));
    assert_eq!(find(1, 0).map(|found| (found.chunk, found.bytes)), Ok((1, Vec::new())));
    assert_eq!(find(2, 4), Err(LineError::Long { most: 4 }));
    assert_eq!(find(3, 9), Err(LineError::None { lines: 3 }), "an open line isn't one");
}

#[test]
fn another_payload_gives_no_path() {
    let found = |payload: &[u8]| {
        let mut finder = LineFinder::new(1, 9);
        finder.take(payload);
        finder.finish().expect("there are two lines")
    };
    let found = found(b"a\nb\nc\n");
    for (payload, chunks) in
        [(&b"a\nb\n"[..], 3), (b"a\nb\nc\nd\n", 3), (b"a\nb\nc\nd", 3), (b"a\nb\nc\n", 1), (b"", 3)]
    {
        let mut prover = found.prover(chunks);
        prover.take(payload);
        assert_eq!(prover.finish(), None, "{payload:?}");
    }
    assert_eq!(found.prover(u64::MAX).finish(), None);
}

/// Lengths as audit logs have them: most lines of one chunk or two, some lists of many kilobytes.
fn mixed(bytes: usize) -> Vec<usize> {
    let (mut lengths, mut all, mut state) = (Vec::new(), 0, 1_u64);
    while all < bytes {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let dice = (state >> 33) as usize;
        let length = match dice % 100 {
            0..50 => 400 + dice % 600,
            50..90 => 1000 + dice % 2000,
            90..99 => 3000 + dice % 9000,
            _ => 12_000 + dice % 90_000,
        };
        lengths.push(length);
        all += length + 1;
    }
    lengths
}

#[test]
fn the_siblings_of_every_line_of_a_full_batch_are_few() {
    let lengths = mixed(16 << 20);
    let chunks: u64 = lengths.iter().map(|length| chunks_of(*length)).sum();
    let (mut start, mut sizes) = (0, Vec::new());
    for length in &lengths {
        let own = Span { start, chunks: chunks_of(*length) };
        sizes.push(32 * siblings(own, chunks).len());
        start = own.end();
    }
    sizes.sort_unstable();
    let (median, most) = (sizes[sizes.len() / 2], sizes[sizes.len() - 1]);
    println!("{} lines, {chunks} chunks: median {median}, most {most} bytes", sizes.len());
    assert!(median <= 480 && most <= 896, "median {median}, most {most} bytes");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_line_of_any_batch_is_proved_however_it_comes(
        lines in prop::collection::vec(
            prop::collection::vec(any::<u8>().prop_map(|b| if b == b'\n' { 0 } else { b }), 0..4000), 1..60),
        at in any::<prop::sample::Index>(),
        cut in 1usize..9000,
    ) {
        let payload = payload(&lines);
        let (root, at) = (root(&payload), at.index(lines.len()));
        let (bytes, path) = prove(&payload, root.chunks, at as u64, cut);
        prop_assert_eq!(&bytes, &lines[at]);
        prop_assert_eq!(path.check(&bytes, &root), Ok(()));
        prop_assert!(path.single(bytes.len(), &root).is_ok_and(|single| single <= 3));
        nothing_else_passes(&path, &bytes, &root);
    }
}
