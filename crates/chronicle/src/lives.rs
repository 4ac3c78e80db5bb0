//! The lives of the objects that are asked for, told together, in bounded memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use auditseal_audit::Time;
use auditseal_format::Origin;
use auditseal_history::life::{
    Deed, Doubt, KnownObject, LifeCounts, MAX_WAITING, Mark, Moment, ObjectName, ObjectState,
};
use auditseal_history::{Act, Cite, Life, LifeEntry, NoAct};

use crate::flows::ToldFlows;
use crate::left_out::LeftOut;
use crate::wanted::WantedObjects;

/// Objects whose lives are followed: of more, requests are counted.
pub const MAX_LIVES: usize = 4096;

/// Bytes of lines whose requests wait for earlier ones, of all lives together. Beyond it the life with the most tells what waits.
const WAITING: usize = 64 << 20;

/// What is told of a request, and of which object.
#[derive(Debug, Clone)]
pub struct ToldEntry {
    /// Whose life it is.
    pub object: Arc<ObjectName>,
    /// What it did.
    pub entry: LifeEntry,
    /// What the network did after it, where that is asked for and it changed the object.
    pub flows: Option<Box<ToldFlows>>,
    /// One uid is asked for, and which object of that name this is about isn't known.
    pub of_unknown_uid: bool,
}

/// How the lives are told.
#[derive(Debug, Clone, Default)]
pub struct Telling {
    /// Annotations and labels that say why, in place of those that are known.
    pub reasons: Option<Vec<String>>,
    /// What was known at this time is kept.
    pub at: Option<Time>,
    /// What was done before isn't told, and counts for what was known then.
    pub since: Option<Time>,
    /// Of several objects that had the name, one after the other, only this one is told, and what may be about it.
    pub uid: Option<String>,
}

/// How well the changes of a life are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LifeTally {
    /// Entries that were told.
    pub entries: u64,
    /// Fields by how well they are known.
    pub exact: u64,
    /// The same.
    pub inferred: u64,
    /// The same.
    pub unknown: u64,
    /// Entries whose fields the level leaves out.
    pub level: u64,
    /// Entries that aren't told: they are of before the time asked for, or of another uid.
    pub passed: u64,
    /// Entries that are told though it isn't known that they are of the uid asked for.
    pub of_unknown_uid: u64,
}

struct Followed {
    object: Arc<ObjectName>,
    life: Life,
    /// Bytes of the lines whose requests may wait.
    waiting: VecDeque<usize>,
    tally: LifeTally,
    last: LastSeen,
}

/// What stays certain of an object when what it became isn't known.
#[derive(Debug, Default)]
pub(crate) struct LastSeen {
    /// Requests since its creation that may have changed it; none: the trail doesn't show its creation.
    pub(crate) writes: Option<u64>,
    /// When the last of them was done.
    pub(crate) latest: Option<Time>,
}

impl LastSeen {
    fn told(&mut self, entry: &LifeEntry) {
        match &entry.deed {
            Deed::Refused(_) => return,
            // Who reads writes nothing.
            _ if matches!(&*entry.verb, "get" | "list" | "watch") => return,
            Deed::Created { .. } => self.writes = Some(1),
            Deed::Undecided(_) if entry.verb == "create" => self.writes = None,
            _ => self.writes = self.writes.map(|writes| writes + 1),
        }
        self.latest = self.latest.max(entry.when);
    }
}

/// What a life came to.
#[derive(Debug)]
pub struct LifeEnd<'a> {
    /// Whose it is.
    pub object: &'a ObjectName,
    /// What is known of it now.
    pub known: &'a KnownObject,
    pub(crate) shown: Option<&'a ObjectState>,
    pub(crate) last: &'a LastSeen,
    /// What it was at the time that was asked for.
    pub moment: Option<Moment>,
    /// What made no entry.
    pub counts: LifeCounts,
    /// How well its changes are known.
    pub tally: LifeTally,
}

/// Follows all objects that are asked for.
pub struct Lives {
    wanted: WantedObjects,
    telling: Telling,
    lives: BTreeMap<ObjectName, Followed>,
    waiting: usize,
    unread: LeftOut,
    unnamed: LeftOut,
    /// Of an object in no namespace, where one in a namespace is asked for, or all of them are in one.
    unplaced: LeftOut,
    beyond: u64,
}

impl Lives {
    /// Nothing of them is known yet.
    #[must_use]
    pub fn new(wanted: WantedObjects, telling: Telling) -> Self {
        Self {
            wanted,
            telling,
            lives: BTreeMap::new(),
            waiting: 0,
            unread: LeftOut::default(),
            unnamed: LeftOut::default(),
            unplaced: LeftOut::default(),
            beyond: 0,
        }
    }

