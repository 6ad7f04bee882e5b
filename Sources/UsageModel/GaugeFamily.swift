/// A metric family that a source measures at each sync: balances, budgets, limits, plans, keys, models.
///
/// The common families are listed in `common`; a provider declares further ones next to its sources. A class, because
/// each of many samples refers to its family; two families are equal if their names are.
package final class GaugeFamily: Sendable {
    /// How samples are merged whose labels the config makes equal, such as two keys that `labels.rename` gives one name.
    package enum Merging: Sendable {
        /// Amounts and counts add up.
        case sum
        /// The earliest time, the lowest price.
        case minimum
        /// The latest use; 1 if one of them is 1.
        case maximum
    }

    /// The name on `/metrics`, and in the ledger's storage.
    package let name: String
    /// The label names after `provider` and `account`, in the order that `GaugeSample.labels` follows.
    package let labelNames: [String]
    package let merging: Merging
    /// The HELP text.
    package let help: String

    package init(_ name: String, _ labelNames: [String], merging: Merging, _ help: String) {
        self.name = name
        self.labelNames = labelNames
        self.merging = merging
        self.help = help
    }
}

extension GaugeFamily: Hashable, CustomStringConvertible {
    package static func == (left: GaugeFamily, right: GaugeFamily) -> Bool {
        left === right || left.name == right.name
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(name)
    }

    package var description: String { name }
}

// Calendar windows are computed from the ledger; windows such as `last_1h` are a provider's own.
extension GaugeFamily {
    package static let windowCost = GaugeFamily(
        "genai_window_cost_usd", ["key", "model", "window"], merging: .sum,
        "USD charged in the window, in UTC days; exact, from the ledger.")
    package static let windowRequests = GaugeFamily(
        "genai_window_requests", ["key", "model", "window"], merging: .sum,
        "Requests in the window; last_* windows are the provider's own.")
    package static let windowTokens = GaugeFamily(
        "genai_window_tokens", ["key", "model", "token_type", "window"], merging: .sum,
        "Tokens in the window by type; last_* windows are the provider's own.")
    package static let windowSuccessRatio = GaugeFamily(
        "genai_window_success_ratio", ["key", "model", "window"], merging: .minimum,
        "Successes among the requests of the window whose outcome is known, 0 to 1; absent where there are none.")
}

extension GaugeFamily {
    /// `budget` is last, because only budgets of the config have it: a sample without it has an empty label.
    private static let budget = ["key", "scope", "budget"]
    private static let generation = ["key", "model"]

