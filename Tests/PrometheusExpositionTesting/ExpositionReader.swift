import PrometheusExposition

/// The state of ``ExpositionParser``: reads the lines of an exposition and collects the families.
struct ExpositionReader {
    typealias Reason = ExpositionParseError.Reason

    /// The line of a thrown error: the current line, or the last line of a family that is invalid as a whole.
    private(set) var blamedLine = 0
    private let format: ExpositionFormat
    private var lineNumber = 0
    private var sawEOF = false
    private var families: [ParsedFamily] = []
    private var current: FamilyReader?
    /// The metadata names of all families so far.
    private var familyNames: Set<String> = []
    /// The metadata and sample names of all families so far.
    private var takenNames: Set<String> = []

    init(format: ExpositionFormat) {
        self.format = format
    }

    /// Reads one line, without its newline.
    mutating func read(_ line: ArraySlice<UInt8>) throws(Reason) {
        lineNumber += 1
        blamedLine = lineNumber
        guard String(validating: line, as: UTF8.self) != nil else { throw .invalidUTF8 }
        guard !sawEOF else { throw .textAfterEOF }
        if line.isEmpty || line.first == UInt8(ascii: "#") {
            try readMetadata(line)
        } else {
            try readSample(line)
        }
    }

    /// Ends the exposition.
    ///
    /// - Parameter rest: the bytes after the last newline.
    mutating func finish(unended rest: ArraySlice<UInt8>) throws(Reason) -> [ParsedFamily] {
        guard rest.isEmpty else {
            blamedLine = lineNumber + 1
            throw sawEOF ? .textAfterEOF : .missingFinalNewline
        }
        try endFamily()
        guard sawEOF || format == .text004 else { throw .missingEOF }
        return families
    }

    private mutating func readMetadata(_ line: ArraySlice<UInt8>) throws(Reason) {
        var cursor = LineCursor(line)
        let isComment = cursor.take("#") && cursor.take(" ")
        let keyword = isComment ? cursor.text(until: " ") : ""
        switch (keyword, format) {
        case ("HELP", _), ("TYPE", _), ("UNIT", .openMetrics100):
            guard cursor.take(" ") else { throw .badMetadata }
            let name = cursor.text(until: " ")
            guard NameRules.isMetricName(name) else { throw .badName(name) }
            guard cursor.take(" ") else { throw .badMetadata }
            try beginFamily(name)
            try readMetadata(keyword, from: &cursor)
        case ("EOF", .openMetrics100) where cursor.isAtEnd:
            sawEOF = true
        case (_, .openMetrics100):
            throw .strayLine
        case (_, .text004):
            break
        }
    }

    private mutating func readMetadata(_ keyword: String, from cursor: inout LineCursor) throws(Reason) {
        guard var family = current, family.isEmpty else { throw .badMetadata }
        switch keyword {
        case "HELP": try family.take(help: cursor.helpText(format: format))
        case "UNIT": try family.take(unit: cursor.text())
        default:
            try family.take(type: cursor.text())
            for name in family.sampleNames where !takenNames.insert(name).inserted && name != family.name {
                throw .clashingName(name)
            }
        }
        current = family
        current?.lastLine = lineNumber
    }

    private mutating func readSample(_ line: ArraySlice<UInt8>) throws(Reason) {
        var cursor = LineCursor(line)
        let sample = try cursor.sample(format: format)
        guard let role = current?.role(of: sample.name) else { throw try strayReason(of: sample.name) }
        if let last = current?.lastLine, current?.continuesPoint(sample) == false {
            blamedLine = last
            try current?.endPoint()
            blamedLine = lineNumber
        }
        try current?.add(sample, as: role)
        current?.lastLine = lineNumber
    }

    /// Returns the error for a sample name that the current family does not have.
    private mutating func strayReason(of name: String) throws(Reason) -> Reason {
        guard let family = current, family.hasType else { return .missingType(name) }
        if name == family.name { return .badName(name) }
        let isTaken = takenNames.contains(name)
        try endFamily()
        return isTaken ? .interleavedFamily(name) : .missingType(name)
    }

    private mutating func beginFamily(_ name: String) throws(Reason) {
        guard current?.name != name else { return }
        try endFamily()
        guard familyNames.insert(name).inserted else { throw .interleavedFamily(name) }
        guard takenNames.insert(name).inserted else { throw .clashingName(name) }
        current = FamilyReader(name: name, format: format)
    }

