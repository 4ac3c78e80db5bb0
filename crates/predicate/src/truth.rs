//! What is known of a question: Kleene's strong logic.

use std::ops::Not;

/// Yes, no, or not to be known from what was logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Truth {
    /// No, whatever wasn't logged.
    False,
    /// What wasn't logged decides.
    Unknown,
    /// Yes, whatever wasn't logged.
    True,
}

impl Truth {
    /// Both: the lesser of the two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.min(other)
    }

    /// Either: the greater of the two.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.max(other)
    }

    /// Of two readings of one line: what both say, or nobody knows.
    #[must_use]
    pub(crate) fn agreed(self, other: Self) -> Self {
        if self == other { self } else { Self::Unknown }
    }
}

impl From<bool> for Truth {
    fn from(known: bool) -> Self {
        if known { Self::True } else { Self::False }
    }
}

impl Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::Unknown => Self::Unknown,
            Self::False => Self::True,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Truth::{False, True, Unknown};

    #[test]
    fn unknown_yields_to_what_decides_alone() {
        let all = [False, Unknown, True];
        let and = [False, False, False, False, Unknown, Unknown, False, Unknown, True];
        let or = [False, Unknown, True, Unknown, Unknown, True, True, True, True];
        for (at, (a, b)) in all.iter().flat_map(|a| all.iter().map(move |b| (*a, *b))).enumerate() {
            assert_eq!((a.and(b), a.or(b)), (and[at], or[at]), "{a:?} {b:?}");
            assert_eq!(!(a.and(b)), (!a).or(!b));
        }
        assert_eq!([!False, !Unknown, !True], [True, Unknown, False]);
        assert_eq!([True.agreed(True), True.agreed(False)], [True, Unknown]);
    }
}
