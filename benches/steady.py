"""`run` beside a log that is written at a rate, and beside one that isn't written at all."""

import os
import re
import shutil
import signal
import subprocess
import time
from datetime import datetime, timezone
from pathlib import Path

import measure

STAMP = re.compile(rb'"stageTimestamp":"([^"]{26})Z"(?:,"annotations":\{.*)?\}\n?$')


def start(tools, place, wrapper=()):
    """Starts `run` on an empty log in `place`, and waits for its genesis."""
    for name in ("log", "archive", "state"):
        (place / name).mkdir(parents=True, exist_ok=True)
    log = open(os.environ["BENCH_LOG"], "ab")
    command = [*wrapper, tools.auditseal, "run", "--cluster", "bench", "--node", "n", "--source", f"audit={place}/log/audit.log",
               "--store", f"file://{place}/archive", "--key", tools.key, "--state", str(place / "state")]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    end = time.monotonic() + 20
    while not list((place / "archive").rglob("*.zst")):
        if time.monotonic() > end or process.poll() is not None:
            raise SystemExit("error: auditseal run did not begin")
        time.sleep(0.1)
    return process


def stop(process):
    process.send_signal(signal.SIGTERM)
    if process.wait(timeout=60) != 0:
        raise SystemExit(f"error: auditseal run ended with {process.returncode}")


def rate(tools, work, events, seconds):
    """One rate: CPU share, memory, lag, write amplification."""
    place = work / f"steady-{events}"
    process = start(tools, place)
    pid = process.pid
    time.sleep(1)
    cpu, wrote, begin = measure.cpu_seconds(pid), measure.written(pid), time.monotonic()
    writer = [tools.torture, "writer", str(place / "log"), str(place / "record"), "--rate", str(events), "--seconds", str(seconds),
              "--size", str(100 << 20), "--backups", "10"]
    told = subprocess.run(writer, check=True, capture_output=True, text=True).stdout
    took = time.monotonic() - begin
    cpu, rss = measure.cpu_seconds(pid) - cpu, measure.status(pid, "VmHWM") / 1024
    time.sleep(7)  # the last window
    wrote = measure.written(pid) - wrote
    stop(process)
    lags, stored = lag(place / "archive")
    late = int(re.search(r"late_ms=(\d+)", told).group(1))
    fields = dict(field.split("=") for field in told.split())
    found = dict(rate=events, cpu=100 * cpu / took, rss=rss, p50=lags[len(lags) // 2], p99=lags[int(len(lags) * 0.99)], worst=lags[-1],
                 late=late / 1000, raw=int(fields["bytes"]), stored=stored, wrote=wrote, events=int(fields["events"]), seen=len(lags))
    shutil.rmtree(place)
    return found


def lag(archive):
    """Seconds from each event's own time to the moment that its object stood in the store, sorted; and the bytes there."""
    lags, stored = [], 0
    for path in sorted(archive.rglob("*.zst")):
        # The last change of its links: the object got its name then, and was synced to the spool before.
        stored_at, size = path.stat().st_ctime, path.stat().st_size
        stored += size
        text = subprocess.run(["zstd", "-dcq", str(path)], check=True, capture_output=True).stdout
        for line in text.splitlines():
            found = STAMP.search(line)
            if found:
                at = datetime.fromisoformat(found.group(1).decode()).replace(tzinfo=timezone.utc).timestamp()
                lags.append(stored_at - at)
    return sorted(lags), stored


def fsyncs(tools, work, events, seconds):
    """fsyncs a second at a rate, and objects; a run of its own, for tracing costs time. `None` without strace."""
    if not shutil.which("strace"):
        return None
    place, trace = work / "fsyncs", work / "trace"
    process = start(tools, place, ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=fsync,fdatasync", "-o", str(trace)])
    writer = [tools.torture, "writer", str(place / "log"), str(place / "record"), "--rate", str(events), "--seconds", str(seconds)]
    subprocess.run(writer, check=True, capture_output=True)
    time.sleep(6)
    # strace hands no signal on: the process that it traces gets it.
    child = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()[0]
    os.kill(int(child), signal.SIGTERM)
    process.wait(timeout=60)
    objects = len(list((place / "archive").rglob("*.zst")))
    count = sum("sync(" in line for line in trace.read_text(encoding="utf-8", errors="replace").splitlines())
    shutil.rmtree(place)
    return dict(fsyncs=count, objects=objects)


def idle(tools, work, seconds):
    """A log that nobody writes: CPU share, memory, wakeups a second. A minute holds one heartbeat."""
    place = work / "idle"
    process = start(tools, place)
    time.sleep(3)
    cpu, woken, begin = measure.cpu_seconds(process.pid), measure.wakeups(process.pid), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - begin
    found = dict(cpu=100 * (measure.cpu_seconds(process.pid) - cpu) / took, rss=measure.status(process.pid, "VmRSS") / 1024,
                 wakeups=(measure.wakeups(process.pid) - woken) / took)
    stop(process)
    shutil.rmtree(place)
    return found
