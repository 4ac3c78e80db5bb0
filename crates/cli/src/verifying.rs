//! verify: by keys, or by a trust file; how both are run, told and what they exit with.

use std::process::ExitCode;
use std::sync::Arc;

use auditseal_agent::system_clock;
use auditseal_archive::{self as archive, Judgement, Progress};
use auditseal_format::{Origin, Time};
use auditseal_store::{LockMode, Store};

use crate::args::{Format, RequiredMode, Verify};
use crate::estate;
use crate::failure::Failure;
use crate::read::{block_on_threads, cores, counter, is_directory, print, vkeys};

pub(crate) fn verify(args: Verify) -> Result<ExitCode, Failure> {
    if let Some(trust) = &args.estate.trust {
        let options = estate::options(&args, trust)?;
        return run(&args, async |store, count| {
            let verified = archive::verify_estate(store, &options, count).await;
            verified.map_err(estate::failure)
        });
    }
    args.place.without_trust(&args.store)?;
    let options = options(&args)?;
    run(&args, async |store, count| Ok(archive::verify(store, &options, count).await?))
}

/// Opens the store, has it verified, prints what was found, and says what that is worth.
fn run<R: Judgement>(
    args: &Verify,
    verified: impl AsyncFnOnce(Arc<dyn Store>, &dyn Fn(Progress)) -> Result<R, Failure>,
) -> Result<ExitCode, Failure> {
    let (store, _bill) = args.stats.open(&args.store)?;
    let (count, bar) = counter();
    let report = block_on_threads(cores(), verified(store, &|progress| count(&progress)))??;
    drop(bar);
    print(|out| match args.output {
        Format::Text => report.text(out),
        Format::Json => report.json(out),
    })?;
    Ok(ExitCode::from(report.exit_code()))
}

/// The time as of which silence is judged.
pub(crate) fn as_of(args: &Verify) -> Time {
    args.at.unwrap_or_else(|| system_clock()().wall)
}

/// How much later than the store's date of an object its seal may be. A directory's dates are those of
/// whoever copied it there.
pub(crate) fn skew(args: &Verify, usual: Option<i64>) -> Option<i64> {
    if is_directory(&args.store.store) { None } else { usual }
}

/// The name by which seals call this store.
pub(crate) fn store_name(args: &Verify) -> Option<String> {
    Some(auditseal_agent::store_name(&args.store.store))
}

fn options(args: &Verify) -> Result<archive::Options, Failure> {
    let mode = match args.require_retention_mode {
        RequiredMode::Compliance => LockMode::Compliance,
        RequiredMode::Governance => LockMode::Governance,
    };
    let retention = args.require_retention.map(|time| auditseal_chain::Retention {
        mode,
        micros: i64::try_from(time.as_micros()).unwrap_or(i64::MAX),
    });
    let asked = |of: &Origin| args.origin.is_empty() || args.origin.contains(of);
    if let Some((other, _)) = args.accept.iter().find(|(of, _)| !asked(of)) {
        let why = format!("accept a gap of {other}: this chain isn't among those of --origin");
        return Err(Failure::new(why).hint(Some("name it by --origin, or leave its --accept out")));
    }
    let fresh = archive::Options::new(vkeys(&args.vkey)?, as_of(args));
    Ok(archive::Options {
        origins: args.origin.clone(),
        head: args.part.head,
        extent: args.part.extent()?,
        window: args.part.window()?,
        allow_unanchored: args.part.allow_unanchored,
        accept: args.accept.clone(),
        stored_only: args.stored_only,
        retention,
        skew: skew(args, fresh.skew),
        store: store_name(args),
        ..fresh
    })
}
