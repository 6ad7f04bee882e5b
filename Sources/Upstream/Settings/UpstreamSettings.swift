import UsageModel

/// How an account's API is reached.
public struct UpstreamSettings: Sendable {
    /// Where the API is.
    public let baseURL: BaseURL
    /// The longest one request may take, from its start to the answer's last byte; a retry has it anew.
    public let requestTimeout: Duration
    /// The longest a connection may take to be made, TLS included.
    public let connectTimeout: Duration
    /// The longest pause between two bytes of an answer, or before the first.
    public let readTimeout: Duration
    /// The longest answer to any call in bytes, after decompression; most calls ask for less.
    public let maximumBodyBytes: Int
    /// When a request is sent again.
    public let retryPolicy: RetryPolicy
    /// The proxy that requests go through; nil for none.
    public let proxy: ProxyServer?
    /// A PEM file of certificate authorities that are trusted beside the system's; nil for none.
    public let certificateAuthorityFile: String?
    /// The version in `User-Agent: genai-usage-exporter/<version>`.
    public let version: String

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
    public init(
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
