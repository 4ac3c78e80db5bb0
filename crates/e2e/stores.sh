#!/usr/bin/env bash
# The same log into each kind of store, and back: backfill, verify, cat, and a second backfill that has nothing to do; and what an attacker
# with the server's root keys can do to it. The vault's own cases are in conformance.sh.
#
#   stores.sh [file|s3|minio|azure|gcs]…     all without arguments
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/stores.XXXXXX")
own_stores seaweedfs minio azurite gcs
ORIGIN=e2e/node-1/kube
trap 'finish clean' EXIT

clean() {
  stop "$WORK" careless
  leave_stores
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

# refused STATUS PATTERN COMMAND…: it ends with STATUS and says PATTERN
refused() {
  local want=$1 pattern=$2 status=0 said
  shift 2
  said=$("$@" 2>&1) || status=$?
  printf '%s\n' "$said"
  [ $status = "$want" ] && grep -q "$pattern" <<<"$said"
}

# pins_match URL NAME: what the seals say of versions is what another client lists. A heartbeat is sealed when all before it is stored, so a daemon
# that has nothing to do says it of all its objects but the last; a backfill may be done before its first answer from the store.
pins_match() {
  local store=(--store "$1" "${at[@]}") prefix=${1#s3://*/} key
  rm -f "$WORK/pinning.log"
  spawn "$WORK" pinning "$AUDITSEAL" run --cluster e2e --node node-1 --source "kube=$WORK/log/audit.log" --key "$WORK/key" --state "$WORK/pins-$2.state" \
    --window 1s --heartbeat 1s "${store[@]}"
  wait_for 120 "$WORK" pinning two_heartbeats || { show_logs "$WORK/pinning.log"; return 1; }
  stop "$WORK" pinning
  "$AUDITSEAL" ls --format json "${store[@]}" | jq -r .key >"$WORK/pins.keys" || return 1
  while read -r key; do
    "$AUDITSEAL" inspect --format json "${store[@]}" "$key" | jq -r .note | sed -n 's/^stored [^ ]* \([0-9]*\) - [0-9a-f]* \(.*\)$/\1 \2/p'
  done <"$WORK/pins.keys" | sort -u >"$WORK/pins"
  # seq and version of each listed object; a note escapes what isn't plain in an id
  "${lister[@]}" | sed -n "s|^$prefix/.*/0*\([0-9][0-9]*\)\.jsonl\.zst \(.*\)$|\1 \2|p" | sort -u >"$WORK/pins.listed"
  cat "$WORK/pins"
  # The last object's version is known when it is too late to say so; that of the one before may be.
  [ "$(wc -l <"$WORK/pins")" -ge $(($(wc -l <"$WORK/pins.keys") - 2)) ] && ! comm -23 "$WORK/pins" "$WORK/pins.listed" | grep .
}
two_heartbeats() { [ "$(grep -c ' stored ' "$WORK/pinning.log")" -gt 2 ] && [ "$(grep -c 'kind=heartbeat' "$WORK/pinning.log")" -ge 2 ]; }

# put_again NAME: where nothing is locked, an object is deleted and put again. Its bytes are the chain's; a later seal knows that they are not the
# version that was stored.
put_again() {
  local lister=("${store[@]}" list put-again) key said
  "${store[@]}" create put-again unlocked && pins_match s3://put-again/pins "$1-again" && [ -z "$(verify_pinned)" ] || return 1
  key=$("${lister[@]}" | sed -n '2s/ .*//p')
  "${store[@]}" put_again put-again "$key" || return 1
  said=$(verify_pinned)
  printf '%s\n' "$said"
  [ "$(grep -c '^info: UNEXPECTED_OBJECT .* seq=1.* stored as version .* put again' <<<"$said")" = 1 ]
}
# Nobody goes on with this chain, so it may be SILENT by now.
verify_pinned() { "$AUDITSEAL" verify --store s3://put-again/pins "${at[@]}" --origin "$ORIGIN" --vkey "$vkey" | grep -vE '^(COMPLETE|SILENT|NOT COMPLETE|note:) ' || true; }

# Each runs as a condition, so it chains its steps.

in_file() {
  lister=(find "$WORK/archive" -type f -name '*.zst' -printf '%P %T@\n')
  mkdir "$WORK/archive" && round file --store "file://$WORK/archive"
}

in_s3() {
  local at keys newest store=("$PY" "$HERE/helpers/store.py" s3)
  "$HERE/parts/seaweedfs.sh" up && "$HERE/parts/seaweedfs.sh" bucket audit-archive || return 1
  # shellcheck source=/dev/null
  . "$SEAWEEDFS_DIR/env"
  at=(--store s3://audit-archive/deep/prefix --endpoint "$S3_ENDPOINT")
  lister=("${store[@]}" list audit-archive)
  round s3 "${at[@]}" || return 1
  demanded_locks s3 || return 1

  newest=$("${lister[@]}" | tail -n 1 | cut -d' ' -f1)
  check "s3: the lock refuses to delete a version" "${store[@]}" locked audit-archive "$newest"
  "$HERE/parts/seaweedfs.sh" bucket attacked || return 1
  at=(--endpoint "$S3_ENDPOINT")
  check "s3: the versions that the seals pin are those that another client lists" pins_match s3://audit-archive/pins s3
  check "s3: one that is not the pinned version any more is named" put_again s3
  attacks s3 s3://attacked && lock_demanded s3 s3://attacked
}

in_minio() {
  local at keys store=("$PY" "$HERE/helpers/store.py" s3)
  "$HERE/parts/minio.sh" up && "$HERE/parts/minio.sh" bucket audit-archive || return 1
  # shellcheck source=/dev/null
  . "$MINIO_DIR/env"
  at=(--store s3://audit-archive/deep/prefix --endpoint "$S3_ENDPOINT")
  lister=("${store[@]}" list audit-archive)
  round minio "${at[@]}" || return 1
  demanded_locks minio || return 1
  "$HERE/parts/minio.sh" bucket attacked || return 1
  at=(--endpoint "$S3_ENDPOINT")
  check "minio: the versions that the seals pin are those that another client lists" pins_match s3://audit-archive/pins minio
  check "minio: one that is not the pinned version any more is named" put_again minio
  attacks minio s3://attacked && lock_demanded minio s3://attacked
}

# attacks NAME URL: a lock protects the bytes; that they are seen is another matter. With the server's root keys nothing is destroyed, and
# all of it covered. `store` is the attacker's client, `at` says where the server is.
attacks() {
  local name=$1 url=$2
  attack "$name" "$url" untouched 0 '^COMPLETE '
  attack "$name" "$url" marker-over-a-middle-object 1 '^HIDDEN .* seq=1 ' hide:1
  attack "$name" "$url" marker-over-the-newest 1 '^HIDDEN ' hide:-1
  attack "$name" "$url" newer-version-with-other-content 1 '^SHADOWED .* seq=1 ' shadow:1
  attack "$name" "$url" newer-version-of-the-newest 1 '^SHADOWED ' shadow:-1
  attack "$name" "$url" newer-version-with-the-same-content 0 '^info: UNEXPECTED_OBJECT .* seq=1 ' repeat:1
  attack "$name" "$url" marker-and-create 1 '^SHADOWED .* seq=1 ' hide:1 shadow:1
  attack "$name" "$url" create-and-marker 1 '^HIDDEN .* seq=1 ' shadow:1 hide:1
  attack "$name" "$url" everything-marked 1 '^HIDDEN .* seq=0 ' hide:all
  after_loss "$name" "$url"
}

# attack NAME URL WHAT EXIT PATTERN VERB:KEY…: an archive of its own, what is done to it, what verify says, what cat gives back. KEY is an
# index into the keys in order, or `all`.
attack() {
  local name=$1 url=$2 what=$3 want=$4 pattern=$5
  shift 5
  cover "$name" "$url" "$what" "$@" || { fail "$name: $what: did not run to its end"; return 0; }
  check "$name: $what: verify exits $want and says so" refused "$want" "$pattern" verify_attacked "$url" "$what"
  same "$name: $what: cat gives the log back" "$log_hash" "$(read_back --store "$url/$what" "${at[@]}" 2>/dev/null || true)"
  verify_attacked "$url" "$what" | grep -E '^(info: )?(HIDDEN|SHADOWED|UNEXPECTED_OBJECT) ' | head -n 2 | cut -c1-200 | sed 's/^/        | /' || true
}

# cover NAME URL WHAT VERB:KEY…: an archive, and what is done to it; its keys go to `keys`
cover() {
  local name=$1 what=$3 bucket=${2##*/} step key
  backfill "$name-$what" --store "$2/$3" "${at[@]}" >"$WORK/attack.log" 2>&1 || { show_logs "$WORK/attack.log"; return 1; }
  mapfile -t keys < <("${store[@]}" list "$bucket" | cut -d' ' -f1 | grep "^$what/")
  shift 3
  for step in "$@"; do
    case $step in
      *:all) for key in "${keys[@]}"; do "${store[@]}" "${step%%:*}" "$bucket" "$key" || return 1; done ;;
      *) "${store[@]}" "${step%%:*}" "$bucket" "${keys[${step#*:}]}" || return 1 ;;
    esac
  done
}

# after_loss NAME URL: the newest object is hidden, and the node has lost what it knew. It goes on behind it, and puts nothing at its key.
after_loss() {
  local name=$1 what=state-lost-and-newest-hidden more='{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"after"}' want newest before after
  cover "$name" "$2" "$what" hide:-1 || { fail "$name: $what: did not run to its end"; return 0; }
  newest=${keys[-1]}
  before=$("${store[@]}" list "${2##*/}" | grep -cF "$newest ")
  rm -rf "$WORK/$name-$what.state"
  want=$({ read_back_bytes "$2/$what"; printf '%s\n' "$more"; } | sha256sum | cut -d' ' -f1)
  cp "$WORK/log/audit.log" "$WORK/audit.log.before" && printf '%s\n' "$more" >>"$WORK/log/audit.log"
  check "$name: $what: the node goes on" backfill "$name-$what" --store "$2/$what" "${at[@]}"
  cp "$WORK/audit.log.before" "$WORK/log/audit.log"
  check "$name: $what: verify names what was hidden, and where it went on" refused 1 '^info: REANCHORED ' verify_attacked "$2" "$what"
  check "$name: $what: and nothing else" one_finding HIDDEN verify_attacked "$2" "$what"
  after=$("${store[@]}" list "${2##*/}" | grep -cF "$newest ")
  same "$name: $what: nothing was put at the hidden key" "$before" "$after"
  same "$name: $what: cat gives the log back" "$want" "$(read_back --store "$2/$what" "${at[@]}" 2>/dev/null || true)"
}

read_back_bytes() { "$AUDITSEAL" cat --origin "$ORIGIN" --vkey "$vkey" --store "$1" "${at[@]}" 2>/dev/null; }

# one_finding VERDICT COMMAND…: of what it says, that is all that is wrong
one_finding() {
  local said
  said=$("${@:2}") || true
  printf '%s\n' "$said"
  [ "$(grep -oE '^[A-Z_]+ origin=' <<<"$said")" = "$1 origin=" ]
}

verify_attacked() { "$AUDITSEAL" verify --origin "$ORIGIN" --vkey "$vkey" --store "$1/$2" "${at[@]}" "${@:3}"; }

# lock_demanded NAME URL: the bucket's default is COMPLIANCE for a day
lock_demanded() {
  check "$1: each lock is long enough for a day, and COMPLIANCE" verify_attacked "$2" untouched --require-retention 1d
  check "$1: and not for a year" refused 1 '^WEAK_WORM .* short of ' verify_attacked "$2" untouched --require-retention 365d
}

# demanded_locks NAME: what is asked of each put, and what is held against it: GOVERNANCE for a day, in the place of the bucket's own COMPLIANCE.
demanded_locks() {
  local name=$1 at=(--store s3://audit-asked/k8s --endpoint "$S3_ENDPOINT") ask=(--retention 1d --retention-mode governance) demand=(--require-retention 1d)
  "${store[@]}" create audit-asked && "${store[@]}" create audit-default || return 1
  check "$name: backfill with a retention that it demands" backfill "$name-asked" "${at[@]}" "${ask[@]}" "${demand[@]}" --require-retention-mode governance
  check "$name: verify finds GOVERNANCE where that is demanded" verify_asked "${at[@]}" "${demand[@]}" --require-retention-mode governance
  check "$name: and WEAK_WORM where COMPLIANCE is" refused 1 '^WEAK_WORM .*governance' verify_asked "${at[@]}" "${demand[@]}"
  check "$name: demanding COMPLIANCE of GOVERNANCE is exit code 1, and names the versions" refused 1 'the lock falls short.*version=' \
    backfill "$name-asked-2" "${at[@]/k8s/second}" "${ask[@]}" "${demand[@]}"
  check "$name: so is demanding more days than the bucket gives" refused 1 'found="COMPLIANCE until' \
    backfill "$name-asked-3" --store s3://audit-default/third --endpoint "$S3_ENDPOINT" --require-retention 30d
  check "$name: the bucket's own retention is enough" backfill "$name-asked-4" --store s3://audit-default/fourth --endpoint "$S3_ENDPOINT" "${demand[@]}"
  check "$name: the server is seen to refuse to put over an object" refused 0 'the store refuses to put over' \
    backfill "$name-asked-5" --store s3://audit-default/fifth --endpoint "$S3_ENDPOINT" --log-level debug
}
verify_asked() { "$AUDITSEAL" verify --origin "$ORIGIN" --vkey "$vkey" "$@"; }

in_azure() {
  "$HERE/parts/azurite.sh" up && "$HERE/parts/azurite.sh" container audit-archive || return 1
  # shellcheck source=/dev/null
  . "$AZURITE_DIR/env"
  # It knows neither versions nor locks.
  lister=(python3 "$HERE/helpers/store.py" azure list audit-archive)
  round azure --store az://audit-archive/deep/prefix --endpoint "$AZURE_ENDPOINT"
}

in_gcs() {
  "$HERE/parts/gcs.sh" up && "$HERE/parts/gcs.sh" bucket audit-archive || return 1
  # shellcheck source=/dev/null
  . "$GCS_DIR/env"
  # It knows versions, and takes a retention with a put without keeping it.
  "$HERE/parts/gcs.sh" bucket canary || return 1
  local at=(--endpoint "$GCS_ENDPOINT") keys store=(python3 "$HERE/helpers/store.py" gcs)
  lister=("${store[@]}" list audit-archive)
  check "gcs: the server is seen to refuse to put over an object" refused 0 'the store refuses to put over' \
    backfill canary --store gs://canary --endpoint "$GCS_ENDPOINT" --log-level debug
  round gcs --store gs://audit-archive/deep/prefix --endpoint "$GCS_ENDPOINT" || return 1
  check "gcs: a server that ignores the condition is refused" ignores_conditions
  # It leaves no marker where it deletes: of what is hidden, no version is the latest.
  "$HERE/parts/gcs.sh" bucket attacked && attacks gcs gs://attacked
}

# The proxy once more before the first, which then sees no condition; as a server that knows none of Google's.
ignores_conditions() {
  local port at
  read -r port < <(free_ports 1)
  spawn "$WORK" careless python3 "$HERE/helpers/gcs_xml.py" "$port" "${GCS_ENDPOINT##*:}" --ignore-conditions
  "$HERE/parts/gcs.sh" bucket careless && wait_for 10 "$WORK" careless answers "$port" || return 1
  at=(--store gs://careless/k8s --endpoint "http://127.0.0.1:$port")
  refused 2 'ignores If-None-Match' timeout 60 "$AUDITSEAL" run --cluster e2e --node node-1 --source "kube=$WORK/log/audit.log" --key "$WORK/key" \
    --state "$WORK/careless.state" "${at[@]}" && refused 1 'fail  create-only .*ignored' "$AUDITSEAL" doctor "${at[@]}" || return 1
  stop "$WORK" careless
}
answers() { curl --silent --output /dev/null "http://127.0.0.1:$1/"; }

need_auditseal
python_env
read -r _ log_hash < <(python3 "$HERE/helpers/sample.py" logs "$WORK/log")
vkey=$("$AUDITSEAL" keygen --name e2e/node-1 --out "$WORK/key")
same "keygen: the private key is its owner's alone" 600 "$(stat -c %a "$WORK/key")"
[ $# -gt 0 ] || set -- file s3 minio azure gcs
for kind in "$@"; do
  # One store that doesn't start is one failure; the others still have their turn.
  case $kind in
    file | s3 | minio | azure | gcs) "in_$kind" || fail "$kind: did not run to its end" ;;
    *) die "usage: stores.sh [file|s3|minio|azure|gcs]…" ;;
  esac
done
