# The auditor's CronJob that packs, in the chart and in the kustomize manifests. To be sourced by helm.sh, whose chart it leaves as it was.

packer_checks() {
  local CHART=$DEPLOY/helm/auditor least packing
  printf 'auditseal/trust/v1\norigin prod/cp-1/audit static prod/cp-1+94a5c5f6+AZ…\n  begin 0\n  silent-after 10m\n' >"$WORK/audit.trust"
  least=(--set store.url=s3://audit-archive/k8s --set-file "trust.file=$WORK/audit.trust")
  packing=(--set pack.enabled=true,pack.keySecret=auditor-key)
  check "pack: nothing of it unless wanted" lacks "component: pack\|- pack$\|AUDITSEAL_PACKS"
  check "pack: lint" "$HELM" lint --strict "$CHART" "${least[@]}" "${packing[@]}"
  check "pack: a pod for each shard, which knows its own" packs_render '- --shard=$(JOB_COMPLETION_INDEX)/7$' --set pack.shards=7
  check "pack: and as many pods" shards_are 7
  check "pack: as the kustomize manifests have it" packs_as_kustomized
  check "pack: both put packs where the other looks" packs_where_looked
  check "pack: packs of their own bucket" packs_render 'value: "s3://packs/k8s"' --set pack.url=s3://packs/k8s
  check "pack: the same for those who verify" both_look
  check "pack: a lock is demanded" packs_render '- "--pack-retention=400d"' --set pack.retention=400d
  check "pack: an identity of its own" packs_render "serviceAccountName: .*-pack$"
  check "pack: with its cloud's" packs_render "eks.amazonaws.com/role-arn: packer" --set 'pack.serviceAccount.annotations.eks\.amazonaws\.com/role-arn=packer'
  check "pack: credentials of its own" packs_render "secretRef: { name: packer }" --set pack.credentialsSecret=packer,store.credentialsSecret=reader
  check "pack: not those of whoever verifies" packs_lack "name: reader" --set pack.credentialsSecret=packer,store.credentialsSecret=reader
  check "pack: no heads: it neither trusts nor forgets" packs_lack "heads"
  check "pack: a name that leaves room for its Jobs'" short_pack
  check "pack: no key is refused" refuses "pack.keySecret" --set pack.enabled=true
  check "pack: a store without a prefix wants a place for packs" refuses "pack.url" "${packing[@]}" --set store.url=s3://audit-archive
  check "pack: or has one" packs_render 's3://audit-archive"' --set store.url=s3://audit-archive,pack.url=s3://packs
  check "pack: no shard is refused" refuses "/pack/shards" "${packing[@]}" --set pack.shards=0
  check "pack: half a retention is refused" refuses "/pack/retention" "${packing[@]}" --set pack.retention=d
  check "pack: a directory is refused: it would be the container's" refuses "/pack/url" "${packing[@]}" --set pack.url=file:///packs
  check "pack: an unknown value is refused" refuses "additional" "${packing[@]}" --set pack.packs=s3://packs
}

# What packs, and nothing else of the chart.
packer() { render "${packing[@]}" "$@" --show-only templates/pack.yaml >"$WORK/rendered.yaml"; }
packs_render() { local words=$1; shift; packer "$@" && grep -q -- "$words" "$WORK/rendered.yaml"; }
packs_lack() { local words=$1; shift; packer "$@" && ! grep -q -- "$words" "$WORK/rendered.yaml"; }
shards_are() { [ "$(grep -c -e "completions: $1\$" -e "parallelism: $1\$" -e "maxFailedIndexes: $1\$" "$WORK/rendered.yaml")" = 3 ]; }
both_look() { [ "$(render "${packing[@]}" --set pack.url=s3://packs/k8s | grep -A1 'name: AUDITSEAL_PACKS$' | grep -c 'value: "s3://packs/k8s"$')" = 2 ]; }
short_pack() { packer --set "fullnameOverride=$(printf 'a%.0s' {1..60})" && [ "$(sed -n 's/^  name: //p' "$WORK/rendered.yaml" | awk '{ print length }' | sort -n | tail -n 1)" -le 52 ]; }

# What makes the Job what it is, word for word as in the manifests.
packs_as_kustomized() {
  local words manifest=$DEPLOY/kustomize/auditor/pack/pack.yaml
  packer || return 1
  while read -r words; do
    grep -qF -- "$words" "$WORK/rendered.yaml" && grep -qF -- "$words" "$manifest" || { echo "$words"; return 1; }
  done <<'WORDS'
schedule: "23 0 * * *"
concurrencyPolicy: Forbid
completionMode: Indexed
completions: 4
parallelism: 4
backoffLimitPerIndex: 2
maxFailedIndexes: 4
onExitCodes: { containerName: pack, operator: In, values: [1] }
restartPolicy: Never
automountServiceAccountToken: false
enableServiceLinks: false
fieldPath: "metadata.annotations['batch.kubernetes.io/job-completion-index']"
runAsNonRoot: true
readOnlyRootFilesystem: true
/trust/audit.trust
/key/auditor.key
/state/pack
(JOB_COMPLETION_INDEX)/4
defaultMode: 0400
emptyDir: { sizeLimit: 1Gi }
WORDS
}

# The manifests name where packs go; `verify` looks there by itself.
packs_where_looked() {
  local archive packs
  archive=$(sed -n 's/.*AUDITSEAL_STORE, value: \(.*\) }/\1/p' "$DEPLOY/kustomize/auditor/kustomization.yaml")
  packs=$(sed -n 's/.*AUDITSEAL_PACKS, value: \(.*\) }/\1/p' "$DEPLOY/kustomize/auditor/pack/kustomization.yaml")
  [ -n "$archive" ] && [ "$packs" = "$archive-packs" ]
}

packer_checks
