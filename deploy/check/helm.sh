#!/usr/bin/env bash
# Checks the charts and the kustomize manifests without a cluster: lint, every preset, what the schema refuses, and that both say the same.
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
  cp "$DEPLOY/grafana/forward.json" "$CHART/files/dashboard-forward.json"
  exit
fi
same_base() { base | diff "$DEPLOY/kustomize/base/auditseal.yaml" -; }

check "lint" "$HELM" lint --strict "$CHART" "${least[@]}"
for preset in "$CHART"/presets/*.yaml; do
  check "preset $(basename "$preset" .yaml) renders" renders "kind: DaemonSet" -f "$preset"
  check "preset $(basename "$preset" .yaml) names its source" grep -q '^# Source: ' "$preset"
done
check "the kustomize manifests are the chart's" same_base

# Everything that the chart can make for a node.
everything=(--set 'backfill.enabled=true,backfill.nodes={cp-1},backfill.sources[0].name=old,backfill.sources[0].path=/srv/old/audit.log'
  --set 'retire.nodes={cp-3}' --set-json 'affinity={"nodeAffinity":{}}')
# of_node PATTERN WANT ARGUMENT…: of the lines with PATTERN, of which there are some, all have WANT
of_node() {
  local pattern=$1 want=$2
  shift 2
  render "${everything[@]}" "$@" >"$WORK/rendered.yaml" && grep -e "$pattern" "$WORK/rendered.yaml" >"$WORK/lines" && ! grep -v -e "$want" "$WORK/lines"
}
for preset in "$CHART"/values.yaml "$CHART"/presets/*.yaml; do
  name=$(basename "$preset" .yaml)
  # A pod that demands a file which some nodes lack doesn't start there: nothing but directories is demanded, and the state's is made.
  check "$name: demands no file, socket or device of a node" of_node 'hostPath:' 'type: Directory\(OrCreate\)\? }' -f "$preset"
  check "$name: a log's disk that is mounted later is seen" of_node 'name: logs-.*mountPath:' 'mountPropagation: HostToContainer }' -f "$preset"
done
check "where no mount is shared, that can be off" of_node 'name: logs-.*mountPath:' 'mountPropagation: None }' --set mountPropagation=None
check "but can't be the way back" refuses "/mountPropagation" --set mountPropagation=Bidirectional
check "a directory above the log's" renders "mountPath: /var/log, readOnly: true" --set 'sources[0].name=a,sources[0].path=/var/log/a/audit.log,sources[0].mount=/var/log'
check "not one beside it" refuses "mount must be a directory above" --set 'sources[0].name=a,sources[0].path=/var/log/a/audit.log,sources[0].mount=/var/lo'
# A chart can't hold what lies outside of its directory.
check "its alerts are those of deploy/prometheus" cmp "$DEPLOY/prometheus/alerts.yaml" "$CHART/files/alerts.yaml"
check "its dashboard is that of deploy/grafana" cmp "$DEPLOY/grafana/auditseal.json" "$CHART/files/dashboard.json"
check "and so is forward's" cmp "$DEPLOY/grafana/forward.json" "$CHART/files/dashboard-forward.json"

check "a setting is a variable" renders "name: AUDITSEAL_REQUIRE_RETENTION" --set settings.requireRetention=365d
check "and so is its other spelling" renders "name: AUDITSEAL_REQUIRE_RETENTION" --set settings.require-retention=365d
demanded() { [ "$(render --set "$1" | grep -c "name: $2\$")" = 2 ]; }
check "what the agent demands, the test demands of the bucket" demanded settings.require-retention=365d AUDITSEAL_REQUIRE_RETENTION
check "and as firmly" demanded settings.requireRetentionMode=governance AUDITSEAL_REQUIRE_RETENTION_MODE
check "two spellings of one are refused" refuses "both spellings" --set settings.requireRetention=365d,settings.require-retention=30d
check "a number stays one" renders 'value: "19"' --set settings.level=19
echo 'settings: {spool-limit: 1073741824}' >"$WORK/number.yaml"
check "and a large one, from a file" renders 'value: "1073741824"' -f "$WORK/number.yaml"
check "a digest wins" renders "auditseal@sha256:$(printf 'a%.0s' {1..64})" --set "image.digest=sha256:$(printf 'a%.0s' {1..64})"
check "a key from a Secret" renders "secretName: my-key" --set key.secret=my-key
check "each node's, by its name" renders 'value: /etc/auditseal/$(AUDITSEAL_NODE)$' --set key.secret=my-key
check "or another" renders 'value: /etc/auditseal/mine$' --set key.secret=my-key,key.secretKey=mine
check "and then none is made" lacks "keygen" --set key.secret=my-key
check "else one for the node" renders 'args: \[keygen, --keep, --name, $(AUDITSEAL_CLUSTER)/$(AUDITSEAL_NODE), --out, /var/lib/auditseal/key\]'
check "in the host's network it listens on loopback" renders 'value: "127.0.0.1:9478"' --set hostNetwork=true
# probed HOST ARGUMENT…: both probes ask there
probed() { [ "$(render "${@:2}" | grep -c "port: metrics, host: \"$1\"")" = 2 ]; }
check "and is probed there" probed 127.0.0.1 --set hostNetwork=true
check "also when that is said" probed ::1 --set hostNetwork=true,listen.address=::1
check "another address is probed at the node's" lacks "host: " --set hostNetwork=true,listen.address=0.0.0.0
check "IPv6 has brackets" renders 'value: "\[::\]:9478"' --set listen.address=::
check "a PodMonitor" renders "kind: PodMonitor" --set podMonitor.enabled=true
check "a ServiceMonitor with its Service" renders "publishNotReadyAddresses: true" --set serviceMonitor.enabled=true
check "alert rules with their runbook" renders 'runbook_url: https://wiki.example/audit#auditsealdown' --set prometheusRule.enabled=true,prometheusRule.runbook=https://wiki.example/audit
check "and not without" refuses "prometheusRule.runbook" --set prometheusRule.enabled=true
handing=(--set forward.enabled=true,forward.trustConfigMap=trust --set 'forward.sinks[0]=file:///out')
# scraped ARGUMENT…: a PodMonitor looks for the labels that forward's pod has
scraped() { [ "$(render "${handing[@]}" "$@" | grep -c 'matchLabels: { app.kubernetes.io/name: "auditseal-forward", ')" = 2 ]; }
check "forward's pod is scraped" scraped --set podMonitor.enabled=true
check "with a ServiceMonitor too" scraped --set serviceMonitor.enabled=true
check "but not on the host's loopback" refuses "forward.hostNetwork" "${handing[@]}" --set podMonitor.enabled=true,forward.hostNetwork=true
# Both probes, and the address.
beside_host() { render "${handing[@]}" --set forward.hostNetwork=true >"$WORK/rendered.yaml" && [ "$(grep -c 'Probe: { httpGet: .*, port: metrics, host: "127.0.0.1" }' "$WORK/rendered.yaml")" = 2 ] && grep -q 'value: "127.0.0.1:9479"' "$WORK/rendered.yaml"; }
check "in the host's network it is asked there, by kubelet alone" beside_host
check "an address that ends as a loopback's does isn't one" scraped --set podMonitor.enabled=true,forward.hostNetwork=true,forward.address=fd00::1
check "and kubelet asks where it listens" renders 'path: /healthz, port: metrics, host: "10.0.0.5"' "${handing[@]}" --set forward.hostNetwork=true,forward.address=10.0.0.5
check "forward runs where it is told to" renders "key: dedicated$" "${handing[@]}" --set-json 'forward.tolerations=[{"key":"dedicated","operator":"Exists"}]'
check "its address can be IPv6's" renders 'AUDITSEAL_LISTEN, value: "\[::\]:9479"' "${handing[@]}" --set forward.address=::
check "but not a pod's loopback" refuses "forward.address" "${handing[@]}" --set forward.address=::1
check "its readiness can be left to alerts" lacks "path: /readyz, port: metrics }, periodSeconds: 10, timeoutSeconds: 5 }$" "${handing[@]}" --set forward.readiness=false
# once NAME ARGUMENT…: no variable of forward's container is there twice
once() { [ -z "$(render "${handing[@]}" "$@" --show-only templates/forward.yaml | grep -o 'name: AUDITSEAL_[A-Z_]*' | sort | uniq -d)" ]; }
check "each of its variables is there once" once --set forward.settings.filter=true,store.region=r,store.endpoint=https://e
for flag in listen forwardState forward-state trust store sink region; do
  check "and $flag isn't among its settings" refuses "forward.settings.$flag: the chart says it" "${handing[@]}" --set "forward.settings.$flag=x"
done
check "a setting isn't a list" refuses "/forward/settings/origin" "${handing[@]}" --set-json 'forward.settings={"origin":["a/b/c","a/b/d"]}'
check "the label that finds its pod is there once" refuses "forward.podLabels" "${handing[@]}" --set 'forward.podLabels.app\.kubernetes\.io/name=x'
check "and it has a dashboard" renders "auditseal-forward.json" "${handing[@]}" --set dashboard.enabled=true
check "which isn't there without it" lacks "auditseal-forward" --set dashboard.enabled=true --set podMonitor.enabled=true
check "a dashboard" renders 'grafana_dashboard: "1"' --set dashboard.enabled=true
check "IRSA" renders "eks.amazonaws.com/role-arn: arn" --set 'serviceAccount.annotations.eks\.amazonaws\.com/role-arn=arn'
check "no token unless wanted" lacks "automountServiceAccountToken: true\|serviceAccountToken:"
check "a way to the metadata service" renders "cidr: 169.254.169.254/32" --set 'networkPolicy.enabled=true,networkPolicy.extraEgress[0].to[0].ipBlock.cidr=169.254.169.254/32'

count=(--set apiserverMetrics.enabled=true --set networkPolicy.enabled=true)
# A variable is put in only where it stands before.
counted() { render "${count[@]}" | tr -d '\n' | grep -q 'name: HOST_IP .*"https://$(HOST_IP):6443/metrics"'; }
check "the apiserver's count: the node's address" counted
check "its token" renders "serviceAccountToken: { path: token" "${count[@]}"
check "its right" renders "nonResourceURLs: \[/metrics\], verbs: \[get\]" "${count[@]}"
check "its port" renders "{ port: 6443, protocol: TCP }" "${count[@]}"
check "its source" renders 'value: "audit=https://' "${count[@]}" --set apiserverMetrics.source=audit
check "which must be said of several" refuses "whose lines it counts" -f "$CHART/presets/openshift.yaml" --set apiserverMetrics.enabled=true
check "not twice" refuses "apiserverMetrics.enabled makes it" "${count[@]}" --set settings.apiserverMetrics=https://x

old=(--set 'backfill.enabled=true,backfill.nodes={cp-1},backfill.sources[0].name=old,backfill.sources[0].path=/var/log/old/audit.log')
jobs() { render "$@" --show-only templates/backfill.yaml; }
alike() { # what the daemon asks for, the Job does too, in either spelling; its own settings win
  jobs "${old[@]}" --set settings.retention=400d,settings.sse=kms,settings.require-retention=365d,settings.timeout=9s,backfill.settings.requireRetention=30d >"$WORK/job.yaml"
  for setting in RETENTION:400d SSE:kms REQUIRE_RETENTION:30d TIMEOUT:9s; do
    [ "$(grep -A1 "name: AUDITSEAL_${setting%:*}$" "$WORK/job.yaml" | tail -n +2)" = "              value: \"${setting#*:}\"" ] || { echo "$setting"; return 1; }
  done
}
check "old logs are locked alike" alike
job() { jobs "${old[@]}" "$@" | sed -n 's/^  name: //p'; }
another_job() { [ "$(job)" = "$(job --set podAnnotations.a=b)" ] && [ "$(job)" != "$(job --set image.tag=next)" ] && [ "$(job)" != "$(job --set settings.level=4)" ]; }
check "a Job that changes is another Job" another_job
short_name() { local name; name=$(job --set "fullnameOverride=$(printf 'a%.0s' {1..60})") && [ ${#name} -le 63 ]; }
check "with a name that fits" short_name
retired=(--set 'retire.nodes={cp-3}' --set-json 'affinity={"nodeAffinity":{}}')
check "a Job that retires a node" renders "args: \[retire\]" "${retired[@]}"
makes_no_key() { ! render "${retired[@]}" --show-only templates/retire.yaml | grep keygen; }
check "it makes no key" makes_no_key
check "not beside the daemon" refuses "keep the DaemonSet off" --set 'retire.nodes={cp-3}'
check "another name for one node" renders 'value: "cp-1b"' --set 'node=cp-1b,nodeSelector.kubernetes\.io/hostname=cp-1'
check "has a key of its own" renders '/var/lib/auditseal/cp-1b.key\]' --set 'node=cp-1b,nodeSelector.kubernetes\.io/hostname=cp-1'
check "not for all" refuses "one name is for one node" --set node=cp-1b
# said FILE: each piece of values on a page, on top of the least
said() {
  rm -f "$WORK"/said-*.yaml
  awk -v out="$WORK/said-" '/^ *VALUES$/ { on = 0 } on { sub(/^    /, ""); print >(out n ".yaml") } /<<VALUES$/ { on = 1; n++ }' "$1"
  for piece in "$WORK"/said-*.yaml; do render -f "$piece" >/dev/null || return 1; done
}
check "values in docs/install/kubernetes.md" said "$DEPLOY/../docs/install/kubernetes.md"
check "values in docs/operate.md" said "$DEPLOY/../docs/operate.md"

check "no cluster is refused" refuses "cluster" --set cluster=
check "no store is refused" refuses "store" --set store.url=
check "an unknown kind of store is refused" refuses "/store/url" --set store.url=ftp://x
check "a directory as store is refused: it would be the container's" refuses "/store/url" --set store.url=file:///srv/archive
check "an unknown value is refused" refuses "additional" --set tolerationz=1
check "a relative log is refused" refuses "/sources/0/path" --set 'sources[0].name=audit,sources[0].path=audit.log'
check "a setting that the chart makes is refused" refuses "/settings': additional properties 'store'" --set settings.store=s3://other
check "a misspelt setting is refused" refuses "/settings': additional properties 'require-retenton'" --set settings.require-retenton=365d
check "and one of backfill" refuses "/backfill/settings': additional properties 'heartbeat'" --set backfill.settings.heartbeat=5s
check "a grace below what it takes is refused" refuses "terminationGracePeriodSeconds" --set terminationGracePeriodSeconds=5
check "half a digest is refused" refuses "digest" --set image.digest=sha256:abc
check "a port out of range is refused" refuses "port" --set listen.port=70000
check "monitors without metrics are refused" refuses "need listen.enabled" --set listen.enabled=false --set podMonitor.enabled=true
check "monitors of a loopback are refused" refuses "set listen.address" --set hostNetwork=true,podMonitor.enabled=true
check "a pod's own loopback is refused: nobody could probe it" refuses "kubelet can't probe" --set listen.address=127.0.0.1
check "a backfill without nodes is refused" refuses "backfill.nodes" --set backfill.enabled=true
check "a backfill into the daemon's chain is refused" refuses "a name of their own" --set 'backfill.enabled=true,backfill.nodes={cp-1},backfill.sources[0].name=audit,backfill.sources[0].path=/var/log/old/audit.log'

# The auditor's CronJob that packs, in chart and manifests.
. "$DEPLOY/check/pack.sh"

guards=(--set guardrails.enabled=true)
# guarded SED WANT ARGUMENT…: what sed finds in the guardrails, each once
guarded() { [ "$(render "${guards[@]}" "${@:3}" --show-only templates/guardrails.yaml | sed -n "$1" | sort -u | tr '\n' ' ')" = "$2 " ]; }
check "no guardrails unless wanted" lacks "ValidatingAdmissionPolicy"
check "guardrails: the trail's refuse, the starter set's warn" guarded 's/^  validationActions: //p' "[Audit] [Deny, Audit] [Warn, Audit]"
check "and by one value it refuses too" guarded 's/^  validationActions: //p' "[Audit] [Deny, Audit]" --set guardrails.stage=enforce
check "they guard the paths of the sources and the state" renders "''/srv/state/'',''/srv/logs/''" "${guards[@]}" --set 'stateDir=/srv/state,sources[0].name=a,sources[0].path=/srv/logs/audit.log'
check "a registry ends with a slash" renders "\['registry.example.internal/'\].exists" "${guards[@]}" --set 'guardrails.starter.registries={registry.example.internal}'
check "without registries there is no policy of them" lacks "starter-registries" "${guards[@]}"
check "a policy can be left out" lacks "trail-grants" "${guards[@]}" --set 'guardrails.skip={trail-grants}'
check "Kyverno, and the apiserver for the rest" guarded 's/^kind: //p' "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingPolicy" --set guardrails.engine=Kyverno
check "Gatekeeper, its templates first" guarded 's/^kind: //p' "ConstraintTemplate ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding" --set guardrails.engine=Gatekeeper
check "nobody's group is refused" refuses "breakGlassGroups" "${guards[@]}" --set-json 'guardrails.breakGlassGroups=[]'
check "a name that would end the string is refused" refuses "pattern" "${guards[@]}" --set "guardrails.trail.users={a'b}"
check "an unknown stage is refused" refuses "/guardrails/stage" "${guards[@]}" --set guardrails.stage=deny
check "an apiserver that has no such policies is refused" refuses "1.30" "${guards[@]}" --kube-version 1.29.0

# The auditor's chart.
printf 'auditseal/trust/v1\norigin prod/cp-1/audit static prod/cp-1+94a5c5f6+AZ…\n  begin 0\n  silent-after 10m\n' >"$WORK/audit.trust"
: >"$WORK/none.trust"
echo keys >"$WORK/other.trust"
CHART=$DEPLOY/helm/auditor
least=(--set store.url=s3://audit-archive/k8s --set-file "trust.file=$WORK/audit.trust")
check "auditor: lint" "$HELM" lint --strict "$CHART" "${least[@]}"
check "auditor: a pod for each shard, which knows its own" renders '- --shard=$(JOB_COMPLETION_INDEX)/7$' --set shards=7
of_each() { [ "$(grep -c -e 'completions: 7$' -e 'parallelism: 7$' -e 'maxFailedIndexes: 7$' "$WORK/rendered.yaml")" = 3 ]; }
check "auditor: and as many pods" of_each
# What makes the Job what it is, word for word as in the manifests.
as_kustomized() {
  local words
  render >"$WORK/rendered.yaml" || return 1
  while read -r words; do
    grep -qF -- "$words" "$WORK/rendered.yaml" && grep -qF -- "$words" "$DEPLOY/kustomize/auditor/verify.yaml" || { echo "$words"; return 1; }
  done <<'WORDS'
schedule: "23 2 * * *"
concurrencyPolicy: Forbid
completionMode: Indexed
completions: 4
backoffLimitPerIndex: 2
onExitCodes: { containerName: verify, operator: In, values: [1, 3] }
restartPolicy: Never
automountServiceAccountToken: false
fieldPath: "metadata.annotations['batch.kubernetes.io/job-completion-index']"
runAsNonRoot: true
readOnlyRootFilesystem: true
/trust/audit.trust
/heads/audit.heads
(JOB_COMPLETION_INDEX)/4
WORDS
}
check "auditor: as the kustomize manifests have it" as_kustomized
trusted() { render | grep -q 'audit.trust: "auditseal/trust/v1\\norigin prod/cp-1/audit static .*silent-after 10m\\n"$'; }
check "auditor: the trust file, byte for byte" trusted
check "auditor: somebody else's" renders "configMap: { name: mine }" --set trust.configMap=mine --set-file "trust.file=$WORK/none.trust"
check "auditor: and not both" refuses "file or configMap" --set trust.configMap=mine
check "auditor: none is refused" refuses "trust init" --set-file "trust.file=$WORK/none.trust"
check "auditor: another file is refused" refuses "/trust/file" --set-file "trust.file=$WORK/other.trust"
check "auditor: the heads outlive the release" renders "helm.sh/resource-policy: keep"
check "auditor: a claim that is there" lacks "kind: PersistentVolumeClaim" --set heads.claim=mine
check "auditor: shards on a volume of one node are refused" refuses "several shards" --set heads.accessMode=ReadWriteOnce
check "auditor: one shard may" renders "accessModes: \[ReadWriteOnce\]" --set heads.accessMode=ReadWriteOnce,shards=1
check "auditor: credentials" renders "secretRef: { name: reader }" --set store.credentialsSecret=reader
check "auditor: a workload identity" renders "eks.amazonaws.com/role-arn: arn" --set 'serviceAccount.annotations.eks\.amazonaws\.com/role-arn=arn'
check "auditor: a digest wins" renders "auditseal@sha256:$(printf 'a%.0s' {1..64})" --set "image.digest=sha256:$(printf 'a%.0s' {1..64})"
short_job() { local name; name=$(render --set "fullnameOverride=$(printf 'a%.0s' {1..60})" --show-only templates/cronjob.yaml | sed -n 's/^  name: //p') && [ ${#name} -le 52 ]; }
check "auditor: a name that leaves room for its Jobs'" short_job
check "auditor: no store is refused" refuses "store" --set store.url=
check "auditor: no shard is refused" refuses "/shards" --set shards=0
check "auditor: an unknown value is refused" refuses "additional" --set sharts=1
check "auditor: a cluster without such Jobs is refused" refuses "1.29" --kube-version 1.28.0

tally
