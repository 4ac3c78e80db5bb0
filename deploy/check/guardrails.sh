#!/usr/bin/env bash
# Checks that deploy/guardrails is what the chart makes, and tries the policies for Kyverno and Gatekeeper with their own tools.
# crates/e2e/guardrails.sh tries the ValidatingAdmissionPolicies on a real apiserver.
#
#   deploy/check/guardrails.sh            --write makes deploy/guardrails anew from the chart; --files checks only that it is the chart's
#
# Needs Go, Python and jq. HELM, KYVERNO and GATOR name ready tools; those that aren't in PATH are built (four minutes each on two cores, 4 GB of
# disk for the compiler's cache, 3 GB of memory to link Kyverno), once.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

HELM_VERSION=v4.3.1 KYVERNO_VERSION=v1.19.1 GATOR_VERSION=v3.23.1
CHART=$DEPLOY/helm/auditseal
HERE=$DEPLOY/guardrails
export HELM_CACHE_HOME=$WORK/helm HELM_CONFIG_HOME=$WORK/helm HELM_DATA_HOME=$WORK/helm
export CGO_ENABLED=0 GOTOOLCHAIN=local GOWORK=off

HELM=${HELM:-$(command -v helm || echo "$WORK/bin/helm-$HELM_VERSION/helm")}
if [ ! -x "$HELM" ]; then
  note "building Helm"
  GOBIN=$WORK/bin/helm-$HELM_VERSION GOFLAGS=-mod=mod go install "helm.sh/helm/v4/cmd/helm@$HELM_VERSION" >"$WORK/helm.log" 2>&1 || { tail "$WORK/helm.log"; die "Helm doesn't build"; }
fi

# made ENGINE STAGE [ARGUMENT…]: without what is Helm's own
made() {
  printf '# Made from the chart by deploy/check/guardrails.sh --write, with the values of ../values.yaml; %s, stage %s.\n' "$1" "$2"
  "$HELM" template auditseal "$CHART" --namespace auditseal -f "$HERE/values.yaml" --show-only templates/guardrails.yaml \
    --set "guardrails.engine=$1,guardrails.stage=$2" "${@:3}" | grep -v -e '^# Source: ' -e 'helm.sh/chart:' -e 'app.kubernetes.io/managed-by:'
}
# Of an engine's own kinds only: what it can't do is in vap.
only() { awk -v want="$1" 'BEGIN { RS = "---\n"; ORS = "" } NR == 1 { print } NR > 1 && $0 ~ want { print "---\n" $0 }'; }
constraints() { made Gatekeeper "$1" "${kinds[@]}" | only 'apiVersion: constraints[.]'; }

# split FOLDER: a file for each object, by its name
split() {
  mkdir -p "$1"
  awk -v folder="$1" 'BEGIN { RS = "---\n"; ORS = "" } NR == 1 { head = $0 } NR > 1 { match($0, /\n  name: [a-z-]+/); print head $0 > (folder "/" substr($0, RSTART + 9, RLENGTH - 9) ".yaml") }'
}

