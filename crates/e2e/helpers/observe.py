#!/usr/bin/env python3
"""What observe.sh needs beside shell.

observe.py load LOG COUNT RATE SECONDS     write audit events into LOG; COUNT always holds how many there are (what an apiserver counted)
observe.py apiserver PORT COUNT            serve COUNT as a kube-apiserver's /metrics does
observe.py panels URL DASHBOARD SVG SINCE  ask Prometheus every query of the dashboard, from SINCE (Unix time) on; draw the answers
observe.py fired URL SINCE ALERT…          each alert fired, in one stretch; prints when
"""

import http.server
import json
import os
import sys
import time
import urllib.parse
import urllib.request

COLOURS = ["#3274d9", "#e0752d", "#56a64b", "#a352cc", "#e02f44", "#8a8a8a"]


def load(log, count, rate, seconds):
    rate, seconds = int(rate), float(seconds)
    total = int(open(count, encoding="utf-8").read() or 0)
    begin, made = time.time(), 0
    while time.time() - begin < seconds:
        due = int((time.time() - begin) * rate)
        with open(log, "a", encoding="utf-8") as out:
            for n in range(made, due):
                stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{n % 1000000:06}Z"
                event = {"kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": f"{total}", "stage": "ResponseComplete", "verb": "get",
                         "requestURI": f"/api/v1/namespaces/{os.urandom(600).hex()}", "stageTimestamp": stamp}
                out.write(json.dumps(event) + "\n")
                total += 1
        made = due
        with open(count + ".new", "w", encoding="utf-8") as out:
            out.write(str(total))
        os.replace(count + ".new", count)
        time.sleep(0.1)


def apiserver(port, count):
    started = time.time()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            events = open(count, encoding="utf-8").read()
            body = (f"# TYPE apiserver_audit_event_total counter\napiserver_audit_event_total {events}\n"
                    f"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {started}\n").encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    http.server.HTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()


def ask(url, expression, since):
    query = urllib.parse.urlencode({"query": expression, "start": since, "end": time.time(), "step": 1})
    with urllib.request.urlopen(f"{url}/api/v1/query_range?{query}", timeout=20) as answer:
        return json.load(answer)["data"]["result"]


def points(series):
    values = [(float(at), float(value)) for at, value in series["values"]]
    return [(at, value) for at, value in values if abs(value) != float("inf") and value == value]


def panels(url, dashboard, picture, since):
    since = float(since)
    board = json.load(open(dashboard, encoding="utf-8"))
    empty, drawn = [], []
    for panel in board["panels"]:
        lines = []
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", "10s").replace("$origin", ".*")
            result = ask(url, expression, since)
            if not any(series["values"] for series in result):
                empty.append(f"{panel['title']}: {expression}")
            lines += [(expression, series["metric"], points(series)) for series in result]
        drawn.append((panel["title"], lines))
    with open(picture, "w", encoding="utf-8") as out:
        out.write(draw(drawn, since, time.time()))
    asked = sum(len(panel["targets"]) for panel in board["panels"])
    print(f"{asked} queries, {len(empty)} without data", *empty, sep="\n")
    return not empty


def draw(drawn, begin, end):
    width, height, columns = 400, 170, 3
    rows = -(-len(drawn) // columns)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * columns}" height="{height * rows}" font-family="sans-serif" font-size="11">'
           '<rect width="100%" height="100%" fill="white"/>']
    for at, (title, lines) in enumerate(drawn):
        left, top = at % columns * width + 10, at // columns * height + 10
        most = max([value for *_, line in lines for _, value in line], default=float("inf"))
        high = most if 0 < most < float("inf") else 1
        out.append(f'<text x="{left}" y="{top + 10}" font-weight="bold">{escape(title)}</text><text x="{left + 250}" y="{top + 10}">max {most:,.6g}</text>')
        out.append(f'<rect x="{left}" y="{top + 16}" width="{width - 20}" height="{height - 60}" fill="none" stroke="#ccc"/>')
        for number, (_, labels, line) in enumerate(lines):
            colour = COLOURS[number % len(COLOURS)]
            place = " ".join(
                f"{left + (when - begin) / (end - begin) * (width - 20):.1f},{top + 16 + (height - 60) * (1 - max(value, 0) / high):.1f}" for when, value in line)
            out.append(f'<polyline points="{place}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
            if number < 6:
                name = ",".join(value[:14] for key, value in labels.items() if key in ("cause", "kind", "version", "vkey")) or labels.get("__name__", "").removeprefix("auditseal_")[:22]
                out.append(f'<text x="{left + number % 3 * 130}" y="{top + height - 30 + number // 3 * 12}" fill="{colour}">{escape(name)}</text>')
    return "\n".join(out + ["</svg>\n"])


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")


def fired(url, since, *alerts):
    fine = True
    for alert in alerts:
        times = sorted({at for series in ask(url, f'ALERTS{{alertname="{alert}",alertstate="firing"}}', float(since)) for at, _ in series["values"]})
        stretches = [at for number, at in enumerate(times) if number == 0 or at - times[number - 1] > 5]
        print(alert, "fired", len(stretches), "times", *(f"from second {at - float(since):.0f}" for at in stretches), f"for {len(times)} s")
        fine &= len(stretches) == 1
    return fine


if __name__ == "__main__":
    commands = {"load": load, "apiserver": apiserver, "panels": panels, "fired": fired}
    sys.exit(commands[sys.argv[1]](*sys.argv[2:]) is False)
