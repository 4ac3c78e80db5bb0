//! Why a patch gives no object, and what work it may cost.

use std::fmt;

use serde_json::Value;

use crate::value::MAX_DEPTH;

/// Steps of work for one patch: values copied or compared, elements moved.
pub const MAX_WORK: usize = 1 << 22;

/// Why a patch can't be applied here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatchFault {
    /// It isn't of the form that its kind has.
    Form(&'static str),
    /// It doesn't fit the object that is known.
    Misfit(String),
    /// It costs more than [`MAX_WORK`], or nests deeper than a body may.
    Bound,
    /// The apiserver does with it what its own version decides.
    Odd(&'static str),
}

impl fmt::Display for PatchFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(what) => write!(f, "the patch is malformed: {what}"),
            Self::Misfit(what) => {
                write!(f, "the patch doesn't fit the object as it is known: {what}")
            }
            Self::Bound => f.write_str("the patch makes too much work, or nests too deep"),
            Self::Odd(what) => {
                write!(f, "what the apiserver makes of the patch isn't certain: {what}")
            }
        }
    }
}

impl std::error::Error for PatchFault {}

/// What is left of the work.
#[derive(Debug)]
pub(crate) struct Work(usize);

impl Work {
    pub(crate) fn new() -> Self {
        Self(MAX_WORK)
    }

    pub(crate) fn take(&mut self, steps: usize) -> Result<(), PatchFault> {
        self.0 = self.0.checked_sub(steps).ok_or(PatchFault::Bound)?;
        Ok(())
    }

    /// A copy, paid for.
    pub(crate) fn copy(&mut self, value: &Value) -> Result<Value, PatchFault> {
        self.pay(value)?;
        Ok(value.clone())
    }

    /// Pays for a value, each part of it.
    pub(crate) fn pay(&mut self, value: &Value) -> Result<(), PatchFault> {
        let mut next = vec![value];
        while let Some(value) = next.pop() {
            self.take(1)?;
            match value {
                Value::Array(values) => next.extend(values),
                Value::Object(members) => next.extend(members.values()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether a value may stand so deep.
    pub(crate) fn nests(&mut self, depth: usize, value: &Value) -> Result<(), PatchFault> {
        let mut next = vec![(depth, value)];
        while let Some((depth, value)) = next.pop() {
            self.take(1)?;
            if depth > MAX_DEPTH {
                return Err(PatchFault::Bound);
            }
            match value {
                Value::Array(values) => next.extend(values.iter().map(|value| (depth + 1, value))),
                Value::Object(members) => {
                    next.extend(members.values().map(|value| (depth + 1, value)));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
