#!/usr/bin/env bash
# Packs in a real store with Object Lock: the packer is killed again and again, runs twice at once, and with a clock that is a day wrong, and
# the packs are those of an undisturbed run. Then the loose objects go, and everything is read from packs alone.
#
#   packs.sh [--full]        --full: more chains, larger ones, and 200 kills in place of 20
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/scenes.sh"

WORK=$(mktemp -d "$E2E/packs.XXXXXX")
own_stores seaweedfs
trap 'finish clean' EXIT

CHAINS=6 LINES=200 ROUNDS=4 KILLS=5
case ${1:-} in
  "") ;;
  --full) CHAINS=12 LINES=600 ROUNDS=20 KILLS=10 ;;
  *) die "usage: packs.sh [--full]" ;;
esac

clean() {
  local name
  for name in "$WORK"/*.pid; do [ ! -e "$name" ] || stop "$WORK" "$(basename "$name" .pid)" 0; done
  leave_stores
}

store() { "$PY" "$HERE/helpers/store.py" s3 "$@"; }
# In a trust file they stand in the order of their bytes.
nodes() { seq 101 $((100 + CHAINS)); }
log_of() { printf '%s/log-%s/audit.log' "$WORK" "$1"; }

# ---- the archive: a chain for each node, sealed to its end, and a trust file that says so

backfill() {
  "$AUDITSEAL" backfill --cluster e2e --node "node-$1" --source "kube=$(log_of "$1")" --store s3://packs/k8s "${at[@]}" --key "$WORK/key-$1" \
    --state "$WORK/state-$1" --batch-size 32KiB --log-level warn >"$WORK/backfill-$1.out"
}

# Each node has lines of its own, large ones among them.
corpus() {
  local node skip
  python3 "$HERE/helpers/sample.py" logs "$WORK/log" >"$WORK/lines" || return 1
  for node in $(nodes); do
    skip=$(((node - 100) * 400))
    mkdir "$WORK/log-$node" && { gzip -dc "$WORK"/log/*.gz && cat "$WORK"/log/*.log; } | sed -n "$((skip + 1)),$((skip + LINES))p" >"$(log_of "$node")" &&
      "$AUDITSEAL" keygen --name "e2e/node-$node" --out "$WORK/key-$node" >"$WORK/vkey-$node" || return 1
    spawn "$WORK" "backfill-$node" backfill "$node"
  done
  for node in $(nodes); do
    gone "$WORK" "backfill-$node" 120 && grep -q ' head ' "$WORK/backfill-$node.out" || { cat "$WORK/backfill-$node".{log,out}; return 1; }
  done
}

trust() {
  local node named=()
  for node in $(nodes); do named+=(--origin "e2e/node-$node/kube" --vkey "$WORK/vkey-$node"); done
  "$AUDITSEAL" trust init --store s3://packs/k8s "${at[@]}" "${named[@]}" >"$WORK/fresh.trust" &&
    "$AUDITSEAL" keygen --name e2e/auditor --out "$WORK/auditor.key" >"$WORK/auditor.vkey" || return 1
  for node in $(nodes); do
    grep -A 1 "^origin e2e/node-$node/kube " "$WORK/fresh.trust" && sed -n 's/.* head \([0-9]*:[0-9a-f]*\)$/  ended \1/p' "$WORK/backfill-$node.out" || return 1
  done >"$WORK/chains.trust"
  { sed q "$WORK/fresh.trust" && cat "$WORK/chains.trust" && echo "auditor e2e $(cat "$WORK/auditor.vkey")"; } >"$WORK/audit.trust"
  [ "$("$AUDITSEAL" trust show --trust "$WORK/audit.trust" | grep -c 'ended')" = "$CHAINS" ]
}

# ---- packing: `packer STATE PACKS` below the bucket; the default place is beside the archive

packer() {
  local state=$1 packs=(--packs "s3://packs/$2") retention=(--pack-retention 1d)
  [ "$2" != k8s-packs ] || packs=()
  case " ${*:3}" in *" --pack-retention "*) retention=() ;; esac
  exec "$AUDITSEAL" pack --store s3://packs/k8s "${packs[@]}" "${at[@]}" --trust "$WORK/audit.trust" --auditor-key "$WORK/auditor.key" \
    --pack-state "$WORK/pack-$state" "${retention[@]}" "${@:3}"
}
packed() { (packer "$@"); }

# Names and texts of packs, whose bytes are no more than how they are compressed.
texts() {
  local key
  rm -rf "${WORK:?}/$1" && store get packs "$1/" "$WORK/$1" && (cd "$WORK/$1" && find . -name '*.jsonl.zst' | LC_ALL=C sort) >"$WORK/keys" || return 1
  while read -r key; do printf '%s %s\n' "$key" "$(zstd -dcq "$WORK/$1/$key" | sha256sum | cut -d' ' -f1)"; done <"$WORK/keys"
}
# The same, each attested: once, or by each of those who came to it at once.
same_packs() {
  local notes
  texts "$1" >"$WORK/$1.texts" && diff "$WORK/calm.texts" "$WORK/$1.texts" || return 1
  notes=$(find "$WORK/$1/_attestations" -name '*.note' | wc -l)
  echo "$notes attestations"
  [ "$notes" -ge "$CHAINS" ]
}

calm() {
  local begin
  begin=$(date +%s%N)
  packed calm calm --metrics "$WORK/calm.prom" || return 1
  took=$((($(date +%s%N) - begin) / 1000000))
  texts calm >"$WORK/calm.texts" && cat "$WORK/calm.texts" && [ "$(wc -l <"$WORK/calm.texts")" = "$CHAINS" ]
}
# What the run says of itself to node_exporter.
metrics() {
  cat "$WORK/calm.prom"
  [ "$(grep -c '^auditseal_pack_left_objects{origin="e2e/node-[0-9]*/kube"} 0$' "$WORK/calm.prom")" = "$CHAINS" ] &&
    [ "$(grep -c '^auditseal_packed_until_seconds{.*} [1-9]' "$WORK/calm.prom")" = "$CHAINS" ] &&
    [ "$(stat -c %a "$WORK/calm.prom")" = 644 ] && [ ! -e "$WORK/calm.prom.tmp" ]
}
# Nothing is found, nothing is left, nothing is put.
nothing_new() {
  store list packs >"$WORK/before" && packed calm calm && store list packs | diff "$WORK/before" -
}
# The lock is a day: one of two isn't there, and what the store doesn't keep is not attested.
too_short() {
  local status=0
  packed short short --pack-retention 2d >"$WORK/said" || status=$?
  cat "$WORK/said"
  [ $status = 2 ] && grep -q "it isn't attested" "$WORK/said" && ! store list packs | grep -q '^short/_attestations/'
}
locked() {
  local key
  key=$(store list packs | awk '/^calm\/cluster=/ && !key { key = $1 } END { print key }') && [ -n "$key" ] && store locked packs "$key"
}

