import AsyncHTTPClient
import Logging
import NIOCore
import NIOHTTP1
import UsageModel

/// The HTTP client for one account's API: authenticates calls, applies limits, retries, and reports failures with what
/// to check.
///
/// The credential is sent only in the header field that the call names, `Authorization` by default, of requests to the base
/// URL's origin. It never appears in failures and logs, and is redacted in the bodies of its own responses.
package final class UpstreamClient: UpstreamAPI {
    private let settings: UpstreamSettings
    private let credential: Credential?
    private let fingerprintSalt: String
    private let connections: UpstreamConnections
    private let clock: any WallClock
    private let random: any RandomSource
    private let observer: any UpstreamObserver
    private let logger: Logger

    /// Creates a client for one account.
    ///
    /// - Parameters:
    ///   - settings: the connection settings of the API.
    ///   - credential: the key or token of authenticated calls; nil if there is none.
    ///   - fingerprintSalt: the key of the credential's hash, which sources may store.
    ///   - connections: the connection pools, shared by all accounts.
    ///   - clock: for waits between attempts and `Retry-After` dates; timeouts of requests use real time.
    ///   - random: the source of jitter.
    ///   - observer: counts requests and retries.
    ///   - logger: logs method, path, status and duration at debug, never a query, a body or a credential.
    package init(
        settings: UpstreamSettings, credential: Credential?, fingerprintSalt: String,
        connections: UpstreamConnections, clock: any WallClock, random: any RandomSource,
        observer: any UpstreamObserver, logger: Logger
    ) {
        self.settings = settings
        self.credential = credential
        self.fingerprintSalt = fingerprintSalt
        self.connections = connections
        self.clock = clock
        self.random = random
        self.observer = observer
        self.logger = logger
    }

    /// Returns a client for the same account with another key.
    package func authenticated(with credential: Credential) -> UpstreamClient {
        UpstreamClient(
            settings: settings, credential: credential, fingerprintSalt: fingerprintSalt, connections: connections,
            clock: clock, random: random, observer: observer, logger: logger)
    }

    package func credentialFingerprint() throws -> String? { try credential?.fingerprint(salt: fingerprintSalt) }

    /// Sends a call with retries and returns its 2xx response; see ``UpstreamAPI/send(_:)``.
    package func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        var retries = 0
        var waited = Duration.zero
        var last: UpstreamFailure?
        while true {
            try Task.checkCancellation()
            let attempt: Result<UpstreamResponse, FailedAttempt>
            do {
                attempt = try await self.attempt(call)
            } catch let postponed as SyncPostponed {
                // The quota has no room for a retry: report the original failure.
                if let last { throw last }
                throw postponed
            }
            switch attempt {
            case .success(let response):
                return response
            case .failure(let failed):
                let decision = settings.retryPolicy.decision(
                    retries: retries, outcome: failed.outcome, waited: waited, now: clock.now,
                    randomUnit: random.unit())
                guard case .retry(let wait) = decision, retries < call.mostRetries,
                    call.retriesTimeouts || failed.failure.reason != .timeout
                else { throw failed.failure }
                last = failed.failure
                logger.debug(
                    "retrying",
                    metadata: [
                        "method": "\(call.method.rawValue)", "path": "\(call.path)",
                        "result": "\(failed.failure.reason.rawValue)", "wait": "\(wait)",
                    ])
                try await clock.sleep(for: wait)
                waited += wait
                retries += 1
                observer.retried()
            }
        }
    }

    /// A failed attempt: the failure for the caller and the outcome for the retry policy.
    private struct FailedAttempt: Error {
        let failure: UpstreamFailure
        let outcome: RetryPolicy.Outcome
    }

    /// Makes one attempt, including redirects within the API's own origin.
    ///
    /// - Throws: `CancellationError`, or `UpstreamFailure` if no request could be made.
    private func attempt(_ call: UpstreamCall) async throws -> Result<UpstreamResponse, FailedAttempt> {
        let key = call.authenticated ? try credential?.value() : nil
        let classifier = ResponseClassifier(
            call: call, settings: settings, redaction: try redaction(key), keyInBody: KeyInBody(key))
        return try await connections.withClient(for: settings) { client in
            try await attempt(call, key: key, classifier: classifier, client: client)
        }
    }

    private func attempt(
        _ call: UpstreamCall, key: String?, classifier: ResponseClassifier, client: HTTPClient
    ) async throws -> Result<UpstreamResponse, FailedAttempt> {
        var url = settings.baseURL.url(of: call)
        var redirects = 0
        while true {
            let response: RawResponse
            try await call.permit?()
            do {
                response = try await exchange(request(call, url: url, key: key), call: call, client: client)
            } catch let failure as NetworkFailure {
                return .failure(FailedAttempt(failure: classifier.failure(failure), outcome: failure.outcome))
            }
            switch classifier.classify(response, url: url, redirects: redirects, now: clock.now) {
            case .answer(let response):
                return .success(response)
            case .redirect(let target):
                url = target
                redirects += 1
            case .failure(let failure, let outcome):
                return .failure(FailedAttempt(failure: failure, outcome: outcome))
            }
        }
    }

    /// Sends one request, counts it and logs it.
    ///
    /// - Throws: `CancellationError` or `NetworkFailure`.
    private func exchange(
        _ request: HTTPClientRequest, call: UpstreamCall, client: HTTPClient
    ) async throws -> RawResponse {
        let exchange = HTTPExchange(
            client: client, maximumBodyBytes: min(call.longestAnswer, settings.maximumBodyBytes),
            timeout: settings.requestTimeout)
        let start = ContinuousClock.now
        do {
            let response = try await exchange.perform(request)
            finished(call, code: response.status, since: start)
            observer.responded(to: call, status: response.status, headers: response.headers, at: clock.now)
            return response
        } catch {
            // The network stack has several errors for a cancellation: check the task instead.
            try Task.checkCancellation()
            let code: Int? = if case ExchangeError.bodyTooLarge(let status, _) = error { status } else { nil }
            finished(call, code: code, since: start)
            throw NetworkFailure(error, settings: settings)
        }
    }

    private func finished(_ call: UpstreamCall, code: Int?, since start: ContinuousClock.Instant) {
        let duration = ContinuousClock.now - start
        observer.requestFinished(code: code, duration: duration)
        logger.debug(
            "request finished",
            metadata: [
                "method": "\(call.method.rawValue)", "path": "\(call.path)",
                "status": "\(code.map(String.init) ?? "none")", "duration": "\(duration)",
            ])
    }

    private func request(_ call: UpstreamCall, url: String, key: String?) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: url)
        request.method = call.method == .get ? .GET : .POST
        request.headers.add(name: "Accept", value: "application/json")
        request.headers.add(name: "User-Agent", value: "genai-usage-exporter/\(settings.version)")
        for (name, value) in call.headers { request.headers.replaceOrAdd(name: name, value: value) }
        if let key {
            switch call.credentialField {
            case .bearer: request.headers.replaceOrAdd(name: "Authorization", value: "Bearer \(key)")
            case .named(let name): request.headers.replaceOrAdd(name: name, value: key)
            }
        }
        if let body = call.jsonBody {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        return request
    }

    private func redaction(_ key: String?) throws(UpstreamFailure) -> Redaction {
        Redaction([key, try settings.proxy?.password()].compactMap { $0 })
    }
}
