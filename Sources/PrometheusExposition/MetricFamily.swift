/// The type of a metric family, written in its `# TYPE` line (OpenMetrics 1.0, "Metric Types"; text format 0.0.4,
/// "Comments, help text, and type information").
public enum MetricType: String, Sendable, Hashable, CaseIterable {
    /// A cumulative total that only increases or resets.
    case counter
    /// A value that can go up and down.
    case gauge
    /// Counts of observations in buckets, with their count and sum.
    case histogram
}

/// A metric family: the name, type, help text and label names shared by its series.
///
/// ```swift
/// let cost = try MetricFamily(
///     name: "shop_cost_usd_total", type: .counter, help: "Money spent.", labelNames: ["account", "item"])
/// ```
/// The name is that of the samples in 0.0.4: a counter's ends in `_total`, a histogram's has no suffix.
public struct MetricFamily: Sendable, Hashable {
    /// The full name; a counter's includes `_total`.
    public let name: String
    /// The type.
    public let type: MetricType
    /// The help text. If it is empty, no `# HELP` line is written.
    public let help: String
    /// The label names in the order of the label values. The histogram encoder adds `le`.
    public let labelNames: [String]

    /// Creates a family after validating its names.
    ///
    /// - Throws: ``MetricFamilyError`` for the first violated rule.
    public init(
        name: String, type: MetricType, help: String, labelNames: [String] = []
    ) throws(MetricFamilyError) {
        guard NameRules.isMetricName(name) else { throw .illegalName(name) }
        guard !name.hasPrefix(NameRules.reservedPrefix) else { throw .reservedName(name) }
        if type == .counter, !name.hasSuffix(Self.totalSuffix) || name == Self.totalSuffix {
            throw .counterWithoutTotal(name)
        }
        try NameRules.check(labelNames: labelNames, of: name)
        if type == .histogram, labelNames.contains(HistogramEncoder.boundLabel) {
            throw .boundLabelOnHistogram(name)
        }
        self.name = name
        self.type = type
        self.help = help
        self.labelNames = labelNames
    }

    /// The unit in the last word of the name (before `_total`); nil if there is none.
    ///
    /// OpenMetrics 1.0, "Unit": a non-empty unit must be a suffix of the family's name, after an underscore.
    public var unit: String? {
        let base = baseName
        return Self.units.first { base.hasSuffix("_" + $0) }
    }

    /// Returns the name in `# HELP`, `# TYPE` and `# UNIT`: OpenMetrics 1.0 ("Counter") strips a counter's `_total`, 0.0.4
    /// keeps it.
    public func metadataName(in format: ExpositionFormat) -> String {
        format == .openMetrics100 ? baseName : name
    }

    /// The name without a counter's `_total`.
    var baseName: String {
        type == .counter ? String(name.dropLast(Self.totalSuffix.count)) : name
    }

    package static let totalSuffix = "_total"
    private static let units = ["seconds", "bytes", "usd", "ratio"]
}

extension MetricFamily {
    /// Returns the family's metadata lines, to be written once before its samples.
    ///
    /// These are `# HELP` (unless the help is empty), `# TYPE`, and in OpenMetrics `# UNIT` if the name contains a unit.
    /// Omit the header of a family without samples.
    public func header(in format: ExpositionFormat) -> [UInt8] {
        let name = metadataName(in: format)
        var bytes: [UInt8] = []
        if !help.isEmpty {
            bytes.append(contentsOf: "# HELP \(name) ".utf8)
            bytes.appendEscaped(help, quotes: format == .openMetrics100)
            bytes.append(UInt8(ascii: "\n"))
        }
        bytes.append(contentsOf: "# TYPE \(name) \(type.rawValue)\n".utf8)
        if format == .openMetrics100, let unit {
            bytes.append(contentsOf: "# UNIT \(name) \(unit)\n".utf8)
        }
        return bytes
    }
}
