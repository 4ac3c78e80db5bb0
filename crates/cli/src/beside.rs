//! history --with-flows: what the network did after each change of a policy.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use auditseal_agent::system_clock;
use auditseal_chronicle::{ToldEntry, ToldFlows, may_show_in_flows};
use auditseal_format::Time;
use auditseal_history::life::ObjectName;
use auditseal_netpol::{BESIDE_ROWS, Beside, BesideChange, FlowSeal};
use auditseal_query::{
    Answered, Archive, Asked, AskedChain, ChainSearched, FlowAsking, FlowQuestion, FlowShow, Hit,
    Put, carried,
};
use auditseal_reader::Window;

use crate::asking::{ScanLimit, stopped};
use crate::failure::Failure;

/// Most bytes of requests whose entries are held until the flows beside them are found.
const HELD: usize = 64 << 20;

/// How long before the first change flows are looked at: what was let through then says what the change stopped.
const BEFORE: i64 = 3_600_000_000;

/// Types whose changes show in flows: of which groups, if none is named any.
const TYPES: [(&str, &[&str]); 2] = [
    (
        "networkpolicies",
        &["networking.k8s.io", "crd.antrea.io", "crd.projectcalico.org", "projectcalico.org"],
    ),
    ("ciliumnetworkpolicies", &["cilium.io"]),
];

/// Says why flows can't stand beside the changes of such an object.
pub(crate) fn allowed(object: &Asked) -> Result<(), Failure> {
    let group = object.group.as_deref();
    let of = |(name, groups): &(&str, &[&str])| {
        *name == object.resource && group.is_none_or(|group| groups.contains(&group))
    };
    if TYPES.iter().any(of) {
        return Ok(());
    }
    let why = format!(
        "choose --with-flows: flows stand beside changes of network policies in a namespace, and {} are none",
        auditseal_chain::escape(&object.resource)
    );
    Err(Failure::new(why).hint(Some("`query flows` asks for flows by address, pod, port and time")))
}

/// Entries that wait for what stands beside them.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    entries: Vec<ToldEntry>,
    bytes: usize,
}

/// What stands beside the entries, and what that rests on.
pub(crate) struct FoundFlows {
    /// The entries, in their order.
    pub(crate) entries: Vec<ToldEntry>,
    /// Lines for below the answer.
    pub(crate) footer: Vec<String>,
    /// What the exit code should be, for the flows' sake.
    pub(crate) code: u8,
    /// There is a log of flows, and no gap or line of which it can't be told.
    pub(crate) whole: bool,
}

impl Waiting {
    /// Keeps what was told of a line of so many bytes.
    pub(crate) fn take(&mut self, told: Vec<ToldEntry>, bytes: usize) {
        self.bytes += if told.is_empty() { 0 } else { bytes };
        self.entries.extend(told);
    }

    /// Whether there is room for more.
    pub(crate) fn has_room(&self) -> bool {
        self.bytes <= HELD
    }

    /// The entries without flows beside them, where nobody waits for these.
    pub(crate) fn entries(self) -> Vec<ToldEntry> {
        self.entries
    }

    /// Looks for the flows after each change.
    pub(crate) async fn find(
        mut self,
        archive: &Archive,
        chains: Vec<AskedChain>,
        (window, allow_unanchored): (Window, bool),
        limit: &ScanLimit,
    ) -> Result<FoundFlows, Failure> {
        if !self.has_room() {
            let why = "hold entries until their flows are found: they are of more than 64 MiB of requests";
            return Err(Failure::new(why).hint(Some("--since tells fewer of them")));
        }
        let mut policies = self.policies();
        let first = policies.values().filter_map(|of| of.changes().first()).min().copied();
        let Some(first) = first else {
            let footer =
                vec!["flows: nothing was changed, so that none were looked for".to_owned()];
            return Ok(FoundFlows { entries: self.entries, footer, code: 0, whole: true });
        };
        let since = Some(first.saturating_add(-BEFORE)).max(window.since);
        let window = Window { since, until: window.until };
        let mut namespaces: Vec<String> = policies.keys().map(|of| of.namespace.clone()).collect();
        namespaces.sort();
        namespaces.dedup();
        let asking = FlowAsking {
            question: FlowQuestion { namespaces: namespaces.clone(), ..FlowQuestion::default() },
            window,
            unknown: false,
            show: FlowShow::Carried,
            every_seal: false,
            allow_unanchored,
            now: system_clock()().wall,
            cores: 0,
        };
        let origins: Vec<Arc<str>> =
            chains.iter().map(|chain| Arc::from(chain.origin.to_string())).collect();
        let search = asking.find(archive, chains).await?;
        limit.allows(&search)?;
        let mut seen: Option<(Time, Time)> = None;
        let each = |hit: Hit| {
            if let Some(flow) = carried(&hit.shown) {
                if let Some(time) = flow.time {
                    let last = flow.until.unwrap_or(time);
                    seen = Some(seen.map_or((time, last), |(a, b)| (a.min(time), b.max(last))));
                }
                let origin = Arc::clone(&origins[hit.chain]);
                let at = FlowSeal { origin, seq: hit.seq, line: hit.line };
                policies.values_mut().for_each(|policy| policy.add(&flow, &at));
            }
            ControlFlow::Continue(())
        };
        let answer = search.run(each, stopped()?).await;
        let mut footer = footer(&answer, &namespaces, window);
        footer.extend(policies.iter().map(|(object, policy)| left_out(object, policy)));
        let sealed = Sealed::of(&answer, seen, window);
        footer.push(sealed.line());
        self.put(policies, &sealed);
        let whole = sealed.any && answer.is_whole();
        Ok(FoundFlows { entries: self.entries, footer, code: answer.exit_code(), whole })
    }

