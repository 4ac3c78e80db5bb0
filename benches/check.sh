#!/usr/bin/env bash
# Counts the instructions of each stage on a small fixed input, and compares them with instructions.txt. Unlike times, counts are the
# same on a busy machine: more than 5 % above fails.
#
#   check.sh             compare
#   check.sh --update    write the counts down, after a change that is meant to cost or save them
#
# A stage is counted once with one round and once with three: half the difference is one round, without start-up and input.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/.." && pwd)
KNOWN=$HERE/instructions.txt
BYTES=2097152
STAGES=(root pack seal split scan gunzip verify verify-stored)
MOST=5 # per cent

if ! command -v valgrind >/dev/null; then
  echo "bench-check: valgrind isn't on PATH; nothing was counted and nothing compared" >&2
  exit 2
fi
(cd "$ROOT" && cargo build --quiet --release --locked -p auditseal-bench --bins)
BENCH=$("$ROOT/crates/e2e/target-dir.sh")/release/auditseal-bench
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# Instructions of so many rounds. Hashing and copying choose their code by the processor; valgrind's has AVX2 where the real one does.
collected() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$BENCH" stage "$1" "$BYTES" "$2" 2>"$WORK/log" >/dev/null ||
    { cat "$WORK/log" >&2; echo "bench-check: $1 failed under valgrind" >&2; return 1; }
  sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$WORK/log"
}

count() {
  local one three
  one=$(collected "$1" 1) && three=$(collected "$1" 3) && echo $(((three - one) / 2))
}

here="$(uname -m)$(grep -qw avx2 /proc/cpuinfo && echo ' avx2'), $(rustc --version | cut -d' ' -f1,2)"
for stage in "${STAGES[@]}"; do
  counted=$(count "$stage")
  printf '%s %s\n' "$stage" "$counted" | tee -a "$WORK/counts" | awk '{ printf "-- %-14s %14d\n", $1, $2 }' >&2
done

if [ "${1:-}" = --update ]; then
  { sed -n '/^#/p' "$KNOWN" | grep -v '^# counted on'; echo "# counted on $here"; cat "$WORK/counts"; } >"$WORK/new"
  cat "$WORK/new" >"$KNOWN"
  echo "bench-check: wrote ${KNOWN#"$ROOT/"}"
  exit 0
fi

there=$(sed -n 's/^# counted on //p' "$KNOWN")
[ "$here" = "$there" ] || echo "bench-check: counted here on $here, written down on $there: expect differences" >&2
awk -v most=$MOST '
  /^#/ { next }
  NR == FNR { known[$1] = $2; next }
  !($1 in known) { printf "%-14s %14d  isn'"'"'t in instructions.txt\n", $1, $2; bad = 1; next }
  { change = 100 * ($2 / known[$1] - 1); said = change > most ? "  MORE THAN " most " %" : ""; if (change > most) bad = 1
    if (change < -most) said = "  less: run check.sh --update"
    printf "%-14s %14d  was %14d  %+6.2f %%%s\n", $1, $2, known[$1], change, said; delete known[$1] }
  END { for (stage in known) { printf "%-14s wasn'"'"'t counted\n", stage; bad = 1 } exit bad }' "$KNOWN" "$WORK/counts"
