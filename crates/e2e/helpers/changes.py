#!/usr/bin/env python3
"""Random changes on an apiserver, and what etcd then had: changes.py URL CA KEYS ETCD COUNT SEED TRUTH, tokens of admin, alice, bob and
controllers in TOKEN_….

TRUTH becomes a JSON line for each request, in order: {auditID, verb, resource, how, code, dryRun, changes: [{uid, resource, namespace, name,
resourceVersion, generation, deleted, object}]}. What no audit event tells of has the audit id null: the controllers' requests, which the audit policy
leaves out, and what is written into etcd past the apiserver. `object` is what etcd has, with the resourceVersion that it gives; managedFields
are left out. The apiserver has to store JSON (--storage-media-type) and to compact nothing.
"""
import base64
import contextlib
import copy
import http.client
import json
import os
import random
import sys
import time

from story_client import JSON, JSON_PATCH, MERGE, STRATEGIC, Person, Stage, neighbours

APPLY = "application/apply-patch+yaml"
SPACES = ("red", "blue")
NAMES = ("a", "b", "c", "d")
GROUP = "changes.example.com"


class Etcd:
    """Its JSON gateway."""

    def __init__(self, address):
        self.address = address

    def call(self, path, body):
        with contextlib.closing(http.client.HTTPConnection(self.address, timeout=30)) as connection:
            connection.request("POST", path, json.dumps(body), {"Content-Type": JSON})
            return json.load(connection.getresponse())

    def get(self, key):
        found = self.call("/v3/kv/range", {"key": coded(key)}).get("kvs")
        return json.loads(base64.b64decode(found[0]["value"])) if found else None

    def put(self, key, value):
        self.call("/v3/kv/put", {"key": coded(key), "value": coded(json.dumps(value))})

    def revision(self):
        return int(self.call("/v3/kv/range", {"key": coded("/registry/changes-none")})["header"]["revision"])

    def history(self, last):
        """(revision, key, object or None, the one before or None) of every write up to `last`, in order."""
        with contextlib.closing(http.client.HTTPConnection(self.address, timeout=30)) as connection:
            wanted = {"key": coded("/registry/"), "range_end": coded("/registry0"), "start_revision": "1", "prev_kv": True}
            connection.request("POST", "/v3/watch", json.dumps({"create_request": wanted}), {"Content-Type": JSON})
            answer = connection.getresponse()
            while line := answer.readline():
                result = json.loads(line)["result"]
                if int(result.get("compact_revision", 0)):
                    raise SystemExit("changes: etcd has compacted its history")
                for event in result.get("events", ()):
                    revision = int(event["kv"]["mod_revision"])
                    if revision > last:
                        return
                    gone = event.get("type") == "DELETE"
                    before = event.get("prev_kv", {}).get("value")
                    yield revision, base64.b64decode(event["kv"]["key"]).decode(), None if gone else value(event["kv"]["value"]), before and value(before)


def coded(text):
    return base64.b64encode(text.encode()).decode()


def value(text):
    data = base64.b64decode(text)
    return json.loads(data) if data[:1] == b"{" else None


def metadata(name, space, rng):
    made = {"name": name, "namespace": space, "labels": {"app": name, "set": rng.choice("xy")}}
    if rng.random() < 0.4:
        made["annotations"] = {"kubernetes.io/change-cause": f"OPS-{rng.randrange(100)}", "note": rng.choice(["", "a<b & c>d", "Zoë 🚢", "1"])}
    if rng.random() < 0.12:
        made["finalizers"] = ["example.com/kept"]
    return made


