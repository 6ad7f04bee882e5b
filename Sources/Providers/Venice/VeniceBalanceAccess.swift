import UsageModel
import Upstream

/// Whether the account's key can read `balance`, which `rate_limits` needs to know: the balances in its own response are
/// limited to what the key may still spend, and are reported only where no others are available.
///
/// The state is stored. While the key is refused, one request every six hours finds a key that was given more rights;
/// once the key was accepted, there are no further requests until it is replaced.
struct VeniceBalanceAccess: Codable, Equatable {
    static let memoryName = "balance access"
    /// The time between two requests while the key is refused.
    static let pause = Duration.hours(6)

    /// Whether the key was refused or the endpoint is missing; nil if unknown.
    private(set) var isRefused: Bool?
    private var next: Timestamp?
    /// The hash of the key.
    private var credential: String?

    /// Finds out with a request, if one is due.
    mutating func update(_ api: any UpstreamAPI, now: Timestamp) async throws {
        let credential = try api.credentialFingerprint()
        if credential != self.credential { self = VeniceBalanceAccess(credential: credential) }
        guard isRefused != false else { return }
        // A time beyond the longest delay comes from a clock that was set back since.
        if let next, next > now, next <= now + Self.pause { return }
        do {
            _ = try await api.send(VeniceBalanceSource.call.incidental)
            isRefused = false
            next = nil
        } catch let failure as UpstreamFailure {
            let isDenied = failure.reason == .auth && [401, 403].contains(failure.status)
            guard isDenied || failure.status == 404 else { return }
            isRefused = true
            next = now + Self.pause
        }
    }

    init() {}

    private init(credential: String?) {
        self.credential = credential
    }
}
