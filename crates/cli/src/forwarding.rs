//! forward, and forward check.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use auditseal_agent::system_clock;
use auditseal_delivery::SinkUrl;
use auditseal_format::{Origin, Time};
use auditseal_forward::{
    AcceptedChains, Archived, CheckOptions, Checked, Followed, ForwardOptions, ForwardTally,
    Handed, NotForwarded, check, forward,
};
use auditseal_predicate::Predicate;
use auditseal_trust::TrustFile;
use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::failure::Failure;
use crate::following::{Again, Read, chains, keep};
use crate::output::print;
use crate::packing::PackPlace;
use crate::runtime::{block_on_threads, cores};
use crate::store_flags::{StoreFlags, is_directory, open_store};
use crate::times::time;
use crate::trusting::trust_file;
use crate::{help, textfile};

/// How often the file of metrics is written.
const METRICS: Duration = Duration::from_secs(15);
/// How long the last metrics may take.
const LAST_METRICS: Duration = Duration::from_secs(3);

#[derive(Debug, Args)]
#[command(after_help = help::FORWARD)]
pub(crate) struct Forward {
    /// Count instead, by chain and hour, what each sink has against what the archive has, where the sink can be
    /// asked.
    #[arg(value_enum)]
    action: Option<Action>,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    place: PackPlace,
    /// What is trusted of each chain; all that it names are followed. Read again every 30 s, and at SIGHUP.
    #[arg(long, env = "AUDITSEAL_TRUST", value_name = "FILE")]
    trust: PathBuf,
    /// Only these chains of the trust file. Repeatable.
    #[arg(long, env = "AUDITSEAL_ORIGIN", value_name = "C/N/SOURCE",
          action = clap::ArgAction::Append, value_delimiter = ' ')]
    origin: Vec<Origin>,
    /// Where events go: file:///PATH, opensearch+https://HOST:PORT/INDEX, loki+https://…, otlp+https://… or
    /// syslog+tls://HOST:PORT. Behind ? stand options: docs/forward.md. Repeatable.
    #[arg(long, env = "AUDITSEAL_SINK", value_name = "URL", required = true,
          action = clap::ArgAction::Append, value_delimiter = ' ')]
    sink: Vec<String>,
    /// Folder that remembers what each sink has, and holds what it refused; one process at a time.
    #[arg(
        long,
        env = "AUDITSEAL_FORWARD_STATE",
        value_name = "DIR",
        required_unless_present = "action"
    )]
    forward_state: Option<PathBuf>,
    /// Only events of which this CEL expression isn't false: docs/query-language.md. What can't be told is
    /// handed over.
    #[arg(long, env = "AUDITSEAL_FILTER", value_name = "CEL")]
    filter: Option<String>,
    /// Only events from this time on, for sinks that have nothing of a chain yet: RFC 3339, a local date or date
    /// and time, or how long ago, like 7d.
    #[arg(long, env = "AUDITSEAL_SINCE", value_name = "TIME", value_parser = time)]
    since: Option<Time>,
    /// Count only events before this time; without it, up to five minutes ago.
    #[arg(long, env = "AUDITSEAL_UNTIL", value_name = "TIME", value_parser = time, requires = "action")]
    until: Option<Time>,
    /// End when all that stands there is handed over.
    #[arg(long, env = "AUDITSEAL_ONCE", value_parser = BoolishValueParser::new())]
    once: bool,
    /// Keep what is counted as metrics in this file, for the textfile collector of Prometheus' node_exporter. Its
    /// name must end with .prom to be collected.
    #[arg(long, env = "AUDITSEAL_METRICS", value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// Serve /metrics, /healthz and /readyz at this address; off without it. Whoever can connect can read.
    #[arg(long, env = "AUDITSEAL_LISTEN", value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

/// What is done in place of handing over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Action {
    /// Count.
    Check,
}

