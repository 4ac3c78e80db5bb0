#!/usr/bin/env bash
# What etcd, which shares the disk, notices of auditseal: the time of its WAL's fsyncs under the same load, without and with an agent, in
# turns. A measurement, not a test: it fails only when there is nothing to compare. About a minute and a half; ROUNDS=N for more turns.
#
#   neighbour.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/neighbour.XXXXXX")
export KUBE_DIR=$WORK/kube
trap 'finish clean' EXIT
clean() {
  stop "$WORK" auditseal
  "$HERE/parts/kube.sh" down
  discard "$WORK"
}

# etcd's histogram of fsyncs so far: UPPER_BOUND COUNT lines
fsyncs() {
  local client _
  read -r client _ <"$KUBE_DIR/ports"
  curl --silent --show-error --fail --max-time 10 "http://127.0.0.1:$client/metrics" |
    sed -n 's/^etcd_disk_wal_fsync_duration_seconds_bucket{le="\([^"]*\)"} \(.*\)/\1 \2/p'
}

# requests ROUNDS: kubectl's part of the load can be done only once
requests() {
  # shellcheck source=/dev/null
  (. "$KUBE_DIR/session.env" && export TOKEN_admin TOKEN_alice TOKEN_bob &&
    python3 "$HERE/helpers/load.py" "$API" "$KUBE_DIR/certs/apiserver.crt" "$1" >/dev/null)
}

# turn NAME: one load, and what the histogram gained by it
turn() {
  fsyncs >"$WORK/before"
  requests "${N:-12}"
  fsyncs >"$WORK/after"
  paste -d' ' "$WORK/before" "$WORK/after" | awk '{ print $1, $4 - $2 }' >>"$WORK/$1"
}

follow() {
  spawn "$WORK" auditseal "$AUDITSEAL" run --cluster e2e --node node-1 --source "audit=$KUBE_DIR/audit/audit.log" \
    --store "file://$WORK/archive" --key "$WORK/key" --state "$WORK/state" --window 1s
}

report() {
  python3 - "$WORK" <<'PY'
import collections, pathlib, sys

def load(path):
    gained = collections.Counter()
    for line in path.read_text().split("\n"):
        if line:
            bound, count = line.split()
            gained[float(bound)] += float(count)
    return sorted(gained.items())

# As Prometheus' histogram_quantile does: linear within the bucket.
def quantile(buckets, q):
    rank, lower, below = q * buckets[-1][1], 0.0, 0.0
    for bound, count in buckets:
        if count >= rank:
            return lower + (bound - lower) * (rank - below) / (count - below) if bound < float("inf") else lower
        lower, below = bound, count

work = pathlib.Path(sys.argv[1])
print("| etcd's WAL fsyncs | count | p50 ms | p99 ms |\n|---|---|---|---|")
figures = {}
for name in ("alone", "beside"):
    buckets = load(work / name)
    figures[name] = quantile(buckets, 0.99)
    print(f"| {name} | {buckets[-1][1]:.0f} | {quantile(buckets, 0.5) * 1000:.2f} | {figures[name] * 1000:.2f} |")
print(f"p99 beside auditseal / alone: {figures['beside'] / figures['alone']:.2f}")
PY
}

need_auditseal
"$HERE/parts/kube.sh" build
"$AUDITSEAL" keygen --out "$WORK/key" >/dev/null
MODE=batch LEVEL=RequestResponse "$HERE/parts/kube.sh" up
requests 4 # caches warm, tables made
for _ in $(seq "${ROUNDS:-4}"); do
  turn alone
  follow
  turn beside
  check "the agent ran beside it" running "$WORK" auditseal
  stop "$WORK" auditseal
done
report | tee "$WORK/report"
check "there is something to compare" grep -q 'p99 beside' "$WORK/report"
