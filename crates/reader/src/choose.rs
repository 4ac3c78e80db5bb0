//! Which version of one object to show where nobody's signature is held against a key.

use std::fmt;

use auditseal_format::{ObjectKey, ObjectSeal, Origin};

use crate::fetch::{Depth, Examined, examine};
use crate::listing::Entry;
use crate::source::Source;
use auditseal_chain::{Outcome, Verdict};

/// A version that was chosen.
#[derive(Debug)]
pub struct Chosen {
    /// What it turned out to be.
    pub examined: Examined,
    /// Why it isn't what a reader gets who names no version.
    pub notice: Option<Notice>,
}

/// That the chosen version has to be named to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// It is under a delete marker.
    Hidden,
    /// It is in the shadow of a newer version.
    Shadowed,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verdict, why) = match self {
            Self::Hidden => (Verdict::Hidden, "whoever names no version gets nothing here"),
            Self::Shadowed => (Verdict::Shadowed, "a newer version has other bytes"),
        };
        write!(f, "{verdict}: {why}")
    }
}

/// Chooses among the versions at one key, the oldest first: the oldest that holds by itself, for
/// what is put create-only is there first; the newest if none does. `None` for no versions.
pub async fn choose(
    source: &Source,
    origin: &Origin,
    versions: &[Entry],
    depth: Depth<'_>,
) -> Option<Chosen> {
    let newest = versions.last()?;
    let mut chosen = None;
    for (at, entry) in versions.iter().enumerate() {
        let examined = examine(source, origin, entry.clone(), depth).await;
        let last = at + 1 == versions.len();
        if last || holds(&examined, &entry.place.key(origin)).is_some() {
            chosen = Some((examined, last));
            break;
        }
    }
    let (examined, last) = chosen?;
    let note = |examined: &Examined| {
        let key = examined.sighting.place.key(origin);
        holds(examined, &key).map(|object| (object.note.clone(), object.index.clone()))
    };
    let notice = match (newest.hidden, last) {
        (true, _) => Some(Notice::Hidden),
        (false, true) => None,
        (false, false) => {
            let newest = examine(source, origin, newest.clone(), depth).await;
            (note(&newest) != note(&examined)).then_some(Notice::Shadowed)
        }
    };
    Some(Chosen { examined, notice })
}

/// The seal of an object that holds as far as it can by itself, and belongs at `key`.
fn holds<'a>(examined: &'a Examined, key: &ObjectKey) -> Option<&'a ObjectSeal> {
    let Outcome::Note(object, Ok(())) = &examined.sighting.outcome else { return None };
    let seal = &object.seal;
    let here = (&seal.origin, seal.seq) == (&key.origin, key.seq);
    (here && examined.error.is_none()).then_some(object)
}
