//! cat, ls, inspect; and what all readers share.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use auditseal_agent::system_clock;
use auditseal_archive as archive;
use auditseal_archive::{CatPacks, TruePath};
use auditseal_chain::Verdict;
use auditseal_format::{Kind, Origin, VerifierKey};
use auditseal_note::KeyError;
use auditseal_vault::Provider;

use crate::agent::open_store;
use crate::args::{Cat, Format, Inspect, ListFormat, Ls};
use crate::failure::{Failure, archive_hint};
use crate::progress::Bar;
use crate::salvage::{self, Report};
use crate::trusting::{no_pipe, trust_file, untrusted};

pub(crate) fn is_directory(url: &str) -> bool {
    auditseal_vault::site(url).is_ok_and(|site| site.provider == Provider::Directory)
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
    let done = match regular_stdout() {
        Some(file) => {
            let out = archive::Sparse::new(file);
            block_on(archive::cat(store, &args.origin, &options, out, |_| {}))?
        }
        None => {
            let out = archive::Piped::new(BufWriter::with_capacity(1 << 18, io::stdout()));
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

/// Standard output, where it is a file: a source's holes can be left holes there.
fn regular_stdout() -> Option<File> {
    let out = File::from(io::stdout().as_fd().try_clone_to_owned().ok()?);
    out.metadata().is_ok_and(|about| about.is_file()).then_some(out)
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
    let fresh = |keys| archive::Options::new(keys, system_clock()().wall);
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

/// Where public keys come from.
const VKEY_HINT: &str =
    "give the vkey that `auditseal keygen` or `auditseal pubkey` prints, or a file with it";

/// Reads trusted keys: each argument is a vkey (or several: a file's contents, as an environment
/// variable may hold them), or a file with one in each line.
pub(crate) fn vkeys(arguments: &[String]) -> Result<Vec<VerifierKey>, Failure> {
    let mut keys = Vec::new();
    for argument in arguments {
        let given: Result<Vec<_>, _> = argument.split_whitespace().map(str::parse).collect();
        match given {
            Ok(given) if !given.is_empty() => keys.extend(given),
            _ if Path::new(argument).exists() => keys.extend(key_file(argument)?),
            Err(error) if error != KeyError::Shape => {
                return Err(Failure::new(format!("read vkey: {error}")).hint(Some(VKEY_HINT)));
            }
            // Not repeated: it may be anything, also a secret.
            _ => {
                let why = "no such file, and not a key of the form NAME+HASH+BASE64";
                return Err(Failure::new(format!("read vkey: {why}")).hint(Some(VKEY_HINT)));
            }
        }
    }
    Ok(keys)
}

fn key_file(path: &str) -> Result<Vec<VerifierKey>, Failure> {
    let fail = |why: &dyn std::fmt::Display| {
        Failure::new(format!("read vkey file {path}: {why}")).hint(Some(VKEY_HINT))
    };
    no_pipe(Path::new(path), "vkey file")?;
    let text = std::fs::read_to_string(path).map_err(|e| match e.kind() {
        io::ErrorKind::InvalidData => fail(&"it isn't text"),
        _ => fail(&e),
    })?;
    let lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys: Result<Vec<_>, _> = lines.map(str::parse).collect();
    match keys {
        Ok(keys) if !keys.is_empty() => Ok(keys),
        Ok(_) => Err(fail(&"no key in it")),
        Err(error) => Err(fail(&error)),
    }
}

/// A progress bar that counts objects.
pub(crate) fn counter() -> (impl Fn(&archive::Progress), Bar) {
    let done = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let shown = Arc::clone(&done);
    let bar =
        Bar::objects(move || (shown.0.load(Ordering::Relaxed), shown.1.load(Ordering::Relaxed)));
    let count = move |progress: &archive::Progress| {
        done.0.store(progress.objects, Ordering::Relaxed);
        done.1.store(progress.total, Ordering::Relaxed);
    };
    (count, bar)
}

/// Writes to standard output, and flushes it.
pub(crate) fn print(
    write: impl FnOnce(&mut BufWriter<io::Stdout>) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout());
    finish(write(&mut out).and_then(|()| out.flush()))
}

/// Whoever reads our output may stop reading: that is no failure.
pub(crate) fn finish(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(format!("write to standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Fetching waits on one thread; decoding runs on as many as there are cores, beside a thread that
/// writes.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    block_on_threads(cores() + 2, future)
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Each thread more is memory that the C library's allocator keeps for it: for `verify` two more
/// than there are cores were a quarter of its memory.
pub(crate) fn block_on_threads<F: Future>(threads: usize, future: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(threads)
        .build()
        .map_err(|e| Failure::new(format!("start runtime: {e}")))?;
    Ok(runtime.block_on(future))
}
