use super::*;
use serde_json::json;

fn told(kind: &str, before: Value, after: Value) -> Vec<String> {
    let object = |mut value: Value| {
        let (api, kind) = kind.rsplit_once('/').unwrap();
        value["apiVersion"] = api.into();
        value["kind"] = kind.into();
        (!value["gone"].as_bool().unwrap_or_default()).then_some(value)
    };
    words(object(before).as_ref(), object(after).as_ref()).unwrap().unwrap()
}

fn ingress(rules: Value, tls: Value) -> Value {
    json!({"metadata": {"name": "i", "namespace": "n"}, "spec": {"ingressClassName": "nginx", "rules": rules, "tls": tls}})
}

fn rule(host: &str, path: &str, service: &str) -> Value {
    json!({"host": host, "http": {"paths": [{"path": path, "pathType": "Prefix",
        "backend": {"service": {"name": service, "port": {"number": 80}}}}]}})
}

#[test]
fn an_ingress_is_told_by_hosts_paths_and_tls() {
    let kind = "networking.k8s.io/v1/Ingress";
    let a = || rule("a.example.com", "/", "web");
    let tls = || json!([{"hosts": ["a.example.com"], "secretName": "s"}]);
    for (before, after, sentences) in [
        (
            ingress(json!([a()]), tls()),
            ingress(json!([a(), rule("b.example.com", "/", "web")]), tls()),
            &["added: host b.example.com", "added: host b.example.com/: service web:80"][..],
        ),
        (
            ingress(json!([a()]), tls()),
            ingress(json!([rule("a.example.com", "/", "evil")]), tls()),
            &["host a.example.com/: service web:80 → service evil:80"],
        ),
        (
            ingress(json!([a()]), tls()),
            ingress(json!([a()]), json!([])),
            &["removed: TLS of host a.example.com (was secret s)"],
        ),
        (
            ingress(json!([a()]), tls()),
            ingress(json!([a()]), json!([{"hosts": ["a.example.com"], "secretName": "t"}])),
            &["TLS of host a.example.com: secret s → secret t"],
        ),
        (
            ingress(json!([a()]), tls()),
            ingress(json!([a(), rule("", "/admin", "console")]), tls()),
            &["added: any host", "added: any host/admin: service console:80"],
        ),
        (
            ingress(json!([a(), rule("b", "/", "x")]), tls()),
            ingress(json!([rule("b", "/", "x"), a()]), tls()),
            &[],
        ),
        (
            ingress(json!([a()]), tls()),
            {
                let mut one = ingress(json!([a()]), tls());
                one["metadata"]["annotations"] = json!({"nginx.ingress.kubernetes.io/configuration-snippet": "return 200;", "x": "y"});
                one["spec"]["ingressClassName"] = "other".into();
                one["spec"]["defaultBackend"] =
                    json!({"service": {"name": "d", "port": {"name": "http"}}});
                one
            },
            &[
                "added: annotation nginx.ingress.kubernetes.io/configuration-snippet: \"return 200;\"",
                "class: nginx → other",
                "added: everything else: service d:http",
                "changed: metadata.annotations.x; nothing more is said of what it means",
            ],
        ),
        (
            json!({"gone": true}),
            ingress(json!([a()]), json!([])),
            &[
                "added: class: nginx",
                "added: host a.example.com",
                "added: host a.example.com/: service web:80",
            ],
        ),
    ] {
        assert_eq!(told(kind, before, after), sentences);
    }
}

