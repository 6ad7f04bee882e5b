import Foundation
import UsageModel
import Upstream

/// The account's option `endpoint`.
enum VeniceEndpointSetting: String {
    /// Whichever works.
    case auto
    /// `/api/v1/billing/usage` and no other.
    case usage
    /// `/api/v1/billing/usage-history` and no other.
    case usageHistory = "usage-history"
}

/// Where the billing rows are read: by page numbers, or by a cursor at the endpoint that succeeded it.
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

    /// The endpoint at a path, as it is remembered.
    init(path: String) {
        self = path == Self.pagesPath ? .pages : .cursor(path: path)
    }
}

/// Decides which endpoint a sync reads.
///
/// | setting | begins with | after 404 | after 410 |
/// |---|---|---|---|
/// | `auto` | the remembered one, else the successor | from the successor to the older | to what `Link` names as successor, else the known one |
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

    /// Goes to another endpoint after a failure; false where there is none to go to.
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

    /// The path that a `Link` field names as `rel="successor-version"` (RFC 8288, RFC 5829); nil where it names none.
    ///
    /// Only a path at the same host is followed: the key must not go elsewhere.
    static func successor(in link: String) -> String? {
        for part in link.split(separator: ",") {
            let pieces = part.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
            guard let target = pieces.first, target.hasPrefix("</"), target.hasSuffix(">"),
                pieces.dropFirst().contains(where: isSuccessorRelation)
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
