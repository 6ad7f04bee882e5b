import NIOCore

/// The status page as it was rendered last: made at most once a second, however many people look, and one copy of it is
/// sent to all of them.
actor StatusPageCache {
    /// For so long a page is new enough; it shows nothing finer.
    static let lifetime = Duration.seconds(1)

    private let now: @Sendable () -> ContinuousClock.Instant
    private var newest: (page: Task<ByteBuffer, any Error>, asked: ContinuousClock.Instant)?

    init(now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.now = now
    }

    /// The newest page.
    ///
    /// - Parameter make: makes it anew where the last one is too old.
    /// - Throws: what `make` throws, to everyone who waited for it.
    func newest(_ make: @escaping @Sendable () async throws -> String) async throws -> ByteBuffer {
        if let newest, now() - newest.asked < Self.lifetime { return try await newest.page.value }
        let page = Task { ByteBuffer(string: try await make()) }
        newest = (page, now())
        return try await page.value
    }
}
