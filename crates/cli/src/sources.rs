//! `--source NAME=PATH` and `--source-format NAME=FORMAT`.

use std::str::FromStr;

use auditseal_agent::SourceSpec;
use auditseal_flows::LogFormat;
use auditseal_format::Origin;

use crate::failure::Failure;

/// The sources that one argument names.
#[derive(Debug, Clone)]
pub(crate) struct Sources(pub(crate) Vec<SourceSpec>);

/// One `NAME=PATH`, or several, as the environment variable holds them: a space begins the next
/// where `NAME=` follows it. Any other space belongs to a path.
pub(crate) fn sources(text: &str) -> Result<Sources, String> {
    let begins = |rest: &str| {
        let name = rest.trim_start().split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| Origin::new("cluster", "node", name).is_ok())
    };
    let (mut found, mut rest) = (Vec::new(), text.trim());
    while let Some((end, _)) =
        rest.char_indices().find(|(at, c)| c.is_whitespace() && begins(&rest[*at..]))
    {
        found.push(rest[..end].trim_end().parse()?);
        rest = rest[end..].trim_start();
    }
    found.push(rest.parse()?);
    Ok(Sources(found))
}

/// `NAME=FORMAT`: what a source's lines are.
#[derive(Debug, Clone)]
pub(crate) struct SourceFormat {
    name: String,
    format: LogFormat,
}

impl FromStr for SourceFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, format) = text
            .split_once('=')
            .ok_or("expected NAME=FORMAT, like flows=hubble, with the NAME of a --source")?;
        Ok(Self { name: name.to_owned(), format: format.parse()? })
    }
}

/// The sources, each with its format.
pub(crate) fn specs(
    sources: &[Sources],
    formats: &[SourceFormat],
) -> Result<Vec<SourceSpec>, Failure> {
    let mut all: Vec<SourceSpec> = sources.iter().flat_map(|one| one.0.clone()).collect();
    for (at, SourceFormat { name, format }) in formats.iter().enumerate() {
        let refused = |why: &str, hint: &str| {
            let what = format!("read the command line: --source-format {name}={format}: {why}");
            Err(Failure::new(what).hint(Some(hint)))
        };
        if formats[..at].iter().any(|before| before.name == *name) {
            return refused("this source has a format already", "name each source once");
        }
        let Some(spec) = all.iter_mut().find(|spec| spec.name == *name) else {
            return refused("there is no such source", "name one of --source before the =");
        };
        spec.format = *format;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use super::*;

    fn read(all: &str, formats: &[&str]) -> Result<Vec<String>, String> {
        let formats: Vec<SourceFormat> = formats.iter().map(|one| one.parse().unwrap()).collect();
        let found = specs(&[sources(all).unwrap()], &formats).map_err(|why| format!("{why:?}"))?;
        Ok(found.iter().map(|spec| format!("{}={}", spec.name, spec.format)).collect())
    }

    #[test]
    fn each_source_has_its_format() {
        assert_eq!(
            read("audit=/a flows=/f", &["flows=jsonl:ts"]).unwrap(),
            ["audit=audit", "flows=jsonl:ts"]
        );
        let refused = read("audit=/a", &["flows=ovn"]).unwrap_err();
        assert!(
            refused.contains("--source-format flows=ovn: there is no such source"),
            "{refused}"
        );
        let refused = read("a=/a", &["a=ovn", "a=text"]).unwrap_err();
        assert!(refused.contains("has a format already"), "{refused}");
        assert!("flows".parse::<SourceFormat>().is_err());
        assert!("flows=syslog".parse::<SourceFormat>().is_err());
    }
}
