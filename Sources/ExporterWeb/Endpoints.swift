import ExporterCore
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// The handlers of the routes, shared by all listeners.
struct Endpoints: Sendable {
    let exporter: Exporter
    let options: ExporterWebServer.Options
    let settings: WebConfigurationStore
    let pages = StatusPageCache()
    let forcedSyncs = ForcedSyncs()

    /// Serves one account's series. The target is an account name of the config, never an address.
    func probe(_ request: Request, in context: ExporterRequestContext) async throws -> Response {
        let targets = QueryParameters(request.uri.query).values(of: "target")
        guard targets.count == 1, let target = targets.first, !target.isEmpty else {
            return .text(
                "Exactly one target parameter is required: \(Route.probe.path)?target=ACCOUNT.\n", status: .badRequest)
        }
        guard let account = await exporter.accountPlaces.first(where: { $0.name == target }) else {
            return .unknownAccount
        }
        return try metrics(request, in: context, account: account.index)
    }

    /// Serves the accounts as targets of the probe, at the external URL or the request's own authority, for Prometheus'
    /// HTTP service discovery (its documentation's "HTTP SD": a JSON list of target groups).
    func discovery(for request: Request) async -> Response {
        let external = options.routes.external
        guard let authority = external?.authority ?? request.head.authority, Self.isAddress(authority) else {
            return .text(
                "Invalid Host header: expected host or host:port, the address of the targets.\n",
                status: .badRequest)
        }
        let scheme = external?.scheme ?? (settings.current.tls != nil ? "https" : "http")
        let groups = await exporter.accountPlaces.map { account in
            TargetGroup(
                targets: [authority],
                labels: [
                    "__scheme__": scheme,
                    "__metrics_path__": options.routes.linkPrefix + Route.probe.path,
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

private struct TargetGroup: Encodable {
    let targets: [String]
    let labels: [String: String]
}

extension Response {
    static var unknownAccount: Response {
        .text("Unknown account: \(Route.discovery.path) lists the configured ones.\n", status: .notFound)
    }

    static func methodNotAllowed(allow methods: [HTTPRequest.Method]) -> Response {
        let methods = methods.map(\.rawValue).joined(separator: ", ")
        var response = text("Method not allowed; allowed: \(methods).\n", status: .methodNotAllowed)
        response.headers[.allow] = methods
        return response
    }

    static func text(
        _ text: String, type: String = "text/plain; charset=utf-8", status: HTTPResponse.Status = .ok
    ) -> Response {
        bytes(ByteBuffer(string: text), type: type, status: status)
    }

    static func bytes(_ buffer: ByteBuffer, type: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [
                .contentType: type, .contentLength: "\(buffer.readableBytes)", .xContentTypeOptions: "nosniff",
            ],
            body: ResponseBody(byteBuffer: buffer))
    }
}
