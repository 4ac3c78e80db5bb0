#!/usr/bin/env bash
# What `make e2e-node` runs: the package on a real systemd, the chart on a real cluster. Needs root, about 10 minutes once everything is built.
#
#   node.sh [all|systemd|cluster]     AUDITSEAL=path takes a ready binary, else the release build is made
#   node.sh able                      only tells whether this machine permits it
#
# Downloads and builds go to ${AUDITSEAL_E2E_DIR:-target/e2e}, as for run.sh. Whatever it starts, it stops: see left_behind.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

trap 'finish clean' EXIT
child=
set -m # each part is a process group of its own
clean() {
  [ -z "$child" ] || { kill -TERM -- "-$child" 2>/dev/null || true; wait "$child" 2>/dev/null || true; }
}

missing=0
tool() { command -v "$1" >/dev/null || { printf 'needed: %s (package %s)\n' "$1" "$2" >&2; missing=1; }; }
what=${1:-all}
case $what in all | systemd | cluster | able) ;; *) die "usage: node.sh [all|systemd|cluster|able]" ;; esac
[ "$(id -u)" = 0 ] || die "this needs root: it starts a kubelet, and a systemd in a container"
tool debootstrap debootstrap
tool systemd-nspawn systemd-container
tool nsenter util-linux
tool unshare util-linux
tool containerd containerd
tool runc runc
tool ip iproute2
tool cc gcc
tool go golang
tool jq jq
tool python3 python3
tool readelf binutils
[ $missing = 0 ] || die "install what is missing first"

# Root in a container may be refused what a kubelet and a systemd can't do without. Better to hear it here than from them.
permitted() {
  unshare --mount --propagation slave --pid --fork --mount-proc sh -c 'mount -t tmpfs tmpfs /mnt' || { echo "mounts in namespaces of its own are refused"; return 1; }
  local hierarchies hierarchy
  hierarchies=$(awk '$3 ~ /^cgroup2?$/ { print $2 }' /proc/mounts)
  [ -n "$hierarchies" ] || { echo "no cgroups are mounted"; return 1; }
  for hierarchy in $hierarchies; do
    mkdir "$hierarchy/auditseal-$$" && rmdir "$hierarchy/auditseal-$$" || { echo "no cgroup can be made in $hierarchy"; return 1; }
  done
  ip address add 192.0.2.11/32 dev lo && ip address del 192.0.2.11/32 dev lo || { echo "addresses can't be added to lo"; return 1; }
}
refused=$(permitted 2>/dev/null) || die "this machine doesn't permit it: $refused"
[ "$what" != able ] || exit 0

# Mounts, cgroups, processes, addresses and settings of the kernel that weren't there before.
traces() {
  awk -v here="$E2E/" 'index($2, here) == 1 { print "mount", $2 }' /proc/mounts
  find /sys/fs/cgroup -type d -path '*/kubepods*' 2>/dev/null | sed 's/^/cgroup /'
  ip -o address show dev lo | awk '{ print "address", $4 }'
  grep -lzE "^(containerd|kubelet|systemd-nspawn)|$E2E/(node|systemd)" /proc/[0-9]*/cmdline 2>/dev/null | sed 's/^/process /' | grep -v "/$$/" || true
  sysctl vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops | sed 's/^/setting /'
  ls -d /run/containerd /var/log/containers /run/systemd/nspawn 2>/dev/null || true
}
left_behind() { traces | sort | comm -13 "$before" -; }

part() {
  local name=$1 fails begin=$SECONDS
  fails=$(failures)
  printf '== %s\n' "$name"
  "$HERE/$name.sh" </dev/null &
  child=$!
  if ! wait "$child" && [ "$(failures)" = "$fails" ]; then fail "$name did not run to its end"; fi
  child=
  sleep 1
  same "$name: nothing is left behind" "" "$(left_behind)"
  printf '== %s: %s s\n' "$name" $((SECONDS - begin))
}

need_auditseal
before=$(mktemp "$E2E/traces.XXXXXX")
traces | sort >"$before"
for name in systemd cluster; do
  case "$what $name" in "all $name" | "$name $name") part "$name" ;; esac
done
rm -f "$before"

passed=$(grep -c '^pass ' "$E2E_RESULTS" || true)
failed=$(failures)
[ "$failed" = 0 ] || { printf 'failed checks:\n'; sed -n 's/^fail /  /p' "$E2E_RESULTS"; }
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
