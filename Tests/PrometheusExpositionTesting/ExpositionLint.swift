import PrometheusExposition

/// Checks metric families by the rules of Prometheus' own linter.
///
/// The rules are those of `promlint` (github.com/prometheus/client_golang, `prometheus/testutil/promlint/validations`),
/// which `promtool check metrics` also applies; they follow "Metric and label naming" on prometheus.io. There are two
/// differences: an empty help counts as missing, and uniqueness is checked for the names of families in either format
/// instead of series, whose uniqueness ``ExpositionParser`` enforces.
package enum ExpositionLint {
    /// Returns the problems of families to be exported, sorted by family and description.
    package static func problems(in families: [MetricFamily]) -> [LintProblem] {
        problems(
            of: families.map {
                LintSubject(
                    name: $0.name, type: $0.type, help: $0.help, labelNames: $0.labelNames,
                    takenNames: ExpositionFormat.allCases.flatMap($0.takenNames))
            })
    }

    /// Returns the problems of parsed families, with the labels of their samples.
    package static func problems(in families: [ParsedFamily]) -> [LintProblem] {
        problems(
            of: families.map { family in
                let labels = Set(family.samples.flatMap(\.labels.keys))
                let ownLabel = family.type == .histogram ? HistogramEncoder.boundLabel : nil
                return LintSubject(
                    name: family.name, type: family.type, help: family.help ?? "",
                    labelNames: labels.filter { $0 != ownLabel }.sorted(), takenNames: [family.name])
            })
    }

    private static func problems(of subjects: [LintSubject]) -> [LintProblem] {
        var problems = subjects.flatMap { subject in
            subject.findings.map { LintProblem(family: subject.name, finding: $0) }
        }
        var owners: [String: String] = [:]
        for subject in subjects {
            let clashes = Set(subject.takenNames).filter { owners[$0] != nil }.sorted()
            for name in clashes { problems.append(LintProblem(family: subject.name, finding: .duplicate(name))) }
            for name in subject.takenNames { owners[name] = subject.name }
        }
        return problems.sorted { ($0.family, $0.finding.description) < ($1.family, $1.finding.description) }
    }
}

/// A finding about a family.
package struct LintProblem: Sendable, Hashable, CustomStringConvertible {
    /// The family's full name.
    package let family: String
    package let finding: LintFinding

    package var description: String { "\(family): \(finding)" }
}

/// The findings of nine rules, some of which have several findings.
package enum LintFinding: Sendable, Hashable {
    /// The help text is missing.
    case noHelp
    /// The name contains the family's type as a word.
    case typeInName(MetricType)
    /// A counter's name does not end in `_total`.
    case counterWithoutTotal
    /// Another type's name ends in `_total`.
    case totalOnNonCounter
    /// The name ends in a suffix reserved for histograms and summaries: `_bucket`, `_count` or `_sum`.
    case reservedSuffix(String)
    /// A label is reserved for histograms (`le`) or summaries (`quantile`).
    case reservedLabel(String)
    /// The name contains a colon, which is reserved for recording rules.
    case colonInName
    /// The name is not in snake case.
    case camelCaseName
    /// A label name is not in snake case.
    case camelCaseLabel(String)
    /// The name contains an abbreviated unit as a word.
    case abbreviatedUnit(String)
    /// The name contains a unit that is not the base unit.
    case notBaseUnit(String, base: String)
    /// An earlier family uses this family name or sample name in one of the formats.
    case duplicate(String)
}

extension LintFinding: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noHelp: "has no help text"
        case .typeInName(let type): "has its type \(type.rawValue) in its name"
        case .counterWithoutTotal: "is a counter and should end in _total"
        case .totalOnNonCounter: "ends in _total but is not a counter"
        case .reservedSuffix(let suffix): "ends in \(suffix), which is for histograms and summaries"
        case .reservedLabel(let label): "has the label \(label), which is for histograms or summaries"
        case .colonInName: "has a colon in its name, which is for recording rules"
        case .camelCaseName: "is not written in snake_case"
        case .camelCaseLabel(let label): "has the label \(label), which is not written in snake_case"
        case .abbreviatedUnit(let unit): "has the abbreviated unit \(unit) in its name"
        case .notBaseUnit(let unit, let base): "has the unit \(unit) in its name, whose base unit is \(base)"
        case .duplicate(let name): "uses the name \(name), which another family has"
        }
    }
}

/// The input of the lint rules.
struct LintSubject {
    let name: String
    let type: MetricType
    let help: String
    let labelNames: [String]
    /// The family and sample names, which must be unique.
    let takenNames: [String]

