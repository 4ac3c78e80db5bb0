#!/usr/bin/env python3
"""Measures the whole program beside zstd, and prints one table.

What counts is the ratio: our run and its reference follow each other within seconds, in shuffled order, and the median is that of
the rounds' own ratios. The same reference run twice (A/A) shows how much of a difference is noise.
"""

import argparse
import itertools
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))

import peers  # noqa: E402
import questions  # noqa: E402
import sinks  # noqa: E402
import steady  # noqa: E402
from measure import Series, run  # noqa: E402
from table import Table  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
MIB = 1 << 20
SEAWEEDFS = ROOT / "crates/e2e/parts/seaweedfs.sh"
SINKS = ROOT / "crates/e2e/parts/sinks.sh"
PARTS = ["files", "query", "hashes", "index", "readers", "month", "scale", "steady", "idle", "s3", "peers", "sinks"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024, help="size of the corpus in MiB [1024]")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each comparison [5]")
    parser.add_argument("--seed", type=int, default=7, help="seed of the corpus [7]")
    parser.add_argument("--rates", default="100,1000,5000,20000", help="events/s for `run`")
    parser.add_argument("--seconds", type=int, default=30, help="how long each rate lasts [30]")
    parser.add_argument("--idle", type=int, default=60, help="how long to watch an idle `run`, seconds [60]")
    parser.add_argument("--scale", type=int, default=4, help="the larger corpus of the linearity check, in units of the first [4]")
    parser.add_argument("--days", type=int, default=2, help="days of `month`, 17,280 objects each; a month of 3 chains is 4 GB of disk, 6 GB of memory, half an hour [2]")
    parser.add_argument("--chains", type=int, default=3, help="chains of `month` [3]")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"what to measure; peers are measured with s3 [{','.join(PARTS)}]")
    parser.add_argument("--auditseal", help="a ready binary; without it the release build is made")
    parser.add_argument("--work", help="where corpora and archives go [target/bench]")
    parser.add_argument("--record", action="store_true", help="put the table on top of benches/RESULTS.md's history")
    return parser.parse_args()


def build(options):
    """The binaries. cargo does nothing if they are up to date."""
    target = Path(subprocess.run([ROOT / "crates/e2e/target-dir.sh"], check=True, capture_output=True, text=True).stdout.strip())
    packages = ["-p", "auditseal-bench", "-p", "auditseal-torture"] + ([] if options.auditseal else ["-p", "auditseal-cli"])
    subprocess.run(["cargo", "build", "--quiet", "--release", "--locked", *packages, "--bins"], cwd=ROOT, check=True)
    release = target / "release"
    return SimpleNamespace(auditseal=options.auditseal or str(release / "auditseal"), bench=str(release / "auditseal-bench"),
                           torture=str(release / "auditseal-torture"), target=target)


def e2e(tools):
    """Where SeaweedFS and what it needs are installed, or will be."""
    return os.environ.get("AUDITSEAL_E2E_DIR", str(tools.target / "e2e"))


