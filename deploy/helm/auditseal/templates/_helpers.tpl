{{- define "auditseal.fullname" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "auditseal.name" .) .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name (include "auditseal.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "auditseal.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "auditseal.selector" -}}
app.kubernetes.io/name: {{ include "auditseal.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "auditseal.labels" -}}
{{ include "auditseal.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "auditseal.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "auditseal.fullname" .) .Values.serviceAccount.name }}
{{- else }}{{ default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "auditseal.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ default .Chart.AppVersion .Values.image.tag }}{{ end }}
{{- end }}

{{- /* Where the key is, in the container. A key is for the node that it was made for: another name for the node has a key of its own. */}}
{{- define "auditseal.key" -}}
{{- if .Values.key.secret }}/etc/auditseal/{{ default "$(AUDITSEAL_NODE)" .Values.key.secretKey }}
{{- else }}/var/lib/auditseal/{{ with .Values.node }}{{ . }}.{{ end }}key{{ end }}
{{- end }}

{{- /* AUDITSEAL_ and the flag: requireRetention and require-retention are AUDITSEAL_REQUIRE_RETENTION. Of several settings later ones win.
A number of a values file is a float, which must not become 1e+09. */}}
{{- define "auditseal.settings" -}}
{{- $all := dict }}
{{- range . }}
{{- $said := list }}
{{- range $flag, $value := . }}
{{- $name := $flag | snakecase | replace "-" "_" | upper }}
{{- if has $name $said }}{{ fail (printf "settings: %s is there in both spellings" ($name | lower | replace "_" "-")) }}{{ end }}
{{- $said = append $said $name }}
{{- if and (kindIs "float64" $value) (eq (floor $value) $value) }}{{ $value = printf "%.0f" $value }}{{ end }}
{{- $_ := set $all $name (toString $value) }}
{{- end }}
{{- end }}
{{- range $name, $value := $all }}
- name: AUDITSEAL_{{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- /* What agent, Jobs and test have in common of their environment. */}}
{{- define "auditseal.store" -}}
- name: AUDITSEAL_STORE
  value: {{ .Values.store.url | quote }}
{{- with .Values.store.endpoint }}
- name: AUDITSEAL_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with .Values.store.region }}
- name: AUDITSEAL_REGION
  value: {{ . | quote }}
{{- end }}
{{- if .Values.store.caConfigMap }}
- name: AUDITSEAL_CA_CERTIFICATE
  value: /etc/auditseal-ca/{{ .Values.store.caKey }}
{{- end }}
{{- end }}

{{- define "auditseal.writer" -}}
{{ include "auditseal.who" . }}
{{ include "auditseal.store" . }}
- name: AUDITSEAL_KEY
  value: {{ include "auditseal.key" . }}
{{- /* The C library keeps what each thread has freed apart, eight places a core: with 100,000 backups a fifth of the memory. */}}
- name: MALLOC_ARENA_MAX
  value: "1"
{{- end }}

{{- /* Whose chains these are: what the key's name says too. */}}
{{- define "auditseal.who" -}}
- name: AUDITSEAL_CLUSTER
  value: {{ .Values.cluster | quote }}
- name: AUDITSEAL_NODE
{{- if .Values.node }}
  value: {{ .Values.node | quote }}
{{- else }}
  valueFrom: { fieldRef: { fieldPath: spec.nodeName } }
{{- end }}
{{- end }}

{{- define "auditseal.envFrom" -}}
{{- if or .Values.store.credentialsSecret .Values.envFrom }}
envFrom:
  {{- with .Values.store.credentialsSecret }}
  - secretRef: { name: {{ . | quote }} }
  {{- end }}
  {{- with .Values.envFrom }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* NAME=PATH of each source, as the environment takes them. */}}
{{- define "auditseal.sources" -}}
{{- $all := list }}
{{- range . }}{{ $all = append $all (printf "%s=%s" .name .path) }}{{ end }}
{{- join " " $all }}
{{- end }}

