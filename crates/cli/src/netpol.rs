//! netpol: policies held against flows that are sealed, and policies made of them.

use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use auditseal_netpol::{
    FlowSeal, NotTold, OtherObject, PolicyFile, Replay, ReplayRow, ReplayTotals, Replayed,
    SideMark, Suggest,
};
use auditseal_query::{AskedChain, Hit, carried};
use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::asking::tell;
use crate::failure::Failure;
use crate::flowing::{FlowAnswer, FlowArchive};
use crate::help;
use crate::logging::LogFormat;
use crate::objects::{documents, text_of};
use crate::output::{Format, finish};
use crate::querying::CANT_TELL;
use crate::rostering::{self, Objects};

/// Most bytes of a file of policies.
const LARGEST: u64 = 16 << 20;

/// The exit code where something would be stopped, or nothing can be suggested.
const FOUND: u8 = 4;

/// Objects of other kinds that are named.
const NAMED: usize = 10;

/// Hold NetworkPolicies against flows that were seen, before you apply them; or suggest some.
#[derive(Debug, Args)]
#[command(after_help = help::NETPOL)]
pub(crate) struct Netpol {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What these policies would have stopped and let through.
    Replay(Box<ReplayArgs>),
    /// The least policies of a namespace that let through what was seen.
    Suggest(Box<SuggestArgs>),
}

#[derive(Debug, Args)]
#[command(after_help = help::NETPOL_REPLAY)]
struct ReplayArgs {
    /// Files of NetworkPolicies, YAML or JSON; - is standard input. What else is in them is left out, and named.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The namespace of policies that name none.
    #[arg(
        short,
        long,
        env = "AUDITSEAL_NAMESPACE",
        value_name = "NAME",
        default_value = "default"
    )]
    namespace: String,
    #[command(flatten)]
    objects: Objects,
    #[command(flatten)]
    flows: FlowArchive,
    /// What the answer looks like.
    #[arg(
        short,
        long,
        visible_alias = "format",
        env = "AUDITSEAL_FORMAT",
        value_enum,
        default_value = "text"
    )]
    output: Format,
    /// Exit 4 if these policies would stop what passed, or might; 2 if nothing was checked, or not all could be read.
    #[arg(long, env = "AUDITSEAL_FAIL_IF_BLOCKED", value_parser = BoolishValueParser::new())]
    fail_if_blocked: bool,
}

#[derive(Debug, Args)]
#[command(after_help = help::NETPOL_SUGGEST)]
struct SuggestArgs {
    /// The namespace whose pods the policies are for.
    #[arg(short, long, env = "AUDITSEAL_NAMESPACE", value_name = "NAME")]
    namespace: String,
    #[command(flatten)]
    objects: Objects,
    #[command(flatten)]
    flows: FlowArchive,
}

pub(crate) fn run(args: Netpol, format: LogFormat) -> Result<ExitCode, Failure> {
    match args.what {
        What::Replay(args) => replay(&args, format),
        What::Suggest(args) => suggest(&args, format),
    }
}

/// Where a hit is sealed.
fn sealed(chains: &[AskedChain], origins: &mut Vec<Arc<str>>, hit: &Hit) -> FlowSeal {
    if origins.is_empty() {
        origins.extend(chains.iter().map(|chain| Arc::from(chain.origin.to_string())));
    }
    FlowSeal { origin: Arc::clone(&origins[hit.chain]), seq: hit.seq, line: hit.line }
}

