//! history: the life of an object, on the command line, and how it is told.

use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use auditseal_agent::system_clock;
use auditseal_chronicle::{
    ComparedObject, LifeEnd, LifePage, LifeText, LiveObjects, Lives, Telling, ToldEntry,
    WantedObjects, answer_json, compared, compared_json, end_json, entry_json, moment_yaml,
};
use auditseal_format::{Origin, Time};
use auditseal_history::Cite;
use auditseal_history::life::KnownObject;
use auditseal_query::{
    Answered, Archive, Asked, Asking, ChainSearched, Hit, Put, Show, asked, for_terminal, names,
    strange,
};
use auditseal_reader::Window;
use clap::{Args, ValueEnum};

use crate::asking::{Chains, ScanLimit, cost, of_one_cluster, seen, stopped, tell, worse};
use crate::beside::{self, Waiting};
use crate::failure::Failure;
use crate::help;
use crate::logging::LogFormat;
use crate::objects::{LARGEST, text_of};
use crate::output::finish;
use crate::predicates::{Offering, not_asked, nowhere};
use crate::querying::CANT_TELL;
use crate::runtime::{block_on_threads, cores};
use crate::stats::{Bill, Stats};
use crate::store_flags::{StoreFlags, is_directory};
use crate::times::{in_order, time};

/// The exit code where a comparison finds what the trail doesn't know, and the archive is in order.
const DIFFERS: u8 = 4;

#[derive(Debug, Args)]
#[command(after_help = help::HISTORY)]
pub(crate) struct History {
    /// Whose life: TYPE/NAME, with any name that kubectl knows of the type. With --compare also TYPE: all objects of it.
    #[arg(value_name = "TYPE/NAME", value_parser = Offering(|| names().collect()), hide_possible_values = true)]
    object: String,
    /// Its namespace. Without it, all objects of that name.
    #[arg(short, long, env = "AUDITSEAL_NAMESPACE", value_name = "NS")]
    namespace: Option<String>,
    /// Only the object of this uid, of several that had the name one after the other.
    #[arg(long, env = "AUDITSEAL_UID", value_name = "UID")]
    uid: Option<String>,
    /// Tell only what was done from this time on: RFC 3339, a local date or date and time, or how long ago, like 7d.
    /// What was done before is read all the same: it says what the object was then.
    #[arg(long, env = "AUDITSEAL_SINCE", value_name = "TIME", value_parser = time)]
    since: Option<Time>,
    /// Only up to this time; a date alone is its first moment.
    #[arg(long, env = "AUDITSEAL_UNTIL", value_name = "TIME", value_parser = time)]
    until: Option<Time>,
    /// Read nothing of before this time: quicker, and what the object was then isn't known.
    #[arg(long, env = "AUDITSEAL_READ_FROM", value_name = "TIME", value_parser = time)]
    read_from: Option<Time>,
    /// Show the object as it was at this time, as YAML, with how well each value is known.
    #[arg(long, env = "AUDITSEAL_AT", value_name = "TIME", value_parser = time)]
    at: Option<Time>,
    /// List each field that changed, with its value before and after.
    #[arg(long, env = "AUDITSEAL_DIFF", value_parser = clap::builder::BoolishValueParser::new())]
    diff: bool,
    /// Say what of a live object, or of a list of objects of a type, the trail doesn't know: what `kubectl get -o yaml`
    /// or `-o json` printed. `-` is standard input.
    #[arg(long, env = "AUDITSEAL_COMPARE", value_name = "FILE", conflicts_with_all = ["at", "since", "until", "uid"])]
    compare: Option<PathBuf>,
    /// Beside each change of a network policy, show what the network blocked and newly let through until the next one: the
    /// chains that are asked must hold a log of flows (`query flows`).
    #[arg(long, env = "AUDITSEAL_WITH_FLOWS", value_parser = clap::builder::BoolishValueParser::new(),
          conflicts_with_all = ["at", "compare"])]
    with_flows: bool,
    /// Annotations and labels that say why a change was made, in place of those that are known.
    #[arg(long, env = "AUDITSEAL_REASONS", value_name = "NAME,…", value_delimiter = ',')]
    reasons: Vec<String>,
    /// What the answer looks like: text; an object for each entry, a line each (docs/history.md); one page to read and print.
    #[arg(
        short,
        long,
        visible_alias = "format",
        env = "AUDITSEAL_FORMAT",
        value_enum,
        default_value = "text"
    )]
    output: LifeOutput,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    stats: Stats,
    #[command(flatten)]
    chains: Chains,
    #[command(flatten)]
    limit: ScanLimit,
}

/// What the answer looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LifeOutput {
    Text,
    Json,
    Html,
}

