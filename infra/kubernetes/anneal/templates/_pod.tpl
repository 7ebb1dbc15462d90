{{/* The restricted pod security standard. 1000 is the user "node" of the images. */}}
{{- define "anneal.pod.security" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
# Files of a large claim are looked at one by one only when its root belongs to another group.
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "anneal.container.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "anneal.volumes" -}}
{{- $service := index .root.Values .component }}
- name: tmp
  emptyDir: { sizeLimit: 2Gi }
- name: work
{{- if $service.work.storageClass }}
  ephemeral:
    volumeClaimTemplate:
      spec:
        accessModes: [ReadWriteOnce]
        storageClassName: {{ $service.work.storageClass }}
        resources: { requests: { storage: {{ $service.work.size }} } }
{{- else }}
  emptyDir: { sizeLimit: {{ $service.work.size }} }
{{- end }}
{{- with $service.sharedMemory }}
- name: shared-memory
  emptyDir: { medium: Memory, sizeLimit: {{ . }} }
{{- end }}
{{- if include "anneal.reads.data" . }}
- name: data
  persistentVolumeClaim: { claimName: {{ .root.Values.data.claim }}, readOnly: true }
{{- end }}
{{- include "anneal.certificates.volume" . }}
{{- end }}

{{- define "anneal.mounts" -}}
{{- $service := index .root.Values .component }}
- { name: tmp, mountPath: /tmp }
- { name: work, mountPath: /work }
{{- if $service.sharedMemory }}
- { name: shared-memory, mountPath: /dev/shm }
{{- end }}
{{- if include "anneal.reads.data" . }}
- { name: data, mountPath: /data, readOnly: true }
{{- end }}
{{- include "anneal.certificates.mount" . }}
{{- end }}

{{- define "anneal.reads.data" -}}
{{- if and .root.Values.data.claim (has .component (list "dataset" "trainer" "merger" "evaluator")) }}true{{ end -}}
{{- end }}

{{- define "anneal.certificates.volume" -}}
{{- with .root.Values.certificates.configMap }}
- name: certificates
  configMap: { name: {{ . }} }
{{- end }}
{{- end }}

{{- define "anneal.certificates.mount" -}}
{{- if .root.Values.certificates.configMap }}
- { name: certificates, mountPath: /etc/anneal/certificates, readOnly: true }
{{- end }}
{{- end }}

{{- define "anneal.resources" -}}
{{- $service := index .root.Values .component }}
{{- $resources := deepCopy $service.resources }}
{{- with $service.gpus }}
{{- if .count }}
{{- $_ := set $resources "limits" (merge (dict .resource .count) ($resources.limits | default dict)) }}
{{- end }}
{{- end }}
{{- toYaml $resources }}
{{- end }}

{{/*
Longer than everything that a stop waits for: the pause before it, running work, a checkpoint that is written and stored
where this pod trains, and half a minute for what is written to be published and for connections to close.
*/}}
{{- define "anneal.grace" -}}
{{- $service := index .root.Values .component }}
{{- $checkpoint := 0 }}
{{- if and (eq .component "trainer") (not .root.Values.trainer.jobs.enabled) }}{{ $checkpoint = mul 2 ($service.settings.CHECKPOINT_SECONDS | default 120) }}{{ end }}
{{- add 5 $service.stopSeconds $checkpoint 30 }}
{{- end }}

{{/* A replica more during an update would need GPUs that are taken. */}}
{{- define "anneal.surge" -}}
{{- $service := index .root.Values .component }}
{{- if and $service.gpus (gt (int $service.gpus.count) 0) }}{ maxSurge: 0, maxUnavailable: 1 }
{{- else }}{ maxSurge: 1, maxUnavailable: 0 }{{ end }}
{{- end }}
