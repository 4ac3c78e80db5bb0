#!/usr/bin/env bash
# SHA256SUMS of what a release's folder holds: sums.sh DIR. `sha256sum --check SHA256SUMS` there holds the files against it.
#
# Only what is made here is listed: a stranger's file in the folder must not get into what is signed.
set -euo pipefail
cd "${1:?usage: sums.sh DIR}"
shopt -s nullglob
files=(auditseal*.deb auditseal*.rpm auditseal*.tar auditseal*.cdx.json)
[ ${#files[@]} -gt 0 ] || { echo "error: nothing of a release in $PWD" >&2; exit 1; }
sha256sum -- "${files[@]}" | LC_ALL=C sort -k 2 >SHA256SUMS.new
mv SHA256SUMS.new SHA256SUMS
