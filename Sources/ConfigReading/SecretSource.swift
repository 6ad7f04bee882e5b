import UsageModel
import Yams

/// The source of a key. Its descriptions never contain the key.
package enum SecretSource: Sendable, Hashable {
    /// An environment variable (`api_key_env`), read once with the config.
    case environment(name: String, value: String)
    /// A file (`api_key_file`), read again on each use, so that rotation needs no restart.
    case file(path: String)
    /// The key itself, written in the config file (`api_key`).
    case literal(String)

    /// Reads the key.
    ///
    /// - Throws: `SecretFailure` if the file cannot be read or does not contain a valid key.
    package func value(files: any FileReading = SystemFiles()) throws(SecretFailure) -> String {
        switch self {
        case .environment(_, let value), .literal(let value): return value
        case .file(let path):
            let bytes: [UInt8]
            do {
                bytes = try files.contents(of: path, limit: SecretText.longest)
            } catch {
                throw SecretFailure(file: path, isUnreadable: true, complaint: "cannot be read: \(error.reason)")
            }
            switch SecretText.check(SecretText.trimmed(bytes)) {
            case .success(let secret): return secret
            case .failure(let flaw):
                throw SecretFailure(file: path, isUnreadable: false, complaint: flaw.description)
            }
        }
    }
}

extension SecretSource: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The source of the key, never the key itself.
    package var description: String {
        switch self {
        case .environment(let name, _): "environment variable \(name)"
        case .file(let path): "file \(path)"
        case .literal: "<redacted>"
        }
    }

    /// The same as `description`, for `dump` and string interpolation of optionals.
    package var debugDescription: String { description }

    /// No children, because reflection must not show the key.
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// A key file that cannot be used. The message names the file and never its contents.
package struct SecretFailure: ReasonedFailure, CustomStringConvertible {
    /// A missing key counts as a failed authentication.
    package var reason: FailureReason { .auth }
    /// The resolved path of the file.
    package let file: String
    /// Whether the file could not be read, rather than holds no valid key.
    let isUnreadable: Bool
    /// The problem and how to fix it, as the rest of a sentence that begins with the file.
    package let complaint: String

    package var message: String { "the key file \(file) \(complaint)" }

    package var description: String { message }
}

