import Upstream
import UsageModel

/// The provider's statement about a subscription: its status and its end.
struct PlanState {
    /// `active`, `past_due`, `canceled`, `expired`; nil if the response has none.
    let status: String?
    /// The end of the paid period; nil if the response has none.
    let end: Timestamp?

    init(status: Decoration<LenientString>, end: Decoration<OptionalTimestamp>) {
        self.status = status.value?.value
        self.end = end.value?.value
    }

    /// Words for a subscription that has ended. `canceled` also describes one that is paid until its end.
    private static let endedWords: Set<String> = ["expired", "canceled", "cancelled", "ended"]
    private static let activeWords: Set<String> = ["active", "trialing"]

    /// Whether the provider reports the subscription as active.
    var isActive: Bool { Self.activeWords.contains(status?.lowercased() ?? "") }

    /// Whether the provider reports that the subscription has ended, and its end does not contradict that. A date in the
    /// past is not enough, because the provider may be about to renew it.
    func hasEnded(at now: Timestamp) -> Bool {
        Self.endedWords.contains(status?.lowercased() ?? "") && end.map { $0 <= now } ?? true
    }
}
