// The rules and their unit tests with the values of `_config`, as text, so that comments stay.
local patterns = import 'patterns.libsonnet';
local places = import 'places.libsonnet';
local promqlOf = import 'promql.libsonnet';
local sources = import 'sources.libsonnet';
local valuesOf = import 'values.libsonnet';

local strip(line) = std.lstripChars(line, ' ');
local indentation(line) = std.length(line) - std.length(strip(line));
local after(line, key) = std.splitLimit(line, key, 1)[1];

// Each line with the alert or record that it belongs to and the block that it is in: "expr", "annotations" or none.
local annotated(text) =
  std.foldl(
    function(state, line)
      local stripped = strip(line);
      local isComment = std.startsWith(stripped, '#');
      local starts = std.member(['expr: |', 'annotations:'], std.split(stripped, ' &')[0]);
      local ends = stripped != '' && indentation(line) <= state.indentation;
      local block = if starts && !isComment then std.split(stripped, ':')[0] else if ends then '' else state.block;
      local rule =
        if std.startsWith(stripped, '- alert: ') then after(line, '- alert: ')
        else if std.startsWith(stripped, '- record: ') then after(line, '- record: ')
        else state.rule;
      {
        rule: rule,
        block: block,
        indentation: if starts then indentation(line) else if ends then -1 else state.indentation,
        lines: state.lines + [{ text: line, rule: rule, block: if isComment then '' else block }],
      },
    std.split(text, '\n'),
    { lines: [], rule: '', block: '', indentation: -1 }
  ).lines;

// YAML aliases replaced by their blocks, because not every Jsonnet's std.parseYaml knows them.
local withoutAliases(text) =
  local lines = std.split(text, '\n');
  local blockEnd(index, width) =
    if index < std.length(lines) && (lines[index] == '' || indentation(lines[index]) > width)
    then blockEnd(index + 1, width) else index;
  local anchors = {
    [std.split(std.splitLimit(lines[index], ': &', 1)[1], ' ')[0]]: {
      local start = std.splitLimit(lines[index], ': &', 1)[1],
      first: std.join(' ', std.split(start, ' ')[1:]),
      block: lines[index + 1:blockEnd(index + 1, indentation(lines[index]))],
    }
    for index in std.range(0, std.length(lines) - 1)
    if std.length(std.splitLimit(lines[index], ': &', 1)) == 2
  };
  local expanded(line) =
    local parts = std.splitLimit(line, ': ', 1);
    if std.length(parts) == 2 && std.startsWith(parts[1], '*') then
      local anchor = anchors[parts[1][1:]];
      ['%s: %s' % [parts[0], anchor.first]] + anchor.block
    else if std.length(parts) == 2 && std.startsWith(parts[1], '&') then
      ['%s: %s' % [parts[0], std.join(' ', std.split(parts[1], ' ')[1:])]]
    else [line];
  std.join('\n', std.flatMap(expanded, lines));

function(config)
  local values = valuesOf(config).texts;
  local promql = promqlOf(config);

  local patternsOf(rule) = std.get(places.rules, rule, []);

  local rendered(line) =
    local waits = std.objectHas(config.alertFor, line.rule);
    local own = if waits then values { alertFor: config.alertFor[line.rule] } else values;
    local common = places.alert.links + (if waits then [places.alert.wait] else []);
    local text = patterns.apply(patternsOf(line.rule) + common, line.text, own);
    if line.block == 'expr' then promql.rule(text)
    else if line.block == 'annotations' then promql.text(text)
    else text;

  local lines = { [file]: annotated(sources.rules[file]) for file in std.objectFields(sources.rules) };
  local all = std.flattenArrays([lines[file] for file in std.objectFields(lines)]);
  local exists(rule, pattern, values) =
    [line for line in all if line.rule == rule && patterns.match(pattern, line.text, values) != null] != [];
  // An edit of a rule must not silently disconnect it from its threshold.
  local unmatched = [
    '%s: no line is "%s"' % [rule, pattern]
    for rule in std.objectFields(places.rules)
    for pattern in places.rules[rule]
    if !exists(rule, pattern, values)
  ] + [
    '%s does not wait' % alert
    for alert in std.objectFields(config.alertFor)
    if !exists(alert, places.alert.wait, { alertFor: '' })
  ];
  assert unmatched == [] : 'places.libsonnet does not fit the rules: ' + std.join('; ', unmatched);

  // A unit test expects texts of the alert that it names.
  local tested(text) =
    std.join('\n', std.foldl(
      function(state, line)
        local stripped = strip(line);
        local alert = if std.startsWith(stripped, 'alertname: ') then after(line, 'alertname: ') else state.alert;
        local isText = std.member(['summary', 'description'], std.split(stripped, ':')[0]);
        {
          alert: alert,
          lines: state.lines +
                 [if isText then patterns.apply(patternsOf(alert), line, values) else line],
        },
      std.split(text, '\n'),
      { alert: '', lines: [] }
    ).lines);

  local rules = {
    [file]: std.join('\n', [rendered(line) for line in lines[file]])
    for file in std.objectFields(lines)
  };
  {
    rules: rules,
    tests: { [file]: tested(sources.tests[file]) for file in std.objectFields(sources.tests) },
    groups: std.flattenArrays([
      std.parseYaml(withoutAliases(rules[file])).groups
      for file in std.objectFields(rules)
    ]),
    // The header of the present file, and the groups of all files.
    prometheusRule:
      local marker = '\n  groups:\n';
      std.splitLimit(sources.prometheusRule, marker, 1)[0] + marker +
      std.join('', [
        std.join('\n', [
          if line == '' then '' else '  ' + line
          for line in std.split(std.splitLimit('\n' + rules[file], '\ngroups:\n', 1)[1], '\n')
        ])
        for file in std.objectFields(rules)
      ]),
  }
