#!/usr/bin/env python3
"""Random changes on an apiserver, and what etcd then had: changes.py URL CA KEYS ETCD COUNT SEED TRUTH, tokens of admin, alice, bob and
controllers in TOKEN_….

TRUTH becomes a JSON line for each request, in order: {auditID, verb, resource, how, code, dryRun, changes: [{uid, resource, namespace, name,
resourceVersion, deleted, object}]}. What no audit event tells of has the audit id null: the controllers' requests, which the audit policy
leaves out, and what is written into etcd past the apiserver. `object` is what etcd has, with the resourceVersion that it gives; managedFields
are left out. The apiserver has to store JSON (--storage-media-type) and to compact nothing.
"""

import base64
import contextlib
import copy
import json
import os
import random
import sys
import time

from changes_etcd import Etcd, write_truth
from changes_kinds import GROUP, KINDS, NAMES, SPACES
from story_client import JSON, JSON_PATCH, MERGE, STRATEGIC, Person, Stage, neighbours

APPLY = "application/apply-patch+yaml"


class Player:
    """Makes the requests, and remembers what the apiserver last said of each object."""

    def __init__(self, stage, people, controllers, etcd, rng, count):
        self.stage, self.people, self.controllers, self.etcd, self.rng = stage, people, controllers, etcd, rng
        self.known, self.older, self.log = {}, {}, []
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
        self.log.append(
            {
                "auditID": answer.headers["Audit-Id"] if logged else None,
                "verb": method,
                "resource": kind.resource,
                "how": how,
                "code": answer.status,
                "dryRun": "dryRun" in query and not (method == "DELETE" and body),
                "span": (before, self.etcd.revision()),
                "version": said.get("metadata", {}).get("resourceVersion") if said.get("kind") != "Status" else None,
            }
        )
        return answer.status, said

    def step(self):
        rng, kind = self.rng, self.rng.choice(KINDS)
        who, (space, name) = rng.choice(self.people), rng.choice(self.places)
        path, now = kind.path(space, name), self.known.get((kind.resource, space, name))
        dry = {"dryRun": "All"} if rng.random() < 0.06 else {}
        manager = {"fieldManager": rng.choice(["", "", "hand", "tool"])}
        if now is None:
            return self.creates(who, kind, space, name, {**dry, **manager})
        ways = (
            [self.updates] * 4
            + [self.patches] * 12
            + [self.applies] * 4
            + [self.deletes] * 3
            + [self.sub] * (4 if kind.status else 0)
            + [self.unseen]
            + [self.collection] * (rng.random() < 0.5)
        )
        return rng.choice(ways)(who, kind, space, name, path, copy.deepcopy(now), {**dry, **manager})

    def seen(self, kind, space, name, status, said, query):
        if status < 300 and "dryRun" not in query and said.get("kind") == kind.kind:
            gone = "deletionTimestamp" in said["metadata"] and not said["metadata"].get("finalizers")
            before = self.known.get((kind.resource, space, name))
            if before and before["metadata"]["uid"] == said["metadata"]["uid"]:
                self.older[before["metadata"]["uid"]] = before["metadata"]["resourceVersion"]
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
                body = {
                    "metadata": self.rng.choice(
                        [
                            {"labels": {"app": None, "m": str(self.rng.randrange(9))}},
                            {"annotations": {"note": "m"}},
                            {"annotations": None},
                            {"finalizers": None},
                        ]
                    )
                }
                media = self.rng.choice([MERGE, STRATEGIC]) if kind.strategic else MERGE
        if self.rng.random() < 0.3:
            body = self.versioned(body, media, now)
            how += " of a version"
        status, said = self.sends(f"patch, {how}", who, kind, "PATCH", path, body, media, **query)
        self.seen(kind, space, name, status, said, query)

    def versioned(self, body, media, now):
        """The patch with a resourceVersion, by which it is taken for one version alone: mostly the present one, or the one before it."""
        version = now["metadata"]["resourceVersion"]
        old = self.older.get(now["metadata"]["uid"], version)
        version = version if self.rng.random() < 0.7 else old
        if media == JSON_PATCH:
            one = {"op": self.rng.choice(["test", "replace", "add"]), "path": "/metadata/resourceVersion", "value": version}
            return [one, *body] if self.rng.random() < 0.5 else [*body, one]
        return {**body, "metadata": {**(body.get("metadata") or {}), "resourceVersion": version}}

    def applies(self, who, kind, space, name, path, now, query):
        query["fieldManager"] = self.rng.choice(["gitops", "other"])
        wanted = kind.new(name, space, self.rng)
        wanted["metadata"] = {"name": name, "labels": {"applied": query["fieldManager"]}}
        how = "apply"
        if self.rng.random() < 0.3:
            wanted, how = self.versioned(wanted, APPLY, now), "apply of a version"
        status, said = self.sends(how, who, kind, "PATCH", path, wanted, APPLY, force=self.rng.choice(["true", ""]), **query)
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
        body = {"ingresses": {"loadBalancer": {"ingress": [{"ip": f"192.0.2.{self.rng.randrange(9)}"}]}}, "widgets": {"ready": self.rng.randrange(5)}}.get(
            kind.resource, {"observedGeneration": self.rng.randrange(9)}
        )
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
            status, said = self.sends(
                "unlogged patch", self.controllers, kind, "PATCH", path, {"metadata": {"labels": {"unseen": str(self.rng.randrange(99))}}}, MERGE
            )
            self.seen(kind, space, name, status, said, {})
            return
        key, before = kind.key(space, name), self.etcd.revision()
        stored = self.etcd.get(key)
        if stored is None:
            raise SystemExit(f"changes: etcd has no {key}")
        stored["metadata"].setdefault("labels", {})["behind"] = str(self.rng.randrange(99))
        self.etcd.put(key, stored)
        self.log.append(
            {
                "auditID": None,
                "verb": "",
                "resource": kind.resource,
                "how": "written into etcd",
                "code": 0,
                "dryRun": False,
                "span": (before, self.etcd.revision()),
                "version": None,
            }
        )
        for _ in range(100):  # until the apiserver has seen it
            current = self.stage.reader.does("GET", path)
            if current["metadata"].get("labels", {}).get("behind") == stored["metadata"]["labels"]["behind"]:
                break
            time.sleep(0.02)
        self.known[kind.resource, space, name] = current


