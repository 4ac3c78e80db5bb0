#!/usr/bin/env python3
"""A loopback proxy before an S3 server that breaks what it forwards, in one of three ways.

faults.py --port PORT --upstream PORT --count FILE status CODE SECONDS     answer CODE to everything for SECONDS after the second PUT
faults.py --port PORT --upstream PORT --count FILE lie N                   answer 500 to each N-th PUT, after the server has stored it

Requests pass unaltered, host header included: it is part of their signature. FILE gets one line for each broken answer.
"""

import argparse
import http.client
import http.server
import threading
import time

BODY = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{}</Code><Message>broken on purpose</Message></Error>'
NAMES = {403: "AccessDenied", 500: "InternalError", 503: "SlowDown"}
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Plan:
    """Which answers are broken. Two puts are let through first: the fault is to hit a chain that has begun."""

    def __init__(self, asked):
        self.asked = asked
        self.lock = threading.Lock()
        self.puts = 0
        self.since = None

    def breaks(self, method, stored):
        """The status to answer instead, if any; asked before a request is forwarded and after it was stored."""
        with self.lock:
            if self.asked.kind == "status":
                if stored or self.puts < 2:
                    self.puts += stored
                    return None
                self.since = self.since or time.monotonic()
                return self.asked.value if time.monotonic() - self.since < self.asked.seconds else None
            self.puts += stored
            return 500 if stored and method == "PUT" and self.puts % self.asked.value == 0 else None

    def note(self, method, path, status):
        with self.lock, open(self.asked.count, "a", encoding="utf-8") as out:
            out.write(f"{time.time():.3f} {method} {path} {status}\n")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    plan = None

    def handle_any(self):
        # Read in any case: the next request on this connection stands behind it.
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        status = self.plan.breaks(self.command, stored=False)
        if status is None:
            answer, headers, found = self.forward(body)
            stored = self.command == "PUT" and answer == 200
            status = self.plan.breaks(self.command, stored=True) if stored else None
            if status is None:
                self.answer(answer, headers, found)
                return
        self.plan.note(self.command, self.path, status)
        self.answer(status, [("content-type", "application/xml")], BODY.format(NAMES[status]).encode())

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

    def forward(self, body):
        server = http.client.HTTPConnection("127.0.0.1", self.plan.asked.upstream, timeout=60)
        try:
            server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                server.putheader(name, value)
            server.endheaders(body or None)
            answer = server.getresponse()
            found = answer.read()
            headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP]
            if self.command == "HEAD":
                headers += [("content-length", answer.getheader("content-length", "0"))]
            return answer.status, headers, found
        finally:
            server.close()

    def answer(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", type=int, required=True)
    parser.add_argument("--count", required=True)
    parser.add_argument("kind", choices=["status", "lie"])
    parser.add_argument("value", type=int)
    parser.add_argument("seconds", type=float, nargs="?", default=0)
    Handler.plan = Plan(parser.parse_args())
    server = http.server.ThreadingHTTPServer(("127.0.0.1", Handler.plan.asked.port), Handler)
    server.daemon_threads = True
    server.serve_forever()


main()
