#!/usr/bin/env bash
# The end-to-end checks against real parts, all on loopback.
#
#   run.sh [all|PART]     AUDITSEAL=path takes a ready binary, else the release build is made
#
# The parts stand below, in `everyday` and `seldom`: `all` has the first.
#
# Downloads, builds and runs go to ${AUDITSEAL_E2E_DIR:-target/e2e}; what was built there is used again, runs are deleted unless
# AUDITSEAL_E2E_KEEP is set. On 2 cores the first run takes about half an hour, a third of it the builds, and later ones a quarter.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/run.XXXXXX")
trap 'finish clean' EXIT
child= watch=

# Each part is a process group of its own. One signal to run.sh then ends all of it, compilers too, and each script still cleans up.
set -m
clean() {
  stop_watch
  if [ -n "$child" ]; then
    kill -TERM -- "-$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
  fi
  discard "$WORK"
}

# Left alone, it would send its signal to whoever has the part's number by then.
stop_watch() {
  [ -z "$watch" ] || kill -TERM -- "-$watch" 2>/dev/null || true
  watch=
}

# The longest part takes some minutes, its builds included. A server that answers nothing costs one of each upload's five minutes, again and
# again: such a part is ended, and the others still say something.
PART_SECONDS=${AUDITSEAL_E2E_PART_SECONDS:-1200}

# part NAME COMMAND…: one that ends badly without a failed check has broken down before it could count
part() {
  local name=$1 before begin=$SECONDS status=0
  shift
  before=$(failures)
  printf '== %s\n' "$name"
  "$@" </dev/null &
  child=$!
  { sleep "$PART_SECONDS"; kill -TERM -- "-$child"; } >/dev/null 2>&1 &
  watch=$!
  disown "$watch"
  wait "$child" || status=$?
  stop_watch
  if [ $status != 0 ] && [ $((SECONDS - begin)) -ge "$PART_SECONDS" ]; then
    fail "$name was ended after $PART_SECONDS s"
  elif [ $status != 0 ] && [ "$(failures)" = "$before" ]; then
    fail "$name did not run to its end"
  fi
  child=
  printf '== %s: %s s\n' "$name" $((SECONDS - begin))
}

readers() { "$HERE/readers.sh" --self-test && archive_for_readers && "$HERE/readers.sh" "$WORK/archive" "$lines"; }

archive_for_readers() {
  read -r lines _ < <(python3 "$HERE/helpers/sample.py" logs "$WORK/log") &&
    mkdir "$WORK/archive" &&
    "$AUDITSEAL" keygen --name e2e/node-1 --out "$WORK/key" >/dev/null &&
    "$AUDITSEAL" backfill --cluster e2e --node node-1 --source "kube=$WORK/log/audit.log" --store "file://$WORK/archive" \
      --key "$WORK/key" --state "$WORK/state"
}

# With all the others, the larger number of plain ones only.
some_backups() { "$HERE/many.sh" 366 && "$HERE/many.sh" --kinds plain 1001; }

what=${1:-all}
everyday=(readers second chains times proofs stores worm packs engines forward live crash doubles path many torture observe guardrails policy story history flows)
seldom=(conformance hang searchable)
case " all ${everyday[*]} ${seldom[*]} " in *" $what "*) ;; *) die "usage: run.sh [all|$(IFS='|' && echo "${everyday[*]}|${seldom[*]}")]" ;; esac
"$HERE/check-tools.sh" || die "install what is missing first"
need_auditseal
# With all the others, torture has a case of each kind that the other parts don't: killed amid gzip, without state, rotated away within
# moments, on a full disk. `run.sh torture` has all of them.
cases=()
[ "$what" != all ] || cases=(kill-gzip state-lost churn full-state)
for name in "${everyday[@]}" "${seldom[@]}"; do
  case "$what $name" in
    "all readers" | "readers readers") part readers readers ;;
    "all many") part many some_backups ;;
    *" torture") [[ $what != all && $what != torture ]] || part torture "$HERE/torture.sh" "${cases[@]}" ;;
    "all conformance" | "all hang" | "all searchable") ;;
    "all $name" | "$name $name") part "$name" "$HERE/$name.sh" ;;
  esac
done

passed=$(grep -c '^pass ' "$E2E_RESULTS" || true)
failed=$(failures)
[ "$failed" = 0 ] || { printf 'failed checks:\n'; sed -n 's/^fail /  /p' "$E2E_RESULTS"; }
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
