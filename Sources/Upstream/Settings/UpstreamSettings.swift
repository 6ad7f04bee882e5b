import Crypto
import Foundation
import UsageModel

/// How an account's API is reached.
package struct UpstreamSettings: Sendable {
    /// Where the API is.
    package let baseURL: BaseURL
    /// The longest one request may take, from its start to the answer's last byte; a retry has it anew.
    package let requestTimeout: Duration
    /// The longest a connection may take to be made, TLS included.
    package let connectTimeout: Duration
    /// The longest pause between two bytes of an answer, or before the first.
    package let readTimeout: Duration
    /// The longest answer to any call in bytes, after decompression; most calls ask for less.
    package let maximumBodyBytes: Int
    /// When a request is sent again.
    package let retryPolicy: RetryPolicy
    /// The proxy that requests go through; nil for none.
    package let proxy: ProxyServer?
    /// A PEM file of certificate authorities that are trusted beside the system's; nil for none.
    package let certificateAuthorityFile: String?
    /// The version in `User-Agent: genai-usage-exporter/<version>`.
    package let version: String

    /// How an API is reached.
    ///
    /// - Parameters:
    ///   - baseURL: as ``BaseURL/init(_:)`` reads it.
    ///   - requestTimeout: the longest one request may take.
    ///   - connectTimeout: the longest a connection may take to be made.
    ///   - readTimeout: the longest pause between two bytes; 15 seconds, or the request's time-out if that is shorter.
    ///   - maximumBodyBytes: the longest answer to any call in bytes, after decompression.
    ///   - maximumRetries: how often a request is sent again at most.
    ///   - retryBase: the first retry's longest backoff; each further one doubles.
    ///   - retryCap: the longest backoff of any retry.
    ///   - proxy: the proxy that requests go through.
    ///   - certificateAuthorityFile: a PEM file of further certificate authorities.
    ///   - version: the exporter's version, for `User-Agent`.
    /// - Throws: `InvalidUpstreamSetting`, naming the setting.
    package init(
        baseURL: String,
        requestTimeout: Duration = .seconds(30),
        connectTimeout: Duration = .seconds(10),
        readTimeout: Duration? = nil,
        maximumBodyBytes: Int = 64 << 20,
        maximumRetries: Int = 4,
        retryBase: Duration = .milliseconds(500),
        retryCap: Duration = .seconds(30),
        proxy: ProxyServer? = nil,
        certificateAuthorityFile: String? = nil,
        version: String = "0"
    ) throws(InvalidUpstreamSetting) {
        self.baseURL = try BaseURL(baseURL)
        self.requestTimeout = try Self.positive(requestTimeout, "timeout")
        self.connectTimeout = try Self.positive(connectTimeout, "the connect time-out")
        self.readTimeout = try Self.positive(readTimeout ?? min(.seconds(15), requestTimeout), "the read time-out")
        guard maximumBodyBytes > 0 else {
            throw InvalidUpstreamSetting("the longest answer must be at least one byte")
        }
        self.maximumBodyBytes = maximumBodyBytes
        guard maximumRetries >= 0 else { throw InvalidUpstreamSetting("the number of retries must not be negative") }
        retryPolicy = RetryPolicy(
            maximumRetries: maximumRetries,
            base: try Self.positive(retryBase, "the retry base"),
            cap: try Self.positive(retryCap, "the retry cap"))
        self.proxy = proxy
        self.certificateAuthorityFile = certificateAuthorityFile
        guard version.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !version.isEmpty else {
            throw InvalidUpstreamSetting("the version must be a word of visible ASCII characters")
        }
        self.version = version
    }

    private static func positive(_ duration: Duration, _ name: String) throws(InvalidUpstreamSetting) -> Duration {
        // Beyond a day nothing is gained, and nanoseconds in 64 bits stay far from their end.
        guard duration > .zero, duration <= .days(1) else {
            throw InvalidUpstreamSetting("\(name) must be longer than 0 and at most one day")
        }
        return duration
    }
}

/// A setting that cannot be used, found before any request is made.
package struct InvalidUpstreamSetting: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong and what would be right; never the value of a setting that may hold a secret.
    package let message: String

    /// A setting that cannot be used.
    package init(_ message: String) {
        self.message = message
    }

    /// The message.
    package var description: String { message }
}

/// An API key that cannot be printed by accident, read anew at each call.
package struct Credential: Sendable {
    private let read: @Sendable () throws -> String

    /// A key that stays the same.
    package init(literal: String) {
        read = { literal }
    }

    /// A key that is read whenever it is needed, so that a file's new content counts from the next call on.
    ///
    /// - Parameter read: gives the key, white space around it is dropped. What it throws must not hold the key: the
    ///   message of a `ReasonedFailure` is shown to the user, of another error nothing is.
    package init(read: @escaping @Sendable () throws -> String) {
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
    package var description: String { "<redacted>" }

    /// `<redacted>`.
    package var debugDescription: String { "<redacted>" }

    /// Nothing inside: `dump` and test failures print what a mirror shows.
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
