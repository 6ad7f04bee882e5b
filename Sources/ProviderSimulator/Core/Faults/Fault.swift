import NIOConcurrencyHelpers
import UsageModel

/// Something that can be wrong with an answer.
package enum Fault: Sendable, Hashable {
    /// Another status, with `body` or else an error in the provider's documented form.
    case status(Int, retryAfter: RetryAfter? = nil, body: String? = nil)
    /// No answer until `FaultPlan.release()`, then the healthy one. It hangs on for a client that has given up.
    case hang
    /// The healthy answer, begun only after a while by the simulator's clock.
    case slowHeaders(Duration)
    /// The healthy answer, so many bytes at a time with a pause before each piece by the simulator's clock.
    case slowBody(bytes: Int, every: Duration)
    /// The headers promise the whole body, and the connection closes after half of it.
    case cutBody
    /// A JSON array that never ends, as fast as the client reads.
    case endlessBody
    /// The headers promise so many bytes, and they come, as fast as the client reads: white space.
    case hugeBody(bytes: Int)
    /// A gzip body a thousandth as long that expands to so many MiB of white space, as fast as the client reads.
    case gzipBomb(mebibytes: Int)
    /// The healthy answer, its first list of models, keys or rows so long, each under a name of its own. An answer without
    /// such a list is the healthy one.
    case crowd(Int)
    /// The healthy answer with something wrong inside.
    case altered(Alteration)
    /// A page for people, as proxies and login walls send, with that status.
    case htmlPage(status: Int)
    /// A complete HTTP answer that holds only the first half of its JSON.
    case truncatedJSON
    /// Arrays inside arrays, so many deep: well-formed, and poison for a recursive reader.
    case deepJSON(depth: Int)
    /// The healthy answer under another `Content-Type`.
    case contentType(String)
    /// The healthy answer in another of its allowed forms: numbers as strings, fields missing, arrays shuffled.
    case style(AnswerStyle)
    /// 307 to another place.
    case redirect(to: String)

    /// The header `Retry-After` in its two forms (RFC 9110, section 10.2.3).
    package enum RetryAfter: Sendable, Hashable {
        /// So many seconds.
        case seconds(Int)
        /// Not before this moment, to the second.
        case date(Timestamp)
    }
}

/// What goes wrong with which requests.
///
/// A path prefix (`/wavespeed`, `/wavespeed/api/v3/balance`) has a queue of faults, each used once in order, and may
/// have a standing one for when its queue is empty. Where several prefixes match, any queue goes before any standing
/// fault, and the longer prefix before the shorter.
package final class FaultPlan: Sendable {
    private struct Place {
        var queue: [Fault] = []
        var standing: Fault?
    }

    private struct State {
        var places: [String: Place] = [:]
        var released = AsyncValue<Void>()

        mutating func next(for path: String) -> Fault? {
            let matching = places.keys.filter(path.hasPrefix).sorted { $0.utf8.count > $1.utf8.count }
            for prefix in matching where places[prefix]?.queue.isEmpty == false {
                return places[prefix]?.queue.removeFirst()
            }
            for prefix in matching {
                if let fault = places[prefix]?.standing { return fault }
            }
            return nil
        }
    }

    private let state = NIOLockedValueBox(State())

    init() {}

    /// Each of these befalls one request to the prefix, in this order, after those already queued there.
    package func queue(_ faults: Fault..., at pathPrefix: String) {
        state.withLockedValue { $0.places[pathPrefix, default: Place()].queue += faults }
    }

    /// This befalls every request to the prefix, in place of the standing fault there was.
    package func stand(_ fault: Fault, at pathPrefix: String) {
        state.withLockedValue { $0.places[pathPrefix, default: Place()].standing = fault }
    }

    /// From now on all is well. Requests that hang already go on hanging.
    package func clear() {
        state.withLockedValue { $0.places = [:] }
    }

    /// Answers the requests that hang now.
    package func release() {
        let released = state.withLockedValue { state in
            defer { state.released = AsyncValue() }
            return state.released
        }
        released.send(())
    }

    /// The fault that befalls a request to this path.
    func next(for path: String) -> Fault? {
        state.withLockedValue { $0.next(for: path) }
    }

    /// Returns after the next `release()`.
    func waitForRelease() async throws {
        try await state.withLockedValue { $0.released }.value()
    }
}
