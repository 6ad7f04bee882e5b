/// How a number becomes text: with the fewest digits that read back as the same number.
///
/// | value | `valueExponentFrom` | `boundExponentFrom` |
/// |---|---|---|
/// | 0.0001 | `0.0001` | `0.0001` |
/// | 0.00001 | `1e-05` | `1e-05` |
/// | 1000000 | `1000000` | `1e+06` |
/// | 1e21 | `1e+21` | `1e+21` |
enum NumberText {
    /// Sample values take the exponent form from 10^21 on, so that money and token counts stay readable.
    static let valueExponentFrom = 21
    /// `le` is an opaque label value, so every exporter must write it alike: OpenMetrics 1.0, "Canonical Numbers", has
    /// `100000.0` and then `1e+06`, as Go's shortest `%g` does.
    static let boundExponentFrom = 6
    /// Below 10^-4 both take the exponent form (the same section: `0.0001`, then `1e-05`).
    static let smallestPlainExponent = -4
}

extension [UInt8] {
    /// Appends a float as `format` has it: OpenMetrics 1.0 writes whole numbers with `.0`, 0.0.4 without.
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
        // Counters are mostly whole: below 10^6 neither form has an exponent, and no digits need to be searched.
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

    /// Appends a whole number, with leading zeros where it has fewer digits than asked for.
    mutating func appendInteger(_ value: UInt64, digits: Int = 1) {
        // Backwards first: division by the constant 10 is far cheaper than by powers of it.
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

    /// The digits with a point before the last `decimals` of them.
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

/// The fewest significant digits that read back as a positive number: `d.ddd × 10^exponent`.
///
/// The digits are those of `Double.description`, which the standard library promises to be the shortest; there are at
/// most 17 of them, so they fit an integer.
private struct ShortestDigits {
    /// The digits without leading or trailing zeros, as one integer.
    private(set) var significand: UInt64 = 0
    /// How many digits the significand has.
    private(set) var count = 0
    /// The power of ten of the first digit.
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
                // Zeros before the first other digit only move the point.
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
