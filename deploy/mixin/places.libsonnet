// Where the files of this repository contain a value of `_config`. `%(name)s` stands for the value, which
// patterns.libsonnet replaces. Names are those of values.libsonnet.
{
  // By alert or record: the pattern of a line. A pattern of a text also applies to the text that a unit test expects.
  rules: {
    GenAIBudgetBurnFast: [
      'rate1h > %(budgetBurnFast)s',
      'rate30m > %(budgetBurnFast)s',
      'offset 30m > %(budgetBurnFastBefore)s',
      'more than %(budgetBurnFastTimes)s times',
    ],
    GenAIBudgetBurnMedium: [
      'rate6h > %(budgetBurnMedium)s',
      'rate1h > %(budgetBurnMedium)s',
      'offset 1h > %(budgetBurnMediumBefore)s',
      'more than %(budgetBurnMediumTimes)s times',
    ],
    GenAIBudgetBurnSlow: [
      'rate1d > %(budgetBurnSlow)s',
      'rate2h > %(budgetBurnSlow)s',
      'more than %(budgetBurnSlowTimes)s times',
    ],
    GenAIBudgetNearlyExhausted: [
      'ratio > %(budgetNearlyExhausted)s < 1',
      'More than %(budgetNearlyExhaustedPercent)s % of a budget',
    ],
    GenAICreditBudgetNearlyExhausted: [
      'ratio > %(creditBudgetNearlyExhausted)s',
      'More than %(creditBudgetNearlyExhaustedPercent)s % of a budget',
    ],
    GenAIBudgetThresholdPassed: ['ratio < %(budgetThresholdCritical)s', 'ratio >= %(budgetThresholdCritical)s'],
    GenAISpendingNotAllowed: [
      'genai_spending_allowed[%(spendingNotAllowedDays)sd]',
      'genai_spending_allowed offset %(spendingNotAllowedDays)sd',
    ],
    GenAIBalanceRunwayShort: [
      'rate1d < %(balanceRunwayShortDays)s * 86400',
      'within %(balanceRunwayShortDaysWord)s days',
    ],
    GenAIBalanceNearlyEmpty: [
      'rate6h < %(balanceNearlyEmptyHours)s * 3600',
      'within %(balanceNearlyEmptyHoursWord)s hours',
    ],
    GenAICostAnomaly: ['day_excess >= %(costAnomalyUsd)s'],
    'provider_account_model:genai_cost_usd:day_excess': ['> %(costAnomalyAccountRatio)s *'],
    GenAINewExpensiveModel: [') >= %(newExpensiveModelUsd)s', 'has cost %(newExpensiveModelUsd)s USD or more'],
    GenAICostWithoutOwner: [' > %(costWithoutOwner)s', 'More than %(costWithoutOwnerPercent)s % of a week'],
    GenAISuccessBurnFast: [
      'rate1h > %(successBurnFast)s * %(successErrorBudget)s',
      'rate30m > %(successBurnFast)s * %(successErrorBudget)s',
      'increase1h >= %(minimumRequests)s',
      'More than %(successBurnFastShare)s of the requests fail',
    ],
    GenAISuccessBurnSlow: [
      'rate6h > %(successBurnSlow)s * %(successErrorBudget)s',
      'rate1h > %(successBurnSlow)s * %(successErrorBudget)s',
      'increase1h >= %(minimumRequests)s',
      'More than %(successBurnSlowShare)s of the requests fail',
    ],
    GenAIThrottled: [
      'rate1h > %(throttled)s',
      'increase1h >= %(minimumRequests)s',
      'More than %(throttledShare)s of the responses',
    ],
    GenAIRateLimitNearlyExhausted: ['ratio1h > %(rateLimitNearlyExhausted)s'],
    GenAIPlanExpiresSoon: ['time() < %(planExpiresSoonDays)s * 86400', 'within %(planExpiresSoonDaysWord)s days'],
    GenAIPlanExpired: ['< %(planExpiredDays)s * 86400'],
    GenAIKeyExpiresSoon: ['time() < %(keyExpiresSoonDays)s * 86400', 'within %(keyExpiresSoonDaysWord)s days'],
    GenAIKeyExpired: ['< %(keyExpiredDays)s * 86400'],
    GenAIKeyDeactivated: ['genai_key_active[%(keyDeactivatedDays)sd]', 'the last %(keyDeactivatedDaysText)s and'],
    GenAIAllowanceNearlyUsed: [
      '> 0)) < %(allowanceNearlyUsed)s',
      'time() > %(allowanceNearlyUsedSeconds)s',
      'for over %(allowanceNearlyUsedHoursWord)s hours',
    ],
    GenAISyncStale: [
      'success_timestamp_seconds) > %(syncStaleHours)s * 3600',
      'next_timestamp_seconds) > %(syncOverdueSeconds)s',
    ],
    GenAIDataStopped: [' %(dataStoppedIntervals)s * max by', ' %(dataStoppedHours)s * 3600'],
    GenAIUsageStopped: ['offset 7d >= %(usageStoppedRequests)s', 'and had %(usageStoppedRequestsWord)s or'],
    GenAIUpstreamSunset: ['time() < %(upstreamSunsetDays)s * 86400', 'within %(upstreamSunsetDaysWord)s days'],
    GenAIReconciliationDiffers: [')) > %(reconciliationUsd)s', 'by more than %(reconciliationUsd)s USD'],
    GenAICorrectionSeen: ['[1d])) > %(correctionUsd)s'],
    GenAISnapshotStale: ['> %(snapshotStaleIntervals)s * genai', 'for %(snapshotStaleIntervalsWord)s intervals'],
    GenAIExporterDown: ['up{%(jobSelector)s}'],
    GenAIExporterAbsent: ['up{%(jobSelector)s}', 'The job %(job)s has no target'],
    GenAIDailyDigest: [
      '(hour() == %(digestHour)s)',
      'up{%(jobSelector)s}',
      '(genai_reconciliation_difference_usd)) > %(reconciliationUsd)s"',
      '(genai_corrections_usd_total[1d])) > %(correctionUsd)s"',
    ],
    GenAIWeeklyDigest: ['(day_of_week() == %(weeklyDigestWeekday)s)', '(hour() == %(digestHour)s)'],
  },

  // Every alert has these.
  alert: {
    wait: '        for: %(alertFor)s',
    links: ['runbook_url: %(runbookUrl)s#genai', 'dashboard: "%(dashboardUrl)s/d/genai-'],
  },

  // By dashboard and panel, whose title may be a pattern: patterns of its title, description and queries; the panel's
  // thresholds by index, and those of its columns.
  panels: {
    local used = { steps: { '2': 'budgetNearlyExhausted' } },
    local runway = { '1': 'balanceRunwayShortDays' },
    local burn = { '2': 'budgetBurnSlow', '3': 'budgetBurnFast' },
    local age = { '1': 'dataStoppedSeconds' },
    local success = { '1': 'successBurnFastRatio', '2': 'successBurnSlowRatio' },

    'genai-budgets': {
      'Most used budget': used,
      'Budgets above %(budgetNearlyExhaustedPercent)s %': {
        patterns: [
          'Budgets above %(budgetNearlyExhaustedPercent)s %',
          'more than %(budgetNearlyExhaustedShare)s are spent',
          '))) > %(budgetNearlyExhausted)s) or vector(0)',
        ],
      },
      'Shortest runway': { steps: { '1': 'balanceNearlyEmptyDays', '2': 'balanceRunwayShortDays' } },
      'Spent against limit': { columns: { Used: used.steps, 'Forecast used': used.steps } },
      'Burn rate over 6 hours': { steps: { '1': 'budgetBurnSlow', '2': 'budgetBurnFast' } },
      'Burn rate multiples': { columns: { '1 hour': burn, '6 hours': burn, '1 day': burn, '3 days': burn } },
      'Budget used': { steps: { '1': 'budgetNearlyExhausted' } },
      'Credit budgets': { columns: { Used: { '2': 'creditBudgetNearlyExhausted' } } },
      'Credit budgets used': { steps: { '1': 'creditBudgetNearlyExhausted' } },
      'Balance and runway': { columns: { Runway: runway } },
    },
    'genai-cost': {},
    'genai-exporter': { Sources: { columns: { 'Data age': age } } },
    'genai-overview': {
      'Most used budget': used,
      'Shortest runway': { steps: { '1': 'balanceNearlyEmptyDays', '2': 'balanceRunwayShortDays' } },
      'Success rate': { steps: success },
      'Oldest data': { patterns: ['Above %(dataStoppedHoursWord)s hours a source'], steps: age },
      Accounts: { columns: { Runway: runway, 'Data age': age } },
    },
    'genai-owners': {
      'Most used budget': used,
      'Month without owner': { steps: { '1': 'costWithoutOwner' } },
      Budgets: { columns: { Used: used.steps } },
      Used: { steps: { '1': 'budgetNearlyExhausted' } },
    },
    'genai-reliability': { 'Success rate': { steps: success } },
  },
}
