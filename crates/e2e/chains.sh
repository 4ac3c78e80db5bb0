#!/usr/bin/env bash
# Archives by dice: forks, keys, losses, copies, garbage and lies; and as many with packs, right and wrong. Both verifiers must find the same in each, and restore the same source.
#
#   chains.sh [COUNT [SEED]]    2,000 archives of either kind from seed 1 on without the numbers
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/chains.XXXXXX")
trap 'finish discard "$WORK"' EXIT
COUNT=${1:-2000} SEED=${2:-1} STEP=5000

# What the first verifier finds, and cat gives, as vectors: one for each archive.
first() {
  mkdir "$WORK/vectors" &&
    (cd "$ROOT" && AUDITSEAL_SEED=$1 AUDITSEAL_ARCHIVES=$2 AUDITSEAL_VECTORS=$WORK/vectors "${CARGO:-cargo}" test --locked -q -p auditseal-archive --test agree --test packed)
}

second() { "$PY" "$ROOT/crates/format/verify.py" --vectors "$WORK/vectors" >"$WORK/said" || { head -n 20 "$WORK/said"; return 1; }; }

# In steps: a hundred thousand files needn't lie in one folder.
all_agree() {
  local at=$SEED end=$((SEED + COUNT)) some agreed=0
  while [ $at -lt $end ]; do
    some=$((end - at < STEP ? end - at : STEP))
    rm -rf "$WORK/vectors" && first $at $some && second || return 1
    agreed=$((agreed + $(sed -n 's/ passed, 0 failed$//p' "$WORK/said")))
    at=$((at + some))
  done
  [ $agreed = $((2 * COUNT)) ] || { echo "$agreed of $((2 * COUNT)) archives were held against both"; return 1; }
}

PY=python3
"$PY" -c 'import blake3, cryptography, zstandard' 2>/dev/null || python_env
check "chains: both verifiers find the same in $COUNT archives, and in $COUNT with packs, from seed $SEED on" all_agree
