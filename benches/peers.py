"""The same log through Fluent Bit and Vector, where their binaries are on PATH: zstd to the same store, durably."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from measure import Took

NAMES = {"Fluent Bit": "fluent-bit", "Vector": "vector"}


def absent():
    return [(f"the same by {name}", f"`{program}` isn't on PATH") for name, program in NAMES.items() if not shutil.which(program)]


def fluent_bit(place, log, bucket, endpoint):
    """Buffers on disk with the database synced in full: its defaults lose lines (see the project's README for what we keep)."""
    text = f"""
service: {{flush: 1, grace: 30, log_level: warn, storage.path: {place}/storage, storage.sync: full, http_server: off}}
pipeline:
  inputs:
    - {{name: tail, path: {log}, read_from_head: true, tag: audit, db: {place}/tail.db, db.sync: full, storage.type: filesystem,
       buffer_chunk_size: 1M, buffer_max_size: 8M, exit_on_eof: true}}
  outputs:
    - {{name: s3, match: '*', bucket: {bucket}, region: us-east-1, endpoint: '{endpoint}', store_dir: {place}/s3, compression: zstd,
       use_put_object: true, total_file_size: 16M, upload_timeout: 1m, log_key: log, s3_key_format: '/log/$UUID', retry_limit: no_limits}}
"""
    (place / "fluent-bit.yaml").write_text(text, encoding="utf-8")
    return ["fluent-bit", "-q", "-c", str(place / "fluent-bit.yaml")]


def vector(place, log, bucket, endpoint):
    text = f"""
data_dir: {place}/data
acknowledgements: {{enabled: true}}
sources: {{audit: {{type: file, include: ['{log}'], read_from: beginning, max_line_bytes: 16777216}}}}
sinks:
  s3: {{type: aws_s3, inputs: [audit], bucket: {bucket}, region: us-east-1, endpoint: '{endpoint}', key_prefix: log/, compression: zstd,
       encoding: {{codec: text}}, framing: {{method: newline_delimited}}, batch: {{max_bytes: 16777216, timeout_secs: 5}}, force_path_style: true}}
"""
    (place / "data").mkdir()
    (place / "vector.yaml").write_text(text, encoding="utf-8")
    return ["vector", "--quiet", "--config", str(place / "vector.yaml")]


COMMANDS = {"Fluent Bit": fluent_bit, "Vector": vector}


def measure(bench, access):
    """Vector goes on following: it is done when the store has what it had a while ago, and that while isn't counted."""
    corpus = bench.corpus("audit.log", bench.options.mib)
    with open(corpus, "rb") as log:
        expected = sum(1 for _ in log)
    for name, program in NAMES.items():
        if not shutil.which(program):
            continue

        def theirs(name=name):
            into = bench.bucket()
            place = bench.work / f"{into}-place"
            place.mkdir()
            took = until_quiet(COMMANDS[name](place, corpus, into, access["S3_ENDPOINT"]), dict(os.environ, **access))
            shutil.rmtree(place)
            arrived = lines(into, access)
            if arrived != expected:
                raise SystemExit(f"error: of {expected} lines, {arrived} came out of {name}: see bench.log")
            return took

        bench.rounds({f"backfill beside {name}": lambda: bench.upload(corpus, bench.work / "beside", access), name: theirs}, count=3)
        bench.table.peer(name, bench.series, f"backfill beside {name}", name, corpus.stat().st_size)


def lines(bucket, access):
    """Lines of all objects of a bucket: whoever is fast because it gave up isn't fast."""
    def get(path):
        # From standard input: arguments are for everyone to see.
        secrets = f'user = "{access["AWS_ACCESS_KEY_ID"]}:{access["AWS_SECRET_ACCESS_KEY"]}"\naws-sigv4 = "aws:amz:us-east-1:s3"\n'
        command = ["curl", "--silent", "--show-error", "--fail", "--config", "-", f"{access['S3_ENDPOINT']}/{bucket}{path}"]
        return subprocess.run(command, input=secrets.encode(), check=True, capture_output=True).stdout

    keys = re.findall(r"<Key>([^<]*)</Key>", get("?list-type=2").decode())
    texts = (subprocess.run(["zstd", "-dcq"], input=get("/" + quote(key)), check=True, capture_output=True).stdout for key in keys)
    return sum(text.count(b"\n") + (not text.endswith(b"\n")) for text in texts if text)


def until_quiet(command, env, quiet=10.0):
    """Runs until it ends or has used no CPU to speak of for a while; the time until then."""
    ticks = os.sysconf("SC_CLK_TCK")
    with open(os.environ["BENCH_LOG"], "ab") as log:
        start = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
        busy, used = start, 0.0
        # Looked at without reaping it: what it used is known only to whoever does that.
        ended = lambda: os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        while not ended() and time.monotonic() - busy < quiet:
            time.sleep(0.2)
            try:
                fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            except FileNotFoundError:
                break
            now = (int(fields[11]) + int(fields[12])) / ticks
            if now - used > 0.05:
                busy, used = time.monotonic(), now
        wall = (time.monotonic() if ended() else busy) - start
        if not ended():
            os.kill(process.pid, signal.SIGTERM)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Took(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
