//! doctor, worm-test.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auditseal_attack::Attacker;
use auditseal_doctor::suggest::suggest;
use auditseal_doctor::worm::{Outcome, Terms, holds_chains, run};
use auditseal_doctor::{
    Host, Report, examine_key, examine_source, examine_state, examine_store, no_key,
};
use auditseal_format::Origin;
use auditseal_note::Signer as _;
use auditseal_store::Retention;
use auditseal_vault::{Options, arm, site};
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use crate::failure::Failure;
use crate::output::{Format, finish, print};
use crate::protection::{Asked, RetentionMode};
use crate::runtime::block_on;
use crate::sources::{Sources, sources};
use crate::store_flags::{StoreFlags, store_options, warn_of_environment};
use crate::units::{duration, retention};
use crate::{help, protection};

#[derive(Debug, Args)]
#[command(after_help = help::DOCTOR, override_usage = help::DOCTOR_USAGE)]
pub(crate) struct Doctor {
    /// A store to examine. Repeatable.
    #[arg(long, env = "AUDITSEAL_STORE", value_name = "URL", action = ArgAction::Append,
          value_delimiter = ' ',
          required_unless_present_any = ["source", "state", "key", "suggest_policy"])]
    store: Vec<String>,
    /// Server to talk to instead of the cloud's own: a compatible server or an emulator.
    #[arg(long, env = "AUDITSEAL_ENDPOINT", value_name = "URL")]
    endpoint: Option<String>,
    /// Region of the bucket.
    #[arg(long, env = "AUDITSEAL_REGION", value_name = "REGION")]
    region: Option<String>,
    /// PEM file of certificate authorities to trust besides the system's.
    #[arg(long, env = "AUDITSEAL_CA_CERTIFICATE", value_name = "FILE")]
    ca_certificate: Option<PathBuf>,
    /// How long a request may take, on top of what its size allows for.
    #[arg(long, env = "AUDITSEAL_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = duration)]
    timeout: Duration,
    /// A log to examine: its name and its live file, or the directory that holds it. Repeatable.
    #[arg(long, env = "AUDITSEAL_SOURCE", value_name = "NAME=PATH",
          action = ArgAction::Append, value_parser = sources)]
    source: Vec<Sources>,
    /// The agent's state directory, or where it is to be: is there room?
    #[arg(long, env = "AUDITSEAL_STATE", value_name = "DIR")]
    state: Option<PathBuf>,
    /// The agent's key: is it one for the chains of this cluster, node and source?
    #[arg(long, env = "AUDITSEAL_KEY", value_name = "FILE")]
    key: Option<PathBuf>,
    /// Name of the cluster, as the agent has it.
    #[arg(long, env = "AUDITSEAL_CLUSTER", value_name = "NAME")]
    cluster: Option<String>,
    /// Name of the node, as the agent has it.
    #[arg(long, env = "AUDITSEAL_NODE", value_name = "NAME")]
    node: Option<String>,
    /// kube-apiserver's static pod [default: /etc/kubernetes/manifests/kube-apiserver.yaml if it is
    /// there, else the running process].
    #[arg(
        long,
        env = "AUDITSEAL_MANIFEST",
        value_name = "FILE",
        conflicts_with = "apiserver_flags"
    )]
    manifest: Option<PathBuf>,
    /// A file with kube-apiserver's flags instead: one or more in a line, an environment file, a
    /// unit.
    #[arg(long, env = "AUDITSEAL_APISERVER_FLAGS", value_name = "FILE")]
    apiserver_flags: Option<PathBuf>,
    /// kube-apiserver's audit policy [default: what its flags name, if it is there].
    #[arg(long, env = "AUDITSEAL_POLICY", value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Write an audit policy for this cluster to standard output, made of the logs of --source or
    /// --on, and to standard error what it would cost and leave out, and what lies in them now that
    /// nobody should lock. Nothing else is examined.
    #[arg(long, env = "AUDITSEAL_SUGGEST_POLICY", value_parser = BoolishValueParser::new())]
    suggest_policy: bool,
    /// A log to make it of instead: the live file, whose rotated siblings belong to it, the
    /// directory that holds it, or any one file. Repeatable.
    #[arg(long, env = "AUDITSEAL_ON", value_name = "PATH", action = ArgAction::Append,
          requires = "suggest_policy")]
    on: Vec<PathBuf>,
    #[command(flatten)]
    demand: Demand,
    /// What the report looks like; with --suggest-policy, json has the policy in it.
    #[arg(
        short,
        long,
        visible_alias = "format",
        env = "AUDITSEAL_FORMAT",
        value_enum,
        default_value = "text"
    )]
    output: Format,
}

#[derive(Debug, Args)]
#[command(after_help = help::WORM_TEST)]
pub(crate) struct WormTest {
    #[command(flatten)]
    store: StoreFlags,
    /// Leave the canary and what was put over it, even where it could be removed.
    #[arg(long, env = "AUDITSEAL_KEEP", value_parser = BoolishValueParser::new())]
    keep: bool,
    /// Put the canary also beside the chains of an archive, where `verify` reports it as an
    /// unexpected object (which is information) for as long as it is locked.
    #[arg(long, env = "AUDITSEAL_YES", value_parser = BoolishValueParser::new())]
    yes: bool,
    /// What the agent asks for, so that the canary is put as a batch is.
    #[command(flatten)]
    asked: Asked,
    #[command(flatten)]
    demand: Demand,
    /// What the report looks like.
    #[arg(
        short,
        long,
        visible_alias = "format",
        env = "AUDITSEAL_FORMAT",
        value_enum,
        default_value = "text"
    )]
    output: Format,
}

