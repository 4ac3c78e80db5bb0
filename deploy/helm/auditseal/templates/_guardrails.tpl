{{- /* The policies of files/guardrails, with the values put in: YAML with `policies`. Needs (dict "root" $ "part" trail|starter|history). */}}
{{- define "auditseal.guardrails" -}}
{{- $root := .root }}
{{- $g := $root.Values.guardrails }}
{{- /* The CEL spelling of a list, a map, a string. Single quotes, so that it can stand in YAML's double quotes. */}}
{{- $fullname := include "auditseal.fullname" $root }}
{{- $paths := list $root.Values.stateDir }}
{{- range concat $root.Values.sources (ternary $root.Values.backfill.sources (list) $root.Values.backfill.enabled) }}
{{- $paths = append $paths (dir .path) }}
{{- end }}
{{- $slashed := list }}
{{- range uniq (concat $paths $g.trail.paths) }}{{ $slashed = append $slashed (printf "%s/" (trimSuffix "/" .)) }}{{ end }}
{{- $registries := list }}
{{- range $g.starter.registries }}{{ $registries = append $registries (printf "%s/" (trimSuffix "/" .)) }}{{ end }}
{{- /* What a DaemonSet's pods tolerate of themselves, and what the values add. */}}
{{- $tolerated := list "node.kubernetes.io/not-ready" "node.kubernetes.io/unreachable" "node.kubernetes.io/disk-pressure" "node.kubernetes.io/memory-pressure" "node.kubernetes.io/pid-pressure" "node.kubernetes.io/unschedulable" }}
{{- $all := false }}
{{- range $root.Values.tolerations }}
{{- if and (eq (default "Equal" .operator) "Exists") (empty .effect) }}
{{- if .key }}{{ $tolerated = append $tolerated .key }}{{ else }}{{ $all = true }}{{ end }}
{{- end }}
{{- end }}
{{- $in := dict
  "namespace" (squote $root.Release.Namespace)
  "prefix" (squote (printf "%s-" $fullname))
  "clusterPrefix" (squote (printf "%s-%s-" $root.Release.Namespace $fullname))
  "priorityClass" (squote (default "none" $root.Values.priorityClassName))
  "breakGlass" (include "auditseal.cel" $g.breakGlassGroups)
  "hostPathNamespaces" (include "auditseal.cel" (concat (list $root.Release.Namespace) $g.trail.hostPathNamespaces))
  "paths" (include "auditseal.cel" $slashed)
  "nodeSelector" (include "auditseal.cel" $root.Values.nodeSelector)
  "tolerated" (include "auditseal.cel" (uniq $tolerated))
  "tolerateAll" (toString $all)
  "webhooks" (include "auditseal.cel" $g.trail.webhooks)
  "ticket" (squote $g.history.ticketAnnotation)
  "registries" (ternary (include "auditseal.cel" $registries) "" (gt (len $registries) 0))
  "domains" (ternary (include "auditseal.cel" $g.starter.domains) "" (gt (len $g.starter.domains) 0))
  "defaultDenyLabel" $g.starter.defaultDenyLabel
  "included" (printf "!has(request.namespace) || !(request.namespace in %s)" (include "auditseal.guardrailExcluded" $root | replace "\"" "'"))
  "noMirror" "object == null || object.kind != 'Pod' || !has(object.metadata.annotations) || !('kubernetes.io/config.mirror' in object.metadata.annotations) || !has(request.userInfo.groups) || !('system:nodes' in request.userInfo.groups)"
  "configMapCharacters" "50000"
  "credentials" (printf "r'%s'" $g.starter.credentials)
  "Template" $root.Template
}}
{{- tpl ($root.Files.Get (printf "files/guardrails/%s.yaml" .part)) $in }}
{{- end }}

