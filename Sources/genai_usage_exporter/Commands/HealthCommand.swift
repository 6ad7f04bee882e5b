import ArgumentParser
import ExporterWeb
import Foundation

/// `health`: asks a running exporter on this machine whether it lives: for images without a shell or curl.
struct HealthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health", abstract: "Ask a running exporter on this machine whether it lives; exit 0 or 1.")

    @Option(name: .customLong("web.listen-address"), help: "Where it listens, as it was told.")
    var mainAddress = ":10061"

    @Option(name: .customLong("web.health-address"), help: "Its address for health checks, in place of the other.")
    var healthAddress: String?

    private var address: String { healthAddress ?? mainAddress }

    func validate() throws {
        do {
            guard try ListenAddress(address).port > 0 else {
                throw ValidationError(
                    "port 0 cannot be queried; the log line `listening` has the port that was bound")
            }
        } catch let error as InvalidListenAddress {
            throw ValidationError("\(error)")
        }
    }

    func run() throws {
        let address = try ListenAddress(address)
        // Who listens everywhere listens on loopback too.
        let hosts = address.isEverywhere ? ["127.0.0.1", "::1"] : [address.host].compactMap { $0 }
        let deadline = ContinuousClock.now + .seconds(5)
        for host in hosts {
            guard let answer = HealthQuestion(host: host, port: address.port, deadline: deadline).answer() else {
                continue
            }
            // Over plain HTTP a port that speaks TLS says that it does, which is a sign of life too.
            if answer.hasPrefix("HTTP/1.1 200 "), answer.contains("genai_usage_exporter is healthy") { return }
            if answer.contains("HTTP request to an HTTPS server") { return }
            throw CommandFailure(message: "what answers on \(address) is no healthy exporter")
        }
        throw CommandFailure(message: "nothing answers on \(address)")
    }
}

/// `GET /-/healthy` by sockets: one question needs no HTTP client, and no thread pool.
private struct HealthQuestion {
    let host: String
    let port: Int
    let deadline: ContinuousClock.Instant

    /// What comes back until the connection ends or the deadline is there; nil where nothing does.
    func answer() -> String? {
        var hints = addrinfo()
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, "\(port)", &hints, &found) == 0, let first = found else { return nil }
        defer { freeaddrinfo(found) }
        let descriptor = socket(first.pointee.ai_family, first.pointee.ai_socktype, first.pointee.ai_protocol)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let request = Array("GET /-/healthy HTTP/1.0\r\nHost: localhost\r\n\r\n".utf8)
        wait(at: descriptor, for: SO_SNDTIMEO)
        guard connect(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0,
            send(descriptor, request, request.count, 0) == request.count
        else { return nil }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while answer.count < buffer.count, ContinuousClock.now < deadline {
            wait(at: descriptor, for: SO_RCVTIMEO)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            answer += buffer[..<count]
        }
        return answer.isEmpty ? nil : String(decoding: answer, as: UTF8.self)
    }

    /// No single call waits beyond the deadline.
    private func wait(at descriptor: CInt, for option: CInt) {
        let rest = max(.milliseconds(1), deadline - .now).components
        var patience = timeval(tv_sec: Int(rest.seconds), tv_usec: Int(rest.attoseconds / 1_000_000_000_000))
        setsockopt(descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
    }
}
