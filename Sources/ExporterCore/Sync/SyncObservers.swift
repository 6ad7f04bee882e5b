import NIOConcurrencyHelpers

/// The observers of one account's sources, by name: the source's client and its runner share one.
final class SyncObservers: Sendable {
    private let skew: ClockSkew
    private let observers = NIOLockedValueBox<[String: SyncObserver]>([:])

    /// - Parameter skew: the account's.
    init(skew: ClockSkew) {
        self.skew = skew
    }

    func observer(of source: String) -> SyncObserver {
        observers.withLockedValue { observers in
            if let observer = observers[source] { return observer }
            let observer = SyncObserver(skew: skew)
            observers[source] = observer
            return observer
        }
    }
}
