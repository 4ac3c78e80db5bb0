"""Running processes and saying what they took."""

import os
import select
import statistics
import subprocess
import time
from dataclasses import dataclass


@dataclass
class Took:
    """One run: wall clock and CPU in seconds, peak resident memory in MiB, of the largest process if there are several."""

    wall: float
    cpu: float
    rss: float


def run(command, cores=None, stdout=subprocess.DEVNULL, env=None, codes=(0,)):
    """Runs a command to its end. A command that fails has no figure: the whole bench stops."""

    def pin():
        if cores:
            os.sched_setaffinity(0, cores)

    with open(os.environ["BENCH_LOG"], "ab") as log:
        start = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=log, env=env, preexec_fn=pin)
        peak = watch(process.pid)
        wall = time.monotonic() - start
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        raise SystemExit(f"error: {' '.join(map(str, command))}: exit {process.returncode}, see {os.environ['BENCH_LOG']}")
    return Took(wall, usage.ru_utime + usage.ru_stime, peak)


def watch(pid):
    """Peak resident memory in MiB, asked for until the process ends. What the kernel says afterwards (`ru_maxrss`) isn't less than what
    this interpreter had when it forked."""
    peak, ended = 0, select.poll()
    handle = os.pidfd_open(pid)
    ended.register(handle, select.POLLIN)
    try:
        while not ended.poll(5 if peak < 20_000 else 20):
            try:
                peak = max([peak] + [status(process, "VmHWM") for process in [str(pid), *children(pid)]])
            except OSError:
                pass  # it ended between two questions
    finally:
        os.close(handle)
    return peak / 1024


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return file.read().split()


class Series:
    """What each case took, round by round."""

    def __init__(self):
        self.rounds = {}

    def add(self, name, took):
        self.rounds.setdefault(name, []).append(took)

    def has(self, *names):
        return all(name in self.rounds for name in names)

    def median(self, name, what):
        return statistics.median(getattr(took, what) for took in self.rounds[name])

    def peak(self, name):
        return max(took.rss for took in self.rounds[name])

    def ratios(self, over, under, what="wall"):
        """`over` by `under`, each round by itself: a machine that is slow for a while is slow for both."""
        return [getattr(a, what) / getattr(b, what) for a, b in zip(self.rounds[over], self.rounds[under])]

    def ratio(self, over, under, what="wall"):
        return statistics.median(self.ratios(over, under, what))


def threads(pid):
    return [f"/proc/{pid}/task/{task}" for task in os.listdir(f"/proc/{pid}/task")]


def cpu_seconds(pid):
    """CPU time of a process's living threads, to the nanosecond: ticks are too coarse for an idle one."""
    total = 0
    for thread in threads(pid):
        try:
            with open(f"{thread}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
        except FileNotFoundError:
            pass  # it ended between the listing and now
    return total / 1e9


def status(pid, field):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next((int(line.split()[1]) for line in file if line.startswith(field + ":")), 0)


def wakeups(pid):
    total = 0
    for thread in threads(pid):
        try:
            with open(f"{thread}/status", encoding="ascii") as file:
                total += next(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt"))
        except FileNotFoundError:
            pass
    return total


def written(pid):
    with open(f"/proc/{pid}/io", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("write_bytes"))
