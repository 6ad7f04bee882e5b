// Adds matchers and labels to PromQL. It relies on the layout of this repository's queries: `by (…)` and `on (…)` follow
// a space, and strings are in double quotes.
local places = import 'places.libsonnet';

local wordCharacters = {
  [character]: true
  for character in std.stringChars('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_:')
};
local isWord(character) = std.objectHas(wordCharacters, character);
local endOfWord(text, index) =
  if index < std.length(text) && isWord(text[index]) then endOfWord(text, index + 1) tailstrict else index;
local endsInWord(text) = text != '' && isWord(text[std.length(text) - 1]);
local contains(text, part) = std.length(std.split(text, part)) > 1;
local join(matchers) = std.join(',', [matcher for matcher in matchers if matcher != '']);

// Adds the matchers to each metric whose name begins with `prefix`, also to a recorded one such as level:genai_…:rate1h.
local metrics(text, prefix, matchers) =
  local parts = std.split(text, prefix);
  std.foldl(
    function(before, part)
      local end = endOfWord(part, 0);
      local isRecorded = std.endsWith(before, ':') || contains(std.substr(part, 0, end), ':');
      local added = matchers(isRecorded);
      local rest = std.substr(part, end, std.length(part));
      local isWhole = isRecorded || !endsInWord(before);
      // A name that a format completes gets its matchers with its braces.
      local changed =
        if added == '' || !isWhole || std.startsWith(rest, '%') then rest
        else if std.startsWith(rest, '{') then '{' + added + ',' + std.substr(rest, 1, std.length(rest))
        else '{' + added + '}' + rest;
      before + prefix + std.substr(part, 0, end) + changed,
    parts[1:],
    parts[0]
  );

// `{__name__=~"…"}` has recorded names if they contain a colon.
local nameless(text, matchers) =
  local parts = std.split(text, '{__name__=~"');
  std.foldl(
    function(before, part)
      local added = matchers(contains(std.splitLimit(part, '"', 1)[0], ':'));
      before + '{' + (if added == '' then '' else added + ',') + '__name__=~"' + part,
    parts[1:],
    parts[0]
  );

local outsideStrings(text, change) =
  local parts = std.split(text, '"');
  std.join('"', std.mapWithIndex(function(index, part) if index % 2 == 0 then change(part) else part, parts));

local aggregations = ['sum', 'min', 'max', 'avg', 'count', 'group', 'topk', 'bottomk', 'quantile', 'stddev'];
local aggregated(text, list) =
  std.foldl(
    function(whole, name)
      local parts = std.split(whole, name + '(');
      std.foldl(
        function(before, part) before + name + (if endsInWord(before) then '(' else list) + part,
        parts[1:],
        parts[0]
      ),
    aggregations,
    text
  );

// Formats and replacements are locals of the config, because Jsonnet formats slowly.
function(config)
  local label = config.clusterLabel;
  local grouped(text) =
    local added = std.strReplace(std.strReplace(text, ' by (', ' by (' + label + ', '), ' on (', ' on (' + label + ', ');
    std.strReplace(added, '(' + label + ', )', '(' + label + ')');

  local ofRules(isRecorded) = if isRecorded then '' else config.selector;
  local quoted = std.strReplace(config.selector, '"', "'");
  local ofTexts(isRecorded) = if isRecorded then '' else quoted;
  local cluster = if label == '' then '' else label + '="$' + label + '"';
  local both = join([config.selector, cluster]);
  local ofPanels(isRecorded) = if isRecorded then cluster else both;

  // In texts.
  local selectorReplacements = [['"{budget=%q}"', '"{' + join([quoted, 'budget=%q']) + '}"']];
  local clusterReplacements =
    [
      ['"{budget=%q}" $labels', '"{' + join([quoted, label + '=%q', 'budget=%q']) + '}" $labels.' + label + ' $labels'],
      // An account and its figures are those of the cluster.
      ['provider=%q', label + '=%q,provider=%q'],
    ] +
    [
      ['{{ ' + of + '.provider }}/', '{{ ' + of + '.' + label + ' }}/{{ ' + of + '.provider }}/']
      for of in ['$labels', '.Labels', '']
    ] +
    // The dashboards show one cluster.
    [['?var-account', 'var-account']] +
    [
      ['/d/' + uid, '/d/' + uid + '?{{ with $labels.' + label + ' }}var-' + label + '={{ . }}&{{ end }}']
      for uid in std.objectFields(places.panels)
    ];
  local replaced(text, replacements) =
    std.foldl(function(before, each) std.strReplace(before, each[0], each[1]), replacements, text);

  {
    // A line of a rule's expression.
    rule(line)::
      local selected =
        if config.selector == '' then line else outsideStrings(line, function(part) metrics(part, 'genai_', ofRules));
      if label == '' then selected
      else outsideStrings(selected, function(part) aggregated(grouped(part), ' by (' + label + ') (')),

    // A line of an alert's text, whose queries are strings of Go's templates: a quote in them would end the string.
    text(line)::
      local selected = if config.selector == '' then line else metrics(line, 'genai_', ofTexts);
      if label == '' then replaced(selected, selectorReplacements) else
        local ofFormat =
          if contains(selected, 'provider=%q')
          then [[' .Labels.provider ', ' .Labels.' + label + ' .Labels.provider ']]
          else [];
        replaced(grouped(selected), ofFormat + clusterReplacements),

    // A query of a dashboard, which shows one cluster.
    panel(query)::
      if both == '' then query else
        outsideStrings(
          nameless(query, ofPanels),
          function(part)
            metrics(metrics(metrics(part, 'genai_', ofPanels), 'process_', ofPanels), 'ALERTS', function(_) cluster)
        ),
  }
