#!/usr/bin/env bash
# A real apiserver that is killed three times under load, beside an auditseal that is killed twice: every byte that was written is in the
# archive, and every event that each apiserver counted.
#
# Backups are compressed and all kept, so that what was lost on the way can be told.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/crash.XXXXXX")
export KUBE_DIR=$WORK/kube
export EXTRA=--audit-log-compress MAXSIZE=1 MAXBACKUP=0 MODE=blocking-strict LEVEL=RequestResponse
LIVES=3
IN_FLIGHT=2000 # events that may come between an apiserver's last count and its death: the answer takes a while on a busy machine
trap 'finish clean' EXIT

clean() {
  stop "$WORK" load 0
  stop "$WORK" auditseal 0
  "$HERE/parts/kube.sh" down
  if [ "$(failures)" != "$failed_before" ]; then LOG_LINES=12 show_logs "$WORK"/*.log "$KUBE_DIR"/*.log; fi
  discard "$WORK"
}

agent() {
  spawn "$WORK" auditseal "$AUDITSEAL" run --cluster e2e --node node-1 --source "kube=$KUBE_DIR/audit/audit.log" \
    --store "file://$WORK/archive" --key "$WORK/key" --state "$WORK/state" --window 1s
}

lines() { "$HERE/parts/kube.sh" log | wc -l; }

# life NUMBER: load, then SIGKILL; sets `counted` and `before`/`after`, the log's lines
life() {
  local number=$1 errors
  N=40 spawn "$WORK" load "$HERE/parts/kube.sh" load
  sleep $((3 + number))
  if [ "$number" -le 2 ]; then
    stop "$WORK" auditseal 0
    agent
  fi
  sleep 2
  read -r counted errors < <("$HERE/parts/kube.sh" events)
  "$HERE/parts/kube.sh" kill
  stop "$WORK" load 0
  after=$(lines)
  same "life $number: it failed to write no event" 0 "$errors"
  if [ "$counted" -gt 0 ] && [ $((after - before)) -ge "$counted" ] && [ $((after - before - counted)) -le $IN_FLIGHT ]; then
    pass "life $number: $counted events counted, $((after - before)) lines, up to $IN_FLIGHT of them written after the count"
  else
    fail "life $number: $counted events counted, and $((after - before)) lines written"
  fi
  before=$after
}

failed_before=$(failures)
need_auditseal
"$HERE/parts/kube.sh" build
mkdir "$WORK/archive"
"$AUDITSEAL" keygen --name e2e/node-1 --out "$WORK/key" >"$WORK/vkey"
begin=$SECONDS
"$HERE/parts/kube.sh" up
agent
before=0
for number in $(seq $LIVES); do
  life "$number"
  "$HERE/parts/kube.sh" again
done
N=10 "$HERE/parts/kube.sh" load
"$HERE/parts/kube.sh" quiet
read -r counted _ < <("$HERE/parts/kube.sh" events)
after=$(lines)
if [ $((after - before)) -ge "$counted" ] && [ $((after - before - counted)) -le $IN_FLIGHT ]; then
  pass "the last life: $counted events counted, $((after - before)) lines"
else
  fail "the last life: $counted events counted, and $((after - before)) lines written"
fi
"$HERE/parts/kube.sh" down
check "auditseal runs" running "$WORK" auditseal
stop "$WORK" auditseal
"$HERE/parts/kube.sh" log >"$WORK/log"
at=(--store "file://$WORK/archive" --origin e2e/node-1/kube --vkey "$WORK/vkey")
check "verify" "$AUDITSEAL" verify "${at[@]}"
"$AUDITSEAL" cat "${at[@]}" >"$WORK/archived" || fail "cat"
check "byte for byte the log" cmp "$WORK/log" "$WORK/archived"
printf '  %s lines, %s bytes in %s files; %s objects; %s s in all\n' "$(wc -l <"$WORK/log")" "$(wc -c <"$WORK/log")" \
  "$(find "$KUBE_DIR/audit" -type f | wc -l)" "$(find "$WORK/archive" -name '*.zst' | wc -l)" $((SECONDS - begin))
