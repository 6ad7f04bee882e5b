import ExporterTestSupport
import ConfigReading
import Providers
import ExporterCore
import Foundation
import Testing
import Upstream
import UsageModel

@Suite("A valid config file")
struct ExporterConfigurationTests {
    @Test("Every option is read")
    func everything() throws {
        let configuration = try ConfigurationFixtures.load(try ConfigurationFixtures.text("everything.yml"))

        var global = GlobalConfiguration()
        global.syncInterval = .minutes(10)
        global.timeout = .seconds(20)
        global.history = .days(60)
        global.zeroFirst = .minutes(2)
        global.windows = [.today, .yesterday, .monthToDate]
        global.seriesLimit = 2000
        global.retention = .days(100) + .hours(12)
        #expect(configuration.global == global)

        var labels = LabelOptions()
        labels.hashKeys = true
        labels.rename = ["key": ["a@example.com": "team-a"], "model": ["google/imagen-4": "imagen-4"]]
        #expect(configuration.labels == labels)
        #expect(
            configuration.snapshot
                == SnapshotConfiguration(every: .hours(12), keep: 14, path: "/etc/exporter/backups"))

        func account(_ name: String, _ provider: ConfiguredProvider, _ credential: SecretSource?)
            -> AccountConfiguration
        {
            var account = AccountConfiguration(name: name, provider: provider, credential: credential)
            account.syncInterval = .minutes(10)
            account.timeout = .seconds(20)
            account.history = .days(60)
            account.seriesLimit = 2000
            account.labels = labels
            return account
        }
        var media = account("media", .wavespeed, .environment(name: "WAVESPEED_API_KEY", value: "ws-0a1b2c3d4e5f"))
        media.successByModel = false
        media.costByKey = true
        media.baseURL = "https://wavespeed.example.com/prefix"
        media.syncInterval = .seconds(1)
        media.isSyncIntervalOwn = true
        media.timeout = .minutes(1)
        media.ledgerStart = UTCDay(year: 2026, month: 11, day: 1)
        media.seriesLimit = 100
        media.labels.hashKeys = false
        media.labels.rename["key"]?["b@example.com"] = "team-b"
        media.proxy = try ProxyServer("http://proxy.example.com:3128")
        media.caFile = "/etc/exporter/certificates/authority.pem"

        var stack = account("stack", .fairstack, .environment(name: "FAIRSTACK_API_KEY", value: "fs-0a1b2c3d4e5f"))
        stack.keys = [
            KeyConfiguration(name: "web", id: "key_web"), KeyConfiguration(name: "key_batch", id: "key_batch"),
        ]
        stack.baseURL = "http://gateway.example.com"
        stack.allowInsecure = true

        var venice = account("venice", .venice, .file(path: "/etc/exporter/secrets/venice"))
        venice.endpoint = .usageHistory
        venice.history = .days(14)

        var ci = account("ci", .cheapestinference, nil)
        ci.managementKey = .environment(name: "CI_MANAGEMENT_KEY", value: "mk_0a1b2c3d4e5f")
        ci.keyIDs = ["key_7", "key_9"]
        ci.keys = [
            KeyConfiguration(name: "prod", credential: .environment(name: "CI_PROD_KEY", value: "sk_0a1b2c3d4e5f")),
            KeyConfiguration(name: "stage", credential: .literal("sk_stage_literal_0c1d2e3f")),
            KeyConfiguration(name: "night shift", credential: .file(path: "/run/secrets/night")),
        ]

        var studio = account("studio", .useapi, .literal("user:4711-q1w2e3r4t5y6u7i8"))
        studio.bots = ["google-flow", "midjourney"]
        studio.prices = ["imagen-4": ExactDecimal("0.02") ?? .zero, "free-model": .zero]
        studio.prices["veo-3"] = ExactDecimal("1.25")

        #expect(configuration.accounts == [media, stack, venice, ci, studio])

