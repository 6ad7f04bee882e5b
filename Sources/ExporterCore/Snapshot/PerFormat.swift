import PrometheusExposition

/// A value for each format that is served.
struct PerFormat<Value> {
    var text: Value
    var openMetrics: Value

    init(text: Value, openMetrics: Value) {
        self.text = text
        self.openMetrics = openMetrics
    }

    /// The value that is made for each.
    init(_ make: (ExpositionFormat) throws -> Value) rethrows {
        text = try make(.text004)
        openMetrics = try make(.openMetrics100)
    }

    subscript(format: ExpositionFormat) -> Value {
        switch format {
        case .text004: text
        case .openMetrics100: openMetrics
        }
    }
}

extension PerFormat: Sendable where Value: Sendable {}
