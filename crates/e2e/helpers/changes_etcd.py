"""etcd's side of changes.py: what it had, read back from its whole history, for each request."""

import base64
import contextlib
import http.client
import json

from changes_kinds import KINDS
from story_client import JSON


REVISION = "deployment.kubernetes.io/revision"


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


def owns(request, version, revision, now, was):
    """Whether a write during a request is the request's own; `version`: the one that its answer has, if any.

    Of a Deployment its controller writes too, at any time. A request that changes nothing (a dry run, a patch that is empty) is answered with
    the version that it found, which may be one that the controller wrote meanwhile: only what is written tells whose it is.
    """
    if request["dryRun"] or request["code"] >= 400:
        return False
    if request["resource"] != "deployments" or now is None:
        return True
    if version is None:  # a deletion, whose answer names no version
        return "deletionTimestamp" in now["metadata"] or not request["auditID"]
    return str(revision) == version and not by_controller(request, now, was)


def by_controller(request, now, was):
    """Whether it is a write as a Deployment's controller makes them: of the status, and of the annotation with the revision.

    Of requests only those for the status write it, and of it nothing but the observed generation.
    """
    if was is None:
        return False
    if request["how"] == "status":
        return without(now["status"], "observedGeneration") != without(was.get("status", {}), "observedGeneration")
    noted = now["metadata"].get("annotations", {}).get(REVISION)
    return plain(now) == plain(was) and (noted is not None or was["metadata"].get("annotations", {}).get(REVISION) is None)


def plain(deployment):
    """A Deployment without what its controller writes, and without who wrote which field of which version."""
    metadata = without(deployment["metadata"], "managedFields", "resourceVersion", "generation", "annotations")
    annotations = without(deployment["metadata"].get("annotations") or {}, REVISION)
    return {**without(deployment, "status"), "metadata": {**metadata, "annotations": annotations}}


def without(of, *names):
    return {name: value for name, value in of.items() if name not in names}


def write_truth(path, log, history):
    """What etcd had after each request; what happened between them, or past them, is somebody else's."""
    kinds = {kind.key("", "")[: -len("//")]: kind.resource for kind in KINDS}
    count = at = 0
    with open(path, "w", encoding="utf-8") as fh:

        def others(events):
            for one in events:
                line(fh, {"auditID": None, "verb": "", "resource": one["resource"], "how": "by a controller", "code": 0, "dryRun": False}, [one])

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
                own = revision > before and resource == request["resource"] and owns(request, version, revision, now, was)
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
