// The values of `_config` as the files contain them: numbers, and in texts percentages and words.
local number(value) = '%g' % value;
local words = {
  '2': 'two',
  '3': 'three',
  '4': 'four',
  '5': 'five',
  '6': 'six',
  '7': 'seven',
  '8': 'eight',
  '9': 'nine',
  '10': 'ten',
  '12': 'twelve',
  '14': 'fourteen',
  '30': 'thirty',
  '100': 'a hundred',
};
local shares = { '0.1': 'a tenth', '0.2': 'a fifth', '0.25': 'a quarter', '0.5': 'half', '0.9': 'nine tenths' };
local either(names, value, otherwise) = if std.objectHas(names, number(value)) then names[number(value)] else otherwise;
local word(value) = either(words, value, number(value));
local percent(value) = number(100 * value);
local share(value) = either(shares, value, percent(value) + ' %');
local times(value) = number(if value > 10 then std.floor(value) else value);

function(config)
  local t = config.thresholds;
  // The steps of a panel are numbers, not text.
  local panels = t {
    balanceNearlyEmptyDays: t.balanceNearlyEmptyHours / 24,
    dataStoppedSeconds: t.dataStoppedHours * 3600,
    successBurnFastRatio: 1 - t.successBurnFast * t.successErrorBudget,
    successBurnSlowRatio: 1 - t.successBurnSlow * t.successErrorBudget,
  };
  {
    steps: panels,
    texts:
      { [name]: number(t[name]) for name in std.objectFields(t) } +
      { [name + 'Word']: word(t[name]) for name in std.objectFields(t) } +
      { [name + 'Percent']: percent(t[name]) for name in std.objectFields(t) } +
      { [name + 'Share']: share(t[name]) for name in std.objectFields(t) } +
      { [name + 'Times']: times(t[name]) for name in std.objectFields(t) } +
      {
        successBurnFastShare: share(t.successBurnFast * t.successErrorBudget),
        successBurnSlowShare: share(t.successBurnSlow * t.successErrorBudget),
        keyDeactivatedDaysText: if t.keyDeactivatedDays == 1 then 'day' else word(t.keyDeactivatedDays) + ' days',
        allowanceNearlyUsedSeconds: number(t.allowanceNearlyUsedHours * 3600),
        syncOverdueSeconds: number(t.syncOverdueHours * 3600),
        jobSelector: config.jobSelector,
        // The value in job="genai".
        job:
          local parts = std.split(config.jobSelector, '"');
          if std.length(parts) == 3 then parts[1] else config.jobSelector,
        runbookUrl: config.runbookUrl,
        dashboardUrl: config.dashboardUrl,
      },
  }
