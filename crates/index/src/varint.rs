//! Numbers of one to five bytes (LEB128): seven bits each, the least significant first; all but the last
//! byte have the highest bit set. FORMAT.md, "Index".

/// Bytes of the longest number, of 32 bits.
const LONGEST: usize = 5;

/// Writes a number.
pub(crate) fn put(mut number: u32, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// How many bytes [`put`] writes.
pub(crate) fn length(number: u32) -> usize {
    let bits = (u32::BITS - number.leading_zeros()).max(1);
    bits.div_ceil(7) as usize
}

/// Takes a number off the front. `None`: there is none, it is over 32 bits, or has a shorter spelling.
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(LONGEST) {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            let padded = *byte == 0 && at > 0;
            *bytes = &bytes[at + 1..];
            return u32::try_from(number).ok().filter(|_| !padded);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_has_one_spelling(number: u32, shift in 0..32_u32, behind: u8) {
            let number = number >> shift;
            let mut out = Vec::new();
            put(number, &mut out);
            prop_assert_eq!(out.len(), length(number));
            out.push(behind);
            let mut rest = out.as_slice();
            prop_assert_eq!(take(&mut rest), Some(number));
            prop_assert_eq!(rest, &[behind]);
        }

        #[test]
        fn whatever_is_read_is_what_would_be_written(bytes in prop::collection::vec(any::<u8>(), 0..8)) {
            let mut rest = bytes.as_slice();
            if let Some(number) = take(&mut rest) {
                let mut out = Vec::new();
                put(number, &mut out);
                prop_assert_eq!(out.as_slice(), &bytes[..bytes.len() - rest.len()]);
            }
        }
    }

    #[test]
    fn longer_spellings_and_larger_numbers_are_refused() {
        for bytes in [&[][..], &[0x80], &[0x80, 0], &[0xff; 5], &[0xff, 0xff, 0xff, 0xff, 0x10]] {
            assert_eq!(take(&mut &bytes[..]), None, "{bytes:?}");
        }
        assert_eq!(take(&mut &[0xff, 0xff, 0xff, 0xff, 0x0f][..]), Some(u32::MAX));
    }
}
