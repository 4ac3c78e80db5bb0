//! pack, and where readers find packs.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use auditseal_agent::{read_signer, system_clock};
use auditseal_archive::{CatPacks, Shard};
use auditseal_format::{Compression, Origin};
use auditseal_pack::{NotPacked, PackOptions, PackProgress, pack};
use auditseal_store::{LockMode, Store};
use auditseal_trust::TrustFile;
use auditseal_vault::{Options, Provider, Traffic};
use clap::Args;
use clap::builder::BoolishValueParser;

use crate::failure::Failure;
use crate::output::{Format, print};
use crate::progress::Bar;
use crate::protection::RequiredMode;
use crate::runtime::{block_on_threads, cores};
use crate::store_flags::{StoreFlags, is_directory, open_store, store_options};
use crate::trusting::trust_file;
use crate::units::retention;
use crate::{help, textfile};

/// Where packs stand.
#[derive(Debug, Args)]
pub(crate) struct PackPlace {
    /// Where packs of the chains stand [default: --store with -packs behind its prefix, if it has one].
    #[arg(long, env = "AUDITSEAL_PACKS", value_name = "URL")]
    packs: Option<String>,
}

impl PackPlace {
    /// The URL; `None` if none was given, and the store has no prefix to make one of.
    fn url(&self, store: &str) -> Option<String> {
        let beside = || {
            let site = auditseal_vault::site(store).ok()?;
            let named = site.provider == Provider::Directory || !site.prefix.is_empty();
            named.then(|| format!("{}-packs", store.trim_end_matches('/')))
        };
        self.packs.clone().or_else(beside)
    }

    /// Refuses packs where nothing says whose attestations count.
    pub(crate) fn without_trust(&self, store: &StoreFlags) -> Result<(), Failure> {
        match &self.packs {
            None => {
                self.tell_unread(store, "no trust file says who is an auditor");
                Ok(())
            }
            Some(_) => Err(Failure::new("read packs: --packs wants --trust").hint(Some(
                "a pack counts if an auditor attests it, and a trust file says who is one",
            ))),
        }
    }

    /// Says that packs stand where they are looked for, and why nobody reads them: objects that have gone are
    /// missing then. Of a directory alone this is known without asking.
    fn tell_unread(&self, store: &StoreFlags, why: &str) {
        let stands = |url: &String| directory(url).is_some_and(|path| path.is_dir());
        if let Some(url) = self.url(&store.store).filter(stands) {
            tracing::warn!(
                hint = "--trust FILE with a line 'auditor CLUSTER VKEY' for whoever packs",
                "packs stand at {url}, and aren't read: {why}"
            );
        }
    }

    /// The store that packs are read from, if somebody is trusted to attest them. A directory that isn't
    /// there holds none.
    pub(crate) fn open(
        &self,
        store: &StoreFlags,
        trust: &TrustFile,
    ) -> Result<Option<Arc<dyn Store>>, Failure> {
        self.open_counting(store, trust, Traffic::default())
    }

    /// The same, counting what goes there and back.
    pub(crate) fn open_counting(
        &self,
        store: &StoreFlags,
        trust: &TrustFile,
        traffic: Traffic,
    ) -> Result<Option<Arc<dyn Store>>, Failure> {
        if trust.auditors().is_empty() {
            return match &self.packs {
                None => {
                    self.tell_unread(store, "the trust file names no auditor");
                    Ok(None)
                }
                Some(_) => Err(Failure::new(
                    "read packs: the trust file names no auditor, so no attestation of one would count",
                )
                .hint(Some("add a line 'auditor CLUSTER VKEY' to it, or leave --packs out"))),
            };
        }
        let Some(url) = self.url(&store.store) else { return Ok(None) };
        if self.packs.is_none() && directory(&url).is_some_and(|path| !path.exists()) {
            tracing::warn!(
                "the trust file names auditors, and there are no packs: {url} isn't there"
            );
            return Ok(None);
        }
        let options = Options { traffic, ..store_options(store, false) };
        Ok(Some(open_packs(&url, &options, PACKS_HINT)?))
    }

    /// The same for each chain of a trust file.
    pub(crate) fn of_chains(
        &self,
        store: &StoreFlags,
        trust: &TrustFile,
    ) -> Result<impl Fn(&Origin) -> Option<CatPacks> + use<>, Failure> {
        let (opened, by_date) = (self.open(store, trust)?, !is_directory(&store.store));
        let trust = trust.clone();
        Ok(move |origin: &Origin| {
            let auditors = trust.auditors_of(origin);
            Some(CatPacks { store: opened.clone()?, auditors, by_date })
        })
    }

    /// The address of an object below the root of packs.
    pub(crate) fn address(&self, store: &StoreFlags, key: &str) -> String {
        let root = self.url(&store.store).unwrap_or_default();
        format!("{}/{key}", root.trim_end_matches('/'))
    }
}

