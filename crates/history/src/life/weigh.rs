//! How well each change of a field is known.

use serde_json::Value;

use super::effect::{After, Computed, is_like};
use super::entry::{Between, FieldChange, Side};
use super::mark::{Doubt, Inference, Mark};
use super::noted::{NoNote, Noted, PARTS};
use super::state::{KnownObject, ObjectState};
use crate::act::Act;
use crate::diff::{Diff, FieldDiff, diff, noise};
use crate::patch::{AskedField, PatchKind, asked, may_be};
use crate::path::ObjectPath;
use crate::value::text;

/// The changes of one request.
#[derive(Default)]
pub(crate) struct Weighed {
    pub(crate) fields: Vec<FieldChange>,
    pub(crate) quiet: Vec<FieldChange>,
    pub(crate) more: usize,
    pub(crate) asked: Vec<AskedField>,
    pub(crate) doubt: Option<Doubt>,
}

/// What is weighed.
pub(crate) struct Case<'a> {
    pub(crate) act: &'a Act,
    pub(crate) base: &'a KnownObject,
    pub(crate) after: &'a After,
    pub(crate) kinds: &'a [PatchKind],
    pub(crate) between: Between,
    pub(crate) created: bool,
    pub(crate) noted: &'a Result<Noted, NoNote>,
}