pub(crate) fn run(mut args: History, format: LogFormat) -> Result<ExitCode, Failure> {
    let object = args.object()?;
    let note = args.without_namespace(&object);
    if args.with_flows {
        beside::allowed(&object)?;
    }
    let live = args.live(&object)?;
    let asking = args.asking(&object)?;
    let mut lives = Lives::new(args.wanted(&object), args.telling());
    let (store, bill) = args.stats.open(&args.store)?;
    let (chains, packs) = args.chains.asked(&args.store, &bill)?;
    let origins: Vec<Origin> = chains.iter().map(|chain| chain.origin.clone()).collect();
    of_one_cluster(&origins)?;
    let archive = Archive { store, packs, dated: !is_directory(&args.store.store) };
    let mut out = Out::new(&args, origins);
    let (answer, flows) = block_on_threads(cores() + 2, async {
        let search = asking.find(&archive, chains.clone()).await?;
        args.limit.allows(&search)?;
        let mut waiting = args.with_flows.then(Waiting::default);
        if waiting.is_none() {
            out.begin(&args.title(), &args.put(asking.window));
        }
        let each = |hit: Hit| {
            let told = lives.take(line(&hit), cite(&hit));
            let Some(waiting) = &mut waiting else {
                out.told(&told);
                return out.goes_on();
            };
            waiting.take(told, hit.shown.len());
            if waiting.has_room() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let answer = search.run(each, stopped()?).await;
        let last = lives.finish();
        let Some(mut waiting) = waiting else {
            out.told(&last);
            return Ok::<_, Failure>((answer, None));
        };
        waiting.take(last, 0);
        if answer.interrupted {
            out.begin(&args.title(), &args.put(asking.window));
            out.told(&waiting.entries());
            return Ok((answer, None));
        }
        let asked = (asking.window, asking.allow_unanchored);
        let flows = waiting.find(&archive, chains, asked, &args.limit).await?;
        out.begin(&args.title(), &args.put(asking.window));
        out.told(&flows.entries);
        Ok((answer, Some(flows)))
    })??;
    let found = live.map(|live| compared(&lives, &live, &object.resource, begin(&answer)));
    let beside = flows.as_ref().map_or(&[][..], |flows| &flows.footer);
    let mut footer = args.footer((&answer, beside), &lives, asking.window, &bill);
    beside_the_last(&mut footer, note, found.as_deref());
    let searched = worse(answer.exit_code(), flows.as_ref().map_or(0, |flows| flows.code));
    let told = found.as_deref().map_or_else(|| of_moment(&args, &lives), of_comparison);
    let code = if searched == 0 { told } else { searched };
    let whole = answer.is_whole() && flows.is_none_or(|flows| flows.whole);
    finish(out.end(&args, &lives, found.as_deref(), (&footer, whole, code)))?;
    tell(&footer, format);
    if !answer.interrupted
        && answer.given == 0
        && let Some(unseen) = strange(&[object], &seen(&answer))
    {
        return Err(not_asked(&unseen));
    }
    Ok(ExitCode::from(code))
}

/// Says before the last line what is to be known of the question, and that nothing was compared.
fn beside_the_last(
    footer: &mut Vec<String>,
    note: Option<String>,
    found: Option<&[ComparedObject]>,
) {
    let nothing = found.is_some_and(<[_]>::is_empty).then(|| {
        "nothing was compared: the file holds none of the objects that are asked for, and the trail knows of none".to_owned()
    });
    let last = footer.len().saturating_sub(1);
    footer.splice(last..last, note.into_iter().chain(nothing));
}

/// The exit code of a comparison: 4 where something differs that no request explains; 2 where nothing was compared, or where
/// of an object it isn't proved that it is as the trail has it.
fn of_comparison(found: &[ComparedObject]) -> u8 {
    match () {
        () if found.iter().any(ComparedObject::is_finding) => DIFFERS,
        () if found.iter().all(ComparedObject::is_same) && !found.is_empty() => 0,
        () => CANT_TELL,
    }
}

/// The exit code of what an object was at a time: 2 where that isn't known.
fn of_moment(args: &History, lives: &Lives) -> u8 {
    let unknown = |end: LifeEnd<'_>| {
        end.moment.is_some_and(|moment| matches!(moment.known, KnownObject::Nothing(_)))
    };
    if args.at.is_some() && lives.ends().any(unknown) { CANT_TELL } else { 0 }
}

fn line(hit: &Hit) -> &[u8] {
    hit.shown.strip_suffix(b"\n").unwrap_or(&hit.shown)
}

fn cite(hit: &Hit) -> Cite {
    Cite { chain: hit.chain, seq: hit.seq, line: hit.line, seal: hit.seal }
}

/// When the first line happened that was searched, or that an index was asked of.
fn begin(answer: &Answered) -> Option<Time> {
    answer.chains.iter().filter_map(ChainSearched::begin).min()
}

