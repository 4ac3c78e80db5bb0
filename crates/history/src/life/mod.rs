//! The life of one object, request by request.
//!
//! A change is *exact* where the log holds the object before and after and proves that this request made the one of the
//! other. What proves it is the submitted resourceVersion: the apiserver takes such a request only if the stored object
//! has just that version. Neither a generation that is one higher nor a version that follows directly proves anything: a
//! patch that changed nothing is answered with the version that somebody else wrote. The creation of an object is proved
//! by its answer, 201.
//!
//! Three things are taken for granted. Versions aren't given twice: a store that is restored from a backup without raising
//! its revision may give one again, which is noticed only once a lower one is seen. What an admission webhook takes out of
//! a request is annotated; a MutatingAdmissionPolicy that takes the resourceVersion out leaves no trace but a generation too
//! many. And what was when ([`Moment`]) is by the clock of the apiserver that logged it.

mod compare;
mod deletion;
mod denial;
mod effect;
mod entry;
mod mark;
mod moment;
mod noted;
mod order;
mod place;
mod reasonless;
mod scale;
mod seen;
mod state;
mod told;
mod uid;
mod weigh;
mod why;

use std::sync::Arc;

use auditseal_audit::Time;
use serde_json::Value;

pub use compare::{CompareVerdict, Comparison, compare};
pub use denial::{Denial, DeniedBy};
pub use effect::MAX_DOUBTFUL;
pub use entry::{Between, Deed, FieldChange, InWords, LifeEntry, Mutation, Side};
pub use mark::{Doubt, Inference, Mark};
pub use moment::Moment;
pub use order::MAX_WAITING;
pub use state::{KnownObject, ObjectState};
pub use uid::MAX_PAST;
pub use why::{REASONS, Reason};

use crate::act::{Act, DryRun};
use crate::patch::{PatchKind, infer};
use crate::value::text;
use effect::{After, after, keeps_version, next};
use moment::Watch;
use noted::noted;
use order::Order;
use state::{Shown, is_before};
use uid::Uids;
use weigh::{Case, Weighed};

/// Whose life it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectName {
    /// API group; empty for the core.
    pub group: String,
    /// The plural, in lower case.
    pub resource: String,
    /// Empty for what has none.
    pub namespace: String,
    /// The name.
    pub name: String,
}

/// Requests that made no entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LifeCounts {
    /// Rehearsals.
    pub dry_runs: u64,
    /// Reads that showed nothing new.
    pub reads: u64,
    /// Connections, tokens and others that don't change the object.
    pub beside: u64,
    /// Creations whose name the apiserver made, and the line doesn't hold: one may be this object's.
    pub unnamed: u64,
    /// Of other objects.
    pub others: u64,
    /// Lines that tell again of a request.
    pub repeated: u64,
}

/// Follows one object through the requests about it.
///
/// They come in the order of the log, chains merged by time; what the versions say about the order counts more
/// ([`MAX_WAITING`]). The memory is that of two objects and the requests that wait.
#[derive(Debug)]
pub struct Life {
    name: ObjectName,
    reasons: Vec<String>,
    known: KnownObject,
    /// There was one of this name.
    lived: bool,
    order: Order,
    watch: Option<Watch>,
    uids: Uids,
    /// A request failed or has no answer that may have made what isn't known.
    failed: bool,
    counts: LifeCounts,
    /// As the last answer showed it, where what became of it since isn't known.
    shown: Option<Arc<ObjectState>>,
}

impl Life {
    /// Of an object, of which nothing is known yet.
    #[must_use]
    pub fn new(name: ObjectName) -> Self {
        let group = name.group.clone();
        Self {
            name,
            reasons: REASONS.map(str::to_owned).into(),
            known: KnownObject::Nothing(Doubt::NeverSeen),
            lived: false,
            order: Order::new(group),
            watch: None,
            uids: Uids::default(),
            failed: false,
            counts: LifeCounts::default(),
            shown: None,
        }
    }

