import NIOConcurrencyHelpers
import UsageModel

/// A fault that the simulator injects into a response.
package enum Fault: Sendable, Hashable {
    /// Another status, with `body` or, if nil, an error in the provider's documented form.
    case status(Int, retryAfter: RetryAfter? = nil, body: String? = nil)
    /// No response until `FaultPlan.release()`, then the healthy one. Waits even after the client has disconnected.
    case hang
    /// The healthy response, delayed by the simulator's clock.
    case slowHeaders(Duration)
    /// The healthy response in chunks of N bytes, with a pause before each by the simulator's clock.
    case slowBody(bytes: Int, every: Duration)
    /// `Content-Length` covers the whole body, and the connection closes after half of it.
    case cutBody
    /// A JSON array without an end, as fast as the client reads.
    case endlessBody
    /// A body of N bytes of white space, announced in `Content-Length`, as fast as the client reads.
    case hugeBody(bytes: Int)
    /// A gzip body that expands a thousandfold to N MiB of white space, as fast as the client reads.
    case gzipBomb(mebibytes: Int)
    /// The healthy response with N elements in its first list of models, keys or rows, each under a unique name. A
    /// response without such a list is left unchanged.
    case crowd(Int)
    /// The healthy response with altered values.
    case altered(Alteration)
    /// An HTML page with the given status, as proxies and login walls send.
    case htmlPage(status: Int)
    /// A complete HTTP response with only the first half of its JSON.
    case truncatedJSON
    /// Arrays nested to the given depth: well-formed, but overflows the stack of a recursive parser.
    case deepJSON(depth: Int)
    /// The healthy response with header fields set.
    case headers([String: String])
    /// The healthy response in another allowed form: numbers as strings, fields missing, arrays shuffled.
    case style(AnswerStyle)
    /// 307 to another URL.
    case redirect(to: String)

    /// The two forms of the header `Retry-After` (RFC 9110, section 10.2.3).
    package enum RetryAfter: Sendable, Hashable {
        /// A delay in seconds.
        case seconds(Int)
        /// An HTTP date, with a resolution of one second.
        case date(Timestamp)
    }
}

/// Assigns faults to requests by path prefix.
///
/// A path prefix (`/wavespeed`, `/wavespeed/api/v3/balance`) has a queue of faults, each used once in order, and an
/// optional standing fault for when its queue is empty. If several prefixes match, any queue precedes any standing
/// fault, and the longer prefix precedes the shorter.
package final class FaultPlan: Sendable {
    private struct Entry {
        var queue: [Fault] = []
        var standing: Fault?
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var released = AsyncValue<Void>()

        mutating func next(for path: String) -> Fault? {
            let matching = entries.keys.filter(path.hasPrefix).sorted { $0.utf8.count > $1.utf8.count }
            for prefix in matching where entries[prefix]?.queue.isEmpty == false {
                return entries[prefix]?.queue.removeFirst()
            }
            for prefix in matching {
                if let fault = entries[prefix]?.standing { return fault }
            }
            return nil
        }
    }

    private let state = NIOLockedValueBox(State())

    init() {}

    /// Applies each fault once, in order, to requests matching the prefix, after those already queued there.
    package func queue(_ faults: Fault..., at pathPrefix: String) {
        state.withLockedValue { $0.entries[pathPrefix, default: Entry()].queue += faults }
    }

    /// Applies the fault to every request matching the prefix, replacing its previous standing fault.
    package func stand(_ fault: Fault, at pathPrefix: String) {
        state.withLockedValue { $0.entries[pathPrefix, default: Entry()].standing = fault }
    }

    /// Removes all faults. Requests that already hang keep hanging.
    package func clear() {
        state.withLockedValue { $0.entries = [:] }
    }

    /// Responds to the requests that hang now.
    package func release() {
        let released = state.withLockedValue { state in
            defer { state.released = AsyncValue() }
            return state.released
        }
        released.send(())
    }

    /// Removes and returns the fault for a request to this path.
    func next(for path: String) -> Fault? {
        state.withLockedValue { $0.next(for: path) }
    }

    /// Returns after the next `release()`.
    func waitForRelease() async throws {
        try await state.withLockedValue { $0.released }.value()
    }
}
