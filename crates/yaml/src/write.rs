//! Writes a value as kubectl would, and a note behind each scalar.

use serde_json::Value;

/// One step into a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum YamlStep<'a> {
    /// The member of this name.
    Key(&'a str),
    /// The element at this place.
    Index(usize),
}

/// Writes a value, with what `note` says of each scalar, empty list and empty object behind it as a comment. Characters that `hides` says
/// hide something are written as escapes, and so is what begins or ends a line.
#[must_use]
pub fn write(
    value: &Value,
    hides: &dyn Fn(char) -> bool,
    note: &mut dyn FnMut(&[YamlStep<'_>]) -> Option<String>,
) -> String {
    let mut writer = Writer { out: String::new(), hides, note };
    writer.value(value, 0, &mut Vec::new(), Place::Line);
    writer.out
}

/// Where a value begins.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// At the begin of a line that isn't indented yet.
    Line,
    /// Behind a key, `a:`.
    Key,
    /// Behind a dash, which already stands where the value's lines begin.
    Dash,
}

struct Writer<'w> {
    out: String,
    hides: &'w dyn Fn(char) -> bool,
    note: &'w mut dyn FnMut(&[YamlStep<'_>]) -> Option<String>,
}

impl Writer<'_> {
    fn value<'v>(
        &mut self,
        value: &'v Value,
        depth: usize,
        path: &mut Vec<YamlStep<'v>>,
        place: Place,
    ) {
        match value {
            Value::Object(members) if !members.is_empty() => {
                let mut first = place == Place::Dash;
                if place == Place::Key {
                    self.out.push('\n');
                }
                for (key, value) in members {
                    self.indent(if first { 0 } else { depth });
                    first = false;
                    let key_text = self.scalar(key);
                    self.out += &key_text;
                    self.out.push(':');
                    path.push(YamlStep::Key(key));
                    // A list stands below its key without more indent, as kubectl writes it.
                    let inner = if value.is_array() { depth } else { depth + 1 };
                    self.value(value, inner, path, Place::Key);
                    path.pop();
                }
            }
            Value::Array(items) if !items.is_empty() => {
                let mut first = place == Place::Dash;
                if place == Place::Key {
                    self.out.push('\n');
                }
                for (at, item) in items.iter().enumerate() {
                    self.indent(if first { 0 } else { depth });
                    first = false;
                    self.out.push_str("- ");
                    path.push(YamlStep::Index(at));
                    self.value(item, depth + 1, path, Place::Dash);
                    path.pop();
                }
            }
            scalar => self.leaf(scalar, depth, path, place),
        }
    }

    fn indent(&mut self, depth: usize) {
        self.out.extend(std::iter::repeat_n("  ", depth));
    }

    fn leaf(&mut self, value: &Value, depth: usize, path: &[YamlStep<'_>], place: Place) {
        if place == Place::Key {
            self.out.push(' ');
        }
        let note = (self.note)(path).map(|note| format!("  # {note}")).unwrap_or_default();
        let text = match value {
            Value::String(text) => match self.block(text, depth.max(1)) {
                Some((head, lines)) => {
                    self.out += &format!("{head}{note}\n{lines}");
                    return;
                }
                None => self.scalar(text),
            },
            other => other.to_string(),
        };
        self.out += &format!("{text}{note}\n");
    }

    /// A text of several lines as a block, if nothing in it is hidden and no line could be taken for a key, an element or
    /// a comment.
    fn block(&self, text: &str, depth: usize) -> Option<(&'static str, String)> {
        let lines = text.strip_suffix('\n').unwrap_or(text);
        let plain = |line: &str| {
            !line.is_empty()
                && !line.starts_with([' ', '\t', '-'])
                && !line.contains([':', '#'])
                && !line.ends_with([' ', '\t'])
                && !line.chars().any(|c| self.escaped(c))
        };
        if !lines.contains('\n')
            || !lines.split('\n').all(|line| line.is_empty() || plain(line))
            || !lines.split('\n').next().is_some_and(plain)
            || lines.ends_with('\n')
        {
            return None;
        }
        let indent = "  ".repeat(depth);
        let line = |line: &str| {
            if line.is_empty() { "\n".to_owned() } else { format!("{indent}{line}\n") }
        };
        let head = if text.ends_with('\n') { "|" } else { "|-" };
        Some((head, lines.split('\n').map(line).collect()))
    }

    fn escaped(&self, c: char) -> bool {
        c.is_control() || (self.hides)(c)
    }

    /// A text as it is where that can't be taken for anything else, or in quotes.
    fn scalar(&self, text: &str) -> String {
        let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
            && !WORDS.contains(&&*text.to_ascii_lowercase());
        if plain {
            return text.to_owned();
        }
        let mut quoted = "\"".to_owned();
        for c in text.chars() {
            match c {
                '"' | '\\' => quoted.extend(['\\', c]),
                '\n' => quoted.push_str("\\n"),
                '\t' => quoted.push_str("\\t"),
                c if self.escaped(c) && u32::from(c) > 0xffff => {
                    quoted += &format!("\\U{:08x}", u32::from(c))
                }
                c if self.escaped(c) => quoted += &format!("\\u{:04x}", u32::from(c)),
                c => quoted.push(c),
            }
        }
        quoted.push('"');
        quoted
    }
}

/// Words that YAML 1.1 or 1.2 take for something else than text.
const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn plain(value: &Value) -> String {
        write(value, &|c| c == '\u{202e}', &mut |_| None)
    }

    #[test]
    fn values_are_written_as_kubectl_writes_them() {
        let value = json!({"apiVersion": "v1", "data": {"f": "a b\n\nc\n", "g": "x\ny", "h": "a\nb: 1  # exact\n"}, "empty": {}, "list": [],
            "spec": {"ports": [{"port": 80, "name": "http"}, [1, [2]]], "yes": "no", "s": "a b", "t": "\u{202e}x\u{1b}"}});
        let text = plain(&value);
        assert_eq!(
            text,
            "apiVersion: v1\ndata:\n  f: |\n    a b\n\n    c\n  g: |-\n    x\n    y\n  h: \"a\\nb: 1  # exact\\n\"\nempty: {}\nlist: []\nspec:\n  ports:\n  - name: http\n    port: 80\n  - - 1\n    - - 2\n  s: \"a b\"\n  t: \"\\u202ex\\u001b\"\n  \"yes\": \"no\"\n"
        );
        let noted = write(&json!({"a": [1, {"b": "x\ny"}]}), &|_| false, &mut |path| {
            Some(format!("{path:?}"))
        });
        assert_eq!(
            noted,
            "a:\n- 1  # [Key(\"a\"), Index(0)]\n- b: |-  # [Key(\"a\"), Index(1), Key(\"b\")]\n    x\n    y\n"
        );
    }

    fn value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "[ -~\n\té\u{202e}\u{85}#:]{0,12}",
            "[ab]{1,3}(\n[a #]{0,4}){1,3}\n?",
            Just("yes".to_owned()),
            Just("1e3".to_owned())
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            text.prop_map(Value::from)
        ];
        leaf.prop_recursive(5, 60, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[ -~é]{0,6}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// What is written is read as the same, and on a terminal nothing acts.
        #[test]
        fn what_is_written_is_read_as_the_same(value in value()) {
            let text = write(&value, &|c| c == '\u{202e}', &mut |_| Some("a note".to_owned()));
            prop_assert_eq!(crate::read::<Value>(&text), Ok(value), "{}", text);
            let acts = |c: char| c == '\u{202e}' || c.is_control() && c != '\n';
            prop_assert!(!text.contains(acts), "{:?}", text);
        }
    }
}
