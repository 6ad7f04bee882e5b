import UsageModel
import Upstream

/// `GET /v1/api-keys`: ids, names, creation and last use of the account's keys, and their total caps.
///
/// The list needs no configuration. It does not change which keys' usage is read: that costs a request per key and day,
/// and usage that is counted under `key=""` must not move to a key later.
///
/// The scope that the endpoint requires is not documented. An account whose key may not list keys (403), or whose API
/// has no list (404), has no series.
struct FairStackKeysSource: UsageSource {
    static let endpoint = "api_keys"

    let name = endpoint
    let minimumInterval = Duration.minutes(5)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI
    /// The keys of the config.
    let configured: [FairStackKey]

    func sync(_ context: any SyncContext) async throws {
        let response = try await api.sendIfPresent(
            UpstreamCall(.get, "/v1/api-keys"), mayBeForbidden: true, for: [.keyInfo], context)
        let list = try response.map { response in
            try FairStackBody<FairStackKeyList>.payload(of: response) { context.remark($0) }
        }
        var reading = Reading()
        reading.gauges = list?.gauges(configured: configured) ?? FairStackKeyList.absent
        try await context.commit(reading)
    }
}

/// A response of `GET /v1/api-keys`.
///
/// Not read: `prefix`, the beginning of the secret; `scopes`, which have no metric.
struct FairStackKeyList: Decodable {
    struct Key: Decodable {
        let id: Decoration<LenientString>
        let name: Decoration<LenientString>
        let cap_total_micro: Decoration<LenientInt>
        let created_at: Decoration<LenientTimestamp>
        let last_used_at: Decoration<LenientTimestamp>
    }

    let keys: RequiredArray<Decoration<Key>>

    private enum CodingKeys: String, CodingKey {
        case keys, error
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        try fields.requireField(besides: .error, expected: "keys")
        keys = try fields.decode(RequiredArray<Decoration<Key>>.self, forKey: .keys)
    }

    /// The gauge families of this source without any series.
    static let absent: [GaugeFamily: [GaugeSample]] = [
        .keyInfo: [], .keyCreated: [], .keyLastUsed: [], .budgetLimit: [],
    ]

    /// The gauges of the keys. A missing field yields no series.
    ///
    /// - Parameter configured: the keys of the config, whose names are used in place of FairStack's.
    func gauges(configured: [FairStackKey]) -> [GaugeFamily: [GaugeSample]] {
        var gauges = Self.absent
        for (label, key) in labelled(configured) {
            gauges[.keyInfo]?.append(GaugeSample([label, key.id.value?.value ?? "", ""], 1))
            for (family, time) in [(GaugeFamily.keyCreated, key.created_at), (.keyLastUsed, key.last_used_at)] {
                if let time = time.value?.value { gauges[family]?.append(GaugeSample([label], time.seconds)) }
            }
            // The cap is on all spending of the key, so it has no period, and the API does not report what was spent.
            if let cap = key.cap_total_micro.value?.value, cap > 0 {
                gauges[.budgetLimit]?.append(GaugeSample([label, "key"], ExactDecimal(micros: cap).doubleValue))
            }
        }
        return gauges
    }

    /// Returns each key with its label: the configured name, or FairStack's, or the id. If several keys have a name,
    /// those that are not in the config get their id appended. A repeated key is skipped.
    private func labelled(_ configured: [FairStackKey]) -> [(label: String, key: Key)] {
        let names = Dictionary(configured.map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first })
        var identities: Set<String> = []
        let found = keys.values.compactMap(\.value).filter { key in
            !key.identity.isEmpty && identities.insert(key.identity).inserted
        }
        let plain = found.map { names[$0.identity] ?? $0.name.value?.value.nonEmpty ?? $0.identity }
        let unlisted = configured.filter { !identities.contains($0.id) }.map(\.name)
        let uses = Dictionary((plain + unlisted).map { ($0, 1) }, uniquingKeysWith: +)
        return zip(plain, found).map { name, key in
            let isUnique = names[key.identity] != nil || uses[name] == 1
            return (isUnique ? name : LongName.bounded("\(name) (\(key.identity))"), key)
        }
    }
}

extension FairStackKeyList.Key {
    /// The id, or the name of a key without one.
    fileprivate var identity: String { id.value?.value.nonEmpty ?? name.value?.value ?? "" }
}

extension String {
    fileprivate var nonEmpty: String? { isEmpty ? nil : self }
}
