//! Times of lines, and where those of a batch or of a pack lie.

use auditseal_format::packs::Attestation;
use auditseal_format::{Seal, Time};

/// Times of lines, both ends included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// No line before this.
    pub since: Option<Time>,
    /// No line after this.
    pub until: Option<Time>,
}

impl Window {
    /// Whether there is no bound.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.since.is_none() && self.until.is_none()
    }

    /// Whether a time is inside.
    #[must_use]
    pub fn has(&self, time: Time) -> bool {
        self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time <= until)
    }

    /// Whether a batch may have lines to give: its times overlap, or of some lines nobody knows when
    /// they happened.
    #[must_use]
    pub fn meets(&self, seal: &Seal) -> bool {
        let Some((first, last)) = seal.payload.times else {
            return seal.payload.root.lines > 0 || self.is_open();
        };
        if seal.payload.untimed > 0 {
            return true;
        }
        self.since.is_none_or(|since| since <= last)
            && self.until.is_none_or(|until| first <= until)
    }

    /// The same of a pack, by what is attested of it.
    #[must_use]
    pub fn meets_pack(&self, attestation: &Attestation) -> bool {
        let Attestation { times, untimed, .. } = *attestation;
        let meets = |(first, last)| {
            self.since.is_none_or(|since| since <= last)
                && self.until.is_none_or(|until| first <= until)
        };
        untimed > 0 || times.is_some_and(meets) || self.is_open()
    }

    /// Where a batch's lines lie.
    pub(crate) fn side(&self, seal: &Seal) -> Side {
        match seal.payload.times {
            _ if self.meets(seal) => Side::Inside,
            None => Side::Nowhere,
            Some((_, last)) if self.since.is_some_and(|since| last < since) => Side::Before,
            Some(_) => Side::After,
        }
    }

    /// Whether no line of a batch is outside, so that none needs to be looked at.
    #[must_use]
    pub fn covers(&self, seal: &Seal) -> bool {
        self.is_open()
            || seal.payload.times.is_none_or(|(first, last)| self.has(first) && self.has(last))
    }
}

/// Where the lines of a seal lie in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    /// Some may be in the window.
    Inside,
    After,
    /// It has none: its writer had nothing to seal.
    Nowhere,
}
