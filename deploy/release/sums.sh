#!/usr/bin/env bash
# SHA256SUMS of what a release's folder holds: sums.sh DIR [NAME…], the names of what was just made under another name. `sha256sum --check SHA256SUMS` there holds the files against it.
#
# Only what is made here is listed: a stranger's file in the folder must not get into what is signed.
set -euo pipefail
cd "${1:?usage: sums.sh DIR [NAME…]}"
shopt -s nullglob
files=(auditseal*.deb auditseal*.rpm auditseal*.tar auditseal*.cdx.json)
for name in "${@:2}"; do [[ " ${files[*]} " == *" $name "* ]] || files+=("$name"); done
[ ${#files[@]} -gt 0 ] || { echo "error: nothing of a release in $PWD" >&2; exit 1; }
sha256sum -- "${files[@]}" | LC_ALL=C sort -k 2 >SHA256SUMS.new
mv SHA256SUMS.new SHA256SUMS
