import Upstream
import UsageModel

/// `GET /api/keys` (management key): ids, last use and expiry of all keys, without using up the quota of `GET
/// /api/usage`. It may be missing (404).
///
/// In the newer version the response holds the keys themselves. They are not decoded, the response is not kept, and
/// the text of an error response is not reported.
struct CheapestInferenceKeyListSource: UsageSource {
    // Of two sources with the same series, the first by name is served: this list is read more often than `api_usage`.
    static let endpoint = "api_keys"

    let name = endpoint
    let minimumInterval = Duration.minutes(5)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI
    /// The keys to report; empty for all.
    let keyIDs: [String]
    /// Labels of the keys that the source `usage` reads.
    var readDirectly: Set<String> = []

    private static let families: [GaugeFamily] = [
        .planExpiry, .keyInfo, .keyActive, .keyCreated, .keyLastUsed, .keyExpiry, .spendingAllowed,
    ]

    func sync(_ context: any SyncContext) async throws {
        guard let keys = try await keys(context) else { return }
        var gauges = KeyGauges(Self.families)
        var labels = try await context.remembered("labels") ?? KeyLabels()
        var seen: Set<String> = []
        for key in CheapestInferenceListedKey.oldestFirst(keys) {
            guard let id = key.identity, keyIDs.isEmpty || keyIDs.contains(id), seen.insert(id).inserted else {
                continue
            }
            let label = labels.label(id: id, name: key.name?.value)
            key.addGauges(label: label, isReadDirectly: readDirectly.contains(label), to: &gauges)
        }
        var reading = Reading()
        reading.gauges = gauges.all
        reading.memory["labels"] = try RememberedJSON.text(of: labels)
        try await context.commit(reading)
    }

    private func keys(_ context: any SyncContext) async throws -> [CheapestInferenceListedKey]? {
        do {
            let call = UpstreamCall(.get, "/api/keys")
            guard let response = try await api.sendIfPresent(call, mayBeForbidden: true, for: Self.families, context)
            else { return nil }
            return try CheapestInferenceEnvelope<BoundedArray<CheapestInferenceListedKey>>.payload(of: response) {
                context.remark($0)
            }.values
        } catch let failure as UpstreamFailure {
            // It may quote a key that no redaction knows.
            throw failure.withoutAPIMessage
        }
    }
}

extension CheapestInferenceListedKey {
    /// Adds the gauges of the key.
    ///
    /// - Parameter isReadDirectly: whether the source `usage` reads the key, and reports whether it can be used.
    fileprivate func addGauges(label: String, isReadDirectly: Bool, to gauges: inout KeyGauges) {
        // Without a type the series would differ from that of `api_usage`, and a key would have two.
        if let id, let type = keyType.value { gauges.add(.keyInfo, [label, id.value, type.value], 1) }
        gauges.add(.keyCreated, [label], createdAt.value?.value?.seconds)
        gauges.add(.keyLastUsed, [label], lastUsedAt.value?.value?.seconds)
        let expiry = subscriptionExpiresAt.value?.value?.seconds
        gauges.add(.keyExpiry, [label], expiry)
        gauges.add(.planExpiry, [label], expiry)
        guard !isReadDirectly, let isActive = isActive.value?.value else { return }
        gauges.add(.keyActive, [label], isActive ? 1 : 0)
        // An active key may still be refused, such as outside the hours of its pool.
        if !isActive { gauges.add(.spendingAllowed, [label], 0) }
    }
}

extension UpstreamFailure {
    /// The same failure without the text of the response's body.
    var withoutAPIMessage: UpstreamFailure {
        guard let apiMessage else { return self }
        let known = message.replacing("; the API says: \(apiMessage)", with: "")
        return UpstreamFailure(
            reason: reason, status: status, retryAfter: retryAfter,
            message: known.contains(apiMessage) ? "HTTP \(status ?? 0)" : known, isLasting: isLasting)
    }
}
