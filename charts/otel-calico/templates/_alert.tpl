{{/* One alert of rules.yaml with its values, as an item of a list: (list prometheusRule rule). Nothing if it is off. */}}
{{- define "otel-calico.alert" -}}
{{- $all := index . 0 -}}
{{- $rule := index . 1 -}}
{{- $values := index $all.alerts $rule.alert -}}
{{- $text := toYaml (pick $rule "expr" "annotations") -}}
{{- range $name, $value := omit $values "enabled" "severity" "for" "keepFiringFor" "policies" -}}
{{- $text = replace (printf "${%s}" $name) (toString $value) $text -}}
{{- end -}}
{{- $named := true -}}
{{- if hasKey $values "policies" -}}
{{- $named = not (empty $values.policies) -}}
{{- $patterns := list -}}
{{- range $values.policies -}}{{- $patterns = append $patterns (regexQuoteMeta . | replace "\\" "\\\\") -}}{{- end -}}
{{- $text = replace "${policies}" (join "|" $patterns) $text -}}
{{- end -}}
{{- if and $values.enabled $named -}}
- alert: {{ $rule.alert }}
  for: {{ $values.for }}
  {{- if ne (toString $values.keepFiringFor) "0m" }}
  keep_firing_for: {{ $values.keepFiringFor }}
  {{- end }}
  labels:
    severity: {{ $values.severity }}
    {{- with $all.alertLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- $parts := fromYaml $text }}
  expr: {{ toYaml $parts.expr | nindent 4 | trim }}
  annotations:
    {{- toYaml $parts.annotations | nindent 4 }}
    runbook_url: {{ printf "%s/%s.md" (trimSuffix "/" $all.runbookBaseUrl) $rule.alert }}
{{- end -}}
{{- end -}}
