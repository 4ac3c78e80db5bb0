//! Pods and namespaces as somebody saw them: what `kubectl get pods,namespaces -A` printed.
//!
//! Such a file is nobody's proof. What it says of a pod holds from the pod's creation until the file was written, for that pod
//! was there all the time, with one uid; of what was before and after it says nothing. It was written after the newest time in
//! it, and when isn't in it: unless somebody says so, it counts until that time alone. An address is a pod's from when its
//! sandbox was ready, and no longer where the pod has ended or is being deleted: the next pod may have it by then. Clocks of
//! nodes may differ by a minute ([`APART`]), which is left out at both ends.
//!
//! Labels are those of when the file was written. Nothing in it says that they weren't changed while the pod was there; files
//! of several times that differ in them tell none.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use auditseal_audit::Time;
use auditseal_flows::{LabelSet, Unlisted};
use auditseal_history::words::netpol::NAMESPACE;
use serde_json::Value;

use crate::halves::APART;

/// Why objects don't tell of a side of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotTold {
    /// They name no such pod, namespace or address.
    NotThere,
    /// What has the name or the address now was created, or got the address, after the flow, or within a minute before it.
    Younger,
    /// The flow is of after they were written, or within a minute before that.
    Later,
    /// Several of them tell otherwise, or the line does.
    Otherwise,
    /// The pod is in its node's network, where policies don't apply, or each plugin has its own way.
    NodesNetwork,
    /// The line tells no time.
    NoTime,
}

impl NotTold {
    /// One word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NotThere => "not-there",
            Self::Younger => "younger",
            Self::Later => "later",
            Self::Otherwise => "otherwise",
            Self::NodesNetwork => "nodes-network",
            Self::NoTime => "no-time",
        }
    }
}

impl fmt::Display for NotTold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotThere => "not among the objects",
            Self::Younger => "younger among the objects",
            Self::Later => "seen after the objects were",
            Self::Otherwise => "otherwise among the objects",
            Self::NodesNetwork => "in its node's network",
            Self::NoTime => "seen at a time that isn't told",
        })
    }
}

/// Why a file isn't taken for objects of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotObjects(String);

impl fmt::Display for NotObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotObjects {}

/// When a flow happened, from its beginning to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) from: Time,
    pub(crate) to: Time,
}

/// One file, and what is in it.
#[derive(Debug, Clone)]
pub struct RosterFile {
    /// What the file is called.
    pub name: Arc<str>,
    /// When it was written: as it was said, else the newest time in it. Of several documents that of the first of them.
    pub first: Time,
    /// That of the last of them.
    pub last: Time,
    /// Somebody said when it was written.
    pub said: bool,
    /// Documents in it that tell of a pod or a namespace, each written at its own time.
    pub documents: usize,
    /// Pods in it.
    pub pods: usize,
    /// Namespaces in it.
    pub namespaces: usize,
    /// Objects of other kinds, which say nothing here.
    pub others: usize,
}

impl RosterFile {
    /// When it was written, or from when until when.
    #[must_use]
    pub fn times(&self) -> String {
        let Self { first, last, .. } = self;
        if first == last { first.to_string() } else { format!("{first} to {last}") }
    }
}

/// Whose word something is, and until when it holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word {
    /// The file's place.
    pub(crate) file: usize,
    until: Time,
}

/// A pod of a file.
#[derive(Debug, Clone)]
pub(crate) struct RosterPod {
    pub(crate) word: Word,
    pub(crate) namespace: String,
    pub(crate) name: String,
    uid: String,
    pub(crate) labels: LabelSet,
    made: Time,
    /// Since when it has its addresses for sure.
    addressed: Option<Time>,
    pub(crate) addresses: Vec<IpAddr>,
    /// Of its node.
    pub(crate) hosts: Vec<IpAddr>,
    /// Since when it is on its node.
    placed: Option<Time>,
    pub(crate) of_node: bool,
}

/// A namespace of a file.
#[derive(Debug, Clone)]
pub(crate) struct RosterSpace {
    pub(crate) word: Word,
    uid: String,
    pub(crate) labels: LabelSet,
    made: Time,
}

/// Pods and namespaces, as files say that they were.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    files: Vec<RosterFile>,
    pods: Vec<RosterPod>,
    named: BTreeMap<(String, String), Vec<usize>>,
    addressed: BTreeMap<IpAddr, Vec<usize>>,
    hosted: BTreeMap<IpAddr, Vec<usize>>,
    spaces: BTreeMap<String, Vec<RosterSpace>>,
}

