import Foundation
import UsageModel
import Upstream

/// The account's option `endpoint`: the endpoint of the billing API to read.
package enum VeniceEndpointSetting: String, Sendable, Hashable, CaseIterable {
    /// The endpoint that works.
    case auto
    /// Only `/api/v1/billing/usage`.
    case usage
    /// Only `/api/v1/billing/usage-history`.
    case usageHistory = "usage-history"
}

/// The endpoint for billing rows: with page numbers, or with a cursor at its successor.
enum VeniceEndpoint: Hashable {
    case pages
    case cursor(path: String)

    static let pagesPath = "/api/v1/billing/usage"
    static let cursorPath = "/api/v1/billing/usage-history"

    var path: String {
        switch self {
        case .pages: Self.pagesPath
        case .cursor(let path): path
        }
    }

    /// Creates the endpoint from its stored path.
    init(path: String) {
        self = path == Self.pagesPath ? .pages : .cursor(path: path)
    }
}

/// Decides which endpoint a sync reads.
///
/// | setting | starts with | after 404 | after 410 |
/// |---|---|---|---|
/// | `auto` | the stored one, else the successor | to the older one | to the successor in `Link`, else the known one |
/// | `usage`, `usage-history` | that one | fails | fails |
///
/// No endpoint is tried twice in a sync.
struct VeniceEndpointChoice {
    private(set) var current: VeniceEndpoint
    private let isFixed: Bool
    private var tried: Set<VeniceEndpoint>

    init(_ setting: VeniceEndpointSetting, remembered: String?) {
        switch setting {
        case .auto: current = VeniceEndpoint(path: remembered ?? VeniceEndpoint.cursorPath)
        case .usage: current = .pages
        case .usageHistory: current = .cursor(path: VeniceEndpoint.cursorPath)
        }
        isFixed = setting != .auto
        tried = [current]
    }

    /// Switches to another endpoint after a failure. Returns false if there is none.
    mutating func move(after failure: UpstreamFailure) -> Bool {
        guard !isFixed else { return false }
        let next: VeniceEndpoint
        switch failure.status {
        case 404 where current != .pages:
            next = .pages
        case 410:
            let named = failure.headers?.all(name: "Link").lazy.compactMap(Self.successor).first
            next = VeniceEndpoint(path: named ?? VeniceEndpoint.cursorPath)
        default:
            return false
        }
        guard tried.insert(next).inserted else { return false }
        current = next
        return true
    }

    /// Returns the path in a `Link` field with `rel="successor-version"` (RFC 8288, RFC 5829); nil if there is none.
    ///
    /// Only a path on the same host is followed, because the key must not be sent to another host.
    static func successor(in link: String) -> String? {
        for part in link.split(separator: ",") {
            let fields = part.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
            guard let target = fields.first, target.hasPrefix("</"), target.hasSuffix(">"),
                fields.dropFirst().contains(where: isSuccessorRelation)
            else { continue }
            let path = String(target.dropFirst().dropLast())
            guard !path.hasPrefix("//"), path.utf8.count <= 200, !path.contains(where: { "?#\\%".contains($0) }) else {
                return nil
            }
            return path
        }
        return nil
    }

    private static func isSuccessorRelation(_ parameter: String) -> Bool {
        let parts = parameter.lowercased().split(separator: "=", maxSplits: 1)
        guard parts.count == 2, parts[0] == "rel" else { return false }
        return parts[1].trimmingCharacters(in: CharacterSet(charactersIn: "\"' ")).split(separator: " ")
            .contains("successor-version")
    }
}
