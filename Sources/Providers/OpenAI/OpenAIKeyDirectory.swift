import Upstream
import UsageModel

/// A key of a project. Its owner's e-mail address and the visible part of the secret are not decoded.
struct OpenAIKey: Decodable {
    struct Owner: Decodable {
        /// `user` or `service_account`.
        let type: Decoration<LenientString>
    }

    let id: LenientString
    let name: Decoration<LenientString>
    let created_at: Decoration<LenientTimestamp>
    let last_used_at: Decoration<LenientTimestamp>
    let owner: Decoration<Owner>
}

/// `GET /v1/organization/projects` and, for each of them, `…/projects/{id}/api_keys`: the keys of the account.
///
/// The sources of an account share one directory, because a listing takes a request for each project. No figure depends
/// on what it keeps between syncs.
actor OpenAIKeyDirectory {
    /// The result of a listing.
    enum Listing {
        /// Each id once.
        case keys([OpenAIKey])
        /// The endpoint is missing, or the admin key may not read it.
        case missing(UpstreamFailure)
    }

    private struct Project: Decodable {
        let id: LenientString
    }

    /// The maximum number of requests of a listing, besides the list of projects.
    private static let mostProjects = 500
    /// The longest valid id of a project in bytes; real ones have about 30.
    private static let longestID = 128

    private let api: any UpstreamAPI
    private let projects: [String]
    private var last: (listing: Listing, time: Timestamp)?
    private var isListing = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// - Parameter projects: ids of the projects to read; empty for all that are not archived.
    init(api: any UpstreamAPI, projects: [String]) {
        self.api = api
        self.projects = projects
    }

    /// Returns the keys of the projects.
    ///
    /// - Parameter oldest: the earliest time of a listing that may be used again.
    /// - Throws: `UpstreamFailure` or `SourceFailure` if a list cannot be read.
    func list(_ context: any SyncContext, since oldest: Timestamp) async throws -> Listing {
        // A second caller waits for the listing of the first, and reads one only if that failed.
        while isListing { await withCheckedContinuation { waiting.append($0) } }
        let now = context.now
        if let last, last.time <= now, last.time >= oldest { return last.listing }
        isListing = true
        defer {
            isListing = false
            for caller in waiting { caller.resume() }
            waiting = []
        }
        let listing = try await read(context)
        last = (listing, now)
        return listing
    }

    private func read(_ context: any SyncContext) async throws -> Listing {
        var ids = projects
        if ids.isEmpty {
            do {
                ids = try await entries(of: "/v1/organization/projects", [], Project.self, context).map(\.id.whole)
            } catch let failure as UpstreamFailure where failure.isUnavailable {
                return .missing(failure)
            }
        }
        // An id becomes part of a path.
        let readable = ids.filter { (1...Self.longestID).contains($0.utf8.count) && $0 != "." && $0 != ".." }.prefix(
            Self.mostProjects)
        if readable.count < ids.count {
            let count = ids.count - readable.count
            context.remark("the keys of \(count) projects are not listed: too many projects, or invalid ids")
        }
        var keys: [OpenAIKey] = []
        var seen: Set<String> = []
        var missing: [UpstreamFailure] = []
        for id in readable {
            do {
                // Without this parameter some enabled keys are left out.
                let listed = try await entries(
                    of: "/v1/organization/projects/\(UpstreamCall.segment(id))/api_keys",
                    [(name: "owner_project_access", value: "any")], OpenAIKey.self, context)
                keys += listed.filter { seen.insert($0.id.whole).inserted }
            } catch let failure as UpstreamFailure where failure.isUnavailable {
                missing.append(failure)
            }
            guard keys.count <= longestArray else {
                throw SourceFailure(.decode, "the projects have more than \(longestArray) keys; set project_ids")
            }
        }
        if let first = missing.first {
            if keys.isEmpty { return .missing(first) }
            context.remark("the keys of \(missing.count) projects are not listed: \(first.message)")
        }
        return .keys(keys)
    }

    private func entries<Entry: Decodable & Sendable>(
        of path: String, _ query: [(name: String, value: String)], _ entry: Entry.Type, _ context: any SyncContext
    ) async throws -> [Entry] {
        let pager = OpenAIPager(
            api: api, path: path, query: [(name: "limit", value: "100")] + query, cursor: .after)
        return try await pager.read(entry, context).items
    }
}

/// The last known names of an account's keys, stored by each source of usage.
private struct OpenAIKnownNames: Codable {
    static let memoryName = "keys"

    let names: KeyNames
    /// When names were last requested, with or without success.
    let time: Timestamp
}

extension OpenAIKeyDirectory {
    /// Returns the names of keys. They are requested at the first label of a day, so that a new name takes effect at
    /// midnight, and for an id without a name. If they cannot be read, the last known ones are used, and ids for keys
    /// without one.
    ///
    /// - Parameters:
    ///   - ids: the ids of the keys that have no label on their day yet.
    ///   - reading: receives the names to store.
    nonisolated func names(
        of ids: Set<String>, _ context: any SyncContext, _ reading: inout Reading
    ) async throws -> KeyNames {
        let stored: OpenAIKnownNames? = try await context.remembered(OpenAIKnownNames.memoryName)
        var names = stored?.names ?? KeyNames()
        guard !ids.isEmpty else { return names }
        let now = context.now
        var oldest = now.day.start
        if !ids.isSubset(of: names.byID.keys) {
            // The key may be new. The sources share a listing, as syncs do that follow each other at once.
            oldest = max(oldest, min(context.startedAt, now - .minutes(4)))
        }
        if let stored, stored.time <= now, stored.time >= oldest { return names }
        do {
            switch try await list(context, since: oldest) {
            case .keys(let keys): names.update(KeyNames(of: keys.map(\.named)))
            case .missing(let failure): context.remark("keys have no names but their ids: \(failure.message)")
            }
        } catch let failure as any ReasonedFailure {
            context.remark("cannot read the names of keys: \(failure.message)")
        }
        reading.memory[OpenAIKnownNames.memoryName] = try RememberedJSON.text(
            of: OpenAIKnownNames(names: names, time: now))
        return names
    }
}

extension OpenAIKey {
    /// Its id and its name, for `KeyNames`.
    var named: (id: String, name: String?) { (id.whole, name.value?.value) }
}
