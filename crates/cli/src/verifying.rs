//! verify: by keys, or by a trust file; how both are run, told and what they exit with.

use std::process::ExitCode;
use std::sync::Arc;

use auditseal_archive::{self as archive, Judgement, Progress};
use auditseal_format::Origin;
use auditseal_store::{LockMode, Store};

use crate::estate;
use crate::failure::Failure;
use crate::output::{Format, print};
use crate::progress::counter;
use crate::protection::RequiredMode;
use crate::runtime::{block_on_threads, cores};
use crate::verify_flags::Verify;
use crate::vkeys::vkeys;

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
    let fresh = archive::Options::new(vkeys(&args.vkey)?, args.as_of());
    Ok(archive::Options {
        origins: args.origin.clone(),
        head: args.part.head,
        extent: args.part.extent()?,
        window: args.part.window()?,
        allow_unanchored: args.part.allow_unanchored,
        accept: args.accept.clone(),
        stored_only: args.stored_only,
        retention,
        skew: args.skew(fresh.skew),
        store: args.store_name(),
        ..fresh
    })
}
