/// An exact decimal number: money, a count, or seconds, with 20 digits after the decimal point.
///
/// Money is exact until it is printed (metrics law 3): sums of `Double` drift, sums of `ExactDecimal` do not.
/// The range is ±1.7 × 10¹⁸, enough for any account's tokens. Digits past the 20th after the point are rounded to
/// nearest, ties to even: 10⁻²⁰ USD is below anything a provider charges.
package struct ExactDecimal: Sendable, Hashable {
    /// The number times 10²⁰.
    let scaled: Int128

    package static let fractionDigits = 20

    static let unit: Int128 = 100_000_000_000_000_000_000

    package static let zero = ExactDecimal(scaled: 0)

    init(scaled: Int128) {
        self.scaled = scaled
    }

    /// Creates a whole number, saturating at ±1.7 × 10¹⁸.
    package init(_ whole: Int) {
        // |Int.min| × 10²⁰ is about 9.2 × 10³⁸, Int128.max is 1.7 × 10³⁸.
        let (product, overflow) = Int128(whole).multipliedReportingOverflow(by: Self.unit)
        scaled = overflow ? (whole < 0 ? Int128.min : Int128.max) : product
    }

    /// Creates a number from millionths: FairStack's "micro" amounts.
    package init(micros: Int) {
        // 9.2 × 10¹⁸ micros × 10¹⁴ fits in Int128.
        scaled = Int128(micros) * (Self.unit / 1_000_000)
    }

    /// Creates `significand` × 10^`exponent`; nil if it has more than 20 digits after the point or is out of range.
    package init?(significand: UInt64, exponent: Int, isNegative: Bool) {
        guard significand > 0 else {
            scaled = 0
            return
        }
        guard (-Self.fractionDigits...18).contains(exponent) else { return nil }
        var factor: Int128 = 1
        for _ in 0..<(Self.fractionDigits + exponent) { factor *= 10 }
        let (product, overflow) = Int128(significand).multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        scaled = isNegative ? -product : product
    }

    package var isZero: Bool { scaled == 0 }

    package var isNegative: Bool { scaled < 0 }

    package var magnitude: ExactDecimal { scaled < 0 ? ExactDecimal.zero - self : self }

    /// The number as an `Int`; nil if it is not whole or does not fit.
    package var wholeNumber: Int? {
        let (quotient, remainder) = scaled.quotientAndRemainder(dividingBy: Self.unit)
        return remainder == 0 ? Int(exactly: quotient) : nil
    }
}

extension FixedWidthInteger {
    /// Truncates an untrusted number; saturates if it is out of range, and returns 0 for NaN.
    ///
    /// `Int(_: Double)` traps on both.
    package init(saturating number: Double) {
        let whole = number.rounded(.towardZero)
        self = whole.isNaN ? 0 : Self(exactly: whole) ?? (whole < 0 ? .min : .max)
    }
}

extension ExactDecimal: Comparable {
    package static func < (left: ExactDecimal, right: ExactDecimal) -> Bool { left.scaled < right.scaled }
}

extension ExactDecimal {
    /// Adds; saturates instead of trapping because the addends are untrusted.
    package static func + (left: ExactDecimal, right: ExactDecimal) -> ExactDecimal {
        let (sum, overflow) = left.scaled.addingReportingOverflow(right.scaled)
        return ExactDecimal(scaled: overflow ? (left.scaled < 0 ? Int128.min : Int128.max) : sum)
    }

    /// Subtracts; saturates.
    package static func - (left: ExactDecimal, right: ExactDecimal) -> ExactDecimal {
        let (difference, overflow) = left.scaled.subtractingReportingOverflow(right.scaled)
        return ExactDecimal(scaled: overflow ? (left.scaled < 0 ? Int128.min : Int128.max) : difference)
    }

    package static func += (left: inout ExactDecimal, right: ExactDecimal) { left = left + right }

    package static func -= (left: inout ExactDecimal, right: ExactDecimal) { left = left - right }

    package static prefix func - (value: ExactDecimal) -> ExactDecimal { zero - value }

    /// Multiplies by a whole number (a price by a count); saturates.
    package static func * (left: ExactDecimal, right: Int) -> ExactDecimal {
        let (product, overflow) = left.scaled.multipliedReportingOverflow(by: Int128(right))
        return ExactDecimal(
            scaled: overflow ? ((left.scaled < 0) != (right < 0) ? Int128.min : Int128.max) : product)
    }
}