/// How paths of that type are read is the controller's affair, and some take the first that fits.
#[test]
fn an_order_that_may_decide_is_told() {
    let path = |path: &str, kind: Option<&str>| {
        let mut of =
            json!({"path": path, "backend": {"service": {"name": "web", "port": {"number": 80}}}});
        if let Some(kind) = kind {
            of["pathType"] = kind.into();
        }
        of
    };
    let of = |paths: &[Value]| ingress(json!([{"host": "a", "http": {"paths": paths}}]), json!([]));
    let tell = |before: &[Value], after: &[Value]| {
        told("networking.k8s.io/v1/Ingress", of(before), of(after))
    };
    let theirs = Some("ImplementationSpecific");
    let all = [path("/", theirs), path("/x", theirs), path("/y", Some("Prefix"))];
    let turned = [all[1].clone(), all[0].clone(), all[2].clone()];
    let order = "host a/x as the controller reads it now stands before host a/ as the controller reads it: to some controllers the order of paths says which of them counts";
    assert_eq!(tell(&all, &turned), [order]);
    // One less changes no order of the others.
    assert_eq!(
        tell(&all, &all[1..]),
        ["removed: host a/ as the controller reads it (was service web:80)"]
    );
    let plain = [path("/", Some("Prefix")), path("/x", Some("Exact"))];
    assert!(tell(&plain, &[plain[1].clone(), plain[0].clone()]).is_empty());
    let untyped = [path("/", None), path("/x", Some("Exact"))];
    assert_eq!(tell(&untyped, &[untyped[1].clone(), untyped[0].clone()]).len(), 1);
}

/// Of headers whose names are equivalent the first counts.
#[test]
fn equivalent_headers_in_another_order_are_no_more_the_same() {
    let tell = |of: &str, before: Value, after: Value| {
        let route = |pairs: Value| {
            json!({"metadata": {"name": "r", "namespace": "n"}, "spec": {"rules": [{"matches": [{of: pairs}],
            "backendRefs": [{"name": "w", "port": 80}]}]}})
        };
        told("gateway.networking.k8s.io/v1/HTTPRoute", route(before), route(after))
    };
    let pair = |name: &str, value: &str| json!({"name": name, "value": value});
    let (admin, user, other) = (pair("X-Role", "admin"), pair("x-role", "user"), pair("A", "b"));
    let swapped = tell("headers", json!([admin, user]), json!([user, admin]));
    assert_eq!(swapped.len(), 2, "{swapped:?}");
    assert!(tell("headers", json!([admin, other, user]), json!([other, admin, user])).is_empty());
    let (one, two) = (pair("q", "1"), pair("q", "2"));
    assert_eq!(tell("queryParams", json!([one, two]), json!([two, one])).len(), 2);
}

/// Two rights that have wildcards at different places share what is in both.
#[test]
fn a_part_of_a_right_that_stays_is_told() {
    let tell = |before: Value, after: Value| {
        let role = |rule: Value| json!({"metadata": {"name": "r"}, "rules": [rule]});
        told("rbac.authorization.k8s.io/v1/ClusterRole", role(before), role(after))
    };
    let rule = |verb: &str, group: &str, resource: &str| json!({"verbs": [verb], "apiGroups": [group], "resources": [resource]});
    let address = |verb: &str, path: &str| json!({"verbs": [verb], "nonResourceURLs": [path]});
    let mut named = rule("*", "", "secrets");
    named["resourceNames"] = json!(["a"]);
    for (before, after) in [
        (rule("*", "", "pods"), rule("get", "", "*")),
        (rule("get", "apps", "*"), rule("get", "*", "deployments")),
        (rule("get", "", "secrets"), named.clone()),
        (rule("get", "", "*/log"), rule("*", "*", "pods/log")),
        (address("*", "/a*"), address("get", "*")),
        (address("*", "/a"), address("get", "/*")),
    ] {
        for (said, also) in tell(before.clone(), after.clone())
            .iter()
            .zip(["was granted before", "is still granted"])
        {
            assert!(said.ends_with(&format!(" (a part of it {also})")), "{before} {after}: {said}");
        }
    }
    for (before, after) in [
        (rule("get", "", "pods"), rule("list", "*", "*")),
        (rule("*", "apps", "*"), rule("*", "", "pods")),
        (rule("*", "", "*/log"), rule("*", "", "pods/status")),
        (address("*", "/a*"), address("*", "/b*")),
    ] {
        let said = tell(before, after);
        assert!(said.len() == 2 && said.iter().all(|said| !said.contains("a part")), "{said:?}");
    }
}

