#!/usr/bin/env python3
"""Prepare and list the object stores of the e2e runs, independently of auditseal's own clients.

store.py s3    create BUCKET [COMPLIANCE|GOVERNANCE|unlocked], list|refuses BUCKET, locked|held|shadow|repeat|hide BUCKET KEY, get BUCKET PREFIX DIR,
               hide_but BUCKET PREFIX ENDING, expire BUCKET PREFIX mark|age    S3_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
store.py azure create|list CONTAINER    AZURE_ENDPOINT, AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY
store.py gcs   create|list BUCKET, shadow|repeat|hide BUCKET KEY    GCS_ENDPOINT

`list` prints one line for each version of each object, delete markers too. `refuses` succeeds if a wrong key gets nowhere, `locked` if the
newest version of the object can't be deleted, `held` if it has a COMPLIANCE lock, a legal hold and a SHA-256 beside that. `shadow` puts another version over it,
`repeat` another with its bytes, `hide` deletes it by its key; `hide_but` all below PREFIX except those whose keys end with ENDING. `get` copies what
is below PREFIX into DIR. `expire` sets the lifecycle rules of deploy/terraform/aws for what is packed below the prefix, or one that goes by age.
"""

import base64
import email.utils
import hashlib
import hmac
import json
import os
import pathlib
import sys
import urllib.parse
import urllib.request
import xml.etree.ElementTree


class S3:
    def __init__(self):
        self.client = self.connect(os.environ["AWS_SECRET_ACCESS_KEY"])

    @staticmethod
    def connect(secret):
        import boto3  # only here: the others do without the packages
        from botocore.config import Config

        return boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT"], region_name="us-east-1",
                            aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"], aws_secret_access_key=secret,
                            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))

    def create(self, bucket, mode="COMPLIANCE"):
        if mode == "unlocked":  # versions alone
            self.client.create_bucket(Bucket=bucket)
        else:
            self.client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        self.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        if self.client.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
            sys.exit("the bucket keeps no versions")
        if mode == "unlocked":
            return
        rule = {"DefaultRetention": {"Mode": mode, "Days": 1}}
        self.client.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule})
        lock = self.client.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
        if lock.get("Rule") != rule:
            sys.exit(f"the bucket is not locked: {lock}")

    def list(self, bucket):
        for page in self.client.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for version in page.get("Versions", []):
                yield version["Key"], version["VersionId"]
            for marker in page.get("DeleteMarkers", []):
                yield marker["Key"], "deleted"

    def refuses(self, bucket):
        self.forbidden(lambda: self.connect("wrong").create_bucket(Bucket=bucket))

    def locked(self, bucket, key):
        version = self.client.head_object(Bucket=bucket, Key=key)["VersionId"]
        self.forbidden(lambda: self.client.delete_object(Bucket=bucket, Key=key, VersionId=version))

    def held(self, bucket, key):
        head = self.client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        found = {name: head.get(name) for name in ("ObjectLockMode", "ObjectLockLegalHoldStatus", "ChecksumSHA256")}
        if list(found.values())[:2] != ["COMPLIANCE", "ON"] or not found["ChecksumSHA256"]:
            sys.exit(f"it is put with {found}")
        self.locked(bucket, key)

    def shadow(self, bucket, key):
        self.client.put_object(Bucket=bucket, Key=key, Body=b"something else\n")

    def repeat(self, bucket, key):
        self.client.put_object(Bucket=bucket, Key=key, Body=self.client.get_object(Bucket=bucket, Key=key)["Body"].read())

    def hide(self, bucket, key):
        self.client.delete_object(Bucket=bucket, Key=key)

    def below(self, bucket, prefix):
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", []):
                yield found["Key"]

    def get(self, bucket, prefix, folder):
        for key in self.below(bucket, prefix):
            path = pathlib.Path(folder) / key.removeprefix(prefix)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.client.get_object(Bucket=bucket, Key=key)["Body"].read())

    def hide_but(self, bucket, prefix, ending):
        for key in list(self.below(bucket, prefix)):
            if not key.endswith(ending):
                self.hide(bucket, key)

    def expire(self, bucket, prefix, by):
        prefix, days = prefix + "/cluster=", {"Days": 1}
        mark = {"Prefix": prefix, "Tags": [{"Key": "auditseal-packed", "Value": "true"}]}
        rules = {
            "mark": [
                {"ID": "packed", "Status": "Enabled", "Filter": {"And": mark}, "Expiration": days, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}},
                {"ID": "markers", "Status": "Enabled", "Filter": {"Prefix": prefix}, "Expiration": {"ExpiredObjectDeleteMarker": True}},
            ],
            "age": [{"ID": "old", "Status": "Enabled", "Filter": {"Prefix": prefix}, "Expiration": days}],
        }
        self.client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules[by]})

    def put_again(self, bucket, key):
        there = self.client.get_object(Bucket=bucket, Key=key)
        body = there["Body"].read()
        self.client.delete_object(Bucket=bucket, Key=key, VersionId=there["VersionId"])
        self.client.put_object(Bucket=bucket, Key=key, Body=body)

    @staticmethod
    def forbidden(call):
        from botocore.exceptions import ClientError

        try:
            call()
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 403:
                return
            raise
        sys.exit("it was allowed")


