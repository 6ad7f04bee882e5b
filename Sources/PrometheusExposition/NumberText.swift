/// Thresholds of the number format, which uses the fewest digits that parse as the same number.
///
/// | value | `valueExponentFrom` | `boundExponentFrom` |
/// |---|---|---|
/// | 0.0001 | `0.0001` | `0.0001` |
/// | 0.00001 | `1e-05` | `1e-05` |
/// | 1000000 | `1000000` | `1e+06` |
/// | 1e21 | `1e+21` | `1e+21` |
enum NumberText {
    /// Sample values use exponents from 10^21 on, so that money and token counts stay readable.
    static let valueExponentFrom = 21
    /// `le` is an opaque label value, so every exporter must format it identically: OpenMetrics 1.0, "Canonical Numbers",
    /// lists `100000.0` and then `1e+06`, as Go's shortest `%g` does.
    static let boundExponentFrom = 6
    /// Both use exponents below 10^-4 (the same section: `0.0001`, then `1e-05`).
    static let smallestPlainExponent = -4
}

extension [UInt8] {
    /// Appends a float: OpenMetrics 1.0 writes whole numbers with `.0`, 0.0.4 without.
    mutating func appendNumber(
        _ value: Double, format: ExpositionFormat, exponentFrom: Int = NumberText.valueExponentFrom
    ) {
        guard value.isFinite else {
            let text: StaticString = value.isNaN ? "NaN" : value > 0 ? "+Inf" : "-Inf"
            text.withUTF8Buffer { append(contentsOf: $0) }
            return
        }
        if value.sign == .minus { append(UInt8(ascii: "-")) }
        let magnitude = value.magnitude
        // Fast path for whole counters: below 10^6 no format has an exponent.
        if magnitude < 1_000_000, Double(UInt64(magnitude)) == magnitude {
            appendInteger(UInt64(magnitude))
            if format == .openMetrics100 { appendPointZero() }
            return
        }
        let digits = ShortestDigits(of: magnitude)
        if digits.exponent < NumberText.smallestPlainExponent || digits.exponent >= exponentFrom {
            appendScientific(digits)
        } else {
            appendPlain(digits, pointAlways: format == .openMetrics100)
        }
    }

    /// Appends a whole number, padded with leading zeros to the given number of digits.
    mutating func appendInteger(_ value: UInt64, digits: Int = 1) {
        // Writes the digits in reverse because division by the constant 10 is far cheaper than by powers of it.
        let start = count
        var rest = value
        repeat {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0 || count - start < digits
        var left = start
        var right = count - 1
        while left < right {
            swapAt(left, right)
            left += 1
            right -= 1
        }
    }

    private mutating func appendScientific(_ digits: ShortestDigits) {
        appendPointed(digits, decimals: digits.count - 1)
        append(UInt8(ascii: "e"))
        append(digits.exponent < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
        appendInteger(UInt64(digits.exponent.magnitude), digits: 2)
    }

    private mutating func appendPlain(_ digits: ShortestDigits, pointAlways: Bool) {
        let decimals = digits.count - 1 - digits.exponent
        if digits.exponent < 0 {
            append(contentsOf: [UInt8(ascii: "0"), UInt8(ascii: ".")])
            appendInteger(digits.significand, digits: decimals)
        } else if decimals > 0 {
            appendPointed(digits, decimals: decimals)
        } else {
            appendInteger(digits.significand)
            append(contentsOf: repeatElement(UInt8(ascii: "0"), count: -decimals))
            if pointAlways { appendPointZero() }
        }
    }

    /// Appends the digits with a point before the last `decimals` of them.
    private mutating func appendPointed(_ digits: ShortestDigits, decimals: Int) {
        let scale = (0..<decimals).reduce(UInt64(1)) { power, _ in power * 10 }
        let (whole, fraction) = digits.significand.quotientAndRemainder(dividingBy: scale)
        appendInteger(whole)
        guard decimals > 0 else { return }
        append(UInt8(ascii: "."))
        appendInteger(fraction, digits: decimals)
    }

    private mutating func appendPointZero() {
        append(contentsOf: [UInt8(ascii: "."), UInt8(ascii: "0")])
    }
}

/// The fewest significant digits that parse as the given positive number: `d.ddd × 10^exponent`.
///
/// The digits are those of `Double.description`, which the standard library guarantees to be the shortest. There are at
/// most 17, so that they fit in an integer.
private struct ShortestDigits {
    /// The digits without leading or trailing zeros, as one integer.
    private(set) var significand: UInt64 = 0
    /// The number of digits in the significand.
    private(set) var count = 0
    /// The exponent of ten of the first digit.
    private(set) var exponent = 0

    init(of magnitude: Double) {
        var digitsBeforePoint = 0
        var writtenExponent = 0
        var sawPoint = false
        var sawExponent = false
        var exponentSign = 1
        for byte in magnitude.description.utf8 {
            switch byte {
            case UInt8(ascii: "."): sawPoint = true
            case UInt8(ascii: "e"): sawExponent = true
            case UInt8(ascii: "-"): exponentSign = -1
            case UInt8(ascii: "+"): exponentSign = 1
            case _ where sawExponent:
                writtenExponent = writtenExponent * 10 + Int(byte - UInt8(ascii: "0"))
            default:
                // Leading zeros only shift the point.
                if byte == UInt8(ascii: "0"), significand == 0 {
                    if sawPoint { digitsBeforePoint -= 1 }
                    continue
                }
                significand = significand * 10 + UInt64(byte - UInt8(ascii: "0"))
                count += 1
                if !sawPoint { digitsBeforePoint += 1 }
            }
        }
        exponent = exponentSign * writtenExponent + digitsBeforePoint - 1
        while significand > 0, significand.isMultiple(of: 10) {
            significand /= 10
            count -= 1
        }
    }
}

/// A timestamp in milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// This is the resolution at which Prometheus stores timestamps: 0.0.4 writes whole milliseconds ("Basic info"),
/// OpenMetrics 1.0 seconds with a fraction ("Timestamps").
public struct UnixTimestamp: Sendable, Hashable, Comparable {
    /// Milliseconds since the epoch; negative before it.
    public let milliseconds: Int64

    /// Creates a timestamp from milliseconds since the epoch.
    public init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// Creates a timestamp from whole seconds since the epoch; saturates at ±292 million years.
    public init(seconds: Int64) {
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        milliseconds = overflow ? (seconds < 0 ? .min : .max) : product
    }

    /// Compares chronologically.
    public static func < (left: Self, right: Self) -> Bool {
        left.milliseconds < right.milliseconds
    }
}

extension [UInt8] {
    /// Appends seconds with at most three decimals and without an exponent, which some parsers of timestamps reject.
    ///
    /// - Parameter pointAlways: whether to write `.0` after whole seconds, where OpenMetrics requires a float.
    mutating func appendSeconds(_ timestamp: UnixTimestamp, pointAlways: Bool) {
        let (seconds, fraction) = timestamp.milliseconds.magnitude.quotientAndRemainder(dividingBy: 1000)
        if timestamp.milliseconds < 0 { append(UInt8(ascii: "-")) }
        appendInteger(seconds)
        if fraction == 0 {
            if pointAlways { append(contentsOf: [UInt8(ascii: "."), UInt8(ascii: "0")]) }
            return
        }
        append(UInt8(ascii: "."))
        var rest = fraction
        var unit: UInt64 = 100
        while rest > 0 {
            append(UInt8(ascii: "0") + UInt8(rest / unit))
            rest %= unit
            unit /= 10
        }
    }
}
