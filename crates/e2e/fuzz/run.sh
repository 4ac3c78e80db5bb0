#!/usr/bin/env bash
# Fuzzes each decoder for a while, from the corpus kept here.
#
#   run.sh SECONDS [TARGET]…     seconds for each target
#
# Builds with libFuzzer and without sanitizers: no unsafe code of ours is there for them to watch, and the stable compiler will do.
# What makes a target fail is kept in artifacts/, and the script ends with 1. Inputs that only reach new code are thrown away, unless
# AUDITSEAL_CORPUS names a directory: they are kept there, in one directory for each target, and the next run with it begins from them.
# Delete it to begin anew; what is worth having for ever belongs, smallest first, into corpus/.
set -euo pipefail
kept=${AUDITSEAL_CORPUS:+$(realpath -m "$AUDITSEAL_CORPUS")}
cd "$(dirname "$0")"
seconds=${1:?usage: run.sh SECONDS [TARGET]…}
shift
[ $# -gt 0 ] || set -- object seal note keys gzip codecs source index lines attestation pack predicate proof life flows
build=$(../target-dir.sh)/fuzz
RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$build RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cdebug-assertions -Coverflow-checks" \
  cargo build --quiet --release --locked --target "$(rustc -vV | sed -n 's/^host: //p')"
bin=$(echo "$build"/*-*-*/release)
status=0
for target in "$@"; do
  found=${kept:+$kept/$target}
  if [ -n "$found" ]; then mkdir -p "$found"; else found=$(mktemp -d); fi
  log=$(mktemp)
  mkdir -p "artifacts/$target"
  if "$bin/$target" "$found" "corpus/$target" -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=1024 \
    -artifact_prefix="artifacts/$target/" >"$log" 2>&1; then
    printf '%s: %s\n' "$target" "$(grep -E '^Done|DONE' "$log" | tail -n 1)"
  else
    printf '%s: FAILED\n' "$target"
    tail -n 20 "$log"
    status=1
  fi
  rm -f "$log"
  [ -n "$kept" ] || rm -rf "$found"
  rmdir "artifacts/$target" 2>/dev/null || true
done
rmdir artifacts 2>/dev/null || true
exit $status
