//! What protects the chain's objects from being deleted, held against what was demanded.

use auditseal_format::Time;
use auditseal_store::{Lock, LockMode};

use super::Chain;

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;

/// What must protect each object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How firmly at least.
    pub mode: LockMode,
    /// How long at least, from when the object was sealed, microseconds.
    pub micros: i64,
}

impl Retention {
    /// Why a lock doesn't suffice for what was sealed then; clocks may differ by `skew`.
    #[must_use]
    pub fn lacks(self, lock: &Lock, sealed: Time, skew: i64) -> Option<String> {
        let held = if lock.legal_hold { "a legal hold, which can be lifted, and " } else { "" };
        if lock.mode < self.mode {
            let mode = match lock.mode {
                LockMode::Governance => "a lock that can be lifted (governance)",
                _ => "no lock",
            };
            return Some(format!("{held}{mode}, where {} is demanded", name(self.mode)));
        }
        let wanted = sealed.micros().saturating_add(self.micros);
        let short = wanted.saturating_sub(lock.until?);
        (short > skew).then(|| {
            let (until, wanted) = (lock.until.map(Time::from_micros), Time::from_micros(wanted));
            let until = until.map_or_else(String::new, |until| until.to_string());
            let days = short.saturating_add(DAY - 1) / DAY;
            format!("{held}locked until {until}, up to {days}d short of {wanted}")
        })
    }

    /// Why a lock can't be judged: the store keeps to itself how firm it is, or until when.
    pub fn unknown(self, lock: &Lock) -> Option<&'static str> {
        match lock {
            Lock { mode: LockMode::Undisclosed, .. } => {
                Some("a policy covers it, but the store doesn't say whether it is locked")
            }
            Lock { mode: LockMode::Governance | LockMode::Compliance, until: None, .. }
                if lock.mode >= self.mode =>
            {
                Some("it is locked, but the store doesn't say until when")
            }
            _ => None,
        }
    }
}

fn name(mode: LockMode) -> &'static str {
    match mode {
        LockMode::Compliance => "compliance",
        LockMode::Governance => "governance",
        LockMode::Undisclosed => "a policy",
        LockMode::None => "nothing",
    }
}

impl Chain {
    /// How a lock falls short of what is demanded. One that nobody could read is no finding: whoever
    /// asked for it counts that.
    pub(super) fn weakness(&self, sealed: Time, lock: Option<&Lock>) -> Option<String> {
        let (retention, lock) = (self.rules.retention?, lock?);
        if retention.unknown(lock).is_some() {
            return None;
        }
        retention.lacks(lock, sealed, self.rules.skew.unwrap_or(0))
    }
}