class Bench:
    def __init__(self, options, tools, work):
        self.options, self.tools, self.work = options, tools, work
        self.table, self.series, self.numbers = Table(), Series(), itertools.count(1)
        self.vkey = subprocess.run([tools.auditseal, "keygen", "--name", "bench/n", "--out", str(work / "key")], check=True, capture_output=True, text=True).stdout.strip()
        tools.key = str(work / "key")
        self.cores = sorted(os.sched_getaffinity(0))

    def corpus(self, name, mib):
        path = self.work / name
        if not path.exists():
            subprocess.run([self.tools.bench, "file", str(mib * MIB), str(self.options.seed), str(path)], check=True, capture_output=True)
        return path

    def backfill(self, source, place, jobs=2, store=None, env=None):
        """Into a new store with a new state; the archive stays for whoever reads it next."""
        for name in ("archive", "state"):
            shutil.rmtree(place / name, ignore_errors=True)
            (place / name).mkdir(parents=True)
        where = store or ["--store", f"file://{place}/archive"]
        return run([self.tools.auditseal, "backfill", "--cluster", "bench", "--node", "n", "--source", f"audit={source}", *where,
                    "--key", self.tools.key, "--state", str(place / "state"), "--jobs", str(jobs)], env=env)

    def bucket(self):
        """A new bucket in the SeaweedFS that runs."""
        name = f"bench-{next(self.numbers)}"
        subprocess.run([SEAWEEDFS, "bucket", name, "unlocked"], env=self.parts_env(), check=True, capture_output=True, stdin=subprocess.DEVNULL)
        return name

    def upload(self, source, place, access):
        """A backfill into a bucket of its own."""
        where = ["--store", f"s3://{self.bucket()}/log", "--endpoint", access["S3_ENDPOINT"]]
        return self.backfill(source, place, store=where, env=dict(os.environ, **access))

    def read(self, command, place, *more, cores=None):
        trust = ["--origin", "bench/n/audit", "--vkey", self.vkey]
        return run([self.tools.auditseal, command, "--store", f"file://{place}/archive", *trust, *more], cores=cores)

    def rounds(self, cases, count=None):
        """Each case once a round, in another order each time."""
        order = random.Random(self.options.seed)
        for number in range(count or self.options.rounds):
            names = list(cases)
            order.shuffle(names)
            for name in names:
                self.series.add(name, cases[name]())
            print(f"-- round {number + 1}: " + ", ".join(f"{name} {self.series.rounds[name][-1].wall:.2f} s" for name in cases), file=sys.stderr)

    def files(self):
        """A log as one file, and as a set of gzipped backups."""
        corpus, place = self.corpus("audit.log", self.options.mib), self.work / "local"
        gzipped = self.work / "gzipped"
        if not gzipped.exists():
            size = str(self.options.mib * MIB // 4)
            subprocess.run([self.tools.bench, "rotated", size, str(self.options.seed), str(100 * MIB), "gzip", str(gzipped)],
                           check=True, capture_output=True)
        packed, out = self.work / "reference.zst", self.work / "out.zst"
        subprocess.run(["zstd", "-3", "-T2", "-qf", str(corpus), "-o", str(packed)], check=True)
        self.backfill(corpus, place)
        zstd = lambda *how: lambda: run(["zstd", "-3", *how, "-qf", str(corpus), "-o", str(out)])
        backups = " ".join(str(path) for path in sorted(gzipped.glob("*.gz")))
        live = gzipped / "audit.log"
        self.rounds({
            "zstd -3 -T2": zstd("-T2"), "zstd -3 -T2, again": zstd("-T2"), "zstd -3 -T1": zstd("-T1"),
            "backfill": lambda: self.backfill(corpus, self.work / "again"),
            "backfill, 1 job": lambda: self.backfill(corpus, self.work / "again", jobs=1),
            "blake3": lambda: run([self.tools.bench, "hash", str(corpus)]),
        })
        self.rounds({
            "zstd -dc": lambda: run(["zstd", "-dcq", str(packed)]),
            "verify, 1 core": lambda: self.read("verify", place, cores=self.cores[:1]),
            "verify, 2 cores": lambda: self.read("verify", place),
            "verify --stored-only": lambda: self.read("verify", place, "--stored-only"),
            "cat": lambda: self.read("cat", place),
        })
        self.rounds({
            "zcat | zstd -3": lambda: run(["sh", "-c", f"(zcat {backups}; cat {live}) | zstd -3 -qf -o {out}"]),
            "backfill of .gz": lambda: self.backfill(live, self.work / "again"),
        })
        out.unlink()
        self.table.files(self.series, corpus.stat().st_size, packed.stat().st_size, place)
        shutil.rmtree(self.work / "again")

    def query(self):
        """Questions, from the archive that `files` leaves, or a new one."""
        corpus, place = self.corpus("audit.log", self.options.mib), self.work / "local"
        if not (place / "archive").exists():
            self.backfill(corpus, place)
        questions.measure(self, place, corpus)

    def stages(self, *names):
        """GB/s of stages on the same bytes in memory, by round."""
        found, order = {name: [] for name in names}, random.Random(self.options.seed)
        for _ in range(max(self.options.rounds, 5)):
            shuffled = list(names)
            order.shuffle(shuffled)
            for name in shuffled:
                said = subprocess.run([self.tools.bench, "stage", name, str(16 * MIB), "9"], check=True, capture_output=True, text=True).stdout
                found[name].append(sorted(int(line.split()[0]) / int(line.split()[1]) for line in said.splitlines())[4])
        return found

    def hashes(self):
        """The root and what it is instead of, on the same bytes in memory."""
        self.table.hashes(self.stages("root", "ref-sha256-leaves", "ref-blake3-leaves", "ref-blake3"))

    def index(self):
        """A pack's index: how fast it is made, and how large it is beside the pack."""
        found = self.stages("index", "ref-serde-json")
        text = self.corpus("pack.log", 128)
        index = int(subprocess.run([self.tools.bench, "index", str(text)], check=True, capture_output=True, text=True).stdout)
        packed = self.work / "pack.zst"
        subprocess.run(["zstd", "-9", "--long=23", "-qf", str(text), "-o", str(packed)], check=True)
        self.table.index(found, index, packed.stat().st_size)
        packed.unlink()
        text.unlink()

    def readers(self):
        """17,000 objects behind a round trip of 20 ms; each round has the same GETs by the plain client beside it."""
        rounds = []
        for _ in range(min(self.options.rounds, 3)):
            said = subprocess.run([self.tools.bench, "reader", "17000", "20", self.tools.auditseal], check=True, capture_output=True, text=True).stdout
            rounds.append({name: [float(number) for number in numbers] for name, *numbers in (line.split("\t") for line in said.splitlines())})
        self.table.readers(rounds)

    def month(self):
        """Chains that seal every five seconds for days: packed by the program, and read behind a round trip of 20 ms."""
        place, many = self.work / "month", [str(self.options.chains), str(self.options.days)]
        bench = lambda *args: subprocess.run([self.tools.bench, *args], check=True, capture_output=True, text=True).stdout.splitlines()
        bench("month", str(place), *many, "3", self.tools.auditseal)
        rows = bench("month-pack", str(place), self.tools.auditseal)
        for held in ("objects", "objects and packs", "packs"):
            rows += bench("month-read", str(place), "20", self.tools.auditseal, held)
        self.table.month(f"{many[0]} chains × {many[1]} days", [row.split("\t") for row in rows])
        shutil.rmtree(place)

    def scale(self):
        """Twice the log, twice the work? Memory must not grow at all."""
        many = self.options.scale
        free = shutil.disk_usage(self.work).free
        if free < (many * self.options.mib * 5 // 4 + 15 * 1024) * MIB:
            return self.table.left_out("CPU as the log grows", f"only {free >> 30} GiB of disk are free")
        one = self.corpus("audit.log", self.options.mib)
        large = self.corpus("large.log", many * self.options.mib)
        self.rounds({f"backfill × {size}": (lambda path: lambda: self.backfill(path, self.work / "scale"))(path)
                     for size, path in ((1, one), (many, large))}, count=3)
        self.table.scale(self.series, many, one.stat().st_size, large.stat().st_size)
        large.unlink()
        shutil.rmtree(self.work / "scale")

    def steady(self):
        for rate in (int(rate) for rate in self.options.rates.split(",")):
            found = steady.rate(self.tools, self.work, rate, self.options.seconds)
            synced = steady.fsyncs(self.tools, self.work, rate, 12) if rate in (1000, 20000) else None
            self.table.steady(found, synced)

    def idle(self):
        self.table.idle(steady.idle(self.tools, self.work, self.options.idle))

    def parts_env(self):
        return dict(os.environ, SEAWEEDFS_DIR=str(self.work / "seaweedfs"), AUDITSEAL_E2E_DIR=e2e(self.tools))

    def s3(self):
        """SeaweedFS on this machine: it takes cores from us, as no real store would."""
        quietly = dict(env=self.parts_env(), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        corpus = self.corpus("audit.log", self.options.mib)
        subprocess.run([SEAWEEDFS, "up"], **quietly)
        try:
            said = subprocess.run(["bash", "-c", f". {self.work}/seaweedfs/env && env"], check=True, capture_output=True, text=True).stdout
            access = dict(line.split("=", 1) for line in said.splitlines() if line.startswith(("AWS_", "S3_")))
            self.rounds({"backfill to SeaweedFS": lambda: self.upload(corpus, self.work / "remote", access), "backfill beside it": lambda: self.backfill(corpus, self.work / "beside")},
                        count=self.options.rounds)
            self.table.s3(self.series, corpus.stat().st_size)
            if "peers" in self.options.parts.split(","):
                peers.measure(self, access)
        finally:
            subprocess.run([SEAWEEDFS, "down"], **quietly)

    def sinks(self):
        """Handed over, beside who else does it."""
        for part in ("shipper", "syslogng"):
            # What isn't to be had here is left out, and the table says so.
            subprocess.run([SINKS, "build", part], env=self.parts_env(), check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        os.environ["AUDITSEAL_E2E_DIR"] = e2e(self.tools)
        sinks.measure(self)

    def peers(self):
        for line in peers.absent():
            self.table.left_out(*line)


def where(tools):
    def said(*command):
        try:
            return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return "unknown"

    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8") if line.startswith("model name")), platform.machine())
    dirty = ", changed" if said("git", "status", "--porcelain", "--untracked-files=no") else ""
    return "\n".join([
        f"- date: {datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC", f"- commit: {said('git', 'rev-parse', '--short', 'HEAD')}{dirty}, {said(tools.auditseal, '--version')}",
        f"- machine: {model}, {len(os.sched_getaffinity(0))} cores, Linux {platform.release().split('-')[0]}; load before: {os.getloadavg()[0]:.1f}",
        f"- {said('zstd', '--version')}; {said('rustc', '--version')}"])


def main():
    options = arguments()
    unknown = set(options.parts.split(",")) - set(PARTS)
    if unknown:
        raise SystemExit(f"error: no such part: {', '.join(sorted(unknown))}")
    tools = build(options)
    place = Path(options.work) if options.work else tools.target / "bench"
    place.mkdir(parents=True, exist_ok=True)
    os.environ["BENCH_LOG"] = str(place / "bench.log")
    Path(os.environ["BENCH_LOG"]).write_bytes(b"")
    described = where(tools)
    with tempfile.TemporaryDirectory(prefix="run.", dir=place) as work:
        bench = Bench(options, tools, Path(work))
        for part in PARTS:
            if part in options.parts.split(","):
                print(f"-- {part}", file=sys.stderr)
                getattr(bench, part)()
        raw = {name: [vars(took) for took in rounds] for name, rounds in bench.series.rounds.items()}
    (place / "rounds.json").write_text(json.dumps(raw, indent=1), encoding="utf-8")
    size = f"- corpus: {options.mib} MiB, seed {options.seed}; {options.rounds} rounds, medians"
    text = f"{described}\n{size}\n\n{bench.table.text()}"
    print(text)
    if options.record:
        results = ROOT / "benches/RESULTS.md"
        head, mark, history = results.read_text(encoding="utf-8").partition("<!-- runs, the newest first -->\n")
        results.write_text(f"{head}{mark}\n## {datetime.now(timezone.utc):%Y-%m-%d %H:%M}\n\n{text}\n{history}", encoding="utf-8")


if __name__ == "__main__":
    main()
