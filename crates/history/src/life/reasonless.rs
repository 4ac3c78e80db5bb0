//! Where it isn't known whether a request says what it is for.

use super::effect::{After, doubt_of};
use super::mark::Doubt;
use crate::act::Act;
use crate::path::ObjectPath;

/// Why a line doesn't tell what a request says that it is for: neither what was sent nor what was stored is in it.
pub(crate) fn untold(act: &Act) -> Option<Doubt> {
    let ends = act.ends_something();
    let writes = ends || matches!(&*act.verb, "create" | "update" | "patch");
    let told = act.stored().is_some();
    let doubt = (writes && !told).then(|| doubt_of(&act.request)).flatten();
    // Who deletes needn't send anything.
    doubt.filter(|doubt| !(ends && *doubt == Doubt::NoBody))
}

/// The same of a request that was taken.
pub(crate) fn untold_after(after: &After) -> Option<Doubt> {
    match after {
        After::Shown(_) => None,
        After::Unknown(doubt) => Some(doubt.clone()),
        After::Computed(computed) => {
            let said = ["annotations", "labels"].map(|kind| ObjectPath::of(&["metadata", kind]));
            let meets = |path: &ObjectPath| said.iter().any(|of| of.meets(path));
            // What may be gone wasn't given by this request.
            let may_add = |doubt: &Doubt| *doubt != Doubt::Owners;
            let mut all = computed.doubtful.iter();
            all.find(|(path, doubt)| meets(path) && may_add(doubt)).map(|(_, doubt)| doubt.clone())
        }
    }
}
