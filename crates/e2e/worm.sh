#!/usr/bin/env bash
# doctor and worm-test against each kind of store: what they print of it, and that they end as they must.
#
#   worm.sh [file|s3|minio|azure|gcs|standin]…     all without arguments
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/worm.XXXXXX")
own_stores seaweedfs minio azurite gcs standin
trap 'finish leave_stores' EXIT

# ends NAME STATUS COMMAND…: shows what it prints, and counts whether it ends with STATUS
ends() {
  local name=$1 want=$2 status=0
  shift 2
  "$@" >"$WORK/printed" 2>&1 || status=$?
  sed 's/^/        | /' "$WORK/printed"
  same "$name: exit code" "$want" "$status"
}

# says NAME PATTERN: in what was printed last
says() { if grep -q -- "$2" "$WORK/printed"; then pass "$1"; else fail "$1: nothing like $2"; fi; }

# lacks NAME PATTERN: nothing like it was
lacks() { if grep -q -- "$2" "$WORK/printed"; then fail "$1: $2"; else pass "$1"; fi; }

# bucket NAME DOCTOR WORM --store URL OPTION…: with the exit codes that both must have, once without an archive and once with one
bucket() {
  local name=$1 doctor=$2 worm=$3 below=$5/worm-test
  shift 3
  ends "$name: worm-test" "$worm" "$AUDITSEAL" worm-test "$@"
  check "$name: backfill" "$AUDITSEAL" backfill --cluster e2e --node node-1 --source "kube=$WORK/log/audit.log" --key "$WORK/key" \
    --state "$WORK/$name.state" "$@"
  ends "$name: doctor" "$doctor" "$AUDITSEAL" doctor "$@" --source "kube=$WORK/log/audit.log"
  ends "$name: worm-test refuses to put a canary beside an archive" 2 "$AUDITSEAL" worm-test "$@"
  # Where doctor and the docs say to put it. What is locked stays, and is no finding.
  case $below in file://*) mkdir "${below#file://}" ;; esac
  ends "$name: worm-test below the archive" "$worm" "$AUDITSEAL" worm-test --store "$below" "${@:3}"
  ends "$name: verify of the chain" 0 "$AUDITSEAL" verify --origin e2e/node-1/kube --vkey "$WORK/vkey" "$@"
  lacks "$name: it doesn't look at the canary" "UNEXPECTED_OBJECT"
  ends "$name: verify of all chains" 0 "$AUDITSEAL" verify --vkey "$WORK/vkey" "$@"
}

