//! The search of one batch's text.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use auditseal_format::{Hash, Origin, Time, TimeField};
use auditseal_predicate::{Event, Predicate, Truth};
use auditseal_reader::Window;

use crate::flows::{FlowAsking, Looked};
use crate::hit::{Citation, Unknowns};
use crate::lines::{LONGEST, Lines, Text};
use crate::request::{Reach, RequestId, RequestIds};
use crate::show::{Show, shown};
use crate::sieve::Sieve;
use crate::types::{Asked, remember, type_name};
use crate::unreadable::Unreadables;

/// What is asked of each line.
#[derive(Debug)]
pub(crate) struct Filter {
    /// What a line must be.
    pub(crate) predicate: Predicate,
    /// When it happened. A line without a certain time is in every window, however its chain's lines are dated.
    pub(crate) window: Window,
    /// Bytes that a line of which that isn't false has.
    pub(crate) sieve: Sieve,
    /// Stages of one request aren't joined.
    pub(crate) all_stages: bool,
    /// Lines of which it can't be told are listed, in place of those that are meant.
    pub(crate) unknown: bool,
    /// Types that are asked for and aren't built in: those that lines name are gathered if there is one.
    pub(crate) sought: Vec<Asked>,
    /// What is kept of a hit.
    pub(crate) show: Show,
    /// Makes ids of requests.
    pub(crate) requests: RequestIds,
    /// Flows are asked for, in place of events.
    pub(crate) flows: Option<Arc<FlowAsking>>,
}

/// The batch whose text it is.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    pub(crate) origin: Arc<Origin>,
    pub(crate) seq: u64,
    pub(crate) seal: Hash,
    pub(crate) key: String,
    pub(crate) times: TimeField,
    /// What its note says of when its first line happened, or when it was sealed.
    pub(crate) around: Time,
}

/// A line that was found, and isn't told yet.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) seq: u64,
    pub(crate) line: u64,
    pub(crate) seal: Hash,
    pub(crate) time: Option<Time>,
    /// The time by which it stands in the order.
    pub(crate) stands: Time,
    /// `None`: it is meant.
    pub(crate) unknown: Option<Unknowns>,
    /// Of an event whose bodies were cut.
    pub(crate) truncated: bool,
    /// The request that it is of, and how far that had come; `None` where that isn't to be joined.
    pub(crate) request: Option<(RequestId, Reach)>,
    pub(crate) shown: Vec<u8>,
}

/// How far requests had come: by lines that are meant, and by any that were read.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Reached {
    pub(crate) meant: Option<Reach>,
    pub(crate) read: Option<Reach>,
}

impl Reached {
    /// Whether an earlier line of the request says nothing more: where it is meant, only another that is
    /// meant can replace it.
    pub(crate) fn replaces(self, stage: Reach, unknown: bool) -> bool {
        let reached = if unknown { self.read } else { self.meant };
        reached.is_some_and(|reached| reached > stage)
    }
}

/// What was found in a batch.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// In the order of the batch.
    pub(crate) candidates: Vec<Candidate>,
    /// Lines of which it can't be told, and that aren't among these.
    pub(crate) unknowns: Unknowns,
    /// How far requests had come whose lines were read here, but for those that had only been received.
    pub(crate) reached: HashMap<RequestId, Reached>,
    /// Types that its lines name, if they are gathered.
    pub(crate) types: BTreeSet<String>,
    /// Lines that were searched.
    pub(crate) lines: u64,
    /// Lines that were read as events.
    pub(crate) read: u64,
    /// Bytes that were searched.
    pub(crate) bytes: u64,
    /// Lines of an audit log that can't be read, the first of them, and how many there are.
    pub(crate) unreadable: Unreadables,
}

/// Searches a batch, whose text comes in pieces.
pub(crate) struct Scanner {
    filter: Arc<Filter>,
    home: Home,
    lines: Lines,
    found: Found,
    /// When the last line that was read happened.
    last: Time,
}

impl Scanner {
    pub(crate) fn new(filter: Arc<Filter>, home: Home) -> Self {
        let last = home.around;
        Self { filter, home, lines: Lines::new(LONGEST), found: Found::default(), last }
    }

    /// Takes the next piece.
    pub(crate) fn take(&mut self, piece: &[u8]) {
        let Self { filter, home, lines, found, last } = self;
        found.bytes += piece.len() as u64;
        lines.take(piece, &mut |text| look(filter, home, found, last, text));
    }

    /// Ends the text.
    pub(crate) fn finish(mut self) -> Found {
        let Self { filter, home, lines, found, last } = &mut self;
        lines.end(&mut |text| look(filter, home, found, last, text));
        found.lines = lines.ended();
        if !filter.all_stages {
            let reached = &found.reached;
            found.candidates.retain(|candidate| {
                let Some((id, stage)) = candidate.request else { return true };
                !reached.get(&id).is_some_and(|at| at.replaces(stage, candidate.unknown.is_some()))
            });
        }
        self.found
    }
}

