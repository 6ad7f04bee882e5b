/// An error in the names of a ``MetricFamily``.
public enum MetricFamilyError: Error, Sendable, Hashable {
    /// The metric name is not `[a-zA-Z_:][a-zA-Z0-9_:]*` (text format 0.0.4; OpenMetrics 1.0, ABNF `metricname`).
    case illegalName(String)
    /// The metric name begins with `__`, which is reserved for Prometheus.
    case reservedName(String)
    /// A counter's name must end in `_total`, with something before it (OpenMetrics 1.0, "Counter").
    case counterWithoutTotal(String)
    /// A label name is not `[a-zA-Z_][a-zA-Z0-9_]*` (OpenMetrics 1.0, ABNF `label-name`).
    case illegalLabelName(String, family: String)
    /// A label name begins with `__`, which is reserved for Prometheus ("Metric names and labels").
    case reservedLabelName(String, family: String)
    /// A label name is repeated (OpenMetrics 1.0, "LabelSet": names must be unique).
    case duplicateLabelName(String, family: String)
    /// A histogram declares `le`, which the histogram encoder adds.
    case boundLabelOnHistogram(String)
}

extension MetricFamilyError: CustomStringConvertible {
    /// The violated rule with the offending name.
    public var description: String {
        switch self {
        case .illegalName(let name):
            "metric name \(name.debugDescription) must match [a-zA-Z_:][a-zA-Z0-9_:]*"
        case .reservedName(let name):
            "metric name \(name) must not begin with __"
        case .counterWithoutTotal(let name):
            "counter \(name) must end in _total"
        case .illegalLabelName(let label, let family):
            "label name \(label.debugDescription) of \(family) must match [a-zA-Z_][a-zA-Z0-9_]*"
        case .reservedLabelName(let label, let family):
            "label name \(label) of \(family) must not begin with __"
        case .duplicateLabelName(let label, let family):
            "label name \(label) is listed twice for \(family)"
        case .boundLabelOnHistogram(let family):
            "histogram \(family) must not declare the label le: it is written for each bucket"
        }
    }
}

/// The naming rules of the classic formats, which exclude the UTF-8 names of Prometheus 3.
package enum NameRules {
    package static let reservedPrefix = "__"

    package static func isMetricName(_ name: some StringProtocol) -> Bool {
        isName(name) { isLetter($0) || $0 == UInt8(ascii: ":") }
    }

    package static func isLabelName(_ name: some StringProtocol) -> Bool {
        isName(name, initial: isLetter)
    }

    static func check(labelNames: [String], of family: String) throws(MetricFamilyError) {
        var seen: Set<String> = []
        for label in labelNames {
            guard isLabelName(label) else { throw .illegalLabelName(label, family: family) }
            guard !label.hasPrefix(reservedPrefix) else { throw .reservedLabelName(label, family: family) }
            guard seen.insert(label).inserted else { throw .duplicateLabelName(label, family: family) }
        }
    }

    private static func isName(_ name: some StringProtocol, initial: (UInt8) -> Bool) -> Bool {
        guard let first = name.utf8.first, initial(first) else { return false }
        return name.utf8.dropFirst().allSatisfy { initial($0) || isDigit($0) }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
        default: false
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