    /// All findings except duplicates.
    var findings: [LintFinding] {
        helpFindings + typeFindings + reservedFindings + spellingFindings + unitFindings
    }

    private var helpFindings: [LintFinding] {
        help.isEmpty ? [.noHelp] : []
    }

    private var typeFindings: [LintFinding] {
        var findings: [LintFinding] = []
        if name.lowercased().hasWord(type.rawValue) { findings.append(.typeInName(type)) }
        switch (type == .counter, name.hasSuffix(MetricFamily.totalSuffix)) {
        case (true, false): findings.append(.counterWithoutTotal)
        case (false, true): findings.append(.totalOnNonCounter)
        default: break
        }
        return findings
    }

    private var reservedFindings: [LintFinding] {
        var findings: [LintFinding] = []
        if type != .histogram {
            findings += ["_bucket", "_count", "_sum"].filter(name.hasSuffix).map(LintFinding.reservedSuffix)
        }
        if name.contains(":") { findings.append(.colonInName) }
        let reservedLabels = type == .histogram ? ["quantile"] : [HistogramEncoder.boundLabel, "quantile"]
        return findings + labelNames.filter(reservedLabels.contains).map(LintFinding.reservedLabel)
    }

    private var spellingFindings: [LintFinding] {
        (name.isCamelCase ? [.camelCaseName] : [])
            + labelNames.filter(\.isCamelCase).map(LintFinding.camelCaseLabel)
    }

    private var unitFindings: [LintFinding] {
        let lowered = name.lowercased()
        var findings = LintUnits.abbreviations.filter(lowered.hasWord).map(LintFinding.abbreviatedUnit)
        // Only the first unit counts: `bytes_per_minutes` measures bytes.
        let firstUnit = name.split(separator: "_").lazy.compactMap { word in
            LintUnits.base(of: String(word)).map { (String(word), $0) }
        }.first
        if let (unit, base) = firstUnit, unit != base { findings.append(.notBaseUnit(unit, base: base)) }
        return findings
    }
}

extension MetricFamily {
    /// Returns the names of the family's metadata and samples in a format.
    func takenNames(in format: ExpositionFormat) -> [String] {
        let base = metadataName(in: format)
        let suffixes: [String] =
            switch (type, format) {
            case (.gauge, _), (.counter, .text004): []
            case (.counter, .openMetrics100): [Self.totalSuffix, "_created"]
            case (.histogram, .text004): ["_bucket", "_sum", "_count"]
            case (.histogram, .openMetrics100): ["_bucket", "_sum", "_count", "_created"]
            }
        return [base] + suffixes.map { base + $0 }
    }
}

extension String {
    /// Whether the text contains a word between underscores, or between the last one and the end.
    fileprivate func hasWord(_ word: String) -> Bool {
        split(separator: "_", omittingEmptySubsequences: false).dropFirst().contains { $0 == word }
    }

    /// Whether a lower-case letter is followed by an upper-case one.
    fileprivate var isCamelCase: Bool {
        zip(utf8, utf8.dropFirst()).contains { first, second in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first)
                && (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(second)
        }
    }
}

/// The units of promlint's unit table, with `mebi` in the IEC spelling.
enum LintUnits {
    /// Abbreviations that names should not contain.
    static let abbreviations = ["s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d"]

    /// Returns the base unit of a word such as `bytes`, `hours` or `milliseconds`; nil if the word is not a unit.
    static func base(of word: String) -> String? {
        if let base = bases[word] { return base }
        return prefixes.lazy.filter(word.hasPrefix).compactMap { bases[String(word.dropFirst($0.count))] }.first
    }

    private static let bases = [
        "amperes": "amperes", "bytes": "bytes", "celsius": "celsius", "grams": "grams", "joules": "joules",
        "kelvin": "kelvin", "meters": "meters", "metres": "metres", "seconds": "seconds", "volts": "volts",
        "minutes": "seconds", "hours": "seconds", "days": "seconds", "weeks": "seconds",
        "kelvins": "kelvin", "fahrenheit": "celsius", "rankine": "celsius",
        "inches": "meters", "yards": "meters", "miles": "meters",
        "bits": "bytes", "calories": "joules", "pounds": "grams", "ounces": "grams",
    ]

    private static let prefixes = [
        "pico", "nano", "micro", "milli", "centi", "deci", "deca", "hecto", "kilo", "kibi", "mega", "mebi", "giga",
        "gibi", "tera", "tebi", "peta", "pebi",
    ]
}
