//! What is counted, as Prometheus reads it: text format, version 0.0.4.

use std::sync::PoisonError;

use crate::tally::{ForwardTally, Lane, SinkTally, get};

/// A counter or gauge of each sink: its name, what it says, and its value.
type OfSink = (&'static str, &'static str, &'static str, fn(&SinkTally) -> u64);
/// The same of each chain at each sink.
type OfLane = (&'static str, &'static str, &'static str, fn(&Lane) -> u64);

const SINKS: [OfSink; 8] = [
    ("auditseal_forward_lines_total", "counter", "Events that the sink has", |sink| {
        get(&sink.lines)
    }),
    ("auditseal_forward_bytes_total", "counter", "Bytes of these events", |sink| get(&sink.bytes)),
    ("auditseal_forward_requests_total", "counter", "Requests to the sink", |sink| {
        get(&sink.requests)
    }),
    ("auditseal_forward_retries_total", "counter", "Requests that have to be made again", |sink| {
        get(&sink.retries)
    }),
    (
        "auditseal_forward_refused_total",
        "counter",
        "Events that the sink refused: dead letters",
        |sink| get(&sink.refused),
    ),
    ("auditseal_forward_cut_total", "counter", "Events that were too long, and cut", |sink| {
        get(&sink.cut)
    }),
    (
        "auditseal_forward_state_failures_total",
        "counter",
        "Times that the state couldn't be written",
        |sink| get(&sink.commit_failures),
    ),
    (
        "auditseal_forward_sink_waits",
        "gauge",
        "1 while something waits for the sink, for its disk or for that of the state, or it is given up",
        |sink| {
            let holds = !sink.holds.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
            let gone = sink.given_up.lock().unwrap_or_else(PoisonError::into_inner).is_some();
            u64::from(holds || gone)
        },
    ),
];

const LANES: [OfLane; 4] = [
    (
        "auditseal_forward_chain_lines_total",
        "counter",
        "Events of the chain that the sink has",
        |lane| get(&lane.lines),
    ),
    (
        "auditseal_forward_until_seconds",
        "gauge",
        "When the newest seal was made that the sink has, Unix time; 0 before any",
        |lane| get(&lane.until) / 1_000_000,
    ),
    (
        "auditseal_forward_findings_total",
        "counter",
        "What was found wrong with the chain while it was followed",
        |lane| get(&lane.findings),
    ),
    (
        "auditseal_forward_blocked",
        "gauge",
        "1 while the chain isn't gone on with, since what comes next isn't proved or can't be read",
        |lane| {
            u64::from(lane.state.lock().unwrap_or_else(PoisonError::into_inner).blocked.is_some())
        },
    ),
];

impl ForwardTally {
    /// All metrics.
    #[must_use]
    pub fn metrics(&self) -> String {
        let sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        let (name, help) = (
            "auditseal_forward_trust_stale",
            "1 while the trust file can't be used, and what was trusted before still is",
        );
        head(&mut text, name, "gauge", help);
        let stale = self.untrusted.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        put(&mut text, format_args!("{name} {}", u64::from(stale)));
        for (name, kind, help, value) in SINKS {
            head(&mut text, name, kind, help);
            for (sink, tally) in sinks.iter() {
                put(&mut text, format_args!("{name}{{sink=\"{sink}\"}} {}", value(tally)));
            }
        }
        for (name, kind, help, value) in LANES {
            head(&mut text, name, kind, help);
            for (sink, tally) in sinks.iter() {
                for (origin, lane) in
                    tally.lanes.lock().unwrap_or_else(PoisonError::into_inner).iter()
                {
                    // Neither has a character that would end its label.
                    put(
                        &mut text,
                        format_args!(
                            "{name}{{sink=\"{sink}\",origin=\"{origin}\"}} {}",
                            value(lane)
                        ),
                    );
                }
            }
        }
        text
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    put(text, format_args!("# HELP {name} {help}.\n# TYPE {name} {kind}"));
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.push_str(&line.to_string());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::{Hold, add};

    #[test]
    fn each_sink_and_chain_is_told_of() {
        let tally = ForwardTally::default();
        let sink = tally.sink("vl");
        add(&sink.lines, 7);
        sink.held(Hold::Sink, None, "no connection");
        sink.lane(&"c/n/s".parse().unwrap()).blocked("MISSING", true);
        let text = tally.metrics();
        for line in [
            "auditseal_forward_lines_total{sink=\"vl\"} 7",
            "auditseal_forward_sink_waits{sink=\"vl\"} 1",
            "auditseal_forward_blocked{sink=\"vl\",origin=\"c/n/s\"} 1",
        ] {
            assert!(text.lines().any(|one| one == line), "{text}");
        }
        assert_eq!(text.matches("# TYPE ").count(), 1 + SINKS.len() + LANES.len());
        assert!(text.contains("\nauditseal_forward_trust_stale 0\n"));
        assert!(tally.set_untrusted(Some("read trust file t: gone".to_owned())));
        assert!(!tally.set_untrusted(Some("read trust file t: gone".to_owned())));
        assert!(tally.metrics().contains("\nauditseal_forward_trust_stale 1\n"));
        assert!(tally.against()[0].starts_with("read trust file t: gone; "));
        assert!(tally.set_untrusted(None));
        sink.forget(&"c/n/s".parse().unwrap());
        assert!(!tally.metrics().contains("c/n/s"));
    }
}
