//! completions, man: what packages bring beside the program, made from the same grammar as --help.

use std::io::Write as _;
use std::process::ExitCode;

use crate::args::{Cli, Completions, Man};
use crate::failure::Failure;
use crate::output::finish;

pub(crate) fn completions(args: &Completions) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::grammar(), "auditseal", &mut script);
    finish(std::io::stdout().write_all(&script))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn man(args: &Man) -> Result<ExitCode, Failure> {
    // `help` says what --help says: eleven pages more would tell nobody anything.
    let grammar = Cli::grammar().disable_help_subcommand(true);
    clap_mangen::generate_to(grammar, &args.out).map_err(|e| {
        Failure::new(format!("write manual pages to {}: {e}", args.out.display()))
            .hint(Some("the directory must exist"))
    })?;
    Ok(ExitCode::SUCCESS)
}
