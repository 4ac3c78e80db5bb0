"""Running processes and saying what they took."""

import os
import statistics
import subprocess
import time
from dataclasses import dataclass


@dataclass
class Took:
    """One run: wall clock and CPU in seconds, peak resident memory in MiB of the largest process."""

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
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        raise SystemExit(f"error: {' '.join(map(str, command))}: exit {process.returncode}, see {os.environ['BENCH_LOG']}")
    return Took(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


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
        return next(int(line.split()[1]) for line in file if line.startswith(field + ":"))


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
