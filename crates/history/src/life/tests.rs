use super::*;
use crate::act::Body;
use crate::value::BadBody;
use serde_json::json;

/// An event at level RequestResponse about the NetworkPolicy `n/p`, with these changes.
pub(super) fn act(cite: u64, verb: &str, change: impl FnOnce(&mut Value)) -> Act {
    let second = |n: u64| format!("2026-11-21T08:{:02}:{:02}.000000Z", n / 60, n % 60);
    let mut event = json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse",
        "auditID": format!("a{cite}"), "stage": "ResponseComplete",
        "requestURI": "/apis/networking.k8s.io/v1/namespaces/n/networkpolicies/p", "verb": verb,
        "user": {"username": "alice"}, "userAgent": "kubectl/v1", "sourceIPs": ["10.0.0.1"],
        "objectRef": {"resource": "networkpolicies", "apiGroup": "networking.k8s.io", "namespace": "n", "name": "p"},
        "responseStatus": {"metadata": {}, "code": if verb == "create" { 201 } else { 200 }},
        "requestReceivedTimestamp": second(cite * 10), "stageTimestamp": second(cite * 10 + 1)});
    change(&mut event);
    Act::read(event.to_string().as_bytes(), crate::act::cite(cite)).unwrap()
}

pub(super) fn policy(version: u64, generation: u64, spec: Value) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "p", "namespace": "n",
        "uid": "u1", "resourceVersion": version.to_string(), "generation": generation}, "spec": spec})
}

pub(super) fn name() -> ObjectName {
    ObjectName {
        group: "networking.k8s.io".into(),
        resource: "networkpolicies".into(),
        namespace: "n".into(),
        name: "p".into(),
    }
}

pub(super) fn live(acts: Vec<Act>) -> (Vec<LifeEntry>, Life) {
    let mut life = Life::new(name());
    let mut told: Vec<_> = acts.into_iter().flat_map(|act| life.take(act)).collect();
    told.extend(life.finish());
    (told, life)
}

fn create() -> Act {
    act(1, "create", |e| e["responseObject"] = policy(5, 1, json!({"a": 1, "b": 1})))
}

pub(super) fn put(cite: u64, on: &str, after: Value) -> Act {
    act(cite, "update", |e| {
        e["objectRef"]["resourceVersion"] = on.into();
        e["requestObject"] = after.clone();
        e["responseObject"] = after;
    })
}

fn patch(cite: u64, body: Value, after: Option<Value>) -> Act {
    act(cite, "patch", |e| {
        e["requestObject"] = body;
        match after {
            Some(after) => e["responseObject"] = after,
            None => e["level"] = "Request".into(),
        }
    })
}

fn marks(entry: &LifeEntry) -> Vec<String> {
    let side = |side: &Side| match side {
        Side::Value(value) => value.to_string(),
        Side::Absent => "-".to_owned(),
        Side::Unknown => "?".to_owned(),
    };
    let mark = |mark: &Mark| mark.to_string().split(':').next().unwrap_or_default().to_owned();
    let one = |f: &FieldChange| {
        format!("{} {} {}->{}", mark(&f.mark), f.path, side(&f.before), side(&f.after))
    };
    entry.fields.iter().map(one).collect()
}

#[test]
fn a_submitted_version_proves_a_change() {
    let (told, _) = live(vec![create(), put(2, "5", policy(9, 2, json!({"a": 2, "b": 1})))]);
    assert_eq!(told[0].deed, Deed::Created { again: false });
    assert!(told[0].fields.iter().all(|field| field.mark == Mark::Exact));
    assert_eq!((told[1].between, &told[1].deed), (Between::Nothing, &Deed::Changed));
    assert_eq!(marks(&told[1]), ["exact spec.a 1->2"]);
    assert_eq!(told[1].user.username, "alice");
}

