//! What reads show.

use std::sync::Arc;

use super::Life;
use super::effect::is_like;
use super::entry::{Between, Deed, FieldChange, LifeEntry};
use super::mark::Doubt;
use super::state::{KnownObject, ObjectState, Shown, is_before, without_owners};
use crate::act::Act;
use crate::diff::{diff, noise};

impl Life {
    /// A read that shows the object: what it shows that isn't known yet, nobody in the trail wrote.
    pub(super) fn read(&mut self, act: &Act) -> Option<LifeEntry> {
        let object = act.stored().filter(|_| act.target.subresource.is_empty());
        let (Some(object), Some(now)) = (object, object.and_then(Shown::of)) else {
            self.counts.reads += 1;
            return None;
        };
        let state = self.known.state();
        let then = state.and_then(|state| state.shown.as_ref());
        let blind = state.is_none_or(|state| state.blind > state.unsure);
        let failed = self.failed || state.is_some_and(|state| state.unsure > 0);
        let newer = then.is_none_or(|then| is_before(&then.version, &now.version) == Some(true));
        let last = self.uids.last();
        let ending =
            matches!(self.known, KnownObject::Absent | KnownObject::Nothing(Doubt::Deleting));
        // A cache may show what is gone, and what was before.
        let old = self.uids.is_past(&now.uid) || self.uids.is_before_last(&now);
        let other = match last {
            Some(last) => last != now.uid,
            None => self.known == KnownObject::Absent,
        };
        if old || !(newer || other) || (ending && !other) {
            self.counts.reads += 1;
            return None;
        }
        let seen = ObjectState::shown(object, act);
        let known = std::mem::replace(&mut self.known, KnownObject::There(Arc::new(seen)));
        self.lived = true;
        let before = match &known {
            _ if other => None,
            KnownObject::There(before) if !blind && is_like(&before.object, object) => {
                Some(&*before.object)
            }
            _ => return None,
        };
        let (after, _) = without_owners(object.clone());
        let mut entry = self.entry(act, Deed::Noticed { other, failed });
        entry.between = Between::Unseen(1);
        let found = diff(before, Some(&after));
        entry.more = found.more;
        for field in found.fields {
            let into = match noise(&field.path) {
                Some(_) => &mut entry.quiet,
                None => &mut entry.fields,
            };
            into.push(FieldChange {
                path: field.path,
                before: field.before.into(),
                after: field.after.into(),
                mark: Doubt::Unseen.into(),
                order: field.order,
            });
        }
        Some(entry)
    }
}
