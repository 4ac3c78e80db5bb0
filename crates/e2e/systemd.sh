#!/usr/bin/env bash
# The Debian package on a real systemd: install, start, restart, kill, hang, fork, upgrade, remove. Needs root.
#
#   systemd.sh               AUDITSEAL_DEB=path takes a ready package, AUDITSEAL_FAILPOINTS=path a ready binary with fail points
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/systemd.XXXXXX")
export SYSTEMD_DIR=$WORK/systemd SEAWEEDFS_DIR=$WORK/seaweedfs
ROOTFS=$SYSTEMD_DIR/root
LOG_DIR=$ROOTFS/var/log/kubernetes/audit
ORIGIN=e2e/cp-1/audit
EXPOSURE_MAX=20 # tenths
trap 'finish clean' EXIT

clean() {
  stop "$WORK" writer
  if [ "$(failures)" != "$failed_before" ]; then inside journalctl --no-pager -o short-precise -u auditseal 2>/dev/null | tail -n 60 >&2 || true; fi
  "$HERE/parts/systemd.sh" down
  "$HERE/parts/seaweedfs.sh" down
  discard "$WORK"
}

inside() { "$HERE/parts/systemd.sh" in "$@"; }
property() { inside systemctl show --value --property="$1" "${2:-auditseal}"; }

# A log that grows and rotates all the while, root's alone, as the apiserver writes it.
write_log() {
  local n=0 second=0
  umask 077
  while :; do
    for _ in $(seq 20); do
      n=$((n + 1))
      printf '{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"%s","stage":"ResponseComplete","verb":"get"}\n' "$n"
    done >>"$LOG_DIR/audit.log"
    if [ $((n % 1000)) = 0 ]; then
      second=$((second + 1))
      mv "$LOG_DIR/audit.log" "$LOG_DIR/audit-2026-11-21T08-$(printf '%02d-%02d' $((second / 60)) $((second % 60))).000.log"
    fi
    sleep 0.1
  done
}

# Before a rotation there is the one file; the last name of a listing in this order is the live one.
log() { (cd "$LOG_DIR" && LC_ALL=C find . -name "audit*.log" -print0 | LC_ALL=C sort -z | xargs -0 cat); }
archived() { "$AUDITSEAL" cat "${at[@]}" --origin $ORIGIN --vkey "$WORK/vkey"; }
arrived() { archived >"$WORK/archived" && [ "$(wc -l <"$WORK/archived")" -gt "$1" ]; }
# Anything that is written from now on reaches the archive.
ships() { local lines; lines=$(log | wc -l) && until_it 40 arrived "$lines"; }
state_is() { [ "$(property ActiveState)" = "$1" ]; }
other_pid() { local pid; pid=$(property MainPID) && [ "$pid" != 0 ] && [ "$pid" != "$1" ] && state_is active; }

install_package() {
  # Not to /tmp or /run: file systems of the container lie over those.
  install -m 644 "$AUDITSEAL_DEB" "$ROOTFS/root/auditseal.deb" && inside dpkg --install /root/auditseal.deb
}

settings() {
  {
    echo AUDITSEAL_CLUSTER=e2e
    echo AUDITSEAL_NODE=cp-1
    echo AUDITSEAL_SOURCE=audit=/var/log/kubernetes/audit/audit.log
    echo AUDITSEAL_STORE=s3://audit-systemd
    echo AUDITSEAL_WINDOW=1s
    sed -n 's/^export S3_ENDPOINT=/AUDITSEAL_ENDPOINT=/p; s/^export \(AWS_.*\)/\1/p' "$SEAWEEDFS_DIR/env"
  } >"$ROOTFS/etc/default/auditseal"
}

installed() {
  check "the package installs" install_package
  same "it is not enabled" disabled "$(inside systemctl is-enabled auditseal 2>/dev/null || true)"
  same "nor started" inactive "$(property ActiveState)"
  check "the unit holds nothing that systemd doesn't know" quiet_verify
  check "manual pages are found" inside man --path --where auditseal-backfill
  check "the shell completes" inside bash -c '. /usr/share/bash-completion/completions/auditseal && complete -p auditseal'
  check "licences are there" inside test -s /usr/share/doc/auditseal/THIRD-PARTY-LICENCES
  same "the settings are conffiles" "/etc/default/auditseal /etc/default/auditseal-forward /etc/default/auditseal-pack" "$(inside dpkg-query --showformat '${Conffiles}' --show auditseal | awk '{ print $1 }' | grep default | sort | paste -sd ' ')"
  exposure=$(inside systemd-analyze security auditseal.service 2>/dev/null | sed -n 's/.*exposure level for auditseal.service: \([0-9.]*\).*/\1/p' || true)
  exposure=${exposure:-none}
  if [ "${exposure/./}" -le $EXPOSURE_MAX ] 2>/dev/null; then pass "systemd-analyze security: $exposure"; else fail "systemd-analyze security: $exposure, want 2.0 at most"; fi
}

