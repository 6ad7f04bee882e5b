import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOSSL
import NIOConcurrencyHelpers

/// Runs the built executable.
package final class ExporterProcess: Sendable {
    /// Result of a completed run.
    package struct Outcome: Sendable {
        package let status: Int32
        package let output: String
        package let errors: String
        /// Wall time from start to exit.
        package let duration: Duration
    }

    /// The executable next to the test bundle: `swift test` builds both.
    package static var binary: Tool {
        let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        return Tool(path: bundle.deletingLastPathComponent().appendingPathComponent("genai_usage_exporter").path)
    }

    /// Runs the program until it exits.
    ///
    /// - Parameter launcher: a program that starts it, given its command line.
    package static func run(
        _ arguments: [String], environment: [String: String] = [:],
        by launcher: (tool: Tool, arguments: [String])? = nil
    ) async throws -> Outcome {
        try await aside { try runBlocking(arguments, environment: environment, launcher: launcher) }
    }

    private static func runBlocking(
        _ arguments: [String], environment: [String: String], launcher: (tool: Tool, arguments: [String])?
    ) throws -> Outcome {
        let process = Self.process(arguments, by: launcher)
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let files = (0..<2).map { _ in
            FileManager.default.temporaryDirectory.appendingPathComponent("output-\(UUID().uuidString)")
        }
        for file in files { try Data().write(to: file) }
        defer { for file in files { try? FileManager.default.removeItem(at: file) } }
        process.standardOutput = try FileHandle(forWritingTo: files[0])
        process.standardError = try FileHandle(forWritingTo: files[1])
        let start = ContinuousClock.now
        try process.run()
        process.waitUntilExit()
        let duration = ContinuousClock.now - start
        let texts = try files.map { String(decoding: try Data(contentsOf: $0), as: UTF8.self) }
        return Outcome(status: process.terminationStatus, output: texts[0], errors: texts[1], duration: duration)
    }

    private static func process(
        _ arguments: [String], by launcher: (tool: Tool, arguments: [String])?
    ) -> Process {
        launcher.map { $0.tool.process($0.arguments + [binary.path] + arguments) } ?? binary.process(arguments)
    }

    /// The exporter exited, or did not log its listen address.
    package struct DidNotListen: Error, CustomStringConvertible {
        let output: String

        package var description: String { "the exporter did not listen: \(output)" }
    }

    /// `https` if the web config has TLS; the client does not verify the certificate.
    package let scheme: String
    /// The address from the log line `listening`.
    package let address: String
    private let process: NIOLockedValueBox<Process>
    private let written: NIOLockedValueBox<String>

    /// Starts a server and waits until it listens.
    ///
    /// - Parameter launcher: a program that starts it, given its command line.
    package static func start(
        _ arguments: [String], environment: [String: String] = [:], scheme: String = "http",
        by launcher: (tool: Tool, arguments: [String])? = nil
    ) async throws -> ExporterProcess {
        try await aside {
            try ExporterProcess(arguments, environment: environment, scheme: scheme, launcher: launcher)
        }
    }

    private init(
        _ arguments: [String], environment: [String: String], scheme: String,
        launcher: (tool: Tool, arguments: [String])?
    ) throws {
        self.scheme = scheme
        let arguments = arguments + ["--web.listen-address", "127.0.0.1:0"]
        let process = Self.process(arguments, by: launcher)
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let errors = Pipe()
        process.standardError = errors
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        var text = ""
        var address: String?
        while address == nil {
            let data = errors.fileHandleForReading.availableData
            guard !data.isEmpty else { break }
            text += String(decoding: data, as: UTF8.self)
            address = text.firstMatch(of: /msg=listening address=(\S+)/).map { String($0.1) }
        }
        guard let address else { throw DidNotListen(output: text) }
        self.address = address
        // Drains the pipe: a full one would block the exporter's log.
        let handle = errors.fileHandleForReading
        written = NIOLockedValueBox(text)
        Thread.detachNewThread { [written] in
            while case let data = handle.availableData, !data.isEmpty {
                written.withLockedValue { $0 += String(decoding: data, as: UTF8.self) }
            }
        }
        self.process = NIOLockedValueBox(process)
    }

    /// Its output to standard error so far.
    package var log: String { written.withLockedValue { $0 } }

    package var processIdentifier: Int32 { process.withLockedValue { $0.processIdentifier } }

    package func signal(_ signal: Int32) {
        process.withLockedValue { _ = kill($0.processIdentifier, signal) }
    }

    /// Waits for the exit and returns the exit status.
    @discardableResult
    package func waitForExit() async throws -> Int32 {
        try await aside { [self] in
            process.withLockedValue {
                $0.waitUntilExit()
                return $0.terminationStatus
            }
        }
    }

    /// Sends a signal and waits for the exit.
    ///
    /// - Returns: the exit status, and the time from the signal to the exit.
    package func end(by signal: Int32) async throws -> (status: Int32, duration: Duration) {
        try await aside { [self] in
            process.withLockedValue {
                let start = ContinuousClock.now
                _ = kill($0.processIdentifier, signal)
                $0.waitUntilExit()
                return ($0.terminationStatus, ContinuousClock.now - start)
            }
        }
    }

    /// Requests a path.
    package func get(_ path: String, headers: [(String, String)] = [], method: String = "GET") async throws -> Answer {
        var request = HTTPClientRequest(url: "\(scheme)://\(address)\(path)")
        request.method = .RAW(value: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        let response = try await Self.client.execute(request, timeout: .seconds(60))
        let body = try await response.body.collect(upTo: 64 << 20)
        return Answer(
            status: Int(response.status.code), body: Array(body.readableBytesView),
            headers: Dictionary(response.headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { $1 }))
    }

    /// An HTTP response.
    package struct Answer: Sendable {
        package let status: Int
        /// The body as received, not decompressed.
        package let body: [UInt8]
        /// Headers by lower-case name.
        package let headers: [String: String]
    }

    /// Waits until every account was tried once.
    package func waitUntilReady() async throws {
        while try await get("/-/ready").status != 200 { try await Task.sleep(for: .milliseconds(50)) }
    }

    /// Scrapes repeatedly until a scrape meets the condition.
    package func scrape(until isWanted: (Scrape) throws -> Bool) async throws -> Scrape {
        while true {
            let scrape = try await scrape()
            if try isWanted(scrape) { return scrape }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// Scrapes `/metrics`.
    package func scrape() async throws -> Scrape {
        try Scrape(try await get("/metrics").body)
    }

    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.decompression = .disabled
        configuration.tlsConfiguration = .makeClientConfiguration()
        configuration.tlsConfiguration?.certificateVerification = .none
        // The port of a killed exporter may be reused: no connection outlives its request.
        configuration.connectionPool = .init(idleTimeout: .milliseconds(1))
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()
}
