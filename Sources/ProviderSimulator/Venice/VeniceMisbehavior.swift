import NIOConcurrencyHelpers
import UsageModel

/// What a simulated Venice.ai does that its documentation does not say; nothing until a test switches it on.
package final class VeniceMisbehavior: Sendable {
    /// The deviations.
    package struct Modes: Sendable, Hashable {
        /// The most rows of a page at both billing endpoints, whatever was requested; nil for no cap.
        package var mostRowsPerPage: Int?
        /// Numbered pages do not say how many there are.
        package var omitsTotalPages = false
        /// Numbered pages do not say how many rows there are.
        package var omitsTotal = false
        /// The share of pages, in percent, that repeat the page before, or the cursor that led to them.
        package var repeatedPages = 0
        /// The share of numbered pages, in percent, that begin a row too early.
        package var shiftedPages = 0
        /// How old the figures of `usage-analytics` are.
        package var analyticsLag = Duration.zero
        /// The number of keys that `usage-analytics` lists, those with the most usage; the others are added up in
        /// `Other`. Nil for all.
        package var listedKeys: Int?
        /// The share of responses, in percent, that are an error object with status 200.
        package var errorObjects = 0
        /// The endpoints of which these are; nil for all.
        package var errorEndpoints: Set<String>?

        /// No deviation.
        package init() {}

        /// A mixture of deviations, the same for the same seed.
        package static func random(seed: UInt64) -> Modes {
            var random = SplitMix64(seed: seed)
            var modes = Modes()
            if random.below(2) == 0 { modes.mostRowsPerPage = 20 + random.below(400) }
            modes.omitsTotalPages = random.below(2) == 0
            modes.omitsTotal = random.below(4) == 0
            modes.repeatedPages = random.below(3) == 0 ? random.below(20) : 0
            // Without a total no reader can find out that a page shifted and left a row out.
            modes.shiftedPages = !modes.omitsTotal && random.below(3) == 0 ? random.below(6) : 0
            modes.analyticsLag = .minutes(random.below(40))
            if random.below(2) == 0 { modes.listedKeys = 1 + random.below(3) }
            modes.errorObjects = random.below(3) == 0 ? random.below(20) : 0
            return modes
        }
    }

    private let state: NIOLockedValueBox<(modes: Modes, random: SplitMix64)>

    /// Deviations; the seed decides which responses those with a share are.
    package init(_ modes: Modes = Modes(), seed: UInt64 = 1) {
        state = NIOLockedValueBox((modes, SplitMix64(seed: seed)))
    }

    /// The deviations from now on.
    package var modes: Modes {
        get { state.withLockedValue { $0.modes } }
        set { state.withLockedValue { $0.modes = newValue } }
    }

    /// Decides on one response.
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
