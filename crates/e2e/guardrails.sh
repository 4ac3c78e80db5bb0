#!/usr/bin/env bash
# deploy/guardrails on a real apiserver: what each policy lets through and what it refuses, an edit-role user's twelve attempts against the trail,
# and that each verdict, old value and ticket is in the sealed trail of an audit policy without bodies.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORK=$(mktemp -d "$E2E/guardrails.XXXXXX")
export KUBE_DIR=$WORK/kube POLICY=$WORK/policy.yaml MAXSIZE=100
GUARDS=$ROOT/deploy/guardrails
trap 'finish clean' EXIT

clean() {
  stop "$WORK" auditseal
  "$HERE/parts/kube.sh" down
  if [ "$(failures)" != "$failed_before" ]; then LOG_LINES=12 show_logs "$KUBE_DIR"/*.log "$WORK"/*.log; fi
  discard "$WORK"
}

k() { "$E2E"/bin/kube-*-etcd-*/kubectl --kubeconfig "$KUBE_DIR/kubeconfig" "$@"; }
# As docs/guardrails.md has it: an administrator takes the group's part, and the log has both names.
glass() { k --as=breaker --as-group=system:masters --as-group=auditseal:break-glass "$@"; }
node() { k --as=system:node:cp-1 --as-group=system:nodes --as-group=system:masters "$@"; }
alice() { k --context alice "$@"; }

# allowed NAME COMMAND…
allowed() { check "$@"; }
# denied POLICY NAME COMMAND…: by that policy, and for no other reason
denied() {
  local policy=$1 name=$2
  shift 2
  check "$name" refused "$policy" "$@"
}
refused() {
  local policy=$1
  shift
  ! "$@" >"$WORK/answer" 2>&1 || { echo "was let through:"; cat "$WORK/answer"; return 1; }
  cat "$WORK/answer"
  grep -q "ValidatingAdmissionPolicy 'auditseal-$policy" "$WORK/answer"
}

# make KIND NAMESPACE NAME SPEC: given to the apiserver, which only says what it would do
make() { object "$@" | k create --dry-run=server -f -; }
object() {
  local api=v1
  case $1 in DaemonSet | Deployment) api=apps/v1 ;; CronJob | Job) api=batch/v1 ;; Ingress | NetworkPolicy) api=networking.k8s.io/v1 ;; esac
  printf 'apiVersion: %s\nkind: %s\nmetadata: {name: %s, namespace: %s%s}\nspec: %s\n' "$api" "$1" "$3" "$2" "${5:-}" "$4"
}
image=registry.example.internal/web:1
one="{containers: [{name: c, image: $image}]}"
with() { printf '{containers: [{name: c, image: %s}], %s}' "$image" "$1"; }
mounts() { with "volumes: [{name: v, hostPath: {path: \"$1\"}}]"; }
# of POD: as a template of pods
of() { printf '{selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: %s}}' "$1"; }
# stdin COMMAND…: what is to be sent comes first, in quotes
sent() { local body=$1; shift; printf '%s\n' "$body" | "$@"; }

# ---- the twelve attempts of somebody who may edit everything in auditseal's namespace and in one of their own

