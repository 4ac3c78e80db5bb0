//! Objects as they are now, held against what the trail knows of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use auditseal_audit::Time;
use auditseal_history::life::{
    CompareVerdict, Comparison, Doubt, FieldChange, KnownObject, ObjectName, compare,
};
use auditseal_history::{ObjectPath, PathStep};
use serde_json::Value;

use crate::lives::{LifeEnd, Lives, MAX_LIVES};
use crate::said::{Said, SaidKind};
use crate::shown::{object_name, side};
use crate::text::bracket;

/// Objects that were read from the cluster.
#[derive(Debug)]
pub struct LiveObjects {
    /// Kind and group that all of them have; empty where they are none, and the list doesn't say of what.
    pub kind: String,
    /// Empty for the core.
    pub group: String,
    objects: BTreeMap<(String, String), Value>,
    /// They are a list, so what is missing from it may be gone.
    list: bool,
}

/// Why a file can't be compared with.
pub type NotComparable = String;

impl LiveObjects {
    /// Of an object, or of a list of objects of one type, as `kubectl get -o yaml` prints them.
    ///
    /// # Errors
    /// [`NotComparable`], in words.
    pub fn of(value: Value) -> Result<Self, NotComparable> {
        let empty = empty_list(&value);
        let (list, items) = items_of(value);
        if let (Some((kind, group)), true) = (empty, items.is_empty()) {
            return Ok(Self { kind, group, objects: BTreeMap::new(), list });
        }
        let mut objects = BTreeMap::new();
        let mut of: Option<(String, String)> = None;
        for item in items {
            let text = |path: &str| {
                item.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            let (kind, version, name) =
                (text("/kind"), text("/apiVersion"), text("/metadata/name"));
            if kind.is_empty() || version.is_empty() || name.is_empty() {
                return Err("it holds something that isn't an object with apiVersion, kind and metadata.name".to_owned());
            }
            let this = (kind, group_of(&version).to_owned());
            if of.as_ref().is_some_and(|of| *of != this) {
                return Err(format!(
                    "it holds objects of several types, {} and {}",
                    of.unwrap_or_default().0,
                    this.0
                ));
            }
            of = Some(this);
            let place = text("/metadata/namespace");
            if objects.insert((place, name.clone()), item).is_some() {
                return Err(format!("it holds {name} twice"));
            }
        }
        let (kind, group) = of.ok_or("it holds no object")?;
        Ok(Self { kind, group, objects, list })
    }
}

/// Kind and group of what isn't in it, of a list of Kubernetes.
fn empty_list(value: &Value) -> Option<(String, String)> {
    let kind = value.get("kind")?.as_str()?.strip_suffix("List")?;
    let group = group_of(value.get("apiVersion")?.as_str()?);
    Some((kind.to_owned(), group.to_owned()))
}

/// The group of a version of the API; empty for the core.
fn group_of(version: &str) -> &str {
    version.split_once('/').map_or("", |(group, _)| group)
}

/// Whether it is a list, and the objects in it; or the one that it is.
fn items_of(mut value: Value) -> (bool, Vec<Value>) {
    let items = value.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take);
    let Some(items) = items else { return (false, vec![value]) };
    let kind = value.get("kind").and_then(Value::as_str);
    let kind = kind.and_then(|kind| kind.strip_suffix("List")).unwrap_or_default();
    let version = value.get("apiVersion").cloned().unwrap_or_default();
    (true, items.into_iter().map(|item| typed(item, kind, &version)).collect())
}

/// Items of a typed list lack their type.
fn typed(mut item: Value, kind: &str, version: &Value) -> Value {
    if let Some(members) = item.as_object_mut()
        && !kind.is_empty()
    {
        members.entry("kind").or_insert_with(|| kind.into());
        members.entry("apiVersion").or_insert_with(|| version.clone());
    }
    item
}

/// What came of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedObject {
    /// Which.
    pub object: ObjectName,
    /// The file has it; else the trail's last word is that it is there.
    pub listed: bool,
    /// What is to be said of it.
    pub verdict: CompareVerdict,
    /// When it says of itself that it was created.
    pub created: Option<Time>,
    /// It says that it was created before all that was searched.
    pub from_before: bool,
    /// There are more objects than are followed, and it isn't one of those that are.
    pub beyond: bool,
    /// The versions of the API in which the trail and the file have it, if they are two.
    pub versions: Option<(String, String)>,
    /// Fields of a policy's rule that names nobody now, and so lets everybody through.
    pub open: Vec<ObjectPath>,
    /// Field by field, from what the trail knows to what is live.
    pub fields: Vec<FieldChange>,
    /// How many more.
    pub more: usize,
}

