//! The command line.

use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) places: Vec<PathBuf>,
    pub(crate) rate: u64,
    pub(crate) seconds: u64,
    pub(crate) seed: u64,
    /// Size at which the log is rotated, bytes.
    pub(crate) size: u64,
    /// Backups kept; 0: all.
    pub(crate) backups: usize,
    pub(crate) gzip: bool,
    /// Length of the event in the middle; 0: as any other.
    pub(crate) huge: usize,
    pub(crate) forgiving: bool,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            places: Vec::new(),
            rate: 2_000,
            seconds: 10,
            seed: 1,
            size: 20 << 20,
            backups: 3,
            gzip: false,
            huge: 0,
            forgiving: false,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--gzip" => options.gzip = true,
                "--forgiving" => options.forgiving = true,
                "--rate" => options.rate = number(&argument, arguments.next())?,
                "--seconds" => options.seconds = number(&argument, arguments.next())?,
                "--seed" => options.seed = number(&argument, arguments.next())?,
                "--size" => options.size = number(&argument, arguments.next())?,
                "--backups" => options.backups = number(&argument, arguments.next())?,
                "--huge" => options.huge = number(&argument, arguments.next())?,
                unknown if unknown.starts_with('-') => return Err(format!("what is {unknown}?")),
                _ => options.places.push(argument.into()),
            }
        }
        Ok(options)
    }

    /// The place named at `at`.
    pub(crate) fn place(&self, at: usize) -> Result<&Path, String> {
        self.places.get(at).map(PathBuf::as_path).ok_or_else(|| crate::USAGE.to_owned())
    }
}

fn number<T: FromStr>(name: &str, value: Option<String>) -> Result<T, String> {
    value.and_then(|value| value.parse().ok()).ok_or_else(|| format!("{name} takes a number"))
}
