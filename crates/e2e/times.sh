#!/usr/bin/env bash
# Lines as clients and torn files may make them: the first and the second verifier must say the same of when each happened.
#
#   times.sh [ROUNDS]    each of 1,000 lines; 10 rounds without the number
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/times.XXXXXX")
trap 'finish discard "$WORK"' EXIT
TARGET=$("$HERE/target-dir.sh")

build() { (cd "$ROOT" && "${CARGO:-cargo}" build --locked -q -p auditseal-vectors --bin lines); }
lines() { "$TARGET/debug/lines" "$@"; }

# The same of each line, whatever key is looked for; and both sorts of lines must be there.
agree() {
  local how
  lines make "$1" 1000 >"$WORK/lines" || return 1
  for how in audit json:t none; do
    lines times "$how" "$WORK/lines" >"$WORK/first" && "$PY" "$ROOT/crates/format/verify.py" --lines "$WORK/lines" --times "$how" >"$WORK/second" || return 1
    if ! cmp -s "$WORK/first" "$WORK/second"; then
      printf 'seed %s, times %s: first and second verifier\n' "$1" "$how"
      diff "$WORK/first" "$WORK/second" | head -n 20
      return 1
    fi
    [ "$how" != audit ] || { grep -c -v -e '^-$' "$WORK/first" >>"$WORK/timed" && grep -c -e '^-$' "$WORK/first" >>"$WORK/untimed"; } || return 1
  done
}

all_agree() {
  local seed
  for seed in $(seq "$1"); do agree "$seed" || return 1; done
  [ "$(awk '{ sum += $1 } END { print sum }' "$WORK/timed")" -ge $((100 * $1)) ] || { echo 'too few lines have a time' && return 1; }
}

PY=python3
"$PY" -c 'import blake3, cryptography, zstandard' 2>/dev/null || python_env
check "times: the program that makes lines" build
check "times: both verifiers say the same of ${1:-10},000 lines" all_agree "${1:-10}"
