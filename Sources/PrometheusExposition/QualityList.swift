/// One element of a header like `Accept` or `Accept-Encoding`: a name, its parameters and its weight.
struct QualityElement {
    /// In lower case.
    let name: String
    /// Without `q`; names in lower case, values without quotes.
    let parameters: [String: String]
    /// From 0 (refused) to 1.
    let quality: Double
}

/// Reads lists with q-values (RFC 9110, 12.4.2 and 12.5).
enum QualityList {
    /// The elements in the order of the header. One that breaks the grammar of weights is dropped, the others count.
    static func parse(_ header: String) -> [QualityElement] {
        split(header, at: UInt8(ascii: ",")).compactMap(element)
    }

    private static func element(_ text: Substring) -> QualityElement? {
        let parts = split(text, at: UInt8(ascii: ";"))
        guard let name = parts.first.map(trimmed), !name.isEmpty else { return nil }
        var parameters: [String: String] = [:]
        var quality = 1.0
        for part in parts.dropFirst() where !trimmed(part).isEmpty {
            guard let equals = part.utf8.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            let key = trimmed(part[..<equals]).lowercased()
            let value = unquoted(trimmed(part[part.utf8.index(after: equals)...]))
            if key == "q" {
                guard let weight = weight(value) else { return nil }
                quality = weight
            } else {
                parameters[key] = value
            }
        }
        return QualityElement(name: name.lowercased(), parameters: parameters, quality: quality)
    }

    /// `0`, `1` or one of them with at most three decimals, not above 1.
    private static func weight(_ text: String) -> Double? {
        guard text.utf8.count <= 5, text.hasPrefix("0") || text.hasPrefix("1"),
            text.utf8.allSatisfy("0123456789.".utf8.contains), let value = Double(text)
        else { return nil }
        return value <= 1 ? value : nil
    }

    /// Splits where the separator stands outside of a quoted string.
    private static func split(_ text: some StringProtocol, at separator: UInt8) -> [Substring] {
        var quoted = false
        var escaped = false
        var parts: [Substring] = []
        var start = text.startIndex
        for index in text.utf8.indices {
            let byte = text.utf8[index]
            if escaped {
                escaped = false
            } else if quoted, byte == UInt8(ascii: "\\") {
                escaped = true
            } else if byte == UInt8(ascii: "\"") {
                quoted.toggle()
            } else if byte == separator, !quoted {
                parts.append(Substring(text[start..<index]))
                start = text.utf8.index(after: index)
            }
        }
        parts.append(Substring(text[start...]))
        return parts
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let isBlank: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard let first = text.utf8.firstIndex(where: { !isBlank($0) }),
            let last = text.utf8.lastIndex(where: { !isBlank($0) })
        else { return "" }
        return text[first..<text.utf8.index(after: last)]
    }

    private static func unquoted(_ text: Substring) -> String {
        guard text.utf8.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") else { return String(text) }
        return String(text.dropFirst().dropLast())
    }
}