class Kind:
    """A kind of object: where it is, how one is made at random, and how its pieces may be changed."""

    def __init__(self, resource, api, kind, scales=False, status=False, strategic=True):
        self.resource, self.api, self.kind, self.scales, self.status, self.strategic = resource, api, kind, scales, status, strategic

    def path(self, space, name=None):
        return f"/{'apis' if '/' in self.api else 'api'}/{self.api}/namespaces/{space}/{self.resource}" + (f"/{name}" if name else "")

    def key(self, space, name):
        group = {"ingresses": "ingress"}.get(self.resource, self.resource)
        return f"/registry/{GROUP + '/' if self.resource == 'widgets' else ''}{group}/{space}/{name}"

    def new(self, name, space, rng):
        return {"apiVersion": self.api, "kind": self.kind, "metadata": metadata(name, space, rng), **self.body(rng)}

    def body(self, rng):
        pick = rng.randrange
        if self.resource == "configmaps":
            return {"data": {key: rng.choice(["1", "two", "three\nlines\n", ""]) for key in rng.sample(["a", "b", "c/d".replace("/", "."), "e"], pick(1, 4))}}
        if self.resource == "networkpolicies":
            peers = [{"podSelector": {"matchLabels": {"app": rng.choice(NAMES)}}}, {"ipBlock": {"cidr": f"10.{pick(9)}.0.0/16", "except": [f"10.{pick(9)}.1.0/24"]}}, {"namespaceSelector": {}}]
            block = peers[1]["ipBlock"]
            block["except"] = [block["cidr"].replace(".0.0/16", ".1.0/24")]
            rules = [{"from": rng.sample(peers, pick(1, 3)), "ports": [{"port": 8000 + pick(5)}]} for _ in range(pick(3))]
            return {"spec": {"podSelector": {"matchLabels": {"app": rng.choice(NAMES)}}, "ingress": rules}}
        if self.resource == "ingresses":
            paths = [{"path": f"/{pick(3)}", "pathType": "Prefix", "backend": {"service": {"name": rng.choice(NAMES), "port": {"number": 80 + pick(3)}}}}]
            spec = {"rules": [{"host": f"{host}.example.com", "http": {"paths": paths}} for host in rng.sample(NAMES, pick(1, 3))]}
            if rng.random() < 0.5:
                spec["tls"] = [{"hosts": [spec["rules"][0]["host"]], "secretName": "tls"}]
            return {"spec": spec}
        if self.resource == "deployments":
            labels = {"app": "fixed"}
            containers = [{"name": name, "image": f"example.invalid/{name}:{pick(4)}", "env": [{"name": key, "value": str(pick(5))} for key in rng.sample("XYZ", 2)],
                           "ports": [{"containerPort": 8000 + port} for port in range(pick(3))]} for name in rng.sample(["web", "side", "log"], pick(1, 3))]  # fmt: skip
            return {"spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}}}}
        return {"spec": {"size": pick(10), "parts": [{"name": name, "count": pick(5)} for name in rng.sample("xyz", pick(1, 4))], "extra": {"deep": {"flag": rng.random() < 0.5}, "text": rng.choice(["", "ä", "b"])}}}

    def merge(self, rng):
        """A merge patch that isn't of the metadata."""
        if self.resource == "configmaps":
            return {"data": {rng.choice("abe"): rng.choice([None, "new", "7"])}}
        if self.resource == "deployments":
            return {"spec": rng.choice([{"paused": rng.random() < 0.5}, {"minReadySeconds": rng.randrange(9)}, {"template": {"metadata": {"annotations": {"restarted": str(rng.randrange(99))}}}}])}
        if self.resource == "widgets":
            return {"spec": rng.choice([{"size": rng.randrange(9)}, {"parts": [{"name": "only"}]}, {"extra": {"deep": None}}, {"extra": None}, {"extra": {"deep": {"flag": True}, "more": [1, None, {}]}}])}
        whole = self.body(rng)["spec"]
        return {"spec": {key: whole[key] for key in rng.sample(sorted(whole), 1)}}

    def strategic_patch(self, now, rng):
        """With directives where they mean something."""
        if self.resource != "deployments":
            return self.merge(rng) if rng.random() < 0.6 else {"metadata": {"labels": {"$patch": "replace", "app": "again"}}}
        containers = now["spec"]["template"]["spec"]["containers"]
        one = rng.choice(containers)["name"]
        new = {"name": "new", "image": "example.invalid/new:1"}
        changed = rng.choice([
            [{"name": one, "image": f"example.invalid/{one}:9"}],
            [{"name": one, "env": [{"name": "X", "$patch": "delete"}, {"name": "W", "value": "added"}]}],
            [{"name": one, "env": [{"$patch": "replace"}, {"name": "ONLY", "value": "1"}]}],
            [{"name": one, "ports": [{"containerPort": 9000, "protocol": "TCP"}]}],
            [new],
            [{"$patch": "replace"}, new],
        ])  # fmt: skip
        spec = {"containers": changed}
        if len(containers) > 1 and rng.random() < 0.3:
            spec = {"containers": [{"name": one, "$patch": "delete"}]}
        elif rng.random() < 0.4:
            order = [{"name": container["name"]} for container in containers]
            rng.shuffle(order)
            spec["$setElementOrder/containers"] = order + ([{"name": "new"}] if changed == [new] and "new" not in [container["name"] for container in containers] else [])
        patch = {"spec": {"template": {"spec": spec}}}
        if rng.random() < 0.2:
            patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
        if "finalizers" in now["metadata"] and rng.random() < 0.2:
            patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/kept"]}}
        return patch

    def json_patch(self, now, rng):
        label = lambda op, **rest: {"op": op, "path": "/metadata/labels/app", **rest}  # noqa: E731
        operations = [
            [label("replace", value="json")],
            [{"op": "add", "path": "/metadata/labels/a~1b", "value": "x"}],
            [label("test", value=now["metadata"].get("labels", {}).get("app", "")), {"op": "add", "path": "/metadata/labels/tested", "value": "yes"}],
            [label("test", value="never"), label("remove")],
            [label("remove")],
            [{"op": "copy", "from": "/metadata/labels", "path": "/metadata/annotations"}],
            [{"op": "move", "from": "/metadata/labels/set", "path": "/metadata/labels/was"}],
            [{"op": "remove", "path": "/nowhere"}],
        ]
        if self.resource == "configmaps":
            operations += [[{"op": "add", "path": "/data", "value": {"only": "this"}}], [{"op": "add", "path": "/data/a", "value": "1"}, {"op": "remove", "path": "/data/a"}]]
        if self.resource == "networkpolicies" and now["spec"].get("ingress"):
            operations += [[{"op": "add", "path": "/spec/ingress/-", "value": {}}], [{"op": "remove", "path": "/spec/ingress/0"}], [{"op": "add", "path": "/spec/ingress/0", "value": {"ports": [{"port": 1}]}}]] * 2
        if self.resource == "ingresses":
            operations += [[{"op": "replace", "path": "/spec/rules/0/host", "value": "json.example.com"}], [{"op": "remove", "path": "/spec/tls"}]]
        if self.resource == "widgets":
            operations += [[{"op": "replace", "path": "/spec/parts/0/count", "value": 77}], [{"op": "add", "path": "/spec/parts/0", "value": {"name": "first"}}]] * 2
        return rng.choice(operations)


KINDS = (
    Kind("configmaps", "v1", "ConfigMap"),
    Kind("networkpolicies", "networking.k8s.io/v1", "NetworkPolicy"),
    Kind("ingresses", "networking.k8s.io/v1", "Ingress", status=True),
    Kind("deployments", "apps/v1", "Deployment", scales=True, status=True),
    Kind("widgets", f"{GROUP}/v1", "Widget", scales=True, status=True, strategic=False),
)


class Player:
    """Makes the requests, and remembers what the apiserver last said of each object."""

    def __init__(self, stage, people, controllers, etcd, rng, count):
        self.stage, self.people, self.controllers, self.etcd, self.rng = stage, people, controllers, etcd, rng
        self.known, self.log = {}, []
        # Of few requests, most would be creates.
        self.places = [(space, name) for space in SPACES for name in NAMES][: 8 if count >= 500 else 2]

    def sends(self, how, who, kind, method, path, body=None, media=JSON, **query):
        """One request, and the span of etcd's revisions in which it happened."""
        text = "&".join(f"{name}={value}" for name, value in query.items() if value)
        before = self.etcd.revision()
        with contextlib.closing(who.connect()) as connection:
            answer = who.sends(connection, method, path + ("?" + text if text else ""), body, media)
            said = json.loads(answer.read())
        logged = who is not self.controllers
        self.log.append({"auditID": answer.headers["Audit-Id"] if logged else None, "verb": method, "resource": kind.resource, "how": how, "code": answer.status,
                         "dryRun": "dryRun" in query and not (method == "DELETE" and body), "span": (before, self.etcd.revision()), "version": said.get("metadata", {}).get("resourceVersion") if said.get("kind") != "Status" else None})  # fmt: skip
        return answer.status, said

    def step(self):
        rng, kind = self.rng, self.rng.choice(KINDS)
        who, (space, name) = rng.choice(self.people), rng.choice(self.places)
        path, now = kind.path(space, name), self.known.get((kind.resource, space, name))
        dry = {"dryRun": "All"} if rng.random() < 0.06 else {}
        manager = {"fieldManager": rng.choice(["", "", "hand", "tool"])}
        if now is None:
            return self.creates(who, kind, space, name, {**dry, **manager})
        ways = [self.updates] * 4 + [self.patches] * 12 + [self.applies] * 4 + [self.deletes] * 3 + [self.sub] * (4 if kind.status else 0) + [self.unseen] + [self.collection] * (rng.random() < 0.5)
        return rng.choice(ways)(who, kind, space, name, path, copy.deepcopy(now), {**dry, **manager})

    def seen(self, kind, space, name, status, said, query):
        if status < 300 and "dryRun" not in query and said.get("kind") == kind.kind:
            gone = "deletionTimestamp" in said["metadata"] and not said["metadata"].get("finalizers")
            self.known[kind.resource, space, name] = None if gone else said

    def creates(self, who, kind, space, name, query):
        new = kind.new(name, space, self.rng)
        if self.rng.random() < 0.05:
            new["metadata"]["generateName"] = new["metadata"].pop("name") + "-"
            self.sends("create, generated name", who, kind, "POST", kind.path(space), new, **query)
            return
        if self.rng.random() < 0.15:
            del query["fieldManager"]
            status, said = self.sends("create by apply", who, kind, "PATCH", kind.path(space, name), new, APPLY, fieldManager="gitops", **query)
        else:
            status, said = self.sends("create", who, kind, "POST", kind.path(space), new, **query)
        if status == 409 and said.get("kind") == "Status":  # it's there, and this player has lost sight of it
            status, said = who.stage.reader.does("GET", kind.path(space, name), code=(200, 404)), None
            self.known[kind.resource, space, name] = status if status.get("kind") == kind.kind else None
            return
        self.seen(kind, space, name, status, said, query)

    def updates(self, who, kind, space, name, path, now, query):
        how = self.rng.choice(["update", "update", "update, no version", "update, old version", "update, nothing new"])
        if how == "update, no version":
            del now["metadata"]["resourceVersion"]
        if how == "update, old version":
            now["metadata"]["resourceVersion"] = "1"
        if how != "update, nothing new":
            now.update(kind.body(self.rng) if kind.resource != "deployments" or self.rng.random() < 0.5 else {})
            now["metadata"].setdefault("labels", {})["set"] = self.rng.choice("xyz")
        status, said = self.sends(how, who, kind, "PUT", path, now, **query)
        self.seen(kind, space, name, status, said, query)

    def patches(self, who, kind, space, name, path, now, query):
        how = self.rng.choice(["merge", "JSON", "strategic", "metadata", "nothing"])
        if how == "JSON":
            body, media = kind.json_patch(now, self.rng), JSON_PATCH
        elif how == "strategic":
            body, media = kind.strategic_patch(now, self.rng), STRATEGIC  # 415 where there is no such thing
        elif how == "nothing":
            body, media = self.rng.choice([({}, MERGE), ({"metadata": {"labels": now["metadata"].get("labels")}}, MERGE), ([], JSON_PATCH)])
        else:
            body, media = kind.merge(self.rng), MERGE
            if how == "metadata":
                body = {"metadata": self.rng.choice([{"labels": {"app": None, "m": str(self.rng.randrange(9))}}, {"annotations": {"note": "m"}}, {"annotations": None}, {"finalizers": None}])}
                media = self.rng.choice([MERGE, STRATEGIC]) if kind.strategic else MERGE
        status, said = self.sends(f"patch, {how}", who, kind, "PATCH", path, body, media, **query)
        self.seen(kind, space, name, status, said, query)

    def applies(self, who, kind, space, name, path, now, query):
        query["fieldManager"] = self.rng.choice(["gitops", "other"])
        wanted = kind.new(name, space, self.rng)
        wanted["metadata"] = {"name": name, "labels": {"applied": query["fieldManager"]}}
        status, said = self.sends("apply", who, kind, "PATCH", path, wanted, APPLY, force=self.rng.choice(["true", ""]), **query)
        self.seen(kind, space, name, status, said, query)

    def sub(self, who, kind, space, name, path, now, query):
        if kind.scales and self.rng.random() < 0.6:
            count = self.rng.randrange(0, 3)
            if self.rng.random() < 0.5:
                self.sends("scale, patch", who, kind, "PATCH", path + "/scale", {"spec": {"replicas": count}}, MERGE, **query)
            else:
                scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": name, "namespace": space}, "spec": {"replicas": count}}
                self.sends("scale, update", who, kind, "PUT", path + "/scale", scale, **query)
            current = self.stage.reader.does("GET", path)
            self.known[kind.resource, space, name] = current
            return
        body = {"ingresses": {"loadBalancer": {"ingress": [{"ip": f"192.0.2.{self.rng.randrange(9)}"}]}}, "widgets": {"ready": self.rng.randrange(5)}}.get(kind.resource, {"observedGeneration": self.rng.randrange(9)})
        status, said = self.sends("status", who, kind, "PATCH", path + "/status", {"status": body}, MERGE, **query)
        self.seen(kind, space, name, status, said, query)

    def deletes(self, who, kind, space, name, path, now, query):
        query.pop("fieldManager")
        options = {"apiVersion": "v1", "kind": "DeleteOptions"}
        how = self.rng.choice(["delete", "delete, in the background", "delete, another uid", "delete, dry run in the body"])
        if how == "delete, in the background":
            options["propagationPolicy"] = "Background"
        if how == "delete, another uid":
            options["preconditions"] = {"uid": "11111111-2222-4333-8444-555555555555"}
        if how == "delete, dry run in the body":
            options["dryRun"] = ["All"]
        status, said = self.sends(how, who, kind, "DELETE", path, None if how == "delete" else options, **query)
        if how == "delete, dry run in the body":
            self.log[-1]["dryRun"] = True
        elif status < 300 and (not query or how != "delete"):  # what a body says counts, and then the URI doesn't
            self.known[kind.resource, space, name] = said if said.get("kind") == kind.kind and said["metadata"].get("finalizers") else None

    def collection(self, who, kind, space, _name, _path, _now, query):
        query.pop("fieldManager")
        selector = self.rng.choice(["set%3Dx", "set%3Dy", "app+in+%28a%2Cb%29"])
        self.sends("deletecollection", who, kind, "DELETE", kind.path(space), None, labelSelector=selector, **query)
        found = self.stage.reader.does("GET", kind.path(space))
        for name in NAMES:
            self.known[kind.resource, space, name] = None
        for one in found["items"]:
            self.known[kind.resource, space, one["metadata"]["name"]] = {"apiVersion": kind.api, "kind": kind.kind, **one}

    def unseen(self, _who, kind, space, name, path, now, _query):
        """A change of which the log says nothing: by somebody whom the policy leaves out, or past the apiserver."""
        if self.rng.random() < 0.7:
            status, said = self.sends("unlogged patch", self.controllers, kind, "PATCH", path, {"metadata": {"labels": {"unseen": str(self.rng.randrange(99))}}}, MERGE)
            self.seen(kind, space, name, status, said, {})
            return
        key, before = kind.key(space, name), self.etcd.revision()
        stored = self.etcd.get(key)
        if stored is None:
            raise SystemExit(f"changes: etcd has no {key}")
        stored["metadata"].setdefault("labels", {})["behind"] = str(self.rng.randrange(99))
        self.etcd.put(key, stored)
        self.log.append({"auditID": None, "verb": "", "resource": kind.resource, "how": "written into etcd", "code": 0, "dryRun": False, "span": (before, self.etcd.revision()), "version": None})
        for _ in range(100):  # until the apiserver has seen it
            current = self.stage.reader.does("GET", path)
            if current["metadata"].get("labels", {}).get("behind") == stored["metadata"]["labels"]["behind"]:
                break
            time.sleep(0.02)
        self.known[kind.resource, space, name] = current


def prepared(admin, port, keys):
    """Namespaces, people's rights, a kind of our own, and what changes objects on their way in."""
    for space in SPACES:
        admin.does("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}})
    subjects = [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": name} for name in ("alice", "bob", "system:kube-controller-manager")]
    admin.does("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "everybody"},
               "subjects": subjects, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}})  # fmt: skip
    part = {"type": "object", "properties": {"name": {"type": "string"}, "count": {"type": "integer", "default": 1}}}
    spec = {"type": "object", "properties": {"size": {"type": "integer"}, "replicas": {"type": "integer"}, "parts": {"type": "array", "items": part, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
            "extra": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}  # fmt: skip
    part["required"] = ["name"]
    schema = {"type": "object", "properties": {"spec": spec, "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}}}
    admin.does("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"widgets.{GROUP}"},
               "spec": {"group": GROUP, "scope": "Namespaced", "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}, "versions": [version]}})  # fmt: skip
    with open(f"{keys}/kubelet.crt", "rb") as fh:
        bundle = base64.b64encode(fh.read()).decode()
    rules = lambda group, resource: [{"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": [resource]}]  # noqa: E731
    admin.does("POST", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration", "metadata": {"name": "notes"},
               "webhooks": [{"name": "notes.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None", "rules": rules("networking.k8s.io", "networkpolicies"),
                             "clientConfig": {"url": f"https://127.0.0.1:{port}/notes", "caBundle": bundle}}]})  # fmt: skip
    expression = 'Object{metadata: Object.metadata{annotations: {"example.com/policy": "seen by " + request.userInfo.username}}}'
    admission = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolic"
    admin.does("POST", admission + "ies", {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy", "metadata": {"name": "seen"},
               "spec": {"matchConstraints": {"resourceRules": rules("", "configmaps")}, "reinvocationPolicy": "Never", "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}]}})  # fmt: skip
    admin.does("POST", admission + "ybindings", {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding", "metadata": {"name": "seen"}, "spec": {"policyName": "seen"}})
    wait_for(admin, KINDS[0], "example.com/policy")
    wait_for(admin, KINDS[1], "example.com/size")
    wait_for(admin, KINDS[4], None)


def wait_for(admin, kind, annotation):
    """Until the kind is served, and what puts the annotation there is in force."""
    for _ in range(200):
        said = admin.does("POST", kind.path(SPACES[0]) + "?dryRun=All", kind.new("probe", SPACES[0], random.Random(1)), code=(201, 404))
        if said.get("kind") == kind.kind and (annotation is None or annotation in said["metadata"].get("annotations", {})):
            return
        time.sleep(0.1)
    raise SystemExit(f"changes: {kind.resource}: {annotation} never came")


def main():
    url, ca, keys, address, count, seed, truth = sys.argv[1:]
    stage, etcd = Stage(url, ca, keys, None), Etcd(address)
    person = lambda name, agent: Person(stage, name, agent, token=os.environ["TOKEN_" + name])  # noqa: E731
    # The policy leaves out whom `admin` is: what is read for the player's sake is no part of the trail.
    admin = stage.reader = person("admin", "changes")
    people = [person("alice", "kubectl/v1.36.3 (linux/amd64) kubernetes/0000000"), person("alice", "lens/2026.11"), person("bob", "gitops/3.1"), person("bob", "curl/8.9.1")]
    prepared(admin, neighbours(f"{keys}/kubelet.crt", f"{keys}/kubelet.key"), keys)
    player = Player(stage, people, person("controllers", "controllers"), etcd, random.Random(int(seed)), int(count))
    first = etcd.revision()
    while len(player.log) < int(count):
        player.step()
    written = write_truth(truth, player.log, [event for event in etcd.history(etcd.revision()) if event[0] > first] if etcd.put("/registry/changes-end", {}) is None else [])
    print(f"{len(player.log)} requests, {written} versions")


def write_truth(path, log, history):
    """What etcd had after each request; what happened between them, or past them, is somebody else's."""
    kinds = {kind.key("", "")[: -len("//")]: kind.resource for kind in KINDS}
    count = at = 0
    with open(path, "w", encoding="utf-8") as fh:
        others = lambda events: [line(fh, {"auditID": None, "verb": "", "resource": one["resource"], "how": "by a controller", "code": 0, "dryRun": False}, [one]) for one in events]  # noqa: E731
        for request in log:
            before, after = request.pop("span")
            version, mine, theirs = request.pop("version"), [], []
            while at < len(history) and history[at][0] <= after:
                revision, key, now, was = history[at]
                at += 1
                resource = next((resource for prefix, resource in kinds.items() if key.startswith(prefix + "/")), None)
                if resource is None:
                    continue
                one = change(resource, revision, key, now, was)
                # Of a Deployment its controller writes the status at any time.
                own = revision > before and resource == request["resource"] and (version is None or resource != "deployments" or now is None or str(revision) == version)
                own = own and not (request["resource"] == "deployments" and version is None and now is not None and "deletionTimestamp" not in now["metadata"] and request["auditID"])
                (mine if own else theirs).append(one)
            start = min((int(one["resourceVersion"]) for one in mine), default=int(version or after) + 1)
            others(one for one in theirs if int(one["resourceVersion"]) < start)
            line(fh, request, mine)
            others(one for one in theirs if int(one["resourceVersion"]) >= start)
            count += len(mine) + len(theirs)
    return count


def line(fh, request, changes):
    fh.write(json.dumps({**request, "changes": changes}, ensure_ascii=False, separators=(",", ":")) + "\n")


def change(resource, revision, key, now, was):
    at = (now or was)["metadata"]
    found = {"uid": at["uid"], "resource": resource, "namespace": at["namespace"], "name": at["name"], "resourceVersion": str(revision), "deleted": now is None}
    if now is not None:
        now["metadata"]["resourceVersion"] = str(revision)
        now["metadata"].pop("managedFields", None)
        found["object"] = now
    return found


if __name__ == "__main__":
    main()
