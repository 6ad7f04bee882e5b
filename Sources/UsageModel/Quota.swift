/// What a provider allows a reader of one endpoint: so many requests within any span of this length.
///
/// The book of requests is in the ledger's storage and is written before a request leaves, so that no restart and no
/// crash loop passes the allowance. A pure value decides; `now` and the book come from outside.
///
/// While more than half of the allowance is left, requests are granted at once: a first start, a restart, a repeat
/// after a failure. The other half is given out evenly, one every `pace`, so that a bad quarter of an hour does not
/// leave half a day without data. For 12 requests in 12 hours:
///
/// | requests of the last 12 h | granted |
/// |---|---|
/// | 0 to 5 | at once |
/// | 6 to 11 | 1 h after the last one |
/// | 12 | once the oldest of them is 12 h old |
package struct Quota: Sendable, Hashable {
    /// The requests allowed within the span.
    package let limit: Int
    /// The span's length.
    package let span: Duration

    /// An allowance; a limit below 1 counts as 1.
    package init(limit: Int, per span: Duration) {
        self.limit = max(1, limit)
        self.span = span
    }

    /// The time between two requests that use the allowance up evenly.
    package var pace: Duration { span / limit }

    /// A regular reader comes this much after its tick: the provider counts by its own clock.
    package static let margin = Duration.seconds(5)

    /// Whether a request may leave.
    package enum Decision: Sendable, Hashable {
        /// It may, once it is in the book.
        case granted
        /// Not before this moment.
        case refused(until: Timestamp)
    }

    /// Decides on one more request.
    ///
    /// - Parameter book: when the earlier requests were made, in any order.
    package func decision(book: [Timestamp], now: Timestamp) -> Decision {
        let recent = recent(book, now: now)
        guard recent.count < limit else { return .refused(until: recent[recent.count - limit] + span) }
        // A tick's request leaves some seconds after it, and the next one's perhaps sooner.
        let paced = pace - Self.margin - Self.margin
        if let last = recent.last, recent.count * 2 >= limit, last + paced > now {
            return .refused(until: last + paced)
        }
        return .granted
    }

    /// When a regular reader should come back after its last request; nil where there was none.
    ///
    /// At ticks of the clock, so that readings lie exactly `pace` apart: multiples of `pace` since 1970, of which one in
    /// each span is left out, so that a restart finds room. For 12 in 12 hours: every full hour but 06:00 and 18:00 UTC.
    package func nextRegular(book: [Timestamp], now: Timestamp) -> Timestamp? {
        let recent = recent(book, now: now)
        guard let last = recent.last else { return nil }
        let free = recent.count < limit ? last : max(last, recent[recent.count - limit] + span)
        let length = max(1, pace.wholeMilliseconds)
        var tick = max(free.milliseconds, now.milliseconds) / length + 1
        // Not right after a reading that came between two ticks: half of the way to the next but one is as good.
        if Timestamp(milliseconds: tick * length) - last < pace / 2 { tick += 1 }
        if tick % Int64(limit) == Int64(limit / 2), limit > 1 { tick += 1 }
        return Timestamp(milliseconds: tick * length) + Self.margin
    }

    /// What is left of the allowance.
    package func state(book: [Timestamp], now: Timestamp) -> QuotaState {
        let recent = recent(book, now: now)
        return QuotaState(
            limit: limit, remaining: max(0, limit - recent.count), reset: recent.first.map { $0 + span })
    }

    private func recent(_ book: [Timestamp], now: Timestamp) -> [Timestamp] {
        book.filter { $0 > now - span }.sorted()
    }
}

/// What is left of an allowance at one moment.
package struct QuotaState: Sendable, Hashable, Codable {
    /// The requests allowed within the span.
    package let limit: Int
    /// Requests that may still be made.
    package let remaining: Int
    /// When the oldest request of the span no longer counts, and one more is left; nil where none was made.
    package let reset: Timestamp?

    /// A state.
    package init(limit: Int, remaining: Int, reset: Timestamp?) {
        self.limit = limit
        self.remaining = remaining
        self.reset = reset
    }
}

/// A sync that asked nothing of the provider, since its allowance is used up for now: neither success nor failure.
package struct SyncPostponed: Error, Sendable, Hashable {
    /// When there is a place again.
    package let until: Timestamp

    /// A sync put off.
    package init(until: Timestamp) {
        self.until = until
    }
}

extension UsageSource {
    /// No allowance: the provider limits its readers no further than by their rate.
    package var quota: Quota? { nil }
    /// The provider says when usage was.
    package var countsOnReading: Bool { false }
    /// Most sources report no money.
    package var reportsCost: Bool { false }
}

extension SyncContext {
    /// A context without a book grants nothing.
    package func spend(from quota: Quota) async throws {
        throw SourceFailure(.storage, "there is no storage to keep a book of requests in")
    }
}
