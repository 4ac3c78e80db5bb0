#!/usr/bin/env bash
# The vault's conformance cases on each kind of store and on the stand-in, and the page that docs/stores/conformance.md is made of what they
# came to. Without arguments all of them run, and the page must be as it was committed; AUDITSEAL_PAGE=write writes it.
#
#   conformance.sh [file|s3|minio|azure|gcs|standin]…
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/conformance.XXXXXX")
own_stores seaweedfs minio azurite gcs standin
LINES_DIR=$WORK/lines
PAGE=$ROOT/docs/stores/conformance.md
trap 'finish leave_stores' EXIT

# conforms NAME URL ENDPOINT [VARIABLE=VALUE…]: one line of what each case came to
conforms() {
  local name=$1
  check "$name: every case passes, or can't be asked of it" cargo_test auditseal-vault --ignored a_real_server_conforms \
    AUDITSEAL_TEST_LINES="$LINES_DIR/$name" AUDITSEAL_TEST_STORE="$2" AUDITSEAL_TEST_ENDPOINT="$3" "${@:4}"
  [ ! -s "$LINES_DIR/$name" ] || sed 's/^/        | /' "$LINES_DIR/$name"
}

# cargo_test CRATE OPTION TEST [VARIABLE=VALUE…]: it must have run: a name that matches none would pass
cargo_test() {
  local said
  said=$(cd "$ROOT" && env "${@:4}" cargo test --quiet --locked -p "$1" --test conformance -- "$2" --nocapture --exact "$3" 2>&1) || { printf '%s\n' "$said"; return 1; }
  grep -q ' 1 passed' <<<"$said"
}

# attacker BUCKET COMMAND…: a command for the cases that attacks keys below `attacked` in BUCKET
attacker() {
  # shellcheck disable=SC2016  # it is the command that puts them in
  printf '#!/bin/sh\nexec %s "$1" %s "attacked/$2"\n' "${*:2}" "$1" >"$WORK/attack-$1" && chmod +x "$WORK/attack-$1"
}

# Each runs as a condition, so it chains its steps.

in_file() { mkdir "$WORK/directory" && conforms file "file://$WORK/directory" ""; }

in_s3() {
  local store=("$PY" "$HERE/helpers/store.py" s3)
  "$HERE/parts/seaweedfs.sh" up && "$HERE/parts/seaweedfs.sh" bucket conformance-s3 || return 1
  # shellcheck source=/dev/null
  . "$SEAWEEDFS_DIR/env"
  attacker conformance-s3 "${store[@]}" || return 1
  conforms s3 s3://conformance-s3 "$S3_ENDPOINT" AUDITSEAL_TEST_ATTACK="$WORK/attack-conformance-s3" AUDITSEAL_TEST_LOCK_DAYS=1 AUDITSEAL_TEST_MISSING=s3://not-there
  check "s3: another client sees the lock that was asked for, the legal hold and the SHA-256" "${store[@]}" held conformance-s3 asked/locked-as-asked/1
}

in_minio() {
  local store=("$PY" "$HERE/helpers/store.py" s3)
  "$HERE/parts/minio.sh" up && "$HERE/parts/minio.sh" bucket conformance-minio || return 1
  # shellcheck source=/dev/null
  . "$MINIO_DIR/env"
  attacker conformance-minio "${store[@]}" || return 1
  conforms minio s3://conformance-minio "$S3_ENDPOINT" AUDITSEAL_TEST_ATTACK="$WORK/attack-conformance-minio" AUDITSEAL_TEST_LOCK_DAYS=1 AUDITSEAL_TEST_MISSING=s3://not-there
}

in_azure() {
  "$HERE/parts/azurite.sh" up && "$HERE/parts/azurite.sh" container conformance || return 1
  # shellcheck source=/dev/null
  . "$AZURITE_DIR/env"
  conforms azure az://conformance "$AZURE_ENDPOINT" AUDITSEAL_TEST_MISSING=az://not-there
}

in_gcs() {
  "$HERE/parts/gcs.sh" up && "$HERE/parts/gcs.sh" bucket conformance-gcs || return 1
  # shellcheck source=/dev/null
  . "$GCS_DIR/env"
  attacker conformance-gcs python3 "$HERE/helpers/store.py" gcs || return 1
  conforms gcs gs://conformance-gcs "$GCS_ENDPOINT" AUDITSEAL_TEST_ATTACK="$WORK/attack-conformance-gcs"
}

# Its own tests hold the page against what they find, too; here the page may be the older one.
in_standin() {
  local name
  check "stand-in as aws: a client that isn't ours gets in with the right key only, and makes a bucket with a lock" other_client
  for name in aws minio google azure; do
    check "stand-in as $name: every case passes, or can't be asked of it" cargo_test auditseal-standin --include-ignored "as_$name" \
      AUDITSEAL_CONFORMANCE_OUT="$LINES_DIR"
  done
}

# In a subshell, for its keys are not those of the other servers.
other_client() (
  "$HERE/parts/standin.sh" up aws || return 1
  # shellcheck source=/dev/null
  . "$STANDIN_DIR/env"
  store() { "$PY" "$HERE/helpers/store.py" s3 "$@"; }
  store create made COMPLIANCE && store list made && store refuses not-made && "$HERE/parts/standin.sh" down
)

page() {
  (cd "$ROOT" && cargo run --quiet --locked -p auditseal-standin --bin matrix -- "$LINES_DIR") >"$WORK/page" || return 1
  if [ "${AUDITSEAL_PAGE:-}" = write ]; then cp "$WORK/page" "$PAGE"; fi
  diff -u "$PAGE" "$WORK/page" || { echo "docs/stores/conformance.md isn't what was found. If that is right: AUDITSEAL_PAGE=write crates/e2e/conformance.sh"; return 1; }
}

python_env
mkdir "$LINES_DIR"
kinds=("$@")
[ $# -gt 0 ] || kinds=(file s3 minio azure gcs standin)
for kind in "${kinds[@]}"; do
  # One store that doesn't start is one failure; the others still have their turn.
  case $kind in
    file | s3 | minio | azure | gcs | standin) "in_$kind" || fail "$kind: did not run to its end" ;;
    *) die "usage: conformance.sh [file|s3|minio|azure|gcs|standin]…" ;;
  esac
done
[ $# -gt 0 ] || check "docs/stores/conformance.md is what was found" page
