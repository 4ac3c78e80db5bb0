//! Two lines of one connection: the side where it began let it out, and the other side stopped it.
//!
//! Such a connection didn't pass, whatever its first half says. Halves are found by addresses and ports of both sides within a
//! minute: what was let through waits that long for a line that says that the other side stopped it. A line that lacks an
//! address, a port, a time or whose policies it is about is no half of anything.

use core::net::IpAddr;
use std::collections::{BTreeMap, VecDeque};

use auditseal_audit::Time;
use auditseal_flows::{Flow, FlowDirection, FlowVerdict, Protocol};

/// Microseconds between two lines of one connection, at most: by so much clocks of nodes may differ.
pub(crate) const APART: i64 = 60_000_000;

/// Lines that wait for their other half; beyond it the oldest is counted as it is.
pub const MAX_WAITING: usize = 50_000;

/// One connection, while its ports aren't given to another one.
type Connection = (IpAddr, u16, IpAddr, u16, Protocol);

fn connection(flow: &Flow) -> Option<Connection> {
    let ports = flow.source_port.zip(flow.port)?;
    let (from, to) = flow.source.ip.zip(flow.destination.ip)?;
    Some((from, ports.0, to, ports.1, flow.protocol))
}

/// What is known of a connection within the last minute.
#[derive(Debug, Clone)]
struct Known<R> {
    /// Lines that say that it was let through.
    passed: Vec<(FlowDirection, Time, R)>,
    /// Who stopped it last, and when.
    stopped: Option<(FlowDirection, Time)>,
}

/// Lines that wait for their other half.
#[derive(Debug, Clone)]
pub(crate) struct Halves<R> {
    known: BTreeMap<Connection, Known<R>>,
    /// In the order in which they came.
    order: VecDeque<(Time, Connection)>,
    newest: Option<Time>,
}

/// What is to be counted now.
#[derive(Debug)]
pub(crate) struct Counted<R> {
    /// Lines that count by themselves.
    pub(crate) whole: Vec<R>,
    /// Lines whose connection the other side stopped.
    pub(crate) halves: u64,
}

impl<R> Halves<R> {
    pub(crate) fn new() -> Self {
        Self { known: BTreeMap::new(), order: VecDeque::new(), newest: None }
    }

    /// Takes what is made of a flow.
    pub(crate) fn take(&mut self, flow: &Flow, record: R) -> Counted<R> {
        let mut counted = Counted { whole: Vec::new(), halves: 0 };
        let Some((connection, (way, time))) = connection(flow).zip(flow.direction.zip(flow.time))
        else {
            counted.whole.push(record);
            return counted;
        };
        self.newest = self.newest.max(Some(time));
        let known = self
            .known
            .entry(connection)
            .or_insert_with(|| Known { passed: Vec::new(), stopped: None });
        let near = |other: Time| (time.micros() - other.micros()).abs() <= APART;
        match flow.verdict {
            FlowVerdict::Denied => {
                // What this side let through before wasn't stopped by it then.
                let through = known.passed.iter().filter(|(of, ..)| *of == way);
                let since = through.map(|(_, at, _)| *at).max();
                let half = |(of, at, _): &(FlowDirection, Time, R)| {
                    *of != way && near(*at) && since.is_none_or(|since| *at > since)
                };
                let before = known.passed.len();
                known.passed.retain(|one| !half(one));
                counted.halves += (before - known.passed.len()) as u64;
                known.stopped = Some((way, time));
                counted.whole.push(record);
            }
            FlowVerdict::Allowed => match known.stopped {
                Some((by, at)) if by != way && near(at) => counted.halves += 1,
                _ => {
                    known.stopped = known.stopped.filter(|(by, _)| *by != way);
                    known.passed.push((way, time, record));
                }
            },
            FlowVerdict::Unknown => counted.whole.push(record),
        }
        self.order.push_back((time, connection));
        self.expire(&mut counted);
        counted
    }

    /// What came before the last minute waits no longer.
    fn expire(&mut self, counted: &mut Counted<R>) {
        let newest = self.newest.map_or(0, Time::micros);
        while let Some((time, connection)) = self.order.front().copied() {
            if self.order.len() <= MAX_WAITING && newest - time.micros() <= APART {
                break;
            }
            self.order.pop_front();
            let Some(known) = self.known.get_mut(&connection) else { continue };
            let over = known.passed.iter().position(|(_, at, _)| *at == time);
            counted.whole.extend(over.map(|at| known.passed.remove(at).2));
            known.stopped = known.stopped.filter(|(_, at)| *at > time);
            if known.passed.is_empty() && known.stopped.is_none() {
                self.known.remove(&connection);
            }
        }
    }

    /// There are no more lines: all that waits counts by itself.
    pub(crate) fn finish(self) -> impl Iterator<Item = R> {
        self.known.into_values().flat_map(|known| known.passed).map(|(.., record)| record)
    }
}
