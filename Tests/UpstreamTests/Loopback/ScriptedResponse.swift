import NIOCore

/// What a loopback server does with one request.
struct ScriptedResponse: Sendable {
    enum Step: Sendable {
        case send([UInt8])
        /// The same bytes again and again, until the client has enough.
        case sendForever([UInt8])
        /// One byte after the other with a pause in between, for ever.
        case drip(UInt8, every: TimeAmount)
        case close
    }

    /// Where the steps end without `close`, the connection stays open.
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

    /// The request is read, and nothing is ever said.
    static let silence = ScriptedResponse(steps: [])

    static let hangUp = ScriptedResponse(steps: [.close])

    static func head(_ status: Int, _ headers: [(String, String)]) -> [UInt8] {
        let lines = ["HTTP/1.1 \(status) X"] + headers.map { "\($0.0): \($0.1)" }
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    }
}

/// A request as it came over the wire.
struct RecordedRequest: Sendable {
    let method: String
    let target: String
    let headers: [(name: String, value: String)]
    let body: [UInt8]

    func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}
