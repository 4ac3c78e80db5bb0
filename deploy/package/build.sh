#!/usr/bin/env bash
# Makes a package: build.sh deb|rpm OUT_DIR. Builds the program first, and cargo-deb or cargo-generate-rpm unless they are in PATH.
#
# AUDITSEAL names a ready binary, and only it is packed; else the release build is made. The packages need the C library's version of the machine
# that builds them, or a newer one: build on the oldest system that is to be served.
set -euo pipefail

CARGO_DEB=3.8.0
CARGO_GENERATE_RPM=0.21.1

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CARGO_TARGET_DIR=$("$ROOT/crates/e2e/target-dir.sh")
export CARGO_TARGET_DIR
RELEASE=$CARGO_TARGET_DIR/release
PACKAGE=$RELEASE/package

die() { printf 'error: %s\n' "$*" >&2; exit 1; }
[ $# = 2 ] || die "usage: build.sh deb|rpm OUT_DIR"
kind=$1
mkdir -p "$2"
out=$(cd "$2" && pwd)
cd "$ROOT"

# tool NAME VERSION: from PATH, or built once
tool() {
  command -v "$1" && return
  local dir=$CARGO_TARGET_DIR/tools/$1-$2
  [ -x "$dir/bin/$1" ] || RUSTFLAGS='' cargo install --quiet --locked --root "$dir" --target-dir "$CARGO_TARGET_DIR/tools/build" "$1@$2" >&2
  printf '%s\n' "$dir/bin/$1"
}

if [ -n "${AUDITSEAL:-}" ]; then
  mkdir -p "$RELEASE"
  [ "$AUDITSEAL" -ef "$RELEASE/auditseal" ] || install -m 755 "$AUDITSEAL" "$RELEASE/auditseal"
else
  cargo build --quiet --release --locked -p auditseal-cli
fi

rm -rf "$PACKAGE"
mkdir -p "$PACKAGE/man" "$PACKAGE/completions"
"$RELEASE/auditseal" man --out "$PACKAGE/man"
"$RELEASE/auditseal" completions bash >"$PACKAGE/completions/auditseal.bash"
"$RELEASE/auditseal" completions zsh >"$PACKAGE/completions/_auditseal"
"$RELEASE/auditseal" completions fish >"$PACKAGE/completions/auditseal.fish"
deploy/package/licences.py >"$PACKAGE/THIRD-PARTY-LICENCES"
echo 'auditseal.service looks for its signing key here: auditseal keygen --out /etc/auditseal/key' >"$PACKAGE/key-goes-here"

# The same commit gives the same bytes.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 1)}
export SOURCE_DATE_EPOCH
case $kind in
  deb) "$(tool cargo-deb $CARGO_DEB)" -p auditseal-cli --no-build --no-strip -o "$out/" ;;
  rpm)
    "$(tool cargo-generate-rpm $CARGO_GENERATE_RPM)" -p crates/cli --auto-req auto --source-date "$SOURCE_DATE_EPOCH" --target-dir "$CARGO_TARGET_DIR" -o "$out/" &&
      ls "$out"/auditseal-*.rpm
    ;;
  *) die "usage: build.sh deb|rpm OUT_DIR" ;;
esac
