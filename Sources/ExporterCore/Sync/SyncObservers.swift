import Synchronization

/// The observers of one account's sources, by name: the source's client and its runner share one.
final class SyncObservers: Sendable {
    private let observers = Mutex<[String: SyncObserver]>([:])

    func observer(of source: String) -> SyncObserver {
        observers.withLock { observers in
            if let observer = observers[source] { return observer }
            let observer = SyncObserver()
            observers[source] = observer
            return observer
        }
    }
}
