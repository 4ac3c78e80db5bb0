#!/usr/bin/env python3
"""Judges what the modules came to: rendered.py FOLDER, with a Terraform state of each case in it.

Every policy must be one that AWS understands (parliament knows its actions, resources and conditions), the writers' rights exactly those that
are meant, no rule may delete from the archive but what the packer marked, and none may move a genesis. Who may put, mark and lock what is asked
of the policies and conditions themselves (rights.py).
"""

import json
import pathlib
import re
import sys

import parliament

import rights

MARK = tuple(re.search(r'const MARK: [^=]*= \("([^"]+)", "([^"]+)"\)', (pathlib.Path(__file__).parents[2] / "crates/store/src/mark.rs").read_text()).groups())

WRITER = {
    "s3:PutObject", "s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention", "s3:GetObjectLegalHold", "s3:ListBucket",
    "s3:ListBucketVersions", "s3:GetBucketObjectLockConfiguration", "s3:GetBucketVersioning", "s3:GetLifecycleConfiguration",
}
GENESIS = "cluster=prod/node=cp-1/source=audit/date=1970-01-01/000000000000.jsonl.zst"
OTHER = "cluster=prod/node=cp-1/source=audit/date=2026-11-21/000000000001.jsonl.zst"
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
        # Where the cases' archives lie, and whether they are packed.
        self.prefix = "" if "least" in self.name or self.name in ("aws-packs", "gcp-packs", "azure-packs") else "k8s/"
        self.packing = "least" not in self.name
        self.packs = {"azure-most": "packs/k8s/"}.get(self.name, "k8s-packs/" if self.prefix else "packs/")
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
        check(f"{self.name}: deletes aren't denied", {"s3:DeleteObject*", "s3:BypassGovernanceRetention"} <= set(deletes["Action"]))
        writers = bucket["OnlyTheWriters"]["Condition"]["ArnNotLike"]["aws:PrincipalArn"]
        check(f"{self.name}: no writers, or everybody", writers and not any("*" in arn for arn in writers))
        self.aws_rules()
        self.aws_rights(list(bucket.values()))
        check(f"{self.name}: no Object Lock", self.get("aws_s3_bucket")["object_lock_enabled"])

    def aws_rules(self):
        rules = self.get("aws_s3_bucket_lifecycle_configuration")
        marked = 0
        for rule in rules["rule"] if rules else []:
            only, all_of = rule["filter"][0], (rule["filter"][0]["and"] or [{}])[0]
            prefix, tags = only["prefix"] or all_of.get("prefix") or "", all_of.get("tags") or {}
            expiry = (rule["expiration"] or [{}])[0]
            deletes = bool(expiry.get("days") or expiry.get("date") or rule["noncurrent_version_expiration"])
            if deletes:
                marked += 1
                check(f"{self.name}: {rule['id']} deletes by another mark than auditseal's", tags == dict([MARK]))
                check(f"{self.name}: {rule['id']} deletes outside the archive", prefix == self.prefix + "cluster=")
                check(f"{self.name}: {rule['id']} and a locked object", expiry["days"] >= self.get("aws_s3_bucket_object_lock_configuration")["rule"][0]["default_retention"][0]["days"])
                check(f"{self.name}: {rule['id']} hides and keeps", rule["noncurrent_version_expiration"][0]["noncurrent_days"] >= 1)
            if expiry.get("expired_object_delete_marker"):
                check(f"{self.name}: {rule['id']}: S3 takes no tags there", not tags and not deletes)
            if rule["transition"]:
                check(f"{self.name}: {rule['id']} moves the genesis", only["object_size_greater_than"] >= 131_072 and not deletes)
        check(f"{self.name}: {marked} rules delete", marked == self.packing)

    def aws_rights(self, bucket):
        def policies(*names):
            return [s for name in names if self.get("aws_iam_policy", name) for s in json.loads(self.get("aws_iam_policy", name)["policy"])["Statement"]]

        arn = self.get("aws_s3_bucket")["arn"] + "/"
        kinds = ("aws_iam_user", "aws_iam_role")
        who = {
            "writer": ([self.get(kind, "writer")["arn"] for kind in kinds if self.get(kind, "writer")][0], policies("writer")),
            "auditor": ("arn:aws:iam::123456789012:role/auditseal-auditor", policies("auditor")),
            # With rights without end from elsewhere, but for the bucket's policy.
            "somebody": ("arn:aws:iam::123456789012:role/other", [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]),
        }
        if self.packing:
            packer = self.get("aws_iam_role", "packer")["arn"]
            who["packer"] = (packer, policies("packer", "packer_retention"))
            who["packer with more"] = (packer, who["somebody"][1])
        create, mark = {"s3:if-none-match": "*"}, {f"s3:RequestObjectTag/{MARK[0]}": MARK[1]}
        other, genesis, pack = self.prefix + OTHER, self.prefix + GENESIS, self.packs + "prod/cp-1/audit/0-9-0123456789abcdef.zst"
        lock = lambda days: {"s3:object-lock-mode": "COMPLIANCE", "s3:object-lock-remaining-retention-days": str(days)}
        tagging, retention = "s3:PutObjectVersionTagging", "s3:PutObjectRetention"
        locks = self.get("aws_iam_policy", "packer_retention") is not None
        for name, action, key, context, may in [
            ("writer", "s3:PutObject", other, create, True),
            ("writer", "s3:PutObject", other, {}, False),
            ("writer", "s3:PutObject", pack, create, False),
            ("writer", tagging, other, mark, False),
            ("auditor", "s3:GetObjectVersion", other, {}, True),
            ("auditor", "s3:GetObjectVersion", pack, {}, True),
            ("auditor", "s3:PutObject", pack, create, False),
            ("auditor", tagging, other, mark, False),
            ("somebody", "s3:PutObject", other, create, False),
            ("somebody", "s3:PutObject", pack, create, False),
            ("somebody", tagging, other, mark, False),
            ("somebody", "s3:PutObjectTagging", other, mark, False),
            ("somebody", retention, pack, lock(1), False),
            ("packer", "s3:GetObjectVersion", other, {}, True),
            ("packer", "s3:GetObjectVersion", pack, {}, True),
            ("packer", "s3:PutObject", pack, create, True),
            ("packer", "s3:PutObject", pack, {}, False),
            ("packer", "s3:PutObject", other, create, False),
            ("packer", tagging, other, mark, True),
            ("packer", tagging, other, {}, False),
            ("packer", tagging, genesis, mark, False),
            ("packer", tagging, pack, mark, False),
            ("packer", "s3:DeleteObjectVersion", other, {}, False),
            ("packer", "s3:DeleteObjectVersionTagging", other, {}, False),
            ("packer", retention, pack, lock(2555), locks),
            ("packer", retention, pack, lock(3000), False),
            ("packer", retention, other, lock(1), False),
            ("packer with more", "s3:PutObject", other, create, False),
            ("packer with more", retention, other, lock(1), False),
            ("packer with more", tagging, genesis, mark, False),
            ("packer with more", "s3:DeleteObject", pack, {}, False),
        ]:
            if name in who:
                principal, policies_ = who[name]
                found = rights.aws(policies_, bucket, principal, action, arn + key, context)
                check(f"{self.name}: {name} may {'' if found else 'not '}{action} {key} {context}", found == may)

    def gcp(self):
        bucket = self.get("google_storage_bucket")
        for rule in bucket["lifecycle_rule"]:
            condition = rule["condition"][0]
            if rule["action"][0]["type"] == "Delete":
                check(f"{self.name}: a rule deletes, and nothing is packed", self.packing)
                check(f"{self.name}: a rule deletes what isn't marked", (condition["days_since_custom_time"] or 0) > 0)
                check(f"{self.name}: a rule deletes outside the archive", condition["matches_prefix"] == [self.prefix + "cluster="])
                check(f"{self.name}: a rule deletes what is locked", condition["age"] * 86_400 >= bucket["retention_policy"][0]["retention_period"])
                continue
            ends = condition["matches_suffix"]
            check(f"{self.name}: a rule does something else", rule["action"][0]["type"] == "SetStorageClass")
            check(f"{self.name}: {len(ends)} ends in a rule", len(ends) <= 50)
            check(f"{self.name}: the genesis is moved", not GENESIS.endswith(tuple(ends)))
            check(f"{self.name}: others aren't moved", all(key.endswith(tuple(ends)) for key in OTHERS))
        writer = set(self.get("google_project_iam_custom_role", "this", "writer")["permissions"])
        meant = {"storage.buckets.get", "storage.objects.create", "storage.objects.get", "storage.objects.list"}
        check(f"{self.name}: the writer's rights are {writer ^ meant} off", writer == meant)
        auditor = self.get("google_project_iam_custom_role", "this", "auditor")["permissions"]
        check(f"{self.name}: the auditor writes", all(right.split(".")[2].startswith(("get", "list")) for right in auditor))
        self.gcp_rights(bucket["name"])
        check(f"{self.name}: no retention", bucket["retention_policy"][0]["retention_period"] >= 86_400)

    def gcp_rights(self, bucket):
        def may(account, permission, name):
            for (kind, _, index), fields in self.resources.items():
                if kind == "google_storage_bucket_iam_member" and fields["member"] == f"serviceAccount:{self.get('google_service_account', 'this', account)['email']}":
                    role = next(r for (k, _, _), r in self.resources.items() if k == "google_project_iam_custom_role" and r["id"] == fields["role"])
                    condition = fields["condition"][0]["expression"] if fields["condition"] else "true"
                    if permission in role["permissions"] and rights.google(condition, f"projects/_/buckets/{bucket}{name}"):
                        return True
            return False

        other, genesis, pack = (f"/objects/{key}" for key in (self.prefix + OTHER, self.prefix + GENESIS, self.packs + "x.zst"))
        create, update, delete = "storage.objects.create", "storage.objects.update", "storage.objects.delete"
        for account, permission, name, expected in [
            ("writer", create, other, True),
            ("writer", create, genesis, True),
            ("writer", create, pack, not self.packing),
            ("writer", "storage.objects.list", "", True),
            ("writer", "storage.objects.get", other, True),
            ("writer", update, other, False),
            ("auditor", "storage.objects.get", pack, True),
            ("auditor", update, other, False),
            ("packer", "storage.objects.list", "", True),
            ("packer", "storage.objects.get", other, True),
            ("packer", create, pack, True),
            ("packer", create, other, False),
            ("packer", update, other, True),
            ("packer", update, genesis, False),
            ("packer", update, pack, False),
            ("packer", delete, other, False),
        ]:
            if account != "packer" or self.packing:
                found = may(account, permission, name)
                check(f"{self.name}: {account} may {'' if found else 'not '}{permission} {name}", found == expected)

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
        check(f"{self.name}: the access log", not log if "most" not in self.name else {kind["category"] for kind in log["enabled_log"]} == {"StorageRead", "StorageWrite", "StorageDelete"})
        self.azure_rights(blobs)
        for rule in (self.get("azurerm_storage_management_policy") or {"rule": []})["rule"]:
            filters, base = rule["filters"][0], rule["actions"][0]["base_blob"][0]
            starts = filters["prefix_match"]
            check(f"{self.name}: {len(starts)} beginnings in a rule", 0 < len(starts) <= 10)
            does = {name for name, days in base.items() if days is not None and not name.startswith(("tier_to_cool", "tier_to_cold"))}
            if rule["name"] == "packed":
                tag = filters["match_blob_index_tag"][0]
                check(f"{self.name}: a rule deletes, and nothing is packed", self.packing)
                check(f"{self.name}: a rule deletes what isn't marked", (tag["name"], tag["operation"], tag["value"]) == (MARK[0], "==", MARK[1]))
                check(f"{self.name}: a rule deletes outside the archive", starts == [f"audit-archive/{self.prefix}cluster="])
                check(f"{self.name}: a rule does {does}", does == {"delete_after_days_since_creation_greater_than"})
                check(f"{self.name}: a rule deletes what is locked", base["delete_after_days_since_creation_greater_than"] >= policy["immutability_period_in_days"])
                continue
            check(f"{self.name}: the genesis is moved", not ("audit-archive/k8s/" + GENESIS).startswith(tuple(starts)))
            check(f"{self.name}: others aren't moved", all(("audit-archive/k8s/" + key).startswith(tuple(starts)) for key in OTHERS))
            check(f"{self.name}: a rule does {does}", not does)

    def azure_rights(self, blobs):
        def may(account, action, path):
            role = self.get("azurerm_role_definition", "this", account)["permissions"][0]
            condition = self.get("azurerm_role_assignment", "identity", account)["condition"]
            return action in role["data_actions"] and rights.azure(condition, action, path)

        other, genesis, pack = self.prefix + OTHER, self.prefix + GENESIS, self.packs + "x.zst"
        create, tag = blobs + "add/action", blobs + "tags/write"
        for account, action, path, expected in [
            ("writer", create, other, True),
            ("writer", create, pack, not self.packing),
            ("writer", blobs + "read", other, True),
            ("writer", tag, other, False),
            ("auditor", blobs + "read", pack, True),
            ("auditor", tag, other, False),
            ("packer", blobs + "read", other, True),
            ("packer", create, pack, True),
            ("packer", create, other, False),
            ("packer", tag, other, True),
            ("packer", tag, genesis, False),
            ("packer", tag, pack, False),
            ("packer", blobs + "delete", other, False),
            ("packer", blobs + "write", pack, False),
        ]:
            if account != "packer" or self.packing:
                found = may(account, action, path)
                check(f"{self.name}: {account} may {'' if found else 'not '}{action} {path}", found == expected)


def main():
    for file in sorted(pathlib.Path(sys.argv[1]).glob("*.tfstate")):
        getattr(Case(file), file.stem.split("-")[0])()
    for problem in problems:
        print(f"  FAIL  {problem}")
    print(f"  {checks - len(problems)} of {checks} hold")
    sys.exit(bool(problems) or not checks)


main()
