#!/usr/bin/env bash
# A story on a real cluster, and twelve questions about it: each answered by jq over the apiserver's log, and held against what the players
# themselves wrote down.
#
#   story.sh [LEVEL]      Metadata, Request (as without one) or RequestResponse
#   story.sh --record     at each level; logs, questions and answers go to testdata/story
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/story.XXXXXX")
STORY=$ROOT/testdata/story
export KUBE_DIR=$WORK/kube MAXSIZE=100 MODE=blocking-strict
trap 'finish clean' EXIT

clean() {
  exec 9>&- || true
  stop "$WORK" story
  "$HERE/parts/kube.sh" down
  if [ "$(failures)" != "$failed_before" ]; then LOG_LINES=12 show_logs "$KUBE_DIR"/*.log "$WORK"/*.log; fi
  discard "$WORK"
}

# The players' keys live as long as WORK. Certificates: a name, and the group that it's in.
keys() {
  local name group
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=story clients" -keyout "$WORK/ca.key" -out "$WORK/ca.crt"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=kubelet" -addext "subjectAltName=IP:127.0.0.1" -keyout "$WORK/kubelet.key" -out "$WORK/kubelet.crt"
  while read -r name group; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/O=$group/CN=$name" -keyout "$WORK/$name.key" -out "$WORK/$name.csr"
    openssl x509 -req -in "$WORK/$name.csr" -CA "$WORK/ca.crt" -CAkey "$WORK/ca.key" -CAcreateserial -days 2 -out "$WORK/$name.crt"
  done <<'PEOPLE'
olivia platform
dana developers
mallory developers
sam support
igor edge
PEOPLE
}

# The system's own voice is left out: the apiserver, the controllers, and what every client asks to learn what there is. Of Secrets and tokens
# no body is logged at any level.
policy() {
  cat <<POLICY
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- {level: None, users: ["system:apiserver", "system:kube-controller-manager", "system:anonymous"]}
- {level: None, userGroups: ["system:serviceaccounts:kube-system", "system:nodes"]}
- {level: None, nonResourceURLs: ["/api", "/api/*", "/apis", "/apis/*", "/openapi/*", "/version", "/readyz", "/metrics"]}
- {level: None, users: [admin], resources: [{group: "", resources: [serviceaccounts], resourceNames: [default]}]}
- {level: Metadata, resources: [{group: "", resources: [secrets, serviceaccounts/token]}, {group: authentication.k8s.io}]}
- {level: $1}
POLICY
}

# played LEVEL: the log of the story is then WORK/LEVEL.log, what happened in it WORK/LEVEL.truth
played() {
  local level=$1
  rm -rf "$KUBE_DIR"
  policy "$level" >"$WORK/policy.yaml"
  POLICY=$WORK/policy.yaml EXTRA="--client-ca-file=$WORK/ca.crt" "$HERE/parts/kube.sh" up || return 1
  # shellcheck source=/dev/null
  . "$KUBE_DIR/session.env" && export TOKEN_admin
  # The last of the story is a watch that the apiserver's death cuts off: the player keeps it open until file descriptor 9 is closed.
  rm -f "$WORK/story.log" "$WORK/curtain" && mkfifo "$WORK/curtain" || return 1
  spawn "$WORK" story player "$level"
  exec 9>"$WORK/curtain"
  wait_for 60 "$WORK" story grep -q ' requests$' "$WORK/story.log" || { cat "$WORK/story.log"; return 1; }
  "$HERE/parts/kube.sh" kill
  exec 9>&-
  gone "$WORK" story 15
  "$HERE/parts/kube.sh" log >"$WORK/$level.log" && "$HERE/parts/kube.sh" down
}
player() { exec python3 "$HERE/helpers/story.py" "$API" "$KUBE_DIR/certs/apiserver.crt" "$WORK" "$E2E"/bin/kube-*-etcd-*/kubectl "$WORK/$1.truth" <"$WORK/curtain"; }

# No key, no token and no value of a Secret is in a log that is kept.
nothing_secret() {
  [ -s "$1" ] && ! grep -e '"token":"' -e 'eyJhbGciOi' -e "$(printf 'made up for' | base64 | cut -c1-12)" -e 'made up for' -e PRIVATE -e "$TOKEN_admin" "$1"
}

answered() { python3 "$HERE/helpers/questions.py" held "$STORY/questions" "$WORK/$1.log" "$WORK/$1.truth"; }

failed_before=$(failures)
begin=$SECONDS
"$HERE/parts/kube.sh" build
keys >"$WORK/keys.log" 2>&1 || { cat "$WORK/keys.log"; die "no keys"; }
if [ "${1:-}" = --record ]; then levels=(Metadata Request RequestResponse); else levels=("${1:-Request}"); fi
for level in "${levels[@]}"; do
  check "story: played, logged at $level" played "$level"
  check "story: no secret is in the log" nothing_secret "$WORK/$level.log"
  check "story: twelve questions at $level: jq's answers are what happened" answered "$level"
done
if [ "${1:-}" = --record ]; then
  [ "$(failures)" = "$failed_before" ] || die "not recorded"
  umask 022
  for level in "${levels[@]}"; do install -m 644 "$WORK/$level.log" "$STORY/${level,,}.log"; done
  python3 "$HERE/helpers/questions.py" record "$STORY"
fi
check "story: what is recorded is what jq says of the recorded logs" python3 "$HERE/helpers/questions.py" recorded "$STORY"
printf '  story: %s lines, %s s\n' "$(cat "$WORK"/[MR]*.log | wc -l)" $((SECONDS - begin))
