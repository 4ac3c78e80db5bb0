#!/usr/bin/env bash
# The chart on a real cluster: etcd, apiserver, controllers, scheduler, kubelet, containerd. The DaemonSet ships the apiserver's own audit log to
# a locked bucket while it is upgraded; the Job backfills; nothing is lost. Needs root.
#
#   cluster.sh               AUDITSEAL_IMAGE=path takes a ready image tar, HELM=path a ready helm
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

HELM_VERSION=v4.3.1
WORK=$(mktemp -d "$E2E/cluster.XXXXXX")
export KUBE_DIR=$WORK/kube NODE_DIR=$WORK/node SEAWEEDFS_DIR=$WORK/seaweedfs SINKS_DIR=$WORK/sinks NODE=1
export MAXSIZE=1 MAXBACKUP=0 MODE=blocking-strict LEVEL=Metadata
IMAGE=auditseal.invalid/auditseal
CHART=$ROOT/deploy/helm/auditseal
trap 'finish clean' EXIT

clean() {
  stop "$WORK" load 0
  if [ "$(failures)" != "$failed_before" ]; then
    kubectl -n auditseal get pods,jobs -o wide >&2 || true
    kubectl -n auditseal describe pods 2>/dev/null | tail -n 40 >&2 || true
    kubectl -n auditseal logs --all-containers --prefix -l app.kubernetes.io/name=auditseal --tail=20 >&2 || true
    show_logs "$NODE_DIR"/*.log
  fi
  "$HERE/parts/node.sh" down
  "$HERE/parts/kube.sh" down
  "$HERE/parts/seaweedfs.sh" down
  "$HERE/parts/sinks.sh" down victorialogs
  for place in "$KUBE_DIR/audit" "$WORK/agent"; do ! mountpoint -q "$place" || umount "$place"; done
  discard "$WORK"
}

kubectl() { "$E2E"/bin/kube-*-etcd-*/kubectl --kubeconfig "$KUBE_DIR/kubeconfig" "$@"; }
helm() { HELM_CACHE_HOME=$WORK/helm HELM_CONFIG_HOME=$WORK/helm HELM_DATA_HOME=$WORK/helm "$HELM" --kubeconfig "$KUBE_DIR/kubeconfig" --namespace auditseal "$@"; }

need_helm() {
  HELM=${HELM:-$E2E/bin/helm-$HELM_VERSION/helm}
  [ -x "$HELM" ] && return 0
  note "building Helm (about 2 minutes)"
  (umask 022 && GOBIN=$E2E/bin/helm-$HELM_VERSION GOFLAGS=-mod=mod CGO_ENABLED=0 go install "helm.sh/helm/v4/cmd/helm@$HELM_VERSION") >"$E2E/helm.log" 2>&1 || { show_logs "$E2E/helm.log"; die "Helm does not build"; }
}

values() {
  cat <<VALUES
cluster: e2e
store: {url: s3://audit-cluster, endpoint: "$S3_ENDPOINT", credentialsSecret: store}
sources: [{name: audit, path: $KUBE_DIR/audit/audit.log}]
stateDir: $WORK/agent
settings: {window: 1s, heartbeat: 10s, apiserver-interval: 1s}
apiserverMetrics: {enabled: true, host: 127.0.0.1, port: $api_port}
image: {repository: $IMAGE, tag: e2e, pullPolicy: Never}
hostNetwork: true
listen: {enabled: $listen, port: $listen_port}
networkPolicy: {enabled: true}
VALUES
}

off() { # NODE: an affinity that keeps the DaemonSet off it
  printf '{"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [
    {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["%s"]}]}]}}}' "$1"
}

