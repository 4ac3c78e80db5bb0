//! ls, inspect: what lies in an archive, without anybody being trusted.

use std::io::{self, BufWriter, Write as _};
use std::process::ExitCode;

use auditseal_agent::system_clock;
use auditseal_archive as archive;
use auditseal_archive::{CatPacks, TruePath};
use auditseal_chain::Verdict;
use auditseal_format::{Kind, Origin, VerifierKey};
use clap::{ArgAction, Args, ValueEnum};

use crate::failure::Failure;
use crate::help;
use crate::output::{Format, finish, print};
use crate::packing::PackPlace;
use crate::runtime::block_on;
use crate::stats::Stats;
use crate::store_flags::{StoreFlags, is_directory, open_store};
use crate::trusting::{Policy, trust_file, untrusted};
use crate::vkeys::{VKEY_HINT, vkeys};

#[derive(Debug, Args)]
#[command(after_help = help::LS)]
pub(crate) struct Ls {
    #[command(flatten)]
    pub(crate) store: StoreFlags,
    #[command(flatten)]
    pub(crate) stats: Stats,
    /// Only this chain. Repeatable.
    #[arg(long, env = "AUDITSEAL_ORIGIN", value_name = "C/N/SOURCE",
          action = ArgAction::Append, value_delimiter = ' ')]
    pub(crate) origin: Vec<Origin>,
    /// A public key to trust, or a file with one in each line, for `paths`. Repeatable.
    #[arg(long, env = "AUDITSEAL_VKEY", value_name = "VKEY|FILE", action = ArgAction::Append)]
    pub(crate) vkey: Vec<String>,
    #[command(flatten)]
    pub(crate) policy: Policy,
    #[command(flatten)]
    pub(crate) place: PackPlace,
    /// What the list looks like; json is one object per line; paths is the key of each seq's true
    /// object, and the URL of each pack that holds some, verified, for engines that are to read each
    /// line once.
    #[arg(
        short,
        long,
        visible_alias = "format",
        env = "AUDITSEAL_FORMAT",
        value_enum,
        default_value = "text"
    )]
    pub(crate) output: ListFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    Text,
    Json,
    Paths,
}

#[derive(Debug, Args)]
#[command(after_help = help::INSPECT)]
pub(crate) struct Inspect {
    #[command(flatten)]
    pub(crate) store: StoreFlags,
    /// The object's key, as `ls` shows it.
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    /// What the description looks like.
    #[arg(
        short,
        long,
        visible_alias = "format",
        env = "AUDITSEAL_FORMAT",
        value_enum,
        default_value = "text"
    )]
    pub(crate) output: Format,
}

/// Where the packs of a chain stand, if somebody is trusted to attest them.
type PacksOf = Box<dyn Fn(&Origin) -> Option<CatPacks>>;

/// The same of all chains that a trust file names.
fn packs(args: &Ls) -> Result<PacksOf, Failure> {
    match &args.policy.trust {
        Some(path) => Ok(Box::new(args.place.of_chains(&args.store, &trust_file(path)?)?)),
        None => {
            args.place.without_trust(&args.store)?;
            Ok(Box::new(|_| None))
        }
    }
}

