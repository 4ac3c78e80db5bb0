#!/usr/bin/env bash
# Checks the chart and the kustomize manifests without a cluster: lint, every preset, what the schema refuses, and that both say the same.
# crates/e2e/cluster.sh has a real apiserver check every field, and runs it.
#
#   deploy/check/helm.sh            --write makes deploy/kustomize/base anew from the chart, and the chart's copies of alerts and dashboard
#
# Needs Go and Python. HELM names a helm; without one in PATH, it is built.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

HELM_VERSION=v4.3.1
CHART=$DEPLOY/helm/auditseal
export HELM_CACHE_HOME=$WORK/helm HELM_CONFIG_HOME=$WORK/helm HELM_DATA_HOME=$WORK/helm

HELM=${HELM:-$(command -v helm || echo "$WORK/bin/helm-$HELM_VERSION/helm")}
if [ ! -x "$HELM" ]; then
  note "building Helm"
  GOBIN=$WORK/bin/helm-$HELM_VERSION GOFLAGS=-mod=mod CGO_ENABLED=0 go install "helm.sh/helm/v4/cmd/helm@$HELM_VERSION" >"$WORK/helm.log" 2>&1 || { tail "$WORK/helm.log"; die "Helm doesn't build"; }
fi

least=(--set cluster=prod --set store.url=s3://audit-archive/k8s)
render() { "$HELM" template auditseal "$CHART" --namespace auditseal "${least[@]}" "$@"; }
renders() { local words=$1; shift; render "$@" >"$WORK/rendered.yaml" && grep -q -- "$words" "$WORK/rendered.yaml"; }
lacks() { local words=$1; shift; render "$@" >"$WORK/rendered.yaml" && ! grep -q -- "$words" "$WORK/rendered.yaml"; }
# refuses WORDS ARGUMENT…: rendering must fail, and say why
refuses() {
  local words=$1
  shift
  if render "$@" >"$WORK/refusal" 2>&1 || ! grep -q -- "$words" "$WORK/refusal"; then
    cat "$WORK/refusal"
    return 1
  fi
}

# What the chart gives with its defaults, without what is Helm's own.
base() {
  echo '# Made from the chart by deploy/check/helm.sh --write. Cluster and store: see ../example.'
  render --set fullnameOverride=auditseal --set cluster=CLUSTER --set store.url=s3://BUCKET/PREFIX \
    --show-only templates/serviceaccount.yaml --show-only templates/daemonset.yaml | grep -v -e '^# Source: ' -e 'helm.sh/chart:' -e 'app.kubernetes.io/managed-by:'
}
if [ "${1:-}" = --write ]; then
  base >"$DEPLOY/kustomize/base/auditseal.yaml"
  cp "$DEPLOY/prometheus/alerts.yaml" "$CHART/files/alerts.yaml"
  cp "$DEPLOY/grafana/auditseal.json" "$CHART/files/dashboard.json"
  exit
fi
same_base() { base | diff "$DEPLOY/kustomize/base/auditseal.yaml" -; }

check "lint" "$HELM" lint --strict "$CHART" "${least[@]}"
for preset in "$CHART"/presets/*.yaml; do
  check "preset $(basename "$preset" .yaml) renders" renders "kind: DaemonSet" -f "$preset"
  check "preset $(basename "$preset" .yaml) names its source" grep -q '^# Source: ' "$preset"
done
check "the kustomize manifests are the chart's" same_base
# A chart can't hold what lies outside of its directory.
check "its alerts are those of deploy/prometheus" cmp "$DEPLOY/prometheus/alerts.yaml" "$CHART/files/alerts.yaml"
check "its dashboard is that of deploy/grafana" cmp "$DEPLOY/grafana/auditseal.json" "$CHART/files/dashboard.json"

check "a setting is a variable" renders "name: AUDITSEAL_REQUIRE_RETENTION" --set settings.requireRetention=365d
check "and so is its other spelling" renders "name: AUDITSEAL_REQUIRE_RETENTION" --set settings.require-retention=365d
demanded() { [ "$(render --set "$1" | grep -c "name: $2\$")" = 2 ]; }
check "what the agent demands, the test demands of the bucket" demanded settings.require-retention=365d AUDITSEAL_REQUIRE_RETENTION
check "and as firmly" demanded settings.requireRetentionMode=governance AUDITSEAL_REQUIRE_RETENTION_MODE
check "a number stays one" renders 'value: "19"' --set settings.level=19
check "a digest wins" renders "auditseal@sha256:$(printf 'a%.0s' {1..64})" --set "image.digest=sha256:$(printf 'a%.0s' {1..64})"
check "a key from a Secret" renders "secretName: my-key" --set key.secret=my-key
check "and then none is made" lacks "keygen" --set key.secret=my-key
check "in the host's network it listens on loopback" renders 'value: "127.0.0.1:9478"' --set hostNetwork=true
check "a PodMonitor" renders "kind: PodMonitor" --set podMonitor.enabled=true
check "a ServiceMonitor with its Service" renders "publishNotReadyAddresses: true" --set serviceMonitor.enabled=true
check "alert rules with their runbook" renders 'runbook_url: https://wiki.example/audit#auditsealdown' --set prometheusRule.enabled=true,prometheusRule.runbook=https://wiki.example/audit
check "a dashboard" renders 'grafana_dashboard: "1"' --set dashboard.enabled=true
check "IRSA" renders "eks.amazonaws.com/role-arn: arn" --set 'serviceAccount.annotations.eks\.amazonaws\.com/role-arn=arn'
check "no token unless wanted" lacks "automountServiceAccountToken: true"

check "no cluster is refused" refuses "cluster" --set cluster=
check "no store is refused" refuses "store" --set store.url=
check "an unknown kind of store is refused" refuses "/store/url" --set store.url=ftp://x
check "a directory as store is refused: it would be the container's" refuses "/store/url" --set store.url=file:///srv/archive
check "an unknown value is refused" refuses "additional" --set tolerationz=1
check "a relative log is refused" refuses "/sources/0/path" --set 'sources[0].name=audit,sources[0].path=audit.log'
check "a setting that the chart makes is refused" refuses "propertyName 'store'" --set settings.store=s3://other
check "a grace below what it takes is refused" refuses "terminationGracePeriodSeconds" --set terminationGracePeriodSeconds=5
check "half a digest is refused" refuses "digest" --set image.digest=sha256:abc
check "a port out of range is refused" refuses "port" --set listen.port=70000
check "monitors without metrics are refused" refuses "need listen.enabled" --set listen.enabled=false --set podMonitor.enabled=true
check "a backfill without nodes is refused" refuses "backfill.nodes" --set backfill.enabled=true
check "a backfill into the daemon's chain is refused" refuses "a name of their own" --set 'backfill.enabled=true,backfill.nodes={cp-1},backfill.sources[0].name=audit,backfill.sources[0].path=/var/log/old/audit.log'

tally
