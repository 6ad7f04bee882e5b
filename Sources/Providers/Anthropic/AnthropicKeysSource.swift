import Upstream
import UsageModel

/// `GET /v1/organizations/api_keys`: the organization's keys. The response has no secret, and no time of the last use.
struct AnthropicKeysSource: UsageSource {
    static let endpoint = "api_keys"

    let name = endpoint
    let minimumInterval = Duration.hours(1)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    private static let families: [GaugeFamily] = [.keyInfo, .keyActive, .keyCreated, .keyExpiry]
    private static let namesName = "names"

    /// The labels of the current day's keys.
    private struct DayNames: Codable, Equatable {
        let day: String
        let byID: [String: String]
    }

    func sync(_ context: any SyncContext) async throws {
        let today = context.now.day.description
        let keys = try await AnthropicKeyList.ifPresent(api, for: Self.families, context)
        let stored: DayNames? = try await context.remembered(Self.namesName)
        var names = SliceKeyNames(stored?.day == today ? stored?.byID ?? [:] : [:])
        let wanted = KeyNames(of: keys.map { ($0.id.value, $0.name.value?.value) })
        var gauges = KeyGauges(Self.families)
        var seen: Set<String> = []
        for key in keys where seen.insert(key.id.value).inserted {
            let id = key.id.value
            let label = names.name(ofKey: id, otherwise: wanted.byID[id] ?? id)
            gauges.add(.keyInfo, [label, id, key.scope.value?.value ?? ""], 1)
            gauges.add(.keyActive, [label], key.status.value.map { $0.value == "active" ? 1 : 0 })
            gauges.add(.keyCreated, [label], key.created_at.value?.value.seconds)
            gauges.add(.keyExpiry, [label], key.expires_at.value?.value.seconds)
        }
        var reading = Reading()
        reading.gauges = gauges.all
        let used = DayNames(day: today, byID: names.byID)
        if used != stored { reading.memory[Self.namesName] = try RememberedJSON.text(of: used) }
        try await context.commit(reading)
    }
}

/// The pages of `api_keys`.
struct AnthropicKeyList: Decodable {
    /// A key, active or not. `partial_key_hint` and `created_by` are not decoded: a part of the secret, and a person.
    struct Key: Decodable {
        let id: LenientString
        let name: Decoration<LenientString>
        let status: Decoration<LenientString>
        let scope: Decoration<LenientString>
        let created_at: Decoration<LenientTimestamp>
        let expires_at: Decoration<LenientTimestamp>
    }

    private let data: BoundedArray<Key>
    private let has_more: LenientFlag?
    private let last_id: LenientString?

    /// "Ranges from 1 to 1000."
    private static let pageSize = 1000

    private static func call(after id: String?) -> UpstreamCall {
        var query = [(name: "limit", value: "\(pageSize)")]
        if let id { query.append((name: "after_id", value: id)) }
        return Anthropic.call("/v1/organizations/api_keys", query: query)
    }

    /// Reads all pages; empty if the key may not read them, and never could.
    static func ifPresent(
        _ api: any UpstreamAPI, for families: [GaugeFamily], _ context: any SyncContext
    ) async throws -> [Key] {
        try await pages(context) { call in
            try await api.sendIfPresent(call, mayBeForbidden: true, for: families, context)
        }
    }

    /// Reads the names of the keys. If they cannot be read, the last known ones are used.
    ///
    /// - Parameter memoryName: the name under which the source stores them.
    static func names(
        _ context: any SyncContext, _ api: any UpstreamAPI, storedAs memoryName: String
    ) async throws -> KeyNames {
        var names = try await context.remembered(memoryName) ?? KeyNames(of: [])
        do {
            let keys = try await pages(context) { try await api.send($0.incidental) }
            names.update(KeyNames(of: keys.map { ($0.id.value, $0.name.value?.value) }))
        } catch let failure as any ReasonedFailure {
            context.remark("cannot read the names of keys: \(failure.message)")
        }
        return names
    }

    private static func pages(
        _ context: any SyncContext, _ send: (UpstreamCall) async throws -> UpstreamResponse?
    ) async throws -> [Key] {
        var keys: [Key] = []
        var last: String?
        while true {
            guard let response = try await send(call(after: last)) else { return keys }
            let page = try JSONBody.decode(AnthropicKeyList.self, from: response) { context.remark($0) }
            keys += page.data.values
            guard page.has_more?.value == true else { return keys }
            guard let next = page.last_id?.whole, next != last, !page.data.values.isEmpty, keys.count <= longestArray
            else { throw SourceFailure(.decode, "api_keys has more keys, but no next page") }
            last = next
        }
    }
}