impl Case<'_> {
    /// Each field that the request changed, or why it can't be told.
    pub(crate) fn weigh(&self) -> Weighed {
        let mut found = match self.after {
            After::Shown(after) => self.shown(&after.object),
            After::Computed(computed) => self.computed(computed),
            After::Unknown(doubt) => self.untold(doubt),
        };
        let told = found.doubt.is_none() && found.fields.iter().all(|field| sure(&field.mark));
        match self.noted {
            Ok(noted) if !told => self.take_note(noted, &mut found),
            Err(NoNote::Cut) if found.doubt == Some(Doubt::Level) => found.doubt = Some(Doubt::Cut),
            _ => {}
        }
        found
    }

    fn shown(&self, after: &Value) -> Weighed {
        if self.created {
            return sorted(diff(None, Some(after)), |_| (Mark::Exact, Dark::None));
        }
        let state = match self.base {
            KnownObject::There(state) if is_like(&state.object, after) => state,
            KnownObject::There(state) => {
                let version = |object| text(object, &["apiVersion"]).unwrap_or_default().to_owned();
                return self.untold(&Doubt::OtherVersion(version(&state.object), version(after)));
            }
            KnownObject::Nothing(doubt) => return self.untold(doubt),
            KnownObject::Absent => return self.untold(&Doubt::OtherObject),
        };
        let named = self.named(after).map(|(fields, all)| all.then_some(fields));
        let mark = |field: &FieldDiff| self.mark_shown(state, field, named.as_ref());
        sorted(diff(Some(&state.object), Some(after)), mark)
    }

    /// `named`: the fields that a patch names, if these are all; none: it was no patch.
    fn mark_shown(
        &self,
        state: &ObjectState,
        field: &FieldDiff,
        named: Option<&Option<Vec<AskedField>>>,
    ) -> (Mark, Dark) {
        let path = &field.path;
        if let Mark::Unknown(doubt) = state.mark(path) {
            return (doubt.into(), Dark::Before);
        }
        if self.between == Between::Nothing && state.is_shown() {
            return (Mark::Exact, Dark::None);
        }
        let names = |fields: &Vec<AskedField>| fields.iter().any(|asked| may_be(&asked.path, path));
        let mark = match (named, self.between) {
            (Some(Some(fields)), _) if !names(fields) => Doubt::NotNamed.into(),
            (None, Between::Unseen(_)) if !self.is_as_sent(state, path) => Doubt::Between.into(),
            _ => Inference::BaseUnproved.into(),
        };
        (mark, Dark::None)
    }

    /// Whether what was sent names the generation that was seen: then what lies between left this field alone, unless the
    /// client made the number up.
    fn is_as_sent(&self, state: &ObjectState, path: &ObjectPath) -> bool {
        let sent = self.act.request.held().and_then(|body| body.pointer("/metadata/generation"));
        let seen = state.shown.as_ref().and_then(|shown| shown.generation);
        path.is_below(&["spec"]) && seen.is_some() && sent.and_then(Value::as_u64) == seen
    }

    fn computed(&self, computed: &Computed) -> Weighed {
        let doubt = |path: &ObjectPath| {
            computed.doubtful.iter().find(|(of, _)| of.meets(path)).map(|(_, doubt)| doubt.clone())
        };
        // What it is may be known though what it was isn't.
        let before = self.base.state().filter(|_| !self.created);
        let was = |path: &ObjectPath| match before.map(|state| state.mark(path)) {
            Some(Mark::Unknown(doubt)) => Some(doubt),
            _ => None,
        };
        let mark = |field: &FieldDiff| match (doubt(&field.path), was(&field.path)) {
            (Some(doubt), _) => (doubt.into(), Dark::After),
            (None, Some(doubt)) => (doubt.into(), Dark::Before),
            (None, None) => (Inference::FromRequest.into(), Dark::None),
        };
        match self.base {
            _ if self.created => sorted(diff(None, Some(&computed.object)), mark),
            KnownObject::There(state) => {
                let mut found = sorted(diff(Some(&state.object), Some(&computed.object)), mark);
                // The versions are the apiserver's, and stand there as they were.
                found.quiet.retain(|field| !field.path.is_below(&["metadata", "resourceVersion"]));
                found
            }
            KnownObject::Nothing(doubt) => self.untold(doubt),
            KnownObject::Absent => self.untold(&Doubt::OtherObject),
        }
    }

    /// What can't be told, with what was asked for.
    fn untold(&self, doubt: &Doubt) -> Weighed {
        let asked = self.named(&Value::Null).map(|(asked, _)| asked).unwrap_or_default();
        Weighed { asked, doubt: Some(doubt.clone()), ..Weighed::default() }
    }

    /// The fields that a patch names, and whether that are all; none: it is no patch, or its body isn't there.
    fn named(&self, object: &Value) -> Option<(Vec<AskedField>, bool)> {
        if self.act.verb != "patch" {
            return None;
        }
        let body = self.act.request.held()?;
        let known = self.base.state().map_or(object, |state| &state.object);
        let kind = text(known, &["kind"]).unwrap_or_default();
        let first = self.kinds.first().copied()?;
        let (mut fields, mut all) = asked(body, first, (&self.act.target.api_group, kind));
        // Of a patch that may be of several kinds, all that any of them names.
        for kind_of in &self.kinds[1..] {
            let (more, whole) = asked(body, *kind_of, (&self.act.target.api_group, kind));
            all &= whole;
            fields.extend(more.into_iter().filter(|one| !fields.contains(one)).collect::<Vec<_>>());
        }
        Some((fields, all))
    }

    /// What the guardrails' policy noted takes the place of what is less sure.
    fn take_note(&self, noted: &Noted, found: &mut Weighed) {
        let below = |path: &ObjectPath| {
            PARTS.iter().any(|part| path.is_below(&[part]))
                || path.is_below(&["metadata", "annotations"])
        };
        let made = sorted(diff(noted.before.as_ref(), noted.after.as_ref()), |_| {
            (Inference::Admitted.into(), Dark::None)
        });
        found.fields.retain(|field| sure(&field.mark) || !below(&field.path));
        let known = |field: &FieldChange| found.fields.iter().any(|f| f.path.meets(&field.path));
        let more: Vec<_> = made.fields.into_iter().filter(|field| !known(field)).collect();
        found.fields.extend(more);
        found.fields.sort_by(|one, other| one.path.cmp(&other.path));
        found.more += made.more;
    }
}

fn sure(mark: &Mark) -> bool {
    matches!(mark, Mark::Exact)
}

/// Which side of a change isn't known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dark {
    None,
    Before,
    After,
}

fn sorted(found: Diff, mark: impl Fn(&FieldDiff) -> (Mark, Dark)) -> Weighed {
    let mut weighed = Weighed { more: found.more, ..Weighed::default() };
    for field in found.fields {
        let (mark, dark) = mark(&field);
        let into = match noise(&field.path) {
            Some(_) => &mut weighed.quiet,
            None => &mut weighed.fields,
        };
        let FieldDiff { path, before, after, order } = field;
        let side = |value: Option<Value>, of| if dark == of { Side::Unknown } else { value.into() };
        let (before, after) = (side(before, Dark::Before), side(after, Dark::After));
        into.push(FieldChange { path, before, after, mark, order });
    }
    weighed
}
