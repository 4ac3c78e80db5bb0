//! Whether what a sink says quotes who asks: then none of its words are written down.
//!
//! How it spells what it quotes isn't ours to say: JSON has several spellings of a character, URLs and pages of HTML
//! have others, and it may quote a part. But none of them touches letters and digits, or else they are undone here.

use std::collections::HashSet;

use memchr::memmem;

/// Characters of a secret by which it is known: with fewer of it nobody does anything.
const PART: usize = 12;
/// Characters of the shortest secret that is looked for: a shorter one is in every second word.
const LEAST: usize = 4;
/// How often escapes are undone: a text of JSON may quote one.
const UNDONE: usize = 3;

/// Whether a text has one of these secrets in it, or a part that tells of it, in any spelling.
#[must_use]
pub fn quotes<'a>(text: &[u8], secrets: impl Iterator<Item = &'a str>) -> bool {
    let (mut parts, mut short) = (HashSet::new(), Vec::new());
    for secret in secrets.map(str::as_bytes).filter(|secret| secret.len() >= LEAST) {
        parts.extend(secret.windows(PART));
        if secret.len() < PART {
            let runs = secret.split(|byte| !byte.is_ascii_alphanumeric());
            let run = runs.max_by_key(|run| run.len()).filter(|run| run.len() >= LEAST);
            short.push(run.unwrap_or(secret));
        }
    }
    if parts.is_empty() && short.is_empty() {
        return false;
    }
    let shows = |text: &[u8]| {
        short.iter().any(|secret| memmem::find(text, secret).is_some())
            || (!parts.is_empty() && text.windows(PART).any(|part| parts.contains(part)))
    };
    any_undone(text, (UNDONE, UNDONE), &shows)
}

/// Whether something holds for a text, or for it with escapes of JSON and of URLs undone up to so many times each, in
/// whichever order they were made: what looks like one of JSON's may be a part of what was quoted in a URL, and the other way round.
fn any_undone(text: &[u8], (json, url): (usize, usize), holds: &impl Fn(&[u8]) -> bool) -> bool {
    if holds(text) {
        return true;
    }
    let again = |escapes, left| {
        let plain = undone(text, escapes);
        plain != text && any_undone(&plain, left, holds)
    };
    json > 0 && again(Escapes::Json, (json - 1, url))
        || url > 0 && again(Escapes::Url, (json, url - 1))
}

/// Whose escapes are undone.
#[derive(Debug, Clone, Copy)]
enum Escapes {
    Json,
    Url,
}

/// The text with the escapes of one kind undone, as far as they are of ASCII.
fn undone(text: &[u8], escapes: Escapes) -> Vec<u8> {
    let (mut plain, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((first, behind)) = rest.split_first() {
        let (byte, left) = match (escapes, first, behind) {
            (Escapes::Json, b'\\', [b'u', hex @ ..]) => code(hex, 4).unwrap_or((*first, behind)),
            (Escapes::Json, b'\\', [escaped @ (b'"' | b'\\' | b'/'), left @ ..]) => {
                (*escaped, left)
            }
            (Escapes::Url, b'%', hex) => code(hex, 2).unwrap_or((*first, behind)),
            _ => (*first, behind),
        };
        plain.push(byte);
        rest = left;
    }
    plain
}

/// A byte of so many hexadecimal digits, and what stands behind them.
fn code(text: &[u8], digits: usize) -> Option<(u8, &[u8])> {
    let (digits, left) = text.split_at_checked(digits)?;
    let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some((u8::try_from(code).ok()?, left))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn shown(text: &str, secrets: &[&str]) -> bool {
        quotes(text.as_bytes(), secrets.iter().copied())
    }

    /// As Gson, Go, PHP, a URL and a page of HTML spell it; cut; and in a text within a text.
    #[test]
    fn a_secret_is_known_in_each_spelling() {
        let (basic, token) = ("YW5uOkhVTlRFUjI=", "tok/HUNTER2+abc=&x");
        for text in [
            r"Basic YW5uOkhVTlRFUjI\u003d",
            "Basic YW5uOkhVTlRFUjI=",
            "Basic YW5uOkhVTlRFU",
            "Basic%20YW5uOkhVTlRFUjI%3D",
            r"Bearer tok\/HUNTER2+abc=&x",
            r"Bearer tok/HUNTER2\u002Babc\u003d\u0026x",
            r"Bearer tok\u002fHUNTER2+abc=\u0026amp;x",
            r#"{\"asked\":\"tok\\\/HUNTER2\\u002babc=&x\"}"#,
            r"\u0074\u006f\u006b\u002f\u0048\u0055\u004e\u0054\u0045\u0052\u0032\u002babc",
            "Bearer tok%2FHUNTER2%2Babc",
        ] {
            assert!(shown(text, &[basic, token]), "{text}");
        }
        // What in the secret itself looks like an escape of the other kind stays as it is.
        let mixed = r"Aa    \Aa%0A";
        assert!(shown(&json!(mixed).to_string(), &[mixed]));
        assert!(shown(r"Aa%20%20%20%20%5CAa%250A", &[mixed]));
        // Twice in a URL, in a text within a text.
        let both = json!(json!("Bearer tok%252FHUNTER2%252Babc").to_string()).to_string();
        assert!(shown(&both.replace('%', r"\\u0025"), &[token]));
        for text in ["no permissions for [name=ann]", "HUNTER", "%zz \\u00 \\uzzzz \\", ""] {
            assert!(!shown(text, &[basic, token]), "{text}");
        }
        // Short ones are known by their letters and digits.
        assert!(shown("pass p&amp;ss1234", &["p&ss1234"]) && !shown("p&amp;ss", &["p&ss1234"]));
        assert!(!shown("abc", &["abc"]), "in every second word");
    }

    /// Ten times as often as is undone: by then it was shown, or nobody reads it.
    #[test]
    fn an_end_is_made_of_undoing() {
        let mut text = "\"secret".to_owned();
        for _ in 0..10 {
            text = json!(text).to_string();
        }
        assert!(shown(&text, &["secret"]) && text.len() > UNDONE);
    }

    proptest! {
        #[test]
        fn what_is_quoted_as_json_is_known(secret in "[ -~]{12,60}", depth in 0..UNDONE) {
            let mut text = format!("asked with {secret}");
            for _ in 0..depth {
                text = json!(text).to_string();
            }
            prop_assert!(shown(&text, &[&secret]));
        }

        #[test]
        fn anything_is_undone(text in any::<Vec<u8>>()) {
            for escapes in [Escapes::Json, Escapes::Url] {
                prop_assert!(undone(&text, escapes).len() <= text.len());
            }
        }
    }
}
