#!/usr/bin/env bash
# Azure Blob Storage on loopback: Azurite, in memory.
#
#   azurite.sh up                 start with a new account key; the settings for clients go to $AZURITE_DIR/env
#   azurite.sh container NAME
#   azurite.sh down
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

AZURITE_VERSION=3.35.0
AZURITE_BEFORE=2026-11-01 # what it depends on, as of this day: its ranges alone would pin nothing
AZURITE_DIR=${AZURITE_DIR:-$E2E/azurite}
MODULES=$E2E/npm-azurite-$AZURITE_VERSION
trap finish EXIT

install() {
  [ ! -e "$MODULES/.complete" ] || return 0
  note "installing Azurite $AZURITE_VERSION"
  rm -rf "$MODULES" && mkdir -p "$MODULES"
  npm install --prefix "$MODULES" --ignore-scripts --no-audit --no-fund --before="$AZURITE_BEFORE" "azurite@$AZURITE_VERSION" \
    >"$E2E/npm.log" 2>&1 || { show_logs "$E2E/npm.log"; die "npm failed"; }
  touch "$MODULES/.complete"
}

up() {
  local port key
  install
  mkdir -p "$AZURITE_DIR"
  port=$(free_ports 1)
  key=$(head -c 64 /dev/urandom | base64 -w0)
  cat >"$AZURITE_DIR/env" <<ENV
export AZURE_ENDPOINT=http://127.0.0.1:$port/e2e
export AZURE_STORAGE_ACCOUNT_NAME=e2e
export AZURE_STORAGE_ACCOUNT_KEY=$key
ENV
  # The account comes through the environment, so that the key everyone knows is not valid.
  AZURITE_ACCOUNTS="e2e:$key" spawn "$AZURITE_DIR" azurite node "$MODULES/node_modules/azurite/dist/src/blob/main.js" \
    --inMemoryPersistence --disableTelemetry --skipApiVersionCheck --blobHost 127.0.0.1 --blobPort "$port"
  wait_for 60 "$AZURITE_DIR" azurite store create ready || { show_logs "$AZURITE_DIR/azurite.log"; store create ready || true; die "Azurite is not ready"; }
}

store() {
  # shellcheck source=/dev/null
  (. "$AZURITE_DIR/env" && python3 "$HERE/helpers/store.py" azure "$@")
}

down() {
  stop "$AZURITE_DIR" azurite
  rm -f "$AZURITE_DIR/env"
}

case ${1:-} in
  up) up_or_down "$AZURITE_DIR/env" ;;
  down) down ;;
  container) store create "$2" ;;
  *) die "usage: azurite.sh up|container NAME|down" ;;
esac
