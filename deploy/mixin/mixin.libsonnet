// Prometheus rules and Grafana dashboards of genai-usage-exporter. See README.md for `_config`.
local defaults = (import 'config.libsonnet')._config;

local unknown(given, known, where) =
  [where + name for name in std.objectFields(given) if !std.objectHas(known, name)];

// The config, if it is valid.
local checked(config) =
  local names =
    unknown(config, defaults, '') + unknown(config.thresholds, defaults.thresholds, 'thresholds.') +
    unknown(config.alertFor, defaults.alertFor, 'alertFor.');
  local texts = [
    'thresholds.' + name
    for name in std.objectFields(config.thresholds)
    if !std.isNumber(config.thresholds[name])
  ];
  // An alert's texts contain the selector in single quotes, within strings and formats of Go's templates.
  local isQuotable = std.setInter(std.set(std.stringChars(config.selector)), std.set(["'", '`', '%', '\\'])) == [];
  if names != [] then error '_config has no %s. The names are in deploy/mixin/config.libsonnet' % std.join(', ', names)
  else if texts != [] then error '_config: %s must be a number' % std.join(', ', texts)
  else if !isQuotable then
    error '_config: selector must have values in double quotes, without \' ` % \\: ' + config.selector
  else config;

(import 'config.libsonnet') + {
  local mixin = self,
  local config = checked(mixin._config),
  local rendered = (import 'rules.libsonnet')(config),
  local dashboards = (import 'dashboards.libsonnet')(config),
  local isAlert(group) = [rule for rule in group.rules if std.objectHas(rule, 'alert')] != [],

  prometheusAlerts+:: { groups+: [group for group in rendered.groups if isAlert(group)] },
  prometheusRules+:: { groups+: [group for group in rendered.groups if !isAlert(group)] },
  grafanaDashboards+:: dashboards.dashboards,

  // The same as files, with comments, by path in this repository.
  files:: {
    ['deploy/prometheus/rules/' + file]: rendered.rules[file]
    for file in std.objectFields(rendered.rules)
  } + {
    ['deploy/prometheus/tests/' + file]: rendered.tests[file]
    for file in std.objectFields(rendered.tests)
  } + {
    'deploy/kubernetes/monitoring/prometheusrule.yaml': rendered.prometheusRule,
  } + {
    ['grafana/dashboards/' + file]: mixin.grafanaDashboards[file]
    for file in std.objectFields(mixin.grafanaDashboards)
  },

  // For publication at grafana.com, by file name.
  grafanaCom:: dashboards.grafanaCom,
}
