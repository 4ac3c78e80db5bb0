#!/usr/bin/env bash
# What every e2e script shares: places, counted checks, background processes that are stopped by identity. Sourced, not run.
# shellcheck disable=SC2034  # the scripts that source this file use the variables

set -euo pipefail
umask 077 # keys and tokens are written below the work directory
# After a loss of state nothing is uploaded to a cloud for a quarter of an hour. Who is killed here has no upload under way that could arrive later.
export AUDITSEAL_HOLD=100ms

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
E2E=${AUDITSEAL_E2E_DIR:-$ROOT/target/e2e}
mkdir -p "$E2E"
E2E=$(cd "$E2E" && pwd)

# One line per check; run.sh hands in its own file, to count over all scripts.
if [ -z "${E2E_RESULTS:-}" ]; then
  E2E_RESULTS=$(mktemp "$E2E/results.XXXXXX")
  export E2E_RESULTS
  E2E_OWN_RESULTS=$E2E_RESULTS
fi

note() { printf '%s\n' "-- $*" >&2; }
die() { printf '%s\n' "error: $*" >&2; exit 1; }

pass() { printf 'pass %s\n' "$*" >>"$E2E_RESULTS"; printf '  ok    %s\n' "$*"; }
fail() { printf 'fail %s\n' "$*" >>"$E2E_RESULTS"; printf '  FAIL  %s\n' "$*"; }
failures() { grep -c '^fail ' "$E2E_RESULTS" || true; }

# check NAME COMMAND…: count it, and show what it printed only if it failed. Never ends the script: later checks still say something.
# The command runs as a condition, where set -e is off: a function given here must chain its steps with &&.
check() {
  local name=$1 out
  shift
  out=$(mktemp "$E2E/check.XXXXXX")
  if "$@" >"$out" 2>&1; then
    pass "$name"
  else
    fail "$name (exit $?)"
    tail -n 40 "$out" | sed 's/^/        | /'
  fi
  rm -f "$out"
}

# same NAME WANT GOT
same() {
  if [ "$2" = "$3" ]; then pass "$1"; else fail "$1: want $2, got $3"; fi
}

# Ports below the usual ephemeral range, so that no outgoing connection takes one between the choice and the bind.
free_ports() {
  python3 - "$1" <<'PY'
import random, socket, sys
held = []
while len(held) < int(sys.argv[1]):
    s = socket.socket()
    try:
        s.bind(("127.0.0.1", random.randrange(20000, 32000)))
        held.append(s)
    except OSError:
        s.close()
print(*(s.getsockname()[1] for s in held))
PY
}

random_hex() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

# A pid alone may have been handed to someone else since: a process is its pid and the tick it was started at. A zombie has ended, unless
# others of its threads haven't: while one still writes, its locks and ports are held.
born() {
  local stat fields
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  read -ra fields <<<"${stat##*) }" # the command name before it may hold spaces
  { [ "${fields[0]}" != Z ] || [ "${fields[17]}" -gt 1 ]; } && printf '%s\n' "${fields[19]}"
}

# spawn DIR NAME COMMAND…: in the background, output to DIR/NAME.log, identity to DIR/NAME.pid
spawn() {
  local dir=$1 name=$2
  shift 2
  "$@" </dev/null >>"$dir/$name.log" 2>&1 &
  printf '%s %s\n' "$!" "$(born "$!" || echo gone)" >"$dir/$name.pid"
}

running() {
  local pid tick
  [ -f "$1/$2.pid" ] && read -r pid tick <"$1/$2.pid" && [ "$(born "$pid")" = "$tick" ]
}

# gone DIR NAME SECONDS: waits for its end
gone() {
  local _
  for _ in $(seq $(($3 * 20))); do
    running "$1" "$2" || return 0
    sleep 0.05
  done
  ! running "$1" "$2"
}