#[test]
fn what_lies_between_is_said() {
    // Version 7 and generation 4: others wrote.
    let (told, _) = live(vec![create(), put(2, "7", policy(9, 5, json!({"a": 2, "b": 1})))]);
    assert_eq!(told[1].between, Between::Unseen(3));
    assert!(marks(&told[1])[0].starts_with("unknown spec.a"));
    // What was sent was made of the generation that was seen: what lies between left the spec alone.
    let mut status = put(2, "7", policy(9, 2, json!({"a": 2, "b": 1})));
    if let Body::Held(body) = &mut status.request {
        body["metadata"]["generation"] = 1.into();
    }
    let (told, _) = live(vec![create(), status]);
    assert_eq!(told[1].between, Between::Unseen(1));
    assert_eq!(marks(&told[1]), ["inferred spec.a 1->2"]);
    // A patch on an unproved base: what it names is inferred, what it doesn't is not its own.
    let body = json!({"spec": {"a": 2}});
    let after = policy(9, 2, json!({"a": 2, "b": 3}));
    let (told, _) = live(vec![create(), patch(2, body, Some(after))]);
    assert_eq!(told[1].between, Between::Unproved);
    assert_eq!(marks(&told[1]), ["inferred spec.a 1->2", "unknown spec.b 1->3"]);
}

/// A generation that is one higher and a version that follows directly prove nothing: another one wrote them, and this
/// patch changed nothing.
#[test]
fn a_patch_is_never_exact_by_counting() {
    let body = json!({"spec": {"a": 2}});
    let after = policy(6, 2, json!({"a": 2, "b": 1}));
    let (told, _) = live(vec![create(), patch(2, body, Some(after))]);
    assert_eq!(marks(&told[1]), ["inferred spec.a 1->2"]);
}

#[test]
fn a_patch_that_sets_the_version_is_exact() {
    let after = policy(9, 2, json!({"a": 2, "b": 1}));
    let merge = json!({"metadata": {"resourceVersion": "5"}, "spec": {"a": 2}});
    let tests = json!([{"op": "test", "path": "/metadata/resourceVersion", "value": "5"},
        {"op": "replace", "path": "/spec/a", "value": 2}]);
    for body in [merge, tests] {
        let (told, _) = live(vec![create(), patch(2, body, Some(after.clone()))]);
        assert_eq!(marks(&told[1]), ["exact spec.a 1->2"]);
    }
    // A webhook that may have taken the version out of it.
    let mut act = put(2, "5", after);
    act.annotations.insert(
        "mutation.webhook.admission.k8s.io/round_0_index_0".into(),
        r#"{"configuration":"c","webhook":"w","mutated":true}"#.into(),
    );
    let (told, _) = live(vec![create(), act.clone()]);
    assert!(marks(&told[1])[0].starts_with("inferred"), "{:?}", marks(&told[1]));
    assert_eq!(told[1].mutations[0].webhook, "w");
    act.annotations.insert(
        "patch.webhook.admission.k8s.io/round_0_index_0".into(),
        r#"{"patch":[{"op":"add","path":"/metadata/labels","value":{}}],"patchType":"JSONPatch"}"#
            .into(),
    );
    let (told, _) = live(vec![create(), act]);
    assert_eq!(marks(&told[1]), ["exact spec.a 1->2"]);
    assert_eq!(told[1].mutations[0].paths, ["/metadata/labels"]);
}

#[test]
fn at_level_request_the_patch_is_put_on_what_is_known() {
    let (told, life) = live(vec![
        create(),
        patch(2, json!({"spec": {"a": 7, "b": null}}), None),
        act(3, "patch", |e| e["level"] = "Metadata".into()),
        patch(4, json!({"spec": {"c": 1}}), Some(policy(20, 4, json!({"a": 7, "c": 1})))),
    ]);
    assert_eq!(marks(&told[1]), ["inferred spec.a 1->7", "inferred spec.b 1->-"]);
    assert_eq!(told[1].patch, [PatchKind::Strategic, PatchKind::Merge]);
    assert_eq!((told[2].doubt.as_ref(), told[2].fields.len()), (Some(&Doubt::Level), 0));
    assert!(
        marks(&told[3]).iter().all(|text| text.starts_with("unknown")),
        "{:?}",
        marks(&told[3])
    );
    assert_eq!(life.known().state().unwrap().version(), Some("20"));
}

