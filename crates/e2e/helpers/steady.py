#!/usr/bin/env python3
"""Send an apiserver requests at a steady rate: steady.py URL CA RATE SECONDS, token in TOKEN_admin. Prints one JSON object.

One request in eight writes (a ConfigMap is replaced, which etcd has to fsync), the others read. Each request is due at a time of its own, and its
latency counts from then: an apiserver that stalls can't make the load wait for it, and look fast.
"""

import http.client, json, os, ssl, sys, threading, time, urllib.parse

THREADS = 8


def connect(url, ca):
    parts = urllib.parse.urlsplit(url)
    return http.client.HTTPSConnection(parts.hostname, parts.port, context=ssl.create_default_context(cafile=ca), timeout=60)


class Sender:
    def __init__(self, url, ca):
        self.connection = connect(url, ca)
        self.headers = {"Authorization": "Bearer " + os.environ["TOKEN_admin"], "Content-Type": "application/json"}

    def send(self, method, path, body=None):
        self.connection.request(method, path, body, self.headers)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status


def main():
    url, ca, rate, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
    maps = "/api/v1/namespaces/default/configmaps"
    body = lambda thread, i: json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"steady-{thread}"}, "data": {"n": str(i) * 50}})
    begin = time.monotonic() + 0.5
    latencies, failed, errors = [], [], []

    def work(thread):
        try:
            sender = Sender(url, ca)
            sender.send("POST", maps, body(thread, 0))  # 409 when an earlier turn made it
            for i in range(int(rate * seconds / THREADS)):
                due = begin + (i * THREADS + thread) / rate
                time.sleep(max(0, due - time.monotonic()))
                if i % 8 == 0:
                    status = sender.send("PUT", f"{maps}/steady-{thread}", body(thread, i))
                else:
                    status = sender.send("GET", f"{maps}/steady-{thread}")
                latencies.append(time.monotonic() - due)
                if status != 200:
                    failed.append(status)
        except Exception as error:  # a thread's death must not pass for a finished load
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - begin
    if errors or failed or not latencies:
        sys.exit(f"steady.py: {errors[:1]!r} {failed[:3]!r}")
    print(json.dumps({"requests": len(latencies), "seconds": took, "latencies": sorted(latencies)}))


main()