fn replay(args: &ReplayArgs, format: LogFormat) -> Result<ExitCode, Failure> {
    args.objects.one_input(&args.files)?;
    let (mut policies, mut others) = (Vec::new(), Vec::new());
    for path in &args.files {
        let (found, beside) = policies_of(path, &args.namespace)?;
        policies.extend(found);
        others.extend(beside);
    }
    let others = skipped(&others);
    if policies.is_empty() {
        let what = "read policies: there is none in these files";
        return Err(Failure::new(what).hint(others.as_deref()));
    }
    let roster = args.objects.read()?;
    let files = roster.files().to_vec();
    let (mut replay, mut origins) = (Replay::new(policies).with_roster(roster), Vec::new());
    let each = |chains: &[AskedChain], hit: Hit| {
        let at = sealed(chains, &mut origins, &hit);
        if let Some(flow) = carried(&hit.shown) {
            replay.add(&flow, &at);
        }
        ControlFlow::Continue(())
    };
    let found = args.flows.carried(args.objects.are_given(), each)?;
    let replay = replay.finish();
    finish(match args.output {
        Format::Text => table(&replay),
        Format::Json => as_json(&replay),
    })?;
    let mut lines = found.footer("all flows");
    let at = lines.len().saturating_sub(1);
    let of_objects = rostering::told(&files, replay.filled());
    lines.splice(at.., others.into_iter().chain(of_objects).chain(told(&replay)));
    let ReplayTotals { blocked, unknown, .. } = replay.totals();
    let code = match untellable(&found, &replay.totals()) {
        _ if !args.fail_if_blocked => 0,
        _ if blocked + unknown > 0 => FOUND,
        None => 0,
        Some(why) => {
            lines.push(format!("whether these policies would block anything can't be told: {why}"));
            CANT_TELL
        }
    };
    tell(&lines, format);
    Ok(exit(&found, code))
}

/// Why it says nothing that no line would be blocked.
fn untellable(found: &FlowAnswer, totals: &ReplayTotals) -> Option<&'static str> {
    let checked = totals.blocked + totals.unknown + totals.allowed + totals.stopped;
    match () {
        () if found.answer.unknown.total() > 0 => Some("there are lines that are no flows"),
        () if !found.answer.is_whole() => Some("what happened in the gaps isn't known"),
        () if totals.lines == 0 => Some("there is no flow in what was read"),
        () if checked == 0 => Some("no flow was seen of pods that these policies are for"),
        () => None,
    }
}

/// What the archive is worth, and where it is proved what was found in it.
fn exit(found: &FlowAnswer, code: u8) -> ExitCode {
    match found.answer.exit_code() {
        0 => ExitCode::from(code),
        worse => ExitCode::from(worse),
    }
}

/// Objects of other kinds, in one line.
fn skipped(others: &[OtherObject]) -> Option<String> {
    let named: Vec<String> = others.iter().take(NAMED).map(ToString::to_string).collect();
    let more = match others.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named = auditseal_chain::escape(&named.join(", "));
    let all = others.len();
    (all > 0).then(|| {
        format!("objects that are no NetworkPolicies, and were left out: {all}, {named}{more}")
    })
}

/// What the lines came to, for a person.
fn told(replay: &Replayed) -> Vec<String> {
    let totals = replay.totals();
    let mut lines: Vec<String> = replay
        .policies()
        .iter()
        .map(|one| {
            let (name, allowed, blocked) = (&one.name, one.allowed, one.blocked);
            format!("policy {name}: lets through {allowed} lines, and {blocked} that it is for are let through by none")
        })
        .collect();
    let ReplayTotals { answers, untouched, stopped, stopped_allowed, halves, untold, .. } = totals;
    for (count, what) in [
        (answers, "answers, of which no policy is asked".to_owned()),
        (untouched, "for which none of these policies is".to_owned()),
        (
            stopped,
            format!(
                "that were stopped then: {stopped_allowed} of them would pass these policies; what would have followed isn't known"
            ),
        ),
        (
            halves,
            "that one side let through and the other stopped, as its own line says: that one counts"
                .to_owned(),
        ),
        (
            untold,
            "that don't tell what became of them, and are counted as if they had passed".to_owned(),
        ),
        (totals.unlisted, "listed nowhere, for there are too many peers and ports".to_owned()),
    ] {
        if count > 0 {
            lines.push(format!("lines {what}: {count}"));
        }
    }
    let ReplayTotals { lines: all, blocked, allowed, unknown, .. } = totals;
    lines.push(format!("of {all} lines {blocked} would be blocked, {allowed} allowed, and of {unknown} it can't be told"));
    lines
}

