import NIOCore

/// How long a scrape may take and how long it counts: a pure value.
struct ScrapeTiming {
    /// A scrape counts as in flight no longer than this. The bytes are ready-made: what takes longer is the client's
    /// reading, and a thousand slow readers must not keep others from being answered.
    static let counting = TimeAmount.seconds(1)
    /// Without a word from the client.
    static let longest = TimeAmount.seconds(120)

    /// After so long the answer is given up: nobody waits for it any more.
    let limit: TimeAmount

    /// - Parameter timeout: the header `X-Prometheus-Scrape-Timeout-Seconds` of Prometheus: its scrape time-out.
    init(timeout: String?) {
        let seconds = timeout.flatMap { Double($0) }.flatMap { $0 > 0 && $0 < 3600 ? $0 : nil }
        limit = seconds.map { .milliseconds(Int64($0 * 1000)) } ?? Self.longest
    }
}
