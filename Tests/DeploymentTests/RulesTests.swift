import ExporterCore
import Foundation
import TestSupport
import Testing
import Yams

/// Checks the rules, their unit tests and the Alertmanager's routes with Prometheus' own tools.
@Suite struct RulesTests {
    private static let rules = "deploy/prometheus/rules"
    private static let tests = "deploy/prometheus/tests"
    private static let alertmanager = "deploy/alertmanager/alertmanager.yml"

    /// A rule file, with Prometheus' keys.
    private struct RuleFile: Decodable, Equatable {
        struct Group: Decodable, Equatable {
            let name: String
            let interval: String?
            let rules: [Rule]
        }

        struct Rule: Decodable, Equatable {
            let record: String?
            let alert: String?
            let expr: String
            let waits: String?
            let keepsFiring: String?
            let labels: [String: String]?
            let annotations: [String: String]?

            enum CodingKeys: String, CodingKey {
                case record, alert, expr, labels, annotations
                case waits = "for"
                case keepsFiring = "keep_firing_for"
            }
        }

        let groups: [Group]
    }

    private static func ruleFiles() throws -> [RuleFile] {
        try Repository.files(in: rules, endingIn: ".yml").map {
            try YAMLDecoder().decode(RuleFile.self, from: Repository.text($0))
        }
    }

    private static func alerts() throws -> [RuleFile.Rule] {
        try ruleFiles().flatMap(\.groups).flatMap(\.rules).filter { $0.alert != nil }
    }

    private func expectGood(_ outcome: (status: Int32, output: String)) {
        #expect(outcome.status == 0, "\(outcome.output)")
    }

    @Test("rules and config pass promtool")
    func promtool() throws {
        let promtool = try Tool.promtool()
        let files = try Repository.files(in: Self.rules, endingIn: ".yml").map { "\(Repository.path)/\($0)" }
        #expect(files.count >= 6)
        expectGood(try promtool.run(["check", "rules", "--lint=all", "--lint-fatal"] + files))
        let config = "\(Repository.path)/deploy/prometheus/prometheus.yml"
        expectGood(try promtool.run(["check", "config", "--lint=all", "--lint-fatal", config]))
    }

    @Test(
        "rules pass their unit tests",
        .timeLimit(.minutes(10)), arguments: try Repository.files(in: tests, endingIn: ".yml"))
    func unitTests(file: String) async throws {
        let path = "\(Repository.path)/\(file)"
        expectGood(try await aside { try Tool.promtool().run(["test", "rules", path]) })
    }

    @Test("the Alertmanager accepts the config and routes each alert as expected")
    func routes() throws {
        let amtool = try Tool(named: "amtool", installation: "apt-get install prometheus-alertmanager")
        let config = "\(Repository.path)/\(Self.alertmanager)"
        expectGood(try amtool.run(["check-config", config]))
        var routed: Set<String> = []
        for line in try Repository.text("deploy/alertmanager/routes.test").split(separator: "\n") {
            let parts = line.components(separatedBy: " -> ")
            let labels = try #require(parts.first).split(separator: " ").map(String.init)
            let receiver = try #require(parts.count == 2 ? parts.last : nil)
            expectGood(
                try amtool.run(
                    ["config", "routes", "test", "--config.file=\(config)", "--verify.receivers=\(receiver)"] + labels))
            for label in labels where label.hasPrefix("alertname=") { routed.insert(String(label.dropFirst(10))) }
        }
        #expect(try Set(Self.alerts().compactMap(\.alert)).subtracting(routed).isEmpty)
    }

