//! query flows: what is asked of logs of network policies; and how flows are read for whoever needs them.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use auditseal_agent::system_clock;
use auditseal_flows::{FlowDirection, FlowVerdict, Protocol};
use auditseal_format::Time;
use auditseal_query::{
    Answered, Archive, AskedChain, Columns, FlowAsking, FlowPorts, FlowQuestion, FlowShow,
    FlowSide, Hit,
};
use auditseal_reader::Window;
use clap::builder::BoolishValueParser;
use clap::{ArgMatches, Args, Command, FromArgMatches, ValueEnum};

use crate::asking::{Chains, ScanLimit, footer, of_one_cluster, stopped, tell};
use crate::citing::Proofs;
use crate::failure::Failure;
use crate::help;
use crate::logging::LogFormat;
use crate::output::finish;
use crate::querying::{Out, Output, Query, exit_code};
use crate::runtime::{block_on_threads, cores};
use crate::stats::{Bill, Stats};
use crate::store_flags::{StoreFlags, is_directory};
use crate::times::{in_order, time};

/// `query`, or `query flows`.
#[derive(Debug)]
pub(crate) enum Querying {
    /// Events of audit logs.
    Events(Box<Query>),
    /// Flows of network policies.
    Flows(Box<Flows>),
}

/// The name of the command below.
const FLOWS: &str = "flows";

impl Args for Querying {
    fn augment_args(command: Command) -> Command {
        let about = "Ask for flows: what network policies let through and stopped";
        let flows = Flows::augment_args(Command::new(FLOWS)).about(about);
        Query::augment_args(command)
            .subcommand(flows)
            .subcommand_negates_reqs(true)
            .args_conflicts_with_subcommands(true)
            .disable_help_subcommand(true)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Querying {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match matches.subcommand() {
            Some((FLOWS, below)) => Flows::from_arg_matches(below).map(Box::new).map(Self::Flows),
            _ => Query::from_arg_matches(matches).map(Box::new).map(Self::Events),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Where flows are, what is trusted of them, and when they happened.
#[derive(Debug, Args)]
pub(crate) struct FlowArchive {
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    stats: Stats,
    #[command(flatten)]
    chains: Chains,
    /// Only flows from this time on, by their lines' own word (one that tells no time is kept): RFC 3339,
    /// a local date or date and time, or how long ago, like 7d.
    #[arg(long, env = "AUDITSEAL_SINCE", value_name = "TIME", value_parser = time)]
    since: Option<Time>,
    /// Only flows up to this time; a date alone is its first moment.
    #[arg(long, env = "AUDITSEAL_UNTIL", value_name = "TIME", value_parser = time)]
    until: Option<Time>,
    #[command(flatten)]
    limit: ScanLimit,
}

/// Flows that were read, and what that rests on.
pub(crate) struct FlowAnswer {
    pub(crate) answer: Answered,
    pub(crate) chains: Vec<AskedChain>,
    archive: Archive,
    bill: Bill,
    window: Window,
}

impl FlowAnswer {
    /// What stands below the answer.
    pub(crate) fn footer(&self, about: &str) -> Vec<String> {
        footer(&self.answer, about.to_owned(), self.window, &self.bill)
    }
}

impl FlowArchive {
    /// All flows, of `one_cluster` alone if somebody's word of its objects is taken, for whoever reads them on.
    pub(crate) fn carried(
        &self,
        one_cluster: bool,
        each: impl FnMut(&[AskedChain], Hit) -> ControlFlow<()>,
    ) -> Result<FlowAnswer, Failure> {
        self.search((FlowQuestion::default(), FlowShow::Carried, false), one_cluster, each)
    }

    /// Reads what is asked for, and gives out each hit in its turn.
    fn search(
        &self,
        (question, show, unknown): (FlowQuestion, FlowShow, bool),
        one_cluster: bool,
        mut each: impl FnMut(&[AskedChain], Hit) -> ControlFlow<()>,
    ) -> Result<FlowAnswer, Failure> {
        let Self { since, until, .. } = *self;
        let allow_unanchored = self.chains.allow_unanchored;
        in_order(since, until, "choose flows: --since is after --until")?;
        let window = Window { since, until };
        let (store, bill) = self.stats.open(&self.store)?;
        let (chains, packs) = self.chains.asked(&self.store, &bill)?;
        if one_cluster {
            let origins: Vec<_> = chains.iter().map(|chain| chain.origin.clone()).collect();
            of_one_cluster(&origins)?;
        }
        let archive = Archive { store, packs, dated: !is_directory(&self.store.store) };
        let now = system_clock()().wall;
        // What was let through or stopped is decided by all of it.
        let every_seal = true;
        let asking = FlowAsking {
            question,
            window,
            unknown,
            show,
            every_seal,
            allow_unanchored,
            now,
            cores: 0,
        };
        let answer = block_on_threads(cores() + 2, async {
            let search = asking.find(&archive, chains.clone()).await?;
            self.limit.allows(&search)?;
            let each = |hit| each(&chains, hit);
            Ok::<_, Failure>(search.run(each, stopped()?).await)
        })??;
        Ok(FlowAnswer { answer, chains, archive, bill, window })
    }
}

/// What a flow must be.
#[derive(Debug, Args)]
struct FlowConditions {
    /// Only flows that this one began: an address, a block of them, or NAMESPACE/POD, where a * at the
    /// end stands for anything. Repeatable.
    #[arg(
        long,
        help_heading = "Flows",
        env = "AUDITSEAL_FROM_PEER",
        value_name = "PEER",
        value_delimiter = ','
    )]
    from: Vec<FlowSide>,
    /// Only flows to this one. Repeatable.
    #[arg(
        long,
        help_heading = "Flows",
        env = "AUDITSEAL_TO_PEER",
        value_name = "PEER",
        value_delimiter = ','
    )]
    to: Vec<FlowSide>,
    /// Only flows with this one on either side. Repeatable.
    #[arg(
        long,
        help_heading = "Flows",
        env = "AUDITSEAL_PEER",
        value_name = "PEER",
        value_delimiter = ','
    )]
    peer: Vec<FlowSide>,
    /// Only flows with a pod of this namespace on either side. Repeatable.
    #[arg(
        short,
        long,
        help_heading = "Flows",
        env = "AUDITSEAL_NAMESPACE",
        value_name = "NAME",
        value_delimiter = ','
    )]
    namespace: Vec<String>,
    /// Only flows to this port, or to one of a range such as 8000-8080. Repeatable.
    #[arg(
        long,
        help_heading = "Flows",
        env = "AUDITSEAL_PORT",
        value_name = "PORT",
        value_delimiter = ','
    )]
    port: Vec<FlowPorts>,
    /// Only flows of this protocol. Repeatable.
    #[arg(
        long,
        help_heading = "Flows",
        env = "AUDITSEAL_PROTOCOL",
        value_name = "NAME",
        value_delimiter = ','
    )]
    protocol: Vec<Spoken>,
    /// Only flows of which this became: allowed, denied or unknown. Repeatable.
    #[arg(
        long,
        help_heading = "Flows",
        env = "AUDITSEAL_VERDICT",
        value_name = "WORD",
        value_delimiter = ','
    )]
    verdict: Vec<FlowVerdict>,
    /// Only flows whose line names this policy: NAME or NAMESPACE/NAME. Repeatable.
    #[arg(
        long,
        help_heading = "Flows",
        env = "AUDITSEAL_NETWORK_POLICY",
        value_name = "POLICY",
        value_delimiter = ','
    )]
    policy: Vec<String>,
    /// Only lines about the destination's policies (ingress), or about the source's (egress).
    #[arg(long, help_heading = "Flows", env = "AUDITSEAL_DIRECTION", value_name = "WORD")]
    direction: Option<Way>,
}

