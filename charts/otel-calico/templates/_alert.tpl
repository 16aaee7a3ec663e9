{{/* One alert of rules.yaml with its values, as an item of a list: (list prometheusRule rule). Nothing if it is off. */}}
{{- define "otel-calico.alert" -}}
{{- $all := index . 0 -}}
{{- $rule := index . 1 -}}
{{- $values := index $all.alerts $rule.alert -}}
{{- if and $values.enabled (or (not (hasKey $values "policies")) $values.policies) -}}
- alert: {{ $rule.alert }}
  for: {{ $values.for }}
  {{- if ne $values.keepFiringFor "0m" }}
  keep_firing_for: {{ $values.keepFiringFor }}
  {{- end }}
  labels: {{- toYaml (set (deepCopy $all.alertLabels) "severity" $values.severity) | nindent 4 }}
  expr: {{ include "otel-calico.filled" (list $values $rule.expr) | toYaml | nindent 4 | trim }}
  annotations:
    {{- range $name, $text := $rule.annotations }}
    {{ $name }}: {{ include "otel-calico.filled" (list $values $text) | toYaml | nindent 6 | trim }}
    {{- end }}
    runbook_url: {{ printf "%s/%s.md" (trimSuffix "/" $all.runbookBaseUrl) $rule.alert }}
{{- end -}}
{{- end -}}

{{/* A text with values in place of ${name}; names of policies become one pattern: (list values text). */}}
{{- define "otel-calico.filled" -}}
{{- $text := index . 1 -}}
{{- range $name, $value := index . 0 -}}
{{- if kindIs "slice" $value -}}
{{- $patterns := list -}}
{{- range $value -}}{{- $patterns = append $patterns (regexQuoteMeta . | replace "\\" "\\\\") -}}{{- end -}}
{{- $value = join "|" $patterns -}}
{{- end -}}
{{- $text = replace (printf "${%s}" $name) (toString $value) $text -}}
{{- end -}}
{{- $text -}}
{{- end -}}
