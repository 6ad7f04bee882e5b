import NIOConcurrencyHelpers
import UsageModel

/// A request that the simulated provider refused by a limit.
package struct VeniceRefusal: Sendable, Hashable {
    package let time: Timestamp
    /// Nil for the web app.
    package let keyID: String?
    package let model: String
    /// `RPM`, `TPM`, `RPD`, `FAILED_REQUESTS` or `UNSUPPORTED_FEATURE_REQUESTS`.
    package let type: String

    package init(time: Timestamp, keyID: String?, model: String, type: String = "RPM") {
        self.time = time
        self.keyID = keyID
        self.model = model
        self.type = type
    }
}

/// The refused requests of a simulated account, of which the API lists the last ones.
package final class VeniceRefusals: Sendable {
    /// The length of the list.
    package static let listed = 50

    private let refusals = NIOLockedValueBox<[VeniceRefusal]>([])

    package init() {}

    /// Adds requests at any times, past or future.
    package func add(_ new: [VeniceRefusal]) {
        refusals.withLockedValue { $0 += new }
    }

    /// All requests up to a time.
    package func all(before time: Timestamp) -> [VeniceRefusal] {
        refusals.withLockedValue { $0.filter { $0.time <= time } }
    }

    /// The requests that the API lists, newest first.
    func newest(before time: Timestamp) -> [VeniceRefusal] {
        Array(all(before: time).sorted { $0.time > $1.time }.prefix(Self.listed))
    }
}
