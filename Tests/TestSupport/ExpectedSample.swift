import PrometheusExposition
import PrometheusExpositionTesting

/// A sample as a parser should read it. Texts are compared as bytes, because Swift's `==` uses canonical equivalence.
package struct ExpectedSample: Hashable, Sendable {
    private let name: String
    private let labels: [String: [UInt8]]
    /// The bit pattern, the same one for every NaN.
    private let value: UInt64
    private let created: UnixTimestamp?
    private let moment: UnixTimestamp?

    /// An expected sample; `labels` has the values after `cleaned`.
    package init(
        name: String, labels: [String: String], value: Double, created: UnixTimestamp?, moment: UnixTimestamp? = nil
    ) {
        self.name = name
        self.labels = labels.mapValues { Array($0.utf8) }
        self.value = (value.isNaN ? .nan : value).bitPattern
        self.created = created
        self.moment = moment
    }

    /// A parsed sample.
    package init(_ parsed: ParsedSample) {
        self.init(
            name: parsed.name, labels: parsed.labels, value: parsed.value, created: parsed.created,
            moment: parsed.timestamp)
    }

    /// The text after encoding: control characters other than newline become U+FFFD.
    package static func cleaned(_ text: String) -> String {
        var cleaned = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isKept = scalar == "\n" || (scalar.value >= 0x20 && scalar.value != 0x7F)
            cleaned.append(isKept ? scalar : "\u{FFFD}")
        }
        return String(cleaned)
    }
}
