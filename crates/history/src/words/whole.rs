//! Whatever is changed in an object, its words never say that nothing was.

use serde_json::{Value, json};

use super::accounts::accounts;
use super::words;

fn selector() -> Value {
    json!({"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "NotIn", "values": ["d", "e"]}]})
}

/// Objects that use nearly all fields of their kinds.
fn corpus() -> Vec<Value> {
    let backend = |name: &str| json!({"service": {"name": name, "port": {"number": 80}}});
    let rbac = "rbac.authorization.k8s.io/v1";
    let gateway = "gateway.networking.k8s.io/v1";
    let mut all = vec![
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"namespace": "n"},
            "spec": {"podSelector": selector(),
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [{"podSelector": selector()}, {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}],
                "ports": [{"port": 80, "endPort": 90, "protocol": "TCP"}, {"port": "web"}]}],
            "egress": [{"to": [{"namespaceSelector": selector()}], "ports": [{"port": 53, "protocol": "UDP"}]}]}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "spec": {"ingressClassName": "c",
            "defaultBackend": {"resource": {"apiGroup": "g.io", "kind": "Bucket", "name": "b"}},
            "rules": [{"host": "a", "http": {"paths": [{"path": "/x", "pathType": "Exact", "backend": backend("w")},
                {"path": "/x", "pathType": "Prefix", "backend": backend("v")}]}},
                {"host": "b", "http": {"paths": [{"path": "/", "pathType": "ImplementationSpecific", "backend":
                    {"service": {"name": "z", "port": {"name": "http"}}}}]}}],
            "tls": [{"hosts": ["a", "b"], "secretName": "s"}]}}),
        json!({"apiVersion": gateway, "kind": "Gateway", "spec": {"gatewayClassName": "c", "addresses": [{"type": "IPAddress", "value": "192.0.2.1"}],
            "listeners": [{"name": "a", "port": 443, "protocol": "HTTPS", "hostname": "h",
                "allowedRoutes": {"namespaces": {"from": "Selector", "selector": selector()}, "kinds": [{"kind": "HTTPRoute"}]},
                "tls": {"mode": "Passthrough", "certificateRefs": [{"name": "c", "namespace": "n"}, {"name": "d"}],
                    "frontendValidation": {"caCertificateRefs": [{"name": "ca"}]}}},
                {"name": "b", "port": 80, "protocol": "HTTP"}]}}),
        json!({"apiVersion": gateway, "kind": "HTTPRoute", "spec": {"hostnames": ["a", "b"],
            "parentRefs": [{"name": "g", "namespace": "n", "sectionName": "s", "port": 80}],
            "rules": [{"matches": [{"method": "GET", "path": {"type": "Exact", "value": "/a"},
                    "headers": [{"name": "h", "value": "v", "type": "RegularExpression"}, {"name": "i", "value": "w"}],
                    "queryParams": [{"name": "q", "value": "v", "type": "RegularExpression"}]}],
                "filters": [{"type": "RequestRedirect", "requestRedirect": {"hostname": "x"}}], "timeouts": {"request": "1s"},
                "backendRefs": [{"kind": "Other", "name": "w", "namespace": "m", "port": 80, "weight": 2, "filters": [{"type": "X"}]}, {"name": "v", "port": 81}]},
                {"matches": [{"path": {"type": "PathPrefix", "value": "/b"}}], "backendRefs": [{"name": "w", "port": 80}]}]}}),
        json!({"apiVersion": "v1", "kind": "Service", "spec": {"type": "LoadBalancer", "selector": {"a": "b"}, "clusterIP": "10.0.0.1",
            "ports": [{"name": "a", "port": 80, "targetPort": "web", "protocol": "TCP", "nodePort": 30000, "appProtocol": "h2c"},
                {"name": "b", "port": 81, "targetPort": 8081, "protocol": "UDP"}],
            "externalIPs": ["192.0.2.1", "192.0.2.2"], "loadBalancerSourceRanges": ["10.0.0.0/8"], "externalName": "x",
            "externalTrafficPolicy": "Local", "internalTrafficPolicy": "Local", "sessionAffinity": "ClientIP",
            "loadBalancerClass": "Cluster", "loadBalancerIP": "192.0.2.3", "publishNotReadyAddresses": true,
            "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 3}}}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "spec": {"finalizers": ["kubernetes"]},
            "metadata": {"labels": {"pod-security.kubernetes.io/enforce": "baseline", "pod-security.kubernetes.io/warn-version": "v1.30"}}}),
        json!({"apiVersion": rbac, "kind": "ClusterRole", "aggregationRule": {"clusterRoleSelectors": [selector(), {"matchLabels": {"x": "y"}}]},
            "rules": [{"apiGroups": ["apps"], "resources": ["deployments", "pods/log"], "verbs": ["get", "list"], "resourceNames": ["n"]},
                {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]}),
        json!({"apiVersion": rbac, "kind": "ClusterRoleBinding", "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"},
            "subjects": [{"kind": "ServiceAccount", "name": "a", "namespace": "n"}, {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "u"}]}),
        json!({"apiVersion": rbac, "kind": "RoleBinding", "metadata": {"namespace": "n"}, "roleRef": {"kind": "Role", "name": "r"}}),
    ];
    all.extend(of_admission());
    for object in &mut all {
        for (kind, name) in [("labels", "team"), ("annotations", "example.com/x")] {
            object["metadata"][kind][name] = "a".into();
        }
        object["metadata"]["finalizers"] = json!(["example.com/f"]);
    }
    all
}

