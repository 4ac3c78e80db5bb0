#!/usr/bin/env bash
# The second verifier, crates/format/verify.py: over all vectors, over a real archive, and beside the first one over damaged copies of it.
#
#   second.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

LOGS=$ROOT/testdata/kube-apiserver-1.36.3
WORK=$(mktemp -d "$E2E/second.XXXXXX")
trap 'finish discard "$WORK"' EXIT

vectors() {
  "$PY" "$ROOT/crates/format/verify.py" --vectors "$ROOT/testdata/vectors" &&
    "$PY" "$ROOT/crates/format/verify.py" --vectors "$ROOT/testdata/trust" &&
    "$PY" "$ROOT/crates/format/verify.py" --vectors "$ROOT/testdata/proofs"
}

archive() {
  mkdir "$WORK/log" "$WORK/archive" && cp "$LOGS"/*.log "$WORK/log" && gzip "$WORK"/log/audit-*[1-4].log &&
    "$AUDITSEAL" keygen --name e2e/node-1 --out "$WORK/key" >"$WORK/vkey" &&
    "$AUDITSEAL" backfill --cluster e2e --node node-1 --source "kube=$WORK/log/audit.log" --store "file://$WORK/archive" \
      --batch-size 1MiB --key "$WORK/key" --state "$WORK/state"
}

second() { "$PY" "$ROOT/crates/format/verify.py" --archive "$1" --vkey "$WORK/vkey" --origin e2e/node-1/kube "${@:2}"; }
first() { "$AUDITSEAL" verify --store "file://$1" --vkey "$WORK/vkey" --origin e2e/node-1/kube; }

restores() {
  second "$WORK/archive" --restore "$WORK/restored" && cat "$LOGS"/audit-*.log "$LOGS/audit.log" | cmp - "$WORK/restored"
}

# Both verifiers must give the same verdicts on the same damage, whatever it is. A newest object that is none any more is as good as absent,
# which nobody sees who wasn't told of a head: no verdict then.
agree() {
  "$PY" "$HERE/helpers/damage.py" "$WORK/archive" "$WORK/damaged" "$1" || return 1
  local one two
  one=$(first "$WORK/damaged" | sed -n 's/^\([A-Z_]*\) origin=[^ ]*\( seq=\([0-9]*\)\)\{0,1\}.*/\1 \3/p' | grep -v '^COMPLETE' | sort -u)
  two=$(second "$WORK/damaged" | grep -v -e '^info' -e '^note' -e COMPLETE | sed 's/ [^ ]* / /; s/ -$/ /' | sort -u)
  [ -z "$one" ] || noticed=$((noticed + 1))
  [ "$one" = "$two" ] || { printf 'damage %s\nfirst:  %s\nsecond: %s\n' "$1" "$one" "$two"; return 1; }
}

all_agree() {
  local seed noticed=0
  for seed in $(seq 60); do agree "$seed" || return 1; done
  [ "$noticed" -ge 50 ] || { printf 'only %s were noticed\n' "$noticed" && return 1; }
}

# What lies about in a directory is named and not opened, and a pipe in an object's place is no object: both say so, and neither waits for it.
strangers() {
  local odd=$WORK/odd object
  cp -r "$WORK/archive" "$odd" && mkfifo "$odd/pipe" && ln -s nowhere "$odd/broken" && ln -s "$odd" "$odd/cluster=e2e/round" &&
    mkdir "$odd/lost+found" && ln -s lost+found "$odd/lost" || return 1
  "$AUDITSEAL" verify --store "file://$odd" --vkey "$WORK/vkey" >"$WORK/one" && second "$odd" >"$WORK/two" || return 1
  grep -q 'round (a link to a folder that it lies in)' "$WORK/one" && grep -q '^info: UNEXPECTED_OBJECT' "$WORK/two" || return 1
  object=$(find "$odd"/cluster=e2e/node=node-1 -name '000000000003.jsonl.zst') && rm "$object" && mkfifo "$object" || return 1
  ! timeout 60 "$AUDITSEAL" verify --store "file://$odd" --vkey "$WORK/vkey" --origin e2e/node-1/kube >"$WORK/one" &&
    ! timeout 60 "$PY" "$ROOT/crates/format/verify.py" --archive "$odd" --vkey "$WORK/vkey" --origin e2e/node-1/kube >"$WORK/two" &&
    grep '^MISSING .* seq=3:' "$WORK/one" && grep '^MISSING e2e/node-1/kube 3$' "$WORK/two"
}

python_env
need_auditseal
check "second verifier: all vectors" vectors
check "second verifier: make an archive" archive
check "second verifier: it is complete, and restored byte for byte" restores
check "second verifier: the same verdicts as the first on 60 damaged archives" all_agree
check "second verifier: links, pipes and strangers' folders" strangers
check "second verifier: the same verdicts on 300 made-up trust files" "$PY" "$HERE/helpers/policies.py" "$AUDITSEAL" 300
