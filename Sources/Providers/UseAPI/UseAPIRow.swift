import UsageModel
import Upstream

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
        var objects = PlainObjects(json, names: CodingKeys.allCases.map(\.rawValue))
        let isRead = objects.read { members in
            guard let row = UseAPIRow(plain: members) else { return false }
            rows.append(row)
            return true
        }
        return isRead ? rows : nil
    }

    /// - Parameter members: those of `CodingKeys.allCases`, in that order. An amount that is a text makes no row: it may
    ///   stand for a number.
    private init?(plain members: [PlainObjects.Value?]) {
        func member(_ key: CodingKeys) -> PlainObjects.Value? {
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
