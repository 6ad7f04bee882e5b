/// Chooses the format of a response from the request's `Accept` header (RFC 9110, 12.5.1).
///
/// Each format has the weight of the most specific element that matches it; the format with the higher weight wins. At
/// equal weights the more specific match wins, and the first of two exact matches. A header that matches neither format
/// or cannot be parsed selects 0.0.4: a scrape never fails because of its `Accept`.
///
/// `text/plain; version=1.0.0`, which Prometheus 3 offers for UTF-8 names, is not supported and does not match 0.0.4.
/// `application/openmetrics-text; version=0.0.1` is the name that early versions of Prometheus use for OpenMetrics.
///
/// - Parameter accept: the header's value (several lines joined by commas); nil if there is none.
public func negotiateFormat(accept: String?) -> ExpositionFormat {
    let elements = QualityList.parse(accept ?? "")
    let text = FormatOffer.best(for: .text004, among: elements)
    let openMetrics = FormatOffer.best(for: .openMetrics100, among: elements)
    guard let openMetrics, openMetrics.quality > 0 else { return .text004 }
    guard let text, text.quality > 0 else { return .openMetrics100 }
    return openMetrics.outranks(text) ? .openMetrics100 : .text004
}

/// The preference for a format, by the most specific element that matches it.
private struct FormatOffer {
    private enum Precision: Int {
        case anything = 1
        case anyOfType
        case named
        case namedWithVersion
    }

    let quality: Double
    private let precision: Precision
    private let position: Int

    /// Finds the most specific element that matches the format; among equally specific ones that of the highest weight.
    static func best(for format: ExpositionFormat, among elements: [QualityElement]) -> FormatOffer? {
        elements.enumerated()
            .compactMap { position, element in
                precision(of: element, for: format).map {
                    FormatOffer(quality: element.quality, precision: $0, position: position)
                }
            }
            .max { ($0.precision.rawValue, $0.quality) < ($1.precision.rawValue, $1.quality) }
    }

    func outranks(_ other: FormatOffer) -> Bool {
        if quality != other.quality { return quality > other.quality }
        let rank = min(precision.rawValue, Precision.named.rawValue)
        let otherRank = min(other.precision.rawValue, Precision.named.rawValue)
        return rank != otherRank ? rank > otherRank : position < other.position
    }

    private static func precision(of element: QualityElement, for format: ExpositionFormat) -> Precision? {
        let (type, name, versions) =
            switch format {
            case .text004: ("text/*", "text/plain", ["0.0.4"])
            case .openMetrics100: ("application/*", "application/openmetrics-text", ["1.0.0", "0.0.1"])
            }
        switch element.name {
        case "*/*": return .anything
        case type: return .anyOfType
        case name:
            guard let version = element.parameters["version"] else { return .named }
            return versions.contains(version) ? .namedWithVersion : nil
        default: return nil
        }
    }
}

/// The supported content codings (RFC 9110, 8.4.1).
public enum ContentEncoding: String, Sendable, Hashable, CaseIterable {
    /// Not compressed; sent without a `Content-Encoding` header.
    case identity
    /// One gzip member.
    case gzip
}

/// Chooses the coding of a response from the request's `Accept-Encoding` header (RFC 9110, 12.5.3).
///
/// gzip is chosen if its weight is at least that of `identity`; if only `*` matches gzip, its weight must be higher. A
/// header that refuses both codings or cannot be parsed selects `identity`.
///
/// - Parameter acceptEncoding: the header's value (several lines joined by commas); nil if there is none.
public func negotiateEncoding(acceptEncoding: String?) -> ContentEncoding {
    let elements = QualityList.parse(acceptEncoding ?? "")
    func quality(_ names: Set<String>) -> Double? {
        elements.filter { names.contains($0.name) }.map(\.quality).max()
    }
    let anything = quality(["*"])
    let named = quality(["gzip", "x-gzip"])
    let gzip = named ?? anything ?? 0
    // If the header does not mention `identity`, it is acceptable, but after everything that the header lists.
    let identity = quality(["identity"]) ?? anything ?? 0
    guard gzip > 0 else { return .identity }
    return gzip > identity || (named != nil && gzip == identity) ? .gzip : .identity
}

/// An element of a header like `Accept` or `Accept-Encoding`: a name, its parameters and its weight.
struct QualityElement {
    /// In lower case.
    let name: String
    /// Without `q`; names in lower case, values without quotes.
    let parameters: [String: String]
    /// From 0 (refused) to 1.
    let quality: Double
}

/// Parses lists with q-values (RFC 9110, 12.4.2 and 12.5).
enum QualityList {
    /// Returns the elements in header order. Drops elements with an invalid weight.
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

    /// Parses `0` or `1` with at most three decimals; nil above 1.
    private static func weight(_ text: String) -> Double? {
        guard text.utf8.count <= 5, text.hasPrefix("0") || text.hasPrefix("1"),
            text.utf8.allSatisfy("0123456789.".utf8.contains), let value = Double(text)
        else { return nil }
        return value <= 1 ? value : nil
    }

    /// Splits at separators outside of quoted strings.
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
