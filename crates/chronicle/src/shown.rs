//! What anybody may have written, on its way to a terminal or a page.

use auditseal_chain::{escape, escape_html, hides};
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

/// Text for any place in an HTML page, in which nothing acts on an eye either.
pub(crate) fn html(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && hides(c) { plain.extend(c.escape_unicode()) } else { plain.push(c) }
    }
    escape_html(&plain)
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