quiet_verify() {
  local said
  said=$(inside systemd-analyze verify /usr/lib/systemd/system/auditseal.service /usr/lib/systemd/system/auditseal-backfill@old.service \
    /usr/lib/systemd/system/auditseal-pack.service /usr/lib/systemd/system/auditseal-pack.timer /usr/lib/systemd/system/auditseal-forward.service 2>&1)
  [ -z "$said" ] || { printf '%s\n' "$said"; return 1; }
}

starts() {
  local pid
  inside auditseal keygen --name e2e/cp-1 --out /etc/auditseal/key >"$WORK/vkey"
  same "the key is root's" "600 root" "$(inside stat -c '%a %U' /etc/auditseal/key)"
  check "it starts, and start returns when it is ready" inside systemctl start auditseal
  check "the state directory is its own" inside test -d /var/lib/private/auditseal
  same "what it says of itself is there" yes "$(property StatusText | grep -q 'lines in' && echo yes)"
  pid=$(property MainPID)
  same "it isn't root" no "$([ "$(inside stat -c %u "/proc/$pid")" = 0 ] && echo yes || echo no)"
  same "it holds CAP_DAC_READ_SEARCH alone" 0000000000000004 "$(inside awk '/^CapEff/ { print $2 }' "/proc/$pid/status")"
  check "the log arrives" ships
  check "the boot id stands in the seals" with_boot_id
}

with_boot_id() {
  local key
  key=$("$AUDITSEAL" ls "${at[@]}" --format json | tail -n 1 | jq -r .key) && "$AUDITSEAL" inspect "${at[@]}" "$key" | grep -q "$(cat /proc/sys/kernel/random/boot_id)"
}

reread() { inside journalctl --unit=auditseal --grep='SIGHUP: read again'; }

survives() {
  local pid
  pid=$(property MainPID)
  check "systemctl reload" inside systemctl reload auditseal
  check "what may change is read again" until_it 20 reread
  same "by the same process" "$pid" "$(property MainPID)"
  check "systemctl restart" inside systemctl restart auditseal
  check "another process after the restart" other_pid "$pid"
  check "the log arrives after the restart" ships
  pid=$(property MainPID)
  inside systemctl kill --signal=KILL --kill-who=main auditseal
  check "kill -9: it comes back" until_it 30 other_pid "$pid"
  same "restarts counted" 1 "$(property NRestarts)"
  check "the log arrives after the kill" ships
  pid=$(property MainPID)
  check "the package is installed over itself" install_package
  check "an upgrade goes on with a new process" until_it 20 other_pid "$pid"
  check "the log arrives after the upgrade" ships
}

hangs() {
  local dropin=$ROOTFS/etc/systemd/system/auditseal.service.d
  install -m 755 "$AUDITSEAL_FAILPOINTS" "$ROOTFS/usr/local/bin/auditseal-failpoints"
  mkdir -p "$dropin"
  printf '[Service]\nExecStart=\nExecStart=/usr/local/bin/auditseal-failpoints run\nWatchdogSec=4\nEnvironment=AUDITSEAL_FAILPOINT=agent.loop.turn=60:hang\n' >"$dropin/hang.conf"
  chmod 755 "$dropin" && chmod 644 "$dropin/hang.conf"
  inside systemctl daemon-reload
  check "it starts with a fail point that will hang" inside systemctl restart auditseal
  check "the watchdog ends it" until_it 60 watchdog_fired
  check "and it comes back" until_it 30 restarted
  rm -r "$dropin"
  inside systemctl daemon-reload
  check "it starts without" inside systemctl restart auditseal
  check "the log arrives after the hang" ships
}
watchdog_fired() { inside journalctl --unit=auditseal --grep='Watchdog timeout'; }
restarted() { [ "$(property NRestarts)" -ge 1 ] && state_is active; }

complete() {
  stop "$WORK" writer
  until_it 40 same_bytes
}
same_bytes() { archived >"$WORK/archived" && log | cmp -s - "$WORK/archived"; }

