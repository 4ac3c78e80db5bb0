#!/usr/bin/env python3
"""Writes logs of flows as network plugins do: grows live files and rotates them as lumberjack does, some compressed.

  flows.py write SAMPLES DIR LINES   logs NAME.log below DIR/NAME, with that many lines each; what was written is in DIR/NAME.all
"""
import gzip, os, re, sys, time
from datetime import datetime, timedelta, timezone

FILES = {"hubble": "hubble.log", "antrea": "antrea.log", "calico": "calico.log", "ovn": "ovn.log", "jsonl": "gke.jsonl", "text": "netfilter.log"}


def lines(sample, count):
    """The sample again and again, each round with other ports of clients: no two rounds are alike."""
    rounds = [line for line in open(sample, "rb").read().split(b"\n") if line]
    for n in range(count):
        line = rounds[n % len(rounds)]
        yield re.sub(rb"\b(50412|41022|55002|44871)\b", str(32768 + n % 28000).encode(), line) + b"\n"


def write(samples, folder, count):
    logs = {}
    for name, file in FILES.items():
        os.makedirs(f"{folder}/{name}", exist_ok=True)
        logs[name] = (lines(f"{samples}/{file}", count), open(f"{folder}/{name}/{name}.log", "ab", buffering=0), open(f"{folder}/{name}.all", "wb"))
    stamp, packed = datetime(2026, 11, 29, 10, tzinfo=timezone.utc), []
    step = 40
    for at in range(0, count, step):
        for name, (source, live, all_of_it) in logs.items():
            part = b"".join(line for _, line in zip(range(min(step, count - at)), source))
            # In two writes, the first of which ends within a line.
            live.write(part[: len(part) // 2])
            live.write(part[len(part) // 2 :])
            all_of_it.write(part)
        if at and at % (5 * step) == 0:
            stamp += timedelta(seconds=1)
            for path in packed:
                with open(path, "rb") as plain, gzip.open(path + ".tmp", "wb") as to:
                    to.write(plain.read())
                os.rename(path + ".tmp", path + ".gz")
                os.unlink(path)
            packed = []
            for name, (source, live, all_of_it) in logs.items():
                live.close()
                backup = f"{folder}/{name}/{name}-{stamp.strftime('%Y-%m-%dT%H-%M-%S')}.000.log"
                os.rename(f"{folder}/{name}/{name}.log", backup)
                packed.append(backup)
                logs[name] = (source, open(f"{folder}/{name}/{name}.log", "ab", buffering=0), all_of_it)
        time.sleep(0.05)
    for _, live, all_of_it in logs.values():
        live.close()
        all_of_it.close()


if __name__ == "__main__":
    _, what, samples, folder, count = sys.argv
    assert what == "write", __doc__
    write(samples, folder, int(count))
