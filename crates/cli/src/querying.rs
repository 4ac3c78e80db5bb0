//! query: what is asked of an archive, on the command line, and how the answer is told.

use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use auditseal_agent::system_clock;
use auditseal_predicate::FieldPath;
use auditseal_query::{
    Answered, Archive, Asked, Asking, Columns, Hit, Show, Top, VALUES, for_terminal, strange,
};
use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};

use crate::asking::{Chains, ScanLimit, footer, seen, stopped, tell};
use crate::citing::Proofs;
use crate::failure::Failure;
use crate::help;
use crate::logging::LogFormat;
use crate::output::finish;
use crate::predicates::{self, Conditions};
use crate::runtime::{block_on_threads, cores};
use crate::stats::Stats;
use crate::store_flags::{StoreFlags, is_directory};

#[derive(Debug, Args)]
#[command(after_help = help::QUERY)]
pub(crate) struct Query {
    #[command(flatten)]
    conditions: Conditions,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    stats: Stats,
    #[command(flatten)]
    chains: Chains,
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
    /// Folder for a proof of each event that is told, ORIGIN-SEQ-LINE.proof, with + for each / of the
    /// origin: `check` reads it without the archive. Of the first thousand.
    #[arg(long, env = "AUDITSEAL_PROOF", value_name = "DIR", conflicts_with = "top")]
    proof: Option<PathBuf>,
    /// Each stage of a request counts, and not only its last one.
    #[arg(long, env = "AUDITSEAL_ALL_STAGES", value_parser = BoolishValueParser::new())]
    all_stages: bool,
    /// Exit 4 if there is none. With --since or --until each seal that no pack has is looked at for that.
    #[arg(long, env = "AUDITSEAL_FAIL_IF_NONE", value_parser = BoolishValueParser::new())]
    fail_if_none: bool,
    #[command(flatten)]
    limit: ScanLimit,
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
const NONE: u8 = 4;

/// The same where it can't be told of some events, or gaps are known: there may be one.
pub(crate) const CANT_TELL: u8 = 2;

pub(crate) fn run(args: Query, format: LogFormat) -> Result<ExitCode, Failure> {
    let objects = args.conditions.objects()?;
    let asking = args.asking(&objects)?;
    let mut proofs = args.proof.as_deref().map(Proofs::new).transpose()?;
    let (store, bill) = args.stats.open(&args.store)?;
    let (chains, packs) = args.chains.asked(&args.store, &bill)?;
    let archive = Archive { store, packs, dated: !is_directory(&args.store.store) };
    let top = args.top.as_ref().map(|_| Top::new(VALUES));
    let mut out = Out::new(args.output, top, Columns::default());
    let answer = block_on_threads(cores() + 2, async {
        let search = asking.find(&archive, chains.clone()).await?;
        args.limit.allows(&search)?;
        let each = |hit: Hit| {
            proofs.iter_mut().for_each(|proofs| proofs.told(&hit));
            out.hit(hit)
        };
        Ok::<_, Failure>(search.run(each, stopped()?).await)
    })??;
    finish(out.end(&answer))?;
    let mut footer = footer(&answer, args.conditions.namespaces(), asking.window, &bill);
    let none = answer.given == 0 && answer.meant == 0;
    let hint = args.conditions.hint(&objects).filter(|_| none);
    let last = footer.len().saturating_sub(1);
    footer.splice(last..last, args.conditions.note(&objects).into_iter().chain(hint));
    tell(&footer, format);
    if answer.interrupted {
        return Ok(ExitCode::from(answer.exit_code()));
    }
    if let Some(unseen) = strange(&objects, &seen(&answer)) {
        return Err(predicates::not_asked(&unseen));
    }
    if let Some(proofs) = proofs {
        tell(&[proofs.write_all(&archive, &chains)?], format);
    }
    Ok(exit_code(&answer, args.fail_if_none))
}

/// The exit code of an answer; `none`: whether somebody wants to be told that nothing was found.
pub(crate) fn exit_code(answer: &Answered, none: bool) -> ExitCode {
    ExitCode::from(match answer.exit_code() {
        0 if none && answer.given == 0 => {
            if answer.is_whole() {
                NONE
            } else {
                CANT_TELL
            }
        }
        code => code,
    })
}

impl Query {
    /// What is asked.
    fn asking(&self, objects: &[Asked]) -> Result<Asking, Failure> {
        Ok(Asking {
            predicate: self.conditions.predicate(objects)?,
            window: self.conditions.window()?,
            all_stages: self.all_stages,
            unknown: self.unknown,
            no_index: self.chains.no_index,
            sought: objects.iter().filter(|object| !object.known).cloned().collect(),
            show: self.show(),
            audit_logs: false,
            // That there is none is no answer of a search that looked where one is likely.
            every_seal: self.fail_if_none,
            allow_unanchored: self.chains.allow_unanchored,
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