attempts() { # FUNCTION: called with a number, the words for it, and the command
  local pod
  pod=$(k -n auditseal get pods -o name | head -n 1)
  pod=${pod#pod/}
  "$1" 1 "delete the DaemonSet" alice -n auditseal delete daemonset auditseal --dry-run=server
  "$1" 2 "give it another image" alice -n auditseal set image daemonset/auditseal auditseal=x --dry-run=server
  "$1" 3 "give it a selector without nodes" alice -n auditseal patch daemonset auditseal --dry-run=server -p '{"spec":{"template":{"spec":{"nodeSelector":{"no":"where"}}}}}'
  "$1" 4 "delete its pod" alice -n auditseal delete pod "$pod" --dry-run=server
  "$1" 5 "evict it" sent "{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"$pod\",\"namespace\":\"auditseal\"},\"deleteOptions\":{\"dryRun\":[\"All\"]}}" \
    alice create --raw "/api/v1/namespaces/auditseal/pods/$pod/eviction?dryRun=All" -f -
  "$1" 6 "exec in it" alice -n auditseal exec "$pod" -c auditseal -- kill 1
  "$1" 7 "attach to it" alice -n auditseal attach "$pod" -c auditseal
  "$1" 8 "replace the store's credentials" alice -n auditseal patch secret store --dry-run=server -p '{"stringData":{"AWS_ACCESS_KEY_ID":"x"}}'
  "$1" 9 "a token of its service account" sent '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"audiences":["sts"]}}' \
    alice create --raw "/api/v1/namespaces/auditseal/serviceaccounts/auditseal/token?dryRun=All" -f -
  "$1" 10 "cut it off with a NetworkPolicy" sent "$(object NetworkPolicy auditseal cut '{podSelector: {}, policyTypes: [Egress]}')" alice create --dry-run=server -f -
  "$1" 11 "a pod elsewhere that mounts its key" sent "$(object Pod shop thief "$(mounts /var/lib//auditseal/)")" alice create --dry-run=server -f -
  "$1" 12 "a CronJob elsewhere that empties the log" sent "$(object CronJob shop wiper "{schedule: \"* * * * *\", jobTemplate: {spec: {template: {spec: $(with 'restartPolicy: Never, volumes: [{name: v, hostPath: {path: /var}}]')}}}}")" alice create --dry-run=server -f -
}
unguarded() { # exec and attach find no kubelet here, and that is as far as they get
  if [ "$1" = 6 ] || [ "$1" = 7 ]; then check "without guardrails, $1: $2" eval '! "${@:3}" >"$WORK/answer" 2>&1; ! grep -i forbidden "$WORK/answer"'; else allowed "without guardrails, $1: $2" "${@:3}"; fi
}
guarded() {
  local policy=trail-namespace
  case $1 in 6 | 7) policy=trail-connect ;; 11 | 12) policy=trail-hostpath ;; esac
  denied $policy "attempt $1: $2" "${@:3}"
  sed -n "s/.*denied request: /                   /p" "$WORK/answer" | head -n 1 | cut -c1-200
}

# An apiserver takes policies and bindings up one by one, within seconds of their being written: what is asked before, it lets through.
# So each is asked for until it answers, and only then do the questions count.
in_force() {
  check "trail-hostpath is in force" until_it 20 refused trail-hostpath make Pod shop p "$(mounts /var/log)"
  check "trail-namespace is in force" until_it 20 refused trail-namespace k label namespace auditseal x=y --dry-run=server
  check "trail-connect is in force" until_it 20 refused trail-connect k create --raw /api/v1/nodes/cp-1/proxy/run/auditseal/x/y -f /dev/null
  check "trail-nodes is in force" until_it 20 refused trail-nodes k delete node cp-1 --dry-run=server
  check "trail-cluster is in force" until_it 20 refused trail-cluster k label priorityclass system-node-critical x=y --dry-run=server
  check "trail-grants is in force" until_it 20 refused trail-grants k create clusterrolebinding b --clusterrole=cluster-admin --user=bob --dry-run=server
  check "trail-webhooks is in force" until_it 20 refused trail-webhooks sent "$(webhook)" k create --dry-run=server -f -
}
starter_in_force() {
  check "starter-configmaps is in force" until_it 20 refused starter-configmaps k -n shop create configmap c --from-literal=db_password=x --dry-run=server
  check "starter-ingress is in force" until_it 20 refused starter-ingress k -n shop create ingress i --default-backend=s:80 --dry-run=server
}

# ---- what protects the trail

