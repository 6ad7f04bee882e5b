{
  _config+:: {
    // Matchers added to every series of the exporter that a rule or a dashboard reads, for example 'job=~"genai.*"'.
    selector: '',

    // A label that names the cluster of a series, for example 'cluster'. Rules keep clusters separate by it, and the
    // dashboards get a variable of it.
    clusterLabel: '',

    // Selects the scrape job in GenAIExporterDown, GenAIExporterAbsent and the digests.
    jobSelector: 'job="genai"',

    // The alerts' links: the runbook is followed by # and the alert's name, Grafana by /d/ and the dashboard's uid.
    runbookUrl: 'https://github.com/genai-usage-exporter/genai-usage-exporter/tree/main/deploy/prometheus',
    dashboardUrl: '{{ $externalLabels.dashboard_url }}',

    // The first tag also selects the dashboards that each of them links to.
    dashboardTags: ['genai', 'cost'],
    dashboardRefresh: '5m',
    dashboardTimezone: 'utc',

    // What 1 means (all of a budget is used), 0 (any) and the windows in names of recorded series are no thresholds.
    thresholds: {
      // Times as fast as the budget allows. "Before" is the half hour, or the hour, before the window.
      budgetBurnFast: 14.4,
      budgetBurnFastBefore: 6,
      budgetBurnMedium: 6,
      budgetBurnMediumBefore: 3,
      budgetBurnSlow: 3,
      // Used shares of a budget. From budgetThresholdCritical on, GenAIBudgetThresholdPassed is critical.
      budgetNearlyExhausted: 0.9,
      creditBudgetNearlyExhausted: 0.9,
      budgetThresholdCritical: 1,
      // GenAISpendingNotAllowed resolves after it.
      spendingNotAllowedDays: 7,
      balanceRunwayShortDays: 3,
      balanceNearlyEmptyHours: 12,
      // Above what is usual for the weekday, and the account's cost as a multiple of its usual cost.
      costAnomalyUsd: 5,
      costAnomalyAccountRatio: 1.2,
      newExpensiveModelUsd: 10,
      costWithoutOwner: 0.05,
      // successErrorBudget is the share of requests that may fail, the other two are multiples of it.
      successErrorBudget: 0.05,
      successBurnFast: 10,
      successBurnSlow: 4,
      throttled: 0.1,
      // With fewer requests in an hour, ratios of requests do not alert.
      minimumRequests: 20,
      rateLimitNearlyExhausted: 0.8,
      planExpiresSoonDays: 3,
      keyExpiresSoonDays: 7,
      // These alerts resolve after it.
      planExpiredDays: 7,
      keyExpiredDays: 7,
      keyDeactivatedDays: 1,
      allowanceNearlyUsed: 0.1,
      allowanceNearlyUsedHours: 2,
      syncStaleHours: 3,
      syncOverdueHours: 1,
      dataStoppedHours: 6,
      dataStoppedIntervals: 3,
      usageStoppedRequests: 100,
      upstreamSunsetDays: 30,
      reconciliationUsd: 1,
      correctionUsd: 0.01,
      snapshotStaleIntervals: 2,
      // UTC; 1 is Monday.
      digestHour: 8,
      weeklyDigestWeekday: 1,
    },

    // How long each alert waits. Alerts that do not wait are not listed.
    alertFor: {
      GenAIBudgetBurnFast: '2m',
      GenAIBudgetBurnMedium: '5m',
      GenAIBudgetBurnSlow: '15m',
      GenAIBudgetForecastOverrun: '1h',
      GenAIBudgetNearlyExhausted: '5m',
      GenAIBudgetExhausted: '5m',
      GenAICreditBudgetNearlyExhausted: '5m',
      GenAISpendingNotAllowed: '5m',
      GenAIBalanceRunwayShort: '1h',
      GenAIBalanceNearlyEmpty: '15m',
      GenAICostAnomaly: '15m',
      GenAINewExpensiveModel: '15m',
      GenAICostWithoutOwner: '1h',
      GenAISuccessBurnFast: '5m',
      GenAISuccessBurnSlow: '15m',
      GenAIThrottled: '15m',
      GenAILinkedAccountInError: '30m',
      GenAIRateLimitNearlyExhausted: '15m',
      GenAIRateLimitExceeded: '15m',
      GenAIPlanExpiresSoon: '15m',
      GenAIPlanExpired: '15m',
      GenAIKeyExpiresSoon: '15m',
      GenAIKeyExpired: '5m',
      GenAIKeyDeactivated: '15m',
      GenAIAllowanceNearlyUsed: '15m',
      GenAISyncStale: '15m',
      GenAISourceNeverSynced: '1h',
      GenAIAccountNeverSynced: '30m',
      GenAIDataStopped: '30m',
      GenAIUsageStopped: '1h',
      GenAIUpstreamDeprecated: '1h',
      GenAIUpstreamSunset: '1h',
      GenAIReconciliationDiffers: '1d',
      GenAISeriesLimitReached: '15m',
      GenAIUsageTruncated: '15m',
      GenAIExporterDown: '5m',
      GenAIExporterAbsent: '10m',
      GenAIShardMissing: '10m',
      GenAIConfigReloadFailed: '5m',
      GenAIWebConfigReloadFailed: '5m',
      GenAISnapshotStale: '30m',
    },
  },
}
