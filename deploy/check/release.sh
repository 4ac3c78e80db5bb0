#!/usr/bin/env bash
# Checks how a release is signed and verified, with keys made here, and the SBOM: the same twice, and by CycloneDX's own schema.
#
# Needs openssl, Rust and Python; about half a minute.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

RELEASE=$WORK/release
CYCLONEDX=11.12.0
rm -rf "$RELEASE" && mkdir -p "$RELEASE/out" "$RELEASE/keys"
for key in ours theirs; do
  openssl genpkey -algorithm ed25519 -out "$RELEASE/keys/$key.pem"
  openssl pkey -in "$RELEASE/keys/$key.pem" -pubout -out "$RELEASE/keys/$key.pub"
done
printf 'a package' >"$RELEASE/out/auditseal_0.0.0-1_amd64.deb"
printf 'an image' >"$RELEASE/out/auditseal.tar"
printf 'a stranger' >"$RELEASE/out/notes.txt"

sbom() { SOURCE_DATE_EPOCH=1 "$DEPLOY/package/sbom.py" "$@"; }
# The commands of docs/verify-a-release.md. verified KEY: in the folder `at`
verified() {
  (cd "$at" && openssl pkeyutl -verify -pubin -inkey "$RELEASE/keys/$1.pub" -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig && sha256sum --check --strict SHA256SUMS)
}
fails() { ! "$@"; }
# changed COMMAND: a copy of the release to which somebody did that must not verify
changed() {
  at=$RELEASE/changed
  rm -rf "$at" && cp -r "$RELEASE/out" "$at"
  (cd "$at" && bash -c "$1") && fails verified ours
}

at=$RELEASE/out
check "a release is signed" "$DEPLOY/release/sign.sh" "$RELEASE/keys/ours.pem" "$RELEASE/out"
check "it verifies" verified ours
check "with another key it doesn't" fails verified theirs
check "a stranger's file isn't signed" fails grep -q notes.txt "$at/SHA256SUMS"
check "a changed package is found" changed 'printf x >>auditseal_0.0.0-1_amd64.deb'
check "a missing one is found" changed 'rm auditseal.tar'
check "changed sums are found" changed 'printf x >>auditseal.tar && sha256sum auditseal* >SHA256SUMS'
check "another's signature is found" changed "openssl pkeyutl -sign -inkey '$RELEASE/keys/theirs.pem' -rawin -in SHA256SUMS -out SHA256SUMS.sig"
check "nothing to sign is an error" fails "$DEPLOY/release/sums.sh" "$RELEASE/keys"

sbom >"$RELEASE/one.json"
(cd / && TZ=Asia/Tokyo LC_ALL=C sbom) >"$RELEASE/two.json"
check "the SBOM is the same twice" cmp "$RELEASE/one.json" "$RELEASE/two.json"
if [ ! -e "$WORK/cyclonedx-$CYCLONEDX/.complete" ]; then
  rm -rf "$WORK/cyclonedx-$CYCLONEDX" && python3 -m venv "$WORK/cyclonedx-$CYCLONEDX"
  "$WORK/cyclonedx-$CYCLONEDX/bin/pip" install --quiet --disable-pip-version-check "cyclonedx-python-lib[json-validation]==$CYCLONEDX" && touch "$WORK/cyclonedx-$CYCLONEDX/.complete"
fi
cat >"$RELEASE/valid.py" <<'PY'
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(str(error) if error else 0)
PY
valid() { "$WORK/cyclonedx-$CYCLONEDX/bin/python" "$RELEASE/valid.py" "$1"; }
check "it is valid by CycloneDX's schema" valid "$RELEASE/one.json"
sed '0,/"SHA-256"/s//"SHA-257"/' "$RELEASE/one.json" >"$RELEASE/bad.json"
check "a broken one isn't" fails valid "$RELEASE/bad.json"
check "it names the C libraries in it" grep -q '"pkg:generic/zstd@' "$RELEASE/one.json"
sbom --also glibc=2.36 >"$RELEASE/static.json"
check "a static program's has the C library" grep -q '"pkg:generic/glibc@2.36"' "$RELEASE/static.json"

tally
