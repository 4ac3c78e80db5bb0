//! Counts what a sink has against what the archive has, by chain and hour.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::sync::Arc;

use auditseal_delivery::{LONGEST, ParcelLimits, Selection, SinkKind, SinkUrl, TimeFinder};
use auditseal_format::{Origin, Time, TimeField};
use auditseal_predicate::Predicate;
use auditseal_reader::{Source, Window};
use auditseal_vault::PeerRequest;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::feed::{Loaded, Outlet, Shares};
use crate::follow::{FollowOptions, Follower};
use crate::followed::{Archived, Followed};
use crate::run::LINES;
use crate::sender::peer;
use crate::tally::{LaneState, SinkTally};

/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;

/// What is counted.
#[derive(Debug)]
pub struct CheckOptions {
    /// The chains.
    pub chains: Vec<Followed>,
    /// Only lines of which this isn't false.
    pub predicate: Option<Predicate>,
    /// Only lines of this time on.
    pub since: Time,
    /// Only lines before this time.
    pub until: Time,
}

/// Where counts differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miscount {
    /// The chain; `None` where the sink doesn't tell them apart.
    pub origin: Option<Origin>,
    /// The beginning of the hour; `None` for lines of which nobody knows when they happened.
    pub hour: Option<Time>,
    /// Lines in the archive.
    pub archive: u64,
    /// Lines at the sink.
    pub sink: u64,
}

impl fmt::Display for Miscount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(f, "{origin} ")?,
            None => f.write_str("all chains ")?,
        }
        match self.hour {
            Some(hour) => write!(f, "{hour}")?,
            None => f.write_str("without a time")?,
        }
        write!(f, ": {} in the archive, {} at the sink", self.archive, self.sink)
    }
}

/// What counting came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Lines in the archive.
    pub lines: u64,
    /// Of these, lines that are too long to be handed over to anybody.
    pub too_long: u64,
    /// Hours and chains that have some.
    pub hours: u64,
    /// Where the sink has other numbers.
    pub differences: Vec<Miscount>,
    /// Chains that couldn't be counted to their end, and why.
    pub blocked: Vec<(Origin, String)>,
}

type Counts = BTreeMap<(Option<Origin>, Option<i64>), u64>;

/// Counts.
///
/// # Errors
/// Why the sink can't be asked.
pub async fn check(
    place: &Archived,
    sink: &SinkUrl,
    options: &CheckOptions,
) -> Result<Checked, String> {
    let there = at_sink(sink, options).await?;
    let Archive { counts: here, too_long, blocked } =
        in_archive(place, options, sink.kind == SinkKind::File).await;
    let mut differences = Vec::new();
    let keys: std::collections::BTreeSet<_> = here.keys().chain(there.keys()).cloned().collect();
    for key in keys {
        let count = |of: &Counts| of.get(&key).copied().unwrap_or(0);
        let (archive, sink) = (count(&here), count(&there));
        if archive != sink {
            let (origin, hour) = key;
            let hour = hour.map(|hour| Time::from_micros(hour * HOUR));
            differences.push(Miscount { origin, hour, archive, sink });
        }
    }
    let (lines, hours) = (here.values().sum(), here.len() as u64);
    Ok(Checked { lines, too_long, hours, differences, blocked })
}

/// What is proved to be in the archive.
struct Archive {
    counts: Counts,
    too_long: u64,
    blocked: Vec<(Origin, String)>,
}

/// Counts what is proved of the chains. A file tells neither chains, nor when it got a line.
async fn in_archive(place: &Archived, options: &CheckOptions, file: bool) -> Archive {
    let source = Source::new(Arc::clone(&place.store));
    let (_go, stop) = watch::channel(false);
    let (tally, mut counts, mut blocked) = (SinkTally::default(), Counts::new(), Vec::new());
    let mut too_long = 0;
    for chain in &options.chains {
        let follow = FollowOptions {
            window: Window { since: Some(options.since), until: None },
            once: true,
            limits: ParcelLimits { bytes: 1 << 20, lines: LINES },
            selection: Selection::new(options.predicate.clone(), Some(options.since)),
            readers: 1,
        };
        let (to, mut parcels) = mpsc::channel(1);
        let outlet = Outlet::new(to, Shares::default(), None);
        let lane = tally.lane(&chain.origin);
        let root = chain.root(place);
        let follower =
            Follower::new(chain, (&source, root), follow, outlet, (None, Arc::clone(&lane)));
        let counting = async {
            while let Some(Loaded { parcel, .. }) = parcels.recv().await {
                let held = parcel.lines.iter().map(|line| (line.time, line.when(), 0));
                // It isn't looked at when such a line happened.
                let others = parcel.too_long.iter().map(|(of, _)| (None, of.sealed, 1));
                for (time, when, long) in held.chain(others) {
                    // Of a line without a time a file doesn't tell when it was sealed.
                    let time = if file { time } else { Some(when) };
                    if time.is_some_and(|time| time < options.since || time >= options.until) {
                        continue;
                    }
                    let origin = (!file).then(|| chain.origin.clone());
                    let hour = time.map(|time| time.micros() / HOUR);
                    *counts.entry((origin, hour)).or_default() += 1;
                    too_long += long;
                }
            }
        };
        tokio::join!(follower.run(stop.clone()), counting);
        let state = lane.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let LaneState { blocked: Some((why, _)), .. } = &*state {
            blocked.push((chain.origin.clone(), why.clone()));
        }
    }
    Archive { counts, too_long, blocked }
}

