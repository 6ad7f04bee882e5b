import UsageModel
import Upstream

/// `GET /v2/account`: whether the subscription is active, and the number of linked accounts by service and state.
struct UseAPIAccountSource: UsageSource {
    static let endpoint = "account"

    let name = endpoint
    let minimumInterval = Duration.minutes(5)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    /// Limited, because services are members of an object without a documented limit; there are only a few.
    private static let longestAnswer = 1 << 20

    func sync(_ context: any SyncContext) async throws {
        // An older page of the documentation lacks this endpoint. If it is missing, there are no series.
        let status = try await api.sendIfPresent(
            UpstreamCall(.get, "/v2/account", longestAnswer: Self.longestAnswer).explained(by: UseAPI.meanings),
            for: [.planInfo, .upstreamAccounts], context
        ).map { response in
            try JSONBody.decode(UseAPIAccountStatus.self, from: response) { context.remark($0) }
        }
        try await context.commit(status?.reading ?? UseAPIAccountStatus.absent)
    }
}

/// A response of `GET /v2/account`. Each field may be missing, but not all of them.
///
/// Not read: the owner (`id`, `email`, `name`); the timestamps `created`, `updated` and `verified`, which have no
/// family; `sub`, the day of the last renewal, which does not determine an expiry; `subscriptions` and
/// `maxAccountsPerAPI`, which count purchases, not usage.
struct UseAPIAccountStatus: Decodable {
    struct Service: Decodable {
        let total: Decoration<LenientInt>
        let active: Decoration<LenientInt>
        let error: Decoration<LenientInt>

        private enum CodingKeys: String, CodingKey {
            case total, active, error
        }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            total = try fields.decode(Decoration<LenientInt>.self, forKey: .total)
            active = try fields.decode(Decoration<LenientInt>.self, forKey: .active)
            // The API leaves `error` out where it is 0 (its page "Query API subscription information").
            let hasOthers = [total, active].allSatisfy { $0.value.map { $0.value >= 0 } ?? false }
            let isZero = hasOthers && !fields.contains(.error)
            error = isZero ? Decoration(LenientInt(0)) : try fields.decode(Decoration<LenientInt>.self, forKey: .error)
        }
    }

    let subscriptionIsActive: Decoration<LenientFlag>
    let accounts: Decoration<[String: Decoration<Service>]>

    private enum CodingKeys: String, CodingKey {
        case subscriptionIsActive, accounts, id, email, name, created, updated, verified, sub, subscriptions
        case maxAccountsPerAPI, error
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        let hasError = try fields.decodeIfPresent(UseAPIErrorMember.self, forKey: .error)?.isSet == true
        guard !hasError, fields.allKeys.contains(where: { $0 != .error }) else {
            throw SourceFailure(
                .decode, "account: expected subscriptionIsActive or accounts, found no field of an account")
        }
        subscriptionIsActive = try fields.decode(Decoration<LenientFlag>.self, forKey: .subscriptionIsActive)
        accounts = try fields.decode(Decoration<[String: Decoration<Service>]>.self, forKey: .accounts)
    }

    /// The gauge families of this source without any series.
    static var absent: Reading {
        var reading = Reading()
        reading.gauges = [.planInfo: [], .upstreamAccounts: []]
        return reading
    }

    /// The gauges to commit. A missing field yields no series.
    var reading: Reading {
        var reading = Self.absent
        if let isActive = subscriptionIsActive.value?.value {
            reading.gauges[.planInfo] = [GaugeSample(["", "subscription", isActive ? "active" : "inactive"], 1)]
        }
        reading.gauges[.upstreamAccounts] = (accounts.value ?? [:]).sorted { $0.key < $1.key }.flatMap {
            service, counts in
            counts.value.map { Self.samples(of: LongName.bounded(service), $0) } ?? []
        }
        return reading
    }

    private static func samples(of service: String, _ counts: Service) -> [GaugeSample] {
        var samples: [GaugeSample] = []
        var rest = ExactDecimal(counts.total.value?.value ?? 0)
        for (state, count) in [("active", counts.active), ("error", counts.error)] {
            guard let count = count.value?.value, count >= 0 else { continue }
            samples.append(GaugeSample([service, state], Double(count)))
            rest -= ExactDecimal(count)
        }
        // The part of the total beyond the states gets the empty state.
        if rest > .zero { samples.append(GaugeSample([service, ""], rest.doubleValue)) }
        return samples
    }
}
