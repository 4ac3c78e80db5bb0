#!/usr/bin/env bash
# `doctor --suggest-policy` on a loaded apiserver that logs every body: what it makes is taken by the same apiserver, the same load is put on it
# once more, and what is then in the log is held against what was promised.
#
#   policy.sh [--full]      N (12) is the load. --full also asks a third cluster, which logs no body, what bodies would take
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/policy.XXXXXX")
export KUBE_DIR=$WORK/everything MODE=blocking-strict MAXSIZE=100 MAXBACKUP=0 N=${N:-12}
trap 'finish clean' EXIT

clean() {
  if [ "$(failures)" != "$failed_before" ]; then show_logs "$KUBE_DIR"/*.log; fi
  "$HERE/parts/kube.sh" down
  discard "$WORK"
}

# loaded NAME: a new cluster with the policy WORK/NAME.policy, a load, until the log rests; the log is then WORK/NAME.log
loaded() {
  export KUBE_DIR=$WORK/$1 POLICY=$WORK/$1.policy
  "$HERE/parts/kube.sh" up && "$HERE/parts/kube.sh" load && "$HERE/parts/kube.sh" quiet && "$HERE/parts/kube.sh" log >"$WORK/$1.log" &&
    ! grep 'Audit policy contains errors' "$KUBE_DIR/kube-apiserver.log"
}

# starts POLICY: the apiserver that runs now, with another one
starts() {
  stop "$KUBE_DIR" kube-apiserver 60
  cat "$1" >"$KUBE_DIR/policy.yaml"
  "$HERE/parts/kube.sh" again && ! grep 'Audit policy contains errors' "$KUBE_DIR/kube-apiserver.log"
}

# suggest NAME [flags…]: a policy and a page from a log; the exit code is in `code`
suggest() {
  code=0
  "$AUDITSEAL" doctor --suggest-policy --on "$WORK/$1.log" "${@:2}" >"$WORK/$1.yaml" 2>"$WORK/$1.page" || code=$?
  "$AUDITSEAL" doctor --suggest-policy --on "$WORK/$1.log" "${@:2}" --format json >"$WORK/$1.json" || true
}

spot() { jq -r --arg about "$2" '.spots[] | select(.question | contains($about)) | "\(.now) \(.then)"' "$WORK/$1.json"; }
exposed() { jq -r --arg kind "$2" '[.exposed[] | select(.kind == $kind) | .bodies] | add // 0' "$WORK/$1.json"; }
more_than() { [ "$2" -gt "$1" ] || { echo "$2, not more than $1"; return 1; }; }

# held BEFORE AFTER: by block, bytes promised from one log and found in another. The same load isn't the same requests to the byte: the
# controllers react as they get to it, and their number of conflicts differs.
held() {
  python3 - "$WORK/$1.json" "$WORK/$2.json" <<'PY'
import json, sys
promised, found = (json.load(open(path)) for path in sys.argv[1:])
blocks = {row["block"]: row for row in found["rows"]}
wrong, total = [], [0, 0, 0]
for row in promised["rows"]:
    if not row["chosen"] or row["level"] == "None":
        continue
    low, high, is_now = row["then"]["low"], row["then"]["high"], blocks[row["block"]]["now"]
    total = [a + b for a, b in zip(total, (low, high, is_now))]
    print(f'{row["block"]:12} {row["events"]:6} events, promised {low:9} to {high:9} bytes, found {blocks[row["block"]]["events"]:6} events, {is_now:9} bytes')
print(f"all: promised {total[0]} to {total[1]} bytes, found {total[2]}")
sys.exit(not 0.85 * total[0] <= total[2] <= 1.15 * total[1])
PY
}

# Annotations, unknown and doubled fields, half a surrogate pair, patches of megabytes that are logged as they come, user agents, paths, audit
# ids: all in lines of a real apiserver, which are alone in WORK/odd. Of a patch that isn't JSON the apiserver loses the second line itself:
# docs/audit-policy.md. What is archived is theirs alone.
odd() {
  local before
  # shellcheck source=/dev/null
  . "$KUBE_DIR/session.env" && export TOKEN_admin && mkdir "$WORK/odd" &&
    before=$("$HERE/parts/kube.sh" log | wc -c) &&
    python3 "$HERE/helpers/odd.py" send "$API" "$KUBE_DIR/certs/apiserver.crt" &&
    "$HERE/parts/kube.sh" log | tail -c +$((before + 1)) >"$WORK/odd/audit.log"
}
odd=(--store "file://$WORK/odd-archive" --origin e2e/node-1/audit --vkey "$WORK/vkey")
odd_archived() {
  "$AUDITSEAL" keygen --name e2e/node-1 --out "$WORK/key" >"$WORK/vkey" &&
    "$AUDITSEAL" backfill --cluster e2e --node node-1 --source "audit=$WORK/odd/audit.log" --store "file://$WORK/odd-archive" --key "$WORK/key" --state "$WORK/odd-state" &&
    "$AUDITSEAL" verify "${odd[@]}"
}

# The apiserver does it, answers 200 or 201, and can't write the event: the stage before is what is left.
applied_in_yaml() {
  local address=apis/networking.k8s.io/v1/namespaces/default/networkpolicies/in-yaml
  # shellcheck source=/dev/null
  . "$KUBE_DIR/session.env" && printf 'Authorization: Bearer %s\n' "$TOKEN_admin" >"$WORK/token" &&
    printf '%s\n' 'apiVersion: networking.k8s.io/v1' 'kind: NetworkPolicy' 'metadata: {name: in-yaml}' 'spec: {podSelector: {}}' |
    curl -sSf --cacert "$KUBE_DIR/certs/apiserver.crt" -H "@$WORK/token" -H 'Content-Type: application/apply-patch+yaml' -X PATCH --data-binary @- \
      "$API/$address?fieldManager=e2e" >"$WORK/answer" && "$HERE/parts/kube.sh" quiet &&
    "$HERE/parts/kube.sh" log | grep -F "/$address?" | tee "$WORK/stages" && jq -r .stage "$WORK/stages" | grep -qx RequestReceived
}

failed_before=$(failures)
need_auditseal
"$HERE/parts/kube.sh" build
begin=$SECONDS
printf '%s\n' 'apiVersion: audit.k8s.io/v1' 'kind: Policy' 'rules: [{level: RequestResponse}]' >"$WORK/everything.policy"
printf '%s\n' 'apiVersion: audit.k8s.io/v1' 'kind: Policy' 'omitStages: [RequestReceived]' 'rules: [{level: Metadata}]' >"$WORK/metadata.policy"

check "a cluster that logs every body" loaded everything
suggest everything --policy "$WORK/everything.policy"
check "clients try to make their own lines seem to be of another time" odd
"$HERE/parts/kube.sh" down
check "what they made is archived" odd_archived
check "each line is found at its own time, byte for byte" python3 "$HERE/helpers/odd.py" held "$WORK/odd/audit.log" "$AUDITSEAL" "${odd[@]}"
same "everything is logged: values of Secrets are in it, exit code 1" 1 "$code"
check "values of Secrets are counted" more_than 0 "$(exposed everything "values of Secrets")"
check "tokens are counted" more_than 0 "$(exposed everything tokens)"
secret=$(printf 'not logged' | base64)
check "their values are in the log" grep -qF "$secret" "$WORK/everything.log"
check "and never on the page" sh -c "! grep -qF '$secret' '$WORK/everything.page' '$WORK/everything.json' '$WORK/everything.yaml'"
same "what a ConfigMap held can't be told any more" "full happened" "$(spot everything 'a ConfigMap held')"
sed 's/^/        | /' "$WORK/everything.page"

cat "$WORK/everything.yaml" >"$WORK/suggested.policy"
check "the apiserver starts with the policy, and takes the same load" loaded suggested
suggest suggested --policy "$WORK/suggested.policy"
same "no values of Secrets, no tokens: exit code 0" 0 "$code"
same "values of Secrets" 0 "$(exposed suggested "values of Secrets")"
same "tokens" 0 "$(exposed suggested tokens)"
check "their values aren't in the log" sh -c "! grep -qF '$secret' '$WORK/suggested.log'"
check "what is logged is what was promised" held everything suggested
held everything suggested | sed 's/^/        | /' || true
check "the apiserver starts with the policy that ships" starts "$ROOT/deploy/audit-policy.yaml"
check "and an apply in YAML leaves its trace" applied_in_yaml
"$HERE/parts/kube.sh" down

if [ "${1:-}" != --full ]; then
  note "policy: $((SECONDS - begin)) s"
  exit 0
fi
check "a cluster that logs no body" loaded metadata
suggest metadata --policy "$WORK/metadata.policy"
same "nothing but metadata: exit code 0" 0 "$code"
same "a NetworkPolicy's change was seen to happen, and will be seen" "happened full" "$(spot metadata NetworkPolicy)"
check "what bodies would take is within the range" held metadata suggested
held metadata suggested | sed 's/^/        | /' || true
note "policy: $((SECONDS - begin)) s"
