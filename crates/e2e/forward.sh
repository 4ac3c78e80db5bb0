#!/usr/bin/env bash
# Events handed over to real systems: each is there, or set aside and cited; OpenSearch and files have each once, however often the process is killed.
#
#   forward.sh [ROUNDS [SINK…]]     so many rounds of kill -9 (20); the sinks of parts/sinks.sh, or some of them
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/forward.XXXXXX")
export SINKS_DIR=$WORK/sinks
trap 'finish clean' EXIT

clean() {
  "$HERE/parts/sinks.sh" down "${sinks[@]}"
  if [ "$(failures)" != "$failed_before" ]; then LOG_LINES=12 show_logs "$SINKS_DIR"/*.log; fi
  discard "$WORK"
}

# A real log, and events that sinks find hard: a megabyte, long ago, out of order, none at all.
archive() {
  mkdir -p "$WORK/log" && cp "$ROOT"/testdata/kube-apiserver-1.36.3/*.log "$WORK/log" && python3 - "$WORK/log/audit.log" <<'PY' &&
import json, sys
def event(name, time, size):
    return json.dumps({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": name, "stage": "ResponseComplete", "requestURI": "/x",
        "verb": "create", "user": {"username": "ann"}, "sourceIPs": ["10.0.0.1"], "objectRef": {"resource": "configmaps", "namespace": "a", "name": "b", "apiVersion": "v1"},
        "requestObject": {"data": {"x": "y" * size}}, "requestReceivedTimestamp": time, "stageTimestamp": time}, separators=(",", ":"))
with open(sys.argv[1], "a") as log:
    for one in event("large", "2026-11-21T09:00:00.000000Z", 1 << 20), event("old", "2019-03-01T00:00:00.000000Z", 10), event("before", "2026-11-21T08:59:00.000000Z", 40000), "no event", '{"kind":"Event","cluster":{"a":1},"node":"n","source":"called like labels"}':
        log.write(one + "\n")
PY
    "$AUDITSEAL" keygen --name e2e/node-1 --out "$WORK/key" >"$WORK/vkey" &&
    "$AUDITSEAL" backfill --cluster e2e --node node-1 --source "kube=$WORK/log/audit.log" --store "file://$WORK/archive" --key "$WORK/key" --state "$WORK/state" --batch-size 64KiB &&
    "$AUDITSEAL" trust init --store "file://$WORK/archive" --origin e2e/node-1/kube --vkey "$WORK/vkey" >"$WORK/trust" &&
    lines=$("$AUDITSEAL" cat --store "file://$WORK/archive" --origin e2e/node-1/kube --vkey "$WORK/vkey" | tee "$WORK/whole" | wc -l)
}

# forward STATE SINK…: what it prints is in WORK/said
forward() {
  local state=$1 args=() sink
  for sink in "${@:2}"; do args+=(--sink "$sink"); done
  "$AUDITSEAL" forward --store "file://$WORK/archive" --trust "$WORK/trust" --forward-state "$WORK/$state" --once "${args[@]}" >"$WORK/said"
}

documents() { curl -sf -X POST "$OPENSEARCH/$1-*/_refresh" >/dev/null && curl -sf "$OPENSEARCH/$1-*/_count" | jq .count; }
rows() { curl -sf "$VICTORIALOGS/internal/force_flush" && sleep 1.5 && curl -sf "$VICTORIALOGS/select/logsql/query" --data-urlencode "query=$1 | stats count() n" | jq -r .n; }
in_collector() { jq '[.resourceLogs[].scopeLogs[].logRecords[]] | length' "$COLLECTED" | awk '{ sum += $1 } END { print sum + 0 }'; }

# handed_over SINK…: each event to each of them, and how many are there
handed_over() {
  check "forward: to ${sinks[*]} and a file" forward first "file://$WORK/out" "$@"
  sed 's/^/        | /' "$WORK/said"
  check "forward: the file has the lines of the log" same_lines "$WORK/out" "$WORK/whole"
  [ -z "${OPENSEARCH:-}" ] || same "forward: events in OpenSearch" "$lines" "$(documents first)"
  if [ -n "${VICTORIALOGS:-}" ]; then
    same "forward: events in VictoriaLogs, by Loki's push" "$lines" "$(rows job:auditseal)"
    same "forward: events in VictoriaLogs, by OTLP" "$lines" "$(rows service.name:kube)"
  fi
  [ -z "${COLLECTOR:-}" ] || same "forward: events in the collector's file" "$lines" "$(until_it 10 test -s "$COLLECTED" && in_collector)"
  [ -z "${SYSLOGNG:-}" ] || same "forward: messages at syslog-ng" "$lines" "$(sleep 1 && wc -l <"$SYSLOGNG_OUT" | tr -d ' ')"
}

# The log's files are sealed in another order than they are read in.
same_lines() { cmp <(LC_ALL=C sort "$1") <(LC_ALL=C sort "$2"); }

# counted SINK [FLAG…]
counted() { "$AUDITSEAL" forward check --store "file://$WORK/archive" --trust "$WORK/trust" --sink "$1" --until "$(date -u +%Y-%m-%dT%H:%M:%SZ -d +1min)" "${@:2}"; }
miscounted() {
  curl -sf -X POST "$OPENSEARCH/first-*/_delete_by_query?refresh=true" -H 'content-type: application/json' -d '{"query":{"term":{"auditID":"old"}}}' >/dev/null &&
    ! counted "opensearch+$OPENSEARCH/first" >"$WORK/said" && grep -q '2019-03-01T00:00:00.000000Z: 1 in the archive, 0 at the sink' "$WORK/said"
}

# begins_another: indices whose names begin like ours, of the same chain
begins_another() {
  forward another "opensearch+$OPENSEARCH/first-too?fields=verb" && counted "opensearch+$OPENSEARCH/first" && counted "opensearch+$OPENSEARCH/first-too?fields=verb" &&
    counted "opensearch+$OPENSEARCH/first" --since 2026-11-21T08:04:24.123457Z
}

# killed_often ROUNDS SINK…: killed after some moments, again and again; then to its end
killed_often() {
  local round kills=0
  for ((round = 0; round < $1; round++)); do
    forward killed "file://$WORK/killed-out" "${@:2}" 2>/dev/null &
    local pid=$!
    sleep "0.$((RANDOM % 10))$((RANDOM % 10))"
    pkill -9 -P "$pid" 2>/dev/null && kills=$((kills + 1))
    wait "$pid" 2>/dev/null || true
  done
  echo "$kills" >"$WORK/kills"
  [ "$kills" -gt 0 ] && forward killed "file://$WORK/killed-out" "${@:2}"
}

# What isn't mapped so, a text where an object is, is there as a text; where that is refused too, it is set aside. The rest of its request is there.
hard_events() {
  printf '%s\n' '{"user":"no object"}' '{"verb":"get"}' >"$WORK/hard.log" &&
    "$AUDITSEAL" backfill --cluster e2e --node node-2 --source "hard=$WORK/hard.log" --store "file://$WORK/archive" --key "$WORK/key2" --state "$WORK/state2" &&
    "$AUDITSEAL" trust init --store "file://$WORK/archive" --origin e2e/node-2/hard --vkey "$WORK/vkey2" >"$WORK/trust2"
}
hard_to() { # STATE SINK
  "$AUDITSEAL" forward --store "file://$WORK/archive" --trust "$WORK/trust2" --forward-state "$WORK/$1" --once --sink "$2"
}
as_text() {
  hard_to texts "opensearch+$OPENSEARCH/texts" && [ "$(documents texts)" = 2 ] &&
    curl -sf "$OPENSEARCH/texts-*/_search" -H 'content-type: application/json' -d '{"query":{"exists":{"field":"message"}}}' |
    jq -e '.hits.hits | length == 1 and .[0]._source.message == "{\"user\":\"no object\"}"'
}
refused() {
  # An index of that day which takes no member that it doesn't know.
  curl -sf -X PUT "$OPENSEARCH/refused-$(date -u +%Y.%m.%d)" -H 'content-type: application/json' -d '{"mappings": {"dynamic": "strict", "properties":
    {"@timestamp": {"type": "date"}, "auditseal": {"type": "object", "enabled": false}, "verb": {"type": "keyword"}}}}' || return 1
  hard_to refused "opensearch+$OPENSEARCH/refused?name=os"
  [ $? = 1 ] && [ "$(documents refused)" = 1 ] && jq -e '.seq == 1 and .line == 1 and .origin == "e2e/node-2/hard" and (.reason | test("strict_dynamic_mapping"))' "$WORK/refused/os.refused.jsonl"
}

