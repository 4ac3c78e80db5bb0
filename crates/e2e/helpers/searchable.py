#!/usr/bin/env python3
"""Write events to a log at a rate, ask sinks for some of them until each is found, and say what each hop took.

searchable.py LOG OUT ARCHIVE RATE SECONDS OPENSEARCH VICTORIALOGS AUDITSEAL TRUST

OUT is what `forward` writes as a file, ARCHIVE a local one. One event in ten milliseconds' worth of ten is asked for, by its auditID.
"""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

# How often sinks are asked, seconds: so much of what they take isn't theirs.
EVERY = 0.05
# The first seconds are those in which indices are made, and forward learns how often seals come.
WARM = 8
# An event that isn't found so long after the last was written is lost, seconds.
PATIENCE = 50


def event(name):
    at = datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Request", "auditID": name, "stage": "ResponseComplete",
            "requestURI": f"/api/v1/namespaces/team-{int(name[:6]) % 50}/configmaps/settings", "verb": "update",
            "user": {"username": "system:serviceaccount:team:controller", "groups": ["system:serviceaccounts", "system:authenticated"]}, "sourceIPs": ["10.0.3.7"],
            "userAgent": "controller/v0.0.0 (linux/amd64)", "objectRef": {"resource": "configmaps", "namespace": "team", "name": "settings", "apiVersion": "v1"},
            "responseStatus": {"metadata": {}, "code": 200}, "requestObject": {"data": {"x": name * 10}}, "requestReceivedTimestamp": at, "stageTimestamp": at}


class Written:
    """When each event that is asked for was written."""

    def __init__(self, path, rate, seconds):
        self.path, self.rate, self.seconds, self.at, self.late = path, rate, seconds, {}, 0.0

    def write(self):
        begin, tick = time.time(), 0.01
        ticks, each = int(self.seconds / tick), self.rate * tick
        with open(self.path, "ab", buffering=0) as log:
            for nth in range(ticks):
                wait = begin + nth * tick - time.time()
                if wait > 0:
                    time.sleep(wait)
                self.late = max(self.late, -wait)
                names = [f"{nth:06}-{number:04}" for number in range(int((nth + 1) * each) - int(nth * each))]
                log.write(b"".join(json.dumps(event(name), separators=(",", ":")).encode() + b"\n" for name in names))
                if nth % 10 == 0 and nth * tick >= WARM:
                    self.at[names[0]] = time.time()


class Asked(threading.Thread):
    """Asks for what isn't found yet, until all is or nothing more comes."""

    def __init__(self, written, ask):
        super().__init__(daemon=True)
        self.written, self.ask, self.found, self.seq, self.end = written, ask, {}, {}, None

    def run(self):
        while self.end is None or time.time() < self.end:
            missing = [name for name in list(self.written.at) if name not in self.found]
            if missing:
                for name, seq in self.ask(missing[:500]):
                    self.found.setdefault(name, time.time())
                    self.seq[name] = seq
            elif self.end is not None:
                return
            time.sleep(EVERY)


def post(url, body, content):
    request = urllib.request.Request(url, body, {"content-type": content})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


def in_opensearch(url):
    def ask(names):
        query = {"size": len(names), "_source": ["auditID", "auditseal.seq"], "query": {"terms": {"auditID": names}}}
        try:
            hits = json.loads(post(f"{url}/audit-*/_search", json.dumps(query).encode(), "application/json"))["hits"]["hits"]
        except OSError:
            return []
        return [(hit["_source"]["auditID"], hit["_source"]["auditseal"]["seq"]) for hit in hits]
    return ask


def in_victorialogs(url):
    def ask(names):
        query = "_time:10m auditID:in(" + ",".join(f'"{name}"' for name in names) + ") | fields auditID"
        try:
            rows = post(f"{url}/select/logsql/query", urllib.parse.urlencode({"query": query}).encode(), "application/x-www-form-urlencoded").splitlines()
        except OSError:
            return []
        return [(json.loads(row)["auditID"], None) for row in rows]
    return ask


def in_file(path):
    """What was appended since it was asked last."""
    at, rest = 0, b""

    def ask(names):
        nonlocal at, rest
        if not os.path.exists(path):
            return []
        with open(path, "rb") as file:
            file.seek(at)
            text = rest + file.read()
            at = file.tell()
        *lines, rest = text.split(b"\n")
        wanted = set(names)
        named = (line.partition(b'"auditID":"')[2][:11].decode() for line in lines)
        return [(name, None) for name in named if name in wanted]
    return ask


def seals(auditseal, archive, trust):
    """When each seal was made, and when its object was put: seconds."""
    said = subprocess.run([auditseal, "ls", "--store", f"file://{archive}", "--trust", trust, "-o", "json"], check=True, capture_output=True, text=True).stdout
    seconds = lambda text: datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    rows = (json.loads(line) for line in said.splitlines())
    return {row["seq"]: (seconds(row["sealed"]), os.stat(Path(archive) / row["key"]).st_mtime) for row in rows}


def shown(what, times):
    times = sorted(times)
    at = lambda part: times[min(len(times) - 1, int(len(times) * part))]
    print(f"{what:44} p50 {at(0.5):6.2f} s   p99 {at(0.99):6.2f} s   longest {times[-1]:6.2f} s")


def main():
    log, out, archive, rate, seconds, opensearch, victorialogs, auditseal, trust = sys.argv[1:]
    written = Written(log, int(rate), int(seconds))
    asked = {"the file": Asked(written, in_file(out)), "OpenSearch": Asked(written, in_opensearch(opensearch)), "VictoriaLogs": Asked(written, in_victorialogs(victorialogs))}
    for thread in asked.values():
        thread.start()
    written.write()
    for thread in asked.values():
        thread.end = time.time() + PATIENCE
    for thread in asked.values():
        thread.join()
    missing = {name: len(written.at.keys() - thread.found.keys()) for name, thread in asked.items()}
    if any(missing.values()) or not written.at:
        raise SystemExit(f"not found of {len(written.at)}: {missing}")
    made = seals(auditseal, archive, trust)
    seq = asked["OpenSearch"].seq
    sealed = {name: made[seq[name]][0] for name in written.at}
    put = {name: made[seq[name]][1] for name in written.at}
    handed = asked["the file"].found
    print(f"{rate} events/s for {seconds} s, {len(written.at)} of them asked for every {EVERY * 1000:.0f} ms; the writer was late by {written.late * 1000:.0f} ms at most")
    for name in ("OpenSearch", "VictoriaLogs"):
        shown(f"from write to searchable in {name}", [asked[name].found[at] - written.at[at] for at in written.at])
    shown("  of it, until it is sealed (the window)", [sealed[at] - written.at[at] for at in written.at])
    shown("  until it is put", [put[at] - sealed[at] for at in written.at])
    shown("  until forward has it in a file", [handed[at] - put[at] for at in written.at])
    for name in ("OpenSearch", "VictoriaLogs"):
        shown(f"  and from there until {name} shows it", [asked[name].found[at] - handed[at] for at in written.at])


if __name__ == "__main__":
    main()
