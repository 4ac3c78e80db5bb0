//! What stands in a JSON string.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = ONES << 7;

/// Where the next byte is that may not simply stand in a string: `"`, `\` or a control character.
#[inline]
pub(super) fn plain_until(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let equal = |byte: u8| {
            let zero = word ^ (ONES * u64::from(byte));
            zero.wrapping_sub(ONES) & !zero
        };
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        // A borrow may mark bytes behind one that is meant, so the first mark is right.
        let marks = (equal(b'"') | equal(b'\\') | control) & HIGH;
        if marks != 0 {
            return 8 * at + marks.trailing_zeros() as usize / 8;
        }
    }
    let meant = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
    8 * words.len() + rest.iter().position(meant).unwrap_or(rest.len())
}

/// What a string means whose content, with these escapes, passed the grammar. `None`: no text, for half
/// of a surrogate pair stands alone.
pub(super) fn decode(raw: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let escape = *rest.get(at + 1)?;
        rest = &rest[at + 2..];
        let plain = match escape {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let character = character(&mut rest)?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            itself => itself,
        };
        out.push(plain);
    }
    out.extend_from_slice(rest);
    Some(())
}

/// Takes the digits behind `\u` off the front, and the second half of a pair.
fn character(rest: &mut &[u8]) -> Option<char> {
    let first = unit(rest)?;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first);
    }
    *rest = rest.strip_prefix(b"\\u")?;
    let second = unit(rest)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    char::from_u32(0x10000 + ((first - 0xd800) << 10) + second)
}

fn unit(rest: &mut &[u8]) -> Option<u32> {
    let (digits, behind) = rest.split_at_checked(4)?;
    *rest = behind;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_strings_end_is_found_wherever_it_is(
            bytes in prop::collection::vec(prop_oneof![
                Just(b'"'), Just(b'\\'), 0x1e..0x24_u8, 0x5b..0x5e_u8, any::<u8>(), Just(b'a'), Just(0xa2)
            ], 0..40),
        ) {
            let meant = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
            let expected = bytes.iter().position(meant).unwrap_or(bytes.len());
            prop_assert_eq!(plain_until(&bytes), expected);
        }

        #[test]
        fn escapes_mean_what_another_parser_says(
            parts in prop::collection::vec(prop_oneof![
                Just("a".to_owned()), Just("é".to_owned()), Just(r"\n".to_owned()), Just(r"\/".to_owned()),
                Just(r"\u0026".to_owned()), Just(r"\ud83d".to_owned()), Just(r"\uDE00".to_owned()),
                Just(r"\u00C9".to_owned()), Just(r"\uffff".to_owned()), Just(r#"\""#.to_owned()),
                "[bfrt\\\\]".prop_map(|one| format!("\\{one}")),
            ], 0..9),
        ) {
            let raw = parts.concat();
            let mut out = Vec::new();
            let ours = decode(raw.as_bytes(), &mut out).map(|()| String::from_utf8(out).unwrap());
            let theirs = serde_json::from_str::<String>(&format!("\"{raw}\"")).ok();
            prop_assert_eq!(ours, theirs);
        }
    }
}
