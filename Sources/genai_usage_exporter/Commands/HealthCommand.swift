import ArgumentParser
import ExporterWeb
import Foundation

/// `health`: checks that an exporter on this machine is healthy, for images without a shell or curl.
struct HealthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health", abstract: "Check that an exporter on this machine is healthy; exit 0 or 1.")

    @Option(name: .customLong("web.listen-address"), help: "The exporter's listen address, as given to serve.")
    var mainAddress = ":10061"

    @Option(name: .customLong("web.health-address"), help: "The exporter's health address, used instead if given.")
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
        // An exporter that listens on all interfaces listens on loopback too.
        let hosts = address.isEverywhere ? ["127.0.0.1", "::1"] : [address.host].compactMap { $0 }
        let deadline = ContinuousClock.now + .seconds(5)
        for host in hosts {
            guard let response = HealthRequest(host: host, port: address.port, deadline: deadline).response() else {
                continue
            }
            // A TLS port responds to plain HTTP with this error, which shows that the exporter is running.
            if response.hasPrefix("HTTP/1.1 200 "), response.contains("genai_usage_exporter is healthy") { return }
            if response.contains("HTTP request to an HTTPS server") { return }
            throw CommandFailure(message: "unexpected response from \(address): not a healthy exporter")
        }
        throw CommandFailure(message: "no response from \(address)")
    }
}

/// `GET /-/healthy` over a plain socket, because one request needs no HTTP client and no thread pool.
private struct HealthRequest {
    let host: String
    let port: Int
    let deadline: ContinuousClock.Instant

    /// The bytes received until the connection closes or the deadline passes; nil if there are none.
    func response() -> String? {
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
        var response: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while response.count < buffer.count, ContinuousClock.now < deadline {
            wait(at: descriptor, for: SO_RCVTIMEO)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            response += buffer[..<count]
        }
        return response.isEmpty ? nil : String(decoding: response, as: UTF8.self)
    }

    /// Limits a socket call to the deadline.
    private func wait(at descriptor: CInt, for option: CInt) {
        let rest = max(.milliseconds(1), deadline - .now).components
        var timeout = timeval(tv_sec: Int(rest.seconds), tv_usec: Int(rest.attoseconds / 1_000_000_000_000))
        setsockopt(descriptor, SOL_SOCKET, option, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }
}