    /// Looks for reasons in these annotations and labels, in place of [`REASONS`].
    #[must_use]
    pub fn with_reasons(mut self, names: Vec<String>) -> Self {
        self.reasons = names;
        self
    }

    /// Remembers what was known at this time.
    #[must_use]
    pub fn with_moment(mut self, time: Time) -> Self {
        self.watch = Some(Watch::new(time));
        self
    }

    /// Takes the next request; gives what can be told by now, in order.
    pub fn take(&mut self, act: Act) -> Vec<LifeEntry> {
        if !self.concerns(&act) {
            return Vec::new();
        }
        let ready = self.order.put(act);
        ready.into_iter().filter_map(|act| self.tell(&act)).collect()
    }

    /// There are no more requests: tells what waited.
    pub fn finish(&mut self) -> Vec<LifeEntry> {
        let rest = self.order.drain();
        rest.into_iter().filter_map(|act| self.tell(&act)).collect()
    }

    /// What is known after all that was told.
    #[must_use]
    pub fn known(&self) -> &KnownObject {
        &self.known
    }

    /// The object as the last answer showed it, where what became of it since isn't known; none: it is known, or it is
    /// gone, or another one was made since.
    #[must_use]
    pub fn last_shown(&self) -> Option<&ObjectState> {
        self.shown.as_deref()
    }

    fn keep(&mut self, before: Option<Arc<ObjectState>>, deed: Option<&Deed>) {
        let known = match &self.known {
            KnownObject::Absent => true,
            KnownObject::There(state) => state.is_shown(),
            KnownObject::Nothing(_) => false,
        };
        if known || matches!(deed, Some(Deed::Created { .. })) {
            self.shown = None;
        } else if before.is_some() {
            self.shown = before;
        }
    }

    /// What was known at the time that was asked for.
    #[must_use]
    pub fn moment(&self) -> Option<Moment> {
        self.watch.as_ref().map(|watch| watch.moment(&self.known))
    }

    /// What made no entry.
    #[must_use]
    pub fn counts(&self) -> LifeCounts {
        LifeCounts { repeated: self.counts.repeated + self.order.repeated(), ..self.counts }
    }

    fn concerns(&mut self, act: &Act) -> bool {
        let of = &act.target;
        let kind = of.api_group == self.name.group && of.resource == self.name.resource;
        let itself = of.resource == "namespaces" && of.api_group.is_empty();
        let place = itself || of.namespace == self.name.namespace;
        let answered = act.response.held().and_then(|body| text(body, &["metadata", "name"]));
        let name = match (&*act.verb, of.name.as_str()) {
            ("deletecollection", _) => Some(self.name.name.as_str()),
            ("create", "") => answered,
            (_, name) => Some(name),
        };
        if kind && place && name.is_none() && act.succeeded() {
            self.counts.unnamed += 1;
        }
        let ours = kind && place && name == Some(self.name.name.as_str());
        if !ours && name.is_some() {
            self.counts.others += 1;
        }
        ours
    }

    fn tell(&mut self, act: &Act) -> Option<LifeEntry> {
        if act.dry_run() == DryRun::Yes {
            self.counts.dry_runs += 1;
            return None;
        }
        let shown = self.shown_uid(act);
        let other = shown.is_some_and(|uid| !self.uids.is_past(&uid));
        if let Some(watch) = &mut self.watch
            && Denial::of(act).is_none()
        {
            watch.see(act, &self.known, other);
        }
        let entry = match &*act.verb {
            "get" if act.succeeded() => self.read(act),
            "create" | "update" | "patch" | "delete" | "deletecollection" => {
                let before = self.known.shown();
                let entry = self.write(act);
                self.keep(before, entry.as_ref().map(|entry| &entry.deed));
                entry
            }
            _ => {
                self.counts.reads += 1;
                None
            }
        };
        self.uids.reckon(&self.known);
        if self.known.state().is_some_and(|state| state.is_shown() && state.cite == act.cite) {
            self.failed = false;
        }
        entry
    }

