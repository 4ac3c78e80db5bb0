#!/usr/bin/env bash
# cargo-deny by deny.toml: licences, bans and sources, and what RustSec knows of the crates in Cargo.lock.
#
# It is taken from PATH, or built once (minutes). The advisories come over the network, by git; where there is none, ADVISORY_DB names a clone of
# RustSec's advisory-db, and ADVISORIES=no leaves them out, which is said.
set -euo pipefail

CARGO_DENY=0.20.2

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TARGET=$("$ROOT/crates/e2e/target-dir.sh")
cd "$ROOT"
deny=$(command -v cargo-deny || echo "$TARGET/tools/cargo-deny-$CARGO_DENY/bin/cargo-deny")
if [ ! -x "$deny" ]; then
  echo "-- building cargo-deny $CARGO_DENY" >&2
  cargo install --quiet --locked --root "$TARGET/tools/cargo-deny-$CARGO_DENY" --target-dir "$TARGET/tools/build" "cargo-deny@$CARGO_DENY"
fi

"$deny" check licenses bans sources
if [ "${ADVISORIES:-}" = no ]; then
  echo "note: NOT checked: advisories (ADVISORIES=no)" >&2
elif [ -n "${ADVISORY_DB:-}" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  # cargo-deny looks for a clone under a name of its own making.
  git clone --quiet "$ADVISORY_DB" "$work/db/advisory-db-3157b0e258782691"
  git -C "$work/db/advisory-db-3157b0e258782691" fetch --quiet
  { sed '/^\[advisories\]/,/^$/!d' deny.toml; echo "db-path = \"$work/db\""; } >"$work/advisories"
  { sed '/^\[advisories\]/,/^$/d' deny.toml; cat "$work/advisories"; } >"$work/deny.toml"
  "$deny" --offline --config "$work/deny.toml" check advisories
  echo "advisories as of $(git -C "$ADVISORY_DB" log -1 --format=%cs)" >&2
else
  "$deny" check advisories
fi