{{- /* One mount for each directory of the sources, at the path that it has on the node. A directory, for the file is renamed. */}}
{{- define "auditseal.directories" -}}
{{- $all := list }}
{{- range . }}
{{- $directory := default (dir .path) .mount }}
{{- if not (hasPrefix (printf "%s/" $directory) .path) }}{{ fail (printf "sources: %s: mount must be a directory above its path" .name) }}{{ end }}
{{- $all = append $all $directory }}
{{- end }}
{{- $all | uniq | toJson }}
{{- end }}

{{- /* A disk that is mounted on the node later must be seen in the pod too: without propagation the pod goes on with what lies below it. */}}
{{- define "auditseal.mounts" -}}
{{- $propagation := .root.Values.mountPropagation }}
{{- range $i, $directory := include "auditseal.directories" .sources | fromJsonArray }}
- { name: logs-{{ $i }}, mountPath: {{ $directory }}, readOnly: true, mountPropagation: {{ $propagation }} }
{{- end }}
- { name: state, mountPath: /var/lib/auditseal }
{{- with .root.Values }}
{{- if .key.secret }}
- { name: key, mountPath: /etc/auditseal, readOnly: true }
{{- end }}
{{- if .store.caConfigMap }}
- { name: ca, mountPath: /etc/auditseal-ca, readOnly: true }
{{- end }}
{{- with .extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "auditseal.volumes" -}}
{{- range $i, $directory := include "auditseal.directories" .sources | fromJsonArray }}
- { name: logs-{{ $i }}, hostPath: { path: {{ $directory }}, type: Directory } }
{{- end }}
- { name: state, hostPath: { path: {{ .root.Values.stateDir }}, type: DirectoryOrCreate } }
{{- with .root.Values }}
{{- if .key.secret }}
- { name: key, secret: { secretName: {{ .key.secret }}, defaultMode: 0400 } }
{{- end }}
{{- if .store.caConfigMap }}
- { name: ca, configMap: { name: {{ .store.caConfigMap }} } }
{{- end }}
{{- with .extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Of each pod: who it is, and where it may run. */}}
{{- define "auditseal.pod" -}}
serviceAccountName: {{ include "auditseal.serviceAccount" . }}
automountServiceAccountToken: {{ .Values.serviceAccount.automountToken }}
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .Values.hostNetwork }}
hostNetwork: true
{{- end }}
dnsPolicy: {{ default (ternary "ClusterFirstWithHostNet" "ClusterFirst" .Values.hostNetwork) .Values.dnsPolicy }}
securityContext: {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- /* Makes the node's key where there is none; its vkey goes to the log. */}}
{{- define "auditseal.keygen" -}}
{{- if not .Values.key.secret }}
initContainers:
  - name: key
    image: {{ include "auditseal.image" . }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    args: [keygen, --keep, --name, $(AUDITSEAL_CLUSTER)/$(AUDITSEAL_NODE), --out, {{ include "auditseal.key" . }}]
    env:
      {{- include "auditseal.who" . | nindent 6 }}
    securityContext: {{- toYaml .Values.securityContext | nindent 6 }}
    resources: {{- toYaml .Values.resources | nindent 6 }}
    volumeMounts:
      - { name: state, mountPath: /var/lib/auditseal }
{{- end }}
{{- end }}

{{- /* Where metrics and health are, of whether the pod is in the host's network and the address that is asked for; and whether nobody else can reach them there. */}}
{{- define "auditseal.address" -}}
{{- default (ternary "127.0.0.1" "0.0.0.0" (index . 0)) (index . 1) | trimPrefix "[" | trimSuffix "]" }}
{{- end }}

{{- define "auditseal.listen" -}}
{{- $address := include "auditseal.address" .of }}
{{- printf (ternary "[%s]:%v" "%s:%v" (contains ":" $address)) $address .port }}
{{- end }}

{{- define "auditseal.loopback" -}}
{{- $address := include "auditseal.address" . }}
{{- if or (hasPrefix "127." $address) (eq $address "::1") }}true{{ end }}
{{- end }}

{{- /* kubelet asks the pod's first address, unless told another. */}}
{{- define "auditseal.probe" -}}
{{- $address := include "auditseal.address" .of -}}
httpGet: { path: {{ .path }}, port: metrics{{ if not (has $address (list "0.0.0.0" "::")) }}, host: {{ $address | quote }}{{ end }} }
{{- end }}

{{- /* A Job on one node. What a Job runs can't be changed, only be replaced: so a hash of it is in the name, which has room for 63 letters. */}}
{{- define "auditseal.job" -}}
{{- $spec := include "auditseal.jobSpec" . }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "auditseal.fullname" .root | trunc 44 | trimSuffix "-" }}-{{ .command }}-{{ $spec | sha256sum | trunc 8 }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "auditseal.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .command }}
spec: {{- $spec | nindent 2 }}
{{- end }}

{{- define "auditseal.jobSpec" -}}
backoffLimit: 6
# Exit 3: another writer has the chain. Again can't help.
podFailurePolicy:
  rules:
    - action: FailJob
      onExitCodes: { containerName: {{ .command }}, operator: In, values: [3] }
template:
  metadata:
    labels: {{- include "auditseal.labels" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .command }}
      {{- with .root.Values.podLabels }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
  spec:
    {{- include "auditseal.pod" .root | nindent 4 }}
    restartPolicy: Never
    nodeSelector: { kubernetes.io/hostname: {{ .node | quote }} }
    {{- if .keygen }}
    {{- include "auditseal.keygen" .root | nindent 4 }}
    {{- end }}
    containers:
      - name: {{ .command }}
        image: {{ include "auditseal.image" .root }}
        imagePullPolicy: {{ .root.Values.image.pullPolicy }}
        args: [{{ .command }}]
        env:
          {{- include "auditseal.writer" .root | nindent 10 }}
          - name: AUDITSEAL_SOURCE
            value: {{ include "auditseal.sources" .sources | quote }}
          - name: AUDITSEAL_STATE
            value: {{ .state }}
          {{- include "auditseal.settings" .settings | nindent 10 }}
          {{- with .root.Values.env }}
          {{- toYaml . | nindent 10 }}
          {{- end }}
        {{- include "auditseal.envFrom" .root | nindent 8 }}
        securityContext: {{- toYaml .root.Values.securityContext | nindent 10 }}
        resources: {{- toYaml .resources | nindent 10 }}
        volumeMounts:
          {{- include "auditseal.mounts" (dict "root" .root "sources" .sources) | nindent 10 }}
    volumes:
      {{- include "auditseal.volumes" (dict "root" .root "sources" .sources) | nindent 6 }}
{{- end }}

{{- /* The count of the node's own apiserver. A variable that others refer to stands before them. */}}
{{- define "auditseal.apiserver" -}}
{{- with .Values.apiserverMetrics }}
{{- if .enabled }}
{{- range $flag, $value := $.Values.settings }}
{{- if has ($flag | snakecase | replace "_" "-") (list "apiserver-metrics" "apiserver-token-file" "apiserver-ca-file") }}
{{- fail (printf "settings.%s: apiserverMetrics.enabled makes it" $flag) }}
{{- end }}
{{- end }}
{{- if and (gt (len $.Values.sources) 1) (empty .source) }}{{ fail "apiserverMetrics.source: there are several sources; say whose lines it counts" }}{{ end }}
- name: HOST_IP
  valueFrom: { fieldRef: { fieldPath: status.hostIP } }
- name: AUDITSEAL_APISERVER_METRICS
  value: {{ printf "%shttps://%s:%v/metrics" (ternary "" (printf "%s=" .source) (empty .source)) .host .port | quote }}
- name: AUDITSEAL_APISERVER_TOKEN_FILE
  value: /etc/auditseal-apiserver/token
- name: AUDITSEAL_APISERVER_CA_FILE
  value: /etc/auditseal-apiserver/ca.crt
{{- end }}
{{- end }}
{{- end }}
