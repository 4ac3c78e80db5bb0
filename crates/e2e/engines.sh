#!/usr/bin/env bash
# SQL engines over an archive: the same statements over loose objects and over packs give the same rows. And the twelve questions about the story,
# in SQL, give the answers that jq gave.
#
#   engines.sh [--full]      DuckDB, and Trino where there is a Java for it; --full: ClickHouse and Spark too
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/engines.XXXXXX")
STORY=$ROOT/testdata/story
export TRINO_DIR=$WORK/trino TRINO_FILES=$WORK/files TMPDIR=$WORK
trap 'finish clean' EXIT

clean() {
  "$HERE/parts/trino.sh" down
  if [ "$(failures)" != "$failed_before" ]; then LOG_LINES=12 show_logs "$TRINO_DIR"/*.log; fi
  discard "$WORK"
}

# An archive of many small objects, and its packs, which hold all of it.
archive() {
  local at=file://$WORK/files/loose
  mkdir -p "$WORK/log" "$WORK/files" && cp "$ROOT"/testdata/kube-apiserver-1.36.3/*.log "$WORK/log" &&
    "$AUDITSEAL" keygen --name e2e/node-1 --out "$WORK/key" >"$WORK/vkey" && "$AUDITSEAL" keygen --name e2e/auditor --out "$WORK/auditor.key" >"$WORK/auditor.vkey" &&
    "$AUDITSEAL" backfill --cluster e2e --node node-1 --source "kube=$WORK/log/audit.log" --store "$at" --key "$WORK/key" --state "$WORK/state" --batch-size 64KiB >"$WORK/backfill" &&
    "$AUDITSEAL" trust init --store "$at" --origin e2e/node-1/kube --vkey "$WORK/vkey" >"$WORK/fresh.trust" || return 1
  {
    sed q "$WORK/fresh.trust" && grep -A 1 '^origin ' "$WORK/fresh.trust" && sed -n 's/.* head \([0-9]*:[0-9a-f]*\)$/  ended \1/p' "$WORK/backfill" && echo "auditor e2e $(cat "$WORK/auditor.vkey")"
  } >"$WORK/trust"
  "$AUDITSEAL" pack --store "$at" --packs "file://$WORK/files/packs" --trust "$WORK/trust" --auditor-key "$WORK/auditor.key" --pack-state "$WORK/pack" &&
    [ "$(find "$WORK/files/loose" -name '*.jsonl.zst' | wc -l)" -gt 100 ] && [ "$(find "$WORK/files/packs" -name '*.jsonl.zst' | wc -l)" -lt 10 ]
}

# both NAME PYTHON: what it found, and in which time, is in WORK/said
both() { "$2" "$HERE/helpers/engines.py" "$1" same "$STORY" "$WORK/files" loose packs >"$WORK/said" || { cat "$WORK/said"; return 1; }; }

# engine NAME PYTHON
engine() {
  check "engines: $1 finds the same rows in objects and in packs" both "$@"
  sed 's/^/        | /' "$WORK/said"
  check "engines: $1 answers the twelve questions" "$2" "$HERE/helpers/engines.py" "$1" story "$STORY" "$WORK/files"
}

failed_before=$(failures)
case ${1:-} in "" | --full) ;; *) die "usage: engines.sh [--full]" ;; esac
need_auditseal
begin=$SECONDS
check "engines: an archive and its packs" archive
python_env
engine duckdb "$PY"
if "$HERE/parts/trino.sh" java; then
  "$HERE/parts/trino.sh" up
  # shellcheck source=/dev/null
  . "$TRINO_DIR/env"
  engine trino python3
else
  note "Trino is left out: no Java from 24 on is in /usr/lib/jvm"
fi
if [ "${1:-}" = --full ]; then
  python_env requirements-engines.txt
  engine clickhouse "$PY"
  engine spark "$PY"
fi
printf '  engines: %s s\n' $((SECONDS - begin))
