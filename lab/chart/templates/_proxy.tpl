{{/*
The proxy beside a control-plane component, as the recorded Deployments show it. Call with a dict:
root (the chart's top scope), name (component), inboundPorts; native (true: a restartable init container).
*/}}
{{- define "lab.proxy" -}}
{{- $ns := .root.Release.Namespace -}}
{{- $v := .root.Values -}}
{{- $svc := printf "%s.svc.%s." $ns $v.clusterDomain -}}
{{- $id := printf "%s.serviceaccount.identity.%s.%s" $ns $ns ($v.identityTrustDomain | default $v.clusterDomain) -}}
name: linkerd-proxy
image: {{ $v.proxy.image.name }}:{{ $v.proxy.image.version | default $v.linkerdVersion }}
imagePullPolicy: {{ $v.imagePullPolicy }}
{{- if .native }}
restartPolicy: Always
{{- end }}
env:
{{- range $name, $path := dict "_pod_name" "metadata.name" "_pod_ns" "metadata.namespace" "_pod_uid" "metadata.uid" "_pod_ip" "status.podIP" "_pod_nodeName" "spec.nodeName" }}
- name: {{ $name }}
  valueFrom: {fieldRef: {fieldPath: {{ $path }}}}
{{- end }}
- {name: _pod_containerName, value: linkerd-proxy}
- {name: LINKERD2_PROXY_CORES, value: "1"}
- {name: LINKERD2_PROXY_CORES_MIN, value: "1"}
{{- if eq .name "identity" }}
- {name: LINKERD2_PROXY_INBOUND_PORTS_REQUIRE_TLS, value: "8080"}
{{- end }}
- {name: LINKERD2_PROXY_SHUTDOWN_ENDPOINT_ENABLED, value: "false"}
- {name: LINKERD2_PROXY_LOG, value: "{{ $v.proxy.logLevel }},[{headers}]=off,[{request}]=off"}
- {name: LINKERD2_PROXY_LOG_FORMAT, value: {{ $v.proxy.logFormat }}}
- {name: LINKERD2_PROXY_DESTINATION_SVC_ADDR, value: "{{ ternary "localhost." (print "linkerd-dst-headless." $svc) (eq .name "destination") }}:8086"}
- {name: LINKERD2_PROXY_DESTINATION_PROFILE_NETWORKS, value: {{ $v.clusterNetworks | quote }}}
- {name: LINKERD2_PROXY_POLICY_SVC_ADDR, value: "{{ ternary "localhost." (print "linkerd-policy." $svc) (eq .name "destination") }}:8090"}
- name: LINKERD2_PROXY_POLICY_WORKLOAD
  value: |
    {"ns":"$(_pod_ns)", "pod":"$(_pod_name)"}
