#!/usr/bin/env bash
# An S3 store with Object Lock on loopback: MinIO, on one directory.
#
#   minio.sh up              start with new root keys; the settings for clients go to $MINIO_DIR/env
#   minio.sh bucket NAME [COMPLIANCE|GOVERNANCE|unlocked]     versioned, and locked for one day by default
#   minio.sh down            stop it and delete its data
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# Its last releases are no module versions: a commit is.
MINIO_VERSION=v0.0.0-20260212201848-7aac2a2c5b7c
MINIO_DIR=${MINIO_DIR:-$E2E/minio}
BIN=$E2E/bin/minio-$MINIO_VERSION
trap finish EXIT

build() {
  [ ! -x "$BIN/minio" ] || return 0
  note "building MinIO $MINIO_VERSION (about 5 minutes on 2 cores)"
  CGO_ENABLED=0 GOBIN=$BIN GOTOOLCHAIN=local GOFLAGS='' go install -trimpath "github.com/minio/minio@$MINIO_VERSION" \
    >"$E2E/minio-build.log" 2>&1 || { show_logs "$E2E/minio-build.log"; die "MinIO does not build"; }
}

up() {
  local key secret port console
  build
  python_env
  mkdir -p "$MINIO_DIR/data"
  key=$(random_hex 10) secret=$(random_hex 20)
  read -r port console < <(free_ports 2)
  cat >"$MINIO_DIR/env" <<ENV
export S3_ENDPOINT=http://127.0.0.1:$port
export AWS_ACCESS_KEY_ID=$key
export AWS_SECRET_ACCESS_KEY=$secret
export AWS_REGION=us-east-1
ENV
  # The keys come through the environment: arguments are for everyone to see. It would look for updates, and keep its settings in HOME.
  MINIO_ROOT_USER=$key MINIO_ROOT_PASSWORD=$secret MINIO_UPDATE=off MINIO_BROWSER=off HOME=$MINIO_DIR \
    spawn "$MINIO_DIR" minio "$BIN/minio" server --quiet --address "127.0.0.1:$port" --console-address "127.0.0.1:$console" "$MINIO_DIR/data"
  wait_for 60 "$MINIO_DIR" minio store create ready || { show_logs "$MINIO_DIR/minio.log"; store create ready || true; die "MinIO is not ready"; }
  store refuses ready-2 || die "MinIO doesn't check signatures"
}

store() {
  python_env
  # shellcheck source=/dev/null
  (. "$MINIO_DIR/env" && "$PY" "$HERE/helpers/store.py" s3 "$@")
}

down() {
  stop "$MINIO_DIR" minio
  rm -rf "$MINIO_DIR/data" "$MINIO_DIR/env"
}

case ${1:-} in
  up) up_or_down "$MINIO_DIR/env" ;;
  down) down ;;
  bucket) store create "${@:2}" ;;
  *) die "usage: minio.sh up|bucket NAME [COMPLIANCE|GOVERNANCE|unlocked]|down" ;;
esac
