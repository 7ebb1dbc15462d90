{{- define "anneal.labels" -}}
app.kubernetes.io/name: anneal
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/part-of: anneal
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "anneal.selector" -}}
app.kubernetes.io/name: anneal
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "anneal.object" -}}
{{ printf "%s-%s" .root.Release.Name .component }}
{{- end }}

{{- define "anneal.image" -}}
{{ .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{/* Whether this is a service that has rights in the cluster. */}}
{{- define "anneal.makes.jobs" -}}
{{- $service := index .root.Values .component | default dict }}
{{- if ($service.jobs | default dict).enabled }}true{{ end -}}
{{- end }}

{{/* What the Jobs of a service do, as their labels say it. */}}
{{- define "anneal.work" -}}
{{ get (dict "trainer" "training" "merger" "merge" "evaluator" "evaluation") .component }}
{{- end }}

{{- define "anneal.jobs.namespace" -}}
{{ .Values.jobs.namespace | default .Release.Namespace }}
{{- end }}

{{/* Services that run Axolotl or a model need the image of the engine, and the dataset service where it is to ask lm-eval. */}}
{{- define "anneal.engine" -}}
{{ if has .component (list "trainer" "merger" "evaluator") }}engine{{ else if eq .component "dataset" }}{{ .root.Values.dataset.image }}{{ else }}service{{ end }}
{{- end }}
