"""Who plays the story: clients with a certificate or a token, an address and a user agent each, kubectl, and a kubelet that says yes to exec.

Every request is written down with the audit id that the apiserver gave it, and with the questions that it is an answer to: the truth is the
player's own, and no reader of the log had a part in it.
"""

import base64
import contextlib
import http.client
import http.server
import json
import os
import re
import ssl
import subprocess
import threading
import urllib.parse
import uuid

JSON, MERGE, STRATEGIC, JSON_PATCH = ("application/json", *(f"application/{kind}-patch+json" for kind in ("merge", "strategic-merge", "json")))


class Stage:
    """The apiserver, the folder with everybody's keys, and what has happened so far."""

    def __init__(self, url, ca, keys, kubectl):
        self.url, self.ca, self.keys, self.kubectl_program = url, ca, keys, kubectl
        self.happened = []

    def note(self, audit_id, who, what, status, answers):
        self.happened.append({"auditID": audit_id, "who": who, "what": what, "code": status, "answers": sorted(answers)})

    def expect(self, what, status, wanted):
        if status not in wanted:
            raise SystemExit(f"story: {what}: answered {status}, and the story goes on with {' or '.join(map(str, wanted))}")


class Person:
    """A client: NAME's certificate, or a token. `address` is where it connects from: all of 127.0.0.0/8 is this machine's."""

    def __init__(self, stage, name, agent, address="127.0.0.1", token=None, **headers):
        self.stage, self.name, self.agent, self.address, self.token, self.headers = stage, name, agent, address, token, headers

    def connect(self):
        context = ssl.create_default_context(cafile=self.stage.ca)
        if not self.token:
            context.load_cert_chain(f"{self.stage.keys}/{self.name}.crt", f"{self.stage.keys}/{self.name}.key")
        parts = urllib.parse.urlsplit(self.stage.url)
        return http.client.HTTPSConnection(parts.hostname, parts.port, context=context, timeout=60, source_address=(self.address, 0))

    def sends(self, connection, method, path, body=None, kind=JSON, **headers):
        given = {"User-Agent": self.agent, "Accept": JSON, **{name.replace("_", "-"): value for name, value in {**self.headers, **headers}.items()}}
        if self.token:
            given["Authorization"] = "Bearer " + self.token
        if body is not None:
            given["Content-Type"] = kind
            body = body if isinstance(body, str) else json.dumps(body)
        connection.request(method, path, body, given)
        return connection.getresponse()

    def does(self, method, path, body=None, kind=JSON, code=(200, 201), answers=(), **headers):
        """One request on a connection of its own; the answer's body. An answer of another status than `code` ends the story."""
        with contextlib.closing(self.connect()) as connection:
            answer = self.sends(connection, method, path, body, kind, **headers)
            text = answer.read()
            self.stage.note(answer.headers["Audit-Id"], self.name, f"{method} {path}", answer.status, answers)
            self.stage.expect(f"{self.name}: {method} {path}: {text[:300]!r}", answer.status, [code] if isinstance(code, int) else code)
            return json.loads(text) if text[:1] == b"{" else text

    def watches(self, path, answers=()):
        """A watch that is open until the apiserver ends; returned so that it isn't closed before."""
        connection = self.connect()
        answer = self.sends(connection, "GET", path)
        self.stage.note(answer.headers["Audit-Id"], self.name, f"GET {path}", answer.status, answers)
        self.stage.expect(f"{self.name}: GET {path}", answer.status, [200])
        return connection, answer

    def executes(self, namespace, pod, *command, code=101, websocket=False, answers=()):
        """Asks for an exec, as kubectl did before it had WebSockets or as it does now. Where the kubelet says yes, the connection is then
        closed. That answer is the kubelet's own and has no audit id: this client chooses it."""
        query = urllib.parse.urlencode([("command", word) for word in command] + [("container", "main"), ("stdout", "true")])
        method, path = "GET" if websocket else "POST", f"/api/v1/namespaces/{namespace}/pods/{pod}/exec?{query}"
        chosen = str(uuid.uuid4())
        headers = {
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": "v5.channel.k8s.io",
            "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
        }
        if not websocket:
            headers = {"Upgrade": "SPDY/3.1", "X-Stream-Protocol-Version": "v4.channel.k8s.io"}
        with contextlib.closing(self.connect()) as connection:
            connection.request(
                method,
                path,
                b"",
                {
                    "User-Agent": self.agent,
                    "Audit-ID": chosen,
                    "Connection": "Upgrade",
                    **headers,
                    **({"Authorization": "Bearer " + self.token} if self.token else {}),
                },
            )
            answer = connection.getresponse()
            self.stage.note(chosen, self.name, f"{method} {path}", answer.status, answers)
            self.stage.expect(f"{self.name}: exec {command}", answer.status, [code])

    def kubectl(self, *arguments, stdin="", code=0, noted=(), answers=(), editor=None, first=False):
        """The real one, without WebSockets, of whose requests it says nothing. `noted` is the beginning of the method and path of the requests
        that count for `answers`: the others, such as the GET before a PATCH, are written down without; with `first`, all but the first of them too."""
        who = (
            ["--token", self.token]
            if self.token
            else ["--client-certificate", f"{self.stage.keys}/{self.name}.crt", "--client-key", f"{self.stage.keys}/{self.name}.key"]
        )
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": self.stage.keys,
            "KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false",
            "KUBECACHEDIR": f"{self.stage.keys}/cache",
            **({"KUBE_EDITOR": editor} if editor else {}),
        }
        run = subprocess.run(
            [
                self.stage.kubectl_program,
                "--kubeconfig",
                "/dev/null",
                "--server",
                self.stage.url,
                "--certificate-authority",
                self.stage.ca,
                *who,
                "-v=8",
                *arguments,
            ],
            input=stdin,
            capture_output=True,
            text=True,
            env=environment,
            timeout=60,
            check=False,
        )
        words = "kubectl " + " ".join(arguments)
        found = 0
        for method, path, status, audit_id in requests_of(run.stderr, self.stage.url):
            counts = not (first and found) and any(f"{method} {path}".startswith(start) for start in ([noted] if isinstance(noted, str) else noted))
            found += counts
            self.stage.note(audit_id, self.name, f"{words}: {method} {path}", status, answers if counts else ())
        said = "\n".join(line for line in (run.stdout + run.stderr).splitlines() if not re.match(r"[I\s]|\S+:$", line))
        if run.returncode != code or (noted and not found):
            raise SystemExit(f"story: {self.name}: {words}: exit {run.returncode}, {found} requests that count\n{said[-2000:]}")


