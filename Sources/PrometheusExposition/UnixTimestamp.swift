/// A moment as milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// Both formats carry no finer time than Prometheus stores: 0.0.4 writes whole milliseconds ("Basic info"),
/// OpenMetrics 1.0 seconds with a fraction ("Timestamps").
public struct UnixTimestamp: Sendable, Hashable, Comparable {
    /// Milliseconds since the epoch; negative before it.
    public let milliseconds: Int64

    /// A moment from milliseconds since the epoch.
    public init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// A moment from whole seconds since the epoch; beyond ±292 million years it stays at that limit.
    public init(seconds: Int64) {
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        milliseconds = overflow ? (seconds < 0 ? .min : .max) : product
    }

    /// The earlier moment is the smaller.
    public static func < (left: Self, right: Self) -> Bool {
        left.milliseconds < right.milliseconds
    }
}

extension [UInt8] {
    /// Appends seconds with at most three decimals and never an exponent, which readers of timestamps may not know.
    ///
    /// - Parameter pointAlways: writes `.0` after whole seconds, for places where OpenMetrics has a float value.
    mutating func appendSeconds(_ moment: UnixTimestamp, pointAlways: Bool) {
        let (seconds, fraction) = moment.milliseconds.magnitude.quotientAndRemainder(dividingBy: 1000)
        if moment.milliseconds < 0 { append(UInt8(ascii: "-")) }
        appendInteger(seconds)
        if fraction == 0 {
            if pointAlways { append(contentsOf: [UInt8(ascii: "."), UInt8(ascii: "0")]) }
            return
        }
        append(UInt8(ascii: "."))
        var rest = fraction
        var place: UInt64 = 100
        while rest > 0 {
            append(UInt8(ascii: "0") + UInt8(rest / place))
            rest %= place
            place /= 10
        }
    }
}
