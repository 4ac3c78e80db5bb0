//! `--listen`, `--apiserver-metrics` and `status`.

use std::io::{IsTerminal as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use auditseal_agent::{Apiserver, Progress, Settings, system_clock};
use auditseal_flows::LogFormat;
use auditseal_observe::{Source, Status as Said, is_loopback, process, serve};
use auditseal_vault::{Page, PageOptions};
use clap::Args;
use clap::builder::BoolishValueParser;
use serde_json::{Map, Value, json};
use tracing::{info, warn};

use crate::failure::Failure;
use crate::help;
use crate::output::{Format, finish};
use crate::units::duration;

/// Where it listens, and is asked, unless somebody says otherwise.
const ADDRESS: &str = "127.0.0.1:9478";

#[derive(Debug, Args)]
pub(crate) struct Watch {
    // As an attribute: to rustdoc, an IPv6 address is a broken link.
    #[arg(long, help_heading = "Observability", env = "AUDITSEAL_LISTEN", value_name = "ADDR",
          num_args = 0..=1, default_missing_value = ADDRESS,
          help = "Serve /metrics, /healthz and /readyz at this address; off without it. Without an \
                  address 127.0.0.1:9478; [::1]:9478 and 0.0.0.0:9478 work too. Whoever can connect \
                  can read")]
    pub(crate) listen: Option<SocketAddr>,
    /// After a fork stay alive, not ready, instead of exiting with 3: for a supervisor that
    /// restarts whatever ends, like a DaemonSet's.
    #[arg(long, help_heading = "Observability", env = "AUDITSEAL_STAY_ON_FORK", value_parser = BoolishValueParser::new())]
    pub(crate) stay_on_fork: bool,
    /// The kube-apiserver's /metrics. Its count of events goes into the seals, and is held against
    /// what is sealed. With several sources, SOURCE= says whose lines it counts.
    #[arg(
        long,
        help_heading = "Observability",
        env = "AUDITSEAL_APISERVER_METRICS",
        value_name = "[SOURCE=]URL"
    )]
    pub(crate) apiserver_metrics: Option<String>,
    /// File with the bearer token for it; read each time.
    #[arg(
        long,
        help_heading = "Observability",
        env = "AUDITSEAL_APISERVER_TOKEN_FILE",
        value_name = "FILE",
        requires = "apiserver_metrics"
    )]
    pub(crate) apiserver_token_file: Option<PathBuf>,
    /// PEM file of the certificate authorities that vouch for it.
    #[arg(
        long,
        help_heading = "Observability",
        env = "AUDITSEAL_APISERVER_CA_FILE",
        value_name = "FILE",
        requires = "apiserver_metrics"
    )]
    pub(crate) apiserver_ca_file: Option<PathBuf>,
    /// PEM file of a client certificate for it.
    #[arg(
        long,
        help_heading = "Observability",
        env = "AUDITSEAL_APISERVER_CERT_FILE",
        value_name = "FILE",
        requires = "apiserver_key_file"
    )]
    pub(crate) apiserver_cert_file: Option<PathBuf>,
    /// PEM file of that certificate's key.
    #[arg(
        long,
        help_heading = "Observability",
        env = "AUDITSEAL_APISERVER_KEY_FILE",
        value_name = "FILE",
        requires = "apiserver_cert_file"
    )]
    pub(crate) apiserver_key_file: Option<PathBuf>,
    /// How often its count is read.
    #[arg(long, help_heading = "Observability", env = "AUDITSEAL_APISERVER_INTERVAL", value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) apiserver_interval: Duration,
}

/// Adds to the settings what these flags say.
pub(crate) fn watched(settings: Settings, watch: &Watch) -> Result<Settings, Failure> {
    let stay_on_fork = watch.stay_on_fork;
    let Some(text) = &watch.apiserver_metrics else {
        return Ok(Settings { stay_on_fork, ..settings });
    };
    let refused = |why: &str, hint: &str| {
        let what = format!("read the command line: --apiserver-metrics: {why}");
        Err(Failure::new(what).hint(Some(hint)))
    };
    let (source, url) = match text.split_once('=') {
        Some((name, url)) if !name.contains([':', '/']) => (Some(name.to_owned()), url),
        _ => (None, text.as_str()),
    };
    let example =
        "like https://NODE-ADDRESS:6443/metrics, or audit=https://NODE-ADDRESS:6443/metrics";
    let Some((scheme, rest)) = url.split_once("://") else {
        return refused("it is no URL", example);
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let local = host.parse::<SocketAddr>().is_ok_and(|address| is_loopback(address.ip()));
    match scheme {
        "https" => {}
        "http" if local || watch.apiserver_token_file.is_none() => {}
        "http" => return refused("the token would be sent in clear", "use https"),
        _ => return refused("it is no http or https URL", example),
    }
    if host.contains('@') {
        return refused("it holds credentials", "use --apiserver-token-file");
    }
    // It counts audit events, and no other log's lines.
    let mut audit = settings.sources.iter().filter(|spec| spec.format == LogFormat::Audit);
    let source = match &source {
        None => match (audit.next(), audit.next()) {
            (Some(only), None) => Some(only.name.clone()),
            (None, _) => {
                return refused(
                    "no source has audit events",
                    "it counts those alone: leave it out",
                );
            }
            _ => {
                let hint = "say whose lines it counts: SOURCE=URL";
                return refused("there are several sources", hint);
            }
        },
        Some(name) if !settings.sources.iter().any(|spec| spec.name == *name) => {
            return refused("there is no such source", "name one of --source before the =");
        }
        Some(name) if !audit.any(|spec| spec.name == *name) => {
            return refused("that source has no audit events", "it counts those alone");
        }
        _ => source,
    };
    let identity = watch.apiserver_cert_file.clone().zip(watch.apiserver_key_file.clone());
    let page = PageOptions {
        url: url.to_owned(),
        token: watch.apiserver_token_file.clone(),
        ca: watch.apiserver_ca_file.clone(),
        identity,
        timeout: Duration::from_secs(10),
    };
    let apiserver = Some(Apiserver { source, page, interval: watch.apiserver_interval });
    Ok(Settings { stay_on_fork, apiserver, ..settings })
}

/// Binds before anything else begins: an address that is taken is for somebody to mend.
pub(crate) fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!("listen at {address}: {error}"))
            .hint(Some("is another agent running here? --listen takes another address"))
    };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    if is_loopback(address.ip()) {
        info!(target: "auditseal_agent", %address, "metrics and health are served");
    } else {
        warn!(%address, "metrics and health are served to whoever can connect");
    }
    Ok(listener)
}

