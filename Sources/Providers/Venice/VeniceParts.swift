import UsageModel
import Upstream

/// Collects failures of the parts of one sync (runs of hours, days). A failed part need not stop the others.
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
    /// A response that cannot be decoded affects only its part. So does a 5xx, a timeout, or a response that is too
    /// long or not JSON, because one day may be too much for the provider; a second one in a row affects the whole
    /// provider. Every other failure (credentials, rate limit, other 4xx, network, storage) affects all parts, because
    /// Venice.ai locks out a client that sends more than 20 failing requests in 30 s.
    ///
    /// - Throws: the failure itself if it affects all parts.
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
    /// - Throws: the first failure; as `PartialFailure` if another part was read.
    func finish() throws {
        guard let first else { return }
        throw hasRead ? PartialFailure(first) : first
    }
}
