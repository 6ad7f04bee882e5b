/// What the lint rules look at, wherever the family came from.
struct LintSubject {
    let name: String
    let type: MetricType
    let help: String
    let labelNames: [String]
    /// The family and sample names that no other family may have.
    let takenNames: [String]

    /// All findings but those that need the other families.
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
    /// The names that the family's metadata and samples use in a format.
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
    /// Whether the word stands after an underscore and before another or the end.
    fileprivate func hasWord(_ word: String) -> Bool {
        split(separator: "_", omittingEmptySubsequences: false).dropFirst().contains { $0 == word }
    }

    /// Whether a small letter is followed by a capital.
    fileprivate var isCamelCase: Bool {
        zip(utf8, utf8.dropFirst()).contains { first, second in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first)
                && (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(second)
        }
    }
}