#[test]
fn a_failure_or_another_answer_is_never_the_object() {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "code": 403});
    let denied = act(2, "update", |e| {
        e["responseStatus"] = json!({"code": 403, "message": "forbidden"});
        e["annotations"] = json!({"authorization.k8s.io/decision": "forbid"});
        e["responseObject"] = status;
    });
    let dry = act(3, "update", |e| {
        e["requestURI"] = "/x?dryRun=All".into();
        e["responseObject"] = policy(5, 2, json!({"a": 99}));
    });
    let lost = act(4, "update", |e| e["responseStatus"] = json!({"code": 504}));
    let nothing = put(5, "5", policy(5, 1, json!({"a": 1, "b": 1})));
    let (told, life) = live(vec![
        create(),
        denied,
        dry,
        lost,
        nothing,
        put(6, "5", policy(8, 2, json!({"a": 2}))),
    ]);
    let Deed::Refused(denial) = &told[1].deed else { panic!("{:?}", told[1]) };
    assert_eq!(denial.by, DeniedBy::Authorization);
    assert_eq!(told[2].deed, Deed::Undecided(Some(504)));
    assert_eq!(told[3].deed, Deed::Nothing { certain: true });
    assert_eq!(marks(&told[4]), ["exact spec.a 1->2", "exact spec.b 1->-"]);
    assert_eq!(life.counts().dry_runs, 1);
}

#[test]
fn the_end_and_the_next_object_are_told() {
    let gone = |cite| {
        act(cite, "delete", |e| {
            e["requestObject"] = json!({"kind": "DeleteOptions"});
            e["responseStatus"] =
                json!({"status": "Success", "code": 200, "details": {"uid": "u1"}});
            e["responseObject"] = json!({"kind": "Status", "status": "Success"});
        })
    };
    let mut second = policy(30, 1, json!({}));
    second["metadata"]["uid"] = "u2".into();
    let again = act(3, "create", |e| e["responseObject"] = second.clone());
    let rehearsed = act(4, "delete", |e| {
        e["level"] = "Metadata".into();
        e["responseStatus"] = json!({"status": "Success", "code": 200});
    });
    let (told, life) = live(vec![create(), gone(2), again, rehearsed]);
    assert_eq!(told[1].deed, Deed::Deleted { certain: true });
    assert_eq!(told[1].uid.as_deref(), Some("u1"));
    assert_eq!(told[2].deed, Deed::Created { again: true });
    // At level Metadata it may have been a rehearsal: its body, which would say so, isn't there.
    assert_eq!(told[3].deed, Deed::Deleted { certain: false });
    assert_eq!(*life.known(), KnownObject::Nothing(Doubt::Deleting));
}

#[test]
fn finalizers_put_the_end_off() {
    let mut ending = policy(8, 2, json!({"a": 1, "b": 1}));
    ending["metadata"]["deletionTimestamp"] = "2026-11-21T08:00:00Z".into();
    ending["metadata"]["finalizers"] = json!(["f"]);
    let begun = act(2, "delete", |e| {
        e["requestObject"] = json!({"kind": "DeleteOptions"});
        e["responseObject"] = ending.clone();
    });
    let mut freed = ending.clone();
    freed["metadata"].as_object_mut().unwrap().remove("finalizers");
    freed["metadata"]["resourceVersion"] = "9".into();
    let (told, life) = live(vec![create(), begun, put(3, "8", freed)]);
    assert_eq!(told[1].deed, Deed::DeletionBegun);
    assert_eq!(told[2].deed, Deed::Deleted { certain: true });
    assert_eq!(*life.known(), KnownObject::Absent);
}

