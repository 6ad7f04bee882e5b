import Upstream
import UsageModel

/// `GET /api/v1/api_keys`: the account's keys and their budgets.
///
/// If a key may not spend USD, `balance` is read too, because the key may still spend the account's DIEM.
///
/// Not read: `consumptionLimits.vcu`, the former name of DIEM; `usage`, a trailing week without a family;
/// `modelPrivacy`, which is unrelated to usage; `last6Chars`, a part of the secret.
struct VeniceKeysSource: UsageSource {
    static let endpoint = "api_keys"

    let name = endpoint
    let minimumInterval = Duration.minutes(5)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    static let call = UpstreamCall(.get, "/api/v1/api_keys")

    /// The names of the current day's keys.
    private struct Names: Codable, Equatable {
        let day: String
        let byID: [String: String]
    }

    private static let namesName = "names"

    func sync(_ context: any SyncContext) async throws {
        let today = context.now.day
        let response = try await api.sendIfPresent(Self.call, for: [.keyInfo], context)
        let list = try response.map { response in
            try JSONBody.decode(VeniceKeys.self, from: response) { context.remark($0) }
        }
        let stored: Names? = try await context.remembered(Self.namesName)
        var names = SliceKeyNames(
            stored?.day == today.description ? stored?.byID ?? [:] : [:], reserved: VeniceKeyNames.reserved)
        let diem = list?.needsDIEM == true ? try await accountDIEM(context) : .unknown
        var reading = Reading()
        reading.gauges = VeniceKeys.gauges(list, &names, accountDIEM: diem, today: today)
        let used = Names(day: today.description, byID: names.byID)
        if used != stored { reading.memory[Self.namesName] = try RememberedJSON.text(of: used) }
        try await context.commit(reading)
    }

    /// Reads whether the account has DIEM to spend. A failure yields `unknown`, and never fails the sync.
    private func accountDIEM(_ context: any SyncContext) async throws -> VeniceAccountDIEM {
        do {
            let response = try await api.send(VeniceBalanceSource.call.incidental)
            let balance = try JSONBody.decode(VeniceBalance.self, from: response)
            return balance.balances.diem.map { $0 > .zero } == true ? .available : .exhausted
        } catch let failure as any ReasonedFailure {
            let isMissing = (failure as? UpstreamFailure)?.status == 404
            if !isMissing {
                context.remark("cannot decide whether keys without USD may spend DIEM: \(failure.message)")
            }
            return .unknown
        }
    }
}

/// Whether the account has DIEM to spend now.
enum VeniceAccountDIEM {
    case available
    /// None is staked, or the epoch's allocation is spent.
    case exhausted
    case unknown
}