trail() {
  local path
  for path in / /var/log /var//log/ /var/./log /var/log/kubernetes/audit/x /var/lib /etc; do
    denied trail-hostpath "a pod that mounts $path, in kube-system" make Pod kube-system p "$(mounts "$path")"
  done
  for path in /var/log2 /var/lib/auditseal2 /lib/modules; do allowed "a pod that mounts $path" make Pod kube-system p "$(mounts "$path")"; done
  check "a path with .. is refused by the apiserver itself" eval '! make Pod kube-system p "$(mounts /var/../var/log)" >"$WORK/answer" 2>&1; grep "must not contain" "$WORK/answer"'
  denied trail-hostpath "a DaemonSet" make DaemonSet kube-system d "$(of "$(mounts /var/log/kubernetes/audit)")"
  denied trail-hostpath "a volume of the cluster" make PersistentVolume "" v '{capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /var/lib/auditseal}}'
  denied trail-hostpath "a local volume" make PersistentVolume "" v '{capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], local: {path: /var/log}, nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}]}]}}}'
  allowed "a volume elsewhere" make PersistentVolume "" v '{capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /srv}}'

  denied trail-namespace "an administrator deletes the namespace" k delete namespace auditseal --dry-run=server
  denied trail-namespace "and labels it" k label namespace auditseal x=y --dry-run=server
  allowed "not another one" k label namespace shop x=y --dry-run=server
  allowed "break-glass does" glass label namespace auditseal x=y --dry-run=server
  denied trail-connect "a debugging container in its pod" k -n auditseal debug "$(k -n auditseal get pods -o name | head -n 1)" --image=x --target=auditseal
  denied trail-connect "a kubelet's exec, through the apiserver" k create --raw /api/v1/nodes/cp-1/proxy/run/auditseal/x/y -f /dev/null
  denied trail-connect "the node's log directory" k get --raw /api/v1/nodes/cp-1/proxy/logs/
  check "but its metrics are asked for" eval '! k get --raw /api/v1/nodes/cp-1/proxy/metrics >"$WORK/answer" 2>&1; grep "no preferred addresses" "$WORK/answer"'
  denied trail-nodes "a node's label goes" k label node cp-1 node-role.kubernetes.io/control-plane- --dry-run=server
  denied trail-nodes "a taint comes" k taint node cp-1 off=y:NoExecute --dry-run=server
  allowed "one that it tolerates" k taint node cp-1 node.kubernetes.io/unreachable:NoExecute --dry-run=server
  allowed "cordon" k cordon cp-1 --dry-run=server
  denied trail-nodes "the node goes" k delete node cp-1 --dry-run=server
  allowed "a worker may" k delete node worker --dry-run=server
  denied trail-cluster "its rights in the cluster" sent '{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"auditseal-auditseal-metrics"},"rules":[]}' k create --dry-run=server -f -
  denied trail-cluster "its priority class" k label priorityclass system-node-critical x=y --dry-run=server
  allowed "another one" k label priorityclass system-cluster-critical x=y --dry-run=server
  denied trail-grants "a role that changes policies" k create clusterrole r --verb=delete --resource=validatingadmissionpolicybindings.admissionregistration.k8s.io --dry-run=server
  denied trail-grants "a role that becomes any group" k create clusterrole r --verb=impersonate --resource=groups --dry-run=server
  denied trail-grants "another cluster-admin" k create clusterrolebinding b --clusterrole=cluster-admin --user=bob --dry-run=server
  allowed "a viewer" k create clusterrolebinding b --clusterrole=view --user=bob --dry-run=server
  denied trail-webhooks "a webhook before its pods" sent "$(webhook)" k create --dry-run=server -f -
  allowed "one that keeps off" sent "$(webhook ', namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [auditseal]}]}')" k create --dry-run=server -f -
}
webhook() {
  printf 'apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\nmetadata: {name: w}\nwebhooks: [{name: a.b.c, admissionReviewVersions: [v1], sideEffects: None, failurePolicy: Ignore, clientConfig: {url: "https://127.0.0.1:1/x"}, rules: [{apiGroups: [""], apiVersions: ["*"], operations: [CREATE], resources: [pods]}]%s}]\n' "${1:-}"
}

# ---- the starter set

