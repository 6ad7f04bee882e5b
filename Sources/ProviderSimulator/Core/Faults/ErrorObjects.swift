/// Deviations that include error objects with status 200, at requests drawn by a seed.
protocol ErrorObjects {
    /// The share of requests that get one, in percent.
    var errorPercentage: Int { get }
    /// Decides which requests those are.
    var seed: UInt64 { get }
}

extension ErrorObjects {
    /// Whether a request gets an error object; the same request at the same time always gets the same.
    func fails(_ request: APIRequest) -> Bool {
        request.isDrawn(percentage: errorPercentage, seed: seed)
    }
}