impl ComparedObject {
    /// Whether somebody should look: it was written, made or taken away by what isn't in the trail.
    #[must_use]
    pub fn is_finding(&self) -> bool {
        match &self.verdict {
            _ if !self.listed => true,
            CompareVerdict::Unseen { .. }
            | CompareVerdict::Older
            | CompareVerdict::OtherObject
            | CompareVerdict::Deleted
            | CompareVerdict::Contradiction => true,
            CompareVerdict::Unknown(Doubt::NeverSeen) => !self.from_before && !self.beyond,
            CompareVerdict::Unknown(_) => false,
            CompareVerdict::Same | CompareVerdict::Unproved => false,
        }
    }

    /// It is just as the trail knows it.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.listed && self.verdict == CompareVerdict::Same
    }

    /// What it came to, in a sentence.
    #[must_use]
    pub fn text(&self) -> String {
        let versions = self.versions.as_ref().filter(|_| self.listed);
        let versions = versions.map_or(String::new(), |(known, live)| {
            format!(" (the trail has it as {known}, the file as {live})")
        });
        self.sentence() + &versions
    }

    fn sentence(&self) -> String {
        let created = self
            .created
            .map(|time| format!(" It says that it was created at {time}."))
            .unwrap_or_default();
        match &self.verdict {
            _ if !self.listed => {
                "the trail's last word is that it is there, and the file doesn't list it: it was deleted by what isn't in the trail, or the \
                 file is of a part, or older"
                    .to_owned()
            }
            CompareVerdict::Same => "as the trail knows it".to_owned(),
            CompareVerdict::Unseen { least: 0 } => {
                "it was written by what isn't in the trail: by another way into the store, a chain that wasn't asked, or what the audit \
                 policy leaves out"
                    .to_owned()
            }
            CompareVerdict::Unseen { least } => format!(
                "at least {least} changes of it aren't in the trail: they came another way into the store, in a chain that wasn't asked, or \
                 the audit policy leaves them out"
            ),
            CompareVerdict::Older => {
                "it is older than the trail's last word of it: the store was restored, or the file was written before that".to_owned()
            }
            CompareVerdict::Unproved => "unknown: requests that the trail holds may have made it what it is; their answers aren't logged".to_owned(),
            CompareVerdict::OtherObject => {
                format!("it is another object of that name than the trail's last one: how it came isn't in the trail.{created}")
            }
            CompareVerdict::Deleted => format!("the trail says that it was deleted, and it is there: how it came isn't in the trail.{created}"),
            CompareVerdict::Contradiction => {
                "it has the version that the trail knows, and other content: it was written into the store past the apiserver, or one of \
                 both isn't what it says"
                    .to_owned()
            }
            CompareVerdict::Unknown(Doubt::NeverSeen) if self.beyond => format!(
                "unknown: the trail tells of more than the {MAX_LIVES} objects that are followed: give a namespace or a name"
            ),
            CompareVerdict::Unknown(Doubt::NeverSeen) if self.from_before => {
                format!("no state of it is in the trail: it is older than what was searched.{created}")
            }
            CompareVerdict::Unknown(Doubt::NeverSeen) => {
                format!("no state of it is in the trail, and nothing shows that it is older: how it came isn't known.{created}")
            }
            CompareVerdict::Unknown(doubt) => format!("unknown: what the trail knows of it can't be compared: {doubt}"),
        }
    }

    /// The same for a terminal, with its fields below.
    #[must_use]
    pub fn lines(&self) -> String {
        let escape = auditseal_chain::escape;
        let mut text = format!("{}: {}\n", object_name(&self.object), escape(&self.text()));
        for said in self.said() {
            text += &format!(
                "    {}{}\n",
                escape(&said.text),
                escape(&bracket(said.mark.as_ref(), true))
            );
        }
        text
    }

    fn said(&self) -> Vec<Said> {
        let field = |of: &FieldChange| Said {
            kind: SaidKind::Field,
            text: format!(
                "{}: the trail has {}, it is {}{}",
                of.path,
                side(&of.before),
                side(&of.after),
                if self.open.contains(&of.path) { ", which means anyone" } else { "" }
            ),
            mark: None,
        };
        let mut said: Vec<Said> = self.fields.iter().map(field).collect();
        if self.more > 0 {
            said.push(Said {
                kind: SaidKind::Note,
                text: format!("and {} fields more", self.more),
                mark: None,
            });
        }
        said
    }
}