- {name: LINKERD2_PROXY_INBOUND_DEFAULT_POLICY, value: {{ $v.proxy.defaultInboundPolicy }}}
- {name: LINKERD2_PROXY_POLICY_CLUSTER_NETWORKS, value: {{ $v.clusterNetworks | quote }}}
- {name: LINKERD2_PROXY_CONTROL_STREAM_INITIAL_TIMEOUT, value: {{ $v.proxy.control.streams.initialTimeout }}}
- {name: LINKERD2_PROXY_CONTROL_STREAM_IDLE_TIMEOUT, value: {{ $v.proxy.control.streams.idleTimeout }}}
- {name: LINKERD2_PROXY_CONTROL_STREAM_LIFETIME, value: {{ $v.proxy.control.streams.lifetime }}}
- {name: LINKERD2_PROXY_INBOUND_CONNECT_TIMEOUT, value: {{ $v.proxy.inboundConnectTimeout }}}
- {name: LINKERD2_PROXY_OUTBOUND_CONNECT_TIMEOUT, value: {{ $v.proxy.outboundConnectTimeout }}}
- {name: LINKERD2_PROXY_OUTBOUND_DISCOVERY_IDLE_TIMEOUT, value: {{ $v.proxy.outboundDiscoveryCacheUnusedTimeout }}}
- {name: LINKERD2_PROXY_INBOUND_DISCOVERY_IDLE_TIMEOUT, value: {{ $v.proxy.inboundDiscoveryCacheUnusedTimeout }}}
- {name: LINKERD2_PROXY_CONTROL_LISTEN_ADDR, value: "0.0.0.0:{{ $v.proxy.ports.control }}"}
- {name: LINKERD2_PROXY_ADMIN_LISTEN_ADDR, value: "0.0.0.0:{{ $v.proxy.ports.admin }}"}
- {name: LINKERD2_PROXY_OUTBOUND_LISTEN_ADDR, value: "127.0.0.1:{{ $v.proxy.ports.outbound }}"}
- {name: LINKERD2_PROXY_OUTBOUND_LISTEN_ADDRS, value: "127.0.0.1:{{ $v.proxy.ports.outbound }}"}
- {name: LINKERD2_PROXY_INBOUND_LISTEN_ADDR, value: "0.0.0.0:{{ $v.proxy.ports.inbound }}"}
- name: LINKERD2_PROXY_INBOUND_IPS
  valueFrom: {fieldRef: {fieldPath: status.podIPs}}
- {name: LINKERD2_PROXY_INBOUND_PORTS, value: {{ .inboundPorts | quote }}}
- {name: LINKERD2_PROXY_DESTINATION_PROFILE_SUFFIXES, value: svc.{{ $v.clusterDomain }}.}
- {name: LINKERD2_PROXY_INBOUND_ACCEPT_KEEPALIVE, value: 10000ms}
- {name: LINKERD2_PROXY_OUTBOUND_CONNECT_KEEPALIVE, value: 10000ms}
- {name: LINKERD2_PROXY_INBOUND_ACCEPT_USER_TIMEOUT, value: 30s}
- {name: LINKERD2_PROXY_OUTBOUND_CONNECT_USER_TIMEOUT, value: 30s}
- {name: LINKERD2_PROXY_OUTBOUND_METRICS_HOSTNAME_LABELS, value: "false"}
{{- range list "INBOUND" "OUTBOUND" }}
- {name: LINKERD2_PROXY_{{ . }}_SERVER_HTTP2_KEEP_ALIVE_INTERVAL, value: 10s}
- {name: LINKERD2_PROXY_{{ . }}_SERVER_HTTP2_KEEP_ALIVE_TIMEOUT, value: 3s}
{{- end }}
- {name: LINKERD2_PROXY_INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION, value: {{ $v.proxy.opaquePorts | quote }}}
- name: LINKERD2_PROXY_DESTINATION_CONTEXT
  value: |
    {"ns":"$(_pod_ns)", "nodeName":"$(_pod_nodeName)", "pod":"$(_pod_name)"}
- name: _pod_sa
  valueFrom: {fieldRef: {fieldPath: spec.serviceAccountName}}
- {name: _l5d_ns, value: {{ $ns }}}
- {name: _l5d_trustdomain, value: {{ $v.identityTrustDomain | default $v.clusterDomain }}}
- {name: LINKERD2_PROXY_IDENTITY_DIR, value: /var/run/linkerd/identity/end-entity}
- name: LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS
  valueFrom: {configMapKeyRef: {name: linkerd-identity-trust-roots, key: ca-bundle.crt}}