    fn write(&mut self, act: &Act) -> Option<LifeEntry> {
        let whole = ["", "status", "ephemeralcontainers", "resize", "finalize", "approval"];
        let subresource = act.target.subresource.as_str();
        let eviction = subresource == "eviction" && act.verb == "create";
        let told = whole.contains(&subresource) || ["scale", "binding"].contains(&subresource);
        if !told && !eviction {
            self.counts.beside += 1;
            return None;
        }
        if act.verb == "deletecollection" && self.is_beside(act) {
            self.counts.others += 1;
            return None;
        }
        if let Some(denial) = Denial::of(act) {
            return Some(self.refused(act, Deed::Refused(denial)));
        }
        if !act.succeeded() {
            if let KnownObject::There(state) = &mut self.known {
                Arc::make_mut(state).fail();
            }
            self.failed = true;
            return Some(self.refused(act, Deed::Undecided(act.code)));
        }
        if let Some(entry) = self.of_another(act) {
            return Some(entry);
        }
        match (&*act.verb, subresource) {
            ("deletecollection", _) => Some(self.delete_with_collection(act)),
            ("delete", "") => Some(self.delete(act)),
            _ if eviction => Some(self.evict(act)),
            _ if self.is_told_again(act) => {
                self.counts.repeated += 1;
                None
            }
            (_, "scale") => Some(self.scale(act)),
            (_, "binding") => Some(self.bind(act)),
            _ => Some(self.change(act)),
        }
    }

    fn is_told_again(&self, act: &Act) -> bool {
        let version =
            act.stored().and_then(|object| text(object, &["metadata", "resourceVersion"]));
        self.known.state().is_some_and(|state| {
            let same = version.is_none_or(|version| state.version() == Some(version));
            state.is_by(&act.audit_id, act.done) && same
        })
    }

    /// What failed changes nothing that is known; what it asked for is told.
    fn refused(&self, act: &Act, deed: Deed) -> LifeEntry {
        let kinds = self.kinds(act);
        let mut entry = self.entry(act, deed);
        let kind = self.known.state().and_then(|state| text(&state.object, &["kind"]));
        let body = act.request.held().filter(|_| act.verb == "patch");
        if let (Some(body), Some(first)) = (body, kinds.first()) {
            let (group, kind) = (act.target.api_group.as_str(), kind.unwrap_or_default());
            (entry.asked, _) = crate::patch::asked(body, *first, (group, kind));
        }
        entry.why.extend(why::of_request(&self.reasons, act, &entry.asked));
        entry.patch = kinds;
        entry
    }

    fn kinds(&self, act: &Act) -> Vec<PatchKind> {
        match act.request.held().filter(|_| act.verb == "patch") {
            Some(body) => infer(body, &act.query, &self.name.group),
            None => Vec::new(),
        }
    }

    fn entry(&self, act: &Act, deed: Deed) -> LifeEntry {
        let shown = self.known.state().and_then(|state| state.shown.as_ref());
        let answered = act.stored().and_then(|object| text(object, &["metadata", "uid"]));
        let given = Some(act.target.uid.as_str()).filter(|uid| !uid.is_empty());
        let uid = answered.or(given).or(shown.map(|shown| shown.uid.as_str()));
        let shown_reasons = self.reasons_shown(act, &deed);
        LifeEntry {
            cite: act.cite,
            audit_id: act.audit_id.clone(),
            when: act.done,
            user: act.user.clone(),
            acting_as: act.acting_as.clone(),
            sources: act.sources.clone(),
            agent: act.agent.clone(),
            manager: act.manager.clone(),
            verb: act.verb.clone(),
            subresource: act.target.subresource.clone(),
            uid: uid.map(str::to_owned),
            deed,
            patch: Vec::new(),
            between: Between::Unproved,
            fields: Vec::new(),
            quiet: Vec::new(),
            more: 0,
            words: None,
            asked: Vec::new(),
            doubt: None,
            why: why::of_guardrails(act).into_iter().chain(shown_reasons).collect(),
            why_doubt: reasonless::untold(act),
            mutations: effect::mutations(act),
        }
    }

