//! Requests that contradict themselves, and entries that must not.

use super::tests::{act, live, name, policy, put};
use super::*;
use serde_json::json;

/// What was sent at level Request, with this in its metadata and in the reference.
fn sent(cite: u64, verb: &str, space: (Option<&str>, Option<&str>)) -> Act {
    let (reference, body) = space;
    let pods = json!({"podSelector": {"matchLabels": {"app": "a"}}});
    let spec =
        json!({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [pods]}]});
    act(cite, verb, |e| {
        e["level"] = "Request".into();
        e["requestObject"] = policy(0, 1, spec);
        let metadata = json!({"name": "p", "namespace": body});
        e["requestObject"]["metadata"] = metadata;
        if body.is_none() {
            e["requestObject"]["metadata"].as_object_mut().unwrap().remove("namespace");
        }
        match reference {
            Some(space) => e["objectRef"]["namespace"] = space.into(),
            None => drop(e["objectRef"].as_object_mut().unwrap().remove("namespace")),
        }
    })
}

fn words_of(entry: &LifeEntry) -> String {
    match &entry.words {
        None => "none".to_owned(),
        Some(words) => match &words.sentences {
            Ok(sentences) => sentences.join("; "),
            Err(unclear) => unclear.to_string(),
        },
    }
}

/// The apiserver puts it where the address says.
#[test]
fn a_body_without_a_namespace_is_of_the_addresss() {
    for body in [Some("n"), None] {
        let acts = vec![sent(1, "create", (Some("n"), body)), sent(2, "update", (Some("n"), body))];
        let (told, life) = live(acts);
        let first = words_of(&told[0]);
        assert!(first.contains("pods with app=a in namespace n →"), "{first}");
        assert!(told[1].fields.is_empty() && told[1].doubt.is_none(), "{:?}", told[1]);
        let object = &life.known().state().unwrap().object;
        assert_eq!(text(object, &["metadata", "namespace"]), Some("n"));
    }
}

#[test]
fn a_body_of_another_object_than_the_addresss_is_unknown() {
    let said =
        "the request's address names n/p, and its body m/p: which of them it was isn't known";
    for verb in ["create", "update"] {
        let (told, life) = live(vec![sent(1, verb, (Some("n"), Some("m")))]);
        assert_eq!(told[0].doubt.as_ref().unwrap().to_string(), said, "{verb}");
        assert!(told[0].fields.is_empty() && told[0].words.is_none(), "{told:?}");
        assert!(matches!(life.known(), KnownObject::Nothing(Doubt::OtherPlace { .. })));
    }
    // What was known before is in doubt behind it.
    let made = act(1, "create", |e| e["responseObject"] = policy(5, 1, json!({"a": 1})));
    let (_, life) = live(vec![made, sent(2, "update", (Some("n"), Some("m")))]);
    let mark = life.known().state().unwrap().mark(&crate::path::ObjectPath::of(&["spec", "a"]));
    assert!(matches!(mark, Mark::Unknown(Doubt::OtherPlace { .. })), "{mark}");
    // An answer that is another object isn't one that lacks.
    let mut odd = put(1, "5", policy(6, 2, json!({"a": 2})));
    if let crate::act::Body::Held(answer) = &mut odd.response {
        answer["metadata"]["name"] = "q".into();
    }
    let (told, _) = live(vec![odd]);
    assert!(matches!(told[0].doubt, Some(Doubt::OtherPlace { .. })), "{told:?}");
}

/// Neither says: the life is of a name alone, and nothing is said of a namespace that nobody knows.
#[test]
fn where_no_namespace_is_told_none_is_made_up() {
    let nowhere = ObjectName { namespace: String::new(), ..name() };
    let mut life = Life::new(nowhere.clone());
    life.take(sent(1, "create", (None, None)));
    let told = life.finish();
    let words = words_of(&told[0]);
    assert!(words.contains("it names no namespace"), "{words}");
    // A body's own word isn't the address's.
    let mut life = Life::new(nowhere);
    life.take(sent(1, "create", (None, Some("n"))));
    let told = life.finish();
    let said = "the request's address names p in no namespace, and its body n/p: which of them it was isn't known";
    assert_eq!(told[0].doubt.as_ref().unwrap().to_string(), said);
}

fn scale(cite: u64, to: u64, version: &str) -> Act {
    act(cite, "update", |e| {
        e["objectRef"] = json!({"resource": "deployments", "apiGroup": "apps", "namespace": "n", "name": "p", "subresource": "scale"});
        e["responseObject"] = json!({"kind": "Scale", "metadata": {"name": "p", "namespace": "n", "uid": "u1",
            "resourceVersion": version}, "spec": {"replicas": to}});
    })
}

