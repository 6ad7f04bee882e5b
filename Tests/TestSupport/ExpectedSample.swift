import PrometheusExposition
import PrometheusExpositionTesting

/// A sample as any reader should see it; texts as bytes, since Swift's `==` takes é for e and an accent.
package struct ExpectedSample: Hashable, Sendable {
    private let name: String
    private let labels: [String: [UInt8]]
    /// The bit pattern, with one for every NaN.
    private let value: UInt64
    private let created: UnixTimestamp?
    private let moment: UnixTimestamp?

    /// A sample that is expected, its label values as they stand after `cleaned`.
    package init(
        name: String, labels: [String: String], value: Double, created: UnixTimestamp?, moment: UnixTimestamp? = nil
    ) {
        self.name = name
        self.labels = labels.mapValues { Array($0.utf8) }
        self.value = (value.isNaN ? .nan : value).bitPattern
        self.created = created
        self.moment = moment
    }

    /// A sample that was read.
    package init(_ parsed: ParsedSample) {
        self.init(
            name: parsed.name, labels: parsed.labels, value: parsed.value, created: parsed.created,
            moment: parsed.timestamp)
    }

    /// What becomes of a text on its way: control characters other than newline turn into U+FFFD.
    package static func cleaned(_ text: String) -> String {
        var cleaned = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isKept = scalar == "\n" || (scalar.value >= 0x20 && scalar.value != 0x7F)
            cleaned.append(isKept ? scalar : "\u{FFFD}")
        }
        return String(cleaned)
    }
}
