#!/usr/bin/env bash
# Random changes on a real apiserver, with what etcd had after each: what `history` says can be held against that.
#
#   changes.sh [COUNT [SEED]]    COUNT requests (2000); log and truth stay in target/e2e/changes
#   changes.sh --record          the sample in testdata/changes
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/changes.XXXXXX")
export KUBE_DIR=$WORK/kube MAXSIZE=100 MODE=blocking-strict
trap 'finish clean' EXIT

clean() {
  "$HERE/parts/kube.sh" down
  if [ "$(failures)" != "$failed_before" ]; then LOG_LINES=12 show_logs "$KUBE_DIR"/kube-apiserver.log "$WORK"/*.log; fi
  discard "$WORK"
}

# Whom the policy leaves out: the system, and two who change things without a trace.
policy() {
  cat <<'POLICY'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, users: [admin, "system:apiserver", "system:kube-controller-manager"]}
- {level: None, userGroups: ["system:serviceaccounts:kube-system"]}
- {level: RequestResponse}
POLICY
}

played() {
  local etcd
  policy >"$WORK/policy.yaml"
  # etcd keeps what it was given, as JSON, and all of it.
  POLICY=$WORK/policy.yaml EXTRA="--storage-media-type=application/json --etcd-compaction-interval=0" "$HERE/parts/kube.sh" up || return 1
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=kubelet" -addext "subjectAltName=IP:127.0.0.1" -keyout "$WORK/kubelet.key" -out "$WORK/kubelet.crt" || return 1
  read -r etcd _ <"$KUBE_DIR/ports"
  # shellcheck source=/dev/null
  . "$KUBE_DIR/session.env" && export TOKEN_admin TOKEN_alice TOKEN_bob TOKEN_controllers
  python3 "$HERE/helpers/changes.py" "$API" "$KUBE_DIR/certs/apiserver.crt" "$WORK" "127.0.0.1:$etcd" "$1" "$2" "$WORK/truth.jsonl" &&
    "$HERE/parts/kube.sh" down && "$HERE/parts/kube.sh" log >"$WORK/audit.log"
}

failed_before=$(failures)
begin=$SECONDS count=${1:-2000} seed=${2:-1} out=$E2E/changes
[ "${1:-}" != --record ] || { count=85 seed=14 out=$ROOT/testdata/changes; }
check "changes: what a controller writes is credited to no request" python3 "$HERE/helpers/changes_etcd_test.py"
"$HERE/parts/kube.sh" build
check "changes: $count requests, seed $seed" played "$count" "$seed"
check "changes: each answer in the log is what etcd had" python3 "$HERE/helpers/changes_held.py" "$WORK/audit.log" "$WORK/truth.jsonl"
# What failed is looked at: it stands beside what was kept of a run before, and not in its place.
[ "$(failures)" = "$failed_before" ] || out=$E2E/changes-failed
(umask 022 && mkdir -p "$out")
install -m 644 "$WORK/audit.log" "$WORK/truth.jsonl" "$out"
printf '  changes: %s, %s s\n' "$(wc -c "$out"/{audit.log,truth.jsonl} | awk '{ print $2 ": " $1 " bytes" }' | sed "s|$ROOT/||" | paste -sd, -)" $((SECONDS - begin))
[ "$(failures)" = "$failed_before" ] || die "what failed is kept in $out"