#[test]
fn roles_are_told_by_what_they_grant() {
    let kind = "rbac.authorization.k8s.io/v1/ClusterRole";
    let role = |rules: Value| json!({"metadata": {"name": "r"}, "rules": rules});
    let pods =
        || json!({"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]});
    let all = || json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]});
    for (before, after, sentences) in [
        (
            json!([pods()]),
            json!([pods(), {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}]),
            &["granted: get, list on secrets"][..],
        ),
        (
            json!([pods()]),
            json!([pods(), all()]),
            &["granted: every verb on everything (a part of it was granted before)"],
        ),
        (json!([all()]), json!([all(), pods()]), &[]),
        (
            json!([all()]),
            json!([pods()]),
            &["revoked: every verb on everything (a part of it is still granted)"],
        ),
        (
            json!([{"apiGroups": [""], "resources": ["*/log"], "verbs": ["get"]}]),
            json!([{"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get", "create"]}]),
            &[
                "granted: create on pods/log",
                "revoked: get on */log (a part of it is still granted)",
            ],
        ),
        (
            json!([{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"], "resourceNames": ["a"]}]),
            json!([{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"], "resourceNames": ["a", "b"]}]),
            &["granted: get on deployments.apps named b"],
        ),
        (
            json!([{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"], "resourceNames": ["a"]}]),
            json!([{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]}]),
            &["granted: get on deployments.apps (a part of it was granted before)"],
        ),
        (
            json!([{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]),
            json!([{"nonResourceURLs": ["/*"], "verbs": ["get"]}]),
            &["granted: get on address /* (a part of it was granted before)"],
        ),
        (
            json!([{"nonResourceURLs": ["/a**", "/ab"], "verbs": ["get"]}]),
            json!([{"nonResourceURLs": ["/a**"], "verbs": ["get"]}]),
            &[],
        ),
        (
            json!([{"nonResourceURLs": ["/a"], "verbs": ["get"]}]),
            json!([{"nonResourceURLs": ["**"], "verbs": ["get"]}]),
            &["granted: get on address * (a part of it was granted before)"],
        ),
        (
            json!([{"apiGroups": [""], "resources": ["*/status"], "verbs": ["get"]}]),
            json!([{"apiGroups": [""], "resources": ["*/status", "pods/status"], "verbs": ["get"]}]),
            &[],
        ),
        // The same, otherwise grouped.
        (
            json!([pods()]),
            json!([
                {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "get"]},
                {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get", "list"]},
            ]),
            &[],
        ),
    ] {
        assert_eq!(
            told(kind, role(before.clone()), role(after.clone())),
            sentences,
            "{before} {after}"
        );
    }
    let many: Vec<_> = (0..MAX_RIGHTS).map(|n| n.to_string()).collect();
    let large = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "rules": [{"apiGroups": [""], "resources": many, "verbs": ["a", "b"]}]});
    assert_eq!(words(None, Some(&large)), Some(Err(Unclear::Large)));
}

#[test]
fn bindings_are_told_by_who_has_what() {
    let binding = |subjects: Value| {
        json!({"metadata": {"name": "b", "namespace": "shop"}, "subjects": subjects,
            "roleRef": {"kind": "ClusterRole", "name": "admin"}})
    };
    let alice = || json!({"kind": "User", "name": "alice"});
    let more = json!([alice(), {"kind": "ServiceAccount", "name": "ci", "namespace": "build"},
        {"kind": "Group", "name": "system:authenticated"}]);
    assert_eq!(
        told("rbac.authorization.k8s.io/v1/RoleBinding", binding(json!([alice()])), binding(more)),
        [
            "added: everybody who is authenticated (group system:authenticated): ClusterRole admin in namespace shop",
            "added: service account build/ci: ClusterRole admin in namespace shop",
        ]
    );
    assert_eq!(
        told(
            "rbac.authorization.k8s.io/v1/ClusterRoleBinding",
            binding(json!([alice()])),
            json!({"gone": true})
        ),
        ["removed: user alice (was ClusterRole admin everywhere)"]
    );
}

#[test]
fn services_and_gateways_are_told() {
    let service = |spec: Value| json!({"metadata": {"name": "s"}, "spec": spec});
    assert_eq!(
        told(
            "v1/Service",
            service(
                json!({"type": "ClusterIP", "selector": {"app": "a"}, "ports": [{"port": 80}], "internalTrafficPolicy": "Cluster"})
            ),
            service(
                json!({"type": "LoadBalancer", "selector": {"app": "b"}, "externalIPs": ["192.0.2.1"],
                "ports": [{"port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": 30080}]})
            ),
        ),
        [
            "answered by: pods with app=a → pods with app=b",
            "added: external address 192.0.2.1",
            "added: load balancer lets in: any address",
            "port 80/TCP: port 80 of the pods → port 8080 of the pods, port 30080 of each node",
            "type: ClusterIP → LoadBalancer",
        ]
    );
    let listener = |from: &str| {
        json!({"spec": {"gatewayClassName": "g", "listeners": [{"name": "web", "port": 80, "protocol": "HTTP",
            "allowedRoutes": {"namespaces": {"from": from}}}]}})
    };
    assert_eq!(
        told("gateway.networking.k8s.io/v1/Gateway", listener("Same"), listener("All")),
        ["listener web takes routes: of its own namespace → of all namespaces"]
    );
    let route = |backend: &str, host: &str| {
        json!({"spec": {"parentRefs": [{"name": "g"}], "hostnames": [host], "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/api"}}],
            "backendRefs": [{"name": backend, "port": 80}]}]}})
    };
    assert_eq!(
        told("gateway.networking.k8s.io/v1/HTTPRoute", route("a", "x"), route("b", "y")),
        ["removed: host x", "added: host y", "requests of /api: service a:80 → service b:80",]
    );
}

