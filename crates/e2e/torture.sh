#!/usr/bin/env bash
# Never lose, never duplicate: a log written as kube-apiserver writes it, faster than most clusters do, while auditseal is killed, stopped,
# refused by its store and out of disk. Every line must come out exactly once, or a sealed gap must say that it can't.
#
#   torture.sh [--short|--full] [CASE…]     all cases without names; --short (the default) takes about 4 minutes, --full less than 20
#
# AUDITSEAL and AUDITSEAL_TORTURE name ready binaries. The two cases with a full disk mount small file systems: root only.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/torture.XXXXXX")
export SEAWEEDFS_DIR=$WORK/seaweedfs
ORIGIN=e2e/node-1/audit
CASES=(baseline kill kill-gzip term stopped stopped-killed state-lost overrun frozen churn line-40k line-1500k line-100m s3-503 s3-403 s3-lie full-state full-source)
MIB=$((1024 * 1024))
trap 'finish clean' EXIT

clean() {
  local dir
  for dir in "$WORK"/case-*; do
    [ -d "$dir" ] || continue
    kill_now "$dir"
    stop "$dir" writer 0
    stop "$dir" faults 5
    for mounted in "$dir/state" "$dir/log"; do
      ! mountpoint -q "$mounted" || umount "$mounted"
    done
  done
  "$HERE/parts/seaweedfs.sh" down
  discard "$WORK"
}

need_torture() {
  if [ -z "${AUDITSEAL_TORTURE:-}" ]; then
    note "building auditseal-torture"
    (umask 022 && cd "$ROOT" && cargo build --quiet --release --locked -p auditseal-torture) || die "auditseal-torture does not build"
    AUDITSEAL_TORTURE=$("$HERE/target-dir.sh")/release/auditseal-torture
  fi
  [ -x "$AUDITSEAL_TORTURE" ] || die "AUDITSEAL_TORTURE=$AUDITSEAL_TORTURE is not an executable"
}

# place NAME: the case's own directory
place() {
  dir=$WORK/case-$1
  mkdir -p "$dir/log" "$dir/state" "$dir/archive"
  store=(--store "file://$dir/archive")
  lister=(find "$dir/archive" -name '*.zst' -printf '%P\n')
}

# follow [SUPERVISE_OPTION…] -- [RUN_OPTION…]: starts auditseal, which is stopped and started again as the options say
follow() {
  local how=()
  while [ "$1" != -- ]; do how+=("$1") && shift; done
  shift
  spawn "$dir" auditseal python3 "$HERE/helpers/supervise.py" --report "$dir/report" "${how[@]}" -- \
    "$AUDITSEAL" run --cluster e2e --node node-1 --source "audit=$dir/log/audit.log" "${store[@]}" --key "$WORK/key" --state "$dir/state" "$@"
  wait_for 20 "$dir" auditseal grep -q ' sealed ' "$dir/auditseal.log" || note "auditseal has sealed nothing yet"
}

writes() { check "$name: the log is written" writer "$@"; }

writer() { "$AUDITSEAL_TORTURE" writer "$dir/log" "$dir/record" "$@" >"$dir/writer.log"; }

# writer_ends SECONDS: one that was spawned
writer_ends() {
  gone "$dir" writer "$1" || fail "$name: the writer did not end"
  stop "$dir" writer 0
}

# Everything sealed is stored. What is not sealed yet is sealed when it's told to end.
caught_up() {
  local sealed stored
  sealed=$(sed -n 's/.* sealed .* seq=\([0-9]*\) .*/\1/p' "$dir/auditseal.log" | tail -n 1)
  stored=$(sed -n 's/.* stored key=.*\/0*\([0-9][0-9]*\)\(\.e[0-9]*\)\?\.jsonl\.zst.*/\1/p' "$dir/auditseal.log" | tail -n 1)
  [ -n "$sealed" ] && [ "$sealed" = "$stored" ]
}

kill_now() {
  local pid _
  if running "$1" auditseal; then
    read -r pid _ <"$1/auditseal.pid"
    kill -USR1 "$pid" 2>/dev/null || true
  fi
  stop "$1" auditseal 5
}

# Amid a backlog, too, everything sealed is stored now and then: it has caught up when nothing more is sealed for a while.
at_rest() {
  local before=$sealed_last
  caught_up || return 1
  sealed_last=$(grep -c ' sealed ' "$dir/auditseal.log")
  [ "$sealed_last" = "$before" ] || { sleep 3 && return 1; }
}

ends() {
  sealed_last=
  wait_for 120 "$dir" auditseal at_rest || note "$name: not everything is stored: ending it all the same"
  stop "$dir" auditseal 90
  check "$name: it never ended by itself or badly" python3 -c \
    'import json, sys; bad = json.load(open(sys.argv[1]))["bad_exits"]; print(*bad, sep="\n"); sys.exit(bool(bad))' "$dir/report"
}

