//! cat: the log as it was.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::ExitCode;

use auditseal_agent::system_clock;
use auditseal_archive as archive;
use auditseal_format::Origin;
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use crate::failure::{Failure, archive_hint};
use crate::help;
use crate::packing::PackPlace;
use crate::part::Part;
use crate::runtime::block_on;
use crate::salvage::{self, Report};
use crate::stats::Stats;
use crate::store_flags::StoreFlags;
use crate::trusting::Policy;
use crate::vkeys::vkeys;

#[derive(Debug, Args)]
#[command(after_help = help::CAT)]
pub(crate) struct Cat {
    #[command(flatten)]
    pub(crate) store: StoreFlags,
    #[command(flatten)]
    pub(crate) stats: Stats,
    /// The chain.
    #[arg(long, env = "AUDITSEAL_ORIGIN", value_name = "C/N/SOURCE")]
    pub(crate) origin: Origin,
    /// A public key to trust, or a file with one in each line. Repeatable. Without it roots and
    /// chain are checked, and a warning says that nobody vouches for the signatures.
    #[arg(long, env = "AUDITSEAL_VKEY", value_name = "VKEY|FILE", action = ArgAction::Append)]
    pub(crate) vkey: Vec<String>,
    #[command(flatten)]
    pub(crate) policy: Policy,
    #[command(flatten)]
    pub(crate) place: PackPlace,
    #[command(flatten)]
    pub(crate) part: Part,
    /// Refuse when the source itself lost something.
    #[arg(long, env = "AUDITSEAL_STRICT", value_parser = BoolishValueParser::new())]
    pub(crate) strict: bool,
    /// Give back all that is proved, in order, whatever is wrong beside it; say what isn't, and exit 1
    /// if there is any, or 2 if all of that couldn't be read.
    #[arg(long, env = "AUDITSEAL_SALVAGE", value_parser = BoolishValueParser::new())]
    pub(crate) salvage: bool,
    /// File for the list of what a salvage couldn't prove, instead of standard error. Written when it
    /// begins and when it ends, also where nothing is wrong.
    #[arg(long, env = "AUDITSEAL_REPORT", value_name = "FILE", requires = "salvage")]
    pub(crate) report: Option<PathBuf>,
}

pub(crate) fn cat(args: Cat) -> Result<ExitCode, Failure> {
    let keys = if args.vkey.is_empty() { None } else { Some(vkeys(&args.vkey)?) };
    let policy = args.policy.file(&args.origin)?;
    let packs = match &policy {
        Some((file, _)) => args.place.of_chains(&args.store, file)?(&args.origin),
        None => args.place.without_trust(&args.store).map(|()| None)?,
    };
    let options = archive::CatOptions {
        vkeys: keys,
        window: args.part.window()?,
        allow_unanchored: args.part.allow_unanchored,
        trusted: policy.map(|(_, trusted)| trusted),
        now: Some(system_clock()().wall),
        strict: args.strict,
        salvage: args.salvage,
        head: args.part.head,
        extent: args.part.extent()?,
        concurrency: 0,
        packs,
    };
    let report = args.report.map(|path| Report::begin(path, &args.origin)).transpose()?;
    let (store, _bill) = args.stats.open(&args.store)?;
    let done = match stdout_file() {
        Some(file) if is_regular(&file) => {
            let out = archive::Sparse::new(file);
            block_on(archive::cat(store, &args.origin, &options, out, |_| {}))?
        }
        other => {
            // Rust's own standard output looks for lines in all that it is given, and copies what is behind the last.
            let out: Box<dyn Write + Send> = match other {
                Some(file) => Box::new(file),
                None => Box::new(io::stdout()),
            };
            let out = archive::Piped::new(BufWriter::with_capacity(TOGETHER, out));
            block_on(archive::cat(store, &args.origin, &options, out, |_| {}))?
        }
    };
    let restored = done.map_err(|failed| {
        let code = if failed.error.is_finding() { 1 } else { 2 };
        Failure::new(&failed).hint(archive_hint(&failed.error)).code(code)
    })?;
    for warning in &restored.warnings {
        tracing::warn!("{warning}");
    }
    if let Some(unanchored) = &restored.unanchored {
        tracing::warn!("{unanchored} (--from, --head tie it; --allow-unanchored accepts it)");
    }
    salvage::tell(&restored, report)?;
    Ok(ExitCode::from(salvage::exit_code(&restored)))
}

/// Fewer bytes are put together with those that follow before they are written; more are written where they lie.
const TOGETHER: usize = 32 << 10;

/// Standard output, with nothing before it.
fn stdout_file() -> Option<File> {
    Some(File::from(io::stdout().as_fd().try_clone_to_owned().ok()?))
}

/// Whether a source's holes can be left holes there.
fn is_regular(out: &File) -> bool {
    out.metadata().is_ok_and(|about| about.is_file())
}
