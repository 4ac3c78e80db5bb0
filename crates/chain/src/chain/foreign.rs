//! Chains of the same name that other keys began.
//!
//! Whoever may put objects can begin one, and so does a second node by mistake. It holds together by
//! itself and says nothing about the chain that is verified: it is told once, however many objects
//! it has, and the chain is judged as if none of them were there.

use std::collections::HashMap;

use auditseal_format::{Date, Hash, Kind, ObjectSeal, VerifierKey};

use super::keys::{KeyPrint, print};
use super::{Chain, Place};
use crate::finding::Verdict;

/// Keys whose chains are told one by one.
const NAMED: usize = 100;

/// What was met of them so far.
#[derive(Debug, Default)]
pub(super) struct Foreign {
    /// By the keys of their geneses.
    chains: HashMap<KeyPrint, usize>,
    named: Vec<Named>,
    /// Objects of the chains that aren't named.
    more: u64,
    /// The newest notes of all of them, at the seq before and at this one.
    before: HashMap<Hash, Tip>,
    here: HashMap<Hash, Tip>,
    seq: u64,
}

/// All chains that one key began.
#[derive(Debug)]
struct Named {
    place: Place,
    key: VerifierKey,
    objects: u64,
    last: u64,
}

/// A note that another may follow.
#[derive(Debug, Clone, Copy)]
struct Tip {
    /// The key of the genesis.
    began: KeyPrint,
    /// The key that alone may sign the next note, but for a reanchor.
    next: KeyPrint,
    /// The date in the next object's key.
    date: Date,
}

impl Foreign {
    /// Whether an object whose key may not sign at its place belongs to such a chain: it is a
    /// genesis, or follows one of their notes. Objects come in the order of their places.
    pub(super) fn take(&mut self, object: &ObjectSeal, place: Place) -> bool {
        if place.seq != self.seq {
            let here = std::mem::take(&mut self.here);
            self.before = if place.seq == self.seq + 1 { here } else { HashMap::new() };
            self.seq = place.seq;
        }
        let seal = &object.seal;
        let key = print(&seal.key);
        let began = match seal.prev {
            None => (place.date == Date::EPOCH).then_some(key),
            Some(prev) => self.before.get(&prev).and_then(|tip| {
                let signs = if seal.kind == Kind::Reanchor { tip.began } else { tip.next };
                (signs == key && tip.date == place.date).then_some(tip.began)
            }),
        };
        let Some(began) = began else { return false };
        self.count(began, &seal.key, place);
        let tip = Tip { began, next: print(&seal.next), date: seal.sealed.date() };
        self.here.insert(object.hash, tip);
        true
    }

    fn count(&mut self, began: KeyPrint, key: &VerifierKey, place: Place) {
        let fresh = self.chains.len();
        let at = *self.chains.entry(began).or_insert(fresh);
        if at == self.named.len() && at < NAMED {
            self.named.push(Named { place, key: key.clone(), objects: 0, last: 0 });
        }
        match self.named.get_mut(at) {
            Some(named) => {
                named.objects += 1;
                named.last = place.seq;
            }
            None => self.more += 1,
        }
    }
}

impl Chain {
    /// Tells the foreign chains. They are wrong where there is no note of the chain itself: whoever
    /// is shown one in its place must not take it for the chain. Beside it, they are information, for
    /// anybody may have put them there.
    pub(super) fn tell_foreign(&mut self) {
        let foreign = std::mem::take(&mut self.foreign);
        let mut found = Vec::new();
        let more = foreign.chains.len() - foreign.named.len();
        if more > 0 {
            let objects = foreign.more;
            let detail =
                format!("{objects} objects of chains of this name that {more} more keys began");
            found.push(self.findings.of(Verdict::ForeignChain, &detail).at(0));
        }
        for Named { place, key, objects, last } in foreign.named.into_iter().rev() {
            let count = match objects {
                1 => "1 object".to_owned(),
                more => format!("{more} objects"),
            };
            let detail = format!(
                "a chain of this name that {key} began, which isn't trusted for it: {count} up to \
                 seq {last}, none of which counts"
            );
            let key = place.key(&self.origin).to_string();
            found.push(self.findings.of(Verdict::ForeignChain, &detail).at(0).key(&key));
        }
        for finding in found {
            let ours = self.newest.is_some();
            self.findings.push_first(if ours { finding.as_information() } else { finding });
        }
    }
}