    /// A create, PUT or patch that was taken.
    fn change(&mut self, act: &Act) -> LifeEntry {
        let kinds = self.kinds(act);
        let created = act.code == Some(201) && act.target.subresource.is_empty();
        // The last write of an object that is being deleted stores nothing, and is answered with the version that was.
        let last = act.stored().is_some_and(|object| deletion::is_over(act, object));
        if !created
            && !last
            && let Some(entry) = self.unchanged(act, &kinds)
        {
            return entry;
        }
        let since_last = self.since_last();
        if created {
            self.known = KnownObject::Absent;
            self.uids.end_last();
        }
        let after = after(act, &self.known, &kinds);
        let between = if created { Between::Nothing } else { self.between(act) };
        let noted = noted(act);
        let case = Case {
            act,
            base: &self.known,
            after: &after,
            kinds: &kinds,
            between,
            created,
            noted: &noted,
        };
        let Weighed { fields, quiet, more, asked, doubt } = case.weigh();
        let shown = matches!(after, After::Shown(_));
        let deed = match scaled(&fields) {
            _ if created => Deed::Created { again: self.lived },
            Some((from, to)) if more == 0 && doubt.is_none() => Deed::Scaled { from, to },
            None if shown && fields.is_empty() && more == 0 && doubt.is_none() => Deed::Quiet,
            _ => Deed::Changed,
        };
        let told = told::change(&case, &fields, doubt.as_ref());
        let mut entry = self.entry(act, deed);
        entry.words = told;
        let reasons = self.reasons_of(&after, created, between);
        entry.why = why::of_guardrails(act).into_iter().chain(reasons).collect();
        entry.why_doubt = reasonless::untold_after(&after);
        let mut known = next(act, &self.known, &after);
        if let KnownObject::There(state) = &mut known {
            let state = Arc::make_mut(state);
            state.written = between == Between::Nothing && state.is_shown();
            state.by = Some((act.audit_id.clone(), act.done));
        }
        let mut doubt = doubt;
        let (mut fields, mut quiet) = (fields, quiet);
        if last {
            // Nothing else of it was stored.
            fields.retain(|field| field.path.is_below(&["metadata", "finalizers"]));
            quiet.clear();
            entry.deed = Deed::Deleted { certain: true };
            entry.words = told::end(act, &self.known);
            known = KnownObject::Absent;
        } else if deletion::may_be_over(act, &self.known, &after) {
            // If it is, nothing else was stored.
            let ends = |field: &&mut FieldChange| field.path.is_below(&["metadata", "finalizers"]);
            let sent = fields.iter_mut().chain(&mut quiet).filter(|field| !ends(field));
            sent.for_each(|field| field.mark = Doubt::Deleting.into());
            entry.words.iter_mut().for_each(|words| words.mark = Doubt::Deleting.into());
            doubt = Some(Doubt::Deleting);
            known = KnownObject::Nothing(Doubt::Deleting);
        }
        (entry.fields, entry.quiet, entry.more) = (fields, quiet, more);
        (entry.asked, entry.doubt) = (asked, doubt);
        (entry.patch, entry.between) = (kinds, if created { since_last } else { between });
        self.known = known;
        self.lived = true;
        entry
    }

    /// The reasons that an answer shows, of a write that isn't compared with what was.
    fn reasons_shown(&self, act: &Act, deed: &Deed) -> Vec<Reason> {
        let object = self.shown_object(act).filter(|_| !act.is_read());
        // Who deletes sets none, nor does who changes nothing.
        let kept = act.ends_something() || matches!(deed, Deed::Nothing { certain: true });
        why::of_object(&self.reasons, object.filter(|_| kept), object, false)
    }

    fn reasons_of(&self, after: &After, created: bool, between: Between) -> Vec<Reason> {
        let now = match after {
            After::Shown(state) => Some(&*state.object),
            After::Computed(computed) => Some(&computed.object),
            After::Unknown(_) => None,
        };
        let proved = between == Between::Nothing;
        let before = match self.known.state() {
            _ if created => Some(&Value::Null),
            state => state.map(|state| &*state.object),
        };
        why::of_object(&self.reasons, before, now, proved)
    }

