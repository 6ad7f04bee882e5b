import UsageModel

/// The growth since the first reading of a total that the provider counts since the creation of an account or key: of
/// top-ups, or of cost. A value type, stored as JSON.
///
/// The first total is the base, because the API does not report when earlier amounts arose. Only a rise above the
/// highest total so far counts, so that a total that falls and recovers counts nothing twice. If the total falls and the
/// credential is another one, the account may be another one too, and the lower total is the new base.
struct LifetimeGrowth: Equatable {
    /// USD since the first reading.
    private(set) var counted = ExactDecimal.zero
    private var highest: ExactDecimal
    /// A keyed hash of the credential of the last reading; nil if unknown.
    private(set) var fingerprint: String?

    init(total: ExactDecimal, fingerprint: String?) {
        highest = total
        self.fingerprint = fingerprint
    }

    /// Records a reading.
    mutating func observe(total: ExactDecimal, fingerprint: String?) {
        let isOtherCredential = self.fingerprint.map { known in fingerprint.map { $0 != known } ?? false } ?? false
        self.fingerprint = fingerprint ?? self.fingerprint
        let rise = total - highest
        if rise >= Remainder.noise {
            counted += rise
            highest = total
        } else if rise.isNegative, isOtherCredential {
            highest = total
        }
    }
}

extension LifetimeGrowth {
    /// Continues with another total as the base, because the credential is certainly another key's.
    mutating func restart(at total: ExactDecimal, fingerprint: String) {
        highest = total
        self.fingerprint = fingerprint
    }
}

extension LifetimeGrowth: Codable {
    private enum CodingKeys: String, CodingKey {
        case counted, highest, fingerprint
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        // Invalid text must not become 0: the whole total would count.
        func amount(_ key: CodingKeys) throws -> ExactDecimal {
            guard let amount = ExactDecimal(try fields.decode(String.self, forKey: key)) else {
                throw DecodingError.dataCorruptedError(forKey: key, in: fields, debugDescription: "Expected a number")
            }
            return amount
        }
        counted = try amount(.counted)
        highest = try amount(.highest)
        fingerprint = try fields.decodeIfPresent(String.self, forKey: .fingerprint)
    }

    /// Encodes amounts as decimal text, which is exact.
    func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(counted.description, forKey: .counted)
        try fields.encode(highest.description, forKey: .highest)
        try fields.encodeIfPresent(fingerprint, forKey: .fingerprint)
    }
}

extension Timestamp {
    /// The end of a running total's slice: the last second that RFC 3339 can represent.
    static let neverEnding = Timestamp(seconds: 253_402_300_799)
}
