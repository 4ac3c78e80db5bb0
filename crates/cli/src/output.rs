//! What goes to standard output, and in which form.

use std::io::{self, BufWriter, Write as _};
use std::process::ExitCode;

use clap::ValueEnum;

use crate::failure::Failure;

/// For people, or for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

/// Writes to standard output, and flushes it.
pub(crate) fn print(
    write: impl FnOnce(&mut BufWriter<io::Stdout>) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout());
    finish(write(&mut out).and_then(|()| out.flush()))
}

/// Whoever reads our output may stop reading: that is no failure.
pub(crate) fn finish(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(format!("write to standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Writes one line; then the command is done.
pub(crate) fn say(line: &str) -> Result<ExitCode, Failure> {
    finish(writeln!(io::stdout(), "{line}"))?;
    Ok(ExitCode::SUCCESS)
}
