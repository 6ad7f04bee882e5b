/// A span of time: from `start` (inclusive) to `end` (exclusive).
public struct Period: Sendable, Hashable, Codable {
    /// The first moment inside.
    public let start: Timestamp
    /// The first moment after.
    public let end: Timestamp

    /// A span; an end before the start is taken as an empty span at the start.
    public init(start: Timestamp, end: Timestamp) {
        self.start = start
        self.end = max(start, end)
    }

    /// Whether the moment lies inside.
    public func contains(_ moment: Timestamp) -> Bool { start <= moment && moment < end }
}
