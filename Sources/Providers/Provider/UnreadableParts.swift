import UsageModel

/// The parts of one sync (days, slices) that could not be read while the others were.
///
/// A response that cannot be read concerns its own part, and so does a single server error. Two server errors in a row,
/// a refusal, a rate limit, a time-out and a broken connection concern every part: they end the sync at once.
struct UnreadableParts {
    private var first: (any ReasonedFailure)?
    private var hasRead = false
    private var isAfterServerError = false

    /// Reads one part, and records a failure that concerns no other part.
    ///
    /// - Throws: a failure that concerns every part.
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

    /// Records a failure of a part; the first one is reported.
    mutating func record(_ failure: any ReasonedFailure) {
        first = first ?? failure
    }

    /// Records that a part was read.
    mutating func recordReading() {
        hasRead = true
    }

    /// Ends the sync.
    ///
    /// - Throws: `PartialFailure` where some parts were read and others were not; the failure itself where none was read.
    func check() throws {
        guard let first else { return }
        if hasRead { throw PartialFailure(first) }
        throw first
    }
}
