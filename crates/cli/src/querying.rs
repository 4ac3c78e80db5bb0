//! query: what is asked of an archive, on the command line, and how the answer is told.

use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use auditseal_agent::system_clock;
use auditseal_format::Origin;
use auditseal_predicate::FieldPath;
use auditseal_query::{
    Answered, Archive, Asked, AskedChain, Asking, Columns, FoundParts, Hit, Put, ScanCost, Show,
    Top, VALUES, for_terminal, size, strange,
};
use auditseal_reader::Window;
use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{self, LogFormat};
use crate::citing::Proofs;
use crate::failure::Failure;
use crate::help;
use crate::packing::PackPlace;
use crate::predicates::{self, Conditions};
use crate::read::{block_on_threads, cores, finish, is_directory, vkeys};
use crate::stats::{Bill, Stats};
use crate::trusting::{Policy, trust_file, untrusted};
use crate::units::size as bytes_of;

#[derive(Debug, Args)]
#[command(after_help = help::QUERY)]
pub(crate) struct Query {
    #[command(flatten)]
    conditions: Conditions,
    #[command(flatten)]
    store: args::Store,
    #[command(flatten)]
    stats: Stats,
    /// Only this chain; without it, all of the trust file's. Repeatable.
    #[arg(long, env = "AUDITSEAL_ORIGIN", value_name = "C/N/SOURCE",
          action = clap::ArgAction::Append, value_delimiter = ' ')]
    origin: Vec<Origin>,
    /// A public key to trust, or a file with one in each line. Repeatable.
    #[arg(long, env = "AUDITSEAL_VKEY", value_name = "VKEY|FILE", action = clap::ArgAction::Append,
          required_unless_present = "trust")]
    vkey: Vec<String>,
    #[command(flatten)]
    policy: Policy,
    #[command(flatten)]
    place: PackPlace,
    /// Don't use the index of packs: search all that may lie in the time asked for.
    #[arg(long, env = "AUDITSEAL_NO_INDEX", value_parser = BoolishValueParser::new())]
    no_index: bool,
    /// Exit 0 also where no seal that is known ties the part that was searched to its chain.
    #[arg(long, env = "AUDITSEAL_ALLOW_UNANCHORED", value_parser = BoolishValueParser::new())]
    allow_unanchored: bool,
    /// Count the events by this field's values, and list these by how often they were found.
    #[arg(long, env = "AUDITSEAL_TOP", value_name = "FIELD", conflicts_with = "unknown")]
    top: Option<FieldPath>,
    /// What the answer looks like: columns; the lines, byte for byte (on a terminal with what would act on
    /// it escaped); an object for each event, with its citation; their number.
    #[arg(
        short,
        long,
        visible_alias = "format",
        env = "AUDITSEAL_FORMAT",
        value_enum,
        default_value = "table"
    )]
    output: Output,
    /// List the events of which it can't be told whether they are meant, in place of those that are.
    #[arg(long, env = "AUDITSEAL_UNKNOWN", value_parser = BoolishValueParser::new())]
    unknown: bool,
    /// Folder for a proof of each event that is told, ORIGIN-SEQ-LINE.proof, with _ for each / of the origin: `check` reads it without the
    /// archive. Of the first thousand.
    #[arg(long, env = "AUDITSEAL_PROOF", value_name = "DIR", conflicts_with = "top")]
    proof: Option<PathBuf>,
    /// Each stage of a request counts, and not only its last one.
    #[arg(long, env = "AUDITSEAL_ALL_STAGES", value_parser = BoolishValueParser::new())]
    all_stages: bool,
    /// Exit 4 if there is none.
    #[arg(long, env = "AUDITSEAL_FAIL_IF_NONE", value_parser = BoolishValueParser::new())]
    fail_if_none: bool,
    /// Ask before more stored bytes than this are searched without an index.
    #[arg(long, env = "AUDITSEAL_SCAN_LIMIT", value_name = "SIZE", default_value = "1GiB", value_parser = bytes_of)]
    scan_limit: u64,
    /// Search them without asking.
    #[arg(long, env = "AUDITSEAL_YES", value_parser = BoolishValueParser::new())]
    yes: bool,
}

/// What the answer looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Table,
    Jsonl,
    Json,
    Count,
}

/// The exit code where there is none, and somebody wants to be told so.
pub(crate) const NONE: u8 = 4;

/// The same where it can't be told of some events, or gaps are known: there may be one.
pub(crate) const CANT_TELL: u8 = 2;