const PACKS_HINT: &str = "--packs names the folder in which _attestations and cluster=… of packs lie: is it spelt \
                          right, and its file system mounted?";
const DRY_HINT: &str = "--dry-run makes no folder: make it yourself, or run without it";

/// The directory that a URL names, if it names one.
fn directory(url: &str) -> Option<PathBuf> {
    let site = auditseal_vault::site(url).ok()?;
    (site.provider == Provider::Directory).then(|| PathBuf::from(site.bucket))
}

/// Opens a root of packs; of a directory that isn't there `hint` says what to do.
fn open_packs(url: &str, options: &Options, hint: &'static str) -> Result<Arc<dyn Store>, Failure> {
    let absent = directory(url).is_some_and(|path| !path.exists());
    auditseal_vault::open(url, options).map_err(|error| match absent {
        true => Failure::new(&error).hint(Some(hint)),
        false => Failure::from(error),
    })
}

#[derive(Debug, Args)]
#[command(after_help = help::PACK)]
pub(crate) struct Pack {
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    place: PackPlace,
    /// What is trusted of each chain; it names the auditor whose key this is.
    #[arg(long, env = "AUDITSEAL_TRUST", value_name = "FILE")]
    trust: PathBuf,
    /// File of the auditor's private key, which signs what is attested.
    #[arg(long, env = "AUDITSEAL_AUDITOR_KEY", value_name = "FILE")]
    auditor_key: PathBuf,
    /// Folder for the pack under way; one process at a time, and nothing in it is needed again.
    #[arg(long, env = "AUDITSEAL_PACK_STATE", value_name = "DIR")]
    pack_state: PathBuf,
    /// Only these chains of the trust file. Repeatable.
    #[arg(long, env = "AUDITSEAL_ORIGIN", value_name = "C/N/SOURCE",
          action = clap::ArgAction::Append, value_delimiter = ' ')]
    origin: Vec<Origin>,
    /// Only the chains of part I of N, from 0, which are always the same ones.
    #[arg(long, env = "AUDITSEAL_SHARD", value_name = "I/N")]
    shard: Option<Shard>,
    /// zstd level.
    #[arg(long, env = "AUDITSEAL_PACK_LEVEL", value_name = "1-19", default_value_t = 9,
          value_parser = clap::value_parser!(i32).range(1..=19))]
    pack_level: i32,
    /// Demand that the store keeps each pack locked so long from when its last object was sealed. One
    /// that it doesn't is not attested.
    #[arg(long, env = "AUDITSEAL_PACK_RETENTION", value_name = "TIME", value_parser = retention)]
    pack_retention: Option<Duration>,
    /// How firm that lock must be; governance can be lifted by whoever has the permission.
    #[arg(
        long,
        env = "AUDITSEAL_PACK_RETENTION_MODE",
        value_enum,
        value_name = "MODE",
        default_value = "compliance"
    )]
    pack_retention_mode: RequiredMode,
    /// Make the index of packs again that this key attested: another one is attested anew, one that has gone
    /// is put again.
    #[arg(long, env = "AUDITSEAL_REINDEX", value_parser = BoolishValueParser::new())]
    reindex: bool,
    /// Judge and make everything, and put nothing.
    #[arg(long, env = "AUDITSEAL_DRY_RUN", value_parser = BoolishValueParser::new())]
    dry_run: bool,
    /// Leave what the run came to as metrics in this file, for the textfile collector of Prometheus'
    /// node_exporter. Its name must end with .prom to be collected.
    #[arg(long, env = "AUDITSEAL_METRICS", value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// What the report looks like.
    #[arg(short, long, env = "AUDITSEAL_FORMAT", value_enum, default_value = "text")]
    output: Format,
}

