//! Sets of things with labels, exactly: selectors, and what is left of one when another is taken out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::Unclear;

/// The label that every namespace has, and that says its name.
pub const NAMESPACE: &str = "kubernetes.io/metadata.name";

/// Requirements of one selector, and values of one requirement: with more, a policy isn't compared.
pub const MAX_REQUIREMENTS: usize = 256;

/// What a label's value may be, or that it may be missing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Values {
    listed: BTreeSet<String>,
    /// All values but the listed ones; else these alone.
    others: bool,
    absent: bool,
}

impl Values {
    fn all() -> Self {
        Self { listed: BTreeSet::new(), others: true, absent: true }
    }

    fn none() -> Self {
        Self { listed: BTreeSet::new(), others: false, absent: false }
    }

    fn is_none(&self) -> bool {
        !self.others && self.listed.is_empty() && !self.absent
    }

    fn complement(&self) -> Self {
        Self { listed: self.listed.clone(), others: !self.others, absent: !self.absent }
    }

    fn and(&self, other: &Self) -> Self {
        let has = |of: &Self, value: &String| of.listed.contains(value) != of.others;
        let absent = self.absent && other.absent;
        let listed = if self.others && other.others {
            self.listed.union(&other.listed).cloned().collect()
        } else {
            let both = self.listed.union(&other.listed);
            both.filter(|value| has(self, value) && has(other, value)).cloned().collect()
        };
        Self { listed, others: self.others && other.others, absent }
    }

    fn say(&self, key: &str) -> String {
        let list = self.listed.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        match (self.others, self.absent, self.listed.len()) {
            (true, true, 1) => format!("{key}≠{list}"),
            (true, true, _) => format!("{key} not in ({list})"),
            (true, false, 0) => format!("{key} set"),
            (true, false, _) => format!("{key} set to none of ({list})"),
            (false, true, 0) => format!("{key} not set"),
            (false, true, _) => format!("{key} in ({list}) or not set"),
            (false, false, 1) => format!("{key}={list}"),
            (false, false, _) => format!("{key} in ({list})"),
        }
    }
}

/// Things whose labels have these values; a key that isn't there may have any.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labels(BTreeMap<String, Values>);

impl Labels {
    /// Everything.
    pub(crate) fn all() -> Self {
        Self::default()
    }

    /// The namespace of this name.
    pub(crate) fn namespace(name: &str) -> Self {
        let values =
            Values { listed: BTreeSet::from([name.to_owned()]), others: false, absent: false };
        Self(BTreeMap::from([(NAMESPACE.to_owned(), values)]))
    }

    /// Reads a label selector; an empty one selects everything.
    pub(crate) fn read(selector: &Value) -> Result<Self, Unclear> {
        let selector = selector.as_object().ok_or(Unclear::Form("a selector is no object"))?;
        let mut labels = Self::all();
        for (key, value) in
            selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten()
        {
            let value = value.as_str().ok_or(Unclear::Form("a label is no text"))?;
            labels.require(key, &[value.to_owned()].into(), "In")?;
        }
        let expressions = selector.get("matchExpressions").and_then(Value::as_array);
        for one in expressions.into_iter().flatten() {
            let text = |name| one.get(name).and_then(Value::as_str);
            let key = text("key").ok_or(Unclear::Form("a requirement has no key"))?;
            let values = one.get("values").and_then(Value::as_array).into_iter().flatten();
            let values = values.filter_map(Value::as_str).map(str::to_owned).collect();
            labels.require(key, &values, text("operator").unwrap_or_default())?;
        }
        Ok(labels)
    }

