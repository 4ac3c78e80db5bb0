//! What anybody may have written, on its way to a terminal or a page.

use auditseal_chain::escape;
use auditseal_history::life::{ObjectName, Side};
use serde_json::Value;

/// An object, as kubectl would be asked for it.
#[must_use]
pub fn object_name(object: &ObjectName) -> String {
    let group = if object.group.is_empty() { String::new() } else { format!(".{}", object.group) };
    let space = if object.namespace.is_empty() {
        String::new()
    } else {
        format!(" -n {}", object.namespace)
    };
    escape(&format!("{}{group}/{}{space}", object.resource, object.name))
}

/// A value on one line: at most 1,200 characters of it.
pub(crate) fn value(value: &Value) -> String {
    escape(&value.to_string())
}

/// The same of one side of a change.
pub(crate) fn side(side: &Side) -> String {
    match side {
        Side::Value(one) => value(one),
        Side::Absent => "nothing".to_owned(),
        Side::Unknown => "unknown".to_owned(),
    }
}

/// Whether a character hides something, or acts on who reads.
pub(crate) fn hides(c: char) -> bool {
    let mut text = [0; 4];
    let text: &str = c.encode_utf8(&mut text);
    escape(text) != text
}

/// Text for any place in an HTML page, in which nothing acts on an eye either.
pub(crate) fn html(text: &str) -> String {
    let mut page = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => page += "&lt;",
            '>' => page += "&gt;",
            '&' => page += "&amp;",
            '"' => page += "&quot;",
            '\'' => page += "&#39;",
            '\n' => page.push('\n'),
            c if hides(c) => page.extend(c.escape_unicode()),
            c => page.push(c),
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_markup_and_nothing_acts_on_who_reads() {
        assert_eq!(
            html("<a b=\"c\" d='e'>&\u{202e}\u{1b}\né"),
            "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;\\u{202e}\\u{1b}\né"
        );
        let object = ObjectName {
            group: "g".into(),
            resource: "r".into(),
            namespace: "n\n".into(),
            name: "\u{1b}x".into(),
        };
        assert_eq!(object_name(&object), "r.g/\\u{1b}x -n n\\u{a}");
        assert_eq!(
            value(&Value::from("\u{202e}".repeat(10_000))).chars().filter(|c| *c == '…').count(),
            1
        );
    }
}
