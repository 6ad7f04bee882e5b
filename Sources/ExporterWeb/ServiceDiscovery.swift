import ExporterCore
import Foundation
import HTTPTypes
import Hummingbird

/// `/sd`: the accounts as targets of `/probe`, for Prometheus' HTTP service discovery (its documentation's
/// "HTTP SD": a JSON list of target groups).
struct ServiceDiscovery {
    private struct Group: Encodable {
        let targets: [String]
        let labels: [String: String]
    }

    let accounts: [AccountPlace]
    let isTLS: Bool
    let routes: WebRoutes

    /// Returns one target for each account, at the external URL or the request's own authority.
    func respond(to request: Request) -> Response {
        guard let authority = routes.external?.authority ?? request.head.authority, Self.isAddress(authority) else {
            return .text(
                "Invalid Host header: expected host or host:port, the address of the targets.\n",
                status: .badRequest)
        }
        let groups = accounts.map { account in
            Group(
                targets: [authority],
                labels: [
                    "__scheme__": routes.external?.scheme ?? (isTLS ? "https" : "http"),
                    "__metrics_path__": routes.linkPrefix + ExporterResponder.probePath,
                    "__param_target": account.name,
                    // Targets at one address need different instance labels, as with every multi-target exporter.
                    "instance": account.name, "__meta_genai_account": account.name,
                    "__meta_genai_provider": account.provider,
                ])
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let body = try? encoder.encode(groups) else {
            return .text("Encoding the targets as JSON failed.\n", status: .internalServerError)
        }
        return .text(String(decoding: body, as: UTF8.self) + "\n", type: "application/json")
    }

    /// Whether a client's text can be a target's address. Prometheus accepts `host` and `host:port`.
    private static func isAddress(_ text: String) -> Bool {
        !text.isEmpty && text.count <= 255
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || ".-_:[]".utf8.contains(byte)
            }
    }
}
