import Crypto
import Foundation
import UsageModel

/// An API key that cannot be printed by accident, read anew at each call.
public struct Credential: Sendable {
    private let read: @Sendable () throws -> String

    /// A key that stays the same.
    public init(literal: String) {
        read = { literal }
    }

    /// A key that is read whenever it is needed, so that a file's new content counts from the next call on.
    ///
    /// - Parameter read: gives the key, white space around it is dropped. What it throws must not hold the key: the
    ///   message of a `ReasonedFailure` is shown to the user, of another error nothing is.
    public init(read: @escaping @Sendable () throws -> String) {
        self.read = read
    }

    /// The key, fit for a header.
    ///
    /// - Throws: `UpstreamFailure` with the reason `auth` where there is none or it cannot go into a header.
    func value() throws(UpstreamFailure) -> String {
        let text: String
        do {
            text = try read()
        } catch {
            let detail = (error as? any ReasonedFailure)?.message ?? "it could not be read"
            throw UpstreamFailure(reason: .auth, message: "no API key: \(detail)")
        }
        let key = text.trimmingWhitespace()
        guard !key.isEmpty else { throw UpstreamFailure(reason: .auth, message: "the API key is empty") }
        guard key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw UpstreamFailure(
                reason: .auth,
                message: "the API key holds a character that no header can carry (a space, a line break or "
                    + "a letter outside ASCII): was more than the key pasted?")
        }
        return String(key)
    }
}

extension Credential {
    /// A keyed hash of the credential, which changes when the credential is rotated and reveals nothing else.
    ///
    /// - Parameter salt: the storage's own, without which the hash says nothing.
    func fingerprint(salt: String) throws(UpstreamFailure) -> String {
        let code = HMAC<SHA256>.authenticationCode(
            for: Data(try value().utf8), using: SymmetricKey(data: Data(salt.utf8)))
        return Data(code.prefix(12)).base64EncodedString()
    }
}

extension Credential: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// `<redacted>`.
    public var description: String { "<redacted>" }

    /// `<redacted>`.
    public var debugDescription: String { "<redacted>" }

    /// Nothing inside: `dump` and test failures print what a mirror shows.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
