//! verify --trust: all chains of a trust file.

use std::path::Path;
use std::process::ExitCode;

use auditseal_agent::system_clock;
use auditseal_archive::{self as archive, EstateError, EstateOptions, HeadsFile, Shard};

use crate::args::{Format, Verify};
use crate::failure::{Failure, archive_hint};
use crate::read::{block_on_threads, cores, counter, is_directory, print};
use crate::trusting::{trust_file, untrusted};

pub(crate) fn verify(args: Verify, trust: &Path) -> Result<ExitCode, Failure> {
    let now = args.at.unwrap_or_else(|| system_clock()().wall);
    let fresh = EstateOptions::new(trust_file(trust)?, now);
    let options = EstateOptions {
        heads: args.estate.heads.as_deref().map(HeadsFile::new),
        origins: args.origin,
        shard: args.estate.shard.unwrap_or(Shard::ALL),
        extent: args.part.extent()?.unwrap_or_default(),
        window: args.part.window()?,
        allow_unanchored: args.part.allow_unanchored,
        head: args.part.head,
        stored_only: args.stored_only,
        // A directory's dates are those of whoever copied it there.
        skew: if is_directory(&args.store.store) { None } else { fresh.skew },
        store: Some(auditseal_agent::store_name(&args.store.store)),
        ..fresh
    };
    let (store, _bill) = args.stats.open(&args.store)?;
    let (count, bar) = counter();
    let verified = archive::verify_estate(store, &options, |progress| count(&progress));
    let report = block_on_threads(cores(), verified)?.map_err(failure)?;
    drop(bar);
    print(|out| match args.output {
        Format::Text => report.text(out),
        Format::Json => report.json(out),
    })?;
    Ok(ExitCode::from(report.exit_code()))
}

fn failure(error: EstateError) -> Failure {
    match error {
        EstateError::Read(error) => Failure::new(&error).hint(archive_hint(&error)),
        EstateError::Heads(error) => heads_failure(&error),
        EstateError::Untrusted(origin) => untrusted(&origin),
        EstateError::BeforeBegin(..) => {
            let hint = "--from may be later than the trust file's 'begin', and never earlier";
            Failure::new(error).hint(Some(hint))
        }
    }
}

/// That a heads file couldn't be read or written.
pub(crate) fn heads_failure(error: &archive::HeadsError) -> Failure {
    Failure::new(error).hint(Some(error.hint()))
}
