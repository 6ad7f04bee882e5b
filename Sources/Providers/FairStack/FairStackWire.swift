import UsageModel
import Upstream

/// A FairStack response: the documented fields, either at the top level or in `data` next to a `request_id`.
///
/// `request_id` is for support requests and is not read.
struct FairStackBody<Payload: Decodable>: Decodable {
    let payload: Payload

    private enum CodingKeys: String, CodingKey {
        case data
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        if fields.contains(.data), try !fields.decodeNil(forKey: .data) {
            payload = try fields.decode(Payload.self, forKey: .data)
        } else {
            payload = try Payload(from: decoder)
        }
    }

    /// Decodes the payload of a response.
    ///
    /// - Parameter remark: is called for each optional field that could not be decoded.
    /// - Throws: `SourceFailure` with the reason `decode`.
    static func payload(of response: UpstreamResponse, remark: (String) -> Void = { _ in }) throws -> Payload {
        try JSONBody.decode(Self.self, from: response, remark: remark).payload
    }
}

/// An amount of money in millionths of a dollar, or of `currency` if it is another one.
///
/// `display` is the rounded amount as text (`$0.045`) and is not read.
struct FairStackMoney: Decodable {
    let micro: LenientInt?
    let currency: LenientString?

    /// The exact amount in units of its currency; nil if there is none.
    var amount: ExactDecimal? { micro.map { ExactDecimal(micros: $0.value) } }

    /// The currency in lower case; nil for USD, which is also the default.
    var foreignUnit: String? {
        let unit = currency?.value.lowercased() ?? ""
        return unit.isEmpty || unit == "usd" ? nil : unit
    }
}

/// `GET /v1/usage`.
///
/// `from` and `to` repeat the query and are not read.
struct FairStackUsage: Decodable {
    struct Model: Decodable {
        let model: LenientString?
        let count: LenientInt?
        let cost: FairStackMoney?
    }

    struct Modality: Decodable {
        let modality: LenientString?
        let count: LenientInt?
        let cost: FairStackMoney?
    }

    let total_cost: FairStackMoney?
    let generation_count: LenientInt?
    let by_modality: LenientArray<Modality>
    let by_model: LenientArray<Model>
}

/// `GET /v1/usage/daily`. It only triggers reads of days, so a figure that cannot be decoded only costs a query.
struct FairStackDaily: Decodable {
    struct Cost: Decodable {
        let micro: Decoration<LenientInt>
    }

    struct Day: Decodable {
        let date: Decoration<LenientString>
        let count: Decoration<LenientInt>
        let cost: Decoration<Cost>
    }

    let days: RequiredArray<Day>
}

/// `GET /v1/usage/transactions`: one page, newest first.
struct FairStackPage: Decodable {
    struct Transaction: Decodable {
        /// Required, because without it a row that two pages repeat would count twice.
        let id: LenientString
        let type: LenientString?
        let model: LenientString?
        let modality: Decoration<LenientString>
        let cost: FairStackMoney?
        let status: LenientString?
        /// Required, because it determines the day of the row.
        let created_at: LenientTimestamp
    }

    let transactions: RequiredArray<Transaction>
    let has_more: Decoration<LenientFlag>
    let cursor: LenientString?

    /// The cursor of the next page; nil if this is the last one.
    var nextCursor: String? {
        guard has_more.value?.value ?? true, let cursor = cursor?.whole, !cursor.isEmpty else { return nil }
        return cursor
    }
}

/// `GET /v1/credits`. The balance is money and decoded strictly; the caps are optional.
///
/// Each documented field may be missing, but not all of them.
struct FairStackCredits: Decodable {
    struct Cap: Decodable {
        let micro: Decoration<LenientInt>
        let used_micro: Decoration<LenientInt>
    }

    struct Caps: Decodable {
        let organization: Decoration<Cap>
        let project: Decoration<Cap>
        let key: Decoration<Cap>
    }

    let balance: FairStackMoney?
    let caps: Decoration<Caps>

    private enum CodingKeys: String, CodingKey {
        case balance, caps, error
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        try fields.requireField(besides: .error, expected: "balance or caps")
        balance = try fields.decodeIfPresent(FairStackMoney.self, forKey: .balance)
        caps = try fields.decode(Decoration<Caps>.self, forKey: .caps)
    }
}

/// `GET /v1/account`. The balance is money and decoded strictly; the cap and the plan are optional.
///
/// Each of these fields may be missing, but not all of them. Not read: the owner (`id`, `name`, `email`), because it is
/// personal data.
struct FairStackAccountDetails: Decodable {
    struct Credits: Decodable {
        /// The balance in USD; nil if there is none.
        let balance: ExactDecimal?

        private enum CodingKeys: String, CodingKey {
            case balance_microdollars, balance_usd
        }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            if let micro = try fields.decodeIfPresent(LenientInt.self, forKey: .balance_microdollars) {
                balance = ExactDecimal(micros: micro.value)
            } else {
                balance = try fields.decodeIfPresent(LenientDecimal.self, forKey: .balance_usd)?.value
            }
        }
    }

    /// The cap of the organization in a calendar month.
    struct SpendingCap: Decodable {
        private let monthly_microdollars: Decoration<LenientInt>
        private let monthly_usd: Decoration<LenientDecimal>
        private let used_this_month_microdollars: Decoration<LenientInt>
        private let used_this_month_usd: Decoration<LenientDecimal>

        /// In USD; nil or not positive if there is no limit.
        var limit: ExactDecimal? { Self.usd(monthly_microdollars, monthly_usd) }

        /// In USD.
        var spent: ExactDecimal? { Self.usd(used_this_month_microdollars, used_this_month_usd) }

        private static func usd(_ micro: Decoration<LenientInt>, _ usd: Decoration<LenientDecimal>) -> ExactDecimal? {
            micro.value.map { ExactDecimal(micros: $0.value) } ?? usd.value?.value
        }
    }

    struct Plan: Decodable {
        let name: Decoration<LenientString>
    }

    let credits: Credits?
    let spending_cap: Decoration<SpendingCap>
    let plan: Decoration<Plan>

    private enum CodingKeys: String, CodingKey {
        case credits, spending_cap, plan, error
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        try fields.requireField(besides: .error, expected: "credits, spending_cap or plan")
        credits = try fields.decodeIfPresent(Credits.self, forKey: .credits)
        spending_cap = try fields.decode(Decoration<SpendingCap>.self, forKey: .spending_cap)
        plan = try fields.decode(Decoration<Plan>.self, forKey: .plan)
    }
}

extension KeyedDecodingContainer {
    /// Rejects a response with an error, and one without any of its documented fields.
    ///
    /// - Parameter error: the key of the error.
    /// - Throws: `SourceFailure` with the reason `decode`.
    func requireField(besides error: Key, expected: String) throws {
        let hasError = contains(error) && (try? decodeNil(forKey: error)) != true
        guard !hasError, allKeys.contains(where: { $0.stringValue != error.stringValue }) else {
            throw SourceFailure(.decode, "expected \(expected), found none of them or an error")
        }
    }
}