{{- /* Where the starter set isn't asked. */}}
{{- define "auditseal.guardrailExcluded" -}}
{{- concat (list "kube-system" "kube-public" "kube-node-lease" .Release.Namespace) .Values.guardrails.starter.excludeNamespaces | uniq | toJson }}
{{- end }}

{{- define "auditseal.cel" -}}
{{- toJson . | replace "\"" "'" }}
{{- end }}

{{- /* One policy's CEL variables, for every engine the same. */}}
{{- define "auditseal.guardrailVariables" -}}
{{- $g := .root.Values.guardrails }}
{{- if .policy.problem }}
- name: breakGlass
  expression: "has(request.userInfo.groups) && request.userInfo.groups.exists(g, g in {{ include "auditseal.cel" $g.breakGlassGroups }})"
- name: controlPlane
  expression: >-
    (has(request.userInfo.groups) && 'system:nodes' in request.userInfo.groups) || has(request.userInfo.username) && request.userInfo.username in
    {{ include "auditseal.cel" (concat (index (.root.Files.Get "files/guardrails/controlplane.yaml" | fromYaml) "users") $g.trail.users) }}
{{- end }}
{{- if .policy.workloads }}
{{- range $name, $of := dict "pod" "object" "oldPod" "oldObject" }}
- name: {{ $name }}
  expression: >-
    {{ $of }} == null || {{ $of }}.kind == 'PersistentVolume' ? {} : {{ $of }}.kind == 'Pod' ? {{ $of }}.spec :
    {{ $of }}.kind == 'CronJob' ? {{ $of }}.spec.jobTemplate.spec.template.spec :
    {{ $of }}.kind == 'PodTemplate' ? {{ $of }}.template.spec : has({{ $of }}.spec.template) ? {{ $of }}.spec.template.spec : {}
{{- end }}
{{- range $name, $of := dict "containers" "pod" "oldContainers" "oldPod" }}
- name: {{ $name }}
  expression: >-
    (has(variables.{{ $of }}.containers) ? variables.{{ $of }}.containers : []) + (has(variables.{{ $of }}.initContainers) ? variables.{{ $of }}.initContainers : [])
    + (has(variables.{{ $of }}.ephemeralContainers) ? variables.{{ $of }}.ephemeralContainers : [])
{{- end }}
{{- end }}
{{- with .policy.extra }}
{{ toYaml . }}
{{- end }}
{{- with .policy.variables }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "auditseal.guardrailRules" -}}
{{- $rules := default (list) .policy.rules }}
{{- if .policy.workloads }}
{{- $operations := ternary (list "CREATE") (list "CREATE" "UPDATE") (default false .policy.create) }}
{{- $pods := list "pods" "replicationcontrollers" "podtemplates" }}
{{- if .policy.ephemeral }}{{ $pods = append $pods "pods/ephemeralcontainers" }}{{ end }}
{{- $any := list "*" }}
{{- $rules = concat $rules (list
  (dict "apiGroups" (list "") "apiVersions" $any "resources" $pods "operations" $operations)
  (dict "apiGroups" (list "apps") "apiVersions" $any "resources" (list "daemonsets" "deployments" "replicasets" "statefulsets") "operations" $operations)
  (dict "apiGroups" (list "batch") "apiVersions" $any "resources" (list "jobs" "cronjobs") "operations" $operations)) }}
{{- end }}
{{- toYaml $rules }}
{{- end }}

{{- define "auditseal.guardrailKinds" -}}
{{- $kinds := default (list) .policy.kinds }}
{{- if .policy.workloads }}
{{- $kinds = concat $kinds (list
  (dict "apiGroups" (list "") "kinds" (list "Pod" "ReplicationController" "PodTemplate"))
  (dict "apiGroups" (list "apps") "kinds" (list "DaemonSet" "Deployment" "ReplicaSet" "StatefulSet"))
  (dict "apiGroups" (list "batch") "kinds" (list "Job" "CronJob"))) }}
{{- end }}
{{- toYaml $kinds }}
{{- end }}
