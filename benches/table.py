"""The table: our figure, the reference's in the same run, the ratio, the goal."""

import statistics


def spread(ratios):
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


class Table:
    def __init__(self):
        self.rows = []

    def row(self, what, ours, reference, ratio, goal, met):
        said = {True: "met", False: "**not met**", None: ""}[met]
        self.rows.append((what, ours, reference, ratio, goal, said))

    def left_out(self, what, why):
        self.rows.append((what, "–", "–", "–", "–", why))

    def text(self):
        head = ("measure", "ours", "reference, same run", "ratio (lowest–highest)", "goal", "")
        lines = [head, tuple("---" for _ in head), *self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"

    def faster(self, series, what, ours, reference, goal, size, worse="wall"):
        """A throughput, ours by the reference's: the time of theirs by the time of ours."""
        ratios = series.ratios(reference, ours, worse)
        show = lambda name: f"{size / series.median(name, worse) / 1e6:.0f} MB/s"
        met = None if goal is None else statistics.median(ratios) >= goal
        self.row(what, show(ours), f"{reference}: {show(reference)}", spread(ratios), "" if goal is None else f"≥ {goal}", met)

    def files(self, series, size, packed, place):
        faster = lambda *how, **more: self.faster(series, *how, size, **more)
        self.row("corpus", f"{size / 1e6:.0f} MB", f"`zstd -3`: {packed / 1e6:.1f} MB", f"{size / packed:.1f}:1", "10–14:1", 10 <= size / packed <= 14)
        stored = sum(path.stat().st_size for path in (place / "archive").rglob("*.zst"))
        self.row("archive's size", f"{stored / 1e6:.1f} MB", f"{packed / 1e6:.1f} MB", f"{stored / packed:.3f}", "", None)
        faster("A/A: the same reference twice", "zstd -3 -T2, again", "zstd -3 -T2", None)
        faster("backfill, file → local archive", "backfill", "zstd -3 -T2", 0.75)
        ratios = series.ratios("backfill", "zstd -3 -T1", "cpu")
        per = lambda name: f"{series.median(name, 'cpu') / size * 1e9:.2f} CPU s/GB"
        self.row("backfill, CPU", per("backfill"), f"zstd -3 -T1: {per('zstd -3 -T1')}", spread(ratios), "≤ 1.7", statistics.median(ratios) <= 1.7)
        peak = series.peak("backfill")
        self.row("backfill, peak memory", f"{peak:.0f} MiB", f"zstd -3 -T2: {series.peak('zstd -3 -T2'):.0f} MiB", "", "≤ 40 MiB", peak <= 40)
        faster("backfill, 1 job", "backfill, 1 job", "zstd -3 -T1", None)
        ratios = series.ratios("zcat | zstd -3", "backfill of .gz")
        self.row("backfill of `.gz` backups", f"{series.median('backfill of .gz', 'wall'):.2f} s", f"zcat \\| zstd -3: {series.median('zcat | zstd -3', 'wall'):.2f} s",
                 spread(ratios), "≥ 0.8", statistics.median(ratios) >= 0.8)
        ratios = series.ratios("zcat | zstd -3", "backfill of .gz", "cpu")
        self.row("backfill of `.gz` backups, by CPU time", f"{series.median('backfill of .gz', 'cpu'):.2f} s", f"zcat \\| zstd -3: {series.median('zcat | zstd -3', 'cpu'):.2f} s",
                 spread(ratios), "", None)
        self.row("backfill of `.gz`, peak memory", f"{series.peak('backfill of .gz'):.0f} MiB", "", "", "≤ 40 MiB", series.peak("backfill of .gz") <= 40)
        faster("verify, one core", "verify, 1 core", "zstd -dc", 0.65)
        faster("verify, one core, by CPU time", "verify, 1 core", "zstd -dc", 0.65, worse="cpu")
        faster("verify, two cores", "verify, 2 cores", "zstd -dc", 1.25)
        peak = max(series.peak("verify, 1 core"), series.peak("verify, 2 cores"))
        self.row("verify, peak memory", f"{peak:.0f} MiB", f"zstd -dc: {series.peak('zstd -dc'):.0f} MiB", "", "≤ 16 MiB", peak <= 16)
        faster("verify, stored bytes only", "verify --stored-only", "zstd -dc", 5)
        faster("cat", "cat", "zstd -dc", 0.6)
        faster("cat, by CPU time", "cat", "zstd -dc", 0.6, worse="cpu")
        self.row("cat, peak memory", f"{series.peak('cat'):.0f} MiB", "", "", "", None)
        faster("backfill, against one pass of BLAKE3", "backfill", "blake3", None)

    def questions(self, series, names, size):
        """A search's throughput in text, by that of who else reads the same objects."""
        for name in names:
            ours = f"query, {name}"
            for theirs, goal in ((f"rg -z, {name}", 1.0), (f"jq, {name}", None), (f"DuckDB, {name}", None)):
                if series.has(theirs):
                    self.faster(series, ours, ours, theirs, goal, size)
                else:
                    self.left_out(ours, f"{theirs.split(',')[0]} isn't installed, or wasn't asked this")
            if series.has(f"rg -z, {name}, 1 core"):
                self.faster(series, f"{ours}, one core", f"{ours}, 1 core", f"rg -z, {name}, 1 core", None, size)
        peak = max(series.peak(f"query, {name}") for name in names)
        self.row("query, peak memory", f"{peak:.0f} MiB", "", "", "", None)

    def hashes(self, stages):
        for reference, goal in (("ref-sha256-leaves", 1.5), ("ref-blake3-leaves", 2), ("ref-blake3", None)):
            ratios = [a / b for a, b in zip(stages["root"], stages[reference])]
            name = {"ref-sha256-leaves": "SHA-256 leaves", "ref-blake3-leaves": "naive BLAKE3 leaves", "ref-blake3": "whole-file BLAKE3"}[reference]
            met = None if goal is None else statistics.median(ratios) >= goal
            self.row("root: framed BLAKE3", f"{statistics.median(stages['root']):.2f} GB/s", f"{name}: {statistics.median(stages[reference]):.2f} GB/s",
                     spread(ratios), "" if goal is None else f"≥ {goal}", met)

    def index(self, stages, index, packed):
        ratios = [a / b for a, b in zip(stages["index"], stages["ref-serde-json"])]
        speed = lambda name: f"{statistics.median(stages[name]) * 1000:.0f} MB/s"
        self.row("index of a pack", speed("index"), f"serde_json, nothing kept: {speed('ref-serde-json')}", spread(ratios), "", None)
        self.row("index's size, 128 MiB of text", f"{index / 1e6:.2f} MB", f"`zstd -9 --long=23`: {packed / 1e6:.1f} MB", f"{index / packed:.3f}", "", None)

    def readers(self, rounds):
        """Each round: command → seconds, peak KiB, requests, ratio to the same GETs."""
        middle = lambda name, at: statistics.median(took[name][at] for took in rounds)
        gets, *commands = rounds[0]
        for name in commands:
            few, requests = name.endswith(("hour", "midst")), middle(name, 2)
            seconds, peak = middle(name, 0), max(took[name][1] for took in rounds) / 1024
            goal, met = {"verify": ("≤ 5 s, ≤ 32 MiB", seconds <= 5 and peak <= 32), "ls": ("≤ 5 s", seconds <= 5)}.get(name, ("", None))
            goal, met = ("≤ 1,000 requests", requests <= 1000) if few else (goal, met)
            self.row(f"17,000 objects behind 20 ms: {name}", f"{seconds:.2f} s, {peak:.0f} MiB, {requests:,.0f} requests",
                     f"{gets}: {middle(gets, 0):.2f} s", spread([took[name][3] for took in rounds]), goal, met)

    def month(self, size, rows):
        """Each row: what the store held, command, requests, bytes received, seconds, peak KiB, and what it said."""
        for held, name, requests, received, seconds, peak, *_ in rows:
            requests, megabytes, seconds, peak = int(requests), int(received) / 1e6, float(seconds), int(peak) / 1024
            if held == "it holds":
                self.row(f"{size}, {held}: {name}", f"{requests:,} objects, {megabytes:,.1f} MB", "", "", "", None)
                continue
            goal, met = ("", None)
            if name.startswith("cat"):
                goal, met = "≤ 1,000 requests", requests <= 1000
            elif name.startswith("query") and name.endswith("over"):
                goal, met = "≤ 3 s", seconds <= 3
            took = f"{requests:,} requests, {megabytes:,.1f} MB, {seconds:.2f} s"
            self.row(f"{size}, {held}: {name}", took + (f", {peak:.0f} MiB" if peak else ""), "", "", goal, met)

    def scale(self, series, many, one, large):
        small, big = "backfill × 1", f"backfill × {many}"
        ratios = [ratio / (large / one) for ratio in series.ratios(big, small, "cpu")]
        self.row(f"CPU as the log grows {many}-fold, per byte", f"{series.median(big, 'cpu') / large * 1e9:.2f} CPU s/GB",
                 f"× 1: {series.median(small, 'cpu') / one * 1e9:.2f} CPU s/GB", spread(ratios), "linear (≤ 1.05)", statistics.median(ratios) <= 1.05)
        peak = series.peak(big)
        self.row(f"peak memory, log {many} times as large", f"{peak:.0f} MiB", f"× 1: {series.peak(small):.0f} MiB", f"{peak / series.peak(small):.2f}", "≤ 40 MiB, the same", peak <= 40)

    def steady(self, found, synced):
        rate = found["rate"]
        goals = {1000: (2, 20), 20000: (25, None)}
        cpu, rss = goals.get(rate, (None, None))
        limit = f"≤ {cpu} % of a core" if cpu else ""
        self.row(f"`run`, {rate:,} events/s: CPU", f"{found['cpu']:.2f} % of a core", f"{found['raw'] / found['events'] * rate / 1e6:.1f} MB/s in", "", limit, None if cpu is None else found["cpu"] <= cpu)
        self.row(f"`run`, {rate:,} events/s: peak memory", f"{found['rss']:.0f} MiB", "", "", f"≤ {rss} MiB" if rss else "", None if rss is None else found["rss"] <= rss)
        met = None
        if rate == 1000:
            met = found["p99"] <= 5.2
        elif rate == 20000:
            met = found["worst"] <= 10
        goal = {1000: "p99 ≤ window 5 s + 0.2 s", 20000: "bounded"}.get(rate, "")
        late = f"writer late by ≤ {found['late']:.2f} s" if found["late"] > 0.05 else ""
        self.row(f"`run`, {rate:,} events/s: event → durable", f"p50 {found['p50']:.2f} s, p99 {found['p99']:.2f} s, worst {found['worst']:.2f} s", late, "", goal, met)
        whole = "all events are there" if found["seen"] == found["events"] else f"**{found['seen']:,} of {found['events']:,} events**"
        self.row(f"`run`, {rate:,} events/s: written to disk", f"{found['wrote'] / 1e6:.1f} MB, {found['wrote'] / max(found['stored'], 1):.1f} × what is stored",
                 f"log: {found['raw'] / 1e6:.0f} MB; stored: {found['stored'] / 1e6:.1f} MB", "", "", None if found["seen"] == found["events"] else False)
        self.rows[-1] = (*self.rows[-1][:4], whole, self.rows[-1][5])
        if synced:
            self.row(f"`run`, {rate:,} events/s: fsyncs", f"{synced['fsyncs'] / synced['objects']:.1f} per object", f"{synced['fsyncs']} for {synced['objects']} objects", "", "", None)

    def idle(self, found):
        self.row("`run`, idle: CPU", f"{found['cpu']:.3f} % of a core", f"{found['wakeups']:.1f} wakeups/s", "", "< 0.1 %", found["cpu"] < 0.1)
        self.row("`run`, idle: memory", f"{found['rss']:.1f} MiB", "", "", "≤ 10 MiB", found["rss"] <= 10)

    def s3(self, series, size):
        self.faster(series, "backfill to SeaweedFS", "backfill to SeaweedFS", "backfill beside it", 0.6, size)

    def sink(self, series, name, ours, theirs, whose, log):
        """What it costs to hand a log over: CPU time and memory, ours by another's."""
        size, events = log
        show = lambda case: f"{events / series.median(case, 'cpu') / 1000:.0f} k events, {size / series.median(case, 'cpu') / 1e6:.0f} MB a CPU second"
        self.row(f"forward to {name}", show(ours), f"{whose}: {show(theirs)}", spread(series.ratios(theirs, ours, "cpu")), "", None)
        self.row(f"forward to {name}, peak memory", f"{series.peak(ours):.0f} MiB", f"{whose}: {series.peak(theirs):.0f} MiB", spread(series.ratios(ours, theirs, "rss")), "", None)

    def peer(self, name, series, ours, theirs, size):
        for what, goal, ratios, met in (
            ("throughput", "≥ 3", series.ratios(theirs, ours), lambda ratio: ratio >= 3),
            ("CPU", "≤ 0.33", series.ratios(ours, theirs, "cpu"), lambda ratio: ratio <= 1 / 3),
            ("memory", "≤ 0.125", series.ratios(ours, theirs, "rss"), lambda ratio: ratio <= 1 / 8),
        ):
            show = {"throughput": lambda case: f"{size / series.median(case, 'wall') / 1e6:.0f} MB/s", "CPU": lambda case: f"{series.median(case, 'cpu') / size * 1e9:.2f} s/GB",
                    "memory": lambda case: f"{series.peak(case):.0f} MiB"}[what]
            self.row(f"backfill to SeaweedFS, against {name}: {what}", show(ours), f"{name}: {show(theirs)}", spread(ratios), goal, met(statistics.median(ratios)))
