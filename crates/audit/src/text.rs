//! What stands in a JSON string.

use std::borrow::Cow;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = ONES << 7;

/// Where the next byte is that may not simply stand in a string: `"`, `\` or a control character.
#[inline]
#[must_use]
pub fn plain_until(bytes: &[u8]) -> usize {
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
#[must_use]
pub fn decode(raw: &[u8], out: &mut Vec<u8>) -> Option<()> {
    decode_with(raw, out, || None)
}

/// The same as Go reads it, in which the apiserver is written: half of a pair that stands alone, and each byte
/// that isn't UTF-8, is U+FFFD.
#[must_use]
pub fn as_go_reads(raw: &[u8]) -> Cow<'_, str> {
    if memchr::memchr(b'\\', raw).is_none() {
        return valid(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    match decode_with(raw, &mut out, || Some(char::REPLACEMENT_CHARACTER)) {
        Some(()) => Cow::Owned(valid(&out).into_owned()),
        // The grammar was not passed: what stands there is given as it is.
        None => valid(raw),
    }
}

fn valid(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(text)
}

/// `alone` is what half of a pair is that stands alone.
fn decode_with(raw: &[u8], out: &mut Vec<u8>, alone: impl Fn() -> Option<char>) -> Option<()> {
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
                let character = character(&mut rest).or_else(&alone)?;
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

/// Takes the digits behind `\u` off the front, and the second half of a pair if it is there.
fn character(rest: &mut &[u8]) -> Option<char> {
    let (first, behind) = unit(rest)?;
    *rest = behind;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first);
    }
    let (second, behind) = unit(rest.strip_prefix(b"\\u")?)?;
    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    *rest = behind;
    char::from_u32(0x10000 + ((first - 0xd800) << 10) + low)
}

fn unit(digits: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, behind) = digits.split_at_checked(4)?;
    let unit = |unit, digit: &u8| Some(unit << 4 | char::from(*digit).to_digit(16)?);
    Some((digits.iter().try_fold(0, unit)?, behind))
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
    #[test]
    fn what_is_no_text_is_read_as_go_reads_it() {
        // Of Go 1.22: json.Unmarshal of the same bytes.
        for (raw, text) in [
            (&b"plain"[..], "plain"),
            (br"\ud83d\ude00", "\u{1f600}"),
            (br"\ud83d", "\u{fffd}"),
            (br"\ud83dx", "\u{fffd}x"),
            (br"\ud83d\n", "\u{fffd}\n"),
            (br"\ud83d\u0041", "\u{fffd}A"),
            (br"\ude00\ud83d", "\u{fffd}\u{fffd}"),
            (br"\ud83d\ud83d\ude00", "\u{fffd}\u{1f600}"),
            (b"a\xffb", "a\u{fffd}b"),
            (b"\xe2\x82A", "\u{fffd}\u{fffd}A"),
            (b"\\t\xf0\x9f\x98", "\t\u{fffd}\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(as_go_reads(raw), text, "{}", raw.escape_ascii());
        }
    }
}
