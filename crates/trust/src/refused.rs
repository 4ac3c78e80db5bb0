//! Why a text is none of the two files.

use std::fmt;

/// What is wrong, and in which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it, for a person.
    pub what: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for Refused {}

/// The lines of a file that say something, numbered from 1: all but the first, empty ones and remarks.
///
/// # Errors
/// Unless the text begins with this version, ends its last line, and holds nothing that a terminal
/// would act on.
pub(crate) fn lines<'a>(text: &'a str, version: &str) -> Result<Vec<(usize, &'a str)>, Refused> {
    let refuse = |line, what: String| Err(Refused { line, what });
    let Some(rest) = text.strip_suffix('\n') else {
        return refuse(text.lines().count().max(1), "the last line has no end".to_owned());
    };
    let mut said = Vec::new();
    for (at, line) in rest.split('\n').enumerate() {
        if line.chars().any(char::is_control) {
            return refuse(at + 1, "it has a control character".to_owned());
        }
        match at {
            0 if line == version => {}
            0 => return refuse(1, format!("the first line is not {version}")),
            _ if line.is_empty() || line.starts_with('#') => {}
            _ => said.push((at + 1, line)),
        }
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_left_out_and_counted() {
        let text = "v\n# who gave it\n\none\n#\ntwo\n";
        assert_eq!(lines(text, "v"), Ok(vec![(4, "one"), (6, "two")]));
        assert_eq!(lines("v\n", "v"), Ok(vec![]));
        for (text, line) in [("", 1), ("v", 1), ("w\n", 1), ("\nv\n", 1), ("# v\n", 1), ("v\na", 2)]
        {
            assert_eq!(lines(text, "v").unwrap_err().line, line, "{text:?}");
        }
        for text in ["v\r\n", "v\n\n# \u{1b}[2J\n", "v\n\n\0\n", "v\n\n\u{85}\n"] {
            assert!(lines(text, "v").is_err(), "{text:?}");
        }
    }
}
