//! Bytes that anybody may have written, on their way to a terminal or a page.

use auditseal_chain::escape;

/// Characters that are escaped at a time: [`escape`] cuts longer texts.
const PIECE: usize = 1000;

/// The bytes as text in which nothing acts on a terminal or on an eye: what does so, or is no UTF-8,
/// becomes an escape, `\u{1b}` or `\xff`.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let (mut piece, mut count) = (String::new(), 0);
        for c in chunk.valid().chars() {
            piece.push(c);
            count += 1;
            if count == PIECE {
                text += &escape(&piece);
                (piece, count) = (String::new(), 0);
            }
        }
        text += &escape(&piece);
        for byte in chunk.invalid() {
            text += &format!("\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_who_reads() {
        assert_eq!(shown(b"a\x1b[31m\xff\0b"), r"a\u{1b}[31m\xff\u{0}b");
        assert_eq!(shown("gr\u{fc}n \u{202e}x".as_bytes()), "grün \\u{202e}x");
        let long = "\u{e9}\u{200b}".repeat(3000);
        assert_eq!(shown(long.as_bytes()), "\u{e9}\\u{200b}".repeat(3000));
        assert_eq!(shown(b""), "");
    }
}
