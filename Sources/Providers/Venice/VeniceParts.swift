import UsageModel
import Upstream

/// The parts of one sync (runs of hours, days), each of which may fail without stopping the others.
struct VeniceParts {
    private var hasRead = false
    private var first: (any ReasonedFailure)?
    private var slowOrBrokenInRow = 0

    /// Records that a part was read and committed.
    mutating func succeed() {
        hasRead = true
        slowOrBrokenInRow = 0
    }

    /// Records the failure of one part.
    ///
    /// A response that cannot be read concerns only its part. So does a 5xx, a time-out or a response that is too long
    /// or no JSON, because one day may be too much for the provider; the second in a row concerns the provider as a
    /// whole. Every other failure (credentials,
    /// rate limit, other 4xx, network, storage) concerns all parts: Venice.ai locks out a client that sends more than
    /// 20 failing requests in 30 s.
    ///
    /// - Throws: the failure itself where it concerns all parts.
    mutating func fail(_ failure: any ReasonedFailure) throws {
        switch failure.reason {
        case .decode where failure is SourceFailure:
            break
        case .http5xx, .timeout, .decode:
            slowOrBrokenInRow += 1
            guard slowOrBrokenInRow == 1 else { throw failure }
        default:
            throw failure
        }
        first = first ?? failure
    }

    /// Ends the sync.
    ///
    /// - Throws: the first failure; as `PartialFailure` where another part was read.
    func finish() throws {
        guard let first else { return }
        throw hasRead ? PartialFailure(first) : first
    }
}
