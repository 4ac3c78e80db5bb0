//! Words of CEL.

/// A word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    Name(String),
    Text(String),
    /// A number without its sign, as JSON writes one.
    Number(String),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

/// Operators and brackets, longest first.
const SIGNS: [&str; 25] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "-", "+", "*", "/", "%", "?", ":", ".", ",",
    "(", ")", "[", "]", "{", "}", "=",
];

/// A word and the byte at which it begins.
pub(super) type Placed = (usize, Word);

/// All words of a text, the end last.
///
/// # Errors
/// The place and what is wrong there.
pub(super) fn words(text: &str) -> Result<Vec<Placed>, (usize, String)> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or_default();
        if first.is_ascii_whitespace() {
            at += 1;
        } else if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else {
            let (word, length) = word(rest).map_err(|(behind, why)| (at + behind, why))?;
            words.push((at, word));
            at += length;
        }
    }
    words.push((text.len(), Word::End));
    Ok(words)
}

fn word(rest: &str) -> Result<(Word, usize), (usize, String)> {
    let raw = rest.starts_with("r'")
        || rest.starts_with("r\"")
        || rest.starts_with("R'")
        || rest.starts_with("R\"");
    let first = rest.chars().next().unwrap_or_default();
    match first {
        _ if raw => string(&rest[1..], true)
            .map(|(word, length)| (word, length + 1))
            .map_err(|(at, why)| (at + 1, why)),
        '\'' | '"' => string(rest, false),
        '0'..='9' => number(rest),
        'a'..='z' | 'A'..='Z' | '_' => {
            let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
            let length = rest.find(ends).unwrap_or(rest.len());
            if rest[length..].starts_with(['\'', '"']) {
                return Err((0, "bytes can't be asked for: an event holds text".to_owned()));
            }
            Ok((Word::Name(rest[..length].to_owned()), length))
        }
        _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            Some(&"=") => Err((0, "`=` assigns: to compare, write `==`".to_owned())),
            Some(sign) => Ok((Word::Sign(sign), sign.len())),
            None => Err((0, format!("{first:?} means nothing in CEL"))),
        },
    }
}

