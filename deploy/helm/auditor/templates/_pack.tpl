{{- /* A CronJob's name has 52 characters at most. */}}
{{- define "auditor.pack.fullname" -}}
{{ include "auditor.fullname" . }}-pack
{{- end }}

{{- define "auditor.pack.labels" -}}
{{ include "auditor.labels" . | replace "component: verify" "component: pack" }}
{{- end }}

{{- /* The packer may put objects, which whoever verifies may not: an identity of its own. */}}
{{- define "auditor.pack.serviceAccount" -}}
{{- with .Values.pack.serviceAccount }}
{{- if .create }}{{ default (include "auditor.pack.fullname" $) .name }}
{{- else }}{{ default "default" .name }}
{{- end }}
{{- end }}
{{- end }}