fn of_admission() -> Vec<Value> {
    let rule = || {
        json!([{"apiGroups": ["apps", "batch"], "apiVersions": ["v1", "v2"], "operations": ["CREATE", "UPDATE"],
            "resources": ["deployments", "jobs"], "scope": "Namespaced", "resourceNames": ["x"]},
            {"apiGroups": [""], "apiVersions": ["*"], "operations": ["DELETE"], "resources": ["pods"]}])
    };
    let hooks = || {
        let hook = |name: &str| {
            json!({"name": name, "failurePolicy": "Ignore", "matchPolicy": "Exact", "timeoutSeconds": 5, "sideEffects": "None",
            "reinvocationPolicy": "IfNeeded", "admissionReviewVersions": ["v1", "v1beta1"], "rules": rule(),
            "clientConfig": {"caBundle": "QUJD", "service": {"name": "s", "namespace": "n", "path": "/v", "port": 8443}},
            "namespaceSelector": selector(), "objectSelector": selector(),
            "matchConditions": [{"name": "one", "expression": "a == b"}, {"name": "two", "expression": "c"}]})
        };
        json!([hook("a.io"), hook("b.io")])
    };
    let matched = || {
        json!({"matchPolicy": "Exact", "namespaceSelector": selector(), "objectSelector": selector(),
        "resourceRules": rule(), "excludeResourceRules": rule()})
    };
    let admission = "admissionregistration.k8s.io/v1";
    vec![
        json!({"apiVersion": admission, "kind": "ValidatingWebhookConfiguration", "webhooks": hooks()}),
        json!({"apiVersion": admission, "kind": "MutatingWebhookConfiguration", "webhooks": hooks()}),
        json!({"apiVersion": admission, "kind": "ValidatingAdmissionPolicy", "spec": {"failurePolicy": "Ignore", "matchConstraints": matched(),
            "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}, "matchConditions": [{"name": "m", "expression": "a"}],
            "validations": [{"expression": "a", "message": "m"}, {"expression": "b"}], "variables": [{"name": "v", "expression": "e"}],
            "auditAnnotations": [{"key": "k", "valueExpression": "'a'"}]}}),
        json!({"apiVersion": admission, "kind": "ValidatingAdmissionPolicyBinding", "spec": {"policyName": "p", "validationActions": ["Deny", "Audit"],
            "matchResources": matched(), "paramRef": {"name": "x", "parameterNotFoundAction": "Deny"}}}),
    ]
}

/// Each object that differs in one place: a value is another, or gone; a member is new; a list is turned around.
fn changed(object: &Value, at: &str, into: &mut Vec<(String, &'static str, Value)>, whole: &Value) {
    let mut put = |how, value: Value| {
        let mut one = whole.clone();
        *one.pointer_mut(at).unwrap() = value;
        into.push((at.to_owned(), how, one));
    };
    match object {
        Value::Object(members) => {
            let mut more = members.clone();
            more.insert("isNew".to_owned(), "x".into());
            put("a member more", more.into());
            for name in members.keys() {
                let mut less = members.clone();
                less.remove(name);
                put("a member less", less.into());
            }
            for (name, value) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                changed(value, &format!("{at}/{name}"), into, whole);
            }
        }
        Value::Array(items) => {
            let turned: Vec<Value> = items.iter().rev().cloned().collect();
            if turned != *items {
                put("turned", turned.into());
            }
            for (index, value) in items.iter().enumerate() {
                changed(value, &format!("{at}/{index}"), into, whole);
            }
        }
        Value::String(text) => {
            put("another", format!("{text}x").into());
            put(
                "another",
                text.to_uppercase().to_lowercase().chars().rev().collect::<String>().into(),
            );
        }
        Value::Number(number) => put("another", (number.as_u64().unwrap() + 1).into()),
        Value::Bool(is) => put("another", (!is).into()),
        Value::Null => {}
    }
}

