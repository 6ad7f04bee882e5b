import Foundation
import Logging
import NIOConcurrencyHelpers
import Testing

@testable import ExporterWeb

/// Tests which version of the web config is active while its file changes.
@Suite struct WebConfigurationStoreTests {
    private static let passwords =
        "basic_auth_users: { a: $2y$04$VqFoM6M8NMrZJnNm5GHxP.KB1Wz9ASHnIk4UXsAYaRFc0S/O1Eqki }"

    /// A file that is written in place is empty or truncated for a short time.
    @Test(
        "a half-written file does not remove passwords",
        arguments: ["", "# nothing", "basic_auth_users:", "http_server_config: { http2: false }"])
    func halfWrittenFile(half: String) throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("web-\(UUID().uuidString).yml")
        defer { try? FileManager.default.removeItem(at: file) }
        func write(_ text: String) throws { try text.write(to: file, atomically: false, encoding: .utf8) }
        try write(Self.passwords)
        let clock = NIOLockedValueBox(ContinuousClock.now)
        let store = try WebConfigurationStore(path: file.path, logger: Logger(label: "test")) {
            clock.withLockedValue { $0 }
        }
        #expect(store.current.configuration.users.count == 1)

        try write(half)
        #expect(store.current.configuration.users.count == 1)
        clock.withLockedValue { $0 += .seconds(1) }
        #expect(store.current.configuration.users.count == 1)
        // The rest of the file is written.
        try write(Self.passwords + "\nrate_limit: { interval: 1s, burst: 5 }")
        #expect(store.current.configuration.users.count == 1)
        #expect(store.current.configuration.rateLimit?.burst == 5)

        // Intended: the file stays unchanged.
        try write(half)
        #expect(store.current.configuration.users.count == 1)
        clock.withLockedValue { $0 += WebConfigurationStore.settling }
        #expect(store.current.configuration.users.isEmpty)
    }

    /// Certificates are often written after the config that names them.
    @Test("a rejected config is loaded once the files that it names exist") func lateCertificate() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("web-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("web.yml")
        try Data().write(to: file)
        let clock = NIOLockedValueBox(ContinuousClock.now)
        let store = try WebConfigurationStore(path: file.path, logger: Logger(label: "test")) {
            clock.withLockedValue { $0 }
        }
        try "tls_server_config: { cert_file: late.crt, key_file: late.key }"
            .write(to: file, atomically: false, encoding: .utf8)
        #expect(store.current.tls == nil)
        #expect(!store.isCurrent)

        let toolkit = "/usr/share/gocode/src/github.com/prometheus/exporter-toolkit/web/testdata/server"
        for end in ["crt", "key"] {
            try FileManager.default.copyItem(
                atPath: "\(toolkit).\(end)", toPath: folder.appendingPathComponent("late.\(end)").path)
        }
        clock.withLockedValue { $0 += WebConfigurationStore.retryInterval }
        #expect(store.current.tls != nil)
        #expect(store.isCurrent)
    }

    @Test(
        "a config that requires less of clients is weaker",
        arguments: [
            ("tls", false), ("no tls", true), ("other certificate", false), ("no client certificate", true),
            ("optional client certificate", true), ("any client certificate", true), ("stricter", false),
            ("no names", true), ("no passwords", true), ("other passwords", false),
        ])
    func weakens(change: String, isWeaker: Bool) {
        var earlier = WebConfiguration()
        earlier.tls = TLSSettings(
            certificate: .file("a"), key: .file("b"), clientPolicy: .requireAndVerify, allowedNames: ["x"])
        earlier.users = ["a": "hash"]
        var new = earlier
        switch change {
        case "no tls": new.tls = nil
        case "other certificate":
            new.tls = TLSSettings(
                certificate: .file("c"), key: .file("b"), clientPolicy: .requireAndVerify, allowedNames: ["y"])
        case "no client certificate": new.tls?.clientPolicy = .none
        case "optional client certificate": new.tls?.clientPolicy = .verifyIfGiven
        case "any client certificate": new.tls?.clientPolicy = .requireAny
        case "stricter":
            earlier.tls?.clientPolicy = .verifyIfGiven
        case "no names": new.tls?.allowedNames = []
        case "no passwords": new.users = [:]
        case "other passwords": new.users = ["b": "hash"]
        default: break
        }
        #expect(new.weakens(after: earlier) == isWeaker)
    }
}
