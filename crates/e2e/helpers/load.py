#!/usr/bin/env python3
"""Send an apiserver varied requests, from several threads: load.py URL CA ROUNDS, tokens in TOKEN_admin, TOKEN_alice, TOKEN_bob.

The answers don't matter, 4xx and 5xx are part of the mix; what matters is that the audit log sees everything an archive has trouble with:
large and small lines, escapes, two-stage requests, refused and anonymous ones, impersonation, audit IDs that the caller chose, twice.
"""

import base64
import collections
import http.client
import json
import os
import random
import ssl
import sys
import threading
import urllib.parse

THREADS = 8


class Client:
    """One kept-alive connection that counts the answers by status."""

    def __init__(self, url, ca):
        parts = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPSConnection(parts.hostname, parts.port, context=ssl.create_default_context(cafile=ca), timeout=60)
        self.statuses = collections.Counter()

    def send(self, user, method, path, body=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if user:
            headers["Authorization"] = "Bearer " + os.environ.get("TOKEN_" + user, user)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
            body = json.dumps(body)
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        answer.read()
        self.statuses[answer.status] += 1


def named(kind, version, name, **rest):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **rest}


def pod_spec(image, **context):
    return {"containers": [{"name": "main", "image": image, "securityContext": context, "args": ["--if=a<b && c>d", "--who=Zoë 🚢"]}]}


def one_round(send, i, noise):
    """A namespace's life, with what people and controllers do in it."""
    core, rbac, net = "/api/v1", "/apis/rbac.authorization.k8s.io/v1", "/apis/networking.k8s.io/v1"
    ns = f"load-{i}"
    here = f"{core}/namespaces/{ns}"
    send("admin", "POST", f"{core}/namespaces", named("Namespace", "v1", ns))
    # Every tenth is far above a usual line, and still below 1 MB with the request and the response in one event.
    blob = base64.b64encode(noise.randbytes(250_000 if i % 10 == 0 else noise.randrange(16_000))).decode()
    send("admin", "POST", f"{here}/configmaps", named("ConfigMap", "v1", "settings", data={"blob": blob}))
    send("admin", "POST", f"{here}/secrets", named("Secret", "v1", "password", stringData={"value": "not logged"}))
    rule = {"podSelector": {}, "policyTypes": ["Ingress"]}
    send("admin", "POST", f"{net}/namespaces/{ns}/networkpolicies", named("NetworkPolicy", "networking.k8s.io/v1", "deny", spec=rule))
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    rules = [{"host": f"{ns}.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]
    send("admin", "POST", f"{net}/namespaces/{ns}/ingresses", named("Ingress", "networking.k8s.io/v1", "web", spec={"rules": rules}))
    group = {"apiGroup": "rbac.authorization.k8s.io"}
    binding = named("RoleBinding", "rbac.authorization.k8s.io/v1", "viewers",
                    subjects=[{"kind": "User", "name": "alice", **group}], roleRef={"kind": "ClusterRole", "name": "view", **group})
    send("admin", "POST", f"{rbac}/namespaces/{ns}/rolebindings", binding)
    send("admin", "POST", f"{here}/pods", named("Pod", "v1", "lone", spec={"nodeName": "nowhere", **pod_spec("example.invalid/x", privileged=i % 7 == 0)}))
    labels = {"app": "many"}
    template = {"metadata": {"labels": labels}, "spec": pod_spec("example.invalid/y")}
    send("admin", "POST", f"/apis/apps/v1/namespaces/{ns}/deployments",
         named("Deployment", "apps/v1", "many", spec={"replicas": 3, "selector": {"matchLabels": labels}, "template": template}))

    for _ in range(20):  # allowed to alice by the binding, but for the secrets; never to bob
        for resource in ("pods", "configmaps", "services", "secrets"):
            send("alice", "GET", f"{here}/{resource}")
        send("bob", "GET", f"{net}/networkpolicies?limit=10&labelSelector=a%3Db%2Cc+in+%28d%29")
    for _ in range(10):
        send("nobody-knows-this-token", "GET", f"{core}/secrets")
        send(None, "GET", "/version")
        send(None, "GET", f"{core}/nodes?pretty=<script>")
    send("admin", "GET", f"{here}/pods?watch=1&timeoutSeconds=1")  # ResponseStarted now, ResponseComplete later
    for method in ("GET", "POST"):  # clients exec by either; there is no kubelet to answer
        send("admin", method, f"{here}/pods/lone/exec?command=sh&command=-c&command=id%20%26&container=main&stdout=1")
    send("admin", "GET", f"{here}/secrets", Impersonate_User="alice", Impersonate_Group="developers")
    for _ in range(3):
        send("admin", "GET", "/version", Audit_ID="chosen-by-the-caller")
    send("admin", "POST", f"{here}/serviceaccounts/default/token",
         {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}})
    send("admin", "PATCH", f"{net}/namespaces/{ns}/networkpolicies/deny", {"spec": {"policyTypes": ["Egress"]}},
         Content_Type="application/merge-patch+json")
    send("admin", "DELETE", f"{net}/namespaces/{ns}/networkpolicies/deny")
    send("admin", "DELETE", f"{net}/namespaces/{ns}/ingresses/web")
    send("admin", "DELETE", f"{here}/configmaps/settings")


def main():
    url, ca, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    todo = iter(range(rounds))
    lock = threading.Lock()
    clients, errors = [], []

    def work():
        client = Client(url, ca)
        clients.append(client)
        try:
            while True:
                with lock:
                    i = next(todo, None)
                if i is None:
                    return
                one_round(client.send, i, random.Random(i))
        except Exception as error:  # a thread's death must not pass for a finished load
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = sum((client.statuses for client in clients), collections.Counter())
    print("requests:", statuses.total(), " answers:", ", ".join(f"{n} x {status}" for status, n in sorted(statuses.items())))
    if errors:
        sys.exit(f"load.py: {errors[0]!r}")


main()
