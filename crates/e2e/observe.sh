#!/usr/bin/env bash
# A real Prometheus scrapes a real agent: its store refuses it for a while, it falls behind, is stopped, loses a file, and the apiserver
# counts events that are in no seal. Each must make its alert fire once, and each query of the dashboard must return data.
#
#   observe.sh      PROMETHEUS and PROMTOOL name other binaries than those in PATH; takes about 150 s, for the count is judged after 60
#
# The apiserver is a stand-in that serves a count; the alerts' `for:` and the lag's threshold are shortened in a copy.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/observe.XXXXXX")
export SEAWEEDFS_DIR=$WORK/seaweedfs
PROMETHEUS=${PROMETHEUS:-prometheus}
HELPER=$HERE/helpers/observe.py
trap 'finish clean' EXIT

clean() {
  for name in load auditseal faults apiserver; do stop "$WORK" "$name" 5; done
  stop "$WORK" prometheus 10
  "$HERE/parts/seaweedfs.sh" down
  if [ "$(failures)" != 0 ]; then LOG_LINES=12 show_logs "$WORK"/*.log; fi
  discard "$WORK"
}

follow() {
  spawn "$WORK" auditseal "$AUDITSEAL" run --cluster e2e --node node-1 --source "audit=$WORK/log/audit.log" "${store[@]}" --key "$WORK/key" \
    --state "$WORK/state" --listen "127.0.0.1:$agent" --window 1s --heartbeat 5s --batch-size 64KiB --spool-limit 128KiB \
    --apiserver-metrics "http://127.0.0.1:$apiserver/metrics" --apiserver-interval 1s
}

metric() { curl -sf "http://127.0.0.1:$agent/metrics" | awk -v name="$1" 'index($0, name "{") == 1 { print $NF; exit }'; }
at_least() { awk -v value="$(metric "$1")" -v least="$2" 'BEGIN { exit !(value != "" && value >= least) }'; }
is_ready() { curl -sf "http://127.0.0.1:$agent/readyz"; }
stored() { [ "$(metric auditseal_spool_bytes)" = 0.0 ] && [ "$(metric auditseal_lag_bytes)" = 0.0 ]; }
status() { "$AUDITSEAL" status --listen "127.0.0.1:$agent"; }

# firing ALERT: it's firing now
firing() { curl -sfG "$url/api/v1/query" --data-urlencode "query=ALERTS{alertname=\"$1\",alertstate=\"firing\"}" | jq -e '.data.result | length > 0'; }

command -v "$PROMETHEUS" >/dev/null || die "no prometheus: install Debian's package prometheus, or set PROMETHEUS"
need_auditseal
"$HERE/parts/seaweedfs.sh" up
"$HERE/parts/seaweedfs.sh" bucket audit-observe
# shellcheck source=/dev/null
. "$SEAWEEDFS_DIR/env"
read -r agent apiserver faults prometheus < <(free_ports 4)
url=http://127.0.0.1:$prometheus
mkdir "$WORK/log" "$WORK/state"
printf 0 >"$WORK/count"
: >"$WORK/log/audit.log"
"$AUDITSEAL" keygen --name e2e/node-1 --out "$WORK/key" >"$WORK/vkey"

sed -e 's/for: .*/for: 2s/' -e 's/auditseal_lag_seconds > 300/auditseal_lag_seconds > 5/' "$ROOT/deploy/prometheus/alerts.yaml" >"$WORK/alerts.yaml"
cat >"$WORK/prometheus.yml" <<YAML
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [alerts.yaml]
scrape_configs:
  - job_name: auditseal
    static_configs: [{targets: ["127.0.0.1:$agent"]}]
YAML
check "the alert rules pass their own tests" env PROMTOOL="${PROMTOOL:-promtool}" "$ROOT/deploy/prometheus/check.sh"
spawn "$WORK" prometheus "$PROMETHEUS" --config.file="$WORK/prometheus.yml" --storage.tsdb.path="$WORK/tsdb" --web.listen-address="127.0.0.1:$prometheus"
spawn "$WORK" apiserver python3 "$HELPER" apiserver "$apiserver" "$WORK/count"
spawn "$WORK" faults python3 "$HERE/helpers/faults.py" --port "$faults" --upstream "${S3_ENDPOINT##*:}" --count "$WORK/faults" status 403 22
check "Prometheus is up" wait_for 20 "$WORK" prometheus curl -sf "$url/-/ready"
store=(--store s3://audit-observe/k8s --endpoint "http://127.0.0.1:$faults")
since=$(date +%s)

note "the store answers 403 for 22 s"
follow
check "the agent answers" wait_for 20 "$WORK" auditseal is_ready
spawn "$WORK" load python3 "$HELPER" load "$WORK/log/audit.log" "$WORK/count" 300 30
check "403: the alert fires" wait_for 30 "$WORK" auditseal firing AuditsealStoreDenied
check "lag: the alert fires" wait_for 30 "$WORK" auditseal firing AuditsealLagging
check "403: the cause is counted" test -n "$(curl -s "http://127.0.0.1:$agent/metrics" | grep 'cause="denied"} [1-9]')"
status >"$WORK/status" || true
sed 's/^/        | /' "$WORK/status"
check "everything is stored once the store accepts it again" wait_for 150 "$WORK" auditseal stored
check "the alerts end" wait_for 20 "$WORK" prometheus eval '! firing AuditsealStoreDenied && ! firing AuditsealLagging'

note "the agent is stopped; a file comes and goes"
stop "$WORK" load
stop "$WORK" auditseal
check "stopped: the alert fires" wait_for 30 "$WORK" prometheus firing AuditsealDown
python3 "$HELPER" load "$WORK/log/audit.log" "$WORK/count" 100 1
mv "$WORK/log/audit.log" "$WORK/log/audit-2026-11-21T08-04-19.851.log"
rm "$WORK/log/audit-2026-11-21T08-04-19.851.log"
python3 "$HELPER" load "$WORK/log/audit.log" "$WORK/count" 100 1
follow
check "gap: the alert fires" wait_for 30 "$WORK" prometheus firing AuditsealGap

note "the apiserver counts seven events that nobody wrote"
check "everything is stored" wait_for 30 "$WORK" auditseal stored
check "the count is known" wait_for 10 "$WORK" auditseal at_least auditseal_source_events 1
sleep 3 # one reading at rest
printf '%s' "$(($(cat "$WORK/count") + 7))" >"$WORK/count"
check "unaccounted events: the alert fires" wait_for 90 "$WORK" prometheus firing AuditsealEventsUnaccounted
same "exactly these are missing" 7.0 "$(metric auditseal_source_events_unaccounted)"

sleep 3 # a range of whole seconds must hold the last alert too
check "each alert fired once" python3 "$HELPER" fired "$url" "$since" AuditsealDown AuditsealStoreDenied AuditsealLagging AuditsealGap AuditsealEventsUnaccounted
python3 "$HELPER" fired "$url" "$since" AuditsealDown AuditsealStoreDenied AuditsealLagging AuditsealGap AuditsealEventsUnaccounted | sed 's/^/        | /' || true
check "every query of the dashboard returns data" python3 "$HELPER" panels "$url" "$ROOT/deploy/grafana/auditseal.json" "$WORK/dashboard.svg" "$since"
status >"$WORK/status" || true
sed 's/^/        | /' "$WORK/status"
