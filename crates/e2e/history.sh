#!/usr/bin/env bash
# `history` on a real apiserver: what kubectl did to objects is told, and `--compare` holds what `kubectl get` prints against it: objects that only
# the trail's requests wrote, one from before the archive, one that was written into etcd past the apiserver, one made there, one taken away there.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/history.XXXXXX")
export KUBE_DIR=$WORK/kube POLICY=$WORK/policy.yaml MAXSIZE=100 MODE=blocking-strict
trap 'finish clean' EXIT

clean() {
  "$HERE/parts/kube.sh" down
  if [ "$(failures)" != "$failed_before" ]; then LOG_LINES=12 show_logs "$KUBE_DIR"/kube-apiserver.log "$WORK"/*.out; fi
  discard "$WORK"
}

k() { "$E2E"/bin/kube-*-etcd-*/kubectl --kubeconfig "$KUBE_DIR/kubeconfig" "$@"; }

policy() {
  cat <<'YAML'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: RequestResponse, resources: [{group: networking.k8s.io}, {group: "", resources: [configmaps, services]}]}
- {level: Metadata}
YAML
}

# netpol NAME CIDR
netpol() {
  printf 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: %s, namespace: default}\n' "$1"
  printf 'spec: {podSelector: {matchLabels: {app: %s}}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: %s}}]}]}\n' "$1" "$2"
}

# into_etcd NAME WHAT: behind the apiserver's back
into_etcd() {
  local etcd _
  read -r etcd _ <"$KUBE_DIR/ports"
  python3 - "$HERE/helpers" "127.0.0.1:$etcd" "$1" "$2" <<'PY'
import sys
sys.path.insert(0, sys.argv[1])
from changes_etcd import Etcd, coded
etcd, name, what = Etcd(sys.argv[2]), sys.argv[3], sys.argv[4]
key = f"/registry/networkpolicies/default/{name}"
policy = etcd.get(key) or etcd.get("/registry/networkpolicies/default/quiet")
if what == "gone":
    etcd.call("/v3/kv/deleterange", {"key": coded(key)})
else:
    policy["metadata"].update(name=name)
    policy["spec"]["ingress"] = [{}]
    if what == "made":
        policy["metadata"]["uid"] = "00000000-0000-4000-8000-00000000beef"
    etcd.put(key, policy)
PY
}

played() {
  local policy
  netpol old 10.0.0.0/8 | k apply -f - &&
    # What is archived begins here.
    "$HERE/parts/kube.sh" log | wc -c >"$WORK/before" && sleep 1.1 &&
    for policy in web quiet hidden lost; do netpol "$policy" 10.0.0.0/8 | k apply -f - || return 1; done &&
    netpol web 0.0.0.0/0 | k apply -f - &&
    k patch netpol web --type json -p '[{"op": "add", "path": "/spec/ingress/0/ports", "value": [{"port": 443}]}]' &&
    k annotate netpol web kubernetes.io/change-cause="OPS-7" &&
    k get netpol quiet -o json | k replace -f - &&
    ! k create -f "$WORK/wrong.yaml" && k delete netpol web --dry-run=server &&
    k create configmap settings --from-literal="a=$(printf 'x: 1\ny: "no"\n')" --from-literal=on=yes --from-literal='t=#1 ä' --from-literal=n=0x10 &&
    into_etcd hidden changed && into_etcd made made && into_etcd lost gone &&
    k get netpol -A -o yaml >"$WORK/netpol.yaml" && k get configmaps settings -o yaml >"$WORK/settings.yaml" && collected &&
    "$HERE/parts/kube.sh" quiet && mkdir "$WORK/log" &&
    "$HERE/parts/kube.sh" log | tail -c "+$(($(cat "$WORK/before") + 1))" >"$WORK/log/audit.log"
}

# A collection of which one object may not go: what came before it is gone all the same.
collected() {
  local tries=0
  k apply -f - <<'YAML' &&
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: kept}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [networking.k8s.io], apiVersions: [v1], operations: [DELETE], resources: [ingresses]}]}
  validations: [{expression: "oldObject.metadata.name != 'zkept'"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: kept}
spec: {policyName: kept, validationActions: [Deny]}
YAML
    k create ingress taken --rule=a/=b:80 && k create ingress zkept --rule=a/=b:80 || return 1
  while k delete ingress zkept --dry-run=server; do
    tries=$((tries + 1)) && [ $tries -lt 100 ] && sleep 0.2 || return 1
  done
  ! k delete --raw /apis/networking.k8s.io/v1/namespaces/default/ingresses && [ "$(k get ingress -o name)" = ingress.networking.k8s.io/zkept ]
}

archived() {
  "$AUDITSEAL" keygen --name e2e/cp-1 --out "$WORK/key" >"$WORK/vkey" &&
    "$AUDITSEAL" backfill --cluster e2e --node cp-1 --source "audit=$WORK/log/audit.log" --store "file://$WORK/archive" --key "$WORK/key" --state "$WORK/state"
}

life() { "$AUDITSEAL" history "$@" --store "file://$WORK/archive" --origin e2e/cp-1/audit --vkey "$(cat "$WORK/vkey")"; }

told() {
  life netpol/web -n default >"$WORK/web.out" && cat "$WORK/web.out" &&
    grep -q 'allowed: 10.0.0.0/8 → all ports of pods with app=web' "$WORK/web.out" &&
    grep -q 'opened: 0.0.0.0/0 but 10.0.0.0/8 → all ports of pods with app=web' "$WORK/web.out" &&
    grep -q 'closed: 0.0.0.0/0 → all TCP ports but 443' "$WORK/web.out" &&
    grep -q 'why: kubernetes.io/change-cause = OPS-7' "$WORK/web.out" && life netpol/web -n default 2>&1 | grep -q 'dry runs 1'
}

# A refusal of one object says nothing of the others.
in_part() { life ingress/taken -n default >"$WORK/taken.out" && cat "$WORK/taken.out" && grep -q ': failed with 422: it may have been done all the same' "$WORK/taken.out"; }

# verdicts of a comparison, name=verdict, in one line
verdicts() { life "$1" --compare "$2" -o json | jq -r 'select(.type == "comparison") | "\(.object.name)=\(.verdict)"' | sort | paste -sd' ' -; }

differs() {
  local code=0
  life netpol --compare "$WORK/netpol.yaml" >"$WORK/compare.out" || code=$?
  cat "$WORK/compare.out"
  [ "$code" = 4 ] && grep -q '/old -n default: no state of it is in the trail: it is older' "$WORK/compare.out"
}

failed_before=$(failures)
begin=$SECONDS
need_auditseal
"$HERE/parts/kube.sh" build
policy >"$POLICY"
printf 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: default}\nspec: {podSelector: 3}\n' >"$WORK/wrong.yaml"
EXTRA="--storage-media-type=application/json" "$HERE/parts/kube.sh" up
check "history: played" played
check "history: archived" archived
check "history: what kubectl did is told in words" told
same "history: what lives have that the trail doesn't know" "hidden=unseen lost=notListed made=unknown old=unknown quiet=same web=same" "$(verdicts netpol "$WORK/netpol.yaml")"
same "history: YAML as kubectl writes it is what the trail knows" "settings=same" "$(verdicts configmaps/settings "$WORK/settings.yaml")"
check "history: what differs is said, and exit code 4" differs
check "history: a collection that was refused may be gone in part" in_part
printf '  history: %s s\n' $((SECONDS - begin))
