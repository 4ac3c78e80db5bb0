#!/usr/bin/env bash
# What the operator's path comes to mean while auditseal runs: the live file is renamed over, deleted and made again, its directory is
# re-pointed, moved away, mounted over, or holds what somebody put there to do harm. Whatever was written is in the archive byte for byte
# and once, or the gap that must be there is, or /readyz says within a minute that nothing can be had.
#
#   path.sh [SCENE…]     all scenes without names
#
# Each scene has a mount namespace of its own, and all run at once: the slowest waits for a minute to be over. What a scene mounts ends with it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/scenes.sh"

SCENES=(mirror mirror-shorter mirror-diverged again moved repointed relinked disk
  no-directory no-file no-target hostile sparse directory)
ORIGIN=e2e/node-1/audit
STAMP=audit-2026-01-01T00-00-0 # and a digit, and .000.log: a backup's name
PATIENCE=${PATIENCE:-20} # seconds for what is written to be archived: the path is asked again at least every 10 s
SAYS_SO=60  # seconds within which a path that means nothing makes it not ready

# ---- what each scene is made of

# write FILE NAME FROM TO: events NAME-FROM to NAME-TO are appended to it
write() {
  seq "$3" "$4" | awk -v name="$2" '{ printf "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\",\"auditID\":\"%s-%d\",\"stage\":\"ResponseComplete\",\"verb\":\"get\",\"requestURI\":\"/api/v1/pods/%d\",\"stageTimestamp\":\"2026-11-21T08:%02d:%02d.000000Z\"}\n", name, $1, $1 * 7919, $1 / 60 % 60, $1 % 60 }' >>"$1"
}

# expect NAME FROM TO: the same events are to be in the archive, after those that were expected before
expect() { write "$dir/expected" "$@"; }

follow() { # PATH [OPTION…]
  spawn "$dir" auditseal "$AUDITSEAL" run --cluster e2e --node node-1 --source "audit=$1" --store "file://$dir/archive" --key "$dir/key" \
    --state "$dir/state" --window 1s --heartbeat 2s --listen "127.0.0.1:$port" "${@:2}"
  wait_for 30 "$dir" auditseal answers healthz || fail "$scene: auditseal has not started"
}

