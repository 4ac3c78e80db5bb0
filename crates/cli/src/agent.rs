//! run, backfill, retire.

use std::ffi::{OsStr, OsString};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use auditseal_agent::{
    ChainEnd, Limits, Mode, Outcome, Owners, Progress, RETRY, Settings, system_clock, tell_manager,
};
use auditseal_format::{Compression, printable};
use auditseal_store::Store;
use auditseal_vault::{Options, Provider, Site, Swap};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::warn;

use crate::accepting::Accepting;
use crate::failure::Failure;
use crate::logging::Levels;
use crate::output::say;
use crate::progress::Bar;
use crate::reload::{self, Reload, Signals};
use crate::sources::specs;
use crate::store_flags::{store_options, warn_of_environment};
use crate::units::show_size;
use crate::watch::{listen, serve_from, watched};
use crate::writer::{Backfill, Run, Writer};
use crate::{envfile, protection};

/// After a stop, uploads may take so long: service managers wait for ten seconds or more.
const GRACE: Duration = Duration::from_secs(8);

/// How long it may take to find out whether everything on the node is in order. A disk that hangs must
/// keep neither health nor signals nor the other sources waiting: the agent asks it again, and names
/// it.
const IN_ORDER: Duration = Duration::from_secs(5);

pub(crate) fn run(args: Run, levels: Levels) -> Result<ExitCode, Failure> {
    auditseal_agent::keep_to_owner();
    check(&args.writer)?;
    let variables = reload::variables(args.environment.as_deref())?;
    if let Some(level) = reload::level(&variables) {
        match levels.read(Some(level)) {
            Ok(filter) => levels.set(filter),
            Err(why) => warn!("{why}: using the one it was started with"),
        }
    }
    let settings = Settings {
        window: args.window,
        heartbeat: args.heartbeat,
        // Beside an apiserver and etcd: one core is enough, and all it may take.
        jobs: 1,
        ..settings(&args.writer, Mode::Live)?
    };
    let settings = watched(settings, &args.watch)?;
    let mut accepting = Accepting::new(settings.accept_owners.clone(), &args.writer.accept_owner);
    let accepted = accepting.read(&variables);
    accepting.set(accepted.map_err(|why| Failure::new(format!("read --environment: {why}")))?);
    let clouds = envfile::of_clouds(&variables);
    let Opened { store, options, vkey } = open(&settings, &args.writer, clouds)?;
    let listener = args.watch.listen.map(listen).transpose()?;
    let swap = Arc::new(Swap::new(store));
    let store = Arc::clone(&swap) as Arc<dyn Store>;
    let (held, told) = ((options, vkey), (levels, accepting));
    let reload = Reload::new(&args.writer, args.environment, &variables, held, swap, told);
    let progress = Arc::new(Progress::default());
    let outcomes = archive(settings, store, &progress, listener, Some(reload))?;
    conclude(&outcomes)
}

/// A backfill that says goodbye: also when nothing is left on the node.
pub(crate) fn retire(args: Backfill) -> Result<ExitCode, Failure> {
    one_shot(args, true)
}

pub(crate) fn backfill(args: Backfill) -> Result<ExitCode, Failure> {
    one_shot(args, false)
}

fn one_shot(args: Backfill, retire: bool) -> Result<ExitCode, Failure> {
    auditseal_agent::keep_to_owner();
    check(&args.writer)?;
    auditseal_agent::stand_back();
    // A node that is taken out still has an apiserver and etcd until then, and room for one.
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = if retire { 1 } else { cores() };
    let settings = Settings {
        give_up: args.give_up,
        rate_limit: args.rate_limit,
        jobs: args.jobs.map_or(jobs, usize::from),
        retire,
        ..settings(&args.writer, Mode::OneShot)?
    };
    let Opened { store, .. } = open(&settings, &args.writer, Vec::new())?;
    let progress = Arc::new(Progress::default());
    let shown = Arc::clone(&progress);
    let bar = Bar::bytes(move || {
        let tally = shown.total();
        (tally.sealed_bytes, tally.sealed_bytes + tally.backlog_bytes)
    });
    let outcomes = archive(settings, store, &progress, None, None)?;
    drop(bar);
    for outcome in &outcomes {
        say(&summary(outcome))?;
    }
    let code = conclude(&outcomes)?;
    protection::conclude(&outcomes)?;
    interrupted(&outcomes)?;
    missing(&outcomes)?;
    Ok(code)
}

