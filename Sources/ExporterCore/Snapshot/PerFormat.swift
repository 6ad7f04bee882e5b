import PrometheusExposition

/// A value for each format that is served.
struct PerFormat<Value: Sendable>: Sendable {
    private let text: Value
    private let openMetrics: Value

    init(text: Value, openMetrics: Value) {
        self.text = text
        self.openMetrics = openMetrics
    }

    /// Makes the value of each format.
    init(_ make: (ExpositionFormat) -> Value) {
        self.init(text: make(.text004), openMetrics: make(.openMetrics100))
    }

    subscript(format: ExpositionFormat) -> Value {
        switch format {
        case .text004: text
        case .openMetrics100: openMetrics
        }
    }
}
