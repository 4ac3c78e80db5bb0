//! Files of objects, as kubectl prints them.

use std::io::{self, Read as _};
use std::path::Path;

use auditseal_agent::open_named;

/// Most bytes of a file of live objects.
pub(crate) const LARGEST: u64 = 256 << 20;

/// What is in a file of at most so many bytes; `-` is standard input.
///
/// # Errors
/// Why it can't be read, as a sentence; also where it is larger than is read.
pub(crate) fn text_of(path: &Path, largest: u64) -> Result<String, String> {
    let mut text = String::new();
    let read = |from: &mut dyn io::Read, text: &mut String| {
        from.take(largest + 1).read_to_string(text).map_err(|error| error.to_string())
    };
    if path.as_os_str() == "-" {
        read(&mut io::stdin().lock(), &mut text)?;
    } else {
        read(&mut open_named(path).map_err(|error| error.to_string())?, &mut text)?;
    }
    if text.len() as u64 > largest {
        return Err(format!("it is larger than {largest} bytes"));
    }
    Ok(text)
}

/// The documents of a YAML file, which lines that begin with `---` part.
pub(crate) fn documents(text: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    for line in text.lines() {
        match line.strip_prefix("---") {
            Some(rest) if rest.is_empty() || rest.starts_with([' ', '\t', '\r']) => {
                all.push(format!("{rest}\n"));
            }
            _ => {
                if let Some(open) = all.last_mut() {
                    open.push_str(line);
                    open.push('\n');
                }
            }
        }
    }
    let said = |text: &String| {
        text.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
    };
    all.retain(said);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_larger_than_any_is_not_compared_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("live.yaml");
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(10 * LARGEST).unwrap();
        assert!(text_of(&path, LARGEST).unwrap_err().contains("larger than 268435456 bytes"));
        file.set_len(10).unwrap();
        assert_eq!(text_of(&path, LARGEST).map(|text| text.len()), Ok(10));
    }
}