/// How many there were isn't told where a write of which nothing is known may have changed it.
#[test]
fn a_number_that_is_in_doubt_is_no_number_it_was_scaled_from() {
    let deployment = |version: u64, replicas: u64| {
        let mut object = policy(version, 1, json!({"replicas": replicas}));
        object["kind"] = "Deployment".into();
        object["apiVersion"] = "apps/v1".into();
        object
    };
    let of = |cite, verb: &str, change: &dyn Fn(&mut Value)| {
        act(cite, verb, |e| {
            e["objectRef"]["resource"] = "deployments".into();
            e["objectRef"]["apiGroup"] = "apps".into();
            change(e);
        })
    };
    let created = of(1, "create", &|e| e["responseObject"] = deployment(5, 2));
    let dark = of(2, "patch", &|e| e["level"] = "Metadata".into());
    let deployments = ObjectName { group: "apps".into(), resource: "deployments".into(), ..name() };
    let told = |acts: Vec<Act>| {
        let mut life = Life::new(deployments.clone());
        let mut told: Vec<_> = acts.into_iter().flat_map(|act| life.take(act)).collect();
        told.extend(life.finish());
        told.pop().unwrap()
    };
    let entry = told(vec![created.clone(), scale(3, 5, "9")]);
    assert_eq!(entry.deed, Deed::Scaled { from: Some(2), to: 5 });
    let entry = told(vec![created, dark, scale(3, 5, "9")]);
    assert_eq!(entry.deed, Deed::Scaled { from: None, to: 5 });
    assert_eq!(
        (&entry.fields[0].before, &entry.fields[0].mark),
        (&Side::Unknown, &Doubt::Level.into())
    );
}

/// A change that may be the work of another one isn't told as this one's at the top, either.
#[test]
fn a_number_that_another_one_may_have_set_is_no_scaling() {
    let of = |version, generation, replicas: u64| {
        policy(version, generation, json!({"replicas": replicas}))
    };
    let created = act(1, "create", |e| e["responseObject"] = of(5, 1, 2));
    let (told, _) = live(vec![created, put(2, "8", of(9, 3, 5))]);
    assert!(matches!(told[1].fields[0].mark, Mark::Unknown(_)));
    assert_eq!(told[1].deed, Deed::Changed);
}

/// A request that was under way at the time leaves nothing proved, in whichever order the two were done.
#[test]
fn what_was_under_way_is_never_proved() {
    let at = "2026-11-21T08:00:25.000000Z".parse().unwrap();
    let same =
        |cite: u64| act(cite, "patch", |e| e["responseObject"] = policy(5, 1, json!({"a": 1})));
    let slow = |mut act: Act, received: i64, done: i64| {
        let second = |n: i64| Time::from_micros(1_795_248_000_000_000 + n * 1_000_000);
        (act.received, act.done) = (Some(second(received)), Some(second(done)));
        act
    };
    let base: Time = "2026-11-21T08:00:00.000000Z".parse().unwrap();
    assert_eq!(base.micros(), 1_795_248_000_000_000);
    let created = act(1, "create", |e| e["responseObject"] = policy(5, 1, json!({"a": 1})));
    let mut life = Life::new(name()).with_moment(at);
    let acts = [created, slow(same(2), 30, 31), slow(same(3), 20, 40)];
    let told: usize = acts.into_iter().map(|act| life.take(act).len()).sum();
    assert_eq!((told, life.finish().len()), (0, 3));
    let moment = life.moment().unwrap();
    assert!(moment.under_way && !moment.proved, "{moment:?}");
}

