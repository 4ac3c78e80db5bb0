#!/usr/bin/env python3
"""`forward` to each kind of sink, beside whoever else hands the same events over, in the same run: CPU time and memory.

Ours reads the archive, and proves each seal before its lines go out; the others read the plain file.
The sink is one that only answers (standin.py), so that none of its work is counted; a case is done when all events came.

    sinks.py --auditseal BIN [--times N] [--rounds N]      by itself, with the log in testdata so many times over
"""

import argparse
import os
import random
import signal
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))

from measure import Series, Took, run, status  # noqa: E402
from standin import MARK, StandIn  # noqa: E402
from table import Table  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "testdata/kube-apiserver-1.36.3"
# Longer than any case may take, seconds.
LONGEST = 300
COLLECTOR, SYSLOG_NG = "OpenTelemetry Collector", "syslog-ng"
NOT_HAD = {"Fluent Bit": "fluent-bit", "Vector": "vector"}


# In batches as large as ours.
QUEUE = "sending_queue: {block_on_overflow: true, batch: {flush_timeout: 200ms, min_size: 1000, max_size: 2000, sizer: items}}"


def collector(place, log, exporter, settings):
    """With no storage, so that it forgets how far it came."""
    text = f"""
receivers: {{filelog: {{include: ['{log}'], start_at: beginning, max_log_size: 4MiB, poll_interval: 50ms}}}}
exporters: {{{exporter}: {{{settings}}}}}
service: {{telemetry: {{metrics: {{level: none}}}}, pipelines: {{logs: {{receivers: [filelog], exporters: [{exporter}]}}}}}}
"""
    (place / "collector.yaml").write_text(text, encoding="utf-8")
    return [str(e2e() / "bin/otelcol-shipper"), f"--config={place}/collector.yaml"], dict(os.environ)


def syslog_ng(place, log, destination):
    text = f"""
@version: 3.38
options {{ stats-freq(0); log-msg-size(4194304); keep-hostname(yes); flush-lines(1000); }};
source s {{ file("{log}" follow-freq(1) flags(no-parse) read-old-records(yes) log-fetch-limit(1000) log-iw-size(10000)); }};
destination d {{ {destination} }};
log {{ source(s); destination(d); flags(flow-control); }};
"""
    (place / "syslogng.conf").write_text(text, encoding="utf-8")
    root = e2e() / "bin/syslogng/usr"
    libraries = f"{root}/lib/{os.uname().machine}-linux-gnu:{root}/lib/syslog-ng"
    command = [f"{root}/sbin/syslog-ng", "-F", "--no-caps", "-f", f"{place}/syslogng.conf", f"--persist-file={place}/persist", f"--control={place}/ctl",
               f"--pidfile={place}/pid", f"--module-path={root}/lib/syslog-ng/3.38"]
    return command, dict(os.environ, LD_LIBRARY_PATH=libraries)


def e2e():
    return Path(os.environ.get("AUDITSEAL_E2E_DIR") or ROOT / "target/e2e")


BUILT = {COLLECTOR: lambda: e2e() / "bin/otelcol-shipper", SYSLOG_NG: lambda: e2e() / "bin/syslogng/usr/lib/syslog-ng/3.38/libhttp.so"}


def cases(sink, place):
    """What each sink is called, our address of it, and who else does it how: (name, ours, [(whose, how)])."""
    http = f'http(url("{sink.url}/_bulk") method("POST") headers("content-type: application/x-ndjson") batch-lines(1000) batch-bytes(1048576) ' \
           'body("{\\"create\\":{\\"_index\\":\\"audit\\",\\"_id\\":\\"$RCPTID\\"}}\\n$MESSAGE\\n") delimiter("") workers(1));'
    host, port = sink.syslog.split(":")
    tls = f'syslog("{host}" port({port}) transport("tls") tls(ca-file("{sink.ca}") peer-verify(required-trusted)));'
    # Not compressed, as ours isn't.
    otlp = lambda log: collector(place, log, "otlphttp", f"endpoint: '{sink.url}', compression: none, {QUEUE}")
    out = place / "theirs.out"
    return [
        ("file", f"file://{place}/ours.out", [
            (COLLECTOR, lambda log: collector(place, log, "file", f"path: '{out}'")),
            (SYSLOG_NG, lambda log: syslog_ng(place, log, f'file("{out}" template("$MESSAGE\\n"));'))]),
        ("OpenSearch", f"opensearch+{sink.url}/audit", [(SYSLOG_NG, lambda log: syslog_ng(place, log, http))]),
        # The Collector's exporter for Loki is gone: Loki takes OTLP.
        ("Loki", f"loki+{sink.url}", [(COLLECTOR, otlp)]),
        ("OTLP", f"otlp+{sink.url}", [(COLLECTOR, otlp)]),
        ("syslog", f"syslog+tls://{sink.syslog}?ca={sink.ca}", [(SYSLOG_NG, lambda log: syslog_ng(place, log, tls))]),
    ]


