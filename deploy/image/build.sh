#!/usr/bin/env bash
# Makes the image as a tar, without an engine: build.sh OUT.tar [NAME:TAG]. Prints its name and digest. Beside it come its SBOM (OUT.cdx.json) and
# SHA256SUMS. Without a host in the name, some tools
# put theirs before it and others don't: name the registry that it goes to.
#
# AUDITSEAL names a ready static binary; else it is built. ARCH is amd64 (or arm64: needs Rust's target and a cross compiler and C library).
# CA_CERTIFICATES names the file of certificate authorities that goes in: the system's, if not set.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CARGO_TARGET_DIR=$("$ROOT/crates/e2e/target-dir.sh")
export CARGO_TARGET_DIR
# shellcheck source=deploy/release/flags.sh
. "$ROOT/deploy/release/flags.sh"
CA_CERTIFICATES=${CA_CERTIFICATES:-/etc/ssl/certs/ca-certificates.crt}
ARCH=${ARCH:-amd64}

die() { printf 'error: %s\n' "$*" >&2; exit 1; }
[ $# = 1 ] || [ $# = 2 ] || die "usage: build.sh OUT.tar [NAME:TAG]"
case $ARCH in amd64) target=x86_64-unknown-linux-gnu ;; arm64) target=aarch64-unknown-linux-gnu ;; *) die "ARCH=$ARCH: amd64 or arm64" ;; esac
[ -s "$CA_CERTIFICATES" ] || die "no certificate authorities in $CA_CERTIFICATES: install ca-certificates, or set CA_CERTIFICATES"
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml")
name=${2:-localhost/auditseal:$version}

if [ -z "${AUDITSEAL:-}" ]; then
  # With a target named, the flags don't reach build scripts and macros, which can't be static.
  (cd "$ROOT" && release_flags -C target-feature=+crt-static && cargo build --quiet --release --locked --target "$target" -p auditseal-cli)
  AUDITSEAL=$CARGO_TARGET_DIR/$target/release/auditseal
fi
# The image holds nothing that could load it otherwise.
if LC_ALL=C readelf --program-headers "$AUDITSEAL" | grep -q INTERP; then die "$AUDITSEAL is not static"; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$ROOT/deploy/package/licences.py" >"$work/licences"
# A static program has the C library in it.
libc=()
if [ "$(uname -m)" = "${target%%-*}" ]; then libc=(--also "glibc=$(getconf GNU_LIBC_VERSION | cut -d' ' -f2)"); fi
"$ROOT/deploy/package/sbom.py" --target "$target" "${libc[@]}" >"$work/sbom"
"$ROOT/deploy/image/image.py" "$1" "$name" "$ARCH" "$version" "$AUDITSEAL=/usr/bin/auditseal" \
  "$CA_CERTIFICATES=/etc/ssl/certs/ca-certificates.crt" "$ROOT/LICENSE=/usr/share/doc/auditseal/LICENSE" \
  "$work/licences=/usr/share/doc/auditseal/THIRD-PARTY-LICENCES" "$work/sbom=/usr/share/doc/auditseal/sbom.cdx.json" \
  /var/lib/ # What a pod's volumes are mounted below: made by a runtime with a strict umask, nobody but root would get through it.
install -m 644 "$work/sbom" "${1%.tar}.cdx.json"
"$ROOT/deploy/release/sums.sh" "$(dirname "$1")" "$(basename "$1")" "$(basename "${1%.tar}").cdx.json"
