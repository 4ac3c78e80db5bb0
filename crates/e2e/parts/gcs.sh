#!/usr/bin/env bash
# Google Cloud Storage on loopback: fake-gcs-server, in memory, behind a small proxy for the part of the XML API that it lacks. It checks no
# keys.
#
#   gcs.sh up             start; the settings for clients go to $GCS_DIR/env
#   gcs.sh bucket NAME
#   gcs.sh down
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

FAKE_GCS_VERSION=1.56.1
GCS_DIR=${GCS_DIR:-$E2E/gcs}
BIN=$E2E/bin/fake-gcs-server-$FAKE_GCS_VERSION
trap finish EXIT

build() {
  [ ! -x "$BIN/fake-gcs-server" ] || return 0
  note "building fake-gcs-server $FAKE_GCS_VERSION (about a minute)"
  CGO_ENABLED=0 GOBIN=$BIN GOTOOLCHAIN=local GOFLAGS='' go install -trimpath "github.com/fsouza/fake-gcs-server@v$FAKE_GCS_VERSION" \
    >"$E2E/gcs-build.log" 2>&1 || { show_logs "$E2E/gcs-build.log"; die "fake-gcs-server does not build"; }
}

up() {
  local fake proxy
  build
  mkdir -p "$GCS_DIR"
  read -r fake proxy < <(free_ports 2)
  # Clients want an account: this one says that tokens are not needed.
  jq -n --arg url "http://127.0.0.1:$proxy" \
    '{private_key: "none", private_key_id: "none", client_email: "none", disable_oauth: true, gcs_base_url: $url}' >"$GCS_DIR/account.json"
  cat >"$GCS_DIR/env" <<ENV
export GCS_ENDPOINT=http://127.0.0.1:$proxy
export GOOGLE_SERVICE_ACCOUNT=$GCS_DIR/account.json
ENV
  spawn "$GCS_DIR" fake-gcs-server "$BIN/fake-gcs-server" -scheme http -host 127.0.0.1 -port "$fake" -backend memory \
    -external-url "http://127.0.0.1:$proxy" -public-host 127.0.0.1
  spawn "$GCS_DIR" proxy python3 "$HERE/helpers/gcs_xml.py" "$proxy" "$fake"
  wait_for 30 "$GCS_DIR" fake-gcs-server store create ready || { show_logs "$GCS_DIR"/*.log; store create ready || true; die "fake-gcs-server is not ready"; }
}

store() {
  # shellcheck source=/dev/null
  (. "$GCS_DIR/env" && python3 "$HERE/helpers/store.py" gcs "$@")
}

down() {
  stop "$GCS_DIR" proxy
  stop "$GCS_DIR" fake-gcs-server
  rm -f "$GCS_DIR/env" "$GCS_DIR/account.json"
}

case ${1:-} in
  up) up_or_down "$GCS_DIR/env" ;;
  down) down ;;
  bucket) store create "$2" ;;
  *) die "usage: gcs.sh up|bucket NAME|down" ;;
esac
