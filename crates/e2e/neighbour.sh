#!/usr/bin/env bash
# What etcd and kube-apiserver, which share the disk, notice of who reads the audit log: the time of etcd's WAL fsyncs and of the apiserver's
# answers at 1,000 audit events a second, in turns of shuffled order beside nothing, nothing once more (A/A: what the noise does), auditseal, and
# Fluent Bit. A measurement, not a test: it fails only when there is nothing to compare.
#
#   neighbour.sh [--record]     --record puts the table into benches/RESULTS.md
#
# ROUNDS (5), TURN (60, seconds), RATE (1000, events/s), FLUENT_BIT (a program; without it that row is left out). Half an hour as it is; ROUNDS=1
# TURN=20 shows in two minutes that it works. What is stored goes to memory, as a bucket is elsewhere; state and buffers are on the shared disk.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ROUNDS=${ROUNDS:-5} TURN=${TURN:-60} RATE=${RATE:-1000}
WORK=$(mktemp -d "$E2E/neighbour.XXXXXX")
STORE=$(mktemp -d /dev/shm/auditseal-neighbour.XXXXXX)
export KUBE_DIR=$WORK/kube
trap 'finish clean' EXIT
clean() {
  stop "$WORK" reader
  "$HERE/parts/kube.sh" down
  rm -rf "$STORE"
  discard "$WORK"
}

# api PATH, as the admin
api() {
  # shellcheck source=/dev/null
  (. "$KUBE_DIR/session.env" &&
    curl --silent --show-error --fail --max-time 30 --cacert "$KUBE_DIR/certs/apiserver.crt" \
      --header @<(printf 'Authorization: Bearer %s\n' "$TOKEN_admin") "$API$1")
}

# metrics DIR WHEN
metrics() {
  local client _
  read -r client _ <"$KUBE_DIR/ports"
  curl --silent --show-error --fail --max-time 10 "http://127.0.0.1:$client/metrics" >"$1/etcd.$2" && api /metrics >"$1/apiserver.$2"
}

# A request is two events: it was received, and it was answered.
steady() {
  # shellcheck source=/dev/null
  (. "$KUBE_DIR/session.env" && export TOKEN_admin &&
    python3 "$HERE/helpers/steady.py" "$API" "$KUBE_DIR/certs/apiserver.crt" $((RATE / 2)) "$1")
}

# read_by VARIANT: starts who reads the log, with a state of its own
read_by() {
  case $1 in
    auditseal)
      spawn "$WORK" reader "$AUDITSEAL" run --cluster e2e --node node-1 --source "audit=$KUBE_DIR/audit/audit.log" --store "file://$STORE/archive" \
        --key "$WORK/key" --state "$WORK/state"
      ;;
    fluent-bit)
      cat >"$WORK/fluent-bit.conf" <<CONF
[SERVICE]
    Flush 1
    Log_Level warn
    storage.path $WORK/fluent-bit.buffer
[INPUT]
    Name tail
    Path $KUBE_DIR/audit/audit.log
    DB $WORK/fluent-bit.db
    Read_from_Head true
    Buffer_Max_Size 4M
    storage.type filesystem
[OUTPUT]
    Name file
    Match *
    Path $STORE
    File fluent-bit.out
    Format plain
CONF
      spawn "$WORK" reader "$FLUENT_BIT" -c "$WORK/fluent-bit.conf"
      ;;
  esac
}

# ticks: what the reader has had of the processor, in hundredths of a second
ticks() {
  local pid _ stat fields
  read -r pid _ <"$WORK/reader.pid" && stat=$(cat "/proc/$pid/stat") && read -ra fields <<<"${stat##*) }" && printf '%s\n' $((fields[11] + fields[12]))
}

# settle: until the reader has read what the turns of others left to it, and hardly works for two seconds, or has ended
settle() {
  local before now still=0 _
  before=$(ticks) || return 0
  for _ in $(seq 120); do
    sleep 1
    now=$(ticks) || return 0
    if [ $((now - before)) -lt 10 ]; then still=$((still + 1)); else still=0; fi
    [ $still -lt 2 ] || return 0
    before=$now
  done
  note "who reads the log still catches up after two minutes: its turn includes that"
}

# turn VARIANT NUMBER
turn() {
  local dir=$WORK/turns/$1.$2
  mkdir -p "$dir"
  read_by "$1"
  sleep 3
  case $1 in auditseal | fluent-bit) settle ;; esac
  sync # what the turn before left to be written is not this one's
  metrics "$dir" before
  steady "$TURN" >"$dir/client.json"
  metrics "$dir" after
  case $1 in auditseal | fluent-bit) check "$1 ran all the time, round $2" running "$WORK" reader ;; esac
  stop "$WORK" reader
}

need_auditseal
"$HERE/parts/kube.sh" build
variants=(nothing again auditseal)
if [ -n "${FLUENT_BIT:-}" ]; then variants+=(fluent-bit); else note "no FLUENT_BIT: its row is left out"; fi
"$AUDITSEAL" keygen --name e2e/node-1 --out "$WORK/key" >/dev/null
# The usual size of a log, so that a turn has a rotation or none by chance, and not dozens.
MAXSIZE=100 MODE=batch LEVEL=RequestResponse "$HERE/parts/kube.sh" up
steady 5 >/dev/null # caches warm, tables made
for round in $(seq "$ROUNDS"); do
  for variant in $(shuf -e "${variants[@]}"); do
    note "round $round: $variant"
    turn "$variant" "$round"
  done
done
record=()
[ "${1:-}" != --record ] || record=("$ROOT/benches/RESULTS.md")
check "there is something to compare" python3 "$HERE/helpers/neighbour.py" "$WORK/turns" "$RATE" "$TURN" "${record[@]}"
python3 "$HERE/helpers/neighbour.py" "$WORK/turns" "$RATE" "$TURN" || true
