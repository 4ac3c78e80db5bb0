#!/usr/bin/env bash
# The same log into each kind of store, and back: backfill, verify, cat, and a second backfill that has nothing to do. Before it the vault's
# own conformance cases, on a bucket of their own.
#
#   stores.sh [file|s3|azure|gcs]…     all without arguments
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/stores.XXXXXX")
export SEAWEEDFS_DIR=$WORK/seaweedfs AZURITE_DIR=$WORK/azurite GCS_DIR=$WORK/gcs
ORIGIN=e2e/node-1/kube
trap 'finish clean' EXIT

clean() {
  local part
  for part in seaweedfs azurite gcs; do "$HERE/parts/$part.sh" down; done
  if [ "$(failures)" != "$failed_before" ]; then LOG_LINES=12 show_logs "$SEAWEEDFS_DIR"/*.log "$AZURITE_DIR"/*.log "$GCS_DIR"/*.log; fi
  discard "$WORK"
}

backfill() {
  "$AUDITSEAL" backfill --cluster e2e --node node-1 --source "kube=$WORK/log/audit.log" --key "$WORK/key" --state "$WORK/$1.state" "${@:2}"
}

read_back() { "$AUDITSEAL" cat --origin "$ORIGIN" --vkey "$vkey" "$@" | sha256sum | cut -d' ' -f1; }

# round NAME STORE_OPTION…: the command in `lister` prints one line for each version of each object.
round() {
  local name=$1
  shift
  check "$name: backfill" backfill "$name" "$@"
  "${lister[@]}" >"$WORK/$name.first" || true
  if [ "$(wc -l <"$WORK/$name.first")" -ge 2 ]; then pass "$name: the objects are there"; else fail "$name: there are no objects"; fi
  check "$name: verify" "$AUDITSEAL" verify --origin "$ORIGIN" --vkey "$vkey" "$@"
  same "$name: cat gives the log back" "$log_hash" "$(read_back "$@" || true)"
  check "$name: second backfill" backfill "$name" "$@"
  "${lister[@]}" >"$WORK/$name.second" || true
  check "$name: it uploaded nothing" diff "$WORK/$name.first" "$WORK/$name.second"
}

# conforms NAME CASE URL ENDPOINT [VARIABLE=VALUE…]: one of the vault's tests that need a server, with what it says of the server
conforms() {
  local name=$1 case=$2 said=$WORK/conformance.out
  check "$name: $case" in_vault "$said" "$case" AUDITSEAL_TEST_STORE="$3" AUDITSEAL_TEST_ENDPOINT="$4" "${@:5}"
  sed -n 's/^ *"\(.*: .*\)",$/        | \1/p' "$said"
}

# The test must have run: a name that matches none would pass.
in_vault() {
  if (cd "$ROOT" && env "${@:3}" cargo test --quiet --locked -p auditseal-vault --test conformance -- --ignored --nocapture --exact "$2") >"$1" 2>&1; then
    grep -q ' 1 passed' "$1"
  else
    cat "$1"
    return 1
  fi
}

# attacker BUCKET COMMAND…: a command for the tests that attacks keys below `attacked` in BUCKET
attacker() {
  # shellcheck disable=SC2016  # it is the command that puts them in
  printf '#!/bin/sh\nexec %s "$1" %s "attacked/$2"\n' "${*:2}" "$1" >"$WORK/attack-$1" && chmod +x "$WORK/attack-$1"
}

# refused STATUS PATTERN COMMAND…: it ends with STATUS and says PATTERN
refused() {
  local want=$1 pattern=$2 status=0 said
  shift 2
  said=$("$@" 2>&1) || status=$?
  printf '%s\n' "$said"
  [ $status = "$want" ] && grep -q "$pattern" <<<"$said"
}

# pins_match NAME LISTING STORE_OPTION…: what the seals say of versions is what another client lists. Of each run at least the first objects
# are stored before the last one is sealed.
pins_match() {
  local name=$1 listing=$2
  shift 2
  "$AUDITSEAL" ls --format json "$@" | jq -r .key >"$WORK/$name.keys" || return 1
  while read -r key; do
    "$AUDITSEAL" inspect --format json "$@" "$key" | jq -r .note | sed -n 's/^stored [^ ]* \([0-9]*\) [0-9a-f]* \(.*\)$/\1 \2/p'
  done <"$WORK/$name.keys" | sort -u >"$WORK/$name.pins"
  [ -s "$WORK/$name.pins" ] || return 1
  # seq and version of each listed object; a note escapes what isn't plain in an id
  sed -n 's|^.*/0*\([0-9][0-9]*\)\.jsonl\.zst \(.*\)$|\1 \2|p' "$listing" | sort -u >"$WORK/$name.listed"
  cat "$WORK/$name.pins"
  ! comm -23 "$WORK/$name.pins" "$WORK/$name.listed" | grep .
}

