/// A metric family as it was read from an exposition.
public struct ParsedFamily: Sendable, Hashable {
    /// The name as ``MetricFamily/name`` has it: a counter's with `_total` whichever format it was read from.
    public let name: String
    /// The type of the `# TYPE` line.
    public let type: MetricType
    /// The help text with its escapes undone; nil when there was no `# HELP` line.
    public let help: String?
    /// The text of the `# UNIT` line; nil when there was none.
    public let unit: String?
    /// The samples in their order, without the `_created` lines, which are in ``ParsedSample/created``.
    public let samples: [ParsedSample]
}

/// A sample as it was read from an exposition.
public struct ParsedSample: Sendable, Hashable {
    /// The name as it is written, with `_total`, `_bucket`, `_sum` or `_count`.
    public let name: String
    /// The label values by name with their escapes undone, `le` of a bucket among them.
    public let labels: [String: String]
    /// The value.
    public let value: Double
    /// The sample's own time, when it has one.
    public let timestamp: UnixTimestamp?
    /// When its series began, by the `_created` line of its metric, when there was one.
    public internal(set) var created: UnixTimestamp?
}
