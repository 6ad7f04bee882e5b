import NIOCore

/// The scripted response of a loopback server to one request.
struct ScriptedResponse: Sendable {
    enum Step: Sendable {
        case send([UInt8])
        /// The same bytes repeatedly, until the client closes the connection.
        case sendForever([UInt8])
        /// A byte repeatedly, with a pause in between.
        case drip(UInt8, every: TimeAmount)
        case close
    }

    /// The steps; without `close` at the end, the connection stays open.
    var steps: [Step]

    static func text(
        _ status: Int, _ body: String, headers: [(String, String)] = [("Content-Type", "application/json")]
    ) -> ScriptedResponse {
        ScriptedResponse(steps: [
            .send(head(status, headers + [("Content-Length", String(body.utf8.count))]) + Array(body.utf8))
        ])
    }

    static func status(_ status: Int, headers: [(String, String)] = []) -> ScriptedResponse {
        text(status, "", headers: headers)
    }

    /// Reads the request and sends no response.
    static let silence = ScriptedResponse(steps: [])

    static let hangUp = ScriptedResponse(steps: [.close])

    static func head(_ status: Int, _ headers: [(String, String)]) -> [UInt8] {
        let lines = ["HTTP/1.1 \(status) X"] + headers.map { "\($0.0): \($0.1)" }
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    }
}

/// A received request.
struct RecordedRequest: Sendable {
    let method: String
    let target: String
    let headers: [(name: String, value: String)]
    let body: [UInt8]

    func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}
