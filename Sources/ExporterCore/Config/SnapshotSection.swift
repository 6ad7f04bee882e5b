import ConfigReading
import UsageModel

/// The section `snapshot`: scheduled copies of the ledger.
package struct SnapshotConfiguration: Sendable, Hashable {
    /// The time between two snapshots.
    package var every: Duration
    /// How many snapshots are kept.
    package var keep: Int
    /// The folder of the snapshots, absolute or relative to the working directory.
    package var path: String

    package init(every: Duration, keep: Int, path: String) {
        self.every = every
        self.keep = keep
        self.path = path
    }
}

/// Reads the section `snapshot`.
enum SnapshotSection {
    private static let keys = ["every", "keep", "path"]
    private static let intervals = Duration.seconds(10)...(.days(366))

    /// Reads the section; nil if it is missing or has no valid `path`.
    static func read(_ section: ConfigurationValue?) -> SnapshotConfiguration? {
        guard let section, let mapping = section.mapping() else { return nil }
        mapping.rejectUnknownKeys(known: keys)
        var configuration = SnapshotConfiguration(every: .hours(24), keep: 7, path: "")
        if let every = mapping["every"]?.duration(in: intervals, example: "24h") { configuration.every = every }
        if let keep = mapping["keep"]?.wholeNumber(in: 1...1000) { configuration.keep = keep }
        guard let path = mapping.required("path").flatMap(folder) else { return nil }
        configuration.path = path
        return configuration
    }

    private static func folder(_ value: ConfigurationValue) -> String? {
        guard let text = value.text("the path of a folder") else { return nil }
        guard !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else {
            value.problem("expected the path of a folder on one line")
            return nil
        }
        guard !text.hasPrefix("~") else {
            value.problem(
                "`~` is not replaced by a home folder: expected an absolute path, or one relative to this file")
            return nil
        }
        return resolvedPath(text, besides: value.log.file)
    }
}
