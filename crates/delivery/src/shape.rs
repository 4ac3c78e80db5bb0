//! What of an event a sink gets: which fields, without which, and how long at most.

use std::fmt;
use std::str::FromStr;

/// The fewest bytes that an event may be cut to: room for what it cites and for a few of its fields.
pub const LEAST_EVENT: usize = 4096;

/// Paths of fields, like `requestObject.data`: names with dots between them. A name that has a dot or a comma itself
/// stands in quotation marks: `metadata.annotations."example.com/a"`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldList(Vec<Vec<String>>);

impl FieldList {
    /// The paths.
    pub fn paths(&self) -> impl Iterator<Item = &[String]> {
        self.0.iter().map(Vec::as_slice)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FieldList {
    /// Adds the paths of another list.
    pub fn add(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

impl FromStr for FieldList {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (mut paths, mut rest) = (vec![Vec::new()], text);
        loop {
            let (name, behind) = name(rest)?;
            paths.last_mut().ok_or(())?.push(name.to_owned());
            match behind.as_bytes().first() {
                None => return Ok(Self(paths)),
                Some(b',') => paths.push(Vec::new()),
                // What ends a name that isn't quoted, or stands behind one that is.
                Some(b'.') => {}
                Some(_) => return Err(()),
            }
            rest = &behind[1..];
        }
    }
}

/// A name, in quotation marks where it has dots or commas, and what stands behind it.
fn name(text: &str) -> Result<(&str, &str), ()> {
    let (name, behind) = match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').ok_or(())?,
        None => text.split_at(text.find(['.', ',', '"']).unwrap_or(text.len())),
    };
    if name.is_empty() { Err(()) } else { Ok((name, behind)) }
}

/// A path as it is given on the command line.
pub(crate) fn path_text(path: &[String]) -> String {
    let names = path
        .iter()
        .map(|name| if name.contains(['.', ',']) { format!("\"{name}\"") } else { name.clone() });
    names.collect::<Vec<_>>().join(".")
}

impl fmt::Display for FieldList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<String> = self.0.iter().map(|path| path_text(path)).collect();
        f.write_str(&paths.join(","))
    }
}

/// What of an event a sink gets. The archive has all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Only these of the event; none: all.
    pub fields: FieldList,
    /// Without these.
    pub redact: FieldList,
    /// Bytes of the event; a longer one is cut.
    pub most: Option<usize>,
}

impl Shape {
    /// Whether a line of so many bytes goes as it is.
    #[must_use]
    pub fn leaves(&self, bytes: usize) -> bool {
        self.fields.is_empty()
            && self.redact.is_empty()
            && self.most.is_none_or(|most| bytes <= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_paths() {
        let list: FieldList = "requestObject.data,user.extra,verb".parse().unwrap();
        assert_eq!(list.paths().map(<[String]>::len).collect::<Vec<_>>(), [2, 2, 1]);
        assert_eq!(list.to_string(), "requestObject.data,user.extra,verb");
        let quoted = r#"a."b.c/d,e".f,"g.h""#;
        let list: FieldList = quoted.parse().unwrap();
        assert_eq!(list.paths().next().unwrap(), ["a", "b.c/d,e", "f"]);
        assert_eq!(list.to_string(), quoted);
        for bad in ["", "a,,b", "a..b", ".a", "a.", "\"a", "\"\"", "a\"b\"", "\"a\"b"] {
            assert!(bad.parse::<FieldList>().is_err(), "{bad}");
        }
    }
}