        var clips = BudgetFilter(account: NamePattern("media"))
        (clips.provider, clips.key, clips.model) = (
            NamePattern("wavespeed"), NamePattern("ci-*"), NamePattern("kling-*")
        )
        var speech = BudgetFilter()
        speech.modality = NamePattern("text-to-audio")
        let half = BudgetThreshold(basisPoints: 5000)
        #expect(
            configuration.budgets == [
                .monthly(ExactDecimal("500.5") ?? .zero, account: "media"),
                Budget(
                    name: "video day", limit: ExactDecimal(50), period: .day, filter: clips,
                    thresholds: [half, BudgetThreshold(basisPoints: 10_000)]),
                Budget(
                    name: "epoch", limit: ExactDecimal(20), unit: "diem",
                    period: .every(days: 14, from: try #require(UTCDay("2026-11-01"))),
                    thresholds: [BudgetThreshold(basisPoints: 3333)]),
                Budget(name: "speech", limit: ExactDecimal(5), period: .week, filter: speech, thresholds: []),
            ])
        let video = Owner(name: "video", costCenter: "4711")
        #expect(
            configuration.owners
                == Owners([
                    Owners.Claim(video, accounts: ["media", "venice"], keys: NamePattern("web")),
                    Owners.Claim(video, accounts: ["media", "venice"], keys: NamePattern("ci-*")),
                    Owners.Claim(Owner(name: "platform", costCenter: "0815"), keys: NamePattern("*")),
                    Owners.Claim(Owner(name: "studio"), accounts: ["studio"]),
                ]))
        #expect(configuration.warnings.isEmpty)
    }

    @Test("Missing keys have the documented defaults")
    func defaults() throws {
        let text = "accounts: [ { name: a, provider: venice, api_key_env: VENICE_API_KEY } ]"
        let configuration = try ConfigurationFixtures.load(Array(text.utf8))
        let global = configuration.global
        #expect(global.syncInterval == .seconds(300))
        #expect(global.timeout == .seconds(30))
        #expect(global.history == .seconds(30 * 86_400))
        #expect(global.ledgerStart == nil)
        #expect(global.zeroFirst == .seconds(90))
        #expect(global.windows == [.today, .yesterday, .monthToDate, .previousMonth])
        #expect(global.seriesLimit == 5000)
        #expect(global.retention == .seconds(400 * 86_400))
        #expect(configuration.snapshot == nil)
        let account = try #require(configuration.accounts.first)
        #expect(account.syncInterval == .seconds(300))
        #expect(!account.isSyncIntervalOwn)
        #expect(account.timeout == .seconds(30))
        #expect(account.history == global.history)
        #expect(account.endpoint == .auto)
        #expect(account.baseURL == nil)
        #expect(account.labels == LabelOptions())
    }

    @Test("Snapshots are daily, and a week of them is kept")
    func snapshotDefaults() throws {
        let text = """
            snapshot: { path: /var/backups/genai }
            accounts: [ { name: a, provider: venice, api_key_env: VENICE_API_KEY } ]
            """
        #expect(
            try ConfigurationFixtures.load(Array(text.utf8)).snapshot
                == SnapshotConfiguration(every: .hours(24), keep: 7, path: "/var/backups/genai"))
    }

    @Test("An account's own history overrides a global ledger_start")
    func historyOverLedgerStart() throws {
        let text = """
            global: { ledger_start: 2026-11-01 }
            accounts:
              - { name: a, provider: venice, api_key_env: VENICE_API_KEY }
              - { name: b, provider: venice, api_key_file: secrets/venice, history: 3d }
            """
        let accounts = try ConfigurationFixtures.load(Array(text.utf8)).accounts
        #expect(accounts.map(\.ledgerStart) == [UTCDay(year: 2026, month: 11, day: 1), nil])
        #expect(accounts[1].history == .days(3))
    }

    @Test("Anchors, aliases and merge keys work, and an account's own keys override merged ones")
    func anchors() throws {
        let text = """
            accounts:
              - &base
                name: a
                provider: venice
                api_key_env: &variable VENICE_API_KEY
                timeout: 7s
                labels: &labels { hash_keys: true }
              - <<: *base
                name: b
                timeout: 8s
              - { name: c, provider: useapi, api_key_env: *variable, labels: *labels, bots: [kling] }
            """
        let accounts = try ConfigurationFixtures.load(Array(text.utf8)).accounts
        #expect(accounts.map(\.name) == ["a", "b", "c"])
        #expect(accounts.map(\.timeout) == [.seconds(7), .seconds(8), .seconds(30)])
        #expect(accounts.allSatisfy { $0.labels.hashKeys })
    }

    @Test("A byte order mark, Windows line ends and a document marker are accepted")
    func windowsText() throws {
        let text = "\u{FEFF}---\r\naccounts:\r\n- name: a\r\n  provider: venice\r\n  api_key_env: VENICE_API_KEY\r\n"
        #expect(try ConfigurationFixtures.load(Array(text.utf8)).accounts.map(\.name) == ["a"])
    }

    @Test(
        "HTTPS and loopback addresses are accepted without allow_insecure",
        arguments: [
            ("https://api.example.com", "https://api.example.com"),
            ("https://[2001:db8::1]:8443/x/", "https://[2001:db8::1]:8443/x"),
            ("http://localhost:8080", "http://localhost:8080"), ("http://127.0.0.1:1/", "http://127.0.0.1:1"),
            ("http://127.8.9.10", "http://127.8.9.10"), ("http://[::1]:99", "http://[::1]:99"),
            ("HTTPS://API.example.com", "HTTPS://API.example.com"),
        ])
    func addresses(written: String, kept: String) throws {
        let text = """
            accounts: [ { name: a, provider: venice, api_key_env: VENICE_API_KEY, base_url: "\(written)" } ]
            """
        #expect(try ConfigurationFixtures.load(Array(text.utf8)).accounts.map(\.baseURL) == [kept])
    }

    @Test(
        "A relative path is relative to the config file's directory",
        arguments: [
            ("config.yml", "secrets/venice"), ("./config.yml", "./secrets/venice"),
            ("/etc/x/config.yml", "/etc/x/secrets/venice"), ("/config.yml", "/secrets/venice"),
        ])
    func relativePaths(configFile: String, secretFile: String) throws {
        let text = "accounts: [ { name: a, provider: venice, api_key_file: secrets/venice } ]"
        let files = MemoryFiles([configFile: text, secretFile: "vf-0a1b2c3d4e5f"])
        let configuration = try ExporterConfiguration.load(
            path: configFile, environment: [:], today: ConfigurationFixtures.today, files: files)
        #expect(configuration.accounts.map(\.credential) == [.file(path: secretFile)])
    }

    @Test("A literal key in a file that others can read is a warning with its location")
    func readableLiteral() throws {
        let warnings = try ConfigurationFixtures.load(
            try ConfigurationFixtures.text("everything.yml"), readableByOthers: ["/etc/exporter/config.yml"]
        ).warnings
        #expect(warnings.map(\.path) == ["accounts[3].keys[1].api_key", "accounts[4].api_key"])
        #expect(warnings.allSatisfy { $0.message.contains("chmod 600") && $0.line != nil })
    }

    @Test("A file without a literal key may be read by others")
    func readableWithoutLiteral() throws {
        let text = "accounts: [ { name: a, provider: venice, api_key_env: VENICE_API_KEY } ]"
        let configuration = try ConfigurationFixtures.load(
            Array(text.utf8), readableByOthers: ["/etc/exporter/config.yml"])
        #expect(configuration.warnings.isEmpty)
    }

    @Test("The same key under two names is a warning, because sums would count its usage twice")
    func sharedKey() throws {
        let text = """
            accounts:
              - { name: a, provider: venice, api_key_file: /etc/exporter/secrets/venice }
              - { name: b, provider: venice, api_key: vf-0a1b2c3d4e5f }
              - { name: c, provider: wavespeed, api_key: vf-0a1b2c3d4e5f }
              - name: d
                provider: cheapestinference
                keys:
                  - { name: one, api_key_env: CI_PROD_KEY }
                  - { name: two, api_key: sk_0a1b2c3d4e5f }
            """
        let warnings = try ConfigurationFixtures.load(Array(text.utf8)).warnings
        #expect(warnings.map { $0.line } == [3, 5])
        #expect(warnings.first?.message.contains("the same key as account \"a\"") == true)
        #expect(warnings.last?.message.contains("key \"two\"") == true)
        #expect(warnings.last?.message.contains("the same key as key \"one\"") == true)
    }

    @Test(
        "A key with quotation marks or a name is a warning with its location, and is not repeated",
        arguments: [
            ("\"sk-1234567890ab\"", "quotation marks"), ("'sk-1234567890ab'", "quotation marks"),
            ("VENICE_API_KEY=sk-1234567890ab", "NAME=key"), ("venice_key=sk-1234567890ab", "NAME=key"),
            ("sk-1234567890ab==", nil), ("SK_KEY==", nil), ("a=1234567890ab", nil),
        ])
    func doubtfulKey(content: String, doubt: String?) throws {
        let files = MemoryFiles([
            "/etc/exporter/config.yml": "accounts: [{ name: a, provider: venice, api_key_file: key }]",
            "/etc/exporter/key": content + "\n",
        ])
        let warnings = try ExporterConfiguration.load(
            path: "/etc/exporter/config.yml", environment: [:], today: ConfigurationFixtures.today, files: files
        ).warnings
        #expect(warnings.map(\.path) == (doubt == nil ? [] : ["accounts[0].api_key_file"]))
        #expect(warnings.allSatisfy { $0.message.contains(doubt ?? "") && !$0.message.contains("1234567890ab") })
    }

    @Test(
        "A key of a kind that the API refuses is a warning, and is not repeated",
        arguments: [
            ("openai", "sk-proj-0a1b2c3d4e5f", true), ("openai", "sk-admin-0a1b2c3d4e5f", false),
            ("openai", "sk-svcacct-0a1b2c3d4e5f", true), ("anthropic", "sk-ant-oat01-0a1b2c3d4e5f", true),
            ("anthropic", "sk-ant-api03-0a1b2c3d4e5f", true), ("anthropic", "sk-ant-admin01-0a1b2c3d4e5f", false),
        ])
    func otherKindOfKey(provider: String, key: String, isWarned: Bool) throws {
        for (name, value) in [("api_key", key), ("api_key_env", "KEY")] {
            let text = "accounts: [{ name: a, provider: \(provider), \(name): \(value) }]"
            let warnings = try ExporterConfiguration.load(
                path: "/etc/exporter/config.yml", environment: ["KEY": key], today: ConfigurationFixtures.today,
                files: MemoryFiles(["/etc/exporter/config.yml": text])
            ).warnings
            #expect(warnings.map(\.path) == (isWarned ? ["accounts[0].\(name)"] : []))
            #expect(warnings.allSatisfy { $0.message.contains("an admin key") && !$0.message.contains("0a1b2c3d4e5f") })
        }
    }

    @Test("keys of accounts whose cost is not reported by key are a warning, one for each entry of owners")
    func keysWithoutCost() throws {
        func warnings(_ settings: String, _ owner: String) throws -> [ConfigurationProblem] {
            let text = """
                accounts: [{ name: media, api_key: vf-0a1b2c3d4e5f, \(settings) }]
                owners: [{ name: web-team, \(owner) }]
                """
            return try ConfigurationFixtures.load(Array(text.utf8)).warnings
        }
        let found = try warnings("provider: wavespeed", "accounts: [media], keys: [web]")
        #expect(found.map(\.line) == [2])
        #expect(found.first?.message.hasPrefix("no cost counts for these keys in account media") == true)
        #expect(try warnings("provider: wavespeed", "keys: [web, batch]").map(\.path) == ["owners[0].keys[0]"])
        #expect(try warnings("provider: wavespeed", "accounts: [media]").isEmpty)
        #expect(try warnings("provider: wavespeed, cost_by_key: true", "accounts: [media], keys: [web]").isEmpty)
        #expect(try warnings("provider: venice", "accounts: [media], keys: [web]").isEmpty)
    }

    @Test("a budget of something that no selected account reports is a warning")
    func budgetOfNothing() throws {
        func warnings(_ options: String, _ filter: String, _ owners: String = "") throws -> [ConfigurationProblem] {
            let text = """
                \(owners)
                accounts:
                  - { name: a, api_key_file: /etc/exporter/secrets/venice, \(options) }
                budgets:
                  - { name: b, usd: 5, period: day, where: { \(filter) } }
                """
            return try ConfigurationFixtures.load(Array(text.utf8)).warnings
        }
        let noKeys = try warnings("provider: wavespeed", "key: web")
        #expect(noKeys.map(\.path) == ["budgets[0].where.key"])
        #expect(noKeys.first?.message.contains("no account that it selects (a) reports cost by key") == true)
        #expect(try warnings("provider: wavespeed, cost_by_key: true", "key: web").isEmpty)
        #expect(try warnings("provider: wavespeed", "modality: video").isEmpty)
        let noKeysOfOwner = try warnings("provider: wavespeed", "owner: o", "owners: [{ name: o, keys: [web] }]")
        #expect(noKeysOfOwner.map(\.path).contains("budgets[0].where.owner"))
        #expect(try warnings("provider: wavespeed", "owner: o", "owners: [{ name: o, accounts: [a] }]").isEmpty)
        let noCost = try warnings("provider: useapi, bots: [google-flow]", "account: a")
        #expect(noCost.map(\.path) == ["budgets[0]"])
        #expect(noCost.first?.message.contains("reports cost;") == true)
        #expect(try warnings("provider: useapi, bots: [google-flow], prices: { imagen-4: 1 }", "key: web").isEmpty)
        let noModality = try warnings(
            "provider: useapi, bots: [google-flow], prices: { imagen-4: 1 }", "modality: video")
        #expect(noModality.map(\.path) == ["budgets[0].where.modality"])
    }

    @Test("two accounts of one provider whose figures are an organization's are a warning")
    func sharedOrganization() throws {
        let text = """
            accounts:
              - { name: a, provider: wavespeed, api_key: vf-0a1b2c3d4e5f }
              - { name: b, provider: venice, api_key: vf-1a1b2c3d4e5f }
              - { name: c, provider: venice, api_key: vf-2a1b2c3d4e5f }
              - { name: d, provider: wavespeed, api_key: vf-3a1b2c3d4e5f, base_url: "https://other.example" }
              - { name: e, provider: wavespeed, api_key: vf-4a1b2c3d4e5f }
            """
        let warnings = try ConfigurationFixtures.load(Array(text.utf8)).warnings
        #expect(warnings.map { $0.line } == [6])
        #expect(warnings.first?.message.contains("accounts \"a\" and \"e\"") == true)
    }
}