# round NUMBER PACKS: killed at random moments of a run, then run to its end
round() {
  local number=$1 packs=$2 pause
  for _ in $(seq $KILLS); do
    # What was done before isn't done again: together the kills leave a packer as much time as one run takes.
    pause=$((RANDOM * 32768 + RANDOM))
    spawn "$WORK" "victim-$number" packer "$number" "$packs"
    sleep "$(awk -v ms=$((pause % (2 * took / KILLS + 50))) 'BEGIN { printf "%.3f", ms / 1000 }')"
    if running "$WORK" "victim-$number"; then hits=$((hits + 1)); fi
    stop "$WORK" "victim-$number" 0
  done
  packed "$number" "$packs" && same_packs "$packs"
}

twice() {
  local name
  for name in one other; do spawn "$WORK" "$name" ended "$name" packer "$name" twice; done
  for name in one other; do gone "$WORK" "$name" 120 && [ "$(cat "$WORK/$name.status")" = 0 ] || { cat "$WORK/$name.log"; return 1; }; done
  same_packs twice
}
# ended NAME COMMAND…: writes down how it ends
ended() { local status=0; ("${@:2}") || status=$?; echo $status >"$WORK/$1.status"; }

# ---- a clock that is a day wrong

# Nothing that the system has brings a wrong clock to one process; the C library's function is put in front of its own.
wrong_clock() {
  cat >"$WORK/clock.c" <<'C'
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *now) {
  long failed = syscall(SYS_clock_gettime, clock, now);
  const char *off = getenv("CLOCK_OFF_SECONDS");
  if (!failed && clock == CLOCK_REALTIME && off) now->tv_sec += atol(off);
  return (int)failed;
}
C
  cc -shared -fPIC -O1 -o "$WORK/clock.so" "$WORK/clock.c"
}
# The store refuses each request that is signed at another time: nothing is put.
refused_off() {
  local status=0
  (LD_PRELOAD=$WORK/clock.so CLOCK_OFF_SECONDS=$1 packer off "off$1") >"$WORK/said" || status=$?
  cat "$WORK/said"
  [ $status = 2 ] && grep -q RequestTimeTooSkewed "$WORK/said" && ! store list packs | grep "^off$1/"
}
# A directory refuses nobody.
packed_off() {
  LD_PRELOAD=$WORK/clock.so CLOCK_OFF_SECONDS=$1 "$AUDITSEAL" pack --store "file://$WORK/copy" --packs "file://$WORK/off$1" --trust "$WORK/audit.trust" \
    --auditor-key "$WORK/auditor.key" --pack-state "$WORK/pack-off" &&
    (cd "$WORK/off$1" && find . -name '*.jsonl.zst' | LC_ALL=C sort | while read -r key; do printf '%s %s\n' "$key" "$(zstd -dcq "$key" | sha256sum | cut -d' ' -f1)"; done) |
    diff "$WORK/calm.texts" - && complete --store "file://$WORK/copy" --packs "file://$WORK/off$1"
}

