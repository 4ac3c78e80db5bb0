//! What is counted of a sink and of the archive: lines, by chain and hour.

use std::collections::BTreeMap;

use auditseal_delivery::SinkKind;
use auditseal_format::{Origin, Time};

/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;
/// Microseconds of the finest time that OpenSearch's dates tell apart.
const MILLI: i64 = 1000;

/// The lines that are counted: from a time on, and before another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) since: Time,
    pub(crate) until: Time,
}

impl Span {
    /// The same lines for a sink and for the archive: where the sink's times are coarser than ours, the bounds are,
    /// too, for both.
    pub(crate) fn at(kind: SinkKind, since: Time, until: Time) -> Self {
        let told = |time: Time| match kind {
            SinkKind::OpenSearch => Time::from_micros(time.micros() / MILLI * MILLI),
            SinkKind::File | SinkKind::Loki | SinkKind::Otlp | SinkKind::Syslog => time,
        };
        Self { since: told(since), until: told(until) }
    }

    pub(crate) fn has(&self, time: Time) -> bool {
        self.since <= time && time < self.until
    }
}

/// Where a line is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The chain; `None` where the sink doesn't tell them apart.
    pub(crate) origin: Option<Origin>,
    /// Hours since the Unix epoch; `None` for lines of which nobody knows when they happened.
    pub(crate) hour: Option<i64>,
}

impl Place {
    pub(crate) fn new(origin: Option<Origin>, time: Option<Time>) -> Self {
        Self { origin, hour: time.map(|time| time.micros() / HOUR) }
    }

    /// The beginning of its hour.
    pub(crate) fn begin(&self) -> Option<Time> {
        self.hour.map(|hour| Time::from_micros(hour * HOUR))
    }
}

/// Lines, by where they are counted.
pub(crate) type Counts = BTreeMap<Place, u64>;