    /// The policies that were changed, and when.
    fn policies(&self) -> BTreeMap<Arc<ObjectName>, Beside> {
        let mut changes: BTreeMap<Arc<ObjectName>, Vec<Time>> = BTreeMap::new();
        for told in self.entries.iter().filter(|told| may_show_in_flows(&told.entry)) {
            changes.entry(Arc::clone(&told.object)).or_default().extend(told.entry.when);
        }
        let room = BESIDE_ROWS / changes.len().max(1);
        let of = |(object, times): (Arc<ObjectName>, Vec<Time>)| {
            let beside = Beside::new(&object.namespace, &object.name, times, room);
            (object, beside)
        };
        changes.into_iter().map(of).collect()
    }

    fn put(&mut self, policies: BTreeMap<Arc<ObjectName>, Beside>, sealed: &Sealed) {
        let mut found: BTreeMap<(Arc<ObjectName>, Time), BesideChange> = BTreeMap::new();
        for (object, policy) in policies {
            let times = policy.changes().to_vec();
            let changes = times.into_iter().zip(policy.finish());
            found.extend(changes.map(|(time, change)| ((Arc::clone(&object), time), change)));
        }
        for told in self.entries.iter_mut().filter(|told| may_show_in_flows(&told.entry)) {
            let Some(when) = told.entry.when else {
                let lacks = "when it was made isn't certain, so that none can stand beside it";
                told.flows = Some(Box::new(ToldFlows {
                    lacks: Some(lacks.to_owned()),
                    ..ToldFlows::default()
                }));
                continue;
            };
            let change = found.get(&(Arc::clone(&told.object), when)).cloned().unwrap_or_default();
            let lacks = sealed.lacks(when, change.until);
            told.flows = Some(Box::new(ToldFlows { change, lacks }));
        }
    }
}

fn footer(answer: &Answered, namespaces: &[String], window: Window) -> Vec<String> {
    let about = auditseal_chain::escape(&namespaces.join(", "));
    let Window { since, until } = window;
    let mut lines = answer.footer(&Put { namespaces: format!("namespace {about}"), since, until });
    // It would say how many events were found.
    lines.pop();
    lines.iter().map(|line| format!("flows: {line}")).collect()
}

/// Of the flows of a policy's namespace, those that stand beside no change, and those that may stand beside the wrong one.
fn left_out(object: &ObjectName, policy: &Beside) -> String {
    let totals = policy.totals();
    let left = [
        (totals.earlier, "of before the first change"),
        (totals.answers, "answers, of which no policy is asked"),
        (totals.elsewhere, "about another namespace's policies"),
        (totals.untimed, "that tell no time"),
    ];
    let left: Vec<String> = left
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let left = match left.as_slice() {
        [] => String::new(),
        left => format!("; beside no change: {}", left.join(", ")),
    };
    let zone = match totals.no_zone {
        0 => String::new(),
        lines => format!(
            "; by a time without a zone, which was read as UTC: {lines}, and where the node's clock has another they may stand beside the wrong change"
        ),
    };
    let (object, lines) = (auditseal_chronicle::object_name(object), totals.lines);
    format!("flows: {object}: {lines} lines{left}{zone}")
}

/// Of which time flows are sealed, as far as it is known.
struct Sealed {
    /// There is a log of flows among the chains, of the time that was looked at.
    any: bool,
    first: Option<Time>,
    last: Option<Time>,
    /// Something of it is missing.
    gaps: bool,
}

