//! What is asked of an index.

use std::fmt;
use std::sync::Arc;

use crate::term::{BETWEEN, Term, TermField, TermKind, TermValue, put_value, split};

/// Terms of one kind, by some of their fields: `verb` and `resource` without a namespace are all
/// namespaces' terms.
///
/// Terms sort by their fields in the order of [`TermKind::fields`], so the more of the first fields are
/// known, the less of an index is read.
#[derive(Clone)]
pub struct Pattern {
    kind: TermKind,
    wants: Vec<Want>,
}

/// A test of a field's value.
type Test = dyn Fn(&str) -> bool + Send + Sync;

#[derive(Clone)]
enum Want {
    Any,
    /// The value, as a term holds it.
    Is(Vec<u8>),
    Passes(Arc<Test>),
}

impl Pattern {
    /// All terms of a kind.
    #[must_use]
    pub fn new(kind: TermKind) -> Self {
        Self { kind, wants: kind.fields().iter().map(|_| Want::Any).collect() }
    }

    /// Of these only those whose field is this value. A field that the kind hasn't got says nothing.
    #[must_use]
    pub fn with(mut self, field: TermField, value: &str) -> Self {
        let mut held = Vec::new();
        put_value(value, &mut held);
        if let Some(want) = self.want(field) {
            *want = Want::Is(held);
        }
        self
    }

    /// Of these only those whose field passes a test. A value of which the index has a hash alone passes
    /// each, for it may be any.
    #[must_use]
    pub fn passing(
        mut self,
        field: TermField,
        test: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        if let Some(want) = self.want(field) {
            *want = Want::Passes(Arc::new(test));
        }
        self
    }

    fn want(&mut self, field: TermField) -> Option<&mut Want> {
        let at = self.kind.fields().iter().position(|own| *own == field)?;
        self.wants.get_mut(at)
    }

    /// Between which bytes its terms sort: from the first, before the second.
    pub(crate) fn range(&self) -> (Vec<u8>, Vec<u8>) {
        let mut from = vec![self.kind.byte()];
        let mut known = self.wants.iter().map_while(|want| match want {
            Want::Is(value) => Some(value),
            _ => None,
        });
        let mut count = 0;
        for value in &mut known {
            count += 1;
            from.extend_from_slice(value);
            if count < self.wants.len() {
                from.push(BETWEEN);
            }
        }
        let mut to = from.clone();
        if count == self.wants.len() {
            // One term: what sorts next behind it.
            to.push(BETWEEN);
        } else if let Some(last) = to.last_mut() {
            // All that begin so: the last byte is a kind's or `BETWEEN`, and has one above it.
            *last += 1;
        }
        (from, to)
    }

    /// Whether a term's bytes are one of those it is about.
    pub(crate) fn matches(&self, term: &[u8]) -> bool {
        let Some((kind, values)) = split(term) else { return false };
        kind == self.kind
            && self.wants.iter().zip(values).all(|(want, value)| match want {
                Want::Any => true,
                Want::Is(wanted) => wanted == value,
                Want::Passes(test) => match TermValue::of(value) {
                    TermValue::Text(text) => test(text),
                    TermValue::Hashed(_) => true,
                },
            })
    }
}

impl From<&Term> for Pattern {
    /// That term alone.
    fn from(term: &Term) -> Self {
        let values = split(term.as_bytes()).into_iter().flat_map(|(_, values)| values);
        Self { kind: term.kind(), wants: values.map(|value| Want::Is(value.to_vec())).collect() }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pattern = f.debug_struct("Pattern");
        pattern.field("kind", &self.kind);
        for (field, want) in self.kind.fields().iter().zip(&self.wants) {
            match want {
                Want::Any => &mut pattern,
                Want::Is(value) => pattern.field(&format!("{field:?}"), &TermValue::of(value)),
                Want::Passes(_) => pattern.field(&format!("{field:?}"), &"a test"),
            };
        }
        pattern.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn terms() -> impl Strategy<Value = Term> {
        let value = || prop_oneof!["[a-c!é]{0,2}", "x{128,130}", "[\\x00-\\x02]"];
        (0..TermKind::ALL.len(), prop::collection::vec(value(), 5)).prop_filter_map(
            "a term",
            |(kind, values)| {
                let kind = TermKind::ALL[kind];
                let values: Vec<_> =
                    values.iter().map(String::as_str).take(kind.fields().len()).collect();
                Term::new(kind, &values)
            },
        )
    }

    proptest! {
        #[test]
        fn what_matches_is_in_the_range(one in terms(), other in terms(), known in 0..32_u8) {
            let mut pattern = Pattern::new(one.kind());
            let texts: Vec<String> = one.values().map(|value| match value {
                TermValue::Text(text) => text.to_owned(),
                TermValue::Hashed(_) => "\u{7}".to_owned(),
            }).collect();
            for (at, field) in one.kind().fields().iter().enumerate() {
                if known >> at & 1 == 1 {
                    pattern = pattern.with(*field, &texts[at]);
                }
            }
            let (from, to) = pattern.range();
            for term in [&one, &other] {
                let inside = *from <= *term.as_bytes() && *term.as_bytes() < *to;
                prop_assert!(inside || !pattern.matches(term.as_bytes()), "{:?} {:?}", pattern, term);
                let alone = Pattern::from(term);
                let (from, to) = alone.range();
                prop_assert!(alone.matches(term.as_bytes()));
                prop_assert!(*from == *term.as_bytes() && *term.as_bytes() < *to);
            }
            if one != other {
                prop_assert!(!Pattern::from(&one).matches(other.as_bytes()));
            }
        }
    }

    #[test]
    fn a_hashed_value_passes_each_test() {
        let refuses = |_: &str| false;
        let pattern = Pattern::new(TermKind::Address).passing(TermField::Address, refuses);
        let term = |value: &str| Term::new(TermKind::Address, &[value]).unwrap();
        assert!(!pattern.matches(term("10.0.0.1").as_bytes()));
        assert!(pattern.matches(term(&"x".repeat(129)).as_bytes()));
        let other = Pattern::new(TermKind::Address).with(TermField::Verb, "get");
        assert!(other.matches(term("10.0.0.1").as_bytes()), "addresses have no verbs");
    }
}
