import UsageModel

extension SourceRunner {
    /// The shortest time between two attempts after reloads: providers lock out clients that repeat a wrong key.
    private static let shortestRetry = Duration.seconds(30)

    /// Syncs at once, then on the schedule or when `syncSoon` or `retry` is called, until the task is cancelled.
    ///
    /// A source that backs off from a failure before the restart waits first, and counts as attempted.
    ///
    /// - Parameter attempted: called after the first attempt.
    func run(attempted: @Sendable () -> Void) async throws {
        var isFirst = true
        let hold = remainingHold
        if hold > .zero {
            isFirst = false
            attempted()
            log.firstSyncPostponed(hold, lastError: status.lastError)
            try await wait(hold)
        }
        while !Task.isCancelled {
            // This sync serves every request made before it.
            wakeUp.clear()
            wantsRetry = false
            let delay = try await sync()
            if isFirst {
                isFirst = false
                attempted()
            }
            // A request made during the sync keeps to the back-off too.
            if isBackingOff, !wantsRetry { wakeUp.clear() }
            try await wait(delay)
        }
    }

    /// Syncs once unless the provider requested a wait (`Retry-After`).
    ///
    /// - Returns: whether the sync succeeded.
    func syncOnce() async throws -> Bool {
        if isHeldByProvider {
            log.firstSyncPostponed(remainingHold, lastError: status.lastError)
            return false
        }
        _ = try await sync()
        return status.isUp == true
    }

    /// Syncs the source now, or as soon as the current sync ends. The provider's quota still applies.
    ///
    /// - Returns: false while the source backs off after a failure: it is synced when the back-off ends.
    @discardableResult func syncSoon() -> Bool {
        guard !isBackingOff else { return false }
        wakeUp.set()
        return true
    }

    /// Ends the back-off after a failure that the operator may have fixed. The next attempt starts now, or when the
    /// last one is old enough.
    func retry() {
        guard status.isUp == false else { return }
        wantsRetry = true
        wakeUp.set()
    }

    private var isBackingOff: Bool {
        backsOff && status.next.map { clock.now < $0 } ?? false
    }

    /// The rest of the wait that a failure before this run led to.
    private var remainingHold: Duration {
        status.hold?.wait(at: clock.now, access: access(), longest: schedule.longestWait) ?? .zero
    }

    /// Whether the provider requested the wait (`Retry-After`).
    private var isHeldByProvider: Bool {
        status.hold?.isProvidersWish == true && remainingHold > .zero
    }

    private func wait(_ delay: Duration) async throws {
        guard try await isWoken(within: delay) else { return }
        // A request to sync does not shorten the provider's `Retry-After`.
        if isHeldByProvider {
            try await clock.sleep(for: min(remainingHold, delay))
        } else if wantsRetry, let last = status.lastAttempt {
            let left = Self.shortestRetry - (clock.now - last)
            if left > .zero { try await clock.sleep(for: min(left, Self.shortestRetry, delay)) }
        }
    }

    /// Waits until a sync is requested, or for the whole time.
    private func isWoken(within delay: Duration) async throws -> Bool {
        let isWoken = try await withThrowingTaskGroup(of: Bool.self) { [clock, wakeUp] group in
            group.addTask {
                try await clock.sleep(for: delay)
                return false
            }
            group.addTask {
                await wakeUp.wait()
                return true
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
        try Task.checkCancellation()
        return isWoken
    }
}
