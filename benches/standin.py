"""A sink that only answers: OpenSearch's bulk requests, Loki's pushes, OTLP's logs, and syslog by TLS. It counts the events that came."""

import json
import re
import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# In each event once, and in what a citation says of it not at all; in a push its quotation marks are escaped.
MARK = b'auditID'
IDS = re.compile(rb'^\{"create":.*?"_id":"([^"]*)"', re.MULTILINE)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def body(self):
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def do_POST(self):
        body = self.body()
        self.server.sink.came(body)
        items = []
        if self.path.startswith("/_bulk"):
            items = [{"create": {"_id": found.decode(), "status": 201}} for found in IDS.findall(body)]
        said = json.dumps({"took": 1, "errors": False, "items": items}).encode() if "_bulk" in self.path else b""
        self.send_response(204 if "loki" in self.path else 200)
        if "loki" not in self.path:
            self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def do_GET(self):
        self.body()
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_PUT = do_GET

    def log_message(self, *_):
        pass


class StandIn:
    """Answers on two free ports of the loopback interface until it is closed."""

    def __init__(self, place):
        self.events, self.requests, self.lock = 0, 0, threading.Lock()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.sink, self.http.daemon_threads = self, True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.ca = place / "ca.pem"
        certificate(place)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(place / "server.pem", place / "server.key")
        self.tls = socket.create_server(("127.0.0.1", 0))
        self.syslog = f"127.0.0.1:{self.tls.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def came(self, body):
        with self.lock:
            self.events += body.count(MARK)
            self.requests += 1

    def reset(self):
        with self.lock:
            self.events, self.requests = 0, 0

    def accept(self):
        while True:
            try:
                plain, _ = self.tls.accept()
            except OSError:
                return
            threading.Thread(target=self.frames, args=(plain,), daemon=True).start()

    def frames(self, plain):
        """Bytes as they come: a mark that two reads share is counted with the second."""
        try:
            with self.context.wrap_socket(plain, server_side=True) as stream:
                rest = b""
                while piece := stream.recv(1 << 18):
                    self.came(rest + piece)
                    rest = piece[-(len(MARK) - 1):]
        except OSError:
            pass  # it was ended while a frame was under way: what is missing shows in the count

    def close(self):
        self.http.shutdown()
        self.tls.close()


def certificate(place):
    """An authority, and a server's certificate for the loopback address."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=place, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1")
    (place / "san").write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n", encoding="ascii")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "server.pem", "-days", "2", "-extfile", "san")
