import NIOConcurrencyHelpers
import UsageModel

/// Undocumented behavior of a simulated Venice.ai; none until a test enables it.
package final class VeniceMisbehavior: Sendable {
    package struct Modes: Sendable, Hashable {
        /// The maximum number of rows per page at both billing endpoints, overriding the requested one; nil for no cap.
        package var mostRowsPerPage: Int?
        /// Whether numbered pages omit the number of pages.
        package var omitsTotalPages = false
        /// Whether numbered pages omit the number of rows.
        package var omitsTotal = false
        /// The share of pages, in percent, that repeat the previous page, or the cursor that led to them.
        package var repeatedPages = 0
        /// The share of numbered pages, in percent, that begin one row too early.
        package var shiftedPages = 0
        /// The age of the figures of `usage-analytics`.
        package var analyticsLag = Duration.zero
        /// The number of keys that `usage-analytics` lists, those with the most usage; the others are combined in
        /// `Other`. Nil for all.
        package var listedKeys: Int?
        /// The share of responses, in percent, that are an error object with status 200.
        package var errorObjects = 0
        /// The endpoints that `errorObjects` applies to; nil for all.
        package var errorEndpoints: Set<String>?

        package init() {}

        /// A mix of deviations, derived from the seed.
        package static func random(seed: UInt64) -> Modes {
            var random = SplitMix64(seed: seed)
            var modes = Modes()
            if random.below(2) == 0 { modes.mostRowsPerPage = 20 + random.below(400) }
            modes.omitsTotalPages = random.below(2) == 0
            modes.omitsTotal = random.below(4) == 0
            modes.repeatedPages = random.below(3) == 0 ? random.below(20) : 0
            // Without a total the client cannot detect that a page shifted and left out a row.
            modes.shiftedPages = !modes.omitsTotal && random.below(3) == 0 ? random.below(6) : 0
            modes.analyticsLag = .minutes(random.below(40))
            if random.below(2) == 0 { modes.listedKeys = 1 + random.below(3) }
            modes.errorObjects = random.below(3) == 0 ? random.below(20) : 0
            return modes
        }
    }

    private let state: NIOLockedValueBox<(modes: Modes, random: SplitMix64)>

    /// The seed selects the responses of those deviations that have a share.
    package init(_ modes: Modes = Modes(), seed: UInt64 = 1) {
        state = NIOLockedValueBox((modes, SplitMix64(seed: seed)))
    }

    package var modes: Modes {
        get { state.withLockedValue { $0.modes } }
        set { state.withLockedValue { $0.modes = newValue } }
    }

    /// Decides for one response.
    func happens(percent: Int) -> Bool {
        percent > 0 && state.withLockedValue { $0.random.below(100) < percent }
    }

    /// The error object to send instead of a response; nil for a healthy one.
    func errorObject(at endpoint: String) -> SimulatedResponse? {
        let modes = modes
        guard modes.errorEndpoints?.contains(endpoint) ?? true, happens(percent: modes.errorObjects) else { return nil }
        return SimulatedResponse(body: ["error": "Internal error, please try again"])
    }
}

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