    @Test("An alert of one source inhibits only alerts of the same source")
    func inhibitionsCarryTheSource() throws {
        struct Configuration: Decodable {
            struct Inhibition: Decodable {
                let source_matchers: [String]
                let target_matchers: [String]
                let equal: [String]?
            }

            let inhibit_rules: [Inhibition]
        }
        let bySource = try Self.alerts().filter { $0.expr.contains("by (provider, account, source)") }
            .compactMap(\.alert)
        #expect(bySource.contains("GenAISyncStale") && bySource.contains("GenAIDataStopped"))
        func names(_ matchers: [String]) -> [Substring] {
            matchers.flatMap { $0.split { !$0.isLetter } }
        }
        let configuration = try YAMLDecoder().decode(Configuration.self, from: Repository.text(Self.alertmanager))
        for rule in configuration.inhibit_rules
        where names(rule.source_matchers).contains(where: { bySource.contains(String($0)) })
            && names(rule.target_matchers).contains(where: { bySource.contains(String($0)) })
        {
            #expect(rule.equal?.contains("source") == true, "\(rule)")
        }
    }

    @Test("every alert is documented and tested")
    func alertDocumentation() throws {
        let readme = try Repository.text("deploy/prometheus/README.md").lowercased()
        let tests = try Repository.files(in: Self.tests, endingIn: ".yml").map(Repository.text).joined()
        for alert in try Self.alerts() {
            let name = try #require(alert.alert)
            #expect(name.hasPrefix("GenAI"))
            #expect(["critical", "warning", "info"].contains(alert.labels?["severity"] ?? ""), "\(name)")
            let annotations = alert.annotations ?? [:]
            #expect(annotations["summary"]?.contains("{{") == false, "\(name): the summary is static")
            #expect(annotations["description"]?.isEmpty == false, "\(name)")
            let runbook = try #require(annotations["runbook_url"], "\(name)")
            #expect(runbook.contains("/tree/main/deploy/prometheus#"), "\(name)")
            let anchor = try #require(runbook.split(separator: "#").last, "\(name)")
            #expect(anchor == name.lowercased())
            #expect(readme.contains("<a id=\"\(anchor)\"></a>"), "the rules' README has no anchor for \(name)")
            let dashboard = try #require(
                annotations["dashboard"]?
                    .firstMatch(of: /^{{ \$externalLabels.dashboard_url }}\/d\/([a-z-]+)/), "\(name)")
            let file = "\(Repository.path)/grafana/dashboards/\(dashboard.1).json"
            #expect(FileManager.default.fileExists(atPath: file), "\(name): no dashboard \(dashboard.1)")
            let fires = "alertname: \(name)\n"
            #expect(
                tests.components(separatedBy: fires).count > 2, "\(name) needs a test that fires and one that does not")
        }
    }

    @Test("the Prometheus Operator's rules are the same")
    func operatorRules() throws {
        struct Resource: Decodable {
            let spec: RuleFile
        }
        let resource = try YAMLDecoder().decode(
            Resource.self, from: Repository.text("deploy/kubernetes/monitoring/prometheusrule.yaml"))
        #expect(try resource.spec.groups == Self.ruleFiles().flatMap(\.groups))
    }

    @Test("rules use only families of the catalogue, and what rules record")
    func families() throws {
        var served = Set(MetricCatalogue.standard.families.map(\.name))
        for family in MetricCatalogue.standard.families where family.type == .histogram {
            for suffix in ["_bucket", "_sum", "_count"] { served.insert(family.name + suffix) }
        }
        let rules = try Self.ruleFiles().flatMap(\.groups).flatMap(\.rules)
        served.formUnion(rules.compactMap(\.record))
        for rule in rules {
            // A recorded name has colons; the parts between them belong to it.
            for name in rule.expr.matches(of: /[A-Za-z_:][A-Za-z0-9_:]*/).map({ String($0.0) })
            where name.hasPrefix("genai_") {
                #expect(served.contains(name), "\(rule.alert ?? rule.record ?? ""): \(name)")
            }
            // Annotations contain queries too. A name that ends with an underscore is the beginning of a format.
            for text in (rule.annotations ?? [:]).values {
                for name in text.matches(of: /[A-Za-z_:][A-Za-z0-9_:]*/).map({ String($0.0) })
                where name.hasPrefix("genai_") && !name.contains(":") {
                    let isServed = name.hasSuffix("_") ? served.contains { $0.hasPrefix(name) } : served.contains(name)
                    #expect(isServed, "\(rule.alert ?? ""): \(name)")
                }
            }
        }
    }
}
