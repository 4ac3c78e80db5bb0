#!/usr/bin/env bash
# A disk that hangs, under the state directory or under the log: nobody who asks it anything gets an answer. The other chain goes on,
# /healthz and /metrics answer, SIGTERM ends the process and names the directory; when the disk answers again, nothing is lost, with or
# without a restart. So it is where the disk hangs at the start.
#
#   hang.sh [--full] [SCENE…]     all scenes without names; --full hangs for more than five minutes as well, until /healthz says so
#
# The disk is `hangfs` (src/bin/hangfs), a file system in user space: root only. Each scene has a mount namespace of its own, and what it
# mounts ends with it, also while it hangs. HANGFS names a ready binary.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/scenes.sh"

SCENES=(spool spool-back state log log-back start start-back start-log start-log-back start-spool-back taken)
FULL=(spool-long log-long)
CHAINS=(hung sound)
PATIENCE=${PATIENCE:-30} # seconds for what is written to be archived
TERM_SECONDS=11          # SIGTERM: 8 s for uploads, 2 s for what the disk may say of the head, and half a second for what is under way
LONG=330                 # seconds after which /healthz says what hangs: five minutes, and some

# ---- what each scene is made of

# disk AT: what is in $dir/disk is shown there, and hangs when told to
disk() {
  at=$1
  mkdir -p "$dir/disk" "$at"
  spawn "$dir" disk "$HANGFS" "$dir/disk" "$at" "$dir/hang"
  wait_for 20 "$dir" disk grep -q mounted "$dir/disk.log" || { show_logs "$dir/disk.log"; fail "$scene: no disk"; exit 1; }
}

# Who waits for the disk isn't waited for.
probe() {
  stop "$dir" probe 0
  spawn "$dir" probe ls "$at"
  gone "$dir" probe 1
}

# hangs [taken]: then SIGKILL, too, waits for the disk
hangs() {
  check "$scene: the disk answers" until_it 10 probe
  printf '%s\n' "${1:-}" >"$dir/hang"
  sleep 0.3
  if probe; then fail "$scene: the disk doesn't hang"; else pass "$scene: the disk hangs"; fi
  # Where SIGKILL waits, too, the probe ends with the hang.
  [ -n "${1:-}" ] || stop "$dir" probe 0
}
answers_again() {
  rm "$dir/hang"
  gone "$dir" probe 10 || fail "$scene: who waited for the disk still waits"
  check "$scene: the disk answers again" until_it 10 probe
}

# write NAME COUNT: so many events more, into the log of that name. To a disk that hangs they are written from behind, as by another host.
declare -A written=([hung]=0 [sound]=0)
write() {
  local from=$((written[$1] + 1)) to=$((written[$1] + $2)) log=$dir/$1.log.d/audit.log
  mkdir -p "$dir/$1.log.d"
  seq $from $to | sed 's/.*/{"kind":"Event","auditID":"'"$1"'-&","verb":"get"}/' | tee -a "$dir/$1.expected" >>"$log"
  written[$1]=$to
}

follow() { # HUNG'S-DIRECTORY STATE-DIRECTORY
  spawn "$dir" auditseal "$AUDITSEAL" run --cluster e2e --node node-1 --source "hung=$1/audit.log" --source "sound=$dir/sound.log.d/audit.log" \
    --store "file://$dir/archive" --key "$dir/key" --state "$2" --window 1s --heartbeat "${HEARTBEAT:-5s}" --listen "127.0.0.1:$port"
  wait_for 30 "$dir" auditseal answers healthz || fail "$scene: auditseal has not started"
}

page() { curl --silent --max-time "${2:-5}" --output "$dir/$1" --write-out '%{http_code}' "http://127.0.0.1:$port/$1"; }
answers() { [ "$(page "$1" 1)" = 200 ]; }
of() { printf -- '--store\nfile://%s\n--origin\ne2e/node-1/%s\n--vkey\n%s\n' "$dir/archive" "$1" "$dir/vkey"; }
whole() { local of && mapfile -t of < <(of "$1") && "$AUDITSEAL" cat "${of[@]}" 2>"$dir/cat.log" | cmp - "$dir/$1.expected"; }
verified() { local of && mapfile -t of < <(of "$1") && "$AUDITSEAL" verify "${of[@]}" >"$dir/verify" 2>&1; }
says_stalled() { ! verified "$1" && grep -q '^STALLED' "$dir/verify"; }