# Each runs as a condition, so it chains its steps.

in_file() {
  lister=(find "$WORK/archive" -type f -name '*.zst' -printf '%P %T@\n')
  mkdir "$WORK/archive" && round file --store "file://$WORK/archive"
}

in_s3() {
  local at newest verify store=("$PY" "$HERE/helpers/store.py" s3)
  "$HERE/parts/seaweedfs.sh" up && "$HERE/parts/seaweedfs.sh" bucket audit-archive || return 1
  # shellcheck source=/dev/null
  . "$SEAWEEDFS_DIR/env"
  at=(--store s3://audit-archive/deep/prefix --endpoint "$S3_ENDPOINT")
  "$HERE/parts/seaweedfs.sh" bucket conformance-s3 && attacker conformance-s3 "${store[@]}" || return 1
  conforms s3 a_real_server_conforms s3://conformance-s3/plain "$S3_ENDPOINT"
  conforms s3 a_real_server_keeps_what_is_attacked s3://conformance-s3/attacked "$S3_ENDPOINT" AUDITSEAL_TEST_ATTACK="$WORK/attack-conformance-s3"
  conforms s3 a_real_server_locks_as_asked s3://conformance-s3/asked "$S3_ENDPOINT" AUDITSEAL_TEST_HOLD=1
  check "s3: another client sees that lock, the legal hold and the SHA-256" "${store[@]}" held conformance-s3 asked/locked-as-asked/1
  conforms s3 a_real_server_lists_page_after_page s3://conformance-s3/pages "$S3_ENDPOINT"
  conforms s3 a_real_server_tells_its_settings s3://conformance-s3 "$S3_ENDPOINT"
  lister=("${store[@]}" list audit-archive)
  round s3 "${at[@]}" || return 1
  check "s3: the versions that the seals pin are those that another client lists" pins_match s3 "$WORK/s3.second" "${at[@]}"
  demanded_locks || return 1

  # The lock protects the bytes; that they are seen is another matter. Both attacks need no more than the right to put and delete.
  verify=("$AUDITSEAL" verify --origin "$ORIGIN" --vkey "$vkey" "${at[@]}")
  newest=$("${lister[@]}" | tail -n 1 | cut -d' ' -f1)
  check "s3: the lock refuses to delete a version" "${store[@]}" locked audit-archive "$newest"
  head=$("${verify[@]}" | sed -n 's/^COMPLETE .* head=//p')
  "${store[@]}" shadow audit-archive "$newest" || return 1
  check "s3: verify notices a newer version with other bytes" refused 1 UNSEALED "${verify[@]}"
  "${store[@]}" hide audit-archive "$newest" || return 1
  # By its key alone a hidden newest object looks like one that was never written: the head that
  # somebody kept says otherwise.
  check "s3: verify notices a delete marker over the head" refused 1 TRUNCATED "${verify[@]}" --head "$head"
}

# What is asked of each put, and what is held against it: GOVERNANCE for a day, in the place of the bucket's own COMPLIANCE.
demanded_locks() {
  local at=(--store s3://audit-asked/k8s --endpoint "$S3_ENDPOINT") ask=(--retention 1d --retention-mode governance) demand=(--require-retention 1d)
  "${store[@]}" create audit-asked && "${store[@]}" create audit-default || return 1
  check "s3: backfill with a retention that it demands" backfill asked "${at[@]}" "${ask[@]}" "${demand[@]}" --require-retention-mode governance
  check "s3: demanding COMPLIANCE of GOVERNANCE is exit code 1, and names the versions" refused 1 'the lock falls short.*version=' \
    backfill asked-2 "${at[@]/k8s/second}" "${ask[@]}" "${demand[@]}"
  check "s3: so is demanding more days than the bucket gives" refused 1 'found="COMPLIANCE until' \
    backfill asked-3 --store s3://audit-default/third --endpoint "$S3_ENDPOINT" --require-retention 30d
  check "s3: the bucket's own retention is enough" backfill asked-4 --store s3://audit-default/fourth --endpoint "$S3_ENDPOINT" "${demand[@]}"
  check "s3: the server is seen to refuse to put over an object" refused 0 'the store refuses to put over' \
    backfill asked-5 --store s3://audit-default/fifth --endpoint "$S3_ENDPOINT" --log-level debug
}

in_azure() {
  "$HERE/parts/azurite.sh" up && "$HERE/parts/azurite.sh" container audit-archive || return 1
  # shellcheck source=/dev/null
  . "$AZURITE_DIR/env"
  # It knows neither versions nor locks.
  "$HERE/parts/azurite.sh" container conformance || return 1
  conforms azure a_real_server_conforms az://conformance/plain "$AZURE_ENDPOINT"
  lister=(python3 "$HERE/helpers/store.py" azure list audit-archive)
  round azure --store az://audit-archive/deep/prefix --endpoint "$AZURE_ENDPOINT"
}

in_gcs() {
  "$HERE/parts/gcs.sh" up && "$HERE/parts/gcs.sh" bucket audit-archive || return 1
  # shellcheck source=/dev/null
  . "$GCS_DIR/env"
  # It knows versions, and takes a retention with a put without keeping it.
  "$HERE/parts/gcs.sh" bucket conformance-gcs && attacker conformance-gcs python3 "$HERE/helpers/store.py" gcs || return 1
  conforms gcs a_real_server_conforms gs://conformance-gcs/plain "$GCS_ENDPOINT"
  conforms gcs a_real_server_keeps_what_is_attacked gs://conformance-gcs/attacked "$GCS_ENDPOINT" AUDITSEAL_TEST_ATTACK="$WORK/attack-conformance-gcs"
  conforms gcs a_real_server_lists_page_after_page gs://conformance-gcs/pages "$GCS_ENDPOINT"
  lister=(python3 "$HERE/helpers/store.py" gcs list audit-archive)
  check "gcs: the server is seen to refuse to put over an object" refused 0 'the store refuses to put over' \
    backfill canary --store gs://conformance-gcs/canary --endpoint "$GCS_ENDPOINT" --log-level debug
  round gcs --store gs://audit-archive/deep/prefix --endpoint "$GCS_ENDPOINT"
}

failed_before=$(failures)
need_auditseal
python_env
read -r _ log_hash < <(python3 "$HERE/helpers/sample.py" logs "$WORK/log")
vkey=$("$AUDITSEAL" keygen --out "$WORK/key")
same "keygen: the private key is its owner's alone" 600 "$(stat -c %a "$WORK/key")"
[ $# -gt 0 ] || set -- file s3 azure gcs
for kind in "$@"; do
  # One store that doesn't start is one failure; the others still have their turn.
  case $kind in
    file | s3 | azure | gcs) "in_$kind" || fail "$kind: did not run to its end" ;;
    *) die "usage: stores.sh [file|s3|azure|gcs]…" ;;
  esac
done
