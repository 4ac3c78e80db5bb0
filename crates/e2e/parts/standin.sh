#!/usr/bin/env bash
# The project's own stand-in for the clouds, in one cloud's manners.
#
#   standin.sh up DIALECT BUCKET=KIND…     start with fresh keys; the settings for clients go to $STANDIN_DIR/env
#   standin.sh down
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

STANDIN_DIR=${STANDIN_DIR:-$E2E/standin}
trap finish EXIT

up() {
  mkdir -p "$STANDIN_DIR"
  (umask 022 && cd "$ROOT" && cargo build --quiet --locked -p auditseal-standin) || die "the stand-in does not build"
  spawn "$STANDIN_DIR" standin "$("$HERE/target-dir.sh")/debug/standin" "$dialect" "$STANDIN_DIR/env" "${buckets[@]}"
  wait_for 10 "$STANDIN_DIR" standin test -e "$STANDIN_DIR/env" || { show_logs "$STANDIN_DIR/standin.log"; die "the stand-in is not ready"; }
}

down() {
  stop "$STANDIN_DIR" standin
  rm -f "$STANDIN_DIR/env"
}

case ${1:-} in
  up)
    dialect=${2:-} buckets=("${@:3}")
    up_or_down "$STANDIN_DIR/env"
    ;;
  down) down ;;
  *) die "usage: standin.sh up DIALECT BUCKET=KIND…|down" ;;
esac
