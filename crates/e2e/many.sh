#!/usr/bin/env bash
# A log with many backups: what is archived doesn't depend on how many there are, and what they cost is known. `backfill`, `retire` and `run`
# must give back all of them byte for byte; `run` and `retire` within 64 MiB of memory where the files are plain.
#
#   many.sh [--mib MIB] [--kinds KIND,…] [COUNT…]     366 and 1,001 files of 128 MiB in all each without arguments
#   many.sh --kinds plain --mib 1900 100001           `retire` and `run` of these alone
#   many.sh --full                                    366, 1,001, 10,001 and 100,001 of up to 2 GB: an hour
#
# Backups are plain, gzipped and zstd's in turn, then all plain. SEED makes other files, AUDITSEAL names a ready binary.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/many.XXXXXX")
ORIGIN=e2e/node-1/audit
MANY=$HERE/helpers/many.py
MEMORY=64  # MiB
IDLE=20    # seconds for which an idle `run` is watched
MOST_CPU=2 # seconds of the processor in that time: a tenth of one
export MALLOC_ARENA_MAX=1 # as unit and chart have it
LARGE=10000 # from so many files on an idle `run` is watched for IDLE; below it for a quarter
trap 'finish clean' EXIT

clean() {
  stop "$WORK" auditseal 10
  discard "$WORK"
}

# Each run has an archive and a state of its own.
fresh() {
  rm -rf "$WORK/archive" "$WORK/state"
  mkdir "$WORK/archive"
  : >"$WORK/auditseal.log"
  at=(--store "file://$WORK/archive" --origin "$ORIGIN" --vkey "$WORK/vkey")
  how=(--cluster e2e --node node-1 --source "audit=$WORK/log/audit.log" --store "file://$WORK/archive" --key "$WORK/key" --state "$WORK/state")
}

watched() { python3 "$MANY" watch "$WORK/report" "$AUDITSEAL" --log-level warn "$@"; }

# judge NAME COMMAND [COST_OF_A_LOOK]: after it has ended. Adds a row to the table.
judge() {
  local seconds=- peak=- cpu=-
  read -r seconds peak cpu <"$WORK/report" || true
  check "$1, $2: verify says COMPLETE" "$AUDITSEAL" verify "${at[@]}"
  check "$1, $2: the archive has the files byte for byte" same_bytes
  if [ "$2" != backfill ] && [[ $1 == *plain ]]; then check "$1, $2: below $MEMORY MiB ($peak)" awk -v peak="$peak" -v most=$MEMORY 'BEGIN { exit !(peak > 1 && peak < most) }'; fi
  printf '| %s | %s | %s | %s | %s | %s | %s |\n' "$1" "$2" "$seconds" "$peak" "$cpu" "$(find "$WORK/archive" -name '*.zst' | wc -l)" "${3:--}" >>"$WORK/table"
  rm -f "$WORK/report"
}
same_bytes() { cmp <("$AUDITSEAL" cat "${at[@]}") <(python3 "$MANY" text "$WORK"); }

backfill() { # NAME
  fresh
  check "$1, backfill: ends well" watched backfill "${how[@]}"
  judge "$1" backfill
}

# The node's agent has sealed the oldest file, under the live name, and was away ever since.
retire() { # NAME
  local oldest name
  fresh
  oldest=$(head -n 1 "$WORK/order")
  mv "$WORK/log" "$WORK/aside" && mkdir "$WORK/log" && cp -p "$WORK/aside/$oldest" "$WORK/log/audit.log"
  spawn "$WORK" auditseal "$AUDITSEAL" run "${how[@]}" --window 1s
  wait_for 60 "$WORK" auditseal grep -q ' stored .*/000000000001\.' "$WORK/auditseal.log" || fail "$1, retire: the oldest file wasn't archived"
  stop "$WORK" auditseal 60
  # The same file goes on under its backup's name: the one that was read moves, as rotation has it.
  mv "$WORK/log/audit.log" "$WORK/aside/$oldest" && rmdir "$WORK/log" && mv "$WORK/aside" "$WORK/log"
  check "$1, retire: ends well" watched retire "${how[@]}"
  judge "$1" retire
}

