//! What a log holds, added up while it is read once, in bounded memory. Pure.

use std::collections::BTreeMap;

use auditseal_audit::event::Part;
use auditseal_audit::policy::{Level, Object, Request, Stage, Target};
use auditseal_audit::{Event, Exposed, exposed};

use super::catalogue::{Catalogue, Place};
use super::lines::Line;
use super::questions::{QUESTIONS, Seen};

/// Kinds of resources, and names of service accounts, that are told apart.
const NAMES: usize = 4096;
/// Objects with exposed bodies that are named, of each sort.
const OBJECTS: usize = 1000;
/// Longest name that is kept, bytes: Kubernetes has none longer.
const NAME: usize = 253;

/// Events and bytes of one place in the policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) events: u64,
    /// As they are in the log.
    pub(crate) now: u64,
    /// As they would be, without the bodies that the log doesn't hold.
    pub(crate) then: u64,
    /// Those bodies, by resource.
    pub(crate) missing: BTreeMap<(usize, Part), u64>,
}

/// Sizes of bodies that the log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) least: u64,
    pub(crate) most: u64,
}

/// Bodies that nobody should lock, of one sort.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exposures {
    /// Bodies, objects in lists counted one by one.
    pub(crate) bodies: u64,
    /// Namespace and name.
    pub(crate) objects: BTreeMap<(String, String), u64>,
    /// Bodies of objects that aren't among those.
    pub(crate) more: u64,
}

/// All that is known of a log.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) bytes: u64,
    pub(crate) events: u64,
    /// Lines that are no events.
    pub(crate) foreign: u64,
    /// Lines too long to be looked at, and their bytes.
    pub(crate) long: (u64, u64),
    /// When the first event happened, and the last, microseconds since the Unix epoch.
    pub(crate) times: Option<(i64, i64)>,
    pub(crate) sums: BTreeMap<Place, Sums>,
    /// Events of the stage RequestReceived, by rules that omit it.
    pub(crate) received: Sums,
    pub(crate) sizes: BTreeMap<(usize, Part), Sizes>,
    pub(crate) seen: [Seen; QUESTIONS.len()],
    pub(crate) exposed: BTreeMap<Exposed, Exposures>,
    /// Events whose address holds the command that was run in a container.
    pub(crate) commands: u64,
    /// Leases renewed by service accounts, where no block drops that.
    pub(crate) leases: BTreeMap<String, Sums>,
    /// Successful writes of which only the fact is logged: by group and resource.
    pub(crate) writes: BTreeMap<(String, String), u64>,
    names: BTreeMap<String, usize>,
}

fn grow(sum: &mut u64, by: usize) {
    *sum = sum.saturating_add(u64::try_from(by).unwrap_or(u64::MAX));
}

impl Tally {
    /// Adds a line.
    pub(crate) fn line(&mut self, line: &Line<'_>, catalogue: &Catalogue) {
        match line {
            Line::Long(length) => {
                let length = length.saturating_add(1);
                self.bytes = self.bytes.saturating_add(length);
                self.long = (self.long.0 + 1, self.long.1.saturating_add(length));
            }
            Line::Whole([]) => self.bytes += 1,
            Line::Whole(line) => {
                grow(&mut self.bytes, line.len() + 1);
                match Event::parse(line) {
                    Some(event) => self.event(&event, line.len(), catalogue),
                    None => self.foreign += 1,
                }
            }
            // Half a line is none yet; a whole one may miss its newline where a file was cut.
            Line::Open(line) => {
                if let Some(event) = Event::parse(line) {
                    grow(&mut self.bytes, line.len() + 1);
                    self.event(&event, line.len(), catalogue);
                }
            }
        }
    }

    fn event(&mut self, event: &Event<'_>, length: usize, catalogue: &Catalogue) {
        self.events += 1;
        if let Some(at) = event.time().map(auditseal_audit::Time::micros) {
            let (first, last) = self.times.unwrap_or((at, at));
            self.times = Some((first.min(at), last.max(at)));
        }
        self.expose(event);
        for (question, seen) in QUESTIONS.iter().zip(&mut self.seen) {
            if question.is_about(event) {
                seen.add(event.level);
            }
        }
        let request = event.request();
        let place = catalogue.place(&request);
        let block = catalogue.blocks.get(place.block);
        if event.stage == Stage::RequestReceived && !block.is_some_and(|block| block.received) {
            self.received.events += 1;
            grow(&mut self.received.now, length + 1);
            return;
        }
        let level = block.map_or(Level::Metadata, |block| block.level);
        let resource = event.object().map_or(0, |object| self.name_of(&object));
        self.measure(event, resource);
        let mut sums = Sums { events: 1, ..Sums::default() };
        grow(&mut sums.now, length + 1);
        let cost = event.cost(length, level, true);
        sums.then = cost.bytes;
        for part in [cost.request, cost.response].into_iter().flatten() {
            sums.missing.insert((resource, part), 1);
        }
        if place == (Place { block: catalogue.rest(), dropped: 0 }) {
            self.rest(event, &request, &sums);
        }
        self.sums.entry(place).or_default().add(&sums);
    }

