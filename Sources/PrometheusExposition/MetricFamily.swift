/// What a family's samples mean over time: the `# TYPE` line (OpenMetrics 1.0, "Metric Types"; text format 0.0.4,
/// "Comments, help text, and type information").
public enum MetricType: String, Sendable, Hashable, CaseIterable {
    /// A total that only grows while the series lives.
    case counter
    /// A value that may go up and down.
    case gauge
    /// Counts of observations by size, with their number and sum.
    case histogram
}

/// A metric family: one name with one type, one help text and a fixed list of label names, shared by all of its series.
///
/// ```swift
/// let cost = try MetricFamily(
///     name: "shop_cost_usd_total", type: .counter, help: "Money spent.", labelNames: ["account", "item"])
/// ```
/// The name is the one of the 0.0.4 samples: a counter's ends in `_total`, a histogram's has no suffix.
public struct MetricFamily: Sendable, Hashable {
    /// The full name; for a counter with `_total`.
    public let name: String
    /// What the samples mean over time.
    public let type: MetricType
    /// One sentence for people. Empty: no `# HELP` line is written, and ``ExpositionLint`` says so.
    public let help: String
    /// The label names in the order in which values are given and written. `le` is added by the histogram encoder.
    public let labelNames: [String]

    /// Checks the names and makes the descriptor.
    ///
    /// - Throws: ``MetricFamilyError`` naming the first rule that is broken. Whether the name is a *good* one is
    ///   ``ExpositionLint``'s matter.
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

    /// The unit that the name states in its last word (before `_total`), or nil when it states none.
    ///
    /// OpenMetrics 1.0, "Unit": a non-empty unit must be a suffix of the family's name, after an underscore.
    public var unit: String? {
        let base = baseName
        return Self.units.first { base.hasSuffix("_" + $0) }
    }

    /// The name in `# HELP`, `# TYPE` and `# UNIT`: OpenMetrics 1.0 ("Counter") strips a counter's `_total`, 0.0.4 keeps
    /// it.
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
    /// The family's metadata lines, to be written once before all of its samples.
    ///
    /// `# HELP` (unless the help is empty), `# TYPE`, and in OpenMetrics `# UNIT` when the name states a unit. A family
    /// without samples should be left out with its header.
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