/// Each object of a collection is admitted by itself: one that is refused says nothing of those before it, and what is noted
/// of one is not of the others.
#[test]
fn a_collection_that_was_refused_may_be_gone_in_part() {
    let collection = |change: fn(&mut Value)| {
        act(2, "deletecollection", |e| {
            e["objectRef"].as_object_mut().unwrap().remove("name");
            e["requestObject"] = json!({"kind": "DeleteOptions"});
            e["annotations"] = json!({
                "auditseal-history/before": r#"{"spec":{"podSelector":{}}}"#,
                "auditseal-history/ticket": "OPS-7 (not new)"});
            change(e);
        })
    };
    let refused = |message: &str, decision: &str| {
        let mut one = collection(|e| e["responseStatus"] = json!({"code": 403}));
        one.message = message.to_owned();
        one.annotations.insert("authorization.k8s.io/decision".to_owned(), decision.to_owned());
        live(vec![one]).0.remove(0).deed
    };
    let policy = "ValidatingAdmissionPolicy 'x' with binding 'y' denied request: no";
    assert_eq!(refused(policy, "allow"), Deed::Undecided(Some(403)));
    assert_eq!(refused("", "allow"), Deed::Undecided(Some(403)));
    assert!(matches!(refused("no", "forbid"), Deed::Refused(_)));
    let taken = collection(|e| {
        e["responseObject"] = json!({"kind": "NetworkPolicyList", "items": [{"metadata": {"name": "p", "uid": "u1"}}]});
    });
    let told = live(vec![taken]).0.remove(0);
    assert_eq!(told.deed, Deed::DeletedWithCollection { certain: true });
    assert!(told.words.is_none() && told.why.is_empty(), "{told:?}");
    let strange = act(3, "update", |e| e["responseStatus"] = json!({"code": 499}));
    assert_eq!(live(vec![strange]).0[0].deed, Deed::Undecided(Some(499)));
}