# A one-shot unit that fails says why in its journal only.
one_shot_ends() { inside systemctl start "$1" || { inside journalctl --unit="$1" --no-pager --lines=30 --output=cat && return 1; }; }
one_shot() {
  mkdir -p "$ROOTFS/var/log/old" && chmod 700 "$ROOTFS/var/log/old"
  cp "$ROOT"/testdata/kube-apiserver-1.36.3/*.log "$ROOTFS/var/log/old/" && chmod 600 "$ROOTFS"/var/log/old/* &&
    echo AUDITSEAL_SOURCE=old=/var/log/old >"$ROOTFS/etc/default/auditseal-backfill-old" &&
    one_shot_ends auditseal-backfill@old &&
    "$AUDITSEAL" cat "${at[@]}" --origin e2e/cp-1/old --vkey "$WORK/vkey" |
    cmp - <(cat "$ROOT"/testdata/kube-apiserver-1.36.3/audit-*.log "$ROOT/testdata/kube-apiserver-1.36.3/audit.log")
}

# ---- the auditor's unit, on the chain that the one-shot backfill sealed to its end

packing_settings() {
  local head settings=$ROOTFS/etc/default/auditseal-pack
  head=$("$AUDITSEAL" verify "${at[@]}" --origin e2e/cp-1/old --vkey "$WORK/vkey" | sed -n 's/^COMPLETE .* head=\([0-9]*:[0-9a-f]*\)$/\1/p') && [ -n "$head" ] &&
    mkdir -p "$ROOTFS/var/lib/prometheus" && (umask 022 && mkdir "$ROOTFS/var/lib/prometheus/node-exporter") && chmod 755 "$ROOTFS/var/lib/prometheus" &&
    inside auditseal keygen --name e2e/auditor --out /etc/auditseal/auditor.key >"$WORK/auditor.vkey" || return 1
  {
    "$AUDITSEAL" trust init "${at[@]}" --origin e2e/cp-1/old --vkey "$WORK/vkey" | sed "s/^  silent-after .*/  ended $head/" &&
      echo "auditor e2e $(cat "$WORK/auditor.vkey")"
  } >"$ROOTFS/etc/auditseal/audit.trust" && chmod 644 "$ROOTFS/etc/auditseal/audit.trust" || return 1
  {
    echo AUDITSEAL_STORE=s3://audit-systemd
    echo AUDITSEAL_PACKS=s3://audit-systemd-packs
    sed -n 's/^export S3_ENDPOINT=/AUDITSEAL_ENDPOINT=/p; s/^export \(AWS_.*\)/\1/p' "$SEAWEEDFS_DIR/env"
  } >"$settings"
}
# As node_exporter would: another user, once the run is over.
collected() { inside setpriv --reuid=65534 --clear-groups cat /var/lib/prometheus/node-exporter/auditseal-pack.prom; }
packs() {
  local exposure
  check "a trust file and a key of the auditor's" packing_settings
  check "pack as a one-shot unit" one_shot_ends auditseal-pack
  same "it packed all that there is" 'auditseal_pack_left_objects{origin="e2e/cp-1/old"} 0' "$(collected | grep '^auditseal_pack_left_objects')"
  same "and nothing failed" 'auditseal_pack_failed{origin="e2e/cp-1/old"} 0' "$(collected | grep '^auditseal_pack_failed')"
  check "the packs are read" "$AUDITSEAL" verify "${at[@]}" --packs s3://audit-systemd-packs --trust "$ROOTFS/etc/auditseal/audit.trust"
  check "a second run" one_shot_ends auditseal-pack
  same "the key stays root's" "600 root" "$(inside stat -c '%a %U' /etc/auditseal/auditor.key)"
  check "its timer" inside systemctl enable --now auditseal-pack.timer
  same "it is set" yes "$(inside systemctl list-timers --no-legend auditseal-pack.timer | grep -q auditseal-pack.service && echo yes)"
  exposure=$(inside systemd-analyze security auditseal-pack.service 2>/dev/null | sed -n 's/.*exposure level for auditseal-pack.service: \([0-9.]*\).*/\1/p' || true)
  if [ "${exposure/./}" -le $EXPOSURE_MAX ] 2>/dev/null; then pass "systemd-analyze security of the packer: $exposure"; else fail "systemd-analyze security of the packer: ${exposure:-none}, want 2.0 at most"; fi
}

# ---- events of the same chain, handed over to a file