pub(crate) fn run(args: Forward) -> Result<ExitCode, Failure> {
    let trust = trust_file(&args.trust)?;
    let chains = chains(&trust, &args.origin)?;
    let place = Archived {
        packs: args.place.open(&args.store, &trust)?,
        store: open_store(&args.store)?,
        dated: !is_directory(&args.store.store),
    };
    if args.action == Some(Action::Check) {
        return count(&args, &place, chains);
    }
    let args = Arc::new(args);
    let (accepted, followed) =
        watch::channel(Arc::new(AcceptedChains::new(chains, place.packs.clone())));
    let options = ForwardOptions {
        chains: followed,
        sinks: sinks(&args.sink)?,
        state: args.forward_state.clone().unwrap_or_default(),
        predicate: args.filter.as_deref().map(filter).transpose()?,
        since: args.since,
        once: args.once,
    };
    let tally = Arc::new(ForwardTally::default());
    // Two of each sink may wait with what they decoded; beside these, those that encode and read.
    let threads = 2 * cores() + 2 * args.sink.len() + 2;
    let handed = block_on_leaving(threads, async {
        let (stop, stopped) = watch::channel(false);
        let mut signals = signals()?;
        let working = forward(&place, options, &tally, stopped);
        let hangup = (!args.once).then(|| signal(SignalKind::hangup())).transpose();
        let hangup = hangup.map_err(|error| Failure::new(format!("watch for signals: {error}")))?;
        let beside = beside(&args, &tally)?;
        let trusting = async {
            if let Some(hangup) = hangup {
                let of = Arc::clone(&args);
                let reread = Arc::new(move |before: &TrustFile| of.reread(before));
                let again = Again { path: args.trust.clone(), known: Arc::new(trust), reread };
                keep(again, accepted, (Arc::clone(&tally), hangup)).await;
            }
            std::future::pending::<()>().await;
        };
        let beside = futures::future::join(beside, trusting);
        let mut working = std::pin::pin!(working);
        let mut beside = std::pin::pin!(beside);
        loop {
            tokio::select! {
                done = &mut working => break done.map_err(|why| failure(&why)),
                () = signals.next() => drop(stop.send(true)),
                _ = &mut beside => {}
            }
        }
    })??;
    report(&handed)?;
    if let Some(path) = args.metrics.clone() {
        last_metrics(path, tally.metrics())?;
    }
    Ok(ExitCode::from(code(&handed)))
}

impl Forward {
    /// What the trust file says, unless it says what it said before.
    fn reread(&self, before: &TrustFile) -> Read {
        let trust = trust_file(&self.trust)?;
        if trust == *before {
            return Ok(None);
        }
        // Of those that were asked for, some may not be trusted any more.
        let asked = self.origin.iter().filter(|origin| trust.get(origin).is_some());
        let asked: Vec<Origin> = asked.cloned().collect();
        if asked.is_empty() && !self.origin.is_empty() {
            return Err(Failure::new("choose chains: the trust file names none of --origin's"));
        }
        let chains = chains(&trust, &asked)?;
        let packs = self.place.open(&self.store, &trust)?;
        Ok(Some((trust, AcceptedChains::new(chains, packs))))
    }
}

/// As [`block_on_threads`], but threads that wait for a disk at the end are left to it: a disk that hangs must not keep
/// the process.
fn block_on_leaving<F: Future>(threads: usize, future: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(threads)
        .build()
        .map_err(|error| Failure::new(format!("start runtime: {error}")))?;
    let done = runtime.block_on(future);
    runtime.shutdown_background();
    Ok(done)
}

/// Keeps the last metrics, unless their disk hangs.
fn last_metrics(path: PathBuf, metrics: String) -> Result<(), Failure> {
    let (answer, written) = std::sync::mpsc::channel();
    let shown = path.display().to_string();
    std::thread::spawn(move || answer.send(textfile::replace(&path, &metrics)));
    written.recv_timeout(LAST_METRICS).unwrap_or_else(|_| {
        let seconds = LAST_METRICS.as_secs();
        Err(Failure::new(format!(
            "write metrics {shown}: its disk has given no answer for {seconds} s; the run itself came to its end"
        )))
    })
}