/// Compares live objects with lives that are told to their end; `begin`: the first time of the lines that were searched.
#[must_use]
pub fn compared(
    lives: &Lives,
    live: &LiveObjects,
    resource: &str,
    begin: Option<Time>,
) -> Vec<ComparedObject> {
    let ends: BTreeMap<&ObjectName, LifeEnd<'_>> =
        lives.ends().map(|end| (end.object, end)).collect();
    let mut all = Vec::new();
    for ((namespace, name), object) in &live.objects {
        let of = ObjectName {
            group: live.group.clone(),
            resource: resource.to_owned(),
            namespace: namespace.clone(),
            name: name.clone(),
        };
        if !lives.wanted().has(&of) {
            continue;
        }
        let end = ends.get(&of);
        let created = object.pointer("/metadata/creationTimestamp").and_then(Value::as_str);
        let created = created.and_then(|text| Time::certain(text.as_bytes()));
        let (found, versions) = match end {
            Some(end) => held(end, object, created),
            None => (compare(&KnownObject::Nothing(Doubt::NeverSeen), object), None),
        };
        let from_before = created.zip(begin).is_some_and(|(created, begin)| created < begin);
        all.push(ComparedObject {
            from_before,
            beyond: end.is_none() && lives.is_beyond(),
            versions,
            open: open_rules(&of, &found, object),
            object: of,
            listed: true,
            verdict: found.verdict,
            created,
            fields: found.fields,
            more: found.more,
        });
    }
    if live.list {
        let listed =
            |of: &ObjectName| live.objects.contains_key(&(of.namespace.clone(), of.name.clone()));
        let gone = ends.iter().filter(|(of, end)| end.known.state().is_some() && !listed(of));
        all.extend(gone.map(|(object, _)| ComparedObject {
            object: (*object).clone(),
            listed: false,
            beyond: false,
            versions: None,
            open: Vec::new(),
            verdict: CompareVerdict::Unproved,
            created: None,
            from_before: false,
            fields: Vec::new(),
            more: 0,
        }));
    }
    all
}

/// Which of the fields that differ stand in a rule of a policy that names nobody: it lets everybody through.
fn open_rules(of: &ObjectName, found: &Comparison, live: &Value) -> Vec<ObjectPath> {
    let names_nobody = |path: &ObjectPath| {
        let peers =
            |step: &PathStep| matches!(step, PathStep::Key(key) if key == "from" || key == "to");
        let Some(at) = path.0.iter().position(peers) else { return false };
        let rule = ObjectPath(path.0[..at].to_vec()).find(live);
        let listed = rule.and_then(|rule| ObjectPath(vec![path.0[at].clone()]).find(rule));
        let none = |of: &Value| of.is_null() || of.as_array().is_some_and(Vec::is_empty);
        rule.is_some() && listed.is_none_or(none)
    };
    let fields = found.fields.iter().map(|field| &field.path);
    match &*of.resource {
        "networkpolicies" => fields.filter(|path| names_nobody(path)).cloned().collect(),
        _ => Vec::new(),
    }
}

/// Holds one object against the end of its life.
fn held(
    end: &LifeEnd<'_>,
    live: &Value,
    created: Option<Time>,
) -> (Comparison, Option<(String, String)>) {
    let (same, versions) = in_one_version(end.known, live);
    let mut found = compare(end.known, same.as_ref().unwrap_or(live));
    if found.verdict == CompareVerdict::Contradiction && versions.is_some() {
        // The fields of two versions aren't the same.
        found = compare(end.known, live);
    }
    if let Some(shown) = end.shown {
        // Whatever was done since: what has the version that the last answer showed is that, or was altered.
        let firm = compare(&KnownObject::There(Arc::new(shown.clone())), live);
        let is_firm = matches!(
            firm.verdict,
            CompareVerdict::Same | CompareVerdict::Contradiction | CompareVerdict::OtherObject
        );
        if is_firm {
            return (firm, None);
        }
    }
    let open = match &found.verdict {
        CompareVerdict::Unproved => true,
        CompareVerdict::Unknown(doubt) => *doubt != Doubt::NeverSeen,
        _ => false,
    };
    if open && let Some(verdict) = unexplained(end, live, created) {
        found.verdict = verdict;
    }
    (found, versions)
}

/// The object as if it were of the version in which the trail has it; none: it is.
fn in_one_version(known: &KnownObject, live: &Value) -> (Option<Value>, Option<(String, String)>) {
    let version = |of: &Value| of.get("apiVersion")?.as_str().map(str::to_owned);
    let group = |version: &str| version.rsplit_once('/').map(|(group, _)| group.to_owned());
    let of_known = known.state().and_then(|state| version(&state.object));
    let Some((one, other)) = of_known.zip(version(live)) else { return (None, None) };
    if one == other || group(&one) != group(&other) {
        return (None, None);
    }
    let mut same = live.clone();
    same["apiVersion"] = one.clone().into();
    (Some(same), Some((one, other)))
}

