{{- define "lab.created-by" -}}
linkerd.io/created-by: {{ .Values.cliVersion | default (printf "linkerd/helm %s" .Values.linkerdVersion) }}
{{- end }}

{{/* Call with a dict: root, name. */}}
{{- define "lab.labels" -}}
linkerd.io/control-plane-component: {{ .name }}
linkerd.io/control-plane-ns: {{ .root.Release.Namespace }}
{{- end }}

{{/* What every control-plane Deployment has above its containers. Call with a dict: root, name, annotations. */}}
{{- define "lab.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: linkerd-{{ .name }}
  namespace: {{ .root.Release.Namespace }}
  annotations:
    {{- include "lab.created-by" .root | nindent 4 }}
  labels:
    app.kubernetes.io/name: {{ .name }}
    app.kubernetes.io/part-of: Linkerd
    app.kubernetes.io/version: {{ .root.Values.linkerdVersion }}
    {{- include "lab.labels" . | nindent 4 }}
spec:
  replicas: {{ .root.Values.controllerReplicas }}
  revisionHistoryLimit: {{ .root.Values.revisionHistoryLimit }}
  selector:
    matchLabels:
      linkerd.io/control-plane-component: {{ .name }}
      {{- if ne .name "proxy-injector" }}
      linkerd.io/control-plane-ns: {{ .root.Release.Namespace }}
      linkerd.io/proxy-deployment: linkerd-{{ .name }}
      {{- end }}
  strategy: {{ toYaml .root.Values.deploymentStrategy | nindent 4 }}
  template:
    metadata:
      annotations:
        {{- with .annotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        cluster-autoscaler.kubernetes.io/safe-to-evict: "true"
        config.linkerd.io/default-inbound-policy: {{ .root.Values.proxy.defaultInboundPolicy }}
        {{- include "lab.created-by" .root | nindent 8 }}
        linkerd.io/proxy-version: {{ .root.Values.linkerdVersion }}
        # Of the value as rendered, newline included; the injector hashes the ConfigMap's text, which has none.
        linkerd.io/trust-root-sha256: {{ .root.Values.identityTrustAnchorsPEM | sha256sum }}
      labels:
        {{- include "lab.labels" . | nindent 8 }}
        linkerd.io/proxy-deployment: linkerd-{{ .name }}
        linkerd.io/workload-ns: {{ .root.Release.Namespace }}
    spec:
      automountServiceAccountToken: false
      nodeSelector: {{ toYaml .root.Values.nodeSelector | nindent 8 }}
      securityContext: {seccompProfile: {type: RuntimeDefault}}
      serviceAccountName: linkerd-{{ .name }}
{{- end }}

{{- define "lab.controller" -}}
image: {{ .Values.controllerImage }}:{{ .Values.linkerdVersion }}
imagePullPolicy: {{ .Values.imagePullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: {{ .Values.controllerUID }}
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* ServiceAccount, ClusterRole and its binding. Call with a dict: root, name, rules. */}}
{{- define "lab.rbac" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: linkerd-{{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{ include "lab.labels" . | nindent 4 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: linkerd-{{ .root.Release.Namespace }}-{{ .name }}
  labels: {{ include "lab.labels" . | nindent 4 }}
rules: {{ toYaml .rules | nindent 0 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: linkerd-{{ .root.Release.Namespace }}-{{ .name }}
  labels: {{ include "lab.labels" . | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: linkerd-{{ .root.Release.Namespace }}-{{ .name }}}
subjects:
- {kind: ServiceAccount, name: linkerd-{{ .name }}, namespace: {{ .root.Release.Namespace }}}
{{- end }}

{{/* Call with a dict: root, name (Service), component, port (name), number, target, headless, annotations. */}}
{{- define "lab.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  annotations:
    {{- with .annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- include "lab.created-by" .root | nindent 4 }}
  labels: {{ include "lab.labels" (dict "root" .root "name" .component) | nindent 4 }}
spec:
  {{- if .headless }}
  clusterIP: None
  {{- end }}
  ports:
  - {name: {{ .port }}, port: {{ .number }}, targetPort: {{ .target }}}
  selector:
    linkerd.io/control-plane-component: {{ .component }}
{{- end }}

{{- define "lab.budget" -}}
{{- if .root.Values.enablePodDisruptionBudget }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: linkerd-{{ .name }}
  namespace: {{ .root.Release.Namespace }}
  annotations: {{ include "lab.created-by" .root | nindent 4 }}
  labels: {{ include "lab.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ .root.Values.controller.podDisruptionBudget.maxUnavailable | int }}
  selector:
    matchLabels:
      linkerd.io/control-plane-component: {{ .name }}
{{- end }}
{{- end }}
