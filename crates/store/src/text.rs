//! Making foreign text fit for a log line: errors quote what servers and libraries wrote.

/// Puts `text` on one line of at most `limit` characters, without control characters.
#[must_use]
pub fn clean(text: &str, limit: usize) -> String {
    let text = if looks_like_html(text) { page_title(text) } else { text.to_owned() };
    let mut line = String::new();
    let mut length = 0;
    for word in text.split(|c: char| c.is_whitespace() || hides(c)).filter(|w| !w.is_empty()) {
        let gap = usize::from(length > 0);
        let room = limit.saturating_sub(length + gap);
        if gap == 1 && room > 0 {
            line.push(' ');
        }
        line.extend(word.chars().take(room));
        length += gap + word.chars().count();
        if length > limit {
            line.push('…');
            break;
        }
    }
    line
}

/// Characters that act on a terminal or on a reader's eye instead of showing.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Whether `text` is an HTML page: a proxy's or a portal's answer, never a store's.
#[must_use]
pub fn looks_like_html(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(512).collect();
    let start = start.to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.contains("<html")
}

fn page_title(page: &str) -> String {
    match between(page, "<title>", "</title>") {
        Some(title) => format!("an HTML page, \"{}\"", title.trim()),
        None => "an HTML page".to_owned(),
    }
}

/// The text between the first `open` and the next `close`.
#[must_use]
pub fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    rest.split_once(close).map(|(inner, _)| inner)
}

/// What introduces a secret in a URL or a header; compared in lower case.
const SECRETS: [&str; 11] = [
    "sig=",
    "signature=",
    "x-amz-security-token=",
    "x-amz-credential=",
    "access_token=",
    "client_secret=",
    "refresh_token=",
    "assertion=",
    "password=",
    "bearer ",
    "sharedkey ",
];

/// Masks what looks like a credential: signatures and tokens in URLs and headers, and `user:pass@`.
///
/// Nothing is meant to get this far; this is the second line, because texts come from libraries
/// that don't promise it.
pub(crate) fn redact(text: &str) -> String {
    let mut text = text.to_owned();
    for marker in SECRETS {
        let mut from = 0;
        while let Some(at) = find_ignoring_case(&text, marker, from) {
            let start = at + marker.len();
            let length = secret_length(&text, start);
            text.replace_range(start..start + length, "***");
            from = start;
        }
    }
    let mut from = 0;
    while let Some(at) = find_ignoring_case(&text, "://", from) {
        let start = at + 3;
        let authority = text.get(start..).map_or("", |rest| {
            rest.split(|c: char| c == '/' || c == '?' || c.is_whitespace()).next().unwrap_or("")
        });
        if let Some(end) = authority
            .rfind('@')
            .filter(|end| authority.get(..*end).is_some_and(|user| user.contains(':')))
        {
            text.replace_range(start..start + end, "***");
        }
        from = start;
    }
    text
}

fn find_ignoring_case(text: &str, needle: &str, from: usize) -> Option<usize> {
    // Only ASCII changes case here, so the positions are those of `text`.
    text.to_ascii_lowercase().get(from..)?.find(needle).map(|at| at + from)
}

fn secret_length(text: &str, start: usize) -> usize {
    let rest = text.get(start..).unwrap_or("");
    rest.find(|c: char| c.is_whitespace() || matches!(c, '&' | '"' | '\'' | '<' | ',' | ')'))
        .unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_reduced_to_its_title() {
        let page = "\n<!DOCTYPE html>\n<html><head><title> Log in </title></head><body>x</body>";
        assert_eq!(clean(page, 100), "an HTML page, \"Log in\"");
        assert_eq!(clean("<html><body>hi", 100), "an HTML page");
        assert_eq!(clean("<Error><Code>X</Code></Error>", 100), "<Error><Code>X</Code></Error>");
    }

    #[test]
    fn cut_at_the_limit() {
        assert_eq!(clean("ab cd ef", 8), "ab cd ef");
        assert_eq!(clean("ab cd ef", 7), "ab cd e…");
        assert_eq!(clean("ab cd ef", 5), "ab cd…");
        assert_eq!(clean("öööö", 2), "öö…");
        assert_eq!(clean("", 2), "");
    }

    #[test]
    fn credentials_are_masked() {
        for (given, expected) in [
            (
                "GET https://a/b?sv=1&SIG=abc%2Fd&x=1 failed",
                "GET https://a/b?sv=1&SIG=***&x=1 failed",
            ),
            ("Authorization: Bearer ya29.abc", "Authorization: Bearer ***"),
            ("proxy http://joe:pw@p:3128/ refused", "proxy http://***@p:3128/ refused"),
            (
                "X-Amz-Signature=0a1b, X-Amz-Credential=AK/2026",
                "X-Amz-Signature=***, X-Amz-Credential=***",
            ),
            (
                "abfss://box@account.dfs.core.windows.net/x",
                "abfss://box@account.dfs.core.windows.net/x",
            ),
            ("sig=a sig=b", "sig=*** sig=***"),
        ] {
            assert_eq!(redact(given), expected);
        }
    }
}
