import HTTPTypes
import NIOCore
import UsageModel

/// How long an answer may take, and how long a scrape counts: a pure value.
struct AnswerTime {
    /// A scrape counts as in flight no longer than this. The bytes are ready-made: what takes longer is the client's
    /// reading, and a thousand slow readers must not keep others from being answered.
    static let counting = TimeAmount.milliseconds(250)
    /// Without a word from the client.
    static let longest = TimeAmount.seconds(120)

    /// After so long the answer is given up: nobody waits for it any more.
    let limit: TimeAmount

    /// - Parameter headers: of a request; Prometheus says in one of them how long it waits for a scrape.
    init(headers: HTTPFields) {
        self.init(scrapeTimeout: HTTPField.Name.scrapeTimeout.flatMap { headers[$0] })
    }

    /// - Parameter scrapeTimeout: seconds, as in the header `X-Prometheus-Scrape-Timeout-Seconds`.
    init(scrapeTimeout: String?) {
        let seconds = scrapeTimeout.flatMap { Double($0) }.flatMap { $0 > 0 && $0 < 3600 ? $0 : nil }
        limit = seconds.map { .milliseconds(Int64(saturating: $0 * 1000)) } ?? Self.longest
    }
}

extension HTTPField.Name {
    fileprivate static let scrapeTimeout = HTTPField.Name("X-Prometheus-Scrape-Timeout-Seconds")
}
