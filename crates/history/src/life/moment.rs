//! The object as it was at one time.

use auditseal_audit::Time;

use super::mark::{Doubt, Inference, Mark};
use super::state::KnownObject;
use crate::act::Act;
use crate::path::ObjectPath;
use crate::value::text;

/// What was known of the object at a time, by the clock of the apiserver that logged it.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// When.
    pub time: Time,
    /// What it was.
    pub known: KnownObject,
    /// A later request proves that it was still just so.
    pub proved: bool,
    /// A write was under way at that time.
    pub under_way: bool,
}

impl Moment {
    /// How well a field of it is known.
    #[must_use]
    pub fn mark(&self, path: &ObjectPath) -> Option<Mark> {
        let mark = self.known.state()?.mark(path);
        let sure = self.proved || mark != Mark::Exact;
        Some(if sure { mark } else { Inference::BaseUnproved.into() })
    }
}

/// Waits for the time to come, and then for a proof.
#[derive(Debug)]
pub(crate) struct Watch {
    time: Time,
    moment: Option<Moment>,
    over: bool,
}

impl Watch {
    pub(crate) fn new(time: Time) -> Self {
        Self { time, moment: None, over: false }
    }

    /// Told of each request that was or may have been taken, before it is reckoned in. `other`: it shows an object of that
    /// name of which nothing is in the trail.
    pub(crate) fn see(&mut self, act: &Act, known: &KnownObject, other: bool) {
        if act.done.is_some_and(|done| done <= self.time) || self.over {
            return;
        }
        let later = act.received.is_some_and(|received| received > self.time);
        let time = self.time;
        let moment = self.moment.get_or_insert_with(|| Moment {
            time,
            known: known.clone(),
            proved: false,
            under_way: false,
        });
        if moment.known == KnownObject::Absent && other && act.code != Some(201) {
            // It may have been there by then.
            moment.known = KnownObject::Nothing(Doubt::OtherObject);
        }
        let version = moment.known.state().and_then(|state| state.version());
        let same = |of: Option<&str>| of.is_some() && of == version;
        let answered =
            act.stored().and_then(|object| text(object, &["metadata", "resourceVersion"]));
        if act.verb == "get" {
            // What a read shows may come from a cache: it proves nothing.
            return;
        }
        if !later {
            (moment.under_way, moment.proved) = (true, false);
        } else if !act.succeeded() {
            // What failed says nothing of what was stored: it may have failed before anybody looked.
            return;
        } else if same(act.submitted_version().as_deref()) || same(answered) {
            moment.proved = !moment.under_way;
        }
        // What was written since can't have that version any more.
        self.over = answered.is_some() && !same(answered);
    }

    /// What came of it; `known`: what is known at the end.
    pub(crate) fn moment(&self, known: &KnownObject) -> Moment {
        self.moment.clone().unwrap_or_else(|| Moment {
            time: self.time,
            known: known.clone(),
            proved: false,
            under_way: false,
        })
    }
}
