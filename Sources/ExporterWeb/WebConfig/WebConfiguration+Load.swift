import ConfigReading
import ExporterCore
import Foundation
import NIOSSL

extension WebConfiguration {
    /// Reads a web config file and checks all that can be checked without a client.
    ///
    /// - Throws: all problems together, sorted by position; none contains a key or a hash.
    package static func load(path: String, files: any FileReading = SystemFiles()) throws(ConfigurationProblems)
        -> WebConfiguration
    {
        let log = ProblemLog(file: path)
        let bytes: [UInt8]
        do {
            bytes = try files.contents(of: path, limit: YAMLDocument.longest)
        } catch {
            let message = "the web config file cannot be read: \(error.reason)"
            throw ConfigurationProblems([ConfigurationProblem(file: path, message: message)])
        }
        var configuration = WebConfiguration()
        if let document = YAMLDocument.value(of: bytes, log: log), !document.isNothing,
            let sections = document.mapping()
        {
            sections.rejectUnknownKeys(
                known: ["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"])
            let http = HTTPSection.read(sections["http_server_config"])
            configuration.headers = http.headers
            configuration.tls = TLSSection(file: path, files: files, isHTTP2: http.isHTTP2)
                .read(sections["tls_server_config"])
            configuration.users = UsersSection.read(sections["basic_auth_users"])
            configuration.rateLimit = RateLimitSection.read(sections["rate_limit"])
        }
        guard log.problems.isEmpty else { throw ConfigurationProblems(log.problems) }
        return configuration
    }
}

/// Reads `http_server_config`.
private enum HTTPSection {
    /// Headers that may be set, with their allowed values; an empty list allows any value.
    private static let headers: [String: [String]] = [
        "Strict-Transport-Security": [], "X-Content-Type-Options": ["nosniff"],
        "X-Frame-Options": ["deny", "sameorigin"], "X-XSS-Protection": [], "Content-Security-Policy": [],
    ]

    static func read(_ section: ConfigurationValue?) -> (isHTTP2: Bool, headers: [WebConfiguration.Header]) {
        var isHTTP2 = true
        var read: [WebConfiguration.Header] = []
        guard let mapping = section?.mapping() else { return (isHTTP2, read) }
        mapping.rejectUnknownKeys(known: ["http2", "headers"])
        if let value = mapping["http2"]?.boolean() { isHTTP2 = value }
        guard let named = mapping["headers"]?.mapping() else { return (isHTTP2, read) }
        named.rejectUnknownKeys(known: headers.keys.sorted())
        for entry in named.entries {
            guard let allowed = headers[entry.key], let value = entry.value.text("the header's value") else { continue }
            if !allowed.isEmpty, !allowed.contains(value) {
                entry.value.mismatch("one of \(allowed.joined(separator: ", "))")
            } else if value.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
                entry.value.problem("expected a value on one line, without control characters")
            } else {
                read.append(WebConfiguration.Header(name: entry.key, value: value))
            }
        }
        return (isHTTP2, read)
    }
}

/// Reads `basic_auth_users`.
private enum UsersSection {
    static func read(_ section: ConfigurationValue?) -> [String: String] {
        var users: [String: String] = [:]
        var section = section
        section?.isSecret = true
        for entry in section?.mapping()?.entries ?? [] {
            let value = entry.value
            let expected = "a bcrypt hash ($2y$…), as `htpasswd -nBC 10` makes it"
            guard let hash = value.text(expected) else { continue }
            guard PasswordHash.isBcrypt(hash) else {
                value.mismatch(expected)
                continue
            }
            users[entry.key] = hash
        }
        return users
    }
}

/// Reads `rate_limit`: without an interval there is no limit.
private enum RateLimitSection {
    static func read(_ section: ConfigurationValue?) -> WebConfiguration.RateLimit? {
        guard let mapping = section?.mapping() else { return nil }
        mapping.rejectUnknownKeys(known: ["interval", "burst"])
        let interval = mapping["interval"]?.duration(in: .zero ... .seconds(86_400), example: "100ms")
        let burst = mapping["burst"]?.wholeNumber(in: 0...1_000_000) ?? 0
        guard let interval, interval > .zero else { return nil }
        return WebConfiguration.RateLimit(interval: interval, burst: max(1, burst))
    }
}