make_all() { # INTO
  local stage kinds=()
  mkdir -p "$1"/{vap/audit,vap/enforce,kyverno,gatekeeper,static}
  for stage in audit enforce; do
    made ValidatingAdmissionPolicy $stage >"$1/vap/$stage/guardrails.yaml"
    made Kyverno $stage | only 'kind: ValidatingPolicy\n' >"$1/kyverno/$stage.yaml"
  done
  made ValidatingAdmissionPolicy enforce --set guardrails.static=true >"$1/static/guardrails.yaml"
  # A file for each template and each constraint, as `gator verify` wants it.
  rm -rf "$1"/gatekeeper/{templates,audit,enforce}
  made Gatekeeper enforce | only 'kind: ConstraintTemplate\n' | split "$1/gatekeeper/templates"
  while read -r stage; do kinds+=(--api-versions "constraints.gatekeeper.sh/v1beta1/$stage"); done \
    < <(sed -n 's/.*names: { kind: \(Auditseal[A-Za-z]*\) }.*/\1/p' "$1"/gatekeeper/templates/*.yaml)
  for stage in audit enforce; do constraints $stage | split "$1/gatekeeper/$stage"; done
  # The apiserver's own loader takes no document that is only a comment.
  sed -i '2{/^---$/d}' "$1"/vap/*/guardrails.yaml "$1/static/guardrails.yaml" "$1"/kyverno/{audit,enforce}.yaml
}
if [ "${1:-}" = --write ]; then
  make_all "$HERE"
  exit
fi
rm -rf "$WORK/guardrails"
make_all "$WORK/guardrails"
for file in $(cd "$WORK/guardrails" && find . -type f | sort); do
  check "guardrails/${file#./} is the chart's" diff "$HERE/$file" "$WORK/guardrails/$file"
done
if [ "${1:-}" = --files ]; then
  tally
  exit
fi

GATOR=${GATOR:-$(command -v gator || echo "$WORK/bin/gator-$GATOR_VERSION/gator")}
if [ ! -x "$GATOR" ]; then
  note "building gator (four minutes on two cores; log: $WORK/gator.log)"
  GOBIN=$WORK/bin/gator-$GATOR_VERSION GOFLAGS=-mod=mod go install -trimpath -ldflags "-s -w" "github.com/open-policy-agent/gatekeeper/v3/cmd/gator@$GATOR_VERSION" >"$WORK/gator.log" 2>&1 || { tail "$WORK/gator.log"; die "gator doesn't build"; }
fi
KYVERNO=${KYVERNO:-$(command -v kyverno || echo "$WORK/bin/kyverno-$KYVERNO_VERSION/kyverno")}
# Its replace directives bar `go install`: a copy of the module is the main module.
build_kyverno() {
  local source
  source=$(GOFLAGS=-mod=mod go mod download -json "github.com/kyverno/kyverno@$KYVERNO_VERSION" | jq -r .Dir) &&
    rm -rf "$WORK/kyverno" && cp -r "$source" "$WORK/kyverno" && chmod -R u+w "$WORK/kyverno" && mkdir -p "$(dirname "$KYVERNO")" &&
    (cd "$WORK/kyverno" && GOFLAGS=-mod=mod go build -trimpath -ldflags "-s -w" -o "$KYVERNO" ./cmd/cli/kubectl-kyverno) &&
    rm -rf "$WORK/kyverno"
}
if [ ! -x "$KYVERNO" ]; then
  note "building Kyverno's CLI (four minutes on two cores; log: $WORK/kyverno.log)"
  build_kyverno >"$WORK/kyverno.log" 2>&1 || { tail "$WORK/kyverno.log"; die "Kyverno's CLI doesn't build"; }
fi

check "gator verify" "$GATOR" verify "$HERE/gatekeeper"
tests=$HERE/kyverno/tests
export HOME=$WORK # where it would keep a configuration
check "kyverno test" "$KYVERNO" test "$tests" --remove-color

# In a pipeline, as docs/guardrails.md has it: what is good passes, what is bad is named and ends it.
cases=$HERE/gatekeeper/cases
# piped WANT WORDS COMMAND…: the exit code, and words that it must print
piped() {
  local want=$1 words=$2 got=0
  shift 2
  "$@" >"$WORK/piped" 2>&1 || got=$?
  cat "$WORK/piped"
  [ "$got" = "$want" ] && { [ -z "$words" ] || grep -q -- "$words" "$WORK/piped"; }
}
gator_test() { "$GATOR" test -f "$HERE/gatekeeper/templates" -f "$HERE/gatekeeper/enforce" "${@/#/--filename=}"; }
check "gator test: a good manifest passes" piped 0 "" gator_test "$cases"/{good,quota,limits,deny}.yaml
check "gator test: a bad one doesn't" piped 1 "privileged c" gator_test "$cases"/{privileged,quota,limits,deny}.yaml
kyverno_apply() { "$KYVERNO" apply "$HERE/kyverno/enforce.yaml" --userinfo "$tests/somebody/user.yaml" --context-file "$tests/cluster.yaml" "${@/#/--resource=}"; }
check "kyverno apply: a good manifest passes" piped 0 "fail: 0, warn: 0, error: 0" kyverno_apply "$cases"/{good,tls,plain}.yaml
check "kyverno apply: a bad one doesn't" piped 1 "privileged c" kyverno_apply "$cases"/{good,privileged}.yaml
check "kyverno apply: nor does one for a namespace without a quota" piped 1 "no ResourceQuota" kyverno_apply "$cases/unlimited.yaml"
tally