pub(crate) fn run(args: Pack) -> Result<ExitCode, Failure> {
    if args.dry_run && args.metrics.is_some() {
        let why = "pack: --dry-run puts nothing that --metrics could tell of";
        return Err(Failure::new(why).hint(Some("leave one of the two out")));
    }
    let trust = trust_file(&args.trust)?;
    let mut signer = read_signer(&args.auditor_key)?;
    let asked = |origin: &Origin| args.origin.is_empty() || args.origin.contains(origin);
    let shard = args.shard.unwrap_or(Shard::ALL);
    let mut origins: Vec<Origin> = trust.origins().map(|(origin, _)| origin.clone()).collect();
    if let Some(other) = args.origin.iter().find(|origin| !origins.contains(origin)) {
        return Err(crate::trusting::untrusted(other));
    }
    origins.retain(|origin| asked(origin) && shard.has(origin));
    let Some(url) = args.place.url(&args.store.store) else {
        let why = "put packs: --packs is needed, for --store has no prefix to put -packs behind";
        return Err(Failure::new(why).hint(Some(
            "packs stand beside the archive, not in it: another prefix, or another bucket",
        )));
    };
    if is_inside(&url, &args.store.store) {
        let why =
            format!("put packs below {url}: that is inside the archive, or the archive inside it");
        return Err(Failure::new(why).hint(Some(
            "who reads one of the two with a glob would read each line twice: give --packs another prefix",
        )));
    }
    let mode = match args.pack_retention_mode {
        RequiredMode::Compliance => LockMode::Compliance,
        RequiredMode::Governance => LockMode::Governance,
    };
    let demanded = args.pack_retention.map(|time| auditseal_chain::Retention {
        mode,
        micros: i64::try_from(time.as_micros()).unwrap_or(i64::MAX),
    });
    let fresh = PackOptions::new(trust, origins, args.pack_state);
    let options = PackOptions {
        compression: Compression { level: args.pack_level, ..fresh.compression },
        retention: demanded,
        // A directory's dates are those of whoever copied it there.
        skew: if is_directory(&args.store.store) { None } else { fresh.skew },
        store: Some(auditseal_agent::store_name(&args.store.store)),
        reindex: args.reindex,
        dry_run: args.dry_run,
        ..fresh
    };
    let archive = open_store(&args.store)?;
    let packs: Arc<dyn Store> = {
        let options = Options { create: !args.dry_run, ..store_options(&args.store, true) };
        open_packs(&url, &options, DRY_HINT)?
    };
    let clock = system_clock();
    let (told, bar) = shown();
    let done = pack(archive, packs, &mut signer, &options, || clock().wall, told);
    // Each thread more is memory that the allocator keeps for it; one packs while another reads.
    let report = block_on_threads(cores().max(2), done)?.map_err(|error| failure(&error))?;
    drop(bar);
    print(|out| match args.output {
        Format::Text => report.text(out),
        Format::Json => report.json(out),
    })?;
    if let Some(path) = &args.metrics {
        textfile::replace(path, &report.metrics(clock().wall))?;
    }
    Ok(ExitCode::from(report.exit_code()))
}

/// What tells how far packing is: log lines of packs, and a bar of objects that are judged.
fn shown() -> (impl FnMut(PackProgress<'_>), Bar) {
    let counts = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let read = Arc::clone(&counts);
    let bar =
        Bar::objects(move || (read.0.load(Ordering::Relaxed), read.1.load(Ordering::Relaxed)));
    let told = move |progress: PackProgress<'_>| match progress {
        PackProgress::Judged { objects, total } => {
            counts.0.store(objects, Ordering::Relaxed);
            counts.1.store(total, Ordering::Relaxed);
        }
        PackProgress::Made(origin, made) => {
            let (first, last, bytes) = (made.first, made.last, made.stored_bytes);
            tracing::info!(%origin, first, last, bytes, "packed");
        }
    };
    (told, bar)
}

/// Whether one of two stores lies inside the other.
fn is_inside(one: &str, other: &str) -> bool {
    let place = |url: &str| {
        let site = auditseal_vault::site(url).ok()?;
        let path = match site.provider {
            // Whatever links lead there.
            Provider::Directory => std::fs::canonicalize(&site.bucket)
                .map_or(site.bucket, |path| path.display().to_string()),
            _ => format!("{:?}/{}/{}", site.account, site.bucket, site.prefix),
        };
        Some((site.provider, format!("{}/", path.trim_end_matches('/'))))
    };
    match (place(one), place(other)) {
        (Some((one, a)), Some((other, b))) => {
            one == other && (a.starts_with(&b) || b.starts_with(&a))
        }
        _ => false,
    }
}

fn failure(error: &NotPacked) -> Failure {
    let hint = match error {
        NotPacked::Spool(_) => Some(
            "--pack-state names a folder of its own, which this user may write, with room for a pack: as much \
             as one has when it is stored",
        ),
        NotPacked::Thread(_) => None,
        NotPacked::Untrusted(_) => Some("`auditseal trust show` says what a trust file names"),
        NotPacked::NoAuditor(..) => {
            Some("whoever keeps the trust file adds that line once they trust this key")
        }
    };
    Failure::new(error).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_stand_beside_the_archive_and_not_in_it() {
        for (one, other, inside) in [
            ("s3://b/k8s-packs", "s3://b/k8s", false),
            ("s3://b/k8s", "s3://b/k8s", true),
            ("s3://b/k8s/packs", "s3://b/k8s/", true),
            ("s3://b", "s3://b/k8s", true),
            ("s3://c/k8s", "s3://b/k8s", false),
            ("gs://b/k8s", "s3://b/k8s", false),
            ("file:///srv/none/x", "file:///srv/none", true),
            ("file:///srv/none-packs", "file:///srv/none", false),
        ] {
            assert_eq!(is_inside(one, other), inside, "{one} {other}");
        }
    }
}