#[test]
fn a_collection_takes_it_along_or_not() {
    let collection = |cite, change: &dyn Fn(&mut Value)| {
        act(cite, "deletecollection", |e| {
            e["objectRef"].as_object_mut().unwrap().remove("name");
            e["requestObject"] = json!({"kind": "DeleteOptions"});
            change(e);
        })
    };
    let listed = |name: &str| {
        let list = json!({"kind": "NetworkPolicyList", "items": [{"metadata": {"name": name, "uid": "u1"}}]});
        collection(2, &move |e| e["responseObject"] = list.clone())
    };
    let (told, _) = live(vec![create(), listed("p")]);
    assert_eq!(told[1].deed, Deed::DeletedWithCollection { certain: true });
    let (told, life) = live(vec![create(), listed("other")]);
    assert_eq!((told.len(), life.counts().others), (1, 1));
    let (told, _) = live(vec![create(), collection(2, &|e| e["level"] = "Request".into())]);
    assert_eq!(told[1].deed, Deed::DeletedWithCollection { certain: false });
    let other = collection(2, &|e| {
        e["level"] = "Request".into();
        e["requestURI"] = "/x?fieldSelector=metadata.name%3Dother".into();
    });
    assert_eq!(live(vec![create(), other]).0.len(), 1);
}

#[test]
fn what_the_guardrails_noted_is_told_at_level_metadata() {
    let noted = act(2, "patch", |e| {
        e["level"] = "Metadata".into();
        e["annotations"] = json!({
            "auditseal-history/before": "{\"spec\":{\"a\":1}}",
            "auditseal-history/after": "{\"spec\":{\"a\":2}}",
            "auditseal-history/ticket": "OPS-7"});
    });
    let mut cut = noted.clone();
    cut.annotations.insert("auditseal-history/after".into(), "{\"spec [cut: …]".into());
    let (told, _) = live(vec![noted]);
    assert_eq!(marks(&told[0]), ["inferred spec.a 1->2"]);
    assert_eq!(told[0].fields[0].mark, Inference::Admitted.into());
    assert_eq!((told[0].why[0].value.as_str(), told[0].why[0].new), ("OPS-7", Some(true)));
    assert_eq!(live(vec![cut]).0[0].doubt, Some(Doubt::Cut));
}

#[test]
fn lines_that_come_in_another_order_are_told_in_theirs() {
    let second = put(2, "5", policy(6, 2, json!({"a": 2, "b": 1})));
    let third = put(3, "6", policy(7, 3, json!({"a": 3, "b": 1})));
    let (told, _) = live(vec![create(), third.clone(), second.clone()]);
    assert_eq!(marks(&told[1]), ["exact spec.a 1->2"]);
    assert_eq!(marks(&told[2]), ["exact spec.a 2->3"]);
    // One that comes later than anything waits is late.
    let mut life = Life::new(name());
    let mut told = life.take(create());
    let mut late = second;
    late.received = third.received;
    for act in [third].into_iter().chain(
        (0..MAX_WAITING as u64)
            .map(|n| act(10 + n, "update", |e| e["responseStatus"] = json!({"code": 409}))),
    ) {
        told.extend(life.take(act));
    }
    told.extend(life.take(late));
    told.extend(life.finish());
    assert_eq!(told.last().unwrap().doubt, Some(Doubt::Late));
    // And a store that was restored begins anew.
    let restored = put(50, "3", policy(4, 9, json!({"a": 9})));
    let (told, life) = live(vec![create(), restored]);
    assert_eq!((&told[1].deed, &told[1].doubt), (&Deed::Changed, &Some(Doubt::Rewound)));
    assert_eq!(life.known().state().unwrap().version(), Some("4"));
}

