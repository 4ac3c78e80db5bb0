//! The metrics: one table, which makes the exposition and is held against docs/operate.md.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::health::against;
use super::snapshot::{Chain, Counted, Process, Snapshot, State};

/// Content type of [`openmetrics`].
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Content type of [`plain`].
pub const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name, without the `_total` or `_info` that its kind adds.
    name: &'static str,
    /// What it says, without the full stop.
    pub help: &'static str,
    value: Value,
}

/// Where a metric's values come from. Those of chains have the labels origin and source.
#[derive(Debug, Clone, Copy)]
enum Value {
    Version,
    Vkey,
    Gauge(fn(&Chain) -> Option<f64>),
    Counter(fn(&Chain) -> u64),
    Kinds(fn(&Chain) -> &std::collections::BTreeMap<&'static str, u64>, &'static str),
    Disks,
    OfSource(fn(&Counted) -> f64),
    CountFailures,
    Program(fn(&Snapshot) -> u64),
    OwnGauge(fn(&Process) -> f64),
    OwnCounter(fn(&Process) -> f64),
}

impl Metric {
    /// Its name as Prometheus knows it.
    #[must_use]
    pub fn name(&self) -> String {
        match self.kind() {
            MetricType::Counter => format!("{}_total", self.name),
            MetricType::Info => format!("{}_info", self.name),
            _ => self.name.to_owned(),
        }
    }

    /// `counter`, `gauge` or `info`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self.kind() {
            MetricType::Counter => "counter",
            MetricType::Info => "info",
            _ => "gauge",
        }
    }

    /// Its labels, in order.
    #[must_use]
    pub fn labels(&self) -> Vec<&'static str> {
        match self.value {
            Value::Version => vec!["version"],
            Value::Vkey => vec!["vkey"],
            Value::Kinds(_, label) => vec!["origin", "source", label],
            Value::Disks => vec!["origin", "source", "disk"],
            Value::OwnGauge(_) | Value::OwnCounter(_) | Value::Program(_) => vec![],
            _ => vec!["origin", "source"],
        }
    }

    fn kind(&self) -> MetricType {
        match self.value {
            Value::Version | Value::Vkey => MetricType::Info,
            Value::Counter(_)
            | Value::Kinds(..)
            | Value::CountFailures
            | Value::Program(_)
            | Value::OwnCounter(_) => MetricType::Counter,
            Value::Gauge(_) | Value::Disks | Value::OfSource(_) | Value::OwnGauge(_) => {
                MetricType::Gauge
            }
        }
    }

    fn encode(&self, snapshot: &Snapshot, mut out: MetricEncoder<'_>) -> fmt::Result {
        let chains = snapshot.chains.iter().map(|chain| (chain, labels(chain)));
        let counter = |out: &mut MetricEncoder<'_>, n: u64| {
            out.encode_counter::<NoLabelSet, _, f64>(&n, None)
        };
        match (self.value, &snapshot.process) {
            (Value::Version, _) => out.encode_info(&[("version", snapshot.version.as_str())]),
            (Value::Vkey, _) => out.encode_info(&[("vkey", snapshot.vkey.as_str())]),
            (Value::Program(value), _) => counter(&mut out, value(snapshot)),
            (Value::OwnGauge(value), Some(process)) => out.encode_gauge(&value(process)),
            (Value::OwnCounter(value), Some(process)) => {
                out.encode_counter::<NoLabelSet, _, f64>(&value(process), None)
            }
            (Value::OwnGauge(_) | Value::OwnCounter(_), None) => Ok(()),
            (Value::Gauge(value), _) => each(chains, |chain, labels| match value(chain) {
                Some(value) => out.encode_family(labels)?.encode_gauge(&value),
                None => Ok(()),
            }),
            (Value::Disks, _) => each(chains, |chain, [origin, source]| {
                for (disk, seconds) in &chain.disks {
                    let labels = [*origin, *source, ("disk", *disk)];
                    out.encode_family(&labels)?.encode_gauge(seconds)?;
                }
                Ok(())
            }),
            (Value::OfSource(value), _) => each(chains, |chain, labels| match &chain.counted {
                Some(counted) => out.encode_family(labels)?.encode_gauge(&value(counted)),
                None => Ok(()),
            }),
            (Value::Counter(value), _) => {
                each(chains, |chain, labels| counter(&mut out.encode_family(labels)?, value(chain)))
            }
            (Value::CountFailures, _) => each(chains, |chain, labels| match chain.count_failures {
                Some(n) => counter(&mut out.encode_family(labels)?, n),
                None => Ok(()),
            }),
            (Value::Kinds(value, label), _) => each(chains, |chain, [origin, source]| {
                for (word, n) in value(chain) {
                    let labels = [*origin, *source, (label, *word)];
                    counter(&mut out.encode_family(&labels)?, *n)?;
                }
                Ok(())
            }),
        }
    }
}

