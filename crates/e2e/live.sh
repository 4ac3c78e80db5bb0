#!/usr/bin/env bash
# auditseal beside a real apiserver under load, into a locked bucket: every byte that the apiserver wrote must be in the archive.
#
#   live.sh [plain|gzip]…     rotation by rename; the same with compressed backups; both without arguments
#
# The log rotates every megabyte, several times a second at the peak, and keeps every backup, so what was lost on the way can be told.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/live.XXXXXX")
export SEAWEEDFS_DIR=$WORK/seaweedfs
STOP_MAX=10 # seconds: less than any supervisor waits before it kills
trap 'finish clean' EXIT

clean() {
  local kind
  for kind in plain gzip; do
    [ ! -d "$WORK/$kind" ] || { stop "$WORK/$kind" auditseal; KUBE_DIR=$WORK/$kind "$HERE/parts/kube.sh" down; }
  done
  "$HERE/parts/seaweedfs.sh" down
  if [ "$(failures)" != "$failed_before" ]; then LOG_LINES=12 show_logs "$WORK"/*/[!a]*.log "$WORK"/*/auditseal.log "$SEAWEEDFS_DIR"/*.log; fi
  discard "$WORK"
}

# between NAME LOW HIGH VALUE
between() {
  if [ "$4" -ge "$2" ] && [ "$4" -le "$3" ]; then pass "$1 ($4)"; else fail "$1: want $2 to $3, got $4"; fi
}

# Peak memory and CPU seconds so far, from /proc: the process is gone once it has ended.
usage() {
  local stat fields
  stat=$(cat "/proc/$1/stat")
  read -ra fields <<<"${stat##*) }"
  printf '%s MB peak memory, %s s CPU' "$(awk '/^VmHWM:/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status")" \
    "$(awk -v ticks=$((fields[11] + fields[12])) -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.2f", ticks / hz }')"
}

# terminate DIR NAME: sets `status` and `took` (milliseconds). The daemon is a child of this shell, so its exit status is known.
terminate() {
  local pid begin _
  read -r pid _ <"$WORK/$1/$2.pid"
  begin=$(date +%s%3N)
  kill -TERM "$pid" 2>/dev/null || true
  gone "$WORK/$1" "$2" "$STOP_MAX" || true
  took=$(($(date +%s%3N) - begin))
  if running "$WORK/$1" "$2"; then kill -9 "$pid"; fi
  status=0
  wait "$pid" || status=$?
  rm -f "$WORK/$1/$2.pid"
}

# live KIND VKEY_OPTION_VALUE APISERVER_FLAGS
live() {
  local kind=$1 vkey=$2 flags=$3 dir=$WORK/$1 at origin=e2e/node-1/$1 pid figures counted errors before lines status took begin
  export KUBE_DIR=$dir
  at=(--store "s3://audit-live/$kind" --endpoint "$S3_ENDPOINT")
  begin=$SECONDS
  EXTRA=$flags MAXSIZE=1 MAXBACKUP=0 MODE=blocking-strict LEVEL=RequestResponse "$HERE/parts/kube.sh" up
  spawn "$dir" auditseal "$AUDITSEAL" run --cluster e2e --node node-1 --source "$kind=$dir/audit/audit.log" \
    "${at[@]}" --key "$WORK/key" --state "$dir/state" --window 1s \
    --apiserver-metrics "$(apiserver_url)/metrics" --apiserver-token-file "$dir/token" --apiserver-ca-file "$dir/certs/apiserver.crt" \
    --apiserver-interval 10s # longer than the log must rest: each reading is an event itself
  "$HERE/parts/kube.sh" load
  "$HERE/parts/kube.sh" quiet
  before=$("$HERE/parts/kube.sh" log | wc -l)
  read -r counted errors < <("$HERE/parts/kube.sh" events)
  "$HERE/parts/kube.sh" down

  if running "$dir" auditseal; then
    pass "$kind: auditseal ran throughout"
    read -r pid _ <"$dir/auditseal.pid"
    figures=$(usage "$pid")
  else
    fail "$kind: auditseal ended early"
    figures="no figures"
  fi
  terminate "$kind" auditseal
  same "$kind: it exits 0 on SIGTERM" 0 "$status"
  between "$kind: and does so in time, in ms" 0 $((STOP_MAX * 1000)) "$took"

  "$HERE/parts/kube.sh" log >"$dir/log"
  lines=$(wc -l <"$dir/log")
  same "$kind: the apiserver failed to write no event" 0 "$errors"
  # Its count holds the first of the two events of the request that asks; others may come between the two looks.
  between "$kind: its count is that of the lines, but for the question" 0 20 $((counted - before))
  # Watches end when it stops, and each end is an event.
  between "$kind: lines of the shutdown" 0 200 $((lines - counted))
  case $kind in gzip) check "$kind: all backups are compressed" only_compressed "$dir/audit" ;; esac

  check "$kind: the apiserver's count is sealed" counters "$origin" "$counted"
  check "$kind: and no event of it is missing" eval '! grep "no seal holds" "$dir/auditseal.log"'
  check "$kind: verify" "$AUDITSEAL" verify --origin "$origin" --vkey "$vkey" "${at[@]}"
  check "$kind: cat reads it" cat_to "$dir/archived" --origin "$origin" --vkey "$vkey" "${at[@]}"
  check "$kind: byte for byte the log" cmp "$dir/log" "$dir/archived"
  same "$kind: by its SHA-256" "$(sha256sum <"$dir/log")" "$(sha256sum <"$dir/archived")"

  printf '  %s: %s events, %s bytes in %s files, %s objects; %s; stopped in %s ms; %s s in all\n' "$kind" "$lines" "$(wc -c <"$dir/log")" \
    "$(find "$dir/audit" -type f | wc -l)" "$("$PY" "$HERE/helpers/store.py" s3 list audit-live | grep -c "/source=$kind/" || true)" \
    "$figures" "$took" $((SECONDS - begin))
}

# The address, and the token as a file: arguments are for everyone to see.
apiserver_url() {
  # shellcheck source=/dev/null disable=SC2154
  (. "$KUBE_DIR/session.env" && printf '%s\n' "$TOKEN_admin" >"$KUBE_DIR/token" && printf '%s' "$API")
}

# counters ORIGIN COUNTED: the newest seal with counters has a count of this apiserver, not above the one that was read last but for its own
# question and the shutdown's
counters() {
  local key found
  # The last ones may have been sealed when the apiserver was gone already.
  for key in $("$AUDITSEAL" ls --origin "$1" "${at[@]}" --format json | jq -r .key | tail -n 5 | tac); do
    found=$("$AUDITSEAL" inspect "${at[@]}" "$key" | sed -n 's/^ *counters  *\([0-9]*\) events, 0 errors since .*/\1/p')
    printf '%s: %s of %s\n' "$key" "$found" "$2"
    [ -z "$found" ] || break
  done
  [ -n "$found" ] && [ "$found" -gt 0 ] && [ "$found" -le $(($2 + 200)) ]
}

cat_to() {
  local to=$1
  shift
  "$AUDITSEAL" cat "$@" >"$to"
}

only_compressed() {
  local plain
  plain=$(find "$1" -name 'audit-*.log')
  printf '%s\n' "$plain"
  [ -z "$plain" ]
}

failed_before=$(failures)
need_auditseal
"$HERE/parts/kube.sh" build
"$HERE/parts/seaweedfs.sh" up
"$HERE/parts/seaweedfs.sh" bucket audit-live
# shellcheck source=/dev/null
. "$SEAWEEDFS_DIR/env"
python_env
"$AUDITSEAL" keygen --name e2e/node-1 --out "$WORK/key" >"$WORK/vkey"
[ $# -gt 0 ] || set -- plain gzip
for kind in "$@"; do
  case $kind in
    plain) live plain "$(cat "$WORK/vkey")" "" ;;
    gzip) live gzip "$WORK/vkey" --audit-log-compress ;; # the verifier's key from a file, for once
    *) die "usage: live.sh [plain|gzip]…" ;;
  esac
done
