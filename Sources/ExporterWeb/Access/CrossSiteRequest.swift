import HTTPTypes

/// Whether a browser sent a request for a page of another site: such a page needs no permission to send a form, and the
/// browser adds credentials that it remembers.
enum CrossSiteRequest {
    /// Requests without `Sec-Fetch-Site` and `Origin` come from programs, and are none.
    ///
    /// - Parameter external: where clients reach this server beyond a proxy, which may change the request's `Host`; nil
    ///   where that is not known.
    static func isCrossSite(_ request: HTTPRequest, external: String?) -> Bool {
        if let site = HTTPField.Name.site.flatMap({ request.headerFields[$0] }),
            !["same-origin", "none"].contains(site)
        {
            return true
        }
        guard let origin = request.headerFields[.origin] else { return false }
        // Any name can be made to lead here (DNS rebinding): where this server's own is known, no other is its own.
        return !isOwn(origin, authority: external ?? request.authority)
    }

    /// Whether an origin (`scheme://host[:port]`, RFC 6454) is where the request went to. A proxy may have ended TLS, so
    /// that the scheme is not compared.
    private static func isOwn(_ origin: String, authority: String?) -> Bool {
        for (scheme, port) in [("http://", ":80"), ("https://", ":443")] {
            guard let authority, origin.lowercased().hasPrefix(scheme) else { continue }
            let hosts = [String(origin.dropFirst(scheme.count)), authority].map { host in
                host.lowercased().hasSuffix(port) ? String(host.lowercased().dropLast(port.count)) : host.lowercased()
            }
            return hosts[0] == hosts[1]
        }
        // "null" of a sandboxed page, or of a file.
        return false
    }
}

extension HTTPField.Name {
    fileprivate static let site = HTTPField.Name("Sec-Fetch-Site")
}