/// What a row says, but for where it is sealed.
fn cells(row: &ReplayRow) -> [String; 7] {
    let would =
        if row.stopped { format!("{} (stopped then)", row.would) } else { row.would.to_string() };
    [
        would,
        row.lines.to_string(),
        row.way.to_owned(),
        format!("{}{}", row.subject, row.subject_mark),
        format!("{}{}", row.peer, row.peer_mark),
        row.port.clone(),
        row.why.clone(),
    ]
    .map(|cell| auditseal_chain::escape(&cell))
}

fn table(replay: &Replayed) -> io::Result<()> {
    let head =
        ["WOULD BE", "LINES", "WAY", "PODS", "PEER", "PORT", "BY, OR WHY"].map(str::to_owned);
    let rows: Vec<_> = replay.rows().map(|row| (cells(&row), row.cited[0].to_string())).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let all = std::iter::once(&head).chain(rows.iter().map(|(cells, _)| cells));
    let widths = all.fold([0; 7], |widths: [usize; 7], cells| {
        std::array::from_fn(|at| widths[at].max(cells[at].chars().count()))
    });
    let line = |cells: &[String; 7], last: &str| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  "));
        format!("{}{last}\n", cells.collect::<String>())
    };
    let mut out = io::BufWriter::new(io::stdout());
    out.write_all(line(&head, "FIRST SEALED").as_bytes())?;
    rows.iter().try_for_each(|(cells, at)| out.write_all(line(cells, at).as_bytes()))?;
    out.flush()
}

/// Files whose word a side is.
fn by(mark: &SideMark) -> Vec<&str> {
    mark.by.union(&mark.space_by).map(AsRef::as_ref).collect()
}

/// What of a side no file tells.
fn lack(mark: &SideMark) -> Option<&'static str> {
    mark.lacks.map(NotTold::word)
}

fn as_json(replay: &Replayed) -> io::Result<()> {
    let row = |row: ReplayRow| {
        let cited: Vec<Value> = row
            .cited
            .iter()
            .map(|at| json!({"origin": &*at.origin, "seq": at.seq, "line": at.line}))
            .collect();
        json!({
            "would": row.would.word(), "stopped_then": row.stopped, "lines": row.lines, "way": row.way,
            "pods": row.subject, "pods_by": by(&row.subject_mark), "pods_lack": lack(&row.subject_mark),
            "peer": row.peer, "peer_by": by(&row.peer_mark), "peer_lack": lack(&row.peer_mark), "port": row.port, "why": row.why, "cited": cited,
        })
    };
    let lacking = replay
        .filled()
        .lacking
        .iter()
        .map(|(why, lines)| (why.word().to_owned(), Value::from(*lines)));
    let policy = |one: &auditseal_netpol::PolicyTally| json!({"name": one.name, "allowed": one.allowed, "blocked": one.blocked});
    let totals = replay.totals();
    let all = json!({
        "rows": replay.rows().map(row).collect::<Vec<_>>(),
        "policies": replay.policies().iter().map(policy).collect::<Vec<_>>(),
        "totals": {
            "lines": totals.lines, "blocked": totals.blocked, "allowed": totals.allowed, "unknown": totals.unknown,
            "answers": totals.answers, "untouched": totals.untouched, "stopped_then": totals.stopped,
            "stopped_then_allowed": totals.stopped_allowed, "halves": totals.halves, "untold": totals.untold, "unlisted": totals.unlisted,
            "by_objects": replay.filled().lines, "by_objects_no_zone": replay.filled().no_zone, "lacking_in_objects": lacking.collect::<serde_json::Map<_, _>>(),
        },
    });
    let mut out = io::stdout().lock();
    writeln!(out, "{all:#}")
}