- {name: LINKERD2_PROXY_IDENTITY_TOKEN_FILE, value: /var/run/secrets/tokens/linkerd-identity-token}
- {name: LINKERD2_PROXY_IDENTITY_SVC_ADDR, value: "{{ ternary "localhost." (print "linkerd-identity-headless." $svc) (eq .name "identity") }}:8080"}
- {name: LINKERD2_PROXY_IDENTITY_LOCAL_NAME, value: $(_pod_sa).$(_pod_ns).serviceaccount.identity.{{ $ns }}.{{ $v.identityTrustDomain | default $v.clusterDomain }}}
- {name: LINKERD2_PROXY_IDENTITY_SVC_NAME, value: linkerd-identity.{{ $id }}}
- {name: LINKERD2_PROXY_DESTINATION_SVC_NAME, value: linkerd-destination.{{ $id }}}
- {name: LINKERD2_PROXY_POLICY_SVC_NAME, value: linkerd-destination.{{ $id }}}
livenessProbe:
  httpGet: {path: /live, port: {{ $v.proxy.ports.admin }}}
  initialDelaySeconds: {{ $v.proxy.livenessProbe.initialDelaySeconds }}
  timeoutSeconds: {{ $v.proxy.livenessProbe.timeoutSeconds }}
ports:
- {containerPort: {{ $v.proxy.ports.inbound }}, name: linkerd-proxy}
- {containerPort: {{ $v.proxy.ports.admin }}, name: linkerd-admin}
readinessProbe:
  httpGet: {path: /ready, port: {{ $v.proxy.ports.admin }}}
  periodSeconds: {{ $v.readinessPeriodSeconds }}
  initialDelaySeconds: {{ $v.proxy.readinessProbe.initialDelaySeconds }}
  timeoutSeconds: {{ $v.proxy.readinessProbe.timeoutSeconds }}
securityContext:
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: {{ $v.proxy.uid }}
  seccompProfile: {type: RuntimeDefault}
terminationMessagePolicy: FallbackToLogsOnError
volumeMounts:
- {mountPath: /var/run/linkerd/identity/end-entity, name: linkerd-identity-end-entity}
- {mountPath: /var/run/secrets/tokens, name: linkerd-identity-token}
{{- end }}

{{/* The init container that sends a pod's traffic through its proxy. */}}
{{- define "lab.init" -}}
name: linkerd-init
command: [/usr/lib/linkerd/linkerd2-proxy-init]
args:
- --firewall-bin-path
- iptables-nft
- --firewall-save-bin-path
- iptables-nft-save
- --ipv6=false
- --incoming-proxy-port
- {{ .Values.proxy.ports.inbound | quote }}
- --outgoing-proxy-port
- {{ .Values.proxy.ports.outbound | quote }}
- --proxy-uid
- {{ .Values.proxy.uid | quote }}
- --inbound-ports-to-ignore
- "{{ .Values.proxy.ports.control }},{{ .Values.proxy.ports.admin }},{{ .Values.proxyInit.ignoreInboundPorts }}"
- --outbound-ports-to-ignore
- {{ .Values.proxyInit.kubeAPIServerPorts | quote }}
image: {{ .Values.proxy.image.name }}:{{ .Values.proxy.image.version | default .Values.linkerdVersion }}
imagePullPolicy: {{ .Values.imagePullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  capabilities: {add: [NET_ADMIN, NET_RAW]}
  privileged: false
  readOnlyRootFilesystem: true
  runAsGroup: 0
  runAsNonRoot: false
  runAsUser: 0
  seccompProfile: {type: RuntimeDefault}
terminationMessagePolicy: FallbackToLogsOnError
volumeMounts:
- {mountPath: /run, name: linkerd-proxy-init-xtables-lock}
{{- end }}

{{/* Volumes of the proxy, and of a component that talks to the API server. */}}
{{- define "lab.volumes" -}}
- name: kube-api-access
  projected:
    defaultMode: 420
    sources:
    - serviceAccountToken: {expirationSeconds: 3607, path: token}
    - configMap:
        name: kube-root-ca.crt
        items: [{key: ca.crt, path: ca.crt}]
    - downwardAPI:
        items:
        - path: namespace
          fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}
- {name: linkerd-proxy-init-xtables-lock, emptyDir: {}}
- name: linkerd-identity-token
  projected:
    sources:
    - serviceAccountToken: {audience: identity.l5d.io, expirationSeconds: 86400, path: linkerd-identity-token}
- {name: linkerd-identity-end-entity, emptyDir: {medium: Memory}}
{{- end }}
