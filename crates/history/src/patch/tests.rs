use super::*;
use crate::path::PathStep;
use serde_json::json;

/// Made by `k8s.io/apimachinery/pkg/util/strategicpatch` v0.36.3 and `evanphx/json-patch` v4.13.0, which are what the
/// apiserver applies patches with: kind, base, patch, and the object after it, where they take it.
const CASES: &str = include_str!("../../tests/patches.jsonl");

fn kind(text: &Value) -> PatchKind {
    match text.as_str() {
        Some("strategic") => PatchKind::Strategic,
        Some("merge") => PatchKind::Merge,
        _ => PatchKind::Json,
    }
}

#[test]
fn patches_come_to_what_the_apiservers_own_libraries_make_of_them() {
    let (mut same, mut refused, mut odd, mut wrong) = (0, 0, 0, Vec::new());
    for line in CASES.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let made = apply_patch(&case["base"], &case["patch"], &[kind(&case["kind"])], None);
        match (made, case.get("after")) {
            (Ok(made), Some(after)) if made.object == *after => same += 1,
            (Err(PatchFault::Odd(_)), _) => odd += 1,
            (Err(_), None) => refused += 1,
            // What is no object any more is refused a moment later, when it is decoded.
            (Err(PatchFault::Misfit(_)), Some(after)) if !after.is_object() => refused += 1,
            (made, _) => wrong.push(format!("{line}\n  {made:?}")),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(15)].join("\n")
    );
    assert!(same > 340 && refused > 140 && odd < 50, "{same} {refused} {odd}");
}

#[test]
fn where_kinds_differ_the_fields_are_named() {
    let base = json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": {
        "containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]}}}});
    let patch = json!({"spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "a", "image": "z"}]}}}});
    let kinds = infer(&patch, &[], "apps");
    let made = apply_patch(&base, &patch, &kinds, None).unwrap();
    assert_eq!(kinds, [PatchKind::Strategic, PatchKind::Merge]);
    let names: Vec<_> = made.ambiguous.iter().map(ObjectPath::to_string).collect();
    assert_eq!(names, ["spec.template.spec.containers[name=b]"]);
    assert_eq!(made.object["spec"]["template"]["spec"]["containers"][1]["image"], "y");
}

#[test]
fn an_apply_takes_away_what_its_manager_alone_had_applied() {
    let base = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "d", "labels": {"mine": "1", "both": "1", "theirs": "1"}, "managedFields": [
            {"manager": "me", "operation": "Apply", "fieldsV1": {"f:metadata": {"f:labels": {"f:mine": {}, "f:both": {}}},
                "f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"old\"}": {".": {}, "f:name": {}}}}}}}},
            {"manager": "them", "operation": "Update", "fieldsV1": {"f:metadata": {"f:labels": {"f:both": {}, "f:theirs": {}}}}}]},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "old"}, {"name": "web", "image": "x",
            "ports": [{"containerPort": 80, "protocol": "TCP"}]}]}}}});
    let config = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "labels": {"new": "1"}},
        "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "y", "ports": [{"containerPort": 80}]}]}}}});
    let made = apply_patch(&base, &config, &[PatchKind::Apply], Some("me")).unwrap();
    assert!(!made.owners_unknown);
    let labels = &made.object["metadata"]["labels"];
    assert_eq!(*labels, json!({"both": "1", "theirs": "1", "new": "1"}));
    let containers = &made.object["spec"]["template"]["spec"]["containers"];
    let web =
        json!([{"name": "web", "image": "y", "ports": [{"containerPort": 80, "protocol": "TCP"}]}]);
    assert_eq!(*containers, web);
    let mut bare = base;
    bare["metadata"]["managedFields"].take();
    bare["metadata"].as_object_mut().unwrap().remove("managedFields");
    assert!(apply_patch(&bare, &config, &[PatchKind::Apply], Some("me")).unwrap().owners_unknown);
}

#[test]
fn a_request_names_its_fields() {
    let text = |body: &Value, kind| {
        let (found, all) = asked(body, kind, ("apps", "Deployment"));
        assert!(all);
        let one = |a: &AskedField| format!("{}={}", a.path, a.value.clone().unwrap_or(Value::Null));
        found.iter().map(one).collect::<Vec<_>>().join(" ")
    };
    let body = json!({"metadata": {"labels": {"x": null}, "$deleteFromPrimitiveList/finalizers": ["f"]},
        "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "y"}, {"$patch": "delete", "name": "b"}]}}}});
    assert_eq!(
        text(&body, PatchKind::Strategic),
        "metadata.finalizers=null metadata.labels.x=null \
         spec.template.spec.containers[name=a].image=\"y\" spec.template.spec.containers[name=a].name=\"a\" \
         spec.template.spec.containers[name=b]=null"
    );
    let body = json!([{"op": "replace", "path": "/spec/replicas", "value": 3},
        {"op": "add", "path": "/spec/l/-", "value": 1}, {"op": "test", "path": "/x", "value": 1},
        {"op": "move", "from": "/metadata/labels/a~1b", "path": "/spec/q"}]);
    assert_eq!(
        text(&body, PatchKind::Json),
        "spec.replicas=3 spec.l=null spec.q=null metadata.labels[\"a/b\"]=null"
    );
    let many: serde_json::Map<String, Value> =
        (0..=MAX_ASKED).map(|n| (n.to_string(), json!(1))).collect();
    let (found, all) = asked(&many.into(), PatchKind::Merge, ("", "ConfigMap"));
    assert!(found.len() == MAX_ASKED && !all);
}

#[test]
fn what_may_be_the_same_field_is_taken_for_it() {
    let path = |text: &str| {
        let step = |part: &str| match part.split_once('=') {
            Some((k, v)) => PathStep::Item(vec![(k.to_owned(), v.to_owned())]),
            None => part.parse().map_or_else(|_| PathStep::Key(part.into()), PathStep::Index),
        };
        ObjectPath(text.split('/').map(step).collect())
    };
    for (one, other, same) in [
        ("a/name=x/b", "a/name=x", true),
        ("a/name=x", "a/name=y", false),
        ("a/0/b", "a/name=y/b", true),
        ("a/0/b", "a/name=y/c", false),
        ("a", "a/name=y/c", true),
        ("a/containerPort=1", "a/protocol=TCP", true),
    ] {
        assert_eq!(may_be(&path(one), &path(other)), same, "{one} {other}");
    }
}