server_takes() { # PRESET: the apiserver itself checks every field of every object that it knows
  helm template auditseal "$CHART" -f "$CHART/presets/$1.yaml" --set cluster=e2e,store.url=s3://b,openShift.securityContextConstraints=false \
    --set networkPolicy.enabled=true,backfill.enabled=true,backfill.nodes={cp-1},backfill.sources[0].name=old,backfill.sources[0].path=/var/log/old/audit.log \
    --set apiserverMetrics.enabled=true,apiserverMetrics.source="$(sed -n 's/.*name: \([a-z-]*\), path:.*/\1/p' "$CHART/presets/$1.yaml" | head -n 1)" \
    --set 'retire.nodes={cp-3}' --set-json "affinity=$(off cp-3)" |
    kubectl -n auditseal apply --dry-run=server --validate=strict -f -
}

kustomize_example() {
  kubectl kustomize "$ROOT/deploy/kustomize/example" >"$WORK/kustomized.yaml" && grep -q 'value: s3://audit-archive/k8s' "$WORK/kustomized.yaml" &&
    kubectl apply --dry-run=server --validate=strict -f "$WORK/kustomized.yaml"
}

kustomize_auditor() {
  kubectl create namespace auditseal-auditor --dry-run=client -o yaml | kubectl apply -f - &&
    kubectl kustomize "$ROOT/deploy/kustomize/auditor" | kubectl apply --dry-run=server --validate=strict -f -
}

# The same with the component that packs.
kustomize_packer() {
  cp -r "$ROOT/deploy/kustomize/auditor" "$WORK/auditor-packs" && sed -i 's/^#components: /components: /' "$WORK/auditor-packs/kustomization.yaml" &&
    kubectl kustomize "$WORK/auditor-packs" >"$WORK/packing.yaml" && grep -q '^  name: pack$' "$WORK/packing.yaml" &&
    kubectl apply --dry-run=server --validate=strict -f "$WORK/packing.yaml"
}

# And the auditor's chart with its CronJob that packs.
chart_packs() {
  helm template auditseal "$ROOT/deploy/helm/auditor" --namespace auditseal --set store.url=s3://b/k8s,trust.configMap=trust \
    --set pack.enabled=true,pack.keySecret=auditor-key,pack.credentialsSecret=packer,pack.retention=400d,pack.url=s3://b/packs \
    --show-only templates/pack.yaml | kubectl apply --dry-run=server --validate=strict -f -
}

pod() { kubectl -n auditseal get pods -l app.kubernetes.io/component=agent -o "jsonpath={.items[*]$1}"; }
ready() { [ "$(pod '.status.conditions[?(@.type=="Ready")].status')" = True ]; }

archived() { "$AUDITSEAL" cat "${at[@]}" --origin e2e/cp-1/audit --vkey "$WORK/vkey"; }
grows() { [ "$(archived 2>/dev/null | wc -l)" -gt "$1" ]; }

upgrade() { # NUMBER
  local before
  before=$(pod .metadata.uid)
  helm upgrade auditseal "$CHART" -f "$WORK/values.yaml" -f "$WORK/forward.yaml" --set-string "podAnnotations.round=$1,forward.podAnnotations.round=$1" --wait --timeout 120s &&
    kubectl -n auditseal rollout status daemonset/auditseal --timeout=120s && [ "$(pod .metadata.uid)" != "$before" ] &&
    kubectl -n auditseal rollout status deployment/auditseal-forward --timeout=120s
}

