use super::*;
use auditseal_format::hash;
use serde_json::{Value, json};

fn cite(line: u64) -> Cite {
    Cite { chain: 0, seq: 1, line, seal: hash(b"") }
}

/// A line about the ConfigMap of this name, whose answer is its version.
fn line(
    verb: &str,
    namespace: &str,
    name: &str,
    version: u64,
    change: impl FnOnce(&mut Value),
) -> Vec<u8> {
    let object = |version: u64| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace,
        "uid": format!("{namespace}-{name}"), "resourceVersion": version.to_string()}, "data": {"v": version.to_string()}})
    };
    let time = format!(
        "2026-11-30T{:02}:{:02}:{:02}.000000Z",
        version / 3600,
        version / 60 % 60,
        version % 60
    );
    let mut event = json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "stage": "ResponseComplete",
        "auditID": version.to_string(), "requestURI": "/", "verb": verb, "user": {"username": "u"},
        "objectRef": {"resource": "configmaps", "namespace": namespace, "name": name, "apiVersion": "v1"},
        "responseStatus": {"code": if verb == "create" { 201 } else { 200 }},
        "requestObject": object(version.saturating_sub(1)), "responseObject": object(version),
        "requestReceivedTimestamp": time, "stageTimestamp": time});
    change(&mut event);
    event.to_string().into_bytes()
}

fn wanted(name: Option<&str>, namespace: Option<&str>) -> WantedObjects {
    WantedObjects {
        resource: "configmaps".to_owned(),
        group: None,
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
        namespaced: true,
    }
}

fn chains() -> [Origin; 1] {
    ["c/n/s".parse().unwrap()]
}

fn told(lives: &mut Lives, lines: &[Vec<u8>]) -> Vec<ToldEntry> {
    let mut told: Vec<_> =
        (1..).zip(lines).flat_map(|(at, line)| lives.take(line, cite(at))).collect();
    told.extend(lives.finish());
    told
}

/// Ten thousand requests about one object: each is told once, and no more wait than is allowed, whatever they weigh.
#[test]
fn ten_thousand_requests_are_told_in_bounded_memory() {
    for bytes in [0, 64 << 10] {
        let mut lives = Lives::new(wanted(Some("c"), Some("n")), Telling::default());
        let count = if bytes == 0 { 10_000 } else { 1_000 };
        let (mut entries, pad) = (0, "x".repeat(bytes));
        for version in 1..=count {
            let verb = if version == 1 { "create" } else { "update" };
            let line = line(verb, "n", "c", version, |event| {
                event["requestObject"]["data"]["pad"] = pad.as_str().into()
            });
            entries += lives.take(&line, cite(version)).len() as u64;
            assert!(lives.waiting <= WAITING + line.len());
            assert!(lives.lives.values().all(|one| one.waiting.len() <= MAX_WAITING));
        }
        entries += lives.finish().len() as u64;
        let end = lives.ends().next().unwrap();
        assert_eq!((entries, end.tally.entries, end.tally.exact), (count, count, count));
    }
}

/// Ten times what may wait, of many lives: the heaviest tells what waits, and nothing is lost.
#[test]
fn what_waits_of_many_lives_is_bounded() {
    let mut lives = Lives::new(wanted(None, None), Telling::default());
    let each = WAITING / 40;
    let pad = "x".repeat(each);
    let mut entries = 0;
    for version in 1..=400 {
        let line = line("update", "n", &format!("c{}", version % 50), version, |event| {
            event["requestObject"]["pad"] = pad.as_str().into()
        });
        entries += lives.take(&line, cite(version)).len();
        assert!(lives.waiting <= WAITING + line.len());
    }
    assert!(entries > 300, "{entries} were told before the end");
    assert_eq!(entries + lives.finish().len(), 400);
}

/// Ten times as many objects as are followed: of those beyond it the requests are counted.
#[test]
fn more_objects_than_are_followed_are_counted() {
    let mut lives = Lives::new(wanted(None, None), Telling::default());
    for at in 0..10 * MAX_LIVES as u64 {
        lives.take(&line("create", "n", &format!("c{at}"), 1, |_| {}), cite(at));
    }
    assert_eq!((lives.lives.len(), lives.beyond), (MAX_LIVES, 9 * MAX_LIVES as u64));
    let footer = lives.footer(&chains());
    assert_eq!(footer.len(), 2, "{footer:?}");
    assert!(footer[1].starts_with("left out: 36864 requests are of more objects"), "{footer:?}");
}

#[test]
fn objects_of_one_name_are_told_apart_and_in_the_order_of_time() {
    let lines = [
        line("create", "a", "c", 10, |_| {}),
        line("create", "b", "c", 11, |_| {}),
        line("update", "a", "c", 12, |_| {}),
        line("create", "b", "other", 13, |_| {}),
        line("create", "b", "", 14, |event| event["responseObject"] = Value::Null),
        line("create", "b", "", 15, |event| event["responseStatus"]["code"] = 403.into()),
        b"no event".to_vec(),
    ];
    let mut lives = Lives::new(wanted(Some("c"), None), Telling::default());
    let all = told(&mut lives, &lines);
    let order: Vec<_> =
        all.iter().map(|told| (told.object.namespace.as_str(), told.entry.cite.line)).collect();
    assert_eq!(order, [("a", 1), ("b", 2), ("a", 3)]);
    assert_eq!((lives.unread.count, lives.unnamed.count), (1, 1));
    assert_eq!(lives.footer(&chains()).len(), 4, "{:?}", lives.footer(&chains()));
}