def until_all(command, env, came):
    """Runs until all events came, and ends it: it would follow the file for ever."""
    with open(os.environ["BENCH_LOG"], "ab") as log:
        start = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
        while not came():
            ended = process.poll() is not None
            if ended or time.monotonic() - start > LONGEST:
                if not ended:
                    process.kill()
                    process.wait()
                raise SystemExit(f"error: {command[0]} {'ended' if ended else 'took too long'} before all events came: see {os.environ['BENCH_LOG']}")
            time.sleep(0.05)
        wall, peak = time.monotonic() - start, status(process.pid, "VmHWM")
        os.kill(process.pid, signal.SIGTERM)
        _, ended, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(ended)
    return Took(wall, usage.ru_utime + usage.ru_stime, peak / 1024)


class Marks:
    """Events of a file that grows."""

    def __init__(self, path):
        self.path, self.at, self.found, self.rest = path, 0, 0, b""

    def look(self):
        if self.path.exists():
            with open(self.path, "rb") as file:
                file.seek(self.at)
                while piece := file.read(1 << 20):
                    self.at += len(piece)
                    self.found += (self.rest + piece).count(MARK)
                    self.rest = piece[-(len(MARK) - 1):]
        return self.found


class Sinks:
    def __init__(self, auditseal, log, place, table, series):
        self.auditseal, self.log, self.place, self.table, self.series = auditseal, log, place, table, series
        self.events = Marks(log).look()
        key = str(place / "key")
        vkey = subprocess.run([auditseal, "keygen", "--name", "bench/n", "--out", key], check=True, capture_output=True, text=True).stdout
        (place / "vkey").write_text(vkey, encoding="ascii")
        run([auditseal, "backfill", "--cluster", "bench", "--node", "n", "--source", f"audit={log}", "--store", f"file://{place}/archive", "--key", key, "--state", f"{place}/state"])
        with open(place / "trust", "wb") as trust:
            run([auditseal, "trust", "init", "--store", f"file://{place}/archive", "--origin", "bench/n/audit", "--vkey", f"{place}/vkey"], stdout=trust)
        self.sink = StandIn(place)

    def clean(self):
        self.sink.reset()
        for name in ("forward", "ours.out", "theirs.out", "persist"):
            path = self.place / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def came(self, out):
        """Says whether all events came, to the sink or into a file."""
        file = Marks(self.place / out)
        return lambda: max(self.sink.events, file.look()) >= self.events

    def ours(self, address):
        self.clean()
        took = run([self.auditseal, "forward", "--store", f"file://{self.place}/archive", "--trust", f"{self.place}/trust", "--forward-state", f"{self.place}/forward", "--once", "--sink", address])
        if not self.came("ours.out")():
            raise SystemExit(f"error: of {self.events} events, {self.sink.events} came by {address}")
        return took

    def theirs(self, how):
        self.clean()
        command, env = how(self.log)
        return until_all(command, env, self.came("theirs.out"))

    def measure(self, rounds, seed):
        order, size = random.Random(seed), self.log.stat().st_size
        for name, address, others in cases(self.sink, self.place):
            for whose, _ in others:
                if not BUILT[whose]().exists():
                    self.table.left_out(f"forward to {name}, against {whose}", "it isn't built: crates/e2e/parts/sinks.sh build shipper syslogng")
            others = [(whose, how) for whose, how in others if BUILT[whose]().exists()]
            turns = {f"forward to {name}": lambda address=address: self.ours(address)}
            turns |= {f"{whose} to {name}": lambda how=how: self.theirs(how) for whose, how in others}
            for number in range(rounds):
                names = list(turns)
                order.shuffle(names)
                for turn in names:
                    self.series.add(turn, turns[turn]())
                print(f"-- round {number + 1}: " + ", ".join(f"{turn} {self.series.rounds[turn][-1].cpu:.2f} s of CPU" for turn in turns), file=sys.stderr)
            for whose, _ in others:
                self.table.sink(self.series, name, f"forward to {name}", f"{whose} to {name}", whose, (size, self.events))
        for whose, program in NOT_HAD.items():
            self.table.left_out(f"forward, against {whose}", "it isn't asked, though it is on PATH" if shutil.which(program) else f"`{program}` isn't on PATH")
        self.sink.close()


def measure(bench):
    place = bench.work / "sinks"
    place.mkdir()
    Sinks(bench.tools.auditseal, bench.corpus("audit.log", bench.options.mib), place, bench.table, bench.series).measure(min(bench.options.rounds, 3), bench.options.seed)
    shutil.rmtree(place)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--auditseal", required=True)
    parser.add_argument("--times", type=int, default=5, help="how often the log stands in the file [5]")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    table, series = Table(), Series()
    with tempfile.TemporaryDirectory(prefix="sinks.") as folder:
        place = Path(folder)
        os.environ["BENCH_LOG"] = str(e2e() / "sinks.log")
        log = place / "audit.log"
        with open(log, "wb") as out:
            for _ in range(options.times):
                for part in sorted(LOGS.glob("*.log")):
                    out.write(part.read_bytes())
        before = os.getloadavg()
        Sinks(options.auditseal, log, place, table, series).measure(options.rounds, 7)
        print(f"- {log.stat().st_size / 1e6:.0f} MB, {Marks(log).look()} events, {options.rounds} rounds; load before {before[0]:.1f}, after {os.getloadavg()[0]:.1f}\n\n{table.text()}")


if __name__ == "__main__":
    main()