#[test]
fn no_change_is_taken_for_none() {
    let (mut tried, mut wrong) = (0, Vec::new());
    for object in corpus() {
        let (api, kind) =
            (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
        let group = api.split_once('/').map_or("", |(group, _)| group);
        let accounts = accounts(group, kind).unwrap();
        let mut all = Vec::new();
        changed(&object, "", &mut all, &object);
        for (at, how, one) in all {
            if one == object
                || ["/apiVersion", "/kind"].contains(&&*at)
                || (at.is_empty()
                    && how == "a member less"
                    && one.get("kind").zip(one.get("apiVersion")).is_none())
            {
                continue;
            }
            tried += 1;
            let names: Vec<&str> = at
                .split('/')
                .skip(1)
                .map(|step| if step.parse::<usize>().is_ok() { "*" } else { step })
                .collect();
            let equal = how == "turned" && accounts.is_set(&names);
            // What is left out is what defaults say, like TCP.
            let spec = &one["spec"];
            let default = how == "a member less"
                && !spec.is_null()
                && match kind {
                    "NetworkPolicy" => at.contains("/ports/") || at == "/spec",
                    "Service" => at.contains("/ports/"),
                    "Ingress" => at.contains("/paths/"),
                    _ => false,
                };
            let said = words(Some(&object), Some(&one)).unwrap();
            if !default && !equal && said.as_ref().is_ok_and(Vec::is_empty) {
                wrong.push(format!("{kind} {at} {how}: {said:?}"));
            }
        }
        assert_eq!(words(Some(&object), Some(&object)), Some(Ok(Vec::new())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(tried > 1000, "{tried}");
}

/// What is in the cluster's other parts' hands is no word of the object.
#[test]
fn noise_is_no_change() {
    let mut object = corpus().remove(0);
    object["metadata"]["annotations"] = json!({"kubernetes.io/change-cause": "a"});
    let mut other = object.clone();
    other["metadata"]["resourceVersion"] = "2".into();
    other["metadata"]["managedFields"] = json!([{"manager": "x"}]);
    other["metadata"]["annotations"] =
        json!({"kubernetes.io/change-cause": "b", crate::diff::LAST_APPLIED: "{}"});
    other["status"] = json!({"conditions": []});
    assert_eq!(words(Some(&object), Some(&other)), Some(Ok(Vec::new())));
}

#[test]
fn what_no_word_covers_is_named() {
    let service = |annotations: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"annotations": annotations}, "spec": {}});
    let one = service(json!({}));
    let said = |other: Value| words(Some(&one), Some(&other)).unwrap().unwrap();
    assert_eq!(
        said(service(json!({"x/internal": "false"}))),
        ["changed: metadata.annotations[\"x/internal\"]; nothing more is said of what it means"]
    );
    let many: serde_json::Map<_, _> = (0..50).map(|n| (format!("a{n:02}"), json!("x"))).collect();
    let said = said(service(many.into()));
    assert!(
        said[0].ends_with(".a04 and 45 more; nothing more is said of what these mean"),
        "{said:?}"
    );
    assert!(super::only_names(&said[0]));
}

/// Two elements that exchange what no word covers are named, too.
#[test]
fn what_belongs_together_stays_together() {
    let route = |first: (&str, &str), second: (&str, &str)| {
        let rule = |(path, wait): (&str, &str)| json!({"matches": [{"path": {"value": path}}], "timeouts": {"request": wait}});
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "spec": {"rules": [rule(first), rule(second)]}})
    };
    let service = |first: (u16, &str), second: (u16, &str)| {
        let port = |(port, is): (u16, &str)| json!({"port": port, "is": is});
        json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": [port(first), port(second)]}})
    };
    for (before, after) in [
        (route(("/a", "1s"), ("/b", "2s")), route(("/b", "1s"), ("/a", "2s"))),
        (service((1, "a"), (2, "b")), service((2, "a"), (1, "b"))),
    ] {
        let said = words(Some(&before), Some(&after)).unwrap().unwrap();
        assert_eq!(said.len(), 1, "{said:?}");
    }
}

#[test]
fn what_the_last_finalizer_held_is_gone() {
    let policy = |finalizers: Value, deleting: bool| {
        let mut one = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": "p", "namespace": "n", "finalizers": finalizers}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}});
        if deleting {
            one["metadata"]["deletionTimestamp"] = "2026-11-30T00:00:00Z".into();
            one["metadata"]["deletionGracePeriodSeconds"] = 0.into();
        }
        one
    };
    let kept = policy(json!(["x/f"]), true);
    let told = |after: &Value| words(Some(&kept), Some(after)).unwrap().unwrap();
    let gone = "no longer isolated: what comes in to all pods, but by other policies";
    assert_eq!(told(&policy(json!([]), true)), [gone]);
    let waits = told(&policy(json!(["y/g"]), true));
    assert_eq!(waits, ["changed: metadata.finalizers; nothing more is said of what it means"]);
    // What begins to be deleted acts as it did.
    let whole = policy(json!(["x/f"]), false);
    assert_eq!(words(Some(&whole), Some(&kept)), Some(Ok(Vec::new())));
    assert!(!told(&policy(json!([]), false)).iter().any(|said| said == gone));
}