# ---- a disk that is full

# full_disk STATE COMMAND…: runs it with a disk of 16 KiB at STATE, which nobody else sees
full_disk() {
  mkdir -p "$1" && unshare --mount --propagation private sh -c 'mount -t tmpfs -o size=16k,mode=700 packs "$0" && exec "$@"' "$@"
}
# packed_to NAME [COMMAND…]: through that command
packed_to() {
  "${@:2}" "$AUDITSEAL" pack --store "file://$WORK/copy" --packs "file://$WORK/$1" --trust "$WORK/audit.trust" --auditor-key "$WORK/auditor.key" --pack-state "$WORK/pack-$1"
}
# Nothing is put that wasn't written whole, and the next run, with room, makes all of it.
no_room() {
  local status=0
  packed_to full full_disk "$WORK/pack-full" >"$WORK/said" 2>&1 || status=$?
  cat "$WORK/said"
  [ $status = 2 ] && grep -q 'No space left on device' "$WORK/said" && ! grep -q panicked "$WORK/said" || return 1
  [ -z "$(find "$WORK/full" -type f 2>/dev/null)" ] || { find "$WORK/full" -type f; return 1; }
  packed_to full && (cd "$WORK/full" && find . -name '*.jsonl.zst' | LC_ALL=C sort | while read -r key; do printf '%s %s\n' "$key" "$(zstd -dcq "$key" | sha256sum | cut -d' ' -f1)"; done) |
    diff "$WORK/calm.texts" -
}

# ---- reading

