//! What one trust file trusts that another doesn't, in words.

use std::collections::BTreeSet;
use std::fmt;

use auditseal_format::Origin;

use crate::item::{Auditor, Item, RetentionRule, Silence, TrustedKey};
use crate::trust_file::TrustFile;
use crate::trusted::TrustedOrigin;

/// Which way a difference goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trend {
    /// More is taken on trust, or less is demanded.
    More,
    /// Less is taken on trust, or more is demanded.
    Less,
    /// Neither: something else is.
    Other,
}

/// One difference between two trust files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The chain; or `auditor of` a cluster.
    pub of: String,
    /// Which way it goes.
    pub trend: Trend,
    /// What became different, for a person.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trend = match self.trend {
            Trend::More => "more trusted",
            Trend::Less => "less trusted",
            Trend::Other => "changed",
        };
        write!(f, "{trend}: {}: {}", self.of, self.what)
    }
}

impl TrustFile {
    /// What became different from this file to the next, in the order of the chains, then of auditors; none if they say
    /// the same.
    #[must_use]
    pub fn differences(&self, next: &Self) -> Vec<Difference> {
        let names = self.origins().chain(next.origins()).map(|(origin, _)| origin.clone());
        let mut found = Vec::new();
        for origin in names.collect::<BTreeSet<_>>() {
            let mut told = Told { origin: &origin, found: &mut found };
            match (self.get(&origin), next.get(&origin)) {
                (Some(before), Some(after)) => told.both(before, after),
                (None, Some(after)) => told.appeared(after),
                (Some(_), None) => told.say(
                    Trend::Less,
                    "no key is trusted for it any more, and nobody expects it to be there",
                ),
                (None, None) => {}
            }
        }
        found.extend(
            self.auditors_gone(next).map(|auditor| told_of(auditor, Trend::Less, "no longer")),
        );
        found.extend(next.auditors_gone(self).map(|auditor| told_of(auditor, Trend::More, "now")));
        found
    }

    /// The auditors that another file doesn't have.
    fn auditors_gone<'a>(&'a self, next: &'a Self) -> impl Iterator<Item = &'a Auditor> {
        self.auditors().iter().filter(|auditor| !next.auditors().contains(auditor))
    }
}

fn told_of(auditor: &Auditor, trend: Trend, when: &str) -> Difference {
    let what = format!("what {} attests of packs is {when} believed", auditor.vkey);
    Difference { of: format!("auditor of {}", auditor.cluster), trend, what }
}

/// Differences of one chain.
struct Told<'a> {
    origin: &'a Origin,
    found: &'a mut Vec<Difference>,
}

impl Told<'_> {
    fn say(&mut self, trend: Trend, what: impl Into<String>) {
        let (of, what) = (self.origin.to_string(), what.into());
        self.found.push(Difference { of, trend, what });
    }

    fn appeared(&mut self, after: &TrustedOrigin) {
        for key in &after.keys {
            self.say(Trend::More, format!("a chain that wasn't known is trusted by {}", span(key)));
        }
    }

    fn both(&mut self, before: &TrustedOrigin, after: &TrustedOrigin) {
        self.keys(before, after);
        self.begin(before, after);
        self.retention(before.retention, after.retention);
        self.silence(before.silence, after.silence);
        self.accepted(before, after);
    }

    fn keys(&mut self, before: &TrustedOrigin, after: &TrustedOrigin) {
        for key in before.keys.iter().filter(|key| !after.keys.contains(key)) {
            self.say(Trend::Less, format!("no longer trusted: {}", span(key)));
        }
        for key in after.keys.iter().filter(|key| !before.keys.contains(key)) {
            self.say(Trend::More, format!("now trusted: {}", span(key)));
        }
    }

    fn begin(&mut self, before: &TrustedOrigin, after: &TrustedOrigin) {
        if before.begin == after.begin {
            return;
        }
        let seq = |origin: &TrustedOrigin| origin.begin.map_or(0, |seal| seal.seq);
        let (from, to) = (seq(before), seq(after));
        let place = after.begin.map_or_else(|| "the genesis".to_owned(), |seal| seal.to_string());
        let (trend, why) = match from.cmp(&to) {
            std::cmp::Ordering::Less => (Trend::More, "what stands before it is taken for granted"),
            std::cmp::Ordering::Greater => (Trend::Less, "more of it is read"),
            std::cmp::Ordering::Equal => (Trend::Other, "another seal at the same place"),
        };
        self.say(trend, format!("reading begins with {place} in place of seq {from}: {why}"));
    }

    fn retention(&mut self, before: Option<RetentionRule>, after: Option<RetentionRule>) {
        let shown = |rule: Option<RetentionRule>| match rule {
            None => "no retention".to_owned(),
            Some(rule) => Item::Retention(rule).to_string().trim_start().to_owned(),
        };
        let rank = |rule: Option<RetentionRule>| {
            rule.map_or((0, false), |rule| (rule.days, rule.compliance))
        };
        let ((days, firm), (then, firmly)) = (rank(before), rank(after));
        let trend = match (days.cmp(&then), firm.cmp(&firmly)) {
            (one, other) if one.is_eq() && other.is_eq() => return,
            (one, other) if one.is_ge() && other.is_ge() => Trend::More,
            (one, other) if one.is_le() && other.is_le() => Trend::Less,
            _ => Trend::Other,
        };
        self.say(trend, format!("{} is demanded in place of {}", shown(after), shown(before)));
    }

    fn silence(&mut self, before: Silence, after: Silence) {
        let trend = match (before, after) {
            (one, other) if one == other => return,
            (Silence::After(one), Silence::After(other)) if one < other => Trend::More,
            (Silence::After(_), Silence::After(_)) => Trend::Less,
            _ => Trend::Other,
        };
        let shown = |silence| Item::Silence(silence).to_string().trim_start().to_owned();
        self.say(trend, format!("{} in place of {}", shown(after), shown(before)));
    }

    fn accepted(&mut self, before: &TrustedOrigin, after: &TrustedOrigin) {
        let of = |origin: &TrustedOrigin| -> BTreeSet<String> {
            let items = origin.accepted.iter().cloned().map(Item::Accept);
            items.map(|item| item.to_string().trim_start().to_owned()).collect()
        };
        let (one, other) = (of(before), of(after));
        for item in one.difference(&other) {
            self.say(Trend::Less, format!("no longer there: {item}"));
        }
        for item in other.difference(&one) {
            self.say(Trend::More, format!("new: {item}"));
        }
    }
}

fn span(key: &TrustedKey) -> String {
    let from = format!(" from seq {}", key.from);
    let until = key.until.map_or_else(|| " on".to_owned(), |until| format!(" up to {until}"));
    format!("{}{from}{until}", key.vkey)
}
