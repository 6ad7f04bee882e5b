/// What one step of a sync found; the ledger takes it in one transaction, or not at all.
public struct Reading: Sendable {
    /// Slices to replace.
    public var slices: [SliceReading] = []
    /// Gauges to replace: a family named here loses its earlier samples from this source.
    public var gauges: [GaugeFamily: [GaugeSample]] = [:]
    /// What the source wants to find again next time (a cursor, an endpoint that works), by name; nil forgets it.
    public var memory: [String: String?] = [:]
    /// Up to when usage is known and dated, by the label `key`: for sources without slicing, whose keys are read one by
    /// one. A key that is not named keeps what it had.
    public var coverage: [String: Coverage] = [:]
    /// Whether there is no more history to wait for: what is committed is served from now on, even if this sync fails
    /// in the end.
    public var completesHistory = false

    /// An empty reading.
    public init() {}
}

/// A gauge as a source measured it.
public struct GaugeSample: Sendable, Hashable, Codable {
    /// Label values in the order of the family's `labelNames`.
    public let labels: [String]
    /// The value in the family's unit.
    public let value: Double

    /// A gauge's sample.
    public init(_ labels: [String] = [], _ value: Double) {
        self.labels = labels
        self.value = value
    }
}
