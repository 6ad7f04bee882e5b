import Foundation
import UsageModel

/// Encodes the values that sources store as JSON.
enum RememberedJSON {
    /// Returns the JSON text of a value.
    static func text(of value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        // Sorted keys make the text of equal values equal, so that an unchanged value causes no write.
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}

extension SyncContext {
    /// Reads a stored value; nil if there is none.
    ///
    /// - Throws: `SourceFailure` with the reason `storage` if the value cannot be decoded, because continuing without
    ///   it would count usage twice.
    func remembered<Value: Decodable>(_ name: String) async throws -> Value? {
        guard let text = try await memory(name) else { return nil }
        do {
            return try JSONDecoder().decode(Value.self, from: Data(text.utf8))
        } catch {
            throw SourceFailure(.storage, "the stored state of an earlier sync cannot be decoded")
        }
    }
}
