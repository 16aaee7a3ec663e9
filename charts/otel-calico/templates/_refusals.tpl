{{/* Values that are fine alone and cannot stand together: stops with what to change. */}}
{{- define "otel-calico.refuse" -}}
{{- $etcd := .Values.etcd -}}
{{- $datastore := .Values.config.datastore.type -}}
{{- if eq $datastore "etcdv3" -}}
  {{- $given := dig "etcd" "endpoints" "" .Values.config | default (dig "etcd" "discovery_srv" "" .Values.config) -}}
  {{- if not (or $given $etcd.fromCalico.enabled) -}}
    {{- fail "config.datastore.type is etcdv3, but nothing says where etcd is: set config.etcd.endpoints, or etcd.fromCalico.enabled" -}}
  {{- end -}}
  {{- if and $etcd.fromCalico.enabled (or $given $etcd.tls.secretName) -}}
    {{- fail "etcd.fromCalico takes endpoints and TLS from calico-config: leave out config.etcd.endpoints and etcd.tls, or disable it" -}}
  {{- end -}}
{{- else if or $etcd.fromCalico.enabled $etcd.tls.secretName $etcd.login.secretName -}}
  {{- fail "the value etcd is only for etcd: set config.datastore.type to etcdv3, or leave it out" -}}
{{- end -}}
{{- if and (or .Values.web.tls .Values.web.certificateSecretName) (not .Values.web.secretName) -}}
  {{- fail "web.tls and web.certificateSecretName need web.secretName, a Secret with the file web.yml" -}}
{{- end -}}
{{- if or .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
  {{- if not (include "otel-calico.isScraped" .) -}}
    {{- fail "a monitor is enabled, but config.telemetry leaves out the exporter prometheus (exporters) or all (disabled), so there is no /metrics: add it, or disable the monitor" -}}
  {{- end -}}
  {{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
    {{- fail "serviceMonitor and podMonitor are both enabled, so every node would be scraped twice: keep one" -}}
  {{- end -}}
  {{- if and .Values.serviceMonitor.enabled (not .Values.service.enabled) -}}
    {{- fail "serviceMonitor needs service.enabled; podMonitor does without" -}}
  {{- end -}}
{{- end -}}
{{- end -}}
