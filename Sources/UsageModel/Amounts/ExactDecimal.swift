/// An exact decimal number: money, a count, or seconds, with 20 digits after the decimal point.
///
/// Money is exact until it is printed (metrics law 3): sums of `Double` drift, sums of `ExactDecimal` do not.
/// The range is ±1.7 × 10¹⁸ (a billion billion), enough for any account's tokens. Digits past the 20th after the
/// point are rounded to nearest, ties to even: 10⁻²⁰ USD is below anything a provider charges.
public struct ExactDecimal: Sendable, Hashable {
    /// The number times 10²⁰.
    @usableFromInline let scaled: Int128

    /// Digits kept after the decimal point.
    public static let fractionDigits = 20

    static let unit: Int128 = 100_000_000_000_000_000_000

    /// Zero.
    public static let zero = ExactDecimal(scaled: 0)

    @usableFromInline
    init(scaled: Int128) {
        self.scaled = scaled
    }

    /// A whole number.
    public init(_ whole: Int) {
        // |Int.min| × 10²⁰ is about 9.2 × 10³⁸ and Int128 ends at 1.7 × 10³⁸: whole numbers saturate at ±1.7 × 10¹⁸.
        let (product, overflow) = Int128(whole).multipliedReportingOverflow(by: Self.unit)
        scaled = overflow ? (whole < 0 ? Int128.min : Int128.max) : product
    }

    /// A whole number of millionths: FairStack's "micro" money.
    public init(micros: Int) {
        // 9.2 × 10¹⁸ micros × 10¹⁴ stays inside Int128.
        scaled = Int128(micros) * (Self.unit / 1_000_000)
    }

    /// Whether the number is zero.
    public var isZero: Bool { scaled == 0 }

    /// Whether the number is below zero.
    public var isNegative: Bool { scaled < 0 }

    /// The absolute value.
    public var magnitude: ExactDecimal { scaled < 0 ? ExactDecimal.zero - self : self }

    /// The number as an `Int`, where it is whole and fits.
    public var wholeNumber: Int? {
        let (quotient, remainder) = scaled.quotientAndRemainder(dividingBy: Self.unit)
        return remainder == 0 ? Int(exactly: quotient) : nil
    }
}

extension FixedWidthInteger {
    /// The whole part of a number from outside; the nearest bound where it is out of range, and 0 for NaN.
    ///
    /// `Int(_: Double)` ends the process for both.
    public init(saturating number: Double) {
        let whole = number.rounded(.towardZero)
        self = whole.isNaN ? 0 : Self(exactly: whole) ?? (whole < 0 ? .min : .max)
    }
}

extension ExactDecimal: Comparable {
    /// Numeric order.
    public static func < (left: ExactDecimal, right: ExactDecimal) -> Bool { left.scaled < right.scaled }
}

extension ExactDecimal {
    /// The sum; past the range it stays at the range's end rather than trap, since the addends come from outside.
    public static func + (left: ExactDecimal, right: ExactDecimal) -> ExactDecimal {
        let (sum, overflow) = left.scaled.addingReportingOverflow(right.scaled)
        return ExactDecimal(scaled: overflow ? (left.scaled < 0 ? Int128.min : Int128.max) : sum)
    }

    /// The difference; past the range it stays at the range's end.
    public static func - (left: ExactDecimal, right: ExactDecimal) -> ExactDecimal {
        let (difference, overflow) = left.scaled.subtractingReportingOverflow(right.scaled)
        return ExactDecimal(scaled: overflow ? (left.scaled < 0 ? Int128.min : Int128.max) : difference)
    }

    /// Adds in place.
    public static func += (left: inout ExactDecimal, right: ExactDecimal) { left = left + right }

    /// Subtracts in place.
    public static func -= (left: inout ExactDecimal, right: ExactDecimal) { left = left - right }

    /// The number with the other sign.
    public static prefix func - (value: ExactDecimal) -> ExactDecimal { zero - value }

    /// The product with a whole number (a price times a count); past the range it stays at the range's end.
    public static func * (left: ExactDecimal, right: Int) -> ExactDecimal {
        let (product, overflow) = left.scaled.multipliedReportingOverflow(by: Int128(right))
        return ExactDecimal(
            scaled: overflow ? ((left.scaled < 0) != (right < 0) ? Int128.min : Int128.max) : product)
    }
}
