//! Whether a note follows from the one before, and its times from other clocks.

use auditseal_format::seal::Boot;
use auditseal_format::{Hash, ObjectSeal, Seal, SealId, Time};

use super::{Begin, Chain, NamedKeys, Place};
use crate::finding::Verdict;

/// Largest difference between wall clock and boot clock that isn't called a step: 5 s.
const CLOCK_STEP: i64 = 5_000_000;

/// What the next note is held against.
#[derive(Debug)]
pub(super) struct Previous {
    pub(super) seq: u64,
    pub(super) hash: Hash,
    /// `None` if the note wasn't signed by a key that may: then only `prev` is compared, and
    /// nothing else it says counts.
    pub(super) facts: Option<Facts>,
}

impl Previous {
    /// What is known of the note behind which reading begins.
    pub(super) fn behind(from: Begin) -> Option<Self> {
        match from {
            Begin::After(seal) => Some(Self { seq: seal.seq, hash: seal.hash, facts: None }),
            Begin::Genesis | Begin::Known(_) | Begin::At(_) => None,
        }
    }
}

/// What an accepted note says of itself and of the next one.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) seq: u64,
    pub(super) hash: Hash,
    pub(super) sealed: Time,
    pub(super) boot: Boot,
    pub(super) next_by: Option<Time>,
}

impl Chain {
    /// Takes the note behind which reading begins, where that could be had: what it says of the next one counts as if
    /// it had been read. Another note than the one that is known to stand there says nothing.
    pub fn behind(&mut self, before: &ObjectSeal) {
        if self.rules.extent.from != Begin::After(before.id()) || self.closed.is_some() {
            return;
        }
        self.keys.follow(&before.seal, true);
        self.files.take_over(&before.seal.cursors);
        let (SealId { seq, hash }, facts) = (before.id(), Some(Facts::of(before)));
        self.behind.clone_from(&facts);
        self.previous = Some(Previous { seq, hash, facts });
    }

    /// Takes the keys that notes of the chain named which were read before: where the note behind which reading begins
    /// can't be had, one of these may sign as it may behind a gap.
    pub fn knows(&mut self, named: NamedKeys) {
        let behind = std::mem::replace(&mut self.keys.named, named);
        self.keys.named.join(behind);
    }

    /// From now on nobody takes the note behind which reading begins for the chain's newest: where nothing of the chain
    /// is found, whatever stands there is a finding, and not something that the chain can do without.
    pub fn goes_on(&mut self) {
        self.behind = None;
    }

    /// Holds a note against the one before: hash and clocks.
    pub(super) fn check_link(&mut self, place: Place, object: &ObjectSeal) {
        let seal = &object.seal;
        let mut found = Vec::new();
        let before = self.facts_before(seal.seq);
        if self.before(seal.seq).is_some_and(|before| Some(before.hash) != seal.prev) {
            found.push((Verdict::Fork, "prev isn't the hash of the note before".to_owned()));
        }
        if let Some(before) = before {
            let step = before.clock_step(seal);
            found.extend(step.map(|detail| (Verdict::ClockStep, detail)));
        }
        for (verdict, detail) in found {
            self.report(verdict, place, &detail);
        }
    }

    /// Copying an archive makes the store's date later, never earlier.
    pub(super) fn check_store_date(&mut self, place: Place, object: &ObjectSeal, modified: i64) {
        let Some(skew) = self.rules.skew else { return };
        let (sealed, seal) = (object.seal.sealed, object.id());
        if sealed.micros() > modified.saturating_add(skew) {
            let stored = Time::from_micros(modified);
            let detail = format!("sealed at {sealed}, but the store has had it since {stored}");
            let finding = self.finding(Verdict::TimeInconsistent, place, &detail);
            self.report_about(seal, finding);
        }
    }
}

impl Facts {
    pub(super) fn of(object: &ObjectSeal) -> Self {
        let Seal { seq, sealed, boot, next_by, .. } = object.seal;
        Self { seq, hash: object.hash, sealed, boot, next_by }
    }

    pub(super) fn head(&self) -> SealId {
        SealId { seq: self.seq, hash: self.hash }
    }

    /// Whether the wall clock was set between this note and the next, as far as the boot clock can
    /// tell.
    fn clock_step(&self, next: &Seal) -> Option<String> {
        let clock = next.sealed.micros() - self.sealed.micros();
        if self.boot.id != next.boot.id {
            return (clock < 0)
                .then(|| format!("sealed {}s before the note before", -clock / 1_000_000));
        }
        let boot = i128::from(next.boot.nanos) - i128::from(self.boot.nanos);
        let step = i128::from(clock) - boot / 1000;
        (step.abs() > i128::from(CLOCK_STEP)).then(|| {
            let seconds = step / 1_000_000;
            format!("the clock was set by {seconds:+}s between this note and the one before")
        })
    }
}
