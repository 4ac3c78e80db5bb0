#!/usr/bin/env bash
# A real Kubernetes control plane on loopback, for its audit log: etcd, kube-apiserver, kube-controller-manager.
#
#   kube.sh build    from the Go module proxy, unless the binaries of these versions are there
#   kube.sh up       start; audit log in $KUBE_DIR/audit, admin kubeconfig in $KUBE_DIR/kubeconfig
#   kube.sh load     varied requests, about 250 events for each of N (60) rounds
#   kube.sh kill     SIGKILL for the apiserver
#   kube.sh again    start it again, with the environment that `up` had
#   kube.sh quiet    stop the controllers and wait until the log stands still
#   kube.sh events   the apiserver's own count of audit events and of failed writes: "EVENTS ERRORS"
#   kube.sh log      the log's bytes in the order they were written
#   kube.sh down     stop what `up` started; files stay
#
# Environment of `up`: MAXSIZE (MB, 1), MAXBACKUP (0 keeps all), MODE (blocking-strict), LEVEL (Metadata), POLICY (a file
# with the audit policy instead), EXTRA (more flags for the apiserver).
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

KUBE_VERSION=1.36.3
ETCD_VERSION=3.6.8
KUBE_DIR=${KUBE_DIR:-$E2E/kube}
BIN=$E2E/bin/kube-$KUBE_VERSION-etcd-$ETCD_VERSION
PROGRAMS=(kube-apiserver kube-controller-manager kubectl)
[ -z "${NODE:-}" ] || PROGRAMS+=(kube-scheduler kubelet) # for node.sh: three minutes more
trap finish EXIT

build() {
  local program missing=0
  for program in etcd "${PROGRAMS[@]}"; do [ -x "$BIN/$program" ] || missing=1; done
  [ $missing = 1 ] || return 0
  note "building Kubernetes $KUBE_VERSION and etcd $ETCD_VERSION (about 5 minutes on 2 cores; log: $E2E/kube-build.log)"
  if ! (compile) >"$E2E/kube-build.log" 2>&1; then
    show_logs "$E2E/kube-build.log"
    die "Kubernetes does not build"
  fi
}