metric() { curl --silent --fail --max-time 5 "http://127.0.0.1:$port/metrics" | awk -v name="$1" 'index($0, name "{") == 1 { print $NF; exit }'; }
caught_up() { awk -v sealed="$(metric auditseal_sealed_bytes_total)" -v spool="$(metric auditseal_spool_bytes)" -v bytes="$bytes" 'BEGIN { exit !(sealed >= bytes && spool == 0) }'; }
ticks() { local stat; stat=$(cat "/proc/$1/stat") && awk '{ print $12 + $13 }' <<<"${stat##*) }"; }

# cost SECONDS: sets `used`, seconds of the processor in that time, and `looks`, the same for people
cost() {
  local before after
  before=$(ticks "$pid")
  sleep "$1"
  after=$(ticks "$pid")
  used=$(awk -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.2f", ticks / hz }')
  looks=$(awk -v used="$used" -v seconds="$1" 'BEGIN { printf "%.1f ms/s", used * 1000 / seconds }')
}

run() { # NAME COUNT
  local looks used idle=$IDLE
  fresh
  port=$(free_ports 1)
  spawn "$WORK" auditseal python3 "$MANY" watch "$WORK/report" "$AUDITSEAL" run "${how[@]}" --listen "127.0.0.1:$port" --window 1s
  if wait_for "$patience" "$WORK" auditseal caught_up; then pass "$1, run: it has caught up"; else fail "$1, run: $(metric auditseal_sealed_bytes_total) of $bytes bytes are sealed after $patience s, $(metric auditseal_spool_bytes) wait"; fi
  [ "$2" -ge $LARGE ] || idle=$((IDLE / 4))
  pid=$(cat "$WORK/report.pid")
  sleep 2
  cost $idle
  check "$1, run: idle, it takes less than a tenth of a core ($looks)" awk -v used="$used" -v most="$MOST_CPU" -v part="$((IDLE / idle))" 'BEGIN { exit !(used * part < most) }'
  check "$1, run: SIGTERM ends it well" stopped
  judge "$1" run "$looks"
}
stopped() {
  local watcher _ status=0
  read -r watcher _ <"$WORK/auditseal.pid"
  kill "$watcher" && { wait "$watcher" || status=$?; }
  rm -f "$WORK/auditseal.pid"
  return $status
}

mib=128 kinds=plain,gzip,zstd counts=()
while [ $# -gt 0 ]; do
  case $1 in
    --full) mib=1900 counts=(366 1001 10001 100001) ;;
    --mib) mib=$2 && shift ;;
    --kinds) kinds=$2 && shift ;;
    [0-9]*) counts+=("$1") ;;
    *) die "usage: many.sh [--full] [--mib MIB] [--kinds KIND,…] [COUNT…]" ;;
  esac
  shift
done
[ ${#counts[@]} -gt 0 ] || counts=(366 1001)
need_auditseal
begin=$SECONDS
"$AUDITSEAL" keygen --name e2e/node-1 --out "$WORK/key" >"$WORK/vkey"
for count in "${counts[@]}"; do
  patience=$((120 + mib / 4 + count / 50))
  for what in $([ "$kinds" = plain ] || echo "$kinds") plain; do
    bytes=$(python3 "$MANY" make "$WORK" "$count" "$mib" "${SEED:-7}" --kinds "$what")
    name="$count $([ "$what" = plain ] && echo plain || echo mixed)"
    before=$(failures)
    [ "$what" = plain ] || backfill "$name"
    retire "$name"
    run "$name" "$count"
    [ "$(failures)" = "$before" ] || LOG_LINES=8 show_logs "$WORK/auditseal.log"
  done
done
printf '| files | command | seconds | peak MiB | CPU s | objects | idle |\n|---|---|---|---|---|---|---|\n'
cat "$WORK/table"
printf '  many: %s s\n' $((SECONDS - begin))
