#!/usr/bin/env bash
# An S3 store with Object Lock on loopback: SeaweedFS, all in one process.
#
#   seaweedfs.sh up              start with a new access key; the settings for clients go to $SEAWEEDFS_DIR/env
#   seaweedfs.sh bucket NAME [MODE]   versioned and locked: COMPLIANCE (or GOVERNANCE) for one day by default; `unlocked` for versions alone
#   seaweedfs.sh down            stop it and delete its data
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

SEAWEEDFS_DIR=${SEAWEEDFS_DIR:-$E2E/seaweedfs}
trap finish EXIT

up() {
  local key secret ports
  python_env
  mkdir -p "$SEAWEEDFS_DIR/data"
  key=$(random_hex 10) secret=$(random_hex 20)
  # Without a list of identities it takes any signature, and a client that signs wrongly would pass.
  jq -n --arg key "$key" --arg secret "$secret" '{identities: [{name: "e2e", credentials: [{accessKey: $key, secretKey: $secret}],
    actions: ["Admin", "Read", "Write", "List", "Tagging"]}]}' >"$SEAWEEDFS_DIR/identities.json"
  read -ra ports < <(free_ports 8)
  cat >"$SEAWEEDFS_DIR/env" <<ENV
export S3_ENDPOINT=http://127.0.0.1:${ports[0]}
export AWS_ACCESS_KEY_ID=$key
export AWS_SECRET_ACCESS_KEY=$secret
export AWS_REGION=us-east-1
ENV
  # The gRPC ports would be these plus 10000, taken or not; two more services would listen on fixed ports. A bucket wants seven volumes, and
  # a volume that fills up wants another. By itself it takes nothing more on a disk with less than 1% free, however large that disk is, and
  # answers each PUT with 500 after half a minute.
  spawn "$SEAWEEDFS_DIR" seaweedfs "$VENV/bin/weed" server -dir="$SEAWEEDFS_DIR/data" -ip=127.0.0.1 -ip.bind=127.0.0.1 \
    -s3 -s3.config="$SEAWEEDFS_DIR/identities.json" -s3.port="${ports[0]}" -s3.port.grpc="${ports[1]}" -s3.port.iceberg=0 -s3.port.lance=0 \
    -master.port="${ports[2]}" -master.port.grpc="${ports[3]}" -volume.port="${ports[4]}" -volume.port.grpc="${ports[5]}" \
    -filer.port="${ports[6]}" -filer.port.grpc="${ports[7]}" -volume.max=400 -volume.minFreeSpace=64MiB -master.volumeSizeLimitMB=64
  # It answers before it can store anything.
  wait_for 90 "$SEAWEEDFS_DIR" seaweedfs store create ready || { show_logs "$SEAWEEDFS_DIR/seaweedfs.log"; store create ready || true; die "SeaweedFS is not ready"; }
  store refuses ready-2 || die "SeaweedFS doesn't check signatures"
}

store() {
  python_env
  # shellcheck source=/dev/null
  (. "$SEAWEEDFS_DIR/env" && "$PY" "$HERE/helpers/store.py" s3 "$@")
}

down() {
  stop "$SEAWEEDFS_DIR" seaweedfs 0 # it takes 15 s to stop properly, for data that is deleted next
  rm -rf "$SEAWEEDFS_DIR/data" "$SEAWEEDFS_DIR/env" "$SEAWEEDFS_DIR/identities.json"
}

case ${1:-} in
  up) up_or_down "$SEAWEEDFS_DIR/env" ;;
  down) down ;;
  bucket) store create "${@:2}" ;;
  *) die "usage: seaweedfs.sh up|bucket NAME|down" ;;
esac
