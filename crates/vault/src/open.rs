//! Opening a store.

use std::sync::Arc;

use crate::options::Options;
use crate::{build, location, weapon};
use auditseal_attack::Weapon;
use auditseal_store::{Error, Kind, Operation, Store};

/// Opens the store at `url`: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix` or
/// `file:///absolute/path`. Nothing is sent yet; only a directory is looked at, or created.
///
/// # Errors
/// `Kind::Invalid` when the URL or an option is wrong, `Kind::NoBucket` when a directory is absent
/// and isn't to be created.
pub fn open(url: &str, options: &Options) -> Result<Arc<dyn Store>, Error> {
    let location = location::parse(url)
        .map_err(|why| Error::new(Operation::Open, &shown(url), Kind::Invalid, &why))?;
    let backend = build::backend(location, options)?;
    Ok(Arc::new(backend))
}

/// A store, and how it is attacked.
pub type Armed = (Arc<dyn Store>, Box<dyn Weapon>);

/// Opens the store at `url` together with the requests that an attacker with its credentials sends.
///
/// # Errors
/// As [`open`].
pub fn arm(url: &str, options: &Options) -> Result<Armed, Error> {
    let location = location::parse(url)
        .map_err(|why| Error::new(Operation::Open, "the store", Kind::Invalid, &why))?;
    let backend = build::backend(location, options)?;
    let weapon = weapon::of(backend.clone(), options.clock);
    Ok((Arc::new(backend), weapon))
}

/// The part of a rejected URL that can't hold a credential.
fn shown(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, _)) => format!("{scheme}://…"),
        None => "the store".to_owned(),
    }
}
