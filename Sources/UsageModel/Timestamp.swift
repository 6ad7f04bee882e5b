/// A time in UTC: whole milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
package struct Timestamp: Sendable, Hashable, Comparable {
    package let milliseconds: Int64

    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    package init(seconds: Int64) {
        milliseconds = seconds * 1000
    }

    /// Seconds since the Unix epoch, as Prometheus expects timestamps.
    package var seconds: Double { Double(milliseconds) / 1000 }

    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }

    package static func + (time: Timestamp, duration: Duration) -> Timestamp {
        Timestamp(milliseconds: time.milliseconds + duration.wholeMilliseconds)
    }

    package static func - (time: Timestamp, duration: Duration) -> Timestamp {
        Timestamp(milliseconds: time.milliseconds - duration.wholeMilliseconds)
    }

    package static func - (left: Timestamp, right: Timestamp) -> Duration {
        .milliseconds(left.milliseconds - right.milliseconds)
    }

    /// The UTC day that contains this time.
    package var day: UTCDay {
        UTCDay(daysSinceEpoch: Int(saturating: (Double(milliseconds) / 86_400_000).rounded(.down)))
    }

    /// The start of the UTC hour that contains this time.
    package var startOfHour: Timestamp {
        let hour: Int64 = 3_600_000
        let remainder = milliseconds % hour
        return Timestamp(milliseconds: milliseconds - (remainder < 0 ? remainder + hour : remainder))
    }
}

extension Duration {
    /// Whole milliseconds, truncated.
    package var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }

    package var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }

    /// Days of 24 hours.
    package static func days(_ count: Int) -> Duration { .seconds(count * 86_400) }

    package static func hours(_ count: Int) -> Duration { .seconds(count * 3600) }

    package static func minutes(_ count: Int) -> Duration { .seconds(count * 60) }
}

extension Timestamp: CustomStringConvertible {
    /// Parses RFC 3339: `2026-02-13T10:30:00Z`, with a fraction (digits past the third are dropped), with a zone
    /// offset, or a date without time (its midnight); nil for other text.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 10, let day = UTCDay(String(decoding: bytes[..<10], as: UTF8.self)) else { return nil }
        if bytes.count == 10 {
            self = day.start
            return
        }
        guard bytes.count >= 19, [UInt8(ascii: "T"), UInt8(ascii: "t"), UInt8(ascii: " ")].contains(bytes[10]),
            bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            let hour = number(bytes[11..<13]), let minute = number(bytes[14..<16]), let second = number(bytes[17..<19]),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        var rest = bytes[19...]
        var fraction: Int64 = 0
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            guard !digits.isEmpty else { return nil }
            for position in 0..<3 {
                let index = digits.startIndex + position
                fraction = fraction * 10 + (index < digits.endIndex ? Int64(digits[index] - UInt8(ascii: "0")) : 0)
            }
            rest = rest[digits.endIndex...]
        }
        guard let offset = zoneOffset(rest) else { return nil }
        let timeOfDay = Int64(hour * 3600 + minute * 60 + second - offset)
        milliseconds = day.start.milliseconds + timeOfDay * 1000 + fraction
    }

    /// `2026-02-13T10:30:00Z`, with a three-digit fraction if it is not zero.
    package var description: String {
        let timeOfDay = milliseconds - day.start.milliseconds
        let second = Int(timeOfDay / 1000)
        let fraction = Int(timeOfDay % 1000)
        let clock = "\(padded(second / 3600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2))"
        return "\(day)T\(clock)\(fraction == 0 ? "" : "." + padded(fraction, 3))Z"
    }
}

private func number(_ bytes: ArraySlice<UInt8>) -> Int? {
    var value = 0
    for byte in bytes {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        value = value * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return value
}

/// Parses `Z`, nothing (the providers mean UTC), or `+02:00` as seconds east of UTC.
private func zoneOffset(_ bytes: ArraySlice<UInt8>) -> Int? {
    guard let sign = bytes.first else { return 0 }
    if bytes.count == 1, sign | 0x20 == UInt8(ascii: "z") { return 0 }
    guard bytes.count == 6, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
        bytes[bytes.startIndex + 3] == UInt8(ascii: ":"),
        let hours = number(bytes[(bytes.startIndex + 1)..<(bytes.startIndex + 3)]),
        let minutes = number(bytes[(bytes.startIndex + 4)...]), hours < 24, minutes < 60
    else { return nil }
    let seconds = hours * 3600 + minutes * 60
    return sign == UInt8(ascii: "-") ? -seconds : seconds
}

extension Timestamp: Codable {
    /// Decodes milliseconds since the epoch.
    package init(from decoder: any Decoder) throws {
        self.init(milliseconds: try decoder.singleValueContainer().decode(Int64.self))
    }

    /// Encodes milliseconds since the epoch.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(milliseconds)
    }
}

/// The source of the current time, injected so that tests can simulate a month in milliseconds.
package protocol WallClock: Sendable {
    var now: Timestamp { get }

    /// Waits by the monotonic clock: a step of the wall clock does not change the wait.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    func sleep(for duration: Duration) async throws
}

/// The source of randomness, injected so that jitter in tests is reproducible.
package protocol RandomSource: Sendable {
    /// Returns a number from 0 (inclusive) to 1 (exclusive).
    func unit() -> Double
}