pub(crate) fn run(args: Query, format: LogFormat) -> Result<ExitCode, Failure> {
    let objects = args.conditions.objects()?;
    let asking = args.asking(&objects)?;
    let mut proofs = args.proof.as_deref().map(Proofs::new).transpose()?;
    let (store, bill) = args.stats.open(&args.store)?;
    let (chains, packs) = chains(&args.chosen(), &bill)?;
    let archive = Archive { store, packs, dated: !is_directory(&args.store.store) };
    let top = args.top.as_ref().map(|_| Top::new(VALUES));
    let mut out = Out::new(args.output, top, Columns::default());
    let answer = block_on_threads(cores() + 2, async {
        let search = asking.find(&archive, chains.clone()).await?;
        may_search(&search, args.yes, args.scan_limit)?;
        let each = |hit: Hit| {
            proofs.iter_mut().for_each(|proofs| proofs.told(&hit));
            out.hit(hit)
        };
        Ok::<_, Failure>(search.run(each, stopped()?).await)
    })??;
    finish(out.end(&answer))?;
    tell(&footer(&args, &answer, asking.window, &bill), format);
    if answer.interrupted {
        return Ok(ExitCode::from(answer.exit_code()));
    }
    if let Some(unseen) = strange(&objects, &seen(&answer)) {
        return Err(predicates::not_asked(&unseen));
    }
    if let Some(proofs) = proofs {
        let written = block_on_threads(cores() + 2, async {
            let stop = stopped()?;
            tokio::select! {
                written = proofs.write(&archive, &chains) => written,
                () = stop => Err(Failure::new("write proofs: interrupted; what is written so far stays")),
            }
        })??;
        tell(&[written], format);
    }
    let code = answer.exit_code();
    let none = args.fail_if_none && answer.given == 0 && code == 0;
    let none = if answer.is_whole() { NONE } else { CANT_TELL } * u8::from(none);
    Ok(ExitCode::from(code.max(none)))
}

fn seen(answer: &Answered) -> std::collections::BTreeSet<String> {
    answer.chains.iter().flat_map(|chain| chain.types.iter().cloned()).collect()
}

/// How chains are chosen.
pub(crate) struct Chosen<'a> {
    pub(crate) store: &'a args::Store,
    pub(crate) origin: &'a [Origin],
    pub(crate) vkey: &'a [String],
    pub(crate) policy: &'a Policy,
    pub(crate) place: &'a PackPlace,
}

/// The chains that are asked, and where their packs stand.
pub(crate) type Chains = (Vec<AskedChain>, Option<std::sync::Arc<dyn auditseal_store::Store>>);

pub(crate) fn chains(args: &Chosen<'_>, bill: &Bill) -> Result<Chains, Failure> {
    let Some(path) = &args.policy.trust else {
        args.place.without_trust(args.store)?;
        if args.origin.is_empty() {
            let why = "choose chains: no --origin was given, and no trust file that names them";
            return Err(
                Failure::new(why).hint(Some("`auditseal ls` lists the chains that there are"))
            );
        }
        let vkeys = vkeys(args.vkey)?;
        let of = |origin: &Origin| AskedChain {
            origin: origin.clone(),
            trusted: None,
            vkeys: vkeys.clone(),
            auditors: Vec::new(),
        };
        return Ok((once(args.origin).iter().map(of).collect(), None));
    };
    let file = trust_file(path)?;
    let all: Vec<Origin> = file.origins().map(|(origin, _)| origin.clone()).collect();
    let origins = if args.origin.is_empty() { all } else { once(args.origin) };
    let chain = |origin: &Origin| {
        let trusted = file.get(origin).cloned().ok_or_else(|| untrusted(origin))?;
        let auditors = file.auditors_of(origin);
        Ok(AskedChain {
            origin: origin.clone(),
            trusted: Some(trusted),
            vkeys: Vec::new(),
            auditors,
        })
    };
    let chains = origins.iter().map(chain).collect::<Result<Vec<_>, Failure>>()?;
    if chains.is_empty() {
        return Err(Failure::new("choose chains: the trust file names none"));
    }
    let packs = args.place.open_counting(args.store, &file, bill.traffic().clone())?;
    Ok((chains, packs))
}

/// Each of them once, in order.
fn once(origins: &[Origin]) -> Vec<Origin> {
    let mut origins = origins.to_vec();
    origins.sort();
    origins.dedup();
    origins
}

impl Query {
    fn chosen(&self) -> Chosen<'_> {
        let Self { store, origin, vkey, policy, place, .. } = self;
        Chosen { store, origin, vkey, policy, place }
    }

    /// What is asked.
    fn asking(&self, objects: &[Asked]) -> Result<Asking, Failure> {
        Ok(Asking {
            predicate: self.conditions.predicate(objects)?,
            window: self.conditions.window()?,
            all_stages: self.all_stages,
            unknown: self.unknown,
            no_index: self.no_index,
            types: objects.iter().any(|object| !object.known),
            show: self.show(),
            allow_unanchored: self.allow_unanchored,
            now: system_clock()().wall,
            cores: 0,
        })
    }

    fn show(&self) -> Show {
        match (&self.top, self.output) {
            (Some(path), _) => Show::Field(path.clone()),
            (None, Output::Table) => Show::Table,
            (None, Output::Jsonl) => Show::Lines,
            (None, Output::Json) => Show::Json,
            (None, Output::Count) => Show::Count,
        }
    }
}

