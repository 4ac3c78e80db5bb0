//! A model of the apiserver with one object: it stores, defaults, lets webhooks change, refuses, converts, logs at levels,
//! and writes what it doesn't log. It knows the truth of each request.

use std::collections::BTreeMap;

use auditseal_history::patch::{PatchKind, apply_patch};
use serde_json::{Value, json};

/// Dice, the same for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

/// What a request really did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Truth {
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
    /// In which version of the API it was answered.
    pub(crate) api: String,
    pub(crate) what: String,
    pub(crate) level: &'static str,
}

pub(crate) struct Server {
    pub(crate) dice: Dice,
    custom: bool,
    revision: u64,
    pub(crate) object: Option<Value>,
    born: u64,
    pub(crate) clock: u64,
    /// Lines with what they did, by the time they were written at.
    pub(crate) log: Vec<(u64, String, usize)>,
    pub(crate) truths: Vec<Truth>,
    /// The object from each time on.
    pub(crate) times: Vec<(u64, Option<Value>)>,
}

/// An object as the other version of the API shows it.
pub(crate) fn converted(object: &Value, api: &str) -> Value {
    let mut object = object.clone();
    if api.ends_with("v2") {
        object["apiVersion"] = api.into();
        if let Some(value) = object["spec"].as_object_mut().and_then(|spec| spec.remove("a")) {
            object["spec"]["alpha"] = value;
        }
    }
    object
}

/// What admission and the writer of an object may do to it on its way.
struct Way {
    annotations: BTreeMap<String, String>,
    versionless: bool,
}

