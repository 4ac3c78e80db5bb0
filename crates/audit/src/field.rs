//! Where a line says when it happened: a note's `times`.

use std::fmt;
use std::str::FromStr;

/// The key at which kube-apiserver writes when a stage of a request was reached.
const STAGE_TIMESTAMP: &[u8] = b"stageTimestamp";
/// Bytes of the longest name.
const LONGEST: usize = 64;

/// Where a line's time is: FORMAT.md, "Times". Its text is the value of a note's `times`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeField {
    /// `audit`: a Kubernetes audit event's `stageTimestamp`.
    Audit,
    /// `json:<field>`: the value of another top-level key.
    Json(FieldName),
    /// `none`: nowhere.
    None,
}

/// Name of a top-level key: 1–64 printable ASCII characters without space, `"` and `\`, and not
/// `stageTimestamp`, which is [`TimeField::Audit`]'s.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FieldName {
    bytes: [u8; LONGEST],
    length: u8,
}

impl FieldName {
    /// Checks a name; `None` if it can't be one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        let fits = (1..=LONGEST).contains(&text.len()) && text.bytes().all(plain);
        if !fits || text.as_bytes() == STAGE_TIMESTAMP {
            return None;
        }
        let mut bytes = [0; LONGEST];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Some(Self { bytes, length: u8::try_from(text.len()).ok()? })
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length.into()]
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{}", char::from(*byte)))
    }
}

impl fmt::Debug for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldName({self})")
    }
}

impl TimeField {
    /// The key, byte for byte; empty for [`TimeField::None`].
    pub(crate) fn name(&self) -> &[u8] {
        match self {
            Self::Audit => STAGE_TIMESTAMP,
            Self::Json(name) => name.as_bytes(),
            Self::None => b"",
        }
    }
}

impl fmt::Display for TimeField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Audit => f.write_str("audit"),
            Self::Json(name) => write!(f, "json:{name}"),
            Self::None => f.write_str("none"),
        }
    }
}

impl FromStr for TimeField {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "audit" => Ok(Self::Audit),
            "none" => Ok(Self::None),
            _ => text.strip_prefix("json:").and_then(FieldName::new).map(Self::Json).ok_or(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_one_text() {
        let longest = format!("json:{}", "x".repeat(64));
        for text in
            ["audit", "none", "json:time", "json:@timestamp", "json:a:b", "json:~!", &longest]
        {
            assert_eq!(text.parse::<TimeField>().unwrap().to_string(), text);
        }
        let longer = format!("json:{}", "x".repeat(65));
        for text in [
            "",
            "json",
            "json:",
            "Audit",
            "audit ",
            "json:a b",
            "json:a\"",
            "json:a\\",
            "json:é",
            "json:a\u{7f}",
            "json:a\n",
            "json:stageTimestamp",
            &longer,
        ] {
            assert_eq!(text.parse::<TimeField>(), Err(()), "{text}");
        }
    }
}