# verified: complete, or with sealed gaps and no other finding. Sets `gaps`.
verified() {
  local status=0
  "$AUDITSEAL" verify --origin "$ORIGIN" --vkey "$WORK/vkey" "${store[@]}" >"$dir/verify" 2>&1 || status=$?
  gaps=$(grep -c '^SOURCE_GAP' "$dir/verify" || true)
  case $status in
    0) return 0 ;;
    1) [ "$gaps" -gt 0 ] && ! grep -Ev '^(SOURCE_GAP|info:|note:|NOT COMPLETE) ' "$dir/verify" ;;
    *) return 1 ;;
  esac
}

archived() { "$AUDITSEAL" cat --origin "$ORIGIN" --vkey "$WORK/vkey" "${store[@]}"; }

# checked: sets `expected`, `lost`, `repeated`, `altered`, `disordered`; unreadable counts are no zeros
checked() {
  expected=-1 lost=-1 repeated=-1 altered=-1 disordered=-1
  archived 2>"$dir/cat.log" | "$AUDITSEAL_TORTURE" checker "$dir/record" >"$dir/checked" || true
  # shellcheck source=/dev/null
  . <(sed -n '1p' "$dir/checked" | grep -oE '(expected|lost|repeated|altered|disordered)=[0-9]+')
}

# judge TITLE: after the writer has ended. Adds a row to the table.
judge() {
  local title=$1 found objects
  ends
  if verified; then pass "$name: verify"; else fail "$name: verify: $(head -n 5 "$dir/verify" | tr '\n' ';')"; fi
  checked
  found="$lost lost, $repeated repeated, $altered altered, $disordered out of order"
  same "$name: every line exactly once, in order" "0 lost, 0 repeated, 0 altered, 0 out of order" "$found"
  [ "$lost" = 0 ] || { sed -n '2,$p' "$dir/checked"; explain; }
  if [ "$lost" != 0 ]; then
    if [ "$gaps" -gt 0 ]; then pass "$name: gaps are sealed for what is lost"; else fail "$name: lines are lost, and no seal says so"; fi
  fi
  "${lister[@]}" | sort >"$dir/objects"
  objects=$(wc -l <"$dir/objects")
  same "$name: no object is stored twice" "" "$(cut -d' ' -f1 "$dir/objects" | uniq -d)"
  row "$title" "$expected" "$lost" "$repeated" "$gaps" "$objects" "$((altered + disordered))"
  forget
}

# What to read when something is lost: what became of the files, and what auditseal said about it.
explain() {
  grep -E 'ERROR|WARN' "$dir/auditseal.log" | head -n 5 | cut -c1-300 || true
  head -n 8 "$dir/verify"
}

# row TITLE EVENTS LOST REPEATED GAPS OBJECTS OTHER
row() {
  check "$name: below 64 MiB" python3 -c 'import json, sys; peak = json.load(open(sys.argv[1]))["peak_mib"]; print(peak); sys.exit(not 1 < peak < 64)' "$dir/report"
  python3 - "$dir/report" "$dir/writer.log" "$@" >>"$WORK/table" <<'PY'
import json, sys
report = json.load(open(sys.argv[1]))
late = dict(word.split("=") for word in open(sys.argv[2]).read().split())["late_ms"]
title, events, lost, repeated, gaps, objects, other = sys.argv[3:]
cells = [title, f"{int(events):,}", lost, repeated, other, gaps, report["peak_mib"], report["cpu_s"], objects,
         report["starts"], report["longest_down_ms"], report["slowest_stop_ms"], late]
print("|", " | ".join(map(str, cells)), "|")
PY
}

# Only what the failures show is kept: a case is up to 2 GB.
forget() {
  for mounted in "$dir/state" "$dir/log"; do
    ! mountpoint -q "$mounted" || umount "$mounted"
  done
  [ -n "${AUDITSEAL_E2E_KEEP:-}" ] || rm -rf "$dir/log" "$dir/state" "$dir/archive" "$dir/record"
}

# Each case: NAME TITLE, and what is done.

baseline() {
  follow -- && writes --rate 20000 --seconds "$long" && judge "20k/s, plain"
}

kill_case() {
  follow --every "$every" --signal KILL -- && writes --rate 20000 --seconds "$long" "$@" && judge "20k/s, kill -9 every $every s${1:+, gz backups}"
}

term() {
  follow --every "$every" --signal TERM -- && writes --rate 2000 --seconds "$long" && judge "2k/s, SIGTERM restarts every $every s"
}

# stopped SIGNAL: half of the time it's down; every backup is kept, so whatever is missing was overlooked.
stopped() {
  follow --every "$every" --signal "$1" --down "$every" -- &&
    writes --rate 20000 --seconds "$long" --backups 0 --gzip && judge "20k/s, rotation and gzip while stopped (SIG$1)"
}

