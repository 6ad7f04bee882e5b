/// One quantity inside a slice: what a series gained in the slice's period.
public struct Cell: Sendable, Hashable {
    /// The family that the quantity belongs to.
    public let family: LedgerFamily
    /// Label values in the order of `family.labelNames`.
    public let labels: [String]
    /// USD, requests, tokens, seconds: the family's unit.
    public let value: ExactDecimal

    /// A quantity. `labels` follows `family.labelNames`: missing ones are empty, further ones are dropped.
    public init(_ family: LedgerFamily, _ labels: [String], _ value: ExactDecimal) {
        self.family = family
        let width = family.labelNames.count
        self.labels =
            labels.count == width
            ? labels : Array((labels + Array(repeating: "", count: max(0, width - labels.count))).prefix(width))
        self.value = value
    }
}
