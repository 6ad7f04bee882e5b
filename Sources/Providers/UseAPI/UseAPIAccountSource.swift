import UsageModel
import Upstream

/// `GET /v2/account`: whether the subscription is active, and how many linked accounts of each service are in order.
struct UseAPIAccountSource: UsageSource {
    static let endpoint = "account"

    let name = endpoint
    let minimumInterval = Duration.minutes(5)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    /// Services are a handful, and come as members of an object, which has no limit of its own.
    private static let longestAnswer = 1 << 20

    func sync(_ visit: any SyncVisit) async throws {
        do {
            let answer = try await api.send(UpstreamCall(.get, "/v2/account", longestAnswer: Self.longestAnswer))
            try await visit.commit(try JSONBody.decode(UseAPIAccountStatus.self, from: answer).reading)
        } catch let failure as UpstreamFailure where failure.status == 404 {
            // The page that this exporter was made from does not know the endpoint: without it there are no series.
            try await visit.commit(UseAPIAccountStatus().reading)
        }
    }
}

/// An answer to `GET /v2/account`; every field may be missing.
///
/// Not read: who the account belongs to (`id`, `email`, `name`); `created`, `updated` and `verified` moments, which no
/// family shows; `sub`, the day of the last renewal, from which no end follows; `subscriptions` and
/// `maxAccountsPerAPI`, numbers of what was bought rather than of what is used.
struct UseAPIAccountStatus: Decodable {
    struct Service: Decodable {
        let total: LenientInt?
        let active: LenientInt?
        let error: LenientInt?
    }

    var subscriptionIsActive: UseAPIFlag?
    var accounts: [String: Service?]?

    /// The gauges to commit; what is not told is no series.
    var reading: Reading {
        var reading = Reading()
        reading.gauges[.planInfo] =
            subscriptionIsActive?.value.map { [GaugeSample(["", "subscription", $0 ? "active" : "inactive"], 1)] } ?? []
        reading.gauges[.upstreamAccounts] = (accounts ?? [:]).sorted { $0.key < $1.key }.flatMap { service, counts in
            counts.map { Self.samples(of: LongName.bounded(service), $0) } ?? []
        }
        return reading
    }

    private static func samples(of service: String, _ counts: Service) -> [GaugeSample] {
        var samples: [GaugeSample] = []
        var rest = ExactDecimal(counts.total?.value ?? 0)
        for (state, count) in [("active", counts.active), ("error", counts.error)] {
            guard let count = count?.value, count >= 0 else { continue }
            samples.append(GaugeSample([service, state], Double(count)))
            rest -= ExactDecimal(count)
        }
        // Law 2: what the total holds beyond its parts has the empty state.
        if rest > .zero { samples.append(GaugeSample([service, ""], rest.doubleValue)) }
        return samples
    }
}

/// A yes or no as APIs write it: true, `"true"`, 1; nil where it is none of these.
struct UseAPIFlag: Decodable {
    let value: Bool?

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let flag = try? container.decode(Bool.self) {
            value = flag
        } else {
            switch (try? LenientString(from: decoder))?.value.lowercased() {
            case "true", "1": value = true
            case "false", "0": value = false
            default: value = nil
            }
        }
    }
}
