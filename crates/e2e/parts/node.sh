#!/usr/bin/env bash
# A real node for the control plane of kube.sh: kubelet, containerd, runc, and the scheduler. Needs root; Debian's containerd and runc.
#
#   node.sh up              join as cp-1, labelled and tainted as a control-plane node
#   node.sh image TAR       make an image known to it; there is no registry
#   node.sh on COMMAND…     run a command where its file systems are: what is mounted there is mounted on the node
#   node.sh down            stop it, with all that runs on it
#
# It has process and mount namespaces of its own, so that nothing which runs or is mounted there outlives it. There is no network for pods: the
# node says NotReady, and pods in the host's network run all the same.
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

KUBE_DIR=${KUBE_DIR:-$E2E/kube}
NODE_DIR=${NODE_DIR:-$E2E/node}
BIN=$(echo "$E2E"/bin/kube-*-etcd-*)
ADDRESS=192.0.2.10 # of the documentation range: kubelet refuses a loopback address
SYSCTLS="vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes"
trap finish EXIT

kubectl() { "$BIN/kubectl" --kubeconfig "$KUBE_DIR/kubeconfig" "$@"; }

configure() {
  local port
  read -r port < <(free_ports 1)
  cat >containerd.toml <<CONFIG
version = 2
root = "$NODE_DIR/containerd"
state = "$NODE_DIR/containerd-state"
[grpc]
address = "$NODE_DIR/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
# Where oom_score_adj can't be lowered, runc would die.
restrict_oom_score_adj = true
sandbox_image = "local.invalid/pause:1"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
CONFIG
  cat >kubelet.yaml <<CONFIG
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
address: $ADDRESS
port: $port
healthzPort: 0
containerRuntimeEndpoint: unix://$NODE_DIR/containerd.sock
podLogsDir: $NODE_DIR/pod-logs
makeIPTablesUtilChains: false
enforceNodeAllocatable: []
imageGCHighThresholdPercent: 100 # never: what it deletes, no registry would give back
evictionHard: {imagefs.available: "50Mi", nodefs.available: "50Mi", memory.available: "50Mi"}
registerWithTaints: [{key: node-role.kubernetes.io/control-plane, effect: NoSchedule}]
CONFIG
  # What is process 1 of a namespace gets no signal that it doesn't handle.
  cat >pause.c <<'C'
#include <signal.h>
#include <unistd.h>
static void end(int signal) { _exit(signal != SIGTERM && signal != SIGINT); }
int main(void) { signal(SIGTERM, end); signal(SIGINT, end); for (;;) pause(); }
C
  cc -static -O2 -o pause pause.c
  "$ROOT/deploy/image/image.py" pause.tar local.invalid/pause:1 amd64 1 pause=/bin/pause >/dev/null
  # Process 1 of the node's namespace: when it ends, the kernel ends everything in it.
  cat >init.sh <<INIT
set -eu
mount --make-rshared / # as systemd does: what is mounted on the node later can come into its pods
for dir in /run/containerd /var/log/containers; do mkdir -p "\$dir" && mount -t tmpfs tmpfs "\$dir"; done
containerd --config "$NODE_DIR/containerd.toml" >>"$NODE_DIR/containerd.log" 2>&1 &
until ctr --address "$NODE_DIR/containerd.sock" version >/dev/null 2>&1; do sleep 0.2; done
ctr --address "$NODE_DIR/containerd.sock" --namespace k8s.io images import "$NODE_DIR/pause.tar"
"$BIN/kubelet" --config="$NODE_DIR/kubelet.yaml" --kubeconfig="$KUBE_DIR/kubeconfig" --root-dir="$NODE_DIR/kubelet" --cert-dir="$NODE_DIR/certs" \
  --hostname-override=cp-1 --node-ip=$ADDRESS >>"$NODE_DIR/kubelet.log" 2>&1 &
trap 'exit 0' TERM
wait -n
INIT
}

up() {
  mkdir -p "$NODE_DIR"
  cd "$NODE_DIR"
  # shellcheck disable=SC2086  # a list of names
  sysctl --values $SYSCTLS >sysctls # kubelet sets them
  configure
  [ -d /run/containerd ] || touch made-run-containerd
  [ -d /var/log/containers ] || touch made-log-containers
  ip address add $ADDRESS/32 dev lo
  spawn . kube-scheduler "$BIN/kube-scheduler" --kubeconfig="$KUBE_DIR/kubeconfig" --secure-port=0 --leader-elect=false
  spawn . node unshare --mount --propagation slave --pid --fork --kill-child=KILL --mount-proc bash init.sh
  wait_for 120 . node kubectl get node cp-1 || { show_logs node.log containerd.log kubelet.log; die "the node doesn't join"; }
  kubectl label node cp-1 node-role.kubernetes.io/control-plane= >/dev/null
}

on() {
  local pid _
  read -r pid _ <"$NODE_DIR/node.pid" && nsenter --target "$pid" --mount --pid="/proc/$pid/ns/pid_for_children" --wd=/ -- "$@"
}

image() { ctr --address "$NODE_DIR/containerd.sock" --namespace k8s.io images import "$1" >/dev/null; }

down() {
  local names values at
  [ -d "$NODE_DIR" ] || return 0
  cd "$NODE_DIR"
  stop . node 0 # what it started ends with it
  stop . kube-scheduler
  ip address del $ADDRESS/32 dev lo 2>/dev/null || true
  for at in $(seq 50); do find /sys/fs/cgroup -path '*/kubepods*' -name cgroup.procs -exec cat {} + 2>/dev/null | grep -q . || break; sleep 0.1; done
  find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} + 2>/dev/null || true
  if [ -s sysctls ]; then
    read -ra names <<<"$SYSCTLS"
    mapfile -t values <sysctls
    for at in "${!names[@]}"; do sysctl --quiet --write "${names[$at]}=${values[$at]}" || true; done
  fi
  [ ! -e made-run-containerd ] || rmdir /run/containerd 2>/dev/null || true
  [ ! -e made-log-containers ] || rmdir /var/log/containers 2>/dev/null || true
  rm -rf "$NODE_DIR"/{containerd,containerd-state,kubelet,pod-logs,certs,sysctls,made-*}
}

case ${1:-} in
  up) up_or_down "$NODE_DIR/sysctls" ;;
  image) image "$2" ;;
  on) on "${@:2}" ;;
  down) down ;;
  *) die "usage: node.sh up|image TAR|on COMMAND…|down" ;;
esac
