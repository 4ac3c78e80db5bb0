//! The auditseal command line: arguments in, exit code out. What is done is done elsewhere.

mod accepting;
mod agent;
mod args;
mod asking;
mod beside;
mod cat;
mod checking;
mod citing;
mod documents;
mod envfile;
mod estate;
mod failure;
mod flowing;
mod following;
mod forwarding;
mod help;
mod history;
mod keygen;
mod listing;
mod logging;
mod netpol;
mod objects;
mod output;
mod packing;
#[cfg(test)]
mod pages;
mod part;
mod predicates;
mod progress;
mod protection;
mod proving;
mod querying;
mod reload;
mod rostering;
mod runtime;
mod salvage;
mod sources;
mod stats;
mod store_flags;
mod textfile;
mod times;
mod trust;
mod trusting;
mod units;
mod usage;
mod verify_flags;
mod verifying;
mod vkeys;
mod watch;
mod worm;
mod writer;

use std::process::ExitCode;

use crate::args::{Cli, Command};

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(failure::fault));
    failure::ask_for_command(usage::typed);
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => return usage::usage(&error),
    };
    let levels = logging::start(&cli.logging, matches!(cli.command, Command::Backfill(_)));
    let format = cli.logging.log_format;
    let done = match cli.command {
        Command::Keygen(args) => keygen::keygen(&args),
        Command::Pubkey(args) => keygen::pubkey(&args),
        Command::Run(args) => agent::run(args, levels),
        Command::Backfill(args) => agent::backfill(args),
        Command::Retire(args) => agent::retire(args),
        Command::Status(args) => watch::status(&args),
        Command::Verify(args) => verifying::verify(args),
        Command::Cat(args) => cat::cat(args),
        Command::Query(args) => match *args {
            flowing::Querying::Events(args) => querying::run(*args, format),
            flowing::Querying::Flows(args) => flowing::run(*args, format),
        },
        Command::History(args) => history::run(*args, format),
        Command::Netpol(args) => netpol::run(args, format),
        Command::Ls(args) => listing::ls(args),
        Command::Inspect(args) => listing::inspect(args),
        Command::Prove(args) => proving::prove(&args),
        Command::Check(args) => checking::check(&args),
        Command::Pack(args) => packing::run(*args),
        Command::Forward(args) => forwarding::run(*args),
        Command::Trust(args) => trust::run(args),
        Command::Doctor(args) => worm::doctor(*args),
        Command::WormTest(args) => worm::worm_test(&args),
        Command::Completions(args) => documents::completions(&args),
        Command::Man(args) => documents::man(&args),
    };
    done.unwrap_or_else(|failure| failure.show(format))
}