/// What can't have come of the requests that the trail holds, where their answers aren't logged.
fn unexplained(end: &LifeEnd<'_>, live: &Value, created: Option<Time>) -> Option<CompareVerdict> {
    let uid = |of: &Value| of.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned);
    let known = end.known.state().and_then(|state| uid(&state.object));
    let other = known.zip(uid(live)).is_some_and(|(known, live)| known != live);
    if other || created.zip(end.last.latest).is_some_and(|(created, latest)| created > latest) {
        return Some(CompareVerdict::OtherObject);
    }
    let generation = live.pointer("/metadata/generation").and_then(Value::as_u64);
    let least = generation?.saturating_sub(end.last.writes?);
    (least > 0).then_some(CompareVerdict::Unseen { least })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(name: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "n"}})
    }

    #[test]
    fn objects_and_lists_are_read_as_kubectl_prints_them() {
        let one = LiveObjects::of(map("c")).unwrap();
        assert_eq!((one.kind.as_str(), one.group.as_str(), one.list), ("ConfigMap", "", false));
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [map("a"), map("b")]});
        let list = LiveObjects::of(list).unwrap();
        assert_eq!((list.objects.len(), list.list), (2, true));
        // The apiserver's own lists name the type once.
        let bare = json!({"metadata": {"name": "p", "namespace": "n"}});
        let typed =
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressList", "items": [bare]});
        let typed = LiveObjects::of(typed).unwrap();
        assert_eq!((typed.kind.as_str(), typed.group.as_str()), ("Ingress", "networking.k8s.io"));
    }

    #[test]
    fn what_cannot_be_compared_with_says_why() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}});
        for (value, why) in [
            (json!({"items": []}), "it holds no object"),
            (json!({"items": [map("a"), map("a")]}), "it holds a twice"),
            (json!({"items": [map("a"), secret]}), "of several types, ConfigMap and Secret"),
            (json!({"items": [3]}), "something that isn't an object"),
            (json!("text"), "something that isn't an object"),
        ] {
            let refused = LiveObjects::of(value).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }

    const OLD: &str = "2026-11-30T06:00:00Z";

    fn stored(version: &str, generation: u64, from: Value) -> Value {
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": "p", "namespace": "n", "uid": "u1", "resourceVersion": version, "generation": generation,
                "creationTimestamp": OLD}, "spec": {"ingress": [{"from": from}]}})
    }

    fn followed(events: &[(&str, Value, Value)]) -> Lives {
        let wanted = crate::WantedObjects {
            resource: "networkpolicies".into(),
            group: None,
            namespace: Some("n".into()),
            name: None,
            namespaced: true,
        };
        let mut lives = Lives::new(wanted, crate::Telling::default());
        for (at, (verb, request, response)) in (0..).zip(events) {
            let code = if *verb == "create" { 201 } else { 200 };
            let mut event = json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse",
                "stage": "ResponseComplete", "auditID": at.to_string(), "verb": verb, "user": {"username": "u"},
                "objectRef": {"resource": "networkpolicies", "apiGroup": "networking.k8s.io", "apiVersion": "v1", "namespace": "n", "name": "p"},
                "requestReceivedTimestamp": format!("2026-11-30T06:00:{at:02}.100000Z"),
                "stageTimestamp": format!("2026-11-30T06:00:{at:02}.200000Z"),
                "responseStatus": {"code": code}, "requestObject": request, "responseObject": response});
            if *verb == "deletecollection" {
                event["level"] = "Metadata".into();
                event["objectRef"].as_object_mut().unwrap().remove("name");
            }
            if response.is_null() && *verb != "deletecollection" {
                event["level"] = "Request".into();
            }
            let cite = auditseal_history::Cite {
                chain: 0,
                seq: 0,
                line: at,
                seal: auditseal_format::hash(b""),
            };
            lives.take(event.to_string().as_bytes(), cite);
        }
        lives.finish();
        lives
    }

    fn verdict(lives: &Lives, live: Value) -> ComparedObject {
        let live = LiveObjects::of(live).unwrap();
        compared(lives, &live, "networkpolicies", None).remove(0)
    }

    #[test]
    fn a_collection_without_an_answer_hides_nothing_that_was_shown() {
        let peers = || json!([{"podSelector": {}}]);
        let lives = followed(&[
            ("create", stored("", 1, peers()), stored("5", 1, peers())),
            ("deletecollection", Value::Null, Value::Null),
        ]);
        assert_eq!(verdict(&lives, stored("5", 1, peers())).verdict, CompareVerdict::Same);
        let altered = verdict(&lives, stored("5", 1, json!([])));
        assert_eq!(altered.verdict, CompareVerdict::Contradiction);
        assert!(
            altered.lines().contains("it is nothing, which means anyone"),
            "{}",
            altered.lines()
        );
        let mut other = stored("9", 1, peers());
        other["metadata"]["uid"] = "u2".into();
        assert_eq!(verdict(&lives, other).verdict, CompareVerdict::OtherObject);
        let later = verdict(&lives, stored("9", 2, peers()));
        assert!(matches!(later.verdict, CompareVerdict::Unknown(_)), "{later:?}");
        assert!(later.text().starts_with("unknown: "), "{}", later.text());
    }

    /// Where no answer is logged, what the requests can't have made is found all the same.
    #[test]
    fn without_answers_what_no_request_made_is_found() {
        let peers = || json!([{"podSelector": {}}]);
        let sent = || {
            let mut sent = stored("", 1, peers());
            sent["metadata"] = json!({"name": "p", "namespace": "n"});
            sent
        };
        let lives = followed(&[("create", sent(), Value::Null), ("update", sent(), Value::Null)]);
        let as_sent = verdict(&lives, stored("9", 2, peers()));
        assert!(as_sent.text().starts_with("unknown: ") && !as_sent.is_same(), "{as_sent:?}");
        let beyond = verdict(&lives, stored("9", 4, peers()));
        assert_eq!(beyond.verdict, CompareVerdict::Unseen { least: 2 });
        let mut later = stored("9", 1, peers());
        later["metadata"]["creationTimestamp"] = "2026-11-30T07:00:00Z".into();
        assert_eq!(verdict(&lives, later).verdict, CompareVerdict::OtherObject);
    }

    #[test]
    fn another_version_of_the_api_is_said_and_is_no_difference() {
        let peers = || json!([{"podSelector": {}}]);
        let lives = followed(&[("create", stored("", 1, peers()), stored("5", 1, peers()))]);
        let mut beta = stored("5", 1, peers());
        beta["apiVersion"] = "networking.k8s.io/v1beta1".into();
        let found = verdict(&lives, beta.clone());
        assert!(found.is_same() && found.text().contains("the file as networking.k8s.io/v1beta1"));
        beta["spec"]["more"] = 1.into();
        assert!(matches!(verdict(&lives, beta).verdict, CompareVerdict::Unknown(_)));
        let restored = verdict(&lives, stored("4", 1, peers()));
        assert!(restored.is_finding() && restored.text().contains("restored"), "{restored:?}");
    }

    #[test]
    fn a_list_without_objects_says_what_is_missing() {
        let peers = || json!([{"podSelector": {}}]);
        let lives = followed(&[("create", stored("", 1, peers()), stored("5", 1, peers()))]);
        let missing = verdict(&lives, json!({"apiVersion": "v1", "kind": "List", "items": []}));
        assert!(!missing.listed && missing.is_finding());
        let typed =
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressList", "items": []});
        assert_eq!(LiveObjects::of(typed).unwrap().kind, "Ingress");
    }

    /// Whoever reads the trail must look where something isn't explained, and only there.
    #[test]
    fn what_no_request_explains_is_a_finding() {
        let of = |verdict: CompareVerdict, listed, from_before| ComparedObject {
            object: ObjectName::default(),
            listed,
            verdict,
            created: None,
            from_before,
            beyond: false,
            versions: None,
            open: Vec::new(),
            fields: Vec::new(),
            more: 0,
        };
        let never = || CompareVerdict::Unknown(Doubt::NeverSeen);
        for (one, finding) in [
            (of(CompareVerdict::Same, true, false), false),
            (of(CompareVerdict::Same, false, false), true),
            (of(CompareVerdict::Unseen { least: 0 }, true, false), true),
            (of(CompareVerdict::Unseen { least: 3 }, true, false), true),
            (of(CompareVerdict::Older, true, false), true),
            (of(CompareVerdict::Unproved, true, false), false),
            (of(CompareVerdict::OtherObject, true, false), true),
            (of(CompareVerdict::Deleted, true, false), true),
            (of(CompareVerdict::Contradiction, true, false), true),
            (of(never(), true, false), true),
            (of(never(), true, true), false),
            (of(CompareVerdict::Unknown(Doubt::Level), true, false), false),
        ] {
            assert_eq!(one.is_finding(), finding, "{one:?}");
            assert!(one.text().len() > 10 && !one.text().contains('\n'), "{}", one.text());
        }
    }
}
