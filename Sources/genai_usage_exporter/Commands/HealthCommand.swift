import ArgumentParser
import AsyncHTTPClient
import ExporterWeb
import NIOCore
import NIOPosix

/// `health`: checks that an exporter on this machine is healthy, for images without a shell or curl.
struct HealthCommand: AsyncParsableCommand {
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

    func run() async throws {
        let address = try ListenAddress(address)
        // An exporter that listens on all interfaces listens on loopback too.
        let hosts = address.isEverywhere ? ["127.0.0.1", "::1"] : [address.host].compactMap { $0 }
        // The zone of an IPv6 address is not part of a URL.
        let urls = hosts.map { host in
            "http://\(ListenAddress(host: String(host.prefix { $0 != "%" }), port: address.port))/-/healthy"
        }
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let result: (status: UInt, body: String)?
        do {
            result = try await Self.firstResponse(of: urls, client)
        } catch {
            result = (0, "")
        }
        try await client.shutdown()
        guard let (status, body) = result else { throw CommandFailure(message: "no response from \(address)") }
        let isHealthy = status == 200 && body.contains("genai_usage_exporter is healthy")
        // A TLS port responds to plain HTTP with this text, which shows that the exporter is running.
        guard isHealthy || body.contains("HTTP request to an HTTPS server") else {
            throw CommandFailure(message: "unexpected response from \(address): not a healthy exporter")
        }
    }

    /// The response of the first address that accepts a connection; nil if none does.
    private static func firstResponse(
        of urls: [String], _ client: HTTPClient
    ) async throws -> (status: UInt, body: String)? {
        let deadline = NIODeadline.now() + .seconds(5)
        for url in urls {
            do {
                let response = try await client.execute(HTTPClientRequest(url: url), deadline: deadline)
                return (response.status.code, String(buffer: try await response.body.collect(upTo: 4096)))
            } catch is NIOConnectionError, is IOError {
                continue
            } catch let error as HTTPClientError
                where [.deadlineExceeded, .connectTimeout, .remoteConnectionClosed].contains(error)
            {
                continue
            }
        }
        return nil
    }
}