impl Roster {
    /// Takes a document of a file, an object or a list of them, that was written at this time, if somebody says so.
    ///
    /// # Errors
    /// [`NotObjects`], for what is no object of Kubernetes, for a pod or a namespace without what the apiserver gives it, and
    /// where a time in it is later than it is said to be written.
    pub fn add(
        &mut self,
        name: &str,
        written: Option<Time>,
        objects: &Value,
    ) -> Result<(), NotObjects> {
        let (mut pods, mut spaces, mut others) = (Vec::new(), Vec::new(), 0);
        let of_list = text(objects, "/kind").and_then(|kind| kind.strip_suffix("List"));
        let items = objects.get("items").and_then(Value::as_array);
        for one in items.map_or(std::slice::from_ref(objects), Vec::as_slice) {
            // What the apiserver lists itself has its kind in the list alone.
            let kind = text(one, "/kind").or(of_list.filter(|_| items.is_some()));
            let core = text(one, "/apiVersion").is_none_or(|version| version == "v1");
            match kind.filter(|_| one.is_object()) {
                Some("Pod") if core => pods.push(one),
                Some("Namespace") if core => spaces.push(one),
                Some(_) => others += 1,
                None => return Err(NotObjects("there is something that has no kind".to_owned())),
            }
        }
        let newest = pods.iter().chain(&spaces).map(|one| newest(one)).max();
        let newest = newest.unwrap_or(Time::EPOCH);
        if let Some(said) = written.filter(|said| said.saturating_add(APART) < newest) {
            return Err(NotObjects(format!(
                "it has a time of {newest}, and is said to be written before that, at {said}"
            )));
        }
        let word = Word { file: self.file(name), until: written.unwrap_or(newest) };
        for pod in &pods {
            self.take_pod(RosterPod::read(pod, word)?);
        }
        for space in &spaces {
            let (name, space) = RosterSpace::read(space, word)?;
            self.spaces.entry(name).or_default().push(space);
        }
        let told = &mut self.files[word.file];
        told.said = written.is_some();
        told.others += others;
        if pods.len() + spaces.len() > 0 {
            told.first = if told.documents == 0 { word.until } else { told.first.min(word.until) };
            told.last = told.last.max(word.until);
            told.documents += 1;
            told.pods += pods.len();
            told.namespaces += spaces.len();
        }
        Ok(())
    }

    /// The place of the file of this name.
    fn file(&mut self, name: &str) -> usize {
        let known = self.files.iter().position(|file| *file.name == *name);
        known.unwrap_or_else(|| {
            self.files.push(RosterFile {
                name: Arc::from(name),
                first: Time::EPOCH,
                last: Time::EPOCH,
                said: false,
                documents: 0,
                pods: 0,
                namespaces: 0,
                others: 0,
            });
            self.files.len() - 1
        })
    }

    /// The files, in the order in which they were given.
    #[must_use]
    pub fn files(&self) -> &[RosterFile] {
        &self.files
    }

    fn take_pod(&mut self, pod: RosterPod) {
        let at = self.pods.len();
        let key = (pod.namespace.clone(), pod.name.clone());
        self.named.entry(key).or_default().push(at);
        if !pod.of_node {
            pod.addresses.iter().for_each(|ip| self.addressed.entry(*ip).or_default().push(at));
        }
        pod.hosts.iter().for_each(|ip| self.hosted.entry(*ip).or_default().push(at));
        self.pods.push(pod);
    }

    /// The pod that had this name then.
    pub(crate) fn pod(
        &self,
        namespace: &str,
        name: &str,
        span: Span,
    ) -> Result<&RosterPod, NotTold> {
        let of = self.named.get(&(namespace.to_owned(), name.to_owned()));
        let all = of.into_iter().flatten().map(|at| &self.pods[*at]);
        let pod = one(all, |pod| (Some(pod.made), pod.word), |pod| &pod.uid, span)?;
        self.settled(pod)
    }

    /// The pod that had this address then, in a network of its own.
    pub(crate) fn pod_at(&self, ip: IpAddr, span: Span) -> Result<&RosterPod, NotTold> {
        let all = self.addressed.get(&ip).into_iter().flatten().map(|at| &self.pods[*at]);
        let pod = one(all, |pod| (pod.addressed, pod.word), |pod| &pod.uid, span)?;
        if self.host(ip, span).is_some() {
            return Err(NotTold::Otherwise);
        }
        self.settled(pod)
    }