# The node loses all it knows, at random moments, and finds it again in the archive. Backups are kept: what was sealed and not stored is read again.
state_lost() {
  follow --every "$lost_every" --jitter --signal KILL --wipe "$dir/state" -- --window 1s &&
    writes --rate 2000 --seconds "$lost_for" --backups 0 || return 1
  # Before it comes to rest: under load it counts.
  check "$name: it went on without its state $lost_times times or more" noticed "$lost_times"
  judge "2k/s, kill -9 and state deleted about every $lost_every s"
}

noticed() { [ "$(grep -c 'no state on this node' "$dir/auditseal.log")" -ge "$1" ]; }

# loses TITLE SUPERVISE_OPTION… -- WRITER_OPTION…: the log isn't kept for as long as it is away or takes to look, so lines are lost, whoever
# reads it. The checker must notice, and a seal must say so: a chain that calls itself complete then is worse than the loss.
loses() {
  local title=$1 how=()
  shift
  while [ "$1" != -- ]; do how+=("$1") && shift; done
  shift
  follow "${how[@]}" -- && writes --rate 20000 --seconds 10 "$@" || return 1
  ends
  if verified; then pass "$name: verify finds nothing but sealed gaps"; else fail "$name: verify: $(head -n 5 "$dir/verify" | tr '\n' ';')"; fi
  checked
  check "$name: lines are lost, as they must be" [ "$lost" -gt 0 ]
  check "$name: and a seal says so" [ "$gaps" -gt 0 ]
  same "$name: all others exactly once, in order" "0 repeated, 0 altered, 0 out of order" "$repeated repeated, $altered altered, $disordered out of order"
  row "$title (loss can't be avoided)" "$expected" "$lost" "$repeated" "$gaps" "$("${lister[@]}" | wc -l)" "$((altered + disordered))"
  forget
}

# line BYTES ROTATION_SIZE TITLE
line() {
  follow -- && writes --rate 2000 --seconds "$brief" --huge "$1" --size "$2" && judge "2k/s, one line of $3"
}

# s3 TITLE SECONDS FAULT…
s3() {
  local title=$1 seconds=$2 ports broken bucket=audit-$name
  shift 2
  "$HERE/parts/seaweedfs.sh" bucket "$bucket" || return 1
  read -ra ports < <(free_ports 1)
  spawn "$dir" faults python3 "$HERE/helpers/faults.py" --port "${ports[0]}" --upstream "${S3_ENDPOINT##*:}" --count "$dir/broken" "$@"
  store=(--store "s3://$bucket/torture" --endpoint "http://127.0.0.1:${ports[0]}")
  lister=("$PY" "$HERE/helpers/store.py" s3 list "$bucket")
  follow -- --window 1s && writes --rate 2000 --seconds "$seconds" || return 1
  wait_for 90 "$dir" auditseal caught_up || note "$name: not caught up"
  broken=$(wc -l <"$dir/broken" 2>/dev/null || echo 0)
  if [ "$broken" -gt 0 ]; then pass "$name: the store's answers were broken ($broken)"; else fail "$name: no answer was broken"; fi
  # What is judged is what the store has, whatever the proxy makes of it.
  store=(--store "s3://$bucket/torture" --endpoint "$S3_ENDPOINT")
  judge "$title"
  stop "$dir" faults 5
}

small_disk() {
  [ "$(id -u)" = 0 ] || { note "$name: skipped, only root can mount"; return 1; }
  mount -t tmpfs -o "size=$2,mode=700" torture "$1" 2>/dev/null || { note "$name: skipped, mounting is not allowed here"; return 1; }
}

full_state() {
  local before after
  small_disk "$dir/state" 16m || return 0
  follow -- --window 1s
  spawn "$dir" writer "$AUDITSEAL_TORTURE" writer "$dir/log" "$dir/record" --rate 2000 --seconds $((full_for * 2 + 4)) --backups 0
  sleep 3
  cat /dev/zero >"$dir/state/ballast" 2>/dev/null || true
  # What was being committed has come through, or not; what was sealed before is stored.
  sleep 2
  wait_for 30 "$dir" auditseal caught_up || note "$name: not everything that is sealed is stored"
  before=$("${lister[@]}" | wc -l)
  sleep "$full_for"
  after=$("${lister[@]}" | wc -l)
  same "$name: nothing is sealed while its disk is full" "$before" "$after"
  check "$name: it says so" grep -Ei 'commit: .*(no space|full)' "$dir/auditseal.log"
  check "$name: and runs on" running "$dir" auditseal
  rm "$dir/state/ballast"
  writer_ends 100
  wait_for 60 "$dir" auditseal more_than "$after" || note "$name: it has not resumed"
  judge "2k/s, state directory full for $full_for s"
}

