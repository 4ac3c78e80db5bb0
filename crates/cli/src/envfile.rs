//! A file of variables, as systemd's `EnvironmentFile=` and a shell's `export` have them.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::Path;

use auditseal_agent::open_named;
use auditseal_vault::is_of_cloud;

/// What it names, in its order.
pub(crate) type Variables = Vec<(String, String)>;

/// Bytes of such a file at most: a service account's key in it has a few thousand.
const LARGEST: u64 = 1 << 20;

/// Reads one.
///
/// # Errors
/// What the file system said, or which line can't be one. No value is quoted: some are secret.
pub(crate) fn read(path: &Path) -> io::Result<Variables> {
    let file = open_named(path)?;
    let mut size = file.metadata()?.len();
    let mut text = String::new();
    if size <= LARGEST {
        // What isn't a file of the disk has no length.
        size = file.take(LARGEST + 1).read_to_string(&mut text)? as u64;
    }
    if size > LARGEST {
        return Err(io::Error::other(format!("it has {size} bytes, more than any such file")));
    }
    parse(&text).map_err(io::Error::other)
}

fn parse(text: &str) -> Result<Variables, String> {
    let mut found = Variables::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let wrong = |why: &str| format!("line {number} {why}");
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').ok_or_else(|| wrong("isn't NAME=VALUE"))?;
        let name = name.trim_end();
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(fits) {
            return Err(wrong("begins with what can't be a variable's name"));
        }
        let value = unquoted(value.trim()).ok_or_else(|| wrong("has a quote without its end"))?;
        found.retain(|(known, _)| known != name);
        found.push((name.to_owned(), value));
    }
    Ok(found)
}

fn unquoted(value: &str) -> Option<String> {
    match value.chars().next() {
        Some('\'') => value.get(1..)?.strip_suffix('\'').map(str::to_owned),
        Some('"') => {
            let (mut plain, mut rest) = (String::new(), value.get(1..)?.chars());
            loop {
                match rest.next()? {
                    '"' => return rest.next().is_none().then_some(plain),
                    '\\' => plain.push(rest.next()?),
                    other => plain.push(other),
                }
            }
        }
        _ => Some(value.to_owned()),
    }
}

/// Those of them that say how a cloud is reached, for whoever opens a store.
pub(crate) fn of_clouds(variables: &Variables) -> Vec<(OsString, OsString)> {
    let pair = |(name, value): &(String, String)| (name.into(), value.into());
    variables.iter().filter(|(name, _)| is_of_cloud(name)).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_systemd_and_shells_write_them() {
        let text = "# note\n; too\n\nA=1\nexport B = two words \nC='a \"b\" #c'\nD=\"x\\\"y\\\\z\"\n\
                    E=\nA=last\r\n";
        let expected = [("B", "two words"), ("C", "a \"b\" #c"), ("D", "x\"y\\z"), ("E", "")];
        let found = parse(text).unwrap();
        let found: Vec<_> = found.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(found, [&expected[..], &[("A", "last")]].concat());
    }

    #[test]
    fn a_wrong_line_is_named_and_not_quoted() {
        for (text, why) in [
            ("A=1\nsecret", "line 2 isn't NAME=VALUE"),
            ("sec-ret=x", "line 1 begins with what can't be"),
            ("A='secret", "line 1 has a quote"),
            ("A=\"secret\" more", "line 1 has a quote"),
            ("A=\"secret\\", "line 1 has a quote"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(why) && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_file_larger_than_any_such_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large");
        std::fs::write(&path, vec![b'#'; (LARGEST + 1) as usize]).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("more than any such file"));
        std::fs::write(&path, "A=1").unwrap();
        assert_eq!(read(&path).unwrap().len(), 1);
    }
}
