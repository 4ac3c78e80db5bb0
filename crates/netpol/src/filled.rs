//! Flows with what objects tell of their sides, where the line doesn't.
//!
//! The line's own word comes first: where an object says otherwise than the line, nothing of it is taken.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use auditseal_flows::{Endpoint, EndpointKind, Flow, LabelSet, LabelValue, Unlisted};

use crate::roster::{NotTold, Roster, RosterPod, Span};

/// Whose word it is what a side is, where it isn't the line's alone. Prints with a space before it, or as nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SideMark {
    /// Files that tell its labels, or whose its address is.
    pub by: BTreeSet<Arc<str>>,
    /// Files that tell its namespace's labels.
    pub space_by: BTreeSet<Arc<str>>,
    /// What of it no file tells, and why.
    pub lacks: Option<NotTold>,
}

impl SideMark {
    /// Whether all that is known of it is the line's own word.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.by.is_empty() && self.space_by.is_empty()
    }
}

impl fmt::Display for SideMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |files: &BTreeSet<Arc<str>>| {
            files.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" and ")
        };
        let mut words = Vec::new();
        if !self.by.is_empty() {
            words.push(format!("by {}", named(&self.by)));
        }
        if !self.space_by.is_subset(&self.by) {
            words.push(format!("its namespace by {}", named(&self.space_by)));
        }
        if let Some(why) = self.lacks.filter(|why| *why != NotTold::NotThere) {
            words.push(if self.is_none() { why.to_string() } else { format!("in part {why}") });
        }
        if words.is_empty() { Ok(()) } else { write!(f, " ({})", words.join("; ")) }
    }
}

/// A flow, and whose word its sides are.
#[derive(Debug, Clone)]
pub(crate) struct Filled<'a> {
    pub(crate) flow: Cow<'a, Flow>,
    pub(crate) source: SideMark,
    pub(crate) destination: SideMark,
}

/// What objects told of the lines that were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilledTotals {
    /// Lines of which they tell something that the line doesn't.
    pub lines: u64,
    /// Of these, lines whose time has no zone, and was read as UTC: elsewhere it is another time's pods that are told.
    pub no_zone: u64,
    /// Lines with a side that lacks something, by why they don't tell it.
    pub lacking: BTreeMap<NotTold, u64>,
}

impl FilledTotals {
    pub(crate) fn count(&mut self, filled: &Filled<'_>) {
        let Filled { flow, source, destination } = filled;
        let told = filled.rests_on_objects();
        self.lines += u64::from(told);
        self.no_zone += u64::from(told && flow.no_zone);
        let lacks: BTreeSet<NotTold> =
            [source, destination].into_iter().filter_map(|mark| mark.lacks).collect();
        lacks.into_iter().for_each(|why| *self.lacking.entry(why).or_default() += 1);
    }
}

impl Filled<'_> {
    /// Whether a file tells something of it.
    pub(crate) fn rests_on_objects(&self) -> bool {
        !self.source.is_none() || !self.destination.is_none()
    }
}

