import Yams

/// Reads the keys `PREFIX_env`, `PREFIX_file` and `PREFIX` of a mapping: three ways to name one secret.
struct SecretReader {
    let environment: [String: String]
    let files: any FileReading
    let redaction: LogRedaction
    let log: ProblemLog
    /// Whether a provider will be asked: where none is, a key may be missing where this runs.
    var isNeeded = true

    /// The keys that name a secret, the advisable ones first.
    static func keys(_ prefix: String) -> [String] { ["\(prefix)_env", "\(prefix)_file", prefix] }

    /// The secret; nil where none is named, or where a problem is in the log.
    func secret(_ prefix: String, in mapping: ConfigurationMapping) -> SecretSource? {
        let named = Self.keys(prefix).filter { mapping[$0] != nil }
        if named.count > 1, let last = named.last {
            let message = "\(named.joined(separator: ", ")) all name the same secret: keep one of them"
            log.problem(message, at: mapping.place(of: last), path: mapping.value.path)
        }
        guard let key = named.first, var value = mapping[key] else { return nil }
        value.isSecret = true
        if key.hasSuffix("_env") { return environmentVariable(value) }
        return key.hasSuffix("_file") ? file(value) : literal(value)
    }

    /// Whether the mapping names this secret at all, rightly or not.
    static func isNamed(_ prefix: String, in mapping: ConfigurationMapping) -> Bool {
        keys(prefix).contains { mapping[$0] != nil }
    }

    private func environmentVariable(_ value: ConfigurationValue) -> SecretSource? {
        let expected = "the name of an environment variable such as WAVESPEED_API_KEY"
        guard let name = value.text(expected) else { return nil }
        guard Self.isVariableName(name) else {
            value.mismatch(expected)
            return nil
        }
        // A key pasted here may look like a name: only names in capitals, as variables have them, are repeated.
        let isRepeatable =
            name == name.uppercased() && name.utf8.count <= 128 && !QuotedValue.looksLikeCredential(name)
        let variable = "the environment variable" + (isRepeatable ? " \(name)" : " that this names")
        guard let content = environment[name] else {
            if !isNeeded { return .environment(name: name, value: "") }
            value.problem("\(variable) is not set: set it, or name another")
            return nil
        }
        switch SecretText.check(SecretText.trimmed(Array(content.utf8))) {
        case .failure(let flaw): value.problem("\(variable) \(flaw.description)")
        case .success(let secret):
            redaction.register(secret)
            return .environment(name: name, value: secret)
        }
        return nil
    }

    /// A secret in a file; nil where a problem is in the log.
    func file(_ value: ConfigurationValue) -> SecretSource? {
        var value = value
        value.isSecret = true
        guard let path = value.text("the path of a file that holds the key") else { return nil }
        let source = SecretSource.file(path: resolvedPath(path, besides: log.file))
        do {
            redaction.register(try source.value(files: files))
            return source
        } catch {
            if !isNeeded { return source }
            // A key pasted in place of its path must not be repeated; an absolute path is none.
            let isRepeatable = value.isRepeatablePath && path.hasPrefix("/") && !QuotedValue.looksLikeCredential(path)
            value.problem(isRepeatable ? error.message : "the key file that this names \(error.complaint)")
            return nil
        }
    }

    private func literal(_ value: ConfigurationValue) -> SecretSource? {
        guard let text = value.text("the key as text") else { return nil }
        switch SecretText.check(text.utf8) {
        case .failure(let flaw):
            value.problem("the key \(flaw.description)")
            return nil
        case .success(let secret):
            registerLiteral(secret, value)
            return .literal(secret)
        }
    }

    /// Registers a secret that the config file itself holds, and warns where other users may read the file.
    func registerLiteral(_ secret: String, _ value: ConfigurationValue) {
        redaction.register(secret)
        guard files.isReadableByOthers(log.file) else { return }
        let message = "the file holds a key and users other than its owner may read it: chmod 600"
        log.warning(message, at: value.node.mark?.place, path: value.path)
    }

    private static func isVariableName(_ name: String) -> Bool {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard let first = name.utf8.first, !digits.contains(first) else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}