type Labels<'a> = [(&'static str, &'a str); 2];

fn labels(chain: &Chain) -> Labels<'_> {
    [("origin", &chain.origin), ("source", &chain.source)]
}

fn each<'a>(
    chains: impl Iterator<Item = (&'a Chain, Labels<'a>)>,
    mut show: impl FnMut(&'a Chain, &Labels<'a>) -> fmt::Result,
) -> fmt::Result {
    for (chain, labels) in chains {
        show(chain, &labels)?;
    }
    Ok(())
}

const fn gauge(name: &'static str, help: &'static str, value: fn(&Chain) -> Option<f64>) -> Metric {
    Metric { name, help, value: Value::Gauge(value) }
}

const fn counter(name: &'static str, help: &'static str, value: fn(&Chain) -> u64) -> Metric {
    Metric { name, help, value: Value::Counter(value) }
}

const fn metric(name: &'static str, help: &'static str, value: Value) -> Metric {
    Metric { name, help, value }
}

fn flag(yes: bool) -> Option<f64> {
    Some(if yes { 1.0 } else { 0.0 })
}

/// Counts fit a double exactly up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
fn number(n: u64) -> f64 {
    n as f64
}

/// Every metric, in the order in which it is shown.
pub const METRICS: [Metric; 45] = [
    metric("auditseal_build", "Version of the program", Value::Version),
    metric("auditseal_key", "Public key (vkey) by which the chains are verified", Value::Vkey),
    gauge("auditseal_ready", "1 when nothing stands against the source; /readyz says what", |c| {
        flag(against(c).is_empty())
    }),
    gauge("auditseal_forked", "1 when another writer has the chain; restarting can't help", |c| {
        flag(matches!(c.state, State::Forked(_)))
    }),
    gauge("auditseal_loop_idle_seconds", "Time since the pipeline's loop last turned", |c| {
        Some(c.idle)
    }),
    metric(
        "auditseal_disk_wait_seconds",
        "Time for which something has waited for an answer of the disk of the source, the state directory or the key",
        Value::Disks,
    ),
    gauge(
        "auditseal_last_look_seconds",
        "Time since a look at the source was last completed",
        |c| c.last_look,
    ),
    gauge(
        "auditseal_lag_bytes",
        "Source bytes seen and not sealed; files not unpacked count as 0",
        |c| Some(number(c.lag_bytes)),
    ),
    gauge(
        "auditseal_lag_events",
        "About how many events these are, by the length of those sealed",
        |c| Some(number(c.lag_events)),
    ),
    gauge(
        "auditseal_lag_seconds",
        "Time since the oldest byte that isn't sealed was first seen",
        |c| Some(c.lag),
    ),
    gauge(
        "auditseal_time_until_loss_seconds",
        "Time until the apiserver deletes a file with unread bytes (divide by 3600 for hours); \
         +Inf when nothing waits or none was deleted yet",
        |c| Some(c.until_loss.unwrap_or(f64::INFINITY)),
    ),
    gauge(
        "auditseal_source_unreadable_files",
        "Files that couldn't be read at the last look",
        |c| Some(number(c.unreadable)),
    ),
    gauge(
        "auditseal_source_waiting_files",
        "Files that wait to be opened; only so many are open at a time",
        |c| Some(number(c.waiting)),
    ),
    gauge(
        "auditseal_source_refused_files",
        "Files beside the log that aren't opened, because of what they are or whose",
        |c| Some(number(c.refused)),
    ),
    gauge(
        "auditseal_source_absent_seconds",
        "For how long there has been nothing at the source's path; 0: there is something",
        |c| Some(c.absent.unwrap_or(0.0)),
    ),
    gauge(
        "auditseal_source_unfinished_seconds",
        "For how long a compressed file has lain there without its end; 0: none does",
        |c| Some(c.unfinished.as_ref().map_or(0.0, |(_, seconds)| *seconds)),
    ),
    gauge(
        "auditseal_source_deleted_bytes",
        "Bytes of deleted files that are held open until they are read and sealed",
        |c| Some(number(c.deleted_bytes)),
    ),
    counter("auditseal_sealed_events", "Lines sealed", |c| c.events),
    counter("auditseal_sealed_bytes", "Source bytes sealed", |c| c.bytes),
    metric("auditseal_seals", "Seals made, by kind", Value::Kinds(|c| &c.seals, "kind")),
    counter("auditseal_stored_objects", "Objects that the store has taken", |c| c.stored),
    counter("auditseal_stored_bytes", "Bytes of these objects", |c| c.stored_bytes),
    metric(
        "auditseal_upload_retries",
        "Uploads that failed and are tried again, by cause",
        Value::Kinds(|c| &c.retries, "cause"),
    ),
    counter(
        "auditseal_spool_retries",
        "Seals that couldn't be written to the spool at once",
        |c| c.spool_retries,
    ),
    gauge(
        "auditseal_store_failing_seconds",
        "For how long the store has accepted nothing; 0: it does",
        |c| Some(c.failing.as_ref().map_or(0.0, |(seconds, _)| *seconds)),
    ),
    gauge("auditseal_head_seq", "Number of the newest seal", |c| {
        c.head.map(|(seq, _)| number(seq))
    }),
    gauge("auditseal_head_timestamp_seconds", "When the newest seal was made", |c| {
        c.head.map(|(_, time)| time)
    }),
    gauge(
        "auditseal_last_stored_timestamp_seconds",
        "When this process last learned that the store has an object of the chain",
        |c| c.last_stored,
    ),
    gauge("auditseal_spool_bytes", "Bytes of sealed objects that wait to be stored", |c| {
        Some(number(c.spool_bytes))
    }),
    gauge("auditseal_spool_limit_bytes", "At how many of these the source isn't read", |c| {
        Some(number(c.spool_limit))
    }),
    metric(
        "auditseal_gaps",
        "Losses of the source, sealed as gaps, by reason",
        Value::Kinds(|c| &c.gaps, "reason"),
    ),
    counter(
        "auditseal_missing_objects",
        "Sealed objects that are neither in the spool nor in the store",
        |c| c.missing + c.without.iter().map(|(objects, _)| objects).sum::<u64>(),
    ),
    gauge(
        "auditseal_lacking_objects",
        "Objects that the store had and lacks; nothing is sent to it while there are any",
        |c| Some(number(c.lacking.as_ref().map_or(0, |(objects, _)| *objects))),
    ),
    counter("auditseal_squatted_keys", "Keys of the chain at which foreign bytes stood", |c| {
        c.squatted
    }),
    counter("auditseal_lock_shortfalls", "Stored versions locked less than demanded", |c| {
        c.lock_shortfalls
    }),
    counter("auditseal_lock_unknown", "Stored versions whose lock couldn't be checked", |c| {
        c.lock_unknown
    }),
    metric(
        "auditseal_source_events",
        "Events that the apiserver has counted since its start",
        Value::OfSource(|c| number(c.events)),
    ),
    metric(
        "auditseal_source_errors",
        "Events that the apiserver says it couldn't log since its start",
        Value::OfSource(|c| number(c.errors)),
    ),
    metric(
        "auditseal_source_events_unaccounted",
        "Events that the apiserver counted and no seal holds, beyond what is in flight",
        Value::OfSource(|c| number(c.unaccounted)),
    ),
    metric(
        "auditseal_source_count_failures",
        "Readings of the apiserver's count that came to nothing",
        Value::CountFailures,
    ),
    metric(
        "auditseal_reload_failures",
        "Times that SIGHUP found something that can't be used, and what was before stayed",
        Value::Program(|s| s.reload_failures),
    ),
    metric(
        "process_resident_memory_bytes",
        "Resident memory",
        Value::OwnGauge(|p| number(p.resident_bytes)),
    ),
    metric("process_cpu_seconds", "User and system time", Value::OwnCounter(|p| p.cpu_seconds)),
    metric(
        "process_start_time_seconds",
        "When the process started",
        Value::OwnGauge(|p| p.started),
    ),
    metric("process_open_fds", "Open descriptors", Value::OwnGauge(|p| number(p.open_fds))),
];