    /// An answer with a version that was seen changed nothing; an older one comes late; one of another object, or of a
    /// store that was restored, leaves nothing to compare with.
    fn unchanged(&mut self, act: &Act, kinds: &[PatchKind]) -> Option<LifeEntry> {
        let now = Shown::of(act.stored()?)?;
        let state = self.known.state()?;
        let then = state.shown.clone()?;
        let since = state.since;
        if then.uid != now.uid {
            self.known = KnownObject::Nothing(Doubt::OtherObject);
            return None;
        }
        if is_before(&now.version, &then.version) == Some(true) {
            if order::is_later(act.received, since) {
                self.known = KnownObject::Nothing(Doubt::Rewound);
                return None;
            }
            let mut entry = self.entry(act, Deed::Changed);
            entry.doubt = Some(Doubt::Late);
            entry.patch = kinds.to_vec();
            return Some(entry);
        }
        if now.version != then.version {
            return None;
        }
        let same = state.is_shown();
        let certain = state.written || act.submitted_version().as_ref() == Some(&now.version);
        let mut entry = self.entry(act, Deed::Nothing { certain });
        entry.patch = kinds.to_vec();
        entry.between = Between::Nothing;
        if !same {
            // What was computed since came to nothing.
            let shown = After::Shown(Arc::new(ObjectState::shown(act.stored()?, act)));
            self.known = next(act, &self.known, &shown);
        }
        Some(entry)
    }

    /// What lies between what was known and a creation.
    fn since_last(&self) -> Between {
        let failed = self.failed || self.known.state().is_some_and(|state| state.unsure > 0);
        let there = match &self.known {
            KnownObject::There(_) => true,
            KnownObject::Absent | KnownObject::Nothing(Doubt::Deleting | Doubt::Rewound) => false,
            KnownObject::Nothing(Doubt::OtherPlace { .. }) => false,
            KnownObject::Nothing(_) => self.lived,
        };
        match (there, failed) {
            (false, _) => Between::Nothing,
            // That may have been its end.
            (true, true) => Between::Unproved,
            (true, false) => Between::NoEnd,
        }
    }

    /// What lies between the object as it was seen and this request.
    fn between(&self, act: &Act) -> Between {
        let Some(state) = self.known.state() else { return Between::Unproved };
        let Some(then) = &state.shown else { return Between::Unproved };
        let submitted = act.submitted_version().filter(|_| keeps_version(act));
        let given = Some(act.target.uid.as_str()).filter(|uid| !uid.is_empty());
        let other = given.is_some_and(|uid| uid != then.uid);
        let now = act.stored().and_then(Shown::of).and_then(|now| now.generation);
        let generations = now.zip(then.generation).map_or(0, |(now, then)| {
            // This request may have made one of them.
            now.saturating_sub(then).saturating_sub(1)
        });
        // More generations than one request makes: something took the version out of it on its way.
        if submitted.as_ref() == Some(&then.version) && !other && generations == 0 {
            return Between::Nothing;
        }
        let moved = u64::from(submitted.as_ref().is_some_and(|on| *on != then.version));
        match moved.max(generations).saturating_sub(state.blind) {
            0 => Between::Unproved,
            least => Between::Unseen(least),
        }
    }
}

/// From and to how many, where nothing else changed.
fn scaled(fields: &[FieldChange]) -> Option<(Option<u64>, u64)> {
    let [field] = fields else { return None };
    let number = |side: &Side| match side {
        Side::Value(value) => value.as_u64(),
        Side::Absent | Side::Unknown => None,
    };
    if matches!(field.mark, Mark::Unknown(_)) {
        // It may be the work of another one.
        return None;
    }
    let replicas = field.path == crate::path::ObjectPath::of(&["spec", "replicas"]);
    number(&field.after).filter(|_| replicas).map(|to| (number(&field.before), to))
}

#[cfg(test)]
mod contradiction_tests;
#[cfg(test)]
mod identity_tests;
#[cfg(test)]
mod tests;
