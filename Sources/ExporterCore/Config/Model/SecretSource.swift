import UsageModel

/// Where a key comes from. Prints as `<redacted>` however it is printed.
public enum SecretSource: Sendable, Hashable {
    /// An environment variable (`api_key_env`), read once when the config was.
    case environment(name: String, value: String)
    /// A file (`api_key_file`), read again on each use, so that rotation needs no restart.
    case file(path: String)
    /// The key itself, written in the config file (`api_key`).
    case literal(String)

    /// The key.
    ///
    /// - Throws: `SecretFailure` where the file cannot be read or holds nothing that can be sent as a key.
    public func value(files: any FileReading = SystemFiles()) throws(SecretFailure) -> String {
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
    public var description: String {
        switch self {
        case .environment(let name, _): "environment variable \(name)"
        case .file(let path): "file \(path)"
        case .literal: "<redacted>"
        }
    }

    /// The same as `description`: `dump` and string interpolation of optionals show no more.
    public var debugDescription: String { description }

    /// No children: reflection shows no more than `description`.
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// A key file that cannot be used; the message names the file, never what is in it.
public struct SecretFailure: ReasonedFailure, CustomStringConvertible {
    /// A key that is not there counts as a failed authentication.
    public var reason: FailureReason { .auth }
    /// The file as a path that can be opened.
    public let file: String
    /// What is wrong with it, and what would be right: continues a sentence that the file begins.
    public let complaint: String

    /// The file and what is wrong with it.
    public var message: String { "the key file \(file) \(complaint)" }

    /// The message.
    public var description: String { message }
}
