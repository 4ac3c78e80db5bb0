#!/usr/bin/env python3
"""Make a log with many backups, and run a command while its memory is watched.

many.py make DIR COUNT MIB SEED [--kinds plain,gzip,zstd]
        DIR/log gets COUNT files in all, as kube-apiserver names them, the live one the last. Their sizes are log-uniform from one line to 20 MB,
        and at most MIB MiB in all: where so many files would be more, the upper end of all but the largest is lowered. The kinds take turns.
        DIR/order names them in the order in which they were written. Prints the bytes of text.
many.py text DIR
        writes what they hold, in that order
many.py watch REPORT COMMAND…
        runs it, hands a SIGTERM on, and ends as it does. REPORT gets "SECONDS PEAK_MIB CPU_SECONDS": the peak is the kernel's own (VmHWM).
"""

import argparse
import math
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

LARGEST = 20_000_000
POOL = 24 << 20  # bytes of lines that the files are cut from
POLL = 0.02  # seconds
BEGIN = 1_767_225_600  # 2026-01-01T00:00:00Z, in the first backup's name; the others are a minute apart


def event(name, number, rng):
    """A line as long as they are on a cluster: some hundred bytes to some thousand."""
    line = (
        '{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"%s-%d","stage":"ResponseComplete",'
        '"requestURI":"/api/v1/namespaces/team-%d/pods/app-%d","verb":"%s","user":{"username":"system:serviceaccount:kube-system:app-%d"},'
        '"sourceIPs":["10.0.%d.%d"],"responseStatus":{"metadata":{},"code":200},"stageTimestamp":"2026-01-01T%02d:%02d:%02d.%06dZ"'
    ) % (name, number, rng.randrange(60), rng.randrange(10_000), rng.choice(["get", "list", "update", "patch"]), rng.randrange(20),
         rng.randrange(250), rng.randrange(250), rng.randrange(24), rng.randrange(60), rng.randrange(60), rng.randrange(1_000_000))
    if number % 3:
        words = ",".join('{"name":"item-%06x","value":"%x"}' % (rng.getrandbits(24), rng.getrandbits(40)) for _ in range(rng.randrange(60)))
        line += ',"responseObject":{"kind":"List","items":[%s]}' % words
    return (line + "}\n").encode()


def pool(rng):
    """Lines one after another, and where each begins."""
    lines, starts, size = [], [], 0
    while size < POOL + LARGEST:
        line = event("pool", len(lines), rng)
        starts.append(size)
        lines.append(line)
        size += len(line)
    return b"".join(lines), starts


def sizes(count, most, rng):
    """Log-uniform; where the sum would be above `most`, with a lower upper end for all but one."""
    draws = [rng.random() for _ in range(count)]
    low, high = math.log(300), math.log(LARGEST)

    def drawn(top):
        return [int(math.exp(low + draw * (top - low))) for draw in draws]

    if sum(drawn(high)) > most:
        bottom, top = low, high
        for _ in range(60):
            middle = (bottom + top) / 2
            bottom, top = (middle, top) if sum(drawn(middle)) <= max(most - LARGEST, most // 2) else (bottom, middle)
        found = drawn(bottom)
        if most > 2 * LARGEST:
            found[count // 2] = LARGEST
        return found
    return drawn(high)


def stamp(number):
    return time.strftime("audit-%Y-%m-%dT%H-%M-%S", time.gmtime(BEGIN + 60 * number)) + ".000.log"


def compress(program, suffix, files):
    """By the real programs, many files at a time, two at once."""
    if files:
        subprocess.run(["xargs", "-0", "-P2", "-n500", program, "-q", "-1", *(["--rm"] if program == "zstd" else [])],
                       input=b"\0".join(os.fsencode(file) for file in files), check=True)
    return [f"{file.name}{suffix}" for file in files]


def make(asked):
    rng = random.Random(asked.seed)
    folder = asked.dir / "log"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text, starts = pool(rng)
    names, by_kind, total = [], {kind: [] for kind in asked.kinds}, 0
    for number, size in enumerate(sizes(asked.count, asked.mib << 20, rng)):
        last = number == asked.count - 1
        kind = "plain" if last else asked.kinds[number % len(asked.kinds)]
        name = "audit.log" if last else stamp(number)
        head = event(f"file{number}", number, rng)  # no two files begin alike
        begin = starts[rng.randrange(len(starts) // 2)]
        end = text.rfind(b"\n", begin, begin + max(size - len(head), 0)) + 1
        path = folder / name
        with open(path, "wb") as out:
            out.write(head)
            out.write(text[begin:max(begin, end)])
            total += out.tell()
        by_kind.setdefault(kind, []).append(path)
        names.append(name + {"plain": "", "gzip": ".gz", "zstd": ".zst"}[kind])
    compress("gzip", ".gz", by_kind.get("gzip", []))
    compress("zstd", ".zst", by_kind.get("zstd", []))
    (asked.dir / "order").write_text("".join(f"{name}\n" for name in names))
    print(total)


def text(asked):
    """Consecutive files of one kind go to one process: a process each would take minutes."""
    sys.stdout.flush()
    batch, program = [], None

    def give():
        if batch:
            subprocess.run([*program, *batch], check=True)
            batch.clear()

    for name in (asked.dir / "order").read_text().splitlines():
        wanted = ["gzip", "-dc"] if name.endswith(".gz") else ["zstd", "-dcq"] if name.endswith(".zst") else ["cat"]
        if wanted != program or len(batch) == 500:
            give()
            program = wanted
        batch.append(asked.dir / "log" / name)
    give()


def watch(asked):
    begin, peak = time.monotonic(), 0
    child = subprocess.Popen(asked.command, stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    pathlib.Path(f"{asked.report}.pid").write_text(f"{child.pid}\n")
    while child.poll() is None:
        try:
            with open(f"/proc/{child.pid}/status", encoding="ascii") as lines:
                peak = max([peak] + [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")])
        except OSError:
            pass
        time.sleep(POLL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    pathlib.Path(asked.report).write_text(f"{time.monotonic() - begin:.1f} {peak / 1024:.1f} {used.ru_utime + used.ru_stime:.1f}\n")
    sys.exit(child.returncode if child.returncode >= 0 else 128 - child.returncode)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="what", required=True)
    made = commands.add_parser("make")
    made.add_argument("dir", type=pathlib.Path)
    made.add_argument("count", type=int)
    made.add_argument("mib", type=int)
    made.add_argument("seed", type=int)
    made.add_argument("--kinds", type=lambda words: words.split(","), default=["plain", "gzip", "zstd"])
    commands.add_parser("text").add_argument("dir", type=pathlib.Path)
    watched = commands.add_parser("watch")
    watched.add_argument("report")
    watched.add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    {"make": make, "text": text, "watch": watch}[asked.what](asked)


main()
