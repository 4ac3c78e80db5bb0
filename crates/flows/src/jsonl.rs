//! Objects of JSON, one a line, whose keys are found by what logs call them.
//!
//! Ours is what [`crate::Flow::to_json`] writes. The others are those of GKE's network policy log (cloud.google.com,
//! "Network policy logging") and of the Amazon VPC CNI's network policy agent (its README, "Network policy logs").

use std::collections::BTreeMap;

use auditseal_audit::Time;
use serde_json::{Map, Value};

use crate::endpoint::{Endpoint, EndpointKind};
use crate::field::{add_policy, address, checked, port_of, text};
use crate::flow::{Flow, FlowDirection, FlowVerdict, Protocol};
use crate::labels::{LabelSet, Unlisted};
use crate::{NotAFlow, json};

const VERDICT: [&[&str]; 4] = [&["verdict"], &["disposition"], &["Verdict"], &["action"]];
const PROTOCOL: [&[&str]; 4] = [&["protocol"], &["connection", "protocol"], &["Proto"], &["proto"]];
const DIRECTION: [&[&str]; 2] = [&["direction"], &["connection", "direction"]];
const POLICIES: [&[&str]; 1] = [&["policies"]];

/// What the keys of one side are.
struct Side {
    ip: [&'static [&'static str]; 4],
    port: [&'static [&'static str]; 4],
    pod: [&'static [&'static str]; 2],
    namespace: [&'static [&'static str]; 2],
    object: &'static str,
}

const SOURCE: Side = Side {
    ip: [&["source", "ip"], &["connection", "src_ip"], &["Src IP"], &["src_ip"]],
    port: [&["source", "port"], &["connection", "src_port"], &["Src Port"], &["src_port"]],
    pod: [&["source", "pod"], &["src", "pod_name"]],
    namespace: [&["source", "namespace"], &["src", "pod_namespace"]],
    object: "source",
};

const DESTINATION: Side = Side {
    ip: [&["destination", "ip"], &["connection", "dest_ip"], &["Dest IP"], &["dest_ip"]],
    port: [&["destination", "port"], &["connection", "dest_port"], &["Dest Port"], &["dest_port"]],
    pod: [&["destination", "pod"], &["dest", "pod_name"]],
    namespace: [&["destination", "namespace"], &["dest", "pod_namespace"]],
    object: "destination",
};

type Object = Map<String, Value>;

pub(crate) fn read(line: &str, field: &str) -> Result<Flow, NotAFlow> {
    let line = json::object(line)?;
    let time = match text(&line, field, "time")? {
        None => None,
        Some(text) => {
            let time = Time::certain(text.as_bytes());
            Some(time.ok_or_else(|| NotAFlow::bad("time", &text))?)
        }
    };
    let said = word(&line, &VERDICT, "verdict")?;
    let verdict = match said.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("allow" | "allowed" | "accept" | "forwarded") => FlowVerdict::Allowed,
        Some("deny" | "denied" | "drop" | "dropped" | "reject" | "rejected") => FlowVerdict::Denied,
        _ => FlowVerdict::Unknown,
    };
    let said = match text(&line, "said", "verdict")? {
        Some(own) => own,
        None => said.unwrap_or_default(),
    };
    let direction = match word(&line, &DIRECTION, "direction")?.as_deref() {
        Some("ingress") => Some(FlowDirection::Ingress),
        Some("egress") => Some(FlowDirection::Egress),
        _ => None,
    };
    let protocol = match at(&line, &PROTOCOL) {
        Some(Value::String(name)) => Protocol::named(name),
        Some(Value::Number(number)) => Protocol::named(&number.to_string()),
        _ => Protocol::Other,
    };
    let mut policies = Vec::new();
    for one in at(&line, &POLICIES).and_then(Value::as_array).into_iter().flatten() {
        match one {
            Value::String(name) => add_policy(&mut policies, name)?,
            Value::Object(of) => {
                let Some(name) = text(of, "name", "policy")? else { continue };
                let space = text(of, "namespace", "policy's namespace")?;
                let name = space.map_or_else(|| name.clone(), |space| format!("{space}/{name}"));
                add_policy(&mut policies, &name)?;
            }
            other => return Err(NotAFlow::bad("policy", &other.to_string())),
        }
    }
    let (source, source_port) = side(&line, &SOURCE)?;
    let (destination, port) = side(&line, &DESTINATION)?;
    let reply = match line.get("reply") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(reply)) => Some(*reply),
        Some(other) => return Err(NotAFlow::bad("reply", &other.to_string())),
    };
    Ok(Flow {
        time,
        no_zone: line.get("no_zone") == Some(&Value::Bool(true)),
        until: moment(&line, "until"),
        source,
        destination,
        protocol,
        source_port,
        port,
        verdict,
        said,
        policies,
        direction,
        reply,
    })
}

