import Upstream
import UsageModel

/// One element of `data`: one request.
///
/// Not read: `timestamp`, since the API itself says which rows belong to the day that was asked for; `jobid`, an
/// identifier (several rows may carry the same one, so it tells no duplicates); `status`, which is `code` in words;
/// `func`, which follows from bot and endpoint.
struct UseAPIRow: Equatable {
    let config: String?
    let endpoint: String?
    /// Kept as text: a code is a name that is counted, not an amount.
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
    // The form of the documentation is tried first, and takes half the time.
    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        // `do`, not `try?`: a field that is missing is not looked up again.
        func whole(_ key: CodingKeys) throws -> String? {
            do {
                return try fields.decodeIfPresent(String.self, forKey: key)
            } catch {
                return try fields.decodeIfPresent(LenientString.self, forKey: key)?.whole
            }
        }
        func text(_ key: CodingKeys) throws -> String? { try whole(key).map(LongName.bounded) }
        // A row whose amount is negative or cannot be read is a request all the same.
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
        // A list of names, each of which is held to its length once they are told apart.
        captchaProviders = try whole(.captchaProviders)
        captchaRetry = amount(.captchaRetry)
        tier = try text(.tier)
        sku = try text(.sku)
    }
}

extension UseAPIRow {
    /// The rows of a list of plain objects, which nearly all are; nil for any other list.
    ///
    /// What they say is what `init(from:)` reads in them.
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

    /// - Parameter members: those of `CodingKeys.allCases`, in that order. An amount that is a text makes no row: it may
    ///   stand for a number.
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

/// The rows of one bot's day, counted as they come: what is kept grows with the label sets, not with the rows.
struct UseAPIRows {
    /// What tells requests apart; empty where a row does not say.
    struct Request: Hashable {
        let key: String
        let model: String
        let endpoint: String
        let code: String
    }

    /// What a histogram of durations belongs to.
    struct Operation: Hashable {
        let model: String
        let endpoint: String
    }

    /// A Google subscription.
    struct Plan: Hashable {
        let tier: String
        let sku: String
    }

    struct Durations {
        /// By place in `LedgerFamily.durationBounds`, `+Inf` last; not cumulative.
        var counts = Array(repeating: 0, count: LedgerFamily.durationBounds.count + 1)
        var milliseconds = ExactDecimal.zero
    }

    /// How many rows there were.
    private(set) var count = 0
    private(set) var requests: [Request: Int] = [:]
    private(set) var durations: [Operation: Durations] = [:]
    /// By the list as it stands in the row: there are few different ones.
    private var captchaLists: [String: Int] = [:]
    /// Nil where no row tells retries.
    private(set) var captchaRetries: ExactDecimal?
    private(set) var plans: [Plan: Int] = [:]
    /// Whether any row has a tier or SKU: only google-flow's have.
    private(set) var havePlans = false

    /// A request that lasts longer than a day is a wrong number, and one of them would spoil the sum for good.
    static let longestMilliseconds = ExactDecimal(86_400_000)

    /// The most that rows may differ in what they are counted by; each difference is a handful of series.
    static let mostRequests = 20_000

    /// Refuses rows that are counted under too many labels.
    ///
    /// - Throws: `SourceFailure` (`decode`).
    func checkSize() throws {
        guard max(requests.count, captchaLists.count, plans.count) <= Self.mostRequests else {
            throw SourceFailure(
                .decode, "the rows name more than \(Self.mostRequests) different accounts, models, endpoints and codes")
        }
    }

    mutating func add(_ row: UseAPIRow) {
        count += 1
        let model = row.model ?? ""
        let endpoint = row.endpoint ?? ""
        requests[
            Request(key: row.config ?? "", model: model, endpoint: endpoint, code: row.code ?? ""),
            default: 0] += 1
        if let milliseconds = row.msec, milliseconds <= Self.longestMilliseconds {
            durations[Operation(model: model, endpoint: endpoint), default: Durations()].add(milliseconds)
        }
        if let list = row.captchaProviders { captchaLists[list, default: 0] += 1 }
        if let retries = row.captchaRetry { captchaRetries = (captchaRetries ?? .zero) + retries }
        let plan = Plan(tier: row.tier ?? "", sku: row.sku ?? "")
        havePlans = havePlans || !plan.tier.isEmpty || !plan.sku.isEmpty
        plans[plan, default: 0] += 1
    }

    /// Captcha attempts by provider: each one in a list was tried once, and the same one may stand there several times.
    var captchaAttempts: [String: Int] {
        captchaLists.reduce(into: [:]) { attempts, list in
            for provider in list.key.split(separator: ",") {
                let name = provider.split(whereSeparator: \.isWhitespace).joined(separator: " ")
                if !name.isEmpty { attempts[LongName.bounded(name), default: 0] += list.value }
            }
        }
    }

    /// The counts by one property of the rows.
    func counts(by property: (Request) -> String) -> [String: Int] {
        requests.reduce(into: [:]) { $0[property($1.key), default: 0] += $1.value }
    }

    /// The counts by one property of the plans.
    func counts(byPlan property: (Plan) -> String) -> [String: Int] {
        plans.reduce(into: [:]) { $0[property($1.key), default: 0] += $1.value }
    }
}

extension UseAPIRows.Durations {
    mutating func add(_ duration: ExactDecimal) {
        milliseconds += duration
        let written = duration.doubleValue
        let place = LedgerFamily.durationBounds.firstIndex { written <= $0 * 1000 }
        counts[place ?? LedgerFamily.durationBounds.count] += 1
    }
}

/// What an HTTP status says of a request.
enum UseAPICode {
    /// Whether a request succeeded; nil where its code is not told. As the API's own success rate has it: 2xx or not.
    static func isSuccess(_ code: String) -> Bool? {
        code.isEmpty ? nil : Int(code).map { (200..<300).contains($0) } ?? false
    }
}