# k8s.io/kubernetes requires its sibling modules at v0.0.0 and finds them through replace directives, which don't count for whoever depends
# on it. A wrapper module that replaces each of them with its published version makes it an ordinary dependency.
compile() {
  local wrapper=$E2E/build/kube sibling version="-X k8s.io/component-base/version." mod
  export CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-mod=mod GOWORK=off
  rm -rf "$wrapper" && mkdir -p "$wrapper" "$BIN.new"
  cd "$wrapper"
  go mod init example.invalid/kube
  mod=$(go mod download -json "k8s.io/kubernetes@v$KUBE_VERSION" | jq -r .GoMod)
  local edits=()
  while read -r sibling; do
    edits+=("-replace=$sibling=$sibling@v0.${KUBE_VERSION#1.}")
  done < <(go mod edit -json "$mod" | jq -r '.Require[] | select(.Version == "v0.0.0") | .Path')
  go mod edit "${edits[@]}"
  # Each with its version: go takes the newest Kubernetes there is for one without, and the two don't go together.
  local programs=("${PROGRAMS[@]/#/k8s.io/kubernetes/cmd/}")
  go get -tool "${programs[@]/%/@v$KUBE_VERSION}" "go.etcd.io/etcd/server/v3@v$ETCD_VERSION"
  # kubectl compares versions with the server's: an unstamped build calls itself v0.0.0.
  go build -trimpath -ldflags "-s -w ${version}gitVersion=v$KUBE_VERSION ${version}gitMajor=1 ${version}gitMinor=36" \
    -o "$BIN.new/" "${PROGRAMS[@]/#/k8s.io/kubernetes/cmd/}"
  go build -trimpath -ldflags "-s -w" -o "$BIN.new/etcd" go.etcd.io/etcd/server/v3
  mkdir -p "$BIN"
  mv "$BIN.new"/* "$BIN/"
  rmdir "$BIN.new"
}

up() {
  local client peer api
  mkdir -p "$KUBE_DIR/audit"
  cd "$KUBE_DIR"
  read -r client peer api < <(free_ports 3)
  identities "$api"
  if [ -n "${POLICY:-}" ]; then cat "$POLICY" >policy.yaml; else policy >policy.yaml; fi

  spawn . etcd "$BIN/etcd" --data-dir etcd.data --log-level warn \
    --listen-client-urls "http://127.0.0.1:$client" --advertise-client-urls "http://127.0.0.1:$client" \
    --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
    --initial-cluster "default=http://127.0.0.1:$peer"

  printf '%s %s\n' "$client" "$api" >ports
  apiserver
  spawn . kube-controller-manager "$BIN/kube-controller-manager" --kubeconfig=controllers.kubeconfig --use-service-account-credentials \
    --service-account-private-key-file=sa.key --root-ca-file=certs/apiserver.crt --secure-port=0
  # It makes each namespace's default service account: once the first is there, the controllers work.
  wait_for 60 . kube-controller-manager api /api/v1/namespaces/default/serviceaccounts/default || { show_logs kube-controller-manager.log; die "no controllers"; }
}

# In $KUBE_DIR, on the ports of its first start.
apiserver() {
  local client api
  read -r client api <ports
  # No certificate is given: it makes its own, good for the bind address. It refuses to advertise a loopback address, hence one of the
  # documentation range that nothing dials. Without the ServiceAccount admission plugin pods need no token, so nothing waits for one.
  # shellcheck disable=SC2086  # EXTRA is a list of flags
  spawn . kube-apiserver "$BIN/kube-apiserver" --etcd-servers="http://127.0.0.1:$client" \
    --bind-address=127.0.0.1 --secure-port="$api" --cert-dir=certs --advertise-address=192.0.2.1 --endpoint-reconciler-type=none \
    --service-cluster-ip-range=10.96.0.0/16 --authorization-mode=RBAC --token-auth-file=tokens.csv --allow-privileged \
    --service-account-issuer=https://kubernetes.default.svc --service-account-signing-key-file=sa.key --service-account-key-file=sa.key \
    --disable-admission-plugins=ServiceAccount --kubelet-preferred-address-types=InternalIP \
    --audit-policy-file=policy.yaml --audit-log-path="$KUBE_DIR/audit/audit.log" --audit-log-mode="${MODE:-blocking-strict}" \
    --audit-log-maxsize="${MAXSIZE:-1}" --audit-log-maxbackup="${MAXBACKUP:-0}" --audit-log-maxage=0 ${EXTRA:-}

  wait_for 120 . kube-apiserver api /readyz || { show_logs etcd.log kube-apiserver.log; die "kube-apiserver is not ready"; }
}

again() {
  cd "$KUBE_DIR"
  apiserver
}

# Four users whose tokens live as long as this directory. The certificate that the apiserver makes comes with its own CA, so clients can
# check it.
identities() {
  local user name groups token
  openssl genrsa -out sa.key 2048 2>/dev/null
  printf 'API=https://127.0.0.1:%s\n' "$1" >session.env
  cat >kubeconfig <<CONFIG
apiVersion: v1
kind: Config
current-context: admin
clusters:
- {name: e2e, cluster: {server: "https://127.0.0.1:$1", certificate-authority: certs/apiserver.crt}}
contexts:
- {name: admin, context: {cluster: e2e, user: admin}}
- {name: alice, context: {cluster: e2e, user: alice}}
- {name: controllers, context: {cluster: e2e, user: controllers}}
users:
CONFIG
  : >tokens.csv
  while read -r user name groups; do
    token=$(random_hex 16)
    printf '%s,%s,uid-%s,"%s"\n' "$token" "$name" "$user" "$groups" >>tokens.csv
    printf -- '- {name: %s, user: {token: "%s"}}\n' "$user" "$token" >>kubeconfig
    printf 'TOKEN_%s=%s\n' "$user" "$token" >>session.env
  done <<'USERS'
admin admin system:masters
alice alice developers
bob bob operators
controllers system:kube-controller-manager
USERS
  sed 's/^current-context: .*/current-context: controllers/' kubeconfig >controllers.kubeconfig
}

# Lists stay at Metadata: one response line above MAXSIZE would be lost by the apiserver itself.
policy() {
  cat <<POLICY
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- {level: Metadata, verbs: [list, watch]}
- {level: Metadata, resources: [{group: "", resources: [secrets, serviceaccounts/token]}, {group: authentication.k8s.io}]}
- level: RequestResponse
  resources:
  - {group: "", resources: [namespaces, pods, "pods/*"]}
  - {group: rbac.authorization.k8s.io}
  - {group: networking.k8s.io}
- {level: ${LEVEL:-Metadata}}
POLICY
}