/// Asks whoever is at the terminal before a search that takes long; where there is none, it isn't begun.
pub(crate) fn may_search(search: &FoundParts, yes: bool, limit: u64) -> Result<(), Failure> {
    let ScanCost { objects, bytes } = search.cost();
    if yes || bytes <= limit {
        return Ok(());
    }
    let estimate = format!(
        "{objects} objects with {} are to be fetched and searched, more than --scan-limit {}",
        size(bytes),
        size(limit)
    );
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        drop(write!(io::stderr(), "{estimate}. Go on? [y/N] "));
        let mut word = String::new();
        let read = io::stdin().read_line(&mut word);
        if read.is_ok() && matches!(word.trim(), "y" | "Y" | "yes") {
            return Ok(());
        }
        return Err(Failure::new("search: it was declined").hint(Some(NARROWER)));
    }
    Err(Failure::new(format!(
        "search: {estimate}, and there is no terminal to ask whether to go on"
    ))
    .hint(Some(format!("--yes goes on; {NARROWER}"))))
}

const NARROWER: &str = "--since and --until make it less";

/// Done when somebody wants the search to stop.
pub(crate) fn stopped() -> Result<impl Future<Output = ()>, Failure> {
    let failed = |error| Failure::new(format!("watch for signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Where hits go.
pub(crate) struct Out {
    out: BufWriter<io::Stdout>,
    output: Output,
    /// Counts them by a field's values instead.
    top: Option<Top>,
    terminal: bool,
    /// The columns of a table, whose head was written.
    columns: Columns,
    begun: bool,
    failed: io::Result<()>,
}

impl Out {
    pub(crate) fn new(output: Output, top: Option<Top>, columns: Columns) -> Self {
        Self {
            out: BufWriter::with_capacity(1 << 16, io::stdout()),
            output,
            top,
            terminal: io::stdout().is_terminal(),
            columns,
            begun: false,
            failed: Ok(()),
        }
    }

    pub(crate) fn hit(&mut self, hit: Hit) -> ControlFlow<()> {
        if let Some(top) = &mut self.top {
            top.count(hit.shown);
            return ControlFlow::Continue(());
        }
        match self.write(&hit) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Err(error);
                ControlFlow::Break(())
            }
        }
    }

    fn write(&mut self, hit: &Hit) -> io::Result<()> {
        if self.output == Output::Table {
            if !std::mem::replace(&mut self.begun, true) {
                self.out.write_all(self.columns.head().as_bytes())?;
            }
            self.out.write_all(self.columns.row(&hit.shown).as_bytes())?;
            // Who waits for it sees each as it comes.
            return if self.terminal { self.out.flush() } else { Ok(()) };
        }
        if !self.terminal {
            return self.out.write_all(&hit.shown);
        }
        match self.output {
            Output::Json | Output::Jsonl => self.out.write_all(&for_terminal(&hit.shown))?,
            Output::Table | Output::Count => self.out.write_all(&hit.shown)?,
        }
        self.out.flush()
    }

    pub(crate) fn end(mut self, answer: &Answered) -> io::Result<()> {
        self.failed?;
        match (&self.top, self.output) {
            (Some(top), Output::Json | Output::Jsonl) => top.json(&mut self.out)?,
            (Some(top), Output::Table) => top.text(&mut self.out)?,
            (_, Output::Count) => writeln!(self.out, "{}", answer.given)?,
            (None, _) => {}
        }
        self.out.flush()
    }
}

fn footer(args: &Query, answer: &Answered, window: Window, bill: &Bill) -> Vec<String> {
    let put =
        Put { namespaces: args.conditions.namespaces(), since: window.since, until: window.until };
    footer_of(&put, answer, bill)
}

/// What stands below an answer, and what it cost.
pub(crate) fn footer_of(put: &Put, answer: &Answered, bill: &Bill) -> Vec<String> {
    let mut lines = answer.footer(put);
    let (requests, received) = (bill.traffic().requests(), bill.traffic().received());
    let at = lines.len().saturating_sub(1);
    // A directory is asked nothing.
    if requests > 0 {
        lines.insert(at, format!("cost: {requests} requests, {} received", size(received)));
    }
    lines
}

/// Writes to standard error; nobody may be reading any more.
pub(crate) fn tell(lines: &[String], format: LogFormat) {
    let mut err = io::stderr().lock();
    for line in lines {
        let text = match format {
            LogFormat::Text => format!("{line}\n"),
            LogFormat::Json => format!(
                "{}\n",
                serde_json::json!({ "level": "INFO", "message": line.trim_start() })
            ),
        };
        drop(err.write_all(text.as_bytes()));
    }
}
