/// A provider's request quota for one endpoint: a number of requests within any span of a given length.
///
/// The ledger stores the request times (the book) and writes each before the request is sent, so that no restart or
/// crash loop exceeds the quota. This type is a pure value: the caller passes `now` and the book.
///
/// While more than half of the quota is left, requests are granted at once: a first start, a restart, a retry after a
/// failure. The other half is granted evenly, one every `pace`, so that failures within some minutes do not cause a gap
/// of hours. For 12 requests in 12 hours:
///
/// | requests in the last 12 h | granted |
/// |---|---|
/// | 0 to 5 | at once |
/// | 6 to 11 | 1 h after the last one |
/// | 12 | once the oldest is 12 h old |
package struct Quota: Sendable, Hashable {
    /// Requests allowed within the span.
    package let limit: Int
    package let span: Duration

    /// Creates a quota; a limit below 1 counts as 1.
    package init(limit: Int, per span: Duration) {
        self.limit = max(1, limit)
        self.span = span
    }

    /// The interval between requests that uses the quota up evenly.
    package var pace: Duration { span / limit }

    /// Delay of a scheduled request after its tick, because the provider counts by its own clock.
    package static let margin = Duration.seconds(5)

    /// Whether a request may be sent.
    package enum Decision: Sendable, Hashable {
        /// It may, once it is recorded in the book.
        case granted
        /// It may not be sent before this time.
        case refused(until: Timestamp)
    }

    /// Decides whether another request may be sent.
    ///
    /// - Parameter book: times of the earlier requests, in any order.
    package func decision(book: [Timestamp], now: Timestamp) -> Decision {
        let recent = recent(book, now: now)
        guard recent.count < limit else { return .refused(until: recent[recent.count - limit] + span) }
        // A request is sent some seconds after its tick, the next one perhaps with a shorter delay.
        let paced = pace - Self.margin - Self.margin
        if let last = recent.last, recent.count * 2 >= limit, last + paced > now {
            return .refused(until: last + paced)
        }
        return .granted
    }

    /// Returns the time of the next scheduled request; nil if there was no request yet.
    ///
    /// Requests are scheduled at ticks, the multiples of `pace` since 1970, so that readings have equal intervals. One tick
    /// in each span is skipped to leave quota for a restart. For 12 in 12 hours: every full hour but 06:00 and 18:00 UTC.
    package func nextRegular(book: [Timestamp], now: Timestamp) -> Timestamp? {
        let recent = recent(book, now: now)
        guard let last = recent.last else { return nil }
        let free = recent.count < limit ? last : max(last, recent[recent.count - limit] + span)
        let length = max(1, pace.wholeMilliseconds)
        var tick = max(free.milliseconds, now.milliseconds) / length + 1
        // A reading between two ticks replaces the next tick if that is less than half a pace away.
        if Timestamp(milliseconds: tick * length) - last < pace / 2 { tick += 1 }
        if tick % Int64(limit) == Int64(limit / 2), limit > 1 { tick += 1 }
        return Timestamp(milliseconds: tick * length) + Self.margin
    }

    /// Returns the remaining quota.
    package func state(book: [Timestamp], now: Timestamp) -> QuotaState {
        let recent = recent(book, now: now)
        return QuotaState(
            limit: limit, remaining: max(0, limit - recent.count), reset: recent.first.map { $0 + span })
    }

    private func recent(_ book: [Timestamp], now: Timestamp) -> [Timestamp] {
        book.filter { $0 > now - span }.sorted()
    }
}

/// The remaining quota at one time.
package struct QuotaState: Sendable, Hashable, Codable {
    /// Requests allowed within the span.
    package let limit: Int
    package let remaining: Int
    /// When the oldest request leaves the span and frees one request; nil if the span has no request.
    package let reset: Timestamp?

    package init(limit: Int, remaining: Int, reset: Timestamp?) {
        self.limit = limit
        self.remaining = remaining
        self.reset = reset
    }
}

/// A sync that sent no request because its quota is used up for now: neither success nor failure.
package struct SyncPostponed: Error, Sendable, Hashable {
    /// When the quota allows a request again.
    package let until: Timestamp

    package init(until: Timestamp) {
        self.until = until
    }
}

extension UsageSource {
    /// No quota: the provider has no limit besides its rate limit.
    package var quota: Quota? { nil }
    /// The provider dates usage.
    package var countsOnReading: Bool { false }
    /// Most sources report no cost.
    package var reportsCost: Bool { false }
    /// Most sources report no other view of cost.
    package var costViews: Set<LedgerFamily> { [] }
}

extension SyncContext {
    /// Grants no request: a context without storage cannot record it.
    package func spend(from quota: Quota) async throws {
        throw SourceFailure(.storage, "no storage to record the requests that count against a quota")
    }
}