impl History {
    fn object(&self) -> Result<Asked, Failure> {
        let wrong = |why: &str| {
            Failure::new(format!("choose an object: {why}"))
                .hint(Some("like networkpolicies/web or deploy/api, and its namespace with -n"))
        };
        let mut all = asked(std::slice::from_ref(&self.object)).map_err(|why| not_asked(&why))?;
        let one = all.pop().filter(|_| all.is_empty());
        let one = one.ok_or_else(|| wrong("several types are named"))?;
        if one.subresource.is_some() {
            return Err(wrong("a subresource has no life of its own, and is told with its object"));
        }
        if one.name.is_none() && self.compare.is_none() {
            return Err(wrong("it has no name"));
        }
        Ok(one)
    }

    /// Asks for no namespace of what is in none, as kubectl does; and what is to be said of that.
    fn without_namespace(&mut self, object: &Asked) -> Option<String> {
        let given = self.namespace.is_some() && object.is_of_the_cluster();
        given.then(|| {
            self.namespace = None;
            nowhere(&[object])
        })
    }

    fn wanted(&self, object: &Asked) -> WantedObjects {
        WantedObjects {
            resource: object.resource.clone(),
            group: object.group.clone(),
            namespace: self.namespace.clone(),
            name: object.name.clone(),
            namespaced: object.is_of_namespaces(),
        }
    }

    fn telling(&self) -> Telling {
        Telling {
            reasons: (!self.reasons.is_empty()).then(|| self.reasons.clone()),
            at: self.at,
            since: self.since,
            uid: self.uid.clone(),
        }
    }

    fn asking(&self, object: &Asked) -> Result<Asking, Failure> {
        for one in [self.since, self.read_from, self.at] {
            let why = "choose entries: --since, --read-from or --at is after --until";
            in_order(one, self.until, why)?;
        }
        Ok(Asking {
            predicate: self.wanted(object).predicate(),
            window: Window { since: self.read_from, until: self.until },
            all_stages: false,
            unknown: false,
            show: Show::Lines,
            no_index: self.chains.no_index,
            sought: Some(object.clone()).filter(|object| !object.known).into_iter().collect(),
            audit_logs: self.with_flows,
            every_seal: false,
            allow_unanchored: self.chains.allow_unanchored,
            now: system_clock()().wall,
            cores: 0,
        })
    }

    /// The objects that are compared with, which must be of the type that is asked for.
    fn live(&self, object: &Asked) -> Result<Option<LiveObjects>, Failure> {
        let Some(path) = &self.compare else { return Ok(None) };
        let wrong = |why: &str| {
            let why = auditseal_chain::escape(why);
            Failure::new(format!("read {} to compare with: {why}", path.display())).hint(Some(
                "it must be what `kubectl get TYPE/NAME -o yaml`, or `kubectl get TYPE -o json`, prints",
            ))
        };
        let text = text_of(path, LARGEST).map_err(|why| wrong(&why))?;
        let value = auditseal_yaml::read(&text).map_err(|why| wrong(first_line(&why)))?;
        let live = LiveObjects::of(value).map_err(|why| wrong(&why))?;
        let group = if live.group.is_empty() { String::new() } else { format!(".{}", live.group) };
        let kind = asked(&[format!("{}{group}", live.kind)]).unwrap_or_default();
        let other = |kind: &Asked| kind.known && kind.resource != object.resource;
        // An empty `List` of kubectl doesn't say of what.
        if live.kind.is_empty() {
            return Ok(Some(live));
        }
        let of_group = object.group.as_ref().is_none_or(|group| *group == live.group);
        if kind.first().is_some_and(other) || !of_group {
            return Err(wrong(&format!("its objects are {}, and no {}", live.kind, self.object)));
        }
        Ok(Some(live))
    }

    fn put(&self, window: Window) -> Put {
        let namespaces = match &self.namespace {
            None => "all namespaces".to_owned(),
            Some(one) => format!("namespace {}", auditseal_chain::escape(one)),
        };
        Put { namespaces, since: window.since, until: window.until }
    }

    fn title(&self) -> String {
        let space = self.namespace.as_ref().map(|name| format!(" -n {name}")).unwrap_or_default();
        format!("The life of {}{space}", self.object)
    }

    fn footer(
        &self,
        (answer, beside): (&Answered, &[String]),
        lives: &Lives,
        window: Window,
        bill: &Bill,
    ) -> Vec<String> {
        let mut lines = answer.footer(&self.put(window));
        let last = lines.pop();
        lines.extend(unread(answer));
        let origins: Vec<Origin> = answer.chains.iter().map(|chain| chain.origin.clone()).collect();
        lines.extend(lives.footer(&origins));
        lines.extend(beside.iter().cloned());
        lines.extend(last);
        cost(&mut lines, bill);
        lines
    }
}

