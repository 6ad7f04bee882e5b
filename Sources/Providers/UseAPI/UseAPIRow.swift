import Upstream
import UsageModel

/// One element of `data`: one request.
///
/// Not read: `timestamp`, because the API decides which rows belong to the requested day; `jobid`, because several rows
/// may have the same one, so it does not identify duplicates; `status`, the text of `code`; `func`, which follows from
/// bot and endpoint.
struct UseAPIRow: Equatable {
    let config: String?
    let endpoint: String?
    /// A string, because a code is a label, not an amount.
    let code: String?
    /// Milliseconds.
    let msec: ExactDecimal?
    let model: String?
    let captchaProviders: String?
    let captchaRetry: ExactDecimal?
    let tier: String?
    let sku: String?

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case config, endpoint, code, msec, model, captchaProviders, captchaRetry, tier, sku
    }
}

extension UseAPIRow: Decodable {
    // The documented form is tried first, because this takes half the time.
    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        // `do` instead of `try?`, so that a missing field is not looked up twice.
        func whole(_ key: CodingKeys) throws -> String? {
            do {
                return try fields.decodeIfPresent(String.self, forKey: key)
            } catch {
                return try fields.decodeIfPresent(LenientString.self, forKey: key)?.whole
            }
        }
        func text(_ key: CodingKeys) throws -> String? { try whole(key).map(LongName.bounded) }
        // A row whose amount is negative or invalid still counts as a request.
        func amount(_ key: CodingKeys) -> ExactDecimal? {
            let number: ExactDecimal?
            do {
                let integer = try fields.decodeIfPresent(Int.self, forKey: key)
                number = integer.flatMap { LenientDecimal.isPlausible($0) ? ExactDecimal($0) : nil }
            } catch {
                number = (try? fields.decodeIfPresent(LenientDecimal.self, forKey: key))?.value
            }
            return number.flatMap { $0.isNegative ? nil : $0 }
        }
        config = try text(.config)
        endpoint = try text(.endpoint)
        code = try (try? fields.decodeIfPresent(Int.self, forKey: .code)).map(String.init) ?? text(.code)
        msec = amount(.msec)
        model = try text(.model)
        // A list of names; each name is truncated after the list is split.
        captchaProviders = try whole(.captchaProviders)
        captchaRetry = amount(.captchaRetry)
        tier = try text(.tier)
        sku = try text(.sku)
    }
}

extension UseAPIRow {
    /// Decodes a list of flat objects, the form of nearly all lists; nil for any other list.
    ///
    /// The result equals that of `init(from:)`.
    static func plain(_ json: [UInt8]) -> [UseAPIRow]? {
        var rows: [UseAPIRow] = []
        var objects = FlatJSONRows(json, names: CodingKeys.allCases.map(\.rawValue))
        let isRead = objects.read { members in
            guard let row = UseAPIRow(plain: members) else { return false }
            rows.append(row)
            return true
        }
        return isRead ? rows : nil
    }

    /// - Parameter members: those of `CodingKeys.allCases`, in order. Fails if an amount is a string, maybe a number.
    private init?(plain members: [FlatJSONRows.Value?]) {
        func member(_ key: CodingKeys) -> FlatJSONRows.Value? {
            CodingKeys.allCases.firstIndex(of: key).flatMap { members[$0] }
        }
        func text(_ key: CodingKeys) -> String? {
            switch member(key) {
            case .text(let text): text
            case .number(let number): String(number)
            case .null, nil: nil
            }
        }
        func isText(_ key: CodingKeys) -> Bool {
            if case .text = member(key) { true } else { false }
        }
        func amount(_ key: CodingKeys) -> ExactDecimal? {
            if case .number(let number) = member(key) { ExactDecimal(number) } else { nil }
        }
        guard !isText(.msec), !isText(.captchaRetry) else { return nil }
        self.init(
            config: text(.config).map(LongName.bounded), endpoint: text(.endpoint).map(LongName.bounded),
            code: text(.code).map(LongName.bounded), msec: amount(.msec), model: text(.model).map(LongName.bounded),
            captchaProviders: text(.captchaProviders), captchaRetry: amount(.captchaRetry),
            tier: text(.tier).map(LongName.bounded), sku: text(.sku).map(LongName.bounded))
    }
}

