/// Reads numbers as both formats spell them, which is narrower than what `Double.init` takes (hexadecimal, `nan(1)`).
enum NumberReader {
    static func double(_ text: String) -> Double? {
        switch text {
        case "NaN": return .nan
        case "+Inf": return .infinity
        case "-Inf": return -.infinity
        default:
            guard text.utf8.allSatisfy("0123456789+-.eE".utf8.contains), let value = Double(text), value.isFinite else {
                return nil
            }
            return value
        }
    }

    /// A sample's time: whole milliseconds in 0.0.4, seconds with an optional fraction in OpenMetrics, of which the
    /// milliseconds are kept.
    static func timestamp(_ text: String, format: ExpositionFormat) -> UnixTimestamp? {
        switch format {
        case .text004: Int64(text).map(UnixTimestamp.init(milliseconds:))
        case .openMetrics100: double(text).flatMap(moment)
        }
    }

    /// The moment so many seconds after the epoch, to the nearest millisecond; nil beyond 10,000 years, where a double
    /// is not that fine.
    static func moment(seconds: Double) -> UnixTimestamp? {
        guard seconds.magnitude < 320_000_000_000 else { return nil }
        // Not `rounded()`, which would make a library without any import depend on libm.
        return UnixTimestamp(milliseconds: Int64(seconds * 1000 + (seconds < 0 ? -0.5 : 0.5)))
    }
}
