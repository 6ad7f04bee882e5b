// The dashboards with the values of `_config`.
local patterns = import 'patterns.libsonnet';
local places = import 'places.libsonnet';
local promqlOf = import 'promql.libsonnet';
local sources = import 'sources.libsonnet';
local valuesOf = import 'values.libsonnet';

local mapStrings(value, change) =
  if std.isString(value) then change(value)
  else if std.isArray(value) then [mapStrings(each, change) for each in value]
  else if std.isObject(value) then std.mapWithKey(function(_, each) mapStrings(each, change), value)
  else value;

local withSteps(thresholds, names, values) =
  thresholds {
    steps: std.mapWithIndex(
      function(index, step)
        if std.objectHas(names, '%d' % index) then step { value: values[names['%d' % index]] } else step,
      thresholds.steps
    ),
  };

function(config)
  local values = valuesOf(config);
  local label = config.clusterLabel;
  local promql = promqlOf(config);
  local query(text) = promql.panel(text);

  local withThresholds(panel, place) =
    local columns = std.get(place, 'columns', {});
    local texts = std.get(place, 'patterns', []);
    local changed = mapStrings(panel, function(text) patterns.apply(texts, text, values.texts));
    if !std.objectHas(place, 'steps') && columns == {} then changed else
      changed {
        fieldConfig+: {
          [if std.objectHas(place, 'steps') then 'defaults']+: {
            thresholds: withSteps(changed.fieldConfig.defaults.thresholds, place.steps, values.steps),
          },
          overrides: [
            override {
              properties: [
                if property.id == 'thresholds' && std.objectHas(columns, override.matcher.options)
                then property { value: withSteps(property.value, columns[override.matcher.options], values.steps) }
                else property
                for property in override.properties
              ],
            }
            for override in changed.fieldConfig.overrides
          ],
        },
      };

  // Links to other dashboards that select an account also select the cluster.
  local clusterLink = '${datasource:queryparam}&${' + label + ':queryparam}';
  local linked(panel) =
    if label == '' then panel
    else mapStrings(panel, function(text) std.strReplace(text, '${datasource:queryparam}', clusterLink));

  // A title that contains a threshold is a pattern, because the committed file has whatever value was generated last.
  local isTitled(name, title) =
    name == title || std.length(std.findSubstr('%(', name)) > 0 && patterns.match(name, title, values.texts) != null;
  local placeOf(uid, title) =
    local byTitle = places.panels[uid];
    local names = [name for name in std.objectFields(byTitle) if isTitled(name, title)];
    if names == [] then {} else byTitle[names[0]];

  local changedPanel(uid, panel) =
    local changed = linked(withThresholds(panel, placeOf(uid, panel.title)));
    if std.objectHas(changed, 'targets')
    then changed { targets: [target { expr: query(target.expr) } for target in changed.targets] }
    else changed;

  local changedVariable(variable) =
    if variable.type != 'query' then variable else
      variable { query+: { query: query(super.query) }, definition: query(super.definition) };

  local clusterVariable(provider) =
    local matchers = if config.selector == '' then '' else '{' + config.selector + '}';
    local values = 'label_values(genai_up%s, %s)' % [matchers, label];
    { [name]: provider[name] for name in std.objectFields(provider) if name != 'allValue' && name != 'current' } + {
      name: label,
      label: std.asciiUpper(label[0]) + label[1:],
      query+: { query: values },
      definition: values,
      multi: false,
      includeAll: false,
    };

  local dashboard(source) =
    // A title that no longer exists would leave its panel with the old threshold.
    local titles = [panel.title for panel in source.panels];
    local missing = [
      name
      for name in std.objectFields(places.panels[source.uid])
      if [title for title in titles if isTitled(name, title)] == []
    ];
    assert missing == [] : '%s has no panels %s of places.libsonnet' % [source.uid, missing];
    local variables = source.templating.list;
    source {
      tags: config.dashboardTags,
      refresh: config.dashboardRefresh,
      timezone: config.dashboardTimezone,
      links: [link { tags: config.dashboardTags[:1] } for link in source.links],
      templating+: {
        list: variables[:1] + (if label == '' then [] else [clusterVariable(variables[1])]) +
              [changedVariable(variable) for variable in variables[1:]],
      },
      annotations+: { list: [each { expr: query(each.expr) } for each in source.annotations.list] },
      panels: [changedPanel(source.uid, panel) for panel in source.panels],
    };

  // The form that grafana.com publishes: its import requests the data source.
  local shared(dashboard) =
    local panelTypes = std.set([panel.type for panel in dashboard.panels if panel.type != 'row']);
    mapStrings(
      dashboard { templating+: { list: super.list[1:] } },
      function(text)
        std.strReplace(std.strReplace(text, '${datasource:queryparam}&', ''), '${datasource}', '${DS_PROMETHEUS}')
    ) + {
      __inputs: [{
        name: 'DS_PROMETHEUS',
        label: 'Prometheus',
        description: 'The Prometheus that scrapes genai-usage-exporter',
        type: 'datasource',
        pluginId: 'prometheus',
        pluginName: 'Prometheus',
      }],
      __elements: {},
      __requires: [
        { type: 'grafana', id: 'grafana', name: 'Grafana', version: '11.0.0' },
        { type: 'datasource', id: 'prometheus', name: 'Prometheus', version: '1.0.0' },
      ] + [{ type: 'panel', id: type, name: type, version: '' } for type in panelTypes],
    };

  local dashboards = { [file]: dashboard(sources.dashboards[file]) for file in std.objectFields(sources.dashboards) };
  {
    dashboards: dashboards,
    grafanaCom: { [file]: shared(dashboards[file]) for file in std.objectFields(dashboards) },
  }
