import Foundation

/// Where a redirect leads.
struct RedirectTarget: Sendable, Hashable {
    /// The absolute URL, without fragment.
    let url: String
    /// Its scheme, host and port, in the form of `BaseURL.origin`.
    let origin: String

    /// The longest origin that is one: a DNS name has at most 253 characters. It is shown in messages.
    private static let longestOrigin = 270

    /// Resolves a `Location` against the URL that gave it; nil where it leads to no HTTP URL, or holds a user name.
    init?(location: String, from url: String) {
        guard let base = URL(string: url), let resolved = URL(string: location, relativeTo: base)?.absoluteURL,
            var parts = URLComponents(url: resolved, resolvingAgainstBaseURL: false)
        else { return nil }
        parts.fragment = nil
        let path = parts.percentEncodedPath
        let query = parts.percentEncodedQuery
        var root = parts
        root.percentEncodedPath = ""
        root.percentEncodedQuery = nil
        guard let rootText = root.string, let origin = try? BaseURL(rootText).origin,
            origin.utf8.count <= Self.longestOrigin
        else { return nil }
        self.origin = origin
        self.url = origin + (path.isEmpty ? "/" : path) + (query.map { "?" + $0 } ?? "")
    }
}