failed_before=$(failures)
rounds=${1:-20} sinks=("${@:2}")
if [ ${#sinks[@]} = 0 ]; then
  sinks=(opensearch victorialogs collector)
  if apt-cache show syslog-ng-core >/dev/null 2>&1; then sinks+=(syslogng); else note "syslog-ng is left out: apt's lists don't have it"; fi
fi
need_auditseal
begin=$SECONDS
check "forward: an archive of hard events" archive
"$HERE/parts/sinks.sh" up "${sinks[@]}"
# shellcheck source=/dev/null
. "$SINKS_DIR/env"
urls=() often=()
if [ -n "${OPENSEARCH:-}" ]; then
  urls+=("opensearch+$OPENSEARCH/first")
  often+=("opensearch+$OPENSEARCH/killed?max-request=100kB")
fi
if [ -n "${VICTORIALOGS:-}" ]; then
  urls+=("loki+$VICTORIALOGS/insert?name=loki" "otlp+$VICTORIALOGS/insert/opentelemetry?name=otlp")
  often+=("loki+$VICTORIALOGS/insert?name=loki&max-request=50kB")
fi
[ -z "${COLLECTOR:-}" ] || urls+=("otlp+$COLLECTOR")
[ -z "${SYSLOGNG:-}" ] || urls+=("syslog+tls://$SYSLOGNG?ca=$SYSLOGNG_CERTS/ca.pem&cert=$SYSLOGNG_CERTS/client.pem&key=$SYSLOGNG_CERTS/client.key")
handed_over "${urls[@]}"
check "forward: the file has as many by the hour" counted "file://$WORK/out"
copied() { forward copies "file://$WORK/copies-out?fields=verb" && counted "file://$WORK/copies-out?fields=verb"; }
check "forward: so has one of copies that don't say when" copied
if [ -n "${VICTORIALOGS:-}" ]; then
  check "forward: VictoriaLogs has as many by chain and hour" counted "loki+$VICTORIALOGS/insert?name=loki"
  doubles=$(rows job:auditseal)
fi
if [ -n "${OPENSEARCH:-}" ]; then
  check "forward: OpenSearch has as many by chain and hour" counted "opensearch+$OPENSEARCH/first"
  check "forward: so it does where another index begins alike, and from a microsecond on" begins_another
  check "forward: one that is gone there is missed" miscounted
  "$AUDITSEAL" keygen --name e2e/node-2 --out "$WORK/key2" >"$WORK/vkey2"
  check "forward: two events that OpenSearch finds hard" hard_events
  check "forward: what doesn't fit its mapping is there as a text" as_text
  check "forward: what OpenSearch refuses is set aside, and the rest is there" refused
fi
check "forward: killed $rounds times over, it comes to its end" killed_often "$rounds" "${often[@]}"
printf '        | killed %s times\n' "$(cat "$WORK/kills")"
check "forward: killed so, the file is the same" cmp "$WORK/killed-out" "$WORK/out"
[ -z "${OPENSEARCH:-}" ] || same "forward: killed so, events in OpenSearch" "$lines" "$(documents killed)"
if [ -n "${VICTORIALOGS:-}" ]; then
  # A kill may double one request, of at most 50 kB: 150 events of this log.
  there=$(($(rows job:auditseal) - doubles))
  check "forward: killed so, $there events of $lines are in VictoriaLogs" test "$there" -ge "$lines" -a "$there" -le $((lines + 150 * rounds))
fi
printf '  forward: %s s\n' $((SECONDS - begin))