extension ExactDecimal: CustomStringConvertible {
    /// Parses `-12.50`, `0.00042`, `1.3e-7`: digits, an optional point, an optional exponent.
    ///
    /// Nil if the text is not a number, is not finite, or exceeds ±1.7 × 10¹⁸.
    package init?(_ text: some StringProtocol) {
        let parsed = text.withUTF8Copy { ExactDecimal.parse($0) }
        guard let parsed else { return nil }
        self.init(scaled: parsed)
    }

    /// The number in plain decimal digits, never with an exponent: `4.52`, `-0.000042`, `2660`.
    package var description: String {
        let (whole, fraction) = scaled.magnitude.quotientAndRemainder(dividingBy: UInt128(Self.unit))
        var text = scaled < 0 ? "-" : ""
        text += String(whole)
        guard fraction != 0 else { return text }
        let digits = String(fraction)
        text += "." + String(repeating: "0", count: Self.fractionDigits - digits.count) + digits
        while text.hasSuffix("0") { text.removeLast() }
        return text
    }

    /// The nearest `Double`: only for printing a sample value, never for sums.
    package var doubleValue: Double {
        // A mantissa below 2⁵³ over a power of ten up to 10²² is one correctly rounded division (Clinger's fast path).
        if scaled.magnitude < 1 << 53 { return Double(Int64(scaled)) / 1e20 }
        var mantissa = scaled
        var power = Self.fractionDigits
        // Strip trailing zeros in powers of two: five divisions instead of twenty.
        for (zeros, divisor) in Self.zeros where zeros <= power {
            let (quotient, remainder) = mantissa.quotientAndRemainder(dividingBy: divisor)
            guard remainder == 0 else { continue }
            mantissa = quotient
            power -= zeros
        }
        if mantissa.magnitude < 1 << 53 { return Double(Int64(mantissa)) / Self.powersOfTen[power] }
        return Double(description) ?? 0
    }

    private static let zeros: [(Int, Int128)] = [
        (16, 10_000_000_000_000_000), (8, 100_000_000), (4, 10_000), (2, 100), (1, 10),
    ]

    private static let powersOfTen: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20,
    ]

    private static func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> Int128? {
        var index = 0
        var negative = false
        if index < bytes.count, bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "+") {
            negative = bytes[index] == UInt8(ascii: "-")
            index += 1
        }
        var digits: [UInt8] = []
        var pointAt: Int?
        while index < bytes.count {
            let byte = bytes[index]
            if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
                digits.append(byte - UInt8(ascii: "0"))
            } else if byte == UInt8(ascii: "."), pointAt == nil {
                pointAt = digits.count
            } else {
                break
            }
            index += 1
        }
        guard !digits.isEmpty, digits.count <= 4096 else { return nil }
        var exponent = 0
        if index < bytes.count {
            guard bytes[index] | 0x20 == UInt8(ascii: "e"),
                let written = Int(String(decoding: bytes[(index + 1)...], as: UTF8.self)), written.magnitude < 10_000
            else { return nil }
            exponent = written
        }
        // The value is digits × 10^shift in units of 10⁻²⁰.
        let shift = exponent - (digits.count - (pointAt ?? digits.count)) + fractionDigits
        guard let magnitude = scale(digits, by: shift) else { return nil }
        return negative ? -magnitude : magnitude
    }

    /// Returns the digits times 10^shift, rounded to nearest with ties to even; nil if out of range.
    private static func scale(_ digits: [UInt8], by shift: Int) -> Int128? {
        let kept = shift < 0 ? max(0, digits.count + shift) : digits.count
        var value: Int128 = 0
        for digit in digits[..<kept] {
            guard let next = appended(digit, to: value) else { return nil }
            value = next
        }
        if shift > 0, value != 0 {
            guard shift < 40 else { return nil }
            for _ in 0..<shift {
                guard let next = appended(0, to: value) else { return nil }
                value = next
            }
        }
        guard shift < 0, digits.count + shift >= 0, kept < digits.count else { return value }
        let rest = digits[kept...]
        let half = rest.first == 5 && rest.dropFirst().allSatisfy { $0 == 0 }
        let up = half ? value % 2 == 1 : (rest.first ?? 0) >= 5
        return up ? value + 1 : value
    }

    private static func appended(_ digit: UInt8, to value: Int128) -> Int128? {
        let (product, overflow) = value.multipliedReportingOverflow(by: 10)
        // Leaves room for rounding up.
        guard !overflow, product < Int128.max - 10 else { return nil }
        return product + Int128(digit)
    }
}

extension StringProtocol {
    fileprivate func withUTF8Copy<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        var copy = String(self)
        return copy.withUTF8(body)
    }
}
