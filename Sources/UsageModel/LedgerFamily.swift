/// A metric family whose values come from the ledger: counters, and what is computed from them.
///
/// The common families are listed in `common`; a provider declares further ones next to its sources. A class, because
/// each of many series refers to its family; two families are equal if their names are.
package final class LedgerFamily: Sendable {
    /// The kind of the family's values.
    package enum Kind: Sendable {
        /// A counter of money, or of another quantity with decimals.
        case amount
        /// A counter of integers.
        case count
        /// A histogram of durations in seconds; the cells of a bucket have its bound as the last label, `le`.
        case durations
        /// A gauge over the retained days, which may fall.
        case difference
    }

    /// The name on `/metrics`, and in the ledger's storage.
    package let name: String
    package let kind: Kind
    /// The label names after `provider` and `account`, in the order that `Cell.labels` follows.
    package let labelNames: [String]
    /// The HELP text.
    package let help: String

    package init(_ name: String, _ kind: Kind, _ labelNames: [String], _ help: String) {
        self.name = name
        self.kind = kind
        self.labelNames = labelNames
        self.help = help
    }
}

extension LedgerFamily: Hashable, CustomStringConvertible {
    package static func == (left: LedgerFamily, right: LedgerFamily) -> Bool {
        left === right || left.name == right.name
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(name)
    }

    package var description: String { name }
}

extension LedgerFamily {
    package static let cost = LedgerFamily(
        "genai_cost_usd_total", .amount, ["key", "model"], "USD charged, as the provider reports it.")
    package static let credits = LedgerFamily(
        "genai_credits_spent_total", .amount, ["key", "model", "unit"],
        "Charges that are not USD, as the provider reports them, by unit.")
    package static let requests = LedgerFamily(
        "genai_requests_total", .count, ["key", "model"], "Requests, as the provider counts them.")
    package static let outcomes = LedgerFamily(
        "genai_request_outcomes_total", .count, ["key", "model", "outcome"],
        "Requests whose outcome is known, by outcome: success or failure.")
    package static let tokens = LedgerFamily(
        "genai_tokens_total", .count, ["key", "model", "token_type"],
        "Tokens by type: input, output, cache_input or cache_write, disjoint.")
    package static let units = LedgerFamily(
        "genai_usage_units_total", .amount, ["key", "model", "unit"],
        "Usage that the provider bills in other units than tokens, by unit.")
    package static let duration = LedgerFamily(
        "genai_request_duration_seconds", .durations, ["model", "operation", "le"],
        "Durations that the provider reports per request, in seconds.")
    package static let keyCost = LedgerFamily(
        "genai_key_cost_usd_total", .amount, ["key"],
        "USD charged by key; another view of genai_cost_usd_total, not an addition to it.")
    package static let keyCredits = LedgerFamily(
        "genai_key_credits_spent_total", .amount, ["key", "unit"],
        "Charges that are not USD by key; another view of genai_credits_spent_total.")
    package static let modalityCost = LedgerFamily(
        "genai_modality_cost_usd_total", .amount, ["modality"],
        "USD charged by modality; another view of genai_cost_usd_total, not an addition to it.")
    package static let modalityRequests = LedgerFamily(
        "genai_modality_requests_total", .count, ["modality"],
        "Requests by modality; another view of genai_requests_total, not an addition to it.")
    package static let topups = LedgerFamily(
        "genai_topups_usd_total", .amount, [], "USD paid in; never part of the cost.")
    package static let refunds = LedgerFamily(
        "genai_refunds_usd_total", .amount, [], "USD given back; never part of the cost.")
    package static let creditsRefunded = LedgerFamily(
        "genai_credits_refunded_total", .amount, ["model", "unit"],
        "Charges that are not USD given back, by unit; never part of the charges.")
    /// Maintained by the ledger itself, never part of a slice.
    package static let corrections = LedgerFamily(
        "genai_corrections_usd_total", .amount, [],
        "USD that the provider took back after it was counted in genai_cost_usd_total.")
    package static let estimatedCost = LedgerFamily(
        "genai_estimated_cost_usd_total", .amount, ["key", "model"],
        "USD estimated from the prices in the config, where the provider reports no cost.")
    package static let throttled = LedgerFamily(
        "genai_throttled_requests_total", .count, ["key", "model", "limit"],
        "Requests that the provider refused by a rate limit, where it lists them.")
    package static let reconciliation = LedgerFamily(
        "genai_reconciliation_difference_usd", .difference, [],
        "The provider's total minus the sum of its parts, over the days kept: 0 where its figures agree.")

    /// The families that any provider may report, in the order of `/metrics`.
    package static let common = [
        cost, credits, requests, outcomes, tokens, units, duration, keyCost, keyCredits, modalityCost,
        modalityRequests, topups, refunds, creditsRefunded, corrections, estimatedCost, throttled, reconciliation,
    ]
}

extension LedgerFamily {
    /// The upper bounds of the duration histogram's buckets, in seconds; `+Inf` follows.
    package static let durationBounds: [Double] = [0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600]

    /// The `le` of the cell that counts observations above every bound.
    package static let durationInfinity = "+Inf"

    /// Formats the `le` of a bucket's cell: its bound as Swift writes it (`0.25`, `1.0`).
    package static func durationBound(_ bound: Double) -> String { "\(bound)" }

    /// The `le` of every bucket's cell, in bucket order.
    package static let durationBuckets = durationBounds.map(durationBound) + [durationInfinity]

    /// The `le` of the cell that holds the sum of durations.
    package static let durationSum = "sum"
}

/// The metric families that sources report: those that any provider may report, and those of single providers.
package struct UsageFamilies: Sendable, Hashable {
    /// In the order of `/metrics`.
    package let ledger: [LedgerFamily]
    /// In the order of `/metrics`.
    package let gauges: [GaugeFamily]
    private let ledgerByName: [String: LedgerFamily]
    private let gaugesByName: [String: GaugeFamily]

    /// The families that any provider may report.
    package static let common = UsageFamilies(ledger: LedgerFamily.common, gauges: GaugeFamily.common)

    package init(ledger: [LedgerFamily] = [], gauges: [GaugeFamily] = []) {
        self.ledger = ledger
        self.gauges = gauges
        ledgerByName = Dictionary(ledger.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        gaugesByName = Dictionary(gauges.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Adds a provider's own families.
    package static func + (families: UsageFamilies, own: UsageFamilies) -> UsageFamilies {
        UsageFamilies(ledger: families.ledger + own.ledger, gauges: families.gauges + own.gauges)
    }

    /// Finds a ledger family by its name; nil for a name that this version does not know.
    package func ledgerFamily(_ name: String) -> LedgerFamily? { ledgerByName[name] }

    /// Finds a gauge family by its name; nil for a name that this version does not know.
    package func gaugeFamily(_ name: String) -> GaugeFamily? { gaugesByName[name] }
}