#[test]
fn a_moment_is_proved_by_what_comes_later() {
    let at = |seconds: u64| {
        Time::EPOCH.saturating_add(1_795_248_000_000_000 + seconds as i64 * 1_000_000)
    };
    let run = |time: Time, more: Vec<Act>| {
        let mut life = Life::new(name()).with_moment(time);
        for act in [create()].into_iter().chain(more) {
            life.take(act);
        }
        life.finish();
        life.moment().unwrap()
    };
    let start = create().done.unwrap();
    assert!(at(0) < start);
    let spec = ObjectPath::of(&["spec", "a"]);
    let proof = || put(3, "5", policy(9, 2, json!({"a": 2})));
    let moment = run(start.saturating_add(5_000_000), vec![proof()]);
    assert_eq!((moment.proved, moment.mark(&spec)), (true, Some(Mark::Exact)));
    assert_eq!(moment.known.state().unwrap().object["spec"]["a"], 1);
    let moment = run(start.saturating_add(5_000_000), vec![]);
    assert_eq!(moment.mark(&spec), Some(Inference::BaseUnproved.into()));
    let moment = run(start.saturating_add(5_000_000), vec![patch(3, json!({}), None)]);
    assert!(!moment.proved);
    let during = proof().received.unwrap().saturating_add(500_000);
    let moment = run(during, vec![proof()]);
    assert_eq!((moment.proved, moment.under_way), (false, true));
    let moment = run(Time::EPOCH, vec![proof()]);
    assert_eq!(moment.known, KnownObject::Nothing(Doubt::NeverSeen));
}

use crate::path::ObjectPath;

#[test]
fn a_live_object_is_held_against_the_trail() {
    let (_, life) = live(vec![create()]);
    let of = |object: Value| compare(life.known(), &object);
    assert_eq!(of(policy(5, 1, json!({"a": 1, "b": 1}))).verdict, CompareVerdict::Same);
    let behind = of(policy(9, 4, json!({"a": 1, "b": 2})));
    assert_eq!(behind.verdict, CompareVerdict::Unseen { least: 3 });
    assert_eq!(behind.fields[0].path.to_string(), "spec.b");
    assert_eq!(of(policy(5, 1, json!({"a": 7}))).verdict, CompareVerdict::Contradiction);
    assert_eq!(of(policy(4, 1, json!({"a": 7}))).verdict, CompareVerdict::Older);
    let mut other = policy(9, 1, json!({}));
    other["metadata"]["uid"] = "u9".into();
    assert_eq!(of(other).verdict, CompareVerdict::OtherObject);
    let never = compare(&KnownObject::Nothing(Doubt::NeverSeen), &policy(5, 1, json!({})));
    assert_eq!(never.verdict, CompareVerdict::Unknown(Doubt::NeverSeen));
    let mut beta = policy(9, 1, json!({}));
    beta["apiVersion"] = "networking.k8s.io/v1beta1".into();
    assert!(matches!(of(beta).verdict, CompareVerdict::Unknown(Doubt::OtherVersion(..))));
}

#[test]
fn more_doubts_than_are_kept_are_one_about_all() {
    let doubts = (0..=MAX_DOUBTFUL).map(|n| (ObjectPath::of(&[&n.to_string()]), Doubt::Defaulted));
    let bounded = effect::bounded(doubts.collect());
    assert_eq!(bounded, [(ObjectPath::default(), Doubt::Defaulted)]);
}

#[test]
fn changes_are_told_in_words_as_well_as_they_are_known() {
    let spec = |ports: Value| json!({"podSelector": {}, "ingress": [{"ports": ports}]});
    let made = act(1, "create", |e| {
        e["responseObject"] = policy(5, 1, spec(json!([{"port": 80}])));
    });
    let (told, _) = live(vec![
        made.clone(),
        put(2, "5", policy(6, 2, spec(json!([{"port": 80}, {"port": 5432}])))),
        put(3, "6", policy(7, 3, spec(json!([{"port": 5432}, {"port": 80, "protocol": "TCP"}])))),
        patch(4, json!({"spec": {"ingress": []}}), None),
        act(5, "delete", |e| {
            e["requestObject"] = json!({"kind": "DeleteOptions"});
            e["responseStatus"] = json!({"status": "Success", "code": 200});
        }),
    ]);
    let words = |at: usize| {
        let told = told[at].words.clone().unwrap();
        (told.sentences.unwrap().join("; "), told.mark)
    };
    assert_eq!(words(1), ("opened: anyone → port 5432".into(), Mark::Exact));
    // Written otherwise, and nothing said.
    assert_eq!(words(2), (String::new(), Mark::Exact));
    assert_eq!(words(3), ("closed: anyone → ports 80, 5432".into(), Inference::FromRequest.into()));
    let end = "no longer isolated: what comes in to all pods, but by other policies";
    assert_eq!(words(4), (end.into(), Inference::BaseUnproved.into()));
    let noted = act(6, "patch", |e| {
        e["level"] = "Metadata".into();
        e["annotations"] = json!({
            "auditseal-history/before": "{\"spec\":{\"podSelector\":{}}}",
            "auditseal-history/after": "{\"spec\":{\"podSelector\":{}, \"ingress\":[{}]}}"});
    });
    let (told, _) = live(vec![noted]);
    let InWords { sentences, mark } = told[0].words.clone().unwrap();
    assert_eq!(sentences.unwrap(), ["opened: anyone → all ports"]);
    assert_eq!(mark, Inference::Admitted.into());
}

