#!/usr/bin/env bash
# Signs a release's SHA256SUMS with an Ed25519 key: sign.sh PRIVATE_KEY.pem DIR. How a user verifies it: docs/verify-a-release.md.
#
# The sums are made anew, so what is signed is what is there; the signature is held against the key before it counts.
set -euo pipefail
[ $# = 2 ] || { echo "usage: sign.sh PRIVATE_KEY.pem DIR" >&2; exit 1; }
key=$(realpath "$1")
"$(dirname "${BASH_SOURCE[0]}")/sums.sh" "$2"
cd "$2"
public=$(mktemp)
trap 'rm -f "$public" SHA256SUMS.sig.new' EXIT
openssl pkey -in "$key" -pubout -out "$public"
openssl pkeyutl -sign -inkey "$key" -rawin -in SHA256SUMS -out SHA256SUMS.sig.new
openssl pkeyutl -verify -pubin -inkey "$public" -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig.new >/dev/null
mv SHA256SUMS.sig.new SHA256SUMS.sig
