#!/usr/bin/env bash
# What takes longer than a test may. Each part runs to its end whatever became of the others; a table says what each of them took.
#
#   soak.sh [PART…]     all parts without names; `soak.sh --list` names them
#
# It takes some hours. Servers and tools are those of `make e2e`; root is needed for `hang` and for two cases of `torture`, and each says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

CARGO=${CARGO:-cargo}
# What `followers` runs of each kind, and `chains` of all: for a try of the rest.
HISTORIES=${AUDITSEAL_HISTORIES:-100000}
ARCHIVES=${AUDITSEAL_ARCHIVES:-100000}
PARTS=(followers sim bounds stores fuzz chains times proofs sabotage-tail sabotage-agent doubles conformance policy hang many packs engines changes netpol torture)

soak() { "$CARGO" test --profile soak --locked "$@"; }
alone() { AUDITSEAL_BOUNDS=production soak "$@" -- --nocapture --test-threads=1; }

run() {
  case $1 in
    # Random histories of what happens to a log's files.
    followers) AUDITSEAL_HISTORIES=$HISTORIES soak -p auditseal-tail --test histories -- --nocapture ;;
    # The whole agent under a seeded scheduler.
    sim) AUDITSEAL_RUNS=5000 soak -p auditseal-agent --lib sim ;;
    # Bounds as they are in production: a million keys, an outage of 400,000 heartbeats.
    bounds) alone -p auditseal-agent --test bounds_soak --test million --test outage ;;
    stores) alone -p auditseal-archive --test million ;;
    fuzz) crates/e2e/fuzz/run.sh 60 ;;
    # The first and the second verifier, over archives and lines by dice.
    chains) crates/e2e/chains.sh "$ARCHIVES" ;;
    times) crates/e2e/times.sh 300 ;;
    proofs) crates/e2e/proofs.sh 10000 ;;
    sabotage-tail) crates/tail/tests/mutants.sh ;;
    sabotage-agent) crates/agent/tests/mutants.sh ;;
    doubles) crates/e2e/doubles.sh 50 ;;
    conformance) crates/e2e/run.sh conformance ;;
    policy) crates/e2e/policy.sh --full ;;
    hang) crates/e2e/hang.sh --full ;;
    many) crates/e2e/many.sh --full ;;
    packs) crates/e2e/packs.sh --full ;;
    engines) crates/e2e/engines.sh --full ;;
    changes) crates/e2e/changes.sh 2000 ;;
    # What policies mean, and what is suggested of flows, against brute-force evaluations.
    netpol) AUDITSEAL_PAIRS=10000 soak -p auditseal-history --lib netpol && AUDITSEAL_PAIRS=10000 soak -p auditseal-netpol --lib ;;
    torture) crates/e2e/torture.sh --full ;;
  esac
}

[ "${1:-}" != --list ] || { printf '%s\n' "${PARTS[@]}"; exit 0; }
for part; do
  case " ${PARTS[*]} " in
    *" $part "*) ;;
    *) echo "usage: soak.sh [--list | PART…], and the parts are: ${PARTS[*]}" >&2 && exit 2 ;;
  esac
done
[ $# -gt 0 ] || set -- "${PARTS[@]}"

# It stands at the end whatever ends this.
table= failed=0
times() {
  [ -z "$table" ] || printf '\n| part | seconds | |\n|---|---|---|\n%s| all | %s | |\n' "$table" "$SECONDS"
}
trap times EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

for part; do
  begin=$SECONDS word=passed
  printf '== %s\n' "$part"
  (set -euo pipefail && run "$part") </dev/null || { word=FAILED && failed=1; }
  table+=$(printf '| %s | %s | %s |' "$part" $((SECONDS - begin)) $word)$'\n'
done
exit $failed
