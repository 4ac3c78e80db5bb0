#!/usr/bin/env python3
"""The table of neighbour.sh: neighbour.py WORK RATE SECONDS [RESULTS.md], where WORK has a folder for each turn.

A turn has its variant's name before the first dot, and holds etcd and apiserver (metrics before and after) and client.json. With a file it goes
there, between its marks.
"""

import collections, datetime, json, os, pathlib, platform, re, statistics, subprocess, sys

BEGIN, END = "<!-- neighbour:begin, made by crates/e2e/neighbour.sh --record -->\n", "<!-- neighbour:end -->\n"
NAMES = {"nothing": "nothing", "again": "nothing, once more (A/A)", "auditseal": "auditseal", "fluent-bit": "Fluent Bit"}
SAMPLE = re.compile(r'^(\w+)\{(.*)\} (\S+)$')
LABEL = re.compile(r'(\w+)="([^"]*)"')


def buckets(path, metric, but=()):
    """Upper bound → count, over all series of a histogram that aren't of a verb in BUT."""
    found = collections.Counter()
    for line in path.read_text().splitlines():
        match = SAMPLE.match(line)
        if match and match[1] == metric + "_bucket":
            labels = dict(LABEL.findall(match[2]))
            if labels.get("verb") not in but:
                found[float(labels["le"])] += float(match[3])
    return found


def value(path, metric):
    return sum(float(line.split()[1]) for line in path.read_text().splitlines() if line.startswith(metric + " "))


def quantile(counts, q):
    """As Prometheus' histogram_quantile does: linear within the bucket. In ms."""
    counts = sorted(counts.items())
    rank, lower, below = q * counts[-1][1], 0.0, 0.0
    for bound, count in counts:
        if count >= rank:
            return 1000 * (lower + (bound - lower) * (rank - below) / (count - below) if bound < float("inf") else lower)
        lower, below = bound, count


def turn(folder):
    gained = lambda name, metric, but=(): collections.Counter(
        {le: n - buckets(folder / f"{name}.before", metric, but)[le] for le, n in buckets(folder / f"{name}.after", metric, but).items()})
    fsyncs = gained("etcd", "etcd_disk_wal_fsync_duration_seconds")
    served = gained("apiserver", "apiserver_request_duration_seconds", ("WATCH", "WATCHLIST", "CONNECT"))
    client = json.loads((folder / "client.json").read_text())
    events = value(folder / "apiserver.after", "apiserver_audit_event_total") - value(folder / "apiserver.before", "apiserver_audit_event_total")
    exact = client["latencies"]
    if not fsyncs[float("inf")] or not served[float("inf")] or not events:
        sys.exit(f"{folder.name}: there is nothing to compare")
    return {"events/s": events / client["seconds"], "fsyncs/s": fsyncs[float("inf")] / client["seconds"], "fsync p50": quantile(fsyncs, 0.5),
            "fsync p99": quantile(fsyncs, 0.99), "served p99": quantile(served, 0.99), "client p50": 1000 * exact[len(exact) // 2],
            "client p99": 1000 * exact[len(exact) * 99 // 100]}


def main():
    work, rate, seconds = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    turns = collections.defaultdict(list)
    for folder in sorted(work.iterdir()):
        turns[folder.name.partition(".")[0]].append(turn(folder))
    columns = ["events/s", "fsyncs/s", "fsync p50", "fsync p99", "served p99", "client p50", "client p99"]
    out = ["| beside etcd and kube-apiserver | events/s | WAL fsyncs/s | fsync p50 ms | fsync p99 ms | against nothing | apiserver p99 ms | client p50 ms | client p99 ms | against nothing |",
           "|---|---|---|---|---|---|---|---|---|---|"]
    for variant in [name for name in NAMES if name in turns]:
        here, base = turns[variant], turns["nothing"]
        cell = lambda key: f"{statistics.median(one[key] for one in here):.0f}" if key.endswith("/s") else \
            f"{statistics.median(one[key] for one in here):.2f} ({min(one[key] for one in here):.2f}–{max(one[key] for one in here):.2f})"
        def against(key):
            ratios = [one[key] / other[key] for one, other in zip(here, base)]
            return "" if variant == "nothing" else f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
        cells = [cell(key) for key in columns]
        out.append(f"| {NAMES[variant]} | " + " | ".join(cells[:4] + [against("fsync p99")] + cells[4:] + [against("client p99")]) + " |")
    reached = min(statistics.median(one["events/s"] for one in here) for here in turns.values())
    about = (f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {os.cpu_count()} cores, Linux {platform.release().split('-')[0]}: {len(turns['nothing'])} rounds of {seconds} s each in shuffled "
             f"order; median (lowest–highest). Asked for {rate} events/s, {reached:.0f} reached.")
    if reached < 0.9 * rate:
        about += " **The machine didn't reach the rate**: the figures say nothing about it."
    text = "\n".join([about, "", *out, ""])
    print(text)
    if len(sys.argv) > 4:
        page = pathlib.Path(sys.argv[4])
        before, rest = page.read_text().split(BEGIN)
        page.write_text(before + BEGIN + "\n" + text + "\n" + END + rest.split(END)[1])


main()
