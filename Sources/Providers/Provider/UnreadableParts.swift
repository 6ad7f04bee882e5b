import Upstream
import UsageModel

/// Collects failures of single parts (days, slices) of a sync whose other parts could be read.
///
/// A response that cannot be decoded affects only its own part, and so does a single server error. Two consecutive
/// server errors, an authentication failure, a rate limit, a timeout and a network error affect every part, so they end
/// the sync at once.
struct UnreadableParts {
    private var first: (any ReasonedFailure)?
    private var hasRead = false
    private var isAfterServerError = false

    /// Reads one part, and records a failure that affects only this part.
    ///
    /// - Throws: a failure that affects every part.
    mutating func isolate(_ read: () async throws -> Void) async throws {
        do {
            try await read()
            recordReading()
            isAfterServerError = false
        } catch let failure as any ReasonedFailure {
            switch failure.reason {
            case .decode: isAfterServerError = false
            case .http5xx where !isAfterServerError: isAfterServerError = true
            default: throw failure
            }
            record(failure)
        }
    }

    /// Records the failure of a part; the first one is reported.
    mutating func record(_ failure: any ReasonedFailure) {
        first = first ?? failure
    }

    /// Records that a part was read.
    mutating func recordReading() {
        hasRead = true
    }

    /// Ends the sync.
    ///
    /// - Throws: `PartialFailure` if some parts were read and others were not; the failure itself if no part was read.
    func check() throws {
        guard let first else { return }
        if hasRead { throw PartialFailure(first) }
        throw first
    }
}

extension ReasonedFailure {
    /// The same failure with a key's name in its message, and with its `Retry-After`.
    func ofKey(_ name: String) -> any ReasonedFailure {
        let message = "key \(name): \(self.message)"
        guard let upstream = self as? UpstreamFailure else { return SourceFailure(reason, message) }
        return upstream.rephrased(message)
    }
}