backfill() {
  mkdir -p "$WORK/old" && cp "$ROOT"/testdata/kube-apiserver-1.36.3/*.log "$WORK/old/" && chmod 600 "$WORK"/old/*
  {
    cat "$WORK/values.yaml"
    echo "backfill: {enabled: true, nodes: [cp-1], sources: [{name: old, path: $WORK/old/audit.log}], settings: {rate-limit: 20MiB, jobs: 1}}"
  } >"$WORK/backfill.yaml"
  helm upgrade auditseal "$CHART" -f "$WORK/backfill.yaml" -f "$WORK/forward.yaml" --set-string podAnnotations.round=2,forward.podAnnotations.round=2 &&
    kubectl -n auditseal wait --for=condition=complete --timeout=120s job -l app.kubernetes.io/component=backfill &&
    "$AUDITSEAL" cat "${at[@]}" --origin e2e/cp-1/old --vkey "$WORK/vkey" | cmp - <(cat "$ROOT"/testdata/kube-apiserver-1.36.3/audit-*.log "$ROOT/testdata/kube-apiserver-1.36.3/audit.log")
}

# With the daemon kept off the node, as docs/operate.md has it.
retire() {
  helm install auditseal "$CHART" -f "$WORK/values.yaml" --set 'retire.nodes={cp-1}' --set-json "affinity=$(off cp-1)" &&
    kubectl -n auditseal wait --for=condition=complete --timeout=120s job -l app.kubernetes.io/component=retire && [ -z "$(pod .metadata.name)" ]
}
ended() { "$AUDITSEAL" verify "${at[@]}" --origin e2e/cp-1/audit --vkey "$WORK/vkey" | tee /dev/stderr | grep -q ', a final, '; }

# What Pod Security says against it is what docs/install/kubernetes.md lists.
deviations() {
  helm template auditseal "$CHART" -f "$WORK/values.yaml" --set hostNetwork=false -s templates/daemonset.yaml >"$WORK/daemonset.yaml" &&
    kubectl label --overwrite namespace auditseal pod-security.kubernetes.io/warn=restricted &&
    kubectl -n auditseal apply --dry-run=server -f "$WORK/daemonset.yaml" 2>&1 | tee "$WORK/warnings" &&
    for word in 'unrestricted capabilities' 'restricted volume types' 'runAsNonRoot != true' 'runAsUser=0'; do
      grep -q "$word" "$WORK/warnings" && grep -qF "$word" "$ROOT/docs/install/kubernetes.md" || { echo "$word"; return 1; }
    done
  # And nothing else.
  ! sed 's/.*violate PodSecurity//; s/unrestricted capabilities//; s/restricted volume types//; s/runAsNonRoot != true//; s/runAsUser=0//' "$WORK/warnings" |
    grep -E 'allowPrivilegeEscalation|seccompProfile|hostPort|host namespaces|privileged'
}

# ---- a disk that is mounted on the node over the log's directory, while the pod runs

node() { "$HERE/parts/node.sh" on "$@"; }
# event NAME FROM TO: written on the node, to the log that is there now
event() {
  seq "$2" "$3" | sed "s|.*|{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"auditID\":\"$1-&\",\"stage\":\"ResponseComplete\",\"verb\":\"get\",\"stageTimestamp\":\"2026-11-21T08:00:00.000000Z\"}|" >"$WORK/events" &&
    cat "$WORK/events" >>"$WORK/expected" && node sh -c "cat >>$WORK/disk/audit.log" <"$WORK/events"
}
# Each file system's events, in their order: the archive has its files in the order in which they came to be.
disk_archived() {
  local name
  "$AUDITSEAL" cat "${at[@]}" --origin e2e/cp-1/disk --vkey "$WORK/disk-vkey" >"$WORK/disk-archived" 2>/dev/null || return 1
  [ "$(wc -c <"$WORK/disk-archived")" = "$(wc -c <"$WORK/expected")" ] || return 1
  for name in below first second; do cmp <(grep "\"$name-" "$WORK/disk-archived") <(grep "\"$name-" "$WORK/expected") || return 1; done
}
disk_values() {
  grep -v -e '^sources:' -e '^stateDir:' -e '^apiserverMetrics:' "$WORK/values.yaml"
  echo "sources: [{name: disk, path: $WORK/disk/audit.log}]"
  echo "stateDir: $WORK/agent/disk"
}
disk() {
  : >"$WORK/expected"
  mkdir "$WORK/disk"
  event below 1 100
  disk_values >"$WORK/disk.yaml"
  # AUDITSEAL_E2E_PROPAGATION=None shows that without it nothing of the disk is archived.
  check "disk: helm install" helm install disk "$CHART" -f "$WORK/disk.yaml" --set "mountPropagation=${AUDITSEAL_E2E_PROPAGATION:-HostToContainer}" --wait --timeout 120s
  kubectl -n auditseal logs -l app.kubernetes.io/component=agent -c key >"$WORK/disk-vkey"
  check "disk: the log is archived" until_it 60 disk_archived
  node mount -t tmpfs -o size=16m,mode=755 auditseal-e2e "$WORK/disk" && event first 1 100
  check "disk: one is mounted over it on the node, and archived" until_it 60 disk_archived
  event first 101 150
  check "disk: and what is written there" until_it 60 disk_archived
  node umount --lazy "$WORK/disk" && event below 101 150
  check "disk: unmounted, the log below goes on" until_it 60 disk_archived
  node mount -t tmpfs -o size=16m,mode=755 auditseal-e2e "$WORK/disk" && event second 1 100
  check "disk: another one is mounted" until_it 60 disk_archived
  check "disk: helm uninstall" helm uninstall disk --wait --timeout 60s
  check "disk: byte for byte, and once" disk_archived
  check "disk: verify" "$AUDITSEAL" verify "${at[@]}" --origin e2e/cp-1/disk --vkey "$WORK/disk-vkey"
  node umount --lazy "$WORK/disk"
}

# ---- the auditor's chart: its Job, begun by hand, with a pod for each shard and one heads file on a volume of the node

auditor_values() {
  cat <<VALUES
store: {url: s3://audit-cluster, endpoint: "$S3_ENDPOINT", credentialsSecret: store}
heads: {claim: heads}
shards: 2
suspend: true
image: {repository: $IMAGE, tag: e2e, pullPolicy: Never}
hostNetwork: true
tolerations: [{operator: Exists}]
resources: {}
VALUES
}
heads_claim() {
  mkdir -p "$WORK/heads" && chmod 711 "$WORK" && chown 65532:65532 "$WORK/heads" && kubectl apply -f - <<YAML
apiVersion: v1
kind: PersistentVolume
metadata: {name: heads}
spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteMany], storageClassName: none, hostPath: {path: $WORK/heads}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: heads, namespace: auditseal}
spec: {accessModes: [ReadWriteMany], storageClassName: none, resources: {requests: {storage: 1Gi}}}
YAML
}
trusts() { "$AUDITSEAL" trust init "${at[@]}" --origin e2e/cp-1/audit --vkey "$WORK/vkey" "$@" >"$WORK/audit.trust"; }
auditor() { helm upgrade --install auditseal-auditor "$ROOT/deploy/helm/auditor" -f "$WORK/auditor.yaml" --set-file "trust.file=$WORK/audit.trust"; }
# nightly NAME CONDITION [CRONJOB]: the Job comes to that
nightly() {
  local status=0
  kubectl -n auditseal create job --from="cronjob/${3:-auditseal-auditor}" "$1" || return 1
  kubectl -n auditseal wait --for="condition=$2" --timeout=60s "job/$1" || status=1
  kubectl -n auditseal logs -l "batch.kubernetes.io/job-name=$1" --prefix --tail=-1
  return $status
}
remembered() { "$AUDITSEAL" trust show --heads "$WORK/heads/audit.heads" | tee /dev/stderr | grep -q '^  verified up to [1-9]'; }
# A finding is told once: the pod of that shard isn't tried again. The other shard has no chain.
told_once() {
  nightly "$1" failed | tee "$WORK/told" && grep -q ' WEAK_WORM origin=e2e/cp-1/audit ' "$WORK/told" &&
    [ "$(kubectl -n auditseal get pods -l "batch.kubernetes.io/job-name=$1" -o name | wc -l)" = 2 ]
}
estate() {
  auditor_values >"$WORK/auditor.yaml"
  check "auditor: a volume for the heads" heads_claim
  check "auditor: a trust file" trusts
  check "auditor: helm install" auditor
  check "auditor: the Indexed Job verifies all shards" nightly first complete
  check "auditor: and the head is remembered" remembered
  check "auditor: a trust file that demands a lock of a century" trusts --require-retention 36500d
  check "auditor: helm upgrade" auditor
  check "auditor: what is found fails the Job, and isn't tried again" told_once second
  check "auditor: helm uninstall" helm uninstall auditseal-auditor --wait --timeout 60s
}

# ---- the same chart's CronJob that packs: what the DaemonSet wrote, once its chain has ended. Then the loose objects go.

store() { python_env && "$PY" "$HERE/helpers/store.py" s3 "$@"; }
# The chain's end is the auditor's word, and so is who may attest packs.
packer_trusted() {
  local end
  end=$("$AUDITSEAL" ls "${at[@]}" --origin e2e/cp-1/audit --vkey "$WORK/vkey" -o json | tail -n 1 | jq -r '"\(.seq):\(.hash)"') && trusts &&
    (umask 077 && "$AUDITSEAL" keygen --name e2e/auditor --out "$WORK/auditor.key" >"$WORK/auditor.vkey") &&
    sed -i "s/^  silent-after .*/  ended $end/" "$WORK/audit.trust" && grep -q '^  ended [1-9]' "$WORK/audit.trust" &&
    echo "auditor e2e $(cat "$WORK/auditor.vkey")" >>"$WORK/audit.trust" && "$AUDITSEAL" trust show --trust "$WORK/audit.trust" &&
    kubectl -n auditseal create secret generic auditor-key --from-file=auditor.key="$WORK/auditor.key"
}
packer_values() {
  auditor_values
  echo 'pack: {enabled: true, url: s3://audit-packs, keySecret: auditor-key, credentialsSecret: store, retention: 1d, shards: 2, suspend: true, stateSize: 256Mi}'
}
from_packs() { # COMMAND…
  "$AUDITSEAL" "$1" "${at[@]}" --packs s3://audit-packs --trust "$WORK/audit.trust" "${@:2}"
}
# All but the genesis, below delete markers; and this many seals are read from packs alone.
loose_go() { store hide_but audit-cluster cluster=e2e/node=cp-1/source=audit/ /000000000000.jsonl.zst && [ "$(store list audit-cluster | grep -c '/source=audit/.* deleted$')" -ge 10 ]; }
read_from_packs() {
  from_packs verify | tee "$WORK/verified" && grep -q '^ALL COMPLETE ' "$WORK/verified" && from_packs cat --origin e2e/cp-1/audit | cmp - "$WORK/before-packs"
}
packing() {
  "$HERE/parts/seaweedfs.sh" bucket audit-packs
  archived >"$WORK/before-packs"
  packer_values >"$WORK/auditor.yaml"
  check "packs: a trust file that says where the chain ended, and whose packs count" packer_trusted
  check "packs: helm install" auditor
  check "packs: the CronJob packs what the DaemonSet wrote" nightly packing complete auditseal-auditor-pack
  check "packs: the loose objects go" loose_go
  check "packs: verify and cat, from packs" read_from_packs
  check "packs: a second run has nothing to do" nightly again complete auditseal-auditor-pack
  check "packs: helm uninstall" helm uninstall auditseal-auditor --wait --timeout 60s
}

