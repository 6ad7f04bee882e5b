/// Chooses the format of an answer from the request's `Accept` header (RFC 9110, 12.5.1).
///
/// Each format has the weight of the most specific element that names it; the heavier format wins. At equal weights the
/// more specifically named wins, and of two that are both named the first. Whatever names neither format, or cannot be
/// read, is answered in 0.0.4: a scrape is never refused for its `Accept`.
///
/// `text/plain; version=1.0.0`, which Prometheus 3 offers for UTF-8 names, is a format that is not served here; it does
/// not count as 0.0.4. `application/openmetrics-text; version=0.0.1` is what early Prometheus called the same format.
///
/// - Parameter accept: the header's value (several lines joined by commas), or nil when there is none.
public func negotiateFormat(accept: String?) -> ExpositionFormat {
    let elements = QualityList.parse(accept ?? "")
    let text = FormatOffer.best(for: .text004, among: elements)
    let openMetrics = FormatOffer.best(for: .openMetrics100, among: elements)
    guard let openMetrics, openMetrics.quality > 0 else { return .text004 }
    guard let text, text.quality > 0 else { return .openMetrics100 }
    return openMetrics.outranks(text) ? .openMetrics100 : .text004
}

/// How welcome a format is, by the element that names it best.
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

    /// The most specific element that names the format; of equally specific ones the heaviest.
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
