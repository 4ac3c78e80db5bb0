//! Which store the command line names, and how it is reached.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use auditseal_store::Store;
use auditseal_vault::{Options, Provider};
use clap::Args;
use tracing::warn;

use crate::failure::Failure;
use crate::units::duration;

#[derive(Debug, Args)]
pub(crate) struct StoreFlags {
    /// file:///DIR, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX. Credentials
    /// come from each cloud's usual environment.
    #[arg(long, help_heading = "Store", env = "AUDITSEAL_STORE", value_name = "URL")]
    pub(crate) store: String,
    /// Server to talk to instead of the cloud's own: a compatible server or an emulator.
    #[arg(long, help_heading = "Store", env = "AUDITSEAL_ENDPOINT", value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// Region of the bucket.
    #[arg(long, help_heading = "Store", env = "AUDITSEAL_REGION", value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// PEM file of certificate authorities to trust besides the system's.
    #[arg(long, help_heading = "Store", env = "AUDITSEAL_CA_CERTIFICATE", value_name = "FILE")]
    pub(crate) ca_certificate: Option<PathBuf>,
    /// How long a request may take, on top of what its size allows for.
    #[arg(long, help_heading = "Store", env = "AUDITSEAL_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) timeout: Duration,
}

/// Whether a URL names a directory.
pub(crate) fn is_directory(url: &str) -> bool {
    auditseal_vault::site(url).is_ok_and(|site| site.provider == Provider::Directory)
}

/// Opens the store to read from.
pub(crate) fn open_store(store: &StoreFlags) -> Result<Arc<dyn Store>, Failure> {
    warn_of_environment([&store.store]);
    Ok(auditseal_vault::open(&store.store, &store_options(store, false))?)
}

/// Says that the usual variable of AWS's own tools does nothing here: who set it would believe that
/// the requests are somebody else's than they are.
/// And whose values were not taken as they are.
pub(crate) fn warn_of_environment<'a>(stores: impl IntoIterator<Item = &'a String>) {
    for name in auditseal_vault::untidy() {
        let hint = "encode the Secret without the line break: printf, or echo -n";
        warn!(hint, "the value of {name} has white space around it, which is left out");
    }
    let is_s3 = |url: &String| {
        url.split_once(':').is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("s3"))
    };
    let set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let name = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"].into_iter().find(set);
    if let Some(name) = name.filter(|_| stores.into_iter().any(is_s3)) {
        let hint = "for a profile's: eval \"$(aws configure export-credentials --profile NAME \
                    --format env)\", and unset this";
        warn!(hint, "{name} isn't read: the credentials are the environment's or the machine's");
    }
}

/// How the command line says that a store is reached; `create` makes the directory of a local one.
pub(crate) fn store_options(store: &StoreFlags, create: bool) -> Options {
    Options {
        endpoint: store.endpoint.clone(),
        ca_certificate: store.ca_certificate.clone(),
        region: store.region.clone(),
        timeout: store.timeout,
        create,
        ..Options::default()
    }
}
