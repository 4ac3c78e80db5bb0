//! Names that others chose, on their way to a terminal or a log.

use std::ffi::OsStr;
use std::fmt;

/// A name or a path that anybody may have chosen, printed so that it can only be read: control
/// characters (a terminal would obey them, a new line would pass for a message of ours), bytes that
/// are no UTF-8, and characters that hide or reorder what stands beside them come out as escapes,
/// `\u{1b}` or `\xff`. A backslash is doubled, so that no two names look alike.
///
/// Every message that names a file of a source goes through this.
#[must_use]
pub fn printable(name: &(impl AsRef<OsStr> + ?Sized)) -> impl fmt::Display + fmt::Debug {
    Printable(name.as_ref())
}

#[derive(Debug)]
struct Printable<'a>(&'a OsStr);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        for chunk in self.0.as_encoded_bytes().utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '"' | '\'' => f.write_char(c)?,
                    c if hides(c) => write!(f, "{}", c.escape_unicode())?,
                    c => write!(f, "{}", c.escape_debug())?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Characters that no font shows and that `escape_debug` may let pass: of width zero, or setting
/// the direction of what follows.
fn hides(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    fn shown(name: &[u8]) -> String {
        printable(OsStr::from_bytes(name)).to_string()
    }

    #[test]
    fn what_can_be_read_stays_as_it_is() {
        for name in ["audit-2026-01-02T15-04-05.000.log.gz", "/var/log/it's \"ü\" 日志.log", ""]
        {
            assert_eq!(shown(name.as_bytes()), name);
        }
    }

    #[test]
    fn what_acts_on_a_terminal_or_an_eye_is_escaped() {
        for (name, expected) in [
            (&b"a\x1b[2Jb"[..], r"a\u{1b}[2Jb"),
            (b"a\nERROR b\r\t\0", r"a\nERROR b\r\t\0"),
            ("a\u{202e}gol.b".as_bytes(), r"a\u{202e}gol.b"),
            (
                "a\u{200b}\u{feff}\u{2028}\u{e0041}".as_bytes(),
                r"a\u{200b}\u{feff}\u{2028}\u{e0041}",
            ),
            ("\u{9b}31m\u{7f}".as_bytes(), r"\u{9b}31m\u{7f}"),
            (b"a\xff\xfeb", r"a\xff\xfeb"),
            (br"a\n", r"a\\n"),
        ] {
            assert_eq!(shown(name), expected);
        }
    }

    #[test]
    fn every_character_is_harmless() {
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let text = shown(c.to_string().as_bytes());
            assert!(!text.chars().any(|c| c.is_control() || hides(c)), "{:x}", u32::from(c));
        }
    }
}
