import UsageModel
import Yams

/// Where a key comes from. Prints as `<redacted>` however it is printed.
package enum SecretSource: Sendable, Hashable {
    /// An environment variable (`api_key_env`), read once when the config was.
    case environment(name: String, value: String)
    /// A file (`api_key_file`), read again on each use, so that rotation needs no restart.
    case file(path: String)
    /// The key itself, written in the config file (`api_key`).
    case literal(String)

    /// The key.
    ///
    /// - Throws: `SecretFailure` where the file cannot be read or holds nothing that can be sent as a key.
    package func value(files: any FileReading = SystemFiles()) throws(SecretFailure) -> String {
        switch self {
        case .environment(_, let value), .literal(let value): return value
        case .file(let path):
            let bytes: [UInt8]
            do {
                bytes = try files.contents(of: path, limit: SecretText.longest)
            } catch {
                throw SecretFailure(file: path, complaint: "cannot be read: \(error.reason)")
            }
            switch SecretText.check(SecretText.trimmed(bytes)) {
            case .success(let secret): return secret
            case .failure(let flaw): throw SecretFailure(file: path, complaint: flaw.description)
            }
        }
    }
}

extension SecretSource: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Where the key comes from, never the key.
    package var description: String {
        switch self {
        case .environment(let name, _): "environment variable \(name)"
        case .file(let path): "file \(path)"
        case .literal: "<redacted>"
        }
    }

    /// The same as `description`: `dump` and string interpolation of optionals show no more.
    package var debugDescription: String { description }

    /// No children: reflection shows no more than `description`.
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// A key file that cannot be used; the message names the file, never what is in it.
package struct SecretFailure: ReasonedFailure, CustomStringConvertible {
    /// A key that is not there counts as a failed authentication.
    package var reason: FailureReason { .auth }
    /// The file as a path that can be opened.
    package let file: String
    /// What is wrong with it, and what would be right: continues a sentence that the file begins.
    package let complaint: String

    /// The file and what is wrong with it.
    package var message: String { "the key file \(file) \(complaint)" }

    /// The message.
    package var description: String { message }
}

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

/// What may be sent as a key.
///
/// Keys travel in HTTP headers: a line break in one would let the rest become headers of its own, so only visible
/// ASCII passes.
enum SecretText {
    /// The longest key file that is read, in bytes; the longest tokens in use, JWTs, stay below 8 KiB.
    static let longest = 65_536

    /// Why a text is no key.
    enum Flaw: Error, CustomStringConvertible {
        case empty
        case unprintable
        case placeholder

        var description: String {
            switch self {
            case .empty: "is empty: put the key there"
            case .unprintable: "holds a space, a line break or a character beyond ASCII: put the key alone there"
            case .placeholder: "holds ${…}, and variables are not expanded: name the variable with a key ending in _env"
            }
        }
    }

    /// The bytes without the line break that editors put at a file's end, and some tools at a variable's.
    static func trimmed(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        var rest = bytes[...]
        if rest.last == UInt8(ascii: "\n") { rest.removeLast() }
        if rest.last == UInt8(ascii: "\r") { rest.removeLast() }
        return rest
    }

    /// The key, or why it is none.
    static func check(_ bytes: some Collection<UInt8>) -> Result<String, Flaw> {
        if bytes.isEmpty { return .failure(.empty) }
        guard bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else { return .failure(.unprintable) }
        let text = String(decoding: bytes, as: UTF8.self)
        return text.contains("${") ? .failure(.placeholder) : .success(text)
    }
}