    /// What of the rest a cluster could have its own rules for.
    fn rest(&mut self, event: &Event<'_>, request: &Request<'_>, sums: &Sums) {
        let Target::Resource(object) = &request.target else { return };
        let renews = ["get", "update", "patch"].contains(&request.verb)
            && (object.group, object.resource) == ("coordination.k8s.io", "leases");
        if let Some(name) = request.who.name.filter(|name| renews && is_account(name)) {
            let room = self.leases.len() < NAMES;
            if let Some(of) = self.leases.get_mut(name) {
                of.add(sums);
            } else if room {
                self.leases.insert(name.to_owned(), sums.clone());
            }
        }
        let writes = ["create", "update", "patch"].contains(&request.verb);
        let own = object.group.contains('.') && !object.group.ends_with(".k8s.io");
        if writes && own && event.succeeded() && object.subresource.is_empty() {
            let key = (object.group.to_owned(), object.resource.to_owned());
            let plain = is_plain(&key.0) && is_plain(&key.1);
            if plain && (self.writes.len() < NAMES || self.writes.contains_key(&key)) {
                *self.writes.entry(key).or_default() += 1;
            }
        }
    }

    fn measure(&mut self, event: &Event<'_>, resource: usize) {
        for (part, body) in event.bodies() {
            let managed = auditseal_audit::event::managed_fields(body);
            let size = u64::try_from(body.len().saturating_sub(managed)).unwrap_or(u64::MAX);
            let sizes =
                self.sizes.entry((resource, part)).or_insert(Sizes { least: size, most: size });
            *sizes = Sizes { least: sizes.least.min(size), most: sizes.most.max(size) };
        }
    }

    /// A number for a kind of resource; 0 where there are too many.
    fn name_of(&mut self, object: &Object<'_>) -> usize {
        let name = format!("{}/{}/{}", object.group, object.resource, object.subresource);
        if let Some(number) = self.names.get(&name) {
            return *number;
        }
        let number = self.names.len() + 1;
        if number > NAMES || name.len() > 3 * NAME {
            return 0;
        }
        self.names.insert(name, number);
        number
    }

    fn expose(&mut self, event: &Event<'_>) {
        let object = event.object();
        let runs = object.is_some_and(|of| ["exec", "attach"].contains(&of.subresource));
        let command = |pair: &str| pair.starts_with("command=");
        self.commands += u64::from(runs && event.query().split('&').any(command));
        let all = &mut self.exposed;
        exposed(event, &mut |what, namespace, name| {
            let of = all.entry(what).or_default();
            of.bodies += 1;
            let key = (clipped(namespace), clipped(name));
            if of.objects.len() < OBJECTS || of.objects.contains_key(&key) {
                *of.objects.entry(key).or_default() += 1;
            } else {
                of.more += 1;
            }
        });
    }
}

impl Sums {
    /// Adds those of other events.
    pub(crate) fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.now = self.now.saturating_add(other.now);
        self.then = self.then.saturating_add(other.then);
        for (of, count) in &other.missing {
            *self.missing.entry(*of).or_default() += count;
        }
    }

    /// Takes out those of events that were added.
    pub(crate) fn take(&mut self, other: &Self) {
        self.events = self.events.saturating_sub(other.events);
        self.now = self.now.saturating_sub(other.now);
        self.then = self.then.saturating_sub(other.then);
    }
}

fn clipped(name: &str) -> String {
    name.chars()
        .scan(0, |length, c| {
            *length += c.len_utf8();
            (*length <= NAME).then_some(c)
        })
        .collect()
}

/// What a policy may name without quotes that could be broken out of.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    !name.is_empty() && name.len() <= NAME && name.chars().all(plain)
}

/// `system:serviceaccount:NAMESPACE:NAME`.
fn is_account(name: &str) -> bool {
    let rest = name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    rest.is_some_and(|(namespace, name)| is_plain(namespace) && is_plain(name))
}
