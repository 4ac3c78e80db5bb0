#!/usr/bin/env python3
"""Run a command, stop it every so often, start it again at once, and say what it used.

supervise.py --report FILE [--every SECONDS --signal KILL|TERM|STOP [--down SECONDS] [--wipe DIR] [--jitter]] [--grace SECONDS] -- COMMAND…

With --wipe the directory's content is gone at each start but the first; with --jitter the times vary by half. STOP freezes it for --down seconds instead; it isn't started again then.

TERM to this process ends the command for good: TERM, and KILL after --grace. USR1 kills it at once. The report is one JSON object.
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

POLL = 0.02  # seconds
YOUTH = 1.5  # seconds


class Command:
    """One command over all its starts."""

    def __init__(self, words):
        self.words = words
        self.child = None
        self.report = {"starts": 0, "kills": 0, "peak_mib": 0.0, "cpu_s": 0.0, "slowest_stop_ms": 0, "longest_down_ms": 0, "bad_exits": []}
        self.ended = None

    def start(self):
        self.child = subprocess.Popen(self.words, stdin=subprocess.DEVNULL)
        if self.ended is not None:
            self.most("longest_down_ms", (time.monotonic() - self.ended) * 1000)
        self.report["starts"] += 1

    def most(self, name, value):
        self.report[name] = max(self.report[name], round(value, 1))

    def look(self):
        """Has it ended? Its peak so far is the kernel's own count: it only has to be read in time."""
        try:
            with open(f"/proc/{self.child.pid}/status", encoding="ascii") as lines:
                for line in lines:
                    if line.startswith("VmHWM:"):
                        self.most("peak_mib", int(line.split()[1]) / 1024)
        except OSError:
            pass
        return self.child.poll() is not None

    def stop(self, how, grace):
        """Ends it, and says whether it ended as it should."""
        self.look()
        begin = time.monotonic()
        self.child.send_signal(how)
        while how != signal.SIGKILL and not self.look() and time.monotonic() - begin < grace:
            time.sleep(POLL)
        if self.child.returncode is None and how != signal.SIGKILL:
            self.report["bad_exits"].append(f"no exit within {grace:.0f} s of a signal")
            self.child.kill()
        status = self.child.wait()
        self.ended = time.monotonic()
        self.report["kills"] += 1
        if how != signal.SIGKILL:
            self.most("slowest_stop_ms", (self.ended - begin) * 1000)
            if status != 0:
                self.report["bad_exits"].append(f"exit {status} after a signal")

    def finish(self, file):
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.report["cpu_s"] = round(used.ru_utime + used.ru_stime, 2)
        with open(file + ".new", "w", encoding="ascii") as out:
            json.dump(self.report, out)
        os.rename(file + ".new", file)


def pause(asked):
    return asked.every * random.uniform(0.5, 1.5) if asked.jitter else asked.every


def wipe(directory):
    for entry in os.scandir(directory):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.remove(entry.path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--report", required=True)
    parser.add_argument("--every", type=float, default=0)
    parser.add_argument("--signal", choices=["KILL", "TERM", "STOP"], default="KILL")
    parser.add_argument("--down", type=float, default=0)
    parser.add_argument("--wipe")
    parser.add_argument("--jitter", action="store_true")
    parser.add_argument("--grace", type=float, default=60)
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args()

    wanted = []
    signal.signal(signal.SIGTERM, lambda *_: wanted.append(signal.SIGTERM))
    signal.signal(signal.SIGUSR1, lambda *_: wanted.append(signal.SIGKILL))
    command = Command(asked.command)
    command.start()
    began = time.monotonic()
    every = pause(asked)
    while not wanted:
        time.sleep(POLL)
        if command.look():
            command.report["bad_exits"].append(f"ended by itself: exit {command.child.returncode}")
            break
        if every and time.monotonic() - began >= every:
            frozen = asked.signal == "STOP"
            if frozen:
                command.child.send_signal(signal.SIGSTOP)
            else:
                command.stop(signal.Signals["SIG" + asked.signal], asked.grace)
            until = time.monotonic() + asked.down
            while time.monotonic() < until and not wanted:
                time.sleep(POLL)
            # When it's told to end meanwhile, too: it has to end on its feet, not because it was down.
            if frozen:
                command.child.send_signal(signal.SIGCONT)
            else:
                if asked.wipe:
                    wipe(asked.wipe)
                command.start()
            began = time.monotonic()
            every = pause(asked)
    if wanted and command.child.returncode is None:
        # A process that is too young knows no signals yet: it would end without doing anything.
        while signal.SIGKILL not in wanted and time.monotonic() - began < YOUTH:
            time.sleep(POLL)
        command.stop(wanted[-1], asked.grace)
    command.finish(asked.report)
    sys.exit(0 if not command.report["bad_exits"] else 1)


main()
