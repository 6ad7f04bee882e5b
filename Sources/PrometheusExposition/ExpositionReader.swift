/// Takes the lines of an exposition one by one and keeps which families there were: the state of ``ExpositionParser``.
struct ExpositionReader {
    typealias Reason = ExpositionParseError.Reason

    /// The line that a thrown reason is about: the one just read, or the last of a family that is found to be wrong when
    /// it ends.
    private(set) var blamedLine = 0
    private let format: ExpositionFormat
    private var lineNumber = 0
    private var sawEOF = false
    private var families: [ParsedFamily] = []
    private var current: FamilyReader?
    /// The names in the metadata of all families so far.
    private var familyNames: Set<String> = []
    /// The same, and the names of their samples.
    private var takenNames: Set<String> = []

    init(format: ExpositionFormat) {
        self.format = format
    }

    /// Takes one line, without its newline.
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
    /// - Parameter rest: what is left after the last newline.
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

    /// What is wrong with a sample name that the family being read does not have.
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