async fn at_sink(sink: &SinkUrl, options: &CheckOptions) -> Result<Counts, String> {
    match sink.kind {
        SinkKind::File => in_file(sink, options),
        SinkKind::OpenSearch => in_opensearch(sink, options).await,
        SinkKind::Loki if sink.address.ends_with("/insert") => in_victorialogs(sink, options).await,
        SinkKind::Loki | SinkKind::Otlp | SinkKind::Syslog => Err(format!(
            "{} can't be asked for what it has: files, OpenSearch and VictoriaLogs (by its loki address) can",
            sink.name
        )),
    }
}

/// Lines of a file, by when they happened.
fn in_file(sink: &SinkUrl, options: &CheckOptions) -> Result<Counts, String> {
    let failed = |error: std::io::Error| format!("read {}: {error}", sink.address);
    let mut file = BufReader::new(File::open(&sink.address).map_err(failed)?);
    let (mut counts, mut line) = (Counts::new(), Vec::new());
    let mut finder = TimeFinder::new(TimeField::Audit);
    loop {
        line.clear();
        let read = file.by_ref().take(LONGEST as u64 + 1).read_until(b'\n', &mut line);
        if read.map_err(failed)? == 0 {
            return Ok(counts);
        }
        finder.take(line.trim_ascii_end());
        let time = finder.end();
        if time.is_some_and(|time| time < options.since || time >= options.until) {
            continue;
        }
        *counts.entry((None, time.map(|time| time.micros() / HOUR))).or_default() += 1;
    }
}

/// Documents, by chain and hour. What came last is made visible before.
async fn in_opensearch(sink: &SinkUrl, options: &CheckOptions) -> Result<Counts, String> {
    let index = format!("/{}-*", sink.prefix);
    asked(sink, &format!("{index}/_refresh"), &json!({})).await?;
    let mut counts = Counts::new();
    for chain in &options.chains {
        let millis = |time: Time| time.micros() / 1000;
        let range = json!({
            "gte": millis(options.since), "lt": millis(options.until), "format": "epoch_millis"
        });
        let query = json!({
            "size": 0,
            "query": { "bool": { "filter": [
                { "term": { "auditseal.origin": chain.origin.as_str() } },
                { "range": { "@timestamp": range } },
            ] } },
            "aggs": { "hour": { "date_histogram": {
                "field": "@timestamp", "fixed_interval": "1h", "min_doc_count": 1
            } } },
        });
        let answer = asked(sink, &format!("{index}/_search"), &query).await?;
        let hours = answer["aggregations"]["hour"]["buckets"].as_array();
        for hour in hours.into_iter().flatten() {
            let at = hour["key"].as_i64().unwrap_or(0) * 1000 / HOUR;
            let count = hour["doc_count"].as_u64().unwrap_or(0);
            *counts.entry((Some(chain.origin.clone()), Some(at))).or_default() += count;
        }
    }
    Ok(counts)
}

async fn asked(sink: &SinkUrl, path: &str, body: &Value) -> Result<Value, String> {
    let headers = vec![("content-type", "application/json".to_owned())];
    let body = Bytes::from(body.to_string());
    let answer =
        peer(sink).ask(PeerRequest { method: "POST", path: path.to_owned(), headers, body }).await;
    let answer = answer.map_err(|why| format!("ask {}: {why}", sink.name))?;
    if answer.status >= 300 {
        return Err(format!("ask {}: it answered {}", sink.name, answer.status));
    }
    serde_json::from_slice(&answer.body)
        .map_err(|_| format!("ask {}: its answer can't be read", sink.name))
}

/// Lines of VictoriaLogs, by chain and hour.
async fn in_victorialogs(sink: &SinkUrl, options: &CheckOptions) -> Result<Counts, String> {
    let nanos = |time: Time| time.micros().saturating_mul(1000);
    let query = format!(
        "_time:[{}, {}) {{job=\"auditseal\"}} | stats by (_time:1h, cluster, node, source) count() n",
        nanos(options.since),
        nanos(options.until),
    );
    let mut base = sink.clone();
    base.address = sink.address.trim_end_matches("/insert").to_owned();
    let query: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
    let (path, body) = ("/select/logsql/query".to_owned(), Bytes::from(format!("query={query}")));
    let answer = peer(&base).ask(PeerRequest { method: "POST", path, headers, body }).await;
    let answer = answer.map_err(|why| format!("ask {}: {why}", sink.name))?;
    if answer.status >= 300 {
        return Err(format!("ask {}: it answered {}", sink.name, answer.status));
    }
    let mut counts = Counts::new();
    for line in answer.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let row: Value = serde_json::from_slice(line)
            .map_err(|_| format!("ask {}: its answer can't be read", sink.name))?;
        let text = |name: &str| row[name].as_str().unwrap_or_default();
        let origin = Origin::new(text("cluster"), text("node"), text("source")).ok();
        let named = |origin: &Origin| options.chains.iter().any(|chain| chain.origin == *origin);
        let Some(origin) = origin.filter(named) else { continue };
        let hour = Time::certain(text("_time").as_bytes()).map(|time| time.micros() / HOUR);
        *counts.entry((Some(origin), hour)).or_default() += text("n").parse().unwrap_or(0);
    }
    Ok(counts)
}