    package static let balanceUSD = GaugeFamily("genai_balance_usd", [], merging: .sum, "Prepaid balance in USD.")
    package static let balanceCredits = GaugeFamily(
        "genai_balance_credits", ["unit"], merging: .sum, "Prepaid balance that is not USD, by unit.")
    package static let balanceAllocation = GaugeFamily(
        "genai_balance_allocation_credits", ["key", "scope", "unit"], merging: .sum,
        "Credits that the provider grants at the start of each epoch, by unit.")
    package static let spendingAllowed = GaugeFamily(
        "genai_spending_allowed", ["key"], merging: .minimum,
        "1 if the provider would accept a paid request now, else 0.")
    package static let budgetLimit = GaugeFamily(
        "genai_budget_limit_usd", budget, merging: .sum,
        "Budget or spending cap in USD; absent where there is no limit.")
    package static let budgetSpent = GaugeFamily(
        "genai_budget_spent_usd", budget, merging: .sum, "USD spent in the budget's current period.")
    package static let budgetLimitCredits = GaugeFamily(
        "genai_budget_limit_credits", ["key", "scope", "unit", "budget"], merging: .sum,
        "Budget that is not USD, by unit; absent where there is no limit.")
    package static let budgetSpentCredits = GaugeFamily(
        "genai_budget_spent_credits", ["key", "scope", "unit", "budget"], merging: .sum,
        "Credits spent in the budget's current period, by unit.")
    package static let budgetReset = GaugeFamily(
        "genai_budget_reset_timestamp_seconds", budget, merging: .minimum,
        "End of the budget's current period, seconds since the epoch.")
    package static let budgetPeriod = GaugeFamily(
        "genai_budget_period_seconds", budget, merging: .minimum, "Length of the budget's period in seconds.")
    package static let budgetThreshold = GaugeFamily(
        "genai_budget_threshold_ratio", ["budget", "threshold"], merging: .minimum,
        "Share of the limit at which a budget of the config reaches the threshold, 1 for all of it.")
    package static let budgetThresholdReached = GaugeFamily(
        "genai_budget_threshold_reached", ["budget", "threshold"], merging: .maximum,
        "1 if the share of the limit is spent, else 0; compared exactly.")
    package static let budgetUnattributed = GaugeFamily(
        "genai_budget_unattributed_usd", ["budget"], merging: .sum,
        "USD of the period that may belong to the budget: the provider does not split it by key, model or modality.")
    package static let budgetUnattributedCredits = GaugeFamily(
        "genai_budget_unattributed_credits", ["budget", "unit"], merging: .sum,
        "Credits of the period that may belong to the budget: the provider does not split them by key or model.")
    package static let budgetTopShare = GaugeFamily(
        "genai_budget_top_share_ratio", ["budget", "key", "model"], merging: .sum,
        "Share of the spent amount, of the three keys and models that spent most.")
    package static let budgetExhaustion = GaugeFamily(
        "genai_budget_estimated_exhaustion_timestamp_seconds", ["budget"], merging: .minimum,
        "Time at which the limit is passed at the pace of the last three days; absent if the period ends before.")
    package static let rateLimitRequestsPerMinute = GaugeFamily(
        "genai_rate_limit_requests_per_minute", generation, merging: .sum,
        "The provider's limit on requests in a minute.")
    package static let rateLimitTokensPerMinute = GaugeFamily(
        "genai_rate_limit_tokens_per_minute", generation, merging: .sum, "The provider's limit on tokens in a minute.")
    package static let rateLimitRequestsPerDay = GaugeFamily(
        "genai_rate_limit_requests_per_day", generation, merging: .sum, "The provider's limit on requests in a day.")
    package static let planInfo = GaugeFamily(
        "genai_plan_info", ["key", "plan", "status"], merging: .maximum, "The subscription, as labels; always 1.")
    package static let planExpiry = GaugeFamily(
        "genai_plan_expiry_timestamp_seconds", ["key"], merging: .minimum,
        "Expiry time of the subscription, seconds since the epoch.")
    package static let planRenews = GaugeFamily(
        "genai_plan_renews", ["key", "plan"], merging: .minimum,
        "1 if the subscription renews at the end of its period, 0 if it ends then.")
    package static let planPrice = GaugeFamily(
        "genai_plan_price_usd", ["plan"], merging: .minimum,
        "Price of the plan in the provider's price list, in USD.")
    package static let planRequestsPerMinute = GaugeFamily(
        "genai_plan_rate_limit_requests_per_minute", ["plan"], merging: .minimum,
        "Requests in a minute that the plan of the price list allows.")
    package static let planTokensPerMinute = GaugeFamily(
        "genai_plan_rate_limit_tokens_per_minute", ["plan"], merging: .minimum,
        "Tokens in a minute that the plan of the price list allows.")
    package static let keyInfo = GaugeFamily(
        "genai_key_info", ["key", "key_id", "key_type"], merging: .maximum,
        "The key's id and type, as labels; always 1.")
    package static let keyOwnerInfo = GaugeFamily(
        "genai_key_owner_info", ["key", "owner", "cost_center"], merging: .maximum,
        "The key's owner and cost center in the config, as labels; always 1.")
    package static let keyActive = GaugeFamily(
        "genai_key_active", ["key"], merging: .maximum, "1 if the key can be used, else 0.")
    package static let keyCreated = GaugeFamily(
        "genai_key_created_timestamp_seconds", ["key"], merging: .minimum,
        "Creation time of the key, seconds since the epoch.")
    package static let keyLastUsed = GaugeFamily(
        "genai_key_last_used_timestamp_seconds", ["key"], merging: .maximum,
        "Time of the key's last use, seconds since the epoch.")
    package static let keyExpiry = GaugeFamily(
        "genai_key_expiry_timestamp_seconds", ["key"], merging: .minimum,
        "Expiry time of the key, seconds since the epoch.")
    package static let modelInfo = GaugeFamily(
        "genai_model_info", ["model", "modality"], merging: .maximum, "The model's modality, as a label; always 1.")
    package static let modelAliasInfo = GaugeFamily(
        "genai_model_alias_info", ["model", "limit_model"], merging: .maximum,
        "The model's name in rate limits, where it differs from the billed one, as labels; always 1.")
    package static let modelUnitPrice = GaugeFamily(
        "genai_model_unit_price_usd", ["model"], merging: .minimum,
        "The model's unit price in USD; what a request cost may differ, see genai_cost_usd_total.")
    package static let modelLastUsed = GaugeFamily(
        "genai_model_last_used_timestamp_seconds", ["model"], merging: .maximum,
        "Start of the UTC day of the model's last use, seconds since the epoch.")
    package static let upstreamAccounts = GaugeFamily(
        "genai_upstream_accounts", ["upstream_service", "state"], merging: .sum,
        "Accounts linked at the provider, by service and state.")
    package static let pendingRequests = GaugeFamily(
        "genai_pending_requests", ["model"], merging: .sum,
        "Requests that are accepted and neither succeeded nor failed yet.")

    /// The families that any provider may report, in the order of `/metrics`.
    package static let common = [
        windowCost, windowRequests, windowTokens, windowSuccessRatio, balanceUSD, balanceCredits, balanceAllocation,
        spendingAllowed, budgetLimit, budgetSpent, budgetLimitCredits, budgetSpentCredits, budgetReset, budgetPeriod,
        budgetThreshold, budgetThresholdReached, budgetUnattributed, budgetUnattributedCredits, budgetTopShare,
        budgetExhaustion,
        rateLimitRequestsPerMinute, rateLimitTokensPerMinute, rateLimitRequestsPerDay, planInfo, planExpiry,
        planRenews, planPrice, planRequestsPerMinute, planTokensPerMinute, keyInfo, keyOwnerInfo, keyActive, keyCreated,
        keyLastUsed, keyExpiry, modelInfo, modelAliasInfo, modelUnitPrice, modelLastUsed, upstreamAccounts,
        pendingRequests,
    ]

    /// The families that budgets of the config have.
    package static let budgets = [
        budgetLimit, budgetSpent, budgetLimitCredits, budgetSpentCredits, budgetReset, budgetPeriod, budgetThreshold,
        budgetThresholdReached, budgetUnattributed, budgetUnattributedCredits, budgetTopShare, budgetExhaustion,
    ]
}
