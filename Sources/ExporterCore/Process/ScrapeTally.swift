import NIOConcurrencyHelpers

/// Counts scrapes: how many are being answered, and how many were, by HTTP status code.
public final class ScrapeTally: Sendable {
    private struct State {
        var inFlight = 0
        var byCode: [Int: Int64] = [:]
    }

    private let state = NIOLockedValueBox(State())

    /// Nothing scraped yet.
    public init() {}

    /// A scrape that is being answered, until it ends or this is let go of: also when its client goes away half-way.
    public final class InFlight: Sendable {
        private let tally: ScrapeTally
        private let isOver = NIOLockedValueBox(false)

        fileprivate init(_ tally: ScrapeTally) {
            self.tally = tally
        }

        deinit {
            end()
        }

        /// Counts it no more. Ending twice does nothing.
        public func end() {
            let isFirst = isOver.withLockedValue { isOver in
                defer { isOver = true }
                return !isOver
            }
            if isFirst { tally.state.withLockedValue { $0.inFlight -= 1 } }
        }
    }

    /// Begins a scrape; nil where `limit` of them are already being answered.
    public func begin(limit: Int) -> InFlight? {
        let isLetIn = state.withLockedValue { state in
            guard state.inFlight < limit else { return false }
            state.inFlight += 1
            return true
        }
        return isLetIn ? InFlight(self) : nil
    }

    /// Counts an answer.
    public func answered(_ code: Int) {
        state.withLockedValue { $0.byCode[code, default: 0] += 1 }
    }

    /// Scrapes being answered.
    public var inFlight: Int { state.withLockedValue { $0.inFlight } }

    var byCode: [Int: Int64] { state.withLockedValue { $0.byCode } }

    /// Goes on from what an earlier run of the exporter counted.
    func restore(_ earlier: [Int: Int64]) {
        state.withLockedValue { $0.byCode.merge(earlier) { $0 + $1 } }
    }
}
