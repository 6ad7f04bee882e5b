/// The content codings that an exposition is kept in (RFC 9110, 8.4.1).
public enum ContentEncoding: String, Sendable, Hashable, CaseIterable {
    /// The bytes as they are; sent without a `Content-Encoding` header.
    case identity
    /// One gzip member.
    case gzip
}

/// Chooses the coding of an answer from the request's `Accept-Encoding` header (RFC 9110, 12.5.3).
///
/// gzip is used when the header allows it at least as much as `identity`; where only `*` speaks for it, it must be
/// preferred outright. A header that refuses both, or cannot be read, is answered with `identity`.
///
/// - Parameter acceptEncoding: the header's value (several lines joined by commas), or nil when there is none.
public func negotiateEncoding(acceptEncoding: String?) -> ContentEncoding {
    let elements = QualityList.parse(acceptEncoding ?? "")
    func quality(_ names: Set<String>) -> Double? {
        elements.filter { names.contains($0.name) }.map(\.quality).max()
    }
    let anything = quality(["*"])
    let named = quality(["gzip", "x-gzip"])
    let gzip = named ?? anything ?? 0
    // Without a word about it `identity` stays acceptable, but behind everything that was asked for.
    let identity = quality(["identity"]) ?? anything ?? 0
    guard gzip > 0 else { return .identity }
    return gzip > identity || (named != nil && gzip == identity) ? .gzip : .identity
}
