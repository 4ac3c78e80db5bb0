#!/usr/bin/env python3
"""Whom a write in etcd is credited to: a Deployment's controller writes while requests are under way."""

import copy
import json
import os
import tempfile
import unittest

from changes_etcd import REVISION, write_truth

KEY = "/registry/deployments/red/d"


def deployment(**spec):
    return {
        "metadata": {"name": "d", "namespace": "red", "uid": "u", "generation": 2, "annotations": {REVISION: "1"}, "managedFields": [{"time": "1"}]},
        "spec": {"replicas": 1, **spec},
        "status": {"observedGeneration": 1},
    }


def paused(was):
    """As its controller writes it."""
    now = copy.deepcopy(was)
    now["status"] = {"observedGeneration": 2, "conditions": [{"type": "Progressing", "reason": "DeploymentPaused"}]}
    now["metadata"]["managedFields"] = [{"time": "2"}]
    return now


def request(how, version, code=200, dry=False, audit="a"):
    return {
        "auditID": audit,
        "verb": "PATCH",
        "resource": "deployments",
        "how": how,
        "code": code,
        "dryRun": dry,
        "span": (1, 9),
        "version": version,
    }


def credited(one, *writes):
    """How each write is credited: by the player's word for the request, or to the controller."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "truth.jsonl")
        write_truth(path, [one], [(2 + at, KEY, copy.deepcopy(now), copy.deepcopy(was)) for at, (was, now) in enumerate(writes)])
        with open(path, encoding="utf-8") as fh:
            lines = [json.loads(line) for line in fh]
    return {change["resourceVersion"]: line["how"] for line in lines for change in line["changes"]}


class Credit(unittest.TestCase):
    def test_what_changes_nothing_is_not_credited_with_what_its_controller_wrote_meanwhile(self):
        was = deployment()
        write = (was, paused(was))
        # Each is answered with version 2, which the controller wrote.
        for one in (
            request("scale, patch", "2", dry=True),
            request("scale, patch", "2"),
            request("patch, nothing", "2"),
            request("apply", "2"),
            request("status", "2"),
            request("update, old version", None, code=409),
            request("delete, another uid", None, code=409),
        ):
            self.assertEqual(credited(one, write), {"2": "by a controller"}, one)

    def test_what_a_request_wrote_is_its_own_also_between_its_controllers_writes(self):
        was = deployment()
        now = deployment(replicas=0)
        self.assertEqual(
            credited(request("scale, patch", "3"), (was, paused(was)), (paused(was), paused(now)), (paused(now), paused(now))),
            {"2": "by a controller", "3": "scale, patch", "4": "by a controller"},
        )
        observed = copy.deepcopy(was)
        observed["status"]["observedGeneration"] = 7
        self.assertEqual(credited(request("status", "2"), (was, observed)), {"2": "status"})
        bare = copy.deepcopy(was)
        del bare["metadata"]["annotations"]
        self.assertEqual(credited(request("patch, metadata", "2"), (was, bare)), {"2": "patch, metadata"})
        self.assertEqual(credited(request("patch, metadata", "2"), (bare, was)), {"2": "by a controller"})
        self.assertEqual(credited(request("create", "2", code=201), (None, was)), {"2": "create"})

    def test_a_deletion_is_credited_with_what_it_deleted(self):
        was = deployment()
        self.assertEqual(credited(request("delete", None), (was, None)), {"2": "delete"})
        self.assertEqual(credited(request("delete", None), (was, paused(was)), (paused(was), None)), {"2": "by a controller", "3": "delete"})


if __name__ == "__main__":
    unittest.main()