#[derive(Debug)]
struct View(Snapshot);

impl Collector for View {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in &METRICS {
            let help = format!("{}.", metric.help);
            let out = encoder.encode_descriptor(metric.name, &help, None, metric.kind())?;
            metric.encode(&self.0, out)?;
        }
        Ok(())
    }
}

/// The exposition as OpenMetrics has it.
#[must_use]
pub fn openmetrics(snapshot: &Snapshot) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(View(snapshot.clone())));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)
        .expect("writing to a String doesn't fail");
    text
}

/// The same for whoever doesn't ask for OpenMetrics: there the type belongs to the name that the
/// samples have, and infos are gauges.
#[must_use]
pub fn plain(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for line in openmetrics(snapshot).lines().filter(|line| *line != "# EOF") {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        let known = METRICS.iter().find(|metric| words.get(2) == Some(&metric.name));
        match (words.as_slice(), known) {
            (["#", "TYPE", ..], Some(metric)) => {
                let kind = metric.type_name().replace("info", "gauge");
                text.push_str(&format!("# TYPE {} {kind}", metric.name()));
            }
            (["#", word, _, rest], Some(metric)) => {
                text.push_str(&format!("# {word} {} {rest}", metric.name()));
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::samples::read;
    use super::*;

    /// Every metric has a value.
    fn full() -> Snapshot {
        let chain = |source: &str| Chain {
            origin: format!("prod/cp-1/{source}"),
            source: source.to_owned(),
            state: State::Running,
            disks: [("source", 0.5), ("state", 0.0)].into(),
            seals: [("batch", 3), ("gap", 1)].into(),
            retries: [("denied", 2)].into(),
            gaps: [("truncated", 1), ("unseen", 0)].into(),
            last_look: Some(0.2),
            head: Some((7, 1.8e9)),
            last_stored: Some(1.8e9),
            counted: Some(Counted { events: 10, errors: 1, started: 1.7e9, unaccounted: 4 }),
            count_failures: Some(0),
            ..Chain::default()
        };
        Snapshot {
            version: "0.1.0".to_owned(),
            vkey: "auditseal+01234567+AQ==".to_owned(),
            process: Some(Process { resident_bytes: 1 << 20, ..Process::default() }),
            reload_failures: 2,
            chains: vec![chain("audit"), chain("aggregated")],
        }
    }

    #[test]
    fn every_metric_has_its_samples_and_its_labels() {
        for text in [openmetrics(&full()), plain(&full())] {
            let samples = read(&text);
            let found: BTreeSet<_> = samples.iter().map(|sample| sample.name.clone()).collect();
            let known: BTreeSet<_> = METRICS.iter().map(Metric::name).collect();
            assert_eq!(found, known, "{text}");
            for sample in &samples {
                let metric = METRICS.iter().find(|metric| metric.name() == sample.name).unwrap();
                let labels: Vec<_> = sample.labels.iter().map(|(name, _)| name.as_str()).collect();
                assert_eq!(labels, metric.labels(), "{}", sample.name);
            }
        }
    }

    #[test]
    fn names_keep_to_the_conventions() {
        for metric in &METRICS {
            assert!(metric.name.starts_with("auditseal_") || metric.name.starts_with("process_"));
            assert!(!metric.help.ends_with('.') && !metric.help.contains('\n'));
            let total = metric.name().ends_with("_total");
            assert_eq!(total, metric.type_name() == "counter", "{}", metric.name);
            for unit in ["_ms", "_millis", "_hours", "_minutes", "_kb", "_mb", "_percent"] {
                assert!(!metric.name.ends_with(unit), "{}: base units only", metric.name);
            }
        }
    }

    #[test]
    fn the_plain_form_names_the_type_of_what_is_sampled() {
        let text = plain(&full());
        for line in [
            "# TYPE auditseal_gaps_total counter",
            "# HELP auditseal_gaps_total Losses of the source, sealed as gaps, by reason.",
            "# TYPE auditseal_build_info gauge",
            "# TYPE auditseal_lag_seconds gauge",
            "auditseal_seals_total{origin=\"prod/cp-1/audit\",source=\"audit\",kind=\"batch\"} 3",
            "auditseal_time_until_loss_seconds{origin=\"prod/cp-1/audit\",source=\"audit\"} inf",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        assert!(!text.contains("EOF"));
    }
}