    fn require(
        &mut self,
        key: &str,
        listed: &BTreeSet<String>,
        operator: &str,
    ) -> Result<(), Unclear> {
        let listed = listed.clone();
        let wanted = match operator {
            "In" => Values { listed, others: false, absent: false },
            "NotIn" => Values { listed, others: true, absent: true },
            "Exists" => Values { absent: false, ..Values::all() },
            "DoesNotExist" => Values { absent: true, ..Values::none() },
            _ => return Err(Unclear::Form("a requirement has no known operator")),
        };
        let values = self.0.remove(key).unwrap_or_else(Values::all).and(&wanted);
        if self.0.len() >= MAX_REQUIREMENTS || values.listed.len() > MAX_REQUIREMENTS {
            return Err(Unclear::Large);
        }
        self.0.insert(key.to_owned(), values);
        Ok(())
    }

    /// Whether it is everything.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.values().all(|values| *values == Values::all())
    }

    pub(crate) fn is_none(&self) -> bool {
        self.0.values().any(Values::is_none)
    }

    /// What is in both; none: nothing is.
    pub(crate) fn and(&self, other: &Self) -> Option<Self> {
        let mut both = self.0.clone();
        for (key, values) in &other.0 {
            let own = both.get(key).map_or_else(|| values.clone(), |own| own.and(values));
            both.insert(key.clone(), own);
        }
        let both = Self(both);
        (!both.is_none()).then_some(both)
    }

    /// What is in this and not in the other, in parts that have nothing in common.
    pub(crate) fn minus(&self, other: &Self) -> Vec<Self> {
        let (mut parts, mut rest) = (Vec::new(), self.clone());
        for (key, values) in &other.0 {
            let own = rest.0.get(key).cloned().unwrap_or_else(Values::all);
            let outside = own.and(&values.complement());
            if !outside.is_none() {
                let mut part = rest.clone();
                part.0.insert(key.clone(), outside);
                parts.push(part);
            }
            rest.0.insert(key.clone(), own.and(values));
        }
        parts.retain(|part| !part.is_none());
        parts
    }

    /// Whether something is in it of which each label is known or isn't: `None` isn't known, `Some(None)` isn't there.
    ///
    /// # Errors
    /// The key of the first label that decides and isn't known.
    pub fn weigh<'a>(
        &'a self,
        label: impl Fn(&str) -> Option<Option<&'a str>>,
    ) -> Result<bool, &'a str> {
        let mut unknown = None;
        for (key, values) in self.0.iter().filter(|(_, values)| **values != Values::all()) {
            let fits = match label(key) {
                Some(Some(value)) => values.listed.contains(value) != values.others,
                Some(None) => values.absent,
                None if values.is_none() => false,
                None => {
                    unknown = unknown.or(Some(key.as_str()));
                    continue;
                }
            };
            if !fits {
                return Ok(false);
            }
        }
        unknown.map_or(Ok(true), Err)
    }

    /// Whether something with these labels is in it.
    #[cfg(test)]
    pub(crate) fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|(key, values)| match labels.get(key) {
            Some(value) => values.listed.contains(value) != values.others,
            None => values.absent,
        })
    }

    /// Names of namespaces, where that is all that is asked for.
    pub(crate) fn names(&self) -> Option<Vec<&str>> {
        let values = self.by_name().filter(|values| !values.others && !values.absent)?;
        Some(values.listed.iter().map(String::as_str).collect())
    }

    /// Names of the namespaces that it leaves out, where that is all.
    pub(crate) fn but_names(&self) -> Option<Vec<&str>> {
        let values = self.by_name().filter(|values| values.others && !values.listed.is_empty())?;
        Some(values.listed.iter().map(String::as_str).collect())
    }

    fn by_name(&self) -> Option<&Values> {
        let mut set = self.0.iter().filter(|(_, values)| **values != Values::all());
        match (set.next(), set.next()) {
            (Some((key, values)), None) if key == NAMESPACE => Some(values),
            _ => None,
        }
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.0.iter().filter(|(_, values)| **values != Values::all());
        let words: Vec<_> = set.map(|(key, values)| values.say(key)).collect();
        f.write_str(&words.join(" and "))
    }
}
