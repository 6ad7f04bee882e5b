import ConfigReading
import ExporterCore
import Foundation
import NIOConcurrencyHelpers
import UsageModel

/// In-memory files; no other files are read.
final class MemoryFiles: FileReading {
    private let contents: NIOLockedValueBox<[String: [UInt8]]>
    private let readableByOthers: Set<String>

    init(_ contents: [String: String], readableByOthers: Set<String> = []) {
        self.contents = NIOLockedValueBox(contents.mapValues { Array($0.utf8) })
        self.readableByOthers = readableByOthers
    }

    /// Replaces a file.
    func write(_ bytes: [UInt8], to path: String) {
        contents.withLockedValue { $0[path] = bytes }
    }

    func contents(of path: String, limit: Int) throws(FileReadingFailure) -> [UInt8] {
        guard let bytes = contents.withLockedValue({ $0[path] }) else {
            throw FileReadingFailure("there is no such file")
        }
        guard bytes.count <= limit else { throw FileReadingFailure("it is larger than \(limit) bytes") }
        return bytes
    }

    func isReadableByOthers(_ path: String) -> Bool { readableByOthers.contains(path) }
}

/// The environment of the fixtures: variables, secret files and the date.
enum ConfigurationFixtures {
    static let today = UTCDay(daysSinceEpoch: 20_777)  // 2026-11-20

    static let environment = [
        "WAVESPEED_API_KEY": "ws-0a1b2c3d4e5f", "FAIRSTACK_API_KEY": "fs-0a1b2c3d4e5f",
        "VENICE_API_KEY": "vn-0a1b2c3d4e5f", "CI_MANAGEMENT_KEY": "mk_0a1b2c3d4e5f", "CI_PROD_KEY": "sk_0a1b2c3d4e5f",
        "USEAPI_TOKEN": "user:12-0a1b2c3d4e5f", "EMPTY_VARIABLE": "",
        "LINE_BREAK_VARIABLE": "ln-0a1b2c3d4e5f\r\nHost: evil",
    ]

    static let secretFiles = [
        "/etc/exporter/secrets/venice": "vf-0a1b2c3d4e5f\n", "/etc/exporter/secrets/empty": "\n",
        "/run/secrets/night": "sk_night_0a1b2c3d\r\n", "/run/secrets/spaces": "sk-live 1234567890abcdef",
        "/etc/exporter/certificates/authority.pem": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    ]

    /// Parts of every secret in the fixtures, which must never be printed.
    static let secretPieces = [
        "0a1b2c3d", "1234567890abcdef", "stage_literal_0c1d2e3f", "q1w2e3r4t5y6u7i8", "Host: evil", "a1b2c3d4e5f6a7b8",
        "AKIA0SFODNN7EXAMPLE",
    ]

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

    static func text(_ name: String) throws -> [UInt8] {
        try Array(Data(contentsOf: folder.appending(path: name)))
    }

    /// The names of the invalid files, without `.bad.yml`.
    static let bad: [String] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path())) ?? []
        return names.filter { $0.hasSuffix(".bad.yml") }.map { String($0.dropLast(".bad.yml".count)) }.sorted()
    }()

    /// Loads a config as if it were `/etc/exporter/config.yml`.
    static func load(
        _ bytes: [UInt8], readableByOthers: Set<String> = [], redaction: LogRedaction = LogRedaction()
    ) throws(ConfigurationProblems) -> ExporterConfiguration {
        let files = MemoryFiles(secretFiles, readableByOthers: readableByOthers)
        files.write(bytes, to: "/etc/exporter/config.yml")
        return try ExporterConfiguration.load(
            path: "/etc/exporter/config.yml", environment: environment, today: today, files: files,
            redaction: redaction)
    }

    /// The problems with a config, one per line, without the file name; empty if it is valid.
    static func problems(_ bytes: [UInt8]) -> [String] {
        do {
            _ = try load(bytes)
            return []
        } catch {
            return error.problems.map { $0.description.dropFirst("/etc/exporter/config.yml:".count) }
                .map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }
}
