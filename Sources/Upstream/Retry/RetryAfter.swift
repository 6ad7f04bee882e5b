import UsageModel

/// How long an API asks to wait: the `Retry-After` header field, in both of its forms (RFC 9110 section 10.2.3).
public enum RetryAfter: Sendable, Hashable {
    /// So long after the answer.
    case delay(Duration)
    /// Until this moment.
    case date(Timestamp)

    /// Waits beyond this are as good as this one: one year.
    static let longest = Duration.days(365)

    /// Reads the header field: whole seconds or an HTTP date; nil where it is neither (negative numbers, fractions,
    /// words), and the answer then counts as having said nothing.
    public init?(_ text: String, now: Timestamp) {
        let trimmed = String(text.trimmingWhitespace())
        if !trimmed.isEmpty, trimmed.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            // Digits that Int cannot hold are a very long wait all the same.
            let seconds = Int(trimmed).map { Duration.seconds(min($0, 365 * 86_400)) }
            self = .delay(seconds ?? Self.longest)
        } else if let date = HTTPDate.parse(trimmed, now: now) {
            self = .date(date)
        } else {
            return nil
        }
    }

    /// How long to wait from this moment: at least nothing, at most one year.
    public func wait(from now: Timestamp) -> Duration {
        switch self {
        case .delay(let duration): max(.zero, min(duration, Self.longest))
        case .date(let date): max(.zero, min(date - now, Self.longest))
        }
    }
}
