#!/usr/bin/env python3
"""Whether an audit log of level RequestResponse says what etcd had: changes_held.py LOG TRUTH, as changes.py writes it.

Of every request there is one event. The object in each answer is, but for managedFields, the one that etcd had; what changed nothing has the version
that was there before. It prints how many of each kind there were.
"""

import collections
import json
import sys


def lines(path):
    with open(path, encoding="utf-8") as fh:
        return [json.loads(line) for line in fh]


def main():
    events = {event["auditID"]: event for event in lines(sys.argv[1])}
    truth, counts, wrong, last = lines(sys.argv[2]), collections.Counter(), [], {}
    for one in truth:
        event = events.pop(one["auditID"], None)
        if one["auditID"] and not event:
            wrong.append(f"no event of {one}")
            continue
        answer = (event or {}).get("responseObject", {})
        told = answer.get("kind") not in (None, "Status", "Scale") and not answer.get("kind", "").endswith("List") and not one["dryRun"]
        if told:
            answer["metadata"].pop("managedFields", None)
        for change in one["changes"]:
            if told and not change["deleted"] and answer != change["object"]:
                wrong.append(f"{one['how']}: answered {json.dumps(answer, sort_keys=True)}\n   etcd had {json.dumps(change['object'], sort_keys=True)}")
            last[change["uid"]] = None if change["deleted"] else change["resourceVersion"]
        if (
            told
            and not one["changes"]
            and one["code"] < 300
            and last.get(answer["metadata"]["uid"]) != answer["metadata"]["resourceVersion"]
            and one["verb"] != "DELETE"
        ):
            wrong.append(f"{one['how']}: nothing changed, and its version {answer['metadata']['resourceVersion']} isn't {last.get(answer['metadata']['uid'])}")
        if (one["dryRun"] or one["code"] >= 400) and one["changes"]:
            wrong.append(f"{one['how']}: {one['code']}, and it changed {one['changes']}")
        what = "dry run" if one["dryRun"] else f"refused, {one['code']}" if one["code"] >= 400 else "nothing changed" if not one["changes"] else "changed"
        counts[one["how"].split(",")[0], what] += 1
        counts["all", what] += 1
    wrong += [
        f"an event without a request: {event['requestURI']}"
        for event in events.values()
        if event["objectRef"]["resource"] in {one["resource"] for one in truth}
    ]
    for (how, what), count in sorted(counts.items()):
        print(f"{how:20} {what:18} {count:5}")
    print(*wrong[:20], sep="\n")
    return 1 if wrong or not counts["all", "changed"] else 0


if __name__ == "__main__":
    sys.exit(main())
