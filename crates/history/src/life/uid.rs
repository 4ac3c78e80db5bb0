//! Which of the objects that had the name, one after the other, a request is about.

use std::collections::VecDeque;

use auditseal_audit::Time;
use serde_json::Value;

use super::Life;
use super::deletion::taken;
use super::entry::{Deed, LifeEntry};
use super::mark::Doubt;
use super::order::is_later;
use super::state::{KnownObject, Shown, is_before};
use crate::act::{Act, DryRun};
use crate::value::text;

/// Objects of one name that are remembered as gone; a line about one before them may be taken for one of another object.
pub const MAX_PAST: usize = 64;

/// Objects that had the name and are gone, and the one that was seen last.
#[derive(Debug, Default)]
pub(crate) struct Uids {
    past: VecDeque<String>,
    last: Option<Shown>,
    /// The version that was shown last, of whichever, and when.
    newest: Option<(Shown, Option<Time>)>,
}

impl Uids {
    /// Whether an object is gone.
    pub(crate) fn is_past(&self, uid: &str) -> bool {
        self.past.iter().any(|past| past == uid)
    }

    /// The object that was seen last, and isn't known to be gone.
    pub(crate) fn last(&self) -> Option<&str> {
        self.last.as_ref().map(|last| last.uid.as_str())
    }

    /// Whether a read shows another object than the last one, and an older version.
    pub(crate) fn is_before_last(&self, now: &Shown) -> bool {
        let older = |last: &Shown| is_before(&now.version, &last.version) == Some(true);
        self.newest.as_ref().is_some_and(|(last, _)| last.uid != now.uid && older(last))
    }

    /// An object is gone.
    pub(crate) fn end(&mut self, uid: &str) {
        if !self.is_past(uid) {
            self.past.push_back(uid.to_owned());
        }
        if self.past.len() > MAX_PAST {
            self.past.pop_front();
        }
        if self.last() == Some(uid) {
            self.last = None;
        }
    }

    /// Whatever had the name is gone.
    pub(crate) fn end_last(&mut self) {
        if let Some(last) = self.last.take() {
            self.end(&last.uid);
        }
    }

    /// What is known after a request.
    pub(crate) fn reckon(&mut self, known: &KnownObject) {
        match known {
            KnownObject::Absent => self.end_last(),
            KnownObject::There(state) => {
                let Some(now) = &state.shown else { return };
                if self.last() != Some(&now.uid) {
                    self.end_last();
                }
                self.last = Some(now.clone());
                self.newest = Some((now.clone(), state.since));
            }
            KnownObject::Nothing(_) => {}
        }
    }
}

/// The uid of the object that a request was taken for: its answer's, else what it had to submit.
fn uid_of(act: &Act) -> Option<&str> {
    let answered = act.stored().or(act.response.held().filter(|body| {
        act.target.subresource == "scale" && text(body, &["kind"]) == Some("Scale")
    }));
    let submitted: &[&str] = match &*act.verb {
        "update" => &["metadata", "uid"],
        "delete" => &["preconditions", "uid"],
        _ => &[],
    };
    let sent = act.request.held().filter(|_| !submitted.is_empty());
    answered
        .and_then(|object| text(object, &["metadata", "uid"]))
        .or(Some(act.target.uid.as_str()).filter(|uid| !uid.is_empty()))
        .or(sent.and_then(|body| text(body, submitted)))
        .filter(|uid| !uid.is_empty())
}

impl Life {
    /// The object of this name that an answer shows.
    pub(super) fn shown_object<'a>(&self, act: &'a Act) -> Option<&'a Value> {
        act.stored().or_else(|| taken(act, &self.name.name).filter(|_| act.succeeded()))
    }

    /// Its uid.
    pub(super) fn shown_uid(&self, act: &Act) -> Option<String> {
        text(self.shown_object(act)?, &["metadata", "uid"]).map(str::to_owned)
    }

    /// A request that was taken for another object of this name than the one that is known: it neither ends nor changes
    /// this one. None: it is for this one, or for one that came since.
    pub(super) fn of_another(&mut self, act: &Act) -> Option<LifeEntry> {
        let uid = uid_of(act)?.to_owned();
        let create = act.verb == "create" && act.target.subresource.is_empty();
        let state = self.known.state();
        let current = state.and_then(|state| Some((state.shown.clone()?, state.since)));
        let there = current.is_some();
        let late = if self.uids.is_past(&uid) {
            true
        } else {
            // What comes behind the end of a newer one is no less late.
            let gone = || self.uids.newest.clone().filter(|_| self.known == KnownObject::Absent);
            let last = current.or_else(gone).filter(|(last, _)| last.uid != uid);
            let (current, since) = last?;
            let now = act.stored().and_then(Shown::of);
            let older =
                now.is_some_and(|now| is_before(&now.version, &current.version) == Some(true));
            let deleted = act.verb == "delete";
            (older && !is_later(act.received, since))
                || (deleted && act.received.zip(since).is_none_or(|(came, since)| came <= since))
        };
        if late {
            let deed = match (&*act.verb, act.success) {
                ("delete", true) => Deed::Deleted { certain: act.dry_run() == DryRun::No },
                ("delete", false) => Deed::DeletionBegun,
                ("create", _) => Deed::Created { again: true },
                _ => Deed::Changed,
            };
            let mut entry = self.entry(act, deed);
            entry.doubt = Some(Doubt::Late);
            entry.uid = Some(uid.clone());
            self.uids.end(&uid);
            return Some(entry);
        }
        if create || !there {
            return None;
        }
        // Another one has the name, and how that came isn't in the trail.
        self.uids.end_last();
        self.known = KnownObject::Nothing(Doubt::OtherObject);
        None
    }
}