# ---- forward's Deployment: what the DaemonSet seals, in a file and in VictoriaLogs, while both are upgraded

forward_values() {
  cat <<VALUES
forward:
  enabled: true
  sinks: ["file:///var/lib/auditseal-forward/out", "loki+$VICTORIALOGS/insert"]
  trustConfigMap: forward-trust
  credentialsSecret: store
  storageClass: forward
  hostNetwork: true
  port: $forward_port
  tolerations: [{operator: Exists}]
VALUES
}
forward_volume() {
  mkdir -p "$WORK/forward" && chmod 711 "$WORK" && chown 65532:65532 "$WORK/forward" && kubectl apply -f - <<YAML
apiVersion: v1
kind: PersistentVolume
metadata: {name: forward}
spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], storageClassName: forward, hostPath: {path: $WORK/forward}}
YAML
}
forward_trust() { trusts && kubectl -n auditseal create configmap forward-trust --from-file=audit.trust="$WORK/audit.trust"; }
forward_begins() {
  helm upgrade auditseal "$CHART" -f "$WORK/values.yaml" -f "$WORK/forward.yaml" --wait --timeout 120s && kubectl -n auditseal rollout status deployment/auditseal-forward --timeout=120s
}
forward_restarts() { kubectl -n auditseal rollout restart deployment/auditseal-forward && kubectl -n auditseal rollout status deployment/auditseal-forward --timeout=120s; }
# agrees TIME: by chain and hour, both sinks have what the archive has
agrees() {
  "$AUDITSEAL" forward check "${at[@]}" --trust "$WORK/audit.trust" --sink "loki+$VICTORIALOGS/insert" --until "$1" &&
    "$AUDITSEAL" forward check "${at[@]}" --trust "$WORK/audit.trust" --sink "file://$WORK/forward/out" --until "$1"
}
# Nothing is in the file twice, and nothing that isn't in the archive.
each_once() {
  [ -s "$WORK/forward/out" ] && LC_ALL=C sort "$WORK/forward/out" >"$WORK/handed" && [ -z "$(uniq -d "$WORK/handed")" ] &&
    archived | LC_ALL=C sort | LC_ALL=C comm -13 - "$WORK/handed" >"$WORK/foreign" && [ ! -s "$WORK/foreign" ]
}

