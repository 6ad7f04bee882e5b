import UsageModel
import Upstream

/// The label `key` of Venice.ai's keys: the key's description in `api_keys`.
///
/// As in the provider's own lists, a key without a description is `Key ...` and the last 6 characters of its id.
enum VeniceKeyNames {
    /// The description of usage without a key in `usage-analytics`.
    static let webApp = "Web App"
    /// The description of the entry in `usage-analytics` that sums the keys beyond the listed ones.
    static let other = "Other"

    /// Names of usage that belongs to no single key.
    static let reserved: Set<String> = [webApp, other, ""]

    /// Names the keys of a list.
    static func names(of keys: some Sequence<(id: String, description: String?)>) -> KeyNames {
        KeyNames(of: keys.map { ($0.id, plain(id: $0.id, description: $0.description)) }, reserved: reserved)
    }

    /// Returns the name of a key that has no other: without a description, as in the provider's lists.
    static func plain(id: String, description: String?) -> String {
        if let description, !description.isEmpty { return description }
        return id.isEmpty ? "" : "Key ...\(id.suffix(6))"
    }

    /// The name under which sources other than `api_keys` store the last known names.
    static let memoryName = "keys"

    /// Reads the names from `api_keys`. If it is not available, the last known names are used.
    static func current(_ context: any SyncContext, _ api: any UpstreamAPI) async throws -> KeyNames {
        var names = try await context.remembered(memoryName) ?? KeyNames()
        do {
            let response = try await api.send(VeniceKeysSource.call.incidental)
            names.update(Self.names(of: try JSONBody.decode(VeniceKeyList.self, from: response).keys))
        } catch let failure as any ReasonedFailure {
            let isMissing = (failure as? UpstreamFailure)?.status == 404
            if !isMissing { context.remark("cannot read the names of keys: \(failure.message)") }
        }
        return names
    }
}

/// The fields of `api_keys` that name the keys.
private struct VeniceKeyList: Decodable {
    struct Key: Decodable {
        let id: Decoration<LenientString>
        let description: Decoration<LenientString>
    }

    let data: BoundedArray<Key>

    var keys: [(id: String, description: String?)] {
        data.values.map { ($0.id.value?.value ?? "", $0.description.value?.value) }
    }
}