/// The lock that must be found.
#[derive(Debug, Args)]
struct Demand {
    /// Fail unless what is stored is locked for so long from its put on (an hour's difference of
    /// clocks is let pass).
    #[arg(long, env = "AUDITSEAL_REQUIRE_RETENTION", value_name = "TIME", value_parser = retention)]
    require_retention: Option<Duration>,
    /// How firm that lock must be at least: compliance is also a locked policy [default:
    /// compliance].
    #[arg(
        long,
        env = "AUDITSEAL_REQUIRE_RETENTION_MODE",
        value_name = "MODE",
        value_enum,
        hide_possible_values = true,
        requires = "require_retention"
    )]
    require_retention_mode: Option<RetentionMode>,
}

impl Demand {
    fn retention(&self) -> Option<Retention> {
        protection::retention(self.require_retention, self.require_retention_mode)
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

pub(crate) fn doctor(args: Doctor) -> Result<ExitCode, Failure> {
    if args.suggest_policy {
        return suggest_policy(args);
    }
    let origins = origins(&args)?;
    let mut report = Report::default();
    let options = Options {
        endpoint: args.endpoint,
        ca_certificate: args.ca_certificate,
        region: args.region,
        timeout: args.timeout,
        ..Options::default()
    };
    let stores = || args.store.iter().filter(|url| !url.is_empty());
    warn_of_environment(stores());
    for url in stores() {
        let (subject, checks) = block_on(examine_store(url, &options, args.demand.retention()))?;
        report.add(&subject, checks);
    }
    let host = Host {
        manifest: args.manifest,
        flags: args.apiserver_flags,
        policy: args.policy,
        ..Host::here(now())
    };
    for source in args.source.iter().flat_map(|sources| &sources.0) {
        report.add(&format!("source {}", source.name), examine_source(&source.path, &host));
    }
    if let Some(path) = &args.key {
        let key = auditseal_agent::read_signer(path).map(|signer| signer.key().clone());
        let checks = match key {
            Ok(key) => examine_key(&key, &origins),
            Err(error) => no_key(error),
        };
        // Without its path, where a private key itself may have been put by mistake.
        report.add("key", checks);
    }
    if let Some(state) = &args.state {
        report.add(&format!("state {}", state.display()), examine_state(state));
    }
    print(|out| match args.output {
        Format::Text => report.text(out),
        Format::Json => report.json(out),
    })?;
    Ok(ExitCode::from(report.exit_code()))
}

/// The chains that the agent is to seal, as far as it is told.
fn origins(args: &Doctor) -> Result<Vec<Origin>, Failure> {
    let (Some(cluster), Some(node)) = (&args.cluster, &args.node) else { return Ok(Vec::new()) };
    let sources = args.source.iter().flat_map(|sources| &sources.0);
    let origins = sources.map(|source| Origin::new(cluster, node, &source.name));
    origins.collect::<Result<_, _>>().map_err(|why| Failure::new(format!("name the chain: {why}")))
}

fn suggest_policy(args: Doctor) -> Result<ExitCode, Failure> {
    // The policy of this machine says nothing of a log from elsewhere.
    let machine = if args.on.is_empty() { Host::here } else { Host::elsewhere };
    let host = Host {
        manifest: args.manifest,
        flags: args.apiserver_flags,
        policy: args.policy,
        ..machine(now())
    };
    let sources = args.source.iter().flat_map(|sources| &sources.0);
    let logs: Vec<_> = match args.on.as_slice() {
        [] => sources.map(|source| source.path.clone()).collect(),
        on => on.to_vec(),
    };
    let refused = |why: String| Failure::new(format!("suggest a policy: {why}"));
    if logs.is_empty() {
        let hint = "name a log with --on, or with --source as the agent has it";
        return Err(refused("it is made of a log, and none is named".to_owned()).hint(Some(hint)));
    }
    let page = suggest(&logs, &host).map_err(refused)?;
    print(|out| match args.output {
        Format::Text => out.write_all(page.policy.as_bytes()),
        Format::Json => page.json(out),
    })?;
    if args.output == Format::Text {
        // Who reads only the policy may have closed it.
        drop(page.text(&mut io::stderr().lock()));
    }
    Ok(ExitCode::from(page.exit))
}

pub(crate) fn worm_test(args: &WormTest) -> Result<ExitCode, Failure> {
    block_on(attack(args))?
}

async fn attack(args: &WormTest) -> Result<ExitCode, Failure> {
    let options = protection::ask(store_options(&args.store, false), &args.asked)?;
    let url = &args.store.store;
    let site = site(url)?;
    let (store, weapon) = arm(url, &options)?;
    warn_of_environment([url]);
    if !args.yes && holds_chains(store.as_ref()).await? {
        let below = format!("{}/worm-test", site.shown);
        let hint = format!(
            "give a prefix of its own, such as {below}; or --yes: verify then reports an unexpected object, which is information"
        );
        return Err(Failure::new("put a canary: the prefix holds an archive").hint(Some(hint)));
    }
    let terms = Terms { site, require: args.demand.retention(), put: now(), keep: args.keep };
    let attacker = Attacker::plant(store, weapon, options.legal_hold).await?;
    let mut out = io::stdout();
    let text = args.output == Format::Text;
    if text {
        finish(Outcome::head(&attacker, &mut out))?;
    }
    let outcome = run(&attacker, &terms, |row| {
        // A reader who left doesn't stop the test: the canary is yet to be removed.
        if text {
            drop(row.text(&mut out));
        }
    })
    .await;
    finish(if text { outcome.tail(&mut out) } else { outcome.json(&mut out) })?;
    Ok(ExitCode::from(outcome.exit))
}