    private mutating func endFamily() throws(Reason) {
        guard var family = current else { return }
        let reading = blamedLine
        blamedLine = family.lastLine
        try families.append(family.finish())
        blamedLine = reading
        current = nil
    }
}

/// The role of a sample in its metric, by the suffix of its name.
enum SampleRole {
    case value, bucket, sum, count, created
}

/// The state of one family while its lines are read.
struct FamilyReader {
    typealias Reason = ExpositionParseError.Reason

    /// The name in the metadata lines.
    let name: String
    /// The family's last line so far.
    var lastLine = 0
    private let format: ExpositionFormat
    private var type: MetricType?
    private var help: String?
    private var unit: String?
    private var samples: [ParsedSample] = []
    /// The metrics so far.
    private var metrics: Set<MetricKey> = []
    private var point: MetricPoint?
    /// The index of the first sample of `point`.
    private var pointStart = 0

    init(name: String, format: ExpositionFormat) {
        self.name = name
        self.format = format
    }

    var isEmpty: Bool { metrics.isEmpty }
    var hasType: Bool { type != nil }

    mutating func take(help text: String) throws(Reason) {
        guard help == nil else { throw .badMetadata }
        help = text
    }

    mutating func take(unit text: String) throws(Reason) {
        guard unit == nil else { throw .badMetadata }
        guard !text.isEmpty, name.hasSuffix("_" + text) else { throw .badUnit(text) }
        unit = text
    }

    mutating func take(type text: String) throws(Reason) {
        guard type == nil else { throw .badMetadata }
        guard let known = MetricType(rawValue: text) else { throw .unknownType(text) }
        type = known
    }

    /// The sample names of the family's type.
    var sampleNames: [String] { roles.map { name + $0.suffix } }

    /// Returns the role of a sample name in the family; nil if the family has no such sample.
    func role(of sampleName: String) -> SampleRole? {
        guard sampleName.hasPrefix(name) else { return nil }
        let suffix = sampleName.dropFirst(name.count)
        return roles.first { $0.suffix == suffix }?.role
    }

    /// Whether the sample has the metric and timestamp of the one before it.
    func continuesPoint(_ sample: ParsedSample) -> Bool {
        guard let point else { return false }
        return point.metric == key(of: sample) && point.timestamp == sample.timestamp
    }

    /// Adds a sample to the current point, or begins a new one.
    mutating func add(_ sample: ParsedSample, as role: SampleRole) throws(Reason) {
        if !continuesPoint(sample) { try beginPoint(with: sample) }
        try point?.add(sample, as: role, isCounter: type == .counter)
        if role != .created { samples.append(sample) }
    }

    /// Validates the samples of the current point.
    mutating func endPoint() throws(Reason) {
        guard let point else { return }
        try point.judge(isHistogram: type == .histogram)
        for index in pointStart..<samples.count { samples[index].created = point.created }
        pointStart = samples.count
    }

    mutating func finish() throws(Reason) -> ParsedFamily {
        try endPoint()
        guard let type else { throw .missingType(name) }
        let isStripped = type == .counter && format == .openMetrics100
        return ParsedFamily(
            name: isStripped ? name + MetricFamily.totalSuffix : name, type: type, help: help, unit: unit,
            samples: samples)
    }

    private mutating func beginPoint(with sample: ParsedSample) throws(Reason) {
        let metric = key(of: sample)
        if let point, point.metric == metric, format == .openMetrics100 {
            // Points of one metric have ascending timestamps (OpenMetrics 1.0, "MetricPoint").
            guard let before = point.timestamp, let now = sample.timestamp, before < now else { throw .badTimestamp }
        } else if !metrics.insert(metric).inserted {
            throw .duplicateSeries(sample.name)
        }
        point = MetricPoint(metric: metric, timestamp: sample.timestamp)
    }

    private func key(of sample: ParsedSample) -> MetricKey {
        let isBucket = type == .histogram && sample.name.hasSuffix("_bucket")
        return MetricKey(sample.labels, without: isBucket ? HistogramEncoder.boundLabel : nil)
    }

    private var roles: [(suffix: String, role: SampleRole)] {
        let histogram: [(String, SampleRole)] = [("_bucket", .bucket), ("_sum", .sum), ("_count", .count)]
        return switch (type, format) {
        case (nil, _): []
        case (.gauge, _), (.counter, .text004): [("", .value)]
        case (.counter, .openMetrics100): [(MetricFamily.totalSuffix, .value), ("_created", .created)]
        case (.histogram, .text004): histogram
        case (.histogram, .openMetrics100): histogram + [("_created", .created)]
        }
    }
}
