//! What a chain has done, counted.

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Source bytes sealed.
    pub sealed_bytes: u64,
    /// Source bytes known and not taken yet, as of the last look.
    pub backlog_bytes: u64,
    /// How long the oldest byte that isn't sealed has been known of, milliseconds, as of the last
    /// look; of several chains, the longest.
    pub lag_millis: u64,
    /// Milliseconds until the apiserver deletes a file with bytes that aren't taken, if it goes on
    /// as it did so far; of several chains, the shortest. `None`: nothing waits, or it isn't known.
    pub until_loss_millis: Option<u64>,
    /// Lines sealed.
    pub lines: u64,
    /// Seals committed.
    pub seals: u64,
    /// Objects stored.
    pub stored: u64,
    /// Bytes of objects committed.
    pub object_bytes: u64,
    /// Objects that were sealed and that neither the node nor the store has, as far as is known now.
    pub missing: u64,
    /// Losses found.
    pub gaps: u64,
    /// Stored versions whose lock falls short of what is demanded.
    pub lock_shortfalls: u64,
    /// Stored versions whose lock couldn't be checked.
    pub lock_unknown: u64,
}

impl Tally {
    /// About how many events wait: by the length of those sealed so far. `None` before the first.
    #[must_use]
    pub fn backlog_events(&self) -> Option<u64> {
        self.events_in(self.backlog_bytes)
    }

    /// About how many events so many bytes are, likewise.
    pub(crate) fn events_in(&self, bytes: u64) -> Option<u64> {
        let events = u128::from(bytes) * u128::from(self.lines);
        u64::try_from(events.checked_div(self.sealed_bytes.into())?).ok()
    }
}
