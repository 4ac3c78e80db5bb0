#!/usr/bin/env bash
# Two agents with one key and one origin, round after round: one chain grows, valid, with every line once; who loses against the other
# says so by its exit code. How they meet is chance: over 10 rounds or more somebody must have lost, or nothing was tried.
#
#   doubles.sh [ROUNDS] [file|s3]…     3 rounds on both stores without arguments
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/doubles.XXXXXX")
export SEAWEEDFS_DIR=$WORK/seaweedfs
FORKED=3
trap 'finish clean' EXIT

clean() {
  stop "$WORK" a 0
  stop "$WORK" b 0
  "$HERE/parts/seaweedfs.sh" down
  discard "$WORK"
}

# agent NAME ROUND_DIR STORE…
agent() {
  local name=$1 dir=$2
  shift 2
  spawn "$WORK" "$name" "$AUDITSEAL" run --cluster e2e --node node-1 --source "audit=$dir/audit.log" --key "$WORK/key" --state "$dir/$name" \
    --window 1s --heartbeat 1s --hold 1s "$@"
}

lines() { seq "$1" "$2" | sed 's/.*/{"kind":"Event","auditID":"&","verb":"get"}/'; }

# ended NAME: sets `status`, empty while it runs
ended() {
  local pid _
  status=
  running "$WORK" "$1" && return 0
  read -r pid _ <"$WORK/$1.pid"
  status=0
  wait "$pid" || status=$?
}

# squat DIR: takes the next three keys behind the newest object, again and again; an archive of files lets anybody do that who may write
squat() {
  local newest dir n
  while [ -d "$1" ]; do
    newest=$(find "$1" -name '*.jsonl.zst' -size +100c -printf '%f %h\n' | sort | tail -n 1)
    dir=${newest#* }
    for n in 1 2 3; do
      [ -z "$newest" ] || (set -o noclobber && echo taken >"$dir/$(printf %012d $((10#${newest:0:12} + n))).jsonl.zst") 2>/dev/null || :
    done
    sleep 0.1
  done
}

# In `round`, of its archive. Who ends the round may have stored nothing of its own, as it must wait first, and the last promise is three
# seconds old by then: SILENT may be the one finding. Information is none: what squatters put, and that an agent
# began without a state.
verified() {
  local report
  report=$("$AUDITSEAL" verify "${store[@]}" --origin e2e/node-1/audit --vkey "$WORK/vkey" 2>&1) && return 0
  printf '%s\n' "$report"
  grep -q '^NOT COMPLETE .* findings=1 ' <<<"$report" && ! grep -vE '^(SILENT|NOT COMPLETE|info:|note:) ?' <<<"$report"
}
whole() { "$AUDITSEAL" cat "${store[@]}" --origin e2e/node-1/audit --vkey "$WORK/vkey" 2>"$dir/cat.log" | cmp -s "$dir/audit.log"; }

# settled NAME: until it has ended by itself, which sets `status`, or every line is stored
settled() {
  local _
  for _ in $(seq 30); do
    ended "$1"
    if [ -n "$status" ] || whole; then return; fi
    sleep 1
  done
}

round() {
  local kind=$1 number=$2 dir=$WORK/$1-$2 store name squatter='' bad=
  mkdir -p "$dir/archive"
  case $kind in
    file) store=(--store "file://$dir/archive") ;;
    s3) store=(--store "s3://audit-doubles/$number" --endpoint "$S3_ENDPOINT") ;;
  esac
  lines 1 200 >"$dir/audit.log"
  # Every other round somebody is after their keys besides.
  if [ "$kind" = file ] && [ $((number % 2)) = 0 ]; then
    squat "$dir/archive" &
    squatter=$!
  fi
  agent a "$dir" "${store[@]}"
  [ $((number % 2)) = 0 ] || sleep 0.$((RANDOM % 10))
  agent b "$dir" "${store[@]}"
  sleep 1
  lines 201 400 >>"$dir/audit.log"
  sleep 2
  for name in a b; do
    ended $name
    case $status in
      "") stop "$WORK" $name ;;
      "$FORKED") forks=$((forks + 1)) && rm -f "$WORK/$name.pid" ;;
      *) bad="$name ended with exit $status" ;;
    esac
  done
  # Who was stopped in the middle of the other's upload may have left lines in its spool: one agent alone ends the round.
  for name in a b; do
    agent $name "$dir" "${store[@]}"
    settled $name
    [ "$status" = "$FORKED" ] || break
  done
  stop "$WORK" $name
  if [ -n "$squatter" ]; then
    kill "$squatter"
    wait "$squatter" 2>/dev/null || :
    find "$dir/archive" -name '*.jsonl.zst' -size -100c | grep -q . || bad="nobody took a key"
  fi
  verified >"$dir/verify" 2>&1 || bad="verify: $(head -n 2 "$dir/verify" | tr '\n' ' ')"
  whole || bad="${bad:-the archive differs from the log: $(head -n 1 "$dir/cat.log")}"
  if [ -n "$bad" ]; then
    fail "$kind, round $number: $bad"
    LOG_LINES=8 show_logs "$WORK/a.log" "$WORK/b.log"
  else
    good=$((good + 1))
    rm -rf "$dir"
  fi
}

rounds=3
case ${1:-} in [0-9]*) rounds=$1 && shift ;; esac
[ $# -gt 0 ] || set -- file s3
need_auditseal
"$AUDITSEAL" keygen --name e2e/node-1 --out "$WORK/key" >"$WORK/vkey"
all_forks=0
for kind in "$@"; do
  case $kind in
    file) ;;
    s3)
      "$HERE/parts/seaweedfs.sh" up
      "$HERE/parts/seaweedfs.sh" bucket audit-doubles
      # shellcheck source=/dev/null
      . "$SEAWEEDFS_DIR/env"
      ;;
    *) die "usage: doubles.sh [ROUNDS] [file|s3]…" ;;
  esac
  good=0 forks=0
  for number in $(seq "$rounds"); do round "$kind" "$number"; done
  all_forks=$((all_forks + forks))
  same "$kind: rounds with one valid chain and every line once ($forks agents gave way for good)" "$rounds" "$good"
done
if [ $((rounds * $#)) -ge 10 ]; then
  check "in some of all $((rounds * $#)) rounds an agent gave way for good" [ "$all_forks" -gt 0 ]
fi
