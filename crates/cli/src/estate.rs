//! verify --trust: what is asked of all chains of a trust file, and why that couldn't be answered.

use std::path::Path;

use auditseal_archive::{self as archive, EstateError, EstateOptions, HeadsFile, Shard};

use crate::failure::{Failure, archive_hint};
use crate::trusting::{trust_file, untrusted};
use crate::verify_flags::Verify;

pub(crate) fn options(args: &Verify, trust: &Path) -> Result<EstateOptions, Failure> {
    let file = trust_file(trust)?;
    let packs = args.place.open(&args.store, &file)?;
    let fresh = EstateOptions::new(file, args.as_of());
    Ok(EstateOptions {
        heads: args.estate.heads.as_deref().map(HeadsFile::new),
        origins: args.origin.clone(),
        shard: args.estate.shard.unwrap_or(Shard::ALL),
        extent: args.part.extent()?.unwrap_or_default(),
        window: args.part.window()?,
        allow_unanchored: args.part.allow_unanchored,
        head: args.part.head,
        stored_only: args.stored_only,
        skew: args.skew(fresh.skew),
        store: args.store_name(),
        packs,
        ..fresh
    })
}

pub(crate) fn failure(error: EstateError) -> Failure {
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