starter() {
  local limits
  limits=$(object LimitRange shop l '{limits: [{type: Container, default: {memory: 64Mi}}]}')
  denied starter- "a pod in a namespace with nothing" make Pod shop p "$one"
  k -n shop create quota q --hard=pods=50 >/dev/null
  sent "$limits" k create -f - >/dev/null
  object NetworkPolicy shop deny '{podSelector: {}, policyTypes: [Ingress], ingress: [{}]}' ', labels: {auditseal.dev/default-deny: "true"}' | k create -f - >/dev/null
  check "a NetworkPolicy that only says it denies" until_it 20 eval 'refused starter-default-deny make Pod shop p "$one" && grep "and is none" "$WORK/answer"'
  k -n shop patch networkpolicy deny --type=merge -p '{"spec":{"policyTypes":["Ingress","Egress"],"ingress":null}}' >/dev/null
  allowed "with quota, limits and a NetworkPolicy that denies" until_it 20 make Pod shop p "$one"
  k -n shop delete quota q >/dev/null
  allowed "without the quota it is refused" until_it 20 refused starter-quota make Pod shop p "$one"
  k -n shop create quota q --hard=pods=50 >/dev/null
  k -n shop delete limitrange l >/dev/null
  allowed "without the limits" until_it 20 refused starter-limits make Pod shop p "$one"
  sent "$limits" k create -f - >/dev/null
  allowed "and with them it is let in" until_it 20 make Pod shop p "$one"
  allowed "a Deployment" make Deployment shop d "$(of "$one")"
  check "starter-privileges is in force" until_it 20 refused starter-privileges make Pod shop p "$(with 'hostPID: true')"
  check "an image from elsewhere" until_it 20 refused starter-registries make Pod shop p '{containers: [{name: c, image: web}]}'
  denied starter-registries "a host that only begins like ours" make Pod shop p '{containers: [{name: c, image: registry.example.internal.example.org/x}]}'
  denied starter-registries "in a Job's init container" make Job shop j "{template: {spec: {restartPolicy: Never, containers: [{name: c, image: $image}], initContainers: [{name: i, image: web}]}}}"
  denied starter-privileges "a privileged container" make Deployment shop d "$(of "{containers: [{name: c, image: $image, securityContext: {privileged: true}}]}")"
  denied starter-privileges "the host's processes" make Pod shop p "$(with 'hostPID: true')"
  denied starter-privileges "a host path" make Pod shop p "$(mounts /srv)"
  denied starter-privileges "a capability" make Pod shop p "{containers: [{name: c, image: $image, securityContext: {capabilities: {add: [SYS_PTRACE]}}}]}"
  denied starter-configmaps "a password by its key" k -n shop create configmap c --from-literal=db_password=x --dry-run=server
  denied starter-configmaps "a private key" sent '-----BEGIN EC PRIVATE KEY-----' k -n shop create configmap c --from-file=k=/dev/stdin --dry-run=server
  denied starter-configmaps "a password in a file" k -n shop create configmap c --from-literal='app.conf=user: web
password: hunter2hunter2' --dry-run=server
  allowed "a file that refers to one" k -n shop create configmap c --from-literal='app.conf=passwordFile: /run/secrets/db' --dry-run=server
  head -c 900000 /dev/zero | tr '\0' a >"$WORK/large"
  allowed "a large ConfigMap" k -n shop create configmap c --from-file="$WORK/large" --dry-run=server
  denied starter-ingress "an Ingress without TLS" k -n shop create ingress i --rule='a.apps.example.internal/*=s:80' --dry-run=server
  denied starter-ingress "a foreign host" k -n shop create ingress i --rule='shop.example.com/*=s:80,tls=t' --dry-run=server
  denied starter-ingress "any host" k -n shop create ingress i --default-backend=s:80 --dry-run=server
  allowed "one of ours with TLS" k -n shop create ingress i --rule='a.apps.example.internal/*=s:80,tls=t' --dry-run=server
  allowed "break-glass" sent "$(object Pod shop p "$(with 'hostPID: true')")" glass create --dry-run=server -f -
}

# What runs in every cluster runs on.
two_pods() {
  k -n kube-system get daemonset kube-proxy -o jsonpath='{.status}'
  # Without kubelets the nodes are unreachable by now. As everywhere, kube-proxy tolerates that.
  k get nodes -o custom-columns=NAME:.metadata.name,TAINTS:.spec.taints
  k -n kube-system get pods -l a=b -o name | tee "$WORK/pods"
  [ "$(wc -l <"$WORK/pods")" = 2 ]
}
undisturbed() {
  allowed "kube-proxy: a privileged DaemonSet in kube-system" sent "$(object DaemonSet kube-system kube-proxy "$(of '{hostNetwork: true, tolerations: [{operator: Exists}], containers: [{name: c, image: elsewhere.invalid/kube-proxy, securityContext: {privileged: true}}], volumes: [{name: v, hostPath: {path: /lib/modules}}]}')")" k create -f -
  allowed "its controller makes the pods" until_it 60 two_pods
  allowed "an apiserver's static pod, which mounts the log" sent "$(object Pod kube-system kube-apiserver-cp-1 '{hostNetwork: true, nodeName: cp-1, containers: [{name: c, image: elsewhere.invalid/kube-apiserver}], volumes: [{name: v, hostPath: {path: /var/log/kubernetes/audit}}, {name: p, hostPath: {path: /etc/kubernetes/pki}}]}' ', annotations: {kubernetes.io/config.mirror: x}')" node create -f -
  allowed "a static pod in another namespace" sent "$(object Pod shop web-cp-1 '{nodeName: cp-1, containers: [{name: c, image: web}], volumes: [{name: v, hostPath: {path: /srv}}]}' ', annotations: {kubernetes.io/config.mirror: x}')" node create -f -
  denied trail-hostpath "but not for somebody who only says it is one" sent "$(object Pod kube-system p "$(with 'nodeName: cp-1, volumes: [{name: v, hostPath: {path: /var/log}}]')" ', annotations: {kubernetes.io/config.mirror: x}')" k create --dry-run=server -f -
  # What was there before is still scaled and ended: it was made in a namespace without guardrails on it.
  allowed "what was let in before is scaled" k -n old scale deployment web --replicas=2
  allowed "and labelled" k -n old label pod web x=y
  allowed "and deleted" k -n old delete pod web --now
}

