import UsageModel

extension UpstreamNotice {
    /// Reads `Deprecation` (RFC 9745: `@1783555200`; drafts of it wrote an HTTP date or `true`) and `Sunset` (RFC 8594,
    /// an HTTP date). A deprecation in the future is none yet.
    public init(headers: UpstreamHeaders, now: Timestamp) {
        let deprecation = headers.first(name: "Deprecation").map { String($0.trimmingWhitespace()) }
        let begins = deprecation.flatMap { Self.moment($0, now: now) }
        self.init(
            isDeprecated: begins.map { $0 <= now } ?? (deprecation?.lowercased() == "true"),
            sunset: headers.first(name: "Sunset").flatMap { Self.moment(String($0.trimmingWhitespace()), now: now) })
    }

    /// Reads the header fields of a 410: whatever they say, the endpoint is gone.
    public init(goneWith headers: UpstreamHeaders, now: Timestamp) {
        self.init(isDeprecated: true, sunset: UpstreamNotice(headers: headers, now: now).sunset)
    }

    private static func moment(_ text: String, now: Timestamp) -> Timestamp? {
        if text.hasPrefix("@") {
            // Past the year 9999 it is no date.
            return Int64(text.dropFirst()).flatMap { (0...253_402_300_799).contains($0) ? Timestamp(seconds: $0) : nil }
        }
        return HTTPDate.parse(text, now: now) ?? Timestamp(text)
    }
}

extension UpstreamHeaders {
    /// When the response left the provider: `Date`, and the time that a cache says it has kept it (`Age`, RFC 9111); nil
    /// where there is no date that can be read.
    func date(now: Timestamp) -> Timestamp? {
        guard let date = first(name: "Date").flatMap({ HTTPDate.parse($0, now: now) }) else { return nil }
        let age = first(name: "Age").flatMap { Int($0) }.flatMap { (0...31_536_000).contains($0) ? $0 : nil }
        return date + .seconds(age ?? 0)
    }
}