complete() {
  "$AUDITSEAL" verify --trust "$WORK/audit.trust" "$@" >"$WORK/verified" || { cat "$WORK/verified"; return 1; }
  cat "$WORK/verified"
  grep -q "^ALL COMPLETE chains=$CHAINS complete=$CHAINS seals=[1-9]" "$WORK/verified"
}
identical() {
  local node
  for node in $(nodes); do
    "$AUDITSEAL" cat --trust "$WORK/audit.trust" --origin "e2e/node-$node/kube" "$@" | cmp - "$(log_of "$node")" || return 1
  done
}
# All but the genesis, which is in no pack, below a delete marker: that is what may be done to what is locked.
hidden() { store hide_but packs k8s/ /000000000000.jsonl.zst && [ "$(store list packs | grep -c '^k8s/.* deleted$')" -ge $((CHAINS * 3)) ]; }
removed() {
  local key
  (cd "$WORK/copy" && find . -name '*.jsonl.zst' ! -name 000000000000.jsonl.zst) >"$WORK/keys" && [ -s "$WORK/keys" ] || return 1
  while read -r key; do rm "$WORK/copy/$key"; done <"$WORK/keys"
}
# Rows of loose objects and of packs; the packs have all but the seals of the geneses.
same_rows() {
  local loose packs
  read -r _ loose < <("$PY" "$HERE/helpers/readers.py" duckdb-count "$WORK/copy" </dev/null) &&
    read -r _ packs < <("$PY" "$HERE/helpers/readers.py" duckdb-count "$WORK/k8s-packs" </dev/null) && [ "$loose" = $((packs + CHAINS)) ] || { echo "seals: $loose and $packs"; return 1; }
  "$PY" "$HERE/helpers/readers.py" duckdb-rows "$WORK/copy" </dev/null >"$WORK/rows" && "$PY" "$HERE/helpers/readers.py" duckdb-rows "$WORK/k8s-packs" </dev/null >"$WORK/packed-rows" || return 1
  cat "$WORK/rows" "$WORK/packed-rows"
  diff <(cut -d' ' -f1,2 "$WORK/rows") <(cut -d' ' -f1,2 "$WORK/packed-rows") && [ "$(cut -d' ' -f1 "$WORK/rows")" = $((CHAINS * LINES)) ]
}

need_auditseal
python_env
begin=$SECONDS hits=0 took=0
seed=${AUDITSEAL_SEED:-$RANDOM}
RANDOM=$seed
printf '  packs: AUDITSEAL_SEED=%s\n' "$seed"
"$HERE/parts/seaweedfs.sh" up
"$HERE/parts/seaweedfs.sh" bucket packs
# shellcheck source=/dev/null
. "$SEAWEEDFS_DIR/env"
at=(--endpoint "$S3_ENDPOINT")
check "packs: an archive" corpus
check "packs: a trust file that says where each chain ends, and names the auditor" trust
check "packs: an undisturbed run" calm
check "packs: its metrics" metrics
check "packs: a second run has nothing to do" nothing_new
check "packs: a shorter lock than is demanded" too_short
check "packs: a pack can't be deleted" locked
for number in $(seq $ROUNDS); do
  packs=killed-$number
  [ "$number" != $ROUNDS ] || packs=k8s-packs
  check "packs: killed $KILLS times: the same packs" round "$number" "$packs"
done
if [ $((hits * 2)) -ge $((ROUNDS * KILLS)) ]; then
  pass "packs: $hits of $((ROUNDS * KILLS)) kills hit a packer at work"
else
  fail "packs: only $hits of $((ROUNDS * KILLS)) kills hit a packer at work"
fi
check "packs: two packers at once: the same packs" twice
check "packs: a copy of the archive" store get packs k8s/ "$WORK/copy"
check "packs: a clock that can be wrong" wrong_clock
for off in 86400 -86400; do
  check "packs: a clock that is off by $off s is refused by the store" refused_off $off
  check "packs: and makes the same packs where nobody refuses it" packed_off $off
done
if can_mount; then check "packs: a full disk below --pack-state is told, and costs nothing but a run" no_room; fi
check "packs: verify, beside the loose objects" complete --store s3://packs/k8s "${at[@]}"
check "packs: cat, beside them" identical --store s3://packs/k8s "${at[@]}"
check "packs: DuckDB finds the same rows in both" same_rows
check "packs: the loose objects are hidden" hidden
check "packs: verify, from packs" complete --store s3://packs/k8s "${at[@]}"
check "packs: cat, from packs" identical --store s3://packs/k8s "${at[@]}"
check "packs: and nothing is packed again" packed "$ROUNDS" k8s-packs
check "packs: the loose objects of the copy are removed" removed
check "packs: verify of what is left" complete --store "file://$WORK/copy" --packs "file://$WORK/k8s-packs"
check "packs: cat of what is left" identical --store "file://$WORK/copy" --packs "file://$WORK/k8s-packs"
printf '  packs: %s chains, %s kills, %s of a packer at work, one run %s ms, %s s\n' "$CHAINS" $((ROUNDS * KILLS)) "$hits" "$took" $((SECONDS - begin))
