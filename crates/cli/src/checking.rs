//! check: a proof that somebody handed over, without an archive and without a network.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use auditseal_agent::open_named;
use auditseal_archive::HeadsFile;
use auditseal_evidence::{Knowledge, Uncheckable, check as checked};
use auditseal_format::{MOST_BYTES, Origin, SealId};
use auditseal_trust::Heads;
use clap::{ArgAction, Args, ValueEnum};

use crate::estate::heads_failure;
use crate::failure::Failure;
use crate::help;
use crate::output::print;
use crate::part::head;
use crate::trusting::trust_file;
use crate::vkeys::vkeys;

#[derive(Debug, Args)]
#[command(after_help = help::CHECK)]
pub(crate) struct Check {
    /// The proof.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A trust file that names the proof's chain.
    #[arg(long, env = "AUDITSEAL_TRUST", value_name = "FILE", conflicts_with_all = ["vkey", "head"])]
    trust: Option<PathBuf>,
    /// File that remembers how far each chain was verified; read, and not moved on.
    #[arg(
        long,
        env = "AUDITSEAL_HEADS",
        value_name = "FILE",
        requires = "trust",
        conflicts_with = "vkey"
    )]
    heads: Option<PathBuf>,
    /// The chain that the proof must be of; with --trust, any that the file names without it.
    #[arg(
        long,
        env = "AUDITSEAL_ORIGIN",
        value_name = "C/N/SOURCE",
        required_unless_present = "trust"
    )]
    origin: Option<Origin>,
    /// A public key to trust, or a file with one in each line. Repeatable.
    #[arg(long, env = "AUDITSEAL_VKEY", value_name = "VKEY|FILE", action = ArgAction::Append,
          required_unless_present = "trust")]
    vkey: Vec<String>,
    /// A seal of that chain that is known from elsewhere, as its newest.
    #[arg(long, env = "AUDITSEAL_HEAD", value_name = "SEQ:HASH", value_parser = head)]
    head: Option<SealId>,
    /// What the answer looks like; html is one page to be read in a browser, and printed.
    #[arg(
        short,
        long,
        visible_alias = "format",
        env = "AUDITSEAL_FORMAT",
        value_enum,
        default_value = "text"
    )]
    output: CheckFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    Text,
    Json,
    Html,
}

pub(crate) fn check(args: &Check) -> Result<ExitCode, Failure> {
    let known = knowledge(args)?;
    let checked = checked(&read(&args.file)?, &known).map_err(|error| {
        let hint = match error {
            Uncheckable::NotNamed(_) => {
                "`auditseal trust show` says what a trust file names; the chain's key is had from who set \
                 that node up, not from who gave you the proof"
            }
            Uncheckable::NoKeyFor(..) => {
                "a key signs what its name says; it is had from who set that node up, not from who gave you \
                 the proof"
            }
        };
        Failure::new(error).hint(Some(hint))
    })?;
    print(|out| match args.output {
        CheckFormat::Text => checked.text(out),
        CheckFormat::Json => checked.json(out),
        CheckFormat::Html => checked.html(out),
    })?;
    Ok(if checked.holds() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn knowledge(args: &Check) -> Result<Knowledge, Failure> {
    let origin = args.origin.clone();
    if let Some(path) = &args.trust {
        let heads = match &args.heads {
            None => Heads::default(),
            Some(path) => heads_of(path)?,
        };
        return Ok(Knowledge::File { trust: trust_file(path)?, heads, origin });
    }
    let Some(origin) = origin else {
        return Err(Failure::new("check the proof: the chain that it must be of wasn't named")
            .hint(Some("name it by --origin, or give --trust")));
    };
    Ok(Knowledge::Keys { origin, vkeys: vkeys(&args.vkey)?, head: args.head })
}

/// A heads file that must be there; it isn't moved on.
pub(crate) fn heads_of(path: &Path) -> Result<Heads, Failure> {
    let heads = HeadsFile::new(path).read().map_err(|error| heads_failure(&error))?;
    heads.ok_or_else(|| {
        Failure::new(format!("read heads file {}: it isn't there", path.display())).hint(Some(
            "`auditseal verify --trust FILE --heads FILE` makes it; leave it out without one",
        ))
    })
}

/// No more is read than a proof may have.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::new(format!("read proof {}: {why}", path.display()))
            .hint(Some("`auditseal prove` makes proofs"))
    };
    let file = open_named(path).map_err(|error| failed(&error))?;
    let mut bytes = Vec::new();
    let most = MOST_BYTES as u64 + 1;
    file.take(most).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    if bytes.len() > MOST_BYTES {
        return Err(failed(&"it is larger than any proof"));
    }
    Ok(bytes)
}