# api PATH [curl options…], as admin
api() {
  # shellcheck source=/dev/null
  . "$KUBE_DIR/session.env"
  # The token goes in through a file descriptor: arguments are for everyone to see.
  curl --silent --show-error --fail --max-time 30 --cacert "$KUBE_DIR/certs/apiserver.crt" \
    --header @<(printf 'Authorization: Bearer %s\n' "$TOKEN_admin") "${@:2}" "$API$1"
}

load() {
  # shellcheck source=/dev/null
  . "$KUBE_DIR/session.env"
  export TOKEN_admin TOKEN_alice TOKEN_bob
  python3 "$HERE/helpers/load.py" "$API" "$KUBE_DIR/certs/apiserver.crt" "${N:-60}"
  kubectl_load
}

# What only the real client does: discovery, server-side apply, its user agent, its way of asking for exec. Each run has names of its own: what
# a load that was killed left behind, and a namespace that is still going away, would refuse the next one.
kubectl_load() {
  local kubectl=("$BIN/kubectl" --kubeconfig "$KUBE_DIR/kubeconfig") run
  run=$(random_hex 4)
  "${kubectl[@]}" create namespace "by-kubectl-$run" >/dev/null
  "${kubectl[@]}" -n "by-kubectl-$run" apply --server-side -f - >/dev/null <<'YAML'
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: example.invalid/shop, args: ["--query=a<b && c>d", "--name=Zoë"]}]}
YAML
  "${kubectl[@]}" create clusterrolebinding "too-much-$run" --clusterrole=cluster-admin --user=bob >/dev/null
  "${kubectl[@]}" delete clusterrolebinding "too-much-$run" >/dev/null
  "${kubectl[@]}" --context alice -n "by-kubectl-$run" get secrets >/dev/null 2>&1 || true # 403 is the point
  "${kubectl[@]}" -n "by-kubectl-$run" exec deploy/shop -- id >/dev/null 2>&1 || true      # no node runs the pod; the request is logged all the same
  "${kubectl[@]}" delete namespace "by-kubectl-$run" --wait=false >/dev/null
}

log_size() { cat "$KUBE_DIR"/audit/* | wc -c; }

# Still for two looks, a second apart: an apiserver at rest logs a request of its own, or a reading of its metrics, every two to five seconds.
# With EXTRA=--audit-log-compress also: no backup waits for its compression.
quiet() {
  local before now still=0 _
  stop "$KUBE_DIR" kube-controller-manager
  before=$(log_size)
  for _ in $(seq 180); do
    sleep 1
    now=$(log_size)
    if [ "$now" = "$before" ] && ! { compressed && compgen -G "$KUBE_DIR/audit/audit-*.log" >/dev/null; }; then
      still=$((still + 1))
    else
      still=0
    fi
    [ $still -lt 2 ] || return 0
    before=$now
  done
  die "the audit log does not come to rest"
}

compressed() { compgen -G "$KUBE_DIR/audit/audit-*.log.gz" >/dev/null; }

events() {
  api /metrics | awk '
    /^apiserver_audit_event_total / { events = $2 }
    /^apiserver_audit_error_total/ { errors += $2 }
    END { printf "%d %d\n", events, errors }'
}

# Backups carry the time of their rotation in the name. A .gz beside its plain sibling is not complete yet.
log() {
  local file
  for file in "$KUBE_DIR"/audit/audit-*.log "$KUBE_DIR"/audit/audit-*.log.gz "$KUBE_DIR"/audit/audit.log; do
    [ ! -e "$file" ] || printf '%s\n' "$file"
  done | awk -F/ '{ n = $NF; sub(/\.gz$/, "", n); print (n == "audit.log" ? "2" : "1") n "\t" $0 }' | LC_ALL=C sort -k1,1 -k2,2 |
    awk -F'\t' '!seen[$1]++ { print $2 }' |
    while read -r file; do
      case $file in *.gz) gzip -dc "$file" ;; *) cat "$file" ;; esac
    done
}

down() {
  stop "$KUBE_DIR" kube-controller-manager
  stop "$KUBE_DIR" kube-apiserver 60
  stop "$KUBE_DIR" etcd
  rm -f "$KUBE_DIR/session.env" "$KUBE_DIR/tokens.csv" "$KUBE_DIR"/*kubeconfig "$KUBE_DIR/sa.key"
}

case ${1:-} in
  up) up_or_down "$KUBE_DIR/session.env" ;;
  kill) stop "$KUBE_DIR" kube-apiserver 0 ;;
  build | load | again | quiet | events | log | down) "$1" ;;
  *) die "usage: kube.sh build|up|load|kill|again|quiet|events|log|down" ;;
esac