/// What lines that can't be read cost a life.
fn unread(answer: &Answered) -> Option<String> {
    let lines = answer.unknown.unreadable + answer.unknown.too_long;
    (lines > 0).then(|| {
        "what can't be read isn't told, and may be a request about this object: what comes after it is exact only where the log \
         proves that nothing lies between"
            .to_owned()
    })
}

/// A sentence of several lines, which shows where in the file it is, without these.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Where entries go.
struct Out {
    out: BufWriter<io::Stdout>,
    output: LifeOutput,
    terminal: bool,
    /// Entries are told; else only what an object was, or what a comparison came to.
    entries: bool,
    origins: Vec<Origin>,
    text: LifeText,
    page: LifePage,
    failed: io::Result<()>,
}

impl Out {
    fn new(args: &History, origins: Vec<Origin>) -> Self {
        Self {
            out: BufWriter::with_capacity(1 << 16, io::stdout()),
            output: args.output,
            terminal: io::stdout().is_terminal(),
            entries: args.at.is_none() && args.compare.is_none(),
            text: LifeText::new(origins.clone(), args.diff),
            page: LifePage::new(origins.clone()),
            origins,
            failed: Ok(()),
        }
    }

    /// Writes, if all could be written until now.
    fn write(&mut self, text: &str) {
        if self.failed.is_ok() {
            self.failed = match (self.output, self.terminal) {
                (LifeOutput::Json, true) => self.out.write_all(&for_terminal(text.as_bytes())),
                _ => self.out.write_all(text.as_bytes()),
            };
        }
    }

    fn begin(&mut self, title: &str, put: &Put) {
        if self.output == LifeOutput::Html {
            let until = put.until.map(|until| format!(", up to {until}")).unwrap_or_default();
            let head = self.page.begin(title, &format!("Asked of {}{until}.", put.namespaces));
            self.write(&head);
        }
    }

    fn told(&mut self, entries: &[ToldEntry]) {
        let told = if self.entries { entries } else { &[] };
        for told in told {
            let text = match self.output {
                LifeOutput::Text => self.text.entry(told),
                LifeOutput::Json => entry_json(told, &self.origins),
                LifeOutput::Html => self.page.entry(told),
            };
            self.write(&text);
        }
    }

    /// Whether anybody reads on.
    fn goes_on(&self) -> ControlFlow<()> {
        if self.failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn end(
        mut self,
        args: &History,
        lives: &Lives,
        found: Option<&[ComparedObject]>,
        (footer, whole, code): (&[String], bool, u8),
    ) -> io::Result<()> {
        match found {
            Some(found) => self.compared(found),
            None => self.ends(args, lives, code),
        }
        match self.output {
            LifeOutput::Text => {}
            LifeOutput::Json => self.write(&answer_json(footer, whole, code)),
            LifeOutput::Html => {
                let end = self.page.end(footer);
                self.write(&end);
            }
        }
        self.failed?;
        self.out.flush()
    }

    fn ends(&mut self, args: &History, lives: &Lives, code: u8) {
        let mut none = true;
        for end in lives.ends() {
            none = false;
            let text = match (self.output, &end.moment) {
                (LifeOutput::Json, _) => end_json(&end, &self.origins),
                (LifeOutput::Text, Some(moment)) => moment_yaml(end.object, moment, &self.origins),
                (LifeOutput::Html, Some(moment)) => self.page.moment(end.object, moment),
                (LifeOutput::Text | LifeOutput::Html, None) => String::new(),
            };
            self.write(&text);
        }
        if let (true, Some(at), LifeOutput::Text) = (none, args.at, self.output) {
            let object = auditseal_chain::escape(&args.object);
            let none = match code {
                0 => "no request about it is in the trail",
                _ => {
                    "what it was isn't known: no request about it is in what could be proved of the trail, and not all could"
                }
            };
            self.write(&format!("# {object} at {at}: {none}\n"));
        }
    }

    fn compared(&mut self, found: &[ComparedObject]) {
        match self.output {
            LifeOutput::Json => found.iter().for_each(|one| self.write(&compared_json(one))),
            LifeOutput::Html => {
                let text = self.page.compared(found);
                self.write(&text);
            }
            LifeOutput::Text => {
                let differs = |one: &&ComparedObject| !one.is_same();
                let text: String =
                    found.iter().filter(differs).map(ComparedObject::lines).collect();
                let same = found.iter().filter(|one| one.is_same()).count();
                self.write(&text);
                self.write(&format!(
                    "{same} of {} objects are as the trail knows them\n",
                    found.len()
                ));
            }
        }
    }
}
