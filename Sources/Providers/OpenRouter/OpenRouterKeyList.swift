import Upstream
import UsageModel

/// A key in `GET /api/v1/keys`. `label` is not read: it shows a part of the key itself.
struct OpenRouterListedKey: Decodable, Sendable {
    /// SHA-256 of the key, in hexadecimal: the key's id.
    let hash: Decoration<LenientString>
    let name: Decoration<LenientString>
    let disabled: Decoration<LenientFlag>
    /// USD since the key's creation.
    let usage: Decoration<LenientDecimal>
    let byok_usage: Decoration<LenientDecimal>
    let created_at: Decoration<LenientTimestamp>
    let expires_at: Decoration<LenientTimestamp>
    let workspace_id: Decoration<LenientString>
    let limit: Decoration<LenientDecimal>
    let limit_remaining: Decoration<LenientDecimal>
    let limit_reset: Decoration<LenientString>

    var id: String { hash.value?.value ?? "" }

    /// Whether the key was ever used, as far as the list shows.
    var wasUsed: Bool { [usage, byok_usage].contains { $0.value.map { !$0.value.isZero } ?? true } }

    var budget: OpenRouterBudget {
        OpenRouterBudget(
            limit: limit.value?.value, remaining: limit_remaining.value?.value, reset: limit_reset.value?.value)
    }
}

/// The list of an account's keys: those of each workspace, 100 a page.
enum OpenRouterKeyList {
    static let pageLength = 100
    /// A longer list is a loop of pages.
    static let mostPages = 100

    /// Reads the keys of all workspaces, each once.
    ///
    /// Without a workspace in the query the API lists the default one, which `workspaces` need not name.
    static func read(_ api: any UpstreamAPI, _ context: any SyncContext) async throws -> [OpenRouterListedKey] {
        var keys = try await pages(in: nil, api, context)
        let read = Set(keys.compactMap { $0.workspace_id.value?.value })
        for workspace in try await workspaces(api, context) where !read.contains(workspace) {
            keys += try await pages(in: workspace, api, context)
        }
        var seen: Set<String> = []
        return keys.filter { !$0.id.isEmpty && seen.insert($0.id).inserted }
    }

    private static func pages(
        in workspace: String?, _ api: any UpstreamAPI, _ context: any SyncContext
    ) async throws -> [OpenRouterListedKey] {
        var keys: [OpenRouterListedKey] = []
        for _ in 0..<mostPages {
            var query = [(name: "include_disabled", value: "true"), (name: "offset", value: "\(keys.count)")]
            if let workspace { query.append((name: "workspace_id", value: workspace)) }
            let response = try await api.send(UpstreamCall(.get, "/api/v1/keys", query: query).openRouter)
            let page = try OpenRouterEnvelope<BoundedArray<OpenRouterListedKey>>.payload(of: response, context).values
            let known = Set(keys.map(\.id))
            // An API that ignores the offset returns the same page again.
            let isRepeated = !page.isEmpty && page.allSatisfy { known.contains($0.id) }
            if !isRepeated { keys += page }
            if isRepeated || page.count < pageLength { return keys }
        }
        throw SourceFailure(.decode, "keys has more than \(mostPages) pages, expected a last one")
    }

    private struct Workspace: Decodable {
        let id: LenientString
    }

    /// Returns the ids of the workspaces; none if the account cannot list them.
    private static func workspaces(_ api: any UpstreamAPI, _ context: any SyncContext) async throws -> [String] {
        var ids: [String] = []
        do {
            for _ in 0..<mostPages {
                let query = [(name: "limit", value: "\(pageLength)"), (name: "offset", value: "\(ids.count)")]
                let call = UpstreamCall(.get, "/api/v1/workspaces", query: query).openRouter.incidental
                let page = try OpenRouterEnvelope<BoundedArray<Workspace>>.payload(
                    of: try await api.send(call), context)
                let new = page.values.map(\.id.whole).filter { !ids.contains($0) }
                ids += new
                if new.isEmpty || page.values.count < pageLength { break }
            }
        } catch let failure as UpstreamFailure where failure.isUnavailable {
            context.remark("only the keys of the default workspace are read: \(failure.message)")
        }
        return ids
    }
}

/// The names of an account's keys over time.
///
/// Analytics names keys by their current name, also for the past. A slice that was read under a key's former name keeps
/// it, because the counter of that name never falls.
struct OpenRouterKeyNames: Codable, Equatable {
    private struct Former: Codable, Equatable {
        let hash: String
        let name: String
        /// The start of the last hour that was read under this name.
        let through: Timestamp
    }

    private(set) var byHash: [String: String] = [:]
    private var former: [Former] = []
    /// Names of usage that the list of keys did not have: those of deleted keys, or of usage without a key.
    private var unlisted: Set<String> = []
    private var listedAt: Timestamp?
    /// The time of the last sync that used these names.
    private(set) var usedAt: Timestamp?

    static let memoryName = "names"
    /// The age at which the names are listed again. A new name is looked up at once.
    private static let listedEach = Duration.hours(1)
    /// More names than an account has deleted keys in 31 days.
    private static let mostUnlisted = 10_000
    /// How long former names are kept: the re-read schedule and a day.
    private static let kept = Duration.hours(97)

    /// Whether the names have to be listed again. A later time than now is of a clock that was set back.
    func isDue(at now: Timestamp) -> Bool { listedAt.map { $0 > now || now - $0 >= Self.listedEach } ?? true }

    /// Records that a sync uses the names.
    mutating func use(at now: Timestamp) { usedAt = now }

    /// Returns those names of usage that neither a key nor earlier usage had.
    func unknown(of names: Set<String>) -> Set<String> {
        names.subtracting(unlisted).subtracting(byHash.values).subtracting([""])
    }

    /// Records names of usage, so that those without a key are not looked up again.
    mutating func see(_ names: Set<String>) {
        let new = unknown(of: names)
        unlisted = unlisted.count + new.count <= Self.mostUnlisted ? unlisted.union(new) : new
    }

    /// Records the current names.
    ///
    /// - Parameter lastUse: when the former ones were last used; nil if never.
    mutating func update(_ keys: [OpenRouterListedKey], lastUse: Timestamp?, at now: Timestamp) {
        former = former.filter { $0.through + Self.kept > now }
        var names: [String: String] = [:]
        for key in keys {
            let name = key.name.value?.value ?? ""
            names[key.id] = name
            if let old = byHash[key.id], old != name, let lastUse {
                former.append(Former(hash: key.id, name: old, through: lastUse.startOfHour))
            }
        }
        byHash = names
        unlisted.subtract(names.values)
        listedAt = now
    }

    /// Returns the label of each current name in an hour or day, where they differ.
    ///
    /// A name that several keys have now leads to no single former one; `OpenRouterUsage.keepLabels` keeps their usage.
    func labels(at start: Timestamp) -> [String: String] {
        let counts = Dictionary(byHash.values.map { ($0, 1) }, uniquingKeysWith: +)
        var labels: [String: String] = [:]
        for (hash, name) in byHash where counts[name] == 1 {
            // The oldest name first: an hour may have been read under several.
            labels[name] = former.first { $0.hash == hash && start <= $0.through }?.name
        }
        return labels
    }

    /// Returns the label of a key in an hour or day; empty for an unknown key.
    func label(ofKey hash: String, at start: Timestamp) -> String {
        let name = byHash[hash] ?? ""
        return labels(at: start)[name] ?? name
    }
}