answers() { curl --silent --fail --max-time 5 "http://127.0.0.1:$port/$1"; }
not_ready() { [ "$(curl --silent --max-time 5 --output "$dir/readyz" --write-out '%{http_code}' "http://127.0.0.1:$port/readyz")" = 503 ]; }

archived() { "$AUDITSEAL" cat --store "file://$dir/archive" --origin "$ORIGIN" --vkey "$dir/vkey" 2>"$dir/cat.log"; }
verified() { "$AUDITSEAL" verify --store "file://$dir/archive" --origin "$ORIGIN" --vkey "$dir/vkey" >"$dir/verify" 2>&1; }

whole() { archived >"$dir/archived"; cmp -s "$dir/archived" "$dir/expected"; }
# The archive has the files in the order in which they came to be; each one's events are looked at by themselves.
each_whole() {
  local name
  archived >"$dir/archived" || return 1
  [ "$(wc -c <"$dir/archived")" = "$(wc -c <"$dir/expected")" ] || return 1
  for name in $(events_of <"$dir/expected" | sed 's/-[0-9]*$//' | sort -u); do
    cmp -s <(grep -F "\"auditID\":\"$name-" "$dir/archived") <(grep -F "\"auditID\":\"$name-" "$dir/expected") || return 1
  done
}
events_of() { sed -n 's/.*"auditID":"\([^"]*\)".*/\1/p'; }

# arrives WHAT [HOW]: while it runs, within PATIENCE. All scenes look at once: not too often.
arrives() {
  local end=$((SECONDS + PATIENCE))
  until "${2:-whole}"; do
    [ $SECONDS -lt $end ] || { fail "$scene: $1: $(missing)"; return 0; }
    sleep 0.7
  done
  pass "$scene: $1"
}
missing() {
  archived | events_of >"$dir/have"
  events_of <"$dir/expected" >"$dir/want"
  printf '%s events expected, %s lack' "$(wc -l <"$dir/want")" "$(sort "$dir/have" | comm -13 - <(sort "$dir/want") | wc -l)"
  printf ', %s too many, first that lacks: %s' "$(sort "$dir/have" | comm -23 - <(sort "$dir/want") | wc -l)" "$(sort "$dir/have" | comm -13 - <(sort "$dir/want") | sort -V | head -n 1)"
}

# ends [HOW]: stopped, it has archived everything. Of verify's answer, see `complete` and `only_gaps`.
ends() {
  local pid _ status=0
  read -r pid _ <"$dir/auditseal.pid"
  check "$scene: it still runs" running "$dir" auditseal
  kill "$pid" 2>/dev/null || true
  gone "$dir" auditseal 30 || kill -9 "$pid"
  wait "$pid" || status=$?
  rm -f "$dir/auditseal.pid"
  same "$scene: it ends as it should" 0 "$status"
  if "${1:-whole}"; then pass "$scene: every byte, once"; else fail "$scene: every byte, once: $(missing)"; fi
}

complete() { if verified; then pass "$scene: verify says COMPLETE"; else fail "$scene: verify: $(head -n 3 "$dir/verify" | tr '\n' ';')"; fi; }

# gap REASON: that one is sealed, and verify finds nothing else
gap() {
  local status=0
  verified || status=$?
  if [ $status = 1 ] && grep -q "^SOURCE_GAP .*$1" "$dir/verify"; then pass "$scene: verify finds the gap '$1'"; else fail "$scene: verify: exit $status, no gap '$1': $(head -n 3 "$dir/verify" | tr '\n' ';')"; fi
  if ! grep -Ev '^(SOURCE_GAP|info:|note:|NOT COMPLETE) ' "$dir/verify" | grep -q .; then pass "$scene: and nothing else"; else fail "$scene: verify: $(head -n 5 "$dir/verify" | tr '\n' ';')"; fi
}

# ---- the scenes, each in $dir, in its mount namespace

# As rsync does: the copy is written beside the log and renamed over it.
mirror() {
  local round
  mkdir "$dir/log" && write "$dir/log/audit.log" m 1 100 && expect m 1 100
  follow "$dir/log/audit.log"
  arrives "the log"
  for round in 1 2 3 4 5; do
    cp "$dir/log/audit.log" "$dir/log/.audit.log.x$round"
    write "$dir/log/.audit.log.x$round" m $((round * 100 + 1)) $((round * 100 + 100)) && expect m $((round * 100 + 1)) $((round * 100 + 100))
    mv "$dir/log/.audit.log.x$round" "$dir/log/audit.log"
    [ "$round" -gt 2 ] || arrives "its longer copy, number $round"
  done
  arrives "three copies one after another"
  write "$dir/log/audit.log" m 601 650 && expect m 601 650
  arrives "and what is appended to the last one"
  ends && complete
}

# A copy that isn't finished, under the log's name: it waits until it is as long as what was read, and then it is the log.
mirror_shorter() {
  mkdir "$dir/log" && write "$dir/log/audit.log" s 1 200 && expect s 1 200
  follow "$dir/log/audit.log"
  arrives "the log"
  write "$dir/copy" s 1 80 && mv "$dir/copy" "$dir/log/audit.log"
  sleep 3
  write "$dir/log/audit.log" s 81 200
  sleep 2
  write "$dir/log/audit.log" s 201 300 && expect s 201 300
  arrives "what the copy has more than the log had"
  ends && complete
}

# Another history with the same beginning.
mirror_diverged() {
  mkdir "$dir/log" && write "$dir/log/audit.log" d 1 100 && expect d 1 100
  follow "$dir/log/audit.log"
  arrives "the log"
  write "$dir/copy" d 1 50 && write "$dir/copy" other 1 100 && cat "$dir/copy" >>"$dir/expected" && mv "$dir/copy" "$dir/log/audit.log"
  arrives "the copy that goes on otherwise, from its beginning"
  write "$dir/log/audit.log" other 101 120 && expect other 101 120
  arrives "and what is appended to it"
  check "$scene: it is said aloud" grep -qE '(WARN|ERROR).*replaced' "$dir/auditseal.log"
  ends && gap replaced
}

again() {
  mkdir "$dir/log" && write "$dir/log/audit.log" a 1 100 && expect a 1 100
  follow "$dir/log/audit.log"
  arrives "the log"
  sleep 3
  rm "$dir/log/audit.log" && sleep 1
  write "$dir/log/audit.log" b 1 100 && expect b 1 100
  arrives "the new log"
  # Deleted with lines that nobody had read yet: the file is open.
  write "$dir/log/audit.log" b 101 150 && expect b 101 150 && rm "$dir/log/audit.log" && write "$dir/log/audit.log" c 1 100 && expect c 1 100
  arrives "what was in it when it was deleted, and the next one"
  ends && complete
}

moved() {
  mkdir "$dir/log" && write "$dir/log/audit.log" old 1 100 && expect old 1 100
  follow "$dir/log/audit.log"
  arrives "the log"
  write "$dir/log/audit.log" old 101 150 && expect old 101 150 && mv "$dir/log" "$dir/log.old"
  mkdir "$dir/log" && write "$dir/log/audit.log" new 1 100 && expect new 1 100
  arrives "what was in the directory that was moved away, and the new one"
  write "$dir/log/audit.log" new 101 150 && expect new 101 150
  arrives "and what comes into the new one"
  ends && complete
}

# point NAME TARGET: a symbolic link is made to lead elsewhere, in one step
point() { ln -s "$2" "$1.next" && mv -T "$1.next" "$1"; }

repointed() {
  mkdir "$dir/a" "$dir/b" && point "$dir/current" a
  write "$dir/a/audit.log" a 1 100 && expect a 1 100
  follow "$dir/current/audit.log"
  arrives "the log"
  write "$dir/b/audit.log" b 1 100
  write "$dir/a/audit.log" a 101 150 && point "$dir/current" b && expect a 101 150 && expect b 1 100
  arrives "what the old target had more, and the new target"
  write "$dir/b/audit.log" b 101 150 && expect b 101 150
  arrives "and what is appended there"
  # And back, where the log had gone on in the meantime.
  write "$dir/a/audit.log" a 151 200 && point "$dir/current" a && expect a 151 200
  arrives "back at the first target, what it has more" each_whole
  ends each_whole && complete
}

relinked() {
  mkdir "$dir/log" "$dir/one" "$dir/two" && point "$dir/log/audit.log" ../one/audit.log
  write "$dir/one/audit.log" one 1 100 && expect one 1 100
  follow "$dir/log/audit.log"
  arrives "the log that the path leads to"
  # Rotated beside the target, as its writer does.
  write "$dir/one/audit.log" one 101 150 && expect one 101 150 && mv "$dir/one/audit.log" "$dir/one/${STAMP}1.000.log"
  write "$dir/one/audit.log" next 1 50 && expect next 1 50
  arrives "its rotation beside the link's target"
  write "$dir/two/audit.log" two 1 100
  write "$dir/one/audit.log" next 51 80 && point "$dir/log/audit.log" ../two/audit.log && expect next 51 80 && expect two 1 100
  arrives "what the old target had more, and the new target"
  ends && complete
}

disk() {
  mkdir "$dir/log" "$dir/disk" && mount -t tmpfs -o size=16m,mode=755 auditseal-e2e "$dir/disk"
  write "$dir/log/audit.log" under 1 100 && expect under 1 100
  follow "$dir/log/audit.log"
  arrives "the log below"
  write "$dir/log/audit.log" under 101 150 && expect under 101 150
  write "$dir/disk/audit.log" disk 1 100 && mount --bind "$dir/disk" "$dir/log" && expect disk 1 100
  arrives "a disk mounted over it, and what was below" each_whole
  write "$dir/log/audit.log" disk 101 150 && expect disk 101 150
  arrives "what is written to the disk" each_whole
  umount --lazy "$dir/log" && write "$dir/log/audit.log" under 151 200 && expect under 151 200
  arrives "without the disk again" each_whole
  write "$dir/disk/audit.log" disk 151 200 && mount --bind "$dir/disk" "$dir/log" && expect disk 151 200
  arrives "and mounted once more" each_whole
  ends each_whole && complete
  umount --lazy "$dir/log"
}

# nothing TAKE_AWAY GIVE_BACK: it is alive, says that it isn't ready, and goes on when there is something to read again
nothing() {
  local begin=$SECONDS
  "$1"
  if until_it $SAYS_SO not_ready >/dev/null; then pass "$scene: not ready after $((SECONDS - begin)) s: $(tail -n 1 "$dir/readyz")"; else fail "$scene: ready for $SAYS_SO s while the path means nothing"; fi
  check "$scene: and alive" answers healthz
  "$2"
  arrives "what there is when it is back"
  check "$scene: and ready" until_it 20 answers readyz
}
begins() {
  write "$1" n 1 100 && expect n 1 100
  follow "${2:-$1}"
  arrives "the log"
  sleep 3
}

no_directory() {
  mkdir "$dir/log"
  begins "$dir/log/audit.log"
  away() { mv "$dir/log" "$dir/away"; }
  back() { write "$dir/away/audit.log" n 101 150 && expect n 101 150 && mv "$dir/away" "$dir/log"; }
  nothing away back
  ends && complete
}

no_file() {
  mkdir "$dir/log"
  begins "$dir/log/audit.log"
  away() { rm "$dir/log/audit.log"; }
  back() { write "$dir/log/audit.log" next 1 50 && expect next 1 50; }
  nothing away back
  ends && complete
}

no_target() {
  mkdir "$dir/a" && point "$dir/current" a
  begins "$dir/a/audit.log" "$dir/current/audit.log"
  away() { point "$dir/current" nowhere; }
  back() { mkdir "$dir/b" && write "$dir/b/audit.log" next 1 50 && expect next 1 50 && point "$dir/current" b; }
  nothing away back
  ends && complete
}

# All that a name in a shared directory can be. Nothing of it is read; a backup, and the log, are.
hostile() {
  mkdir "$dir/log" && cd "$dir/log"
  write "${STAMP}5.000.log" backup 1 100 && expect backup 1 100
  write audit.log live 1 100 && expect live 1 100
  ln -s "$dir/key" "${STAMP}0.000.log"
  mkfifo "${STAMP}1.000.log"
  mknod "${STAMP}2.000.log" c 1 5 # an endless one: /dev/zero
  mkdir "${STAMP}3.000.log"
  ln -s "${STAMP}4.000.log" "${STAMP}4.000.log"
  python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "${STAMP}6.000.log"
  write $'audit-2026-01-01T00-00-07.000.log\e[31m\nERROR a line of its own' never 1 1
  follow "$dir/log/audit.log"
  arrives "the backup and the log"
  ln -s "$dir/key" "${STAMP}8.000.log"
  write audit.log live 101 150 && expect live 101 150
  arrives "what comes while it runs"
  check "$scene: it is alive" answers healthz
  check "$scene: the link to the key is named" grep -qF "${STAMP}0.000.log" "$dir/auditseal.log"
  if not_ready && grep -qF "${STAMP}0.000.log" "$dir/readyz"; then named=readyz; else named=; fi
  ends
  verified || true
  if [ -n "$named" ] || grep -qE "^SOURCE_GAP .*${STAMP}0" "$dir/verify"; then pass "$scene: and not ready, or a gap"; else fail "$scene: the refused link is neither a gap nor a reason not to be ready: $(head -n 2 "$dir/verify" | tr '\n' ';')"; fi
  if ! find "$dir/archive" -name '*.zst' -exec zstdcat {} + | grep -qF -e "$(cut -c1-40 "$dir/key")" -e PRIVATE; then pass "$scene: the key is not in the archive"; else fail "$scene: THE KEY IS IN THE ARCHIVE"; fi
  if ! LC_ALL=C grep -q -e $'\e\[31m' -e '^ERROR a line' "$dir/auditseal.log"; then pass "$scene: no name writes into the log"; else fail "$scene: a name wrote into the log"; fi
}

# One with a backup's name that reading would take hours for. What was written is looked for in the objects: `cat` would give the zeros too.
sparse() {
  mkdir "$dir/log" && write "$dir/log/${STAMP}5.000.log" backup 1 100 && expect backup 1 100
  write "$dir/log/audit.log" live 1 100 && expect live 1 100
  truncate --size 4T "$dir/log/${STAMP}0.000.log" || { note "$scene: skipped, no file can be so long here"; return; }
  follow "$dir/log/audit.log"
  in_objects() { find "$dir/archive" -name '*.zst' -size -1024k -exec zstdcat {} + 2>/dev/null | events_of | sort | cmp -s - <(events_of <"$dir/expected" | sort); }
  arrives "the other files, before and behind it" in_objects
  write "$dir/log/audit.log" live 101 150 && expect live 101 150
  arrives "what comes while it runs" in_objects
  local _
  for _ in 1 2 3 4 5; do answers healthz >/dev/null || { fail "$scene: no answer at /healthz"; return; }; sleep 1; done
  pass "$scene: it answers at /healthz"
  check "$scene: it ends within 30 s" ended_in 30
  check "$scene: it has held little" [ "$(find "$dir/archive" -name '*.zst' -printf '%s\n' | awk '{ n += $1 } END { print n + 0 }')" -lt 1048576 ]
  check "$scene: verify sees no fault, at most a gap" only_gaps
}
ended_in() {
  local pid _
  read -r pid _ <"$dir/auditseal.pid"
  kill "$pid" && gone "$dir" auditseal "$1" && rm -f "$dir/auditseal.pid"
}
only_gaps() { verified || ! grep -Ev '^(SOURCE_GAP|info:|note:|NOT COMPLETE) ' "$dir/verify"; }

directory() {
  mkdir "$dir/log" && write "$dir/log/audit.log" one 1 100 && expect one 1 100
  follow "$dir/log/audit.log"
  arrives "the log"
  write "$dir/log/audit.log" one 101 150 && expect one 101 150
  mv "$dir/log/audit.log" "$dir/log/${STAMP}1.000.log" && mkdir "$dir/log/audit.log"
  arrives "what was renamed, with a directory in its place"
  sleep 8
  check "$scene: it is alive" answers healthz
  if [ "$(grep -cE ' (WARN|ERROR) ' "$dir/auditseal.log")" -le 3 ]; then pass "$scene: it is said, and not each second"; else fail "$scene: $(grep -cE ' (WARN|ERROR) ' "$dir/auditseal.log") warnings within 10 s: $(grep -E ' (WARN|ERROR) ' "$dir/auditseal.log" | tail -n 1 | cut -c1-200)"; fi
  rmdir "$dir/log/audit.log" && write "$dir/log/audit.log" two 1 50 && expect two 1 50
  arrives "and the log that comes after it"
  ends && complete
}

# ---- running them

scene() {
  scene=$1 dir=$2 port=$3 # its process `auditseal` is stopped whatever happens
  trap 'stop "$dir" auditseal 0; exit' EXIT
  "$AUDITSEAL" keygen --name e2e/node-1 --out "$dir/key" >"$dir/vkey"
  mkdir "$dir/archive"
  : >"$dir/expected"
  "${scene//-/_}"
  touch "$dir/done"
}

if [ "${1:-}" = --scene ]; then
  scene "${@:2}"
  exit
fi

WORK=$(mktemp -d "$E2E/path.XXXXXX")
trap 'finish clean' EXIT
clean() { stop_scenes 5 "${chosen[@]:-}"; }

chosen=("${@:-${SCENES[@]}}")
for name in "${chosen[@]}"; do [[ " ${SCENES[*]} " == *" $name "* ]] || die "usage: path.sh [${SCENES[*]}]"; done
can_mount || exit 0
need_auditseal
run_scenes path 180 "${chosen[@]}"
