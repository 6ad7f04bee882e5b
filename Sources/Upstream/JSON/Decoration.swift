import Foundation
import Synchronization
import UsageModel

/// An optional field on which no usage depends: a list price, a limit, a timestamp, a type.
///
/// It is nil if it is missing or null. If it cannot be decoded, it is nil too and `JSONBody.decode` reports it, so that
/// the source does not fail. Money and counts are never decoded in this way.
package struct Decoration<Value: Decodable>: Decodable {
    /// The value; nil if it is missing, null or invalid.
    package let value: Value?

    package init(_ value: Value?) {
        self.value = value
    }

    /// Decodes the value, or nil.
    package init(from decoder: any Decoder) {
        guard let container = try? decoder.singleValueContainer(), !container.decodeNil() else {
            value = nil
            return
        }
        do {
            value = try Value(from: decoder)
        } catch {
            value = nil
            DecodingRemarks.of(decoder)?.add(error)
        }
    }
}

extension Decoration: Sendable where Value: Sendable {}

extension KeyedDecodingContainer {
    /// Decodes a decoration that may be missing; called by synthesized `Decodable` conformances.
    package func decode<Value>(_ type: Decoration<Value>.Type, forKey key: Key) throws -> Decoration<Value> {
        try decodeIfPresent(type, forKey: key) ?? Decoration(nil)
    }
}

/// The decorations of one document that could not be decoded.
final class DecodingRemarks: Sendable {
    static let key = CodingUserInfoKey(rawValue: "remarks")
    private let texts = Mutex<[String]>([])

    /// Messages in document order, each path once.
    var all: [String] { texts.withLock { $0 } }

    static func of(_ decoder: any Decoder) -> DecodingRemarks? {
        key.flatMap { decoder.userInfo[$0] as? DecodingRemarks }
    }

    func add(_ error: any Error) {
        let text = (error as? DecodingError).map(JSONMismatch.text) ?? (error as? SourceFailure)?.message
        guard let text else { return }
        texts.withLock { texts in
            // A list of a thousand invalid rows must not log a thousand lines.
            if texts.count < 8, !texts.contains(text) { texts.append(text) }
        }
    }
}