/// Who gives no namespace means the object's own.
#[test]
fn a_reference_to_ones_own_namespace_means_the_same() {
    let of = |namespace: &str, mut reference: Value| {
        if !namespace.is_empty() {
            reference["namespace"] = namespace.into();
        }
        reference
    };
    let route = |namespace: &str| {
        json!({"metadata": {"name": "r", "namespace": "shop"}, "spec": {
            "parentRefs": [of(namespace, json!({"name": "g"}))],
            "rules": [{"backendRefs": [of(namespace, json!({"name": "w", "port": 80}))]}]}})
    };
    let gateway = |namespace: &str| {
        json!({"metadata": {"name": "g", "namespace": "shop"}, "spec": {"listeners": [{"name": "web", "port": 443,
            "protocol": "HTTPS", "tls": {"certificateRefs": [of(namespace, json!({"name": "c"}))]}}]}})
    };
    let tell = |after: &str| {
        let kind = "gateway.networking.k8s.io/v1/HTTPRoute";
        let mut said = told(kind, route(""), route(after));
        said.extend(told("gateway.networking.k8s.io/v1/Gateway", gateway(""), gateway(after)));
        said
    };
    assert_eq!(tell("shop"), Vec::<String>::new());
    assert_eq!(
        tell("evil"),
        [
            "added: at gateway evil/g",
            "removed: at gateway g",
            "requests of /: service w:80 → service evil/w:80",
            "TLS of listener web: Terminate c → Terminate evil/c",
        ]
    );
}