arrives() { check "$scene: $2" until_it "$PATIENCE" whole "$1"; }

starts() { # HUNG'S-DIRECTORY STATE-DIRECTORY
  write hung 100 && write sound 100
  follow "$@"
  arrives hung "the log on the disk" && arrives sound "the other log"
}

# For some seconds both logs grow. The one on the sound disk is archived, and every page is there at once.
others_go_on() {
  local _ bad=0 late=0
  for _ in 1 2 3 4 5 6 7 8; do
    write hung 10 && write sound 10
    answers healthz && grep -q alive "$dir/healthz" || bad=$((bad + 1))
    answers metrics && grep -q '^auditseal_last_look_seconds{.*node-1/sound' "$dir/metrics" || late=$((late + 1))
    sleep 1
  done
  same "$scene: /healthz answers within a second, 8 times" 0 $bad
  same "$scene: /metrics answers within a second, 8 times" 0 $late
}
other_goes_on() {
  others_go_on
  arrives sound "the other chain goes on"
  if whole hung >/dev/null; then fail "$scene: nothing hung"; else pass "$scene: of the chain that hangs nothing more is archived"; fi
}

# told_to_end DIRECTORY: SIGTERM ends it though the disk hangs, and it says which directory's does
told_to_end() {
  local pid _ begin status=0 said took
  read -r pid _ <"$dir/auditseal.pid"
  said=$(wc -c <"$dir/auditseal.log")
  begin=$(date +%s%3N)
  kill "$pid"
  if gone "$dir" auditseal 30; then
    took=$(($(date +%s%3N) - begin))
    wait "$pid" || status=$?
    if [ $took -le $((TERM_SECONDS * 1000)) ]; then pass "$scene: SIGTERM ends it, after $took ms"; else fail "$scene: SIGTERM ends it only after $took ms"; fi
    same "$scene: with exit code" "${2:-0}" "$status"
  else
    fail "$scene: SIGTERM doesn't end it"
  fi
  tail -c +$((said + 1)) "$dir/auditseal.log" >"$dir/last-words"
  check "$scene: it says which directory hangs" names "$1"
  stop "$dir" auditseal 0
}
names() { grep -F -- "$1" "$dir/last-words" | grep -E 'WARN|ERROR|auditseal: failed' || { cat "$dir/last-words" && return 1; }; }

# ends [NAME-WHOSE-SILENCE-IS-FOUND]: every byte of both, once; verify finds nothing but what it must
ends() {
  local name
  write hung 10 && write sound 10
  for name in "${CHAINS[@]}"; do arrives "$name" "every byte of $name, once"; done
  check "$scene: it still runs" running "$dir" auditseal
  stop "$dir" auditseal
  for name in "${CHAINS[@]}"; do
    check "$scene: every byte of $name, once, at the end" whole "$name"
    if [ "$name" = "${1:-}" ]; then
      check "$scene: verify finds STALLED in $name" says_stalled "$name"
      if ! grep -Ev '^(STALLED|info:|note:|NOT COMPLETE) ' "$dir/verify" | grep -q .; then pass "$scene: and nothing else"; else fail "$scene: verify: $(head -n 5 "$dir/verify" | tr '\n' ';')"; fi
    elif verified "$name"; then
      pass "$scene: verify says that $name is COMPLETE"
    else
      fail "$scene: verify of $name: $(head -n 3 "$dir/verify" | tr '\n' ';')"
    fi
  done
  if ! grep -qiE 'fork|panick' "$dir/auditseal.log"; then pass "$scene: no fork"; else fail "$scene: $(grep -iE 'fork|panick' "$dir/auditseal.log" | head -n 1)"; fi
}

# ---- the scenes, each in $dir, in its mount namespace