    /// Takes the next line, of a request's last stage, without its newline; gives what can be told by now.
    pub fn take(&mut self, line: &[u8], cite: Cite) -> Vec<ToldEntry> {
        let act = match Act::read(line, cite) {
            Ok(act) => act,
            Err(NoAct::NotAnEvent | NoAct::NoObject) => {
                self.unread.add(cite);
                return Vec::new();
            }
        };
        let mut told = Vec::new();
        if act.verb == "deletecollection" {
            for object in self.of_collection(&act) {
                told.extend(self.give(object, act.clone(), line.len()));
            }
        } else if let Some(name) = WantedObjects::name_of(&act) {
            let object = self.wanted.named(&act, name);
            let asked = self.wanted.has(&object);
            let nowhere = asked && self.wanted.namespaced && object.namespace.is_empty();
            // Who reads may ask for a name in all namespaces.
            if !act.is_read() && (nowhere || self.wanted.lacks_place(&object)) {
                self.unplaced.add(cite);
            }
            if asked {
                told = self.give(object, act, line.len());
            }
        } else if act.succeeded() {
            self.unnamed.add(cite);
        }
        told
    }

    /// The objects that a collection's deletion may have taken: those that are followed, and those that its answer lists.
    fn of_collection(&self, act: &Act) -> Vec<ObjectName> {
        let items = act.response.held().and_then(|list| list.get("items")?.as_array());
        let listed = items
            .into_iter()
            .flatten()
            .filter_map(|item| item.get("metadata")?.get("name")?.as_str());
        let mut objects: Vec<_> = listed
            .map(|name| self.wanted.named(act, name))
            .filter(|object| self.wanted.has(object))
            .collect();
        let like = self.wanted.named(act, "");
        let same = |object: &&ObjectName| {
            (&object.group, &object.resource, &object.namespace)
                == (&like.group, &like.resource, &like.namespace)
        };
        objects.extend(self.lives.keys().filter(same).cloned());
        if let Some(name) = &self.wanted.name {
            let whole = self.wanted.namespace.is_some() || act.target.namespace.is_empty();
            objects.extend(
                Some(self.wanted.named(act, name))
                    .filter(|object| whole && self.wanted.has(object)),
            );
        }
        objects.sort();
        objects.dedup();
        objects
    }

    fn give(&mut self, object: ObjectName, act: Act, bytes: usize) -> Vec<ToldEntry> {
        if !self.lives.contains_key(&object) && self.lives.len() == MAX_LIVES {
            self.beyond += 1;
            return Vec::new();
        }
        let telling = &self.telling;
        let followed = self.lives.entry(object).or_insert_with_key(|object| {
            let mut life = Life::new(object.clone());
            if let Some(names) = &telling.reasons {
                life = life.with_reasons(names.clone());
            }
            if let Some(at) = telling.at {
                life = life.with_moment(at);
            }
            Followed {
                object: Arc::new(object.clone()),
                life,
                waiting: VecDeque::new(),
                tally: LifeTally::default(),
                last: LastSeen::default(),
            }
        });
        let entries = followed.life.take(act);
        followed.waiting.push_back(bytes);
        self.waiting += bytes;
        if followed.waiting.len() > MAX_WAITING {
            self.waiting -= followed.waiting.pop_front().unwrap_or_default();
        }
        let mut told = followed.tell(entries, telling);
        while self.waiting > WAITING {
            let most = self.lives.values_mut().max_by_key(|one| one.waiting.iter().sum::<usize>());
            let Some(most) = most else { break };
            let entries = most.life.finish();
            self.waiting -= most.waiting.drain(..).sum::<usize>();
            told.extend(most.tell(entries, &self.telling));
        }
        told
    }

    /// There are no more lines: tells what waited, in the order of time.
    pub fn finish(&mut self) -> Vec<ToldEntry> {
        let mut told = Vec::new();
        for followed in self.lives.values_mut() {
            let entries = followed.life.finish();
            told.push(followed.tell(entries, &self.telling));
        }
        self.waiting = 0;
        merged(told)
    }