/// Reads the keys `PREFIX_env`, `PREFIX_file` and `PREFIX` of a mapping: three ways to configure one secret.
package struct SecretReader {
    package let environment: [String: String]
    package let files: any FileReading
    package let redaction: LogRedaction
    package let log: ProblemLog
    /// Whether a provider will be queried; if not, a key may be missing.
    package let isNeeded: Bool

    package init(
        environment: [String: String], files: any FileReading, redaction: LogRedaction, log: ProblemLog, isNeeded: Bool
    ) {
        self.environment = environment
        self.files = files
        self.redaction = redaction
        self.log = log
        self.isNeeded = isNeeded
    }

    /// The keys that configure a secret, the recommended ones first.
    package static func keys(_ prefix: String) -> [String] { ["\(prefix)_env", "\(prefix)_file", prefix] }

    /// Reads the secret; nil if none is configured, or if a problem was reported.
    package func secret(
        _ prefix: String, in mapping: ConfigurationMapping, otherKinds: [String: String] = [:]
    ) -> SecretSource? {
        let named = Self.keys(prefix).filter { mapping[$0] != nil }
        if named.count > 1, let last = named.last {
            let message = "\(named.joined(separator: ", ")) all name the same secret: keep one of them"
            log.problem(message, at: mapping.place(of: last), path: mapping.value.path)
        }
        guard let key = named.first, var value = mapping[key] else { return nil }
        value.isSecret = true
        if key.hasSuffix("_env") { return environmentVariable(value, otherKinds) }
        return key.hasSuffix("_file") ? file(value, otherKinds) : literal(value, otherKinds)
    }

    /// Reads the secret, and reports a problem if none is configured.
    ///
    /// - Parameter otherKinds: how keys begin that the API probably refuses, and what is expected instead.
    package func requiredSecret(
        _ prefix: String, in mapping: ConfigurationMapping, otherKinds: [String: String] = [:]
    ) -> SecretSource? {
        if !Self.isNamed(prefix, in: mapping) {
            mapping.value.problem("missing key: expected one of \(Self.keys(prefix).joined(separator: ", "))")
        }
        return secret(prefix, in: mapping, otherKinds: otherKinds)
    }

    /// Returns whether the mapping configures this secret, valid or not.
    package static func isNamed(_ prefix: String, in mapping: ConfigurationMapping) -> Bool {
        keys(prefix).contains { mapping[$0] != nil }
    }

    private func environmentVariable(_ value: ConfigurationValue, _ otherKinds: [String: String]) -> SecretSource? {
        let expected = "the name of an environment variable such as WAVESPEED_API_KEY"
        guard let name = value.text(expected) else { return nil }
        guard Self.isVariableName(name) else {
            value.mismatch(expected)
            return nil
        }
        // A pasted key may look like a variable's name, so only names in capitals are quoted.
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
            warn(of: secret, variable, value, otherKinds)
            return .environment(name: name, value: secret)
        }
        return nil
    }

    /// Reads a secret in a file; nil if a problem was reported.
    package func file(_ value: ConfigurationValue, _ otherKinds: [String: String] = [:]) -> SecretSource? {
        var value = value
        value.isSecret = true
        guard let path = value.text("the path of a file that holds the key") else { return nil }
        let source = SecretSource.file(path: resolvedPath(path, besides: log.file))
        do {
            let secret = try source.value(files: files)
            redaction.register(secret)
            warn(of: secret, "the key file", value, otherKinds)
            return source
        } catch {
            if !isNeeded { return source }
            if error.isUnreadable, isCredentialOfAnotherService(path) {
                let message = "not checked: systemd makes this file when it starts the service, for the service only"
                log.warning(message, at: value.node.mark?.place, path: value.path)
                return source
            }
            // A key pasted instead of its path must not be quoted; an absolute path is not a key.
            let isRepeatable = value.isRepeatablePath && path.hasPrefix("/") && !QuotedValue.looksLikeCredential(path)
            value.problem(isRepeatable ? error.message : "the key file that this names \(error.complaint)")
            return nil
        }
    }

    /// Warns of a secret that is probably not only the key, or another key. A password may have such characters.
    private func warn(of secret: String, _ place: String, _ value: ConfigurationValue, _ otherKinds: [String: String]) {
        if let doubt = SecretText.doubt(secret) {
            log.warning("\(place) \(doubt)", at: value.node.mark?.place, path: value.path)
        }
        for (beginning, problem) in otherKinds where secret.hasPrefix(beginning) {
            log.warning("\(place) begins with \(beginning): \(problem)", at: value.node.mark?.place, path: value.path)
        }
    }

    /// Whether a file is one of systemd's credentials, and this process is not the service that has it. An operator may
    /// check the service's config.
    private func isCredentialOfAnotherService(_ path: String) -> Bool {
        let own = environment["CREDENTIALS_DIRECTORY"]
        return path.hasPrefix("/run/credentials/") && own.map { !path.hasPrefix($0 + "/") } ?? true
    }

    private func literal(_ value: ConfigurationValue, _ otherKinds: [String: String]) -> SecretSource? {
        guard let text = value.text("the key as text") else { return nil }
        switch SecretText.check(text.utf8) {
        case .failure(let flaw):
            value.problem("the key \(flaw.description)")
            return nil
        case .success(let secret):
            registerLiteral(secret, value)
            warn(of: secret, "the key", value, otherKinds)
            return .literal(secret)
        }
    }

    /// Registers a secret that the config file contains, and warns if other users may read the file.
    package func registerLiteral(_ secret: String, _ value: ConfigurationValue) {
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

/// Validates keys.
///
/// Keys are sent in HTTP headers, where a line break would allow header injection, so only visible ASCII is valid.
package enum SecretText {
    /// The maximum size of a key file in bytes; the longest tokens in use, JWTs, are below 8 KiB.
    package static let longest = 65_536

    /// The reason why a text is not a valid key.
    package enum Flaw: Error, CustomStringConvertible {
        case empty
        case unprintable
        case placeholder

        package var description: String {
            switch self {
            case .empty: "is empty: put the key there"
            case .unprintable: "holds a space, a line break or a character beyond ASCII: put only the key there"
            case .placeholder: "holds ${…}, and variables are not expanded: name the variable with a key ending in _env"
            }
        }
    }

    /// The bytes without a trailing line break, which editors add to files and some tools to variables.
    package static func trimmed(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        var rest = bytes[...]
        if rest.last == UInt8(ascii: "\n") { rest.removeLast() }
        if rest.last == UInt8(ascii: "\r") { rest.removeLast() }
        return rest
    }

    /// The key, or the reason why it is invalid.
    package static func check(_ bytes: some Collection<UInt8>) -> Result<String, Flaw> {
        if bytes.isEmpty { return .failure(.empty) }
        guard bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else { return .failure(.unprintable) }
        let text = String(decoding: bytes, as: UTF8.self)
        return text.contains("${") ? .failure(.placeholder) : .success(text)
    }

    /// The reason why a valid text is probably not only the key; nil if there is none.
    static func doubt(_ text: String) -> String? {
        let marks: [Character] = ["\"", "'", "`"]
        if text.count > 1, let first = text.first, marks.contains(first), text.last == first {
            return "holds quotation marks, which are sent as part of the key: put only the key there"
        }
        guard let sign = text.firstIndex(of: "="), let next = text[sign...].dropFirst().first, next != "=" else {
            return nil
        }
        let name = text[..<sign].uppercased()
        let isName = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        guard isName, ["KEY", "TOKEN", "SECRET", "PASSWORD"].contains(where: name.hasSuffix) else { return nil }
        return "holds NAME=key, as an environment file does, all of which is sent as the key: put only the key there"
    }
}