# One chain's spool. The state directory is one for all chains; what is shared is its lock, which is asked for only at the start.
spool() {
  disk "$dir/state/e2e,node-1,hung"
  starts "$dir/hung.log.d" "$dir/state"
  hangs && other_goes_on && told_to_end "$at"
  answers_again && follow "$dir/hung.log.d" "$dir/state"
  ends
}

spool_back() {
  disk "$dir/state/e2e,node-1,hung"
  starts "$dir/hung.log.d" "$dir/state"
  hangs && other_goes_on && answers_again
  ends
}

# The whole of it: both chains wait, and nothing else does.
state() {
  disk "$dir/state"
  starts "$dir/hung.log.d" "$dir/state"
  hangs && others_go_on && told_to_end "$at"
  answers_again && follow "$dir/hung.log.d" "$dir/state"
  ends
}

# The log's directory. In the midst of it the log is rotated, as by a host that the disk answers.
rotated() { mv "$dir/disk/audit.log" "$dir/disk/audit-2026-11-21T08-04-19.851.log"; }
log_disk() {
  mkdir "$dir/disk" && ln -s disk "$dir/hung.log.d"
  disk "$dir/log"
  starts "$dir/log" "$dir/state"
  hangs && other_goes_on
  check "$scene: a heartbeat says that nobody could look" until_it "$PATIENCE" says_stalled hung
  check "$scene: none says so of the other" verified sound
  rotated
  write hung 10
}

log() {
  log_disk
  told_to_end "$at"
  answers_again && follow "$dir/log" "$dir/state"
  ends hung
}

log_back() {
  log_disk
  answers_again
  ends hung
}

# It hangs before the start.
starts_hung() { # HUNG'S-DIRECTORY WHOSE-DISK
  write hung 100 && write sound 100
  hangs
  follow "$1" "$dir/state"
  sleep 1
  check "$scene: /healthz answers" answers healthz
  same "$scene: /readyz says that it isn't ready" 503 "$(page readyz)"
  check "$scene: the log names it" until_it 20 grep -F "$at" "$dir/auditseal.log"
  check "$scene: and says for how long" grep -F "has given no answer for 5 s" "$dir/auditseal.log"
  check "$scene: /readyz names it" until_it 10 unready "$2"
  check "$scene: the metric has it" waits_for "$2"
}
unready() { page readyz >/dev/null; grep -E "^e2e/node-1/hung: not yet started: the $1('s| directory's) disk has given no answer for [0-9]+ s" "$dir/readyz"; }
waits_for() { page metrics >/dev/null && grep -E "^auditseal_disk_wait_seconds\{origin=\"e2e/node-1/hung\",source=\"hung\",disk=\"$1\"\} ([5-9]|[1-9][0-9])" "$dir/metrics"; }

# The other source is archived, from the start on; nobody says of it that it waits.
other_begins() {
  arrives sound "the other source begins"
  other_goes_on
  page readyz >/dev/null
  if ! grep -q sound "$dir/readyz"; then pass "$scene: /readyz has nothing against the other"; else fail "$scene: $(grep sound "$dir/readyz")"; fi
}
late() { # HUNG'S-DIRECTORY WHOSE-DISK
  starts_hung "$@" && other_begins && answers_again
  check "$scene: the log says that it is over" until_it 10 grep -E "has answered, after [0-9]+ s" "$dir/auditseal.log"
  check "$scene: it is ready" until_it "$PATIENCE" answers readyz
  ends
}

# What all chains have in common: nothing begins, and all is there when the disk is.
start() {
  disk "$dir/state"
  starts_hung "$dir/hung.log.d" state
  told_to_end "$at" 2
  answers_again && follow "$dir/hung.log.d" "$dir/state"
  ends
}

start_back() {
  disk "$dir/state"
  starts_hung "$dir/hung.log.d" state && answers_again
  ends
}

start_spool_back() {
  disk "$dir/state/e2e,node-1,hung"
  late "$dir/hung.log.d" state
}

start_log_disk() { mkdir "$dir/disk" && ln -s disk "$dir/hung.log.d" && disk "$dir/log"; }

start_log() {
  start_log_disk
  starts_hung "$dir/log" source && other_begins
  told_to_end "$at"
  answers_again && follow "$dir/log" "$dir/state"
  ends
}