more_than() { [ "$("${lister[@]}" | wc -l)" -gt "$1" ]; }

full_source() {
  small_disk "$dir/log" 64m || return 0
  head -c $((60 * MIB)) /dev/zero >"$dir/log/ballast"
  follow --
  spawn "$dir" writer "$AUDITSEAL_TORTURE" writer "$dir/log" "$dir/record" --rate 2000 --seconds 8 --size $((1024 * MIB)) --forgiving
  for _ in $(seq 60); do
    [ "$(df --output=avail "$dir/log" | tail -n 1)" -gt 0 ] || break
    sleep 0.1
  done
  sleep 1 # events that don't fit any more
  rm "$dir/log/ballast"
  writer_ends 30
  check "$name: events were lost to the full disk, before auditseal" grep -q 'failed=[1-9]' "$dir/writer.log"
  check "$name: one was torn, and the next glued to it" grep -qE '.\{"kind":"Event","apiVersion"' "$dir/log/audit.log"
  ends
  gaps=0
  if verified; then pass "$name: verify"; else fail "$name: verify"; fi
  archived >"$dir/archived" 2>"$dir/cat.log" || true
  check "$name: the archive has the log byte for byte" cmp "$dir/log/audit.log" "$dir/archived"
  row "2k/s, log's disk full, one line torn and glued" "$(wc -l <"$dir/log/audit.log")" 0 0 "$gaps" "$("${lister[@]}" | wc -l)" 0
  rm -f "$dir/archived"
  forget
}

run_case() {
  local before
  name=$1
  before=$(failures)
  place "$name"
  # One case that breaks down is one failure; the others still have their turn.
  the_case || fail "$name: did not run to its end"
  [ "$(failures)" = "$before" ] || LOG_LINES=12 show_logs "$dir/auditseal.log"
}

the_case() {
  case $name in
    baseline) baseline ;;
    kill) kill_case ;;
    kill-gzip) kill_case --gzip ;;
    term) term ;;
    stopped) stopped TERM ;;
    stopped-killed) stopped KILL ;;
    state-lost) state_lost ;;
    overrun) loses "20k/s, down for 4 s" --every 4 --signal KILL --down 4 -- --backups 3 ;;
    frozen) loses "20k/s, frozen for 4 s" --every 4 --signal STOP --down 4 -- --backups 3 ;;
    churn) loses "20k/s, 300 kB files, 1 gz backup" -- --size 300000 --backups 1 --gzip ;;
    line-40k) line 40000 $((20 * MIB)) "40 kB" ;;
    line-1500k) line 1500000 $((20 * MIB)) "1.5 MB" ;;
    line-100m) line 100000000 $((105 * MIB)) "100 MB" ;;
    s3-503) s3 "2k/s, S3 503 for $s3_503 s" $((s3_503 + 6)) status 503 "$s3_503" ;;
    s3-403) s3 "2k/s, S3 403 for 9 s" 15 status 403 9 ;;
    s3-lie) s3 "2k/s, S3 stored it but answered 500, every 3rd PUT" "$long" lie 3 ;;
    full-state) full_state ;;
    full-source) full_source ;;
  esac
}

form=--short
case ${1:-} in --short | --full) form=$1 && shift ;; esac
case $form in
  --short) long=10 brief=5 every=3 s3_503=8 full_for=4 lost_every=2 lost_for=10 lost_times=3 ;;
  --full) long=60 brief=15 every=7 s3_503=60 full_for=20 lost_every=2 lost_for=60 lost_times=20 ;;
esac
[ $# -gt 0 ] || set -- "${CASES[@]}"
for name in "$@"; do [[ " ${CASES[*]} " == *" $name "* ]] || die "usage: torture.sh [--short|--full] [${CASES[*]}]"; done

failed_before=$(failures)
passed_before=$(grep -c '^pass ' "$E2E_RESULTS" || true)
need_auditseal
need_torture
"$AUDITSEAL" keygen --name e2e/node-1 --out "$WORK/key" >"$WORK/vkey"
if [[ " $* " == *" s3-"* ]]; then
  "$HERE/parts/seaweedfs.sh" up
  python_env
  # shellcheck source=/dev/null
  . "$SEAWEEDFS_DIR/env"
fi
begin=$SECONDS
for one in "$@"; do run_case "$one"; done

printf '\n| %s |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n' \
  "case | events | lost | repeated | altered or out of order | gaps sealed | peak RSS MiB | CPU s | objects | starts | longest down ms | slowest stop ms | writer late ms"
cat "$WORK/table" 2>/dev/null || true
printf '\n%s passed, %s failed, in %s s\n' "$(($(grep -c '^pass ' "$E2E_RESULTS" || true) - passed_before))" \
  "$(($(failures) - failed_before))" $((SECONDS - begin))
[ "$(failures)" = "$failed_before" ]