/// The spool keeps the newest object even when it is stored: a limit below that would stop reading
/// for ever.
fn check(writer: &Writer) -> Result<(), Failure> {
    auditseal_agent::open_many();
    protection::check(&writer.store.store, &writer.protection)?;
    let least = 2 * writer.batch_size;
    if writer.spool_limit >= least {
        return Ok(());
    }
    let (limit, least) = (show_size(writer.spool_limit), show_size(least));
    let why = format!("--spool-limit {limit} is less than two batches, {least}");
    Err(Failure::new(format!("read the command line: {why}"))
        .hint(Some("raise --spool-limit, or lower --batch-size")))
}

fn settings(writer: &Writer, mode: Mode) -> Result<Settings, Failure> {
    Ok(Settings {
        cluster: writer.cluster.clone(),
        node: writer.node.clone(),
        sources: specs(&writer.source, &writer.source_format)?,
        accept_owners: Owners::from(writer.accept_owner.as_slice()),
        key: writer.key.clone(),
        state: writer.state.clone(),
        mode,
        window: Duration::from_secs(5),
        heartbeat: Duration::from_secs(60),
        give_up: Duration::from_secs(300),
        retry: RETRY,
        hold: writer.hold,
        grace: GRACE,
        rate_limit: None,
        spool_limit: writer.spool_limit,
        deleted_limit: writer.deleted_limit,
        min_free: writer.min_free,
        jobs: 1,
        batch_bytes: writer.batch_size,
        compression: Compression { level: writer.level, ..Compression::default() },
        store_name: auditseal_agent::store_name(&writer.store.store),
        require_retention: protection::retention(
            writer.protection.require_retention,
            writer.protection.require_retention_mode,
        ),
        allow_overwrite: writer.protection.allow_overwrite_store,
        read_back: writer.protection.read_back,
        beside: writer.begin_beside.clone(),
        without: writer.go_on_without.clone(),
        retire: false,
        stay_on_fork: false,
        limits: Limits::default(),
        apiserver: None,
    })
}

/// A store to write to.
struct Opened {
    store: Arc<dyn Store>,
    /// What it was opened with.
    options: Options,
    /// The key's, where its disk has told it.
    vkey: Option<String>,
}

/// Opens the store to write to, after everything on the node is in order: a directory is made for
/// it, and a wrong path of the key shouldn't leave one behind.
fn open(
    settings: &Settings,
    writer: &Writer,
    environment: Vec<(OsString, OsString)>,
) -> Result<Opened, Failure> {
    let options = Options { environment, ..store_options(&writer.store, true) };
    let options = protection::ask(options, &writer.protection.asked)?;
    warn_of_environment([&writer.store.store]);
    let vkey = auditseal_agent::check(settings, IN_ORDER)?;
    let store = auditseal_vault::open(&writer.store.store, &options)?;
    warn_of_others(&writer.store.store);
    Ok(Opened { store, options, vkey })
}

/// Says that others may look into the directory that is the archive: somebody else made it.
fn warn_of_others(store: &str) {
    let Ok(Site { provider: Provider::Directory, bucket: path, .. }) = auditseal_vault::site(store)
    else {
        return;
    };
    let mode = std::fs::metadata(&path).map_or(0, |found| found.permissions().mode() & 0o7777);
    if mode & 0o077 != 0 {
        let path = printable(OsStr::new(&path));
        warn!("others may open {path} (mode {mode:04o}): chmod go= it, unless they are to read it");
    }
}

