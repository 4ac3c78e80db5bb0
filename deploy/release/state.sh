#!/usr/bin/env bash
# Makes what a node of this release leaves to the next one: testdata/state/vVERSION, which crates/cli/tests/succession.rs goes on with in all later
# ones. Once for each release, with its program, before its tag; again with --force only while that version isn't released:
#
#   state.sh [--force]     AUDITSEAL names the program, else it is built
#
# A key, a log (a backup and a live file), the archive of what was stored, and the state directory of an agent that was killed (SIGKILL) while the
# store was away: a sealed batch that isn't stored, and lines behind it that nobody has read. The key is of no other use: anybody may have it.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
die() { printf 'error: %s\n' "$*" >&2; exit 1; }
if [ -z "${AUDITSEAL:-}" ]; then
  (cd "$ROOT" && cargo build --quiet --locked -p auditseal-cli)
  AUDITSEAL=$("$ROOT/crates/e2e/target-dir.sh")/debug/auditseal
fi
version=$("$AUDITSEAL" --version | cut -d' ' -f2)
out=$ROOT/testdata/state/v$version
[ ! -e "$out" ] || [ "${1:-}" = --force ] || die "$out is there: what was released stays as it is (--force, if it wasn't)"

work=$(mktemp -d)
agent=
trap '[ -z "$agent" ] || kill -9 "$agent" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"
mkdir logs archive

# events FROM TO: lines of a kube-apiserver's audit log, by number
events() {
  local i
  for i in $(seq "$1" "$2"); do
    printf '{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"state-%d","stage":"ResponseComplete","stageTimestamp":"2026-11-21T08:04:%02d.%06dZ","requestURI":"/api/v1/namespaces/n-%d/pods","verb":"list"}\n' \
      "$i" $((i / 2 % 60)) "$i" "$i"
  done
}

run() {
  "$AUDITSEAL" run --cluster state --node cp-1 --source "audit=$work/logs/audit.log" --store "file://$work/archive" --key key --state state \
    --window 200ms 2>>log &
  agent=$!
}

# said WORDS: waits until the agent has logged them
said() {
  local _
  for _ in $(seq 300); do
    ! grep -q -- "$1" log || return 0
    sleep 0.1
  done
  cat log >&2
  die "the agent never said: $1"
}

"$AUDITSEAL" keygen --name state/cp-1 --out key >vkey
events 1 40 >logs/audit-2026-11-21T08-04-20.000.log
events 41 60 >logs/audit.log
: >log
run
said 'stored .*000000000001'
mv archive away
echo 'in the way' >archive
events 61 80 >>logs/audit.log
said 'upload: put .*000000000002'
kill -9 "$agent"
wait "$agent" 2>/dev/null || true
agent=
rm archive
mv away archive
events 81 90 >>logs/audit.log

rm -rf "$out"
mkdir -p "$out"
cp -r key vkey logs state archive "$out/"
rm -f "$out/state/lock"
echo "made: ${out#"$ROOT/"}, $(du -sh "$out" | cut -f1)"
