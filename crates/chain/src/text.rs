//! Making text fit for a terminal, and for JSON: names and causes come from whoever holds the bucket.

use std::fmt;

use serde::Serializer;

/// Longest text shown, in characters: a line stays a line whatever a name is.
const LIMIT: usize = 1200;

/// `text` without characters that act on a terminal or on a reader's eye instead of showing; each
/// becomes its Rust escape. Cut at 1,200 characters.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(LIMIT));
    for (at, c) in text.chars().enumerate() {
        if at == LIMIT {
            shown.push('…');
            break;
        }
        if hides(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

/// Text for any place in an HTML page.
#[must_use]
pub fn escape_html(text: &str) -> String {
    let mut page = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => page += "&lt;",
            '>' => page += "&gt;",
            '&' => page += "&amp;",
            '"' => page += "&quot;",
            '\'' => page += "&#39;",
            c => page.push(c),
        }
    }
    page
}

/// Whether a character hides something, or acts on who reads: controls, line and paragraph separators, zero-width
/// characters and changes of direction.
#[must_use]
pub fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Serialises an optional value as the text it prints, or `null`.
///
/// # Errors
/// Those of the serialiser.
pub fn displayed<T: fmt::Display, S: Serializer>(
    value: &Option<T>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.collect_str(value),
        None => to.serialize_none(),
    }
}

/// Serialises a value as the text it prints.
///
/// # Errors
/// Those of the serialiser.
pub fn shown<T: fmt::Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_markup() {
        assert_eq!(
            escape_html("<a b=\"c\" d='e'>&amp;"),
            "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;"
        );
    }

    #[test]
    fn nothing_acts_on_a_terminal() {
        assert_eq!(escape("a\u{1b}[31mb\n\u{202e}c"), "a\\u{1b}[31mb\\u{a}\\u{202e}c");
        assert_eq!(escape("grün"), "grün");
        let long = escape(&"ö".repeat(5000));
        assert_eq!(long.chars().count(), LIMIT + 1);
        assert!(long.ends_with('…'));
    }
}
