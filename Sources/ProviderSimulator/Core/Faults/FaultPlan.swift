import NIOConcurrencyHelpers

/// What goes wrong with which requests.
///
/// A path prefix (`/wavespeed`, `/wavespeed/api/v3/balance`) has a queue of faults, each used once in order, and may
/// have a standing one for when its queue is empty. Where several prefixes match, any queue goes before any standing
/// fault, and the longer prefix before the shorter.
public final class FaultPlan: Sendable {
    private struct Place {
        var queue: [Fault] = []
        var standing: Fault?
    }

    private struct State {
        var places: [String: Place] = [:]
        var released = Signal<Void>()

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
    public func queue(_ faults: Fault..., at pathPrefix: String) {
        state.withLockedValue { $0.places[pathPrefix, default: Place()].queue += faults }
    }

    /// This befalls every request to the prefix, in place of the standing fault there was.
    public func stand(_ fault: Fault, at pathPrefix: String) {
        state.withLockedValue { $0.places[pathPrefix, default: Place()].standing = fault }
    }

    /// From now on all is well. Requests that hang already go on hanging.
    public func clear() {
        state.withLockedValue { $0.places = [:] }
    }

    /// Answers the requests that hang now.
    public func release() {
        let released = state.withLockedValue { state in
            defer { state.released = Signal() }
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
