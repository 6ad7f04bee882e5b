extension ConfigurationValue {
    /// Reads a name that is valid as a label value, a file name and part of a URL without escaping.
    package func name() -> String? {
        let expected = "1 to 64 letters, digits, dots, hyphens or underscores"
        guard let text = text(expected) else { return nil }
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard isPlain, text.utf8.count <= 64 else {
            mismatch(expected)
            return nil
        }
        return text
    }

    /// Reads a provider's id. It becomes part of a URL, so only visible ASCII is valid, and no sign that divides a URL.
    package func identifier() -> String? {
        let expected = "an id of at most 256 letters, digits and signs, without spaces, /, \\, ?, # and %"
        guard let text = text(expected) else { return nil }
        let isPart = text.utf8.allSatisfy { (0x21...0x7E).contains($0) } && !text.contains(where: #"/\?#%"#.contains)
        guard text.utf8.count <= 256, isPart, text != ".", text != ".." else {
            mismatch(expected)
            return nil
        }
        return text
    }

    /// Reads a text to show as a label value.
    package func label() -> String? {
        let expected = "a name of at most 256 bytes on one line"
        guard let text = text(expected) else { return nil }
        guard text.utf8.count <= 256, !text.unicodeScalars.contains(where: { $0.value < 0x20 }),
            !text.allSatisfy(\.isWhitespace)
        else {
            mismatch(expected)
            return nil
        }
        return text
    }

    /// Reads a list of texts; reports a problem for one that is listed twice.
    ///
    /// - Parameters:
    ///   - read: reads an item; reports a problem and returns nil if it is not valid.
    ///   - identity: the text by which two items are compared.
    package func distinctTexts(
        of what: String, read: (ConfigurationValue) -> String?, identity: (String) -> String = { $0 }
    ) -> [String] {
        var texts: [String] = []
        for item in list(of: what) ?? [] {
            guard let text = read(item) else { continue }
            if texts.contains(where: { identity($0) == identity(text) }) {
                item.problem("\(QuotedValue.text(text)) is listed twice: keep one")
            } else {
                texts.append(text)
            }
        }
        return texts
    }
}

extension ConfigurationMapping {
    /// The value of a required key; nil if it is missing, with the problem in the log.
    package func required(_ key: String) -> ConfigurationValue? {
        if let value = self[key] { return value }
        value.problem("missing key \(key)")
        return nil
    }
}
