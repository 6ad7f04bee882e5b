import Upstream
import UsageModel

/// `GET /api/v1/billing/balance`: the balances by currency, the daily allocation of DIEM, and whether the account may
/// spend.
///
/// Not read: `consumptionCurrency`, the currency that is charged next, which follows from the balances.
struct VeniceBalanceSource: UsageSource {
    static let endpoint = "balance"

    let name = endpoint
    let minimumInterval = Duration.seconds(60)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    static let call = UpstreamCall(.get, "/api/v1/billing/balance")

    func sync(_ context: any SyncContext) async throws {
        let response = try await api.sendIfPresent(Self.call, for: [.balanceUSD, .balanceCredits], context)
        var reading = Reading()
        reading.gauges = try VeniceBalance.gauges(response) { context.remark($0) }
        try await context.commit(reading)
    }
}

/// The used fields of the response of `balance`.
struct VeniceBalance: Decodable {
    /// Amounts by currency; nil if there is no such balance.
    struct Balances: Decodable {
        let usd: ExactDecimal?
        let diem: ExactDecimal?
        let bundledCredits: ExactDecimal?
        let earnedCredits: ExactDecimal?

        private enum CodingKeys: String, CodingKey, CaseIterable {
            case usd, diem, bundledCredits, earnedCredits
        }

        /// Decodes the amounts. The API sends null for USD and credits that are not positive, which means a balance of
        /// 0, and null for DIEM if none is staked, which means that there is no balance.
        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            guard CodingKeys.allCases.contains(where: container.contains) else {
                throw SourceFailure(.decode, "balance has none of the documented balances")
            }
            func amount(_ key: CodingKeys) throws -> ExactDecimal? {
                try container.decodeIfPresent(LenientDecimal.self, forKey: key)?.value
            }
            func amountOrZero(_ key: CodingKeys) throws -> ExactDecimal? {
                container.contains(key) ? try amount(key) ?? .zero : nil
            }
            usd = try amountOrZero(.usd)
            diem = try amount(.diem)
            bundledCredits = try amountOrZero(.bundledCredits)
            earnedCredits = try amountOrZero(.earnedCredits)
        }
    }

    let balances: Balances
    /// Whether the spendable total is at least 0.10 USD. It does not follow from the balances, because not all of a
    /// balance may be spendable.
    let canConsume: Decoration<LenientFlag>
    let diemEpochAllocation: Decoration<LenientDecimal>

    /// Returns the gauges of a response, without samples if the endpoint is missing.
    ///
    /// - Parameter remark: is called for each field other than a balance that could not be decoded.
    static func gauges(
        _ response: UpstreamResponse?, remark: (String) -> Void = { _ in }
    ) throws -> [GaugeFamily: [GaugeSample]] {
        let body = try response.map { try JSONBody.decode(VeniceBalance.self, from: $0, remark: remark) }
        let balances = body?.balances
        let credits = [
            ("diem", balances?.diem), ("bundled_credits", balances?.bundledCredits),
            ("earned_credits", balances?.earnedCredits),
        ]
        let allocation = body?.diemEpochAllocation.value.flatMap { $0.value > .zero ? $0.value.doubleValue : nil }
        let isAllowed = body?.canConsume.value?.value
        return [
            .balanceUSD: balances?.usd.map { [GaugeSample([], $0.doubleValue)] } ?? [],
            .balanceCredits: credits.compactMap { unit, amount in
                amount.map { GaugeSample([unit], $0.doubleValue) }
            },
            .balanceAllocation: allocation.map { [GaugeSample(["", "", "diem"], $0)] } ?? [],
            .spendingAllowed: isAllowed.map { [GaugeSample([""], $0 ? 1 : 0)] } ?? [],
        ]
    }
}

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