handed_over() {
  local settings=$ROOTFS/etc/default/auditseal-forward
  sed 's#^AUDITSEAL_PACKS=.*#&\nAUDITSEAL_SINK=file:///var/lib/auditseal-forward/out#' "$ROOTFS/etc/default/auditseal-pack" >"$settings"
  inside systemctl start auditseal-forward && until_it 40 all_handed_over
}
all_handed_over() { cmp <(LC_ALL=C sort "$ROOTFS/var/lib/private/auditseal-forward/out") <(LC_ALL=C sort "$ROOT"/testdata/kube-apiserver-1.36.3/*.log); }
# A unit that was stopped comes back where it was.
handed_over_once() { inside systemctl restart auditseal-forward && sleep 2 && all_handed_over && inside systemctl stop auditseal-forward; }
forwards() {
  local exposure
  check "forward as a unit hands over what is sealed" handed_over
  check "and once, after a restart" handed_over_once
  exposure=$(inside systemd-analyze security auditseal-forward.service 2>/dev/null | sed -n 's/.*exposure level for auditseal-forward.service: \([0-9.]*\).*/\1/p' || true)
  if [ "${exposure/./}" -le $EXPOSURE_MAX ] 2>/dev/null; then pass "systemd-analyze security of forward: $exposure"; else fail "systemd-analyze security of forward: ${exposure:-none}, want 2.0 at most"; fi
}

# A second writer with the key and the origin, as from a restored snapshot: it takes the next key while the daemon runs.
forks() {
  local pid
  mkdir "$WORK/double"
  echo '{"kind":"Event","auditID":"from the snapshot"}' >"$WORK/double/audit.log"
  check "a second writer extends the chain" "$AUDITSEAL" backfill --cluster e2e --node cp-1 --source "audit=$WORK/double/audit.log" "${at[@]}" \
    --key "$ROOTFS/etc/auditseal/key" --state "$WORK/double/state"
  echo '{"kind":"Event","auditID":"one more"}' >>"$LOG_DIR/audit.log"
  check "the daemon ends" until_it 60 state_is failed
  same "with exit code 3" 3 "$(property ExecMainStatus)"
  pid=$(property NRestarts)
  sleep 8 # RestartSec is 5
  same "and stays down" "failed $pid" "$(property ActiveState) $(property NRestarts)"
}

removed() {
  inside dpkg --remove auditseal >/dev/null 2>&1
  check "removal leaves the key" inside test -s /etc/auditseal/key
  check "removal leaves the state" inside test -d /var/lib/private/auditseal
  check "removal takes the program" inside test ! -e /usr/bin/auditseal
}

failed_before=$(failures)
need_auditseal
if [ -z "${AUDITSEAL_DEB:-}" ]; then
  note "making the package"
  (umask 022 && "$ROOT/deploy/package/build.sh" deb "$WORK/package") >"$WORK/deb.log" 2>&1 || { show_logs "$WORK/deb.log"; die "the package can't be made"; }
  AUDITSEAL_DEB=$(echo "$WORK"/package/*.deb)
fi
if [ -z "${AUDITSEAL_FAILPOINTS:-}" ]; then
  note "building auditseal with fail points"
  (umask 022 && cd "$ROOT" && cargo build --quiet --locked -p auditseal-cli --features failpoints) || die "auditseal does not build with fail points"
  AUDITSEAL_FAILPOINTS=$WORK/auditseal-failpoints
  cp "$("$HERE/target-dir.sh")/debug/auditseal" "$AUDITSEAL_FAILPOINTS"
fi
begin=$SECONDS
"$HERE/parts/systemd.sh" up
"$HERE/parts/seaweedfs.sh" up
"$HERE/parts/seaweedfs.sh" bucket audit-systemd
"$HERE/parts/seaweedfs.sh" bucket audit-systemd-packs # neither root may lie in the other
# shellcheck source=/dev/null
. "$SEAWEEDFS_DIR/env"
at=(--store s3://audit-systemd --endpoint "$S3_ENDPOINT")
(umask 022 && mkdir -p "$ROOTFS/var/log/kubernetes") && mkdir -p "$LOG_DIR"
installed
settings
spawn "$WORK" writer write_log
starts
survives
hangs
check "what was written is in the archive, byte for byte" complete
check "verify" "$AUDITSEAL" verify "${at[@]}" --origin $ORIGIN --vkey "$WORK/vkey"
check "backfill as a one-shot unit" one_shot
packs
forwards
forks
removed
printf '  systemd: %s lines, %s s\n' "$(wc -l <"$WORK/archived")" $((SECONDS - begin))
