import PrometheusExposition
import PrometheusExpositionTesting
import TestSupport

/// Encodes families whose help texts, label values and numbers are the fuzzed bytes, and parses them again.
struct ExpositionRun {
    private let families: [StagedFamily]

    init(_ bytes: [UInt8]) throws {
        var fields = FieldReader(bytes)
        var families: [StagedFamily] = []
        while !fields.isAtEnd, families.count < 8 {
            families.append(try StagedFamily(number: families.count, &fields))
        }
        self.families = families
    }

    /// Checks that both formats round-trip, and that no control character is written.
    ///
    /// - Throws: `BrokenProperty`.
    func check() throws {
        for format in ExpositionFormat.allCases { try check(format) }
    }

    private func check(_ format: ExpositionFormat) throws {
        var bytes: [UInt8] = []
        let shown = families.filter { !$0.series.isEmpty }
        for family in shown { try family.append(to: &bytes, in: format) }
        bytes += format.terminator
        let text = String(decoding: bytes, as: UTF8.self)
        let isClean = bytes.allSatisfy { $0 == UInt8(ascii: "\n") || ($0 >= 0x20 && $0 != 0x7F) }
        try ensure(isClean, "a control character in \(text.debugDescription)")
        let read: [ParsedFamily]
        do {
            read = try ExpositionParser.parse(bytes, format: format)
        } catch {
            throw BrokenProperty(description: "\(format) does not parse: \(error) in\n\(text)")
        }
        try ensure(read.count == shown.count, "\(read.count) families are parsed from\n\(text)")
        for (family, parsed) in zip(shown, read) {
            try ensure(parsed.type == family.family.type, "the type differs in\n\(text)")
            try ensure(
                Array((parsed.help ?? "").utf8) == Array(ExpectedSample.cleaned(family.family.help).utf8),
                "the help text differs in\n\(text)")
            try ensure(
                parsed.samples.map(ExpectedSample.init) == family.samples(in: format),
                "the samples differ in\n\(text)")
        }
    }
}
