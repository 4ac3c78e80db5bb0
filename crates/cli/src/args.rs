//! What can be said on the command line. Every flag can also be said by an environment variable,
//! `AUDITSEAL_` and the flag's name.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::cat::Cat;
use crate::flowing::Querying;
use crate::history::History;
use crate::keygen::{Keygen, Pubkey};
use crate::listing::{Inspect, Ls};
use crate::logging::Logging;
use crate::verify_flags::Verify;
use crate::writer::{Backfill, Run};
use crate::{checking, forwarding, help, netpol, packing, proving, trust, watch, worm};

/// Proof that a Kubernetes audit trail is complete and unaltered.
///
/// auditseal tails the files that kube-apiserver writes with --audit-log-path, seals every line
/// into signed, hash-linked batches, and stores them where nobody can change them unnoticed.
#[derive(Debug, Parser)]
#[command(name = "auditseal", version, after_help = help::PROGRAM, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) logging: Logging,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// The command line's grammar.
    pub(crate) fn grammar() -> clap::Command {
        let tame = |arg: clap::Arg| {
            let empty =
                arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
            // A manifest has no other way to say nothing; --help then doesn't name the variable.
            let arg = if empty { arg.env(None::<&str>) } else { arg };
            // Somebody may have put a secret where it doesn't belong.
            arg.hide_env_values(true)
        };
        let tamed = |command: clap::Command| command.mut_args(tame);
        tamed(Self::command()).mut_subcommands(|command| tamed(command).mut_subcommands(tamed))
    }

    /// Reads the process's arguments and environment.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        Self::from_arg_matches(&Self::grammar().try_get_matches()?)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a signing key; prints the public vkey.
    Keygen(Keygen),
    /// Print the public vkey of a signing key.
    Pubkey(Pubkey),
    /// Follow the sources until stopped.
    Run(Run),
    /// Archive everything there is, seal `final`, and exit. Running it again adds only what is new.
    Backfill(Backfill),
    /// Seal `final` for sources that go away: what is there, and that nothing more is promised.
    #[command(after_help = help::RETIRE, override_usage = help::RETIRE_USAGE)]
    Retire(Backfill),
    /// Show what a running agent says of itself: sources, lag, head, store, readiness.
    Status(watch::Status),
    /// Check an archive: roots, block hashes, chain, signatures.
    Verify(Verify),
    /// Write the archived log to standard output, byte for byte.
    Cat(Cat),
    /// Ask an archive for events: who did what, to which object, when, and how it ended.
    Query(Box<Querying>),
    /// Tell one object's life: who changed what, from what to what, in words, and how well each is known.
    History(Box<History>),
    /// Hold NetworkPolicies against flows that were seen, before you apply them; or suggest some.
    Netpol(netpol::Netpol),
    /// List the batches of an archive.
    Ls(Ls),
    /// Show one object's seal.
    Inspect(Inspect),
    /// Write one event, and what proves it, to a file that can be handed over.
    Prove(Box<proving::Prove>),
    /// Check a proof that was handed over: what it proves, and what it doesn't. Needs no archive.
    Check(checking::Check),
    /// Put what was verified together in packs, and attest them. For auditors, not for nodes.
    Pack(Box<packing::Pack>),
    /// Follow chains, and hand what is proved over to OpenSearch, Loki, OTLP, syslog or files.
    Forward(Box<forwarding::Forward>),
    /// Write, show and compare what a reader trusts: trust files and heads files.
    Trust(trust::Trust),
    /// Examine a store and a source: what is wrong, why, and the command that corrects it.
    Doctor(Box<worm::Doctor>),
    /// Put a canary, and try to change and destroy it.
    WormTest(worm::WormTest),
    /// Print a script that completes command lines for a shell.
    Completions(Completions),
    /// Write the manual pages. For who makes packages.
    #[command(hide = true)]
    Man(Man),
}

#[derive(Debug, Args)]
#[command(after_help = help::COMPLETIONS)]
pub(crate) struct Completions {
    /// The shell that reads it.
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
#[command(after_help = help::MAN)]
pub(crate) struct Man {
    /// Directory to write them to; it must exist.
    #[arg(long, env = "AUDITSEAL_OUT", value_name = "DIR")]
    pub(crate) out: PathBuf,
}