class Azure:
    def __init__(self):
        self.account = os.environ["AZURE_STORAGE_ACCOUNT_NAME"]
        self.key = base64.b64decode(os.environ["AZURE_STORAGE_ACCOUNT_KEY"])
        self.endpoint = os.environ["AZURE_ENDPOINT"]

    def request(self, method, container, **query):
        headers = {"x-ms-date": email.utils.formatdate(usegmt=True), "x-ms-version": "2021-12-02"}
        if method == "PUT":
            headers["Content-Length"] = "0"
        # Shared Key: verb, eleven standard headers (all empty here), the x-ms ones, the path below the account, the sorted query.
        # On loopback the account is the first part of the path, so it stands there twice.
        path = urllib.parse.urlsplit(self.endpoint).path + "/" + container
        lines = [method] + [""] * 11
        lines += [f"{name}:{value}" for name, value in sorted(headers.items()) if name.startswith("x-ms-")]
        lines.append(f"/{self.account}{path}")
        lines += [f"{name}:{value}" for name, value in sorted(query.items())]
        digest = hmac.digest(self.key, "\n".join(lines).encode(), hashlib.sha256)
        headers["Authorization"] = f"SharedKey {self.account}:{base64.b64encode(digest).decode()}"
        url = f"{self.endpoint}/{container}?{urllib.parse.urlencode(query)}"
        request = urllib.request.Request(url, b"" if method == "PUT" else None, headers, method=method)
        if method == "PUT":  # urllib would add a content type, and that is signed
            request.add_header("Content-Type", "")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def create(self, container):
        self.request("PUT", container, restype="container")

    def list(self, container):
        marker = ""
        while True:
            more = {"marker": marker} if marker else {}
            page = xml.etree.ElementTree.fromstring(self.request("GET", container, restype="container", comp="list", **more))
            for blob in page.iter("Blob"):
                yield blob.findtext("Name"), blob.findtext("Properties/Etag")
            marker = page.findtext("NextMarker")
            if not marker:
                return


class Gcs:
    def __init__(self):
        self.endpoint = os.environ["GCS_ENDPOINT"] + "/storage/v1/b"

    def create(self, bucket):
        body = json.dumps({"name": bucket, "versioning": {"enabled": True}}).encode()
        request = urllib.request.Request(self.endpoint + "?project=e2e", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=30).close()

    def list(self, bucket):
        token = ""
        while True:
            query = urllib.parse.urlencode({"versions": "true", **({"pageToken": token} if token else {})})
            with urllib.request.urlopen(f"{self.endpoint}/{bucket}/o?{query}", timeout=30) as answer:
                page = json.load(answer)
            for item in page.get("items", []):
                yield item["name"], item["generation"]
            token = page.get("nextPageToken")
            if not token:
                return

    def shadow(self, bucket, key):
        url = f"{os.environ['GCS_ENDPOINT']}/{bucket}/{urllib.parse.quote(key)}"
        urllib.request.urlopen(urllib.request.Request(url, b"something else\n", method="PUT"), timeout=30).close()

    def repeat(self, bucket, key):
        url = f"{os.environ['GCS_ENDPOINT']}/{bucket}/{urllib.parse.quote(key)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            body = answer.read()
        urllib.request.urlopen(urllib.request.Request(url, body, method="PUT"), timeout=30).close()

    def hide(self, bucket, key):
        url = f"{self.endpoint}/{bucket}/o/{urllib.parse.quote(key, safe='')}"
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=30).close()


def main():
    kind, verb, *arguments = sys.argv[1:]
    store = {"s3": S3, "azure": Azure, "gcs": Gcs}[kind]()
    try:
        for key, version in sorted(getattr(store, verb)(*arguments) or []):
            print(key, version)
    except Exception as error:  # callers ask until it answers: one line each is enough
        sys.exit(f"store.py {' '.join(sys.argv[1:])}: {error!r}")


main()
