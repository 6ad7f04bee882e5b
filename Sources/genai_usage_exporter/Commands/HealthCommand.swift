import ArgumentParser
import Foundation

/// `health`: asks a running exporter on this machine whether it lives: for images without a shell or curl.
struct HealthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health", abstract: "Ask a running exporter on this machine whether it lives; exit 0 or 1.")

    @Option(name: .customLong("port"), help: "The port that it listens on.")
    var port: UInt16 = 10_061

    /// How long it may take to answer.
    private static let patience = timeval(tv_sec: 5, tv_usec: 0)

    func run() throws {
        guard let answer = answer() else { throw CommandFailure(message: "nothing answers on port \(port)") }
        // Over plain HTTP a port that speaks TLS says that it does, which is a sign of life too.
        guard answer.hasPrefix("HTTP/1.1 200 ") || answer.contains("HTTP request to an HTTPS server") else {
            throw CommandFailure(message: "what answers on port \(port) is no healthy exporter")
        }
    }

    /// What comes back, by IPv4 on loopback; nil where nothing does.
    private func answer() -> String? {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var patience = Self.patience
        let size = socklen_t(MemoryLayout<timeval>.size)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] { setsockopt(descriptor, SOL_SOCKET, option, &patience, size) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        let request = Array("GET /-/healthy HTTP/1.0\r\nHost: localhost\r\n\r\n".utf8)
        guard isConnected, send(descriptor, request, request.count, 0) == request.count else { return nil }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while answer.count < buffer.count {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            answer += buffer[..<count]
        }
        return answer.isEmpty ? nil : String(decoding: answer, as: UTF8.self)
    }
}