impl Server {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let custom = dice.one_in(2);
        Self {
            dice,
            custom,
            revision: 100,
            object: None,
            born: 0,
            clock: 1_795_248_000_000_000,
            log: Vec::new(),
            truths: Vec::new(),
            times: Vec::new(),
        }
    }

    pub(crate) fn group(&self) -> &'static str {
        if self.custom { "example.com" } else { "apps" }
    }

    pub(crate) fn resource(&self) -> &'static str {
        if self.custom { "widgets" } else { "deployments" }
    }

    fn api(&self) -> String {
        format!("{}/v1", self.group())
    }

    fn version(&self) -> Option<String> {
        Some(self.object.as_ref()?["metadata"]["resourceVersion"].as_str()?.to_owned())
    }

    fn fresh(&mut self) -> Value {
        let kind = if self.custom { "Widget" } else { "Deployment" };
        let mut labels = json!({});
        labels[self.dice.pick(&["x", "y"])] = self.dice.pick(&["1", "2"]).into();
        json!({"apiVersion": self.api(), "kind": kind,
            "metadata": {"name": "p", "namespace": "n", "labels": labels},
            "spec": {"a": self.dice.below(3), "replicas": self.dice.below(4), "template": {"spec": {"containers": self.containers()}}}})
    }

    fn containers(&mut self) -> Value {
        let names = self.dice.pick(&[&["a"][..], &["a", "b"], &["b", "a"], &["a", "b", "c"], &[]]);
        let one = |name: &&str| json!({"name": name, "image": format!("i{}", self.dice.below(3))});
        names.iter().map(one).collect::<Vec<_>>().into()
    }

    /// A patch of this kind, and whether it names the stored version.
    fn patch(&mut self, kind: PatchKind) -> Value {
        let version = self.version().unwrap_or_default();
        let stale = (self.revision - 1).to_string();
        let named = match self.dice.below(6) {
            0 | 1 => Some(version),
            2 => Some(stale),
            _ => None,
        };
        let value = self.dice.below(3);
        if kind == PatchKind::Json {
            let mut list = vec![match self.dice.below(4) {
                0 => json!({"op": "replace", "path": "/spec/a", "value": value}),
                1 => json!({"op": "add", "path": "/metadata/labels/x", "value": value.to_string()}),
                2 => json!({"op": "remove", "path": "/metadata/labels/y"}),
                _ => json!({"op": "add", "path": "/spec/template/spec/containers/-",
                    "value": {"name": format!("n{}", self.dice.below(4)), "image": "new"}}),
            }];
            if let Some(version) = named {
                let op = self.dice.pick(&["test", "replace"]);
                list.insert(
                    0,
                    json!({"op": op, "path": "/metadata/resourceVersion", "value": version}),
                );
            }
            return list.into();
        }
        let mut body = match self.dice.below(4) {
            0 => json!({"spec": {"a": value}}),
            1 => json!({"metadata": {"labels": {"x": value.to_string(), "y": null}}}),
            2 => {
                json!({"spec": {"template": {"spec": {"containers": [{"name": "a", "image": format!("j{value}")}]}}}})
            }
            _ => json!({"spec": {"a": value, "b": {"c": [value]}}}),
        };
        if let Some(version) = named {
            body["metadata"]["resourceVersion"] = version.into();
        }
        if kind == PatchKind::Apply {
            body["apiVersion"] = self.api().into();
            body["kind"] = self.object.as_ref().map_or("X".into(), |object| object["kind"].clone());
        }
        body
    }

    fn webhook(&mut self, object: &mut Value) -> Way {
        let mut way = Way { annotations: BTreeMap::new(), versionless: false };
        if !self.dice.one_in(4) {
            return way;
        }
        let operation = match self.dice.below(4) {
            0 => {
                json!({"op": "add", "path": "/metadata/labels", "value": {"hook": self.dice.below(2).to_string()}})
            }
            1 => json!({"op": "add", "path": "/spec/hook", "value": self.dice.below(2)}),
            2 => json!({"op": "replace", "path": "/spec/a", "value": 1}),
            _ => {
                way.versionless = true;
                json!({"op": "remove", "path": "/metadata/resourceVersion"})
            }
        };
        let patch = json!([operation]);
        let Ok(made) = apply_patch(object, &patch, &[PatchKind::Json], None) else {
            way.versionless = false;
            return way;
        };
        *object = made.object;
        let note = |value: Value| value.to_string();
        way.annotations.insert(
            "mutation.webhook.admission.k8s.io/round_0_index_0".into(),
            note(json!({"configuration": "c", "webhook": "w", "mutated": true})),
        );
        way.annotations.insert(
            "patch.webhook.admission.k8s.io/round_0_index_0".into(),
            note(json!({"configuration": "c", "webhook": "w", "patch": patch, "patchType": "JSONPatch"})),
        );
        way
    }

    /// Stores what is wanted: what really is stored, or a conflict.
    fn store(&mut self, mut wanted: Value) -> Result<Way, ()> {
        let base = self.object.clone();
        let way = self.webhook(&mut wanted);
        if wanted["spec"].get("default").is_none() {
            wanted["spec"]["default"] = json!(true);
        }
        let submitted = wanted["metadata"]["resourceVersion"].as_str().map(str::to_owned);
        if let Some(base) = &base {
            let stored = base["metadata"]["resourceVersion"].as_str().unwrap();
            if submitted.is_some_and(|of| !of.is_empty() && of != stored) && !way.versionless {
                return Err(());
            }
            for name in
                ["uid", "resourceVersion", "generation", "managedFields", "creationTimestamp"]
            {
                wanted["metadata"][name] = base["metadata"][name].clone();
            }
            wanted["status"] = base["status"].clone();
            if wanted == *base {
                return Ok(way);
            }
        }
        let spec = base.as_ref().map(|base| base["spec"].clone());
        self.commit(wanted, spec);
        Ok(way)
    }

    fn commit(&mut self, mut object: Value, old_spec: Option<Value>) {
        self.revision += 1;
        let metadata = &mut object["metadata"];
        if old_spec.is_none() {
            self.born += 1;
            metadata["uid"] = format!("u{}", self.born).into();
            metadata["generation"] = 1.into();
            metadata["creationTimestamp"] = "2026-11-21T08:00:00Z".into();
        }
        metadata["resourceVersion"] = self.revision.to_string().into();
        let managers = json!([{"manager": "m", "operation": "Update", "time": self.revision}]);
        metadata["managedFields"] = managers;
        if old_spec.is_some_and(|old| old != object["spec"]) {
            let generation = object["metadata"]["generation"].as_u64().unwrap();
            object["metadata"]["generation"] = (generation + 1).into();
        }
        if object.get("status").is_none_or(Value::is_null) {
            object["status"] = json!({"seen": 0});
        }
        self.object = Some(object);
    }

    /// One thing that happens.
    pub(crate) fn step(&mut self) {
        self.happens();
        self.times.push((self.clock, self.object.clone()));
    }

    fn happens(&mut self) {
        self.clock += 50_000 + self.dice.below(3_000_000);
        // Writes of other objects take versions, too.
        self.revision += self.dice.pick(&[0, 0, 0, 1, 5]);
        let before = self.object.clone();
        if self.object.is_none() {
            let wanted = self.fresh();
            if self.store(wanted.clone()).is_ok() {
                self.log("create", "", "", Some(wanted), &before, &BTreeMap::new(), 201);
            }
            return;
        }
        match self.dice.below(16) {
            0..=3 => self.put(&before),
            4..=8 => self.patched(&before),
            9 => self.scale(&before),
            10 => self.status(&before),
            11 => self.delete(&before),
            12 => self.rehearse(&before),
            13 => {
                // Somebody whom the policy leaves out, or who writes into the store.
                let mut wanted = self.object.clone().unwrap();
                match self.dice.below(3) {
                    0 => wanted["spec"]["a"] = self.dice.below(3).into(),
                    1 => wanted["metadata"]["labels"]["x"] = "unseen".into(),
                    _ => wanted["status"] = json!({"seen": self.dice.below(9)}),
                }
                let spec = Some(before.as_ref().unwrap()["spec"].clone());
                if wanted != *before.as_ref().unwrap() {
                    self.commit(wanted, spec);
                }
            }
            14 => {
                // One that is unseen, and another that takes what it finds.
                let mut wanted = self.object.clone().unwrap();
                wanted["spec"]["a"] = 2.into();
                let spec = before.as_ref().unwrap()["spec"].clone();
                if spec != wanted["spec"] {
                    self.commit(wanted, Some(spec));
                }
                let same = self.object.clone();
                let body = json!({"spec": {"a": 2}});
                self.log("patch", "", "", Some(body), &same, &BTreeMap::new(), 200);
            }
            _ => {
                let object = self.object.clone();
                self.log("get", "", "", None, &object, &BTreeMap::new(), 200);
            }
        }
    }

    fn put(&mut self, before: &Option<Value>) {
        let mut wanted = self.object.clone().unwrap();
        match self.dice.below(5) {
            0 => wanted["spec"]["a"] = self.dice.below(3).into(),
            1 => {
                wanted = {
                    let mut fresh = self.fresh();
                    fresh["metadata"]["resourceVersion"] =
                        wanted["metadata"]["resourceVersion"].clone();
                    fresh
                }
            }
            2 => wanted["metadata"]["labels"][self.dice.pick(&["x", "y"])] = "z".into(),
            3 => wanted["spec"]["template"]["spec"]["containers"] = self.containers(),
            _ => {}
        }
        match self.dice.below(4) {
            0 => drop(wanted["metadata"].as_object_mut().unwrap().remove("resourceVersion")),
            1 if self.dice.one_in(3) => {
                wanted["metadata"]["resourceVersion"] = (self.revision - 1).to_string().into();
            }
            _ => {}
        }
        self.write("update", "", wanted.clone(), wanted, before);
    }

    fn write(
        &mut self,
        verb: &str,
        query: &str,
        wanted: Value,
        body: Value,
        before: &Option<Value>,
    ) {
        match self.store(wanted) {
            Ok(way) => self.log(verb, "", query, Some(body), before, &way.annotations, 200),
            Err(()) => {
                let same = self.object.clone();
                self.log(verb, "", query, Some(body), &same, &BTreeMap::new(), 409);
            }
        }
    }

    fn patched(&mut self, before: &Option<Value>) {
        let kind = match self.dice.below(4) {
            0 => PatchKind::Json,
            1 if !self.custom => PatchKind::Strategic,
            2 => PatchKind::Apply,
            _ => PatchKind::Merge,
        };
        let body = self.patch(kind);
        let query = match kind {
            PatchKind::Apply => "?fieldManager=m&force=true",
            _ => "",
        };
        let Ok(made) = apply_patch(before.as_ref().unwrap(), &body, &[kind], Some("m")) else {
            let same = self.object.clone();
            return self.log("patch", "", query, Some(body), &same, &BTreeMap::new(), 422);
        };
        self.write("patch", query, made.object, body, before);
    }

    fn scale(&mut self, before: &Option<Value>) {
        let mut wanted = self.object.clone().unwrap();
        let to = self.dice.below(4);
        wanted["spec"]["replicas"] = to.into();
        let named = self.dice.one_in(2);
        let mut body = json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {"name": "p"}, "spec": {"replicas": to}});
        if named {
            body["metadata"]["resourceVersion"] = self.version().unwrap().into();
        }
        let spec = before.as_ref().unwrap()["spec"].clone();
        if spec != wanted["spec"] {
            self.commit(wanted, Some(spec));
        }
        let verb = if named || self.dice.one_in(2) { "update" } else { "patch" };
        self.log(verb, "scale", "", Some(body), before, &BTreeMap::new(), 200);
    }

    fn status(&mut self, before: &Option<Value>) {
        let mut wanted = self.object.clone().unwrap();
        wanted["status"] = json!({"seen": self.dice.below(9)});
        let verb = self.dice.pick(&["update", "patch"]);
        let body =
            if verb == "update" { wanted.clone() } else { json!({"status": wanted["status"]}) };
        let spec = before.as_ref().unwrap()["spec"].clone();
        if wanted != *before.as_ref().unwrap() {
            self.commit(wanted, Some(spec));
        }
        self.log(verb, "status", "", Some(body), before, &BTreeMap::new(), 200);
    }

    fn delete(&mut self, before: &Option<Value>) {
        let seen = !self.dice.one_in(4);
        self.object = None;
        self.revision += 1;
        if seen {
            let verb = self.dice.pick(&["delete", "delete", "deletecollection"]);
            let body = json!({"kind": "DeleteOptions"});
            self.log(verb, "", "", Some(body), before, &BTreeMap::new(), 200);
        }
    }

    fn rehearse(&mut self, before: &Option<Value>) {
        if self.dice.one_in(2) {
            let body = json!({"kind": "DeleteOptions", "dryRun": ["All"]});
            return self.log("delete", "", "", Some(body), before, &BTreeMap::new(), 200);
        }
        let mut body = before.clone().unwrap();
        body["spec"]["a"] = 99.into();
        let code = self.dice.pick(&[200, 403, 504]);
        let query = if code == 200 { "?dryRun=All" } else { "" };
        self.log("update", "", query, Some(body), before, &BTreeMap::new(), code);
    }

    /// Writes the line of a request that has just been handled.
    #[expect(clippy::too_many_arguments, reason = "an event has so many parts")]
    fn log(
        &mut self,
        verb: &str,
        subresource: &str,
        query: &str,
        body: Option<Value>,
        before: &Option<Value>,
        annotations: &BTreeMap<String, String>,
        code: u64,
    ) {
        let level = self.dice.pick(&[
            "Metadata",
            "Request",
            "RequestResponse",
            "RequestResponse",
            "RequestResponse",
            "RequestResponse",
        ]);
        let other = self.dice.one_in(12) && subresource.is_empty() && !self.custom;
        let api = format!("{}/{}", self.group(), if other { "v2" } else { "v1" });
        let (received, done) =
            (self.clock - self.dice.below(400_000), self.clock + self.dice.below(400_000));
        let time = |micros: u64| {
            auditseal_audit::Time::from_micros(i64::try_from(micros).unwrap()).to_string()
        };
        let mut event = json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": level, "verb": verb,
            "auditID": format!("id{}", self.truths.len()), "stage": "ResponseComplete",
            "requestURI": format!("/apis/{api}/namespaces/n/{}/p{query}", self.resource()),
            "user": {"username": "u"}, "userAgent": "m/1",
            "objectRef": {"apiGroup": self.group(), "resource": self.resource(), "namespace": "n", "name": "p",
                "subresource": subresource},
            "responseStatus": {"metadata": {}, "code": code},
            "requestReceivedTimestamp": time(received), "stageTimestamp": time(done), "annotations": {}});
        let answer = self.answer(verb, subresource, query, body.as_ref(), before, code, &api);
        if verb == "update" {
            let version =
                body.as_ref().and_then(|body| body["metadata"]["resourceVersion"].as_str());
            event["objectRef"]["resourceVersion"] = version.unwrap_or_default().into();
        }
        if matches!(verb, "delete" | "deletecollection") {
            event["responseStatus"] = json!({"code": code, "status": "Success"});
        }
        if verb == "deletecollection" {
            event["objectRef"].as_object_mut().unwrap().remove("name");
        }
        let cut = self.dice.one_in(20);
        if let Some(mut body) = body.filter(|_| level != "Metadata" && !cut) {
            if other && verb != "patch" {
                body = converted(&body, &api);
            }
            event["requestObject"] = body;
        }
        if level == "RequestResponse" && !cut {
            event["responseObject"] = answer;
            if self.dice.one_in(4)
                && let Some(metadata) = event["responseObject"]["metadata"].as_object_mut()
            {
                metadata.remove("managedFields");
            }
        }
        for (key, value) in annotations {
            if !key.starts_with("patch") || level != "Metadata" {
                event["annotations"][key] = value.clone().into();
            }
        }
        if cut {
            event["annotations"]["audit.k8s.io/truncated"] = "true".into();
        }
        let after = self.object.clone();
        let what = format!("{verb} {subresource} {query} {code} {level}");
        self.truths.push(Truth { before: before.clone(), after, api, what, level });
        let cite = self.truths.len() - 1;
        self.log.push((done, event.to_string(), cite));
        if self.dice.one_in(30) {
            self.log.push((done, event.to_string(), cite));
        }
    }

    #[expect(clippy::too_many_arguments, reason = "an answer depends on so many parts")]
    fn answer(
        &mut self,
        verb: &str,
        subresource: &str,
        query: &str,
        body: Option<&Value>,
        before: &Option<Value>,
        code: u64,
        api: &str,
    ) -> Value {
        let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "code": code});
        if code >= 400 || verb == "delete" {
            return status;
        }
        if verb == "deletecollection" {
            return json!({"kind": "List", "items": [before.clone().unwrap()]});
        }
        let object = self.object.as_ref().unwrap();
        if subresource == "scale" {
            let (metadata, spec) = (&object["metadata"], &object["spec"]);
            return json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "spec": {"replicas": spec["replicas"]},
                "metadata": {"name": "p", "namespace": "n", "uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}});
        }
        if !query.is_empty() && query.contains("dryRun") {
            let mut rehearsed = object.clone();
            rehearsed["spec"] = body.unwrap()["spec"].clone();
            return rehearsed;
        }
        if self.dice.one_in(25) {
            return json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]});
        }
        converted(object, api)
    }
}
