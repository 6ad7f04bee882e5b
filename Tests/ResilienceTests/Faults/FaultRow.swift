import ProviderSimulator
import Testing
import TestSupport
import UsageModel

/// A fault between the exporter and the providers, and its visible effects.
///
/// In every row the served ledger values stay unchanged, and the first sync after the fault reads all missed usage.
struct FaultRow: Sendable, CustomTestStringConvertible {
    enum Cause: Sendable {
        /// Every response of every provider has this fault.
        case answers(Fault)
        /// Every account's `base_url` is replaced; the new one may use the simulator's port.
        case elsewhere(@Sendable (_ port: String) -> String)
    }

    let name: String
    let cause: Cause
    /// The label `result` of `genai_syncs_total` and the `reason` of the log line; nil if the sync succeeds.
    let result: FailureReason?
    /// Texts of which the log line's `error` contains one.
    var says: [String] = []
    /// Sources, as `provider/source`, for which the endpoint is optional: they do not fail.
    var spares: Set<String> = []
    /// Whether responses have to be waited for: uses short timeouts, and the machine's clock for the simulator.
    var isSlow = false
    /// Whether every value finally equals that of an exporter without the fault.
    var leavesNothing = true

    var testDescription: String { name }
}

extension FaultRow {
    /// An error body with every key of the simulated accounts, as a provider might repeat them.
    static let leakyBody =
        #"{"error":{"message":"bad key "# + secrets.joined(separator: " ") + #"","code":"x"},"message":"bad "#
        + secrets.joined(separator: ", ") + #""}"#

    /// Secrets that must not be exposed: every key in the config of the demo accounts.
    static let secrets: [String] = demoAccounts.flatMap(\.settings).flatMap { line in
        line.matches(of: /(?:api|management)_key: ([^ ,}]+)/).map { String($0.output.1) }
    }

    /// The beginning of secrets that the simulated CheapestInference lists in responses, as its newer API does. They are in
    /// no config, so redaction does not know them.
    static let listedSecret = "sk-listed-"

    /// Endpoints without gauges that are optional according to the providers' documentation: 404 means that they are not
    /// offered. Those with gauges fail if they were there before.
    private static let optional = sources(\.optionalSources)
    /// The fleet's API responds 404 here, with or without these faults.
    private static let missing = sources(\.sourcesMissingInDemo)

    private static func sources(_ part: (TestedProvider) -> Set<String>) -> Set<String> {
        Set(TestedProvider.all.flatMap { provider in part(provider).map { "\(provider)/\($0)" } })
    }

    /// Timeout messages, without and with a partial response.
    private static let slowness = ["no complete response within", "the API is slow or hangs"]

    static let all: [FaultRow] = [
        FaultRow(
            name: "connection refused", cause: .elsewhere { _ in "http://127.0.0.1:1" }, result: .network,
            says: ["connection refused"]),
        FaultRow(
            name: "unknown host", cause: .elsewhere { _ in "https://nowhere.invalid" }, result: .network,
            says: ["nowhere.invalid"]),
        FaultRow(
            name: "plain HTTP on an HTTPS URL", cause: .elsewhere { "https://127.0.0.1:\($0)" }, result: .network,
            says: ["TLS"]),
        FaultRow(
            name: "401", cause: .answers(.status(401)), result: .auth, says: ["the API key is missing or wrong"]),
        FaultRow(
            name: "401 that repeats the keys", cause: .answers(.status(401, body: leakyBody)), result: .auth,
            says: ["the API key is missing or wrong"]),
        FaultRow(name: "402", cause: .answers(.status(402)), result: .auth, says: ["HTTP 402"]),
        FaultRow(
            name: "403", cause: .answers(.status(403)), result: .auth, says: ["HTTP 403"],
            spares: sources(\.sourcesWithoutPermission).union(missing)),
        FaultRow(
            name: "404", cause: .answers(.status(404)), result: .http4xx,
            says: ["this path does not exist", "the API has no statistics of the bot"],
            spares: optional.union(missing)),
        FaultRow(
            name: "410", cause: .answers(.status(410)), result: .gone,
            says: ["the provider has closed this endpoint", "the API has no statistics of the bot"], spares: missing),
        FaultRow(name: "429", cause: .answers(.status(429)), result: .rateLimited, says: ["too many requests"]),
        FaultRow(
            name: "429 with Retry-After in seconds", cause: .answers(.status(429, retryAfter: .seconds(40))),
            result: .rateLimited, says: ["too many requests"]),
        FaultRow(
            name: "429 with Retry-After as a date",
            cause: .answers(.status(429, retryAfter: .date(SimulatedFleet.friday + .hours(2)))), result: .rateLimited,
            says: ["too many requests"]),
        FaultRow(
            name: "500", cause: .answers(.status(500)), result: .http5xx, says: ["the API has an internal error"]),
        FaultRow(
            name: "503 with an HTML page", cause: .answers(.htmlPage(status: 503)), result: .http5xx, says: ["HTTP 503"]
        ),
        FaultRow(
            name: "no response", cause: .answers(.hang), result: .timeout, says: slowness, isSlow: true),
        FaultRow(
            name: "slow headers", cause: .answers(.slowHeaders(.seconds(600))), result: .timeout,
            says: slowness,
            isSlow: true),
        FaultRow(
            name: "slow body", cause: .answers(.slowBody(bytes: 1, every: .milliseconds(700))), result: .timeout,
            says: slowness, isSlow: true),
        FaultRow(
            name: "truncated body", cause: .answers(.cutBody), result: .network,
            says: ["the connection was closed before the response was complete"], spares: missing),
        FaultRow(
            name: "HTML page instead of JSON", cause: .answers(.htmlPage(status: 200)), result: .decode,
            says: ["the response is HTML, not JSON"]),
        FaultRow(
            name: "truncated JSON", cause: .answers(.truncatedJSON), result: .decode,
            says: ["the response is"], spares: missing),
        FaultRow(
            name: "deep JSON", cause: .answers(.deepJSON(depth: 500_000)), result: .decode,
            says: ["nested too deeply", "expected an object"]),
        FaultRow(
            name: "redirect to another host", cause: .answers(.redirect(to: "http://127.0.0.2:9/elsewhere")),
            result: .http4xx, says: ["127.0.0.2"]),
        FaultRow(name: "another content type", cause: .answers(.headers(["Content-Type": "text/plain"])), result: nil),
        FaultRow(name: "numbers as strings", cause: .answers(.style(.numbersAsStrings)), result: nil),
        FaultRow(name: "rows in another order", cause: .answers(.style(.shuffledArrays)), result: nil),
        // Usage without optional fields is counted under an empty label and stays there, because counters never
        // decrease.
        FaultRow(
            name: "optional fields missing", cause: .answers(.style(.withoutOptionalFields)), result: nil,
            leavesNothing: false),
    ]
}