/// Runs the agent until it ends or a signal stops it. `reload` is what SIGHUP has read again; without
/// it SIGHUP ends the process, as it does whatever runs in a terminal.
fn archive(
    settings: Settings,
    store: Arc<dyn Store>,
    progress: &Arc<Progress>,
    listener: Option<TcpListener>,
    reload: Option<Reload>,
) -> Result<Vec<Outcome>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(settings.jobs + 2 * settings.sources.len() + 4)
        .build()
        .map_err(|e| Failure::new(format!("start runtime: {e}")))?;
    let outcomes = runtime.block_on(async {
        let (stop, stopped) = watch::channel(false);
        let on_signal =
            |kind| signal(kind).map_err(|e| Failure::new(format!("watch signals: {e}")));
        let (mut term, mut int) =
            (on_signal(SignalKind::terminate())?, on_signal(SignalKind::interrupt())?);
        let others = Signals::watch(reload.is_some());
        let others = others.map_err(|e| Failure::new(format!("watch signals: {e}")))?;
        tokio::spawn(others.answer(reload, Arc::clone(progress)));
        if let Some(listener) = listener {
            tokio::spawn(serve_from(listener, Arc::clone(progress)));
        }
        let (clock, progress) = (system_clock(), Arc::clone(progress));
        let manager = tell_manager(Arc::clone(&progress), stopped.clone());
        let agent = auditseal_agent::run(settings, store, clock, progress, stopped);
        tokio::pin!(agent, manager);
        loop {
            tokio::select! {
                outcomes = &mut agent => return Ok(outcomes?),
                never = &mut manager => match never {},
                _ = term.recv() => stop.send_replace(true),
                _ = int.recv() => stop.send_replace(true),
            };
        }
    });
    // A task that hangs on a dead disk or network must not keep a stopped process alive.
    runtime.shutdown_timeout(Duration::from_millis(500));
    outcomes
}

fn summary(outcome: &Outcome) -> String {
    let tally = &outcome.tally;
    let locks = protection::summary(outcome);
    let head = outcome
        .head
        .map_or_else(|| "nothing sealed".to_owned(), |(seq, hash)| format!("head {seq}:{hash}"));
    let gaps = if tally.gaps > 0 { format!("; {} GAPS", tally.gaps) } else { String::new() };
    let gaps = format!("{}{gaps}", not_stored(outcome));
    let beside = outcome.strangers.as_ref().map_or_else(String::new, |names| {
        format!("; NOT ARCHIVED, though it looks related: {names}")
    });
    // A gap that couldn't be sealed any more, for the store or the disk refused, is news too.
    if tally.seals == 0 && tally.gaps == 0 {
        let stored = match tally.stored {
            0 => "nothing uploaded".to_owned(),
            stored => format!("uploaded {stored}"),
        };
        // Whether there was anything, only who came to the log's end can say.
        let new = match outcome.end {
            ChainEnd::Done => "nothing new",
            _ => "nothing sealed",
        };
        return format!("{}: {new}, {stored}{gaps}{beside}{locks}; {head}", outcome.origin);
    }
    format!(
        "{}: sealed {} lines ({}) in {} objects ({}), uploaded {}{gaps}{beside}{locks}; {head}",
        outcome.origin,
        tally.lines,
        show_size(tally.sealed_bytes),
        tally.seals,
        show_size(tally.object_bytes),
        tally.stored,
    )
}

/// What was sealed, and the store doesn't have.
fn not_stored(outcome: &Outcome) -> String {
    let mut said = String::new();
    if let ChainEnd::Lacking(seqs) = outcome.end {
        let (lacks, which) = (seqs.count(), seqs.words());
        said += &format!("; {lacks} MISSING in the store, which had them ({which})");
    }
    for seqs in &outcome.without {
        let (lacks, which) = (seqs.count(), seqs.words());
        said += &format!("; {lacks} MISSING in the store, gone on without as told ({which})");
    }
    match outcome.tally.missing {
        0 => said,
        missing => said + &format!("; {missing} MISSING in spool and store"),
    }
}

