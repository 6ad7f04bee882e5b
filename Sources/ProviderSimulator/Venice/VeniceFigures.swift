import Foundation
import UsageModel

/// A key of a simulated Venice account.
package struct VeniceKey: Sendable, Hashable {
    package let id: String
    /// Empty for none.
    package var description: String
    /// `INFERENCE` or `ADMIN`.
    package let type: String
    package let created: Timestamp
    /// Spending limit in USD per period; nil for no limit, 0 for no spending in USD.
    package var usdLimit: ExactDecimal?
    /// Spending limit in DIEM per period; nil for no limit.
    package var diemLimit: ExactDecimal?
    /// `EPOCH`, `MONTH` or `LIFETIME`.
    package var period = "EPOCH"
    /// Expiry; nil for never.
    package var expires: Timestamp?

    package init(id: String, description: String, type: String = "INFERENCE", created: Timestamp) {
        self.id = id
        self.description = description
        self.type = type
        self.created = created
    }
}

package struct VeniceModelLimit: Sendable, Hashable {
    package let model: String
    /// By type: `RPM`, `RPD`, `TPM`.
    package let amounts: [String: Int]

    package init(model: String, amounts: [String: Int]) {
        self.model = model
        self.amounts = amounts
    }
}

/// The aggregating endpoints: analytics by key, balance, rate limits, keys.
struct VeniceFigures {
    let account: VeniceAccount
    let now: Timestamp
    let modes: VeniceMisbehavior.Modes

    private static let counted: Set<String> = ["USD", "BUNDLED_CREDITS"]

    private func charges(_ period: Period) -> [VeniceBillingRow] {
        account.store.rows(in: period) { $0.amount.isNegative && $0.visibleFrom <= now - modes.analyticsLag }.map(\.row)
    }

    private func sum(_ rows: [VeniceBillingRow], _ isCounted: (VeniceBillingRow) -> Bool) -> ExactDecimal {
        rows.reduce(.zero) { isCounted($1) ? $0 - $1.amount : $0 }
    }

    private func spent(since start: Timestamp, where isCounted: (VeniceBillingRow) -> Bool) -> ExactDecimal {
        account.store.spent(in: Period(start: start, end: now + .milliseconds(1)), where: isCounted)
    }

    /// `GET /api/v1/billing/usage-analytics`, limited to the fields that aggregate by day and key.
    func analytics(_ query: [String: String]) -> SimulatedResponse {
        guard let first = query["startDate"].flatMap({ UTCDay($0) }),
            let last = query["endDate"].flatMap({ UTCDay($0) }),
            first <= last, first.distance(to: last) < 90
        else { return SimulatedResponse(status: 400, body: ["error": "Invalid date range"]) }
        let rows = charges(Period(start: first.start, end: last.advanced(by: 1).start))
        let days = (first...last).map { day -> JSONValue in
            let inDay = rows.filter { $0.timestamp.day == day }
            return [
                "date": .string(day.description), "USD": .number(sum(inDay) { Self.counted.contains($0.currency) }),
                "DIEM": .number(sum(inDay) { $0.currency == "DIEM" }),
            ]
        }
        let keys = usage(byKey: rows).map { key -> JSONValue in
            [
                "apiKeyId": key.id.map(JSONValue.string) ?? .null, "description": .string(key.description),
                "totalUsd": .number(sum(key.rows) { Self.counted.contains($0.currency) }),
                "totalDiem": .number(sum(key.rows) { $0.currency == "DIEM" }), "totalUnits": .count(key.rows.count),
            ]
        }
        return SimulatedResponse(body: [
            "lookback": "custom", "byDate": .array(days),
            "byModel": .array(account.listsModelTypes ? models(rows) : []), "byKey": .array(keys),
        ])
    }

    /// The rows of each model with a type. Charges for plans belong to no model.
    private func models(_ rows: [VeniceBillingRow]) -> [JSONValue] {
        let typed = rows.filter { $0.modelType != nil }
        return Dictionary(grouping: typed, by: \.model).sorted { $0.key < $1.key }.map { model, rows in
            [
                "modelName": .string(model), "modelType": rows[0].modelType.map(JSONValue.string) ?? .null,
                "unitType": .string(rows[0].unit ?? "tokens"),
                "totalUsd": .number(sum(rows) { Self.counted.contains($0.currency) }),
                "totalDiem": .number(sum(rows) { $0.currency == "DIEM" }), "totalUnits": .count(rows.count),
            ]
        }
    }

    /// The rows of each listed key, and of the others together.
    private func usage(
        byKey rows: [VeniceBillingRow]
    ) -> [(id: String?, description: String, rows: [VeniceBillingRow])] {
        let keys = Dictionary(grouping: rows, by: \.keyID).sorted { ($0.key ?? "") < ($1.key ?? "") }
            .map { (id: $0.key, description: description(of: $0.key), rows: $0.value) }
        guard let listed = modes.listedKeys, keys.count > listed else { return keys }
        let ranked = keys.sorted { sum($0.rows) { _ in true } > sum($1.rows) { _ in true } }
        return ranked.prefix(listed) + [(nil, "Other", ranked.dropFirst(listed).flatMap(\.rows))]
    }

