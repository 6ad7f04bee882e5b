{{/* Fails for values that the schema accepts one by one, but that do not work together. */}}
{{- define "genai-usage-exporter.validate" -}}
{{- if .Values.demo }}
{{- if gt (int .Values.shards) 1 }}
{{- fail "demo has one exporter: set shards to 1, or demo to false" }}
{{- end }}
{{- else }}
{{- if not .Values.config.accounts }}
{{- fail "config.accounts is empty: add an account, or set demo to true" }}
{{- end }}
{{- range .Values.config.accounts }}
{{- $account := .name }}
{{- range $section := prepend (.keys | default list) . }}
{{- range $key := list "api_key" "management_key" }}
{{- if hasKey $section $key }}
{{- fail (printf "config.accounts: %s of %s would be stored in a ConfigMap: add it to the Secret existingSecret as an entry NAME, and write %s_file: /etc/genai-usage-exporter/keys/NAME" $key $account $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- if regexMatch "://[^/@]*:[^/@]*@" (toString .proxy) }}
{{- fail (printf "config.accounts: the proxy's password of %s would be stored in a ConfigMap: write proxy without it, and proxy_password_file: /etc/genai-usage-exporter/keys/NAME" $account) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.web.config .Values.web.existingSecret }}
{{- fail "web.config and web.existingSecret are both a web config: remove one" }}
{{- end }}
{{- if and .Values.web.tlsSecret (not (include "genai-usage-exporter.hasWebConfig" .)) }}
{{- fail "web.tlsSecret has no effect without a web config: add tls_server_config to web.config, with cert_file: /etc/genai-usage-exporter/tls/tls.crt and key_file: /etc/genai-usage-exporter/tls/tls.key" }}
{{- end }}
{{- range .Values.extraArgs }}
{{- $flag := regexFind "^[^=]*" . }}
{{- if has $flag (list "--config.file" "--storage.path" "--shard" "--total-shards" "--web.config.file" "--web.health-address" "--web.listen-address" "--web.systemd-socket") }}
{{- fail (printf "extraArgs: the chart sets %s itself: remove it" $flag) }}
{{- end }}
{{- end }}
{{- end }}
