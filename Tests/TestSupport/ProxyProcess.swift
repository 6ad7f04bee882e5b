import Foundation
import NIOCore
import NIOPosix

/// Runs an HTTP proxy (tinyproxy) that requires a user name and a password.
package struct ProxyProcess: Sendable {
    package static let user = "scraper"
    package static let password = "proxy-5f2d9c81"

    /// The port at 127.0.0.1.
    package let port: Int
    private let logFile: String

    /// Its log so far: a line per connection, with its method and target.
    package var log: String { (try? String(contentsOfFile: logFile, encoding: .utf8)) ?? "" }

    /// Runs a body with a proxy and stops it afterwards.
    package static func run<Result>(
        isolation: isolated (any Actor)? = #isolation, _ body: (ProxyProcess) async throws -> Result
    ) async throws -> Result {
        let tool = try Tool(named: "tinyproxy", installation: "apt-get install tinyproxy")
        return try await withTemporaryFolder { folder in
            let port = try freePort()
            try """
            Port \(port)
            Listen 127.0.0.1
            Timeout 60
            LogLevel Connect
            LogFile "\(folder)/log"
            BasicAuth \(user) \(password)
            """.write(toFile: folder + "/conf", atomically: true, encoding: .utf8)
            let process = tool.process(["-d", "-c", folder + "/conf"])
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            defer {
                // On SIGTERM tinyproxy would wait for open connections.
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
            }
            try await waitUntilListening(port)
            return try await body(ProxyProcess(port: port, logFile: folder + "/log"))
        }
    }

    private static func waitUntilListening(_ port: Int) async throws {
        while true {
            let connecting = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: "127.0.0.1", port: port)
            if let channel = try? await connecting.get() { return try await channel.close() }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