counted() { curl -sf "http://127.0.0.1:$listen_port/metrics" | grep '^auditseal_source_events{.*} [1-9]'; }

complete() {
  local size
  archived >"$WORK/archived" || return 1
  size=$(wc -c <"$WORK/archived")
  [ "$size" -ge "$1" ] || { echo "$size bytes are archived, $1 were written before it ended"; return 1; }
  # Since then the apiserver has written more; nobody was there to take it.
  "$HERE/parts/kube.sh" log >"$WORK/log" && head -c "$size" "$WORK/log" | cmp - "$WORK/archived"
}

failed_before=$(failures)
need_auditseal
need_helm
"$HERE/parts/kube.sh" build
if [ -z "${AUDITSEAL_IMAGE:-}" ]; then
  note "making the image"
  AUDITSEAL_IMAGE=$WORK/image.tar
  (umask 022 && unset AUDITSEAL && "$ROOT/deploy/image/build.sh" "$AUDITSEAL_IMAGE" $IMAGE:e2e) || die "the image can't be made"
fi
begin=$SECONDS
read -r listen_port forward_port < <(free_ports 2)
if "$AUDITSEAL" run --help | grep -q -- '--listen'; then listen=true; else listen=false; fi
"$HERE/parts/sinks.sh" up victorialogs
# shellcheck source=/dev/null
. "$SINKS_DIR/env"
"$HERE/parts/seaweedfs.sh" up
"$HERE/parts/seaweedfs.sh" bucket audit-cluster
# shellcheck source=/dev/null
. "$SEAWEEDFS_DIR/env"
at=(--store s3://audit-cluster --endpoint "$S3_ENDPOINT")
# Log and state have file systems of their own: doctor says so of a full one, and this machine's is none of the chart's business.
for place in "$KUBE_DIR/audit" "$WORK/agent"; do
  mkdir -p "$place"
  mount -t tmpfs -o size=1g,mode=755 auditseal-e2e "$place" || note "mounting isn't allowed here: $place stays on this machine's disk"
done
"$HERE/parts/kube.sh" up
"$HERE/parts/node.sh" up
"$HERE/parts/node.sh" image "$AUDITSEAL_IMAGE"
kubectl create namespace auditseal >/dev/null
# From a file: arguments are for everyone to see.
sed -n 's/^export \(AWS_.*\)/\1/p' "$SEAWEEDFS_DIR/env" >"$WORK/credentials"
kubectl -n auditseal create secret generic store --from-env-file="$WORK/credentials" >/dev/null
api_port=$(sed -n 's/^API=.*://p' "$KUBE_DIR/session.env")
values >"$WORK/values.yaml"

check "the chart's own checks" env HELM="$HELM" AUDITSEAL_DEPLOY_CHECK_DIR="$WORK/deploy-check" "$ROOT/deploy/check/helm.sh"
for preset in "$CHART"/presets/*.yaml; do check "the apiserver takes the preset $(basename "$preset" .yaml)" server_takes "$(basename "$preset" .yaml)"; done
check "and the kustomize example" kustomize_example
check "and the auditor's CronJob" kustomize_auditor
check "and the one that packs" kustomize_packer
check "and that of the chart" chart_packs
check "Pod Security says what the docs say" deviations
check "helm install" helm install auditseal "$CHART" -f "$WORK/values.yaml" --wait --timeout 120s
check "the pod is Ready" until_it 60 ready
kubectl -n auditseal logs -l app.kubernetes.io/component=agent -c key >"$WORK/vkey"
check "its log reports the vkey" grep -q '^e2e/cp-1+' "$WORK/vkey"
check "the log names it once more" sh -c "$(printf '%q ' "$E2E"/bin/kube-*-etcd-*/kubectl --kubeconfig "$KUBE_DIR/kubeconfig") -n auditseal logs -l app.kubernetes.io/component=agent -c auditseal --tail=-1 | grep -qF \"\$(cat $WORK/vkey)\""
in_pod() { kubectl -n auditseal exec "$(pod .metadata.name)" -c auditseal -- /usr/bin/auditseal "$@"; }
same "asked, it names it" "$(cat "$WORK/vkey")" "$(in_pod pubkey)"
check "asked, it says its status" in_pod status --once
check "the apiserver's log arrives" until_it 60 grows 100
check "and the apiserver's own count" until_it 60 counted
check "helm test" helm test auditseal --logs --timeout 120s