#[test]
fn admission_is_told_by_what_is_no_longer_asked() {
    let hook = |policy: &str, operations: Value, selector: Value| {
        json!({"webhooks": [{"name": "v.example.com", "failurePolicy": policy, "namespaceSelector": selector,
            "rules": [{"operations": operations, "apiGroups": ["apps"], "apiVersions": ["*"], "resources": ["deployments"]}],
            "clientConfig": {"service": {"namespace": "n", "name": "s", "path": "/v"}}}]})
    };
    assert_eq!(
        told(
            "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration",
            hook("Fail", json!(["CREATE", "UPDATE"]), json!({})),
            hook(
                "Ignore",
                json!(["CREATE"]),
                json!({"matchExpressions": [{"key": "x", "operator": "NotIn", "values": ["off"]}]})
            ),
        ),
        [
            "removed: webhook v.example.com is asked at UPDATE of deployments.apps",
            "added: webhook v.example.com only in namespaces with: x≠off",
            "webhook v.example.com, when it can't be asked: refuses (Fail) → lets pass (Ignore)",
        ]
    );
    let binding =
        |actions: Value| json!({"spec": {"policyName": "p", "validationActions": actions}});
    assert_eq!(
        told(
            "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding",
            binding(json!(["Deny"])),
            binding(json!(["Audit", "Warn"]))
        ),
        ["added: notes in the audit log", "removed: refuses", "added: warns"]
    );
    let policy =
        |validations: Value| json!({"spec": {"failurePolicy": "Fail", "validations": validations}});
    assert_eq!(
        told(
            "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy",
            policy(json!([{"expression": "a"}, {"expression": "b"}])),
            policy(json!([{"expression": "a"}]))
        ),
        ["removed: demands b"]
    );
    let labels = |labels: Value| json!({"metadata": {"name": "n", "labels": labels}});
    assert_eq!(
        told(
            "v1/Namespace",
            labels(json!({"pod-security.kubernetes.io/enforce": "restricted"})),
            labels(
                json!({"pod-security.kubernetes.io/enforce": "privileged", "pod-security.kubernetes.io/warn": "baseline"})
            )
        ),
        [
            "Pod Security refuses what isn't privileged (loosened); before: restricted",
            "Pod Security warns of what isn't baseline; before: the cluster's default",
        ]
    );
}

#[test]
fn what_says_too_much_is_not_told() {
    let rules: Vec<_> = (0..=MAX_FACTS).map(|n| json!({"host": n.to_string()})).collect();
    let wide =
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "spec": {"rules": rules}});
    assert_eq!(words(None, Some(&wide)), Some(Err(Unclear::Large)));
    let long = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "spec": {"ingressClassName": "x".repeat(MAX_TEXT + 1)}});
    assert_eq!(words(None, Some(&long)), Some(Err(Unclear::Large)));
    assert_eq!(words(None, Some(&json!({"apiVersion": "v1", "kind": "ConfigMap"}))), None);
    assert_eq!(words(None, None), None);
}

#[test]
fn a_role_that_collects_says_of_whom() {
    let role = |selectors: Value| json!({"aggregationRule": {"clusterRoleSelectors": selectors}});
    let kind = "rbac.authorization.k8s.io/v1/ClusterRole";
    let some = || json!({"matchLabels": {"x": "y"}});
    assert_eq!(
        told(kind, json!({}), role(json!([{}]))),
        ["collects the rights of all ClusterRoles; before: no ClusterRoles"]
    );
    assert_eq!(
        told(kind, role(json!([some()])), role(json!([some(), {"matchLabels": {}}]))),
        [
            "collects the rights of ClusterRoles with x=y, and of all ClusterRoles; before: ClusterRoles with x=y"
        ]
    );
    let expression = json!([{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]);
    assert_eq!(
        told(kind, role(json!([some()])), role(expression)),
        ["collects the rights of ClusterRoles with a set; before: ClusterRoles with x=y"]
    );
}

/// A name that imitates what would be said beside it stands quoted.
#[test]
fn what_somebody_wrote_is_no_part_of_the_sentence() {
    let path = |path: &str, kind: &str| {
        json!({"spec": {"rules": [{"http": {"paths": [{"path": path, "pathType": kind,
            "backend": {"service": {"name": "w", "port": {"number": 80}}}}]}}]}})
    };
    let kind = "networking.k8s.io/v1/Ingress";
    let said = told(kind, path("/x", "Exact"), path("/x exactly", "Prefix"));
    assert_eq!(
        said,
        [
            "added: any host\"/x exactly\": service w:80",
            "removed: any host/x exactly (was service w:80)"
        ]
    );
}