# The chart itself, under `enforce`: installed, its pods made and made again, taken away with its namespace.
chart() {
  sed "s/auditseal:0.1.0/auditseal:0.1.1/" "$WORK/chart.yaml" >"$WORK/next.yaml"
  denied trail-namespace "an administrator upgrades it" k apply --dry-run=server -f "$WORK/next.yaml"
  allowed "break-glass upgrades it" glass apply -f "$WORK/next.yaml"
  allowed "and the controller makes its pods anew" until_it 30 eval 'k -n auditseal get pods -o "jsonpath={.items[*].spec.containers[0].image}" | grep -x ".*:0.1.1"'
  allowed "a node's kubelet says how its pod is" node -n auditseal patch "$(k -n auditseal get pods -o name | head -n 1)" --subresource=status -p '{"status":{"phase":"Running"}}'
  allowed "and gets it a token" sent '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}' node create --raw "/api/v1/namespaces/auditseal/serviceaccounts/auditseal/token" -f -
}
gone_with_it() {
  allowed "break-glass deletes the namespace" glass delete namespace auditseal --wait=false
  allowed "and the control plane empties it" until_it 60 eval '! k get namespace auditseal'
}

# ---- old values and tickets

history() {
  local deny='{"metadata":{"annotations":{"auditseal.dev/ticket":"OPS-7"}},"spec":{"ingress":[{"from":[{"ipBlock":{"cidr":"10.9.0.0/16"}}]}]}}'
  k -n shop patch networkpolicy deny --type=merge -p "$deny" >/dev/null
  k -n shop patch networkpolicy deny --type=merge -p '{"spec":{"ingress":[{}]}}' >/dev/null
  object Ingress shop i '{defaultBackend: {service: {name: s, port: {number: 80}}}}' | glass create -f - >/dev/null
  k create clusterrole history --verb=get --resource=pods >/dev/null
  k patch clusterrole history --type=json -p '[{"op":"add","path":"/rules/0/verbs/-","value":"watch"}]' >/dev/null
  k delete clusterrole history >/dev/null
  python3 -c 'import json; print(json.dumps({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "large", "namespace": "shop"}, "spec": {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": f"10.{i // 256}.{i % 256}.0/24"}} for i in range(4000)]}]}}))' |
    k create -f - >/dev/null
  object NetworkPolicy shop umlaut '{podSelector: {}}' | k create -f - >/dev/null
  k delete --raw /apis/networking.k8s.io/v1/namespaces/shop/networkpolicies >/dev/null
}

# of_event FILTER: a line of the trail for which the filter is true
of_event() { jq -e -s "any(.[]; (.annotations // {}) as \$a | $1)" "$WORK/trail" >/dev/null; }
sealed() { check "sealed: $1" of_event "$2"; }