/// What was done before counts for what was known then, and isn't told; nor is another object of that name.
#[test]
fn of_before_and_of_another_uid_nothing_is_told() {
    let lines = [
        line("create", "n", "c", 10, |_| {}),
        line("update", "n", "c", 11, |_| {}),
        line("delete", "n", "c", 12, |event| {
            event["responseObject"] =
                json!({"kind": "Status", "status": "Success", "details": {"uid": "n-c"}})
        }),
        line("create", "n", "c", 13, |event| {
            event["responseObject"]["metadata"]["uid"] = "second".into()
        }),
    ];
    let since = Time::certain(b"2026-11-30T00:00:11Z");
    let mut lives =
        Lives::new(wanted(Some("c"), Some("n")), Telling { since, ..Telling::default() });
    let all = told(&mut lives, &lines);
    assert_eq!(all.len(), 3);
    assert!(
        all[0].entry.fields.iter().all(|field| field.mark == Mark::Exact)
            && !all[0].entry.fields.is_empty()
    );
    let telling = Telling { uid: Some("second".to_owned()), ..Telling::default() };
    let mut lives = Lives::new(wanted(Some("c"), Some("n")), telling);
    let all = told(&mut lives, &lines);
    assert_eq!(all.len(), 1);
    assert!(
        lives.footer(&chains())[0].ends_with("not told: of before or of another uid 3"),
        "{:?}",
        lives.footer(&chains())
    );
}

/// At a level that holds no answers, which object it was isn't known: it may be the one that is asked for.
#[test]
fn what_has_no_known_uid_is_told_with_the_uid_that_is_asked_for() {
    let bare = |verb: &str, second: u64| {
        line(verb, "n", "c", second, |event| {
            event["level"] = "Request".into();
            event["responseObject"] = Value::Null;
        })
    };
    let telling = Telling { uid: Some("u1".into()), ..Telling::default() };
    let mut lives = Lives::new(wanted(Some("c"), Some("n")), telling);
    let all = told(&mut lives, &[bare("create", 10), bare("update", 11)]);
    assert!(all.len() == 2 && all.iter().all(|told| told.of_unknown_uid));
    let footer = lives.footer(&chains());
    assert!(footer[0].ends_with("of an unknown uid, and told all the same: 2"), "{footer:?}");
}

/// A deletion of a collection is told of each object that it took, also of one that wasn't seen before.
#[test]
fn a_collection_is_of_each_object_that_it_lists() {
    let items = |names: &[&str]| {
        names
            .iter()
            .map(|name| json!({"metadata": {"name": name, "namespace": "n", "uid": name}}))
            .collect::<Vec<_>>()
    };
    let gone = line("deletecollection", "n", "c", 20, |event| {
        event["objectRef"].as_object_mut().unwrap().remove("name");
        event["requestObject"] = json!({"propagationPolicy": "Background"});
        event["responseObject"] = json!({"kind": "ConfigMapList", "items": items(&["c", "d"])});
    });
    let lines = [line("create", "n", "c", 10, |_| {}), line("create", "n", "e", 11, |_| {}), gone];
    let mut lives = Lives::new(wanted(None, Some("n")), Telling::default());
    let all = told(&mut lives, &lines);
    let deeds: Vec<_> =
        all.iter().map(|told| (told.object.name.as_str(), told.entry.deed.clone())).collect();
    let taken = Deed::DeletedWithCollection { certain: true };
    assert_eq!(deeds[2..], [("c", taken.clone()), ("d", taken)]);
}

/// One whose answer isn't logged may have taken an object that nothing else tells of.
#[test]
fn a_collection_may_be_all_that_is_told_of_an_object() {
    let gone = line("deletecollection", "n", "", 20, |event| {
        event["level"] = "Metadata".into();
        event["requestObject"] = Value::Null;
        event["responseObject"] = Value::Null;
    });
    let mut lives = Lives::new(wanted(Some("c"), Some("n")), Telling::default());
    let all = told(&mut lives, std::slice::from_ref(&gone));
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].entry.deed, Deed::DeletedWithCollection { certain: false });
    // Of all namespaces it would be told in each.
    let mut lives = Lives::new(wanted(Some("c"), None), Telling::default());
    assert!(told(&mut lives, &[gone]).is_empty());
}

/// A line without a namespace is of no object that is known: it is counted, and said where the first one is.
#[test]
fn what_names_no_namespace_is_said_and_never_taken_for_one_that_does() {
    let nowhere = |second: u64| {
        line("update", "n", "c", second, |event| {
            drop(event["objectRef"].as_object_mut().unwrap().remove("namespace"));
        })
    };
    let lines = [line("create", "n", "c", 10, |_| {}), nowhere(11), nowhere(12)];
    let asked = |namespace: Option<&str>, namespaced| {
        let wanted = WantedObjects { namespaced, ..wanted(Some("c"), namespace) };
        let mut lives = Lives::new(wanted, Telling::default());
        let entries = told(&mut lives, &lines).len();
        (entries, lives.footer(&chains()).pop().unwrap())
    };
    let begin = "left out: 2 requests";
    for (namespace, namespaced, entries, said) in [
        (Some("n"), true, 1, "aren't told, the first c/n/s 1:2"),
        (Some("n"), false, 1, "without -n they are, the first c/n/s 1:2"),
        (None, true, 3, "told by themselves, the first c/n/s 1:2"),
    ] {
        let (count, last) = asked(namespace, namespaced);
        assert_eq!(count, entries, "{last}");
        assert!(last.starts_with(begin) && last.ends_with(said), "{last}");
    }
    let (count, last) = asked(None, false);
    assert!(count == 3 && !last.starts_with("left out"), "an object of the cluster: {last}");
}
