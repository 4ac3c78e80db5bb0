//! Sixty-four bytes of a line at a time, as bit masks: what FORMAT.md, "Times", asks of a byte, asked of
//! all of them at once. Bit *n* is about byte *n*.

use wide::u8x16;

/// Bytes of a block.
pub(crate) const BLOCK: usize = 64;

/// Every second bit, from the second on.
const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;

/// Whether a string is open behind the blocks so far, and whether their last byte escapes the next.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Carry {
    in_string: bool,
    escapes: bool,
}

/// What stands where in a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Masks {
    /// `"`, without those that are escaped.
    pub(crate) quotes: u64,
    /// From a string's first `"` up to the byte before its last one.
    pub(crate) strings: u64,
    /// `\`.
    pub(crate) escapes: u64,
    /// Brackets of all sorts outside strings; and `Y`, `y`, `_` and `7F`, which have the same bits but
    /// for some.
    pub(crate) brackets: u64,
}

impl Masks {
    /// Looks at the next bytes of a line: `length` of the block, from 1 to all; the others are zeros.
    #[inline]
    pub(crate) fn of(block: &[u8; BLOCK], length: usize, carry: &mut Carry) -> Self {
        let found = find(block);
        let escaped = escaped(found.escapes, length, &mut carry.escapes);
        let quotes = found.quotes & !escaped;
        let strings = parities(quotes) ^ if carry.in_string { u64::MAX } else { 0 };
        // Behind the last byte no quote stands, so the highest bit says it of that byte too.
        carry.in_string = strings >> 63 == 1;
        Self { quotes, strings, escapes: found.escapes, brackets: found.brackets & !strings }
    }
}

/// Where these bytes are, in strings or not.
struct Found {
    quotes: u64,
    escapes: u64,
    brackets: u64,
}

fn find(block: &[u8; BLOCK]) -> Found {
    let (mut quotes, mut escapes, mut brackets) = (0, 0, 0);
    let (parts, _) = block.as_chunks::<16>();
    for (at, part) in parts.iter().enumerate() {
        let bytes = u8x16::new(*part);
        // The four differ in these bits and in no others: one comparison is for all of them.
        let folded = bytes | u8x16::splat(0x26);
        let bits =
            |of: u8x16, byte| u64::from(of.simd_eq(u8x16::splat(byte)).to_bitmask()) << (16 * at);
        quotes |= bits(bytes, b'"');
        escapes |= bits(bytes, b'\\');
        brackets |= bits(folded, 0x7f);
    }
    Found { quotes, escapes, brackets }
}

/// Bytes that stand behind a `\` which isn't itself escaped; `carried` is whether the first one does,
/// and then whether the first one of the next block does.
fn escaped(escapes: u64, length: usize, carried: &mut bool) -> u64 {
    if escapes == 0 {
        return u64::from(std::mem::take(carried));
    }
    // Of each run of `\`, the first escapes, if it isn't escaped itself; the difference carries that
    // through to the run's end, where its length shows (simdjson, "Parsing Gigabytes of JSON per
    // Second", 3.1.1).
    let first = u64::from(*carried);
    let may_escape = escapes & !first;
    let odd_runs = ((may_escape << 1) | ODD).wrapping_sub(may_escape) ^ ODD;
    let escaping = odd_runs & escapes & !first;
    *carried = escaping >> (length - 1) & 1 == 1;
    odd_runs ^ (escapes | first)
}

/// For each bit, whether the number of bits up to and with it is odd.
fn parities(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, byte by byte: strings, quotes, escaped bytes.
    fn one_by_one(bytes: &[u8]) -> Vec<(bool, bool, u8)> {
        let (mut open, mut escaped) = (false, false);
        let mut all = Vec::new();
        for byte in bytes {
            let quote = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            open ^= quote;
            all.push((open, quote, *byte));
        }
        all
    }

    proptest! {
        #[test]
        fn masks_say_what_each_byte_is(
            bytes in proptest::collection::vec(
                prop::sample::select(&b"\\\\\\\\\"\"{}[]:,x;[\x00Yy_\x7f\xfb\xdd"[..]), 0..400),
            size in 1..=BLOCK,
        ) {
            let mut carry = Carry::default();
            let expected = one_by_one(&bytes);
            for (piece, expected) in bytes.chunks(size).zip(expected.chunks(size)) {
                let mut block = [0; BLOCK];
                block[..piece.len()].copy_from_slice(piece);
                let masks = Masks::of(&block, piece.len(), &mut carry);
                for (at, (open, quote, byte)) in expected.iter().enumerate() {
                    let bit = |mask: u64| mask >> at & 1 == 1;
                    prop_assert_eq!(bit(masks.quotes), *quote, "{} of {:?}", at, piece);
                    prop_assert_eq!(bit(masks.strings), *open, "{} of {:?}", at, piece);
                    prop_assert_eq!(bit(masks.escapes), *byte == b'\\');
                    let folded = b"{[}]Yy_\x7f".contains(byte);
                    prop_assert_eq!(bit(masks.brackets), !open && folded);
                }
                let beyond = u64::MAX.checked_shl(piece.len() as u32).unwrap_or(0);
                prop_assert_eq!((masks.quotes | masks.escapes | masks.brackets) & beyond, 0);
            }
        }
    }
}
