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

{{- /* Where the key is, in the container. */}}
{{- define "auditseal.key" -}}
{{- if .Values.key.secret }}/etc/auditseal/{{ .Values.key.secretKey }}{{ else }}/var/lib/auditseal/key{{ end }}
{{- end }}

{{- /* AUDITSEAL_ and the flag: requireRetention and require-retention are AUDITSEAL_REQUIRE_RETENTION. */}}
{{- define "auditseal.settings" -}}
{{- range $name, $value := . }}
- name: AUDITSEAL_{{ $name | snakecase | replace "-" "_" | upper }}
  value: {{ if kindIs "float64" $value }}{{ $value | toString | quote }}{{ else }}{{ $value | quote }}{{ end }}
{{- end }}
{{- end }}

{{- /* What agent, backfill and test have in common of their environment. */}}
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
- name: AUDITSEAL_CLUSTER
  value: {{ .Values.cluster | quote }}
- name: AUDITSEAL_NODE
  valueFrom: { fieldRef: { fieldPath: spec.nodeName } }
{{ include "auditseal.store" . }}
- name: AUDITSEAL_KEY
  value: {{ include "auditseal.key" . }}
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
{{- range . }}{{ $all = append $all (dir .path) }}{{ end }}
{{- $all | uniq | toJson }}
{{- end }}

{{- define "auditseal.mounts" -}}
{{- range $i, $directory := include "auditseal.directories" .sources | fromJsonArray }}
- { name: logs-{{ $i }}, mountPath: {{ $directory }}, readOnly: true }
{{- end }}
- { name: machine-id, mountPath: /etc/machine-id, readOnly: true }
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
- { name: machine-id, hostPath: { path: /etc/machine-id, type: File } }
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
    args: [keygen, --keep, --out, /var/lib/auditseal/key]
    securityContext: {{- toYaml .Values.securityContext | nindent 6 }}
    resources: {{- toYaml .Values.resources | nindent 6 }}
    volumeMounts:
      - { name: state, mountPath: /var/lib/auditseal }
{{- end }}
{{- end }}