    /// The file that tells of a node with this address then.
    pub(crate) fn host(&self, ip: IpAddr, span: Span) -> Option<usize> {
        let mut all = self.hosted.get(&ip).into_iter().flatten().map(|at| &self.pods[*at]);
        all.find(|pod| pod.word.covers(pod.placed, span).is_ok()).map(|pod| pod.word.file)
    }

    /// A pod of which all files tell the same.
    fn settled<'a>(&'a self, pod: &'a RosterPod) -> Result<&'a RosterPod, NotTold> {
        let of = self.named.get(&(pod.namespace.clone(), pod.name.clone()));
        let mut all = of.into_iter().flatten().map(|at| &self.pods[*at]);
        let same = all.all(|one| one.uid != pod.uid || one.labels == pod.labels);
        if same { Ok(pod) } else { Err(NotTold::Otherwise) }
    }

    /// The namespace that had this name then.
    pub(crate) fn space(&self, name: &str, span: Span) -> Result<&RosterSpace, NotTold> {
        let all = || self.spaces.get(name).into_iter().flatten();
        let since = |space: &RosterSpace| (Some(space.made), space.word);
        let space = one(all(), since, |space| &space.uid, span)?;
        let same = all().all(|one| one.uid != space.uid || one.labels == space.labels);
        if same { Ok(space) } else { Err(NotTold::Otherwise) }
    }
}

impl Word {
    /// Whether what is there from `since` until this was written was there all the time of a flow.
    fn covers(self, since: Option<Time>, span: Span) -> Result<(), NotTold> {
        match since {
            Some(since) if since.saturating_add(APART) <= span.from => {}
            _ => return Err(NotTold::Younger),
        }
        let before = span.to.saturating_add(APART) <= self.until;
        if before { Ok(()) } else { Err(NotTold::Later) }
    }
}

/// The one that all candidates are which were there at that time.
fn one<'a, T>(
    all: impl Iterator<Item = &'a T>,
    since: impl Fn(&T) -> (Option<Time>, Word),
    uid: impl Fn(&T) -> &str,
    span: Span,
) -> Result<&'a T, NotTold> {
    let (mut found, mut lacks): (Option<&T>, NotTold) = (None, NotTold::NotThere);
    for one in all {
        let (since, word) = since(one);
        match (word.covers(since, span), found) {
            (Ok(()), Some(other)) if uid(other) != uid(one) => return Err(NotTold::Otherwise),
            (Ok(()), _) => found = Some(one),
            (Err(why), _) => lacks = lacks.max(why),
        }
    }
    found.ok_or(lacks)
}

fn text<'a>(of: &'a Value, path: &str) -> Option<&'a str> {
    of.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn time(of: &Value, path: &str) -> Option<Time> {
    text(of, path).and_then(|text| Time::certain(text.as_bytes()))
}

/// Conditions of a pod that its scheduler and its kubelet keep. Source: kubernetes.io, "Pod Lifecycle", Pod conditions.
const KEPT: [&str; 5] =
    ["PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready"];

/// The newest time that the apiserver, the scheduler or the kubelet stamped. Texts of a status are others' words: a container
/// writes its own message. A deletion's time may be still to come.
fn newest(of: &Value) -> Time {
    let list = |path: &str| of.pointer(path).and_then(Value::as_array).into_iter().flatten();
    let kept = |one: &&Value| text(one, "/type").is_some_and(|kind| KEPT.contains(&kind));
    let conditions =
        list("/status/conditions").filter(kept).filter_map(|one| time(one, "/lastTransitionTime"));
    let stamps = [
        "/state/running/startedAt",
        "/state/terminated/startedAt",
        "/state/terminated/finishedAt",
        "/lastState/terminated/startedAt",
        "/lastState/terminated/finishedAt",
    ];
    let containers = [
        "/status/initContainerStatuses",
        "/status/containerStatuses",
        "/status/ephemeralContainerStatuses",
    ]
    .into_iter()
    .flat_map(list)
    .flat_map(|one| stamps.into_iter().filter_map(|stamp| time(one, stamp)));
    ["/metadata/creationTimestamp", "/status/startTime"]
        .into_iter()
        .filter_map(|path| time(of, path))
        .chain(conditions)
        .chain(containers)
        .max()
        .unwrap_or(Time::EPOCH)
}