/// The rows of one bot's day, counted one by one. Memory grows with the number of label sets, not of rows.
struct UseAPIRows {
    /// The labels of a request; empty if the row lacks the field.
    struct Request: Hashable {
        let key: String
        let model: String
        let endpoint: String
        let code: String
    }

    /// The labels of a duration histogram.
    struct Operation: Hashable {
        let model: String
        let endpoint: String
    }

    /// A Google subscription.
    struct Plan: Hashable {
        let tier: String
        let sku: String
    }

    /// The number of rows.
    private(set) var count = 0
    private(set) var requests: [Request: Int] = [:]
    private(set) var durations: [Operation: DurationHistogram] = [:]
    /// Counts by the unparsed list of a row, because few lists differ.
    private var captchaLists: [String: Int] = [:]
    /// Nil if no row has retries.
    private(set) var captchaRetries: ExactDecimal?
    private(set) var plans: [Plan: Int] = [:]
    /// Whether any row has a tier or SKU, as only those of google-flow have.
    private(set) var havePlans = false

    /// The maximum number of distinct label sets; each adds several series.
    static let mostRequests = 20_000

    /// Checks the number of distinct label sets.
    ///
    /// - Throws: `SourceFailure` (`decode`).
    func checkSize() throws {
        guard max(requests.count, captchaLists.count, plans.count) <= Self.mostRequests else {
            throw SourceFailure(
                .decode, "the rows have more than \(Self.mostRequests) different accounts, models, endpoints and codes")
        }
    }

    mutating func add(_ row: UseAPIRow) {
        count += 1
        let model = row.model ?? ""
        let endpoint = row.endpoint ?? ""
        requests[
            Request(key: row.config ?? "", model: model, endpoint: endpoint, code: row.code ?? ""),
            default: 0] += 1
        if let milliseconds = row.msec {
            durations[Operation(model: model, endpoint: endpoint), default: DurationHistogram()].add(milliseconds)
        }
        if let list = row.captchaProviders { captchaLists[list, default: 0] += 1 }
        if let retries = row.captchaRetry { captchaRetries = (captchaRetries ?? .zero) + retries }
        let plan = Plan(tier: row.tier ?? "", sku: row.sku ?? "")
        havePlans = havePlans || !plan.tier.isEmpty || !plan.sku.isEmpty
        plans[plan, default: 0] += 1
    }

    /// Captcha attempts by provider. Each element of a list is one attempt, and a provider may repeat in a list.
    var captchaAttempts: [String: Int] {
        captchaLists.reduce(into: [:]) { attempts, list in
            for provider in list.key.split(separator: ",") {
                let name = provider.split(whereSeparator: \.isWhitespace).joined(separator: " ")
                if !name.isEmpty { attempts[LongName.bounded(name), default: 0] += list.value }
            }
        }
    }

    /// Returns the counts by one property of the rows.
    func counts(by property: (Request) -> String) -> [String: Int] {
        requests.reduce(into: [:]) { $0[property($1.key), default: 0] += $1.value }
    }

    /// Returns the counts by one property of the plans.
    func counts(byPlan property: (Plan) -> String) -> [String: Int] {
        plans.reduce(into: [:]) { $0[property($1.key), default: 0] += $1.value }
    }
}

/// Classifies HTTP status codes.
enum UseAPICode {
    /// Returns whether a request succeeded; nil without a code. Only 2xx is a success, as in the API's success rate.
    static func isSuccess(_ code: String) -> Bool? {
        code.isEmpty ? nil : Int(code).map { (200..<300).contains($0) } ?? false
    }
}
