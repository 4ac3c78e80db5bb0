# shellcheck shell=bash
# Scenes that mount something: all at once, each a process of its own in a mount namespace of its own, which ends with it. Sourced behind
# lib.sh. The script runs one when it is called as `SCRIPT --scene NAME DIR PORT`, which leaves DIR/done when it comes to its end.

# can_mount: or says why not
can_mount() {
  [ "$(id -u)" = 0 ] || { note "skipped: only root can mount"; return 1; }
  unshare --mount --propagation private mount -t tmpfs tmpfs /mnt 2>/dev/null || { note "skipped: mounting is not allowed here"; return 1; }
}

# run_scenes SCRIPT SECONDS NAME…: below WORK, each for SECONDS at most; what they printed in their order
run_scenes() {
  local script=$1 seconds=$2 begin=$SECONDS name at ports
  shift 2
  local names=("$@")
  read -ra ports < <(free_ports $#)
  for at in "${!names[@]}"; do
    name=${names[$at]}
    mkdir "$WORK/$name"
    spawn "$WORK/$name" scene unshare --mount --propagation private "$HERE/$script.sh" --scene "$name" "$WORK/$name" "${ports[$at]}"
  done
  for name in "${names[@]}"; do
    gone "$WORK/$name" scene "$seconds" || fail "$name did not end"
    grep -E '^  (ok|FAIL) |^        \|' "$WORK/$name/scene.log" || true
    [ -e "$WORK/$name/done" ] || { fail "$name did not run to its end"; show_logs "$WORK/$name/scene.log"; }
    ! grep -q '^  FAIL' "$WORK/$name/scene.log" || LOG_LINES=12 show_logs "$WORK/$name/auditseal.log"
  done
  printf '  %s: %s scenes in %s s\n' "$script" $# $((SECONDS - begin))
}

# stop_scenes SECONDS NAME…: those that were begun, and what is below WORK
stop_scenes() {
  local seconds=$1 name
  shift
  for name in "$@"; do stop "$WORK/$name" scene "$seconds"; done
  discard "$WORK"
}