failed_before=$(failures)
need_auditseal
"$HERE/parts/kube.sh" build
begin=$SECONDS
cat >"$POLICY" <<'AUDIT'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
AUDIT
mkdir "$WORK/static"
awk 'BEGIN { RS = "---\n" } /trail-admission/ { print "---\n" $0 }' "$GUARDS/static/guardrails.yaml" | sed 1d >"$WORK/static/admission.yaml"
sed "s|/etc/kubernetes/guardrails|$WORK/static|" "$GUARDS/static/admission.yaml" >"$WORK/admission.yaml"
EXTRA="--feature-gates=ManifestBasedAdmissionControlConfig=true --admission-control-config-file=$WORK/admission.yaml" "$HERE/parts/kube.sh" up
"$AUDITSEAL" keygen --name e2e/node-1 --out "$WORK/key" >"$WORK/vkey"
mkdir "$WORK/archive"
at=(--store "file://$WORK/archive" --origin e2e/node-1/kube --vkey "$WORK/vkey")
spawn "$WORK" auditseal "$AUDITSEAL" run --cluster e2e --node node-1 --source "kube=$KUBE_DIR/audit/audit.log" --store "file://$WORK/archive" \
  --key "$WORK/key" --state "$WORK/state" --window 1s

# A cluster with auditseal, a node, and somebody who may edit.
for name in shop old; do k create namespace $name >/dev/null; done
for name in auditseal shop; do
  k create namespace $name --dry-run=client -o yaml | k apply -f - >/dev/null 2>&1
  k -n $name create rolebinding alice --clusterrole=edit --user=alice >/dev/null
done
printf 'apiVersion: v1\nkind: Node\nmetadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: "", kubernetes.io/hostname: cp-1}}\n---\napiVersion: v1\nkind: Node\nmetadata: {name: worker}\n' | k create -f - >/dev/null
k kustomize "$ROOT/deploy/kustomize/example" >"$WORK/chart.yaml"
k apply -f "$WORK/chart.yaml" >/dev/null 2>&1
k -n auditseal create secret generic store --from-literal=AWS_ACCESS_KEY_ID=a >/dev/null
{ object Deployment old web "$(of "$(mounts /var/log)")"; echo ---; object Pod old web "$(mounts /var/log)"; } | k create -f - >/dev/null
allowed "the chart's DaemonSet has a pod" until_it 30 eval 'k -n auditseal get pods -o name | grep pod/'

attempts unguarded
# Policies about policies: the apiserver asks none of its API's, and asks its static ones.
printf 'apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: probe}\nspec: {matchConstraints: {resourceRules: [{apiGroups: [admissionregistration.k8s.io], apiVersions: ["*"], operations: ["*"], resources: ["*"]}]}, validations: [{expression: "false"}]}\n---\napiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nmetadata: {name: probe}\nspec: {policyName: probe, validationActions: [Deny]}\n' | k create -f - >/dev/null
check "a policy of the API is asked about webhooks" until_it 20 eval '! sent "$(webhook)" k create --dry-run=server -f - 2>&1 | grep "\(created\|unchanged\)"'
allowed "but not about policies and bindings: it can be switched off" k delete validatingadmissionpolicybinding probe
k delete validatingadmissionpolicy probe >/dev/null
denied trail-admission "a static policy is: an administrator installs no guardrail" k apply -k "$GUARDS/vap/audit"
allowed "break-glass installs them, in stage audit" glass apply -k "$GUARDS/vap/audit"
allowed "stage audit: what the starter set minds is let through, with a warning" until_it 20 eval 'make Pod shop warned "{hostPID: true, containers: [{name: c, image: web}]}" >"$WORK/answer" 2>&1; grep "Warning.*starter-privileges" "$WORK/answer" && grep "Warning.*starter-registries" "$WORK/answer" && grep "pod/warned created" "$WORK/answer"'
in_force
attempts guarded
denied trail-admission "a binding is deleted" k delete validatingadmissionpolicybinding auditseal-trail-namespace --dry-run=server
denied trail-admission "a policy is weakened" k patch validatingadmissionpolicy auditseal-trail-hostpath --type=merge -p '{"spec":{"failurePolicy":"Ignore"}}' --dry-run=server
allowed "somebody else's binding isn't ours to guard" sent '{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicyBinding","metadata":{"name":"other"},"spec":{"policyName":"other","validationActions":["Audit"]}}' k create --dry-run=server -f -
allowed "one value later" glass apply -k "$GUARDS/vap/enforce"
check "stage enforce: it is refused" until_it 20 refused starter- make Pod shop warned '{hostPID: true, containers: [{name: c, image: web}]}'
starter_in_force
check "also for want of a quota" until_it 20 refused starter- make Pod shop p "$one"
trail
starter
undisturbed
chart
history

