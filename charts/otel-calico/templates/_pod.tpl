{{/* A probe of the container: (list context path timing). The server answers probes whatever `web` asks of others. */}}
{{- define "otel-calico.probe" -}}
{{- $root := index . 0 -}}
httpGet:
  path: {{ index . 1 }}
  port: metrics
  {{- if $root.Values.web.tls }}
  scheme: HTTPS
  {{- end }}
  {{- $address := $root.Values.config.prometheus.address | default "::" }}
  {{- if not (has $address (list "::" "0.0.0.0")) }}
  host: {{ $address | quote }}
  {{- end }}
{{ toYaml (index . 2) }}
{{- end -}}

{{/* Environment: what differs between nodes, and what is in Secrets. All else is in the settings file. */}}
{{- define "otel-calico.env" -}}
{{- if include "otel-calico.usesKubernetes" . }}
# With etcd it is what calico-node wrote into /var/lib/calico/nodename.
- name: NODENAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
{{- else if .Values.etcd.fromCalico.enabled }}
{{- range $name, $key := dict "ETCD_ENDPOINTS" "etcd_endpoints" "ETCD_CA_CERT_FILE" "etcd_ca" "ETCD_CERT_FILE" "etcd_cert" "ETCD_KEY_FILE" "etcd_key" }}
- name: {{ $name }}
  valueFrom:
    configMapKeyRef:
      name: {{ $.Values.etcd.fromCalico.configMapName }}
      key: {{ $key }}
      {{- if ne $key "etcd_endpoints" }}
      optional: true
      {{- end }}
{{- end }}
{{- else if .Values.etcd.tls.secretName }}
{{- range $name, $key := dict "ETCD_CA_CERT_FILE" .Values.etcd.tls.caKey "ETCD_CERT_FILE" .Values.etcd.tls.certKey "ETCD_KEY_FILE" .Values.etcd.tls.keyKey }}
{{- if $key }}
- name: {{ $name }}
  value: /etcd-tls/{{ $key }}
{{- end }}
{{- end }}
{{- end }}
{{- if and (not (include "otel-calico.usesKubernetes" .)) .Values.etcd.login.secretName }}
{{ include "otel-calico.envFromSecret" (list "ETCD_USERNAME" .Values.etcd.login.secretName .Values.etcd.login.usernameKey) }}
{{ include "otel-calico.envFromSecret" (list "ETCD_PASSWORD" .Values.etcd.login.secretName .Values.etcd.login.passwordKey) }}
{{- end }}
{{- with .Values.otlp.headers }}
{{- if .secretName }}
{{ include "otel-calico.envFromSecret" (list "OTEL_EXPORTER_OTLP_HEADERS" .secretName .key) }}
{{- end }}
{{- end }}
{{- with .Values.otlp.tls }}
{{- if .secretName }}
{{- range $name, $key := dict "OTEL_EXPORTER_OTLP_CERTIFICATE" .caKey "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" .certKey "OTEL_EXPORTER_OTLP_CLIENT_KEY" .keyKey }}
{{- if $key }}
- name: {{ $name }}
  value: /otlp-tls/{{ $key }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.web.secretName }}
- name: OTEL_CALICO_WEB_CONFIG_FILE
  value: /web/web.yml
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "otel-calico.envFromSecret" -}}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef:
      name: {{ index . 1 }}
      key: {{ index . 2 }}
{{- end -}}

{{- define "otel-calico.volumeMounts" -}}
- name: config
  mountPath: /etc/otel-calico
  readOnly: true
# Locked for reading; a lock needs no right to write.
- name: xtables-lock
  mountPath: {{ include "otel-calico.lockFile" . }}
  readOnly: true
{{- if not (include "otel-calico.usesKubernetes" .) }}
- name: calico
  mountPath: /var/lib/calico
  readOnly: true
{{- if .Values.etcd.fromCalico.enabled }}
# Where the ConfigMap says that the files are.
- name: etcd-tls
  mountPath: /calico-secrets
  readOnly: true
{{- else if .Values.etcd.tls.secretName }}
- name: etcd-tls
  mountPath: /etcd-tls
  readOnly: true
{{- end }}
{{- end }}
{{- if .Values.otlp.tls.secretName }}
- name: otlp-tls
  mountPath: /otlp-tls
  readOnly: true
{{- end }}
{{- if .Values.web.secretName }}
- name: web
  mountPath: /web
  readOnly: true
{{- end }}
{{- if .Values.ebpf.enabled }}
# Propagated, so that a bpffs that the host mounts later is seen.
- name: bpf
  mountPath: /sys/fs/bpf
  mountPropagation: HostToContainer
  readOnly: true
- name: calico-run
  mountPath: /var/run/calico
  mountPropagation: HostToContainer
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "otel-calico.volumes" -}}
- name: config
  configMap:
    name: {{ include "otel-calico.fullname" . }}
- name: xtables-lock
  hostPath:
    path: {{ include "otel-calico.lockFile" . }}
    type: FileOrCreate
{{- if not (include "otel-calico.usesKubernetes" .) }}
- name: calico
  hostPath:
    path: /var/lib/calico
    type: DirectoryOrCreate
{{- if .Values.etcd.fromCalico.enabled }}
- name: etcd-tls
  secret:
    secretName: {{ .Values.etcd.fromCalico.secretName }}
    defaultMode: 0400
    # A cluster whose etcd has no TLS may lack it.
    optional: true
{{- else if .Values.etcd.tls.secretName }}
- name: etcd-tls
  secret:
    secretName: {{ .Values.etcd.tls.secretName }}
    defaultMode: 0400
{{- end }}
{{- end }}
{{- if .Values.otlp.tls.secretName }}
- name: otlp-tls
  secret:
    secretName: {{ .Values.otlp.tls.secretName }}
    defaultMode: 0400
{{- end }}
{{- if .Values.web.secretName }}
- name: web
  projected:
    defaultMode: 0400
    sources:
      - secret:
          name: {{ .Values.web.secretName }}
      {{- with .Values.web.certificateSecretName }}
      - secret:
          name: {{ . }}
      {{- end }}
{{- end }}
{{- if .Values.ebpf.enabled }}
- name: bpf
  hostPath:
    path: /sys/fs/bpf
    type: Directory
- name: calico-run
  hostPath:
    path: /var/run/calico
    type: DirectoryOrCreate
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
