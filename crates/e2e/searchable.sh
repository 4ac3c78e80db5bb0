#!/usr/bin/env bash
# How long it takes from a line's write until it is found in OpenSearch and VictoriaLogs, and what each hop takes of that: window, seal and put,
# forward's question, the sink's refresh. Two minutes.
#
#   searchable.sh [EVENTS_A_SECOND [SECONDS]]     1,000 events/s for 30 seconds
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/searchable.XXXXXX")
export SINKS_DIR=$WORK/sinks
sinks=(opensearch victorialogs)
trap 'finish clean' EXIT

clean() {
  stop "$WORK" forward
  stop "$WORK" run
  "$HERE/parts/sinks.sh" down "${sinks[@]}"
  if [ "$(failures)" != "$failed_before" ]; then LOG_LINES=12 show_logs "$WORK"/*.log "$SINKS_DIR"/*.log; fi
  discard "$WORK"
}

# A JVM that was just started is slow for as long as a run lasts.
warmed() {
  mkdir -p "$WORK/warm" && cp "$ROOT"/testdata/kube-apiserver-1.36.3/*.log "$WORK/warm" && "$AUDITSEAL" keygen --name e2e/warm --out "$WORK/warm.key" >"$WORK/warm.vkey" &&
    "$AUDITSEAL" backfill --cluster e2e --node warm --source "kube=$WORK/warm/audit.log" --store "file://$WORK/warm.archive" --key "$WORK/warm.key" --state "$WORK/warm.state" &&
    "$AUDITSEAL" trust init --store "file://$WORK/warm.archive" --origin e2e/warm/kube --vkey "$WORK/warm.vkey" >"$WORK/warm.trust" &&
    "$AUDITSEAL" forward --store "file://$WORK/warm.archive" --trust "$WORK/warm.trust" --forward-state "$WORK/warm.forward" --once --sink "opensearch+$OPENSEARCH/warm" --sink "loki+$VICTORIALOGS/insert"
}

agent() {
  mkdir -p "$WORK/log" && : >"$WORK/log/audit.log" &&
    "$AUDITSEAL" keygen --name e2e/node-1 --out "$WORK/key" >"$WORK/vkey" &&
    spawn "$WORK" run "$AUDITSEAL" run --cluster e2e --node node-1 --source "kube=$WORK/log/audit.log" --store "file://$WORK/archive" --key "$WORK/key" --state "$WORK/state" --window 1s &&
    until_it 20 trusted
}
trusted() { "$AUDITSEAL" trust init --store "file://$WORK/archive" --origin e2e/node-1/kube --vkey "$WORK/vkey" >"$WORK/trust"; }

# The file is a sink, too: when a line is in it, forward has it.
handing_over() {
  spawn "$WORK" forward "$AUDITSEAL" forward --store "file://$WORK/archive" --trust "$WORK/trust" --forward-state "$WORK/forward" --sink "file://$WORK/out" \
    --sink "opensearch+$OPENSEARCH/audit" --sink "loki+$VICTORIALOGS/insert"
}

measured() { python3 "$HERE/helpers/searchable.py" "$WORK/log/audit.log" "$WORK/out" "$WORK/archive" "$rate" "$seconds" "$OPENSEARCH" "$VICTORIALOGS" "$AUDITSEAL" "$WORK/trust" >"$WORK/said"; }

failed_before=$(failures)
rate=${1:-1000} seconds=${2:-30}
need_auditseal
"$HERE/parts/sinks.sh" up "${sinks[@]}"
# shellcheck source=/dev/null
. "$SINKS_DIR/env"
check "searchable: the sinks are warm" warmed
check "searchable: an agent seals each second" agent
check "searchable: forward follows it" handing_over
check "searchable: every event that was asked for is found" measured
sed 's/^/  /' "$WORK/said"
printf '  load %s\n' "$(cut -d' ' -f1-3 /proc/loadavg)"
