//! Objects that had one name, one after the other, and lines that tell of one request twice.

use super::tests::{act, live, name, policy, put};
use super::*;
use serde_json::json;

fn made(cite: u64, uid: &str, version: u64) -> Act {
    act(cite, "create", |e| e["responseObject"] = of(uid, version, 1))
}

fn of(uid: &str, version: u64, a: u64) -> Value {
    let mut object = policy(version, a, json!({ "a": a }));
    object["metadata"]["uid"] = uid.into();
    object
}

fn gone(cite: u64, uid: &str) -> Act {
    act(cite, "delete", |e| {
        e["requestObject"] = json!({"kind": "DeleteOptions"});
        e["responseStatus"] = json!({"status": "Success", "code": 200, "details": {"uid": uid}});
        e["responseObject"] = json!({"kind": "Status", "status": "Success"});
    })
}

fn read(cite: u64, object: Value) -> Act {
    act(cite, "get", |e| e["responseObject"] = object)
}

fn uid_at_the_end(life: &Life) -> Option<&str> {
    text(&life.known().state()?.object, &["metadata", "uid"])
}

fn second(cite: u64) -> i64 {
    1_000_000 * i64::try_from(cite).unwrap()
}

#[test]
fn an_answer_about_an_object_that_is_gone_revives_and_ends_no_other() {
    // An update that was answered behind the deletion.
    let (told, life) = live(vec![made(1, "u1", 5), gone(2, "u1"), put(3, "5", of("u1", 6, 2))]);
    assert_eq!((&told[2].deed, &told[2].doubt), (&Deed::Changed, &Some(Doubt::Late)));
    assert_eq!(*life.known(), KnownObject::Absent);
    // A deletion that was answered behind the next creation.
    let (told, life) = live(vec![made(1, "u1", 5), made(2, "u2", 8), gone(3, "u1")]);
    assert_eq!(told[2].deed, Deed::Deleted { certain: true });
    assert_eq!((told[2].uid.as_deref(), &told[2].doubt), (Some("u1"), &Some(Doubt::Late)));
    assert_eq!(uid_at_the_end(&life), Some("u2"));
    // A deletion of one of which nothing is in the trail: the one that is known must be gone.
    let (told, life) = live(vec![made(1, "u1", 5), gone(2, "u9")]);
    assert_eq!(told[1].uid.as_deref(), Some("u9"));
    assert_eq!((&told[1].words, &told[1].doubt), (&None, &Some(Doubt::OtherObject)));
    assert_ne!(uid_at_the_end(&life), Some("u1"));
    // Where it overlaps with the creation, it may have been before it.
    let mut early = gone(2, "u9");
    early.received = made(1, "u1", 5).received;
    let (_, life) = live(vec![made(1, "u1", 5), early]);
    assert_eq!(uid_at_the_end(&life), Some("u1"));
}

#[test]
fn a_read_of_what_was_is_nothing_new_and_of_what_came_unseen_is_told() {
    let cached = read(4, of("u1", 5, 1));
    let (told, life) = live(vec![made(1, "u1", 5), gone(2, "u1"), made(3, "u2", 8), cached]);
    assert_eq!((told.len(), life.counts().reads, uid_at_the_end(&life)), (3, 1, Some("u2")));
    let older = read(4, of("u0", 2, 1));
    let (told, _) = live(vec![made(3, "u2", 8), older]);
    assert_eq!(told.len(), 1);
    let (told, life) = live(vec![made(1, "u1", 5), gone(2, "u1"), read(3, of("u2", 8, 1))]);
    assert_eq!(told[2].deed, Deed::Noticed { other: true, failed: false });
    assert_eq!((told[2].uid.as_deref(), uid_at_the_end(&life)), (Some("u2"), Some("u2")));
    assert!(told[2].fields.iter().all(|field| field.mark == Doubt::Unseen.into()));
}