    /// What each life came to, in the order of their names.
    pub fn ends(&self) -> impl Iterator<Item = LifeEnd<'_>> {
        self.lives.values().map(|one| LifeEnd {
            object: &one.object,
            known: one.life.known(),
            shown: one.life.last_shown(),
            last: &one.last,
            moment: one.life.moment(),
            counts: one.life.counts(),
            tally: one.tally,
        })
    }

    /// Whether there are more objects than are followed.
    pub(crate) fn is_beyond(&self) -> bool {
        self.beyond > 0
    }

    /// Which objects are asked for.
    #[must_use]
    pub fn wanted(&self) -> &WantedObjects {
        &self.wanted
    }

    /// What is to be known beside the entries, a line for each thing; `chains`: those that citations number.
    #[must_use]
    pub fn footer(&self, chains: &[Origin]) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        if self.lives.len() <= NAMED {
            lines.extend(self.ends().map(|end| end.line()));
        } else {
            lines.push(format!("objects: {} of that type are followed", self.lives.len()));
        }
        let unplaced = match (self.wanted.namespace.is_some(), self.wanted.namespaced) {
            (true, true) => {
                "requests name no namespace: of which object of that name they are isn't known, and they aren't told"
            }
            (true, false) => {
                "requests are of an object of that name in no namespace, and aren't told: without -n they are"
            }
            (false, _) => {
                "requests name no namespace: of which object of that name they are isn't known, and they are told by themselves"
            }
        };
        for (left_out, what) in [
            (self.unread, "lines are no requests that can be read, and aren't told"),
            (
                self.unnamed,
                "creations are of names that the apiserver made and the line doesn't hold: one may be this",
            ),
            (self.unplaced, unplaced),
        ] {
            lines.extend(left_out.said(what, chains).map(|said| format!("left out: {said}")));
        }
        if self.beyond > 0 {
            lines.push(format!(
                "left out: {} requests are of more objects than are followed: give a namespace",
                self.beyond
            ));
        }
        lines
    }
}

/// Objects of which is told what their lives came to; of more, how many there are.
const NAMED: usize = 10;

/// Entries of several lives, each in its own order, in the order of time as far as that goes.
fn merged(mut lives: Vec<Vec<ToldEntry>>) -> Vec<ToldEntry> {
    if lives.len() == 1 {
        return lives.pop().unwrap_or_default();
    }
    let mut all: Vec<(Option<Time>, ToldEntry)> = Vec::new();
    for life in lives {
        let mut latest = None;
        for told in life {
            latest = latest.max(told.entry.when);
            all.push((latest, told));
        }
    }
    all.sort_by_key(|(when, _)| *when);
    all.into_iter().map(|(_, told)| told).collect()
}

impl ToldEntry {
    /// That it isn't known whether it is of the uid that is asked for, behind what it did.
    pub(crate) fn uid_unknown(&self) -> &'static str {
        if self.of_unknown_uid { ", of an unknown uid" } else { "" }
    }
}

impl Followed {
    fn tell(&mut self, entries: Vec<LifeEntry>, telling: &Telling) -> Vec<ToldEntry> {
        let mut told = Vec::new();
        for entry in entries {
            self.last.told(&entry);
            let early = telling.since.zip(entry.when).is_some_and(|(since, when)| when < since);
            let asked = telling.uid.as_ref();
            let other = asked.zip(entry.uid.as_ref()).is_some_and(|(asked, uid)| asked != uid);
            let of_unknown_uid = asked.is_some() && entry.uid.is_none();
            if early || other {
                self.tally.passed += 1;
                continue;
            }
            self.tally.add(&entry);
            self.tally.of_unknown_uid += u64::from(of_unknown_uid);
            let object = Arc::clone(&self.object);
            told.push(ToldEntry { object, entry, flows: None, of_unknown_uid });
        }
        told
    }
}

impl LifeTally {
    fn add(&mut self, entry: &LifeEntry) {
        self.entries += 1;
        self.level +=
            u64::from(entry.doubt == Some(Doubt::Level) && !matches!(entry.deed, Deed::Refused(_)));
        for field in &entry.fields {
            *match field.mark {
                Mark::Exact => &mut self.exact,
                Mark::Inferred(_) => &mut self.inferred,
                Mark::Unknown(_) => &mut self.unknown,
            } += 1;
        }
    }
}

impl LifeEnd<'_> {
    /// What it came to, in a line.
    #[must_use]
    pub fn line(&self) -> String {
        let LifeTally { entries, exact, inferred, unknown, level, passed, of_unknown_uid } =
            self.tally;
        let mut line = format!(
            "{}: {entries} entries; changed fields: {exact} exact, {inferred} inferred, {unknown} unknown",
            crate::shown::object_name(self.object)
        );
        let LifeCounts { dry_runs, reads, beside, repeated, .. } = self.counts;
        if level > 0 {
            line += &format!("; levels too low to tell what changed: {level} entries");
        }
        if of_unknown_uid > 0 {
            line += &format!("; of an unknown uid, and told all the same: {of_unknown_uid}");
        }
        let left = [
            ("of before or of another uid", passed),
            ("dry runs", dry_runs),
            ("reads that showed nothing new", reads),
            ("subresources that don't change it", beside),
            ("told twice by the log", repeated),
        ];
        let left: Vec<String> = left
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(what, count)| format!("{what} {count}"))
            .collect();
        if !left.is_empty() {
            line += &format!("; not told: {}", left.join(", "));
        }
        line
    }
}

#[cfg(test)]
mod tests;
