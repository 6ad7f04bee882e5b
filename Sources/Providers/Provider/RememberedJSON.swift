import Foundation
import UsageModel

/// What sources remember as JSON.
enum RememberedJSON {
    /// The text to remember a value by.
    static func text(of value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        // The same value is the same text, so that nothing is rewritten for the order of members.
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}

extension SyncContext {
    /// A value that was remembered; nil where none was.
    ///
    /// - Throws: `SourceFailure` with the reason `storage` where it cannot be read: going on without it would count
    ///   usage twice.
    func remembered<Value: Decodable>(_ name: String) async throws -> Value? {
        guard let text = try await memory(name) else { return nil }
        do {
            return try JSONDecoder().decode(Value.self, from: Data(text.utf8))
        } catch {
            throw SourceFailure(.storage, "what was remembered of an earlier sync cannot be read")
        }
    }
}
