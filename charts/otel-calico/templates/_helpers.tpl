{{/* Name of everything the chart makes: the release's, with the chart's in it. */}}
{{- define "otel-calico.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Name of what is not in a namespace: two releases of one name must not share it. */}}
{{- define "otel-calico.clusterName" -}}
{{- if eq .Release.Namespace (include "otel-calico.fullname" .) -}}
{{- include "otel-calico.fullname" . -}}
{{- else -}}
{{- printf "%s-%s" .Release.Namespace (include "otel-calico.fullname" .) -}}
{{- end -}}
{{- end -}}

{{/* What tells our pods from others; a DaemonSet's selector can never change. */}}
{{- define "otel-calico.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "otel-calico.labels" -}}
{{ include "otel-calico.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "otel-calico.image" -}}
{{- $name := list .Values.image.registry .Values.image.repository | compact | join "/" -}}
{{- $name }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- with .Values.image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{- define "otel-calico.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "otel-calico.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "otel-calico.priorityClassName" -}}
{{- if .Values.priorityClass.create -}}
{{- .Values.priorityClass.name | default (include "otel-calico.clusterName" .) -}}
{{- else -}}
{{- .Values.priorityClass.name -}}
{{- end -}}
{{- end -}}

{{/* "true" or empty, as `include` can only give text. */}}
{{- define "otel-calico.usesKubernetes" -}}
{{- if eq .Values.config.datastore.type "kubernetes" -}}true{{- end -}}
{{- end -}}

{{- define "otel-calico.scheme" -}}
{{- ternary "https" "http" .Values.web.tls -}}
{{- end -}}

{{- define "otel-calico.lockFile" -}}
{{- dig "iptables" "lock_file" "/run/xtables.lock" .Values.config -}}
{{- end -}}

{{/* Whether there is a /metrics to scrape. */}}
{{- define "otel-calico.isScraped" -}}
{{- $exporters := dig "telemetry" "exporters" list .Values.config -}}
{{- $disabled := dig "telemetry" "disabled" false .Values.config -}}
{{- if and (not $disabled) (or (empty $exporters) (has "prometheus" $exporters)) -}}true{{- end -}}
{{- end -}}
