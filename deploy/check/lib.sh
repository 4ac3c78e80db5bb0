# What the checks here share: a place to work in, and how they are counted. To be sourced; DEPLOY is this tree's root.
# Downloads go to ${AUDITSEAL_DEPLOY_CHECK_DIR:-target/deploy-check}.

DEPLOY=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
WORK=${AUDITSEAL_DEPLOY_CHECK_DIR:-$DEPLOY/../target/deploy-check}
mkdir -p "$WORK"
WORK=$(cd "$WORK" && pwd)
passed=0 failed=0

note() { printf '%s\n' "-- $*" >&2; }
die() { printf '%s\n' "error: $*" >&2; exit 1; }

# check NAME COMMAND…: counts it; shows what it printed only if it failed
check() {
  local name=$1
  shift
  if "$@" >"$WORK/out" 2>&1; then
    printf '  ok    %s\n' "$name" && passed=$((passed + 1))
  else
    printf '  FAIL  %s\n' "$name" && failed=$((failed + 1))
    tail -n 40 "$WORK/out" | sed 's/^/        | /'
  fi
}

# The last line of a script: what it came to
tally() {
  printf '%d passed, %d failed\n' "$passed" "$failed"
  [ $failed = 0 ]
}