# stop DIR NAME [SECONDS]: TERM, and KILL if it's still there after SECONDS (15); with 0, KILL at once. It has ended when this returns:
# what is started next may need its locks and ports.
stop() {
  local pid tick seconds=${3:-15}
  running "$1" "$2" || { rm -f "$1/$2.pid"; return 0; }
  read -r pid tick <"$1/$2.pid"
  [ "$seconds" = 0 ] || kill "$pid" 2>/dev/null || true
  if ! gone "$1" "$2" "$seconds"; then
    [ "$seconds" = 0 ] || note "$2 ignored SIGTERM for $seconds s: killed"
    kill -9 "$pid" 2>/dev/null || true
    gone "$1" "$2" 30 || note "$2 has not ended 30 s after SIGKILL"
  fi
  rm -f "$1/$2.pid"
}

# wait_for SECONDS DIR NAME COMMAND…: until the command succeeds; no longer than NAME runs
wait_for() {
  local end=$((SECONDS + $1)) dir=$2 name=$3
  shift 3
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] && running "$dir" "$name" || return 1
    sleep 0.3
  done
}

# until_it SECONDS COMMAND…: until the command succeeds
until_it() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { printf 'not within time: %s\n' "$*"; "$@" 2>&1 || true; return 1; }
    sleep 0.2
  done
}

show_logs() {
  local log
  for log in "$@"; do
    [ -s "$log" ] || continue
    printf '%s\n' "---- last lines of ${log#"$E2E/"}" >&2
    tail -n "${LOG_LINES:-30}" "$log" | cut -c1-300 >&2
  done
}

# The Python packages of a list live in an environment named after it: a changed pin makes a new one.
python_env() {
  local list=$HERE/${1:-requirements.txt}
  VENV=$E2E/venv-$(sha256sum <"$list" | cut -c1-12)
  PY=$VENV/bin/python
  [ -e "$VENV/.complete" ] && return 0
  note "installing Python packages"
  rm -rf "$VENV"
  python3 -m venv "$VENV"
  "$PY" -m pip install --quiet --disable-pip-version-check --no-deps -r "$list" >"$E2E/pip.log" 2>&1 || { show_logs "$E2E/pip.log"; die "pip failed"; }
  touch "$VENV/.complete"
}

# AUDITSEAL names a ready binary; without it the release build is made (cargo does nothing if it's up to date).
need_auditseal() {
  if [ -n "${AUDITSEAL:-}" ]; then
    [ -x "$AUDITSEAL" ] || die "AUDITSEAL=$AUDITSEAL is not an executable"
    return 0
  fi
  note "building auditseal"
  (umask 022 && cd "$ROOT" && cargo build --quiet --release --locked -p auditseal-cli) || die "auditseal does not build"
  AUDITSEAL=$("$HERE/target-dir.sh")/release/auditseal
  export AUDITSEAL
}

# up_or_down FILE: a part's `up`, of which no half stays behind if it fails. FILE is there while the part runs: it's never taken over.
up_or_down() {
  [ ! -e "$1" ] || die "$(dirname "$1") is in use: stop what runs there first"
  trap 'finish down' EXIT
  up
  trap finish EXIT
}

# What a script leaves of its runs: nothing, unless AUDITSEAL_E2E_KEEP asks for them.
discard() { if [ -n "${AUDITSEAL_E2E_KEEP:-}" ]; then note "kept: $*"; else rm -rf "$@"; fi; }

# own_stores PART…: their servers have a place each in WORK
own_stores() {
  local part
  stores=("$@") failed_before=$(failures)
  for part; do export "${part^^}_DIR=$WORK/$part"; done
}

# How a script that began with own_stores ends.
leave_stores() {
  local part
  for part in "${stores[@]}"; do "$HERE/parts/$part.sh" down; done
  if [ "$(failures)" != "$failed_before" ]; then for part in "${stores[@]}"; do LOG_LINES=12 show_logs "$WORK/$part"/*.log; done; fi
  discard "$WORK"
}

# Every script ends through this: traps call it with the script's own clean-up as arguments.
finish() {
  local status=$?
  trap - EXIT INT TERM
  "$@" || true
  if [ -n "${E2E_OWN_RESULTS:-}" ]; then
    [ "$(failures)" = 0 ] || [ $status != 0 ] || status=1
    rm -f "$E2E_OWN_RESULTS"
  fi
  exit $status
}
