/// A piece of the config file inside an error message.
///
/// People paste keys into wrong places (`api_key_env: sk-…`), so what looks like a credential is not repeated: the
/// message names line and column anyway.
enum QuotedValue {
    /// The text in quotes, cut to 60 characters, control characters made visible; or words in its place.
    static func text(_ value: String) -> String {
        if looksLikeCredential(value) { return "text that looks like a credential (not repeated)" }
        let shown = value.unicodeScalars.prefix(60)
        let escaped = shown.map { isControl($0) ? "?" : String($0) }
        return "\"" + escaped.joined() + (shown.endIndex < value.unicodeScalars.endIndex ? "…" : "") + "\""
    }

    /// A key of a mapping in quotes where it is made as our own keys are, of letters, `_` and `-`; else words in its
    /// place, since a slip of punctuation turns a value into a key.
    static func key(_ key: String) -> String {
        let isOrdinary = key.unicodeScalars.allSatisfy { $0.properties.isAlphabetic || $0 == "_" || $0 == "-" }
        return isOrdinary && key.unicodeScalars.count <= 40 ? text(key) : "(not repeated, it may be a value)"
    }

    /// Whether the text begins as keys do, or has a run of letters and digits that is long, or of 12 or more that mixes
    /// them (`99999999999d` is a number with a unit).
    static func looksLikeCredential(_ value: String) -> Bool {
        let words = value.lowercased().split { " =,\"'".contains($0) }
        let parts = words + words.flatMap { $0.split(separator: ":") }
        if parts.contains(where: { part in beginnings.contains(where: part.hasPrefix) }) { return true }
        return value.unicodeScalars.split { !$0.properties.isAlphabetic && !isDigit($0) }.contains { run in
            run.count > 40 || (run.count >= 12 && run.contains(where: isDigit) && run.count { !isDigit($0) } >= 2)
        }
    }

    private static let beginnings = ["sk-", "sk_", "mk-", "mk_", "key-", "user:", "bearer", "basic:"]

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

    /// Whether there is something in the text that is not seen, or ends a line.
    static func holdsControls(_ value: String) -> Bool { value.unicodeScalars.contains(where: isControl) }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isDefaultIgnorableCodePoint
            || [.control, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
    }
}
