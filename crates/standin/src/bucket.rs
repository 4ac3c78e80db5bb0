//! What a bucket or container holds, and what protects it.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;

/// How long something is locked, and how firmly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// COMPLIANCE, or a locked policy; else whoever may bypass it can.
    pub firm: bool,
    /// Of a version the moment of its end, of a bucket the time from the put on; microseconds.
    pub until: i64,
}

/// A version of an object, or a marker that hides those before it.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// Its version id, or its generation.
    pub id: String,
    /// Its bytes.
    pub bytes: Bytes,
    /// When it was put, microseconds since the Unix epoch.
    pub time: i64,
    /// Whether it is a delete marker.
    pub marker: bool,
    /// Whether who names no version gets it; a marker can be that, too.
    pub live: bool,
    /// Its own retention.
    pub retention: Option<Retention>,
    /// Whether it is under a legal hold.
    pub hold: bool,
    /// Whether it lies in a tier from which it must be restored.
    pub archived: bool,
    /// Its tags; of Azure its index tags.
    pub tags: Vec<(String, String)>,
    /// Google: its custom time, microseconds since the Unix epoch.
    pub custom_time: Option<i64>,
    /// Google: how often what is known of it was changed.
    pub changes: u64,
}

impl Entry {
    /// Google's number of what is known of it.
    pub(crate) fn metageneration(&self) -> String {
        (self.changes + 1).to_string()
    }

    /// What its own retention protects it from now.
    pub(crate) fn guard(&self, now: i64) -> Option<Guard> {
        let retention = self.retention.filter(|retention| retention.until > now)?;
        Some(if retention.firm { Guard::Firm } else { Guard::Weak })
    }
}

/// A bucket or container.
#[derive(Debug, Clone, Default)]
pub struct Bucket {
    /// Whether it keeps versions.
    pub versioned: bool,
    /// Whether versions can be locked: Object Lock, object retention, version-level immutability.
    pub lockable: bool,
    /// What each version is locked with that is put without a lock of its own.
    pub default: Option<Retention>,
    /// Google's retention policy, Azure's policy of the container: it protects all that is there.
    pub policy: Option<Retention>,
    /// What the bucket is asked for by a word, as it answers: `lifecycle` and the like.
    pub settings: BTreeMap<String, String>,
    /// The versions of each key, oldest first.
    pub objects: BTreeMap<String, Vec<Entry>>,
}

/// Why something may not be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// A legal hold, or a retention that nobody may lift.
    Firm,
    /// A retention that whoever has the permission may bypass.
    Weak,
}

impl Bucket {
    /// The version that who names none gets; none when there is none, or a marker.
    pub(crate) fn current(&self, key: &str) -> Option<&Entry> {
        self.objects.get(key)?.iter().find(|entry| entry.live && !entry.marker)
    }

    pub(crate) fn find(&self, key: &str, id: &str) -> Option<&Entry> {
        self.objects.get(key)?.iter().find(|entry| entry.id == id)
    }

    pub(crate) fn find_mut(&mut self, key: &str, id: Option<&str>) -> Option<&mut Entry> {
        let mut entries = self.objects.get_mut(key)?.iter_mut();
        entries.find(|entry| match id {
            Some(id) => entry.id == id,
            None => entry.live && !entry.marker,
        })
    }

    /// Puts a version in front of the others, or in their place where none are kept.
    pub(crate) fn push(&mut self, key: &str, entry: Entry) {
        let entries = self.objects.entry(key.to_owned()).or_default();
        if !self.versioned {
            entries.clear();
        }
        entries.iter_mut().for_each(|entry| entry.live = false);
        entries.push(entry);
    }

    /// Destroys a version. Where markers are, what is left last is then the latest.
    pub(crate) fn remove(&mut self, key: &str, id: &str, uncovers: bool) {
        let Some(entries) = self.objects.get_mut(key) else { return };
        entries.retain(|entry| entry.id != id);
        if uncovers && let Some(last) = entries.last_mut() {
            last.live = true;
        }
        if entries.is_empty() {
            self.objects.remove(key);
        }
    }

    /// What keeps a version from being destroyed now.
    pub(crate) fn guard(&self, entry: &Entry, now: i64) -> Option<Guard> {
        let by_policy = self.policy.is_some_and(|policy| entry.time + policy.until > now);
        if entry.hold || by_policy { Some(Guard::Firm) } else { entry.guard(now) }
    }

    /// All below a prefix, by key and in each the newest first.
    pub(crate) fn below<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Entry)> + 'a {
        self.below_from(prefix, "")
    }

    /// The same from a key on, that one included: a page of a listing costs what it holds, however many keys there are.
    pub(crate) fn below_from<'a>(
        &'a self,
        prefix: &'a str,
        from: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Entry)> + 'a {
        let found =
            self.objects.range::<str, _>((Bound::Included(prefix.max(from)), Bound::Unbounded));
        found
            .take_while(move |(key, _)| key.starts_with(prefix))
            .flat_map(|(key, entries)| entries.iter().rev().map(move |entry| (key.as_str(), entry)))
    }
}