/// Serves until it is dropped. To be called inside a runtime.
pub(crate) async fn serve_from(listener: TcpListener, progress: Arc<Progress>) {
    let clock = system_clock();
    match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => {
            let look = move || auditseal_observe::Snapshot {
                process: process(),
                ..progress.snapshot(clock())
            };
            serve(listener, look).await;
        }
        Err(error) => warn!("metrics and health aren't served: {error}"),
    }
    std::future::pending().await
}

#[derive(Debug, Args)]
#[command(after_help = help::STATUS)]
pub(crate) struct Status {
    /// The address that `run --listen` was given.
    #[arg(long, env = "AUDITSEAL_LISTEN", value_name = "ADDR", default_value = ADDRESS)]
    listen: SocketAddr,
    #[arg(
        long,
        env = "AUDITSEAL_URL",
        value_name = "URL",
        help = "Ask there instead, like http://cp-1.example:9478"
    )]
    url: Option<String>,
    /// Show it once. Without it, it is shown every two seconds on a terminal, and once elsewhere.
    #[arg(long, env = "AUDITSEAL_ONCE", value_parser = BoolishValueParser::new())]
    once: bool,
    /// What it looks like; json is shown once.
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

/// Exit code 0 when ready, 1 when not; a failure to ask is one of the command.
pub(crate) fn status(args: &Status) -> Result<ExitCode, Failure> {
    let url = args.url.clone().unwrap_or_else(|| format!("http://{}", reachable(args.listen)));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(format!("start runtime: {e}")))?;
    let mut out = std::io::stdout();
    let watching = !args.once && args.output == Format::Text && out.is_terminal();
    loop {
        let asked = runtime.block_on(ask(&url));
        if !watching {
            let said = asked?;
            finish(writeln!(out, "{}", shown(&said, args.output)))?;
            return Ok(ExitCode::from(u8::from(!said.ready)));
        }
        let text = asked.map_or_else(
            |_| format!("{url} doesn't answer; asking again"),
            |said| shown(&said, args.output),
        );
        // Home, then the text, then clear what is below: clearing first would flicker.
        let text = text.replace('\n', "\x1b[K\n");
        finish(write!(out, "\x1b[H{text}\x1b[K\n\x1b[J").and_then(|()| out.flush()))?;
        std::thread::sleep(Duration::from_secs(2));
    }
}

/// Nobody can connect to "any address".
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(ip, address.port())
}

async fn ask(url: &str) -> Result<Said, Failure> {
    let base = url.trim_end_matches('/');
    let page = async |path: &str| {
        let options = PageOptions { url: format!("{base}{path}"), ..PageOptions::default() };
        let mut body = Vec::new();
        let status = Page::new(options).ask(|piece| body.extend_from_slice(piece)).await?;
        Ok::<_, auditseal_store::Error>((status, String::from_utf8_lossy(&body).into_owned()))
    };
    let failed = |error: auditseal_store::Error| {
        Failure::new(error).hint(Some(
            "is `auditseal run --listen` running there? While no `run` is, nothing is archived, and \
             the log's rotation deletes what nobody has read",
        ))
    };
    let (_, metrics) = page("/metrics").await.map_err(failed)?;
    let (ready, readyz) = page("/readyz").await.map_err(failed)?;
    Said::read(&metrics, ready == 200, &readyz).ok_or_else(|| {
        Failure::new(format!("read {base}/metrics: it isn't auditseal's"))
            .hint(Some("--listen or --url name the address of `auditseal run --listen`"))
    })
}

fn shown(said: &Said, format: Format) -> String {
    match format {
        Format::Text => said.text(now()).trim_end().to_owned(),
        Format::Json => json!({
            "ready": said.ready,
            "reasons": said.reasons,
            "notes": said.notes,
            "version": said.version,
            "vkey": said.vkey,
            "process": said.process,
            "program": said.program,
            "sources": said.sources.iter().map(source).collect::<Vec<_>>(),
        })
        .to_string(),
    }
}

/// Values that JSON can't say, like an infinite time until loss, are null.
fn source(source: &Source) -> Value {
    let mut all = Map::new();
    all.insert("origin".to_owned(), json!(source.origin));
    all.extend(source.values.iter().map(|(name, value)| (name.clone(), json!(value))));
    all.extend(source.kinds.iter().map(|(name, kinds)| (name.clone(), json!(kinds))));
    Value::Object(all)
}

fn now() -> f64 {
    let wall = system_clock()().wall;
    Duration::from_micros(u64::try_from(wall.micros()).unwrap_or(0)).as_secs_f64()
}
