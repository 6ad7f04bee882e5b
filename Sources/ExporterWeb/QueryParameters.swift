import Foundation

/// The query of a request, as forms and Prometheus write it (`application/x-www-form-urlencoded`).
struct QueryParameters {
    private let pairs: [(name: String, value: String)]

    /// Reads a query, without its `?`; what is not encoded rightly is taken as it stands.
    init(_ query: String?) {
        pairs = (query ?? "").split(separator: "&").map { pair in
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (Self.decoded(halves[0]), halves.count > 1 ? Self.decoded(halves[1]) : "")
        }
    }

    /// The names that are none of these, in order.
    func names(except known: Set<String>) -> [String] {
        pairs.map(\.name).filter { !known.contains($0) }
    }

    /// Every value of a name, in order.
    func values(of name: String) -> [String] {
        pairs.filter { $0.name == name }.map(\.value)
    }

    private static func decoded(_ text: Substring) -> String {
        let spaced = text.replacing("+", with: " ")
        return spaced.removingPercentEncoding ?? String(spaced)
    }
}
