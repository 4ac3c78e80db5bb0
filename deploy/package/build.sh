#!/usr/bin/env bash
# Makes a package: build.sh deb|rpm OUT_DIR. Builds the program first, and cargo-deb or cargo-generate-rpm unless they are in PATH. Beside the
# package come its SBOM and SHA256SUMS, of all that is in OUT_DIR.
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
# shellcheck source=deploy/release/flags.sh
. "$ROOT/deploy/release/flags.sh"

die() { printf 'error: %s\n' "$*" >&2; exit 1; }
[ $# = 2 ] || die "usage: build.sh deb|rpm OUT_DIR, or build.sh tool deb|rpm"
kind=$1 here=$PWD
cd "$ROOT"

# tool NAME VERSION: from PATH, or built once
tool() {
  command -v "$1" && return
  local dir=$CARGO_TARGET_DIR/tools/$1-$2
  [ -x "$dir/bin/$1" ] || env -u CARGO_ENCODED_RUSTFLAGS RUSTFLAGS='' cargo install --quiet --locked --root "$dir" --target-dir "$CARGO_TARGET_DIR/tools/build" "$1@$2" >&2
  printf '%s\n' "$dir/bin/$1"
}

packer() {
  case $1 in
    deb) tool cargo-deb $CARGO_DEB ;;
    rpm) tool cargo-generate-rpm $CARGO_GENERATE_RPM ;;
    *) die "deb or rpm, not $1" ;;
  esac
}

if [ "$kind" = tool ]; then # only builds what packs, and prints where it is
  packer "$2"
  exit
fi
out=$(cd "$here" && mkdir -p "$2" && cd "$2" && pwd)
packer=$(packer "$kind")

if [ -n "${AUDITSEAL:-}" ]; then
  mkdir -p "$RELEASE"
  [ "$AUDITSEAL" -ef "$RELEASE/auditseal" ] || install -m 755 "$AUDITSEAL" "$RELEASE/auditseal"
else
  (release_flags && cargo build --quiet --release --locked -p auditseal-cli)
fi

rm -rf "$PACKAGE"
mkdir -p "$PACKAGE/man" "$PACKAGE/completions"
"$RELEASE/auditseal" man --out "$PACKAGE/man"
"$RELEASE/auditseal" completions bash >"$PACKAGE/completions/auditseal.bash"
"$RELEASE/auditseal" completions zsh >"$PACKAGE/completions/_auditseal"
"$RELEASE/auditseal" completions fish >"$PACKAGE/completions/auditseal.fish"
deploy/package/licences.py >"$PACKAGE/THIRD-PARTY-LICENCES"
deploy/package/sbom.py --target "$(rustc -vV | sed -n 's/^host: //p')" >"$PACKAGE/sbom.cdx.json"
echo 'auditseal.service looks for its signing key here: auditseal keygen --name CLUSTER/NODE --out /etc/auditseal/key' >"$PACKAGE/key-goes-here"

case $kind in
  deb) "$packer" -p auditseal-cli --no-build --no-strip -o "$out/" ;;
  rpm)
    "$packer" -p crates/cli --auto-req auto --source-date "$SOURCE_DATE_EPOCH" --target-dir "$CARGO_TARGET_DIR" -o "$out/" &&
      ls "$out"/auditseal-*.rpm
    ;;
esac
install -m 644 "$PACKAGE/sbom.cdx.json" "$out/auditseal-package.cdx.json"
"$ROOT/deploy/release/sums.sh" "$out"