/// A number, as JSON writes it: hexadecimal digits are turned into decimal ones, and the `u` of an unsigned one is left
/// out.
fn number(rest: &str) -> Result<(Word, usize), (usize, String)> {
    let wrong = |why: &str| Err((0, why.to_owned()));
    let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '.');
    let mut length = rest.find(ends).unwrap_or(rest.len());
    // The sign of an exponent.
    let hex = rest.starts_with("0x") || rest.starts_with("0X");
    if !hex && rest[..length].ends_with(['e', 'E']) && rest[length..].starts_with(['+', '-']) {
        let behind = &rest[length + 1..];
        length += 1 + behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
    }
    let written = &rest[..length];
    let plain = written.strip_suffix(['u', 'U']).unwrap_or(written);
    if hex {
        return match u64::from_str_radix(&plain[2..], 16) {
            Ok(value) => Ok((Word::Number(value.to_string()), length)),
            Err(_) => wrong("not a hexadecimal number of at most 64 bits"),
        };
    }
    if plain.bytes().all(|byte| byte.is_ascii_digit()) {
        let digits = plain.trim_start_matches('0');
        return match digits.parse::<u64>() {
            Ok(value) => Ok((Word::Number(value.to_string()), length)),
            Err(_) if digits.is_empty() => Ok((Word::Number("0".to_owned()), length)),
            Err(_) => {
                wrong("a whole number of more than 64 bits: write it with a fraction, `1e20`")
            }
        };
    }
    let (mantissa, exponent) = plain.split_once(['e', 'E']).unwrap_or((plain, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if plain.len() == written.len() && digits(whole) && digits(fraction) && digits(exponent) {
        return Ok((Word::Number(plain.to_owned()), length));
    }
    wrong("not a number")
}

/// A string between quotes, one or three of a kind.
fn string(rest: &str, raw: bool) -> Result<(Word, usize), (usize, String)> {
    let quote = &rest[..1];
    let three = quote.repeat(3);
    let (quote, long) =
        if rest.starts_with(&three) { (three.as_str(), true) } else { (quote, false) };
    let mut out = String::new();
    let mut at = quote.len();
    loop {
        let behind = &rest[at..];
        if behind.starts_with(quote) {
            return Ok((Word::Text(out), at + quote.len()));
        }
        let Some(next) = behind.chars().next().filter(|next| long || *next != '\n') else {
            return Err((0, "a string without its closing quote".to_owned()));
        };
        if next == '\\' && !raw {
            let (meant, length) = escape(&behind[1..]).map_err(|why| (at, why.to_owned()))?;
            out.push(meant);
            at += 1 + length;
        } else {
            out.push(next);
            at += next.len_utf8();
        }
    }
}

/// What stands behind a `\`, and how long it is.
fn escape(rest: &str) -> Result<(char, usize), &'static str> {
    let unknown = "an escape that CEL doesn't know: for a plain `\\`, write `\\\\` or r'…'";
    let first = rest.chars().next().ok_or(unknown)?;
    let coded = |from: usize, digits: usize, radix: u32| {
        let text = rest
            .get(from..from + digits)
            .filter(|text| text.bytes().all(|b| b.is_ascii_alphanumeric()));
        let code = text.and_then(|text| u32::from_str_radix(text, radix).ok());
        code.and_then(char::from_u32)
            .map(|meant| (meant, from + digits))
            .ok_or("not the code of a character")
    };
    match first {
        'n' => Ok(('\n', 1)),
        'r' => Ok(('\r', 1)),
        't' => Ok(('\t', 1)),
        'a' => Ok(('\x07', 1)),
        'b' => Ok(('\x08', 1)),
        'f' => Ok(('\x0c', 1)),
        'v' => Ok(('\x0b', 1)),
        '\\' | '\'' | '"' | '`' | '?' => Ok((first, 1)),
        'x' | 'X' => coded(1, 2, 16),
        'u' => coded(1, 4, 16),
        'U' => coded(1, 8, 16),
        '0'..='3' => coded(0, 3, 8),
        _ => Err(unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Word> {
        words(text).unwrap().into_iter().map(|(_, word)| word).collect()
    }

    #[test]
    fn words_are_what_they_mean() {
        let text = |text: &str| Word::Text(text.to_owned());
        let number = |text: &str| Word::Number(text.to_owned());
        assert_eq!(
            all("a_1.b>=0x1F // no\n'x\\u00e9\\n\\101\\''"),
            [
                Word::Name("a_1".to_owned()),
                Word::Sign("."),
                Word::Name("b".to_owned()),
                Word::Sign(">="),
                number("31"),
                text("xé\nA'"),
                Word::End,
            ]
        );
        assert_eq!(
            all(r#"r'\d' "a'b" '''a'b
c'''"#),
            [text(r"\d"), text("a'b"), text("a'b\nc"), Word::End]
        );
        assert_eq!(
            all("403 7u 007 1.50 1e3 2.5e-7 18446744073709551615"),
            [
                number("403"),
                number("7"),
                number("7"),
                number("1.50"),
                number("1e3"),
                number("2.5e-7"),
                number("18446744073709551615"),
                Word::End
            ]
        );
    }

    #[test]
    fn what_is_no_word_is_refused_where_it_is() {
        for (text, at, why) in [
            ("a = 1", 2, "`==`"),
            ("a == 'x", 5, "closing quote"),
            ("a == 'x\ny'", 5, "closing quote"),
            ("a == 'x\\q'", 7, "escape"),
            ("'\\ud800'", 1, "code of a character"),
            ("'\\x+1'", 1, "code of a character"),
            ("a & b", 2, "'&' means nothing"),
            ("a == b'x'", 5, "bytes"),
            ("1.2.3", 0, "not a number"),
            ("12ab", 0, "not a number"),
            ("1e+", 0, "not a number"),
            ("99999999999999999999", 0, "64 bits"),
            ("0xfffffffffffffffff", 0, "64 bits"),
            ("é", 0, "means nothing"),
        ] {
            let (found, words) = words(text).unwrap_err();
            assert_eq!(found, at, "{text}: {words}");
            assert!(words.contains(why), "{text}: {words}");
        }
    }
}
