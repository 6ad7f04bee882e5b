extension Timestamp: CustomStringConvertible {
    /// Reads RFC 3339: `2026-02-13T10:30:00Z`, with a fraction (digits past the third are dropped), with a zone
    /// offset, or a bare date (its midnight). Nil where the text is none of these.
    public init?(_ text: some StringProtocol) {
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
            for place in 0..<3 {
                let index = digits.startIndex + place
                fraction = fraction * 10 + (index < digits.endIndex ? Int64(digits[index] - UInt8(ascii: "0")) : 0)
            }
            rest = rest[digits.endIndex...]
        }
        guard let offset = zoneOffset(rest) else { return nil }
        let timeOfDay = Int64(hour * 3600 + minute * 60 + second - offset)
        milliseconds = day.start.milliseconds + timeOfDay * 1000 + fraction
    }

    /// `2026-02-13T10:30:00Z`, with three digits of fraction only where there is one.
    public var description: String {
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

/// Seconds east of UTC: `Z`, nothing (the providers mean UTC), or `+02:00`.
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