#[test]
fn a_collection_that_takes_an_object_that_came_unseen_is_told() {
    let taken = act(3, "deletecollection", |e| {
        e["objectRef"].as_object_mut().unwrap().remove("name");
        e["requestObject"] = json!({"propagationPolicy": "Background"});
        e["responseObject"] = json!({"kind": "NetworkPolicyList", "items": [of("u2", 8, 1)]});
    });
    let (told, life) = live(vec![made(1, "u1", 5), gone(2, "u1"), taken]);
    assert_eq!(told[2].deed, Deed::DeletedWithCollection { certain: true });
    assert_eq!((told[2].uid.as_deref(), &told[2].doubt), (Some("u2"), &Some(Doubt::OtherObject)));
    assert_eq!(*life.known(), KnownObject::Absent);
}

#[test]
fn a_moment_rests_on_what_was_taken_and_on_what_is_shown_later() {
    let moment = |acts: Vec<Act>, after: &Act| {
        let time = after.done.unwrap().saturating_add(second(2));
        let mut life = Life::new(name()).with_moment(time);
        acts.into_iter().for_each(|act| drop(life.take(act)));
        life.finish();
        life.moment().unwrap()
    };
    let start = made(1, "u1", 5);
    for answer in [json!({"code": 500}), json!({"code": 504}), json!({})] {
        let failed = act(2, "update", |e| {
            e["objectRef"]["resourceVersion"] = "5".into();
            e["responseStatus"] = answer.clone();
        });
        assert!(!moment(vec![start.clone(), failed], &start).proved, "{answer}");
    }
    let next = put(2, "5", of("u1", 6, 2));
    assert!(moment(vec![start.clone(), next], &start).proved);
    let end = gone(2, "u1");
    let all = vec![start.clone(), end.clone(), read(3, of("u2", 8, 1))];
    assert_eq!(moment(all, &end).known, KnownObject::Nothing(Doubt::OtherObject));
    let again = vec![start.clone(), end.clone(), made(3, "u2", 8)];
    assert_eq!(moment(again, &end).known, KnownObject::Absent);
    let cached = vec![start, end.clone(), read(3, of("u1", 5, 1))];
    assert_eq!(moment(cached, &end).known, KnownObject::Absent);
}

#[test]
fn a_request_that_failed_does_not_hide_what_a_read_finds() {
    let failed = act(2, "update", |e| e["responseStatus"] = json!({"code": 500}));
    let (told, _) = live(vec![made(1, "u1", 5), failed.clone(), read(3, of("u1", 6, 2))]);
    assert_eq!(told[2].deed, Deed::Noticed { other: false, failed: true });
    assert_eq!(told[2].fields[0].path.to_string(), "spec.a");
    let (told, _) = live(vec![made(1, "u1", 5), read(3, of("u1", 6, 2))]);
    assert_eq!(told[1].deed, Deed::Noticed { other: false, failed: false });
}

#[test]
fn a_line_that_is_sealed_twice_is_told_once_by_the_one_that_holds_more() {
    let whole = put(2, "5", of("u1", 6, 2));
    let mut cut = whole.clone();
    (cut.request, cut.response) = (crate::Body::Truncated, crate::Body::Truncated);
    cut.cite.chain = 1;
    for pair in [[whole.clone(), cut.clone()], [cut, whole.clone()]] {
        let acts = [made(1, "u1", 5)].into_iter().chain(pair).collect();
        let (told, life) = live(acts);
        assert_eq!((told.len(), life.counts().repeated), (2, 1));
        assert_eq!((told[1].cite.chain, &told[1].fields[0].mark), (0, &Mark::Exact));
    }
    // Who sends an id again, for another change, hides nothing.
    let mut forged = put(3, "6", of("u1", 7, 3));
    forged.audit_id.clone_from(&whole.audit_id);
    (forged.received, forged.done) = (whole.received, whole.done);
    let (told, _) = live(vec![made(1, "u1", 5), whole, forged]);
    assert_eq!(told.len(), 3);
}

