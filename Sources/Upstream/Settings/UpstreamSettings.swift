import Crypto
import Foundation
import UsageModel

/// The connection settings of an account's API.
package struct UpstreamSettings: Sendable {
    package let baseURL: BaseURL
    /// The timeout of each request, from its start to the response's last byte; it restarts for a retry.
    package let requestTimeout: Duration
    /// The timeout of a connection attempt, including TLS.
    package let connectTimeout: Duration
    /// The longest pause between two reads of a response, or before the first.
    package let readTimeout: Duration
    /// The maximum response size of any call in bytes, after decompression; most calls have a lower limit.
    package let maximumBodyBytes: Int
    package let retryPolicy: RetryPolicy
    /// The proxy; nil for direct connections.
    package let proxy: ProxyServer?
    /// A PEM file of certificate authorities trusted in addition to the system's; nil if there is none.
    package let certificateAuthorityFile: String?
    /// The version in `User-Agent: genai-usage-exporter/<version>`.
    package let version: String

    /// Creates validated settings.
    ///
    /// - Parameters:
    ///   - baseURL: see ``BaseURL/init(_:)``.
    ///   - requestTimeout: the timeout of each request.
    ///   - connectTimeout: the timeout of a connection attempt.
    ///   - readTimeout: the longest pause between two reads; by default 15 seconds, or the request timeout if shorter.
    ///   - maximumBodyBytes: the maximum response size of any call in bytes, after decompression.
    ///   - maximumRetries: the maximum number of retries of a request.
    ///   - retryBase: the first retry's longest backoff; it doubles with each retry.
    ///   - retryCap: the longest backoff of any retry.
    ///   - proxy: the proxy; nil for direct connections.
    ///   - certificateAuthorityFile: a PEM file of additional certificate authorities.
    ///   - version: the exporter's version, for `User-Agent`.
    /// - Throws: `InvalidUpstreamSetting` with the setting's name.
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
        self.connectTimeout = try Self.positive(connectTimeout, "the connect timeout")
        self.readTimeout = try Self.positive(readTimeout ?? min(.seconds(15), requestTimeout), "the read timeout")
        guard maximumBodyBytes > 0 else {
            throw InvalidUpstreamSetting("the maximum response size must be at least one byte")
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
        // The limit of a day prevents an overflow of 64-bit nanoseconds.
        guard duration > .zero, duration <= .days(1) else {
            throw InvalidUpstreamSetting("\(name) must be longer than 0 and at most one day")
        }
        return duration
    }
}

/// An invalid setting, detected before any request.
package struct InvalidUpstreamSetting: Error, Sendable, Hashable, CustomStringConvertible {
    /// The problem and its fix; never contains the value of a setting that may contain a secret.
    package let message: String

    package init(_ message: String) {
        self.message = message
    }

    package var description: String { message }
}

/// An API key that is read for each call and redacted when printed.
package struct Credential: Sendable {
    private let read: @Sendable () throws -> String

    /// Creates a constant key.
    package init(literal: String) {
        read = { literal }
    }

    /// Creates a key that is read for each call, so that a changed file takes effect at the next call.
    ///
    /// - Parameter read: returns the key; surrounding white space is removed. Its errors must not contain the key: the
    ///   message of a `ReasonedFailure` is shown to the operator, other errors are not.
    package init(read: @escaping @Sendable () throws -> String) {
        self.read = read
    }

    /// Returns the key for use in a header.
    ///
    /// - Throws: `UpstreamFailure` with the reason `auth` if the key is missing or not valid in a header.
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
                message: "the API key contains a character that is not valid in a header (a space, a line break or "
                    + "a non-ASCII character): check that it was pasted correctly")
        }
        return String(key)
    }
}

extension Credential {
    /// Returns a keyed hash of the credential, which changes when the credential is rotated and does not reveal it.
    ///
    /// - Parameter salt: the storage's own secret key of the hash.
    func fingerprint(salt: String) throws(UpstreamFailure) -> String {
        let code = HMAC<SHA256>.authenticationCode(
            for: Data(try value().utf8), using: SymmetricKey(data: Data(salt.utf8)))
        return Data(code.prefix(12)).base64EncodedString()
    }
}

extension Credential: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<redacted>" }

    package var debugDescription: String { "<redacted>" }

    /// Empty, because `dump` and test failures print the mirror.
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