impl Sealed {
    fn of(answer: &Answered, seen: Option<(Time, Time)>, window: Window) -> Self {
        let logs = || answer.chains.iter().filter(|chain| chain.batches > 0);
        let missing = |chain: &ChainSearched| {
            chain.gaps_total + chain.findings_total + chain.unread_total > 0
                || chain.silent.is_some()
                || !chain.ended
        };
        // A chain is sealed up to its last seal also where nothing happened at the end.
        let last = logs().filter_map(|chain| chain.sealed).max();
        let first = logs().filter_map(|chain| chain.times).map(|(first, _)| first).min();
        // A log that isn't dated may reach further back than what was seen of it, and so does one that has seals of before.
        let reaches_back = |chain: &ChainSearched| {
            chain.times.is_none()
                || chain.seqs.is_some_and(|(first, _)| first > 1)
                || (chain.outside > 0 && window.until.is_none())
        };
        let first = match (logs().any(reaches_back), first, seen) {
            (true, ..) => None,
            (false, first, None) => first,
            (false, first, Some((seen, _))) => Some(first.map_or(seen, |first| first.min(seen))),
        };
        Self { any: logs().next().is_some(), first, last, gaps: logs().any(missing) }
    }

    /// Why not all is there of what was between these times.
    fn lacks(&self, from: Time, until: Option<Time>) -> Option<String> {
        if !self.any {
            return Some("the chains that were asked hold no log of flows of this time".to_owned());
        }
        if let Some(last) = self.last.filter(|last| *last < from) {
            return Some(format!("no flows are sealed of it: the last seal is of {last}"));
        }
        if let Some(first) = self.first.filter(|first| *first > from) {
            let none = until.is_some_and(|until| until <= first);
            let what = if none { "" } else { ", and what was before it may not be" };
            return Some(format!("the first flow that is sealed is of {first}{what}"));
        }
        let behind = |last: &Time| until.is_some_and(|until| until > *last);
        if let Some(last) = self.last.filter(behind) {
            return Some(format!("not all is sealed: the last seal is of {last}"));
        }
        self.gaps.then(|| "a log has gaps, which are named below".to_owned())
    }

    fn line(&self) -> String {
        if self.any {
            "flows: what follows a change needn't come of it; no log shows what it didn't see"
                .to_owned()
        } else {
            "flows: no log of flows of this time is among the chains that were asked: archive one \
             (`run --source-format`), or name its chain by --origin"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use auditseal_chronicle::{Lives, Telling, WantedObjects};
    use auditseal_format::hash;
    use auditseal_history::Cite;

    use super::*;

    /// A policy's creation, as it is told.
    fn created() -> Vec<ToldEntry> {
        let event = serde_json::json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "stage": "ResponseComplete", "auditID": "a",
            "verb": "create", "user": {"username": "u"}, "responseStatus": {"code": 201},
            "objectRef": {"apiGroup": "networking.k8s.io", "resource": "networkpolicies", "namespace": "n", "name": "p"},
            "stageTimestamp": "2026-11-29T10:00:00.000000Z", "requestReceivedTimestamp": "2026-11-29T10:00:00.000000Z",
        });
        let wanted = WantedObjects {
            resource: "networkpolicies".to_owned(),
            group: None,
            namespace: None,
            name: Some("p".to_owned()),
            namespaced: true,
        };
        let mut lives = Lives::new(wanted, Telling::default());
        let cite = Cite { chain: 0, seq: 1, line: 1, seal: hash(b"") };
        let mut told = lives.take(event.to_string().as_bytes(), cite);
        told.extend(lives.finish());
        told
    }

    /// What is told of nothing holds nothing; ten times the bound has no room.
    #[test]
    fn entries_are_held_up_to_so_many_bytes() {
        let mut waiting = Waiting::default();
        waiting.take(Vec::new(), 10 * HELD);
        assert!(waiting.has_room());
        let told = created();
        assert_eq!(told.len(), 1);
        waiting.take(told, 10 * HELD);
        assert!(!waiting.has_room());
    }

    /// Of which time flows are sealed: before, within, behind.
    #[test]
    fn what_is_not_sealed_of_a_time_is_said() {
        let at = |seconds: i64| Time::from_micros(seconds * 1_000_000);
        let sealed = Sealed { any: true, first: Some(at(10)), last: Some(at(20)), gaps: false };
        let said = |from, until: Option<i64>| sealed.lacks(at(from), until.map(at));
        assert_eq!(said(12, Some(20)), None);
        assert_eq!(said(12, None), None, "what is to come is in no log");
        for (from, until, why) in [
            (21, None, "no flows are sealed of it: the last"),
            (5, Some(10), "the first flow that is sealed is of 1970-01-01T00:00:10.000000Z"),
            (
                5,
                Some(11),
                "the first flow that is sealed is of 1970-01-01T00:00:10.000000Z, and what",
            ),
            (12, Some(21), "not all is sealed: the last"),
        ] {
            assert!(said(from, until).unwrap().starts_with(why), "{from} {until:?}");
        }
        let gaps = Sealed { gaps: true, ..sealed };
        assert!(gaps.lacks(at(12), None).unwrap().contains("gaps"));
    }
}