#[test]
fn the_last_finalizer_that_goes_is_the_end() {
    let ending = |finalizers: Value| {
        let mut object = of("u1", 6, 2);
        object["metadata"]["deletionTimestamp"] = "2026-11-21T08:00:00Z".into();
        object["metadata"]["finalizers"] = finalizers;
        object
    };
    let begun = act(2, "delete", |e| {
        e["requestObject"] = json!({"kind": "DeleteOptions"});
        e["responseObject"] = ending(json!(["f"]));
    });
    let free = |level: &str| {
        act(3, "patch", |e| {
            e["level"] = level.into();
            e["requestObject"] = json!({"metadata": {"finalizers": null}});
            if level == "RequestResponse" {
                // It is stored no more, so that the version is the one before.
                e["responseObject"] = ending(Value::Null);
            }
        })
    };
    let run = |level: &str| {
        let (told, life) = live(vec![made(1, "u1", 5), begun.clone(), free(level)]);
        (told[2].deed.clone(), told[2].doubt.clone(), life.known().clone())
    };
    assert_eq!(
        run("RequestResponse"),
        (Deed::Deleted { certain: true }, None, KnownObject::Absent)
    );
    for level in ["Request", "Metadata"] {
        let (deed, doubt, known) = run(level);
        assert_eq!((deed, doubt), (Deed::Changed, Some(Doubt::Deleting)), "{level}");
        assert_eq!(known, KnownObject::Nothing(Doubt::Deleting));
    }
}

#[test]
fn a_deletion_that_leaves_dependents_is_begun() {
    let (background, foreground) = ("propagationPolicy=Background", "propagationPolicy=Foreground");
    let run = |query: &str, body: Value| {
        let taken = act(2, "deletecollection", |e| {
            e["objectRef"].as_object_mut().unwrap().remove("name");
            e["requestURI"] = format!("/x?{query}").into();
            e["requestObject"] = body.clone();
            e["responseObject"] = json!({"kind": "NetworkPolicyList", "items": [of("u1", 5, 1)]});
        });
        live(vec![made(1, "u1", 5), taken]).0[1].deed.clone()
    };
    let taken = Deed::DeletedWithCollection { certain: true };
    assert_eq!(run(foreground, Value::Null), Deed::DeletionBegun);
    assert_eq!(run("orphanDependents=true", Value::Null), Deed::DeletionBegun);
    assert_eq!(run(background, Value::Null), taken);
    assert_eq!(run("propagationPolicy=Foreground;", Value::Null), taken);
    // The body's options count, and the address's don't.
    assert_eq!(run(background, json!({"propagationPolicy": "Orphan"})), Deed::DeletionBegun);
    assert_eq!(run(foreground, json!({"kind": "DeleteOptions"})), taken);
    // What the answer lists counts before a selector.
    assert_eq!(run("fieldSelector=metadata.name%3Dother", Value::Null), taken);
}

#[test]
fn more_objects_that_are_gone_than_are_remembered_forget_the_first() {
    let mut uids = Uids::default();
    (0..=MAX_PAST).for_each(|n| uids.end(&n.to_string()));
    assert!(!uids.is_past("0") && uids.is_past("1") && uids.is_past(&MAX_PAST.to_string()));
}

/// A collection's deletion that failed, and one that was refused, for another object alone.
#[test]
fn a_collection_that_was_not_deleted_is_told_of_those_that_it_asked_for() {
    let asked = |selector: &str, code: u16| {
        act(3, "deletecollection", |e| {
            e["objectRef"].as_object_mut().unwrap().remove("name");
            e["requestURI"] = format!("/x?fieldSelector=metadata.name%3D{selector}").into();
            e["responseStatus"]["code"] = code.into();
            if code == 403 {
                e["annotations"] = json!({"authorization.k8s.io/decision": "forbid"});
            }
        })
    };
    for code in [403, 422, 500] {
        let (told, life) =
            live(vec![made(1, "u1", 5), asked("other", code), read(4, of("u2", 9, 1))]);
        assert_eq!((told.len(), life.counts().others), (2, 1), "{code}");
        assert_eq!(told[1].deed, Deed::Noticed { other: true, failed: false });
        assert_eq!(live(vec![made(1, "u1", 5), asked("p", code)]).0.len(), 2, "{code}");
    }
    // One that is gone isn't in it.
    assert_eq!(live(vec![made(1, "u1", 5), gone(2, "u1"), asked("p", 500)]).0.len(), 2);
}