def requests_of(log, url):
    """(method, path, status, audit id) of each request in a kubectl's log of verbosity 8."""
    method = path = status = None
    for line in log.splitlines():
        if found := re.search(r'"Request" verb="(\w+)" url="([^"]+)"', line):
            method, path = found[1], found[2].removeprefix(url)
        elif found := re.search(r'"Response" (?:verb="\w+" url="[^"]+" )?status="(\d+)', line):
            status = int(found[1])
        elif (found := re.match(r"\s+Audit-Id: (\S+)", line)) and method:
            yield method, path, status, found[1]
            method = None


class Neighbours(http.server.BaseHTTPRequestHandler):
    """What the apiserver itself asks: a kubelet that agrees to any exec and says nothing more, an admission webhook that wants ConfigMaps
    named after their team, and one that puts an annotation on what it sees."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):  # noqa: N802
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.path.startswith("/exec/"):
            self.wfile.write(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n"
            )
            self.connection.settimeout(2)
            with contextlib.suppress(OSError):
                while self.connection.recv(4096):
                    pass
            self.close_connection = True
            return
        review = json.loads(body)
        annotates = self.path.startswith("/notes")
        allowed = annotates or review["request"]["name"].startswith("team-")
        answer = {"uid": review["request"]["uid"], "allowed": allowed}
        if annotates:
            metadata = review["request"]["object"]["metadata"]
            patch = [] if "annotations" in metadata else [{"op": "add", "path": "/metadata/annotations", "value": {}}]
            patch.append(
                {"op": "add", "path": "/metadata/annotations/example.com~1size", "value": str(len(json.dumps(review["request"]["object"].get("spec"))))}
            )
            answer.update(patchType="JSONPatch", patch=base64.b64encode(json.dumps(patch).encode()).decode())
        elif not allowed:
            answer["status"] = {"code": 403, "message": "a ConfigMap's name begins with team-"}
        answer = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_):
        pass


def neighbours(certificate, key):
    """Their port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Neighbours)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]
