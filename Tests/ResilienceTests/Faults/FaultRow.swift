import ProviderSimulator
import Testing
import UsageModel

/// Something that can go wrong between us and the providers, and what a person sees of it.
///
/// What is served of the ledger stays as it was in every row, and in every row the first sync after the fault is over
/// brings all that was missed.
struct FaultRow: Sendable, CustomTestStringConvertible {
    enum Cause: Sendable {
        /// Every answer of every provider is like this.
        case answers(Fault)
        /// Every account's `base_url` leads elsewhere: made of the simulator's port.
        case elsewhere(@Sendable (_ port: String) -> String)
    }

    let name: String
    let cause: Cause
    /// The value of `result` in `genai_syncs_total`, and of `reason` in the log line; nil where the sync succeeds.
    let result: FailureReason?
    /// What the log line's `error` says, in one of these ways.
    var says: [String] = []
    /// Sources, as `provider/source`, that can do without the endpoint: for them this is no fault.
    var spares: Set<String> = []
    /// Whether answers have to be waited for, so that time-outs are short and the simulator's clock is the machine's.
    var isSlow = false
    /// Whether in the end every figure is the one that an exporter without the fault shows.
    var leavesNothing = true

    var testDescription: String { name }
}

extension FaultRow {
    /// Every key of the simulated accounts, as a provider might repeat them in an error.
    static let leakyBody =
        #"{"error":{"message":"bad key "# + secrets.joined(separator: " ") + #"","code":"x"},"message":"bad "#
        + secrets.joined(separator: ", ") + #""}"#

    /// What must be seen nowhere.
    static let secrets = [
        "demo-wavespeed-media", "demo-wavespeed-studio", "demo-fairstack-stack", "demo-venice-assistant",
        "demo-mk-inference", "demo-sk-assistant", "demo-sk-search", "demo-sk-nightly-batch", "demo-useapi-clips",
    ]

    /// Endpoints that are optional by the providers' documents: 404 says that they are not offered.
    private static let optional: Set<String> = [
        "fairstack/credits", "venice/api_keys", "venice/balance", "venice/rate_limits", "venice/usage_analytics",
        "cheapestinference/billing_credits", "cheapestinference/plans", "useapi/account",
    ]

    /// How a time-out is told, by what came of the answer.
    private static let slowness = ["no whole answer within", "the API is slow or hangs"]

    static let all: [FaultRow] = [
        FaultRow(
            name: "connection refused", cause: .elsewhere { _ in "http://127.0.0.1:1" }, result: .network,
            says: ["connection refused"]),
        FaultRow(
            name: "unknown host", cause: .elsewhere { _ in "https://nowhere.invalid" }, result: .network,
            says: ["nowhere.invalid"]),
        FaultRow(
            name: "no TLS where TLS is asked for", cause: .elsewhere { "https://127.0.0.1:\($0)" }, result: .network,
            says: ["TLS"]),
        FaultRow(
            name: "401", cause: .answers(.status(401)), result: .auth, says: ["the API key is missing or wrong"]),
        FaultRow(
            name: "401 that repeats the keys", cause: .answers(.status(401, body: leakyBody)), result: .auth,
            says: ["the API key is missing or wrong"]),
        FaultRow(name: "402", cause: .answers(.status(402)), result: .auth, says: ["HTTP 402"]),
        FaultRow(
            name: "403", cause: .answers(.status(403)), result: .auth, says: ["HTTP 403"],
            // How the API tells that a key was deactivated.
            spares: ["cheapestinference/usage"]),
        FaultRow(
            name: "404", cause: .answers(.status(404)), result: .http4xx, says: ["there is nothing at this path"],
            spares: optional),
        FaultRow(
            name: "410", cause: .answers(.status(410)), result: .gone, says: ["the provider has closed this endpoint"]),
        FaultRow(name: "429", cause: .answers(.status(429)), result: .rateLimited, says: ["too many requests"]),
        FaultRow(
            name: "429 with Retry-After in seconds", cause: .answers(.status(429, retryAfter: .seconds(40))),
            result: .rateLimited, says: ["too many requests"]),
        FaultRow(
            name: "429 with Retry-After as a date",
            cause: .answers(.status(429, retryAfter: .date(SimulatedFleet.friday + .hours(2)))), result: .rateLimited,
            says: ["too many requests"]),
        FaultRow(
            name: "500", cause: .answers(.status(500)), result: .http5xx, says: ["the API has a problem of its own"]),
        FaultRow(
            name: "503 with an HTML page", cause: .answers(.htmlPage(status: 503)), result: .http5xx, says: ["HTTP 503"]
        ),
        FaultRow(
            name: "no answer", cause: .answers(.hang), result: .timeout, says: slowness, isSlow: true),
        FaultRow(
            name: "slow headers", cause: .answers(.slowHeaders(.seconds(600))), result: .timeout,
            says: slowness,
            isSlow: true),
        FaultRow(
            name: "slow body", cause: .answers(.slowBody(bytes: 1, every: .milliseconds(700))), result: .timeout,
            says: slowness, isSlow: true),
        FaultRow(
            name: "body cut off", cause: .answers(.cutBody), result: .network,
            says: ["the connection broke before the answer was whole"]),
        FaultRow(
            name: "HTML page in place of JSON", cause: .answers(.htmlPage(status: 200)), result: .decode,
            says: ["the answer is HTML, not JSON"]),
        FaultRow(name: "half of the JSON", cause: .answers(.truncatedJSON), result: .decode, says: ["the answer is"]),
        FaultRow(
            name: "deep JSON", cause: .answers(.deepJSON(depth: 500_000)), result: .decode,
            says: ["nested too deeply", "expected an object"]),
        FaultRow(
            name: "redirect to another host", cause: .answers(.redirect(to: "http://127.0.0.2:9/elsewhere")),
            result: .http4xx, says: ["127.0.0.2"]),
        FaultRow(name: "another content type", cause: .answers(.contentType("text/plain")), result: nil),
        FaultRow(name: "numbers as strings", cause: .answers(.style(.numbersAsStrings)), result: nil),
        FaultRow(name: "rows in another order", cause: .answers(.style(.shuffledArrays)), result: nil),
        // Figures that are missing in one answer are counted under an empty label, and stay there: counters never fall.
        FaultRow(
            name: "optional fields missing", cause: .answers(.style(.withoutOptionalFields)), result: nil,
            leavesNothing: false),
    ]
}
