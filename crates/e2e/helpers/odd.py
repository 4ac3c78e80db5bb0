#!/usr/bin/env python3
"""What a client of an apiserver can do so that the audit line of its own request seems to have happened at another time.

    odd.py send URL CA                        every attempt, as admin (TOKEN_admin)
    odd.py held LOG AUDITSEAL CAT-ARGUMENT…   each attempt's lines in LOG, and that `cat` of each line's own time has it byte for byte

Each attempt has a mark of its own, `odd-NN.`, in a place that the apiserver logs.
"""
import http.client
import json
import os
import re
import ssl
import subprocess
import sys
import urllib.parse

FALSE = "1999-01-01T00:00:00.000000Z"
OURS = f'"stageTimestamp":"{FALSE}"'
IN_A_STRING = f'","stageTimestamp":"{FALSE}","x":"'
NAMESPACE = "odd"
MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"


def request(url, ca, method, path, body=b"", **headers):
    """The answer's status. A connection for each, so that none depends on the one before; headers may be any bytes."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPSConnection(parts.hostname, parts.port, context=ssl.create_default_context(cafile=ca), timeout=60)
    connection.putrequest(method, path)
    given = {"Content-Type": "application/json", "User-Agent": "odd", **{name.replace("_", "-"): value for name, value in headers.items()}}
    for name, value in {**given, "Authorization": "Bearer " + os.environ["TOKEN_admin"], "Content-Length": str(len(body))}.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    return connection.getresponse().status


def config_map(mark, metadata="", rest=""):
    return f'{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{mark}x"{metadata}}}{rest}}}'


def attempts():
    """Of each the words for it, method, path, body and headers; `MARK` becomes its mark."""
    create, one = ("POST", MAPS), f"{MAPS}/settings?fieldManager=MARK"
    deep = '{"x":' * 4000 + "{" + OURS + "}" + "}" * 4000
    note = json.dumps(OURS)[1:-1]
    yield "an annotation of that name", *create, config_map("MARK", f',"annotations":{{{OURS}}}'), {}
    yield "unknown fields, twice", *create, config_map("MARK", rest=f",{OURS},{OURS}"), {}
    yield "its text in a value", *create, config_map("MARK", rest=f',"data":{{"a":"{note}"}}'), {}
    yield "a value of a megabyte of it", *create, config_map("MARK", rest=',"data":{"a":"' + (note + ",") * 18_000 + '"}'), {}
    yield "half a surrogate pair", *create, config_map("MARK", ',"annotations":{"a":"\\ud800"}', f',"data":{{"a":"\\udc00{note}"}}'), {}
    yield "bytes that aren't UTF-8", *create, config_map("MARK", rest=f',"data":{{"a":"\udcff\udcfe{note}"}}'), {}
    yield "a patch, logged as it comes: keys twice", "PATCH", one, f'{{{OURS},{OURS},"metadata":{{"annotations":{{"a":"\\ud800"}}}}}}', {"Content_Type": MERGE}
    yield "a patch nested 4,000 deep", "PATCH", one, deep, {"Content_Type": STRATEGIC}
    yield "a patch of two megabytes", "PATCH", one, '{"pad":[' + f"{{{OURS}}}," * 44_000 + f'0],{OURS}}}', {"Content_Type": MERGE}
    yield "a patch that closes more than it opens", "PATCH", one, f'{{}},{OURS},"x":{{}}', {"Content_Type": MERGE}
    yield "a patch in YAML", "PATCH", f"{one}&force=true", f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{a: {json.dumps(OURS)}}}\n", {
        "Content_Type": "application/apply-patch+yaml"}  # fmt: skip
    yield "a list of patches", "PATCH", one, f'[{{"op":"test","path":"/x","value":{{{OURS}}}}}]', {"Content_Type": "application/json-patch+json"}
    yield "a user agent", "GET", MAPS, "", {"User_Agent": f"MARK{IN_A_STRING}"}
    yield "a user agent that ends in a backslash", "GET", MAPS, "", {"User_Agent": f'MARK{IN_A_STRING}\\'}
    yield "a user agent that isn't UTF-8", "GET", MAPS, "", {"User_Agent": f"MARK\udcff\udcc0{IN_A_STRING}"}
    yield "a query", "GET", f"{MAPS}?limit=1&x=MARK{IN_A_STRING}\\", "", {}
    yield "a path", "GET", f"/MARK{IN_A_STRING}", "", {}
    yield "an audit id", "GET", MAPS, "", {"Audit_ID": f'MARK","stageTimestamp":"{FALSE}"'}
    yield "somebody else's extra keys", "GET", MAPS, "", {"User_Agent": "MARK", "Impersonate_User": f"u{IN_A_STRING}",
        "Impersonate_Extra_stageTimestamp": FALSE, "Impersonate_Extra_%22%7d%2c%22stageTimestamp": FALSE}  # fmt: skip
    yield "addresses", "GET", MAPS, "", {"User_Agent": "MARK", "X_Forwarded_For": f"192.0.2.7{IN_A_STRING}"}
    yield "a review's extra keys", "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", (
        f'{{"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{{"user":"MARK","extra":{{"stageTimestamp":["{FALSE}"]}},'
        '"nonResourceAttributes":{"path":"/","verb":"get"}}}'), {}  # fmt: skip


def send(url, ca):
    create = lambda path, text: request(url, ca, "POST", path, text.encode())  # noqa: E731
    create("/api/v1/namespaces", f'{{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"{NAMESPACE}"}}}}')
    create(MAPS, config_map("").replace('"x"', '"settings"'))
    for number, (words, method, path, body, headers) in enumerate(attempts()):
        marked = lambda text: text.replace("MARK", f"odd-{number:02}.").encode("utf-8", "surrogateescape")  # noqa: B023, E731
        status = request(url, ca, method, marked(path).decode(), marked(body), **{name: marked(value) for name, value in headers.items()})
        print(f"odd-{number:02}. {status} {words}")


def top_level(line):
    """The top level's pairs, as they stand."""
    return json.loads(line.decode("utf-8", "replace"), object_pairs_hook=lambda pairs: pairs)


