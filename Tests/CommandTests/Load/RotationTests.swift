import Foundation
import ProviderSimulator
import TestSupport
import Testing
import UsageModel

extension LoadTests {
    @Test(
        "no scrape fails while certificate, key, passwords and accounts change under 50 scrapes a second",
        .timeLimit(.minutes(5)))
    func rotation() async throws {
        try await SimulatedAccount.run { account in
            let folder = account.folder
            func write(_ text: String, to name: String) throws {
                try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
            }
            let certificate = SelfSignedCertificate(folder: folder)
            // dave scrapes; alice is added and removed.
            let alice = "alice: $2y$12$1DpfPeqF9HzHJt.EWswy1exHluGfbhnn3yXhR7Xes6m3WJqFg0Wby"
            let dave = "dave: $2y$10$2UXri9cIDdgeKjBo4Rlpx.U3ZLDV8X1IxKmsfOvhcM5oXQt/mLmXq"
            let tls = SelfSignedCertificate.section
            try certificate.renew("first")
            try write(tls + "basic_auth_users: { \(dave) }", to: "web.yml")
            let exporter = try await ExporterProcess.start(
                account.serveArguments + ["--web.config.file", folder + "/web.yml", "--web.enable-lifecycle"],
                environment: account.environment, scheme: "https")
            let good = try String(contentsOfFile: account.configFile, encoding: .utf8)
            let entry = String(good[try #require(good.range(of: "accounts:\n")).upperBound...])

            func header(_ user: String) -> (String, String) {
                ("Authorization", "Basic " + Data(user.utf8).base64EncodedString())
            }
            let authorization = header("dave:dave123")
            let scraping = Task {
                var statuses: [Int: Int] = [:]
                try await withThrowingTaskGroup(of: Int.self) { group in
                    let start = ContinuousClock.now
                    for number in 0..<750 {
                        try await Task.sleep(until: start + .milliseconds(20) * number)
                        group.addTask {
                            let response = try await exporter.get("/metrics", headers: [authorization])
                            return response.body.count > 100 ? response.status : -1
                        }
                    }
                    for try await status in group { statuses[status, default: 0] += 1 }
                }
                return statuses
            }
            var accounts: Set<Double> = []
            for round in 0..<12 {
                try await Task.sleep(for: .milliseconds(800))
                try certificate.renew("round-\(round)")
                try write(tls + "basic_auth_users: { \(dave)\(round % 2 == 0 ? ", " + alice : "") }", to: "web.yml")
                let isIn = try await exporter.get("/", headers: [header("alice:alice123")]).status == 200
                #expect(isIn == (round % 2 == 0))
                let more = (0..<round % 3).map { "\n" + entry.replacing("name: media", with: "name: more-\($0)") }
                try write(good + more.joined(), to: "config.yml")
                if round % 2 == 0 {
                    exporter.signal(SIGHUP)
                } else {
                    let response = try await exporter.get("/-/reload", headers: [authorization], method: "POST")
                    #expect(response.status == 200)
                }
                let scrape = try Scrape(try await exporter.get("/metrics", headers: [authorization]).body)
                accounts.insert(try #require(scrape.value("genai_exporter_accounts")))
                #expect(scrape.value("genai_balance_usd", ["account": "media"]) == 100)
            }
            let statuses = try await scraping.value
            #expect(statuses == [200: 750])
            #expect(accounts.count > 1)
            #expect(try SelfSignedCertificate.seen(at: exporter.address).contains("CN = round-11"))
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }
}
