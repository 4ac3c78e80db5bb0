//! Marks on what a [`MemoryStore`] holds, and the lifecycle that takes what is marked.

use futures::future::pending;

use super::{Entry, Fault, MemoryStore, injected};
use auditseal_store::{Error, Kind, Lock, Operation};

impl MemoryStore {
    /// The keys and ids of all versions that are marked, in their order.
    pub fn marks(&self) -> Vec<(String, Option<String>)> {
        let state = self.lock_state();
        let of = |(key, entries): (&String, &Vec<Entry>)| {
            let marked = entries.iter().filter(|entry| entry.marked);
            marked.map(|entry| (key.clone(), entry.id.clone())).collect::<Vec<_>>()
        };
        state.objects.iter().flat_map(of).collect()
    }

    /// Runs the lifecycle of deploy/terraform once, at the store's own time: what is marked and was
    /// put at least `age` microseconds ago goes. Where versions are kept, that is step by step as in
    /// a bucket: the latest version is hidden under a marker, what is hidden is destroyed once its
    /// lock has ended, and a marker that hides nothing any more goes too.
    pub fn expire(&self, age: i64) {
        let mut state = self.lock_state();
        let (now, versioned) = (state.time, state.versioned);
        let due = |entry: &Entry| entry.marked && now - entry.time >= age;
        let held = |lock: &Lock| lock.legal_hold || lock.until.is_some_and(|until| until > now);
        let mut hide = Vec::new();
        state.objects.retain(|key, entries| {
            let latest = entries.last().map_or(0, |entry| usize::from(!entry.marker));
            if latest == 1 && entries.last().is_some_and(due) && versioned {
                hide.push(key.clone());
            }
            let older = if versioned { entries.len() - latest } else { entries.len() };
            let mut at = 0;
            entries.retain(|entry| {
                at += 1;
                entry.marker || at > older || !due(entry) || held(&entry.lock)
            });
            entries.iter().any(|entry| !entry.marker)
        });
        for key in hide {
            state.push(&key, bytes::Bytes::new(), true);
        }
    }

    pub(super) async fn set_mark(&self, key: &str, version: Option<&str>) -> Result<(), Error> {
        let operation = Operation::Mark;
        let failed = |kind, why: &str| Err(injected(operation, key, kind, why));
        for checked in [auditseal_store::check_key(key), auditseal_store::check_markable(key)] {
            checked.or_else(|why| failed(Kind::Invalid, why))?;
        }
        let fault = self.begin(operation, key);
        match fault {
            Some(Fault::Refuse(kind)) => return failed(kind, "injected fault"),
            Some(Fault::HtmlPage) => return failed(Kind::Unavailable, "an HTML page"),
            Some(Fault::Hang) => return pending().await,
            _ => {}
        }
        self.note_mark(key, &self.find(operation, key, version)?);
        match fault {
            Some(Fault::StoreThenFail(kind)) => failed(kind, "injected fault"),
            Some(Fault::StoreThenHang) => pending().await,
            _ => Ok(()),
        }
    }

    fn note_mark(&self, key: &str, found: &Entry) {
        let mut state = self.lock_state();
        let entries = state.objects.get_mut(key).into_iter().flatten();
        entries.filter(|entry| entry.id == found.id).for_each(|entry| entry.marked = true);
    }

    pub(super) async fn has_mark(&self, key: &str, version: Option<&str>) -> Result<bool, Error> {
        let operation = Operation::Marked;
        auditseal_store::check_key(key)
            .map_err(|why| injected(operation, key, Kind::Invalid, why))?;
        match self.begin(operation, key) {
            Some(Fault::Refuse(kind) | Fault::StoreThenFail(kind)) => {
                Err(injected(operation, key, kind, "injected fault"))
            }
            Some(Fault::HtmlPage) => {
                Err(injected(operation, key, Kind::Unavailable, "an HTML page"))
            }
            Some(Fault::Hang | Fault::StoreThenHang) => pending().await,
            _ => Ok(self.find(operation, key, version)?.marked),
        }
    }
}
