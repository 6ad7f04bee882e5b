import Foundation
import NIOCore
import NIOPosix

/// Runs a real Prometheus server for a test.
package struct PrometheusServer {
    private struct Series: Decodable {
        /// The sample's timestamp, then its value as text.
        enum Part: Decodable {
            case time(Double)
            case value(String)

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let time = try? container.decode(Double.self) {
                    self = .time(time)
                } else {
                    self = .value(try container.decode(String.self))
                }
            }
        }

        let metric: [String: String]
        let value: [Part]
    }

    /// `host:port`.
    package let address: String
    private let process: Process

    /// Starts Prometheus.
    ///
    /// - Parameters:
    ///   - configuration: content of its config file.
    ///   - folder: directory for the file, and for its data in `tsdb`.
    package init(_ configuration: String, in folder: String, arguments: [String] = []) throws {
        let file = folder + "/prometheus.yml"
        try configuration.write(toFile: file, atomically: true, encoding: .utf8)
        address = "127.0.0.1:\(try freePort())"
        process = try Tool(named: "prometheus", installation: "apt-get install prometheus").process(
            [
                "--config.file", file, "--storage.tsdb.path", folder + "/tsdb", "--web.listen-address", address,
                "--log.level", "error",
            ] + arguments)
        try process.run()
    }

    /// Stops Prometheus.
    package func stop() {
        process.terminate()
        process.waitUntilExit()
    }

    /// Runs an instant query with promtool; empty while Prometheus does not respond.
    ///
    /// - Parameter time: in seconds since 1970; nil for now.
    package func query(_ expression: String, at time: Int64? = nil) throws -> [[String: String]: Double] {
        let timeArguments = time.map { ["--time", "\($0)"] } ?? []
        let outcome = try Tool.promtool().run(
            ["query", "instant", "-o", "json"] + timeArguments + ["http://\(address)", expression])
        guard outcome.status == 0 else { return [:] }
        let series = try JSONDecoder().decode([Series].self, from: Data(outcome.output.utf8))
        return Dictionary(
            series.compactMap { series in
                guard case .value(let text)? = series.value.last, let value = Double(text) else { return nil }
                return (series.metric, value)
            }, uniquingKeysWith: { $1 })
    }
}

/// Returns a port that is free now, for a program that cannot report the one it selected.
package func freePort() throws -> Int {
    let channel = try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .bind(host: "127.0.0.1", port: 0).wait()
    defer { try? channel.close().wait() }
    return channel.localAddress?.port ?? 0
}
