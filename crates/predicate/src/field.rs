//! Fields by their paths.

use std::borrow::Cow;
use std::str::FromStr;

use crate::cel::Refused;
use crate::event::Event;

/// Where a field is: `user.username`, `annotations['a.b/c']`, `requestObject.spec.ports[0].port`, or a derived
/// field such as `effectiveUser`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath(String);

/// What an event has at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// A string, as Go reads it: what isn't UTF-8 is U+FFFD.
    Text(Cow<'a, str>),
    /// A number, as it stands in the line.
    Number(&'a str),
    /// `true` or `false`.
    Bool(bool),
    /// A list or an object: its JSON, as it stands in the line.
    Json(&'a [u8]),
    /// Texts that were derived.
    Texts(Vec<Cow<'a, str>>),
    /// Nothing, or `null`: it would have been logged.
    Absent,
    /// The level left it out, truncation cut it, the stage is too early, or it stands twice.
    Unknown,
}

impl FieldPath {
    /// What an event has there.
    #[must_use]
    pub(crate) fn of<'a>(&self, _event: &Event<'a>) -> FieldValue<'a> {
        FieldValue::Unknown
    }
}

impl FromStr for FieldPath {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        Ok(Self(text.to_owned()))
    }
}