/// forward check.
fn count(args: &Forward, place: &Archived, chains: Vec<Followed>) -> Result<ExitCode, Failure> {
    let options = CheckOptions {
        chains,
        predicate: args.filter.as_deref().map(filter).transpose()?,
        since: args.since.unwrap_or(Time::EPOCH),
        until: args.until.unwrap_or_else(|| system_clock()().wall.saturating_add(-UNSETTLED)),
    };
    if options.since >= options.until {
        let (since, until) = (options.since, options.until);
        let what = format!("count events from {since} on and before {until}: nothing is between");
        let hint = "--since must be before --until, which without it is five minutes ago";
        return Err(Failure::new(what).hint(Some(hint)));
    }
    let (mut code, mut unasked) = (0, Vec::new());
    for sink in &sinks(&args.sink)? {
        let checked = block_on_threads(cores() + 2, check(place, sink, &options))?;
        let Checked { lines, too_long, hours, differences, blocked } = match checked {
            Ok(checked) => checked,
            Err(why) => {
                print(|out| writeln!(out, "{}: not counted: {why}", sink.name))?;
                unasked.push(sink.name.clone());
                continue;
            }
        };
        print(|out| {
            for difference in &differences {
                writeln!(out, "{}: {difference}", sink.name)?;
            }
            for (origin, why) in &blocked {
                writeln!(out, "{}: {origin} isn't counted to its end: {why}", sink.name)?;
            }
            if too_long > 0 {
                writeln!(
                    out,
                    "{}: {too_long} of the archive's events are too long to be handed over: dead letters say which",
                    sink.name
                )?;
            }
            let differ = differences.len();
            writeln!(
                out,
                "{}: {lines} events in {hours} hours of chains, {differ} of which differ",
                sink.name
            )
        })?;
        if !differences.is_empty() || !blocked.is_empty() {
            code = 1;
        }
    }
    if unasked.is_empty() {
        return Ok(ExitCode::from(code));
    }
    Err(Failure::new(format!("count what is at {}", unasked.join(", ")))
        .hint(Some("docs/forward.md says which sinks can be asked, and how")))
}

/// What happened so shortly ago may be under way to a sink, microseconds.
const UNSETTLED: i64 = 300_000_000;

fn failure(why: &NotForwarded) -> Failure {
    Failure::new(why).hint(why.hint())
}

/// The sinks. What was given isn't repeated where it is refused: a password may stand in it.
fn sinks(given: &[String]) -> Result<Vec<SinkUrl>, Failure> {
    let read = |text: &String| {
        let plain = text.split_once('?').map_or(text.as_str(), |(plain, _)| plain);
        if plain.contains('@') && !plain.starts_with("file:") {
            return Err("user and password come from a file: basic-file=PATH".to_owned());
        }
        text.parse::<SinkUrl>().map_err(|why| auditseal_chain::escape(&why.to_string()))
    };
    let numbered = given.iter().zip(1..);
    let refused = |why: String, nth: usize| {
        Failure::new(format!("read --sink, the {nth}. of {}: {why}", given.len()))
            .hint(Some("docs/forward.md says how sinks are named"))
    };
    numbered.map(|(text, nth)| read(text).map_err(|why| refused(why, nth))).collect()
}

fn filter(text: &str) -> Result<Predicate, Failure> {
    Predicate::from_cel(text).map_err(|refused| {
        let why = auditseal_chain::escape(&refused.to_string());
        Failure::new(format!("read --filter: {why}"))
            .hint(Some("docs/query-language.md says what can be asked"))
    })
}

/// Who may stop it.
struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

impl Signals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

fn signals() -> Result<Signals, Failure> {
    let failed = |error| Failure::new(format!("watch for signals: {error}"));
    let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(Signals(interrupt, signal(SignalKind::terminate()).map_err(failed)?))
}

