{{/* Name of the chart in labels. */}}
{{- define "genai-usage-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/*
Name of the release's objects. At most 52 characters, because a StatefulSet's controller adds a hash of ten for a label,
which may have 63.
*/}}
{{- define "genai-usage-exporter.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- $name = .Release.Name }}
{{- else }}
{{- $name = printf "%s-%s" .Release.Name $name }}
{{- end }}
{{- default $name .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "genai-usage-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "genai-usage-exporter.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Labels of selectors. They are immutable in a StatefulSet, so they contain no version. */}}
{{- define "genai-usage-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "genai-usage-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "genai-usage-exporter.labels" -}}
{{ include "genai-usage-exporter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: monitoring
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* Namespace of an object that may be outside of the release's: (list . NAMESPACE) */}}
{{- define "genai-usage-exporter.namespace" -}}
{{- default (index . 0).Release.Namespace (index . 1) }}
{{- end }}

{{/* "true" if the exporter gets a web config file. */}}
{{- define "genai-usage-exporter.hasWebConfig" -}}
{{- if or .Values.web.config .Values.web.existingSecret }}true{{ end }}
{{- end }}

{{/* Scheme of the metrics' address. */}}
{{- define "genai-usage-exporter.scheme" -}}
{{- $tls := or .Values.web.tlsSecret .Values.web.config.tls_server_config }}
{{- default (ternary "https" "http" (not (empty $tls))) .Values.serviceMonitor.scheme }}
{{- end }}