/// What it is called, its uid, and when it was created.
fn identity(of: &Value, what: &str) -> Result<(String, String, Time), NotObjects> {
    let name = text(of, "/metadata/name").unwrap_or("(without a name)");
    let found = text(of, "/metadata/uid").zip(time(of, "/metadata/creationTimestamp"));
    let (uid, made) = found.ok_or_else(|| {
        let space = text(of, "/metadata/namespace").map(|space| format!("{space}/"));
        let shown = format!("{what} {}{name}", space.unwrap_or_default());
        let shown = shown.escape_debug();
        NotObjects(format!("{shown} has no uid or no creationTimestamp: no apiserver listed it"))
    })?;
    Ok((name.to_owned(), uid.to_owned(), made))
}

/// All labels but one.
fn labels(of: &Value, but: Option<&str>) -> Result<LabelSet, NotObjects> {
    let all = of.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    let all = all.filter(|(key, _)| Some(key.as_str()) != but);
    let all: BTreeMap<String, String> = all
        .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    LabelSet::new(all, Unlisted::Absent)
        .map_err(|error| NotObjects(format!("labels of an object: {error}")))
}

/// Addresses at `one`, and at `ip` of each member of `all`.
fn addresses(of: &Value, one: &str, all: &str) -> Vec<IpAddr> {
    let more = of.pointer(all).and_then(Value::as_array).into_iter().flatten();
    let texts = text(of, one).into_iter().chain(more.filter_map(|each| text(each, "/ip")));
    let found: BTreeSet<IpAddr> = texts.filter_map(|text| text.parse().ok()).collect();
    found.into_iter().collect()
}

impl RosterPod {
    /// Whether it was on its node, and had its addresses, all the time of a flow.
    pub(crate) fn has_addresses(&self, span: Span) -> bool {
        self.word.covers(self.addressed, span).is_ok()
    }

    /// The same of its node's.
    pub(crate) fn has_node(&self, span: Span) -> bool {
        !self.hosts.is_empty() && self.word.covers(self.placed, span).is_ok()
    }

    fn read(of: &Value, word: Word) -> Result<Self, NotObjects> {
        let (name, uid, made) = identity(of, "pod")?;
        let namespace = text(of, "/metadata/namespace").unwrap_or_default().to_owned();
        let phase = text(of, "/status/phase").unwrap_or_default();
        // What has ended, or is about to, may have given its address away.
        let lasting = phase == "Running" && of.pointer("/metadata/deletionTimestamp").is_none();
        let of_node = of.pointer("/spec/hostNetwork").and_then(Value::as_bool) == Some(true);
        Ok(Self {
            word,
            namespace,
            name,
            uid,
            labels: labels(of, None)?,
            made,
            addressed: addressed(of).filter(|_| lasting).map(|since| since.max(made)),
            addresses: addresses(of, "/status/podIP", "/status/podIPs"),
            hosts: addresses(of, "/status/hostIP", "/status/hostIPs"),
            placed: time(of, "/status/startTime").map(|since| since.max(made)),
            of_node,
        })
    }
}

impl RosterSpace {
    fn read(of: &Value, word: Word) -> Result<(String, Self), NotObjects> {
        let (name, uid, made) = identity(of, "namespace")?;
        // Its name is asked for by itself.
        Ok((name, Self { word, uid, labels: labels(of, Some(NAMESPACE))?, made }))
    }
}

/// Since when the pod has its present addresses for sure: its sandbox is ready since then, or a container runs in it.
///
/// Source: kubernetes.io, "Pod Lifecycle", `PodReadyToStartContainers`; a sandbox that is made anew, with another address, ends
/// the containers that ran in it.
fn addressed(of: &Value) -> Option<Time> {
    let list = |path: &str| of.pointer(path).and_then(Value::as_array).into_iter().flatten();
    let ready = list("/status/conditions")
        .filter(|one| text(one, "/type") == Some("PodReadyToStartContainers"))
        .filter(|one| text(one, "/status") == Some("True"))
        .filter_map(|one| time(one, "/lastTransitionTime"));
    let running = ["/status/containerStatuses", "/status/initContainerStatuses"]
        .into_iter()
        .flat_map(list)
        .filter_map(|one| time(one, "/state/running/startedAt"));
    ready.chain(running).min()
}