def prepared(admin, port, keys):
    """Namespaces and people's rights; a kind of our own, and what changes objects on their way in."""
    for space in SPACES:
        admin.does("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}})
    subjects = [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": name} for name in ("alice", "bob", "system:kube-controller-manager")]
    admin.does(
        "POST",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "everybody"},
            "subjects": subjects,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        },
    )
    own_kind(admin)
    mutations(admin, port, keys)
    wait_for(admin, KINDS[0], "example.com/policy")
    wait_for(admin, KINDS[1], "example.com/size")
    wait_for(admin, KINDS[4], None)


def own_kind(admin):
    """Widgets: a list by keys, a field of any shape, scale and status."""
    part = {"type": "object", "properties": {"name": {"type": "string"}, "count": {"type": "integer", "default": 1}}}
    spec = {
        "type": "object",
        "properties": {
            "size": {"type": "integer"},
            "replicas": {"type": "integer"},
            "parts": {"type": "array", "items": part, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
            "extra": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    part["required"] = ["name"]
    schema = {"type": "object", "properties": {"spec": spec, "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}},
    }
    admin.does(
        "POST",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"widgets.{GROUP}"},
            "spec": {
                "group": GROUP,
                "scope": "Namespaced",
                "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
                "versions": [version],
            },
        },
    )


def mutations(admin, port, keys):
    """A webhook on NetworkPolicies, of which the log tells, and a policy on ConfigMaps, of which it doesn't."""
    with open(f"{keys}/kubelet.crt", "rb") as fh:
        bundle = base64.b64encode(fh.read()).decode()

    def rules(group, resource):
        return [{"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": [resource]}]

    admin.does(
        "POST",
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": "notes"},
            "webhooks": [
                {
                    "name": "notes.example.com",
                    "admissionReviewVersions": ["v1"],
                    "sideEffects": "None",
                    "rules": rules("networking.k8s.io", "networkpolicies"),
                    "clientConfig": {"url": f"https://127.0.0.1:{port}/notes", "caBundle": bundle},
                }
            ],
        },
    )
    expression = 'Object{metadata: Object.metadata{annotations: {"example.com/policy": "seen by " + request.userInfo.username}}}'
    admission = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolic"
    admin.does(
        "POST",
        admission + "ies",
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingAdmissionPolicy",
            "metadata": {"name": "seen"},
            "spec": {
                "matchConstraints": {"resourceRules": rules("", "configmaps")},
                "reinvocationPolicy": "Never",
                "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}],
            },
        },
    )
    admin.does(
        "POST",
        admission + "ybindings",
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": "seen"},
            "spec": {"policyName": "seen"},
        },
    )


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

    def person(name, agent):
        return Person(stage, name, agent, token=os.environ["TOKEN_" + name])

    # The policy leaves out whom `admin` is: what is read for the player's sake is no part of the trail.
    admin = stage.reader = person("admin", "changes")
    people = [
        person("alice", "kubectl/v1.36.3 (linux/amd64) kubernetes/0000000"),
        person("alice", "lens/2026.11"),
        person("bob", "gitops/3.1"),
        person("bob", "curl/8.9.1"),
    ]
    prepared(admin, neighbours(f"{keys}/kubelet.crt", f"{keys}/kubelet.key"), keys)
    player = Player(stage, people, person("controllers", "controllers"), etcd, random.Random(int(seed)), int(count))
    first = etcd.revision()
    while len(player.log) < int(count):
        player.step()
    etcd.put("/registry/changes-end", {})  # what the history is read up to, and one more
    written = write_truth(truth, player.log, [event for event in etcd.history(etcd.revision() - 1) if event[0] > first])
    print(f"{len(player.log)} requests, {written} versions")


if __name__ == "__main__":
    main()