# The three kinds of bucket that speakers of S3 have; the server's settings are in the environment.
s3_buckets() {
  local server=$1 at
  shift
  for mode in COMPLIANCE GOVERNANCE unlocked; do
    "$@" "worm-${mode,,}" "$mode" || return 1
    at=(--store "s3://worm-${mode,,}/deep" --endpoint "$S3_ENDPOINT")
    case $mode in
      COMPLIANCE) bucket "$server $mode" 0 0 "${at[@]}" ;;
      GOVERNANCE) bucket "$server $mode" 0 1 "${at[@]}" ;;
      unlocked) bucket "$server $mode" 1 1 "${at[@]}" ;;
    esac
  done
  at=(--store s3://worm-compliance/demanded --endpoint "$S3_ENDPOINT")
  ends "$server: a lock of a day when two are demanded" 1 "$AUDITSEAL" worm-test --require-retention 2d "${at[@]}"
  says "$server: it says so" "ends too early"
  ends "$server: doctor says so too" 1 "$AUDITSEAL" doctor --require-retention 2d "${at[@]}"
  # As a batch is put: with a lock of the writer's own, and with a hold, which these keys may lift.
  at=(--store s3://worm-governance/asked --endpoint "$S3_ENDPOINT")
  ends "$server: a retention that the writer asks for" 0 "$AUDITSEAL" worm-test --retention 1d --require-retention 1d "${at[@]}"
  says "$server: there is no hold to lift" "lift legal hold .* it has no legal hold .* not tried"
  ends "$server: a legal hold" 1 "$AUDITSEAL" worm-test --retention 1d --legal-hold "${at[@]}"
  says "$server: it was lifted" "lift legal hold .* LOCK WEAKENED"
  ends "$server: GOVERNANCE where it is demanded" 0 "$AUDITSEAL" doctor --require-retention 1d --require-retention-mode governance \
    --store s3://worm-governance/deep --endpoint "$S3_ENDPOINT"
  lifecycles "$server"
}

# What expires by the mark of what is packed is well, what expires by age is not. Last of all, for the rules stay.
lifecycles() {
  local server=$1 at=(--store s3://worm-compliance/deep --endpoint "$S3_ENDPOINT") expire=("$PY" "$HERE/helpers/store.py" s3 expire worm-compliance deep)
  check "$server: the server takes rules by the mark" "${expire[@]}" mark
  ends "$server: doctor, where what is packed expires" 0 "$AUDITSEAL" doctor "${at[@]}"
  says "$server: it says that only what is marked goes" 'pass  lifecycle .* deletes only what carries the tag auditseal-packed=true'
  check "$server: and by age" "${expire[@]}" age
  ends "$server: doctor, where all expires" 1 "$AUDITSEAL" doctor "${at[@]}"
  says "$server: it says that all goes" 'fail  lifecycle .* expires objects of the archive, packed or not'
}

in_file() {
  mkdir "$WORK/archive" && bucket file 0 1 --store "file://$WORK/archive"
}

in_s3() {
  "$HERE/parts/seaweedfs.sh" up || return 1
  # shellcheck source=/dev/null
  . "$SEAWEEDFS_DIR/env"
  s3_buckets s3 "$HERE/parts/seaweedfs.sh" bucket
}

in_minio() {
  "$HERE/parts/minio.sh" up || return 1
  # shellcheck source=/dev/null
  . "$MINIO_DIR/env"
  s3_buckets minio "$HERE/parts/minio.sh" bucket
}

# It has neither versions nor locks, and answers every question about them as if nothing had been asked.
in_azure() {
  "$HERE/parts/azurite.sh" up && "$HERE/parts/azurite.sh" container worm || return 1
  # shellcheck source=/dev/null
  . "$AZURITE_DIR/env"
  bucket azure 1 1 --store az://worm/deep --endpoint "$AZURE_ENDPOINT"
}

# It keeps versions, and locks nothing.
in_gcs() {
  "$HERE/parts/gcs.sh" up && "$HERE/parts/gcs.sh" bucket worm || return 1
  # shellcheck source=/dev/null
  . "$GCS_DIR/env"
  bucket gcs 1 1 --store gs://worm/deep --endpoint "$GCS_ENDPOINT"
}

# as CLOUD SCHEME BUCKET DOCTOR WORM: the stand-in in a cloud's manners, with one kind of bucket
as() {
  "$HERE/parts/standin.sh" up "$1" "worm=$3" || return 1
  # shellcheck source=/dev/null
  . "$STANDIN_DIR/env"
  bucket "stand-in: $1 $3" "$4" "$5" --store "$2://worm/deep" --endpoint "$STANDIN_ENDPOINT"
  "$HERE/parts/standin.sh" down
}

# What no server here can do: AWS's own manners, Google's retention policy, Azure's immutability, of versions and of a container. Azure's
# data plane tells neither what a container locks by default nor whether its policy is locked: doctor can't pass it, and where the policy is
# all that protects, nor can worm-test. In a subshell, for its keys are not those of the others.
in_standin() (
  as aws s3 compliance 0 0 && as aws s3 governance 0 1 && as aws s3 versions 1 1 &&
    as google gs policy 0 0 && as google gs unlocked-policy 0 2 && as google gs plain 1 1 &&
    as azure az compliance 0 0 && as azure az governance 2 1 && as azure az policy 2 2
)

need_auditseal
python_env
python3 "$HERE/helpers/sample.py" logs "$WORK/log" >"$WORK/sample"
"$AUDITSEAL" keygen --name e2e/node-1 --out "$WORK/key" >"$WORK/vkey"
[ $# -gt 0 ] || set -- file s3 minio azure gcs standin
for kind in "$@"; do
  # One store that doesn't start is one failure; the others still have their turn.
  case $kind in
    file | s3 | minio | azure | gcs | standin) "in_$kind" || fail "$kind: did not run to its end" ;;
    *) die "usage: worm.sh [file|s3|minio|azure|gcs|standin]…" ;;
  esac
done
