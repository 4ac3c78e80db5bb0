"""The kinds of objects that changes.py changes: how one is made at random, and how its pieces may be changed."""

SPACES = ("red", "blue")
NAMES = ("a", "b", "c", "d")
GROUP = "changes.example.com"


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
            peers = [
                {"podSelector": {"matchLabels": {"app": rng.choice(NAMES)}}},
                {"ipBlock": {"cidr": f"10.{pick(9)}.0.0/16", "except": [f"10.{pick(9)}.1.0/24"]}},
                {"namespaceSelector": {}},
            ]
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
            containers = [
                {
                    "name": name,
                    "image": f"example.invalid/{name}:{pick(4)}",
                    "env": [{"name": key, "value": str(pick(5))} for key in rng.sample("XYZ", 2)],
                    "ports": [{"containerPort": 8000 + port} for port in range(pick(3))],
                }
                for name in rng.sample(["web", "side", "log"], pick(1, 3))
            ]
            return {
                "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}}}
            }
        return {
            "spec": {
                "size": pick(10),
                "parts": [{"name": name, "count": pick(5)} for name in rng.sample("xyz", pick(1, 4))],
                "extra": {"deep": {"flag": rng.random() < 0.5}, "text": rng.choice(["", "ä", "b"])},
            }
        }

    def merge(self, rng):
        """A merge patch that isn't of the metadata."""
        if self.resource == "configmaps":
            return {"data": {rng.choice("abe"): rng.choice([None, "new", "7"])}}
        if self.resource == "deployments":
            return {
                "spec": rng.choice(
                    [
                        {"paused": rng.random() < 0.5},
                        {"minReadySeconds": rng.randrange(9)},
                        {"template": {"metadata": {"annotations": {"restarted": str(rng.randrange(99))}}}},
                    ]
                )
            }
        if self.resource == "widgets":
            return {
                "spec": rng.choice(
                    [
                        {"size": rng.randrange(9)},
                        {"parts": [{"name": "only"}]},
                        {"extra": {"deep": None}},
                        {"extra": None},
                        {"extra": {"deep": {"flag": True}, "more": [1, None, {}]}},
                    ]
                )
            }
        whole = self.body(rng)["spec"]
        return {"spec": {key: whole[key] for key in rng.sample(sorted(whole), 1)}}

    def strategic_patch(self, now, rng):
        """With directives where they mean something."""
        if self.resource != "deployments":
            return self.merge(rng) if rng.random() < 0.6 else {"metadata": {"labels": {"$patch": "replace", "app": "again"}}}
        containers = now["spec"]["template"]["spec"]["containers"]
        one = rng.choice(containers)["name"]
        new = {"name": "new", "image": "example.invalid/new:1"}
        changed = rng.choice(
            [
                [{"name": one, "image": f"example.invalid/{one}:9"}],
                [{"name": one, "env": [{"name": "X", "$patch": "delete"}, {"name": "W", "value": "added"}]}],
                [{"name": one, "env": [{"$patch": "replace"}, {"name": "ONLY", "value": "1"}]}],
                [{"name": one, "ports": [{"containerPort": 9000, "protocol": "TCP"}]}],
                [new],
                [{"$patch": "replace"}, new],
            ]
        )
        spec = {"containers": changed}
        if len(containers) > 1 and rng.random() < 0.3:
            spec = {"containers": [{"name": one, "$patch": "delete"}]}
        elif rng.random() < 0.4:
            order = [{"name": container["name"]} for container in containers]
            rng.shuffle(order)
            spec["$setElementOrder/containers"] = order + (
                [{"name": "new"}] if changed == [new] and "new" not in [container["name"] for container in containers] else []
            )
        patch = {"spec": {"template": {"spec": spec}}}
        if rng.random() < 0.2:
            patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
        if "finalizers" in now["metadata"] and rng.random() < 0.2:
            patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/kept"]}}
        return patch

    def json_patch(self, now, rng):

        def label(op, **rest):
            return {"op": op, "path": "/metadata/labels/app", **rest}

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
            operations += [
                [{"op": "add", "path": "/data", "value": {"only": "this"}}],
                [{"op": "add", "path": "/data/a", "value": "1"}, {"op": "remove", "path": "/data/a"}],
            ]
        if self.resource == "networkpolicies" and now["spec"].get("ingress"):
            operations += [
                [{"op": "add", "path": "/spec/ingress/-", "value": {}}],
                [{"op": "remove", "path": "/spec/ingress/0"}],
                [{"op": "add", "path": "/spec/ingress/0", "value": {"ports": [{"port": 1}]}}],
            ] * 2
        if self.resource == "ingresses":
            operations += [[{"op": "replace", "path": "/spec/rules/0/host", "value": "json.example.com"}], [{"op": "remove", "path": "/spec/tls"}]]
        if self.resource == "widgets":
            operations += [
                [{"op": "replace", "path": "/spec/parts/0/count", "value": 77}],
                [{"op": "add", "path": "/spec/parts/0", "value": {"name": "first"}}],
            ] * 2
        return rng.choice(operations)


KINDS = (
    Kind("configmaps", "v1", "ConfigMap"),
    Kind("networkpolicies", "networking.k8s.io/v1", "NetworkPolicy"),
    Kind("ingresses", "networking.k8s.io/v1", "Ingress", status=True),
    Kind("deployments", "apps/v1", "Deployment", scales=True, status=True),
    Kind("widgets", f"{GROUP}/v1", "Widget", scales=True, status=True, strategic=False),
)
