/// The text formats that this library writes.
public enum ExpositionFormat: Sendable, Hashable, CaseIterable {
    /// The Prometheus text format 0.0.4 (prometheus.io, "Exposition formats").
    case text004
    /// The OpenMetrics 1.0.0 text format (prometheus.io, "OpenMetrics 1.0").
    case openMetrics100

    /// The `Content-Type` header of a response in this format.
    public var contentType: String {
        switch self {
        case .text004: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics100: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// The bytes that end an exposition: `# EOF` and a newline in OpenMetrics ("Text format"), nothing in 0.0.4.
    public var terminator: [UInt8] {
        switch self {
        case .text004: []
        case .openMetrics100: Array("# EOF\n".utf8)
        }
    }
}