def held(log, program, arguments):
    with open(log, "rb") as fh:
        lines = fh.read().split(b"\n")
    wrong = 0
    for number, (words, *_) in enumerate(attempts()):
        # What others' answers hold of it doesn't count.
        mine = [line for line in lines if b"odd-%02d." % number in line.split(b',"responseObject":')[0]]
        times = []
        for line in mine:
            pairs = top_level(line)
            times += [value for key, value in pairs if key == "stageTimestamp"]
            wrong += len({key for key, _ in pairs}) != len(pairs)
        found = 0
        for line, time in zip(mine, times):
            given = subprocess.run([program, "cat", *arguments, "--since", time, "--until", time], capture_output=True, check=False)
            found += line in given.stdout.split(b"\n")
        there = b"\n".join(mine)
        what = [name for name, has in (("key twice, nested", re.search(rb'\{"stageTimestamp":"1999[^}]*"stageTimestamp":"1999', there)),
                                       ("\\ud800", b"\\ud800" in there), ("its text", b"stageTimestamp" in there and b"1999-01-01" in there)) if has]  # fmt: skip
        wrong += not mine or len(times) != len(mine) or found != len(mine) or FALSE in times
        print(f"odd-{number:02}. {words}: {found} of {len(mine)} lines at their own time, the longest {max(map(len, mine), default=0)} bytes; {', '.join(what)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.setrecursionlimit(50_000)  # one of the attempts is nested deep
    sys.exit(send(*sys.argv[2:]) if sys.argv[1] == "send" else held(sys.argv[2], sys.argv[3], sys.argv[4:]))
