#!/usr/bin/env python3
"""Judges what the modules came to: rendered.py FOLDER, with a Terraform state of each case in it.

Every policy must be one that AWS understands (parliament knows its actions, resources and conditions), the writers' rights exactly those that
are meant, no rule may delete from the archive, and none may move a genesis.
"""

import json
import pathlib
import sys

import parliament

WRITER = {
    "s3:PutObject", "s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention", "s3:GetObjectLegalHold", "s3:ListBucket",
    "s3:ListBucketVersions", "s3:GetBucketObjectLockConfiguration", "s3:GetBucketVersioning", "s3:GetLifecycleConfiguration",
}
GENESIS = "cluster=prod/node=cp-1/source=audit/date=1970-01-01/000000000000.jsonl.zst"
OTHERS = [f"cluster=prod/node=cp-1/source=audit/date=2026-11-21/{seq:012}.jsonl.zst" for seq in (1, 9, 10, 20, 100, 99_000, 123_456_789)]
problems, checks = [], 0


def check(name, holds):
    global checks
    checks += 1
    if not holds:
        problems.append(name)


def as_list(value):
    return value if isinstance(value, list) else [value]


def actions(policy, effect):
    return {action for s in policy["Statement"] if s["Effect"] == effect for action in as_list(s["Action"])}


class Case:
    def __init__(self, file):
        self.name = file.stem
        self.resources = {}
        for resource in json.loads(file.read_text())["resources"]:
            for instance in resource["instances"]:
                key = resource["type"], resource["name"], instance.get("index_key", 0)
                self.resources[key] = instance["attributes"]

    def get(self, kind, name="archive", index=0):
        return self.resources.get((kind, name, index))

    def aws(self):
        for (kind, name, _), fields in self.resources.items():
            for field in ("policy", "assume_role_policy"):
                if fields.get(field):
                    policy = json.loads(fields[field])
                    text = json.dumps({**policy, "Statement": [{k: v for k, v in s.items() if k != "Principal"} for s in policy["Statement"]]})
                    if field == "policy":
                        found = parliament.analyze_policy_string(text).findings
                        check(f"{self.name}: {kind}.{name}: {[(f.issue, f.detail) for f in found]}", not found)
        writer = json.loads(self.get("aws_iam_policy", "writer")["policy"])
        check(f"{self.name}: the writer's rights are {actions(writer, 'Allow') ^ WRITER} off", actions(writer, "Allow") == WRITER)
        auditor = actions(json.loads(self.get("aws_iam_policy", "auditor")["policy"]), "Allow")
        check(f"{self.name}: the auditor writes", all(action.split(":")[1].startswith(("Get", "List")) for action in auditor))
        bucket = {s["Sid"]: s for s in json.loads(self.get("aws_s3_bucket_policy")["policy"])["Statement"]}
        check(f"{self.name}: the bucket's policy grants something", all(s["Effect"] == "Deny" for s in bucket.values()))
        create = bucket["CreateOnly"]
        check(f"{self.name}: puts needn't be create-only", create["Condition"] == {"Null": {"s3:if-none-match": "true"}})
        deletes = bucket["NobodyDeletesOrUnlocks"]
        check(f"{self.name}: deletes aren't denied", {"s3:DeleteObject*", "s3:BypassGovernanceRetention", "s3:PutObjectRetention"} <= set(deletes["Action"]))
        writers = bucket["OnlyTheWriters"]["Condition"]["ArnNotLike"]["aws:PrincipalArn"]
        check(f"{self.name}: no writers, or everybody", writers and not any("*" in arn for arn in writers))
        rules = self.get("aws_s3_bucket_lifecycle_configuration")
        for rule in rules["rule"] if rules else []:
            check(f"{self.name}: a rule expires objects", not rule["expiration"] and not rule["noncurrent_version_expiration"])
            check(f"{self.name}: a rule moves the genesis", rule["filter"][0]["object_size_greater_than"] >= 131_072)
        check(f"{self.name}: no Object Lock", self.get("aws_s3_bucket")["object_lock_enabled"])

    def gcp(self):
        bucket = self.get("google_storage_bucket")
        for rule in bucket["lifecycle_rule"]:
            ends = rule["condition"][0]["matches_suffix"]
            check(f"{self.name}: a rule deletes", rule["action"][0]["type"] == "SetStorageClass")
            check(f"{self.name}: {len(ends)} ends in a rule", len(ends) <= 50)
            check(f"{self.name}: the genesis is moved", not GENESIS.endswith(tuple(ends)))
            check(f"{self.name}: others aren't moved", all(key.endswith(tuple(ends)) for key in OTHERS))
        writer = set(self.get("google_project_iam_custom_role", "this", "writer")["permissions"])
        meant = {"storage.buckets.get", "storage.objects.create", "storage.objects.get", "storage.objects.list"}
        check(f"{self.name}: the writer's rights are {writer ^ meant} off", writer == meant)
        auditor = self.get("google_project_iam_custom_role", "this", "auditor")["permissions"]
        check(f"{self.name}: the auditor writes", all(right.split(".")[2].startswith(("get", "list")) for right in auditor))
        check(f"{self.name}: no retention", bucket["retention_policy"][0]["retention_period"] >= 86_400)

    def azure(self):
        blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/"
        writer = self.get("azurerm_role_definition", "this", "writer")["permissions"][0]
        check(f"{self.name}: the writer's rights", set(writer["data_actions"]) == {blobs + "add/action", blobs + "read"})
        check(f"{self.name}: the writer manages", all(action.endswith("/read") for action in writer["actions"]))
        auditor = self.get("azurerm_role_definition", "this", "auditor")["permissions"][0]
        check(f"{self.name}: the auditor writes", all(action.endswith("/read") for action in auditor["actions"] + auditor["data_actions"]))
        check(f"{self.name}: the account's keys are on", self.get("azurerm_storage_account")["shared_access_key_enabled"] is False)
        policy = self.get("azurerm_storage_container_immutability_policy")
        check(f"{self.name}: appends are let through", not policy["protected_append_writes_enabled"] and not policy["protected_append_writes_all_enabled"])
        log = self.get("azurerm_monitor_diagnostic_setting")
        check(f"{self.name}: the access log", not log if "least" in self.name else {kind["category"] for kind in log["enabled_log"]} == {"StorageRead", "StorageWrite", "StorageDelete"})
        for rule in (self.get("azurerm_storage_management_policy") or {"rule": []})["rule"]:
            starts = rule["filters"][0]["prefix_match"]
            check(f"{self.name}: {len(starts)} beginnings in a rule", 0 < len(starts) <= 10)
            check(f"{self.name}: the genesis is moved", not ("audit-archive/k8s/" + GENESIS).startswith(tuple(starts)))
            check(f"{self.name}: others aren't moved", all(("audit-archive/k8s/" + key).startswith(tuple(starts)) for key in OTHERS))
            deletes = {name for name, days in rule["actions"][0]["base_blob"][0].items() if days is not None and not name.startswith(("tier_to_cool", "tier_to_cold"))}
            check(f"{self.name}: a rule does {deletes}", not deletes)


def main():
    for file in sorted(pathlib.Path(sys.argv[1]).glob("*.tfstate")):
        getattr(Case(file), file.stem.split("-")[0])()
    for problem in problems:
        print(f"  FAIL  {problem}")
    print(f"  {checks - len(problems)} of {checks} hold")
    sys.exit(bool(problems) or not checks)


main()