/// Two apiservers' clocks differ by less than a minute, and many requests lie between.
#[test]
fn an_older_object_that_comes_late_leaves_the_newer_one_alone() {
    let at_once = |mut act: Act| {
        (act.received, act.done) = (made(1, "u1", 5).received, made(1, "u1", 5).done);
        act
    };
    let mut all = vec![at_once(made(1, "u2", 100))];
    all.extend((2..60).map(|n| at_once(put(n, &(98 + n).to_string(), of("u2", 99 + n, n)))));
    all.push(at_once(made(60, "u1", 50)));
    all.push(at_once(gone(61, "u1")));
    let (told, life) = live(all);
    let late: Vec<_> = told.iter().filter(|entry| entry.doubt == Some(Doubt::Late)).collect();
    assert_eq!(late.len(), 2);
    assert_eq!(
        (&late[0].deed, late[0].uid.as_deref()),
        (&Deed::Created { again: true }, Some("u1"))
    );
    assert_eq!(
        (&late[1].deed, late[1].uid.as_deref()),
        (&Deed::Deleted { certain: true }, Some("u1"))
    );
    assert_eq!(uid_at_the_end(&life), Some("u2"));
    // A store that was restored counts from a lower version again, when all clocks agree.
    let (told, life) = live(vec![made(1, "u1", 500), made(30, "u2", 3)]);
    assert_eq!((&told[1].doubt, uid_at_the_end(&life)), (&None, Some("u2")));
}

/// The one before must be gone, and nothing in the trail says how.
#[test]
fn one_that_is_created_over_another_says_that_an_end_is_missing() {
    let (told, life) = live(vec![made(1, "u1", 5), made(2, "u2", 8)]);
    assert_eq!((&told[1].deed, told[1].between), (&Deed::Created { again: true }, Between::NoEnd));
    assert_eq!(uid_at_the_end(&life), Some("u2"));
    assert!(told[1].fields.iter().all(|field| field.mark == Mark::Exact));
    let (told, _) = live(vec![made(1, "u1", 5), gone(2, "u1"), made(3, "u2", 8)]);
    assert_eq!(told[2].between, Between::Nothing);
    // Also where the answers aren't logged, or nothing is.
    for level in ["Request", "Metadata"] {
        let bare = |cite| {
            act(cite, "create", |e| {
                e["level"] = level.into();
                if level == "Request" {
                    e["requestObject"] = of("u1", 5, 1);
                }
            })
        };
        let (told, _) = live(vec![bare(1), bare(2)]);
        let between = [told[0].between, told[1].between];
        assert_eq!(between, [Between::Nothing, Between::NoEnd], "{level}");
    }
    // A deletion that failed may have been done all the same.
    let failed = act(2, "delete", |e| e["responseStatus"] = json!({"code": 504}));
    let (told, _) = live(vec![made(1, "u1", 5), failed, made(3, "u2", 8)]);
    assert_eq!(told[2].between, Between::Unproved);
}

/// What comes late is late also where the newer one is gone by then.
#[test]
fn an_older_object_that_comes_behind_the_end_of_a_newer_one_is_late() {
    let at_once = |mut act: Act| {
        (act.received, act.done) = (made(1, "u1", 5).received, made(1, "u1", 5).done);
        act
    };
    let refused = |n| act(n, "update", |e| e["responseStatus"] = json!({"code": 409}));
    let mut all = vec![made(1, "u2", 100), gone(2, "u2")];
    all.extend((3..60).map(refused));
    all.extend([made(60, "u1", 50), gone(61, "u1")]);
    let (told, life) = live(all.into_iter().map(at_once).collect());
    let [made_late, gone_late] = &told[told.len() - 2..] else { panic!("{told:?}") };
    assert_eq!((&made_late.doubt, made_late.uid.as_deref()), (&Some(Doubt::Late), Some("u1")));
    assert_eq!((&gone_late.doubt, gone_late.uid.as_deref()), (&Some(Doubt::Late), Some("u1")));
    assert_eq!(*life.known(), KnownObject::Absent);
    // The next one isn't.
    let (told, _) = live(vec![made(1, "u1", 5), gone(2, "u1"), at_once(made(3, "u2", 9))]);
    assert_eq!(told.last().unwrap().doubt, None);
}