/// Keeps the file of metrics, serves them, and tells the service manager, until it is dropped.
fn beside(
    args: &Forward,
    tally: &Arc<ForwardTally>,
) -> Result<impl Future<Output = ()> + use<>, Failure> {
    let listener = args.listen.map(crate::watch::listen).transpose()?;
    let (path, tally) = (args.metrics.clone(), Arc::clone(tally));
    Ok(async move {
        let serving = async {
            match listener.map(tokio::net::TcpListener::from_std) {
                Some(Ok(listener)) => {
                    let (counts, says) = (Arc::clone(&tally), Arc::clone(&tally));
                    let against = move || says.against();
                    auditseal_observe::serve_plainly(listener, move || counts.metrics(), against)
                        .await;
                }
                Some(Err(error)) => tracing::warn!("metrics aren't served: {error}"),
                None => {}
            }
            std::future::pending::<()>().await;
        };
        let keeping = async {
            let Some(path) = path else { return std::future::pending::<()>().await };
            loop {
                tokio::time::sleep(METRICS).await;
                // On a thread of its own: its disk may hang.
                let (to, metrics) = (path.clone(), tally.metrics());
                let written =
                    tokio::task::spawn_blocking(move || textfile::replace(&to, &metrics)).await;
                if !matches!(written, Ok(Ok(()))) {
                    tracing::warn!("the file of metrics {} can't be written", path.display());
                }
            }
        };
        futures::future::join(serving, keeping).await;
    })
}

fn report(handed: &[Handed]) -> Result<(), Failure> {
    print(|out| {
        for given in handed {
            let Handed { sink, lines, refused, cut, findings, blocked, .. } = given;
            writeln!(
                out,
                "{sink}: {lines} events handed over, {refused} refused, {cut} cut; {findings} findings"
            )?;
            for (origin, why, _) in blocked {
                writeln!(out, "{sink}: {origin} isn't gone on with: {why}")?;
            }
            if let Some(why) = &given.stopped {
                writeln!(
                    out,
                    "{sink}: {why}: nothing more was handed over to it; what it has is known, and it goes on from there once that is mended"
                )?;
                continue;
            }
            for origin in &given.left {
                writeln!(
                    out,
                    "{sink}: {origin}: stopped by a signal before all of it was handed over: run it again to go on"
                )?;
            }
            if let Some(why) = &given.uncommitted {
                writeln!(out, "{sink}: {why}: some of it will be handed over again")?;
            }
        }
        Ok(())
    })
}

/// 1 where something is at fault: the archive, or events that a sink refused; 2 where something couldn't be done.
fn code(handed: &[Handed]) -> u8 {
    let at_fault =
        |sink: &Handed| sink.refused > 0 || sink.blocked.iter().any(|(_, _, at_fault)| *at_fault);
    let failed = |sink: &Handed| {
        sink.uncommitted.is_some()
            || sink.stopped.is_some()
            || !sink.left.is_empty()
            || sink.blocked.iter().any(|(_, _, at_fault)| !at_fault)
    };
    match () {
        () if handed.iter().any(failed) => 2,
        () if handed.iter().any(at_fault) => 1,
        () => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_not_repeated() {
        for text in [
            "opensearch+https://u:hunter2@h/x",
            "opensearch+https://u:hunt/hunter2@h/x",
            "loki+http://h?password=hunter2",
            "otlp+http://h?max-event=hunter2",
            "hunter2",
            "hunter2://h",
            "loki+hunter2://h",
            "loki+http://h:hunter2",
            "opensearch+http://u:hunter2/x",
            "loki+http://h?hunter2",
            "loki+http://h?name=a&hunter2=b",
        ] {
            let refused = format!("{:?}", sinks(&[text.to_owned()]).unwrap_err());
            assert!(refused.contains("--sink") && !refused.contains("hunter2"), "{refused}");
        }
        assert_eq!(sinks(&["file:///srv/a@b".to_owned()]).unwrap().len(), 1);
    }
}
