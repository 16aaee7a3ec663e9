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
    {{- with $all.runbookBaseUrl }}
    runbook_url: {{ printf "%s/%s.md" (trimSuffix "/" .) $rule.alert }}
    {{- end }}
{{- end -}}
{{- end -}}

{{/*
A text with values in place of ${name}: (list values text). Names of policies become one pattern. What is special in a
string of PromQL is escaped: without that, the operator would refuse all rules.
*/}}
{{- define "otel-calico.filled" -}}
{{- $text := index . 1 -}}
{{- range $name, $value := index . 0 -}}
{{- if kindIs "slice" $value -}}
{{- $patterns := list -}}
{{- range $value -}}{{- $patterns = append $patterns (regexQuoteMeta .) -}}{{- end -}}
{{- $value = join "|" $patterns -}}
{{- end -}}
{{- $value = toString $value | replace "\\" "\\\\" | replace "\"" "\\\"" -}}
{{- $text = replace (printf "${%s}" $name) $value $text -}}
{{- end -}}
{{- $text -}}
{{- end -}}
