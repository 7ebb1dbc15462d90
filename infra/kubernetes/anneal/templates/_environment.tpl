{{/* One variable out of a secret: name, secret, key. */}}
{{- define "anneal.secret" -}}
- name: {{ .name }}
  valueFrom: { secretKeyRef: { name: {{ .secret }}, key: {{ .key }} } }
{{- end }}

{{- define "anneal.nats.url" -}}
{{ ternary "tls" "nats" .root.Values.nats.tls }}://{{ .user }}:$(NATS_PASSWORD)@{{ .root.Values.nats.host }}:{{ .root.Values.nats.port }}
{{- end }}

{{- define "anneal.postgres.url" -}}
{{- with .root.Values.postgres -}}
postgres://{{ $.user }}:$(POSTGRES_PASSWORD)@{{ .host }}:{{ .port }}/{{ .database }}?sslmode={{ ternary "verify-full" "disable" .tls }}
{{- end -}}
{{- end }}

{{- define "anneal.trusted" -}}
{{- if .root.Values.certificates.configMap }}
- { name: NODE_EXTRA_CA_CERTS, value: /etc/anneal/certificates/{{ .root.Values.certificates.key }} }
{{- end }}
{{- end }}

{{/* What a service reads. The URLs are put together by Kubernetes, so that no password is in a value. */}}
{{- define "anneal.environment" -}}
{{- $values := .root.Values }}
{{- $component := .component }}
{{- $service := index $values $component }}
{{- $own := printf "%s%s" $values.secrets.prefix $component }}
{{ include "anneal.secret" (dict "name" "NATS_PASSWORD" "secret" $own "key" "nats-password") }}
{{ include "anneal.secret" (dict "name" "POSTGRES_PASSWORD" "secret" $own "key" "postgres-password") }}
{{ include "anneal.secret" (dict "name" "S3_ACCESS_KEY" "secret" $own "key" "s3-access-key") }}
{{ include "anneal.secret" (dict "name" "S3_SECRET_KEY" "secret" $own "key" "s3-secret-key") }}
- { name: NATS_URL, value: {{ include "anneal.nats.url" (dict "root" .root "user" $component) | quote }} }
- { name: POSTGRES_URL, value: {{ include "anneal.postgres.url" (dict "root" .root "user" $component) | quote }} }
- { name: S3_ENDPOINT, value: {{ $values.objectStore.endpoint | quote }} }
- { name: S3_BUCKET, value: {{ $values.objectStore.bucket | quote }} }
- { name: S3_REGION, value: {{ $values.objectStore.region | quote }} }
- { name: HF_ENDPOINT, value: {{ $values.hub.endpoint | quote }} }
- { name: STOP_GRACE_SECONDS, value: {{ $service.stopSeconds | quote }} }
{{- include "anneal.trusted" . }}
{{- if eq $component "gateway" }}
{{ include "anneal.secret" (dict "name" "API_KEY" "secret" $service.key.secret "key" $service.key.key) }}
{{- with $values.objectStore.publicEndpoint }}
- { name: S3_PUBLIC_ENDPOINT, value: {{ . | quote }} }
{{- end }}
{{- end }}
{{- if and $values.data.claim (has $component (list "dataset" "trainer" "merger" "evaluator")) }}
- { name: FILE_ROOTS, value: /data }
{{- end }}
{{- if has $component (list "dataset" "evaluator") }}
- { name: OFFLINE, value: {{ $values.offline | quote }} }
{{- end }}
{{- if and $values.hub.secret.name (ne $component "gateway") }}
{{ include "anneal.secret" (dict "name" "HF_TOKEN" "secret" $values.hub.secret.name "key" $values.hub.secret.key) }}
{{- end }}
{{- if has $component (list "dataset" "publisher") }}
{{- range $values.hub.tokens }}
{{ include "anneal.secret" (dict "name" .variable "secret" .secret "key" .key) }}
{{- end }}
{{- end }}
{{- if include "anneal.makes.jobs" . }}
- { name: {{ include "anneal.work" . | upper }}_HOST, value: kubernetes }
- { name: KUBERNETES_NAMESPACE, value: {{ include "anneal.jobs.namespace" .root | quote }} }
- { name: KUBERNETES_INSTALLATION, value: {{ .root.Release.Name | quote }} }
- { name: KUBERNETES_IMAGE, value: {{ include "anneal.image" (dict "root" .root "image" $values.images.engine) | quote }} }
{{- with $service.jobs.node }}
- { name: KUBERNETES_HOSTS, value: {{ . | quote }} }
{{- end }}
- { name: KUBERNETES_GPU_RESOURCE, value: {{ $values.jobs.gpuResource | quote }} }
{{- with first $values.images.pullSecrets }}
- { name: KUBERNETES_PULL_SECRET, value: {{ . | quote }} }
{{- end }}
{{- else if eq $component "trainer" }}
# A pod takes its processes with it, so nothing is left to adopt.
- { name: ON_STOP, value: checkpoint }
{{- end }}
{{- if and (eq $component "evaluator") $service.inference.secret }}
{{ include "anneal.secret" (dict "name" "INFERENCE_KEY" "secret" $service.inference.secret "key" $service.inference.key) }}
{{- end }}
{{- range $name, $value := $service.settings }}
- { name: {{ $name }}, value: {{ include "anneal.setting" $value | quote }} }
{{- end }}
{{- end }}

{{/* Helm reads numbers as floating point, which would print large ones with an exponent. */}}
{{- define "anneal.setting" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end }}