/// A protocol that a NetworkPolicy may name, or ICMP.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Spoken {
    Tcp,
    Udp,
    Sctp,
    Icmp,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Way {
    Ingress,
    Egress,
}

impl FlowConditions {
    fn question(&self) -> FlowQuestion {
        let spoken = |one: &Spoken| match one {
            Spoken::Tcp => Protocol::Tcp,
            Spoken::Udp => Protocol::Udp,
            Spoken::Sctp => Protocol::Sctp,
            Spoken::Icmp => Protocol::Icmp,
        };
        FlowQuestion {
            from: self.from.clone(),
            to: self.to.clone(),
            peer: self.peer.clone(),
            namespaces: self.namespace.clone(),
            ports: self.port.clone(),
            protocols: self.protocol.iter().map(spoken).collect(),
            verdicts: self.verdict.clone(),
            policies: self.policy.clone(),
            direction: self.direction.map(|way| match way {
                Way::Ingress => FlowDirection::Ingress,
                Way::Egress => FlowDirection::Egress,
            }),
        }
    }

    fn namespaces(&self) -> String {
        match self.namespace.as_slice() {
            [] => "all namespaces".to_owned(),
            names => format!("namespace {}", names.join(" or ")),
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = help::QUERY_FLOWS)]
pub(crate) struct Flows {
    #[command(flatten)]
    conditions: FlowConditions,
    #[command(flatten)]
    flows: FlowArchive,
    /// What the answer looks like: columns; the lines, byte for byte (on a terminal with what would act on
    /// it escaped); an object for each flow, with its citation; their number.
    #[arg(
        short,
        long,
        visible_alias = "format",
        env = "AUDITSEAL_FORMAT",
        value_enum,
        default_value = "table"
    )]
    output: Output,
    /// List the lines of which it can't be told whether they are meant, in place of those that are.
    #[arg(long, env = "AUDITSEAL_UNKNOWN", value_parser = BoolishValueParser::new())]
    unknown: bool,
    /// Folder for a proof of each line that is told, ORIGIN-SEQ-LINE.proof, with + for each / of the origin:
    /// `check` reads it without the archive. Of the first thousand.
    #[arg(long, env = "AUDITSEAL_PROOF", value_name = "DIR")]
    proof: Option<PathBuf>,
    /// Exit 4 if there is none.
    #[arg(long, env = "AUDITSEAL_FAIL_IF_NONE", value_parser = BoolishValueParser::new())]
    fail_if_none: bool,
}

pub(crate) fn run(args: Flows, format: LogFormat) -> Result<ExitCode, Failure> {
    let mut proofs = args.proof.as_deref().map(Proofs::new).transpose()?;
    let mut out = Out::new(args.output, None, Columns::of_flows());
    let show = match args.output {
        Output::Table => FlowShow::Table,
        Output::Jsonl => FlowShow::Lines,
        Output::Json => FlowShow::Json,
        Output::Count => FlowShow::Count,
    };
    let each = |_: &[AskedChain], hit: Hit| {
        proofs.iter_mut().for_each(|proofs| proofs.told(&hit));
        out.hit(hit)
    };
    let asked = (args.conditions.question(), show, args.unknown);
    let found = args.flows.search(asked, false, each)?;
    finish(out.end(&found.answer))?;
    tell(&found.footer(&args.conditions.namespaces()), format);
    if found.answer.interrupted {
        return Ok(ExitCode::from(found.answer.exit_code()));
    }
    if let Some(proofs) = proofs {
        tell(&[proofs.write_all(&found.archive, &found.chains)?], format);
    }
    Ok(exit_code(&found.answer, args.fail_if_none))
}