fn look(filter: &Filter, home: &Home, found: &mut Found, last: &mut Time, text: Text<'_>) {
    let (text, first) = match text {
        Text::Lines(text, first) => (text, first),
        Text::TooLong(number) => {
            let unknown = Unknowns { too_long: 1, ..Unknowns::default() };
            let why = (unknown, "the line is longer than is looked at".to_owned());
            return not_read(filter, home, found, *last, (number, b""), why);
        }
    };
    if let Some(asking) = &filter.flows {
        let lines = text.strip_suffix(b"\n").unwrap_or(text);
        for (line, number) in lines.split(|byte| *byte == b'\n').zip(first..) {
            found.read += 1;
            flow(asking, home, found, last, (number, line));
        }
        return;
    }
    if !filter.sought.is_empty() {
        gather(&filter.sought, text, &mut found.types);
    }
    let (mut counted, mut number) = (0, first);
    for line in filter.sieve.lines(text) {
        number += memchr::memchr_iter(b'\n', &text[counted..line.start]).count() as u64;
        counted = line.start;
        found.read += 1;
        read(filter, home, found, last, number, &text[line]);
    }
}

/// Bytes of the longest name of a type, and of what stands before its group.
const NAME: usize = 253;

fn gather(sought: &[Asked], text: &[u8], types: &mut BTreeSet<String>) {
    let begin = br#""objectRef":{"#;
    for at in memchr::memmem::find_iter(text, begin) {
        let (resource, group) = named(&text[at + begin.len()..]);
        if !resource.is_empty() && resource.len() + group.len() < NAME {
            remember(sought, types, &type_name(resource, group));
        }
    }
}

/// Resource and group in the members of a reference, as an apiserver writes them: texts alone, none of them escaped.
fn named(mut members: &[u8]) -> (&str, &str) {
    let (mut resource, mut group) = ("", "");
    while let Some((key, rest)) = text(members) {
        let Some((value, rest)) = rest.strip_prefix(b":").and_then(text) else { break };
        match key {
            "resource" => resource = value,
            "apiGroup" => group = value,
            _ => {}
        }
        let Some(rest) = rest.strip_prefix(b",") else { break };
        members = rest;
    }
    (resource, group)
}

/// A text in quotes, and what is behind it.
fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let inner = bytes.strip_prefix(b"\"")?;
    let mut end = 0;
    loop {
        end += memchr::memchr2(b'"', b'\\', inner.get(end..)?)?;
        if inner[end] == b'"' {
            break;
        }
        end += 2;
    }
    Some((std::str::from_utf8(&inner[..end]).unwrap_or_default(), &inner[end + 1..]))
}

fn read(
    filter: &Filter,
    home: &Home,
    found: &mut Found,
    last: &mut Time,
    number: u64,
    line: &[u8],
) {
    let event = match Event::parse(line) {
        Ok(event) => event.timed_by(home.times),
        Err(why) => {
            let unknown = Unknowns { unreadable: 1, ..Unknowns::default() };
            let why = (unknown, why.to_string());
            return not_read(filter, home, found, *last, (number, line), why);
        }
    };
    let inside = filter.window.is_open() || event.time().is_none_or(|time| filter.window.has(time));
    let truth = filter.predicate.eval(&event).and(inside.into());
    let stage = if filter.all_stages { None } else { event.stage().map(Reach::from) };
    if truth == Truth::Unknown && stage == Some(Reach::Received) {
        // A later line of the request has the answer.
        return;
    }
    let request = stage.and_then(|_| filter.requests.of(line));
    if let Some((id, stage)) = request.filter(|(_, stage)| *stage > Reach::Received) {
        let reached = found.reached.entry(id).or_default();
        reached.read = reached.read.max(Some(stage));
        if truth == Truth::True {
            reached.meant = reached.meant.max(Some(stage));
        }
    }
    if truth == Truth::False {
        return;
    }
    if let Some(time) = event.time() {
        *last = time;
    }
    let unknown = (truth == Truth::Unknown).then(|| why(&event));
    let open = request.filter(|(_, stage)| *stage < Reach::Ended);
    match unknown {
        // There may be millions of them.
        Some(unknown) if !filter.unknown && open.is_none() => found.unknowns.add(&unknown),
        unknown => {
            keep(filter, home, found, *last, (number, line, Some(&event)), unknown);
            if let Some(candidate) = found.candidates.last_mut() {
                candidate.request = open;
            }
        }
    }
}

/// Looks at a line of a log of flows.
fn flow(
    asking: &FlowAsking,
    home: &Home,
    found: &mut Found,
    last: &mut Time,
    (line, text): (u64, &[u8]),
) {
    let at =
        Citation { origin: &home.origin, seq: home.seq, line, seal: home.seal, key: &home.key };
    let Some(Looked { time, unknown, shown }) = asking.look(text, home.times, at) else { return };
    *last = time.unwrap_or(*last);
    match unknown {
        Some(unknown) if !asking.unknown => found.unknowns.add(&unknown),
        unknown => found.candidates.push(Candidate {
            seq: home.seq,
            line,
            seal: home.seal,
            time,
            stands: *last,
            unknown,
            truncated: false,
            request: None,
            shown,
        }),
    }
}