/// The keys of the true objects, for whoever is to read each line once.
fn paths(args: &Ls) -> Result<ExitCode, Failure> {
    let lacks = args.vkey.is_empty() || args.origin.is_empty();
    if lacks && args.policy.trust.is_none() {
        let why = "list paths: --origin and --vkey, or --trust, are needed, for a key that isn't verified may be \
                   anybody's";
        return Err(Failure::new(why).hint(Some(VKEY_HINT)));
    }
    let packs = packs(args)?;
    let fresh = |keys| {
        let fresh = archive::Options::new(keys, system_clock()().wall);
        // A directory's dates are those of whoever copied it there.
        let skew = fresh.skew.filter(|_| !is_directory(&args.store.store));
        archive::Options { skew, ..fresh }
    };
    let options = match &args.policy.trust {
        None => archive::Options { origins: args.origin.clone(), ..fresh(vkeys(&args.vkey)?) },
        Some(path) => {
            let file = trust_file(path)?;
            let all = || file.origins().map(|(origin, _)| origin.clone()).collect();
            let origins = if args.origin.is_empty() { all() } else { args.origin.clone() };
            let trusted = origins.iter().map(|origin| {
                let trusted = file.get(origin).cloned().ok_or_else(|| untrusted(origin))?;
                Ok((origin.clone(), trusted))
            });
            let trusted = trusted.collect::<Result<_, Failure>>()?;
            archive::Options { origins, trusted, ..fresh(Vec::new()) }
        }
    };
    let (store, _bill) = args.stats.open(&args.store)?;
    let mut out = BufWriter::new(io::stdout());
    let listed = block_on(archive::paths(store, &options, packs, |path| match path {
        TruePath::Object(key) => writeln!(out, "{key}"),
        TruePath::Pack(key) => writeln!(out, "{}", args.place.address(&args.store, key)),
    }))?;
    let (findings, left_out) = match listed {
        Err(auditseal_reader::Error::Write(error)) => {
            return finish(Err(error)).map(|()| ExitCode::SUCCESS);
        }
        other => other?,
    };
    finish(out.flush())?;
    left_out.iter().for_each(|packs| tracing::warn!("{packs}"));
    findings.iter().for_each(|finding| tracing::warn!("{finding}"));
    // What is there is listed, whatever should have followed by now.
    let lacks = findings.iter().any(|finding| finding.verdict != Verdict::Silent);
    Ok(ExitCode::from(u8::from(lacks)))
}

pub(crate) fn ls(args: Ls) -> Result<ExitCode, Failure> {
    if args.output == ListFormat::Paths {
        return paths(&args);
    }
    let packs = packs(&args)?;
    let (store, _bill) = args.stats.open(&args.store)?;
    let mut out = BufWriter::new(io::stdout());
    let (mut origin, mut covered) = (None, 0_u64);
    let mut geneses = Geneses::default();
    let done = block_on(archive::ls(store, &args.origin, packs, |row| {
        covered += u64::from(row.notice.is_some());
        geneses.row(row);
        match args.output {
            ListFormat::Json => row.json(&mut out),
            ListFormat::Text | ListFormat::Paths => {
                if origin.as_ref() != Some(&row.origin) {
                    let gap = if origin.is_some() { "\n" } else { "" };
                    writeln!(out, "{gap}{}", row.origin)?;
                    archive::Row::text_head(&mut out)?;
                    origin = Some(row.origin.clone());
                }
                row.text(&mut out)
            }
        }
    }))?;
    let left_out = match done {
        Err(auditseal_reader::Error::Write(error)) => {
            finish(Err(error))?;
            Vec::new()
        }
        other => other?,
    };
    finish(out.flush())?;
    left_out.iter().for_each(|packs| tracing::warn!("{packs}"));
    if covered > 0 {
        tracing::warn!("{covered} objects are hidden or shadowed: read by their version ids");
    }
    for origin in &geneses.of_several {
        tracing::warn!(
            "{origin}: several keys began a chain of this name: `verify` says which is trusted"
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Chains that more than one key began. `ls` trusts none, so it can't say which is whose.
#[derive(Default)]
struct Geneses {
    latest: Option<(Origin, VerifierKey)>,
    of_several: Vec<Origin>,
}

impl Geneses {
    fn row(&mut self, row: &archive::Row) {
        let (0, Some(Kind::Genesis), Some(vkey)) = (row.seq, row.kind, &row.vkey) else { return };
        match &self.latest {
            Some((origin, first)) if *origin == row.origin => {
                if first != vkey && self.of_several.last() != Some(origin) {
                    self.of_several.push(origin.clone());
                }
            }
            _ => self.latest = Some((row.origin.clone(), vkey.clone())),
        }
    }
}

pub(crate) fn inspect(args: Inspect) -> Result<ExitCode, Failure> {
    let store = open_store(&args.store)?;
    let inspection = block_on(archive::inspect(store, &args.key))??;
    if let Some(check) = inspection.checks.iter().find(|check| check.name == "versions") {
        tracing::warn!("{}: read by its version id", check.detail);
    }
    print(|out| match args.output {
        Format::Text => inspection.text(out),
        Format::Json => inspection.json(out),
    })?;
    Ok(if inspection.holds() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
