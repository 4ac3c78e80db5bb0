#!/usr/bin/env bash
# Logs of network policies: each format is tailed through rotation and sealed byte for byte, asked, held against policies; and what is suggested
# is taken by a real apiserver.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/flows.XXXXXX")
export KUBE_DIR=$WORK/kube
LINES_OF_EACH=${LINES_OF_EACH:-3000}
SAMPLES=$ROOT/testdata/flows
formats=(hubble antrea calico ovn jsonl text)
failed_before=$(failures)
trap 'finish clean' EXIT

clean() {
  stop "$WORK" auditseal
  "$HERE/parts/kube.sh" down
  if [ "$(failures)" != "$failed_before" ]; then LOG_LINES=12 show_logs "$WORK"/*.log; fi
  discard "$WORK"
}

k() { "$E2E"/bin/kube-*-etcd-*/kubectl --kubeconfig "$KUBE_DIR/kubeconfig" "$@"; }
chain() { printf -- '--store\nfile://%s\n--origin\ne2e/w-1/%s\n--vkey\n%s\n' "$WORK/store" "$1" "$WORK/vkey"; }
ask() { mapfile -t where < <(chain "$1"); "$AUDITSEAL" query flows "${where[@]}" "${@:2}"; }

# ---- sealed, while the files rotate under it

sources=()
for one in "${formats[@]}"; do
  mkdir -p "$WORK/logs/$one"
  format=$one
  [ "$one" != jsonl ] || format=jsonl:timestamp
  sources+=(--source "$one=$WORK/logs/$one/$one.log" --source-format "$one=$format")
done
need_auditseal
"$AUDITSEAL" keygen --name e2e/w-1 --out "$WORK/key" >"$WORK/vkey"
spawn "$WORK" auditseal "$AUDITSEAL" run --cluster e2e --node w-1 "${sources[@]}" --store "file://$WORK/store" --key "$WORK/key" \
  --state "$WORK/state" --window 1s
check "$LINES_OF_EACH lines of each of ${#formats[@]} logs are written, rotated and compressed" \
  python3 "$HERE/helpers/flows.py" write "$SAMPLES" "$WORK/logs" "$LINES_OF_EACH"
stop "$WORK" auditseal 60
check "what came after the agent's end is archived too" "$AUDITSEAL" backfill --cluster e2e --node w-1 "${sources[@]}" --store "file://$WORK/store" \
  --key "$WORK/key" --state "$WORK/state"

back() { mapfile -t where < <(chain "$1"); "$AUDITSEAL" cat "${where[@]}" | cmp - "$WORK/logs/$1.all"; }
complete() {
  mapfile -t where < <(chain "$1")
  "$AUDITSEAL" verify "${where[@]}" --format json >"$WORK/report.json" &&
    jq -e --argjson lines "$LINES_OF_EACH" '.origins[0] | (.findings | length) == 0 and .lines == $lines and .malformed == 0' "$WORK/report.json"
}
for one in "${formats[@]}"; do
  check "$one comes back byte for byte" back "$one"
  check "$one is COMPLETE, and nothing of it is a malformed event" complete "$one"
done

# ---- asked

# cited FORMAT: the line that the first citation names is the line of the log
cited() {
  local seq line shown
  ask "$1" --verdict denied --output json >"$WORK/asked.jsonl" 2>"$WORK/footer" || { cat "$WORK/footer"; return 1; }
  read -r seq line < <(head -n 1 "$WORK/asked.jsonl" | jq -r '"\(.seq) \(.line)"')
  shown=$(head -n 1 "$WORK/asked.jsonl" | jq -r .text)
  mapfile -t where < <(chain "$1")
  "$AUDITSEAL" cat "${where[@]}" --from "$seq" --to "$seq" --allow-unanchored 2>/dev/null | sed -n "${line}p" >"$WORK/line"
  [ -n "$shown" ] && [ "$shown" = "$(cat "$WORK/line")" ]
}
for one in "${formats[@]}"; do check "$one: a denied flow is found, and cited where it is sealed" cited "$one"; done
same "hubble: what was kept from db" $((LINES_OF_EACH / 10)) "$(ask hubble --to 'shop/db-*' --port 5432 --verdict denied -o count 2>/dev/null)"
same "hubble: its notes of what it lost are no flows" $((LINES_OF_EACH / 10)) "$(ask hubble --unknown -o count 2>/dev/null)"

# ---- before a policy is applied

netpol() { mapfile -t where < <(chain hubble); "$AUDITSEAL" netpol "$@" "${where[@]}"; }
printf '%s\n' 'apiVersion: networking.k8s.io/v1' 'kind: NetworkPolicy' 'metadata: {name: deny, namespace: shop}' \
  'spec: {podSelector: {matchLabels: {app: db}}}' >"$WORK/deny.yaml"
replayed() {
  netpol replay "$WORK/deny.yaml" -o json >"$WORK/replay.json" &&
    jq -e --argjson tenth $((LINES_OF_EACH / 10)) '.totals.blocked == 2 * $tenth and .totals.stopped_then == $tenth and .totals.unknown == 0' "$WORK/replay.json"
}
check "a policy that lets nothing in would have blocked what web sent to db" replayed
same "and a pipeline is told so" 4 "$(netpol replay "$WORK/deny.yaml" --fail-if-blocked >/dev/null 2>&1; echo $?)"
check "policies are suggested" eval 'netpol suggest -n shop >"$WORK/shop.yaml"'
# Hubble's notes say that flows were lost: nothing that is told would be blocked, and that it isn't all is the exit code.
unblocked() {
  local code=0
  netpol replay "$1" --fail-if-blocked -o json >"$WORK/replay.json" || code=$?
  [ "$code" = 2 ] && jq -e '.totals | .allowed > 0 and .blocked == 0 and .unknown == 0' "$WORK/replay.json"
}
check "they would block none of what they are made of" unblocked "$WORK/shop.yaml"
check "again they are the same" eval 'netpol suggest -n shop | cmp - "$WORK/shop.yaml"'