start_log_back() {
  start_log_disk
  late "$dir/log" source
}

# What a driver waits for that has the request already: the kernel ends no process before the disk has answered, whatever signal it gets. All
# that the process can do is done in time, and with the first answer it is gone.
taken() {
  disk "$dir/state/e2e,node-1,hung"
  starts "$dir/hung.log.d" "$dir/state"
  hangs taken && other_goes_on
  local pid _ said
  read -r pid _ <"$dir/auditseal.pid"
  said=$(wc -c <"$dir/auditseal.log")
  kill "$pid"
  sleep $TERM_SECONDS
  check "$scene: SIGTERM ends all of it but the thread that waits" zombie "$pid"
  tail -c +$((said + 1)) "$dir/auditseal.log" >"$dir/last-words"
  check "$scene: it says which directory hangs" names "$at"
  arrives sound "the other chain has stored everything"
  answers_again
  check "$scene: it is gone when the disk answers" gone "$dir" auditseal 5
  follow "$dir/hung.log.d" "$dir/state"
  ends
}
zombie() { [ "$(cut -d' ' -f3 "/proc/$1/stat")" = Z ] || { head -n 3 "/proc/$1/status" && return 1; }; }

# Until /healthz says so, which has a supervisor restart it.
long() { # WHAT
  local left=$LONG
  while [ $left -gt 0 ] && answers healthz; do sleep 5 && left=$((left - 5)); done
  same "$scene: /healthz" 503 "$(page healthz)"
  check "$scene: it says what hangs, after about $((LONG - left)) s" grep -Fx "e2e/node-1/hung: $1 hangs" "$dir/healthz"
  check "$scene: and doesn't say it of the other" [ "$(grep -c hangs "$dir/healthz")" = 1 ]
  write sound 10
  arrives sound "the other chain goes on all the while"
}

spool_long() {
  disk "$dir/state/e2e,node-1,hung"
  starts "$dir/hung.log.d" "$dir/state"
  hangs && write hung 10 && long commit && told_to_end "$at"
  answers_again && follow "$dir/hung.log.d" "$dir/state"
  ends
}

log_long() {
  log_disk
  long look
  answers_again
  check "$scene: and takes it back" until_it 10 answers healthz
  ends hung
}

# ---- running them

leave() {
  # Without its server the disk answers everybody with an error.
  stop "$dir" disk 0
  umount -l "$at" 2>/dev/null || true
  stop "$dir" auditseal 0
  stop "$dir" probe 0
}

scene() {
  scene=$1 dir=$2 port=$3
  at=$dir/nowhere
  trap 'leave; exit' EXIT
  "$AUDITSEAL" keygen --name e2e/node-1 --out "$dir/key" >"$dir/vkey"
  mkdir "$dir/archive"
  "${scene//-/_}"
  touch "$dir/done"
}

if [ "${1:-}" = --scene ]; then
  scene "${@:2}"
  exit
fi

need_hangfs() {
  if [ -z "${HANGFS:-}" ]; then
    note "building hangfs"
    (umask 022 && cd "$ROOT" && cargo build --quiet --locked -p auditseal-e2e --bin hangfs) || die "hangfs does not build"
    HANGFS=$("$HERE/target-dir.sh")/debug/hangfs
  fi
  [ -x "$HANGFS" ] || die "HANGFS=$HANGFS is not an executable"
  export HANGFS
}

WORK=$(mktemp -d "$E2E/hang.XXXXXX")
trap 'finish clean' EXIT
chosen=()
clean() { stop_scenes 40 "${chosen[@]:-}"; }

[ "${1:-}" != --full ] || { shift && SCENES+=("${FULL[@]}"); }
[ $# -gt 0 ] || set -- "${SCENES[@]}"
for name in "$@"; do [[ " ${SCENES[*]} " == *" $name "* ]] || die "usage: hang.sh [--full] [${SCENES[*]}]"; done
[ -c /dev/fuse ] || { note "skipped: there is no /dev/fuse, so no disk that hangs"; exit 0; }
can_mount || exit 0
need_auditseal
need_hangfs
chosen=("$@")
run_scenes hang $((LONG + 300)) "${chosen[@]}"