fn suggest(args: &SuggestArgs, format: LogFormat) -> Result<ExitCode, Failure> {
    let mut suggest = Suggest::new(&args.namespace).ok_or_else(|| {
        let what = format!(
            "suggest policies: no namespace is called '{}'",
            auditseal_chain::escape(&args.namespace)
        );
        Failure::new(what).hint(Some("a namespace has up to 63 of a-z, 0-9 and -"))
    })?;
    let roster = args.objects.read()?;
    let files = roster.files().to_vec();
    suggest = suggest.with_roster(roster);
    let (mut origins, mut full) = (Vec::new(), None);
    let each = |chains: &[AskedChain], hit: Hit| {
        let at = sealed(chains, &mut origins, &hit);
        match carried(&hit.shown).map(|flow| suggest.add(&flow, &at)) {
            Some(Err(error)) => {
                full = Some(error);
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        }
    };
    let found = args.flows.carried(args.objects.are_given(), each)?;
    if let Some(full) = full {
        let hint = "--since and --until make it less";
        return Err(Failure::new(format!("suggest policies: {full}")).hint(Some(hint)));
    }
    let made = suggest.finish();
    // What isn't proved is no ground for a policy that somebody applies.
    let whole = found.answer.exit_code() == 0;
    let unread = match found.answer.unknown.total() {
        0 => None,
        lines => {
            Some(format!("lines that are no flows: {lines} (`query flows --unknown` lists them)"))
        }
    };
    if whole {
        finish(io::stdout().write_all(with_missing(&made.yaml, unread.as_deref()).as_bytes()))?;
    }
    let mut lines = found.footer(&format!("namespace {}", args.namespace));
    lines.pop();
    lines.extend(rostering::told(&files, &made.filled));
    for (why, count, cited) in &made.left_out {
        let missing = if why.is_missing() { "MISSING: " } else { "" };
        lines.push(format!("{missing}lines {why}: {count}, the first {}", cited[0]));
    }
    lines.extend(unread.map(|line| format!("MISSING: {line}")));
    let ((policies, rules), seen) = (made.size, made.lines);
    lines.push(match whole {
        true => format!("suggested: {policies} policies with {rules} rules, of {seen} lines"),
        false => "nothing is suggested: what was read isn't proved, or not to its end".to_owned(),
    });
    tell(&lines, format);
    Ok(exit(&found, FOUND * u8::from(policies == 0)))
}

/// The policies, with what couldn't be read among what is missing, at their top.
fn with_missing(yaml: &str, unread: Option<&str>) -> String {
    match (unread, yaml.split_once("---\n")) {
        (Some(unread), Some((head, policies))) => {
            format!("{head}# MISSING: {unread}\n---\n{policies}")
        }
        _ => yaml.to_owned(),
    }
}

/// The policies of a file, and what stands beside them.
fn policies_of(
    path: &Path,
    namespace: &str,
) -> Result<(Vec<PolicyFile>, Vec<OtherObject>), Failure> {
    let failed = |why: String| {
        let hint =
            "a file has NetworkPolicies of networking.k8s.io, as YAML or JSON, or a list of them";
        let name = auditseal_chain::escape(&path.display().to_string());
        let why = auditseal_chain::escape(why.lines().next().unwrap_or_default());
        Failure::new(format!("read policies {name}: {why}")).hint(Some(hint))
    };
    let text = text_of(path, LARGEST).map_err(failed)?;
    let (mut policies, mut others) = (Vec::new(), Vec::new());
    for document in documents(&text) {
        let object: Value = auditseal_yaml::read(&document).map_err(failed)?;
        if object.is_null() {
            continue;
        }
        let found = PolicyFile::among(&object, namespace);
        let (found, beside) = found.map_err(|why| failed(why.to_string()))?;
        policies.extend(found);
        others.extend(beside);
    }
    Ok((policies, others))
}