forward_values >"$WORK/forward.yaml"
check "forward: a volume, and the trust file" forward_volume
check "forward: its ConfigMap" forward_trust
check "forward: helm upgrade, and its pod is Ready" forward_begins

# For as long as the upgrades take, however fast the machine is.
load_on() {
  until [ -e "$WORK/enough" ]; do N=20 "$HERE/parts/kube.sh" load || return; done
}
spawn "$WORK" load load_on
sleep 2
check "a rolling upgrade under load" upgrade 1
check "the load went on through it" running "$WORK" load
check "and another" upgrade 2
check "the Job backfills" backfill
check "forward: its pod is restarted" forward_restarts
estate
check "the load went on to the end" running "$WORK" load
touch "$WORK/enough"
check "and ends" gone "$WORK" load 60
same "one key through all of it" "$(cat "$WORK/vkey")" "$(kubectl -n auditseal logs -l app.kubernetes.io/component=agent -c key)"
check "forward: its sinks have what the archive has" until_it 60 agrees "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
check "forward: the file has each line once" each_once
written=$("$HERE/parts/kube.sh" log | wc -c)
sleep 2
check "helm uninstall" helm uninstall auditseal --wait --timeout 60s
check "what was written is in the archive, byte for byte" complete "$written"
check "verify" "$AUDITSEAL" verify "${at[@]}" --origin e2e/cp-1/audit --vkey "$WORK/vkey"
check "the node's key is still there" test -s "$WORK/agent/key"
check "a Job retires the node, with the DaemonSet kept off it" retire
check "the chain has ended" ended
check "helm uninstall, again" helm uninstall auditseal --wait --timeout 60s
packing
disk
kinds=daemonset,job,serviceaccount,networkpolicy,clusterrole,clusterrolebinding
same "nothing is left in the cluster" "" "$(kubectl -n auditseal get $kinds -l app.kubernetes.io/name=auditseal -o name)"
printf '  cluster: %s lines, %s s\n' "$(wc -l <"$WORK/archived")" $((SECONDS - begin))
