import PrometheusExposition

/// Negotiates with the fuzzed bytes as `Accept` up to the first line break, and as `Accept-Encoding` after it.
struct NegotiationRun {
    private let accept: String
    private let acceptEncoding: String

    init(_ bytes: [UInt8]) {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
        accept = String(decoding: lines.first ?? [], as: UTF8.self)
        acceptEncoding = String(decoding: lines.dropFirst().first ?? [], as: UTF8.self)
    }

    /// Checks that only a requested format is selected, and that unsupported media types have no effect.
    ///
    /// - Throws: `BrokenProperty`.
    func check() throws(BrokenProperty) {
        let format = negotiateFormat(accept: accept)
        let encoding = negotiateEncoding(acceptEncoding: acceptEncoding)
        let known: [ExpositionFormat: [String]] = [
            .text004: [], .openMetrics100: ["application/openmetrics-text", "application/*", "*/*"],
        ]
        let words = known[format] ?? []
        try ensure(
            words.isEmpty || words.contains(where: accept.lowercased().contains),
            "\(format) was not requested: \(accept)")
        try ensure(
            encoding == .identity || ["gzip", "*"].contains(where: acceptEncoding.lowercased().contains),
            "\(encoding) was not requested: \(acceptEncoding)")
        for other in ["text/html, ", "application/json;q=0.9 ,", ",, ;q=1,", "x/y;q=nonsense,"] {
            try ensure(
                negotiateFormat(accept: other + accept) == format, "\(other) changes the format: \(accept)")
            try ensure(
                negotiateEncoding(acceptEncoding: other + acceptEncoding) == encoding,
                "\(other) changes the coding: \(acceptEncoding)")
        }
    }
}
