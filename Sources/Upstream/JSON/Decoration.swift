import Foundation
import Synchronization
import UsageModel

/// A field that no figure depends on: a price tag, a limit, a timestamp, a type.
///
/// Where it is missing or null it is absent. Where it cannot be read it is absent too, and `JSONBody.decode` reports
/// it, so that a source does not stand still for it. Money and counts are never read in this way.
package struct Decoration<Value: Decodable>: Decodable {
    /// The value; nil where there is none that can be read.
    package let value: Value?

    /// A decoration that was read.
    package init(_ value: Value?) {
        self.value = value
    }

    /// Reads the value, or nothing.
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
    /// Reads a decoration that may be missing: what the compiler writes for a `Decoration` property calls this.
    package func decode<Value>(_ type: Decoration<Value>.Type, forKey key: Key) throws -> Decoration<Value> {
        try decodeIfPresent(type, forKey: key) ?? Decoration(nil)
    }
}

/// The decorations of one document that could not be read.
final class DecodingRemarks: Sendable {
    static let key = CodingUserInfoKey(rawValue: "remarks")
    private let texts = Mutex<[String]>([])

    /// In the order of the document, each path once.
    var all: [String] { texts.withLock { $0 } }

    static func of(_ decoder: any Decoder) -> DecodingRemarks? {
        key.flatMap { decoder.userInfo[$0] as? DecodingRemarks }
    }

    func add(_ error: any Error) {
        let text = (error as? DecodingError).map(JSONMismatch.text) ?? (error as? SourceFailure)?.message
        guard let text else { return }
        texts.withLock { texts in
            // One list of a thousand odd rows is one line of the log, not a thousand.
            if texts.count < 8, !texts.contains(text) { texts.append(text) }
        }
    }
}