/// A time of ours: what others mean by a name isn't known.
fn moment(line: &Object, key: &str) -> Option<Time> {
    line.get(key)?.as_str()?.parse().ok()
}

/// The first of these paths that leads to something.
fn at<'a>(line: &'a Object, paths: &[&[&str]]) -> Option<&'a Value> {
    let find = |path: &&[&str]| {
        let (first, rest) = path.split_first()?;
        let begin = line.get(*first)?;
        rest.iter().try_fold(begin, |value, key| value.get(key)).filter(|value| !value.is_null())
    };
    paths.iter().find_map(find)
}

fn word(line: &Object, paths: &[&[&str]], what: &'static str) -> Result<Option<String>, NotAFlow> {
    match at(line, paths) {
        None => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => checked(text, what).map(Some),
        Some(other) => Err(NotAFlow::bad(what, &other.to_string())),
    }
}

fn side(line: &Object, keys: &Side) -> Result<(Endpoint, Option<u16>), NotAFlow> {
    let ip = word(line, &keys.ip, "address")?.map(|text| address(&text, "address")).transpose()?;
    let pod = word(line, &keys.pod, "pod's name")?;
    let namespace = word(line, &keys.namespace, "namespace")?;
    let own = line.get(keys.object).and_then(Value::as_object);
    let member = |key| own.and_then(|own| own.get(key));
    let listed = |key, others| {
        let unlisted = unlisted(member(others))?;
        match member(key) {
            None | Some(Value::Null) => Ok(LabelSet::default()),
            Some(Value::Object(of)) => labels(of, unlisted),
            Some(other) => Err(NotAFlow::bad("labels", &other.to_string())),
        }
    };
    let place = match own.and_then(|own| own.get("place")).and_then(Value::as_str) {
        Some("pod") => EndpointKind::Pod,
        Some("outside") => EndpointKind::Outside,
        Some("own-node") => EndpointKind::OwnNode,
        Some("node") => EndpointKind::Node,
        Some("other-node") => EndpointKind::OtherNode,
        _ if pod.is_some() => EndpointKind::Pod,
        _ => EndpointKind::Unknown,
    };
    let labels = listed("labels", "other_labels")?;
    let namespace_labels = listed("namespace_labels", "other_namespace_labels")?;
    Ok((
        Endpoint { ip, kind: place, namespace, pod, labels, namespace_labels },
        port_of(at(line, &keys.port))?,
    ))
}

/// Labels that are listed are all that there are, unless it is said.
fn unlisted(word: Option<&Value>) -> Result<Unlisted, NotAFlow> {
    let all = [Unlisted::Absent, Unlisted::Unknown, Unlisted::AbsentButCiliums];
    match word {
        None | Some(Value::Null) => Ok(Unlisted::Absent),
        Some(word) => {
            let found = all.into_iter().find(|one| word.as_str() == Some(one.word()));
            found.ok_or_else(|| NotAFlow::bad("word for other labels", &word.to_string()))
        }
    }
}

fn labels(of: &Object, unlisted: Unlisted) -> Result<LabelSet, NotAFlow> {
    let mut all = BTreeMap::new();
    for (key, value) in of {
        let value = value.as_str().ok_or(NotAFlow::Form("a label is no text"))?;
        let value = if value.is_empty() { String::new() } else { checked(value, "label's value")? };
        all.insert(checked(key, "label")?, value);
    }
    LabelSet::new(all, unlisted)
}