#[test]
fn what_a_delete_took_is_told_as_it_was_noted() {
    let delete = act(2, "delete", |e| {
        e["level"] = "Metadata".into();
        e["annotations"] = json!({"auditseal-history/before": r#"{"spec":{"podSelector":{}}}"#});
    });
    let told = live(vec![delete]).0.remove(0);
    assert_eq!(told.deed, Deed::Deleted { certain: false });
    let words = told.words.unwrap();
    let sentence = "no longer isolated: what comes in to all pods, but by other policies";
    assert_eq!(words.sentences.unwrap(), [sentence]);
    assert_eq!(words.mark, Inference::Admitted.into());
}

/// Who takes the last finalizer of an object away deletes it, and nothing else of what they sent is stored.
#[test]
fn of_the_last_write_only_the_end_is_stored() {
    let mut ending = policy(8, 2, json!({"a": 1}));
    ending["metadata"]["deletionTimestamp"] = "2026-11-21T08:00:00Z".into();
    ending["metadata"]["finalizers"] = json!(["f"]);
    let mut freed = ending.clone();
    freed["metadata"].as_object_mut().unwrap().remove("finalizers");
    freed["metadata"]["labels"] = json!({"never": "stored"});
    let begun = act(2, "delete", |e| {
        e["requestObject"] = json!({"kind": "DeleteOptions"});
        e["responseObject"] = ending;
    });
    let (told, _) = live(vec![begun, put(3, "8", freed)]);
    assert_eq!(told[1].deed, Deed::Deleted { certain: true });
    let fields: Vec<_> = told[1].fields.iter().map(|field| field.path.to_string()).collect();
    assert_eq!(fields, ["metadata.finalizers"]);
}

/// What isn't logged may say why, and what was refused may have said it.
#[test]
fn a_reason_is_none_only_where_what_was_sent_is_known() {
    let cause = || json!({"metadata": {"annotations": {"kubernetes.io/change-cause": "OPS-7"}}});
    let told = |act: Act| {
        let one = live(vec![act]).0.remove(0);
        (one.why.first().map(|why| why.value.clone()), one.why_doubt)
    };
    let level = |level: &str, verb: &str, code: u16, body: Value| {
        act(2, verb, |e| {
            e["level"] = level.into();
            e["responseStatus"] = json!({"code": code});
            e["requestObject"] = body;
            if level == "Metadata" {
                e.as_object_mut().unwrap().remove("requestObject");
            }
        })
    };
    for verb in ["create", "update", "patch"] {
        for code in [200, 403, 500] {
            let unlogged = told(level("Metadata", verb, code, Value::Null));
            assert_eq!(unlogged, (None, Some(Doubt::Level)), "{verb} {code}");
        }
        let ours = Some("OPS-7".to_owned());
        assert_eq!(told(level("Request", verb, 403, cause())), (ours, None), "{verb}");
        assert_eq!(told(level("Request", verb, 403, json!({}))), (None, None), "{verb}");
    }
    let operation = |path: &str, value: Value| json!([{"op": "add", "path": path, "value": value}]);
    let way = "/metadata/annotations/kubernetes.io~1change-cause";
    for body in [
        operation(way, "OPS-7".into()),
        operation("/metadata/annotations", cause()["metadata"]["annotations"].clone()),
    ] {
        assert_eq!(told(level("Request", "patch", 403, body)).0.as_deref(), Some("OPS-7"));
    }
    // What deletes, and what stands for a part of the object, is no better known.
    let unknown = (None, Some(Doubt::Level));
    assert_eq!(told(level("Metadata", "delete", 200, Value::Null)), unknown);
    for (verb, subresource) in [("create", "eviction"), ("update", "scale"), ("patch", "scale")] {
        let bare = act(2, verb, |e| {
            e["level"] = "Metadata".into();
            e["objectRef"]["subresource"] = subresource.into();
        });
        assert_eq!(told(bare), unknown, "{subresource}");
    }
    let collection = act(2, "deletecollection", |e| {
        e["level"] = "Metadata".into();
        e["objectRef"].as_object_mut().unwrap().remove("name");
    });
    assert_eq!(told(collection), unknown);
    let options = json!({"kind": "DeleteOptions"});
    assert_eq!(told(level("Request", "delete", 200, options)), (None, None));
    assert_eq!(told(act(2, "delete", |_| {})), (None, None), "nothing was sent");
}

/// What an answer shows is told, whatever the request was.
#[test]
fn a_reason_that_an_answer_shows_is_told() {
    let mut object = policy(8, 2, json!({"a": 1}));
    object["metadata"]["annotations"] = json!({"auditseal.dev/ticket": "OPS-9"});
    let why = |entry: &LifeEntry| -> Vec<(String, Option<bool>)> {
        entry.why.iter().map(|why| (why.value.clone(), why.new)).collect()
    };
    let was_there = [("OPS-9".to_owned(), Some(false))];
    let delete = act(4, "delete", |e| {
        e["requestObject"] = json!({"kind": "DeleteOptions"});
        e["responseObject"] = object.clone();
    });
    assert_eq!(why(&live(vec![delete]).0[0]), was_there);
    let collection = act(4, "deletecollection", |e| {
        e["objectRef"].as_object_mut().unwrap().remove("name");
        e["responseObject"] = json!({"kind": "NetworkPolicyList", "items": [object.clone()]});
    });
    assert_eq!(why(&live(vec![collection]).0[0]), was_there);
    let set = put(2, "5", object.clone());
    let (told, _) = live(vec![set, put(3, "8", object.clone())]);
    assert_eq!(told[1].deed, Deed::Nothing { certain: true });
    assert_eq!((why(&told[1]), told[0].why.len()), (was_there.to_vec(), 1));
    // Of what comes late it isn't known.
    let mut all = vec![put(2, "5", policy(100, 9, json!({})))];
    all.extend(
        (1..=MAX_WAITING as u64)
            .map(|n| put(2, &(99 + n).to_string(), policy(100 + n, 9, json!({})))),
    );
    all.push(put(2, "5", object));
    let (told, _) = live(all);
    let late = told.iter().find(|entry| entry.doubt == Some(Doubt::Late)).unwrap();
    assert_eq!(why(late), [("OPS-9".to_owned(), None)]);
}

/// At level Request the answer doesn't say whether it was the last write.
#[test]
fn of_what_may_be_the_last_write_nothing_but_the_end_is_inferred() {
    let mut ending = policy(8, 2, json!({"podSelector": {"matchLabels": {"x": "1"}}}));
    ending["metadata"]["deletionTimestamp"] = "2026-11-21T08:00:00Z".into();
    ending["metadata"]["finalizers"] = json!(["f"]);
    let begun = act(2, "delete", |e| {
        e["requestObject"] = json!({"kind": "DeleteOptions"});
        e["responseObject"] = ending;
    });
    let freed = act(3, "patch", |e| {
        e["level"] = "Request".into();
        e["requestObject"] = json!({"metadata": {"finalizers": null},
            "spec": {"podSelector": {"matchLabels": {"x": "EVIL"}}}});
    });
    let (told, life) = live(vec![begun, freed]);
    let marks: Vec<_> =
        told[1].fields.iter().map(|field| (field.path.to_string(), field.mark.clone())).collect();
    let label = "spec.podSelector.matchLabels.x".to_owned();
    assert_eq!(
        marks,
        [
            ("metadata.finalizers".to_owned(), Inference::FromRequest.into()),
            (label, Doubt::Deleting.into())
        ]
    );
    assert_eq!(told[1].words.as_ref().unwrap().mark, Doubt::Deleting.into());
    let end = "no longer isolated: what comes in to pods with x=1, but by other policies";
    assert_eq!(words_of(&told[1]), end);
    assert_eq!(*life.known(), KnownObject::Nothing(Doubt::Deleting));
}