/// A line that is no event which can be read.
fn not_read(
    filter: &Filter,
    home: &Home,
    found: &mut Found,
    stands: Time,
    (number, line): (u64, &[u8]),
    (unknown, why): (Unknowns, String),
) {
    if filter.unknown {
        keep(filter, home, found, stands, (number, line, None), Some(unknown));
    } else {
        found.unknowns.add(&unknown);
        found.unreadable.add((home.seq, home.times), number, why);
    }
}

/// Why nobody can tell.
fn why(event: &Event<'_>) -> Unknowns {
    use auditseal_audit::policy::Level;
    let mut unknown = Unknowns::default();
    let place = match event.level() {
        _ if event.is_truncated() => &mut unknown.truncated,
        Some(Level::Metadata) => &mut unknown.metadata,
        Some(Level::Request) => &mut unknown.request,
        Some(Level::RequestResponse) => &mut unknown.response,
        Some(Level::None) | None => &mut unknown.unreadable,
    };
    *place = 1;
    unknown
}

/// Keeps a line that is meant, or of which it can't be told.
fn keep(
    filter: &Filter,
    home: &Home,
    found: &mut Found,
    stands: Time,
    (line, text, event): (u64, &[u8], Option<&Event<'_>>),
    unknown: Option<Unknowns>,
) {
    let at =
        Citation { origin: &home.origin, seq: home.seq, line, seal: home.seal, key: &home.key };
    // Of what isn't listed nothing is shown.
    let listed = filter.unknown == unknown.is_some();
    let shown =
        if listed { shown(&filter.show, at, text, event, unknown.is_none()) } else { Vec::new() };
    found.candidates.push(Candidate {
        seq: home.seq,
        line,
        seal: home.seal,
        time: event.and_then(Event::time),
        stands,
        unknown,
        truncated: event.is_some_and(Event::is_truncated),
        request: None,
        shown,
    });
}

#[cfg(test)]
mod tests {
    use auditseal_format::hash;

    use super::*;
    use crate::types::TYPES;

    fn scanner(unknown: bool, sought: &[&str], longest: usize) -> Scanner {
        let sought: Vec<String> = sought.iter().map(|word| (*word).to_owned()).collect();
        let sought = crate::types::asked(&sought).unwrap();
        let predicate = Predicate::all(Vec::new());
        let sieve = Sieve::new(&predicate.literals());
        let (show, requests) = (Show::Lines, RequestIds::default());
        let (window, flows) = (Window::default(), None);
        let filter = Filter {
            predicate,
            window,
            sieve,
            all_stages: true,
            unknown,
            sought,
            show,
            requests,
            flows,
        };
        let home = Home {
            origin: Arc::new("c/n/s".parse().unwrap()),
            seq: 1,
            seal: hash(b""),
            key: String::new(),
            times: TimeField::Audit,
            around: Time::from_micros(0),
        };
        let mut scanner = Scanner::new(Arc::new(filter), home);
        scanner.lines = Lines::new(longest);
        scanner
    }

    /// Ten times the longest line that is looked at.
    #[test]
    fn a_line_that_is_too_long_is_unknown() {
        for unknown in [false, true] {
            let mut scanner = scanner(unknown, &[], 100);
            scanner.take(&[b'x'; 1000]);
            scanner.take(b"\nshort\n");
            let found = scanner.finish();
            let mut unknowns = found.unknowns;
            found
                .candidates
                .iter()
                .filter_map(|one| one.unknown)
                .for_each(|one| unknowns.add(&one));
            assert_eq!((unknowns.too_long, unknowns.unreadable, found.lines), (1, 1, 2));
            assert_eq!(found.candidates.len(), if unknown { 2 } else { 0 });
        }
    }

    /// Ten times as many types as are gathered, and a name longer than any.
    #[test]
    fn more_types_than_are_gathered_are_passed_over() {
        let mut scanner = scanner(false, &["last.example.com"], LONGEST);
        scanner.take(
            format!("{{\"objectRef\":{{\"resource\":\"{}\"}}}}\n", "x".repeat(300)).as_bytes(),
        );
        for n in 0..10 * TYPES {
            scanner.take(format!("{{\"objectRef\":{{\"resource\":\"type-{n}\"}}}}\n").as_bytes());
        }
        scanner.take(b"{\"objectRef\":{\"resource\":\"last\",\"name\":\"a}\\\"b\",\"apiGroup\":\"example.com\"}}\n");
        let found = scanner.finish();
        assert_eq!(
            found.types.len(),
            TYPES + 1,
            "the one that is sought is remembered all the same"
        );
        assert!(found.types.contains("last.example.com"));
        assert!(found.types.contains("type-0") && found.types.iter().all(|name| name.len() < 20));
    }
}
