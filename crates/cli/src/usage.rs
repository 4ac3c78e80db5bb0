//! Command lines that are none.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::args::Cli;
use crate::failure::{Failure, help};
use crate::logging::LogFormat;

/// Ends a command line that wasn't one: also `--help` and `--version` come here.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    ) {
        drop(error.print());
        return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
    }
    let shown = error.render().to_string();
    let first = shown.split("\n\n").next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first).trim_end();
    let why = first.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let help = help();
    let hint = match error
        .get(ContextKind::SuggestedArg)
        .or(error.get(ContextKind::SuggestedSubcommand))
    {
        Some(ContextValue::String(similar)) => format!("did you mean {similar}? {help}"),
        Some(ContextValue::Strings(similar)) => {
            format!("did you mean {}? {help}", similar.join(" or "))
        }
        _ => help,
    };
    Failure::new(format!("read the command line: {why}")).hint(Some(hint)).show(LogFormat::Text)
}

/// The command that was typed, as far as it is one.
pub(crate) fn typed() -> String {
    let cli = Cli::grammar();
    let typed = std::env::args_os().skip(1).find(|arg| cli.find_subcommand(arg).is_some());
    let typed = typed.map(|name| format!(" {}", name.display())).unwrap_or_default();
    format!("auditseal{typed}")
}
