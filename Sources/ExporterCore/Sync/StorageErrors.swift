import NIOConcurrencyHelpers

/// Counts the failures of the ledger's storage since the exporter started: `genai_exporter_storage_errors_total`.
public final class StorageErrors: Sendable {
    private let value = NIOLockedValueBox(0)

    /// None yet.
    public init() {}

    /// Failures so far.
    public var count: Int { value.withLockedValue { $0 } }

    func add() {
        value.withLockedValue { $0 += 1 }
    }
}
