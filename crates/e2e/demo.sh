#!/usr/bin/env bash
# Shows the main job on the sample logs, with a local archive: no cloud, no cluster.
set -euo pipefail
auditseal=$(realpath "${1:?usage: demo.sh PATH-OF-AUDITSEAL}")
root=$(cd "$(dirname "$0")/../.." && pwd)
logs=$root/testdata/kube-apiserver-1.36.3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '$ auditseal %s\n' "$*" >&2; "$auditseal" --log-level warn "$@"; }

say "1. A signing key. Its public half is what an auditor needs."
show keygen --name demo/cp-1 --out key | tee vkey

say "2. Archive a real rotation set: 9 backups and the live file of a kube-apiserver."
show backfill --cluster demo --node cp-1 --source kube="$logs/audit.log" \
  --store "file://$work/archive" --key key --state state

say "3. Verify it: every line, every object, the chain, the signatures."
show verify --store "file://$work/archive" --origin demo/cp-1/kube --vkey vkey

say "4. The log comes back byte for byte."
before=$(cat "$logs"/audit-*.log "$logs/audit.log" | sha256sum)
after=$("$auditseal" cat --store "file://$work/archive" --origin demo/cp-1/kube --vkey vkey | sha256sum)
printf 'source   %s\nrestored %s\n' "$before" "$after"
[ "$before" = "$after" ]

say "5. Run it again: nothing is uploaded twice."
show backfill --cluster demo --node cp-1 --source kube="$logs/audit.log" \
  --store "file://$work/archive" --key key --state state

say "6. Flip one bit in a copy of the archive."
cp -r archive tampered
object=$(find tampered -name '000000000001.jsonl.zst')
size=$(stat -c %s "$object")
at=$((size / 2))
byte=$(od -An -tu1 -j "$at" -N1 "$object")
printf "\\x$(printf %02x $((byte ^ 1)))" | dd of="$object" bs=1 seek="$at" conv=notrunc status=none
code=0
show verify --store "file://$work/tampered" --origin demo/cp-1/kube --vkey vkey || code=$?
echo "exit code $code"
[ "$code" = 1 ]

say "Done: sealed, verified, restored, and the change was found."