    private func description(of id: String?) -> String {
        guard let id else { return "Web App" }
        let description = account.keys.first { $0.id == id }?.description ?? ""
        guard !description.isEmpty else { return "Key ...\(id.suffix(6))" }
        let isShared = account.keys.contains { $0.id != id && $0.description == description }
        return isShared ? "\(description) (...\(id.suffix(6)))" : description
    }

    private var remainingUSD: ExactDecimal {
        account.balance.remaining(afterSpending: spent(since: Timestamp(seconds: 0)) { $0.currency == "USD" })
    }

    /// Nil if no DIEM is staked.
    private var remainingDIEM: ExactDecimal? {
        account.diemAllocation.map { allocation in
            max(.zero, allocation - spent(since: now.day.start) { $0.currency == "DIEM" })
        }
    }

    /// `GET /api/v1/billing/balance`. Both balances are the remainder after all usage shown so far.
    var balance: SimulatedResponse {
        let (usd, diem) = (remainingUSD, remainingDIEM)
        let earned = account.earnedCredits
        let spendable = max(.zero, usd) + (diem ?? .zero) + earned
        return SimulatedResponse(
            body: [
                "canConsume": .bool(spendable >= ExactDecimal(micros: 100_000)),
                "consumptionCurrency": diem == nil ? "USD" : "DIEM",
                "balances": [
                    "diem": diem.map(JSONValue.number) ?? .null, "usd": usd > .zero ? .number(usd) : .null,
                    "bundledCredits": .null, "earnedCredits": earned > .zero ? .number(earned) : .null,
                ],
                "diemEpochAllocation": account.diemAllocation.map(JSONValue.number) ?? .null,
            ])
    }

    /// `GET /api/v1/api_keys/rate_limits`.
    var rateLimits: SimulatedResponse {
        let models = account.limits.map { limit -> JSONValue in
            let amounts = limit.amounts.sorted { $0.key < $1.key }.map { type, amount -> JSONValue in
                ["type": .string(type), "amount": .count(amount)]
            }
            return ["apiModelId": .string(limit.model), "rateLimits": .array(amounts)]
        }
        return SimulatedResponse(
            body: [
                "data": [
                    "accessPermitted": .bool(account.isAdmitted),
                    "apiTier": ["id": "paid", "isCharged": .bool(true)],
                    "balances": [
                        "USD": .number(max(.zero, remainingUSD)), "DIEM": .number(remainingDIEM ?? .zero),
                    ],
                    "keyExpiration": .null,
                    "nextEpochBegins": .string(now.day.advanced(by: 1).start.description),
                    "rateLimits": .array(models),
                ]
            ])
    }

    /// `GET /api/v1/api_keys/rate_limits/log`.
    var refusals: SimulatedResponse {
        let refusals = account.refusals.newest(before: now).map { refusal -> JSONValue in
            [
                "apiKeyId": refusal.keyID.map(JSONValue.string) ?? .null, "modelId": .string(refusal.model),
                "rateLimitTier": "paid", "rateLimitType": .string(refusal.type),
                "timestamp": .string(refusal.time.description),
            ]
        }
        return SimulatedResponse(body: ["object": "list", "data": .array(refusals)])
    }

    /// `GET /api/v1/api_keys`.
    var keys: SimulatedResponse {
        let keys = account.keys.map { key -> JSONValue in
            var members: [JSONValue.Member] = [
                .init("id", .string(key.id)), .init("apiKeyType", .string(key.type)),
                .init("description", key.description.isEmpty ? .null : .string(key.description)),
                .init("createdAt", .string(key.created.description)),
                .init("expiresAt", key.expires.map { .string($0.description) } ?? .null),
                .init("lastUsedAt", .null), .init("last6Chars", .string(String(key.id.suffix(6)))),
                .init(
                    "consumptionLimits",
                    [
                        "usd": key.usdLimit.map(JSONValue.number) ?? .null,
                        "diem": key.diemLimit.map(JSONValue.number) ?? .null, "vcu": .null,
                    ]),
                .init("limitPeriod", .string(key.period)),
            ]
            if key.usdLimit != nil || key.diemLimit != nil {
                let start: Timestamp =
                    switch key.period {
                    case "EPOCH": now.day.start
                    case "MONTH": now.day.startOfMonth.start
                    default: Timestamp(seconds: 0)
                    }
                let usd = spent(since: start) { $0.keyID == key.id && Self.counted.contains($0.currency) }
                let diem = spent(since: start) { $0.keyID == key.id && $0.currency == "DIEM" }
                func text(_ amount: ExactDecimal) -> JSONValue { .string(String(format: "%.4f", amount.doubleValue)) }
                members.append(.init("currentPeriodUsage", ["usd": text(usd), "diem": text(diem)]))
            }
            return .object(members)
        }
        return SimulatedResponse(body: ["object": "list", "data": .array(keys)])
    }
}
