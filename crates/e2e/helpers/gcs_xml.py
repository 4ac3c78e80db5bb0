#!/usr/bin/env python3
"""Put what fake-gcs-server lacks in front of it: gcs_xml.py PORT UPSTREAM_PORT [--ignore-conditions].

Google's XML API takes a plain PUT /bucket/object with x-goog-if-generation-match, and answers with ETag and x-goog-generation. The fake
knows uploads, and their preconditions, by the JSON API only; so a PUT becomes a JSON upload. Google says by an XML error which thing is
absent, and auditseal believes no other 404; the fake's is plain text. By the JSON API Google says it in words, the fake in fewer.
Everything else goes through as it is. With --ignore-conditions a PUT's condition is lost on the way, and none is ever refused.
"""

import http.client
import http.server
import json
import sys
import urllib.parse

HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream = 0
    conditions = True

    def answer(self):
        body = self.body()
        path = urllib.parse.urlsplit(self.path).path
        if self.command == "PUT" and not path.startswith(("/storage/", "/upload/", "/_internal/")):
            return self.upload(path, body)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
        response, data = self.ask(self.command, self.path, body, headers)
        plain = not path.startswith(("/storage/", "/upload/", "/_internal/"))
        if response.status == 404 and plain and "/" in path.strip("/"):
            error = b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"
            return self.reply(404, [("Content-Type", "application/xml; charset=UTF-8")], str(len(error)), error)
        if response.status == 404 and path.startswith("/storage/v1/b/") and "/o/" in path:
            bucket, _, name = path.removeprefix("/storage/v1/b/").partition("/o/")
            message = f"No such object: {bucket}/{urllib.parse.unquote(name)}"
            error = {"code": 404, "message": message, "errors": [{"message": message, "domain": "global", "reason": "notFound"}]}
            data = json.dumps({"error": error}).encode()
        # A HEAD's length is that of the body that a GET would have had.
        length = response.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
        self.reply(response.status, [(n, v) for n, v in response.getheaders() if n.lower() not in HOP], length, data)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = answer

    def upload(self, path, body):
        bucket, _, name = path.removeprefix("/").partition("/")
        query = {"uploadType": "media", "name": urllib.parse.unquote(name)}
        condition = self.headers.get("x-goog-if-generation-match")
        if condition is not None and self.conditions:
            query["ifGenerationMatch"] = condition
        kind = self.headers.get("Content-Type", "application/octet-stream")
        response, data = self.ask("POST", f"/upload/storage/v1/b/{bucket}/o?{urllib.parse.urlencode(query)}", body, {"Content-Type": kind})
        if response.status != 200:
            return self.reply(response.status, [("Content-Type", "text/plain")], str(len(data)), data)
        made = json.loads(data)
        self.reply(200, [("ETag", f'"{made["etag"]}"'), ("x-goog-generation", made["generation"])], "0", b"")

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def ask(self, method, path, body, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=60)
        connection.request(method, path, body or None, headers)
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response, data

    def reply(self, status, headers, length, data):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


Handler.upstream = int(sys.argv[2])
Handler.conditions = "--ignore-conditions" not in sys.argv
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