impl Roster {
    /// The flow, with what is told here.
    pub(crate) fn fill<'a>(&self, flow: &'a Flow) -> Filled<'a> {
        if self.files().is_empty() {
            let (source, destination) = Default::default();
            return Filled { flow: Cow::Borrowed(flow), source, destination };
        }
        let mut flow = flow.clone();
        let span = flow.time.map(|from| Span { from, to: flow.until.unwrap_or(from).max(from) });
        let (source, from) = self.side(&mut flow.source, span);
        let (destination, to) = self.side(&mut flow.destination, span);
        if let Some(span) = span {
            self.node(&mut flow.source, to, span);
            self.node(&mut flow.destination, from, span);
        }
        Filled { flow: Cow::Owned(flow), source, destination }
    }

    /// Fills one side; gives the pod that it is.
    fn side(&self, side: &mut Endpoint, span: Option<Span>) -> (SideMark, Option<&RosterPod>) {
        let mut mark = SideMark::default();
        let is_pod = matches!(side.kind, EndpointKind::Unknown | EndpointKind::Pod);
        if !is_pod {
            return (mark, None);
        }
        let wanting = is_wanting(side);
        let Some(span) = span else {
            mark.lacks = wanting.then_some(NotTold::NoTime);
            return (mark, None);
        };
        let found = self.pod_of(side, span).and_then(|pod| {
            let labels = joined(&side.labels, &pod.labels).ok_or(NotTold::Otherwise)?;
            Ok((pod, labels))
        });
        match &found {
            Ok((pod, labels)) if wanting => {
                mark.by.insert(Arc::clone(&self.files()[pod.word.file].name));
                side.kind = EndpointKind::Pod;
                side.namespace = Some(pod.namespace.clone());
                side.pod = Some(pod.name.clone());
                side.labels = labels.clone();
            }
            Err(why) if wanting => {
                mark.lacks = Some(*why);
                self.as_node(side, &mut mark, span);
            }
            _ => {}
        }
        self.space_of(side, &mut mark, span);
        (mark, found.ok().map(|(pod, _)| pod))
    }

    fn pod_of(&self, side: &Endpoint, span: Span) -> Result<&RosterPod, NotTold> {
        // Some logs write what several pods' names have in common, with a star behind it.
        let (start, whole) = match side.pod.as_deref() {
            Some(name) => name.strip_suffix('*').map_or((name, true), |start| (start, false)),
            None => ("", false),
        };
        let by_name = side.namespace.as_deref().filter(|_| whole);
        let pod = match (by_name, side.ip) {
            (Some(namespace), _) => self.pod(namespace, start, span)?,
            (None, Some(ip)) => self.pod_at(ip, span)?,
            (None, None) => return Err(NotTold::NotThere),
        };
        if pod.of_node {
            return Err(NotTold::NodesNetwork);
        }
        let space = side.namespace.as_ref().is_none_or(|own| *own == pod.namespace);
        let name = if whole { pod.name == start } else { pod.name.starts_with(start) };
        // A pod with another address than the line has is another cluster's, or was made anew.
        let address =
            side.ip.is_none_or(|ip| pod.addresses.contains(&ip) || !pod.has_addresses(span));
        if space && name && address { Ok(pod) } else { Err(NotTold::Otherwise) }
    }

    /// An address of which the line tells nothing may be a node's.
    fn as_node(&self, side: &mut Endpoint, mark: &mut SideMark, span: Span) {
        let bare = side.kind == EndpointKind::Unknown && side.namespace.is_none();
        let told = mark.lacks == Some(NotTold::NotThere);
        if let Some(ip) = side.ip.filter(|_| bare && told)
            && let Some(file) = self.host(ip, span)
        {
            side.kind = EndpointKind::Node;
            mark.by.insert(Arc::clone(&self.files()[file].name));
            mark.lacks = None;
        }
    }

    /// Of a node, whether it is the other side's own.
    fn node(&self, side: &mut Endpoint, other: Option<&RosterPod>, span: Span) {
        let Some((ip, pod)) = side.ip.zip(other) else { return };
        if side.kind == EndpointKind::Node && pod.has_node(span) {
            let own = pod.hosts.contains(&ip);
            match (own, self.host(ip, span).is_some()) {
                (true, _) => side.kind = EndpointKind::OwnNode,
                (false, true) => side.kind = EndpointKind::OtherNode,
                (false, false) => {}
            }
        }
    }

    fn space_of(&self, side: &mut Endpoint, mark: &mut SideMark, span: Span) {
        let Some(name) = side.namespace.clone() else { return };
        if side.namespace_labels.unlisted() == Unlisted::Absent {
            return;
        }
        let lacks = match self.space(&name, span) {
            Ok(space) => match joined(&side.namespace_labels, &space.labels) {
                Some(labels) => {
                    side.namespace_labels = labels;
                    mark.space_by.insert(Arc::clone(&self.files()[space.word.file].name));
                    None
                }
                None => Some(NotTold::Otherwise),
            },
            Err(why) => Some(why),
        };
        mark.lacks = mark.lacks.max(lacks);
    }
}

/// Whether the line leaves something out that objects may tell.
fn is_wanting(side: &Endpoint) -> bool {
    side.kind == EndpointKind::Unknown
        || side.namespace.is_none()
        || side.labels.unlisted() != Unlisted::Absent
}

/// All labels, where an object's agree with what the line tells of them.
fn joined(line: &LabelSet, object: &LabelSet) -> Option<LabelSet> {
    let listed = line.listed().iter().all(|(key, value)| object.get(key) == LabelValue::Is(value));
    let absent = object.listed().keys().all(|key| line.get(key) != LabelValue::Absent);
    (listed && absent).then(|| object.clone())
}
