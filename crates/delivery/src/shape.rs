//! What of an event a sink gets: which fields, without which, and how long at most.

use std::fmt;
use std::str::FromStr;

/// The fewest bytes that an event may be cut to: room for what it cites and for a few of its fields.
pub const LEAST_EVENT: usize = 4096;

/// Paths of fields, like `requestObject.data`: names with dots between them.
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

impl FromStr for FieldList {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let path = |path: &str| -> Result<Vec<String>, ()> {
            let names: Vec<String> = path.split('.').map(str::to_owned).collect();
            if names.iter().any(String::is_empty) { Err(()) } else { Ok(names) }
        };
        text.split(',').map(path).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for FieldList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<String> = self.0.iter().map(|path| path.join(".")).collect();
        f.write_str(&paths.join(","))
    }
}

/// What of an event a sink gets. The archive has all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Only these members of the event, by their first names; none: all.
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
        for bad in ["", "a,,b", "a..b", ".a", "a."] {
            assert!(bad.parse::<FieldList>().is_err(), "{bad}");
        }
    }
}
