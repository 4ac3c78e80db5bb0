#!/usr/bin/env bash
# Can everyone read the objects, and does everyone read the same?
#
#   readers.sh STORE_DIR EXPECTED_LINES    every *.jsonl.zst below STORE_DIR; EXPECTED_LINES = event lines, without the seals
#   readers.sh --self-test                 on hand-made objects: good ones pass, an object of two frames does not
#
# "No error" isn't enough: some readers stop silently where they should go on. So each gives, for each object, its number of lines and the
# SHA-256 of what it read, and all of these must be equal.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

AIRCOMPRESSOR=0.27
DEPENDENCY_PLUGIN=3.8.1
WORK=$(mktemp -d "$E2E/readers.XXXXXX")
trap 'finish discard "$WORK"' EXIT

java_env() {
  local lib=$E2E/java
  CLASSPATH=$lib/aircompressor-$AIRCOMPRESSOR.jar:$WORK
  export CLASSPATH
  if [ ! -e "$lib/aircompressor-$AIRCOMPRESSOR.jar" ]; then
    note "getting aircompressor"
    mvn -B -q "org.apache.maven.plugins:maven-dependency-plugin:$DEPENDENCY_PLUGIN:copy" \
      -Dartifact="io.airlift:aircompressor:$AIRCOMPRESSOR:jar" -DoutputDirectory="$lib" >"$E2E/mvn.log" 2>&1 ||
      { show_logs "$E2E/mvn.log"; die "aircompressor is not to be had"; }
  fi
  javac -d "$WORK" "$HERE/helpers/Readers.java"
}

# Each reader: keys on standard input, one line for each on standard output: key, lines, sha256.
cli() {
  local key
  while read -r key; do
    printf '%s\t%s\t%s\n' "$key" "$(zstd -dcq "$store/$key" | wc -l)" "$(zstd -dcq "$store/$key" | sha256sum | cut -d' ' -f1)"
  done
}
python_whole() { "$PY" "$HERE/helpers/readers.py" zstandard "$store"; }
duckdb_text() { "$PY" "$HERE/helpers/readers.py" duckdb "$store"; }
java_whole() { java Readers whole "$store"; }
java_stream() { java Readers stream "$store"; }

# row NAME LINES OK: one line of the table
row() {
  printf '  %-44s %8s %10s  %s\n' "$1" "$objects" "$2" "$3"
  if [ "$3" = yes ]; then printf 'pass readers: %s\n' "$1"; else printf 'fail readers: %s\n' "$1"; fi >>"$E2E_RESULTS"
}

# bytes NAME READER: its digests against those of the zstd program
bytes() {
  local ok=yes lines
  "$2" <"$WORK/keys" >"$WORK/$2" 2>"$WORK/$2.err" || ok="no: error"
  lines=$(awk -F'\t' '{ n += $2 } END { print n + 0 }' "$WORK/$2")
  if [ "$ok" = yes ] && [ "$lines" != $((expected + objects)) ]; then ok="no: lines, want $((expected + objects))"; fi
  if [ "$ok" = yes ] && ! cmp -s "$WORK/cli" "$WORK/$2"; then ok="no: other bytes"; fi
  row "$1" "$lines" "$ok"
  if [ "$ok" != yes ]; then
    tail -n 5 "$WORK/$2.err"
    diff "$WORK/cli" "$WORK/$2" | head -n 6 || true
  fi
}

# counted NAME "EVENTS SEALS": what readers that parse have found
counted() {
  if [ "$2" = "$expected $objects" ]; then row "$1" $((expected + objects)) yes; else row "$1" "$2" "no: want $expected $objects"; fi
}

whole_frames() {
  if (cd "$store" && xargs -d '\n' zstd -tq <"$WORK/keys") >"$WORK/zstd-t" 2>&1; then row "zstd -t" - yes; else row "zstd -t" - no; cat "$WORK/zstd-t"; fi
}

# shellcheck disable=SC2016  # the $ are jq's
jq_counts() {
  while read -r key; do zstdcat -q "$store/$key"; done <"$WORK/keys" |
    jq -nr 'reduce inputs as $line ([0, 0]; if $line.kind == "BatchSeal" then .[1] += 1 elif $line.kind == "Event" then .[0] += 1 else error("what is \($line)") end) | "\(.[0]) \(.[1])"' 2>&1 || true
}

read_all() {
  local before
  store=$1 expected=$2
  (cd "$store" && find . -name '*.jsonl.zst' -type f | sed 's|^\./||' | LC_ALL=C sort) >"$WORK/keys"
  objects=$(wc -l <"$WORK/keys")
  [ "$objects" -gt 0 ] || die "no objects in $store"
  before=$(failures)
  printf '  %-44s %8s %10s  %s\n' reader objects lines same
  whole_frames
  bytes "zstd -dc" cli
  bytes "python zstandard, one-shot" python_whole
  bytes "DuckDB read_ndjson_objects" duckdb_text
  counted "DuckDB read_json" "$("$PY" "$HERE/helpers/readers.py" duckdb-count "$store" 2>&1 <"$WORK/keys" | tail -n 1)"
  counted "zstdcat | jq" "$(jq_counts)"
  bytes "aircompressor $AIRCOMPRESSOR, one-shot" java_whole
  bytes "aircompressor $AIRCOMPRESSOR, stream" java_stream
  [ "$(failures)" = "$before" ]
}

# Rows of the self-test aren't findings about auditseal: they count elsewhere.
apart() {
  (
    E2E_RESULTS=$WORK/apart
    : >"$E2E_RESULTS"
    read_all "$@"
  )
}

# Only the one-shot readers stop after the first frame.
notices() { ! apart "$@" >"$WORK/notices" && grep -q 'python zstandard.* no: ' "$WORK/notices"; }

self_test() {
  local lines
  lines=$("$PY" "$HERE/helpers/sample.py" archive "$WORK/good")
  check "readers agree on hand-made objects" apart "$WORK/good" "$lines"
  lines=$("$PY" "$HERE/helpers/sample.py" concatenated "$WORK/bad")
  check "readers notice an object of two frames" notices "$WORK/bad" "$lines"
}

python_env
java_env
if [ "${1:-}" = --self-test ]; then
  self_test
else
  [ $# = 2 ] || die "usage: readers.sh STORE_DIR EXPECTED_LINES | --self-test"
  read_all "$(cd "$1" && pwd)" "$2"
fi