/// The worst end decides. Stopping early is no failure of a daemon: it goes on at the next start.
fn conclude(outcomes: &[Outcome]) -> Result<ExitCode, Failure> {
    for Outcome { origin, end, .. } in outcomes {
        if let ChainEnd::Forked(key, fork) = end {
            return Err(Failure::new(format!("extend {origin}: fork at {key}: {fork}"))
                .hint(Some(fork.hint()))
                .code(3));
        }
    }
    for Outcome { origin, end, .. } in outcomes {
        if let ChainEnd::GaveUp(why) = end {
            let hint = "everything sealed is in the state directory; run it again to go on";
            return Err(Failure::new(format!("upload {origin}: gave up: {why}")).hint(Some(hint)));
        }
    }
    for Outcome { origin, end, .. } in outcomes {
        if let ChainEnd::Lacking(seqs) = end {
            let which = seqs.words();
            let what = format!(
                "upload {origin}: the store lacks {which}, which it had: nothing was sent to it"
            );
            let hint = format!(
                "look whether --store is the right one, and its disk mounted; everything sealed is in \
                 the state directory, and what isn't, in the log. If what it lacks is lost for good, \
                 --go-on-without {origin}:{seqs} goes on without it, and verify will say MISSING of \
                 what no pack has"
            );
            return Err(Failure::new(what).hint(Some(&hint)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What was sealed and is nowhere any more fails a one-shot: nobody looks at its counters later.
fn missing(outcomes: &[Outcome]) -> Result<(), Failure> {
    let lost = outcomes.iter().find(|outcome| outcome.tally.missing > 0);
    lost.map_or(Ok(()), |Outcome { origin, tally, .. }| {
        let missing = tally.missing;
        let what = format!(
            "archive {origin}: {missing} sealed objects are neither in the spool nor in the store"
        );
        Err(Failure::new(what).hint(Some("the log says which; all else is archived")))
    })
}

/// Who asked for everything didn't get it: an evicted Job, say, must not look done.
fn interrupted(outcomes: &[Outcome]) -> Result<(), Failure> {
    let stopped = outcomes.iter().find(|outcome| matches!(outcome.end, ChainEnd::Stopped));
    stopped.map_or(Ok(()), |Outcome { origin, .. }| {
        let what = format!("archive {origin}: stopped by a signal before everything was archived");
        Err(Failure::new(what).hint(Some("run it again to go on")))
    })
}

#[cfg(test)]
mod tests {
    use auditseal_agent::Tally;
    use auditseal_format::Origin;

    use super::*;

    #[test]
    fn the_summary_names_what_is_lost_and_what_is_left_out() {
        let outcome = |seals, gaps, strangers: Option<&str>| Outcome {
            origin: Origin::new("c", "n", "s").expect("an origin"),
            end: ChainEnd::Done,
            tally: Tally { seals, gaps, lines: 3, stored: seals, ..Tally::default() },
            without: vec![],
            strangers: strangers.map(str::to_owned),
            head: None,
        };
        let said = |seals, gaps, strangers| summary(&outcome(seals, gaps, strangers));
        assert_eq!(said(0, 0, None), "c/n/s: nothing new, nothing uploaded; nothing sealed");
        let unsealed = "c/n/s: sealed 3 lines (0 B) in 0 objects (0 B), uploaded 0";
        assert_eq!(said(0, 2, None), format!("{unsealed}; 2 GAPS; nothing sealed"));
        let sealed = "c/n/s: sealed 3 lines (0 B) in 2 objects (0 B), uploaded 2";
        assert_eq!(
            said(2, 1, Some("audit.log.1.old and 7 more")),
            format!(
                "{sealed}; 1 GAPS; NOT ARCHIVED, though it looks related: audit.log.1.old and 7 \
                 more; nothing sealed"
            )
        );
        assert_eq!(said(2, 0, None), format!("{sealed}; nothing sealed"));
        let mut lost = outcome(0, 0, None);
        lost.tally.missing = 2;
        assert_eq!(
            summary(&lost),
            "c/n/s: nothing new, nothing uploaded; 2 MISSING in spool and store; nothing sealed"
        );
        assert!(missing(&[lost]).is_err() && missing(&[outcome(2, 1, None)]).is_ok());
    }

    #[test]
    fn the_summary_names_what_the_store_lacks() {
        let outcome = Outcome {
            origin: Origin::new("c", "n", "s").expect("an origin"),
            end: ChainEnd::Lacking("0-11".parse().expect("seqs")),
            tally: Tally::default(),
            without: vec![],
            strangers: None,
            head: None,
        };
        // Lines may wait in the log: nobody has looked.
        assert_eq!(
            summary(&outcome),
            "c/n/s: nothing sealed, nothing uploaded; 12 MISSING in the store, which had them (seq 0 \
             to 11); nothing sealed"
        );
        let told = Outcome {
            end: ChainEnd::Done,
            tally: Tally { seals: 1, stored: 3, ..Tally::default() },
            without: vec!["7-7".parse().expect("seqs")],
            ..outcome
        };
        assert_eq!(
            summary(&told),
            "c/n/s: sealed 0 lines (0 B) in 1 objects (0 B), uploaded 3; 1 MISSING in the store, gone \
             on without as told (seq 7); nothing sealed"
        );
        assert!(conclude(&[told]).is_ok(), "as told");
    }
}
