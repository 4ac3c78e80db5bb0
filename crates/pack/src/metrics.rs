//! What a run that ends leaves for whoever watches the machine: a text for the textfile collector of
//! Prometheus' node_exporter.

use auditseal_format::Time;

use crate::report::{PackReport, PackedChain};

/// One of the metrics, each a gauge; those of chains have the label `origin`.
#[derive(Debug)]
pub struct PackMetric {
    /// Its name, as Prometheus knows it.
    pub name: &'static str,
    /// What it says, without the full stop.
    pub help: &'static str,
    of: fn(&PackedChain) -> Option<i64>,
}

/// What is told of each chain.
pub const CHAIN_METRICS: [PackMetric; 4] = [
    PackMetric {
        name: "auditseal_packed_until_seconds",
        help: "When the newest packed seal was made, Unix time; where nothing is packed, the oldest that waits",
        of: |chain| chain.packed_until.map(seconds),
    },
    PackMetric {
        name: "auditseal_pack_left_objects",
        help: "Proved objects that are in no pack yet",
        of: |chain| Some(i64::try_from(chain.left).unwrap_or(i64::MAX)),
    },
    PackMetric {
        name: "auditseal_pack_findings",
        help: "What the last run found beside the chain",
        of: |chain| Some(i64::try_from(chain.findings_total).unwrap_or(i64::MAX)),
    },
    PackMetric {
        name: "auditseal_pack_failed",
        help: "1 if the last run went no further with this chain because something failed",
        of: |chain| Some(i64::from(chain.error.is_some())),
    },
];

/// What is told of the run itself.
pub const LAST_RUN: PackMetric = PackMetric {
    name: "auditseal_pack_last_run_seconds",
    help: "When the last run ended, Unix time",
    of: |_| None,
};

impl PackReport {
    /// The metrics in Prometheus' text format, version 0.0.4; `ended` is when the run ended.
    #[must_use]
    pub fn metrics(&self, ended: Time) -> String {
        let mut text = String::new();
        for metric in &CHAIN_METRICS {
            metric.head(&mut text);
            for chain in &self.chains {
                let Some(value) = (metric.of)(chain) else { continue };
                let origin = label(&chain.origin.to_string());
                put(&mut text, format_args!("{}{{origin=\"{origin}\"}} {value}", metric.name));
            }
        }
        LAST_RUN.head(&mut text);
        put(&mut text, format_args!("{} {}", LAST_RUN.name, seconds(ended)));
        text
    }
}

impl PackMetric {
    fn head(&self, text: &mut String) {
        put(text, format_args!("# HELP {} {}.", self.name, self.help));
        put(text, format_args!("# TYPE {} gauge", self.name));
    }
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.push_str(&line.to_string());
    text.push('\n');
}

fn seconds(time: Time) -> i64 {
    time.micros().div_euclid(1_000_000)
}

/// A label's value as the format wants it between its quotation marks.
fn label(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(origin: &str) -> PackedChain {
        PackedChain::new(origin.parse().expect("an origin"))
    }

    #[test]
    fn each_chain_is_told_of_and_the_run() {
        let mut packed = chain("prod/cp-1/audit");
        packed.packed_until = Some(Time::from_micros(1_770_000_000_999_999));
        (packed.left, packed.findings_total) = (7, 2);
        let mut failed = chain("prod/cp-2/audit");
        failed.error = Some("list: no answer".to_owned());
        let report = PackReport { dry_run: false, chains: vec![packed, failed] };
        let text = report.metrics(Time::from_micros(1_770_003_600_000_000));
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "auditseal_packed_until_seconds{origin=\"prod/cp-1/audit\"} 1770000000",
                "auditseal_pack_left_objects{origin=\"prod/cp-1/audit\"} 7",
                "auditseal_pack_left_objects{origin=\"prod/cp-2/audit\"} 0",
                "auditseal_pack_findings{origin=\"prod/cp-1/audit\"} 2",
                "auditseal_pack_findings{origin=\"prod/cp-2/audit\"} 0",
                "auditseal_pack_failed{origin=\"prod/cp-1/audit\"} 0",
                "auditseal_pack_failed{origin=\"prod/cp-2/audit\"} 1",
                "auditseal_pack_last_run_seconds 1770003600",
            ]
        );
        // Of each its words and its kind, once, before its samples.
        for metric in CHAIN_METRICS.iter().chain([&LAST_RUN]) {
            let head = format!("# HELP {0} {1}.\n# TYPE {0} gauge\n", metric.name, metric.help);
            assert_eq!(text.matches(&head).count(), 1, "{text}");
        }
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn no_value_ends_its_label() {
        assert_eq!(label("a\"b\\c\nd"), r#"a\"b\\c\nd"#);
    }
}
