#!/usr/bin/env bash
# A real systemd as process 1, in a container of systemd-nspawn, on the host's network. Needs root; Debian's systemd-container and debootstrap.
#
#   systemd.sh build         a minimal Debian 12, unless it is there
#   systemd.sh up            boot a copy of it, in $SYSTEMD_DIR/root
#   systemd.sh in COMMAND…   run a command in it
#   systemd.sh down          stop it, and delete the copy
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

SYSTEMD_DIR=${SYSTEMD_DIR:-$E2E/systemd}
BASE=$E2E/debian-12-systemd-1
PACKAGES=systemd,systemd-sysv,dbus,ca-certificates,man-db,bash-completion
trap finish EXIT

build() {
  [ ! -e "$BASE/.complete" ] || return 0
  note "installing a minimal Debian (about 2 minutes)"
  rm -rf "$BASE"
  (umask 022 && debootstrap --variant=minbase --include="$PACKAGES" bookworm "$BASE") >"$E2E/debootstrap.log" 2>&1 || { show_logs "$E2E/debootstrap.log"; die "debootstrap failed"; }
  touch "$BASE/.complete"
}

# The container's process 1, as this machine counts: the child of nspawn.
leader() {
  local pid
  [ -f "$SYSTEMD_DIR/nspawn.pid" ] && read -r pid _ <"$SYSTEMD_DIR/nspawn.pid" && pgrep --parent "$pid" --oldest
}

# inside COMMAND…: with the container's namespaces, and none of this shell's environment
inside() { env -i PATH=/usr/bin:/usr/sbin:/bin:/sbin LC_ALL=C.UTF-8 SYSTEMD_PAGER= nsenter --target "$(leader)" --all --root --wd "$@"; }

booted() {
  local state
  state=$(inside systemctl is-system-running 2>/dev/null || true)
  case $state in running | degraded) ;; *) return 1 ;; esac
}

up() {
  build
  mkdir -p "$SYSTEMD_DIR"
  cp -a --reflink=auto "$BASE" "$SYSTEMD_DIR/root"
  # Random, and never printed: nothing logs in.
  rm -f "$SYSTEMD_DIR/root/etc/machine-id"
  systemd-machine-id-setup --root="$SYSTEMD_DIR/root" >/dev/null 2>&1 || random_hex 16 >"$SYSTEMD_DIR/root/etc/machine-id"
  # Not registered: there is no machined. In the cgroup that it is started in: there is no systemd to ask for another.
  [ -d /run/systemd/nspawn ] || touch "$SYSTEMD_DIR/made-run"
  spawn "$SYSTEMD_DIR" nspawn systemd-nspawn --quiet --register=no --keep-unit --kill-signal=SIGRTMIN+3 --console=pipe --machine="auditseal-$$" --boot \
    --directory="$SYSTEMD_DIR/root"
  wait_for 90 "$SYSTEMD_DIR" nspawn booted || { inside systemctl --failed || true; show_logs "$SYSTEMD_DIR/nspawn.log"; die "systemd is not up"; }
}

down() {
  stop "$SYSTEMD_DIR" nspawn 30
  rm -rf "${SYSTEMD_DIR:?}/root"
  [ ! -e "$SYSTEMD_DIR/made-run" ] || { find /run/systemd/nspawn -depth -delete 2>/dev/null || true; rm -f "$SYSTEMD_DIR/made-run"; }
}

case ${1:-} in
  build) build ;;
  up) up_or_down "$SYSTEMD_DIR/root" ;;
  down) down ;;
  in) inside "${@:2}" ;;
  *) die "usage: systemd.sh build|up|in COMMAND…|down" ;;
esac
