#!/usr/bin/env bash
# Proofs of events. By dice: the first and the second verifier must say the same of each, good or altered. Made of an archive: found by number
# and by auditID, and checked in milliseconds where there is no network.
#
#   proofs.sh [COUNT [SEED]]    500 proofs from seed 1 on without the numbers
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/proofs.XXXXXX")
trap 'finish discard "$WORK"' EXIT
COUNT=${1:-500} SEED=${2:-1} STEP=2000
TARGET=$("$HERE/target-dir.sh")

build() { (cd "$ROOT" && "${CARGO:-cargo}" build --locked -q -p auditseal-evidence --example proofs); }
second() { "$PY" "$ROOT/crates/format/verify.py" "$@"; }

agree() {
  local at=0 some agreed=0
  while [ $at -lt "$COUNT" ]; do
    some=$((COUNT - at < STEP ? COUNT - at : STEP))
    rm -rf "$WORK/vectors" && mkdir "$WORK/vectors" && "$TARGET/debug/examples/proofs" $((SEED + at)) $some "$WORK/vectors" || return 1
    second --vectors "$WORK/vectors" >"$WORK/said" || { head -n 20 "$WORK/said" && return 1; }
    agreed=$((agreed + $(sed -n 's/ passed, 0 failed$//p' "$WORK/said")))
    grep -hE '^(exit: [02]|verdict: )' "$WORK/vectors"/*.txt >>"$WORK/verdicts" || return 1
    at=$((at + some))
  done
  [ $agreed = "$COUNT" ] || { echo "$agreed of $COUNT proofs were held against both" && return 1; }
  # Dice that altered nothing, or everything, would show nothing.
  [ "$(grep -c 'exit: 0' "$WORK/verdicts")" -ge $((COUNT / 5)) ] && [ "$(sort -u "$WORK/verdicts" | wc -l)" -ge 7 ]
}

archive() {
  mkdir "$WORK/archive" "$WORK/log" && cp "$ROOT"/testdata/kube-apiserver-1.36.3/*.log "$WORK/log" &&
    "$AUDITSEAL" keygen --name e2e/node-1 --out "$WORK/key" >"$WORK/vkey" &&
    "$AUDITSEAL" backfill --cluster e2e --node node-1 --source "kube=$WORK/log/audit.log" --store "file://$WORK/archive" \
      --key "$WORK/key" --state "$WORK/state" --batch-size 2MiB
}

prove() { "$AUDITSEAL" prove --store "file://$WORK/archive" --origin e2e/node-1/kube --vkey "$WORK/vkey" "$@"; }
checked() { "$AUDITSEAL" check "$1" --origin e2e/node-1/kube --vkey "$WORK/vkey" "${@:2}"; }

# The event is the line that the archive gives back, and both verifiers prove it.
by_number() {
  prove --line 3:17 --out "$WORK/third" && checked "$WORK/third" && second --check "$WORK/third" --origin e2e/node-1/kube --vkey "$WORK/vkey" &&
    "$AUDITSEAL" cat --store "file://$WORK/archive" --origin e2e/node-1/kube --vkey "$WORK/vkey" >"$WORK/log.restored" &&
    grep -qxF "$(tail -n 1 "$WORK/third")" "$WORK/log.restored"
}

by_request() {
  local id
  id=$(tail -n 1 "$WORK/third" | sed 's/.*"auditID":"\([^"]*\)".*/\1/') && prove --audit-id "$id" --out "$WORK/last" && checked "$WORK/last" &&
    tail -n 1 "$WORK/last" | grep -q "\"auditID\":\"$id\""
}

# A network namespace of one's own has no interface but a loopback that is down.
alone() { unshare -rn "$@"; }
offline() { [ "$(alone ip -o link 2>/dev/null | grep -c 'state UP')" = 0 ] && [ "$(alone "$AUDITSEAL" check "$WORK/third" --origin e2e/node-1/kube --vkey "$WORK/vkey" | tail -n 1)" = "PROVED e2e/node-1/kube 3:17" ]; }

# Process time of a hundred checks, by the shell's own count.
quick() {
  local time
  TIMEFORMAT='%U %S'
  time=$({ time for _ in $(seq 100); do checked "$WORK/third" >/dev/null || exit 1; done; } 2>&1) || return 1
  awk -v time="$time" 'BEGIN { split(time, part, " "); each = 10 * (part[1] + part[2]); printf "%.1f ms each\n", each; exit !(each <= 50) }'
}

page() { checked "$WORK/third" -o html >"$WORK/page.html" && grep -q "Content-Security-Policy" "$WORK/page.html" && ! grep -qi '<script' "$WORK/page.html"; }

PY=python3
"$PY" -c 'import blake3, cryptography, zstandard' 2>/dev/null || python_env
need_auditseal
check "proofs: the program that makes them by dice" build
check "proofs: both verifiers say the same of $COUNT, from seed $SEED on" agree
check "proofs: an archive to prove events of" archive
check "proofs: an event by its number, which is the line that cat gives" by_number
check "proofs: the same by its auditID" by_request
check "proofs: checked in a network namespace without interfaces" offline
check "proofs: at most 50 ms of process time for a check" quick
check "proofs: a page without a script" page