gone_with_it

"$HERE/parts/kube.sh" quiet
"$HERE/parts/kube.sh" down
same "auditseal ends" 0 "$(stop "$WORK" auditseal; echo $?)"
check "verify" "$AUDITSEAL" verify "${at[@]}"
check "cat" eval '"$AUDITSEAL" cat "${at[@]}" >"$WORK/trail"'
check "byte for byte the log" cmp "$WORK/trail" "$KUBE_DIR/audit/audit.log"
check "there is no body in it" eval '! grep -e "\"requestObject\"" -e "\"responseObject\"" "$WORK/trail"'

for name in trail-namespace trail-connect trail-hostpath trail-cluster trail-grants trail-webhooks trail-nodes starter-registries starter-privileges starter-configmaps starter-default-deny starter-ingress; do
  sealed "a verdict of $name" "\$a[\"auditseal-$name/verdict\"] // \"\" | length > 0"
done
for name in starter-quota starter-limits; do sealed "a refusal of $name" ".responseStatus.message // \"\" | contains(\"auditseal-$name\")"; done
sealed "a verdict of the static policies" '$a["auditseal-trail-admission.static.k8s.io/verdict"] // "" | length > 0'
sealed "what stage audit let through" '.responseStatus.code == 201 and ($a["auditseal-starter-privileges/verdict"] // "" | contains("hostPID"))'
sealed "and the other policy's verdict on the same pod" '.responseStatus.code == 201 and ($a["auditseal-starter-privileges/verdict"] != null) and ($a["auditseal-starter-registries/verdict"] // "" | contains("web"))'
sealed "break-glass, by both names" '.user.username == "admin" and .impersonatedUser.username == "breaker" and ($a["auditseal-trail-namespace/verdict"] // "" | startswith("break-glass: "))'
sealed "the old NetworkPolicy and the ticket" '.verb == "patch" and $a["auditseal-history/ticket"] == "OPS-7" and ($a["auditseal-history/before"] | fromjson.spec.policyTypes == ["Ingress", "Egress"]) and ($a["auditseal-history/after"] | fromjson.spec.ingress[0].from[0].ipBlock.cidr == "10.9.0.0/16")'
sealed "a ticket that was there before" '$a["auditseal-history/ticket"] == "OPS-7 (not new)" and ($a["auditseal-history/after"] | fromjson.spec.ingress == [{}])'
sealed "an Ingress" '$a["auditseal-history/after"] // "" | contains("defaultBackend")'
sealed "a role's old rules" '.objectRef.name == "history" and ($a["auditseal-history/before"] // "" | startswith("{") and (fromjson.rules[0].verbs == ["get"]))'
sealed "what a delete took" '.verb == "delete" and .objectRef.name == "history" and ($a["auditseal-history/before"] | fromjson.rules[0].verbs == ["get", "watch"])'
sealed "a cut value says so" '$a["auditseal-history/after"] // "" | endswith("characters]") and (utf8bytelength <= 10240)'
same "a deletecollection leaves one old value of three" 1 "$(jq -s '[.[] | select(.verb == "deletecollection" and .objectRef.resource == "networkpolicies") | .annotations["auditseal-history/before"] // empty] | length' "$WORK/trail")"
# What `history` makes of it, at level Metadata.
life() { "$AUDITSEAL" history "$@" "${at[@]}" >"$WORK/life.out" 2>&1; cat "$WORK/life.out"; }
told() { life "$1" ${2:+-n "$2"} --diff | grep -F -- "$3"; }
check "history: what was opened" told networkpolicy/deny shop "opened: 10.9.0.0/16 → all ports (inferred: as an admission policy noted it)"
check "history: who gave which reason" told networkpolicy/deny shop "why: auditseal-history/ticket = OPS-7"
check "history: a ticket of one of a collection is no other's" eval '! told networkpolicy/umlaut shop OPS-7'
check "history: what a delete took" told clusterrole/history "" "revoked: get, watch on pods (inferred: as an admission policy noted it)"
check "history: a role's verbs" told clusterrole/history "" '"watch"] (inferred: as an admission policy noted it)'
printf '  guardrails: %s lines, %s s\n' "$(wc -l <"$WORK/trail")" $((SECONDS - begin))