"$HERE/parts/kube.sh" build
printf '%s\n' 'apiVersion: audit.k8s.io/v1' 'kind: Policy' 'omitStages: [RequestReceived]' 'rules:' \
  '- {level: RequestResponse, resources: [{group: networking.k8s.io}]}' '- {level: None}' >"$WORK/policy.yaml"
check "an apiserver is there" env POLICY="$WORK/policy.yaml" "$HERE/parts/kube.sh" up
check "with the namespace" k create namespace shop
check "it would take what is suggested" k apply --dry-run=server -f "$WORK/shop.yaml"
check "it takes it" k apply -f "$WORK/shop.yaml"
applied() { k -n shop get networkpolicies -o yaml >"$WORK/applied.yaml" && unblocked "$WORK/applied.yaml"; }
check "what it has then means the same" applied

# ---- a log without labels, and what kubectl prints of the pods

# pod NAME APP IP: as a kubelet would have told of it
pod() {
  k -n shop run "$1" --image=none --labels "app=$2" &&
    k -n shop patch pod "$1" --subresource status --type merge -p "$(jq -nc --arg ip "$3" --arg now "$(date -u +%FT%TZ)" '{status: {phase: "Running",
      podIP: $ip, podIPs: [{ip: $ip}], hostIP: "192.0.2.7", startTime: $now, conditions: [{type: "PodReadyToStartContainers", status: "True", lastTransitionTime: $now}]}}')"
}
# antrea SECONDS FROM PORT: a line of so many seconds from now
antrea() {
  printf '%s IngressRule K8sNetworkPolicy:shop/db <nil> Ingress Allow 190 shop/db-0 %s %s 10.10.2.21 5432 TCP 60 <nil>\n' "$(date -u -d "+$1 seconds" '+%Y/%m/%d %T.000000')" "$2" "$3"
}
unlabelled() {
  pod db-0 db 10.10.2.21 && pod web-0 web 10.10.1.11 && # As if that were half an hour ago.
    k get pods,namespaces -A -o json | jq 'walk(if type == "string" and test("^[0-9-]{10}T[0-9:]{8}Z$") then fromdate - 1800 | todate else . end)' >"$WORK/objects.yaml" &&
    mkdir "$WORK/bare" && { antrea -3600 10.10.1.11 41021; antrea -600 10.10.1.11 41022; antrea -599 10.10.9.9 41023; } >"$WORK/bare/np.log" &&
    "$AUDITSEAL" backfill --cluster e2e --node w-1 --source "np=$WORK/bare/np.log" --source-format np=antrea --store "file://$WORK/bare-store" \
      --key "$WORK/key" --state "$WORK/state-of-bare"
}
by_objects() {
  "$AUDITSEAL" netpol replay "$WORK/deny.yaml" --objects "$WORK/objects.yaml" --objects-at 0s -o json \
    --store "file://$WORK/bare-store" --origin e2e/w-1/np --vkey "$WORK/vkey" >"$WORK/by.json" && cat "$WORK/by.json" &&
    jq -e '.totals.blocked == 2 and .totals.unknown == 1 and .totals.by_objects == 2 and .totals.lacking_in_objects.younger == 1' "$WORK/by.json" &&
    jq -e '[.rows[] | select(.would == "blocked") | .peer] | sort == ["10.10.9.9", "shop app=web"]' "$WORK/by.json"
}
check "pods that kubectl lists, and a log that tells none of their labels" unlabelled
check "they tell what it doesn't, from when they were created" by_objects

# ---- a change and the block that it caused, in one view

# probe VERDICT: what the probe's attempt on db came to now, as the sample's line of it says
probe() { sed -n 7p "$SAMPLES/hubble.log" | jq -c --arg now "$(date -u +%FT%T.%NZ)" --arg verdict "$1" '.time = $now | .flow.time = $now | .flow.verdict = $verdict'; }
changed() {
  mkdir -p "$WORK/seen" && probe FORWARDED >"$WORK/seen/hubble.log" && sleep 1.1 &&
    k apply -f "$WORK/deny.yaml" && sleep 1.1 && probe DROPPED >>"$WORK/seen/hubble.log" && probe DROPPED >>"$WORK/seen/hubble.log" &&
    "$HERE/parts/kube.sh" quiet && "$HERE/parts/kube.sh" log >"$WORK/seen/audit.log"
}
beside=(--cluster e2e --node w-1 --source "seen=$WORK/seen/hubble.log" --source-format seen=hubble --source "audit=$WORK/seen/audit.log")
viewed() {
  "$AUDITSEAL" history networkpolicies/deny -n shop --with-flows --store "file://$WORK/view" --origin e2e/w-1/audit --origin e2e/w-1/seen \
    --vkey "$WORK/vkey" >"$WORK/view.out" && cat "$WORK/view.out" &&
    grep -q 'isolated: what comes in to pods with app=db' "$WORK/view.out" && grep -q 'flows after it: 2 lines blocked' "$WORK/view.out" &&
    grep -q 'blocked, allowed before: lab run=probe → shop app=db port 5432/TCP (ingress): 2 lines, first e2e/w-1/seen 1:2' "$WORK/view.out"
}
check "a policy is applied between what passes and what is blocked" changed
check "both logs are archived" "$AUDITSEAL" backfill "${beside[@]}" --store "file://$WORK/view" --key "$WORK/key" --state "$WORK/state-of-view"
check "the change and what it blocked are told in one view" viewed