/// Objects and patches that are deep, huge, or contradict themselves: what they came to is unknown, with the reason.
#[test]
fn hostile_bodies_are_unknown_with_their_reason() {
    let raw = |cite: u64, body: &str| {
        let text = format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Request","stage":"ResponseComplete","verb":"patch","objectRef":{{"resource":"networkpolicies","apiGroup":"networking.k8s.io","namespace":"n","name":"p"}},"responseStatus":{{"code":200}},"requestObject":{body}}}"#
        );
        Act::read(text.as_bytes(), crate::act::cite(cite)).unwrap()
    };
    let doubt = |body: &str| {
        let (told, life) = live(vec![create(), raw(2, body)]);
        assert!(told[1].fields.is_empty() && life.known().state().is_some());
        told[1].doubt.clone().unwrap()
    };
    let deep = format!("{}{}", "{\"a\":".repeat(5_000), "1".to_owned() + &"}".repeat(5_000));
    let wide = format!("{{\"spec\":[{}0]}}", "0,".repeat(crate::value::MAX_VALUES));
    assert_eq!(doubt(&deep), Doubt::Unreadable(BadBody::Deep));
    assert_eq!(doubt(&wide), Doubt::Unreadable(BadBody::Large));
    let twice = Doubt::Unreadable(BadBody::Twice("a".into()));
    assert_eq!(doubt(r#"{"spec":{"a":1,"a":2}}"#), twice);
    let copy = |n: u64| format!(r#"{{"op":"copy","from":"/spec","path":"/spec/{n}"}}"#);
    let bomb = format!("[{}]", (0..60).map(copy).collect::<Vec<_>>().join(","));
    assert_eq!(doubt(&bomb), Doubt::Patch(crate::patch::PatchFault::Bound));
    let misfit = r#"[{"op":"remove","path":"/spec/nowhere"}]"#;
    assert!(matches!(doubt(misfit), Doubt::Patch(crate::patch::PatchFault::Misfit(_))));
}

#[test]
fn entries_are_written_as_people_read_them() {
    let unseen = put(3, "7", policy(9, 5, json!({"a": 2, "b": 1})));
    let (told, _) = live(vec![create(), put(2, "5", policy(6, 2, json!({"b": 1}))), unseen]);
    assert_eq!(told[1].fields[0].to_string(), "spec.a: 1 → nothing (exact)");
    assert_eq!(told[2].between.to_string(), "at least 2 changes unseen");
    assert_eq!(
        told[2].fields[0].to_string(),
        "spec.a: nothing → 2 (unknown: another change lies between, and this may be its work)"
    );
    assert_eq!(Between::Unseen(1).to_string(), "at least 1 change unseen");
    assert_eq!(Deed::Scaled { from: Some(1), to: 3 }.to_string(), "scaled from 1 to 3");
    // A version that was right, and generations that one request doesn't make.
    let (told, _) = live(vec![create(), put(2, "5", policy(9, 4, json!({"a": 2, "b": 1})))]);
    assert_eq!(told[1].between, Between::Unseen(2));
    assert!(marks(&told[1])[0].starts_with("unknown"));
}
