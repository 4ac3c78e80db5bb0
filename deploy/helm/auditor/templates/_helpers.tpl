{{- define "auditor.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- /* A CronJob's name has 52 characters at most, and its Jobs', eleven more. */}}
{{- define "auditor.fullname" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "auditor.name" .) .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name (include "auditor.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "auditor.selector" -}}
app.kubernetes.io/name: {{ include "auditor.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: verify
{{- end }}

{{- define "auditor.labels" -}}
{{ include "auditor.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "auditor.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "auditor.fullname" .) .Values.serviceAccount.name }}
{{- else }}{{ default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "auditor.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ default .Chart.AppVersion .Values.image.tag }}{{ end }}
{{- end }}

{{- define "auditor.claim" -}}
{{ default (printf "%s-heads" (include "auditor.fullname" .)) .Values.heads.claim }}
{{- end }}

{{- define "auditor.trust" -}}
{{ default (printf "%s-trust" (include "auditor.fullname" .)) .Values.trust.configMap }}
{{- end }}
